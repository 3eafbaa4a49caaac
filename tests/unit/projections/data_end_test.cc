// Where the data end, and that every query counts silence up to there: a group that stopped buying looks lost, not
// well.
#include "projections/retention/data_end.h"

#include <gtest/gtest.h>

#include "projections/portfolio/portfolio_measure.h"
#include "projections/retention/buyers.h"
#include "projections/retention/migration_queries.h"
#include "projections/retention/retention_queries.h"
#include "projections/retention/rfm_queries.h"
#include "projections/retention/survival_queries.h"
#include "tests/unit/projections/portfolio_logs.h"

namespace keyledger::projections {
namespace {

using testing::kUnit;
using testing::Must;
using testing::PortfolioLog;
using testing::ShardedRows;
using testing::Utc;

// Number of January 2026.
constexpr int64_t kJanuary = 56 * 12;

std::optional<Micros> EndOf(const PortfolioLog& log, const RetentionScope& scope = {}, size_t shards = 1) {
  return Must(FindDataEnd(ShardedRows(log, shards).shards(), scope));
}

RetentionScope OfSegment(const std::string& segment, Micros as_of = std::numeric_limits<int64_t>::max()) {
  RetentionScope scope;
  scope.filter.segment = segment;
  scope.as_of = as_of;
  return scope;
}

// Of segment "gone", a bought in January and February, b in January alone; c, of segment "alive", in every month up to
// May 20.
PortfolioLog TwoGroups() {
  PortfolioLog log;
  for (const char* id : {"a", "b", "c"}) log.Open(id, Utc(2026, 1, 1));
  log.SetFacts("a", Utc(2026, 1, 1), {}, "gone");
  log.SetFacts("b", Utc(2026, 1, 1), {}, "gone");
  log.SetFacts("c", Utc(2026, 1, 1), {}, "alive");
  log.Purchase("a", Utc(2026, 1, 10), 10 * kUnit);
  log.Purchase("a", Utc(2026, 2, 10), 10 * kUnit);
  log.Purchase("b", Utc(2026, 1, 20), 10 * kUnit);
  for (int month = 1; month <= 5; ++month) log.Purchase("c", Utc(2026, month, 20, 18), 10 * kUnit);
  return log;
}

TEST(FindDataEnd, IsNotInTheFuture) {
  PortfolioLog log;
  log.Purchase("a", Utc(2026, 1, 31, 9), 10 * kUnit);
  RetentionScope scope;
  scope.now = Utc(2026, 1, 31, 12);
  EXPECT_EQ(EndOf(log, scope), Utc(2026, 1, 31, 12)) << "the day is not over";
  scope.now = Utc(2026, 2, 1);
  EXPECT_EQ(EndOf(log, scope), Utc(2026, 2, 1));
  scope.now = Utc(2026, 2, 2);
  EXPECT_EQ(EndOf(log, scope), Utc(2026, 2, 1));
}

TEST(FindDataEnd, IsTheDayAfterTheLastPurchaseWhoeverMadeItAndInWhateverCurrency) {
  PortfolioLog log;
  log.Open("a", Utc(2026, 1, 1));
  log.SetFacts("a", Utc(2026, 1, 1), {}, "small");
  log.Purchase("a", Utc(2026, 3, 10, 23), 10 * kUnit);
  log.Purchase("b", Utc(2026, 4, 6, 2), 10 * kUnit, "EUR");
  log.Purchase("b", Utc(2026, 4, 5), 10 * kUnit, "EUR");
  log.Return("b", Utc(2026, 5, 1), kUnit, "EUR");
  log.Close("c", Utc(2026, 6, 1));
  RetentionScope scope = OfSegment("small");
  scope.currency_code = "USD";
  for (const size_t shards : {1u, 3u}) EXPECT_EQ(EndOf(log, scope, shards), Utc(2026, 4, 7));
  // 22:00 of the 5th there; the next day begins at 4:00 of UTC.
  scope.zone = *Zone::Load("America/New_York");
  EXPECT_EQ(EndOf(log, scope), Utc(2026, 4, 6, 4));
}

TEST(FindDataEnd, IsAsOfWhereThatIsGiven) {
  EXPECT_EQ(EndOf(TwoGroups(), {.as_of = Utc(2026, 3, 3, 7)}), Utc(2026, 3, 3, 7));
  EXPECT_EQ(EndOf(PortfolioLog(), {.as_of = Utc(2026, 3, 3)}), Utc(2026, 3, 3));
}

TEST(FindDataEnd, IsNothingWithoutAPurchase) {
  PortfolioLog log;
  EXPECT_EQ(EndOf(log), std::nullopt);
  log.Open("a", Utc(2026, 1, 1));
  log.Return("a", Utc(2026, 5, 1), kUnit);
  EXPECT_EQ(EndOf(log), std::nullopt);
}

TEST(FindDataEnd, SeesOnlyWhatWasKnown) {
  PortfolioLog log;
  log.Purchase("a", Utc(2026, 3, 1), kUnit, "USD", Utc(2026, 3, 2));
  log.Purchase("a", Utc(2026, 5, 1), kUnit, "USD", Utc(2026, 5, 2));
  log.Purchase("a", Utc(2026, 4, 1), kUnit, "USD", Utc(2026, 5, 3));
  EXPECT_EQ(EndOf(log), Utc(2026, 5, 2));
  EXPECT_EQ(EndOf(log, {.known_at = Utc(2026, 5, 2)}), Utc(2026, 3, 2));
  EXPECT_EQ(EndOf(log, {.known_places = {1}}), Utc(2026, 3, 2));
  EXPECT_EQ(EndOf(log, {.known_places = {2}}), Utc(2026, 5, 2));
}

TEST(FindDataEnd, EndsWithTheCall) {
  const absl::StatusOr<std::optional<Micros>> end =
      FindDataEnd(ShardedRows(TwoGroups()).shards(), {.canceled = [] { return true; }});
  EXPECT_EQ(end.status().code(), absl::StatusCode::kCancelled);
}

TEST(DataEnd, RetentionShowsTheLossesAfterAGroupsLastPurchase) {
  const ShardedRows rows(TwoGroups());
  const auto months = Must(GetRetentionTable(rows.shards(), OfSegment("gone"))).periods;
  ASSERT_EQ(months.size(), 5u);
  EXPECT_EQ(months[4].period, kJanuary + 4);
  const int64_t active[] = {2, 1, 0, 0, 0};
  const int64_t churned[] = {0, 1, 1, 0, 0};
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(months[i].active, active[i]) << i;
    EXPECT_EQ(months[i].churned, churned[i]) << i;
  }
  EXPECT_EQ(months[2].logo_retention, 0.0);
  const auto to_march = Must(GetRetentionTable(rows.shards(), OfSegment("gone", Utc(2026, 4, 1)))).periods;
  ASSERT_EQ(to_march.size(), 3u);
  EXPECT_EQ(to_march[2].churned, 1);
}

TEST(DataEnd, RetentionGoesOnToAsOf) {
  const ShardedRows rows(TwoGroups());
  // From the month cells, and from the accounts.
  for (const Micros as_of : {Utc(2026, 8, 1), Utc(2026, 7, 31, 12)}) {
    RetentionScope scope;
    scope.as_of = as_of;
    const auto months = Must(GetRetentionTable(rows.shards(), scope)).periods;
    ASSERT_EQ(months.size(), 7u) << FormatMicros(as_of);
    EXPECT_EQ(months[5].churned, 1);
    EXPECT_EQ(months[6].period, kJanuary + 6);
    EXPECT_EQ(months[6].start, 0);
    const auto cohorts = Must(GetCohortTable(rows.shards(), scope)).cohorts;
    ASSERT_EQ(cohorts.size(), 1u);
    EXPECT_EQ(cohorts[0].active, (std::vector<int64_t>{3, 2, 1, 1, 1, 0, 0}));
  }
}

TEST(DataEnd, CohortsOfAGroupGoOnToTheEndOfTheData) {
  const auto cohorts = Must(GetCohortTable(ShardedRows(TwoGroups()).shards(), OfSegment("gone"))).cohorts;
  ASSERT_EQ(cohorts.size(), 1u);
  EXPECT_EQ(cohorts[0].active, (std::vector<int64_t>{2, 1, 0, 0, 0}));
}

TEST(DataEnd, MonthsInOneCurrencyGoOnToTheLastPurchaseInAnother) {
  PortfolioLog log = TwoGroups();
  log.Purchase("d", Utc(2026, 7, 1), kUnit, "EUR");
  RetentionScope scope;
  scope.currency_code = "USD";
  EXPECT_EQ(Must(GetRetentionTable(ShardedRows(log).shards(), scope)).periods.size(), 7u);
  scope.filter.segment = "gone";
  EXPECT_EQ(Must(GetRetentionTable(ShardedRows(log).shards(), scope)).periods.size(), 7u);
}

TEST(DataEnd, MoreThan1200PeriodsUpToAsOfAreRefused) {
  PortfolioLog log;
  log.Purchase("a", Utc(2020, 1, 1), kUnit);
  RetentionScope scope;
  scope.unit = CalendarUnit::kDay;
  // 2020-01-01 and the 1199 days after it.
  scope.as_of = Utc(2023, 4, 15);
  EXPECT_EQ(Must(GetRetentionTable(ShardedRows(log).shards(), scope)).periods.size(), 1200u);
  scope.as_of += 1;
  EXPECT_EQ(GetRetentionTable(ShardedRows(log).shards(), scope).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(DataEnd, MigrationByRecencyGoesOnInSilence) {
  const MigrationTable table =
      Must(GetMigrationTable(ShardedRows(TwoGroups()).shards(), OfSegment("gone"), {.of = MigrationOf::kRecency}));
  ASSERT_EQ(table.steps.size(), 4u);
  EXPECT_EQ(table.steps[3].period, kJanuary + 3);
  // From April to May a goes from 2 to 3 months of silence, b from 3 to 4.
  EXPECT_EQ(table.steps[3].counts[2][3], 1);
  EXPECT_EQ(table.steps[3].counts[3][4], 1);
}

TEST(DataEnd, MigrationByClassGoesOnWithBuyingNothing) {
  const MigrationTable table = Must(GetMigrationTable(ShardedRows(TwoGroups()).shards(), OfSegment("gone"),
                                                      {.of = MigrationOf::kClass, .class_cuts_milli = {500}}));
  ASSERT_EQ(table.states, (std::vector<std::string>{"A", "B", "N"}));
  ASSERT_EQ(table.steps.size(), 4u);
  // From February, where a is the only buyer and an A, to March.
  EXPECT_EQ(table.steps[1].counts[0][2], 1);
  EXPECT_EQ(table.steps[3].counts[2][2], 2);
}

TEST(DataEnd, RecencyIsCountedToTheEndOfTheData) {
  RfmQuestion question;
  question.account_id = "a";
  const RfmTable table = Must(GetRfmTable(ShardedRows(TwoGroups()).shards(), OfSegment("gone"), question));
  // From February 10 to May 21.
  ASSERT_EQ(table.listed.size(), 1u);
  EXPECT_EQ(table.listed[0].recency_days, 100);
}

TEST(DataEnd, AGroupThatIsSilentIsLost) {
  const ShardedRows rows(TwoGroups());
  // a has been silent since February 10, b since January 20: 99 and 120 days to May 20.
  EXPECT_EQ(Must(GetTenureTable(rows.shards(), OfSegment("gone"), 100, {365})).accounts, 1);
  EXPECT_EQ(Must(GetTenureTable(rows.shards(), OfSegment("gone"), 99, {365})).accounts, 0);
  EXPECT_EQ(Must(GetTenureTable(rows.shards(), OfSegment("alive"), 99, {365})).accounts, 1);
}

TEST(DataEnd, MonthsOfAGroupWithoutAPurchaseCountAsLeft) {
  // a was active in two months and kept in one of them, b in one: 1 of 3, which are all over.
  const TenureTable table = Must(GetTenureTable(ShardedRows(TwoGroups()).shards(), OfSegment("gone"), 0, {365}));
  ASSERT_TRUE(table.geometric_mean_months.has_value());
  EXPECT_DOUBLE_EQ(*table.geometric_mean_months, 1.5);
}

TEST(DataEnd, ForecastsAndThePortfolioStartFromThere) {
  const ShardedRows rows(TwoGroups());
  EXPECT_EQ(Must(DayAfterLastPurchase(rows.shards(), OfSegment("gone"))), Utc(2026, 5, 21));
  EXPECT_EQ(Must(portfolio::EndOfData(rows.shards(), OfSegment("gone"))), Utc(2026, 5, 21));
  EXPECT_EQ(Must(portfolio::EndOfData(rows.shards(), OfSegment("gone", Utc(2026, 4, 1)))), Utc(2026, 4, 1));
}

}  // namespace
}  // namespace keyledger::projections
