// BG/NBD on the CDNOW data, against figures computed independently and against the published ones.
#include <gtest/gtest.h>

#include "projections/forecast/bg_nbd.h"
#include "projections/forecast/calibration.h"
#include "tests/unit/forecast/real_data.h"

namespace keyledger::forecast {
namespace {

using nlohmann::json;
using testing::CalibrationOfCdnow;
using testing::Customer;
using testing::HaveData;
using testing::SummariesOf;
using testing::Truth;

constexpr double kWeeks = 39;

BgNbdParameters ParametersOf(const json& truth) { return {truth["r"], truth["alpha"], truth["a"], truth["b"]}; }

void ExpectFit(const BgNbdFit& fit, const json& truth) {
  EXPECT_TRUE(fit.converged) << fit.why;
  EXPECT_EQ(fit.starts_agreeing, 3);
  const BgNbdParameters wanted = ParametersOf(truth);
  EXPECT_NEAR(fit.parameters.r / wanted.r, 1, 1e-3);
  EXPECT_NEAR(fit.parameters.alpha / wanted.alpha, 1, 1e-3);
  EXPECT_NEAR(fit.parameters.a / wanted.a, 1, 1e-3);
  EXPECT_NEAR(fit.parameters.b / wanted.b, 1, 1e-3);
  EXPECT_NEAR(fit.log_likelihood, truth["LL"].get<double>(), 1e-3);
}

TEST(BgNbdOfCdnow, SummarizesTheCalibrationPeriod) {
  KL_NEED_DATA();
  const json truth = Truth("bgnbd_cdnow.json");
  int64_t repeats = 0, repeated = 0, later = 0;
  const auto customers = CalibrationOfCdnow();
  for (const Customer& customer : customers) {
    repeats += customer.summary.x;
    repeated += customer.summary.x > 0 ? 1 : 0;
    later += customer.later;
  }
  EXPECT_EQ(static_cast<int64_t>(customers.size()), truth["n"]);
  EXPECT_EQ(repeated, truth["customers_with_repeat"]);
  EXPECT_EQ(repeats, truth["total_repeat_calibration"]);
  EXPECT_EQ(later, truth["total_repeat_holdout"]);
  EXPECT_EQ(repeats + later, truth["actual_repeat_by_week78"]);
}

TEST(BgNbdOfCdnow, FitsTheParametersEstimatedIndependently) {
  KL_NEED_DATA();
  const auto fit = FitBgNbd(SummariesOf(CalibrationOfCdnow()));
  ASSERT_TRUE(fit.ok()) << fit.status();
  ExpectFit(*fit, Truth("bgnbd_cdnow.json")["bgnbd"]);
  EXPECT_EQ(fit->customers, 2357);
  EXPECT_EQ(fit->repeat_customers, 946);
  EXPECT_LT(fit->gradient_norm, 1e-9);
}

TEST(BgNbdOfCdnow, RoundsToThePublishedParameters) {
  KL_NEED_DATA();
  const auto fit = FitBgNbd(SummariesOf(CalibrationOfCdnow()));
  ASSERT_TRUE(fit.ok()) << fit.status();
  EXPECT_NEAR(fit->parameters.r, 0.243, 0.0005);
  EXPECT_NEAR(fit->parameters.alpha, 4.414, 0.0005);
  EXPECT_NEAR(fit->parameters.a, 0.793, 0.0005);
  EXPECT_NEAR(fit->parameters.b, 2.426, 0.0005);
  EXPECT_NEAR(fit->log_likelihood, -9582.4, 0.05);
}

TEST(BgNbdOfCdnow, FitsTheSummaryAsItWasShippedWithTwoDecimals) {
  KL_NEED_DATA();
  auto summaries = SummariesOf(CalibrationOfCdnow());
  for (Summary& summary : summaries) {
    summary.t_x = std::round(summary.t_x * 100) / 100;
    summary.T = std::round(summary.T * 100) / 100;
  }
  const auto fit = FitBgNbd(summaries);
  ASSERT_TRUE(fit.ok()) << fit.status();
  ExpectFit(*fit, Truth("bgnbd_cdnow.json")["bgnbd"]["refit_on_shipped_2dp_summary"]);
}

TEST(BgNbdOfCdnow, ComputesTheLogLikelihoodAtThePublishedParameters) {
  KL_NEED_DATA();
  const json truth = Truth("bgnbd_cdnow.json")["bgnbd"];
  const auto value = BgNbdLogLikelihood(ParametersOf(truth["published"]), SummariesOf(CalibrationOfCdnow()));
  ASSERT_TRUE(value.ok()) << value.status();
  EXPECT_NEAR(*value, truth["LL_at_published_parameters"].get<double>(), 1e-8);
}

TEST(BgNbdOfCdnow, ForecastsThePublishedExample) {
  KL_NEED_DATA();
  const json truth = Truth("bgnbd_cdnow.json");
  const json& example = truth["examples"]["x=2,t_x=30.43,T=38.86"];
  const Summary summary = {.x = 2, .t_x = 30.43, .T = 38.86};
  const auto forecast = ForecastPurchases(ParametersOf(truth["bgnbd"]), summary, kWeeks);
  ASSERT_TRUE(forecast.ok()) << forecast.status();
  EXPECT_NEAR(forecast->p_alive, example["p_alive"].get<double>(), 1e-12);
  EXPECT_NEAR(forecast->expected, example["E_Y39"].get<double>(), 1e-12);
  const auto published = ForecastPurchases(ParametersOf(truth["bgnbd"]["published"]), summary, kWeeks);
  ASSERT_TRUE(published.ok()) << published.status();
  EXPECT_NEAR(published->p_alive, example["p_alive_at_published"].get<double>(), 1e-12);
  EXPECT_NEAR(published->expected, example["E_Y39_at_published"].get<double>(), 1e-12);
}

TEST(BgNbdOfCdnow, ExpectsTheRepeatPurchasesOfAllByWeek) {
  KL_NEED_DATA();
  const json truth = Truth("bgnbd_cdnow.json");
  const BgNbdParameters parameters = ParametersOf(truth["bgnbd"]);
  double by_week_39 = 0, by_week_78 = 0;
  for (const Customer& customer : CalibrationOfCdnow()) {
    by_week_39 += ExpectedPurchasesNew(parameters, customer.summary.T).value_or(-1e9);
    by_week_78 += ExpectedPurchasesNew(parameters, customer.summary.T + kWeeks).value_or(-1e9);
  }
  EXPECT_NEAR(by_week_39, truth["expected_repeat_by_week39"].get<double>(), 1e-6);
  EXPECT_NEAR(by_week_78, truth["expected_repeat_by_week78"].get<double>(), 1e-6);
}

TEST(BgNbdOfCdnow, ScoresTheForecastByRepeatPurchases) {
  KL_NEED_DATA();
  const json truth = Truth("bgnbd_cdnow.json");
  const BgNbdParameters parameters = ParametersOf(truth["bgnbd"]);
  std::vector<GroupedOutcome> outcomes;
  double expected = 0, alive = 0;
  for (const Customer& customer : CalibrationOfCdnow()) {
    const auto forecast = ForecastPurchases(parameters, customer.summary, kWeeks);
    ASSERT_TRUE(forecast.ok()) << forecast.status();
    expected += forecast->expected;
    alive += forecast->p_alive;
    outcomes.push_back({customer.summary.x, {forecast->expected, static_cast<double>(customer.later)}});
  }
  EXPECT_NEAR(expected, truth["expected_holdout_sum_conditional"].get<double>(), 1e-6);
  EXPECT_NEAR(alive / 2357, truth["mean_p_alive"].get<double>(), 1e-12);
  const auto scores = ScoresByGroup(outcomes, 7);
  ASSERT_TRUE(scores.ok()) << scores.status();
  ASSERT_EQ(scores->size(), 8u);
  for (size_t x = 0; x < 8; ++x) {
    const json& wanted = truth["holdout_by_x"][x == 7 ? "7+" : std::to_string(x)];
    EXPECT_EQ((*scores)[x].n, wanted["n"]) << x;
    EXPECT_NEAR((*scores)[x].expected_mean, wanted["expected_mean"].get<double>(), 1e-9) << x;
    EXPECT_NEAR((*scores)[x].actual_mean, wanted["actual_holdout_mean"].get<double>(), 1e-12) << x;
  }
}

TEST(BgNbdOfCdnow, FindsTheSameFitWhateverTheOrderAndTheGrouping) {
  KL_NEED_DATA();
  auto summaries = SummariesOf(CalibrationOfCdnow());
  const auto fit = FitBgNbd(summaries);
  const auto grouped = FitBgNbd(GroupSummaries(summaries));
  std::reverse(summaries.begin(), summaries.end());
  const auto reversed = FitBgNbd(summaries);
  ASSERT_TRUE(fit.ok() && grouped.ok() && reversed.ok());
  EXPECT_LT(GroupSummaries(summaries).size(), summaries.size());
  for (const auto* other : {&*grouped, &*reversed}) {
    EXPECT_EQ(other->parameters.r, fit->parameters.r);
    EXPECT_EQ(other->parameters.alpha, fit->parameters.alpha);
    EXPECT_EQ(other->parameters.a, fit->parameters.a);
    EXPECT_EQ(other->parameters.b, fit->parameters.b);
    EXPECT_EQ(other->log_likelihood, fit->log_likelihood);
    EXPECT_EQ(other->evaluations, fit->evaluations);
  }
}

TEST(BgNbdOfCdnow, FitsTheMasterOf23570Customers) {
  KL_NEED_DATA();
  const auto customers = testing::CustomersAt(testing::CdnowMaster(), testing::Day(1997, 9, 30));
  EXPECT_EQ(customers.size(), 23570u);
  const auto fit = FitBgNbd(SummariesOf(customers));
  ASSERT_TRUE(fit.ok()) << fit.status();
  EXPECT_TRUE(fit->converged) << fit->why;
  // Found by another program with another method (simplex search).
  EXPECT_NEAR(fit->parameters.r / 0.251623926142, 1, 1e-5);
  EXPECT_NEAR(fit->parameters.alpha / 4.788944707796, 1, 1e-5);
  EXPECT_NEAR(fit->parameters.a / 0.723433693983, 1, 1e-5);
  EXPECT_NEAR(fit->parameters.b / 2.161090447713, 1, 1e-5);
  EXPECT_NEAR(fit->log_likelihood, -95368.44393316, 1e-6);
}

TEST(BgNbdOfCdnow, GivesAnIntervalAroundTheForecastOfAll) {
  KL_NEED_DATA();
  const auto summaries = SummariesOf(CalibrationOfCdnow());
  const auto fit = FitBgNbd(summaries);
  ASSERT_TRUE(fit.ok()) << fit.status();
  const auto forecast = ForecastPopulation(*fit, summaries, kWeeks, 0.95);
  ASSERT_TRUE(forecast.ok()) << forecast.status();
  EXPECT_NEAR(forecast->expected, 1653.41, 0.05);
  // What the estimate adds is of the order of what chance adds: both come from some thousand purchases.
  EXPECT_GT(forecast->sampling_variance, forecast->expected);
  EXPECT_GT(forecast->parameter_variance, 0);
  EXPECT_LT(forecast->low, forecast->expected);
  EXPECT_GT(forecast->high, forecast->expected);
}

}  // namespace
}  // namespace keyledger::forecast
