// FakePopulation: RetentionService and PortfolioService in the test's own process, which answer what the test says and
// keep what they were asked.
#pragma once

#include <algorithm>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <google/protobuf/util/json_util.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "keyledger/ledger/v1/portfolio_service.grpc.pb.h"
#include "keyledger/ledger/v1/retention_service.grpc.pb.h"

namespace keyledger::cli {

// The message that the JSON says.
template <class Message>
Message MessageOf(const std::string& json) {
  Message message;
  const auto status = google::protobuf::util::JsonStringToMessage(json, &message);
  EXPECT_TRUE(status.ok()) << status.ToString();
  return message;
}

// One method. Set `answers` or `failure` before the first call.
template <class Request, class Response>
class FakeMethod {
 public:
  // One a call; the last one again for further calls. None: an empty message.
  std::vector<Response> answers;
  // Fails the calls from `failing_from` on, if it is not ok.
  grpc::Status failure;
  size_t failing_from = 0;

  // The answer that the JSON says, behind those there are.
  void Answer(const std::string& json) { answers.push_back(MessageOf<Response>(json)); }

  grpc::Status Serve(const Request& request, Response& response) {
    const std::lock_guard<std::mutex> lock(mutex_);
    asked_.push_back(request);
    if (!failure.ok() && asked_.size() > failing_from) {
      return failure;
    }
    if (!answers.empty()) {
      response = answers[std::min(asked_.size(), answers.size()) - 1];
    }
    return grpc::Status::OK;
  }

  std::vector<Request> asked() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return asked_;
  }
  // The only request so far, or the last, on one line.
  std::string last() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return asked_.empty() ? "not asked" : asked_.back().ShortDebugString();
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Request> asked_;
};

#define KL_FAKE_METHOD(Name)                                                        \
  FakeMethod<ledger::v1::Name##Request, ledger::v1::Name##Response> Name##Answers;  \
  grpc::Status Name(grpc::ServerContext*, const ledger::v1::Name##Request* request, \
                    ledger::v1::Name##Response* response) override {                \
    return Name##Answers.Serve(*request, *response);                                \
  }

class FakePopulation {
 public:
  struct Retention final : ledger::v1::RetentionService::Service {
    KL_FAKE_METHOD(GetRetention)
    KL_FAKE_METHOD(GetCohorts)
    KL_FAKE_METHOD(GetSurvival)
    KL_FAKE_METHOD(GetTenure)
    KL_FAKE_METHOD(GetMigration)
    KL_FAKE_METHOD(GetRfm)
    KL_FAKE_METHOD(GetForecast)
    KL_FAKE_METHOD(RecordForecast)
    KL_FAKE_METHOD(ListForecasts)
    KL_FAKE_METHOD(ScoreForecast)
    KL_FAKE_METHOD(GetContractRetention)
    KL_FAKE_METHOD(ListAtRisk)
    KL_FAKE_METHOD(GetLossEffect)
  };
  struct Portfolio final : ledger::v1::PortfolioService::Service {
    KL_FAKE_METHOD(GetConcentration)
    KL_FAKE_METHOD(GetClasses)
    KL_FAKE_METHOD(ListProfitability)
    KL_FAKE_METHOD(ListWalletShares)
    KL_FAKE_METHOD(GetSatisfaction)
    KL_FAKE_METHOD(GetAcquisition)
    KL_FAKE_METHOD(GetMembership)
    KL_FAKE_METHOD(GetReferralTree)
    KL_FAKE_METHOD(GetRankMigration)
    KL_FAKE_METHOD(ListGroups)
  };

  FakePopulation() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(&retention);
    builder.RegisterService(&portfolio);
    server_ = builder.BuildAndStart();
  }
  ~FakePopulation() { server_->Shutdown(); }

  // HOST:PORT.
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  Retention retention;
  Portfolio portfolio;

 private:
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

#undef KL_FAKE_METHOD

}  // namespace keyledger::cli
