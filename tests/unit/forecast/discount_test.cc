// Weights that discount what is expected week by week.
#include "projections/forecast/discount.h"

#include <gtest/gtest.h>

namespace keyledger::forecast {
namespace {

TEST(DiscountedHorizons, AreTheWeeksOfAShortHorizon) {
  const auto horizons = DiscountedHorizons(4, 2, 0.21);
  ASSERT_EQ(horizons.size(), 2u);
  // A week's factor is f = 1.21^(-7/365) = 0.99635...: what comes in the first week counts f, in the second f^2.
  EXPECT_EQ(horizons[0].weeks, 1);
  EXPECT_NEAR(horizons[0].weight, 0.00363574323710834, 1e-14);
  EXPECT_EQ(horizons[1].weeks, 2);
  EXPECT_NEAR(horizons[1].weight, 0.992715197895163, 1e-14);
}

TEST(DiscountedHorizons, AreAsManyAsTheLimitForALongOne) {
  EXPECT_EQ(DiscountedHorizons(4, 19, 0.1).size(), 19u);
  EXPECT_EQ(DiscountedHorizons(4, 20, 0.1).size(), 20u);
  for (const double weeks : {20.1, 52.0, 3'660 / 7.0}) {
    const auto horizons = DiscountedHorizons(4, weeks, 0.1);
    ASSERT_EQ(horizons.size(), 20u) << weeks;
    EXPECT_EQ(horizons.back().weeks, weeks);
  }
}

TEST(DiscountedHorizons, AddUpToEachWeekDiscountedByItsEnd) {
  // Of one purchase a week, for ten years at a tenth a year: 522.86 weeks in 523 steps, by the geometric series.
  double sum = 0;
  for (const auto& [weeks, weight] : DiscountedHorizons(4, 3'660 / 7.0, 0.1)) sum += weight * weeks;
  EXPECT_NEAR(sum, 336.403117454, 1e-5);
  // Without a discount only the end counts.
  double whole = 0;
  for (const auto& [weeks, weight] : DiscountedHorizons(4, 3'660 / 7.0, 0)) whole += weight * weeks;
  EXPECT_NEAR(whole, 522.857142857, 1e-8);
}

}  // namespace
}  // namespace keyledger::forecast
