// PipelineService: contracts, promises and plans. See pipeline_service.h.
#include <algorithm>

#include <fmt/format.h>

#include "projections/pipeline/contracts.h"
#include "projections/pipeline/plans.h"
#include "projections/pipeline/promises.h"
#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/service/pipeline_request.h"
#include "server/service/pipeline_service.h"

namespace keyledger::service {
namespace {

namespace pipeline = projections::pipeline;

// Of ContractSigned.kind.
constexpr size_t kKindBytesMax = 64;

static_assert(static_cast<int>(pipeline::PlanFlag::kNoForecast) == ledger::v1::PLAN_FLAG_NO_FORECAST);
static_assert(static_cast<int>(pipeline::PlanFlag::kOffTrack) == ledger::v1::PLAN_FLAG_OFF_TRACK);

void Fill(const pipeline::ContractRow& row, ledger::v1::Contract& out) {
  out.set_account_id(row.account_id);
  out.set_contract_id(row.contract_id);
  out.set_kind(row.kind);
  domain::SetTimestamp(out.mutable_start_time(), row.start);
  domain::SetTimestamp(out.mutable_end_time(), row.end);
  domain::SetTimestamp(out.mutable_notice_time(), std::max(row.notice, domain::kTimeMin));
  out.set_running(row.running);
  out.set_breached(row.breached);
  out.set_lapsed(row.lapsed);
  out.set_renewals(row.renewals);
  out.set_amendments(row.amendments);
  out.set_breaches(row.breaches);
  if (row.value.has_value()) *out.mutable_value() = *row.value;
  if (row.early_end_penalty.has_value()) *out.mutable_early_end_penalty() = *row.early_end_penalty;
  out.set_ending(row.ending);
  out.set_exclusive(row.exclusive);
}

void Fill(const pipeline::PromiseRow& row, ledger::v1::Promise& out) {
  out.set_account_id(row.account_id);
  out.set_promise_id(row.promise_id);
  *out.mutable_published() = row.published;
  domain::SetTimestamp(out.mutable_open_time(), row.open_time);
  out.set_kept(row.kept);
  out.set_broken(row.broken);
  out.set_open(row.open);
  out.set_overdue(row.overdue);
}

void Fill(const pipeline::PlanRow& row, ledger::v1::Plan& out) {
  out.set_account_id(row.account_id);
  out.set_plan_id(row.plan_id);
  out.set_state(!row.open                ? ledger::v1::PLAN_STATE_ENDED
                : row.agreed.has_value() ? ledger::v1::PLAN_STATE_AGREED
                                         : ledger::v1::PLAN_STATE_DRAFT);
  *out.mutable_plan() = row.plan;
  out.mutable_results()->Add(row.results.begin(), row.results.end());
  SetKnown(row.agreed, [&] { return out.mutable_agree_time(); });
  SetKnown(row.reviewed, [&] { return out.mutable_review_time(); });
  SetKnown(row.next_review, [&] { return out.mutable_next_review_time(); });
  out.set_reviews(row.reviews);
  for (const pipeline::PlanFlag flag : row.flags) out.add_flags(static_cast<ledger::v1::PlanFlag>(flag));
}

absl::StatusOr<pipeline::ContractQuery> ToQuery(const ServiceContext& context,
                                                const ledger::v1::ListContractsRequest& request,
                                                pipeline::PipelineScope& scope) {
  pipeline::ContractQuery query;
  KL_RETURN_IF_ERROR(CheckAccountFilter(context, request.account_id()));
  if (request.kind().size() > kKindBytesMax || !IsUtf8(request.kind())) {
    return FieldError("kind", fmt::format("must be UTF-8 of at most {} bytes", kKindBytesMax));
  }
  query.account_id = request.account_id();
  query.kind = request.kind();
  KL_ASSIGN_OR_RETURN(query.state, ToItemState(request.state()));
  KL_ASSIGN_OR_RETURN(query.end_from,
                      ToOptionalTime(request.has_end_from_time(), request.end_from_time(), "end_from_time"));
  KL_ASSIGN_OR_RETURN(query.end_until,
                      ToOptionalTime(request.has_end_until_time(), request.end_until_time(), "end_until_time"));
  KL_ASSIGN_OR_RETURN(query.page, ToPageAsk(request, scope));
  return query;
}

}  // namespace

grpc::ServerUnaryReactor* PipelineServiceImpl::ListContracts(grpc::CallbackServerContext* call,
                                                             const ledger::v1::ListContractsRequest* request,
                                                             ledger::v1::ListContractsResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, call, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(pipeline::PipelineScope scope, ToPipelineScope(request->scope(), *call, context_));
    KL_ASSIGN_OR_RETURN(const pipeline::ContractQuery query, ToQuery(context_, *request, scope));
    KL_ASSIGN_OR_RETURN(const shard::TableReaders readers,
                        context_.ledger.Readers("engagement", request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(const pipeline::ContractList list, pipeline::ListContracts(Pointers(readers), scope, query));
    for (const pipeline::ContractRow& row : list.rows) Fill(row, *response->add_contracts());
    response->set_contract_count(list.count);
    AddSums(list.sums, *response->mutable_sums());
    response->set_next_page_token(PageToken(*request, scope, list.next));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* PipelineServiceImpl::ListPromises(grpc::CallbackServerContext* call,
                                                            const ledger::v1::ListPromisesRequest* request,
                                                            ledger::v1::ListPromisesResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, call, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(pipeline::PipelineScope scope, ToPipelineScope(request->scope(), *call, context_));
    KL_RETURN_IF_ERROR(CheckAccountFilter(context_, request->account_id()));
    pipeline::PromiseQuery query;
    query.account_id = request->account_id();
    KL_ASSIGN_OR_RETURN(query.state, ToItemState(request->state()));
    KL_ASSIGN_OR_RETURN(query.due_until,
                        ToOptionalTime(request->has_due_until_time(), request->due_until_time(), "due_until_time"));
    KL_ASSIGN_OR_RETURN(query.page, ToPageAsk(*request, scope));
    KL_ASSIGN_OR_RETURN(const shard::TableReaders readers,
                        context_.ledger.Readers("engagement", request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(const pipeline::PromiseList list, pipeline::ListPromises(Pointers(readers), scope, query));
    for (const pipeline::PromiseRow& row : list.rows) Fill(row, *response->add_promises());
    response->set_promise_count(list.count);
    response->set_kept_count(list.kept_count);
    response->set_broken_count(list.broken_count);
    response->set_next_page_token(PageToken(*request, scope, list.next));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* PipelineServiceImpl::ListPlans(grpc::CallbackServerContext* call,
                                                         const ledger::v1::ListPlansRequest* request,
                                                         ledger::v1::ListPlansResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, call, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(pipeline::PipelineScope scope, ToPipelineScope(request->scope(), *call, context_));
    KL_RETURN_IF_ERROR(CheckAccountFilter(context_, request->account_id()));
    pipeline::PlanQuery query;
    query.account_id = request->account_id();
    query.flagged_only = request->flagged_only();
    KL_ASSIGN_OR_RETURN(query.state, ToItemState(request->state()));
    KL_ASSIGN_OR_RETURN(query.page, ToPageAsk(*request, scope));
    KL_ASSIGN_OR_RETURN(const shard::TableReaders readers,
                        context_.ledger.Readers("engagement", request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(const pipeline::PlanList list, pipeline::ListPlans(Pointers(readers), scope, query));
    for (const pipeline::PlanRow& row : list.rows) Fill(row, *response->add_plans());
    response->set_plan_count(list.count);
    response->set_flagged_count(list.flagged_count);
    response->set_next_page_token(PageToken(*request, scope, list.next));
    return absl::OkStatus();
  });
}

}  // namespace keyledger::service
