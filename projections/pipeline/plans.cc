#include "projections/pipeline/plans.h"

#include <algorithm>
#include <utility>

#include "server/domain/proto_time.h"

namespace keyledger::projections::pipeline {
namespace {

using events::v1::Event;

// What is given replaces what was said before.
template <class Fact>
void TakeForecasts(const Fact& fact, PlanRow& row) {
  if (!fact.forecasts().empty()) *row.plan.mutable_forecasts() = fact.forecasts();
}

// When the plan is to be looked at again after it was agreed or reviewed.
template <class Fact>
std::optional<Micros> NextReview(const ItemAccount& account, const Fact& fact, Micros since) {
  if (fact.has_review_time()) return domain::MicrosOf(fact.review_time());
  const programs::v1::Deadlines* deadlines = account.DeadlinesAt(since);
  if (deadlines == nullptr || deadlines->plan_review_months() == 0) return std::nullopt;
  return account.ZoneNow().AddMonths(since, static_cast<int>(deadlines->plan_review_months()));
}

void TakeMove(const ItemAccount& account, const ItemMove& move, PlanRow& row) {
  switch (move.event.payload_case()) {
    case Event::kPlanDrafted:
      row.plan = move.event.plan_drafted();
      return;
    case Event::kPlanAgreed: {
      const events::v1::PlanAgreed& agreed = move.event.plan_agreed();
      row.agreed = move.since;
      if (!agreed.targets().empty()) *row.plan.mutable_targets() = agreed.targets();
      TakeForecasts(agreed, row);
      row.next_review = NextReview(account, agreed, move.since);
      return;
    }
    case Event::kPlanReviewed: {
      const events::v1::PlanReviewed& reviewed = move.event.plan_reviewed();
      row.reviewed = move.since;
      row.reviews += 1;
      row.results.assign(reviewed.results().begin(), reviewed.results().end());
      TakeForecasts(reviewed, row);
      row.next_review = NextReview(account, reviewed, move.since);
      return;
    }
    default:
      return;
  }
}

// Whether nothing that the plan says is newer than the program of the latest word allows.
bool IsStale(const ItemAccount& account, Micros latest, Micros as_of) {
  const programs::v1::Deadlines* deadlines = account.DeadlinesAt(latest);
  if (deadlines == nullptr || deadlines->plan_stale_days() == 0) return false;
  return account.ZoneNow().AddDays(latest, static_cast<int>(deadlines->plan_stale_days())) <= as_of;
}

std::vector<PlanFlag> FlagsOf(const ItemAccount& account, const PlanRow& row, Micros latest, Micros as_of) {
  std::vector<PlanFlag> flags;
  const auto& forecasts = row.plan.forecasts();
  const bool looks_ahead = std::any_of(forecasts.begin(), forecasts.end(), [&](const auto& forecast) {
    return domain::MicrosOf(forecast.end_time()) > as_of;
  });
  const bool off_track = std::any_of(row.results.begin(), row.results.end(),
                                     [](const events::v1::TargetResult& result) { return !result.on_track(); });
  if (!looks_ahead) flags.push_back(PlanFlag::kNoForecast);
  if (IsStale(account, latest, as_of)) flags.push_back(PlanFlag::kStale);
  if (row.next_review.has_value() && *row.next_review <= as_of) flags.push_back(PlanFlag::kReviewOverdue);
  if (domain::MicrosOf(row.plan.end_time()) <= as_of) flags.push_back(PlanFlag::kOver);
  if (!row.agreed.has_value()) flags.push_back(PlanFlag::kNotAgreed);
  if (off_track) flags.push_back(PlanFlag::kOffTrack);
  return flags;
}

PlanRow RowOf(const ItemAccount& account, const ItemLife& life, Micros as_of) {
  PlanRow row;
  row.account_id = account.account_id();
  row.plan_id = life.item_id;
  row.open = life.is_open();
  for (const ItemMove& move : life.moves) TakeMove(account, move, row);
  row.plan.set_person(account.PersonOr(row.plan.person()));
  if (row.open) {
    row.flags = FlagsOf(account, row, life.latest().since, as_of);
  } else {
    row.next_review.reset();
  }
  return row;
}

}  // namespace

absl::StatusOr<PlanList> ListPlans(const Shards& shards, const PipelineScope& scope, const PlanQuery& query) {
  PlanList out;
  KL_ASSIGN_OR_RETURN(auto page, PageCollector<PlanRow>::Begin(query.page));
  const ItemAsk ask{.kinds = {domain::ItemKind::kPlan}, .account_id = query.account_id};
  const auto visit = [&](const ItemAccount& account) {
    for (const ItemLife& life : account.items) {
      PlanRow row = RowOf(account, life, scope.as_of);
      if (!IsIn(query.state, row.open) || (query.flagged_only && row.flags.empty())) continue;
      out.count += 1;
      out.flagged_count += row.flags.empty() ? 0 : 1;
      PageOrder order{row.next_review.value_or(domain::kNever), 0, row.account_id, row.plan_id, life.revision()};
      page.Offer(std::move(order), std::move(row));
    }
    return absl::OkStatus();
  };
  KL_RETURN_IF_ERROR(WalkItems(shards, scope, ask, visit));
  out.next = page.Finish(out.rows);
  return out;
}

}  // namespace keyledger::projections::pipeline
