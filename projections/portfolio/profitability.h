// Profitability: what each account brings and what it costs, the greatest profit or the greatest loss first.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "projections/portfolio/portfolio_measure.h"

namespace keyledger::projections::portfolio {

struct ProfitabilityQuery {
  Micros start = kFromTheBeginning;
  // Only accounts that lose money, the greatest loss first.
  bool loss_making_only = false;
  // At least 1.
  size_t page_size = 100;
  // ProfitabilityAnswer::next of the page before; empty: the first page.
  std::string after;
};

struct ProfitabilityRow {
  // Empty in a total.
  std::string account_id;
  int64_t revenue_micros = 0;
  int64_t goods_cost_micros = 0;
  int64_t margin_micros = 0;
  int64_t serve_cost_micros = 0;
  int64_t profit_micros = 0;
  int64_t acquisition_cost_micros = 0;
};

struct ProfitabilityAnswer {
  std::vector<ProfitabilityRow> accounts;
  ProfitabilityRow total;
  // Accounts with a trade or a cost in the stretch; of them those that lose money, and what they lose together.
  int64_t account_count = 0;
  int64_t loss_making = 0;
  int64_t loss_micros = 0;
  // Pearson's, of revenue and cost to serve over the accounts. Nothing where one of them does not vary.
  std::optional<double> revenue_cost_correlation;
  int64_t costs_left_out = 0;
  // In the stretch, and of them those whose cost is not recorded.
  int64_t purchases = 0;
  int64_t purchases_without_cost = 0;
  // Where the next page begins; empty on the last.
  std::string next;
  std::string currency_code;
};

// The stretch ends at scope.as_of; scope.basis is not used: profit is net. Ties by account_id. A page begins after the
// last account of the page before, by its order, even if others moved meanwhile. Memory: 32 bytes an account.
// Errors: as HistoryScan::Run; FAILED_PRECONDITION (kArithmeticRange); INVALID_ARGUMENT (kInvalidToken) if `after` is
// none.
absl::StatusOr<ProfitabilityAnswer> ListProfitability(const Shards& shards, const RetentionScope& scope,
                                                      const ProfitabilityQuery& query);

}  // namespace keyledger::projections::portfolio
