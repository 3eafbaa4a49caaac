// PipelineService: issues, and items that are all alike. See pipeline_service.h.
#include <limits>

#include "projections/pipeline/issues.h"
#include "projections/pipeline/other_items.h"
#include "server/base/error.h"
#include "server/service/engagement_scope.h"
#include "server/service/pipeline_request.h"
#include "server/service/pipeline_service.h"

namespace keyledger::service {
namespace {

namespace pipeline = projections::pipeline;

void Fill(const pipeline::IssueRow& row, ledger::v1::Issue& out) {
  out.set_account_id(row.account_id);
  out.set_issue_id(row.issue_id);
  out.set_kind(row.kind);
  out.set_state(row.state);
  out.set_description(row.description);
  out.set_person(row.person);
  out.set_activity_id(row.activity_id);
  domain::SetTimestamp(out.mutable_open_time(), row.open);
  SetKnown(row.answered, [&] { return out.mutable_answer_time(); });
  SetKnown(row.resolved, [&] { return out.mutable_resolve_time(); });
  SetKnown(row.due, [&] { return out.mutable_due_time(); });
  out.set_age_hours(row.age_hours);
  out.set_overdue(row.overdue);
  out.set_reopened(row.reopened);
  out.set_revision(row.revision);
}

void Fill(const pipeline::ResolutionRow& row, ledger::v1::ResolutionTime& out) {
  out.set_kind(row.kind);
  out.set_raised(row.raised);
  out.set_resolved(row.resolved);
  out.set_in_time(row.in_time);
  out.set_late(row.late);
  if (row.median_hours.has_value()) out.set_median_hours(*row.median_hours);
  if (row.p90_hours.has_value()) out.set_p90_hours(*row.p90_hours);
}

void Fill(const pipeline::OtherItemRow& row, ledger::v1::ItemKind kind, ledger::v1::Item& out) {
  out.set_account_id(row.account_id);
  out.set_item_id(row.item_id);
  out.set_kind(kind);
  out.set_open(row.open);
  out.set_what(row.what);
  domain::SetTimestamp(out.mutable_open_time(), row.open_time);
  SetKnown(row.due, [&] { return out.mutable_due_time(); });
  out.set_overdue(row.overdue);
  out.set_person(row.person);
  out.set_contact_id(row.contact_id);
  if (row.amount.has_value()) *out.mutable_amount() = *row.amount;
  out.set_quantity(row.quantity);
  out.set_remaining(row.remaining);
}

absl::StatusOr<pipeline::IssueQuery> ToQuery(const ServiceContext& context,
                                             const ledger::v1::ListIssuesRequest& request,
                                             pipeline::PipelineScope& scope) {
  pipeline::IssueQuery query;
  KL_RETURN_IF_ERROR(CheckAccountFilter(context, request.account_id()));
  KL_RETURN_IF_ERROR(CheckPersonFilter(request.person()));
  if (!events::v1::IssueKind_IsValid(request.kind())) return FieldError("kind", "is not a value of IssueKind");
  query.account_id = request.account_id();
  query.kind = request.kind();
  query.person = request.person();
  KL_RETURN_IF_ERROR(CheckText(request.activity_id(), kActivityBytesMax, "activity_id"));
  query.activity_id = request.activity_id();
  query.overdue_only = request.overdue_only();
  query.start = std::numeric_limits<int64_t>::min();
  if (request.has_start_time()) {
    KL_ASSIGN_OR_RETURN(query.start, CheckTime(request.start_time(), "start_time"));
  }
  KL_ASSIGN_OR_RETURN(query.state, ToItemState(request.state()));
  KL_ASSIGN_OR_RETURN(query.page, ToPageAsk(request, scope));
  return query;
}

absl::StatusOr<domain::ItemKind> ToKind(ledger::v1::ItemKind kind) {
  switch (kind) {
    case ledger::v1::ITEM_KIND_ORDER:
      return domain::ItemKind::kOrder;
    case ledger::v1::ITEM_KIND_LOAN:
      return domain::ItemKind::kLoan;
    case ledger::v1::ITEM_KIND_ENTITLEMENT:
      return domain::ItemKind::kEntitlement;
    case ledger::v1::ITEM_KIND_OBLIGATION:
      return domain::ItemKind::kObligation;
    case ledger::v1::ITEM_KIND_COMMISSION:
      return domain::ItemKind::kCommission;
    case ledger::v1::ITEM_KIND_HANDOVER:
      return domain::ItemKind::kHandover;
    case ledger::v1::ITEM_KIND_SANCTION:
      return domain::ItemKind::kSanction;
    default:
      return FieldError("kind", "is required, and must be a value of ItemKind");
  }
}

}  // namespace

grpc::ServerUnaryReactor* PipelineServiceImpl::ListIssues(grpc::CallbackServerContext* call,
                                                          const ledger::v1::ListIssuesRequest* request,
                                                          ledger::v1::ListIssuesResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, call, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(pipeline::PipelineScope scope, ToPipelineScope(request->scope(), *call, context_));
    KL_ASSIGN_OR_RETURN(const pipeline::IssueQuery query, ToQuery(context_, *request, scope));
    KL_ASSIGN_OR_RETURN(const shard::TableReaders readers,
                        context_.ledger.Readers("engagement", request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(const pipeline::IssueList list, pipeline::ListIssues(Pointers(readers), scope, query));
    for (const pipeline::IssueRow& row : list.rows) Fill(row, *response->add_issues());
    response->set_issue_count(list.count);
    for (const pipeline::ResolutionRow& row : list.times) Fill(row, *response->add_times());
    response->set_next_page_token(PageToken(*request, scope, list.next));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* PipelineServiceImpl::ListItems(grpc::CallbackServerContext* call,
                                                         const ledger::v1::ListItemsRequest* request,
                                                         ledger::v1::ListItemsResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, call, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(pipeline::PipelineScope scope, ToPipelineScope(request->scope(), *call, context_));
    KL_RETURN_IF_ERROR(CheckAccountFilter(context_, request->account_id()));
    pipeline::OtherItemQuery query;
    KL_ASSIGN_OR_RETURN(query.kind, ToKind(request->kind()));
    query.account_id = request->account_id();
    KL_ASSIGN_OR_RETURN(query.state, ToItemState(request->state()));
    KL_ASSIGN_OR_RETURN(query.page, ToPageAsk(*request, scope));
    KL_ASSIGN_OR_RETURN(const shard::TableReaders readers,
                        context_.ledger.Readers("engagement", request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(const pipeline::OtherItemList list, pipeline::ListItems(Pointers(readers), scope, query));
    for (const pipeline::OtherItemRow& row : list.rows) Fill(row, request->kind(), *response->add_items());
    response->set_item_count(list.count);
    AddSums(list.sums, *response->mutable_sums());
    response->set_next_page_token(PageToken(*request, scope, list.next));
    return absl::OkStatus();
  });
}

}  // namespace keyledger::service
