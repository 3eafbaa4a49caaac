// Concentration of the portfolio: groups, covering, Gini's coefficient and the Lorenz curve.
#include "projections/portfolio/concentration.h"

#include <limits>

#include "server/base/error.h"
#include "tests/unit/projections/portfolio_logs.h"

namespace keyledger::projections::portfolio {
namespace {

using testing::kUnit;
using testing::Must;
using testing::PortfolioLog;
using testing::ShardedRows;
using testing::Utc;

constexpr int64_t kMost = std::numeric_limits<int64_t>::max();

Concentration Of(const testing::RecordLog& log, const RetentionScope& scope = {}, const ConcentrationQuery& query = {},
                 size_t shards = 1) {
  return Must(GetConcentration(ShardedRows(log, shards).shards(), scope, query));
}

// a0 to a9 bought for 100, 50, 30, 10, 5, 2, 1, 1, 1 and 0: 200 together.
PortfolioLog TenAccounts() {
  PortfolioLog log;
  const int64_t amounts[] = {100, 50, 30, 10, 5, 2, 1, 1, 1, 0};
  for (int i = 0; i < 10; ++i) {
    log.Open("a" + std::to_string(i), Utc(2026, 1, 1));
    log.Purchase("a" + std::to_string(i), Utc(2026, 1, 2 + i), amounts[i] * kUnit);
  }
  log.Open("never-bought", Utc(2026, 1, 1));
  return log;
}

TEST(GetConcentration, CutsGroupsFromTheTop) {
  const Concentration answer = Of(TenAccounts());
  EXPECT_EQ(answer.accounts, 10);
  EXPECT_EQ(answer.total_micros, 200 * kUnit);
  EXPECT_EQ(answer.currency_code, "USD");
  ASSERT_EQ(answer.groups.size(), 2u);
  // ceil(0.05 * 10) and ceil(0.25 * 10).
  const ConcentrationGroupRow& first = answer.groups[0];
  EXPECT_EQ(first.percent, 5);
  EXPECT_EQ(first.accounts, 1);
  EXPECT_EQ(first.total_micros, 100 * kUnit);
  EXPECT_DOUBLE_EQ(first.share, 0.5);
  EXPECT_EQ(first.cutoff_micros, 100 * kUnit);
  EXPECT_EQ(first.cumulative_accounts, 1);
  EXPECT_DOUBLE_EQ(first.cumulative_share, 0.5);
  const ConcentrationGroupRow& second = answer.groups[1];
  EXPECT_EQ(second.percent, 20);
  EXPECT_EQ(second.accounts, 2);
  EXPECT_EQ(second.total_micros, 80 * kUnit);
  EXPECT_DOUBLE_EQ(second.share, 0.4);
  EXPECT_EQ(second.cutoff_micros, 30 * kUnit);
  EXPECT_EQ(second.cumulative_accounts, 3);
  EXPECT_DOUBLE_EQ(second.cumulative_share, 0.9);
}

TEST(GetConcentration, LeavesAGroupEmptyWhereTheOneBeforeHasEverybody) {
  PortfolioLog log;
  log.Open("a", 0);
  log.Purchase("a", Utc(2026, 1, 2), 7 * kUnit);
  const Concentration answer = Of(log);
  EXPECT_EQ(answer.groups[0].accounts, 1);
  EXPECT_EQ(answer.groups[1].accounts, 0);
  EXPECT_EQ(answer.groups[1].cutoff_micros, 0);
  EXPECT_EQ(answer.groups[1].cumulative_accounts, 1);
  EXPECT_DOUBLE_EQ(answer.groups[1].cumulative_share, 1);
}

TEST(GetConcentration, FindsTheFewestAccountsThatCover) {
  ConcentrationQuery query;
  query.cover_percent = {50, 51, 80, 90, 100};
  const Concentration answer = Of(TenAccounts(), {}, query);
  ASSERT_EQ(answer.covering.size(), 5u);
  const int64_t accounts[] = {1, 2, 3, 3, 9};
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(answer.covering[i].percent, query.cover_percent[i]);
    EXPECT_EQ(answer.covering[i].accounts, accounts[i]);
    EXPECT_DOUBLE_EQ(answer.covering[i].account_share, static_cast<double>(accounts[i]) / 10);
  }
}

TEST(GetConcentration, ComputesGinisCoefficient) {
  // (-7 - 5 - 3 - 2 + 5 + 30 + 150 + 350 + 900) / (10 * 200).
  EXPECT_DOUBLE_EQ(*Of(TenAccounts()).gini, 0.709);
}

TEST(GetConcentration, HasGiniZeroWhereAllAreAlike) {
  PortfolioLog log;
  for (const char* id : {"a", "b", "c", "d"}) log.Purchase(id, Utc(2026, 1, 1), 25 * kUnit);
  EXPECT_EQ(Of(log).gini, 0.0);
}

TEST(GetConcentration, HasGiniNMinusOneByNWhereOneHasAll) {
  PortfolioLog log;
  for (const char* id : {"a", "b", "c", "d"}) log.Purchase(id, Utc(2026, 1, 1), id[0] == 'c' ? 100 * kUnit : 0);
  EXPECT_EQ(Of(log).gini, 0.75);
}

TEST(GetConcentration, DrawsTheLorenzCurveFromTheLowest) {
  ConcentrationQuery query;
  query.curve_points = 4;
  const Concentration answer = Of(TenAccounts(), {}, query);
  ASSERT_EQ(answer.curve.size(), 4u);
  const double expected[][2] = {{0.3, 0.01}, {0.5, 0.025}, {0.8, 0.25}, {1, 1}};
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_DOUBLE_EQ(answer.curve[i].accounts, expected[i][0]);
    EXPECT_DOUBLE_EQ(answer.curve[i].share, expected[i][1]);
  }
  query.curve_points = 0;
  EXPECT_TRUE(Of(TenAccounts(), {}, query).curve.empty());
  query.curve_points = 200;
  const Concentration finest = Of(TenAccounts(), {}, query);
  ASSERT_EQ(finest.curve.size(), 10u);
  EXPECT_DOUBLE_EQ(finest.curve[0].accounts, 0.1);
  EXPECT_EQ(finest.curve[0].share, 0);
}

