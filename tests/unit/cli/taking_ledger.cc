#include "tests/unit/cli/taking_ledger.h"

#include <sstream>

#include <gtest/gtest.h>

#include "client/cli/app.h"
#include "client/cli/command.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace keyledger::cli {

TakingLedger::TakingLedger() {
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
  builder.RegisterService(this);
  server_ = builder.BuildAndStart();
}

TakingLedger::~TakingLedger() { server_->Shutdown(); }

void TakingLedger::Hold(ev::EventRecord record) { held_ = std::move(record); }

void TakingLedger::Refuse(std::string reason, std::vector<std::pair<std::string, std::string>> metadata) {
  refusal_ = std::move(reason);
  metadata_ = std::move(metadata);
}

grpc::Status TakingLedger::Append(grpc::ServerContext* /*context*/, const v1::AppendRequest* request,
                                  v1::AppendResponse* response) {
  if (refusal_.empty()) {
    taken_ = *request;
    if (held_.revision() > 0) response->add_events()->set_revision(held_.revision() - 1);
    return grpc::Status::OK;
  }
  google::rpc::ErrorInfo info;
  info.set_reason(std::exchange(refusal_, ""));
  info.set_domain("keyledger");
  for (const auto& [key, value] : metadata_) {
    (*info.mutable_metadata())[key] = value;
  }
  google::rpc::Status status;
  status.set_code(grpc::StatusCode::FAILED_PRECONDITION);
  status.set_message("refused");
  status.add_details()->PackFrom(info);
  return {grpc::StatusCode::FAILED_PRECONDITION, "refused", status.SerializeAsString()};
}

grpc::Status TakingLedger::ReadAccount(grpc::ServerContext* /*context*/, const v1::ReadAccountRequest* request,
                                       grpc::ServerWriter<v1::ReadAccountResponse>* writer) {
  EXPECT_EQ(request->limit(), 1u);
  if (request->from_revision() == held_.revision()) {
    v1::ReadAccountResponse frame;
    frame.add_records(held_.SerializeAsString());
    writer->Write(frame);
  }
  return grpc::Status::OK;
}

std::string TakingLedger::Event(std::vector<std::string> line) {
  taken_.Clear();
  const std::string account = line.at(2);
  line.insert(line.begin(), {"--server", "127.0.0.1:" + std::to_string(port_), "--timeout", "10"});
  std::istringstream in;
  std::ostringstream out;
  std::ostringstream err;
  const int code = Run(line, Environment{in, out, err});
  out_ = out.str();
  err_ = err.str();
  if (code != kExitOk) {
    return "exit " + std::to_string(code);
  }
  EXPECT_EQ(taken_.account_id(), account);
  std::string text;
  for (const v1::SubmittedEvent& submitted : taken_.events()) {
    text += (text.empty() ? "" : " ") + submitted.event().ShortDebugString();
  }
  return text;
}

}  // namespace keyledger::cli
