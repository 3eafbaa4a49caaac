// Migration: paths of accounts by recency, class, tier and stage; what they lead to; limits.
#include <limits>

#include <gtest/gtest.h>

#include "projections/retention/migration_queries.h"
#include "projections/retention/retention_projection.h"
#include "projections/retention/retention_queries.h"
#include "server/base/error.h"
#include "tests/support/record_log.h"

namespace keyledger::projections {
namespace {

using testing::RecordLog;
using testing::Utc;

using Counts = MigrationSquare<int64_t>;
using Names = std::vector<std::string>;

constexpr int64_t kUnit = 1'000'000;
// Months since 1970 of January 2026.
constexpr int64_t kJanuary = 56 * 12;

absl::StatusOr<MigrationTable> Ask(const RecordLog& log, const MigrationQuestion& question,
                                   const RetentionScope& scope = {}) {
  const auto rows = testing::FoldRows(RetentionProjection(), log);
  return GetMigrationTable({rows.get()}, scope, question);
}

MigrationTable TableOf(const RecordLog& log, const MigrationQuestion& question = {}, const RetentionScope& scope = {}) {
  const auto table = Ask(log, question, scope);
  EXPECT_TRUE(table.ok()) << table.status();
  return table.value_or(MigrationTable());
}

void ExpectNumbers(const std::vector<double>& numbers, const std::vector<double>& expected) {
  ASSERT_EQ(numbers.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(numbers[i], expected[i], 1e-6) << i;
}

std::string RefusedField(const absl::Status& status) {
  EXPECT_EQ(ReasonOf(status), Reason::kInvalidField) << status;
  const auto fields = FieldsOf(status);
  return fields.size() == 1 ? fields[0].first : "";
}

// a buys for 10 in January and 30 in March, b for 20 in January, c for 40 in April; in February b returns 6.
RecordLog FourMonths() {
  RecordLog log;
  for (const char* const id : {"a", "b", "c"}) log.Open(id, Utc(2026, 1, 1));
  log.Purchase("a", Utc(2026, 1, 5), 10 * kUnit);
  log.Purchase("b", Utc(2026, 1, 6), 20 * kUnit);
  log.Return("b", Utc(2026, 2, 1), 6 * kUnit);
  log.Purchase("a", Utc(2026, 3, 31), 30 * kUnit);
  log.Purchase("c", Utc(2026, 4, 1), 40 * kUnit);
  return log;
}

TEST(MigrationByRecency, CountsPeriodsSinceTheLastPurchase) {
  const MigrationTable table = TableOf(FourMonths(), {.recency_cap = 2});
  EXPECT_EQ(table.currency_code, "USD");
  EXPECT_EQ(table.states, (Names{"0", "1", "2+"}));
  // a: 0 1 0 1. b: 0 1 2 2. c: 0 in the last month.
  EXPECT_EQ(table.counts, (Counts{{0, 3, 0}, {1, 0, 1}, {0, 0, 1}}));
  ASSERT_EQ(table.steps.size(), 3u);
  EXPECT_EQ(table.steps[0].period, kJanuary);
  EXPECT_EQ(table.steps[0].sizes, (std::vector<int64_t>{2, 0, 0}));
  EXPECT_EQ(table.steps[0].counts, (Counts{{0, 2, 0}, {0, 0, 0}, {0, 0, 0}}));
  EXPECT_EQ(table.steps[1].sizes, (std::vector<int64_t>{0, 2, 0}));
  EXPECT_EQ(table.steps[1].counts, (Counts{{0, 0, 0}, {1, 0, 1}, {0, 0, 0}}));
  EXPECT_EQ(table.steps[2].sizes, (std::vector<int64_t>{1, 0, 1}));
  EXPECT_EQ(table.steps[2].counts, (Counts{{0, 1, 0}, {0, 0, 0}, {0, 0, 1}}));
  EXPECT_EQ(table.rates, (MigrationSquare<double>{{0, 1, 0}, {0.5, 0, 0.5}, {0, 0, 1}}));
}

TEST(MigrationByRecency, EndsWhereNobodyComesBack) {
  const MigrationTable table = TableOf(FourMonths(), {.recency_cap = 2});
  ExpectNumbers(table.steady_state, {0, 0, 1});
  EXPECT_TRUE(table.value_micros.empty()) << "no discount";
}

TEST(MigrationByRecency, ValuesStatesByTheRevenueMeasuredInThem) {
  const MigrationQuestion question{.recency_cap = 2, .discount_milli = 250};
  const MigrationTable gross = TableOf(FourMonths(), question);
  // 100 in four months of accounts that bought.
  ExpectNumbers(gross.reward_micros, {25e6, 0, 0});
  // V0 = 25 + 0.8 V1, V1 = 0.8 (V0 + V2) / 2, V2 = 0.8 V2.
  ExpectNumbers(gross.value_micros, {25e6 / 0.68, 10e6 / 0.68, 0});
  const MigrationTable net = TableOf(FourMonths(), question, {.basis = RevenueBasis::kNet});
  ExpectNumbers(net.reward_micros, {25e6, -2e6, 0});
  // V1 = -2 + 0.4 V0, so that V0 = 23.4 + 0.32 V0.
  ExpectNumbers(net.value_micros, {23.4e6 / 0.68, -2e6 + 0.4 * 23.4e6 / 0.68, 0});
}

TEST(MigrationByRecency, ValuesStatesByTheRewardsGiven) {
  MigrationQuestion question{.recency_cap = 2, .discount_milli = 250, .reward_micros = {10, 20, 30}};
  const MigrationTable table = TableOf(FourMonths(), question);
  ExpectNumbers(table.reward_micros, {10, 20, 30});
  // V2 = 30 / 0.2 = 150, V1 = 20 + 0.4 V0 + 60, V0 = 10 + 0.8 V1.
  ExpectNumbers(table.value_micros, {74 / 0.68, 80 + 0.4 * 74 / 0.68, 150});
  const int64_t most = std::numeric_limits<int64_t>::max();
  question.reward_micros = {most, most, most};
  EXPECT_NEAR(TableOf(FourMonths(), question).value_micros[2] / 5 / 9.223372036854775807e18, 1, 1e-12);
  question.reward_micros = {10, 20};
  EXPECT_EQ(RefusedField(Ask(FourMonths(), question).status()), "reward_micros");
  question.reward_micros = {10, 20, 30, 40};
  EXPECT_EQ(RefusedField(Ask(FourMonths(), question).status()), "reward_micros");
}

TEST(MigrationByRecency, HasNoValuesWithoutADiscount) {
  EXPECT_TRUE(TableOf(FourMonths(), {.recency_cap = 2, .discount_milli = 0}).value_micros.empty());
  EXPECT_EQ(TableOf(FourMonths(), {.recency_cap = 2, .discount_milli = 1}).value_micros.size(), 3u);
}

TEST(MigrationByRecency, SaysNothingOfTheLongRunWhereAStateWasNotSeen) {
  // Nobody was silent for four months.
  const MigrationTable table = TableOf(FourMonths(), {.discount_milli = 250});
  EXPECT_EQ(table.states, (Names{"0", "1", "2", "3", "4+"}));
  EXPECT_EQ(table.rates[4], (std::vector<double>{0, 0, 0, 0, 0}));
  EXPECT_TRUE(table.steady_state.empty());
  EXPECT_TRUE(table.value_micros.empty());
  EXPECT_EQ(table.reward_micros.size(), 5u);
}

TEST(MigrationByRecency, CountsLongerPeriods) {
  const MigrationTable table =
      TableOf(FourMonths(), {.recency_cap = 1}, {.unit = CalendarUnit::kMonth, .period_length = 2});
  EXPECT_EQ(table.states, (Names{"0", "1+"}));
  // January and February, March and April: a comes again, b does not.
  EXPECT_EQ(table.counts, (Counts{{1, 1}, {0, 0}}));
  ASSERT_EQ(table.steps.size(), 1u);
  EXPECT_EQ(table.steps[0].period, kJanuary / 2);
}

TEST(MigrationByRecency, CountsOnlyWhatOccurredAndWasRecordedInScope) {
  RecordLog log = FourMonths();
  log.Purchase("b", Utc(2026, 2, 10), kUnit, "USD", Utc(2026, 6, 1));
  EXPECT_EQ(TableOf(log, {.recency_cap = 2}).counts[0][0], 1);
  EXPECT_EQ(TableOf(log, {.recency_cap = 2}, {.known_at = Utc(2026, 6, 1)}).counts[0][0], 0);
  const MigrationTable march = TableOf(log, {.recency_cap = 2}, {.as_of = Utc(2026, 3, 31) + 1});
  EXPECT_EQ(march.steps.size(), 2u);
  EXPECT_EQ(march.steps[1].counts[1][0], 1) << "a bought on the 31st";
  const MigrationTable before = TableOf(log, {.recency_cap = 2}, {.as_of = Utc(2026, 3, 31)});
  ASSERT_EQ(before.steps.size(), 2u);
  EXPECT_EQ(before.steps[1].counts[1][2], 1) << "nobody bought in March up to then";
}

TEST(MigrationByRecency, IsEmptyWithoutPurchases) {
  RecordLog log;
  log.Open("a", 0);
  log.Return("a", Utc(2026, 1, 1), kUnit);
  for (const MigrationOf of : {MigrationOf::kRecency, MigrationOf::kClass}) {
    const MigrationTable table = TableOf(log, {.of = of});
    EXPECT_TRUE(table.states.empty());
    EXPECT_TRUE(table.counts.empty());
    EXPECT_TRUE(table.steps.empty());
    EXPECT_TRUE(table.reward_micros.empty());
  }
}

TEST(MigrationByRecency, HasNoStepsInOnePeriod) {
  RecordLog log;
  log.Purchase("a", Utc(2026, 1, 5), kUnit);
  const MigrationTable table = TableOf(log, {.recency_cap = 1});
  EXPECT_TRUE(table.steps.empty());
  EXPECT_EQ(table.counts, (Counts{{0, 0}, {0, 0}}));
  ExpectNumbers(table.reward_micros, {1e6, 0});
}

TEST(MigrationByRecency, RefusesMorePeriodsThanAnAnswerMayHave) {
  RecordLog log;
  log.Purchase("a", Utc(1926, 1, 5), kUnit);
  log.Purchase("a", Utc(2025, 12, 5), kUnit);
  EXPECT_EQ(TableOf(log).steps.size(), 1199u);
  log.Purchase("a", Utc(2026, 1, 1), kUnit);
  EXPECT_EQ(RefusedField(Ask(log, {}).status()), "scope.period");
  EXPECT_EQ(RefusedField(Ask(log, {.of = MigrationOf::kClass}).status()), "scope.period");
  EXPECT_EQ(TableOf(log, {}, {.unit = CalendarUnit::kYear}).steps.size(), 100u);
}

TEST(MigrationByRecency, RefusesMoreCountsThanAnAnswerMayHave) {
  RecordLog log;
  log.Purchase("a", Utc(2000, 1, 5), kUnit);
  // 268 steps of 61 * 61 counts are 997,228.
  log.Purchase("a", Utc(2022, 5, 5), kUnit);
  EXPECT_EQ(TableOf(log, {.recency_cap = 60}).steps.size(), 268u);
  log.Purchase("a", Utc(2022, 6, 5), kUnit);
  EXPECT_EQ(RefusedField(Ask(log, {.recency_cap = 60}).status()), "scope.period");
  EXPECT_EQ(TableOf(log, {.recency_cap = 59}).steps.size(), 269u);
}

TEST(MigrationByRecency, RefusesASumThatDoesNotFit) {
  const int64_t half = std::numeric_limits<int64_t>::max() / 2 + 1;
  RecordLog accounts;
  for (const char* const id : {"a", "b"}) accounts.Purchase(id, Utc(2026, 1, 5), half);
  EXPECT_EQ(ReasonOf(Ask(accounts, {}).status()), Reason::kArithmeticRange);
  RecordLog purchases;
  for (int i = 0; i < 2; ++i) purchases.Purchase("a", Utc(2026, 1, 5), half);
  EXPECT_EQ(ReasonOf(Ask(purchases, {}).status()), Reason::kArithmeticRange);
  EXPECT_EQ(ReasonOf(Ask(purchases, {.of = MigrationOf::kClass}).status()), Reason::kArithmeticRange);
}

TEST(MigrationByRecency, RefusesToMixCurrencies) {
  RecordLog log = FourMonths();
  log.Purchase("a", Utc(2026, 1, 5), kUnit, "EUR");
  EXPECT_EQ(RefusedField(Ask(log, {}).status()), "scope.currency_code");
  EXPECT_EQ(TableOf(log, {}, {.currency_code = "EUR"}).currency_code, "EUR");
}

// In January a to d buy for 40, 30, 30 and 10; in February b for 5, c for 9 and e, for the first time, for 7; in March
// nobody but a, for 1.
RecordLog Classes() {
  RecordLog log;
  const std::pair<const char*, int64_t> january[] = {{"a", 40}, {"b", 30}, {"c", 30}, {"d", 10}};
  for (const auto& [id, amount] : january) log.Purchase(id, Utc(2026, 1, 5), amount * kUnit);
  const std::pair<const char*, int64_t> february[] = {{"b", 5}, {"c", 9}, {"e", 7}};
  for (const auto& [id, amount] : february) log.Purchase(id, Utc(2026, 2, 5), amount * kUnit);
  log.Purchase("a", Utc(2026, 3, 5), kUnit);
  return log;
}

TEST(MigrationByClass, RanksTheAccountsThatBoughtInThePeriod) {
  const MigrationQuestion question{.of = MigrationOf::kClass, .class_cuts_milli = {250, 500}};
  const MigrationTable table = TableOf(Classes(), question);
  EXPECT_EQ(table.states, (Names{"A", "B", "C", "N"}));
  ASSERT_EQ(table.steps.size(), 2u);
  // January: a is A; b, before c by its id, is B; c and d are C. February, of three: c is A, e B, b C.
  EXPECT_EQ(table.steps[0].sizes, (std::vector<int64_t>{1, 1, 2, 1}));
  EXPECT_EQ(table.steps[0].counts, (Counts{{0, 0, 0, 1}, {0, 0, 1, 0}, {1, 0, 0, 1}, {0, 1, 0, 0}}));
  EXPECT_EQ(table.steps[1].sizes, (std::vector<int64_t>{1, 1, 1, 2}));
  EXPECT_EQ(table.steps[1].counts, (Counts{{0, 0, 0, 1}, {0, 0, 0, 1}, {0, 0, 0, 1}, {1, 0, 0, 1}}));
}

TEST(MigrationByClass, RewardsAClassByWhatItBrought) {
  const MigrationQuestion question{.of = MigrationOf::kClass, .class_cuts_milli = {250, 500}};
  const MigrationTable table = TableOf(Classes(), question);
  // A: 40, 9 and 1. B: 30 and 7. C: 30, 10 and 5. N brings nothing.
  ExpectNumbers(table.reward_micros, {50e6 / 3, 18.5e6, 15e6, 0});
}

TEST(MigrationByClass, CutsAtTheNextWholeAccount) {
  const auto sizes = [](int accounts, const std::vector<int32_t>& cuts) {
    RecordLog log;
    for (int i = 0; i < accounts; ++i) {
      const std::string id = std::to_string(1000 + i);
      log.Purchase(id, Utc(2026, 1, 5), (i + 1) * kUnit);
    }
    log.Purchase("1000", Utc(2026, 2, 5), kUnit);
    return TableOf(log, {.of = MigrationOf::kClass, .class_cuts_milli = cuts}).steps[0].sizes;
  };
  EXPECT_EQ(sizes(1, {50, 250}), (std::vector<int64_t>{1, 0, 0, 0}));
  EXPECT_EQ(sizes(4, {50, 250}), (std::vector<int64_t>{1, 0, 3, 0}));
  EXPECT_EQ(sizes(5, {50, 250}), (std::vector<int64_t>{1, 1, 3, 0}));
  EXPECT_EQ(sizes(20, {50, 250}), (std::vector<int64_t>{1, 4, 15, 0}));
  EXPECT_EQ(sizes(21, {50, 250}), (std::vector<int64_t>{2, 4, 15, 0}));
  EXPECT_EQ(sizes(10, {999}), (std::vector<int64_t>{10, 0, 0}));
  EXPECT_EQ(sizes(10, {1}), (std::vector<int64_t>{1, 9, 0}));
  EXPECT_EQ(sizes(9, {100, 200, 300, 400, 500, 600, 700, 800}), (std::vector<int64_t>{1, 1, 1, 1, 1, 1, 1, 1, 1, 0}));
}

TEST(MigrationByClass, RanksNetRevenueWhereAsked) {
  RecordLog log = Classes();
  log.Return("a", Utc(2026, 1, 20), 35 * kUnit);
  const MigrationQuestion question{.of = MigrationOf::kClass, .class_cuts_milli = {250, 500}};
  const MigrationTable net = TableOf(log, question, {.basis = RevenueBasis::kNet});
  // a brought 5 in January: b is A, c is B, d and a are C.
  EXPECT_EQ(net.steps[0].counts, (Counts{{0, 0, 1, 0}, {1, 0, 0, 0}, {0, 0, 0, 2}, {0, 1, 0, 0}}));
}

TEST(MigrationByClass, IsTheSameHoweverManyAreRankedAtOnce) {
  const MigrationTable all = TableOf(Classes(), {.of = MigrationOf::kClass, .class_cuts_milli = {250, 500}});
  for (const size_t at_once : {0, 1, 3, 4, 6, 7}) {
    SCOPED_TRACE(at_once);
    const MigrationTable few =
        TableOf(Classes(), {.of = MigrationOf::kClass, .class_cuts_milli = {250, 500}, .ranked_at_once = at_once});
    EXPECT_EQ(few.counts, all.counts);
    EXPECT_EQ(few.reward_micros, all.reward_micros);
  }
}

MigrationQuestion Tiers() { return {.of = MigrationOf::kTier, .ladder_id = "main"}; }

void Assign(RecordLog& log, const std::string& id, Micros time, const std::string& tier,
            const std::string& ladder = "main") {
  log.AssignTier(id, time, tier, "", events::v1::TIER_ASSIGNMENT_REASON_UPGRADE, ladder);
}

// All opened in January, c in March; a became bronze in February and silver in March, b bronze on the last of March.
RecordLog ThreeTiers() {
  RecordLog log;
  log.Open("a", Utc(2026, 1, 2));
  log.Open("b", Utc(2026, 1, 3));
  Assign(log, "a", Utc(2026, 2, 10), "bronze");
  Assign(log, "a", Utc(2026, 2, 11), "vip", "other");
  log.Open("c", Utc(2026, 3, 1));
  Assign(log, "a", Utc(2026, 3, 5), "gold");
  Assign(log, "a", Utc(2026, 3, 6), "silver");
  Assign(log, "b", Utc(2026, 3, 31, 23, 59, 59), "bronze");
  return log;
}

TEST(MigrationByTier, CountsWhatIsHeldAtTheEndOfEachPeriod) {
  const MigrationTable table = TableOf(ThreeTiers(), Tiers());
  EXPECT_EQ(table.states, (Names{"", "bronze", "silver"})) << "gold was held at the end of no month";
  // a: none, bronze, silver. b: none, none, bronze. c: none, in the last month.
  EXPECT_EQ(table.counts, (Counts{{1, 2, 0}, {0, 0, 1}, {0, 0, 0}}));
  ASSERT_EQ(table.steps.size(), 2u);
  EXPECT_EQ(table.steps[0].period, kJanuary);
  EXPECT_EQ(table.steps[0].sizes, (std::vector<int64_t>{2, 0, 0}));
  EXPECT_EQ(table.steps[1].sizes, (std::vector<int64_t>{1, 1, 0}));
  EXPECT_TRUE(table.steady_state.empty()) << "silver was seen in the last month only";
  EXPECT_EQ(table.currency_code, "");
}

TEST(MigrationByTier, GoesOnToTheLastPurchase) {
  RecordLog log = ThreeTiers();
  log.Purchase("a", Utc(2026, 4, 5), 12 * kUnit);
  const MigrationTable table = TableOf(log, Tiers());
  EXPECT_EQ(table.counts, (Counts{{2, 2, 0}, {0, 1, 1}, {0, 0, 1}}));
  ExpectNumbers(table.steady_state, {0, 0, 1});
  // a was silver in March and April.
  ExpectNumbers(table.reward_micros, {0, 0, 6e6});
}

TEST(MigrationByTier, BeginsWithThePeriodBeforeTheFirstAssignment) {
  RecordLog log;
  log.Open("a", Utc(2020, 1, 1));
  Assign(log, "a", Utc(2026, 1, 5), "bronze");
  const MigrationTable table = TableOf(log, Tiers());
  ASSERT_EQ(table.steps.size(), 1u);
  EXPECT_EQ(table.steps[0].period, kJanuary - 1);
  EXPECT_EQ(table.counts, (Counts{{0, 1}, {0, 0}}));
}

TEST(MigrationByTier, IsEmptyForALadderThatNobodyIsOn) {
  const MigrationTable table = TableOf(ThreeTiers(), {.of = MigrationOf::kTier, .ladder_id = "unheard_of"});
  EXPECT_TRUE(table.states.empty());
  EXPECT_TRUE(table.steps.empty());
}

TEST(MigrationByTier, CountsAsItStoodAndAsItWasKnown) {
  const MigrationTable table = TableOf(ThreeTiers(), Tiers(), {.as_of = Utc(2026, 3, 6)});
  EXPECT_EQ(table.states, (Names{"", "bronze", "gold"}));
  EXPECT_EQ(table.counts, (Counts{{2, 1, 0}, {0, 0, 1}, {0, 0, 0}}));
}

TEST(MigrationByTier, RefusesMoreStatesThanAnAnswerMayHave) {
  RecordLog log;
  log.Open("a", Utc(2026, 1, 1));
  for (int i = 1; i < 128; ++i) Assign(log, std::to_string(i), Utc(2026, 1, 5), "tier_" + std::to_string(i));
  EXPECT_EQ(TableOf(log, Tiers()).states.size(), 128u) << "with none";
  Assign(log, "a", Utc(2026, 1, 5), "tier_128");
  EXPECT_EQ(RefusedField(Ask(log, Tiers()).status()), "ladder_id");
  for (int i = 1; i <= 128; ++i) log.ChangeStage("a", Utc(2026, 1, 5, 0, i / 60, i % 60), "s" + std::to_string(i), "");
  EXPECT_EQ(RefusedField(Ask(log, {.of = MigrationOf::kStage, .ladder_id = "life"}).status()), "lifecycle_id");
}

TEST(MigrationByStage, CountsStagesOfOneLifecycle) {
  RecordLog log;
  log.Open("a", Utc(2026, 1, 1));
  log.ChangeStage("a", Utc(2026, 1, 1), "acquire", "");
  log.ChangeStage("a", Utc(2026, 1, 1), "satisfied", "", "care");
  log.ChangeStage("a", Utc(2026, 2, 3), "expand", "acquire");
  log.ChangeStage("a", Utc(2026, 4, 3), "acquire", "expand");
  const MigrationTable table =
      TableOf(log, {.of = MigrationOf::kStage, .ladder_id = "life", .discount_milli = 100, .reward_micros = {1, 2}});
  EXPECT_EQ(table.states, (Names{"acquire", "expand"})) << "nobody was without a stage";
  EXPECT_EQ(table.counts, (Counts{{0, 1}, {1, 1}}));
  ExpectNumbers(table.steady_state, {1.0 / 3, 2.0 / 3});
  EXPECT_EQ(table.value_micros.size(), 2u);
}

}  // namespace
}  // namespace keyledger::projections