TEST(GetConcentration, CountsNegativeNetSpendersAsWhatTheyAre) {
  PortfolioLog log;
  log.Purchase("a", Utc(2026, 1, 1), 100 * kUnit);
  log.Purchase("b", Utc(2026, 1, 1), 50 * kUnit);
  log.Return("b", Utc(2026, 1, 2), 80 * kUnit);
  ConcentrationQuery query;
  query.cut_percent = {50};
  query.cover_percent = {100};
  const Concentration net = Of(log, {.basis = RevenueBasis::kNet}, query);
  EXPECT_EQ(net.total_micros, 70 * kUnit);
  EXPECT_EQ(net.groups[0].total_micros, 100 * kUnit);
  EXPECT_EQ(net.covering[0].accounts, 1);
  EXPECT_EQ(Of(log, {}, query).total_micros, 150 * kUnit);
}

TEST(GetConcentration, HasNeitherSharesNorGiniWhereSomebodyHoldsLessThanNothing) {
  // Profits of 20 and -10: 10 together, of which the first would hold 200 %.
  PortfolioLog log;
  log.Sell("a", Utc(2026, 1, 1), 100 * kUnit, 80 * kUnit);
  log.Sell("b", Utc(2026, 1, 1), 40 * kUnit, 50 * kUnit);
  ConcentrationQuery query;
  query.measure = PortfolioMeasure::kProfit;
  query.cut_percent = {50};
  query.curve_points = 2;
  const Concentration loss = Of(log, {}, query);
  EXPECT_EQ(loss.share_note, "the profit of some accounts is below zero: no shares of a sum that they lessen");
  EXPECT_EQ(loss.total_micros, 10 * kUnit);
  EXPECT_EQ(loss.groups[0].total_micros, 20 * kUnit);
  EXPECT_EQ(loss.groups[0].share, 0);
  EXPECT_EQ(loss.groups[0].cumulative_share, 0);
  EXPECT_FALSE(loss.gini.has_value());
  EXPECT_TRUE(loss.curve.empty());
  // At -10 + 10 = 0 nothing is below zero: (1 * 20 - 1 * 0) / (2 * 20).
  log.TakeBack("b", Utc(2026, 1, 2), 0, 10 * kUnit);
  const Concentration even = Of(log, {}, query);
  EXPECT_EQ(even.share_note, "");
  EXPECT_EQ(even.groups[0].share, 1);
  EXPECT_EQ(even.gini, 0.5);
  EXPECT_EQ(even.curve.size(), 2u);
  query.measure = PortfolioMeasure::kRevenue;
  log.TakeBack("b", Utc(2026, 1, 3), 41 * kUnit, 0);
  EXPECT_EQ(Of(log, {.basis = RevenueBasis::kNet}, query).share_note,
            "the revenue net of returns of some accounts is below zero: no shares of a sum that they lessen");
  EXPECT_EQ(Of(log, {}, query).share_note, "");
}

