// PipelineService: quotes, and approvals that wait. See pipeline_service.h.
#include "projections/pipeline/quotes.h"
#include "server/base/error.h"
#include "server/service/pipeline_request.h"
#include "server/service/pipeline_service.h"

namespace keyledger::service {
namespace {

namespace pipeline = projections::pipeline;

static_assert(static_cast<int>(pipeline::QuoteState::kInApproval) == ledger::v1::QUOTE_STATE_IN_APPROVAL);
static_assert(static_cast<int>(pipeline::QuoteState::kEntered) == ledger::v1::QUOTE_STATE_ENTERED);
static_assert(static_cast<int>(pipeline::QuoteState::kInProduction) == ledger::v1::QUOTE_STATE_IN_PRODUCTION);
static_assert(static_cast<int>(pipeline::QuoteState::kExpired) == ledger::v1::QUOTE_STATE_EXPIRED);

ledger::v1::QuoteState ToProto(pipeline::QuoteState state) { return static_cast<ledger::v1::QuoteState>(state); }

void Fill(const pipeline::QuoteRow& row, Micros as_of, ledger::v1::Quote& out) {
  out.set_account_id(row.account_id);
  out.set_quote_id(row.quote_id);
  out.set_state(ToProto(row.state));
  for (const std::string_view step : row.possible_steps) out.add_possible_steps(std::string(step));
  *out.mutable_amount() = row.amount;
  if (row.saving.has_value()) *out.mutable_saving() = *row.saving;
  out.set_percent_milli(row.percent_milli);
  for (const pipeline::QuoteStepRow& step : row.steps) {
    ledger::v1::QuoteStepTaken& taken = *out.add_steps();
    taken.set_state(ToProto(step.state));
    taken.set_step(std::string(step.step));
    taken.set_person(step.person);
    taken.set_role(step.role);
    domain::SetTimestamp(taken.mutable_occurred_time(), step.since);
    taken.set_revision(step.revision);
  }
  out.set_opportunity_id(row.opportunity_id);
  SetKnown(row.binding_until, [&] { return out.mutable_end_time(); });
  out.set_age_days(pipeline::DaysBetween(row.open, row.end.value_or(as_of)));
}

void Fill(const pipeline::ApprovalRow& row, Micros as_of, ledger::v1::Approval& out) {
  out.set_account_id(row.account_id);
  out.set_quote_id(row.quote_id);
  out.set_percent_milli(row.percent_milli);
  *out.mutable_amount() = row.amount;
  out.set_proposer(row.proposer);
  out.set_role(row.role);
  out.set_person(row.person);
  out.mutable_approver_roles()->Add(row.approver_roles.begin(), row.approver_roles.end());
  domain::SetTimestamp(out.mutable_wait_time(), row.since);
  out.set_wait_hours(pipeline::HoursBetween(row.since, as_of));
  SetKnown(row.due, [&] { return out.mutable_due_time(); });
}

absl::StatusOr<pipeline::QuoteQuery> ToQuery(const ServiceContext& context,
                                             const ledger::v1::ListQuotesRequest& request,
                                             pipeline::PipelineScope& scope) {
  pipeline::QuoteQuery query;
  KL_RETURN_IF_ERROR(CheckAccountFilter(context, request.account_id()));
  KL_RETURN_IF_ERROR(CheckPersonFilter(request.person()));
  query.account_id = request.account_id();
  query.person = request.person();
  if (!ledger::v1::QuoteState_IsValid(request.quote_state())) {
    return FieldError("quote_state", "is not a value of QuoteState");
  }
  if (request.quote_state() != ledger::v1::QUOTE_STATE_UNSPECIFIED) {
    query.quote_state = static_cast<pipeline::QuoteState>(request.quote_state());
  }
  KL_ASSIGN_OR_RETURN(query.state, ToItemState(request.state()));
  KL_ASSIGN_OR_RETURN(query.page, ToPageAsk(request, scope));
  return query;
}

}  // namespace

grpc::ServerUnaryReactor* PipelineServiceImpl::ListQuotes(grpc::CallbackServerContext* call,
                                                          const ledger::v1::ListQuotesRequest* request,
                                                          ledger::v1::ListQuotesResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, call, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(pipeline::PipelineScope scope, ToPipelineScope(request->scope(), *call, context_));
    KL_ASSIGN_OR_RETURN(const pipeline::QuoteQuery query, ToQuery(context_, *request, scope));
    KL_ASSIGN_OR_RETURN(const shard::TableReaders readers,
                        context_.ledger.Readers("engagement", request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(const pipeline::QuoteList list, pipeline::ListQuotes(Pointers(readers), scope, query));
    for (const pipeline::QuoteRow& row : list.rows) Fill(row, scope.as_of, *response->add_quotes());
    response->set_quote_count(list.count);
    AddSums(list.sums, *response->mutable_sums());
    response->set_next_page_token(PageToken(*request, scope, list.next));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* PipelineServiceImpl::ListApprovals(grpc::CallbackServerContext* call,
                                                             const ledger::v1::ListApprovalsRequest* request,
                                                             ledger::v1::ListApprovalsResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, call, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(pipeline::PipelineScope scope, ToPipelineScope(request->scope(), *call, context_));
    KL_RETURN_IF_ERROR(CheckWordFilter(request->role(), "role"));
    KL_RETURN_IF_ERROR(CheckPersonFilter(request->person()));
    pipeline::ApprovalQuery query;
    query.role = request->role();
    query.person = request->person();
    KL_ASSIGN_OR_RETURN(query.page, ToPageAsk(*request, scope));
    KL_ASSIGN_OR_RETURN(const shard::TableReaders readers,
                        context_.ledger.Readers("engagement", request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(const pipeline::ApprovalList list, pipeline::ListApprovals(Pointers(readers), scope, query));
    for (const pipeline::ApprovalRow& row : list.rows) Fill(row, scope.as_of, *response->add_approvals());
    response->set_approval_count(list.count);
    response->set_next_page_token(PageToken(*request, scope, list.next));
    return absl::OkStatus();
  });
}

}  // namespace keyledger::service
