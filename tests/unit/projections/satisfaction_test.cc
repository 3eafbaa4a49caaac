// Satisfaction beside loyalty: NPS, CSAT, and whether the satisfied stay.
#include "projections/portfolio/satisfaction.h"

#include "server/base/error.h"
#include "tests/unit/projections/portfolio_logs.h"

namespace keyledger::projections::portfolio {
namespace {

using events::v1::SURVEY_KIND_RECOMMENDATION;
using events::v1::SURVEY_KIND_SATISFACTION;
using testing::kUnit;
using testing::Must;
using testing::PortfolioLog;
using testing::ShardedRows;
using testing::Utc;

constexpr int64_t kYear = 365;

SatisfactionAnswer Of(const testing::RecordLog& log, const RetentionScope& scope = {}, int64_t left_days = kYear,
                      size_t shards = 1) {
  return Must(GetSatisfaction(ShardedRows(log, shards).shards(), scope, left_days));
}

TEST(GetSatisfaction, CountsPromotersAndDetractors) {
  PortfolioLog log;
  const int32_t scores[] = {10, 9, 8, 7, 6, 0, 10, 3, 9};
  for (int i = 0; i < 9; ++i)
    log.Answer("a" + std::to_string(i), Utc(2026, 1, 5), SURVEY_KIND_RECOMMENDATION, scores[i]);
  const SatisfactionAnswer answer = Of(log);
  ASSERT_EQ(answer.periods.size(), 1u);
  const SatisfactionRow& row = answer.periods[0];
  EXPECT_EQ(row.period, 56 * 12);
  EXPECT_EQ(row.recommendation_answers, 9);
  EXPECT_EQ(row.promoters, 4);
  EXPECT_EQ(row.detractors, 3);
  EXPECT_DOUBLE_EQ(*row.nps, 100.0 / 9);
  EXPECT_EQ(row.satisfaction_answers, 0);
  EXPECT_FALSE(row.csat.has_value());
  EXPECT_FALSE(row.satisfied_left_share.has_value());
}

TEST(GetSatisfaction, CountsTheSatisfied) {
  PortfolioLog log;
  for (int32_t score = 1; score <= 5; ++score) {
    log.Answer("a" + std::to_string(score), Utc(2026, 1, 5), SURVEY_KIND_SATISFACTION, score);
  }
  const SatisfactionRow row = Of(log).periods[0];
  EXPECT_EQ(row.satisfaction_answers, 5);
  EXPECT_EQ(row.satisfied, 2);
  EXPECT_DOUBLE_EQ(*row.csat, 0.4);
  EXPECT_FALSE(row.nps.has_value());
}

TEST(GetSatisfaction, CountsTheLatestAnswerOfAnAccountInAPeriod) {
  PortfolioLog log;
  log.Answer("a", Utc(2026, 1, 5), SURVEY_KIND_RECOMMENDATION, 0);
  log.Answer("a", Utc(2026, 1, 6), SURVEY_KIND_SATISFACTION, 5);
  log.Answer("a", Utc(2026, 1, 31), SURVEY_KIND_RECOMMENDATION, 10);
  log.Answer("a", Utc(2026, 3, 1), SURVEY_KIND_RECOMMENDATION, 5);
  // Recorded last, but of before.
  log.Answer("a", Utc(2026, 1, 4), SURVEY_KIND_RECOMMENDATION, 1);
  const SatisfactionAnswer answer = Of(log);
  ASSERT_EQ(answer.periods.size(), 3u);
  EXPECT_EQ(answer.periods[0].recommendation_answers, 1);
  EXPECT_EQ(answer.periods[0].promoters, 1);
  EXPECT_EQ(answer.periods[0].satisfied, 1);
  EXPECT_EQ(answer.periods[1].recommendation_answers, 0);
  EXPECT_FALSE(answer.periods[1].nps.has_value());
  EXPECT_EQ(answer.periods[2].detractors, 1);
  EXPECT_EQ(answer.total.recommendation_answers, 2);
  EXPECT_EQ(answer.total.nps, 0.0);
  EXPECT_EQ(answer.total.csat, 1.0);
  // By year only the last one counts.
  const SatisfactionAnswer year = Of(log, {.unit = CalendarUnit::kYear});
  ASSERT_EQ(year.periods.size(), 1u);
  EXPECT_EQ(year.total.recommendation_answers, 1);
  EXPECT_EQ(year.total.detractors, 1);
  // Two periods of two months each.
  EXPECT_EQ(Of(log, {.period_length = 2}).periods.size(), 2u);
}

// Satisfied on 1 January: a buys again on 1 March, b never, c buys and closes, d buys at that very moment only, e
// closes and comes back. Not satisfied: f buys, g does not. Data to 1 January 2027.
PortfolioLog Seven() {
  PortfolioLog log;
  for (const char* id : {"a", "b", "c", "d", "e", "f", "g"}) {
    log.Open(id, Utc(2025, 1, 1));
    log.Purchase(id, Utc(2025, 6, 1), kUnit);
    log.Answer(id, Utc(2026, 1, 1), SURVEY_KIND_SATISFACTION, id[0] < 'f' ? 4 : 3);
  }
  log.Purchase("a", Utc(2026, 3, 1), kUnit);
  log.Purchase("c", Utc(2026, 3, 1), kUnit);
  log.Close("c", Utc(2026, 5, 1));
  log.Purchase("d", Utc(2026, 1, 1), kUnit);
  log.Close("e", Utc(2026, 2, 1));
  log.Reopen("e", Utc(2026, 3, 1));
  log.Purchase("e", Utc(2026, 4, 1), kUnit);
  log.Purchase("f", Utc(2026, 4, 1), kUnit);
  return log;
}

TEST(GetSatisfaction, CountsTheSatisfiedThatLeft) {
  const SatisfactionAnswer answer = Of(Seven(), {.as_of = Utc(2027, 1, 1)});
  EXPECT_EQ(answer.total.satisfied, 5);
  EXPECT_EQ(answer.total.satisfied_observed, 5);
  // b, c and d.
  EXPECT_EQ(answer.total.satisfied_left, 3);
  EXPECT_DOUBLE_EQ(*answer.total.satisfied_left_share, 0.6);
}

TEST(GetSatisfaction, CorrelatesWhatAccountsSayWithWhatTheyDo) {
  // Satisfied: 2 stayed, 3 left. Others: 1 stayed, 1 left. (2 * 1 - 3 * 1) / sqrt(5 * 2 * 3 * 4).
  const SatisfactionAnswer answer = Of(Seven(), {.as_of = Utc(2027, 1, 1)});
  EXPECT_NEAR(*answer.satisfaction_loyalty_correlation, -0.09128709291752768, 1e-15);
  EXPECT_EQ(Of(Seven(), {.as_of = Utc(2027, 1, 1)}, kYear, 4).satisfaction_loyalty_correlation,
            answer.satisfaction_loyalty_correlation);
}

TEST(GetSatisfaction, HasNoCorrelationWhereOneDoesNotVary) {
  PortfolioLog log;
  log.Purchase("a", Utc(2025, 6, 1), kUnit);
  log.Answer("a", Utc(2026, 1, 1), SURVEY_KIND_SATISFACTION, 5);
  EXPECT_FALSE(Of(log, {.as_of = Utc(2027, 1, 1)}).satisfaction_loyalty_correlation.has_value());
  log.Answer("b", Utc(2026, 1, 1), SURVEY_KIND_SATISFACTION, 1);
  EXPECT_FALSE(Of(log, {.as_of = Utc(2027, 1, 1)}).satisfaction_loyalty_correlation.has_value());
}

TEST(GetSatisfaction, ObservesOnlyWhoseDaysAreOver) {
  EXPECT_EQ(Of(Seven(), {.as_of = Utc(2027, 1, 1) - 1}).total.satisfied_observed, 0);
  EXPECT_EQ(Of(Seven(), {.as_of = Utc(2027, 1, 1) - 1}).total.satisfied, 5);
  // 59 days end on 1 March, on which a and c bought.
  EXPECT_EQ(Of(Seven(), {.as_of = Utc(2026, 3, 2)}, 59).total.satisfied_left, 5);
  EXPECT_EQ(Of(Seven(), {.as_of = Utc(2026, 3, 2)}, 60).total.satisfied_left, 3);
  // Without as_of the data end with the day of the last purchase, 1 April: 91 days.
  EXPECT_EQ(Of(Seven(), {}, 91).total.satisfied_observed, 5);
  EXPECT_EQ(Of(Seven(), {}, 92).total.satisfied_observed, 0);
}

TEST(GetSatisfaction, CountsWhatIsInScopeOnly) {
  PortfolioLog log;
  log.Answer("a", Utc(2026, 1, 5), SURVEY_KIND_SATISFACTION, 5);
  log.Answer("b", Utc(2026, 2, 5), SURVEY_KIND_SATISFACTION, 5, Utc(2026, 6, 1));
  log.SetFacts("a", Utc(2026, 1, 1), {}, "hotel");
  EXPECT_EQ(Of(log).total.satisfied, 2);
  EXPECT_EQ(Of(log, {.as_of = Utc(2026, 2, 5)}).total.satisfied, 1);
  EXPECT_EQ(Of(log, {.known_at = Utc(2026, 6, 1)}).total.satisfied, 1);
  EXPECT_EQ(Of(log, {.filter = {.segment = "hotel"}}).total.satisfied, 1);
}

TEST(GetSatisfaction, IsEmptyWithoutAnswers) {
  PortfolioLog log;
  log.Purchase("a", Utc(2026, 1, 1), kUnit);
  const SatisfactionAnswer answer = Of(log);
  EXPECT_TRUE(answer.periods.empty());
  EXPECT_EQ(answer.total.recommendation_answers, 0);
  EXPECT_FALSE(answer.total.nps.has_value());
  EXPECT_FALSE(answer.satisfaction_loyalty_correlation.has_value());
  EXPECT_TRUE(Of(PortfolioLog()).periods.empty());
}

TEST(GetSatisfaction, RefusesMorePeriodsThanAnAnswerMayHave) {
  PortfolioLog log;
  log.Answer("a", Utc(1926, 1, 5), SURVEY_KIND_SATISFACTION, 5);
  log.Answer("a", Utc(2025, 12, 5), SURVEY_KIND_SATISFACTION, 5);
  EXPECT_EQ(Of(log).periods.size(), 1200u);
  log.Answer("a", Utc(2026, 1, 5), SURVEY_KIND_SATISFACTION, 5);
  const auto refused = GetSatisfaction(ShardedRows(log).shards(), {}, kYear);
  EXPECT_EQ(ReasonOf(refused.status()), Reason::kInvalidField);
  EXPECT_EQ(FieldsOf(refused.status())[0].first, "scope.period");
  EXPECT_EQ(Of(log, {.unit = CalendarUnit::kQuarter}).periods.size(), 401u);
}

}  // namespace
}  // namespace keyledger::projections::portfolio
