// Acquisition against retention: what it costs to win an account and to keep one, by period.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "projections/portfolio/portfolio_measure.h"

namespace keyledger::projections::portfolio {

struct AcquisitionRow {
  // See Periods; no meaning in a total.
  int64_t period = 0;
  int64_t acquisition_cost_micros = 0;
  // Accounts with their first purchase in the period. acquisition_cost / won; nothing without a cost or an account.
  int64_t won = 0;
  std::optional<double> cost_per_won_micros;
  int64_t retention_cost_micros = 0;
  // Accounts active in the period and the one before. retention_cost / kept; nothing without a cost or an account. In a
  // total, the cost of the periods up to the first purchase's is left out of it: nobody can be kept in them.
  int64_t kept = 0;
  std::optional<double> cost_per_kept_micros;
  // cost_per_won / cost_per_kept; nothing where one is absent.
  std::optional<double> ratio;
};

struct AcquisitionAnswer {
  // From the first period with a purchase or a cost of acquisition or retention to the last, without gaps.
  std::vector<AcquisitionRow> periods;
  AcquisitionRow total;
  int64_t costs_left_out = 0;
  std::string currency_code;
};

// Memory: the periods.
// Errors: as HistoryScan::Run; FAILED_PRECONDITION (kArithmeticRange); INVALID_ARGUMENT (kInvalidField "scope.period")
// if they are more than kRetentionPeriodsMax.
absl::StatusOr<AcquisitionAnswer> GetAcquisition(const Shards& shards, const RetentionScope& scope);

}  // namespace keyledger::projections::portfolio
