// AccountService, PointsService, TierService, RetentionService: adapters of the read side.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "keyledger/ledger/v1/account_service.grpc.pb.h"
#include "keyledger/ledger/v1/audit_service.pb.h"
#include "keyledger/ledger/v1/points_service.grpc.pb.h"
#include "keyledger/ledger/v1/retention_service.grpc.pb.h"
#include "keyledger/ledger/v1/tier_service.grpc.pb.h"
#include "server/base/calendar.h"
#include "server/service/service_context.h"

namespace keyledger::service {

// Threads: thread-safe, as are the others.
class AccountServiceImpl final : public ledger::v1::AccountService::CallbackService {
 public:
  explicit AccountServiceImpl(const ServiceContext& context) : context_(context) {}
  grpc::ServerUnaryReactor* GetAccount(grpc::CallbackServerContext* call, const ledger::v1::GetAccountRequest* request,
                                       ledger::v1::GetAccountResponse* response) override;
  grpc::ServerUnaryReactor* BatchGetAccounts(grpc::CallbackServerContext* call,
                                             const ledger::v1::BatchGetAccountsRequest* request,
                                             ledger::v1::BatchGetAccountsResponse* response) override;
  grpc::ServerUnaryReactor* ListAccounts(grpc::CallbackServerContext* call,
                                         const ledger::v1::ListAccountsRequest* request,
                                         ledger::v1::ListAccountsResponse* response) override;
  grpc::ServerUnaryReactor* ExplainAccount(grpc::CallbackServerContext* call,
                                           const ledger::v1::ExplainAccountRequest* request,
                                           ledger::v1::ExplainAccountResponse* response) override;
  // In contacts.cc.
  grpc::ServerUnaryReactor* ListContacts(grpc::CallbackServerContext* call,
                                         const ledger::v1::ListContactsRequest* request,
                                         ledger::v1::ListContactsResponse* response) override;

 private:
  const ServiceContext context_;
};

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

class TierServiceImpl final : public ledger::v1::TierService::CallbackService {
 public:
  explicit TierServiceImpl(const ServiceContext& context) : context_(context) {}
  grpc::ServerUnaryReactor* GetStanding(grpc::CallbackServerContext* call,
                                        const ledger::v1::GetStandingRequest* request,
                                        ledger::v1::GetStandingResponse* response) override;
  grpc::ServerUnaryReactor* ListHistory(grpc::CallbackServerContext* call,
                                        const ledger::v1::ListHistoryRequest* request,
                                        ledger::v1::ListHistoryResponse* response) override;
  grpc::ServerUnaryReactor* ListStageHistory(grpc::CallbackServerContext* call,
                                             const ledger::v1::ListStageHistoryRequest* request,
                                             ledger::v1::ListStageHistoryResponse* response) override;
  grpc::ServerUnaryReactor* GetDistribution(grpc::CallbackServerContext* call,
                                            const ledger::v1::GetDistributionRequest* request,
                                            ledger::v1::GetDistributionResponse* response) override;
  // In explain_standing.cc.
  grpc::ServerUnaryReactor* ExplainStanding(grpc::CallbackServerContext* call,
                                            const ledger::v1::ExplainStandingRequest* request,
                                            ledger::v1::ExplainStandingResponse* response) override;
  // In review_service.cc.
  grpc::ServerUnaryReactor* StartReview(grpc::CallbackServerContext* call,
                                        const ledger::v1::StartReviewRequest* request,
                                        ledger::v1::StartReviewResponse* response) override;
  grpc::ServerUnaryReactor* GetReview(grpc::CallbackServerContext* call, const ledger::v1::GetReviewRequest* request,
                                      ledger::v1::GetReviewResponse* response) override;
  grpc::ServerUnaryReactor* ListReviews(grpc::CallbackServerContext* call,
                                        const ledger::v1::ListReviewsRequest* request,
                                        ledger::v1::ListReviewsResponse* response) override;

 private:
  const ServiceContext context_;
};

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

// The readers as the queries take them.
inline std::vector<const store::TableReader*> Pointers(const shard::TableReaders& readers) {
  std::vector<const store::TableReader*> pointers;
  for (const auto& reader : readers) pointers.push_back(reader.get());
  return pointers;
}

// The unit of a request's period; unspecified is a month. INVALID_ARGUMENT (kInvalidField) naming `field`.
absl::StatusOr<CalendarUnit> UnitOf(ledger::v1::Period period, std::string_view field);
// The zone of a request's time_zone; empty is UTC. INVALID_ARGUMENT (kInvalidField) naming `field`.
absl::StatusOr<Zone> ZoneOf(const std::string& time_zone, std::string_view field);

// Now, as an exclusive bound: what happened in this very microsecond counts.
inline Micros AsOfNow(const Clock& clock) { return clock.Now() + 1; }

// The optional as_of of a request, or now.
template <class Request>
absl::StatusOr<Micros> AsOf(const Request& request, const Clock& clock) {
  if (!request.has_as_of()) return AsOfNow(clock);
  return CheckTime(request.as_of(), "as_of");
}

// Whether pages of such requests are read from a projection, and the request may name a place to wait for. Reviews are
// read from the log, legal holds from the register.
template <class Request>
inline constexpr bool kReadsProjection = true;
template <>
inline constexpr bool kReadsProjection<ledger::v1::GetReviewRequest> = false;
template <>
inline constexpr bool kReadsProjection<ledger::v1::ListReviewsRequest> = false;
template <>
inline constexpr bool kReadsProjection<ledger::v1::ListLegalHoldsRequest> = false;

// What a page token is bound to: the request without its paging and without the place it waits for.
template <class Request>
std::string PageBinding(Request request) {
  request.clear_page_token();
  request.clear_page_size();
  if constexpr (kReadsProjection<Request>) request.clear_min_cursor();
  return Request::descriptor()->full_name() + request.SerializeAsString();
}

// The continuation inside a request's page token; empty for the first page.
template <class Request>
absl::StatusOr<std::string> Continuation(const Request& request) {
  if (request.page_token().empty()) return std::string();
  return ParsePageToken(request.page_token(), PageBinding(request));
}

// The token for the next page; empty on the last.
template <class Request>
std::string NextPageToken(const Request& request, const std::string& continuation) {
  return continuation.empty() ? "" : FormatPageToken(continuation, PageBinding(request));
}

}  // namespace keyledger::service
