// Customer lifetime value.
#include <limits>

#include <gtest/gtest.h>

#include "projections/forecast/lifetime_value.h"

namespace keyledger::forecast {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

const BgNbdParameters kPurchases = {0.243, 4.414, 0.793, 2.426};
const GammaGammaParameters kAmounts = {6, 4, 15};
const Summary kSummary = {.x = 2, .t_x = 30.43, .T = 38.86};

LifetimeValue Value(const ValueTerms& terms) {
  const auto value = ValueOf(kPurchases, kAmounts, kSummary, {2, 50}, terms);
  EXPECT_TRUE(value.ok()) << value.status();
  return value.value_or(LifetimeValue());
}

TEST(ValueOf, IsPurchasesTimesAmountTimesMarginWithoutDiscount) {
  const LifetimeValue value = Value({.margin = 0.25, .periods = 3, .weeks_per_period = 13});
  EXPECT_NEAR(value.p_alive, 0.72657857008067291, 1e-14);
  // 6 (15 + 100) / (12 + 3)
  EXPECT_DOUBLE_EQ(value.amount, 46);
  EXPECT_NEAR(value.purchases, 1.2260281747671445, 1e-13);
  EXPECT_NEAR(value.value, 0.25 * 46 * 1.2260281747671445, 1e-12);
  EXPECT_EQ(value.periods.size(), 3u);
}

TEST(ValueOf, DiscountsThePurchasesOfAPeriodToItsEnd) {
  const LifetimeValue plain = Value({.periods = 3, .weeks_per_period = 13});
  const LifetimeValue value = Value({.periods = 3, .weeks_per_period = 13, .discount = 0.25});
  EXPECT_NEAR(value.periods[0].value, plain.periods[0].value * 0.8, 1e-12);
  EXPECT_NEAR(value.periods[1].value, plain.periods[1].value * 0.64, 1e-12);
  EXPECT_NEAR(value.periods[2].value, plain.periods[2].value * 0.512, 1e-12);
  EXPECT_NEAR(value.value, value.periods[0].value + value.periods[1].value + value.periods[2].value, 1e-12);
  EXPECT_NEAR(value.purchases, plain.purchases, 1e-15);
}

TEST(ValueOf, FallsFromPeriodToPeriod) {
  const LifetimeValue value = Value({.periods = 24});
  for (size_t i = 1; i < value.periods.size(); ++i) {
    EXPECT_LT(value.periods[i].purchases, value.periods[i - 1].purchases);
    EXPECT_GT(value.periods[i].purchases, 0);
  }
}

TEST(ValueOf, UsesThePopulationsMeanForACustomerWithoutARepeat) {
  const auto value = ValueOf(kPurchases, kAmounts, {.T = 10}, {}, {});
  ASSERT_TRUE(value.ok()) << value.status();
  EXPECT_DOUBLE_EQ(value->amount, 30);
  EXPECT_EQ(value->p_alive, 1);
}

TEST(ValueOf, RefusesTermsOutOfBounds) {
  for (const ValueTerms& terms :
       {ValueTerms{.margin = kNaN}, ValueTerms{.margin = 10.5}, ValueTerms{.periods = 0},
        ValueTerms{.periods = kValuePeriodsMax + 1}, ValueTerms{.weeks_per_period = 0},
        ValueTerms{.weeks_per_period = kNaN}, ValueTerms{.periods = 1000, .weeks_per_period = 101},
        ValueTerms{.discount = -0.1}, ValueTerms{.discount = kNaN}, ValueTerms{.discount = 101}}) {
    EXPECT_EQ(ValueOf(kPurchases, kAmounts, kSummary, {2, 50}, terms).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(ValueOf(kPurchases, kAmounts, {.x = 1, .T = 5}, {}, {}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ValueOf(kPurchases, {6, 0.5, 15}, kSummary, {}, {}).status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace keyledger::forecast
