// Gamma-Gamma: CDNOW, populations whose parameters are known, and bounds.
#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "projections/forecast/gamma_gamma.h"
#include "tests/unit/forecast/real_data.h"
#include "tests/unit/forecast/simulated.h"

namespace keyledger::forecast {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using testing::HaveData;
using testing::Truth;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

void ExpectFit(const std::vector<Spend>& spends, const json& truth) {
  const auto fit = FitGammaGamma(spends);
  ASSERT_TRUE(fit.ok()) << fit.status();
  EXPECT_TRUE(fit->converged) << fit->why;
  EXPECT_EQ(fit->customers, truth["n"]);
  EXPECT_EQ(fit->left_out, 0);
  EXPECT_NEAR(fit->parameters.p / truth["p"].get<double>(), 1, 1e-3);
  EXPECT_NEAR(fit->parameters.q / truth["q"].get<double>(), 1, 1e-3);
  EXPECT_NEAR(fit->parameters.gamma / truth["gamma"].get<double>(), 1, 1e-3);
  EXPECT_NEAR(fit->log_likelihood, truth["LL"].get<double>(), 1e-3);
  EXPECT_NEAR(*PopulationMeanSpend(fit->parameters), truth["mean"].get<double>(), 1e-3);
}

// As the shipped summary has them: half a cent is rounded up, whatever its last bit says.
std::vector<Spend> RoundedToCents(std::vector<Spend> spends) {
  for (Spend& spend : spends) spend.mean = std::floor(spend.mean * 100 + 0.5 + 1e-9) / 100;
  return spends;
}

TEST(GammaGammaOfCdnow, FitsTheParametersEstimatedIndependently) {
  KL_NEED_DATA();
  ExpectFit(testing::SpendsOf(testing::CalibrationOfCdnow()), Truth("bgnbd_cdnow.json")["gamma_gamma_from_raw"]);
}

TEST(GammaGammaOfCdnow, FitsMeansRoundedToCents) {
  KL_NEED_DATA();
  ExpectFit(RoundedToCents(testing::SpendsOf(testing::CalibrationOfCdnow())),
            Truth("bgnbd_cdnow.json")["gamma_gamma_from_shipped_zbar"]);
}

TEST(GammaGammaOfCdnow, ComputesTheLogLikelihoodAtThePublishedParameters) {
  KL_NEED_DATA();
  const json truth = Truth("bgnbd_cdnow.json")["gamma_gamma_published"];
  const auto value = GammaGammaLogLikelihood({truth["p"], truth["q"], truth["gamma"]},
                                             RoundedToCents(testing::SpendsOf(testing::CalibrationOfCdnow())));
  ASSERT_TRUE(value.ok()) << value.status();
  EXPECT_NEAR(*value, truth["LL_at_published_on_shipped"].get<double>(), 1e-8);
}

TEST(GammaGammaOfCdnow, DoesNotDependOnTheUnitOfMoney) {
  KL_NEED_DATA();
  auto spends = testing::SpendsOf(testing::CalibrationOfCdnow());
  const auto dollars = FitGammaGamma(spends);
  for (Spend& spend : spends) spend.mean *= 1e6;
  const auto micros = FitGammaGamma(spends);
  ASSERT_TRUE(dollars.ok() && micros.ok());
  EXPECT_TRUE(micros->converged) << micros->why;
  EXPECT_NEAR(micros->parameters.p / dollars->parameters.p, 1, 1e-6);
  EXPECT_NEAR(micros->parameters.q / dollars->parameters.q, 1, 1e-6);
  EXPECT_NEAR(micros->parameters.gamma / dollars->parameters.gamma, 1e6, 1);
}

std::vector<Spend> Simulated(uint64_t seed, const GammaGammaParameters& parameters, int customers) {
  testing::Random random(seed);
  std::vector<Spend> spends;
  for (int i = 0; i < customers; ++i) {
    const double v = testing::GammaDraw(random, parameters.q, parameters.gamma);
    const int64_t x = 1 + i % 9;
    const auto count = static_cast<double>(x);
    spends.push_back({x, testing::GammaDraw(random, parameters.p * count, v) / count});
  }
  return spends;
}

TEST(FitGammaGamma, RecoversTheParametersOfSimulatedCustomers) {
  const auto fit = FitGammaGamma(Simulated(42, {3, 5, 80}, 20'000));
  ASSERT_TRUE(fit.ok()) << fit.status();
  ASSERT_TRUE(fit->converged) << fit->why;
  EXPECT_NEAR(fit->parameters.p, 3, 0.15);
  EXPECT_NEAR(fit->parameters.q, 5, 0.3);
  EXPECT_NEAR(fit->parameters.gamma, 80, 8);
  EXPECT_NEAR(*PopulationMeanSpend(fit->parameters), 60, 1.5);
}

TEST(FitGammaGamma, IsAMaximumWhateverTheOrder) {
  auto spends = Simulated(1, {3, 5, 80}, 1'000);
  const auto fit = FitGammaGamma(spends);
  std::reverse(spends.begin(), spends.end());
  const auto reversed = FitGammaGamma(spends);
  ASSERT_TRUE(fit.ok() && reversed.ok());
  EXPECT_EQ(fit->parameters.p, reversed->parameters.p);
  EXPECT_EQ(fit->log_likelihood, reversed->log_likelihood);
  for (const double factor : {0.95, 1.05}) {
    for (double GammaGammaParameters::*member :
         {&GammaGammaParameters::p, &GammaGammaParameters::q, &GammaGammaParameters::gamma}) {
      GammaGammaParameters moved = fit->parameters;
      moved.*member *= factor;
      EXPECT_LT(*GammaGammaLogLikelihood(moved, spends), fit->log_likelihood);
    }
  }
}

TEST(FitGammaGamma, LeavesOutWhoSpentNothingAndSaysSo) {
  auto spends = Simulated(1, {3, 5, 80}, 100);
  const auto before = FitGammaGamma(spends);
  spends.push_back({2, 0});
  spends.push_back({1, -12.5});
  const auto after = FitGammaGamma(spends);
  ASSERT_TRUE(before.ok() && after.ok());
  EXPECT_EQ(after->customers, 100);
  EXPECT_EQ(after->left_out, 2);
  EXPECT_EQ(after->parameters.p, before->parameters.p);
}

TEST(FitGammaGamma, SaysWhenAllSpendTheSame) {
  const auto fit = FitGammaGamma(std::vector<Spend>(100, Spend{3, 10}));
  ASSERT_TRUE(fit.ok()) << fit.status();
  EXPECT_FALSE(fit->converged);
  EXPECT_FALSE(fit->why.empty());
}

TEST(FitGammaGamma, RefusesTooFewAndHostileCustomers) {
  const auto refused = [](absl::StatusCode code, const std::vector<Spend>& spends, const std::string& words) {
    const auto fit = FitGammaGamma(spends);
    ASSERT_FALSE(fit.ok()) << words;
    EXPECT_EQ(fit.status().code(), code);
    EXPECT_THAT(std::string(fit.status().message()), HasSubstr(words));
  };
  const auto invalid = absl::StatusCode::kInvalidArgument;
  refused(absl::StatusCode::kFailedPrecondition, {}, "0 customers with a repeat purchase above zero are too few");
  refused(absl::StatusCode::kFailedPrecondition, std::vector<Spend>(19, Spend{1, 5}),
          "19 customers with a repeat purchase above zero are too few to fit Gamma-Gamma: it takes 20 at least");
  refused(invalid, {{1, 5}, {0, 5}}, "spends[1]");
  refused(invalid, {{-1, 5}}, "-1 repeat purchases; must be 1 to 1000000");
  refused(invalid, {{kPurchasesMax + 1, 5}}, "1000001 repeat purchases");
  refused(invalid, {{1, kNaN}}, "must be a finite amount");
  refused(invalid, {{1, std::numeric_limits<double>::infinity()}}, "must be a finite amount");
}

TEST(FitGammaGamma, EndsOnAmountsFarApart) {
  std::vector<Spend> spends;
  for (int i = 0; i < 100; ++i) spends.push_back({1 + i % 3, std::pow(10, i - 50)});
  const auto fit = FitGammaGamma(spends);
  ASSERT_TRUE(fit.ok()) << fit.status();
  EXPECT_LE(fit->evaluations, 2000);
  EXPECT_EQ(fit->converged, fit->why.empty());
}

TEST(ExpectedSpend, LiesBetweenTheCustomersMeanAndThePopulations) {
  // p = 6, q = 4, gamma = 15: the population's mean is 6 * 15 / 3 = 30.
  const GammaGammaParameters parameters = {6, 4, 15};
  EXPECT_DOUBLE_EQ(*PopulationMeanSpend(parameters), 30);
  EXPECT_DOUBLE_EQ(*ExpectedSpend(parameters, {}), 30);
  // 6 (15 + 50) / (6 + 3), and with nine more of them 6 (15 + 500) / (60 + 3).
  EXPECT_DOUBLE_EQ(*ExpectedSpend(parameters, {1, 50}), 130.0 / 3);
  EXPECT_DOUBLE_EQ(*ExpectedSpend(parameters, {10, 50}), 1030.0 / 21);
}

TEST(ExpectedSpend, SaysWhenThereIsNone) {
  const GammaGammaParameters heavy = {0.5, 0.8, 10};
  EXPECT_EQ(PopulationMeanSpend(heavy).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(ExpectedSpend(heavy, {1, 5}).ok());
  EXPECT_EQ(ExpectedSpend(heavy, {1, 0}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ExpectedSpend(heavy, {1, kNaN}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ExpectedSpend({0, 4, 15}, {1, 5}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ExpectedSpend({6, kNaN, 15}, {1, 5}).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace keyledger::forecast
