// ScoreForecast. See forecast_queries.h.
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "projections/engine/period_finder.h"
#include "projections/retention/forecast_queries.h"
#include "server/base/checked.h"
#include "server/base/error.h"

namespace keyledger::projections {
namespace {

constexpr double kMicrosPerWeek = 7.0 * kMicrosPerDay;
constexpr int64_t kEver = std::numeric_limits<int64_t>::max();

absl::Status NothingOver() {
  return MakeError(Reason::kForecastNotPossible,
                   "nothing of the forecast's horizon is over by what is on record: score it later, or give as_of");
}

// The accounts of the forecast in order of account_id, recognised by a hash of it: an account that was none of them
// would have to stand in the right place, too.
struct Known {
  std::vector<uint64_t> hashes;
  std::vector<forecast::GroupedOutcome> outcomes;
  std::optional<double> expected_revenue_micros;
};

uint64_t HashOf(const AccountHistory& history) { return std::hash<std::string_view>()(history.account_id); }

absl::StatusOr<Known> FindKnown(const std::vector<const store::TableReader*>& shards, const PastForecast& past,
                                double weeks) {
  KL_ASSIGN_OR_RETURN(const Buyers buyers, FindBuyers(shards, past.scope, 0));
  if (static_cast<int64_t>(buyers.accounts.size()) != past.accounts) {
    return MakeError(Reason::kStoreDamaged,
                     fmt::format("before the forecast's places {} accounts are found, and it speaks of {}; rebuild the "
                                 "projection retention",
                                 buyers.accounts.size(), past.accounts));
  }
  KL_ASSIGN_OR_RETURN(const std::vector<Expectation> expectations,
                      Expect(past.purchases, buyers.histories, weeks, 0, past.scope.canceled));
  Known known;
  double revenue = 0;
  known.outcomes.reserve(buyers.accounts.size());
  for (const Buyer& buyer : buyers.accounts) {
    const double expected = ExpectationOf(buyer, expectations).purchases;
    known.outcomes.push_back({std::min<int64_t>(buyer.repeat_days, kScoreGroups - 1), {expected, 0}});
    if (!past.values.has_value()) continue;
    KL_ASSIGN_OR_RETURN(const double spend, ExpectedSpendMicros(*past.values, buyer));
    revenue += spend * expected;
  }
  if (past.values.has_value()) known.expected_revenue_micros = revenue;
  known.hashes.reserve(buyers.accounts.size());
  HistoryScan scan(past.scope, HistoryParts::kTrades);
  KL_RETURN_IF_ERROR(scan.Run(shards, [&](const AccountHistory& history) {
    if (IsBuyer(history)) known.hashes.push_back(HashOf(history));
    return absl::OkStatus();
  }));
  return known;
}

// Puts what came into the outcomes.
absl::Status FindActual(const std::vector<const store::TableReader*>& shards, const PastForecast& past, Known& known,
                        ForecastScore& score) {
  // Whoever they are now, and by all that is known of them; but the same accounts.
  RetentionScope scope = past.scope;
  scope.merges_of = &past.scope;
  scope.as_of = score.scored_until;
  scope.filter = {};
  scope.known_places.clear();
  PeriodFinder days(scope.zone, CalendarUnit::kDay);
  Int128 revenue = 0;
  size_t place = 0;
  HistoryScan scan(scope, HistoryParts::kTrades);
  KL_RETURN_IF_ERROR(scan.Run(shards, [&](const AccountHistory& history) {
    if (place == known.hashes.size() || HashOf(history) != known.hashes[place]) return absl::OkStatus();
    int64_t came = 0;
    std::optional<int64_t> last;
    for (const HistoryTrade& trade : history.trades) {
      if (trade.occurred < past.scope.as_of) continue;
      revenue += RevenueOf(trade, scope.basis);
      if (trade.is_return) continue;
      const int64_t day = days.Find(trade.occurred);
      if (last != day) came += 1;
      last = day;
    }
    known.outcomes[place].outcome.actual = static_cast<double>(came);
    score.actual_purchases += came;
    place += 1;
    return absl::OkStatus();
  }));
  if (place != known.hashes.size()) {
    return MakeError(Reason::kStoreDamaged, "an account of the forecast is not found any more; rebuild retention");
  }
  if (revenue > kEver || revenue < std::numeric_limits<int64_t>::min()) {
    return MakeError(Reason::kArithmeticRange, "the revenue that came does not fit in 64 bits");
  }
  score.actual_revenue_micros = static_cast<int64_t>(revenue);
  return absl::OkStatus();
}

// The score of all from those of the groups: each is a mean over its accounts.
forecast::Score Join(const std::vector<forecast::Score>& groups) {
  forecast::Score all;
  for (const forecast::Score& group : groups) all.n += group.n;
  if (all.n == 0) return all;
  double squares = 0;
  for (const forecast::Score& group : groups) {
    const double share = static_cast<double>(group.n) / static_cast<double>(all.n);
    all.expected_mean += share * group.expected_mean;
    all.actual_mean += share * group.actual_mean;
    all.bias += share * group.bias;
    all.mae += share * group.mae;
    squares += share * group.rmse * group.rmse;
  }
  all.rmse = std::sqrt(squares);
  return all;
}

// The end of the horizon, or the day after the latest purchase on record if that is earlier.
absl::StatusOr<Micros> FindUntil(const std::vector<const store::TableReader*>& shards, const PastForecast& past) {
  RetentionScope scope = past.scope;
  scope.as_of = kEver;
  scope.filter = {};
  scope.known_places.clear();
  KL_ASSIGN_OR_RETURN(const Micros latest, DayAfterLastPurchase(shards, scope));
  return std::min(latest, past.horizon_end);
}

}  // namespace

absl::StatusOr<ForecastScore> ScoreForecast(const std::vector<const store::TableReader*>& shards,
                                            const PastForecast& past, std::optional<Micros> until) {
  ForecastScore score;
  if (until.has_value()) {
    score.scored_until = std::min(*until, past.horizon_end);
  } else {
    KL_ASSIGN_OR_RETURN(score.scored_until, FindUntil(shards, past));
  }
  if (score.scored_until <= past.scope.as_of) return NothingOver();
  const bool whole = score.scored_until == past.horizon_end;
  // The same weeks that were forecast, whatever the clocks did in between.
  const double weeks = whole ? static_cast<double>(past.scope.zone.DayIndex(past.horizon_end) -
                                                   past.scope.zone.DayIndex(past.scope.as_of)) /
                                   7
                             : static_cast<double>(score.scored_until - past.scope.as_of) / kMicrosPerWeek;
  KL_ASSIGN_OR_RETURN(Known known, FindKnown(shards, past, weeks));
  KL_RETURN_IF_ERROR(FindActual(shards, past, known, score));
  for (const forecast::GroupedOutcome& one : known.outcomes) score.expected_purchases += one.outcome.expected;
  if (whole) {
    const auto came = static_cast<double>(score.actual_purchases);
    score.within_interval = came >= past.lower_purchases && came <= past.upper_purchases;
  }
  auto groups = forecast::ScoresByGroup(known.outcomes, kScoreGroups - 1);
  if (!groups.ok()) return NotPossible(groups.status());
  score.groups = *std::move(groups);
  score.all = Join(score.groups);
  std::vector<forecast::Outcome> outcomes;
  outcomes.reserve(known.outcomes.size());
  for (const forecast::GroupedOutcome& one : known.outcomes) outcomes.push_back(one.outcome);
  auto parts = forecast::ScoresByExpectation(std::move(outcomes), kCalibrationParts);
  if (!parts.ok()) return NotPossible(parts.status());
  score.calibration = *std::move(parts);
  score.expected_revenue_micros = known.expected_revenue_micros;
  return score;
}

}  // namespace keyledger::projections
