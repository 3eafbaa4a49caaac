// TierService. See tier_service.h.
#include "server/service/tier_service.h"

#include "projections/tiers/stages_queries.h"
#include "projections/tiers/tiers_queries.h"
#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/domain/proto_time.h"
#include "server/service/query_request.h"

namespace keyledger::service {
namespace {

void FillAssignment(const projections::TierHolding& holding, ledger::v1::TierAssignment& out) {
  out.set_ladder_id(holding.ladder_id);
  out.set_tier_id(holding.tier_id);
  out.set_previous_tier_id(holding.previous_tier_id);
  out.set_reason(holding.reason);
  domain::SetTimestamp(out.mutable_since(), holding.since);
  if (holding.until.has_value()) domain::SetTimestamp(out.mutable_until(), *holding.until);
  out.mutable_met()->Assign(holding.met.begin(), holding.met.end());
  out.mutable_missed()->Assign(holding.missed.begin(), holding.missed.end());
  out.set_program_id(holding.program_id);
  out.set_program_version(holding.program_version);
  out.set_revision(holding.revision);
  out.set_review_id(holding.review_id);
}

void FillStage(const projections::StageStay& stay, ledger::v1::StageStanding& out) {
  out.set_ladder_id(stay.ladder_id);
  out.set_stage_id(stay.stage_id);
  out.set_previous_stage_id(stay.previous_stage_id);
  domain::SetTimestamp(out.mutable_since(), stay.since);
  if (stay.until.has_value()) domain::SetTimestamp(out.mutable_until(), *stay.until);
  out.mutable_met()->Assign(stay.met.begin(), stay.met.end());
  out.set_alternative(stay.alternative);
  out.set_program_id(stay.program_id);
  out.set_program_version(stay.program_version);
  out.set_revision(stay.revision);
}

}  // namespace

grpc::ServerUnaryReactor* TierServiceImpl::GetStanding(grpc::CallbackServerContext* call,
                                                       const ledger::v1::GetStandingRequest* request,
                                                       ledger::v1::GetStandingResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, request, response, deadline]() -> absl::Status {
    KL_RETURN_IF_ERROR(CheckAccountId(request->account_id()));
    KL_ASSIGN_OR_RETURN(const Micros as_of, AsOf(*request, context_.clock));
    KL_ASSIGN_OR_RETURN(const auto rows,
                        context_.ledger.ReaderOf("tiers", request->account_id(), request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(const auto standing, projections::GetTierStanding(*rows, request->account_id(), as_of));
    response->set_account_id(request->account_id());
    if (standing.has_value()) FillAssignment(*standing, *response->mutable_standing());
    KL_ASSIGN_OR_RETURN(const auto stages, projections::GetStages(*rows, request->account_id(), as_of));
    for (const projections::StageStay& stay : stages) FillStage(stay, *response->add_stages());
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* TierServiceImpl::ListHistory(grpc::CallbackServerContext* call,
                                                       const ledger::v1::ListHistoryRequest* request,
                                                       ledger::v1::ListHistoryResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, request, response, deadline]() -> absl::Status {
    KL_RETURN_IF_ERROR(CheckAccountId(request->account_id()));
    KL_ASSIGN_OR_RETURN(const int page_size, CheckPageSize(request->page_size()));
    KL_ASSIGN_OR_RETURN(const std::string continuation, Continuation(*request));
    KL_ASSIGN_OR_RETURN(const auto rows,
                        context_.ledger.ReaderOf("tiers", request->account_id(), request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(const auto page,
                        projections::ListTierHistory(*rows, request->account_id(), page_size, continuation));
    for (const projections::TierHolding& holding : page.holdings) FillAssignment(holding, *response->add_assignments());
    response->set_next_page_token(NextPageToken(*request, page.continuation));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* TierServiceImpl::ListStageHistory(grpc::CallbackServerContext* call,
                                                            const ledger::v1::ListStageHistoryRequest* request,
                                                            ledger::v1::ListStageHistoryResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, request, response, deadline]() -> absl::Status {
    KL_RETURN_IF_ERROR(CheckAccountId(request->account_id()));
    if (!request->ladder_id().empty() && !IsSnakeId(request->ladder_id())) {
      return FieldError("ladder_id", "must be lower snake case, 1 to 64 bytes: [a-z][a-z0-9_]*");
    }
    KL_ASSIGN_OR_RETURN(const int page_size, CheckPageSize(request->page_size()));
    KL_ASSIGN_OR_RETURN(const std::string continuation, Continuation(*request));
    KL_ASSIGN_OR_RETURN(const auto rows,
                        context_.ledger.ReaderOf("tiers", request->account_id(), request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(const auto page, projections::ListStageHistory(*rows, request->account_id(),
                                                                       request->ladder_id(), page_size, continuation));
    for (const projections::StageStay& stay : page.stays) FillStage(stay, *response->add_stages());
    response->set_next_page_token(NextPageToken(*request, page.continuation));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* TierServiceImpl::GetDistribution(grpc::CallbackServerContext* call,
                                                           const ledger::v1::GetDistributionRequest* request,
                                                           ledger::v1::GetDistributionResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(const Micros as_of, AsOf(*request, context_.clock));
    KL_ASSIGN_OR_RETURN(const shard::TableReaders readers,
                        context_.ledger.Readers("tiers", request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(const auto distribution, projections::GetTierDistribution(Pointers(readers), as_of));
    for (const projections::TierCount& count : distribution.tiers) {
      ledger::v1::TierCount& out = *response->add_tiers();
      out.set_ladder_id(count.ladder_id);
      out.set_tier_id(count.tier_id);
      out.set_accounts(count.accounts);
    }
    response->set_accounts(distribution.accounts);
    for (const projections::StageCount& count : distribution.stages) {
      ledger::v1::StageCount& out = *response->add_stages();
      out.set_ladder_id(count.ladder_id);
      out.set_stage_id(count.stage_id);
      out.set_accounts(count.accounts);
    }
    return absl::OkStatus();
  });
}

}  // namespace keyledger::service
