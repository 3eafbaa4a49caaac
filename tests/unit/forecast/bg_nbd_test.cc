// What BG/NBD says of a customer: against figures of another implementation with 50 digits, and its properties.
#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "projections/forecast/bg_nbd.h"
#include "tests/unit/forecast/simulated.h"

namespace keyledger::forecast {
namespace {

using ::testing::HasSubstr;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

const BgNbdParameters kCdnow = {0.243, 4.414, 0.793, 2.426};

TEST(ForecastPurchases, EqualsIntegralsComputedWithFiftyDigits) {
  struct Case {
    BgNbdParameters parameters;
    Summary summary;
    double weeks;
    double p_alive, expected, variance;
  };
  const Case cases[] = {
      {kCdnow, {.x = 2, .t_x = 30.43, .T = 38.86}, 39, 0.72657857008067291, 1.2260281747671445, 2.5289385914479433},
      {kCdnow, {}, 39, 1, 1.1967231933208169, 6.4479508103210175},
      {kCdnow, {.x = 29, .t_x = 38, .T = 38.86}, 520, 0.95522172124162591, 97.914292698919275, 14782.659326295579},
      // a is 1, or nearly so, where the formula with the hypergeometric function has no digits.
      {{1.5, 10, 1, 3}, {.x = 4, .t_x = 20, .T = 30}, 26, 0.55218627010879286, 1.5868960432116016, 4.4890352052336247},
      {{0.5, 2, 1 + 1e-9, 2},
       {.x = 1, .t_x = 5, .T = 12},
       52,
       0.41421356213045434,
       1.2304061787801637,
       6.1806373799928418},
      {{3, 1, 2.5, 0.7},
       {.x = 50, .t_x = 90, .T = 104},
       104,
       0.010004845611996478,
       0.2256095144066468,
       8.4267775320112078},
      // Too many terms for a sum: integrated.
      {{0.3, 0.01, 0.6, 2}, {}, 1000, 1, 151.22263632937606, 6180127.4465005187},
      {{0.3, 0.01, 0.6, 2},
       {.x = 3, .t_x = 1, .T = 2},
       100000,
       0.40760175661776712,
       302.53981325622459,
       32223301.309984001},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.expected);
    const auto forecast = ForecastPurchases(c.parameters, c.summary, c.weeks);
    ASSERT_TRUE(forecast.ok()) << forecast.status();
    EXPECT_NEAR(forecast->p_alive / c.p_alive, 1, 1e-13);
    EXPECT_NEAR(forecast->expected / c.expected, 1, 1e-11);
    EXPECT_NEAR(forecast->variance / c.variance, 1, 1e-9);
  }
}

TEST(ForecastPurchases, KeepsItsDigitsAfterThousandsOfPurchases) {
  const auto forecast = ForecastPurchases({2, 3, 0.05, 400}, {.x = 5000, .t_x = 99, .T = 100}, 1000);
  ASSERT_TRUE(forecast.ok()) << forecast.status();
  EXPECT_NEAR(forecast->p_alive / 6.9120122788687102e-17, 1, 1e-11);
  EXPECT_NEAR(forecast->expected / 3.1064781927409976e-12, 1, 1e-10);
}

TEST(ForecastPurchases, IsTheSameByASumAndByAnIntegral) {
  // Just below and just above the length at which sums become integrals.
  const BgNbdParameters parameters = {0.5, 0.1, 0.7, 2};
  const double below = ExpectedPurchases(parameters, {}, 110.4).value();
  const double above = ExpectedPurchases(parameters, {}, 110.5).value();
  const double further = ExpectedPurchases(parameters, {}, 110.6).value();
  // A smooth function: the steps are alike.
  EXPECT_NEAR((above - below) / (further - above), 1, 1e-3);
}

TEST(PAlive, FallsWithSilenceAndIsAProbability) {
  for (const int64_t x : {1, 3, 20, 1000}) {
    double before = 1;
    for (double weeks = 10; weeks < 2000; weeks *= 1.5) {
      const double p = PAlive(kCdnow, {.x = x, .t_x = 10, .T = weeks}).value();
      EXPECT_GE(p, 0);
      // Until it is too small for a number.
      EXPECT_TRUE(p < before || (p == 0 && before < 1e-300)) << x << " purchases, " << weeks << " weeks: " << p;
      before = p;
    }
  }
}

TEST(PAlive, IsOneBeforeARepeatPurchase) { EXPECT_EQ(PAlive(kCdnow, {.T = 500}).value(), 1); }

TEST(ExpectedPurchases, RiseWithTheHorizonEverMoreSlowly) {
  for (const Summary& summary : {Summary{}, Summary{.T = 30}, Summary{.x = 4, .t_x = 25, .T = 30}}) {
    double before = 0, step = std::numeric_limits<double>::infinity();
    for (double weeks = 4; weeks <= 400; weeks += 4) {
      const double expected = ExpectedPurchases(kCdnow, summary, weeks).value();
      EXPECT_GT(expected, before);
      EXPECT_LT(expected - before, step);
      step = expected - before;
      before = expected;
    }
  }
}

TEST(ExpectedPurchases, AreNoneInNoTime) {
  EXPECT_EQ(ExpectedPurchases(kCdnow, {.x = 4, .t_x = 25, .T = 30}, 0).value(), 0);
  EXPECT_EQ(ForecastPurchases(kCdnow, {.x = 4, .t_x = 25, .T = 30}, 0)->variance, 0);
  EXPECT_EQ(ExpectedPurchasesNew(kCdnow, 0).value(), 0);
}

TEST(ForecastPurchases, RefusesArgumentsOutOfBounds) {
  const auto refused = [](const auto& made, const std::string& words) {
    ASSERT_FALSE(made.ok()) << words;
    EXPECT_EQ(made.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(made.status().message()), HasSubstr(words));
  };
  refused(ForecastPurchases(kCdnow, {}, -1), "weeks: must be 0 to 100000");
  refused(ForecastPurchases(kCdnow, {}, kNaN), "weeks");
  refused(ForecastPurchases(kCdnow, {}, kWeeksMax + 1), "weeks");
  EXPECT_TRUE(ForecastPurchases(kCdnow, {}, kWeeksMax).ok());
  refused(ForecastPurchases(kCdnow, {.x = 1, .T = 5}, 1), "t_x");
  refused(ForecastPurchases({0, 1, 1, 1}, {}, 1), "r: 0; must be 1e-9 to 1e9");
  refused(ForecastPurchases({1, 1, 1, kNaN}, {}, 1), "b: nan");
  refused(PAlive({1, 2e9, 1, 1}, {}), "alpha: 2000000000");
}

TEST(ForecastPurchases, IsANumberForAnythingWithinBounds) {
  for (const double parameter : {1e-9, 1.0, 1e9}) {
    for (const int64_t x : {int64_t{0}, int64_t{1}, kPurchasesMax}) {
      for (const double weeks : {1e-9, 1.0, kWeeksMax}) {
        for (const BgNbdParameters& parameters :
             {BgNbdParameters{parameter, 1, 1, 1}, {1, parameter, 1, 1}, {1, 1, parameter, 1}, {1, 1, 1, parameter}}) {
          const Summary summary = {.x = x, .t_x = x > 0 ? 0.5 : 0, .T = 1};
          const auto forecast = ForecastPurchases(parameters, summary, weeks);
          ASSERT_TRUE(forecast.ok()) << forecast.status();
          EXPECT_TRUE(forecast->p_alive >= 0 && forecast->p_alive <= 1);
          EXPECT_TRUE(forecast->expected >= 0 && std::isfinite(forecast->expected))
              << parameter << " " << x << " " << weeks << ": " << forecast->expected;
          EXPECT_TRUE(forecast->variance >= 0 && std::isfinite(forecast->variance));
        }
      }
    }
  }
}

TEST(ForecastEach, ForecastsEveryCustomerInItsPlace) {
  const std::vector<Summary> summaries = {{.x = 4, .t_x = 25, .T = 30}, {.T = 30},
                                          {.x = 4, .t_x = 5, .T = 30},  {.x = 4, .t_x = 25, .T = 31},
                                          {.x = 4, .t_x = 25, .T = 30}, {}};
  const auto each = ForecastEach(kCdnow, summaries, 39);
  ASSERT_TRUE(each.ok()) << each.status();
  ASSERT_EQ(each->size(), summaries.size());
  for (size_t i = 0; i < summaries.size(); ++i) {
    const auto one = ForecastPurchases(kCdnow, summaries[i], 39);
    EXPECT_EQ((*each)[i].p_alive, one->p_alive) << i;
    EXPECT_EQ((*each)[i].expected, one->expected) << i;
    EXPECT_EQ((*each)[i].variance, one->variance) << i;
  }
  EXPECT_TRUE(ForecastEach(kCdnow, {}, 39)->empty());
}

TEST(ForecastEach, RefusesOneBadCustomerByItsIndex) {
  const auto each = ForecastEach(kCdnow, {{.T = 30}, {.T = kNaN}}, 39);
  EXPECT_EQ(each.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(each.status().message()), HasSubstr("summaries[1]"));
  EXPECT_EQ(ForecastEach(kCdnow, {}, -1).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ForecastEach({}, {}, 1).status().code(), absl::StatusCode::kInvalidArgument);
}

// Fits customers who behave as the model says and forecasts what they do next.
TEST(ForecastPopulation, HoldsWhatSimulatedCustomersDo) {
  const BgNbdParameters truth = {0.6, 5, 0.9, 3};
  int within = 0;
  constexpr int kPopulations = 20;
  for (uint64_t seed = 1; seed <= kPopulations; ++seed) {
    testing::Random random(seed);
    std::vector<Summary> summaries;
    int64_t later = 0;
    for (int i = 0; i < 1000; ++i) {
      const auto customer = testing::Simulate(random, truth, 40, 40);
      summaries.push_back(customer.summary);
      later += customer.later;
    }
    const auto fit = FitBgNbd(summaries);
    ASSERT_TRUE(fit.ok() && fit->converged) << fit.status();
    const auto forecast = ForecastPopulation(*fit, summaries, 40, 0.95);
    ASSERT_TRUE(forecast.ok()) << forecast.status();
    const auto actual = static_cast<double>(later);
    within += forecast->low <= actual && actual <= forecast->high ? 1 : 0;
  }
  // Of twenty intervals of 95 % three misses are rare (7 in a hundred times); four would be suspect.
  EXPECT_GE(within, kPopulations - 3);
}

TEST(ForecastPopulation, CountsCustomersWithOneHistory) {
  BgNbdFit fit;
  fit.parameters = kCdnow;
  fit.converged = true;
  fit.log_covariance.assign(16, 0.0);
  const auto forecast = ForecastPopulation(fit, {{.x = 2, .t_x = 30.43, .T = 38.86, .count = 10'000}}, 39, 0.95);
  ASSERT_TRUE(forecast.ok()) << forecast.status();
  EXPECT_NEAR(forecast->expected, 12260.281747671445, 1e-8);
  EXPECT_NEAR(forecast->sampling_variance, 25289.385914479433, 1e-6);
  EXPECT_EQ(forecast->parameter_variance, 0);
  // 1.959963984540054 standard deviations.
  EXPECT_NEAR(forecast->high - forecast->expected, 311.68595507516, 1e-9);
  EXPECT_NEAR(forecast->expected - forecast->low, 311.68595507516, 1e-9);
}

TEST(ForecastPopulation, RefusesAFitThatDidNotConverge) {
  BgNbdFit fit;
  fit.parameters = kCdnow;
  fit.why = "a is at its lower bound 0.0001";
  const auto forecast = ForecastPopulation(fit, {{.T = 10}}, 39, 0.95);
  EXPECT_EQ(forecast.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(forecast.status().message()), HasSubstr("a is at its lower bound"));
}

TEST(ForecastPopulation, RefusesAConfidenceThatIsNone) {
  BgNbdFit fit;
  fit.parameters = kCdnow;
  fit.converged = true;
  fit.log_covariance.assign(16, 0.0);
  for (const double confidence : {0.0, 1.0, -0.5, 2.0, kNaN}) {
    EXPECT_EQ(ForecastPopulation(fit, {{.T = 10}}, 39, confidence).status().code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(ForecastPopulation(fit, {{.T = -1}}, 39, 0.95).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ForecastPopulation(fit, {}, 39, 0.95)->expected, 0);
}

TEST(SummaryOfDays, CountsWeeksAndRepeatPurchases) {
  const Summary summary = SummaryOfDays(3, 100, 128, 170);
  EXPECT_EQ(summary.x, 2);
  EXPECT_EQ(summary.t_x, 4);
  EXPECT_EQ(summary.T, 10);
  EXPECT_EQ(summary.count, 1);
  EXPECT_TRUE(CheckSummary(SummaryOfDays(1, 100, 100, 100)).ok());
  EXPECT_FALSE(CheckSummary(SummaryOfDays(0, 100, 100, 100)).ok());
  EXPECT_FALSE(CheckSummary(SummaryOfDays(2, 100, 101, 100)).ok());
}

}  // namespace
}  // namespace keyledger::forecast
