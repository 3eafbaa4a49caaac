// Relative cuts of a population.
#include "server/domain/population_cut.h"

#include <limits>

#include <gtest/gtest.h>

namespace keyledger::domain {
namespace {

std::vector<AccountValue> Accounts(const std::vector<int64_t>& values) {
  std::vector<AccountValue> accounts;
  for (size_t i = 0; i < values.size(); ++i)
    accounts.push_back({std::string(1, static_cast<char>('a' + i)), values[i]});
  return accounts;
}

// The ids taken, in order of rank.
std::string Taken(const std::vector<int64_t>& values, CutKind kind, int64_t amount) {
  auto accounts = Accounts(values);
  const PopulationCut cut = CutPopulation(accounts, kind, amount);
  std::string taken;
  for (int64_t i = 0; i < cut.taken; ++i) taken += accounts[static_cast<size_t>(i)].account_id;
  for (size_t i = 0; i < accounts.size(); ++i) {
    EXPECT_EQ(cut.Takes(accounts[i]), static_cast<int64_t>(i) < cut.taken);
  }
  return taken;
}

TEST(PopulationCut, TakesTheFirstOfTheRanking) {
  EXPECT_EQ(Taken({3, 9, 5}, CutKind::kTopCount, 1), "b");
  EXPECT_EQ(Taken({3, 9, 5}, CutKind::kTopCount, 2), "bc");
  EXPECT_EQ(Taken({3, 9, 5}, CutKind::kTopCount, 4), "bca") << "no more than there are";
  EXPECT_EQ(Taken({}, CutKind::kTopCount, 5), "");
}

TEST(PopulationCut, OrdersTiesByAccount) {
  EXPECT_EQ(Taken({5, 5, 5, 5}, CutKind::kTopCount, 2), "ab");
  EXPECT_EQ(Taken({5, 7, 5, 7}, CutKind::kTopCount, 3), "bda");
}

TEST(PopulationCut, RoundsAShareOfTheRanksUp) {
  const std::vector<int64_t> twenty = {20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1};
  EXPECT_EQ(Taken(twenty, CutKind::kTopPercentMilli, 5'000), "a") << "exactly one";
  EXPECT_EQ(Taken(twenty, CutKind::kTopPercentMilli, 5'001), "ab");
  EXPECT_EQ(Taken(twenty, CutKind::kTopPercentMilli, 1), "a");
  EXPECT_EQ(Taken({1, 2, 3}, CutKind::kTopPercentMilli, 100'000), "cba");
  EXPECT_EQ(Taken({}, CutKind::kTopPercentMilli, 5'000), "");
}

TEST(PopulationCut, CoversAShareOfTheWholeWithAsFewAsItCan) {
  EXPECT_EQ(Taken({50, 30, 20}, CutKind::kCoveringPercentMilli, 80'000), "ab") << "80 of 100 exactly";
  EXPECT_EQ(Taken({50, 30, 20}, CutKind::kCoveringPercentMilli, 80'001), "abc");
  EXPECT_EQ(Taken({50, 30, 20}, CutKind::kCoveringPercentMilli, 50'000), "a");
  EXPECT_EQ(Taken({1, 1, 1}, CutKind::kCoveringPercentMilli, 33'333), "a");
  EXPECT_EQ(Taken({1, 1, 1}, CutKind::kCoveringPercentMilli, 33'334), "ab");
}

TEST(PopulationCut, CountsNothingForAccountsThatLoseMoney) {
  EXPECT_EQ(Taken({-50, 30, 0, 10}, CutKind::kCoveringPercentMilli, 100'000), "bd");
  EXPECT_EQ(Taken({-1, 0}, CutKind::kCoveringPercentMilli, 80'000), "");
  EXPECT_EQ(Taken({-1, 0}, CutKind::kTopCount, 1), "b") << "a rank is not a share";
}

TEST(PopulationCut, NamesTheCutAndWhatItCovers) {
  auto accounts = Accounts({50, 30, 20, -5});
  const PopulationCut cut = CutPopulation(accounts, CutKind::kTopPercentMilli, 50'000);
  EXPECT_EQ(cut.population, 4);
  EXPECT_EQ(cut.taken, 2);
  EXPECT_EQ(cut.last.account_id, "b");
  EXPECT_EQ(cut.last.value, 30);
  EXPECT_EQ(static_cast<int64_t>(cut.total), 100);
  EXPECT_EQ(static_cast<int64_t>(cut.covered), 80);
}

TEST(PopulationCut, IsExactForTheLargestValues) {
  const int64_t max = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(Taken({max, max, max}, CutKind::kCoveringPercentMilli, 66'666), "ab");
  EXPECT_EQ(Taken({max, max, max}, CutKind::kCoveringPercentMilli, 66'667), "abc");
}

// The wholesaler's year of ../shared/data/truth: the first ceil(5 %) and ceil(25 %) of 4,338 accounts.
TEST(PopulationCut, HasTheClassSizesOfTheWholesaler) {
  std::vector<AccountValue> accounts;
  for (int i = 0; i < 4'338; ++i) accounts.push_back({std::to_string(i), i});
  EXPECT_EQ(CutPopulation(accounts, CutKind::kTopPercentMilli, 5'000).taken, 217);
  EXPECT_EQ(CutPopulation(accounts, CutKind::kTopPercentMilli, 25'000).taken, 217 + 868);
}

}  // namespace
}  // namespace keyledger::domain
