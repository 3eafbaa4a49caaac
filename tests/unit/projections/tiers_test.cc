// Tiers: standing, history and distribution.
#include <gtest/gtest.h>

#include "projections/tiers/tiers_projection.h"
#include "projections/tiers/tiers_queries.h"
#include "server/base/error.h"
#include "tests/support/record_log.h"

namespace keyledger::projections {
namespace {

using events::v1::TIER_ASSIGNMENT_REASON_INITIAL;
using events::v1::TIER_ASSIGNMENT_REASON_REVIEW_DOWNGRADE;
using events::v1::TIER_ASSIGNMENT_REASON_UPGRADE;
using testing::RecordLog;
using testing::Utc;

// Bronze on 5 January, gold on 1 March, silver on 1 July.
RecordLog OneAccount() {
  RecordLog log;
  log.Open("a", Utc(2026, 1, 5));
  log.AssignTier("a", Utc(2026, 1, 5), "bronze", "", TIER_ASSIGNMENT_REASON_INITIAL);
  log.Purchase("a", Utc(2026, 3, 1), 1'200'000'000);
  log.AssignTier("a", Utc(2026, 3, 1), "gold", "bronze", TIER_ASSIGNMENT_REASON_UPGRADE);
  log.AssignTier("a", Utc(2026, 7, 1), "silver", "gold", TIER_ASSIGNMENT_REASON_REVIEW_DOWNGRADE);
  return log;
}

std::string TierAt(const store::TableReader& rows, Micros as_of) {
  const auto standing = GetTierStanding(rows, "a", as_of);
  EXPECT_TRUE(standing.ok());
  return standing->has_value() ? (*standing)->tier_id : "none";
}

TEST(GetTierStanding, TellsTheTierJustBeforeAMoment) {
  const auto rows = testing::FoldRows(TiersProjection(), OneAccount());
  EXPECT_EQ(TierAt(*rows, Utc(2026, 1, 5)), "none");
  EXPECT_EQ(TierAt(*rows, Utc(2026, 1, 5) + 1), "bronze");
  EXPECT_EQ(TierAt(*rows, Utc(2026, 3, 1)), "bronze");
  EXPECT_EQ(TierAt(*rows, Utc(2026, 3, 1) + 1), "gold");
  EXPECT_EQ(TierAt(*rows, Utc(2026, 7, 1)), "gold");
  EXPECT_EQ(TierAt(*rows, Utc(2030, 1, 1)), "silver");
}

TEST(GetTierStanding, CarriesTheEvidence) {
  const auto rows = testing::FoldRows(TiersProjection(), OneAccount());
  const auto standing = GetTierStanding(*rows, "a", Utc(2026, 4, 1));
  ASSERT_TRUE(standing.ok() && standing->has_value());
  const TierHolding& gold = **standing;
  EXPECT_EQ(gold.ladder_id, "main");
  EXPECT_EQ(gold.previous_tier_id, "bronze");
  EXPECT_EQ(gold.reason, TIER_ASSIGNMENT_REASON_UPGRADE);
  EXPECT_EQ(gold.since, Utc(2026, 3, 1));
  EXPECT_FALSE(gold.until.has_value());
  ASSERT_EQ(gold.met.size(), 1u);
  EXPECT_EQ(gold.met[0].metric(), events::v1::METRIC_NET_SPEND);
  EXPECT_EQ(gold.met[0].window_start().seconds(), Utc(2025, 3, 1) / 1'000'000);
  EXPECT_EQ(gold.met[0].window_end().seconds(), Utc(2026, 3, 1) / 1'000'000);
  EXPECT_EQ(gold.met[0].value(), 1'200'000'000);
  EXPECT_EQ(gold.met[0].threshold(), 1'000'000'000);
  EXPECT_TRUE(gold.missed.empty());
  EXPECT_EQ(gold.program_id, "loyalty");
  EXPECT_EQ(gold.program_version, 3u);
  EXPECT_EQ(gold.revision, 3u);
}

TEST(GetTierStanding, LetsTheLatestDecisionWinWhenItIsAboutALateEvent) {
  RecordLog log = OneAccount();
  // Recorded after the downgrade of July, about a purchase of February.
  log.AssignTier("a", Utc(2026, 2, 1), "platinum", "silver", TIER_ASSIGNMENT_REASON_UPGRADE);
  const auto rows = testing::FoldRows(TiersProjection(), log);
  EXPECT_EQ(TierAt(*rows, Utc(2026, 2, 2)), "bronze");
  EXPECT_EQ(TierAt(*rows, Utc(2026, 6, 1)), "gold");
  EXPECT_EQ(TierAt(*rows, Utc(2026, 7, 2)), "platinum");
}

TEST(GetTierStanding, DoesNotFindAnUnknownAccount) {
  const auto rows = testing::FoldRows(TiersProjection(), OneAccount());
  EXPECT_EQ(ReasonOf(GetTierStanding(*rows, "b", 0).status()), Reason::kAccountNotFound);
  EXPECT_EQ(ReasonOf(ListTierHistory(*rows, "b", 10, "").status()), Reason::kAccountNotFound);
}

TEST(ListTierHistory, ListsLatestFirstInPages) {
  const auto rows = testing::FoldRows(TiersProjection(), OneAccount());
  const auto first = ListTierHistory(*rows, "a", 2, "");
  ASSERT_TRUE(first.ok());
  ASSERT_EQ(first->holdings.size(), 2u);
  EXPECT_EQ(first->holdings[0].tier_id, "silver");
  EXPECT_FALSE(first->holdings[0].until.has_value());
  EXPECT_EQ(first->holdings[1].tier_id, "gold");
  EXPECT_EQ(first->holdings[1].until, Utc(2026, 7, 1));
  const auto second = ListTierHistory(*rows, "a", 2, first->continuation);
  ASSERT_TRUE(second.ok());
  ASSERT_EQ(second->holdings.size(), 1u);
  EXPECT_EQ(second->holdings[0].tier_id, "bronze");
  EXPECT_EQ(second->holdings[0].until, Utc(2026, 3, 1));
  EXPECT_EQ(second->continuation, "");
}

TEST(ListTierHistory, RefusesAContinuationThatIsNotOne) {
  const auto rows = testing::FoldRows(TiersProjection(), OneAccount());
  EXPECT_EQ(ReasonOf(ListTierHistory(*rows, "a", 2, "x").status()), Reason::kInvalidToken);
}

TEST(GetTierDistribution, CountsAccountsOpenedBeforeAMomentByTheTierTheyHeld) {
  RecordLog log = OneAccount();
  for (const char* id : {"b", "c", "d"}) log.Open(id, Utc(2026, 2, 1));
  log.AssignTier("b", Utc(2026, 2, 1), "gold", "", TIER_ASSIGNMENT_REASON_INITIAL);
  log.AssignTier("c", Utc(2026, 2, 1), "bronze", "", TIER_ASSIGNMENT_REASON_INITIAL);
  RecordLog other;
  other.Open("e", Utc(2026, 2, 1));
  other.AssignTier("e", Utc(2026, 2, 1), "gold", "", TIER_ASSIGNMENT_REASON_INITIAL);
  const auto first = testing::FoldRows(TiersProjection(), log);
  const auto second = testing::FoldRows(TiersProjection(), other);

  const auto march = GetTierDistribution({first.get(), second.get()}, Utc(2026, 3, 2));
  ASSERT_TRUE(march.ok());
  EXPECT_EQ(march->accounts, 5);
  EXPECT_EQ(march->tiers, (std::vector<TierCount>{{"", "", 1}, {"main", "gold", 3}, {"main", "bronze", 1}}));

  const auto january = GetTierDistribution({first.get(), second.get()}, Utc(2026, 1, 31));
  EXPECT_EQ(january->accounts, 1);
  EXPECT_EQ(january->tiers, (std::vector<TierCount>{{"main", "bronze", 1}}));

  const auto before = GetTierDistribution({first.get(), second.get()}, Utc(2026, 1, 5));
  EXPECT_EQ(before->accounts, 0);
  EXPECT_TRUE(before->tiers.empty());
}

TEST(GetTierDistribution, ReportsADamagedRow) {
  const auto table = testing::FoldAll(TiersProjection(), OneAccount().records());
  table->mutable_rows().rbegin()->second = "x";
  EXPECT_EQ(ReasonOf(GetTierDistribution({table->NewReader().get()}, Utc(2030, 1, 1)).status()), Reason::kStoreDamaged);
}

}  // namespace
}  // namespace keyledger::projections
