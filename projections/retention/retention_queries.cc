#include "projections/retention/retention_queries.h"

#include <algorithm>
#include <functional>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "projections/engine/period_finder.h"
#include "server/base/error.h"

namespace keyledger::projections {
namespace {

// What one account did in one period.
struct AccountPeriod {
  int64_t period = 0;
  int64_t purchases = 0;
  // Of the scope's basis.
  int64_t revenue_micros = 0;
};

// The periods in which the account did anything, ascending.
using ActivePeriods = std::vector<AccountPeriod>;
using ActivityVisitor = std::function<absl::Status(const ActivePeriods&)>;

absl::Status OutOfRange() {
  return MakeError(Reason::kArithmeticRange, "a sum of money does not fit in 64 bits; narrow the scope");
}

// Adds `more` to `sum`; returns false if the result does not fit.
bool AddTo(int64_t& sum, int64_t more) { return !__builtin_add_overflow(sum, more, &sum); }

// Puts the trades of each account into their periods.
class Activity {
 public:
  explicit Activity(const RetentionScope& scope)
      : scope_(scope), finder_(scope.periods()), scan_(scope, HistoryParts::kTrades) {}

  // Calls `visit` for each account with at least one purchase or return in scope.
  absl::Status Run(const std::vector<const store::TableReader*>& shards, const ActivityVisitor& visit) {
    ActivePeriods active;
    return scan_.Run(shards, [&](const AccountHistory& history) -> absl::Status {
      active.clear();
      for (const HistoryTrade& trade : history.trades) {
        if (!Add(trade, active)) return OutOfRange();
      }
      return active.empty() ? absl::OkStatus() : visit(active);
    });
  }

  const std::string& currency() const { return scan_.currency(); }
  // Period of the first and the last purchase; meaningful if purchases() > 0.
  int64_t first() const { return first_; }
  int64_t last() const { return last_; }
  int64_t purchases() const { return purchases_; }

 private:
  bool Add(const HistoryTrade& trade, ActivePeriods& active) {
    const int64_t period = finder_.Find(trade.occurred);
    if (active.empty() || active.back().period != period) active.push_back(AccountPeriod{period, 0, 0});
    AccountPeriod& current = active.back();
    if (!trade.is_return) {
      first_ = purchases_ == 0 ? period : std::min(first_, period);
      last_ = purchases_ == 0 ? period : std::max(last_, period);
      purchases_ += 1;
      current.purchases += 1;
    }
    return AddTo(current.revenue_micros, RevenueOf(trade, scope_.basis));
  }

