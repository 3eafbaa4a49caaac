// EngagementService: what contacts were given, who may yet become a customer, and what effort went where. See
// engagement_service.h.
#include <set>

#include <fmt/format.h>

#include "keyledger/events/v1/event.pb.h"
#include "projections/engagement/effort_queries.h"
#include "projections/engagement/given_queries.h"
#include "projections/engagement/prospect_queries.h"
#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/domain/proto_time.h"
#include "server/service/engagement_messages.h"
#include "server/service/engagement_scope.h"
#include "server/service/engagement_service.h"
#include "server/service/query_request.h"
#include "server/service/retention_scope.h"

namespace keyledger::service {
namespace {

namespace engagement = projections::engagement;

constexpr int kOrderMax = 5;

bool IsGiven(int kind) {
  switch (kind) {
    case events::v1::EVENT_KIND_GIFT_GIVEN:
    case events::v1::EVENT_KIND_COMMISSION_PAID:
    case events::v1::EVENT_KIND_COMMISSION_ACCRUED:
    case events::v1::EVENT_KIND_COMMISSION_REFUSED:
    case events::v1::EVENT_KIND_SERVICE_PROVIDED:
    case events::v1::EVENT_KIND_LOAN_ISSUED:
    case events::v1::EVENT_KIND_INTERACTION_MADE:
      return true;
    default:
      return false;
  }
}

absl::StatusOr<engagement::GivenQuery> ToQuery(const ServiceContext& context,
                                               const ledger::v1::ListGivenRequest& request,
                                               engagement::EngagementScope& scope) {
  engagement::GivenQuery query;
  if (!request.account_id().empty()) KL_RETURN_IF_ERROR(CheckAccountExists(context, request.account_id()));
  query.account_id = request.account_id();
  KL_ASSIGN_OR_RETURN(query.start, StartOf(request, scope.as_of));
  KL_ASSIGN_OR_RETURN(query.periods.unit, UnitOf(request.period(), "period"));
  KL_ASSIGN_OR_RETURN(query.periods.zone, ZoneOf(request.time_zone(), "time_zone"));
  for (int i = 0; i < request.kinds_size(); ++i) {
    if (!IsGiven(request.kinds(i))) {
      return FieldError(fmt::format("kinds[{}]", i),
                        "is not a kind of what is given: gifts, commissions, services, loans and samples "
                        "(interactions made)");
    }
    query.kinds.insert(request.kinds(i));
  }
  KL_ASSIGN_OR_RETURN(query.page_size, CheckPageSize(request.page_size()));
  KL_ASSIGN_OR_RETURN(query.continuation, PageAfter(request, scope));
  return query;
}

void Fill(const engagement::GivenRow& row, const Periods& periods, ledger::v1::GivenRow& out) {
  out.set_account_id(row.account_id);
  out.set_contact_id(row.contact_id);
  out.set_period(periods.Format(row.period));
  out.set_kind(static_cast<events::v1::EventKind>(row.kind));
  out.set_name(row.name);
  out.set_times(row.times);
  out.set_quantity(row.quantity);
  FillMoney(row.value, *out.mutable_value());
  for (const engagement::GivenLimit& limit : row.limits) {
    ledger::v1::GivenLimit& used = *out.add_limits();
    used.set_counter(limit.counter);
    domain::SetTimestamp(used.mutable_period_start(), limit.period_start);
    used.set_times(limit.times);
    if (limit.max_times.has_value()) used.set_max_times(*limit.max_times);
    used.set_micros(limit.micros);
    if (limit.max_micros.has_value()) used.set_max_micros(*limit.max_micros);
  }
  for (const std::string& purpose : row.purposes) out.add_purposes(purpose);
}

absl::StatusOr<engagement::ProspectsQuery> ToQuery(const ledger::v1::ListProspectsRequest& request,
                                                   engagement::EngagementScope& scope) {
  engagement::ProspectsQuery query;
  if (request.order_size() > kOrderMax) {
    return FieldError("order", fmt::format("must have at most {} entries", kOrderMax));
  }
  for (int i = 0; i < request.order_size(); ++i) {
    if (!IsSnakeId(request.order(i).score_id())) {
      return FieldError(fmt::format("order[{}].score_id", i),
                        "must be lower snake case of 1 to 64 bytes, for example strategic_score");
    }
    query.order.push_back({request.order(i).score_id(), request.order(i).descending()});
  }
  if (!request.lead_source().empty() && !IsSnakeId(request.lead_source())) {
    return FieldError("lead_source", "must be lower snake case of at most 64 bytes, for example referral");
  }
  query.lead_source = request.lead_source();
  KL_ASSIGN_OR_RETURN(query.page_size, CheckPageSize(request.page_size()));
  KL_ASSIGN_OR_RETURN(query.continuation, PageAfter(request, scope));
  return query;
}

void Fill(const engagement::Prospect& prospect, ledger::v1::Prospect& out) {
  out.set_account_id(prospect.account_id);
  out.set_owner(prospect.owner);
  domain::SetTimestamp(out.mutable_open_time(), prospect.opened);
  out.set_lead_source(prospect.lead_source);
  for (const std::optional<int64_t>& score : prospect.scores) {
    out.add_scores(score.has_value() ? std::to_string(*score) : std::string());
  }
  out.set_interactions(prospect.interactions);
  out.set_interest(prospect.interest);
  FillMoney(prospect.cost, *out.mutable_cost());
}

void Fill(const engagement::EffortSide& side, ledger::v1::EffortSide& out) {
  out.set_interactions(side.interactions);
  out.set_our_minutes(side.our_minutes);
  out.set_cost_micros(side.cost_micros);
  out.set_accounts(side.accounts);
}

}  // namespace

grpc::ServerUnaryReactor* EngagementServiceImpl::ListGiven(grpc::CallbackServerContext* call,
                                                           const ledger::v1::ListGivenRequest* request,
                                                           ledger::v1::ListGivenResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, call, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(engagement::EngagementScope scope, ToEngagementScope(request->scope(), *call, context_));
    KL_ASSIGN_OR_RETURN(const engagement::GivenQuery query, ToQuery(context_, *request, scope));
    KL_ASSIGN_OR_RETURN(const shard::TableReaders readers,
                        context_.ledger.Readers("engagement", request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(const auto page, engagement::ListGiven(Pointers(readers), scope,
                                                               *ProgramsKnownAt(context_, scope.known_at), query));
    for (const engagement::GivenRow& row : page.rows) Fill(row, query.periods, *response->add_rows());
    response->set_next_page_token(PageToken(*request, scope, page.continuation));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* EngagementServiceImpl::ListProspects(grpc::CallbackServerContext* call,
                                                               const ledger::v1::ListProspectsRequest* request,
                                                               ledger::v1::ListProspectsResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, call, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(engagement::EngagementScope scope, ToEngagementScope(request->scope(), *call, context_));
    KL_ASSIGN_OR_RETURN(const engagement::ProspectsQuery query, ToQuery(*request, scope));
    KL_ASSIGN_OR_RETURN(const shard::TableReaders readers,
                        context_.ledger.Readers("engagement", request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(const auto answer, engagement::ListProspects(Pointers(readers), scope, query));
    for (const engagement::Prospect& prospect : answer.prospects) Fill(prospect, *response->add_prospects());
    response->set_prospect_count(answer.prospect_count);
    response->set_next_page_token(PageToken(*request, scope, answer.continuation));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* EngagementServiceImpl::GetEffort(grpc::CallbackServerContext* call,
                                                           const ledger::v1::GetEffortRequest* request,
                                                           ledger::v1::GetEffortResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, call, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(const projections::RetentionScope asked, ToScope(request->scope(), *call, context_.clock));
    engagement::EngagementScope scope;
    scope.as_of = std::min(asked.as_of, AsOfNow(context_.clock));
    scope.known_at = asked.known_at;
    scope.filter = asked.filter;
    scope.canceled = asked.canceled;
    engagement::EffortQuery query;
    query.periods = asked.periods();
    query.currency_code = asked.currency_code;
    KL_ASSIGN_OR_RETURN(query.start, StartOf(*request, scope.as_of));
    KL_ASSIGN_OR_RETURN(const shard::TableReaders readers,
                        context_.ledger.Readers("engagement", request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(const auto answer, engagement::GetEffort(Pointers(readers), scope, query));
    for (const engagement::EffortPeriod& period : answer.periods) {
      ledger::v1::EffortPeriod& out = *response->add_periods();
      out.set_period(query.periods.Format(period.period));
      Fill(period.fresh, *out.mutable_new_accounts());
      Fill(period.old, *out.mutable_old_accounts());
    }
    response->set_currency_code(answer.currency_code);
    return absl::OkStatus();
  });
}

}  // namespace keyledger::service
