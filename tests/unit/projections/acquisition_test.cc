// What it costs to win accounts and to keep them.
#include "projections/portfolio/acquisition.h"

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

AcquisitionAnswer Of(const testing::RecordLog& log, const RetentionScope& scope = {}, size_t shards = 1) {
  return Must(GetAcquisition(ShardedRows(log, shards).shards(), scope));
}

// a buys in February, March and May, b in March and April, c never. Acquisition: 12 in January, 60 in March; retention:
// 5 in April, 3 in March.
PortfolioLog ThreeAccounts() {
  PortfolioLog log;
  for (const char* id : {"a", "b", "c"}) log.Open(id, Utc(2026, 1, 1));
  log.Cost("a", Utc(2026, 1, 10), COST_PURPOSE_ACQUISITION, 12 * kUnit);
  log.Purchase("a", Utc(2026, 2, 1), kUnit);
  log.Purchase("a", Utc(2026, 2, 2), kUnit);
  log.Purchase("a", Utc(2026, 3, 1), kUnit);
  log.Purchase("a", Utc(2026, 5, 1), kUnit);
  log.Cost("c", Utc(2026, 3, 10), COST_PURPOSE_ACQUISITION, 60 * kUnit);
  log.Cost("a", Utc(2026, 3, 11), COST_PURPOSE_RETENTION, 3 * kUnit);
  log.Purchase("b", Utc(2026, 3, 1), kUnit);
  log.Purchase("b", Utc(2026, 4, 1), kUnit);
  log.Cost("b", Utc(2026, 4, 10), COST_PURPOSE_RETENTION, 5 * kUnit);
  // Not of either kind, and in no period.
  log.Cost("b", Utc(2025, 1, 1), COST_PURPOSE_SERVICE, 1000 * kUnit);
  log.Serve("b", Utc(2025, 1, 1), 1000 * kUnit);
  return log;
}

TEST(GetAcquisition, CountsCostsWonAndKeptByPeriod) {
  const AcquisitionAnswer answer = Of(ThreeAccounts());
  ASSERT_EQ(answer.periods.size(), 5u);
  struct Expected {
    int64_t acquisition, won, retention, kept;
  };
  const Expected expected[] = {{12, 0, 0, 0}, {0, 1, 0, 0}, {60, 1, 3, 1}, {0, 0, 5, 1}, {0, 0, 0, 0}};
  for (size_t i = 0; i < 5; ++i) {
    SCOPED_TRACE(i);
    const AcquisitionRow& row = answer.periods[i];
    EXPECT_EQ(row.period, 56 * 12 + static_cast<int64_t>(i));
    EXPECT_EQ(row.acquisition_cost_micros, expected[i].acquisition * kUnit);
    EXPECT_EQ(row.won, expected[i].won);
    EXPECT_EQ(row.retention_cost_micros, expected[i].retention * kUnit);
    EXPECT_EQ(row.kept, expected[i].kept);
  }
  EXPECT_EQ(answer.currency_code, "USD");
}

TEST(GetAcquisition, ComparesTheCostOfWinningWithThatOfKeeping) {
  const AcquisitionAnswer answer = Of(ThreeAccounts());
  // January: nobody won, nobody kept. February: nobody knows what it cost to win.
  EXPECT_FALSE(answer.periods[0].cost_per_won_micros.has_value());
  EXPECT_FALSE(answer.periods[0].cost_per_kept_micros.has_value());
  EXPECT_FALSE(answer.periods[0].ratio.has_value());
  EXPECT_FALSE(answer.periods[1].cost_per_won_micros.has_value());
  EXPECT_FALSE(answer.periods[1].ratio.has_value());
  EXPECT_DOUBLE_EQ(*answer.periods[2].cost_per_won_micros, 60e6);
  EXPECT_DOUBLE_EQ(*answer.periods[2].cost_per_kept_micros, 3e6);
  EXPECT_DOUBLE_EQ(*answer.periods[2].ratio, 20);
  // All: 72 for 2 won, 8 for 2 kept.
  EXPECT_EQ(answer.total.acquisition_cost_micros, 72 * kUnit);
  EXPECT_EQ(answer.total.won, 2);
  EXPECT_EQ(answer.total.kept, 2);
  EXPECT_DOUBLE_EQ(*answer.total.cost_per_won_micros, 36e6);
  EXPECT_DOUBLE_EQ(*answer.total.cost_per_kept_micros, 4e6);
  EXPECT_DOUBLE_EQ(*answer.total.ratio, 9);
}

