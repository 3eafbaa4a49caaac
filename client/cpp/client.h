// Client: one typed call per method of the API, with deadline and retries.
//
// Start here; PipelinedAppender (appender.h) is for many appends, Subscription (subscription.h) for following the log.
// The messages are only declared here (messages.h): who makes a call includes the message header of its service, such
// as "keyledger/ledger/v1/account_service.pb.h", and parses no other.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>

#include <grpcpp/grpcpp.h>

#include "client/cpp/backoff.h"
#include "client/cpp/channel.h"
#include "client/cpp/error.h"
#include "client/cpp/messages.h"

namespace keyledger::client {

namespace v1 = ::keyledger::ledger::v1;

// How calls behave.
struct CallOptions {
  // Time for a call with all of its attempts and waits. More than zero.
  std::chrono::milliseconds timeout{10'000};
  // Attempts at most, the first included. 1: no retries.
  int attempts_max = 6;
  BackoffOptions backoff;
  // How long ReadAccount, ReadLog and Simulate wait for each frame, the first one included, before they take the server
  // for dead; then they fail with DEADLINE_EXCEEDED. More than zero. Progress counts: while a filter lets nothing pass,
  // or a simulation runs, the server says how far it is.
  std::chrono::milliseconds frame_timeout{30'000};
};

// Calls a server. A call that fails with UNAVAILABLE, or with RESOURCE_EXHAUSTED and a retry delay, is repeated with
// the same request (and so the same request_id) after a jittered wait, until it succeeds, its attempts are used up or
// its deadline would pass; then the last error is returned. Append, PublishProgram and StartReview get a request_id
// when the caller gave none.
//
// Threads: thread-safe. Calls block their caller; use several threads for several calls at once.
// Lifetime: no call may be running when the client is destroyed.
class Client {
 public:
  explicit Client(const ChannelOptions& channel, const CallOptions& options = {});
  Client(std::shared_ptr<grpc::Channel> channel, const CallOptions& options);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  const std::shared_ptr<grpc::Channel>& channel() const;

  // Ends running calls and waits with CANCELLED, and refuses later ones the same way.
  void Cancel();

  // Errors of each: those its method names in the .proto, and UNAVAILABLE, DEADLINE_EXCEEDED, CANCELLED from the way
  // there. Blocks: up to the timeout.
  Result<v1::AppendResponse> Append(v1::AppendRequest request);
  Result<v1::GetRecordResponse> GetRecord(const v1::GetRecordRequest& request);
  Result<v1::GetAccountResponse> GetAccount(const v1::GetAccountRequest& request);
  Result<v1::BatchGetAccountsResponse> BatchGetAccounts(const v1::BatchGetAccountsRequest& request);
  Result<v1::ListAccountsResponse> ListAccounts(const v1::ListAccountsRequest& request);
  Result<v1::ExplainAccountResponse> ExplainAccount(const v1::ExplainAccountRequest& request);
  Result<v1::ListContactsResponse> ListContacts(const v1::ListContactsRequest& request);
  Result<v1::GetBalanceResponse> GetBalance(const v1::GetBalanceRequest& request);
  Result<v1::ListLotsResponse> ListLots(const v1::ListLotsRequest& request);
  Result<v1::ListStatementResponse> ListStatement(const v1::ListStatementRequest& request);
  Result<v1::GetExpiryScheduleResponse> GetExpirySchedule(const v1::GetExpiryScheduleRequest& request);
  Result<v1::GetLiabilityResponse> GetLiability(const v1::GetLiabilityRequest& request);
  Result<v1::GetTransferResponse> GetTransfer(const v1::GetTransferRequest& request);
  Result<v1::GetStandingResponse> GetStanding(const v1::GetStandingRequest& request);
  Result<v1::ExplainStandingResponse> ExplainStanding(const v1::ExplainStandingRequest& request);
  Result<v1::ListHistoryResponse> ListHistory(const v1::ListHistoryRequest& request);
  Result<v1::ListStageHistoryResponse> ListStageHistory(const v1::ListStageHistoryRequest& request);
  Result<v1::GetDistributionResponse> GetDistribution(const v1::GetDistributionRequest& request);
  Result<v1::StartReviewResponse> StartReview(v1::StartReviewRequest request);
  Result<v1::GetReviewResponse> GetReview(const v1::GetReviewRequest& request);
  Result<v1::ListReviewsResponse> ListReviews(const v1::ListReviewsRequest& request);
  Result<v1::GetRetentionResponse> GetRetention(const v1::GetRetentionRequest& request);
  Result<v1::GetCohortsResponse> GetCohorts(const v1::GetCohortsRequest& request);
  Result<v1::GetSurvivalResponse> GetSurvival(const v1::GetSurvivalRequest& request);
  Result<v1::GetTenureResponse> GetTenure(const v1::GetTenureRequest& request);
  Result<v1::GetMigrationResponse> GetMigration(const v1::GetMigrationRequest& request);
  Result<v1::GetRfmResponse> GetRfm(const v1::GetRfmRequest& request);
  Result<v1::GetForecastResponse> GetForecast(const v1::GetForecastRequest& request);
  Result<v1::ListForecastsResponse> ListForecasts(const v1::ListForecastsRequest& request);
  Result<v1::ScoreForecastResponse> ScoreForecast(const v1::ScoreForecastRequest& request);
  Result<v1::GetContractRetentionResponse> GetContractRetention(const v1::GetContractRetentionRequest& request);
  Result<v1::ListAtRiskResponse> ListAtRisk(const v1::ListAtRiskRequest& request);
  Result<v1::GetLossEffectResponse> GetLossEffect(const v1::GetLossEffectRequest& request);
  Result<v1::RecordForecastResponse> RecordForecast(v1::RecordForecastRequest request);
  Result<v1::GetConcentrationResponse> GetConcentration(const v1::GetConcentrationRequest& request);
  Result<v1::GetClassesResponse> GetClasses(const v1::GetClassesRequest& request);
  Result<v1::ListProfitabilityResponse> ListProfitability(const v1::ListProfitabilityRequest& request);
  Result<v1::ListWalletSharesResponse> ListWalletShares(const v1::ListWalletSharesRequest& request);
  Result<v1::GetSatisfactionResponse> GetSatisfaction(const v1::GetSatisfactionRequest& request);
  Result<v1::GetAcquisitionResponse> GetAcquisition(const v1::GetAcquisitionRequest& request);
  Result<v1::GetMembershipResponse> GetMembership(const v1::GetMembershipRequest& request);
  Result<v1::GetReferralTreeResponse> GetReferralTree(const v1::GetReferralTreeRequest& request);
  Result<v1::GetRankMigrationResponse> GetRankMigration(const v1::GetRankMigrationRequest& request);
  Result<v1::ListGroupsResponse> ListGroups(const v1::ListGroupsRequest& request);
  Result<v1::ListDueResponse> ListDue(const v1::ListDueRequest& request);
  Result<v1::GetCadenceResponse> GetCadence(const v1::GetCadenceRequest& request);
  Result<v1::GetManagementResponse> GetManagement(const v1::GetManagementRequest& request);
  Result<v1::GetCoverageResponse> GetCoverage(const v1::GetCoverageRequest& request);
  Result<v1::GetTimelineResponse> GetTimeline(const v1::GetTimelineRequest& request);
  Result<v1::ListAttendanceResponse> ListAttendance(const v1::ListAttendanceRequest& request);
  Result<v1::GetProfileResponse> GetProfile(const v1::GetProfileRequest& request);
  Result<v1::ListProfilesResponse> ListProfiles(const v1::ListProfilesRequest& request);
  Result<v1::GetEntryDelayResponse> GetEntryDelay(const v1::GetEntryDelayRequest& request);
  Result<v1::ListOwnersResponse> ListOwners(const v1::ListOwnersRequest& request);
  Result<v1::GetContinuityResponse> GetContinuity(const v1::GetContinuityRequest& request);
  Result<v1::ListProspectsResponse> ListProspects(const v1::ListProspectsRequest& request);
  Result<v1::GetEffortResponse> GetEffort(const v1::GetEffortRequest& request);
  Result<v1::ListGivenResponse> ListGiven(const v1::ListGivenRequest& request);
  Result<v1::ListFlagsResponse> ListFlags(const v1::ListFlagsRequest& request);
  Result<v1::ListViolationsResponse> ListViolations(const v1::ListViolationsRequest& request);
  Result<v1::GetPortfolioTransferResponse> GetPortfolioTransfer(const v1::GetPortfolioTransferRequest& request);
  Result<v1::ListPortfolioTransfersResponse> ListPortfolioTransfers(const v1::ListPortfolioTransfersRequest& request);
  Result<v1::TransferPortfolioResponse> TransferPortfolio(v1::TransferPortfolioRequest request);
  Result<v1::GetPipelineResponse> GetPipeline(const v1::GetPipelineRequest& request);
  Result<v1::ListOpportunitiesResponse> ListOpportunities(const v1::ListOpportunitiesRequest& request);
  Result<v1::ListQuotesResponse> ListQuotes(const v1::ListQuotesRequest& request);
  Result<v1::ListApprovalsResponse> ListApprovals(const v1::ListApprovalsRequest& request);
  Result<v1::ListContractsResponse> ListContracts(const v1::ListContractsRequest& request);
  Result<v1::ListIssuesResponse> ListIssues(const v1::ListIssuesRequest& request);
  Result<v1::ListPromisesResponse> ListPromises(const v1::ListPromisesRequest& request);
  Result<v1::ListPlansResponse> ListPlans(const v1::ListPlansRequest& request);
  Result<v1::ListItemsResponse> ListItems(const v1::ListItemsRequest& request);
  Result<v1::GetDemandResponse> GetDemand(const v1::GetDemandRequest& request);
  Result<v1::GetPaymentTermsResponse> GetPaymentTerms(const v1::GetPaymentTermsRequest& request);
  Result<v1::GetReferralsResponse> GetReferrals(const v1::GetReferralsRequest& request);
  Result<v1::GetSaleModesResponse> GetSaleModes(const v1::GetSaleModesRequest& request);
  Result<v1::ValidateProgramResponse> ValidateProgram(const v1::ValidateProgramRequest& request);
  Result<v1::PublishProgramResponse> PublishProgram(v1::PublishProgramRequest request);
  Result<v1::GetProgramResponse> GetProgram(const v1::GetProgramRequest& request);
  Result<v1::ListProgramsResponse> ListPrograms(const v1::ListProgramsRequest& request);
  Result<v1::GetStatusResponse> GetStatus(const v1::GetStatusRequest& request);
  Result<v1::ListProjectionsResponse> ListProjections(const v1::ListProjectionsRequest& request);
  Result<v1::GetCheckpointResponse> GetCheckpoint(const v1::GetCheckpointRequest& request);
  Result<v1::ListCheckpointsResponse> ListCheckpoints(const v1::ListCheckpointsRequest& request);
  Result<v1::GetInclusionProofResponse> GetInclusionProof(const v1::GetInclusionProofRequest& request);
  Result<v1::GetConsistencyProofResponse> GetConsistencyProof(const v1::GetConsistencyProofRequest& request);
  Result<v1::ListSigningKeysResponse> ListSigningKeys(const v1::ListSigningKeysRequest& request);
  Result<v1::GetSignedStandingResponse> GetSignedStanding(const v1::GetSignedStandingRequest& request);
  Result<v1::ListLegalHoldsResponse> ListLegalHolds(const v1::ListLegalHoldsRequest& request);
  Result<v1::ListAccessesResponse> ListAccesses(const v1::ListAccessesRequest& request);
  Result<v1::ReadSubjectResponse> ReadSubject(const v1::ReadSubjectRequest& request);
  Result<v1::RotateSigningKeyResponse> RotateSigningKey(v1::RotateSigningKeyRequest request);
  Result<v1::EraseSubjectResponse> EraseSubject(v1::EraseSubjectRequest request);
  Result<v1::PlaceLegalHoldResponse> PlaceLegalHold(v1::PlaceLegalHoldRequest request);
  Result<v1::ReleaseLegalHoldResponse> ReleaseLegalHold(v1::ReleaseLegalHoldRequest request);
  // Not repeated: a second attempt could only find the rebuild of the first one running.
  Result<v1::RebuildProjectionResponse> RebuildProjection(const v1::RebuildProjectionRequest& request);

  // Read records frame by frame; the callback returns false to stop. The timeout bounds the wait for the first frame
  // with retries, not the whole read, and the frame timeout every wait. A stream that breaks after its first frame is
  // not repeated: the caller knows where to go on. Returns nothing on success, or why the read failed.
  std::optional<ClientError> ReadAccount(const v1::ReadAccountRequest& request,
                                         const std::function<bool(const v1::ReadAccountResponse&)>& on_frame);
  std::optional<ClientError> ReadLog(const v1::ReadLogRequest& request,
                                     const std::function<bool(const v1::ReadLogResponse&)>& on_frame);
  // Simulate; the callback returns false to stop.
  std::optional<ClientError> Simulate(const v1::SimulateRequest& request,
                                      const std::function<bool(const v1::SimulateResponse&)>& on_frame);
  // Replay; the callback returns false to stop.
  std::optional<ClientError> Replay(const v1::ReplayRequest& request,
                                    const std::function<bool(const v1::ReplayResponse&)>& on_frame);
  // Reads the pieces of a bundle; the callback returns false to stop.
  std::optional<ClientError> ExportBundle(const v1::ExportBundleRequest& request,
                                          const std::function<bool(const v1::ExportBundleResponse&)>& on_frame);

 private:
  struct Stubs;

  // Runs `attempt` until it returns an outcome that is not to be retried.
  template <typename Response>
  Result<Response> Call(const std::function<grpc::Status(grpc::ClientContext&, Response&)>& attempt, bool retry = true);
  template <typename Frame>
  std::optional<ClientError> Read(const std::function<std::unique_ptr<grpc::ClientAsyncReader<Frame>>(
                                      grpc::ClientContext&, grpc::CompletionQueue&)>& open,
                                  const std::function<bool(const Frame&)>& on_frame);
  // False after Cancel.
  bool Enter(grpc::ClientContext& context);
  void Leave(grpc::ClientContext& context);

  const CallOptions options_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<Stubs> stubs_;
  Waiter waiter_;
  std::mutex mutex_;
  // Calls under way. Guarded by mutex_.
  std::set<grpc::ClientContext*> running_;
};

}  // namespace keyledger::client
