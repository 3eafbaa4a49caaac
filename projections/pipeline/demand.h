// Demand: what accounts were expected to order, held against what they ordered and bought, by period.
//
// A forecast counts in the period in which its stretch ends. Of an account and a period, what the account declared goes
// before what we estimated, and a forecast of everything before those of categories. Accounts that were merged are one:
// what was expected of each is added up, as are their orders.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "projections/pipeline/pipeline_scan.h"
#include "projections/retention/history.h"

namespace keyledger::projections::pipeline {

struct DemandQuery {
  // Only periods that begin at this moment or later.
  Micros start = std::numeric_limits<int64_t>::min();
  // Empty: everything.
  std::string category;
};

// Figures of a period as DemandRow has them, in units.
struct DemandUnits {
  int64_t declared = 0;
  int64_t estimated = 0;
  int64_t ordered = 0;
  std::optional<int64_t> bought;
  int64_t accounts = 0;
  std::optional<double> mean_error;
  std::optional<double> ratio;
};

struct DemandRow {
  // See Periods.
  int64_t period = 0;
  int64_t declared_micros = 0;
  // Of accounts that declared nothing for it.
  int64_t estimated_micros = 0;
  // Of all accounts, what was cancelled left out.
  int64_t ordered_micros = 0;
  // By accounts with a forecast of the period, on the scope's basis. Nothing with a category.
  std::optional<int64_t> bought_micros;
  // With a forecast of the period, in money and more than zero.
  int64_t accounts = 0;
  // Of them: mean of |ordered - forecast| / forecast; ordered by forecast, of all together.
  std::optional<double> mean_error;
  std::optional<double> ratio;
  // Of forecasts and orders that say so many units, whatever the currency; bought in the answer's currency.
  DemandUnits units;
};

struct DemandAnswer {
  // Those with a forecast or an order, in time order.
  std::vector<DemandRow> periods;
  std::string currency_code;
};

// Money of the scope's currency, or of the only one of the trades. Memory: a few numbers for each account and period
// with a forecast, and the ids of accounts with items. Errors: those of EngagementScan and HistoryScan;
// FAILED_PRECONDITION (kArithmeticRange).
absl::StatusOr<DemandAnswer> GetDemand(const Shards& engagement_shards, const Shards& retention_shards,
                                       const RetentionScope& scope, const DemandQuery& query);

}  // namespace keyledger::projections::pipeline
