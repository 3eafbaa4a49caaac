#include "projections/portfolio/wallet.h"

#include <algorithm>

#include "server/base/error.h"

namespace keyledger::projections::portfolio {
namespace {

// The budget in force just before `as_of`; null if there is none.
const HistoryBudget* BudgetInForce(const AccountHistory& history, const std::string& category, Micros as_of) {
  const HistoryBudget* best = nullptr;
  for (const HistoryBudget& budget : history.budgets) {
    if (budget.category != category || budget.start >= as_of || budget.end < as_of) continue;
    const bool declared = budget.basis == events::v1::BUDGET_BASIS_DECLARED;
    if (best == nullptr || declared || best->basis != events::v1::BUDGET_BASIS_DECLARED) best = &budget;
  }
  return best;
}

// Fills a row from a budget; returns false if a sum does not fit.
bool FillFromBudget(const AccountHistory& history, const HistoryBudget& budget, const RetentionScope& scope,
                    WalletRow& row) {
  for (const HistoryTrade& trade : history.trades) {
    if (trade.occurred < budget.start) continue;
    if (!AddMoney(row.revenue_micros, RevenueOf(trade, scope.basis))) return false;
  }
  const int64_t elapsed = scope.as_of - budget.start;
  const int64_t length = budget.end - budget.start;
  const auto part = MulDiv(budget.micros, elapsed, 1, length, RoundingMode::kDown);
  if (!part.has_value()) return false;
  row.budget_micros = *part;
  row.basis = budget.basis == events::v1::BUDGET_BASIS_DECLARED ? WalletBasis::kDeclared : WalletBasis::kEstimated;
  // Of the part before it was rounded, which is never zero.
  row.share = static_cast<double>(static_cast<long double>(row.revenue_micros) * static_cast<long double>(length) /
                                  (static_cast<long double>(budget.micros) * static_cast<long double>(elapsed)));
  return true;
}

}  // namespace

double WalletShareByRank(int32_t place_halves, int32_t suppliers) {
  const double n = suppliers;
  return (1 - place_halves / 2.0 / (n + 1)) * 2 / n;
}

absl::StatusOr<WalletAnswer> ListWalletShares(const Shards& shards, const RetentionScope& scope,
                                              const WalletQuery& query) {
  WalletAnswer out;
  int64_t budgets = 0;
  int64_t revenue = 0;
  const auto visit = [&](uint32_t /*place*/, const AccountHistory& history) -> absl::Status {
    out.account_count += 1;
    out.budgets += std::count_if(history.budgets.begin(), history.budgets.end(),
                                 [&](const HistoryBudget& budget) { return budget.category == query.category; });
    WalletRow row;
    if (const HistoryBudget* budget = BudgetInForce(history, query.category, scope.as_of); budget != nullptr) {
      if (!FillFromBudget(history, *budget, scope, row) || !AddMoney(budgets, row.budget_micros) ||
          !AddMoney(revenue, row.revenue_micros)) {
        return SumOutOfRange();
      }
      out.budgeted += 1;
      out.over_budget += row.share > 1 ? 1 : 0;
    } else if (!history.supplier_ranks.empty()) {
      const HistorySupplierRank& rank = history.supplier_ranks.back();
      row.place_halves = rank.place_halves;
      row.suppliers = rank.suppliers;
      row.share = WalletShareByRank(rank.place_halves, rank.suppliers);
    } else {
      out.unknown += 1;
      return absl::OkStatus();
    }
    if (history.account_id <= query.after_account_id) return absl::OkStatus();
    if (out.accounts.size() == query.page_size) {
      out.next_account_id = out.accounts.back().account_id;
      return absl::OkStatus();
    }
    row.account_id = history.account_id;
    out.accounts.push_back(std::move(row));
    return absl::OkStatus();
  };
  KL_ASSIGN_OR_RETURN(const WalkEnd walked, Walk(shards, scope, HistoryParts::kAll, visit));
  out.currency_code = walked.currency_code;
  if (budgets > 0) out.budgeted_share = static_cast<double>(revenue) / static_cast<double>(budgets);
  return out;
}

}  // namespace keyledger::projections::portfolio
