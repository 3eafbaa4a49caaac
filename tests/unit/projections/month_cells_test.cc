// Month cells: what they answer, when they do not, and what is left of them.
#include "projections/retention/month_cells.h"

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

std::unique_ptr<testing::MemoryTable> Fold(const RecordLog& log) {
  return testing::FoldAll(RetentionProjection(), log.records());
}

testing::MemoryRows CellRows(const testing::MemoryTable& table) {
  return testing::MemoryRows(table.rows().begin(), table.rows().lower_bound(kFirstAccountKey));
}

// a bought in January and March, b in February; b's were euros.
RecordLog TwoAccounts() {
  RecordLog log;
  log.Open("a", 0);
  log.Open("b", 0);
  log.Purchase("a", Utc(2026, 1, 5), 10 * kUnit);
  log.Purchase("b", Utc(2026, 2, 5), 20 * kUnit, "EUR");
  log.Purchase("a", Utc(2026, 3, 5), 30 * kUnit);
  return log;
}

// Takes the rows of accounts away: only the cells are left.
std::unique_ptr<store::TableReader> CellsOf(const RecordLog& log) {
  const auto table = Fold(log);
  testing::MemoryRows& rows = table->mutable_rows();
  rows.erase(rows.lower_bound(kFirstAccountKey), rows.end());
  return table->NewReader();
}

int64_t AccountsIn(const store::TableReader& rows, const RetentionScope& scope) {
  const auto table = GetRetentionTable({&rows}, scope);
  EXPECT_TRUE(table.ok()) << table.status();
  return table.ok() ? table->accounts : -1;
}

TEST(MonthCells, AnswerForWholeMonthsOfUtcWithoutTheAccounts) {
  const auto cells = CellsOf(TwoAccounts());
  EXPECT_EQ(AccountsIn(*cells, {.currency_code = "USD"}), 1);
  EXPECT_EQ(AccountsIn(*cells, {.currency_code = "EUR"}), 1);
  EXPECT_EQ(AccountsIn(*cells, {.zone = *Zone::Load("Etc/UTC"), .currency_code = "USD"}), 1);
  EXPECT_EQ(AccountsIn(*cells, {.as_of = Utc(2026, 2, 1)}), 1);
  const auto cohorts = GetCohortTable({cells.get()}, {.currency_code = "USD", .as_of = Utc(2026, 4, 1)});
  ASSERT_TRUE(cohorts.ok()) << cohorts.status();
  ASSERT_EQ(cohorts->cohorts.size(), 1u);
  EXPECT_EQ(cohorts->cohorts[0].period, kJanuary);
  EXPECT_EQ(cohorts->cohorts[0].active, (std::vector<int64_t>{1, 0, 1}));
  EXPECT_EQ(cohorts->cohorts[0].revenue_micros, (std::vector<int64_t>{10 * kUnit, 0, 30 * kUnit}));
}

TEST(MonthCells, AreNotAskedForAnythingElse) {
  const auto cells = CellsOf(TwoAccounts());
  for (const RetentionScope& scope :
       {RetentionScope{.unit = CalendarUnit::kQuarter}, RetentionScope{.period_length = 2},
        RetentionScope{.zone = *Zone::Load("Asia/Shanghai")}, RetentionScope{.zone = *Zone::Load("Europe/London")},
        RetentionScope{.as_of = Utc(2026, 4, 2)}, RetentionScope{.known_at = Utc(2030, 1, 1)},
        RetentionScope{.filter = {.segment = "hotel"}}, RetentionScope{.known_places = {100}}}) {
    RetentionScope dollars = scope;
    dollars.currency_code = "USD";
    EXPECT_EQ(AccountsIn(*cells, dollars), 0);
  }
}

