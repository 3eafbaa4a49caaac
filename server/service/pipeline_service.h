// PipelineService: adapter of its queries: what is under way with accounts, what is promised, and what waits for whom.
#pragma once

#include "keyledger/ledger/v1/pipeline_service.grpc.pb.h"
#include "server/service/service_context.h"

namespace keyledger::service {

// Threads: thread-safe.
class PipelineServiceImpl final : public ledger::v1::PipelineService::CallbackService {
 public:
  explicit PipelineServiceImpl(const ServiceContext& context) : context_(context) {}
  grpc::ServerUnaryReactor* GetPipeline(grpc::CallbackServerContext* call,
                                        const ledger::v1::GetPipelineRequest* request,
                                        ledger::v1::GetPipelineResponse* response) override;
  grpc::ServerUnaryReactor* ListOpportunities(grpc::CallbackServerContext* call,
                                              const ledger::v1::ListOpportunitiesRequest* request,
                                              ledger::v1::ListOpportunitiesResponse* response) override;
  // In pipeline_quotes.cc.
  grpc::ServerUnaryReactor* ListQuotes(grpc::CallbackServerContext* call, const ledger::v1::ListQuotesRequest* request,
                                       ledger::v1::ListQuotesResponse* response) override;
  grpc::ServerUnaryReactor* ListApprovals(grpc::CallbackServerContext* call,
                                          const ledger::v1::ListApprovalsRequest* request,
                                          ledger::v1::ListApprovalsResponse* response) override;
  // In pipeline_agreements.cc.
  grpc::ServerUnaryReactor* ListContracts(grpc::CallbackServerContext* call,
                                          const ledger::v1::ListContractsRequest* request,
                                          ledger::v1::ListContractsResponse* response) override;
  grpc::ServerUnaryReactor* ListPromises(grpc::CallbackServerContext* call,
                                         const ledger::v1::ListPromisesRequest* request,
                                         ledger::v1::ListPromisesResponse* response) override;
  grpc::ServerUnaryReactor* ListPlans(grpc::CallbackServerContext* call, const ledger::v1::ListPlansRequest* request,
                                      ledger::v1::ListPlansResponse* response) override;
  // In pipeline_care.cc.
  grpc::ServerUnaryReactor* ListIssues(grpc::CallbackServerContext* call, const ledger::v1::ListIssuesRequest* request,
                                       ledger::v1::ListIssuesResponse* response) override;
  grpc::ServerUnaryReactor* ListItems(grpc::CallbackServerContext* call, const ledger::v1::ListItemsRequest* request,
                                      ledger::v1::ListItemsResponse* response) override;
  // In pipeline_terms.cc.
  grpc::ServerUnaryReactor* GetPaymentTerms(grpc::CallbackServerContext* call,
                                            const ledger::v1::GetPaymentTermsRequest* request,
                                            ledger::v1::GetPaymentTermsResponse* response) override;
  // In pipeline_trade.cc.
  grpc::ServerUnaryReactor* GetDemand(grpc::CallbackServerContext* call, const ledger::v1::GetDemandRequest* request,
                                      ledger::v1::GetDemandResponse* response) override;
  grpc::ServerUnaryReactor* GetReferrals(grpc::CallbackServerContext* call,
                                         const ledger::v1::GetReferralsRequest* request,
                                         ledger::v1::GetReferralsResponse* response) override;
  grpc::ServerUnaryReactor* GetSaleModes(grpc::CallbackServerContext* call,
                                         const ledger::v1::GetSaleModesRequest* request,
                                         ledger::v1::GetSaleModesResponse* response) override;

 private:
  const ServiceContext context_;
};

}  // namespace keyledger::service
