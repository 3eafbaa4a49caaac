// LedgerService: adapter of the log's API.
#pragma once

#include "keyledger/ledger/v1/ledger_service.grpc.pb.h"
#include "server/service/service_context.h"

namespace keyledger::service {

// Threads: thread-safe.
class LedgerServiceImpl final : public ledger::v1::LedgerService::CallbackService {
 public:
  explicit LedgerServiceImpl(const ServiceContext& context) : context_(context) {}

  grpc::ServerUnaryReactor* Append(grpc::CallbackServerContext* call, const ledger::v1::AppendRequest* request,
                                   ledger::v1::AppendResponse* response) override;
  grpc::ServerBidiReactor<ledger::v1::AppendStreamRequest, ledger::v1::AppendStreamResponse>* AppendStream(
      grpc::CallbackServerContext* call) override;
  grpc::ServerWriteReactor<ledger::v1::ReadAccountResponse>* ReadAccount(
      grpc::CallbackServerContext* call, const ledger::v1::ReadAccountRequest* request) override;
  grpc::ServerWriteReactor<ledger::v1::ReadLogResponse>* ReadLog(grpc::CallbackServerContext* call,
                                                                 const ledger::v1::ReadLogRequest* request) override;
  grpc::ServerWriteReactor<ledger::v1::SubscribeResponse>* Subscribe(
      grpc::CallbackServerContext* call, const ledger::v1::SubscribeRequest* request) override;
  grpc::ServerUnaryReactor* GetRecord(grpc::CallbackServerContext* call, const ledger::v1::GetRecordRequest* request,
                                      ledger::v1::GetRecordResponse* response) override;

 private:
  const ServiceContext context_;
};

// The cursor for the place after position next - 1 of one shard, and at the head elsewhere.
std::string CursorAfter(const shard::Ledger& log, uint32_t shard, uint64_t next);

}  // namespace keyledger::service
