// PortfolioService: adapters of the queries of projections/portfolio.
#pragma once

#include <absl/status/statusor.h>

#include "keyledger/ledger/v1/portfolio_service.grpc.pb.h"
#include "projections/portfolio/portfolio_measure.h"
#include "server/base/error.h"
#include "server/service/service_context.h"

namespace keyledger::service {

// Threads: thread-safe.
class PortfolioServiceImpl final : public ledger::v1::PortfolioService::CallbackService {
 public:
  explicit PortfolioServiceImpl(const ServiceContext& context) : context_(context) {}
  // In portfolio_shares.cc, with the next.
  grpc::ServerUnaryReactor* GetConcentration(grpc::CallbackServerContext* call,
                                             const ledger::v1::GetConcentrationRequest* request,
                                             ledger::v1::GetConcentrationResponse* response) override;
  grpc::ServerUnaryReactor* GetClasses(grpc::CallbackServerContext* call, const ledger::v1::GetClassesRequest* request,
                                       ledger::v1::GetClassesResponse* response) override;
  // In portfolio_profit.cc, with the next two.
  grpc::ServerUnaryReactor* ListProfitability(grpc::CallbackServerContext* call,
                                              const ledger::v1::ListProfitabilityRequest* request,
                                              ledger::v1::ListProfitabilityResponse* response) override;
  grpc::ServerUnaryReactor* ListWalletShares(grpc::CallbackServerContext* call,
                                             const ledger::v1::ListWalletSharesRequest* request,
                                             ledger::v1::ListWalletSharesResponse* response) override;
  grpc::ServerUnaryReactor* GetAcquisition(grpc::CallbackServerContext* call,
                                           const ledger::v1::GetAcquisitionRequest* request,
                                           ledger::v1::GetAcquisitionResponse* response) override;
  // In portfolio_relations.cc, with the next two.
  grpc::ServerUnaryReactor* GetSatisfaction(grpc::CallbackServerContext* call,
                                            const ledger::v1::GetSatisfactionRequest* request,
                                            ledger::v1::GetSatisfactionResponse* response) override;
  grpc::ServerUnaryReactor* GetMembership(grpc::CallbackServerContext* call,
                                          const ledger::v1::GetMembershipRequest* request,
                                          ledger::v1::GetMembershipResponse* response) override;
  grpc::ServerUnaryReactor* GetReferralTree(grpc::CallbackServerContext* call,
                                            const ledger::v1::GetReferralTreeRequest* request,
                                            ledger::v1::GetReferralTreeResponse* response) override;
  // In portfolio_ranks.cc, with the next.
  grpc::ServerUnaryReactor* GetRankMigration(grpc::CallbackServerContext* call,
                                             const ledger::v1::GetRankMigrationRequest* request,
                                             ledger::v1::GetRankMigrationResponse* response) override;
  grpc::ServerUnaryReactor* ListGroups(grpc::CallbackServerContext* call, const ledger::v1::ListGroupsRequest* request,
                                       ledger::v1::ListGroupsResponse* response) override;

 private:
  const ServiceContext context_;
};

// The measure of a request; unspecified is `otherwise`. INVALID_ARGUMENT (kInvalidField "measure").
absl::StatusOr<projections::portfolio::PortfolioMeasure> MeasureOf(ledger::v1::PortfolioMeasure measure,
                                                                   projections::portfolio::PortfolioMeasure otherwise);

// Start of a request's stretch. INVALID_ARGUMENT (kInvalidField "start_time") if it is no time, or not before `as_of`.
template <class Request>
absl::StatusOr<Micros> StretchStart(const Request& request, Micros as_of) {
  if (!request.has_start_time()) return projections::portfolio::kFromTheBeginning;
  absl::StatusOr<Micros> start = CheckTime(request.start_time(), "start_time");
  if (start.ok() && *start >= as_of) return FieldError("start_time", "must be before scope.as_of");
  return start;
}

}  // namespace keyledger::service
