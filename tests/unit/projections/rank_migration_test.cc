// How the ranking of a period differs from that of the one before.
#include "projections/portfolio/rank_migration.h"

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

using Counts = std::vector<std::vector<int64_t>>;

RankMigration Of(const testing::RecordLog& log, const RankMigrationQuery& query = {}, const RetentionScope& scope = {},
                 size_t shards = 1) {
  return Must(GetRankMigration(ShardedRows(log, shards).shards(), scope, query));
}

// January: a 100, b 50, c 40, d 30. February: a 10, b 60, c 40, e 200. f bought in December only, g in March only.
PortfolioLog TwoMonths() {
  PortfolioLog log;
  const std::pair<const char*, int64_t> january[] = {{"a", 100}, {"b", 50}, {"c", 40}, {"d", 30}};
  const std::pair<const char*, int64_t> february[] = {{"a", 10}, {"b", 60}, {"c", 40}, {"e", 200}};
  for (const auto& [id, amount] : january) log.Purchase(id, Utc(2026, 1, 5), amount * kUnit);
  for (const auto& [id, amount] : february) log.Purchase(id, Utc(2026, 2, 5), amount * kUnit);
  log.Purchase("f", Utc(2025, 12, 5), kUnit);
  log.Purchase("g", Utc(2026, 3, 5), kUnit);
  return log;
}

const RetentionScope kAtTheEndOfFebruary{.as_of = Utc(2026, 3, 1)};

// Ends at the first and at the second of four.
RankMigrationQuery Halves() {
  RankMigrationQuery query;
  query.cut_milli = {250, 500};
  return query;
}

TEST(GetRankMigration, CountsMovesBetweenTheClassesOfTwoPeriods) {
  for (const size_t shards : {1, 4}) {
    const RankMigration answer = Of(TwoMonths(), Halves(), kAtTheEndOfFebruary, shards);
    EXPECT_EQ(answer.earlier_period, "2026-01");
    EXPECT_EQ(answer.later_period, "2026-02");
    EXPECT_EQ(answer.states, (std::vector<std::string>{"A", "B", "C", "N"}));
    // January: a A, b B, c and d C, e N. February: e A, b B, c and a C, d N; f was there before.
    EXPECT_EQ(answer.counts, (Counts{{0, 0, 1, 0}, {0, 1, 0, 0}, {0, 0, 1, 1}, {1, 0, 0, 1}}));
    EXPECT_EQ(answer.currency_code, "USD");
  }
}

TEST(GetRankMigration, ListsRisersByWhatTheyGained) {
  PortfolioLog log = TwoMonths();
  // A second newcomer, and one that rises from C to A.
  log.Purchase("d", Utc(2026, 2, 6), 300 * kUnit);
  log.Purchase("h", Utc(2026, 2, 6), 1 * kUnit);
  const RankMigration answer = Of(log, Halves(), kAtTheEndOfFebruary);
  // February: d 300, e 200, b 60, c 40, a 10, h 1: A holds 2, B 1.
  struct Expected {
    const char* id;
    int64_t earlier_rank, later_rank, earlier, later;
    size_t earlier_class, later_class;
  };
  const Expected expected[] = {{"d", 4, 1, 30, 300, 2, 0}, {"e", 0, 2, 0, 200, 3, 0}, {"h", 0, 6, 0, 1, 3, 2}};
  ASSERT_EQ(answer.risers.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    const RiserRow& row = answer.risers[i];
    SCOPED_TRACE(expected[i].id);
    EXPECT_EQ(row.account_id, expected[i].id);
    EXPECT_EQ(row.earlier_rank, expected[i].earlier_rank);
    EXPECT_EQ(row.later_rank, expected[i].later_rank);
    EXPECT_EQ(row.earlier_micros, expected[i].earlier * kUnit);
    EXPECT_EQ(row.later_micros, expected[i].later * kUnit);
    EXPECT_EQ(row.earlier_class, expected[i].earlier_class);
    EXPECT_EQ(row.later_class, expected[i].later_class);
  }
  RankMigrationQuery query = Halves();
  query.risers_max = 1;
  EXPECT_EQ(Of(log, query, kAtTheEndOfFebruary).risers.size(), 1u);
}

TEST(GetRankMigration, ComparesTheLastCompletePeriods) {
  // A moment before the end of February it is not complete.
  EXPECT_EQ(Of(TwoMonths(), {}, {.as_of = Utc(2026, 3, 1) - 1}).later_period, "2026-01");
  EXPECT_EQ(Of(TwoMonths(), {}, {.as_of = Utc(2026, 3, 31)}).later_period, "2026-02");
  // Without as_of: the day after the last purchase, 5 March.
  EXPECT_EQ(Of(TwoMonths()).later_period, "2026-02");
  PortfolioLog log = TwoMonths();
  log.Purchase("g", Utc(2026, 3, 31), kUnit);
  EXPECT_EQ(Of(log).later_period, "2026-03");
  EXPECT_EQ(Of(log, {}, {.unit = CalendarUnit::kQuarter}).earlier_period, "2025-Q4");
  const RankMigration years = Of(log, {}, {.period_length = 2});
  EXPECT_EQ(years.earlier_period, "2025-11..2025-12");
  EXPECT_EQ(years.later_period, "2026-01..2026-02");
}

