// Profitability: what accounts bring and cost, and which of them lose money.
#include "projections/portfolio/profitability.h"

#include <limits>

#include "server/base/error.h"
#include "tests/unit/projections/portfolio_logs.h"

namespace keyledger::projections::portfolio {
namespace {

using events::v1::COST_PURPOSE_ACQUISITION;
using events::v1::COST_PURPOSE_RETENTION;
using events::v1::COST_PURPOSE_SERVICE;
using testing::kUnit;
using testing::Must;
using testing::PortfolioLog;
using testing::ShardedRows;
using testing::Utc;

ProfitabilityAnswer Of(const testing::RecordLog& log, const ProfitabilityQuery& query = {},
                       const RetentionScope& scope = {}, size_t shards = 1) {
  return Must(ListProfitability(ShardedRows(log, shards).shards(), scope, query));
}

// a: 100 - 20 revenue, 56 goods, 1 + 2 + 3 + 4 + 5 + 6 to serve: profit 3. b: 40 revenue, 10 goods, nothing to serve:
// 30. c: 10 revenue, 8 goods, 22 to serve: -20. d: bought nothing, 7 to serve: -7.
PortfolioLog FourAccounts() {
  PortfolioLog log;
  for (const char* id : {"a", "b", "c", "d", "nothing"}) log.Open(id, Utc(2026, 1, 1));
  log.Sell("a", Utc(2026, 1, 2), 100 * kUnit, 70 * kUnit);
  log.TakeBack("a", Utc(2026, 1, 3), 20 * kUnit, 14 * kUnit);
  log.Serve("a", Utc(2026, 1, 4), 1 * kUnit);
  log.Give("a", Utc(2026, 1, 4), 2 * kUnit);
  log.PayCommission("a", Utc(2026, 1, 4), 3 * kUnit);
  log.Cost("a", Utc(2026, 1, 4), COST_PURPOSE_ACQUISITION, 4 * kUnit);
  log.Cost("a", Utc(2026, 1, 4), COST_PURPOSE_RETENTION, 5 * kUnit);
  log.Cost("a", Utc(2026, 1, 4), COST_PURPOSE_SERVICE, 6 * kUnit);
  log.Sell("b", Utc(2026, 2, 2), 40 * kUnit, 10 * kUnit);
  log.Sell("c", Utc(2026, 2, 2), 10 * kUnit, 8 * kUnit);
  log.Serve("c", Utc(2026, 3, 1), 22 * kUnit);
  log.Serve("d", Utc(2026, 3, 1), 7 * kUnit);
  return log;
}

TEST(ListProfitability, ListsWhatAccountsBringAndCostTheGreatestProfitFirst) {
  const ProfitabilityAnswer answer = Of(FourAccounts());
  ASSERT_EQ(answer.accounts.size(), 4u);
  struct Expected {
    const char* id;
    int64_t revenue, goods, margin, serve, profit, acquisition;
  };
  const Expected expected[] = {
      {"b", 40, 10, 30, 0, 30, 0}, {"a", 80, 56, 24, 21, 3, 4}, {"d", 0, 0, 0, 7, -7, 0}, {"c", 10, 8, 2, 22, -20, 0}};
  for (size_t i = 0; i < 4; ++i) {
    const ProfitabilityRow& row = answer.accounts[i];
    SCOPED_TRACE(expected[i].id);
    EXPECT_EQ(row.account_id, expected[i].id);
    EXPECT_EQ(row.revenue_micros, expected[i].revenue * kUnit);
    EXPECT_EQ(row.goods_cost_micros, expected[i].goods * kUnit);
    EXPECT_EQ(row.margin_micros, expected[i].margin * kUnit);
    EXPECT_EQ(row.serve_cost_micros, expected[i].serve * kUnit);
    EXPECT_EQ(row.profit_micros, expected[i].profit * kUnit);
    EXPECT_EQ(row.acquisition_cost_micros, expected[i].acquisition * kUnit);
  }
  EXPECT_EQ(answer.next, "");
}

TEST(ListProfitability, AddsUpAllAccountsAndThoseThatLoseMoney) {
  ProfitabilityQuery query;
  query.page_size = 1;
  const ProfitabilityAnswer answer = Of(FourAccounts(), query);
  EXPECT_EQ(answer.total.account_id, "");
  EXPECT_EQ(answer.total.revenue_micros, 130 * kUnit);
  EXPECT_EQ(answer.total.goods_cost_micros, 74 * kUnit);
  EXPECT_EQ(answer.total.margin_micros, 56 * kUnit);
  EXPECT_EQ(answer.total.serve_cost_micros, 50 * kUnit);
  EXPECT_EQ(answer.total.profit_micros, 6 * kUnit);
  EXPECT_EQ(answer.total.acquisition_cost_micros, 4 * kUnit);
  EXPECT_EQ(answer.account_count, 4);
  EXPECT_EQ(answer.loss_making, 2);
  EXPECT_EQ(answer.loss_micros, -27 * kUnit);
  EXPECT_EQ(answer.currency_code, "USD");
}

TEST(ListProfitability, CountsThePurchasesWhoseWholeRevenueIsMargin) {
  PortfolioLog log = FourAccounts();
  EXPECT_EQ(Of(log).purchases, 3);
  EXPECT_EQ(Of(log).purchases_without_cost, 0);
  log.Purchase("b", Utc(2026, 4, 1), 5 * kUnit);
  EXPECT_EQ(Of(log).purchases, 4);
  EXPECT_EQ(Of(log).purchases_without_cost, 1);
  EXPECT_EQ(Of(log, {}, {.as_of = Utc(2026, 4, 1)}).purchases_without_cost, 0);
}

TEST(ListProfitability, ListsTheGreatestLossFirstWhereOnlyLossesAreAskedFor) {
  ProfitabilityQuery query;
  query.loss_making_only = true;
  const ProfitabilityAnswer answer = Of(FourAccounts(), query);
  ASSERT_EQ(answer.accounts.size(), 2u);
  EXPECT_EQ(answer.accounts[0].account_id, "c");
  EXPECT_EQ(answer.accounts[1].account_id, "d");
  EXPECT_EQ(answer.account_count, 4);
  query.page_size = 1;
  const ProfitabilityAnswer first = Of(FourAccounts(), query);
  query.after = first.next;
  const ProfitabilityAnswer second = Of(FourAccounts(), query);
  ASSERT_EQ(second.accounts.size(), 1u);
  EXPECT_EQ(second.accounts[0].account_id, "d");
  EXPECT_EQ(second.next, "");
}

TEST(ListProfitability, PagesThroughTiesByAccountIdWhateverIsAppendedMeanwhile) {
  PortfolioLog log;
  for (const char* id : {"c", "a", "e", "b", "d"}) log.Sell(id, Utc(2026, 1, 1), 10 * kUnit, 0);
  ProfitabilityQuery query;
  query.page_size = 2;
  const ProfitabilityAnswer first = Of(log, query);
  ASSERT_EQ(first.accounts.size(), 2u);
  EXPECT_EQ(first.accounts[1].account_id, "b");
  // b is at the top now, and aa comes between the pages: the next one still begins after b at 10.
  log.Sell("b", Utc(2026, 1, 2), 90 * kUnit, 0);
  log.Sell("aa", Utc(2026, 1, 2), 10 * kUnit, 0);
  query.after = first.next;
  const ProfitabilityAnswer second = Of(log, query, {}, 4);
  ASSERT_EQ(second.accounts.size(), 2u);
  EXPECT_EQ(second.accounts[0].account_id, "c");
  EXPECT_EQ(second.accounts[1].account_id, "d");
  query.after = second.next;
  EXPECT_EQ(Of(log, query).accounts[0].account_id, "e");
  EXPECT_EQ(Of(log, query).next, "");
  query.after = "short";
  EXPECT_EQ(ReasonOf(ListProfitability(ShardedRows(log).shards(), {}, query).status()), Reason::kInvalidToken);
}

TEST(ListProfitability, LeavesCostsInAnotherCurrencyOutAndCountsThem) {
  PortfolioLog log = FourAccounts();
  log.Cost("a", Utc(2026, 1, 5), COST_PURPOSE_SERVICE, 1000 * kUnit, "EUR");
  log.Cost("nothing", Utc(2026, 1, 5), COST_PURPOSE_SERVICE, 1000 * kUnit, "EUR");
  const ProfitabilityAnswer answer = Of(log);
  EXPECT_EQ(answer.costs_left_out, 2);
  EXPECT_EQ(answer.total.serve_cost_micros, 50 * kUnit);
  EXPECT_EQ(answer.account_count, 4);
  // A budget is no cost.
  log.StateBudget("a", Utc(2026, 1, 5), Utc(2026, 1, 1), Utc(2027, 1, 1), kUnit, events::v1::BUDGET_BASIS_DECLARED, "",
                  "EUR");
  EXPECT_EQ(Of(log).costs_left_out, 2);
}

TEST(ListProfitability, CorrelatesRevenueWithTheCostToServe) {
  PortfolioLog log;
  const int64_t figures[][2] = {{10, 1}, {20, 3}, {30, 2}};
  for (int i = 0; i < 3; ++i) {
    const std::string id(1, static_cast<char>('a' + i));
    log.Sell(id, Utc(2026, 1, 1), figures[i][0] * kUnit, 0);
    log.Serve(id, Utc(2026, 1, 2), figures[i][1] * kUnit);
  }
  // Deviations -10, 0, 10 and -1, 1, 0: 10 / sqrt(200 * 2).
  EXPECT_NEAR(*Of(log).revenue_cost_correlation, 0.5, 1e-15);
  EXPECT_EQ(Of(log, {}, {}, 4).revenue_cost_correlation, Of(log).revenue_cost_correlation);
}

TEST(ListProfitability, HasNoCorrelationWhereOneDoesNotVary) {
  PortfolioLog log;
  log.Sell("a", Utc(2026, 1, 1), 10 * kUnit, 0);
  EXPECT_FALSE(Of(log).revenue_cost_correlation.has_value());
  log.Sell("b", Utc(2026, 1, 1), 20 * kUnit, 0);
  EXPECT_FALSE(Of(log).revenue_cost_correlation.has_value());
  log.Serve("b", Utc(2026, 1, 1), 1 * kUnit);
  EXPECT_NEAR(*Of(log).revenue_cost_correlation, 1, 1e-15);
}

TEST(ListProfitability, CountsAStretchAsOfAMomentAndAsKnownAtOne) {
  PortfolioLog log = FourAccounts();
  log.Purchase("b", Utc(2026, 2, 3), 500 * kUnit, "USD", Utc(2026, 6, 1));
  ProfitabilityQuery query;
  query.start = Utc(2026, 2, 1);
  const ProfitabilityAnswer answer = Of(log, query, {.as_of = Utc(2026, 3, 1), .known_at = Utc(2026, 6, 1)});
  EXPECT_EQ(answer.account_count, 2);
  EXPECT_EQ(answer.total.profit_micros, 32 * kUnit);
  EXPECT_EQ(Of(log, query).total.profit_micros, (500 + 32 - 29) * kUnit);
  // An account that is not in the region any more.
  log.SetFacts("b", Utc(2026, 1, 1), "CN");
  log.SetFacts("b", Utc(2026, 5, 1), "US");
  EXPECT_EQ(Of(log, {}, {.filter = {.region = "CN"}}).account_count, 0);
  EXPECT_EQ(Of(log, {}, {.as_of = Utc(2026, 5, 1), .filter = {.region = "CN"}}).total.profit_micros, 530 * kUnit);
}

TEST(ListProfitability, IsEmptyWithoutTradesAndCosts) {
  PortfolioLog log;
  log.Open("a", 0);
  const ProfitabilityAnswer answer = Of(log);
  EXPECT_TRUE(answer.accounts.empty());
  EXPECT_EQ(answer.account_count, 0);
  EXPECT_FALSE(answer.revenue_cost_correlation.has_value());
  EXPECT_EQ(answer.currency_code, "");
}

TEST(ListProfitability, RefusesASumThatDoesNotFit) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  PortfolioLog cost;
  cost.Sell("a", Utc(2026, 1, 1), 1, 0);
  for (int i = 0; i < 2; ++i) cost.Serve("a", Utc(2026, 1, 1), kMost);
  EXPECT_EQ(ReasonOf(ListProfitability(ShardedRows(cost).shards(), {}, {}).status()), Reason::kArithmeticRange);
  PortfolioLog loss;
  loss.Sell("a", Utc(2026, 1, 1), 0, kMost);
  loss.Serve("a", Utc(2026, 1, 1), kMost);
  EXPECT_EQ(ReasonOf(ListProfitability(ShardedRows(loss).shards(), {}, {}).status()), Reason::kArithmeticRange);
  PortfolioLog total;
  for (const char* id : {"a", "b"}) total.Sell(id, Utc(2026, 1, 1), kMost, 0);
  EXPECT_EQ(ReasonOf(ListProfitability(ShardedRows(total).shards(), {}, {}).status()), Reason::kArithmeticRange);
}

}  // namespace
}  // namespace keyledger::projections::portfolio