TEST(GetConcentration, CountsThePurchasesWhoseWholeRevenueIsProfit) {
  PortfolioLog log;
  log.Sell("a", Utc(2026, 1, 1), 100 * kUnit, 80 * kUnit);
  log.Purchase("a", Utc(2026, 1, 2), 40 * kUnit);
  log.Purchase("b", Utc(2026, 1, 2), 40 * kUnit);
  // Given away: without a cost there is no profit in it either.
  log.Purchase("b", Utc(2026, 1, 3), 0);
  ConcentrationQuery query;
  EXPECT_EQ(Of(log, {}, query).purchases_without_cost, 0);
  query.measure = PortfolioMeasure::kProfit;
  EXPECT_EQ(Of(log, {}, query).purchases_without_cost, 2);
  query.start = Utc(2026, 1, 3);
  EXPECT_EQ(Of(log, {}, query).purchases_without_cost, 0);
}

TEST(GetConcentration, HasNoSharesWhereNothingIsLeft) {
  PortfolioLog log;
  log.Purchase("b", Utc(2026, 1, 1), 50 * kUnit);
  log.Return("b", Utc(2026, 1, 2), 50 * kUnit);
  ConcentrationQuery query;
  query.curve_points = 10;
  const Concentration net = Of(log, {.basis = RevenueBasis::kNet}, query);
  EXPECT_EQ(net.accounts, 1);
  EXPECT_EQ(net.total_micros, 0);
  EXPECT_EQ(net.groups[0].share, 0);
  EXPECT_EQ(net.groups[0].cumulative_share, 0);
  EXPECT_EQ(net.covering[0].accounts, 0);
  EXPECT_FALSE(net.gini.has_value());
  EXPECT_TRUE(net.curve.empty());
}

TEST(GetConcentration, MeasuresProfitAfterTheCostToServe) {
  PortfolioLog log;
  log.Sell("a", Utc(2026, 1, 1), 100 * kUnit, 70 * kUnit);
  log.TakeBack("a", Utc(2026, 1, 2), 20 * kUnit, 14 * kUnit);
  log.Sell("b", Utc(2026, 1, 1), 40 * kUnit, 10 * kUnit);
  log.Serve("b", Utc(2026, 1, 3), 5 * kUnit);
  // Costs something and bought nothing.
  log.Serve("c", Utc(2026, 1, 3), 500 * kUnit);
  ConcentrationQuery query;
  query.measure = PortfolioMeasure::kProfit;
  query.cut_percent = {50};
  const Concentration answer = Of(log, {}, query);
  EXPECT_EQ(answer.accounts, 2);
  // a: 80 - 56; b: 40 - 10 - 5.
  EXPECT_EQ(answer.total_micros, 49 * kUnit);
  EXPECT_EQ(answer.groups[0].total_micros, 25 * kUnit);
}

TEST(GetConcentration, MeasuresAStretchAsOfAMomentAndAsKnownAtOne) {
  PortfolioLog log;
  log.Purchase("a", Utc(2026, 1, 31), 10 * kUnit);
  log.Purchase("b", Utc(2026, 2, 1), 20 * kUnit);
  log.Purchase("c", Utc(2026, 3, 1), 40 * kUnit, "USD", Utc(2026, 6, 1));
  EXPECT_EQ(Of(log).total_micros, 70 * kUnit);
  EXPECT_EQ(Of(log, {.as_of = Utc(2026, 2, 1)}).total_micros, 10 * kUnit);
  EXPECT_EQ(Of(log, {.as_of = Utc(2026, 2, 1) + 1}).total_micros, 30 * kUnit);
  EXPECT_EQ(Of(log, {.known_at = Utc(2026, 6, 1)}).total_micros, 30 * kUnit);
  ConcentrationQuery query;
  query.start = Utc(2026, 2, 1);
  EXPECT_EQ(Of(log, {}, query).total_micros, 60 * kUnit);
  EXPECT_EQ(Of(log, {}, query).accounts, 2);
  EXPECT_EQ(Of(log, {.as_of = Utc(2026, 3, 1)}, query).total_micros, 20 * kUnit);
}

