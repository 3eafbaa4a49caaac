// Scoring forecasts.
#include <limits>

#include <gtest/gtest.h>

#include "projections/forecast/calibration.h"

namespace keyledger::forecast {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

TEST(ScoreOf, MeasuresErrorsAndBias) {
  const auto score = ScoreOf({{3, 1}, {2, 4}, {5, 2}, {2, 1}});
  ASSERT_TRUE(score.ok()) << score.status();
  EXPECT_EQ(score->n, 4);
  EXPECT_DOUBLE_EQ(score->expected_mean, 3);
  EXPECT_DOUBLE_EQ(score->actual_mean, 2);
  EXPECT_DOUBLE_EQ(score->bias, 1);
  EXPECT_DOUBLE_EQ(score->mae, 2);
  // (4 + 4 + 9 + 1) / 4
  EXPECT_DOUBLE_EQ(score->rmse, 2.1213203435596424);
}

TEST(ScoreOf, IsAllZeroOfNothing) {
  const auto score = ScoreOf({});
  ASSERT_TRUE(score.ok()) << score.status();
  EXPECT_EQ(score->n, 0);
  EXPECT_EQ(score->rmse, 0);
}

TEST(ScoreOf, RefusesWhatIsNoNumber) {
  const auto invalid = absl::StatusCode::kInvalidArgument;
  EXPECT_EQ(ScoreOf({{kNaN, 1}}).status().code(), invalid);
  EXPECT_EQ(ScoreOf({{1, std::numeric_limits<double>::infinity()}}).status().code(), invalid);
  EXPECT_EQ(ScoreOf({{1, 2e15}}).status().code(), invalid);
  EXPECT_EQ(ScoresByExpectation({{kNaN, 1}}, 3).status().code(), invalid);
  EXPECT_EQ(ScoresByGroup({{0, {kNaN, 1}}}, 3).status().code(), invalid);
}

TEST(ScoresByGroup, GathersTheLastGroupsInOne) {
  const auto scores = ScoresByGroup({{0, {1, 2}}, {2, {4, 4}}, {9, {6, 4}}, {3, {2, 2}}}, 2);
  ASSERT_TRUE(scores.ok()) << scores.status();
  ASSERT_EQ(scores->size(), 3u);
  EXPECT_EQ((*scores)[0].n, 1);
  EXPECT_DOUBLE_EQ((*scores)[0].bias, -1);
  EXPECT_EQ((*scores)[1].n, 0);
  EXPECT_EQ((*scores)[2].n, 3);
  EXPECT_DOUBLE_EQ((*scores)[2].expected_mean, 4);
}

TEST(ScoresByGroup, RefusesGroupsOutOfBounds) {
  const auto invalid = absl::StatusCode::kInvalidArgument;
  EXPECT_EQ(ScoresByGroup({{-1, {1, 1}}}, 3).status().code(), invalid);
  EXPECT_EQ(ScoresByGroup({}, -1).status().code(), invalid);
  EXPECT_EQ(ScoresByGroup({}, 1001).status().code(), invalid);
  EXPECT_EQ(ScoresByGroup({}, 1000)->size(), 1001u);
}

TEST(ScoresByExpectation, CutsIntoPartsOfTheSameSize) {
  const auto scores = ScoresByExpectation({{5, 5}, {1, 0}, {4, 3}, {2, 2}, {3, 3}}, 2);
  ASSERT_TRUE(scores.ok()) << scores.status();
  ASSERT_EQ(scores->size(), 2u);
  EXPECT_EQ((*scores)[0].n, 2);
  EXPECT_DOUBLE_EQ((*scores)[0].expected_mean, 1.5);
  EXPECT_DOUBLE_EQ((*scores)[0].actual_mean, 1);
  EXPECT_EQ((*scores)[1].n, 3);
  EXPECT_DOUBLE_EQ((*scores)[1].expected_mean, 4);
}

TEST(ScoresByExpectation, LeavesOutEmptyPartsAndRefusesNoParts) {
  EXPECT_EQ(ScoresByExpectation({{1, 1}}, 10)->size(), 1u);
  EXPECT_TRUE(ScoresByExpectation({}, 10)->empty());
  EXPECT_EQ(ScoresByExpectation({}, 0).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ScoresByExpectation({}, 1001).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace keyledger::forecast
