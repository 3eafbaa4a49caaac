#include "projections/pipeline/opportunities.h"

#include <algorithm>
#include <utility>

#include "server/base/checked.h"
#include "server/domain/proto_time.h"

namespace keyledger::projections::pipeline {
namespace {

using domain::ItemKind;
using events::v1::OpportunityStage;

constexpr int64_t kWholeMilli = 1'000;

// What an opening and a move have in common.
template <class Fact>
void TakeFigures(const Fact& fact, OpportunityRow& row, std::string& person) {
  if (fact.has_amount()) row.amount = fact.amount();
  if (fact.has_chance_milli()) row.chance_milli = fact.chance_milli();
  if (fact.has_close_time()) row.close = domain::MicrosOf(fact.close_time());
  if (!fact.person().empty()) person = fact.person();
}

OpportunityRow RowOf(const ItemAccount& account, const ItemLife& life) {
  OpportunityRow row;
  row.account_id = account.account_id();
  row.opportunity_id = life.item_id;
  row.open = life.open_time();
  row.stage_since = row.open;
  row.end = life.end;
  row.revision = life.latest().revision;
  std::string person;
  for (const ItemMove& move : life.moves) {
    if (move.event.has_opportunity_opened()) {
      const events::v1::OpportunityOpened& opened = move.event.opportunity_opened();
      row.description = opened.description();
      row.lead_source = opened.lead_source();
      TakeFigures(opened, row, person);
      continue;
    }
    const events::v1::OpportunityMoved& moved = move.event.opportunity_moved();
    if (moved.stage() != row.stage) {
      row.stage = moved.stage();
      row.stage_since = move.since;
    }
    TakeFigures(moved, row, person);
    if (move.state == 0) row.reason = moved.reason();
  }
  row.person = account.PersonOr(person);
  return row;
}

bool Matches(const OpportunityRow& row, const OpportunityQuery& query) {
  if (!query.person.empty() && row.person != query.person) return false;
  if (!query.stages.empty()) return query.stages.contains(row.stage);
  return IsIn(query.state, !row.end.has_value());
}

absl::Status AddTo(MoneySums& sums, const OpportunityRow& row) {
  if (!row.amount.has_value()) return absl::OkStatus();
  return AddSum(sums, row.amount->currency_code(), row.amount->micros(), row.expected_micros());
}

// Counts what is under way and what came of it.
class Totals {
 public:
  Totals(const PipelineScope& scope, const PipelineQuery& query) : scope_(scope), query_(query) {
    for (int stage = events::v1::OPPORTUNITY_STAGE_LEAD; stage <= events::v1::OpportunityStage_MAX; ++stage) {
      totals_.stages.emplace_back().stage = static_cast<OpportunityStage>(stage);
    }
    days_.resize(totals_.stages.size());
    ages_.resize(totals_.stages.size());
  }

  absl::Status Add(const ItemAccount& account) {
    for (const ItemLife& life : account.items) {
      if (life.kind == ItemKind::kOpportunity) {
        KL_RETURN_IF_ERROR(AddOpportunity(RowOf(account, life)));
      } else if (life.is_open() && IsOfPerson(account, life)) {
        Count(life);
      }
    }
    return absl::OkStatus();
  }

  PipelineTotals Finish() && {
    for (size_t i = 0; i < totals_.stages.size(); ++i) {
      StageRow& row = totals_.stages[i];
      if (!days_[i].empty()) row.median_days = MedianOf(days_[i]);
      if (!ages_[i].empty()) row.median_age_days = MedianOf(ages_[i]);
    }
    const int64_t won = Of(events::v1::OPPORTUNITY_STAGE_WON).opportunities;
    const int64_t lost = Of(events::v1::OPPORTUNITY_STAGE_LOST).opportunities;
    if (won + lost > 0) totals_.win_rate = static_cast<double>(won) / static_cast<double>(won + lost);
    return std::move(totals_);
  }

 private:
  static size_t IndexOf(OpportunityStage stage) {
    return static_cast<size_t>(stage - events::v1::OPPORTUNITY_STAGE_LEAD);
  }
  StageRow& Of(OpportunityStage stage) { return totals_.stages[IndexOf(stage)]; }