TEST(GetRankMigration, CorrelatesTheRanksOfThoseThatBoughtInBoth) {
  // a, b and c: 1, 2, 3 and 3, 1, 2: 1 - 6 * (4 + 1 + 1) / (3 * 8).
  EXPECT_NEAR(*Of(TwoMonths(), {}, kAtTheEndOfFebruary).rank_correlation, -0.5, 1e-15);
  PortfolioLog log;
  for (const char* id : {"a", "b"}) log.Purchase(id, Utc(2026, 1, 5), 10 * kUnit);
  log.Purchase("a", Utc(2026, 2, 5), 10 * kUnit);
  EXPECT_FALSE(Of(log, {}, kAtTheEndOfFebruary).rank_correlation.has_value());
  log.Purchase("b", Utc(2026, 2, 5), 20 * kUnit);
  // All alike in January.
  EXPECT_FALSE(Of(log, {}, kAtTheEndOfFebruary).rank_correlation.has_value());
  // Two share 1.5 there: deviations -0.5, -0.5, 1 and 0, -1, 1.
  log.Purchase("c", Utc(2026, 1, 5), 5 * kUnit);
  log.Purchase("c", Utc(2026, 2, 5), 5 * kUnit);
  EXPECT_NEAR(*Of(log, {}, kAtTheEndOfFebruary).rank_correlation, 0.8660254037844386, 1e-15);
}

TEST(GetRankMigration, BreaksTiesByAccountId) {
  PortfolioLog log;
  for (const char* id : {"c", "a", "d", "b"}) {
    log.Purchase(id, Utc(2026, 1, 5), 10 * kUnit);
    log.Purchase(id, Utc(2026, 2, 5), 10 * kUnit);
  }
  EXPECT_EQ(Of(log, Halves(), kAtTheEndOfFebruary, 4).counts,
            (Counts{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 2, 0}, {0, 0, 0, 0}}));
}

TEST(GetRankMigration, RanksByProfitAndByNetRevenue) {
  PortfolioLog log;
  for (const int month : {1, 2}) {
    log.Sell("a", Utc(2026, month, 5), 100 * kUnit, 10 * kUnit);
    log.Sell("b", Utc(2026, month, 5), 80 * kUnit, 10 * kUnit);
  }
  log.Serve("a", Utc(2026, 2, 6), 50 * kUnit);
  log.Return("a", Utc(2026, 2, 6), 10 * kUnit);
  RankMigrationQuery query;
  query.cut_milli = {500};
  EXPECT_EQ(Of(log, query, kAtTheEndOfFebruary).counts, (Counts{{1, 0, 0}, {0, 1, 0}, {0, 0, 0}}));
  query.measure = PortfolioMeasure::kProfit;
  const RankMigration profit = Of(log, query, kAtTheEndOfFebruary);
  EXPECT_EQ(profit.counts, (Counts{{0, 1, 0}, {1, 0, 0}, {0, 0, 0}}));
  ASSERT_EQ(profit.risers.size(), 1u);
  EXPECT_EQ(profit.risers[0].account_id, "b");
  EXPECT_EQ(profit.risers[0].later_micros, 70 * kUnit);
  log.Return("a", Utc(2026, 2, 7), 30 * kUnit);
  query.measure = PortfolioMeasure::kRevenue;
  EXPECT_EQ(Of(log, query, {.basis = RevenueBasis::kNet, .as_of = Utc(2026, 3, 1)}).risers[0].account_id, "b");
}

TEST(GetRankMigration, KeepsToWhatIsInScope) {
  PortfolioLog log = TwoMonths();
  log.Purchase("d", Utc(2026, 2, 20), 999 * kUnit, "USD", Utc(2026, 6, 1));
  EXPECT_EQ(Of(log, Halves(), {.as_of = Utc(2026, 3, 1), .known_at = Utc(2026, 6, 1)}).counts[3][0], 1);
  EXPECT_EQ(Of(log, Halves(), kAtTheEndOfFebruary).counts[2][0], 1);
  for (const char* id : {"a", "b"}) log.SetFacts(id, Utc(2026, 1, 1), "CN");
  // Of the two of them, a falls from A to C.
  EXPECT_EQ(Of(log, Halves(), {.as_of = Utc(2026, 3, 1), .filter = {.region = "CN"}}).counts,
            (Counts{{0, 0, 1, 0}, {0, 0, 0, 0}, {1, 0, 0, 0}, {0, 0, 0, 0}}));
}

TEST(GetRankMigration, IsEmptyWithoutPurchases) {
  PortfolioLog log;
  log.Open("a", 0);
  const RankMigration answer = Of(log);
  EXPECT_EQ(answer.earlier_period, "");
  EXPECT_EQ(answer.later_period, "");
  EXPECT_EQ(answer.states, (std::vector<std::string>{"A", "B", "C", "N"}));
  EXPECT_EQ(answer.counts, (Counts(4, std::vector<int64_t>(4))));
  EXPECT_FALSE(answer.rank_correlation.has_value());
  EXPECT_EQ(Of(log, {}, kAtTheEndOfFebruary).later_period, "2026-02");
}

TEST(GetRankMigration, RefusesASumThatDoesNotFit) {
  PortfolioLog log;
  for (int i = 0; i < 2; ++i) log.Purchase("a", Utc(2026, 2, 5), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(ReasonOf(GetRankMigration(ShardedRows(log).shards(), kAtTheEndOfFebruary, {}).status()),
            Reason::kArithmeticRange);
}

}  // namespace
}  // namespace keyledger::projections::portfolio
