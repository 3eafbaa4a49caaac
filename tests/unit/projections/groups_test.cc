// What accounts can be grouped by.
#include "projections/portfolio/groups.h"

#include "tests/unit/projections/portfolio_logs.h"

namespace keyledger::projections::portfolio {
namespace {

using testing::kUnit;
using testing::Must;
using testing::PortfolioLog;
using testing::ShardedRows;
using testing::Utc;

using Groups = std::vector<std::pair<std::string, int64_t>>;

Groups Of(const testing::RecordLog& log, GroupDimension dimension, int64_t without, const RetentionScope& scope = {},
          size_t shards = 1) {
  const GroupsAnswer answer = Must(ListGroups(ShardedRows(log, shards).shards(), scope, dimension));
  EXPECT_EQ(answer.without, without);
  Groups groups;
  for (const GroupRow& row : answer.groups) groups.emplace_back(row.value, row.accounts);
  return groups;
}

void AssignTier(PortfolioLog& log, const std::string& account, const std::string& tier, const std::string& ladder) {
  log.AssignTier(account, Utc(2026, 1, 2), tier, "", events::v1::TIER_ASSIGNMENT_REASON_INITIAL, ladder);
}

PortfolioLog FourAccounts() {
  PortfolioLog log;
  for (const char* id : {"a", "b", "c", "d"}) log.Open(id, Utc(2026, 1, 1));
  log.SetFacts("a", Utc(2026, 1, 2), "CN/31/Shanghai", "hotel", "li");
  log.SetFacts("b", Utc(2026, 1, 2), "CN/31", "hotel", "wang");
  log.SetFacts("c", Utc(2026, 1, 2), "US", "mine", "li");
  log.Join("a", Utc(2026, 1, 2), "golf");
  log.Join("a", Utc(2026, 1, 2), "wine");
  log.Join("b", Utc(2026, 1, 2), "golf");
  log.Leave("b", Utc(2026, 3, 1), "golf");
  AssignTier(log, "a", "gold", "main");
  AssignTier(log, "a", "gold", "other");
  AssignTier(log, "b", "silver", "main");
  AssignTier(log, "b", "gold", "other");
  // Of whatever currency.
  log.Purchase("a", Utc(2026, 1, 3), kUnit, "USD");
  log.Purchase("a", Utc(2026, 1, 3), kUnit, "EUR");
  return log;
}

TEST(ListGroups, CountsEveryLevelOfARegion) {
  for (const size_t shards : {1, 4}) {
    EXPECT_EQ(Of(FourAccounts(), GroupDimension::kRegion, 1, {}, shards),
              (Groups{{"CN", 2}, {"CN/31", 2}, {"CN/31/Shanghai", 1}, {"US", 1}}));
  }
}

TEST(ListGroups, CountsSegmentsOwnersTiersAndClubs) {
  EXPECT_EQ(Of(FourAccounts(), GroupDimension::kSegment, 1), (Groups{{"hotel", 2}, {"mine", 1}}));
  EXPECT_EQ(Of(FourAccounts(), GroupDimension::kOwner, 1), (Groups{{"li", 2}, {"wang", 1}}));
  // A tier held on two ladders counts once.
  EXPECT_EQ(Of(FourAccounts(), GroupDimension::kTier, 2), (Groups{{"gold", 2}, {"silver", 1}}));
  EXPECT_EQ(Of(FourAccounts(), GroupDimension::kClub, 3), (Groups{{"golf", 1}, {"wine", 1}}));
}

TEST(ListGroups, CountsAccountsAsTheyStoodThen) {
  PortfolioLog log = FourAccounts();
  log.SetFacts("a", Utc(2026, 3, 1), "", {}, "wang");
  EXPECT_EQ(Of(log, GroupDimension::kRegion, 2), (Groups{{"CN", 1}, {"CN/31", 1}, {"US", 1}}));
  EXPECT_EQ(Of(log, GroupDimension::kOwner, 1), (Groups{{"li", 1}, {"wang", 2}}));
  const RetentionScope before{.as_of = Utc(2026, 3, 1)};
  EXPECT_EQ(Of(log, GroupDimension::kOwner, 1, before), (Groups{{"li", 2}, {"wang", 1}}));
  EXPECT_EQ(Of(log, GroupDimension::kClub, 2, before), (Groups{{"golf", 2}, {"wine", 1}}));
  log.Open("e", Utc(2026, 1, 1));
  log.Add("e", Utc(2026, 1, 2), Utc(2026, 6, 1)).mutable_event()->mutable_account_facts_updated()->set_owner("zhao");
  EXPECT_EQ(Of(log, GroupDimension::kOwner, 2, {.as_of = Utc(2026, 3, 1), .known_at = Utc(2026, 6, 1)}),
            (Groups{{"li", 2}, {"wang", 1}}));
}

TEST(ListGroups, KeepsToTheAccountsAskedFor) {
  EXPECT_EQ(Of(FourAccounts(), GroupDimension::kOwner, 0, {.filter = {.region = "CN"}}),
            (Groups{{"li", 1}, {"wang", 1}}));
}

TEST(ListGroups, KeepsTheFirstTenThousandByValue) {
  PortfolioLog log;
  for (int i = 0; i < 10'002; ++i) {
    log.SetFacts("a" + std::to_string(i), Utc(2026, 1, 1), {}, {}, "o" + std::to_string(30'001 - i));
  }
  log.SetFacts("b", Utc(2026, 1, 1), {}, {}, "o20000");
  const Groups groups = Of(log, GroupDimension::kOwner, 0);
  ASSERT_EQ(groups.size(), kGroupsMax);
  EXPECT_EQ(groups.front(), (std::pair<std::string, int64_t>("o20000", 2)));
  EXPECT_EQ(groups.back(), (std::pair<std::string, int64_t>("o29999", 1)));
}

TEST(ListGroups, SaysWhetherThereAreMore) {
  const auto truncated = [](int owners) {
    PortfolioLog log;
    for (int i = 0; i < owners; ++i) {
      log.SetFacts("a" + std::to_string(i), Utc(2026, 1, 1), {}, {}, "o" + std::to_string(i));
    }
    log.SetFacts("b", Utc(2026, 1, 1), {}, {}, "o0");
    return Must(ListGroups(ShardedRows(log).shards(), {}, GroupDimension::kOwner)).truncated;
  };
  EXPECT_FALSE(truncated(10'000));
  EXPECT_TRUE(truncated(10'001));
}

TEST(ListGroups, IsEmptyWithoutAccounts) { EXPECT_TRUE(Of(PortfolioLog(), GroupDimension::kRegion, 0).empty()); }

}  // namespace
}  // namespace keyledger::projections::portfolio
