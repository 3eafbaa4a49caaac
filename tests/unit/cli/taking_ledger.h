// TakingLedger: takes every append of a command line and keeps the last, or refuses it as told.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "keyledger/events/v1/record.pb.h"
#include "keyledger/ledger/v1/ledger_service.grpc.pb.h"

namespace keyledger::cli {

// Threads: thread-compatible; one line at a time.
class TakingLedger final : public ::keyledger::ledger::v1::LedgerService::Service {
 public:
  TakingLedger();
  ~TakingLedger() override;

  // The events that the line appends to the account that is its third word, on one line each, separated by blanks;
  // "exit N" otherwise.
  std::string Event(std::vector<std::string> line);
  // What the last line wrote to stderr.
  const std::string& err() const { return err_; }
  const std::string& out() const { return out_; }

  // Gives the record out to who reads an account from its revision. It follows what is appended.
  void Hold(::keyledger::events::v1::EventRecord record);
  // Refuses the next append as FAILED_PRECONDITION.
  void Refuse(std::string reason, std::vector<std::pair<std::string, std::string>> metadata);

  grpc::Status Append(grpc::ServerContext* context, const ::keyledger::ledger::v1::AppendRequest* request,
                      ::keyledger::ledger::v1::AppendResponse* response) override;
  grpc::Status ReadAccount(grpc::ServerContext* context, const ::keyledger::ledger::v1::ReadAccountRequest* request,
                           grpc::ServerWriter<::keyledger::ledger::v1::ReadAccountResponse>* writer) override;

 private:
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
  ::keyledger::ledger::v1::AppendRequest taken_;
  ::keyledger::events::v1::EventRecord held_;
  std::string refusal_;
  std::vector<std::pair<std::string, std::string>> metadata_;
  std::string out_;
  std::string err_;
};

}  // namespace keyledger::cli
