// PipelineService: opportunities. See pipeline_service.h.
#include "server/service/pipeline_service.h"

#include "projections/pipeline/opportunities.h"
#include "server/base/error.h"
#include "server/service/pipeline_request.h"

namespace keyledger::service {
namespace {

namespace pipeline = projections::pipeline;

constexpr int kMonthsOfAYear = 12;

void Fill(const pipeline::OpportunityRow& row, Micros as_of, ledger::v1::Opportunity& out) {
  out.set_account_id(row.account_id);
  out.set_opportunity_id(row.opportunity_id);
  out.set_description(row.description);
  out.set_stage(row.stage);
  out.set_person(row.person);
  if (row.amount.has_value()) *out.mutable_amount() = *row.amount;
  if (row.chance_milli.has_value()) out.set_chance_milli(*row.chance_milli);
  SetKnown(row.close, [&] { return out.mutable_close_time(); });
  domain::SetTimestamp(out.mutable_open_time(), row.open);
  domain::SetTimestamp(out.mutable_stage_time(), row.stage_since);
  out.set_age_days(row.age_days(as_of));
  out.set_lead_source(row.lead_source);
  out.set_reason(row.reason);
  out.set_revision(row.revision);
}

void Fill(const pipeline::StageRow& row, ledger::v1::StageSum& out) {
  out.set_stage(row.stage);
  out.set_opportunities(row.opportunities);
  AddSums(row.sums, *out.mutable_sums());
  if (row.median_days.has_value()) out.set_median_days(*row.median_days);
  if (row.median_age_days.has_value()) out.set_median_age_days(*row.median_age_days);
  out.set_across_years(row.across_years);
}

absl::StatusOr<pipeline::OpportunityQuery> ToQuery(const ServiceContext& context,
                                                   const ledger::v1::ListOpportunitiesRequest& request,
                                                   pipeline::PipelineScope& scope) {
  pipeline::OpportunityQuery query;
  KL_RETURN_IF_ERROR(CheckAccountFilter(context, request.account_id()));
  KL_RETURN_IF_ERROR(CheckPersonFilter(request.person()));
  query.account_id = request.account_id();
  query.person = request.person();
  for (const int stage : request.stages()) {
    if (stage < events::v1::OPPORTUNITY_STAGE_LEAD || stage > events::v1::OpportunityStage_MAX) {
      return FieldError("stages", "is not a value of OpportunityStage");
    }
    query.stages.insert(static_cast<events::v1::OpportunityStage>(stage));
  }
  KL_ASSIGN_OR_RETURN(query.state, ToItemState(request.state()));
  KL_ASSIGN_OR_RETURN(query.page, ToPageAsk(request, scope));
  return query;
}

}  // namespace

grpc::ServerUnaryReactor* PipelineServiceImpl::GetPipeline(grpc::CallbackServerContext* call,
                                                           const ledger::v1::GetPipelineRequest* request,
                                                           ledger::v1::GetPipelineResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, call, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(const pipeline::PipelineScope scope, ToPipelineScope(request->scope(), *call, context_));
    KL_RETURN_IF_ERROR(CheckPersonFilter(request->person()));
    pipeline::PipelineQuery query;
    query.person = request->person();
    KL_ASSIGN_OR_RETURN(query.zone, ZoneOf(request->time_zone(), "time_zone"));
    query.start = query.zone.AddMonths(scope.as_of, -kMonthsOfAYear);
    if (request->has_start_time()) {
      KL_ASSIGN_OR_RETURN(query.start, CheckTime(request->start_time(), "start_time"));
    }
    KL_ASSIGN_OR_RETURN(const shard::TableReaders readers,
                        context_.ledger.Readers("engagement", request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(const pipeline::PipelineTotals totals, pipeline::GetPipeline(Pointers(readers), scope, query));
    for (const pipeline::StageRow& row : totals.stages) Fill(row, *response->add_stages());
    if (totals.win_rate.has_value()) response->set_win_rate(*totals.win_rate);
    response->set_open_quotes(totals.open_quotes);
    response->set_waiting_approvals(totals.waiting_approvals);
    response->set_running_contracts(totals.running_contracts);
    response->set_open_issues(totals.open_issues);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* PipelineServiceImpl::ListOpportunities(grpc::CallbackServerContext* call,
                                                                 const ledger::v1::ListOpportunitiesRequest* request,
                                                                 ledger::v1::ListOpportunitiesResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, call, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(pipeline::PipelineScope scope, ToPipelineScope(request->scope(), *call, context_));
    KL_ASSIGN_OR_RETURN(const pipeline::OpportunityQuery query, ToQuery(context_, *request, scope));
    KL_ASSIGN_OR_RETURN(const shard::TableReaders readers,
                        context_.ledger.Readers("engagement", request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(const pipeline::OpportunityList list,
                        pipeline::ListOpportunities(Pointers(readers), scope, query));
    for (const pipeline::OpportunityRow& row : list.rows) Fill(row, scope.as_of, *response->add_opportunities());
    response->set_opportunity_count(list.count);
    AddSums(list.sums, *response->mutable_sums());
    response->set_next_page_token(PageToken(*request, scope, list.next));
    return absl::OkStatus();
  });
}

}  // namespace keyledger::service
