// Arithmetic that says when it would overflow.
#include "server/base/checked.h"

#include <gtest/gtest.h>

namespace keyledger {
namespace {

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
constexpr int64_t kMin = std::numeric_limits<int64_t>::min();

TEST(CheckedArithmetic, GivesNothingInsteadOfWrapping) {
  EXPECT_EQ(CheckedAdd(kMax - 1, 1), kMax);
  EXPECT_EQ(CheckedAdd(kMax, 1), std::nullopt);
  EXPECT_EQ(CheckedAdd(kMin, -1), std::nullopt);
  EXPECT_EQ(CheckedSub(kMin + 1, 1), kMin);
  EXPECT_EQ(CheckedSub(kMin, 1), std::nullopt);
  EXPECT_EQ(CheckedSub(0, kMin), std::nullopt);
  EXPECT_EQ(CheckedMul(kMax / 2, 2), kMax - 1);
  EXPECT_EQ(CheckedMul(kMax / 2 + 1, 2), std::nullopt);
  EXPECT_EQ(CheckedMul(kMin, -1), std::nullopt);
}

TEST(MulDiv, RoundsOnceAtTheEnd) {
  EXPECT_EQ(MulDiv(7, 1, 1, 2, RoundingMode::kDown), 3);
  EXPECT_EQ(MulDiv(7, 1, 1, 2, RoundingMode::kUp), 4);
  EXPECT_EQ(MulDiv(6, 1, 1, 2, RoundingMode::kUp), 3);
  EXPECT_EQ(MulDiv(5, 1, 1, 2, RoundingMode::kHalfEven), 2);
  EXPECT_EQ(MulDiv(7, 1, 1, 2, RoundingMode::kHalfEven), 4);
  EXPECT_EQ(MulDiv(8, 1, 1, 3, RoundingMode::kHalfEven), 3);
  EXPECT_EQ(MulDiv(7, 1, 1, 3, RoundingMode::kHalfEven), 2);
  EXPECT_EQ(MulDiv(0, 5, 5, 7, RoundingMode::kUp), 0);
}

TEST(MulDiv, IsExactBeyond64Bits) {
  EXPECT_EQ(MulDiv(kMax, 1'000'000, 1'000, Int128{1'000'000'000}, RoundingMode::kDown), kMax);
  EXPECT_EQ(MulDiv(kMax, 2, 1, 1, RoundingMode::kDown), std::nullopt);
  EXPECT_EQ(MulDiv(kMax, 1, 1, 1, RoundingMode::kUp), kMax);
  EXPECT_EQ(MulDiv(kMax, kMax, kMax, kMax, RoundingMode::kDown), std::nullopt);
}

}  // namespace
}  // namespace keyledger
