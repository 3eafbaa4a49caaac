// Retention: periods, cohorts, and what is in scope.
#include <gtest/gtest.h>

#include "projections/retention/retention_projection.h"
#include "projections/retention/retention_queries.h"
#include "server/base/error.h"
#include "tests/support/record_log.h"

namespace keyledger::projections {
namespace {

using testing::RecordLog;
using testing::Utc;

constexpr int64_t kUnit = 1'000'000;

// Months since 1970 of January 2026.
constexpr int64_t kJanuary = 56 * 12;

// a: January 100, February 40, April 60. b: January 50 (returned 20 in February), February 70. c: returns 5 in January,
// buys 0 in March. Nobody else.
RecordLog ThreeAccounts() {
  RecordLog log;
  for (const char* id : {"a", "b", "c"}) log.Open(id, Utc(2026, 1, 1));
  log.Purchase("a", Utc(2026, 1, 5), 60 * kUnit);
  log.Purchase("a", Utc(2026, 1, 31, 23, 59, 59), 40 * kUnit);
  log.Purchase("b", Utc(2026, 1, 7), 50 * kUnit);
  log.Return("c", Utc(2026, 1, 8), 5 * kUnit);
  log.Purchase("a", Utc(2026, 2, 1), 40 * kUnit);
  log.Purchase("b", Utc(2026, 2, 10), 70 * kUnit);
  log.Return("b", Utc(2026, 2, 11), 20 * kUnit);
  log.Purchase("c", Utc(2026, 3, 3), 0);
  log.Purchase("a", Utc(2026, 4, 4), 60 * kUnit);
  return log;
}

RetentionTable TableOf(const RecordLog& log, const RetentionScope& scope = {}) {
  const auto rows = testing::FoldRows(RetentionProjection(), log);
  const auto table = GetRetentionTable({rows.get()}, scope);
  EXPECT_TRUE(table.ok()) << table.status();
  return table.value_or(RetentionTable());
}

CohortTable CohortsOf(const RecordLog& log, const RetentionScope& scope = {}) {
  const auto rows = testing::FoldRows(RetentionProjection(), log);
  const auto table = GetCohortTable({rows.get()}, scope);
  EXPECT_TRUE(table.ok()) << table.status();
  return table.value_or(CohortTable());
}

TEST(GetRetentionTable, CountsWhoCameStayedAndCameBack) {
  const RetentionTable table = TableOf(ThreeAccounts());
  EXPECT_EQ(table.currency_code, "USD");
  EXPECT_EQ(table.purchases, 7);
  EXPECT_EQ(table.accounts, 3);
  ASSERT_EQ(table.periods.size(), 4u);
  struct Expected {
    int64_t active, fresh, retained, reactivated, churned, start, revenue;
  };
  const Expected expected[] = {
      {2, 2, 0, 0, 0, 0, 150}, {2, 0, 2, 0, 0, 2, 110}, {1, 1, 0, 0, 2, 2, 0}, {1, 0, 0, 1, 1, 1, 60}};
  for (int64_t i = 0; i < 4; ++i) {
    SCOPED_TRACE(i);
    const RetentionPeriodRow& row = table.periods[static_cast<size_t>(i)];
    const Expected& wanted = expected[i];
    EXPECT_EQ(row.period, kJanuary + i);
    EXPECT_EQ(row.active, wanted.active);
    EXPECT_EQ(row.fresh, wanted.fresh);
    EXPECT_EQ(row.retained, wanted.retained);
    EXPECT_EQ(row.reactivated, wanted.reactivated);
    EXPECT_EQ(row.churned, wanted.churned);
    EXPECT_EQ(row.start, wanted.start);
    EXPECT_EQ(row.revenue_micros, wanted.revenue * kUnit);
  }
}

TEST(GetRetentionTable, ComputesRatiosAgainstThePeriodBefore) {
  const RetentionTable table = TableOf(ThreeAccounts());
  const RetentionPeriodRow& january = table.periods[0];
  EXPECT_FALSE(january.logo_retention.has_value());
  EXPECT_FALSE(january.crr_end_minus_new_over_start.has_value());
  EXPECT_FALSE(january.nrr.has_value());
  EXPECT_FALSE(january.grr.has_value());
  const RetentionPeriodRow& february = table.periods[1];
  EXPECT_EQ(february.logo_retention, 1.0);
  EXPECT_EQ(february.base_micros, 150 * kUnit);
  EXPECT_EQ(february.nrr_micros, 110 * kUnit);
  EXPECT_EQ(february.grr_micros, 90 * kUnit);
  EXPECT_DOUBLE_EQ(*february.nrr, 110.0 / 150.0);
  EXPECT_DOUBLE_EQ(*february.grr, 0.6);
  // April: a came back, which counts in (E - N) / S and nowhere else; what March's accounts had bought was worth
  // nothing.
  const RetentionPeriodRow& april = table.periods[3];
  EXPECT_EQ(april.logo_retention, 0.0);
  EXPECT_EQ(april.crr_end_minus_new_over_start, 1.0);
  EXPECT_EQ(april.base_micros, 0);
  EXPECT_FALSE(april.nrr.has_value());
  EXPECT_FALSE(april.grr.has_value());
}

TEST(GetRetentionTable, SubtractsReturnsInTheirOwnPeriodWhenNet) {
  const RetentionTable table = TableOf(ThreeAccounts(), {.basis = RevenueBasis::kNet});
  ASSERT_EQ(table.periods.size(), 4u);
  EXPECT_EQ(table.periods[0].revenue_micros, 145 * kUnit);
  EXPECT_EQ(table.periods[0].active, 2);
  EXPECT_EQ(table.periods[1].revenue_micros, 90 * kUnit);
  EXPECT_EQ(table.periods[1].base_micros, 150 * kUnit);
  EXPECT_EQ(table.periods[1].nrr_micros, 90 * kUnit);
  EXPECT_EQ(table.periods[1].grr_micros, 90 * kUnit);
  EXPECT_EQ(table.periods[2].fresh, 1);
}

TEST(GetRetentionTable, LeavesRatiosOutWhereTheBaseIsNegative) {
  RecordLog log;
  log.Open("a", 0);
  log.Purchase("a", Utc(2026, 1, 5), 10 * kUnit);
  log.Return("a", Utc(2026, 1, 6), 30 * kUnit);
  log.Purchase("a", Utc(2026, 2, 5), 10 * kUnit);
  const RetentionTable table = TableOf(log, {.basis = RevenueBasis::kNet});
  EXPECT_EQ(table.periods[1].base_micros, -20 * kUnit);
  EXPECT_EQ(table.periods[1].logo_retention, 1.0);
  EXPECT_FALSE(table.periods[1].nrr.has_value());
  EXPECT_FALSE(table.periods[1].grr.has_value());
}

TEST(GetRetentionTable, CountsOnlyWhatOccurredAndWasRecordedInScope) {
  RecordLog log = ThreeAccounts();
  log.Purchase("b", Utc(2026, 1, 9), 1000 * kUnit, "USD", Utc(2026, 6, 1));
  EXPECT_EQ(TableOf(log).periods[0].revenue_micros, 1150 * kUnit);
  EXPECT_EQ(TableOf(log, {.known_at = Utc(2026, 6, 1)}).periods[0].revenue_micros, 150 * kUnit);
  EXPECT_EQ(TableOf(log, {.known_at = Utc(2026, 6, 1) + 1}).periods[0].revenue_micros, 1150 * kUnit);
  const RetentionTable january = TableOf(log, {.as_of = Utc(2026, 2, 1)});
  ASSERT_EQ(january.periods.size(), 1u);
  EXPECT_EQ(january.purchases, 4);
  EXPECT_EQ(january.accounts, 2);
  EXPECT_EQ(TableOf(log, {.as_of = Utc(2026, 2, 1) + 1}).periods.size(), 2u);
}

TEST(GetRetentionTable, CountsPeriodsInTheZone) {
  const auto shanghai = Zone::Load("Asia/Shanghai");
  ASSERT_TRUE(shanghai.has_value());
  // 31 January 23:59:59 UTC is February in Shanghai.
  const RetentionTable table = TableOf(ThreeAccounts(), {.zone = *shanghai});
  EXPECT_EQ(table.periods[0].revenue_micros, 110 * kUnit);
  EXPECT_EQ(table.periods[1].revenue_micros, 150 * kUnit);
}

TEST(GetRetentionTable, CountsQuartersAndYears) {
  const RetentionTable quarters = TableOf(ThreeAccounts(), {.unit = CalendarUnit::kQuarter});
  ASSERT_EQ(quarters.periods.size(), 2u);
  EXPECT_EQ(FormatPeriod(quarters.periods[0].period, CalendarUnit::kQuarter), "2026-Q1");
  EXPECT_EQ(quarters.periods[0].active, 3);
  EXPECT_EQ(quarters.periods[1].retained, 1);
  EXPECT_EQ(quarters.periods[1].grr_micros, 60 * kUnit);
  const RetentionTable years = TableOf(ThreeAccounts(), {.unit = CalendarUnit::kYear});
  ASSERT_EQ(years.periods.size(), 1u);
  EXPECT_EQ(years.periods[0].period, 56);
  EXPECT_EQ(years.periods[0].revenue_micros, 320 * kUnit);
}

TEST(GetRetentionTable, ListsPeriodsWithoutPurchases) {
  RecordLog log;
  log.Open("a", 0);
  log.Purchase("a", Utc(2026, 1, 5), kUnit);
  log.Purchase("a", Utc(2026, 4, 5), kUnit);
  const RetentionTable table = TableOf(log);
  ASSERT_EQ(table.periods.size(), 4u);
  EXPECT_EQ(table.periods[1].churned, 1);
  EXPECT_EQ(table.periods[2].active, 0);
  EXPECT_EQ(table.periods[2].start, 0);
  EXPECT_EQ(table.periods[3].reactivated, 1);
}

TEST(GetRetentionTable, RefusesToMixCurrenciesAndNamesThem) {
  RecordLog log = ThreeAccounts();
  log.Purchase("a", Utc(2026, 1, 5), 7 * kUnit, "EUR");
  const auto rows = testing::FoldRows(RetentionProjection(), log);
  const auto mixed = GetRetentionTable({rows.get()}, {});
  EXPECT_EQ(ReasonOf(mixed.status()), Reason::kInvalidField);
  EXPECT_NE(FieldsOf(mixed.status())[0].second.find("EUR, USD"), std::string::npos);
  EXPECT_EQ(FieldsOf(mixed.status())[0].first, "scope.currency_code");
  EXPECT_EQ(ReasonOf(GetCohortTable({rows.get()}, {}).status()), Reason::kInvalidField);
  const RetentionTable euros = TableOf(log, {.currency_code = "EUR"});
  EXPECT_EQ(euros.currency_code, "EUR");
  EXPECT_EQ(euros.purchases, 1);
  EXPECT_EQ(TableOf(log, {.currency_code = "USD"}).periods[0].revenue_micros, 150 * kUnit);
}

TEST(GetRetentionTable, RefusesMorePeriodsThanAnAnswerMayHave) {
  RecordLog log;
  log.Open("a", 0);
  log.Purchase("a", Utc(1926, 1, 5), kUnit);
  log.Purchase("a", Utc(2025, 12, 5), kUnit);
  EXPECT_EQ(TableOf(log).periods.size(), 1200u);
  log.Purchase("a", Utc(2026, 1, 1), kUnit);
  const auto rows = testing::FoldRows(RetentionProjection(), log);
  EXPECT_EQ(ReasonOf(GetRetentionTable({rows.get()}, {}).status()), Reason::kInvalidField);
  EXPECT_EQ(ReasonOf(GetCohortTable({rows.get()}, {}).status()), Reason::kInvalidField);
  EXPECT_EQ(TableOf(log, {.unit = CalendarUnit::kYear}).periods.size(), 101u);
}

TEST(GetRetentionTable, RefusesASumThatDoesNotFit) {
  RecordLog log;
  log.Open("a", 0);
  for (int i = 0; i < 2; ++i) log.Purchase("a", Utc(2026, 1, 5), std::numeric_limits<int64_t>::max() / 2 + 1);
  const auto rows = testing::FoldRows(RetentionProjection(), log);
  EXPECT_EQ(ReasonOf(GetRetentionTable({rows.get()}, {}).status()), Reason::kArithmeticRange);
}

TEST(GetRetentionTable, IsEmptyWithoutPurchases) {
  RecordLog log;
  log.Open("a", 0);
  EXPECT_TRUE(TableOf(log).periods.empty());
  EXPECT_EQ(TableOf(log).currency_code, "");
  log.Return("a", Utc(2026, 1, 5), kUnit);
  EXPECT_TRUE(TableOf(log, {.basis = RevenueBasis::kNet}).periods.empty());
  EXPECT_TRUE(CohortsOf(log, {.basis = RevenueBasis::kNet}).cohorts.empty());
}

TEST(GetRetentionTable, ReportsADamagedRow) {
  const auto table = testing::FoldAll(RetentionProjection(), ThreeAccounts().records());
  table->mutable_rows().rbegin()->second = "x";
  EXPECT_EQ(ReasonOf(GetRetentionTable({table->NewReader().get()}, {.unit = CalendarUnit::kQuarter}).status()),
            Reason::kStoreDamaged);
}

TEST(GetRetentionTable, CountsPeriodsOfSeveralUnits) {
  // January and February; March and April.
  const RetentionTable pairs = TableOf(ThreeAccounts(), {.period_length = 2});
  ASSERT_EQ(pairs.periods.size(), 2u);
  EXPECT_EQ((Periods{Zone(), CalendarUnit::kMonth, 2}.Format(pairs.periods[0].period)), "2026-01..2026-02");
  EXPECT_EQ(pairs.periods[0].active, 2);
  EXPECT_EQ(pairs.periods[0].revenue_micros, 260 * kUnit);
  EXPECT_EQ(pairs.periods[1].retained, 1);
  EXPECT_EQ(pairs.periods[1].fresh, 1);
  const RetentionTable weeks = TableOf(ThreeAccounts(), {.unit = CalendarUnit::kWeek});
  EXPECT_EQ(FormatPeriod(weeks.periods[0].period, CalendarUnit::kWeek), "2026-W02");
  EXPECT_EQ(weeks.periods.size(), 13u);
  EXPECT_EQ(CohortsOf(ThreeAccounts(), {.unit = CalendarUnit::kDay}).cohorts.size(), 3u);
}

TEST(GetRetentionTable, CountsOnlyWhomTheFilterNames) {
  RecordLog log = ThreeAccounts();
  log.Add("b", Utc(2026, 1, 2)).mutable_event()->mutable_account_facts_updated()->set_region("DE/BE");
  const RetentionTable table = TableOf(log, {.filter = {.region = "DE"}});
  EXPECT_EQ(table.accounts, 1);
  EXPECT_EQ(table.purchases, 2);
  EXPECT_EQ(table.periods[1].revenue_micros, 70 * kUnit);
  EXPECT_EQ(CohortsOf(log, {.filter = {.region = "DE"}}).cohorts[0].size, 1);
  EXPECT_EQ(TableOf(log, {.filter = {.region = "FR"}}).accounts, 0);
}

TEST(GetCohortTable, FollowsEachCohortToTheLastPeriod) {
  const CohortTable table = CohortsOf(ThreeAccounts());
  ASSERT_EQ(table.cohorts.size(), 2u);
  EXPECT_EQ(table.cohorts[0].period, kJanuary);
  EXPECT_EQ(table.cohorts[0].size, 2);
  EXPECT_EQ(table.cohorts[0].active, (std::vector<int64_t>{2, 2, 0, 1}));
  EXPECT_EQ(table.cohorts[0].revenue_micros, (std::vector<int64_t>{150 * kUnit, 110 * kUnit, 0, 60 * kUnit}));
  EXPECT_EQ(table.cohorts[1].period, kJanuary + 2);
  EXPECT_EQ(table.cohorts[1].size, 1);
  EXPECT_EQ(table.cohorts[1].active, (std::vector<int64_t>{1, 0}));
  EXPECT_EQ(table.cohorts[1].revenue_micros, (std::vector<int64_t>{0, 0}));
}

TEST(GetCohortTable, SubtractsReturnsInTheirOwnPeriodWhenNet) {
  const CohortTable table = CohortsOf(ThreeAccounts(), {.basis = RevenueBasis::kNet});
  EXPECT_EQ(table.cohorts[0].revenue_micros, (std::vector<int64_t>{150 * kUnit, 90 * kUnit, 0, 60 * kUnit}));
}

TEST(RetentionProjection, RefusesLinesThatCannotBeAddedUp) {
  RecordLog log;
  log.Open("a", 0);
  log.Purchase("a", 0, std::numeric_limits<int64_t>::max());
  auto records = log.records();
  *records[1].mutable_event()->mutable_purchase_recorded()->add_lines() =
      records[1].event().purchase_recorded().lines(0);
  testing::MemoryTable table;
  const RetentionProjection projection;
  Lane lane(projection, table);
  lane.Apply(0, RecordView{records[0], 0, 0});
  lane.Apply(1, RecordView{records[1], 0, 0});
  EXPECT_EQ(ReasonOf(lane.failure()), Reason::kStoreDamaged);
}

}  // namespace
}  // namespace keyledger::projections
