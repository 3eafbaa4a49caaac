// Survival and tenure: from when to when, who was lost, and what a day without an end is worth.
#include <gtest/gtest.h>

#include "projections/retention/retention_projection.h"
#include "projections/retention/survival_queries.h"
#include "server/base/error.h"
#include "tests/support/record_log.h"

namespace keyledger::projections {
namespace {

using forecast::SurvivalCurve;
using forecast::SurvivalPoint;
using testing::RecordLog;
using testing::Utc;

constexpr int64_t kUnit = 1'000'000;

SurvivalCurve CurveOf(const RecordLog& log, SurvivalEvent event, int32_t inactive_days = 0,
                      const RetentionScope& scope = {}) {
  const auto rows = testing::FoldRows(RetentionProjection(), log);
  const auto curve = GetSurvivalCurve({rows.get()}, scope, event, inactive_days);
  EXPECT_TRUE(curve.ok()) << curve.status();
  return curve.value_or(SurvivalCurve());
}

TenureTable TenureOf(const RecordLog& log, int32_t inactive_days = 0, const RetentionScope& scope = {},
                     const std::vector<int32_t>& bands = {10, 20}) {
  const auto rows = testing::FoldRows(RetentionProjection(), log);
  const auto table = GetTenureTable({rows.get()}, scope, inactive_days, bands);
  EXPECT_TRUE(table.ok()) << table.status();
  return table.value_or(TenureTable());
}

void Close(RecordLog& log, const std::string& id, Micros time) {
  log.Add(id, time).mutable_event()->mutable_account_closed();
}

void Reopen(RecordLog& log, const std::string& id, Micros time) {
  log.Add(id, time).mutable_event()->mutable_account_reopened();
}

void ExpectPoint(const SurvivalPoint& point, int64_t day, int64_t at_risk, int64_t events, double survival,
                 double variance) {
  EXPECT_EQ(point.day, day);
  EXPECT_EQ(point.at_risk, at_risk);
  EXPECT_EQ(point.events, events);
  EXPECT_NEAR(point.survival, survival, 1e-15);
  EXPECT_NEAR(point.variance, variance, 1e-15);
}

// a buys again after 3 days (twice on the first), b after 2; c, of 2 January, and d, of the last day, the 10th, do not.
RecordLog FourAccounts() {
  RecordLog log;
  log.Purchase("a", Utc(2026, 1, 1, 8), kUnit);
  log.Purchase("a", Utc(2026, 1, 1, 9), kUnit);
  log.Purchase("a", Utc(2026, 1, 4), kUnit);
  log.Purchase("a", Utc(2026, 1, 9), kUnit);
  log.Purchase("b", Utc(2026, 1, 1), kUnit);
  log.Purchase("b", Utc(2026, 1, 3), 0);
  log.Purchase("c", Utc(2026, 1, 2), kUnit);
  log.Purchase("d", Utc(2026, 1, 10), kUnit);
  return log;
}

TEST(GetSurvivalCurve, CountsDaysToTheSecondDayWithAPurchase) {
  const SurvivalCurve curve = CurveOf(FourAccounts(), SurvivalEvent::kSecondPurchase);
  EXPECT_EQ(curve.subjects(), 4);
  EXPECT_EQ(curve.events(), 2);
  EXPECT_EQ(curve.censored(), 2);
  EXPECT_EQ(curve.last_day(), 8) << "c, from 2 to 10 January";
  ASSERT_EQ(curve.points().size(), 2u);
  // d was observed for no day at all.
  ExpectPoint(curve.points()[0], 2, 3, 1, 2.0 / 3, 2.0 / 27);
  ExpectPoint(curve.points()[1], 3, 2, 1, 1.0 / 3, 2.0 / 27);
  EXPECT_EQ(curve.Median(), 3);
  EXPECT_NEAR(curve.MeanUpTo(curve.last_day()).days, 2 + 2.0 / 3 + 5.0 / 3, 1e-12);
}

TEST(GetSurvivalCurve, ObservesToTheDayBeforeAsOf) {
  const SurvivalCurve later = CurveOf(FourAccounts(), SurvivalEvent::kSecondPurchase, 0, {.as_of = Utc(2026, 1, 21)});
  EXPECT_EQ(later.last_day(), 18) << "c, from 2 to 20 January";
  EXPECT_EQ(later.points()[0].at_risk, 4) << "d was observed for 10 days";
  const SurvivalCurve noon =
      CurveOf(FourAccounts(), SurvivalEvent::kSecondPurchase, 0, {.as_of = Utc(2026, 1, 21, 12)});
  EXPECT_EQ(noon.last_day(), 19) << "the 21st is in scope in part";
  const SurvivalCurve before = CurveOf(FourAccounts(), SurvivalEvent::kSecondPurchase, 0, {.as_of = Utc(2026, 1, 4)});
  EXPECT_EQ(before.subjects(), 3);
  EXPECT_EQ(before.events(), 1);
  EXPECT_EQ(before.last_day(), 2);
}

TEST(GetSurvivalCurve, CountsDaysInTheZone) {
  RecordLog log;
  log.Purchase("a", Utc(2026, 1, 1, 8), kUnit);
  log.Purchase("a", Utc(2026, 1, 1, 20), kUnit);
  EXPECT_EQ(CurveOf(log, SurvivalEvent::kSecondPurchase).events(), 0);
  const auto shanghai = Zone::Load("Asia/Shanghai");
  ASSERT_TRUE(shanghai.has_value());
  const SurvivalCurve there = CurveOf(log, SurvivalEvent::kSecondPurchase, 0, {.zone = *shanghai});
  ASSERT_EQ(there.points().size(), 1u);
  EXPECT_EQ(there.points()[0].day, 1);
}

TEST(GetSurvivalCurve, IsEmptyWithoutPurchases) {
  RecordLog log;
  log.Open("a", 0);
  log.Return("a", Utc(2026, 1, 1), kUnit);
  Close(log, "a", Utc(2026, 1, 2));
  for (const SurvivalEvent event : {SurvivalEvent::kSecondPurchase, SurvivalEvent::kLoss}) {
    const SurvivalCurve curve = CurveOf(log, event);
    EXPECT_EQ(curve.subjects(), 0);
    EXPECT_TRUE(curve.points().empty());
    EXPECT_EQ(curve.last_day(), 0);
    EXPECT_FALSE(curve.Median().has_value());
  }
}

// Bought once each: a on 1 January, closed on the 11th; b on the 1st, closed on the 5th and reopened on the 8th; c on
// the 6th.
RecordLog ThreeEnds() {
  RecordLog log;
  for (const char* const id : {"a", "b", "c"}) log.Open(id, Utc(2026, 1, 1));
  log.Purchase("a", Utc(2026, 1, 1), kUnit);
  log.Purchase("b", Utc(2026, 1, 1), kUnit);
  Close(log, "b", Utc(2026, 1, 5));
  log.Purchase("c", Utc(2026, 1, 6), kUnit);
  Reopen(log, "b", Utc(2026, 1, 8));
  Close(log, "a", Utc(2026, 1, 11));
  return log;
}

TEST(GetSurvivalCurve, CountsDaysToTheClosing) {
  const SurvivalCurve curve = CurveOf(ThreeEnds(), SurvivalEvent::kLoss);
  EXPECT_EQ(curve.subjects(), 3);
  EXPECT_EQ(curve.events(), 1) << "b was reopened";
  ASSERT_EQ(curve.points().size(), 1u);
  ExpectPoint(curve.points()[0], 10, 2, 1, 0.5, 0.125);
  EXPECT_EQ(curve.Median(), 10);
  EXPECT_EQ(curve.last_day(), 10) << "the data end with the closing";
  // As of 6 January b was closed.
  const SurvivalCurve then = CurveOf(ThreeEnds(), SurvivalEvent::kLoss, 0, {.as_of = Utc(2026, 1, 6)});
  ASSERT_EQ(then.points().size(), 1u);
  ExpectPoint(then.points()[0], 4, 2, 1, 0.5, 0.125);
}

TEST(GetSurvivalCurve, CountsASilenceAsALossOnTheLastPurchase) {
  // To 11 January a and b are silent for 10 days, c for 5: what is asked for more than that, c was not there to see.
  const struct {
    int32_t inactive_days;
    int64_t lost_at_once;
  } expected[] = {{4, 3}, {5, 3}, {6, 2}, {9, 2}, {10, 2}};
  for (const auto& [inactive_days, lost_at_once] : expected) {
    SCOPED_TRACE(inactive_days);
    const SurvivalCurve curve = CurveOf(ThreeEnds(), SurvivalEvent::kLoss, inactive_days);
    EXPECT_EQ(curve.subjects(), lost_at_once);
    ASSERT_EQ(curve.points().size(), 1u);
    ExpectPoint(curve.points()[0], 0, lost_at_once, lost_at_once, 0, 0);
  }
  // On 31 December nobody had bought.
  const SurvivalCurve nobody = CurveOf(ThreeEnds(), SurvivalEvent::kLoss, 11);
  EXPECT_EQ(nobody.subjects(), 0);
  EXPECT_TRUE(nobody.points().empty());
}

// Data of January 2026, to the 31st. Losses by a silence of 10 days are known to the 21st.
RecordLog SevenAccounts() {
  RecordLog log;
  const auto buys = [&log](const char* id, const std::vector<int>& days) {
    log.Open(id, Utc(2026, 1, 1));
    for (const int day : days) log.Purchase(id, Utc(2026, 1, day), kUnit);
  };
  buys("lost after four days", {1, 5});
  buys("lost on the last day", {1, 21});
  buys("bought after it", {1, 22});
  buys("bought later", {11, 31});
  buys("came after it", {22});
  buys("closed after it", {3, 20});
  buys("closed", {1});
  Close(log, "closed", Utc(2026, 1, 6));
  Close(log, "closed after it", Utc(2026, 1, 25));
  return log;
}

TEST(GetSurvivalCurve, ObservesNoLongerThanASilenceCanBeSeen) {
  const SurvivalCurve curve = CurveOf(SevenAccounts(), SurvivalEvent::kLoss, 10);
  EXPECT_EQ(curve.subjects(), 6) << "who came on the 22nd could not be lost by the 21st";
  EXPECT_EQ(curve.events(), 3);
  EXPECT_EQ(curve.censored(), 3) << "on the 21st, after 20, 18 and 10 days";
  EXPECT_EQ(curve.last_day(), 20);
  ASSERT_EQ(curve.points().size(), 3u);
  ExpectPoint(curve.points()[0], 4, 6, 1, 5.0 / 6, 5.0 / 216);
  ExpectPoint(curve.points()[1], 5, 5, 1, 2.0 / 3, 1.0 / 27);
  ExpectPoint(curve.points()[2], 20, 2, 1, 1.0 / 3, 7.0 / 108);
  // The whole of January where only closings count: after 5 and 22 days, to 30.
  const SurvivalCurve closings = CurveOf(SevenAccounts(), SurvivalEvent::kLoss);
  EXPECT_EQ(closings.subjects(), 7);
  EXPECT_EQ(closings.last_day(), 30);
  ASSERT_EQ(closings.points().size(), 2u);
  EXPECT_EQ(closings.points()[0].at_risk, 7);
  EXPECT_EQ(closings.points()[1].day, 22);
  // With three of the 1st; the others were observed for 5, 9 and 20 days.
  EXPECT_EQ(closings.points()[1].at_risk, 4);
  // As of 1 March, every silence is a loss: the curve goes to 18 February.
  const SurvivalCurve later = CurveOf(SevenAccounts(), SurvivalEvent::kLoss, 10, {.as_of = Utc(2026, 3, 1)});
  EXPECT_EQ(later.subjects(), 7);
  EXPECT_EQ(later.events(), 7);
}

TEST(GetSurvivalCurve, CountsTheSilenceOfAClosedAccountToItsClosing) {
  RecordLog log;
  log.Open("a", Utc(2026, 1, 1));
  log.Purchase("a", Utc(2026, 1, 1), kUnit);
  Close(log, "a", Utc(2026, 1, 11));
  log.Purchase("z", Utc(2026, 3, 1), kUnit);
  EXPECT_EQ(CurveOf(log, SurvivalEvent::kLoss, 11).points()[0].day, 10) << "it closed before that";
  EXPECT_EQ(CurveOf(log, SurvivalEvent::kLoss, 10).points()[0].day, 0);
}

TEST(GetSurvivalCurve, DoesNotCountAnAccountThatCameBackAsLost) {
  RecordLog log;
  log.Purchase("a", Utc(2026, 1, 1), kUnit);
  log.Purchase("a", Utc(2026, 1, 30), kUnit);
  EXPECT_EQ(CurveOf(log, SurvivalEvent::kLoss, 5).events(), 0);
  const SurvivalCurve then = CurveOf(log, SurvivalEvent::kLoss, 5, {.as_of = Utc(2026, 1, 30)});
  EXPECT_EQ(then.events(), 1) << "before it came back";
  EXPECT_EQ(CurveOf(log, SurvivalEvent::kLoss, 5, {.as_of = Utc(2026, 2, 4)}).events(), 0)
      << "30 January to 3 February";
  const SurvivalCurve later = CurveOf(log, SurvivalEvent::kLoss, 5, {.as_of = Utc(2026, 2, 5)});
  ASSERT_EQ(later.points().size(), 1u);
  EXPECT_EQ(later.points()[0].day, 29);
}

TEST(GetSurvivalCurve, RefusesMoreDaysThanAnAnswerMayHave) {
  const Micros start = Utc(1880, 1, 1);
  RecordLog log;
  for (int64_t i = 1; i <= 50'000; ++i) {
    const std::string id = std::to_string(i);
    log.Purchase(id, start, 1);
    log.Purchase(id, start + i * kMicrosPerDay, 1);
  }
  EXPECT_EQ(CurveOf(log, SurvivalEvent::kSecondPurchase).points().size(), 50'000u);
  log.Purchase("one more", start, 1);
  log.Purchase("one more", start + 50'001 * kMicrosPerDay, 1);
  const auto rows = testing::FoldRows(RetentionProjection(), log);
  const auto refused = GetSurvivalCurve({rows.get()}, {}, SurvivalEvent::kSecondPurchase, 0);
  EXPECT_EQ(ReasonOf(refused.status()), Reason::kInvalidField);
  EXPECT_EQ(FieldsOf(refused.status())[0].first, "scope");
}

TEST(GetTenureTable, CountsDaysFromTheFirstPurchaseToTheDayAfterTheData) {
  RecordLog log;
  for (const char* const id : {"a", "b", "c", "d"}) log.Open(id, Utc(2025, 1, 1));
  log.Purchase("a", Utc(2026, 1, 1), kUnit);
  log.Purchase("b", Utc(2026, 1, 11), kUnit);
  log.Purchase("c", Utc(2026, 1, 12), kUnit);
  log.Purchase("d", Utc(2026, 1, 20), kUnit);
  // To 21 January: 20, 10, 9 and 1 days.
  const TenureTable table = TenureOf(log);
  EXPECT_EQ(table.accounts, 4);
  EXPECT_EQ(table.mean_days, 10.0);
  EXPECT_EQ(table.median_days, 9) << "the lower of 9 and 10";
  ASSERT_EQ(table.bands.size(), 3u);
  EXPECT_EQ(table.bands[0].from_days, 0);
  EXPECT_EQ(table.bands[0].to_days, 10);
  EXPECT_EQ(table.bands[0].accounts, 2);
  EXPECT_EQ(table.bands[1].from_days, 10);
  EXPECT_EQ(table.bands[1].to_days, 20);
  EXPECT_EQ(table.bands[1].accounts, 1);
  EXPECT_EQ(table.bands[2].from_days, 20);
  EXPECT_FALSE(table.bands[2].to_days.has_value());
  EXPECT_EQ(table.bands[2].accounts, 1);
  EXPECT_FALSE(table.survival_mean_days.has_value()) << "nobody was lost";
  EXPECT_FALSE(table.geometric_mean_months.has_value()) << "there is one month";
  // To 1 February: 31, 21, 20 and 12.
  const TenureTable later = TenureOf(log, 0, {.as_of = Utc(2026, 2, 1)});
  EXPECT_EQ(later.mean_days, 21.0);
  EXPECT_EQ(later.median_days, 20);
}

TEST(GetTenureTable, LeavesOutAccountsThatWereLost) {
  const TenureTable closed = TenureOf(ThreeEnds());
  EXPECT_EQ(closed.accounts, 2);
  // To 12 January: b 11 days, c 6.
  EXPECT_EQ(closed.mean_days, 8.5);
  EXPECT_EQ(closed.median_days, 6);
  // 1 until a's tenth day, nobody observed after it.
  EXPECT_EQ(closed.survival_mean_days, 10.0);
  const TenureTable silent = TenureOf(ThreeEnds(), 6);
  EXPECT_EQ(silent.accounts, 1);
  EXPECT_EQ(silent.median_days, 6);
  // The two that were observed to the 5th were lost at once.
  EXPECT_EQ(silent.survival_mean_days, 0.0);
  const TenureTable nobody = TenureOf(ThreeEnds(), 5);
  EXPECT_EQ(nobody.accounts, 0);
  EXPECT_FALSE(nobody.mean_days.has_value());
  EXPECT_FALSE(nobody.median_days.has_value());
  EXPECT_EQ(nobody.survival_mean_days, 0.0);
}

TEST(GetTenureTable, MeasuresLifetimesAsFarAsLossesAreKnown) {
  const TenureTable table = TenureOf(SevenAccounts(), 10);
  // On 1 February, after 31, 21 and 10 days.
  EXPECT_EQ(table.accounts, 3) << "bought after it, bought later, came after it";
  EXPECT_EQ(table.median_days, 21);
  // 1 for four days, 5/6 for one and 2/3 for fifteen.
  EXPECT_NEAR(*table.survival_mean_days, 89.0 / 6, 1e-12);
}

TEST(GetTenureTable, DoesNotCountTheMonthThatRunsAsOneInWhichNobodyCameBack) {
  RecordLog log;
  for (const int month : {1, 2, 3}) log.Purchase("a", Utc(2026, month, 1), kUnit);
  for (const char* const id : {"b", "c"}) log.Purchase(id, Utc(2026, 1, 9), kUnit);
  log.Purchase("b", Utc(2026, 2, 9), kUnit);
  log.Purchase("b", Utc(2026, 3, 31), kUnit);
  // Of the three of January two bought in February: 1 / (1 - 2/3).
  for (const Micros as_of : {Utc(2026, 3, 1), Utc(2026, 3, 2), Utc(2026, 4, 1) - 1}) {
    EXPECT_NEAR(TenureOf(log, 0, {.as_of = as_of}).geometric_mean_months.value_or(0), 3.0, 1e-12);
  }
  // With March, both of February: 1 / (1 - 4/5). The 31st, with which the data end, was its last day.
  EXPECT_NEAR(TenureOf(log, 0, {.as_of = Utc(2026, 4, 1)}).geometric_mean_months.value_or(0), 5.0, 1e-12);
  EXPECT_NEAR(TenureOf(log).geometric_mean_months.value_or(0), 5.0, 1e-12);
  EXPECT_FALSE(TenureOf(log, 0, {.as_of = Utc(2026, 2, 28)}).geometric_mean_months.has_value());
}

TEST(GetTenureTable, ChecksWithTheRetentionOfAllMonthsTogether) {
  RecordLog log;
  // a: January, February, April. b: January. c: April.
  for (const int month : {1, 2, 4}) log.Purchase("a", Utc(2026, month, 5), kUnit);
  log.Purchase("a", Utc(2026, 2, 6), kUnit);
  log.Purchase("b", Utc(2026, 1, 5), kUnit);
  log.Purchase("c", Utc(2026, 4, 5), kUnit);
  // Active in a month before April: 3; again in the next: 1.
  EXPECT_DOUBLE_EQ(*TenureOf(log).geometric_mean_months, 1.5);
  RecordLog loyal;
  for (const int month : {1, 2, 3}) loyal.Purchase("a", Utc(2026, month, 5), kUnit);
  EXPECT_FALSE(TenureOf(loyal).geometric_mean_months.has_value()) << "r is 1";
}

TEST(GetTenureTable, IsEmptyWithoutPurchases) {
  RecordLog log;
  log.Open("a", 0);
  const TenureTable table = TenureOf(log);
  EXPECT_EQ(table.accounts, 0);
  ASSERT_EQ(table.bands.size(), 3u);
  EXPECT_EQ(table.bands[2].accounts, 0);
  EXPECT_FALSE(table.mean_days.has_value());
  EXPECT_FALSE(table.survival_mean_days.has_value());
  EXPECT_FALSE(table.geometric_mean_months.has_value());
}

TEST(GetTenureTable, RefusesToMixCurrencies) {
  RecordLog log = FourAccounts();
  log.Purchase("a", Utc(2026, 1, 5), kUnit, "EUR");
  const auto rows = testing::FoldRows(RetentionProjection(), log);
  EXPECT_EQ(ReasonOf(GetTenureTable({rows.get()}, {}, 0, {}).status()), Reason::kInvalidField);
  EXPECT_EQ(ReasonOf(GetSurvivalCurve({rows.get()}, {}, SurvivalEvent::kLoss, 0).status()), Reason::kInvalidField);
}

}  // namespace
}  // namespace keyledger::projections
