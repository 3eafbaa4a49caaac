// What users of other products complain about where tiers are concerned, one test each. The names say what must not
// happen here. Everything is written through Decide.
#include <gtest/gtest.h>

#include "tests/unit/domain/account_ledger.h"

namespace keyledger::domain {
namespace {

using L = AccountLedger;

const Micros kDay = At("2024-01-10");

std::string Program(const std::string& tiers) {
  return Head() +
         "accrual_rules:\n- {rule_id: base, per_money: {points: 1, per_micros: 1000000}, expiry: {after_days: 20}}\n"
         "tier_ladder:\n  ladder_id: main\n  metric: net_spend\n  window: {calendar_period: month}\n"
         "  review_period: month\n  tiers:\n" +
         tiers;
}

const char kSilverAndGold[] =
    "  - {tier_id: base, entrance: 0}\n"
    "  - {tier_id: silver, entrance: 100000000, multiplier_milli: 2000}\n"
    "  - {tier_id: gold, entrance: 200000000, multiplier_milli: 3000}\n";

TEST(Complaint2LevelsComputedFromTheBalance, SpendingOrLosingPointsNeitherDemotesNorKeepsFromRising) {
  L ledger(Program(kSilverAndGold));
  ASSERT_TRUE(ledger.Submit({L::Open(kDay), L::Buy(kDay, {{100 * kUnit}})}).ok());
  EXPECT_EQ(ledger.state().tier.tier_id, "silver");
  ASSERT_TRUE(ledger.Submit({L::Redeem(kDay, 100)}).ok());
  EXPECT_EQ(ledger.state().available_points(), 0);
  EXPECT_EQ(ledger.state().tier.tier_id, "silver") << "at the redemption";
  ASSERT_TRUE(ledger.Submit({L::Buy(kDay, {{100 * kUnit}})}).ok());
  EXPECT_EQ(ledger.state().tier.tier_id, "gold") << "what was spent counts, though the points are gone";
  EXPECT_EQ(L::Kinds(ledger.AdvanceTo(At("2024-02-01"))), "points_expired");
  EXPECT_EQ(ledger.state().available_points(), 0);
  EXPECT_EQ(ledger.state().tier.tier_id, "gold") << "at the review, with no points left";
}

TEST(Complaint2LevelsComputedFromTheBalance, PointsGivenAwayBuyNoTier) {
  L ledger(Program(kSilverAndGold));
  ASSERT_TRUE(ledger.Submit({L::Open(kDay), L::Adjust(kDay, 1'000'000'000'000)}).ok());
  EXPECT_EQ(ledger.state().tier.tier_id, "base");
}

TEST(Complaint7TheInvoiceThatCrossesAThreshold, IsRatedAtTheTierHeldBeforeIt) {
  L ledger(Program(kSilverAndGold));
  ASSERT_TRUE(ledger.Submit({L::Open(kDay), L::Buy(kDay, {{99 * kUnit}})}).ok());
  auto events = ledger.Submit({L::Buy(kDay, {{50 * kUnit}})});
  ASSERT_TRUE(events.ok());
  ASSERT_EQ(L::Kinds(*events), "purchase_recorded points_accrued tier_assigned");
  EXPECT_EQ((*events)[1].event.points_accrued().tier_id(), "base");
  EXPECT_EQ((*events)[1].event.points_accrued().points(), 50) << "not 100";
  EXPECT_EQ((*events)[2].event.tier_assigned().tier_id(), "silver");
  events = ledger.Submit({L::Buy(kDay, {{50 * kUnit}})});
  EXPECT_EQ((*events)[1].event.points_accrued().points(), 100) << "the next one is";
}

TEST(Complaint7TheInvoiceThatCrossesAThreshold, MeetsItExactlyOrDoesNot) {
  L below(Program(kSilverAndGold));
  ASSERT_TRUE(below.Submit({L::Open(kDay), L::Buy(kDay, {{100 * kUnit - 1}})}).ok());
  EXPECT_EQ(below.state().tier.tier_id, "base");
  L exactly(Program(kSilverAndGold));
  ASSERT_TRUE(exactly.Submit({L::Open(kDay), L::Buy(kDay, {{100 * kUnit}})}).ok());
  EXPECT_EQ(exactly.state().tier.tier_id, "silver");
  L both(Program(kSilverAndGold));
  ASSERT_TRUE(both.Submit({L::Open(kDay), L::Buy(kDay, {{200 * kUnit}})}).ok());
  EXPECT_EQ(both.state().tier.tier_id, "gold") << "one invoice over two thresholds";
}

TEST(Complaint7TheInvoiceThatCrossesAThreshold, OfZeroIsMetByTheHighestTierThatAsksForZero) {
  const std::string program = Program(
      "  - {tier_id: base, entrance: 0}\n  - {tier_id: everyone, entrance: 0}\n"
      "  - {tier_id: buyer, entrance: 1}\n");
  L ledger(program);
  ASSERT_TRUE(ledger.Submit({L::Open(kDay)}).ok());
  EXPECT_EQ(ledger.state().tier.tier_id, "everyone");
  ASSERT_TRUE(ledger.Submit({L::Buy(kDay, {{1}}, "a")}).ok());
  EXPECT_EQ(ledger.state().tier.tier_id, "buyer");
  ASSERT_TRUE(ledger.Submit({L::Return(kDay, {{1}}, "a")}).ok());
  ledger.AdvanceTo(At("2024-02-01"));
  EXPECT_EQ(ledger.state().tier.tier_id, "everyone") << "nothing is left, and nothing is enough";
}

}  // namespace
}  // namespace keyledger::domain
