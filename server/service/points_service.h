// PointsService: adapter of its queries: balances, lots, statements, liability and transfers.
#pragma once

#include "keyledger/ledger/v1/points_service.grpc.pb.h"
#include "server/service/service_context.h"

namespace keyledger::service {

// Threads: thread-safe.
class PointsServiceImpl final : public ledger::v1::PointsService::CallbackService {
 public:
  explicit PointsServiceImpl(const ServiceContext& context) : context_(context) {}
  grpc::ServerUnaryReactor* GetBalance(grpc::CallbackServerContext* call, const ledger::v1::GetBalanceRequest* request,
                                       ledger::v1::GetBalanceResponse* response) override;
  grpc::ServerUnaryReactor* ListLots(grpc::CallbackServerContext* call, const ledger::v1::ListLotsRequest* request,
                                     ledger::v1::ListLotsResponse* response) override;
  grpc::ServerUnaryReactor* ListStatement(grpc::CallbackServerContext* call,
                                          const ledger::v1::ListStatementRequest* request,
                                          ledger::v1::ListStatementResponse* response) override;
  grpc::ServerUnaryReactor* GetExpirySchedule(grpc::CallbackServerContext* call,
                                              const ledger::v1::GetExpiryScheduleRequest* request,
                                              ledger::v1::GetExpiryScheduleResponse* response) override;
  grpc::ServerUnaryReactor* GetLiability(grpc::CallbackServerContext* call,
                                         const ledger::v1::GetLiabilityRequest* request,
                                         ledger::v1::GetLiabilityResponse* response) override;
  grpc::ServerUnaryReactor* GetTransfer(grpc::CallbackServerContext* call,
                                        const ledger::v1::GetTransferRequest* request,
                                        ledger::v1::GetTransferResponse* response) override;

 private:
  const ServiceContext context_;
};

}  // namespace keyledger::service
