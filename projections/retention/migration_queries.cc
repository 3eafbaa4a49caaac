#include "projections/retention/migration_queries.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "projections/forecast/markov.h"
#include "projections/retention/data_end.h"
#include "projections/retention/migration_paths.h"
#include "projections/retention/query_sums.h"
#include "projections/retention/retention_queries.h"
#include "server/base/error.h"

namespace keyledger::projections {
namespace {

// What the second walk counts.
struct Tally {
  int64_t first = 0;
  size_t states = 0;
  // By step, from, to.
  std::vector<int64_t> moves;
  // By state: accounts and periods in it, and what they brought.
  std::vector<int64_t> stays;
  std::vector<int64_t> revenue_micros;

  int64_t& Move(size_t step, size_t from, size_t to) { return moves[(step * states + from) * states + to]; }
  size_t steps() const { return states == 0 ? 0 : moves.size() / (states * states); }
};

// Adds one account; returns false if a sum of money does not fit.
bool Count(const MigrationPath& path, const std::vector<TradedPeriod>& traded, Tally& tally) {
  auto next = traded.begin();
  for (size_t i = 0; i < path.states.size(); ++i) {
    const int64_t period = path.start + static_cast<int64_t>(i);
    const size_t state = path.states[i];
    tally.stays[state] += 1;
    if (i > 0) tally.Move(static_cast<size_t>(period - 1 - tally.first), path.states[i - 1], state) += 1;
    while (next != traded.end() && next->period < period) ++next;
    if (next == traded.end() || next->period != period) continue;
    if (!AddTo(tally.revenue_micros[state], next->revenue_micros)) return false;
  }
  return true;
}

absl::Status CheckSize(const Periods& periods, int64_t first, int64_t last, size_t states) {
  if (last - first >= kRetentionPeriodsMax) {
    return FieldError("scope.period",
                      fmt::format("the data from {} to {} span more than {} periods: choose a longer one",
                                  periods.Format(first), periods.Format(last), kRetentionPeriodsMax));
  }
  if ((last - first) * static_cast<int64_t>(states * states) > kMigrationCountsMax) {
    return FieldError(
        "scope.period",
        fmt::format("{} steps between {} states are more than {} counts: choose a longer period, or fewer "
                    "states",
                    last - first, states, kMigrationCountsMax));
  }
  return absl::OkStatus();
}

// Walks twice and counts. `states` stays empty if nothing is in scope.
absl::StatusOr<Tally> CountAll(const std::vector<const store::TableReader*>& shards, const RetentionScope& scope,
                               MigrationPaths& paths, std::string& currency) {
  PeriodFinder periods(scope.periods());
  std::vector<TradedPeriod> traded;
  HistoryScan survey(scope, paths.parts());
  KL_RETURN_IF_ERROR(survey.Run(shards, [&](const AccountHistory& account) -> absl::Status {
    if (!SumByPeriod(account, scope.basis, periods, traded)) return MoneyOutOfRange();
    return paths.Survey(account, traded);
  }));
  currency = survey.currency();
  RetentionScope same = scope;
  same.currency_code = currency;
  Tally tally;
  int64_t last = 0;
  if (!paths.Settle(tally.first, last)) return tally;
  const size_t states = paths.states().size();
  KL_RETURN_IF_ERROR(CheckSize(scope.periods(), tally.first, last, states));
  KL_RETURN_IF_ERROR(paths.Prepare(shards, same));
  tally.states = states;
  tally.moves.resize(static_cast<size_t>(last - tally.first) * states * states);
  tally.stays.resize(states);
  tally.revenue_micros.resize(states);
  MigrationPath path;
  HistoryScan trace(same, paths.parts());
  KL_RETURN_IF_ERROR(trace.Run(shards, [&](const AccountHistory& account) -> absl::Status {
    if (!SumByPeriod(account, scope.basis, periods, traded)) return MoneyOutOfRange();
    if (!paths.Trace(account, traded, path)) return absl::OkStatus();
    return Count(path, traded, tally) ? absl::OkStatus() : MoneyOutOfRange();
  }));
  return tally;
}

// Makes the answer's squares of the states in `kept`.
void FillCounts(Tally& tally, const std::vector<size_t>& kept, MigrationTable& table) {
  const std::vector<int64_t> zeros(kept.size());
  table.counts.assign(kept.size(), zeros);
  for (size_t step = 0; step < tally.steps(); ++step) {
    MigrationStep& out = table.steps.emplace_back();
    out.period = tally.first + static_cast<int64_t>(step);
    out.sizes = zeros;
    out.counts.assign(kept.size(), zeros);
    for (size_t i = 0; i < kept.size(); ++i) {
      for (size_t j = 0; j < kept.size(); ++j) {
        const int64_t moved = tally.Move(step, kept[i], kept[j]);
        out.counts[i][j] = moved;
        out.sizes[i] += moved;
        table.counts[i][j] += moved;
      }
    }
  }
}

absl::Status FillRewards(const Tally& tally, const std::vector<size_t>& kept, const MigrationQuestion& question,
                         MigrationTable& table) {
  if (!question.reward_micros.empty()) {
    if (question.reward_micros.size() != kept.size()) {
      return FieldError("reward_micros",
                        fmt::format("has {} entries where there are {} states ({})", question.reward_micros.size(),
                                    kept.size(), fmt::join(table.states, ", ")));
    }
    table.reward_micros.assign(question.reward_micros.begin(), question.reward_micros.end());
    return absl::OkStatus();
  }
  for (const size_t state : kept) {
    const int64_t stays = tally.stays[state];
    table.reward_micros.push_back(
        stays == 0 ? 0 : static_cast<double>(tally.revenue_micros[state]) / static_cast<double>(stays));
  }
  return absl::OkStatus();
}

// The long run, of what was counted.
absl::Status FillLongRun(const MigrationQuestion& question, MigrationTable& table) {
  KL_ASSIGN_OR_RETURN(const auto matrix, forecast::TransitionMatrix::FromCounts(table.counts));
  for (size_t i = 0; i < matrix.states(); ++i) table.rates.push_back(matrix.row(i));
  if (!matrix.unseen().empty()) return absl::OkStatus();
  KL_ASSIGN_OR_RETURN(forecast::SteadyState steady, forecast::FindSteadyState(matrix));
  table.steady_state = std::move(steady.shares);
  if (question.discount_milli.value_or(0) == 0) return absl::OkStatus();
  // Sums of micros are scaled by a power of two, which changes no digit, into the range that values are computed in.
  constexpr double kScale = 1024;
  std::vector<double> rewards = table.reward_micros;
  for (double& reward : rewards) reward /= kScale;
  KL_ASSIGN_OR_RETURN(table.value_micros,
                      forecast::LifetimeValues(matrix, rewards, static_cast<double>(*question.discount_milli) / 1000));
  for (double& value : table.value_micros) value *= kScale;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<MigrationTable> GetMigrationTable(const std::vector<const store::TableReader*>& shards,
                                                 const RetentionScope& scope, const MigrationQuestion& question) {
  KL_ASSIGN_OR_RETURN(const std::optional<Micros> end, FindDataEnd(shards, scope));
  // Without a purchase the standings alone say where they end.
  const int64_t last = end.has_value() ? scope.periods().IndexAt(*end - 1) : std::numeric_limits<int64_t>::min();
  const std::unique_ptr<MigrationPaths> paths = MakeMigrationPaths(scope, question, last);
  MigrationTable table;
  KL_ASSIGN_OR_RETURN(Tally tally, CountAll(shards, scope, *paths, table.currency_code));
  if (tally.states == 0) return table;
  const std::vector<std::string> states = paths->states();
  std::vector<size_t> kept;
  for (size_t i = 0; i < states.size(); ++i) {
    if (paths->leaves_out_empty_states() && tally.stays[i] == 0) continue;
    kept.push_back(i);
    table.states.push_back(states[i]);
  }
  FillCounts(tally, kept, table);
  KL_RETURN_IF_ERROR(FillRewards(tally, kept, question, table));
  KL_RETURN_IF_ERROR(FillLongRun(question, table));
  return table;
}

}  // namespace keyledger::projections
