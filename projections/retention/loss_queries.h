// What fewer losses would be worth, on the ledger's own data: the retention of all periods together, carried on.
//
// Only periods count that were over when the data end (data_end.h): of the running one nobody knows yet who will be
// active in it.
//
// Of an account active in a period a share `loss` is not active in the next. An account active now is worth margin *
// sum over t = 0, 1, ... of ((1 - loss) / (1 + discount))^t.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "projections/retention/history.h"

namespace keyledger::projections {

struct LossTerms {
  // Share of the losses avoided, above 0 to 1.
  double fewer = 0.05;
  // On revenue; nothing: that of the purchases that carry cost, 1 without any.
  std::optional<double> margin;
  // Per period.
  double discount = 0;
  // Periods ahead; 0: without end.
  int periods = 0;
};

struct LossEffect {
  std::string currency_code;
  double loss_rate = 0;
  double reduced_loss_rate = 0;
  double margin_micros = 0;
  double value_micros = 0;
  double reduced_value_micros = 0;
  // Active in the last period that is over.
  int64_t accounts = 0;
  // That period, as Periods::Format writes it.
  std::string last_period;
  double gain_micros = 0;
  // 0 where the value is.
  double gain_share = 0;
};

// Errors: FAILED_PRECONDITION (kForecastNotPossible) if no period that is over follows one with an active account;
// INVALID_ARGUMENT (kInvalidField "periods") if a sum without end has neither discount nor losses; those of
// GetRetentionTable.
absl::StatusOr<LossEffect> GetLossEffect(const std::vector<const store::TableReader*>& shards,
                                         const RetentionScope& scope, const LossTerms& terms);

}  // namespace keyledger::projections