  absl::Status AddOpportunity(const OpportunityRow& row) {
    if (!query_.person.empty() && row.person != query_.person) return absl::OkStatus();
    if (row.end.has_value() && *row.end < query_.start) return absl::OkStatus();
    StageRow& stage = Of(row.stage);
    stage.opportunities += 1;
    if (!row.end.has_value()) days_[IndexOf(row.stage)].push_back(DaysBetween(row.stage_since, scope_.as_of));
    ages_[IndexOf(row.stage)].push_back(row.age_days(scope_.as_of));
    // as_of itself is not looked at any more.
    const Micros last = row.end.value_or(std::max(row.open, scope_.as_of - 1));
    const auto year = [this](Micros time) { return query_.zone.PeriodIndex(time, CalendarUnit::kYear); };
    if (year(row.open) != year(last)) stage.across_years += 1;
    return AddTo(stage.sums, row);
  }

  bool IsOfPerson(const ItemAccount& account, const ItemLife& life) const {
    if (query_.person.empty()) return true;
    std::string person;
    for (const ItemMove& move : life.moves) {
      if (move.event.has_quote_proposed()) person = move.event.quote_proposed().proposer();
      if (move.event.has_quote_revised()) person = move.event.quote_revised().proposer();
      if (move.event.has_issue_opened()) person = move.event.issue_opened().person();
      if (move.event.has_issue_moved() && !move.event.issue_moved().person().empty()) {
        person = move.event.issue_moved().person();
      }
    }
    return account.PersonOr(person) == query_.person;
  }

  void Count(const ItemLife& life) {
    switch (life.kind) {
      case ItemKind::kQuote:
        totals_.open_quotes += 1;
        totals_.waiting_approvals += life.latest().state == domain::quote_state::kInApproval ? 1 : 0;
        break;
      case ItemKind::kContract:
        totals_.running_contracts += 1;
        break;
      default:
        totals_.open_issues += 1;
    }
  }

  const PipelineScope& scope_;
  const PipelineQuery& query_;
  PipelineTotals totals_;
  // By stage.
  std::vector<std::vector<int64_t>> days_;
  std::vector<std::vector<int64_t>> ages_;
};

}  // namespace

int64_t OpportunityRow::expected_micros() const {
  if (!amount.has_value() || !chance_milli.has_value()) return 0;
  // Within 64 bits: a chance is at most the whole.
  return MulDiv(amount->micros(), *chance_milli, 1, kWholeMilli, RoundingMode::kDown).value_or(0);
}

absl::StatusOr<OpportunityList> ListOpportunities(const Shards& shards, const PipelineScope& scope,
                                                  const OpportunityQuery& query) {
  OpportunityList out;
  KL_ASSIGN_OR_RETURN(auto page, PageCollector<OpportunityRow>::Begin(query.page));
  const ItemAsk ask{.kinds = {ItemKind::kOpportunity}, .account_id = query.account_id};
  const auto visit = [&](const ItemAccount& account) -> absl::Status {
    for (const ItemLife& life : account.items) {
      OpportunityRow row = RowOf(account, life);
      if (!Matches(row, query)) continue;
      out.count += 1;
      KL_RETURN_IF_ERROR(AddTo(out.sums, row));
      PageOrder order{-static_cast<int64_t>(row.stage), row.open, row.account_id, row.opportunity_id, life.revision()};
      page.Offer(std::move(order), std::move(row));
    }
    return absl::OkStatus();
  };
  KL_RETURN_IF_ERROR(WalkItems(shards, scope, ask, visit));
  out.next = page.Finish(out.rows);
  return out;
}

absl::StatusOr<PipelineTotals> GetPipeline(const Shards& shards, const PipelineScope& scope,
                                           const PipelineQuery& query) {
  Totals totals(scope, query);
  const ItemAsk ask{.kinds = {ItemKind::kOpportunity, ItemKind::kQuote, ItemKind::kContract, ItemKind::kIssue},
                    .account_id = {}};
  KL_RETURN_IF_ERROR(WalkItems(shards, scope, ask, [&](const ItemAccount& account) { return totals.Add(account); }));
  return std::move(totals).Finish();
}

}  // namespace keyledger::projections::pipeline