TEST(MonthCells, FollowAnAccountWhoseFirstPurchaseComesLate) {
  RecordLog log = TwoAccounts();
  log.Purchase("a", Utc(2025, 12, 31), 5 * kUnit);
  log.Return("a", Utc(2025, 11, 1), 1 * kUnit);
  log.Return("a", Utc(2026, 3, 9), 2 * kUnit);
  const auto cells = CellsOf(log);
  const auto cohorts = GetCohortTable({cells.get()}, {.currency_code = "USD", .basis = RevenueBasis::kNet});
  ASSERT_TRUE(cohorts.ok()) << cohorts.status();
  ASSERT_EQ(cohorts->cohorts.size(), 1u);
  EXPECT_EQ(cohorts->cohorts[0].period, kJanuary - 1);
  EXPECT_EQ(cohorts->cohorts[0].size, 1);
  EXPECT_EQ(cohorts->cohorts[0].active, (std::vector<int64_t>{1, 1, 0, 1}));
  EXPECT_EQ(cohorts->cohorts[0].revenue_micros, (std::vector<int64_t>{5 * kUnit, 10 * kUnit, 0, 28 * kUnit}));
  const auto table = GetRetentionTable({cells.get()}, {.currency_code = "USD"});
  ASSERT_EQ(table->periods.size(), 4u);
  EXPECT_EQ(table->periods[0].fresh, 1);
  EXPECT_EQ(table->periods[1].fresh, 0);
  EXPECT_EQ(table->periods[1].retained, 1);
  EXPECT_EQ(table->periods[2].churned, 1);
  EXPECT_EQ(table->periods[3].reactivated, 1);
}

TEST(MonthCells, AreDeletedWhenNothingIsLeftInThem) {
  RecordLog log;
  log.Open("a", 0);
  log.Purchase("a", Utc(2026, 3, 5), 10 * kUnit);
  const size_t one_cohort = Fold(log)->rows().size();
  // The row of the purchase itself, and the cell of its month: that of March now belongs to another cohort.
  log.Purchase("a", Utc(2026, 1, 5), 10 * kUnit);
  EXPECT_EQ(Fold(log)->rows().size(), one_cohort + 2);
}

TEST(MonthCells, LeaveAnAccountThatTradedInTooManyMonthsToTheQueries) {
  RecordLog log;
  log.Open("a", 0);
  log.Open("b", 0);
  log.Purchase("b", Utc(2020, 1, 1), kUnit);
  for (size_t month = 0; month < kAccountMonthsMax; ++month) {
    log.Purchase("a", Zone().PeriodStartByIndex(static_cast<int64_t>(month), CalendarUnit::kMonth), kUnit);
  }
  EXPECT_EQ(AccountsIn(*CellsOf(log), {}), 2);
  const RetentionScope century{.as_of = Utc(2069, 12, 1)};
  EXPECT_EQ(AccountsIn(*CellsOf(log), century), 2);
  const size_t rows = Fold(log)->rows().size();
  log.Purchase("a", Utc(1969, 12, 31), kUnit);
  const auto table = Fold(log);
  // Its 1,200 cells are gone; there is the row of the purchase, and that of the accounts in no cell.
  EXPECT_EQ(table->rows().size(), rows - 1200 + 2);
  EXPECT_EQ(AccountsIn(*CellsOf(log), {}), 0);
  // The first month is one too many for an answer.
  EXPECT_EQ(ReasonOf(GetRetentionTable({table->NewReader().get()}, {}).status()), Reason::kInvalidField);
  const auto answer = GetRetentionTable({table->NewReader().get()}, century);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->accounts, 2);
  EXPECT_EQ(answer->periods.size(), 1200u);
  EXPECT_EQ(answer->periods[1199].retained, 1);
  // More of it changes nothing.
  log.Purchase("a", Utc(1969, 12, 31), kUnit);
  log.Return("a", Utc(1950, 12, 31), kUnit);
  const auto more = Fold(log);
  EXPECT_TRUE(CellRows(*table) == CellRows(*more));
}

