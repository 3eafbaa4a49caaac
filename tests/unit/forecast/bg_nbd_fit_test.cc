// Fitting BG/NBD: populations whose parameters are known, and those that cannot be fitted.
#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "projections/forecast/bg_nbd.h"
#include "tests/unit/forecast/simulated.h"

namespace keyledger::forecast {
namespace {

using ::testing::HasSubstr;
using testing::Random;
using testing::Simulate;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::vector<Summary> Simulated(uint64_t seed, const BgNbdParameters& parameters, int customers) {
  Random random(seed);
  std::vector<Summary> summaries;
  for (int i = 0; i < customers; ++i) {
    // Customers came over a year, and have been watched for one to two.
    summaries.push_back(Simulate(random, parameters, 52 + 52.0 * i / customers, 0).summary);
  }
  return summaries;
}

void ExpectRefused(absl::StatusCode code, const std::string& words, const std::vector<Summary>& summaries,
                   const BgNbdOptions& options = {}) {
  const auto fit = FitBgNbd(summaries, options);
  ASSERT_FALSE(fit.ok()) << words;
  EXPECT_EQ(fit.status().code(), code) << fit.status();
  EXPECT_THAT(std::string(fit.status().message()), HasSubstr(words));
}

TEST(FitBgNbd, RecoversTheParametersOfSimulatedCustomers) {
  const BgNbdParameters truth = {0.8, 6, 1.2, 4};
  const auto fit = FitBgNbd(Simulated(20261122, truth, 20'000));
  ASSERT_TRUE(fit.ok()) << fit.status();
  ASSERT_TRUE(fit->converged) << fit->why;
  const double fitted[] = {fit->parameters.r, fit->parameters.alpha, fit->parameters.a, fit->parameters.b};
  const double wanted[] = {truth.r, truth.alpha, truth.a, truth.b};
  for (size_t i = 0; i < 4; ++i) {
    const double error = std::log(fitted[i] / wanted[i]);
    EXPECT_LT(std::abs(error), 0.25) << i;
    // The errors are of the size the fit itself says.
    EXPECT_LT(std::abs(error), 4 * std::sqrt(fit->log_covariance[i * 5])) << i;
    EXPECT_LT(std::sqrt(fit->log_covariance[i * 5]), 0.1) << i;
  }
}

TEST(FitBgNbd, IsAMaximum) {
  const auto summaries = Simulated(7, {0.5, 4, 0.9, 2.5}, 2'000);
  const auto fit = FitBgNbd(summaries);
  ASSERT_TRUE(fit.ok()) << fit.status();
  ASSERT_TRUE(fit->converged) << fit->why;
  EXPECT_NEAR(*BgNbdLogLikelihood(fit->parameters, summaries), fit->log_likelihood, 1e-8);
  for (const double factor : {0.9, 0.99, 1.01, 1.1}) {
    for (double BgNbdParameters::*member :
         {&BgNbdParameters::r, &BgNbdParameters::alpha, &BgNbdParameters::a, &BgNbdParameters::b}) {
      BgNbdParameters moved = fit->parameters;
      moved.*member *= factor;
      EXPECT_LT(*BgNbdLogLikelihood(moved, summaries), fit->log_likelihood);
    }
  }
}

TEST(FitBgNbd, CountsCustomersWithOneHistoryAsManyCustomers) {
  auto summaries = Simulated(11, {0.8, 6, 1.2, 4}, 500);
  const auto once = FitBgNbd(summaries);
  for (Summary& summary : summaries) summary.count = 1'000'000;
  const auto often = FitBgNbd(summaries);
  ASSERT_TRUE(once.ok() && often.ok());
  EXPECT_EQ(often->customers, 500'000'000);
  EXPECT_NEAR(often->parameters.r / once->parameters.r, 1, 1e-6);
  EXPECT_NEAR(often->log_likelihood / once->log_likelihood, 1e6, 1);
  EXPECT_NEAR(often->log_covariance[0] * 1e6 / once->log_covariance[0], 1, 1e-4);
}

TEST(FitBgNbd, SaysWhenNobodyEverLeaves) {
  // Everybody buys every second week to the end: a falls to its bound.
  std::vector<Summary> summaries;
  for (int i = 0; i < 100; ++i) {
    const double weeks = 20 + i % 7;
    summaries.push_back({.x = static_cast<int64_t>(weeks / 2), .t_x = weeks, .T = weeks});
  }
  const auto fit = FitBgNbd(summaries);
  ASSERT_TRUE(fit.ok()) << fit.status();
  EXPECT_FALSE(fit->converged);
  EXPECT_THAT(fit->why, HasSubstr("at its "));
  EXPECT_TRUE(fit->log_covariance.empty());
}

TEST(FitBgNbd, SaysWhenAllCustomersAreAlike) {
  const auto fit = FitBgNbd({{.x = 3, .t_x = 20, .T = 30, .count = 1000}});
  ASSERT_TRUE(fit.ok()) << fit.status();
  EXPECT_FALSE(fit->converged);
  EXPECT_FALSE(fit->why.empty());
}

TEST(FitBgNbd, SaysWhenTheEvaluationsDoNotSuffice) {
  // A hundred evaluations are the least there can be; three starts share them.
  const auto summaries = Simulated(3, {0.8, 6, 1.2, 4}, 300);
  const auto fit = FitBgNbd(summaries, {.evaluations_max = 100});
  ASSERT_TRUE(fit.ok()) << fit.status();
  EXPECT_LE(fit->evaluations, 100);
  EXPECT_EQ(fit->converged, fit->why.empty());
}

TEST(FitBgNbd, RefusesAnEmptyPopulation) {
  ExpectRefused(absl::StatusCode::kFailedPrecondition, "0 customers are too few to fit BG/NBD: it takes 50 at least",
                {});
  ExpectRefused(absl::StatusCode::kFailedPrecondition, "0 customers are too few", {}, {.customers_min = 0});
}

TEST(FitBgNbd, RefusesTooFewCustomersAndTakesJustEnough) {
  auto summaries = Simulated(5, {0.8, 6, 1.2, 4}, 50);
  EXPECT_TRUE(FitBgNbd(summaries).ok());
  summaries.pop_back();
  ExpectRefused(absl::StatusCode::kFailedPrecondition, "49 customers are too few", summaries);
}

TEST(FitBgNbd, RefusesAPopulationWithoutARepeatPurchase) {
  ExpectRefused(absl::StatusCode::kFailedPrecondition, "no customer has bought again", {{.T = 10, .count = 1000}});
}

TEST(FitBgNbd, RefusesTooFewRepeatPurchasers) {
  ExpectRefused(absl::StatusCode::kFailedPrecondition,
                "9 customers with a repeat purchase are too few to fit BG/NBD: it takes 10 at least",
                {{.T = 10, .count = 1000}, {.x = 1, .t_x = 3, .T = 10, .count = 9}});
}

TEST(FitBgNbd, RefusesHostileSummariesInWords) {
  const auto invalid = absl::StatusCode::kInvalidArgument;
  ExpectRefused(invalid, "nan weeks; must be 0 to 100000", {{}, {.T = kNaN}});
  ExpectRefused(invalid, "summaries[1]", {{}, {.T = kNaN}});
  ExpectRefused(invalid, "inf weeks", {{.T = kInfinity}});
  ExpectRefused(invalid, "-1 weeks; must be 0 to 100000", {{.T = -1}});
  ExpectRefused(invalid, "100001 weeks", {{.T = 100'001}});
  ExpectRefused(invalid, "nan weeks; must be 0 to T, which is 5", {{.x = 1, .t_x = kNaN, .T = 5}});
  ExpectRefused(invalid, "5.5 weeks; must be 0 to T, which is 5", {{.x = 1, .t_x = 5.5, .T = 5}});
  ExpectRefused(invalid, "-2 weeks; must be 0 to T", {{.x = 1, .t_x = -2, .T = 5}});
  ExpectRefused(invalid, "2 weeks with 0 repeat purchases; must be 0 exactly when there are none",
                {{.x = 0, .t_x = 2, .T = 5}});
  ExpectRefused(invalid, "0 weeks with 1 repeat purchases", {{.x = 1, .t_x = 0, .T = 5}});
  ExpectRefused(invalid, "-1 repeat purchases; must be 0 to 1000000", {{.x = -1, .T = 5}});
  ExpectRefused(invalid, "1000000000 repeat purchases", {{.x = 1'000'000'000, .t_x = 1, .T = 5}});
  ExpectRefused(invalid, "0 customers; must be 1 to 1000000000000", {{.T = 5, .count = 0}});
  ExpectRefused(invalid, "-9223372036854775808 customers", {{.T = 5, .count = std::numeric_limits<int64_t>::min()}});
  ExpectRefused(invalid, "more than 1e12 customers in all", {{.T = 5, .count = kCustomersMax}, {.T = 5, .count = 1}});
}

TEST(FitBgNbd, RefusesOptionsOutOfBounds) {
  ExpectRefused(absl::StatusCode::kInvalidArgument, "evaluations_max", {}, {.evaluations_max = 99});
  ExpectRefused(absl::StatusCode::kInvalidArgument, "evaluations_max", {}, {.evaluations_max = 100'001});
}

TEST(FitBgNbd, EndsWhenItIsCalledOffAndSoDoForecasts) {
  const auto summaries = Simulated(13, {0.8, 6, 1.2, 4}, 500);
  int left = 0;
  const Canceled canceled = [&left] { return left-- <= 0; };
  for (const int asks : {0, 1, 20}) {
    left = asks;
    EXPECT_TRUE(absl::IsCancelled(FitBgNbd(summaries, {.canceled = canceled}).status())) << asks;
  }
  const auto fit = FitBgNbd(summaries, {.canceled = [] { return false; }});
  ASSERT_TRUE(fit.ok()) << fit.status();
  // 500 customers are asked about twice.
  for (const int asks : {0, 1}) {
    left = asks;
    EXPECT_TRUE(absl::IsCancelled(ForecastEach(fit->parameters, summaries, 10, canceled).status())) << asks;
  }
  left = 2;
  EXPECT_TRUE(ForecastEach(fit->parameters, summaries, 10, canceled).ok());
  left = 5;
  EXPECT_TRUE(absl::IsCancelled(ForecastPopulation(*fit, summaries, 10, 0.95, canceled).status()));
}

TEST(FitBgNbd, EndsOnAnythingWithinBounds) {
  // Extremes side by side: customers of a day, of two thousand years, of a million purchases.
  const std::vector<Summary> summaries = {{.T = 0, .count = 1'000'000'000},
                                          {.T = kWeeksMax, .count = 7},
                                          {.x = kPurchasesMax, .t_x = 1e-9, .T = kWeeksMax, .count = 3},
                                          {.x = kPurchasesMax, .t_x = kWeeksMax, .T = kWeeksMax, .count = 3},
                                          {.x = 1, .t_x = 1e-300, .T = 1e-300, .count = 40}};
  const auto fit = FitBgNbd(summaries);
  ASSERT_TRUE(fit.ok()) << fit.status();
  EXPECT_LE(fit->evaluations, 2000);
  EXPECT_TRUE(std::isfinite(fit->log_likelihood));
  EXPECT_EQ(fit->converged, fit->why.empty());
}

TEST(FitBgNbd, TakesCustomersWhoCameToday) {
  auto summaries = Simulated(13, {0.8, 6, 1.2, 4}, 500);
  const auto before = FitBgNbd(summaries);
  summaries.push_back({.T = 0, .count = 100});
  const auto after = FitBgNbd(summaries);
  ASSERT_TRUE(before.ok() && after.ok());
  EXPECT_NEAR(after->parameters.r / before->parameters.r, 1, 1e-6);
  EXPECT_NEAR(after->log_likelihood, before->log_likelihood, 1e-8);
}

TEST(BgNbdLogLikelihood, RefusesParametersThatAreNone) {
  for (const BgNbdParameters& parameters :
       {BgNbdParameters{0, 1, 1, 1}, {1, -1, 1, 1}, {1, 1, kNaN, 1}, {1, 1, 1, kInfinity}}) {
    EXPECT_EQ(BgNbdLogLikelihood(parameters, {}).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST(BgNbdLogLikelihood, EqualsTheFormulaOfThePaper) {
  // By hand: r = 1, alpha = 2, a = 1, b = 2. x = 0, T = 2: (2/4)^1. x = 1, t_x = 2, T = 4: B(1,3)/B(1,2) = 2/3 and
  // B(2,2)/B(1,2) = 1/3, so 2/3 * 2/36 + 1/3 * 2/16 = 17/216.
  const BgNbdParameters parameters = {1, 2, 1, 2};
  EXPECT_NEAR(*BgNbdLogLikelihood(parameters, {{.T = 2}}), std::log(0.5), 1e-15);
  EXPECT_NEAR(*BgNbdLogLikelihood(parameters, {{.x = 1, .t_x = 2, .T = 4}}), std::log(17.0 / 216), 1e-14);
  EXPECT_NEAR(*BgNbdLogLikelihood(parameters, {{.T = 2, .count = 3}, {.x = 1, .t_x = 2, .T = 4}}),
              std::log(17.0 / 216 / 8), 1e-14);
}

}  // namespace
}  // namespace keyledger::forecast