TEST(GetConcentration, KeepsToThePopulationAsItStoodThen) {
  PortfolioLog log;
  for (const char* id : {"a", "b", "c"}) {
    log.Open(id, Utc(2026, 1, 1));
    log.Purchase(id, Utc(2026, 1, 5), (id[0] - 'a' + 1) * 10 * kUnit);
  }
  log.SetFacts("a", Utc(2026, 1, 2), "CN/31/Shanghai", "hotel", "li");
  log.SetFacts("b", Utc(2026, 1, 2), "CN/11", "hotel", "wang");
  log.SetFacts("a", Utc(2026, 3, 1), "US");
  log.SetFacts("b", Utc(2026, 3, 1), {}, {}, "li");
  log.Join("c", Utc(2026, 3, 1));
  log.AssignTier("c", Utc(2026, 3, 1), "gold", "", events::v1::TIER_ASSIGNMENT_REASON_UNSPECIFIED);
  const Micros before = Utc(2026, 2, 1);
  EXPECT_EQ(Of(log, {.as_of = before, .filter = {.region = "CN"}}).total_micros, 30 * kUnit);
  EXPECT_EQ(Of(log, {.filter = {.region = "CN"}}).total_micros, 20 * kUnit);
  EXPECT_EQ(Of(log, {.filter = {.region = "US"}}).total_micros, 10 * kUnit);
  EXPECT_EQ(Of(log, {.filter = {.segment = "hotel"}}).total_micros, 30 * kUnit);
  EXPECT_EQ(Of(log, {.as_of = before, .filter = {.owner = "li"}}).total_micros, 10 * kUnit);
  EXPECT_EQ(Of(log, {.filter = {.owner = "li"}}).total_micros, 30 * kUnit);
  EXPECT_EQ(Of(log, {.filter = {.club_id = "friends"}}).total_micros, 30 * kUnit);
  EXPECT_EQ(Of(log, {.as_of = before, .filter = {.club_id = "friends"}}).accounts, 0);
  EXPECT_EQ(Of(log, {.filter = {.tier_id = "gold"}}).total_micros, 30 * kUnit);
  EXPECT_EQ(Of(log, {.filter = {.segment = "hotel", .owner = "wang"}}).accounts, 0);
}

TEST(GetConcentration, RefusesASumThatDoesNotFit) {
  const auto reason = [](const PortfolioLog& log, const RetentionScope& scope, const ConcentrationQuery& query) {
    return ReasonOf(GetConcentration(ShardedRows(log).shards(), scope, query).status());
  };
  PortfolioLog one;
  for (int i = 0; i < 2; ++i) one.Purchase("a", Utc(2026, 1, 1), kMost / 2 + 1);
  EXPECT_EQ(reason(one, {}, {}), Reason::kArithmeticRange);
  PortfolioLog two;
  for (const char* id : {"a", "b"}) two.Purchase(id, Utc(2026, 1, 1), kMost / 2 + 1);
  EXPECT_EQ(reason(two, {}, {}), Reason::kArithmeticRange);
  // The whole fits, its first group does not.
  PortfolioLog part;
  for (const char* id : {"a", "b"}) part.Purchase(id, Utc(2026, 1, 1), kMost);
  part.Purchase("c", Utc(2026, 1, 1), 0);
  part.Return("c", Utc(2026, 1, 2), kMost);
  ConcentrationQuery query;
  query.cut_percent = {30};
  EXPECT_EQ(Must(GetConcentration(ShardedRows(part).shards(), {.basis = RevenueBasis::kNet}, query)).total_micros,
            kMost);
  query.cut_percent = {60};
  EXPECT_EQ(reason(part, {.basis = RevenueBasis::kNet}, query), Reason::kArithmeticRange);
}

TEST(GetConcentration, RefusesToMixCurrencies) {
  PortfolioLog log = TenAccounts();
  log.Purchase("a0", Utc(2026, 1, 5), 7 * kUnit, "EUR");
  EXPECT_EQ(ReasonOf(GetConcentration(ShardedRows(log).shards(), {}, {}).status()), Reason::kInvalidField);
  EXPECT_EQ(Of(log, {.currency_code = "EUR"}).total_micros, 7 * kUnit);
}

TEST(GetConcentration, IsEmptyWithoutPurchases) {
  PortfolioLog log;
  log.Open("a", 0);
  ConcentrationQuery query;
  query.curve_points = 10;
  for (const RetentionScope& scope : {RetentionScope(), RetentionScope{.basis = RevenueBasis::kNet}}) {
    const Concentration answer = Of(log, scope, query);
    EXPECT_EQ(answer.accounts, 0);
    EXPECT_EQ(answer.groups.size(), 2u);
    EXPECT_EQ(answer.groups[0].accounts, 0);
    EXPECT_EQ(answer.covering[0].accounts, 0);
    EXPECT_EQ(answer.covering[0].account_share, 0);
    EXPECT_FALSE(answer.gini.has_value());
  }
}

TEST(GetConcentration, DoesNotDependOnTheShards) {
  ConcentrationQuery query;
  query.curve_points = 7;
  const Concentration one = Of(TenAccounts(), {}, query);
  const Concentration four = Of(TenAccounts(), {}, query, 4);
  EXPECT_EQ(four.gini, one.gini);
  EXPECT_EQ(four.groups[1].cutoff_micros, one.groups[1].cutoff_micros);
  ASSERT_EQ(four.curve.size(), one.curve.size());
  for (size_t i = 0; i < one.curve.size(); ++i) EXPECT_EQ(four.curve[i].share, one.curve[i].share);
}

}  // namespace
}  // namespace keyledger::projections::portfolio
