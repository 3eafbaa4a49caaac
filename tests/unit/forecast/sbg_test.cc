// Shifted-beta-geometric: the two products of the paper, and bounds.
#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "projections/forecast/sbg.h"
#include "tests/unit/forecast/real_data.h"

namespace keyledger::forecast {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using testing::HaveData;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// A thousand contracts, of which the file tells how many per cent have survived each year; those of the last year
// fitted are censored there.
std::vector<SbgAge> AgesOf(const json& truth) {
  const auto survivors = [&](int64_t year) {
    return std::llround(truth["survivors_pct"][static_cast<size_t>(year)].get<double>() * 10);
  };
  const int64_t years = truth["fit_years"];
  std::vector<SbgAge> ages;
  for (int64_t year = 1; year <= years; ++year) ages.push_back({year, survivors(year - 1) - survivors(year), 0});
  ages.push_back({years, 0, survivors(years)});
  return ages;
}

void ExpectTruth(const std::string& name) {
  const json truth = testing::Truth("small_vectors.json")[name];
  const auto fit = FitSbg(AgesOf(truth));
  ASSERT_TRUE(fit.ok()) << fit.status();
  EXPECT_TRUE(fit->converged) << fit->why;
  EXPECT_EQ(fit->contracts, 1000);
  EXPECT_NEAR(fit->parameters.alpha / truth["alpha"].get<double>(), 1, 1e-3);
  EXPECT_NEAR(fit->parameters.beta / truth["beta"].get<double>(), 1, 1e-3);
  EXPECT_NEAR(fit->log_likelihood, truth["LL"].get<double>(), 1e-3);
  const auto survival = SbgSurvival(fit->parameters, 12);
  ASSERT_TRUE(survival.ok()) << survival.status();
  EXPECT_NEAR(*survival * 100, truth["S12_pct"].get<double>(), 1e-3);
}

TEST(FitSbg, FitsTheHighEndContractsOfThePaper) {
  KL_NEED_DATA();
  ExpectTruth("sbg_high_end");
}

TEST(FitSbg, FitsTheRegularContractsOfThePaper) {
  KL_NEED_DATA();
  ExpectTruth("sbg_regular");
}

TEST(FitSbg, RecoversParametersFromExpectedCounts) {
  // A hundred million contracts of alpha = 1.5, beta = 3 (S(t) = B(1.5, 3+t)/B(1.5, 3)), half of them censored at
  // age 2.
  const SbgParameters parameters = {1.5, 3};
  std::vector<SbgAge> ages;
  double before = 1;
  for (int64_t age = 1; age <= 6; ++age) {
    const double survival = *SbgSurvival(parameters, age);
    const double weight = age <= 2 ? 1e8 : 5e7;
    ages.push_back({age, std::llround(weight * (before - survival)), 0});
    if (age == 2) ages.push_back({age, 0, std::llround(5e7 * survival)});
    before = survival;
  }
  ages.push_back({6, 0, std::llround(5e7 * before)});
  const auto fit = FitSbg(ages);
  ASSERT_TRUE(fit.ok()) << fit.status();
  ASSERT_TRUE(fit->converged) << fit->why;
  EXPECT_NEAR(fit->parameters.alpha, 1.5, 1e-5);
  EXPECT_NEAR(fit->parameters.beta, 3, 1e-5);
}

TEST(FitSbg, SaysWhenContractsDoNotDiffer) {
  // One in five is lost each year, exactly: a geometric distribution, which is sBG only at infinity.
  const auto fit = FitSbg({{1, 20000, 0}, {2, 16000, 0}, {3, 12800, 0}, {4, 10240, 40960}});
  ASSERT_TRUE(fit.ok()) << fit.status();
  EXPECT_FALSE(fit->converged);
  EXPECT_FALSE(fit->why.empty());
}

TEST(FitSbg, RefusesWhatIsTooLittle) {
  const auto refused = [](const std::vector<SbgAge>& ages, const std::string& words) {
    const auto fit = FitSbg(ages);
    ASSERT_FALSE(fit.ok()) << words;
    EXPECT_EQ(fit.status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(fit.status().message()), HasSubstr(words));
  };
  refused({}, "0 contracts with a renewal due are too few");
  refused({{0, 0, 1000}}, "0 contracts with a renewal due are too few");
  refused({{1, 5, 0}, {2, 5, 19}}, "29 contracts");
  refused({{1, 4, 0}, {2, 0, 100}}, "4 lost contracts are too few");
  refused({{1, 50, 100}}, "nothing is known beyond the first renewal");
}

TEST(FitSbg, RefusesHostileAges) {
  const auto refused = [](const std::vector<SbgAge>& ages, const std::string& words) {
    const auto fit = FitSbg(ages);
    ASSERT_FALSE(fit.ok()) << words;
    EXPECT_EQ(fit.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(fit.status().message()), HasSubstr(words));
  };
  refused({{-1, 0, 1}}, "ages[0]");
  refused({{1, 1, 0}, {kAgeMax + 1, 1, 0}}, "ages[1]");
  refused({{1, -1, 0}}, "must be 0 to 1000000000000");
  refused({{1, std::numeric_limits<int64_t>::max(), 0}}, "must be 0 to 1000000000000");
  refused({{0, 1, 0}}, "no renewal has been due");
  refused({{1, 1'000'000'000'000, 1}}, "more than 1e12 contracts");
}

TEST(SbgSurvival, FallsWhileRetentionRises) {
  const SbgParameters parameters = {0.668, 3.806};
  double survival = 1, retention = 0;
  for (int64_t age = 1; age <= 50; ++age) {
    const double next = *SbgSurvival(parameters, age), stays = *SbgRetention(parameters, age);
    EXPECT_LT(next, survival);
    EXPECT_GT(stays, retention);
    EXPECT_NEAR(next, survival * stays, 1e-15);
    survival = next;
    retention = stays;
  }
}

TEST(SbgSurvival, EqualsTheQuotientOfBetaFunctions) {
  // alpha = 1, beta = 1: p is uniform, S(t) = 1 / (1 + t), r_t = t / (1 + t).
  EXPECT_DOUBLE_EQ(*SbgSurvival({1, 1}, 0), 1);
  EXPECT_DOUBLE_EQ(*SbgSurvival({1, 1}, 9), 0.1);
  EXPECT_DOUBLE_EQ(*SbgRetention({1, 1}, 9), 0.9);
}

TEST(SbgResidualRenewals, EqualsTheSeriesOfTheLogarithm) {
  // alpha = beta = 1, no renewal yet: sum over k >= 1 of z^(k-1) / (k+1) = (-ln(1-z) / z - 1) / z, and z = 1/2 for a
  // discount of 100 %: 4 ln 2 - 2.
  EXPECT_NEAR(*SbgResidualRenewals({1, 1}, 0, 1), 0.7725887222397812, 1e-14);
  // After one renewal, sum over k >= 1 of 2 z^(k-1) / (k+2) = 2 (-ln(1-z) - z - z^2/2) / z^3 = 16 ln 2 - 10.
  EXPECT_NEAR(*SbgResidualRenewals({1, 1}, 1, 1), 1.0903548889591249, 1e-14);
}

TEST(SbgResidualRenewals, TendsToTheExpectationWithoutDiscount) {
  // beta' / (alpha - 1) with beta' = 3 + 2.
  EXPECT_DOUBLE_EQ(*SbgResidualRenewals({3.5, 3}, 2, 0), 2);
  EXPECT_NEAR(*SbgResidualRenewals({3.5, 3}, 2, 1e-5), 2, 1e-3);
}

TEST(SbgResidualRenewals, RefusesAnInfiniteExpectation) {
  const auto renewals = SbgResidualRenewals({0.668, 3.806}, 0, 0);
  EXPECT_EQ(renewals.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(SbgResidualRenewals({0.668, 3.806}, 0, 0.1).ok());
}

TEST(SbgResidualRenewals, RefusesArgumentsOutOfBounds) {
  const auto invalid = absl::StatusCode::kInvalidArgument;
  EXPECT_EQ(SbgResidualRenewals({1, 1}, -1, 0.1).status().code(), invalid);
  EXPECT_EQ(SbgResidualRenewals({1, 1}, kAgeMax + 1, 0.1).status().code(), invalid);
  EXPECT_EQ(SbgResidualRenewals({1, 1}, 0, -0.1).status().code(), invalid);
  EXPECT_EQ(SbgResidualRenewals({1, 1}, 0, 1e-6).status().code(), invalid);
  EXPECT_EQ(SbgResidualRenewals({1, 1}, 0, 101).status().code(), invalid);
  EXPECT_EQ(SbgResidualRenewals({1, 1}, 0, kNaN).status().code(), invalid);
  EXPECT_EQ(SbgResidualRenewals({kNaN, 1}, 0, 0.1).status().code(), invalid);
  EXPECT_EQ(SbgSurvival({1, 0}, 1).status().code(), invalid);
  EXPECT_EQ(SbgSurvival({1, 1}, -1).status().code(), invalid);
  EXPECT_EQ(SbgSurvival({1, 1}, kAgeMax + 1).status().code(), invalid);
  EXPECT_EQ(SbgRetention({1, 1}, 0).status().code(), invalid);
}

}  // namespace
}  // namespace keyledger::forecast
