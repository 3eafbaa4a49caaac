// When a maximum is believed, and what is said when it is not.
#include <cmath>
#include <limits>
#include <span>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "projections/forecast/maximum.h"

namespace keyledger::forecast {
namespace {

using ::testing::HasSubstr;

// A likelihood of the logarithms u, v of two parameters with bounds e^-5 and e^5; `surface` sets the derivatives by u,
// v.
LikelihoodProblem Problem(double (*surface)(double u, double v, double& by_u, double& by_v)) {
  LikelihoodProblem problem;
  problem.parameters = {{"first", std::exp(-5), std::exp(5)}, {"second", std::exp(-5), std::exp(5)}};
  problem.starts = {{std::exp(2.5), std::exp(1)}, {std::exp(-2.5), std::exp(-1)}};
  problem.observations = 1;
  problem.evaluations_max = 500;
  problem.log_likelihood = [surface](std::span<const double> at, std::span<double> gradient) {
    double by_u = 0, by_v = 0;
    const double value = surface(std::log(at[0]), std::log(at[1]), by_u, by_v);
    gradient[0] = by_u / at[0];
    gradient[1] = by_v / at[1];
    return value;
  };
  return problem;
}

double Hill(double u, double v, double& by_u, double& by_v) {
  by_u = -2 * (u - 1);
  by_v = -8 * (v + 0.5);
  return 3 - (u - 1) * (u - 1) - 4 * (v + 0.5) * (v + 0.5);
}

TEST(Maximise, FindsTheTopAndItsCurvature) {
  const LikelihoodMaximum maximum = Maximise(Problem(Hill));
  EXPECT_TRUE(maximum.converged) << maximum.why;
  EXPECT_NEAR(maximum.parameters[0], std::exp(1), 1e-8);
  EXPECT_NEAR(maximum.parameters[1], std::exp(-0.5), 1e-8);
  EXPECT_NEAR(maximum.log_likelihood, 3, 1e-12);
  EXPECT_EQ(maximum.starts_agreeing, 2);
  ASSERT_EQ(maximum.log_covariance.size(), 4u);
  EXPECT_NEAR(maximum.log_covariance[0], 0.5, 1e-6);
  EXPECT_NEAR(maximum.log_covariance[1], 0, 1e-6);
  EXPECT_NEAR(maximum.log_covariance[3], 0.125, 1e-6);
}

TEST(Maximise, SaysWhenStartsEndOnDifferentTops) {
  // A top of 1 near u = 2 and one of 2 near u = -2.
  const LikelihoodMaximum maximum = Maximise(Problem([](double u, double v, double& by_u, double& by_v) {
    const double right = std::exp(-(u - 2) * (u - 2)), left = 2 * std::exp(-(u + 2) * (u + 2));
    by_u = -2 * (u - 2) * right - 2 * (u + 2) * left;
    by_v = -2 * v;
    return right + left - v * v;
  }));
  EXPECT_FALSE(maximum.converged);
  EXPECT_THAT(maximum.why, HasSubstr("only one of 2 starts ended at the best log-likelihood"));
  EXPECT_EQ(maximum.starts_agreeing, 1);
  EXPECT_NEAR(std::log(maximum.parameters[0]), -2, 1e-3);
  EXPECT_TRUE(maximum.log_covariance.empty());
}

TEST(Maximise, SaysWhenTheTopIsARidge) {
  const LikelihoodMaximum maximum = Maximise(Problem([](double u, double, double& by_u, double& by_v) {
    by_u = -2 * (u - 1);
    by_v = 0;
    return -(u - 1) * (u - 1);
  }));
  EXPECT_FALSE(maximum.converged);
  EXPECT_THAT(maximum.why, HasSubstr("flat around its maximum"));
}

TEST(Maximise, SaysWhichParametersAreAtWhichBounds) {
  const LikelihoodMaximum maximum = Maximise(Problem([](double u, double v, double& by_u, double& by_v) {
    by_u = 1;
    by_v = -1;
    return u - v;
  }));
  EXPECT_FALSE(maximum.converged);
  EXPECT_THAT(maximum.why, HasSubstr("first is at its upper bound 148.413, second is at its lower bound 0.00673795"));
}

TEST(Maximise, EndsWhenTheEvaluationsAreUsedUp) {
  // A bent valley, which takes more steps than these.
  LikelihoodProblem problem = Problem([](double u, double v, double& by_u, double& by_v) {
    const double bend = v - u * u;
    by_u = 400 * u * bend + 2 * (1 - u);
    by_v = -200 * bend;
    return -100 * bend * bend - (1 - u) * (1 - u);
  });
  problem.evaluations_max = 10;
  const LikelihoodMaximum maximum = Maximise(problem);
  EXPECT_LE(maximum.evaluations, 10);
  EXPECT_FALSE(maximum.converged);
  EXPECT_THAT(maximum.why, HasSubstr("the search ended after "));
  EXPECT_THAT(maximum.why, HasSubstr("where at most 1e-06 is accepted"));
  problem.evaluations_max = 2000;
  EXPECT_TRUE(Maximise(problem).converged) << Maximise(problem).why;
}

TEST(Maximise, SaysWhenTheLikelihoodIsNoNumber) {
  const LikelihoodMaximum maximum =
      Maximise(Problem([](double, double, double&, double&) { return std::numeric_limits<double>::quiet_NaN(); }));
  EXPECT_FALSE(maximum.converged);
  EXPECT_THAT(maximum.why, HasSubstr("not finite"));
  EXPECT_LE(maximum.evaluations, 500);
}

TEST(Maximise, EndsWhenItIsCalledOff) {
  LikelihoodProblem problem = Problem(Hill);
  int asked = 0;
  int evaluated = 0;
  problem.canceled = [&asked] { return ++asked > 3; };
  problem.log_likelihood = [&evaluated, hill = problem.log_likelihood](std::span<const double> at,
                                                                       std::span<double> gradient) {
    ++evaluated;
    return hill(at, gradient);
  };
  const LikelihoodMaximum maximum = Maximise(problem);
  EXPECT_TRUE(maximum.canceled);
  EXPECT_FALSE(maximum.converged);
  EXPECT_EQ(evaluated, 3);
  problem.canceled = [] { return false; };
  EXPECT_FALSE(Maximise(problem).canceled);
}

}  // namespace
}  // namespace keyledger::forecast