  const RetentionScope& scope_;
  PeriodFinder finder_;
  HistoryScan scan_;
  int64_t first_ = 0;
  int64_t last_ = 0;
  int64_t purchases_ = 0;
};

absl::Status CheckSpan(const Activity& activity, const Periods& periods) {
  if (activity.purchases() == 0 || activity.last() - activity.first() < kRetentionPeriodsMax) return absl::OkStatus();
  return FieldError(
      "scope.period",
      fmt::format("purchases from {} to {} span more than {} periods: choose a longer one",
                  periods.Format(activity.first()), periods.Format(activity.last()), kRetentionPeriodsMax));
}

// Counts one account into the rows by period; returns false if a sum does not fit. Rows of periods outside the answer
// may come into being: the caller leaves them out.
bool CountAccount(const ActivePeriods& history, std::map<int64_t, RetentionPeriodRow>& rows) {
  const AccountPeriod* previous_active = nullptr;
  bool fits = true;
  for (size_t i = 0; i < history.size(); ++i) {
    const AccountPeriod& now = history[i];
    RetentionPeriodRow& row = rows[now.period];
    fits = fits && AddTo(row.revenue_micros, now.revenue_micros);
    if (now.purchases == 0) continue;
    row.active += 1;
    if (previous_active == nullptr) {
      row.fresh += 1;
    } else if (previous_active->period == now.period - 1) {
      row.retained += 1;
    } else {
      row.reactivated += 1;
    }
    previous_active = &now;

    // What becomes of it in the period after.
    const bool seen = i + 1 < history.size() && history[i + 1].period == now.period + 1;
    const int64_t later = seen ? history[i + 1].revenue_micros : 0;
    RetentionPeriodRow& next = rows[now.period + 1];
    next.start += 1;
    next.churned += seen && history[i + 1].purchases > 0 ? 0 : 1;
    fits = fits && AddTo(next.base_micros, now.revenue_micros) && AddTo(next.nrr_micros, later) &&
           AddTo(next.grr_micros, std::min(later, now.revenue_micros));
  }
  return fits;
}

void FillRatios(RetentionPeriodRow& row) {
  if (row.start > 0) {
    row.logo_retention = static_cast<double>(row.retained) / static_cast<double>(row.start);
    row.crr_end_minus_new_over_start = static_cast<double>(row.active - row.fresh) / static_cast<double>(row.start);
  }
  if (row.base_micros > 0) {
    row.nrr = static_cast<double>(row.nrr_micros) / static_cast<double>(row.base_micros);
    row.grr = static_cast<double>(row.grr_micros) / static_cast<double>(row.base_micros);
  }
}

}  // namespace

absl::StatusOr<RetentionTable> GetRetentionTable(const std::vector<const store::TableReader*>& shards,
                                                 const RetentionScope& scope) {
  RetentionTable table;
  std::map<int64_t, RetentionPeriodRow> rows;
  Activity activity(scope);
  KL_RETURN_IF_ERROR(activity.Run(shards, [&](const ActivePeriods& history) -> absl::Status {
    const bool bought =
        std::any_of(history.begin(), history.end(), [](const AccountPeriod& p) { return p.purchases > 0; });
    table.accounts += bought ? 1 : 0;
    return CountAccount(history, rows) ? absl::OkStatus() : OutOfRange();
  }));
  KL_RETURN_IF_ERROR(CheckSpan(activity, scope.periods()));
  table.currency_code = activity.currency();
  table.purchases = activity.purchases();
  if (activity.purchases() == 0) return table;
  for (int64_t period = activity.first(); period <= activity.last(); ++period) {
    RetentionPeriodRow& row = table.periods.emplace_back(rows[period]);
    row.period = period;
    FillRatios(row);
  }
  return table;
}

absl::StatusOr<CohortTable> GetCohortTable(const std::vector<const store::TableReader*>& shards,
                                           const RetentionScope& scope) {
  std::map<int64_t, CohortRow> rows;
  Activity activity(scope);
  KL_RETURN_IF_ERROR(activity.Run(shards, [&](const ActivePeriods& history) -> absl::Status {
    const auto first =
        std::find_if(history.begin(), history.end(), [](const AccountPeriod& p) { return p.purchases > 0; });
    if (first == history.end()) return absl::OkStatus();
    CohortRow& row = rows[first->period];
    row.size += 1;
    for (auto now = first; now != history.end(); ++now) {
      const int64_t offset = now->period - first->period;
      if (offset >= kRetentionPeriodsMax) break;
      if (static_cast<size_t>(offset) >= row.active.size()) {
        row.active.resize(static_cast<size_t>(offset) + 1);
        row.revenue_micros.resize(static_cast<size_t>(offset) + 1);
      }
      row.active[static_cast<size_t>(offset)] += now->purchases > 0 ? 1 : 0;
      if (!AddTo(row.revenue_micros[static_cast<size_t>(offset)], now->revenue_micros)) return OutOfRange();
    }
    return absl::OkStatus();
  }));
  KL_RETURN_IF_ERROR(CheckSpan(activity, scope.periods()));
  CohortTable table;
  table.currency_code = activity.currency();
  for (auto& [period, row] : rows) {
    row.period = period;
    const auto offsets = static_cast<size_t>(activity.last() - period + 1);
    row.active.resize(offsets);
    row.revenue_micros.resize(offsets);
    table.cohorts.push_back(std::move(row));
  }
  return table;
}

}  // namespace keyledger::projections
