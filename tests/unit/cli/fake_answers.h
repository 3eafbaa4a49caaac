// FakeAnswers: the read services of a ledger in the test's own process, which answer what the test says.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "keyledger/ledger/v1/account_service.grpc.pb.h"
#include "keyledger/ledger/v1/points_service.grpc.pb.h"
#include "keyledger/ledger/v1/program_service.grpc.pb.h"
#include "keyledger/ledger/v1/tier_service.grpc.pb.h"

namespace keyledger::cli {

// Threads: set the answers before the first call; then thread-safe.
class FakeAnswers {
 public:
  FakeAnswers() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    for (grpc::Service* service : std::vector<grpc::Service*>{&accounts, &points, &tiers, &programs}) {
      builder.RegisterService(service);
    }
    server_ = builder.BuildAndStart();
  }
  ~FakeAnswers() { server_->Shutdown(); }

  // HOST:PORT.
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  struct Accounts final : ledger::v1::AccountService::Service {
    grpc::Status ExplainAccount(grpc::ServerContext*, const ledger::v1::ExplainAccountRequest*,
                                ledger::v1::ExplainAccountResponse* response) override {
      *response = explained;
      return grpc::Status::OK;
    }
    ledger::v1::ExplainAccountResponse explained;
  };

  struct Points final : ledger::v1::PointsService::Service {
    grpc::Status GetLiability(grpc::ServerContext*, const ledger::v1::GetLiabilityRequest*,
                              ledger::v1::GetLiabilityResponse* response) override {
      *response = liability;
      return grpc::Status::OK;
    }
    ledger::v1::GetLiabilityResponse liability;
  };

  struct Tiers final : ledger::v1::TierService::Service {
    grpc::Status ExplainStanding(grpc::ServerContext*, const ledger::v1::ExplainStandingRequest*,
                                 ledger::v1::ExplainStandingResponse* response) override {
      *response = explained;
      return grpc::Status::OK;
    }
    grpc::Status GetReview(grpc::ServerContext*, const ledger::v1::GetReviewRequest*,
                           ledger::v1::GetReviewResponse* response) override {
      *response = review;
      return grpc::Status::OK;
    }
    ledger::v1::ExplainStandingResponse explained;
    ledger::v1::GetReviewResponse review;
  };

  struct Programs final : ledger::v1::ProgramService::Service {
    grpc::Status Simulate(grpc::ServerContext*, const ledger::v1::SimulateRequest*,
                          grpc::ServerWriter<ledger::v1::SimulateResponse>* writer) override {
      for (const ledger::v1::SimulateResponse& frame : simulated) writer->Write(frame);
      return grpc::Status::OK;
    }
    std::vector<ledger::v1::SimulateResponse> simulated;
  };

  Accounts accounts;
  Points points;
  Tiers tiers;
  Programs programs;

 private:
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace keyledger::cli
