#include "projections/retention/retention_queries.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "projections/engine/period_finder.h"
#include "projections/retention/data_end.h"
#include "projections/retention/merged_accounts.h"
#include "projections/retention/month_cells.h"
#include "projections/retention/query_sums.h"
#include "server/base/checked.h"
#include "server/base/error.h"

namespace keyledger::projections {
namespace {

// What one account did in one period.
struct AccountPeriod {
  int64_t period = 0;
  int64_t purchases = 0;
  // Of the scope's basis.
  Int128 revenue = 0;
};

// The periods in which the account did anything, ascending.
using ActivePeriods = std::vector<AccountPeriod>;
using ActivityVisitor = std::function<void(const ActivePeriods&)>;

// A row of the answer before its sums are known to fit.
struct PeriodSums {
  RetentionPeriodRow counts;
  Int128 revenue = 0;
  Int128 nrr = 0;
  Int128 grr = 0;
  Int128 base = 0;
};

struct CohortSums {
  std::vector<int64_t> active;
  std::vector<Int128> revenue;
};

// What an answer is made of, however it was found.
struct Found {
  std::string currency_code;
  int64_t purchases = 0;
  int64_t accounts = 0;
  // Period of the first purchase, and the last of the data; meaningful if purchases > 0.
  int64_t first = 0;
  int64_t last = 0;
};

// Puts the trades of each account into their periods, and calls `visit` for each account with a purchase or return in
// scope.
absl::Status FindActivity(const std::vector<const store::TableReader*>& shards, const RetentionScope& scope,
                          Found& found, const ActivityVisitor& visit) {
  KL_ASSIGN_OR_RETURN(const std::optional<Micros> end, FindDataEnd(shards, scope));
  PeriodFinder finder(scope.periods());
  if (end.has_value()) found.last = finder.Find(*end - 1);
  HistoryScan scan(scope, HistoryParts::kTrades);
  ActivePeriods active;
  KL_RETURN_IF_ERROR(scan.Run(shards, [&](const AccountHistory& history) {
    active.clear();
    const int64_t purchases_before = found.purchases;
    for (const HistoryTrade& trade : history.trades) {
      const int64_t period = finder.Find(trade.occurred);
      if (active.empty() || active.back().period != period) active.push_back(AccountPeriod{period});
      active.back().revenue += RevenueOf(trade, scope.basis);
      if (trade.is_return) continue;
      found.first = found.purchases == 0 ? period : std::min(found.first, period);
      found.purchases += 1;
      active.back().purchases += 1;
    }
    found.accounts += found.purchases > purchases_before ? 1 : 0;
    if (!active.empty()) visit(active);
    return absl::OkStatus();
  }));
  found.currency_code = scan.currency();
  return absl::OkStatus();
}

absl::Status CheckSpan(const Found& found, const Periods& periods) {
  if (found.purchases == 0 || found.last - found.first < kRetentionPeriodsMax) return absl::OkStatus();
  return FieldError("scope.period",
                    fmt::format("the data from {} to {} span more than {} periods: choose a longer one",
                                periods.Format(found.first), periods.Format(found.last), kRetentionPeriodsMax));
}

// Counts one account into the rows by period. Rows of periods outside the answer may come into being: they are left
// out of it.
void CountAccount(const ActivePeriods& active, std::map<int64_t, PeriodSums>& rows) {
  const AccountPeriod* previous_active = nullptr;
  for (size_t i = 0; i < active.size(); ++i) {
    const AccountPeriod& now = active[i];
    PeriodSums& row = rows[now.period];
    row.revenue += now.revenue;
    if (now.purchases == 0) continue;
    row.counts.active += 1;
    if (previous_active == nullptr) {
      row.counts.fresh += 1;
    } else if (previous_active->period == now.period - 1) {
      row.counts.retained += 1;
    } else {
      row.counts.reactivated += 1;
    }
    previous_active = &now;

    // What becomes of it in the period after.
    const bool seen = i + 1 < active.size() && active[i + 1].period == now.period + 1;
    const Int128 later = seen ? active[i + 1].revenue : 0;
    PeriodSums& next = rows[now.period + 1];
    next.counts.start += 1;
    next.counts.churned += seen && active[i + 1].purchases > 0 ? 0 : 1;
    next.base += now.revenue;
    next.nrr += later;
    next.grr += std::min(later, now.revenue);
  }
}

// Puts one account into its cohort.
void CountCohort(const ActivePeriods& active, std::map<int64_t, CohortSums>& rows) {
  const auto first = std::find_if(active.begin(), active.end(), [](const AccountPeriod& p) { return p.purchases > 0; });
  if (first == active.end()) return;
  CohortSums& row = rows[first->period];
  for (auto now = first; now != active.end(); ++now) {
    const int64_t offset = now->period - first->period;
    // Wider data is refused in the end.
    if (offset >= kRetentionPeriodsMax) break;
    if (static_cast<size_t>(offset) >= row.active.size()) {
      row.active.resize(static_cast<size_t>(offset) + 1);
      row.revenue.resize(static_cast<size_t>(offset) + 1);
    }
    row.active[static_cast<size_t>(offset)] += now->purchases > 0 ? 1 : 0;
    row.revenue[static_cast<size_t>(offset)] += now->revenue;
  }
}

// The month before which all that is in scope lies, if it is whole months, the cells' own, of everything.
std::optional<int64_t> MonthsEnd(const RetentionScope& scope) {
  constexpr int64_t kEver = std::numeric_limits<int64_t>::max();
  if (scope.unit != CalendarUnit::kMonth || scope.period_length != 1 || !scope.filter.matches_all() ||
      scope.known_at != kEver || !scope.known_places.empty()) {
    return std::nullopt;
  }
  if (scope.as_of == kEver) return kEver;
  const int64_t month = Zone().PeriodIndex(scope.as_of, CalendarUnit::kMonth);
  if (Zone().PeriodStartByIndex(month, CalendarUnit::kMonth) != scope.as_of) return std::nullopt;
  return month;
}

// Whether the zone's months from `first` to `last` are those of UTC, and the days where they meet, too.
bool HasMonthsOfUtc(const Zone& zone, int64_t first, int64_t last) {
  for (int64_t month = first; month <= last + 1; ++month) {
    const Micros start = Zone().PeriodStartByIndex(month, CalendarUnit::kMonth);
    if (zone.PeriodStartByIndex(month, CalendarUnit::kMonth) != start ||
        zone.DayStart(start - 1) != start - kMicrosPerDay ||
        zone.DayStart(start + kMicrosPerDay) != start + kMicrosPerDay) {
      return false;
    }
  }
  return true;
}

// What the cells say of a scope.
struct CellSums {
  std::map<int64_t, PeriodSums> periods;
  std::map<int64_t, CohortSums> cohorts;
};

// Adds one cell: to its month, to what the month after is measured against, and to its cohort.
void AddCell(int64_t month, int64_t cohort, const MonthCell& cell, bool net, CellSums& sums) {
  PeriodSums& row = sums.periods[month];
  row.counts.active += cell.active;
  row.counts.retained += cell.retained;
  (cohort == month ? row.counts.fresh : row.counts.reactivated) += cell.active - cell.retained;
  const Int128 revenue = net ? cell.net_micros : cell.gross_micros;
  row.revenue += revenue;
  row.nrr += net ? cell.nrr_net_micros : cell.nrr_gross_micros;
  row.grr += net ? cell.grr_net_micros : cell.grr_gross_micros;
  row.counts.churned -= cell.retained;
  PeriodSums& next = sums.periods[month + 1];
  next.counts.start += cell.active;
  next.counts.churned += cell.active;
  next.base += net ? cell.active_net_micros : cell.gross_micros;
  if (cohort == kNoCohort) return;
  CohortSums& of_cohort = sums.cohorts[cohort];
  const auto offset = static_cast<size_t>(month - cohort);
  if (offset >= of_cohort.active.size()) {
    of_cohort.active.resize(offset + 1);
    of_cohort.revenue.resize(offset + 1);
  }
  of_cohort.active[offset] += cell.active;
  of_cohort.revenue[offset] += revenue;
}

// The month in which the data end, by the cells of all currencies; nothing without a purchase. Where accounts are in no
// cell, it is looked for among the accounts.
absl::StatusOr<std::optional<int64_t>> LastMonth(const std::vector<const store::TableReader*>& shards,
                                                 const RetentionScope& scope, const CellCurrencies& traded) {
  constexpr int64_t kEver = std::numeric_limits<int64_t>::max();
  if (scope.as_of != kEver) return std::optional(Zone().PeriodIndex(scope.as_of - 1, CalendarUnit::kMonth));
  std::optional<int64_t> last;
  if (!traded.incomplete.empty()) {
    KL_ASSIGN_OR_RETURN(const std::optional<Micros> end, FindDataEnd(shards, scope));
    if (end.has_value()) last = scope.zone.PeriodIndex(*end - 1, CalendarUnit::kMonth);
    return last;
  }
  for (const std::string& currency : traded.currencies) {
    KL_RETURN_IF_ERROR(ReadMonthCells(shards, currency, kEver, [&](int64_t month, int64_t, const MonthCell& cell) {
      if (cell.purchases > 0) last = std::max(last.value_or(month), month);
      return true;
    }));
  }
  return last;
}

// The answer to the scope from the cells; nothing if they cannot say.
absl::StatusOr<std::optional<CellSums>> FindInCells(const std::vector<const store::TableReader*>& shards,
                                                    const RetentionScope& scope, Found& found) {
  const std::optional<int64_t> end = MonthsEnd(scope);
  if (!end.has_value()) return std::optional<CellSums>();
  // What was merged stands in the cells of two accounts.
  KL_ASSIGN_OR_RETURN(const MergedAccounts merged, MergedAccounts::Read(shards, scope));
  if (!merged.empty()) return std::optional<CellSums>();
  KL_ASSIGN_OR_RETURN(const CellCurrencies traded, ListCellCurrencies(shards, *end));
  found.currency_code = scope.currency_code;
  if (found.currency_code.empty()) {
    if (traded.currencies.size() > 1) return std::optional<CellSums>();
    if (!traded.currencies.empty()) found.currency_code = *traded.currencies.begin();
  }
  if (traded.incomplete.contains(found.currency_code)) return std::optional<CellSums>();
  CellSums sums;
  int64_t earliest = std::numeric_limits<int64_t>::max();
  int64_t latest = std::numeric_limits<int64_t>::min();
  KL_RETURN_IF_ERROR(
      ReadMonthCells(shards, found.currency_code, *end, [&](int64_t month, int64_t cohort, const MonthCell& cell) {
        earliest = std::min(earliest, month);
        latest = std::max(latest, month);
        // What is wider is not gathered.
        if (latest - earliest >= kRetentionPeriodsMax) return false;
        AddCell(month, cohort, cell, scope.basis == RevenueBasis::kNet, sums);
        if (cell.purchases == 0) return true;
        found.first = found.purchases == 0 ? month : std::min(found.first, month);
        found.purchases += cell.purchases;
        found.accounts += cohort == month ? cell.active : 0;
        return true;
      }));
  if (earliest > latest) return std::optional<CellSums>(std::move(sums));
  KL_ASSIGN_OR_RETURN(const std::optional<int64_t> last, LastMonth(shards, scope, traded));
  found.last = last.value_or(latest);
  latest = std::max(latest, found.last);
  if (latest - earliest >= kRetentionPeriodsMax || !HasMonthsOfUtc(scope.zone, earliest, latest)) {
    return std::optional<CellSums>();
  }
  return std::optional<CellSums>(std::move(sums));
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

absl::StatusOr<RetentionTable> MakeRetentionTable(const Found& found, std::map<int64_t, PeriodSums> rows) {
  RetentionTable table;
  table.currency_code = found.currency_code;
  table.purchases = found.purchases;
  table.accounts = found.accounts;
  if (found.purchases == 0) return table;
  for (int64_t period = found.first; period <= found.last; ++period) {
    const PeriodSums& sums = rows[period];
    RetentionPeriodRow& row = table.periods.emplace_back(sums.counts);
    row.period = period;
    if (!Narrow(sums.revenue, row.revenue_micros) || !Narrow(sums.nrr, row.nrr_micros) ||
        !Narrow(sums.grr, row.grr_micros) || !Narrow(sums.base, row.base_micros)) {
      return MoneyOutOfRange();
    }
    FillRatios(row);
  }
  return table;
}

absl::StatusOr<CohortTable> MakeCohortTable(const Found& found, std::map<int64_t, CohortSums> rows) {
  CohortTable table;
  table.currency_code = found.currency_code;
  for (auto& [period, sums] : rows) {
    CohortRow& row = table.cohorts.emplace_back();
    row.period = period;
    const auto offsets = static_cast<size_t>(found.last - period + 1);
    row.active = std::move(sums.active);
    row.active.resize(offsets);
    row.size = row.active[0];
    sums.revenue.resize(offsets);
    row.revenue_micros.resize(offsets);
    for (size_t i = 0; i < offsets; ++i) {
      if (!Narrow(sums.revenue[i], row.revenue_micros[i])) return MoneyOutOfRange();
    }
  }
  return table;
}

}  // namespace

absl::StatusOr<RetentionTable> GetRetentionTable(const std::vector<const store::TableReader*>& shards,
                                                 const RetentionScope& scope) {
  Found in_cells;
  KL_ASSIGN_OR_RETURN(std::optional<CellSums> sums, FindInCells(shards, scope, in_cells));
  if (sums.has_value()) return MakeRetentionTable(in_cells, std::move(sums->periods));
  Found found;
  std::map<int64_t, PeriodSums> rows;
  KL_RETURN_IF_ERROR(
      FindActivity(shards, scope, found, [&rows](const ActivePeriods& active) { CountAccount(active, rows); }));
  KL_RETURN_IF_ERROR(CheckSpan(found, scope.periods()));
  return MakeRetentionTable(found, std::move(rows));
}

absl::StatusOr<CohortTable> GetCohortTable(const std::vector<const store::TableReader*>& shards,
                                           const RetentionScope& scope) {
  Found in_cells;
  KL_ASSIGN_OR_RETURN(std::optional<CellSums> sums, FindInCells(shards, scope, in_cells));
  if (sums.has_value()) return MakeCohortTable(in_cells, std::move(sums->cohorts));
  Found found;
  std::map<int64_t, CohortSums> rows;
  KL_RETURN_IF_ERROR(
      FindActivity(shards, scope, found, [&rows](const ActivePeriods& active) { CountCohort(active, rows); }));
  KL_RETURN_IF_ERROR(CheckSpan(found, scope.periods()));
  return MakeCohortTable(found, std::move(rows));
}

}  // namespace keyledger::projections
