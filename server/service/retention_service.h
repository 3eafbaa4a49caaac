// RetentionService: adapter of its queries: what happened, what it is worth and what comes next.
#pragma once

#include "keyledger/ledger/v1/retention_service.grpc.pb.h"
#include "server/service/service_context.h"

namespace keyledger::service {

// Threads: thread-safe.
class RetentionServiceImpl final : public ledger::v1::RetentionService::CallbackService {
 public:
  explicit RetentionServiceImpl(const ServiceContext& context) : context_(context) {}
  grpc::ServerUnaryReactor* GetRetention(grpc::CallbackServerContext* call,
                                         const ledger::v1::GetRetentionRequest* request,
                                         ledger::v1::GetRetentionResponse* response) override;
  grpc::ServerUnaryReactor* GetCohorts(grpc::CallbackServerContext* call, const ledger::v1::GetCohortsRequest* request,
                                       ledger::v1::GetCohortsResponse* response) override;
  // In retention_rfm.cc.
  grpc::ServerUnaryReactor* GetRfm(grpc::CallbackServerContext* call, const ledger::v1::GetRfmRequest* request,
                                   ledger::v1::GetRfmResponse* response) override;
  // In retention_survival.cc.
  grpc::ServerUnaryReactor* GetSurvival(grpc::CallbackServerContext* call,
                                        const ledger::v1::GetSurvivalRequest* request,
                                        ledger::v1::GetSurvivalResponse* response) override;
  grpc::ServerUnaryReactor* GetTenure(grpc::CallbackServerContext* call, const ledger::v1::GetTenureRequest* request,
                                      ledger::v1::GetTenureResponse* response) override;
  // In retention_migration.cc.
  grpc::ServerUnaryReactor* GetMigration(grpc::CallbackServerContext* call,
                                         const ledger::v1::GetMigrationRequest* request,
                                         ledger::v1::GetMigrationResponse* response) override;
  // In retention_forecast.cc.
  grpc::ServerUnaryReactor* GetForecast(grpc::CallbackServerContext* call,
                                        const ledger::v1::GetForecastRequest* request,
                                        ledger::v1::GetForecastResponse* response) override;
  grpc::ServerUnaryReactor* RecordForecast(grpc::CallbackServerContext* call,
                                           const ledger::v1::RecordForecastRequest* request,
                                           ledger::v1::RecordForecastResponse* response) override;
  grpc::ServerUnaryReactor* ListForecasts(grpc::CallbackServerContext* call,
                                          const ledger::v1::ListForecastsRequest* request,
                                          ledger::v1::ListForecastsResponse* response) override;
  grpc::ServerUnaryReactor* ScoreForecast(grpc::CallbackServerContext* call,
                                          const ledger::v1::ScoreForecastRequest* request,
                                          ledger::v1::ScoreForecastResponse* response) override;
  // In retention_risk.cc.
  grpc::ServerUnaryReactor* ListAtRisk(grpc::CallbackServerContext* call, const ledger::v1::ListAtRiskRequest* request,
                                       ledger::v1::ListAtRiskResponse* response) override;
  // In retention_contracts.cc.
  grpc::ServerUnaryReactor* GetContractRetention(grpc::CallbackServerContext* call,
                                                 const ledger::v1::GetContractRetentionRequest* request,
                                                 ledger::v1::GetContractRetentionResponse* response) override;
  grpc::ServerUnaryReactor* GetLossEffect(grpc::CallbackServerContext* call,
                                          const ledger::v1::GetLossEffectRequest* request,
                                          ledger::v1::GetLossEffectResponse* response) override;

 private:
  const ServiceContext context_;
};

}  // namespace keyledger::service