TEST(MonthCells, AnswerInACurrencyWhateverAnAccountDidInAnother) {
  RecordLog log;
  log.Open("a", 0);
  log.Open("b", 0);
  log.Purchase("b", Utc(2020, 1, 1), kUnit, "EUR");
  for (size_t month = 0; month <= kAccountMonthsMax; ++month) {
    log.Purchase("a", Zone().PeriodStartByIndex(static_cast<int64_t>(month), CalendarUnit::kMonth), kUnit);
  }
  log.Purchase("a", Utc(2020, 2, 1), kUnit, "EUR");
  EXPECT_EQ(AccountsIn(*CellsOf(log), {.currency_code = "EUR"}), 2);
  EXPECT_EQ(AccountsIn(*CellsOf(log), {.currency_code = "USD"}), 0) << "a is in no cell of dollars";
  const RetentionScope years{.currency_code = "USD", .as_of = Utc(2030, 1, 1)};
  EXPECT_EQ(AccountsIn(*Fold(log)->NewReader(), years), 1);
  // a bought last in January 2070: with that month the data end, in euros too.
  const auto euros = GetRetentionTable({Fold(log)->NewReader().get()}, {.currency_code = "EUR"});
  ASSERT_TRUE(euros.ok()) << euros.status();
  EXPECT_EQ(euros->periods.size(), 601u) << "50 years and a month";
}

TEST(MonthCells, HoldSumsThatOneNumberDoesNot) {
  RecordLog log;
  log.Open("a", 0);
  for (int i = 0; i < 3; ++i) log.Purchase("a", Utc(2026, 1, 5), std::numeric_limits<int64_t>::max());
  const auto table = Fold(log);
  EXPECT_EQ(ReasonOf(GetRetentionTable({table->NewReader().get()}, {}).status()), Reason::kArithmeticRange);
  for (int i = 0; i < 2; ++i) log.Return("a", Utc(2026, 1, 6), std::numeric_limits<int64_t>::max());
  const auto net = GetRetentionTable({Fold(log)->NewReader().get()}, {.basis = RevenueBasis::kNet});
  ASSERT_TRUE(net.ok()) << net.status();
  EXPECT_EQ(net->periods[0].revenue_micros, std::numeric_limits<int64_t>::max());
}

TEST(MonthCells, AreReportedWhenDamaged) {
  const auto intact = Fold(TwoAccounts());
  int cells = 0;
  for (const auto& [key, value] : intact->rows()) {
    if (key >= kFirstAccountKey || key[1] == 'A') continue;
    ++cells;
    const auto table = Fold(TwoAccounts());
    table->mutable_rows()[key] = value.substr(0, value.size() - 1);
    const auto reader = table->NewReader();
    bool reported = false;
    for (const char* currency : {"USD", "EUR"}) {
      const RetentionScope scope{.currency_code = currency};
      reported = reported || ReasonOf(GetRetentionTable({reader.get()}, scope).status()) == Reason::kStoreDamaged ||
                 ReasonOf(GetCohortTable({reader.get()}, scope).status()) == Reason::kStoreDamaged;
    }
    EXPECT_TRUE(reported) << key.substr(1);
  }
  EXPECT_EQ(cells, 3);
}

TEST(MonthCells, StopTheFoldWhenARowOfAnAccountIsDamaged) {
  const auto table = Fold(TwoAccounts());
  for (auto& [key, value] : table->mutable_rows()) {
    if (key < kFirstAccountKey && key[1] == 'A') value.pop_back();
  }
  RecordLog log = TwoAccounts();
  log.Purchase("a", Utc(2026, 3, 6), kUnit);
  const RetentionProjection projection;
  Lane lane(projection, *table);
  const auto& record = log.records().back();
  lane.Apply(record.position(), RecordView{record, Utc(2026, 3, 6), Utc(2026, 3, 6)});
  EXPECT_EQ(ReasonOf(lane.failure()), Reason::kStoreDamaged);
}

}  // namespace
}  // namespace keyledger::projections
