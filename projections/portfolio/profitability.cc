#include "projections/portfolio/profitability.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "projections/portfolio/page_key.h"
#include "server/base/error.h"

namespace keyledger::projections::portfolio {
namespace {

// What is kept of an account: 32 bytes.
struct Account {
  int64_t profit_micros = 0;
  int64_t revenue_micros = 0;
  int64_t serve_cost_micros = 0;
  uint32_t place = 0;
};

ProfitabilityRow RowOf(const StretchFigures& figures) {
  return {"",
          figures.net_micros,
          figures.goods_cost_micros,
          figures.margin_micros,
          figures.serve_cost_micros,
          figures.profit_micros,
          figures.acquisition_cost_micros};
}

bool AddRow(const ProfitabilityRow& row, ProfitabilityRow& total) {
  return AddMoney(total.revenue_micros, row.revenue_micros) &&
         AddMoney(total.goods_cost_micros, row.goods_cost_micros) && AddMoney(total.margin_micros, row.margin_micros) &&
         AddMoney(total.serve_cost_micros, row.serve_cost_micros) && AddMoney(total.profit_micros, row.profit_micros) &&
         AddMoney(total.acquisition_cost_micros, row.acquisition_cost_micros);
}

// In the order of the walk, so that the last digits do not depend on the shards.
std::optional<double> Correlation(std::span<const Account> accounts) {
  const auto n = static_cast<long double>(accounts.size());
  long double mean_x = 0;
  long double mean_y = 0;
  bool x_varies = false;
  bool y_varies = false;
  for (const Account& account : accounts) {
    mean_x += static_cast<long double>(account.revenue_micros) / n;
    mean_y += static_cast<long double>(account.serve_cost_micros) / n;
    x_varies = x_varies || account.revenue_micros != accounts[0].revenue_micros;
    y_varies = y_varies || account.serve_cost_micros != accounts[0].serve_cost_micros;
  }
  if (!x_varies || !y_varies) return std::nullopt;
  long double xx = 0;
  long double yy = 0;
  long double xy = 0;
  for (const Account& account : accounts) {
    const long double x = static_cast<long double>(account.revenue_micros) - mean_x;
    const long double y = static_cast<long double>(account.serve_cost_micros) - mean_y;
    xx += x * x;
    yy += y * y;
    xy += x * y;
  }
  return static_cast<double>(xy / (std::sqrt(xx) * std::sqrt(yy)));
}

}  // namespace

absl::StatusOr<ProfitabilityAnswer> ListProfitability(const Shards& shards, const RetentionScope& scope,
                                                      const ProfitabilityQuery& query) {
  std::optional<PageKey> after;
  if (!query.after.empty()) {
    KL_ASSIGN_OR_RETURN(after, ParsePageKey(query.after));
  }
  ProfitabilityAnswer out;
  std::vector<Account> accounts;
  // Place of the last account up to the page key's; -1: none.
  int64_t after_place = -1;
  KL_ASSIGN_OR_RETURN(
      const WalkEnd walked,
      Walk(shards, scope, HistoryParts::kAll, [&](uint32_t place, const AccountHistory& history) -> absl::Status {
        if (after.has_value() && history.account_id <= after->account_id) after_place = int64_t{place};
        StretchFigures figures;
        if (!MeasureStretch(history, query.start, scope.as_of, figures)) return SumOutOfRange();
        if (figures.entries == 0) return absl::OkStatus();
        if (!AddRow(RowOf(figures), out.total)) return SumOutOfRange();
        out.purchases += figures.purchases;
        out.purchases_without_cost += figures.without_cost;
        if (figures.profit_micros < 0) {
          out.loss_making += 1;
          if (!AddMoney(out.loss_micros, figures.profit_micros)) return SumOutOfRange();
        }
        accounts.push_back({figures.profit_micros, figures.net_micros, figures.serve_cost_micros, place});
        return absl::OkStatus();
      }));
  out.currency_code = walked.currency_code;
  out.costs_left_out = walked.costs_left_out;
  out.account_count = static_cast<int64_t>(accounts.size());
  if (!accounts.empty()) out.revenue_cost_correlation = Correlation(accounts);

  if (query.loss_making_only)
    std::erase_if(accounts, [](const Account& account) { return account.profit_micros >= 0; });
  const auto before = [&](const Account& a, const Account& b) {
    if (a.profit_micros == b.profit_micros) return a.place < b.place;
    return query.loss_making_only ? a.profit_micros < b.profit_micros : a.profit_micros > b.profit_micros;
  };
  std::sort(accounts.begin(), accounts.end(), before);
  auto begin = accounts.begin();
  if (after.has_value()) {
    // The page key's account would be at this place.
    begin = std::partition_point(accounts.begin(), accounts.end(), [&](const Account& account) {
      if (account.profit_micros == after->value) return int64_t{account.place} <= after_place;
      return query.loss_making_only ? account.profit_micros < after->value : account.profit_micros > after->value;
    });
  }
  const auto end = begin + std::min(accounts.end() - begin, static_cast<std::ptrdiff_t>(query.page_size));
  std::vector<uint32_t> places;
  for (auto account = begin; account != end; ++account) places.push_back(account->place);
  out.accounts.resize(places.size());
  KL_RETURN_IF_ERROR(VisitPlaces(shards, scope, HistoryParts::kAll, places,
                                 [&](size_t i, const AccountHistory& history) -> absl::Status {
                                   StretchFigures figures;
                                   if (!MeasureStretch(history, query.start, scope.as_of, figures))
                                     return SumOutOfRange();
                                   out.accounts[i] = RowOf(figures);
                                   out.accounts[i].account_id = history.account_id;
                                   return absl::OkStatus();
                                 }));
  if (end != accounts.end()) out.next = FormatPageKey((end - 1)->profit_micros, out.accounts.back().account_id);
  return out;
}

}  // namespace keyledger::projections::portfolio
