// The order of a population, and how far relative cuts reach.
#include "server/domain/ranking.h"

#include <limits>

#include <gtest/gtest.h>

namespace keyledger::domain {
namespace {

void Add(Ranking& ranking, Micros open_time, std::optional<int64_t> value) {
  const std::optional<int64_t> values[] = {value};
  ranking.Add(open_time, values);
}

// Accounts opened at the same moment, ranked.
Ranking Of(const std::vector<int64_t>& values) {
  Ranking ranking(1);
  for (const int64_t value : values) Add(ranking, 0, value);
  ranking.Rank();
  return ranking;
}

std::vector<uint32_t> Order(const Ranking& ranking) {
  std::vector<uint32_t> order;
  for (uint64_t rank = 1; rank <= ranking.ranked(0); ++rank) order.push_back(ranking.AccountAt(0, rank));
  return order;
}

TEST(Ranking, PutsTheLargerValueFirstThenTheOlderAccountThenTheSmallerId) {
  Ranking ranking(1);
  // Numbers follow the ids.
  Add(ranking, 300, 50);
  Add(ranking, 200, 50);
  Add(ranking, 200, 50);
  Add(ranking, 100, 40);
  Add(ranking, 900, 60);
  ranking.Rank();
  EXPECT_EQ(Order(ranking), (std::vector<uint32_t>{4, 1, 2, 0, 3}));
  EXPECT_EQ(ranking.RankOf(0, 4), 1u);
  EXPECT_EQ(ranking.RankOf(0, 2), 3u);
  EXPECT_EQ(ranking.RankOf(0, 3), 5u);
}

TEST(Ranking, LeavesOutWhatIsNotKnownOrNotAboveZeroButCountsItInThePopulation) {
  Ranking ranking(1);
  Add(ranking, 0, std::nullopt);
  Add(ranking, 0, 0);
  Add(ranking, 0, -5);
  Add(ranking, 0, 1);
  ranking.Rank();
  EXPECT_EQ(ranking.population(), 4u);
  EXPECT_EQ(ranking.ranked(0), 1u);
  EXPECT_EQ(Order(ranking), std::vector<uint32_t>{3});
  EXPECT_EQ(ranking.RankOf(0, 2), 0u);
  EXPECT_EQ(ranking.CountMembers(0, {CutKind::kTopCount, 3}), 1u);
  EXPECT_EQ(ranking.CountMembers(0, {CutKind::kTopPercentMilli, 50'000}), 1u);
}

TEST(Ranking, KeepsEveryMeasureInItsOwnOrder) {
  Ranking ranking(2);
  const std::optional<int64_t> first[] = {10, 1};
  const std::optional<int64_t> second[] = {5, 7};
  ranking.Add(0, first);
  ranking.Add(0, second);
  ranking.Rank();
  EXPECT_EQ(ranking.AccountAt(0, 1), 0u);
  EXPECT_EQ(ranking.AccountAt(1, 1), 1u);
  EXPECT_EQ(ranking.ValueOf(1, 1), 7);
}

TEST(Ranking, TakesTheFirstSoMany) {
  const Ranking ranking = Of({5, 4, 3});
  EXPECT_EQ(ranking.CountMembers(0, {CutKind::kTopCount, 1}), 1u);
  EXPECT_EQ(ranking.CountMembers(0, {CutKind::kTopCount, 3}), 3u);
  EXPECT_EQ(ranking.CountMembers(0, {CutKind::kTopCount, 4}), 3u);
}

TEST(Ranking, RoundsAShareOfThePopulationUp) {
  const Ranking twenty = Of(std::vector<int64_t>(20, 1));
  EXPECT_EQ(twenty.CountMembers(0, {CutKind::kTopPercentMilli, 5'000}), 1u) << "5 % of 20";
  EXPECT_EQ(twenty.CountMembers(0, {CutKind::kTopPercentMilli, 5'001}), 2u) << "a little more than 5 % of 20";
  EXPECT_EQ(twenty.CountMembers(0, {CutKind::kTopPercentMilli, 1}), 1u);
  EXPECT_EQ(twenty.CountMembers(0, {CutKind::kTopPercentMilli, 100'000}), 20u);
  EXPECT_EQ(Of(std::vector<int64_t>(21, 1)).CountMembers(0, {CutKind::kTopPercentMilli, 5'000}), 2u) << "5 % of 21";
}

TEST(Ranking, TakesTheFewestThatHoldAShareOfTheSum) {
  const Ranking ranking = Of({50, 30, 15, 5});
  EXPECT_EQ(ranking.CountMembers(0, {CutKind::kCoveringPercentMilli, 1}), 1u);
  EXPECT_EQ(ranking.CountMembers(0, {CutKind::kCoveringPercentMilli, 50'000}), 1u);
  EXPECT_EQ(ranking.CountMembers(0, {CutKind::kCoveringPercentMilli, 50'001}), 2u);
  EXPECT_EQ(ranking.CountMembers(0, {CutKind::kCoveringPercentMilli, 80'000}), 2u);
  EXPECT_EQ(ranking.CountMembers(0, {CutKind::kCoveringPercentMilli, 80'001}), 3u);
  EXPECT_EQ(ranking.CountMembers(0, {CutKind::kCoveringPercentMilli, 100'000}), 4u);
}

TEST(Ranking, SumsTheLargestValuesWithoutOverflow) {
  const int64_t huge = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(Of({huge, huge, huge, huge}).CountMembers(0, {CutKind::kCoveringPercentMilli, 75'000}), 3u);
}

TEST(Ranking, OfNobodyHasNoMembers) {
  const Ranking ranking = Of({});
  EXPECT_EQ(ranking.CountMembers(0, {CutKind::kTopCount, 5}), 0u);
  EXPECT_EQ(ranking.CountMembers(0, {CutKind::kTopPercentMilli, 5'000}), 0u);
  EXPECT_EQ(ranking.CountMembers(0, {CutKind::kCoveringPercentMilli, 80'000}), 0u);
}

TEST(Ranking, TakesTwentyBytesAnAccountForOneMeasure) {
  Ranking ranking(1);
  for (int i = 0; i < 100'000; ++i) Add(ranking, i, i + 1);
  ranking.Rank();
  EXPECT_EQ(ranking.bytes(), 2'000'000u);
}

}  // namespace
}  // namespace keyledger::domain
