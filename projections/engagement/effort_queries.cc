#include "projections/engagement/effort_queries.h"

#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "projections/engagement/pages.h"
#include "server/base/error.h"

namespace keyledger::projections::engagement {
namespace {

// The only currency that interactions cost money in.
absl::StatusOr<std::string> OnlyCurrency(const std::set<std::string>& currencies) {
  if (currencies.size() <= 1) return currencies.empty() ? std::string() : *currencies.begin();
  std::string names;
  for (const std::string& currency : currencies) names += (names.empty() ? "" : ", ") + currency;
  return FieldError("scope.currency_code", fmt::format("is required: the interactions cost {}", names));
}

// A side of a period, with its cost in every currency.
struct Sums {
  EffortSide side;
  std::map<std::string, int64_t> cost;
};

void Count(const events::v1::InteractionMade& made, bool first_of_account, Sums& sums) {
  sums.side.interactions += 1;
  sums.side.our_minutes += made.our_minutes();
  sums.side.accounts += first_of_account ? 1 : 0;
  if (made.cost().micros() != 0) AddCapped(sums.cost[made.cost().currency_code()], made.cost().micros());
}

}  // namespace

absl::StatusOr<EffortAnswer> GetEffort(const std::vector<const store::TableReader*>& shards,
                                       const EngagementScope& scope, const EffortQuery& query) {
  EngagementParts parts;
  parts.interactions = parts.trades = true;
  parts.interactions_from = query.start;
  // By period: new accounts, then old ones.
  std::map<int64_t, std::pair<Sums, Sums>> periods;
  std::set<std::string> currencies;
  KL_ASSIGN_OR_RETURN(EngagementScan scan, EngagementScan::Open(shards, scope, parts));
  KL_RETURN_IF_ERROR(scan.Walk([&](const EngagementHistory& history) {
    const Micros first = history.trades.empty() ? kNoEnd : history.trades.front().times.occurred;
    std::set<std::pair<int64_t, bool>> met;
    for (const HistoryRow& row : history.interactions) {
      if (!row.event.has_interaction_made()) continue;
      const events::v1::InteractionMade& made = row.event.interaction_made();
      const int64_t period = query.periods.IndexAt(row.times.occurred);
      const bool old = first < row.times.occurred;
      auto& sides = periods[period];
      Count(made, met.emplace(period, old).second, old ? sides.second : sides.first);
      if (made.cost().micros() != 0) currencies.insert(made.cost().currency_code());
    }
    return absl::OkStatus();
  }));
  EffortAnswer answer;
  answer.currency_code = query.currency_code;
  if (answer.currency_code.empty()) {
    KL_ASSIGN_OR_RETURN(answer.currency_code, OnlyCurrency(currencies));
  }
  for (auto& [period, sides] : periods) {
    sides.first.side.cost_micros = sides.first.cost[answer.currency_code];
    sides.second.side.cost_micros = sides.second.cost[answer.currency_code];
    answer.periods.push_back({period, sides.first.side, sides.second.side});
  }
  return answer;
}

}  // namespace keyledger::projections::engagement
