// Share of wallet: what part of its budget each account spends with us; where no budget is known, by our place among
// its suppliers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "projections/portfolio/portfolio_measure.h"

namespace keyledger::projections::portfolio {

enum class WalletBasis { kDeclared, kEstimated, kRank };

struct WalletQuery {
  // Of the budgets; empty: those for everything.
  std::string category;
  // At least 1.
  size_t page_size = 100;
  // Last account of the page before; empty: the first page.
  std::string after_account_id;
};

struct WalletRow {
  std::string account_id;
  WalletBasis basis = WalletBasis::kRank;
  double share = 0;
  // By budget: the part of it that lies before as_of, in proportion to time and rounded down; revenue in that part.
  int64_t budget_micros = 0;
  int64_t revenue_micros = 0;
  // By rank.
  int32_t place_halves = 0;
  int32_t suppliers = 0;
};

struct WalletAnswer {
  // Accounts with a share, in account_id order.
  std::vector<WalletRow> accounts;
  int64_t account_count = 0;
  // With a share by budget; the revenue of all of them by their budgets. Nothing without one.
  int64_t budgeted = 0;
  std::optional<double> budgeted_share;
  // Of the budgeted: those that bought for more than their budget.
  int64_t over_budget = 0;
  // Budgets of the category, in force or not.
  int64_t budgets = 0;
  // With neither a budget in force nor a place among the suppliers.
  int64_t unknown = 0;
  // Last account of this page; empty on the last page.
  std::string next_account_id;
  std::string currency_code;
};

// The budget taken is the one in force just before scope.as_of; of several a declared one, of those the one stated
// last. Memory: one page.
// Requires: scope.as_of is a moment.
// Errors: as HistoryScan::Run; FAILED_PRECONDITION (kArithmeticRange).
absl::StatusOr<WalletAnswer> ListWalletShares(const Shards& shards, const RetentionScope& scope,
                                              const WalletQuery& query);

// The wallet allocation rule (Keiningham and others): (1 - rank / (suppliers + 1)) * 2 / suppliers, rank in halves.
double WalletShareByRank(int32_t place_halves, int32_t suppliers);

}  // namespace keyledger::projections::portfolio
