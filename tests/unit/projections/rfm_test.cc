// RFM: scores, ties, the day that recency counts to, cells and their accounts.
#include <limits>

#include <gtest/gtest.h>

#include "projections/retention/retention_projection.h"
#include "projections/retention/rfm_queries.h"
#include "server/base/error.h"
#include "tests/support/record_log.h"

namespace keyledger::projections {
namespace {

using testing::RecordLog;
using testing::Utc;

constexpr int64_t kUnit = 1'000'000;
constexpr int64_t kMoney = std::numeric_limits<int64_t>::max();

absl::StatusOr<RfmTable> Ask(const RecordLog& log, const RfmQuestion& question, const RetentionScope& scope = {}) {
  const auto rows = testing::FoldRows(RetentionProjection(), log);
  return GetRfmTable({rows.get()}, scope, question);
}

RfmTable TableOf(const RecordLog& log, const RfmQuestion& question = {}, const RetentionScope& scope = {}) {
  const auto table = Ask(log, question, scope);
  EXPECT_TRUE(table.ok()) << table.status();
  return table.value_or(RfmTable());
}

// The account's cell; empty if it has none.
std::string CellOf(const RecordLog& log, const std::string& account_id, RfmQuestion question = {},
                   const RetentionScope& scope = {}) {
  question.account_id = account_id;
  const RfmTable table = TableOf(log, question, scope);
  return table.listed.empty() ? "" : table.listed[0].cell;
}

std::vector<std::string> Names(const RfmTable& table) {
  std::vector<std::string> names;
  for (const RfmCell& cell : table.cells) names.push_back(cell.cell);
  return names;
}

// a to e bought on 1 to 5 January, 5 to 1 times in that day, for 10 to 50 each: 50, 80, 90, 80, 50 in all.
RecordLog FiveAccounts() {
  RecordLog log;
  for (int i = 0; i < 5; ++i) {
    const std::string id(1, static_cast<char>('a' + i));
    log.Open(id, Utc(2026, 1, 1));
    for (int n = 5 - i; n > 0; --n) log.Purchase(id, Utc(2026, 1, 1 + i, n), (i + 1) * 10 * kUnit);
  }
  return log;
}

TEST(GetRfmTable, ScoresFromOneToFiveWithTiesById) {
  const RfmTable table = TableOf(FiveAccounts());
  EXPECT_EQ(table.accounts, 5);
  EXPECT_EQ(table.currency_code, "USD");
  EXPECT_EQ(Names(table), (std::vector<std::string>{"151", "243", "335", "424", "512"}));
  const std::array<int64_t, 5> one_each = {1, 1, 1, 1, 1};
  EXPECT_EQ(table.recency, one_each);
  EXPECT_EQ(table.frequency, one_each);
  EXPECT_EQ(table.monetary, one_each);
  EXPECT_EQ(table.cells[2].accounts, 1);
  EXPECT_EQ(table.cells[2].revenue_micros, 90 * kUnit);
  EXPECT_TRUE(table.listed.empty());
  EXPECT_EQ(table.continuation, "");
}

TEST(GetRfmTable, SharesScoresAmongEqualAccounts) {
  const RfmTable table = TableOf(FiveAccounts(), {.ties = RfmTies::kShared});
  EXPECT_EQ(Names(table), (std::vector<std::string>{"151", "243", "335", "423", "511"}));
  EXPECT_EQ(table.monetary, (std::array<int64_t, 5>{2, 0, 2, 0, 1}));
  const RfmTable days = TableOf(FiveAccounts(), {.ties = RfmTies::kShared, .frequency = RfmFrequency::kDays});
  EXPECT_EQ(days.frequency, (std::array<int64_t, 5>{5, 0, 0, 0, 0})) << "each bought on one day";
}

TEST(GetRfmTable, CountsDaysOrPurchases) {
  RecordLog log;
  log.Open("a", 0);
  for (const Micros time : {Utc(2026, 1, 5, 8), Utc(2026, 1, 5, 9), Utc(2026, 1, 6), Utc(2026, 3, 5, 8)}) {
    log.Purchase("a", time, kUnit);
  }
  EXPECT_EQ(TableOf(log, {.account_id = "a"}).listed[0].frequency, 4);
  EXPECT_EQ(TableOf(log, {.frequency = RfmFrequency::kDays, .account_id = "a"}).listed[0].frequency, 3);
}

TEST(GetRfmTable, CountsRecencyToTheDayAfterTheLastPurchaseInScope) {
  const RfmTable table = TableOf(FiveAccounts(), {.account_id = "a"});
  ASSERT_TRUE(table.as_of_day.has_value());
  EXPECT_EQ(FormatPeriod(*table.as_of_day, CalendarUnit::kDay), "2026-01-06");
  EXPECT_EQ(table.listed[0].recency_days, 5);
  EXPECT_EQ(TableOf(FiveAccounts(), {.account_id = "e"}).listed[0].recency_days, 1);
}

TEST(GetRfmTable, CountsRecencyToTheDayOfAsOf) {
  const RetentionScope midnight{.as_of = Utc(2026, 1, 4)};
  const RfmTable table = TableOf(FiveAccounts(), {.account_id = "a"}, midnight);
  EXPECT_EQ(table.accounts, 3);
  EXPECT_EQ(FormatPeriod(*table.as_of_day, CalendarUnit::kDay), "2026-01-04");
  EXPECT_EQ(table.listed[0].recency_days, 3);
  // floor(5 i / 3) + 1.
  EXPECT_EQ(table.recency, (std::array<int64_t, 5>{1, 1, 0, 1, 0}));
  const RfmTable noon = TableOf(FiveAccounts(), {.account_id = "d"}, {.as_of = Utc(2026, 1, 4, 12)});
  EXPECT_EQ(noon.accounts, 4);
  EXPECT_EQ(noon.listed[0].recency_days, 0);
  EXPECT_EQ(TableOf(FiveAccounts(), {.account_id = "e"}, {.as_of = Utc(2027, 1, 5)}).listed[0].recency_days, 365);
}

TEST(GetRfmTable, CountsDaysInTheZone) {
  RecordLog log;
  log.Open("a", 0);
  log.Purchase("a", Utc(2026, 1, 5, 12), kUnit);
  log.Purchase("a", Utc(2026, 1, 5, 20), kUnit);
  const auto shanghai = Zone::Load("Asia/Shanghai");
  ASSERT_TRUE(shanghai.has_value());
  const RfmQuestion question{.frequency = RfmFrequency::kDays, .account_id = "a"};
  EXPECT_EQ(TableOf(log, question).listed[0].frequency, 1);
  const RfmTable there = TableOf(log, question, {.zone = *shanghai});
  EXPECT_EQ(there.listed[0].frequency, 2);
  EXPECT_EQ(FormatPeriod(*there.as_of_day, CalendarUnit::kDay), "2026-01-07");
}

TEST(GetRfmTable, SubtractsReturnsWhenNetAndLetsThemBeMoreThanWasBought) {
  RecordLog log = FiveAccounts();
  log.Return("c", Utc(2026, 1, 10), 100 * kUnit);
  EXPECT_EQ(CellOf(log, "c"), "335");
  EXPECT_EQ(CellOf(log, "c", {}, {.basis = RevenueBasis::kNet}), "331");
  const RfmTable net = TableOf(log, {.account_id = "c"}, {.basis = RevenueBasis::kNet});
  EXPECT_EQ(net.listed[0].revenue_micros, -10 * kUnit);
  EXPECT_EQ(net.listed[0].frequency, 3);
  EXPECT_EQ(net.listed[0].recency_days, 3) << "a return is no sign of life";
}

TEST(GetRfmTable, ScoresOnlyAccountsThatHavePurchased) {
  RecordLog log = FiveAccounts();
  log.Open("f", Utc(2026, 1, 1));
  log.Open("0", Utc(2026, 1, 1));
  log.Return("0", Utc(2026, 1, 2), kUnit);
  const RfmTable table = TableOf(log, {.account_id = "0"}, {.basis = RevenueBasis::kNet});
  EXPECT_EQ(table.accounts, 5);
  EXPECT_TRUE(table.listed.empty());
  EXPECT_EQ(CellOf(log, "f"), "");
  EXPECT_EQ(CellOf(log, "nobody"), "");
  EXPECT_EQ(CellOf(log, "e"), "512");
}

TEST(GetRfmTable, IsEmptyWithoutPurchases) {
  const RfmTable nothing = TableOf(RecordLog(), {.cell = "111", .limit = 10});
  EXPECT_TRUE(nothing.cells.empty());
  EXPECT_EQ(nothing.accounts, 0);
  EXPECT_EQ(nothing.recency, (std::array<int64_t, 5>{}));
  EXPECT_FALSE(nothing.as_of_day.has_value());
  EXPECT_TRUE(TableOf(RecordLog(), {}, {.as_of = Utc(2026, 1, 4)}).as_of_day.has_value());
}

TEST(GetRfmTable, ListsTheAccountsOfACellInPages) {
  RecordLog log;
  for (int i = 0; i < 12; ++i) {
    const std::string id = "account-" + std::to_string(10 + i);
    log.Open(id, 0);
    log.Purchase(id, Utc(2026, 1, 5), kUnit);
  }
  log.Open("best", 0);
  log.Purchase("best", Utc(2026, 1, 6), 5 * kUnit);
  RfmQuestion question{.ties = RfmTies::kShared, .cell = "111", .limit = 5};
  const auto page = [&](size_t accounts, const std::string& first, const std::string& continuation) {
    const RfmTable table = TableOf(log, question);
    ASSERT_EQ(table.listed.size(), accounts);
    EXPECT_EQ(table.listed[0].account_id, first);
    EXPECT_EQ(table.listed[0].cell, "111");
    EXPECT_EQ(table.listed[0].recency_days, 2);
    EXPECT_EQ(table.listed[0].revenue_micros, kUnit);
    EXPECT_EQ(table.continuation, continuation);
    question.after = continuation;
  };
  page(5, "account-10", "account-14");
  page(5, "account-15", "account-19");
  page(2, "account-20", "");
  question.limit = 6;
  page(6, "account-10", "account-15");
  page(6, "account-16", "");
  question.cell = "555";
  EXPECT_TRUE(TableOf(log, question).listed.empty()) << "nobody is in it";
}

TEST(GetRfmTable, BreaksTiesByAccountIdOverAllShards) {
  RecordLog logs[2];
  // Of five equal accounts, b and d are on another shard.
  for (const char* const id : {"e", "c", "a"}) logs[0].Purchase(id, Utc(2026, 1, 5), kUnit);
  for (const char* const id : {"d", "b"}) logs[1].Purchase(id, Utc(2026, 1, 5), kUnit);
  const auto first = testing::FoldRows(RetentionProjection(), logs[0]);
  const auto second = testing::FoldRows(RetentionProjection(), logs[1]);
  const std::pair<const char*, const char*> cells[] = {
      {"a", "111"}, {"b", "222"}, {"c", "333"}, {"d", "444"}, {"e", "555"}};
  for (const auto& [id, cell] : cells) {
    const auto table = GetRfmTable({first.get(), second.get()}, {}, {.account_id = id});
    ASSERT_TRUE(table.ok()) << table.status();
    ASSERT_EQ(table->listed.size(), 1u);
    EXPECT_EQ(table->listed[0].cell, cell);
    const auto listed = GetRfmTable({first.get(), second.get()}, {}, {.cell = cell, .limit = 2});
    ASSERT_EQ(listed->listed.size(), 1u);
    EXPECT_EQ(listed->listed[0].account_id, id);
  }
}

TEST(GetRfmTable, CountsOnlyWhatOccurredAndWasRecordedInScope) {
  RecordLog log = FiveAccounts();
  log.Purchase("a", Utc(2026, 1, 20), 1000 * kUnit, "USD", Utc(2026, 6, 1));
  EXPECT_EQ(TableOf(log, {.account_id = "a"}).listed[0].frequency, 6);
  EXPECT_EQ(TableOf(log, {.account_id = "a"}, {.known_at = Utc(2026, 6, 1)}).listed[0].frequency, 5);
  EXPECT_EQ(TableOf(log, {.account_id = "a"}, {.known_at = Utc(2026, 6, 1) + 1}).listed[0].frequency, 6);
}

TEST(GetRfmTable, RefusesToMixCurrencies) {
  RecordLog log = FiveAccounts();
  log.Purchase("a", Utc(2026, 1, 5), kUnit, "EUR");
  EXPECT_EQ(FieldsOf(Ask(log, {}).status())[0].first, "scope.currency_code");
  EXPECT_EQ(TableOf(log, {}, {.currency_code = "EUR"}).accounts, 1);
}

TEST(GetRfmTable, RefusesASumThatDoesNotFit) {
  RecordLog one;
  for (int i = 0; i < 2; ++i) one.Purchase("a", Utc(2026, 1, 5), kMoney / 2 + 1);
  EXPECT_EQ(ReasonOf(Ask(one, {}).status()), Reason::kArithmeticRange);
  RecordLog two;
  for (const char* const id : {"a", "b"}) two.Purchase(id, Utc(2026, 1, 5), kMoney / 2 + 1);
  EXPECT_EQ(ReasonOf(Ask(two, {.ties = RfmTies::kShared}).status()), Reason::kArithmeticRange) << "in one cell";
  EXPECT_EQ(TableOf(two).accounts, 2) << "in two";
}

}  // namespace
}  // namespace keyledger::projections
