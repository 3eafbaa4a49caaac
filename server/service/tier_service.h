// TierService: adapter of its queries: standing, history, explanations and reviews.
#pragma once

#include "keyledger/ledger/v1/tier_service.grpc.pb.h"
#include "server/service/service_context.h"

namespace keyledger::service {

// Threads: thread-safe.
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

}  // namespace keyledger::service
