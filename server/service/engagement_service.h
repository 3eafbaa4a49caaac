// EngagementService: adapters of the queries of projections/engagement, and of transfers of portfolios.
#pragma once

#include "keyledger/ledger/v1/engagement_service.grpc.pb.h"
#include "server/service/service_context.h"

namespace keyledger::service {

// Threads: thread-safe.
class EngagementServiceImpl final : public ledger::v1::EngagementService::CallbackService {
 public:
  explicit EngagementServiceImpl(const ServiceContext& context) : context_(context) {}
  // In engagement_transfers.cc.
  grpc::ServerUnaryReactor* TransferPortfolio(grpc::CallbackServerContext* call,
                                              const ledger::v1::TransferPortfolioRequest* request,
                                              ledger::v1::TransferPortfolioResponse* response) override;
  grpc::ServerUnaryReactor* GetPortfolioTransfer(grpc::CallbackServerContext* call,
                                                 const ledger::v1::GetPortfolioTransferRequest* request,
                                                 ledger::v1::GetPortfolioTransferResponse* response) override;
  grpc::ServerUnaryReactor* ListPortfolioTransfers(grpc::CallbackServerContext* call,
                                                   const ledger::v1::ListPortfolioTransfersRequest* request,
                                                   ledger::v1::ListPortfolioTransfersResponse* response) override;
  // In engagement_continuity.cc.
  grpc::ServerUnaryReactor* GetContinuity(grpc::CallbackServerContext* call,
                                          const ledger::v1::GetContinuityRequest* request,
                                          ledger::v1::GetContinuityResponse* response) override;
  // In engagement_due.cc.
  grpc::ServerUnaryReactor* ListDue(grpc::CallbackServerContext* call, const ledger::v1::ListDueRequest* request,
                                    ledger::v1::ListDueResponse* response) override;
  grpc::ServerUnaryReactor* GetCadence(grpc::CallbackServerContext* call, const ledger::v1::GetCadenceRequest* request,
                                       ledger::v1::GetCadenceResponse* response) override;
  grpc::ServerUnaryReactor* ListOwners(grpc::CallbackServerContext* call, const ledger::v1::ListOwnersRequest* request,
                                       ledger::v1::ListOwnersResponse* response) override;
  // In engagement_management.cc.
  grpc::ServerUnaryReactor* GetManagement(grpc::CallbackServerContext* call,
                                          const ledger::v1::GetManagementRequest* request,
                                          ledger::v1::GetManagementResponse* response) override;
  // In engagement_people.cc.
  grpc::ServerUnaryReactor* GetCoverage(grpc::CallbackServerContext* call,
                                        const ledger::v1::GetCoverageRequest* request,
                                        ledger::v1::GetCoverageResponse* response) override;
  grpc::ServerUnaryReactor* GetEntryDelay(grpc::CallbackServerContext* call,
                                          const ledger::v1::GetEntryDelayRequest* request,
                                          ledger::v1::GetEntryDelayResponse* response) override;
  // In engagement_timeline.cc.
  grpc::ServerUnaryReactor* GetTimeline(grpc::CallbackServerContext* call,
                                        const ledger::v1::GetTimelineRequest* request,
                                        ledger::v1::GetTimelineResponse* response) override;
  grpc::ServerUnaryReactor* ListAttendance(grpc::CallbackServerContext* call,
                                           const ledger::v1::ListAttendanceRequest* request,
                                           ledger::v1::ListAttendanceResponse* response) override;
  grpc::ServerUnaryReactor* ListFlags(grpc::CallbackServerContext* call, const ledger::v1::ListFlagsRequest* request,
                                      ledger::v1::ListFlagsResponse* response) override;
  grpc::ServerUnaryReactor* ListViolations(grpc::CallbackServerContext* call,
                                           const ledger::v1::ListViolationsRequest* request,
                                           ledger::v1::ListViolationsResponse* response) override;
  // In engagement_profile.cc.
  grpc::ServerUnaryReactor* GetProfile(grpc::CallbackServerContext* call, const ledger::v1::GetProfileRequest* request,
                                       ledger::v1::GetProfileResponse* response) override;
  grpc::ServerUnaryReactor* ListProfiles(grpc::CallbackServerContext* call,
                                         const ledger::v1::ListProfilesRequest* request,
                                         ledger::v1::ListProfilesResponse* response) override;
  // In engagement_given.cc.
  grpc::ServerUnaryReactor* ListGiven(grpc::CallbackServerContext* call, const ledger::v1::ListGivenRequest* request,
                                      ledger::v1::ListGivenResponse* response) override;
  grpc::ServerUnaryReactor* ListProspects(grpc::CallbackServerContext* call,
                                          const ledger::v1::ListProspectsRequest* request,
                                          ledger::v1::ListProspectsResponse* response) override;
  grpc::ServerUnaryReactor* GetEffort(grpc::CallbackServerContext* call, const ledger::v1::GetEffortRequest* request,
                                      ledger::v1::GetEffortResponse* response) override;

 private:
  const ServiceContext context_;
};

}  // namespace keyledger::service