TEST(GetAcquisition, LeavesTheCostOfKeepingOutOfTheTotalUntilSomebodyCanBeKept) {
  PortfolioLog log = ThreeAccounts();
  // Before the first purchase, and in its month.
  log.Cost("a", Utc(2026, 1, 5), COST_PURPOSE_RETENTION, 100 * kUnit);
  log.Cost("a", Utc(2026, 2, 5), COST_PURPOSE_RETENTION, 200 * kUnit);
  const AcquisitionAnswer answer = Of(log);
  EXPECT_EQ(answer.periods[1].retention_cost_micros, 200 * kUnit);
  EXPECT_FALSE(answer.periods[1].cost_per_kept_micros.has_value());
  EXPECT_EQ(answer.total.retention_cost_micros, 308 * kUnit);
  EXPECT_DOUBLE_EQ(*answer.total.cost_per_kept_micros, 4e6) << "8 for 2 kept";
}

TEST(GetAcquisition, HasNoRatioWhereNoCostOfKeepingIsKnown) {
  PortfolioLog log;
  log.Cost("a", Utc(2026, 1, 10), COST_PURPOSE_ACQUISITION, 12 * kUnit);
  log.Purchase("a", Utc(2026, 1, 11), kUnit);
  log.Purchase("a", Utc(2026, 2, 11), kUnit);
  EXPECT_FALSE(Of(log).total.cost_per_kept_micros.has_value());
  EXPECT_FALSE(Of(log).total.ratio.has_value());
}

TEST(GetAcquisition, LeavesCostsInAnotherCurrencyOutAndCountsThem) {
  PortfolioLog log = ThreeAccounts();
  log.Cost("a", Utc(2020, 1, 5), COST_PURPOSE_ACQUISITION, 1000 * kUnit, "EUR");
  const AcquisitionAnswer answer = Of(log);
  EXPECT_EQ(answer.costs_left_out, 1);
  EXPECT_EQ(answer.periods.size(), 5u);
  EXPECT_EQ(answer.total.acquisition_cost_micros, 72 * kUnit);
}

TEST(GetAcquisition, CountsWhatIsInScopeInPeriodsOfAnyLength) {
  PortfolioLog log = ThreeAccounts();
  const AcquisitionAnswer quarters = Of(log, {.unit = CalendarUnit::kQuarter}, 4);
  ASSERT_EQ(quarters.periods.size(), 2u);
  EXPECT_EQ(quarters.periods[0].won, 2);
  EXPECT_EQ(quarters.periods[1].kept, 2);
  EXPECT_EQ(Of(log, {.period_length = 3}).periods[1].kept, 2);
  EXPECT_EQ(Of(log, {.as_of = Utc(2026, 3, 10)}).total.acquisition_cost_micros, 12 * kUnit);
  log.Cost("a", Utc(2026, 3, 12), COST_PURPOSE_RETENTION, 100 * kUnit, "USD");
  log.Purchase("d", Utc(2026, 3, 12), kUnit, "USD", Utc(2026, 6, 1));
  EXPECT_EQ(Of(log).total.won, 3);
  EXPECT_EQ(Of(log, {.known_at = Utc(2026, 6, 1)}).total.won, 2);
  log.SetFacts("b", Utc(2026, 1, 1), {}, {}, "li");
  EXPECT_EQ(Of(log, {.filter = {.owner = "li"}}).total.won, 1);
}

TEST(GetAcquisition, IsEmptyWithoutPurchasesAndCosts) {
  PortfolioLog log;
  log.Open("a", 0);
  log.Serve("a", 0, kUnit);
  EXPECT_TRUE(Of(log, {.currency_code = "USD"}).periods.empty());
  EXPECT_TRUE(Of(PortfolioLog()).periods.empty());
}

TEST(GetAcquisition, RefusesMorePeriodsThanAnAnswerMayHave) {
  PortfolioLog log;
  log.Purchase("a", Utc(1926, 1, 5), kUnit);
  log.Cost("a", Utc(2025, 12, 5), COST_PURPOSE_RETENTION, kUnit);
  EXPECT_EQ(Of(log).periods.size(), 1200u);
  log.Cost("a", Utc(2026, 1, 5), COST_PURPOSE_RETENTION, kUnit);
  const auto refused = GetAcquisition(ShardedRows(log).shards(), {});
  EXPECT_EQ(ReasonOf(refused.status()), Reason::kInvalidField);
  EXPECT_EQ(FieldsOf(refused.status())[0].first, "scope.period");
}

TEST(GetAcquisition, RefusesASumThatDoesNotFit) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  PortfolioLog log;
  log.Purchase("a", Utc(2026, 1, 5), kUnit);
  log.Cost("a", Utc(2026, 1, 5), COST_PURPOSE_RETENTION, kMost);
  log.Cost("a", Utc(2026, 2, 5), COST_PURPOSE_RETENTION, kMost);
  // Each period fits; the total does not.
  EXPECT_EQ(ReasonOf(GetAcquisition(ShardedRows(log).shards(), {}).status()), Reason::kArithmeticRange);
  EXPECT_EQ(Of(log, {.as_of = Utc(2026, 2, 5)}).total.retention_cost_micros, kMost);
}

}  // namespace
}  // namespace keyledger::projections::portfolio
