// Queries of the projection "retention": who came, who stayed, who came back, per period and per cohort, over all
// shards.
//
// An account is active in a period with at least one purchase in it, of any amount, zero included; returns never make
// an account active. Revenue is the purchases' amount (gross), or that minus the returns', each in its own period (net:
// may be negative). Counts and sums are exact, ratios floating point.
//
// Cost: calendar months of UTC of the whole population, as known now and of whole months, are read from month cells
// (month_cells.h), in time that grows with the months and not with the accounts. Everything else is one pass over all
// accounts, with memory for one of them and the answer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "projections/retention/history.h"
#include "server/base/calendar.h"
#include "server/store/table.h"

namespace keyledger::projections {

// Periods an answer may have at most; wider data is refused.
inline constexpr int64_t kRetentionPeriodsMax = 1200;

// Errors common to the queries: INVALID_ARGUMENT (kInvalidField "scope.currency_code" if none is given and the data has
// several; "scope.period" if the data spans more than kRetentionPeriodsMax periods), FAILED_PRECONDITION
// (kArithmeticRange) if a sum leaves 64 bits, DATA_LOSS (kStoreDamaged). No purchase in scope is an empty answer.
// Periods go on to the one in which the data end (data_end.h), though nobody in scope buys any more: who was lost last
// is seen there.

struct RetentionPeriodRow {
  // Number of the period; see Zone::PeriodIndex and FormatPeriod.
  int64_t period = 0;
  int64_t active = 0;
  // Active, never purchased before.
  int64_t fresh = 0;
  // Active in this period and the one before.
  int64_t retained = 0;
  // Active, not in the period before, but earlier.
  int64_t reactivated = 0;
  // Active in the period before, not in this.
  int64_t churned = 0;
  // Active in the period before.
  int64_t start = 0;
  // retained / start. Nothing when start is 0; so is the next.
  std::optional<double> logo_retention;
  // (active - fresh) / start.
  std::optional<double> crr_end_minus_new_over_start;
  // nrr_micros / base_micros. Nothing when base_micros <= 0; so is the next.
  std::optional<double> nrr;
  // grr_micros / base_micros.
  std::optional<double> grr;
  // Revenue of the period, of all accounts.
  int64_t revenue_micros = 0;
  // Revenue now of the accounts active in the period before; the same with at most their revenue then, account by
  // account; their revenue then.
  int64_t nrr_micros = 0;
  int64_t grr_micros = 0;
  int64_t base_micros = 0;
};

struct RetentionTable {
  // From the first purchase's period to the last of the data, without gaps. Returns before or after them are in no
  // period.
  std::vector<RetentionPeriodRow> periods;
  // Empty if there is nothing in scope and none was asked for.
  std::string currency_code;
  // Purchases in scope, and accounts that made them.
  int64_t purchases = 0;
  int64_t accounts = 0;
};

// Requires: no null reader.
absl::StatusOr<RetentionTable> GetRetentionTable(const std::vector<const store::TableReader*>& shards,
                                                 const RetentionScope& scope);

struct CohortRow {
  // Period of the first purchase.
  int64_t period = 0;
  int64_t size = 0;
  // By offset in periods, from 0 up to the last period of the data.
  std::vector<int64_t> active;
  std::vector<int64_t> revenue_micros;
};

struct CohortTable {
  // In time order; periods without a first purchase are left out.
  std::vector<CohortRow> cohorts;
  std::string currency_code;
};

// Net basis: what a cohort's accounts returned before their first purchase is in no offset. Requires: no null reader.
absl::StatusOr<CohortTable> GetCohortTable(const std::vector<const store::TableReader*>& shards,
                                           const RetentionScope& scope);

}  // namespace keyledger::projections
