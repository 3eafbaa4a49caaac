// Tiers: rising at once, falling at reviews.
#include "tests/unit/domain/account_ledger.h"

namespace keyledger::domain {
namespace {

using L = AccountLedger;

std::string Ladder(const std::string& window, const std::string& review) {
  return "accrual_rules:\n- {rule_id: base, per_money: {points: 1, per_micros: 1000000}}\n"
         "tier_ladder:\n  ladder_id: standing\n  metric: net_spend\n  window: {" +
         window + "}\n  review_period: " + review +
         "\n  tiers:\n"
         "  - {tier_id: bronze, entrance: 0}\n"
         "  - {tier_id: silver, entrance: 100000000, maintenance: 80000000, multiplier_milli: 1500}\n"
         "  - {tier_id: gold, entrance: 500000000, multiplier_milli: 2000}\n";
}

const Micros kDay1 = At("2024-01-10");

TEST(Tiers, BeginWithTheLowestWhenTheAccountOpens) {
  L ledger(Head() + Ladder("rolling_days: 365", "year"));
  const auto events = ledger.Submit({L::Open(kDay1)});
  ASSERT_TRUE(events.ok());
  EXPECT_EQ(L::Kinds(*events), "account_opened tier_assigned");
  const auto& tier = (*events)[1].event.tier_assigned();
  EXPECT_EQ(tier.ladder_id(), "standing");
  EXPECT_EQ(tier.tier_id(), "bronze");
  EXPECT_EQ(tier.previous_tier_id(), "");
  EXPECT_EQ(tier.reason(), events::v1::TIER_ASSIGNMENT_REASON_INITIAL);
  EXPECT_TRUE(tier.met().empty()) << "the lowest tier asks for nothing";
  EXPECT_TRUE(tier.missed().empty());
}

TEST(Tiers, RiseWithThePurchaseThatReachesTheThresholdExactly) {
  L ledger(Head() + Ladder("rolling_days: 365", "year"));
  ASSERT_TRUE(ledger.Submit({L::Open(kDay1), L::Buy(kDay1, {{100 * kUnit - 1}})}).ok());
  EXPECT_EQ(ledger.state().tier.tier_id, "bronze");
  const auto events = ledger.Submit({L::Buy(kDay1 + 5, {{1}})});
  ASSERT_TRUE(events.ok());
  EXPECT_EQ(L::Kinds(*events), "purchase_recorded tier_assigned");
  const auto& tier = (*events)[1].event.tier_assigned();
  EXPECT_EQ(tier.tier_id(), "silver");
  EXPECT_EQ(tier.previous_tier_id(), "bronze");
  EXPECT_EQ(tier.reason(), events::v1::TIER_ASSIGNMENT_REASON_UPGRADE);
  ASSERT_EQ(tier.met_size(), 1);
  EXPECT_EQ(tier.met(0).metric(), events::v1::METRIC_NET_SPEND);
  EXPECT_EQ(tier.met(0).value(), 100 * kUnit);
  EXPECT_EQ(tier.met(0).comparison(), events::v1::COMPARISON_AT_LEAST);
  EXPECT_EQ(tier.met(0).threshold(), 100 * kUnit);
  EXPECT_TRUE(tier.met(0).holds());
  EXPECT_EQ(MicrosOf(tier.met(0).window_start()), At("2023-01-11"));
  EXPECT_EQ(MicrosOf(tier.met(0).window_end()), kDay1 + 6);
  EXPECT_EQ(ledger.state().tier.since, kDay1 + 5);
}

TEST(Tiers, RateAPurchaseByTheTierHeldBeforeIt) {
  L ledger(Head() + Ladder("rolling_days: 365", "year"));
  auto events = ledger.Submit({L::Open(kDay1), L::Buy(kDay1, {{500 * kUnit}})});
  ASSERT_TRUE(events.ok());
  EXPECT_EQ((*events)[3].event.points_accrued().points(), 500)
      << "the purchase that crosses the threshold is not rated at the new tier";
  EXPECT_EQ((*events)[3].event.points_accrued().tier_id(), "bronze");
  EXPECT_EQ(ledger.state().tier.tier_id, "gold") << "two steps at once";
  events = ledger.Submit({L::Buy(kDay1, {{10 * kUnit}})});
  EXPECT_EQ((*events)[1].event.points_accrued().points(), 20);
  EXPECT_EQ((*events)[1].event.points_accrued().multiplier_milli(), 2000);
  EXPECT_EQ((*events)[1].event.points_accrued().tier_id(), "gold");
}

TEST(Tiers, AreNotLostBySpendingPoints) {
  L ledger(Head() + Ladder("rolling_days: 365", "month"));
  ASSERT_TRUE(ledger.Submit({L::Open(kDay1), L::Buy(kDay1, {{500 * kUnit}}), L::Redeem(kDay1, 500)}).ok());
  EXPECT_TRUE(ledger.AdvanceTo(At("2024-12-31")).empty());
  EXPECT_EQ(ledger.state().tier.tier_id, "gold");
}

TEST(Tiers, AreNotRaisedByPointsGivenAway) {
  L ledger(Head() + Ladder("rolling_days: 365", "month"));
  ASSERT_TRUE(ledger.Submit({L::Open(kDay1), L::Adjust(kDay1, 1'000'000'000), L::Redeem(kDay1, 1'000'000'000)}).ok());
  EXPECT_EQ(ledger.state().tier.tier_id, "bronze");
}

TEST(Tiers, IgnoreSpendInAnotherCurrency) {
  L ledger(Head() + Ladder("rolling_days: 365", "year"));
  ASSERT_TRUE(ledger.Submit({L::Open(kDay1), L::Buy(kDay1, {{900 * kUnit}}, "", "", "EUR")}).ok());
  EXPECT_EQ(ledger.state().tier.tier_id, "bronze");
}

TEST(Tiers, AreNotLostByAReturnBeforeTheReview) {
  L ledger(Head() + Ladder("calendar_period: year", "year"));
  ASSERT_TRUE(
      ledger.Submit({L::Open(kDay1), L::Buy(kDay1, {{100 * kUnit}}, "i1"), L::Return(kDay1, {{100 * kUnit}}, "i1")})
          .ok());
  EXPECT_EQ(ledger.state().tier.tier_id, "silver");
  EXPECT_TRUE(ledger.AdvanceTo(At("2025-01-01") - 1).empty());
  const auto events = ledger.AdvanceTo(At("2025-01-01"));
  ASSERT_EQ(L::Kinds(events), "tier_assigned");
  EXPECT_EQ(events[0].occurred, At("2025-01-01"));
  EXPECT_EQ(events[0].fact_index, -1);
  EXPECT_EQ(events[0].program_version, 1u);
  const auto& tier = events[0].event.tier_assigned();
  EXPECT_EQ(tier.tier_id(), "bronze");
  EXPECT_EQ(tier.reason(), events::v1::TIER_ASSIGNMENT_REASON_REVIEW_DOWNGRADE);
  EXPECT_TRUE(tier.met().empty());
  ASSERT_EQ(tier.missed_size(), 1);
  EXPECT_EQ(MicrosOf(tier.missed(0).window_start()), At("2024-01-01"));
  EXPECT_EQ(MicrosOf(tier.missed(0).window_end()), At("2025-01-01"));
  EXPECT_EQ(tier.missed(0).value(), 0);
  EXPECT_EQ(tier.missed(0).threshold(), 80 * kUnit);
  EXPECT_FALSE(tier.missed(0).holds());
}

TEST(Tiers, AreKeptWithTheMaintenanceThresholdExactly) {
  for (const int64_t short_of : {0, 1}) {
    L ledger(Head() + Ladder("calendar_period: month", "month"));
    ASSERT_TRUE(ledger
                    .Submit({L::Open(kDay1), L::Buy(kDay1, {{100 * kUnit}}),
                             L::Buy(At("2024-02-15"), {{80 * kUnit - short_of}})})
                    .ok());
    ledger.AdvanceTo(At("2024-03-01"));
    EXPECT_EQ(ledger.state().tier.tier_id, short_of == 0 ? "silver" : "bronze");
  }
}

TEST(Tiers, FallToTheHighestTierThatTheMetricKeeps) {
  L ledger(Head() + Ladder("calendar_period: month", "month"));
  ASSERT_TRUE(
      ledger.Submit({L::Open(kDay1), L::Buy(kDay1, {{500 * kUnit}}), L::Buy(At("2024-02-15"), {{90 * kUnit}})}).ok());
  const auto events = ledger.AdvanceTo(At("2024-03-01"));
  ASSERT_EQ(L::Kinds(events), "tier_assigned");
  EXPECT_EQ(events[0].event.tier_assigned().tier_id(), "silver") << "90 would not enter silver but keeps it";
  EXPECT_EQ(events[0].event.tier_assigned().met(0).threshold(), 80 * kUnit);
  EXPECT_EQ(events[0].event.tier_assigned().missed(0).threshold(), 500 * kUnit);
}

TEST(Tiers, CountAPurchaseExactlyAtABoundaryForTheNewPeriod) {
  L ledger(Head() + Ladder("calendar_period: month", "month"));
  ASSERT_TRUE(ledger.Submit({L::Open(kDay1), L::Buy(kDay1, {{100 * kUnit}})}).ok());
  const auto events = ledger.Submit({L::Buy(At("2024-03-01"), {{200 * kUnit}})});
  ASSERT_TRUE(events.ok());
  EXPECT_EQ(L::Kinds(*events), "tier_assigned purchase_recorded points_accrued tier_assigned")
      << "the review of February comes first and sees nothing spent";
  EXPECT_EQ((*events)[0].event.tier_assigned().tier_id(), "bronze");
  EXPECT_EQ((*events)[2].event.points_accrued().points(), 200);
  EXPECT_EQ((*events)[3].event.tier_assigned().tier_id(), "silver");
}

TEST(Tiers, MeasureRollingDaysAsWholeLocalDays) {
  L ledger(Head("America/New_York") + Ladder("rolling_days: 30", "month"));
  // 23:59:59 and 00:00 in New York around the start of the 30 days that end with 31 March.
  ASSERT_TRUE(ledger.Submit({L::Open(kDay1), L::Buy(At("2024-03-02T04:59:59Z"), {{100 * kUnit}})}).ok());
  EXPECT_EQ(L::Kinds(ledger.AdvanceTo(At("2024-04-01T04:00:00Z"))), "tier_assigned");
  L kept(Head("America/New_York") + Ladder("rolling_days: 30", "month"));
  ASSERT_TRUE(kept.Submit({L::Open(kDay1), L::Buy(At("2024-03-02T05:00:00Z"), {{100 * kUnit}})}).ok());
  EXPECT_EQ(L::Kinds(kept.AdvanceTo(At("2024-04-01T04:00:00Z"))), "");
}

TEST(Tiers, TakeALatePurchaseIntoAccountNow) {
  L ledger(Head() + Ladder("rolling_days: 365", "year"));
  ASSERT_TRUE(ledger.Submit({L::Open(kDay1), L::Buy(At("2024-05-01"), {{60 * kUnit}})}).ok());
  const auto events = ledger.Submit({L::Buy(At("2024-02-01"), {{40 * kUnit}})});
  ASSERT_TRUE(events.ok());
  EXPECT_EQ(L::Kinds(*events), "purchase_recorded points_accrued tier_assigned");
  EXPECT_EQ((*events)[1].occurred, At("2024-02-01"));
  EXPECT_EQ((*events)[2].occurred, At("2024-05-01")) << "the tier changes when it became known to be earned";
}

TEST(Tiers, OfAnAccountThatMeetsItsFirstProgramAreAssignedAtTheNextEvaluation) {
  L ledger("program_id: test\ntime_zone: UTC\ncurrency_code: USD\neffective_from: 2024-02-01\n" +
           Ladder("rolling_days: 365", "quarter"));
  ASSERT_TRUE(ledger.Submit({L::Open(kDay1), L::Buy(kDay1, {{150 * kUnit}})}).ok());
  EXPECT_EQ(ledger.state().tier, TierStanding());
  EXPECT_EQ(NextDue(ledger.state(), ledger.programs()), At("2024-04-01"));
  const auto events = ledger.AdvanceTo(At("2024-04-01"));
  ASSERT_EQ(L::Kinds(events), "tier_assigned");
  EXPECT_EQ(events[0].event.tier_assigned().tier_id(), "silver");
  EXPECT_EQ(events[0].event.tier_assigned().reason(), events::v1::TIER_ASSIGNMENT_REASON_INITIAL);
}

TEST(Tiers, ThatANewVersionDoesNotKnowCountAsTheLowest) {
  const std::string head = "program_id: test\ntime_zone: UTC\ncurrency_code: USD\n";
  L ledger({ProgramOf(head + "effective_from: 2000-01-01\n" + Ladder("rolling_days: 365", "year"), 1),
            ProgramOf(head + "effective_from: 2024-02-01\n"
                             "accrual_rules:\n- {rule_id: base, per_money: {points: 1, per_micros: 1000000}}\n"
                             "tier_ladder:\n  ladder_id: standing\n  metric: net_spend\n  window: {rolling_days: "
                             "365}\n  review_period: year\n"
                             "  tiers:\n  - {tier_id: base, entrance: 0, multiplier_milli: 3000}\n  - {tier_id: "
                             "top, entrance: 100000000}\n",
                      2)});
  ASSERT_TRUE(ledger.Submit({L::Open(kDay1), L::Buy(kDay1, {{500 * kUnit}})}).ok());
  ASSERT_EQ(ledger.state().tier.tier_id, "gold");
  const auto events = ledger.Submit({L::Buy(At("2024-02-02"), {{kUnit}})});
  ASSERT_TRUE(events.ok());
  EXPECT_EQ(L::Kinds(*events), "purchase_recorded points_accrued tier_assigned");
  EXPECT_EQ((*events)[1].event.points_accrued().tier_id(), "base");
  EXPECT_EQ((*events)[1].event.points_accrued().points(), 3);
  EXPECT_EQ((*events)[2].event.tier_assigned().tier_id(), "top");
  EXPECT_EQ((*events)[2].event.tier_assigned().previous_tier_id(), "gold");
  EXPECT_EQ((*events)[2].event.tier_assigned().reason(), events::v1::TIER_ASSIGNMENT_REASON_UPGRADE);
}

TEST(Tiers, AreReviewedUnderTheProgramInForceJustBeforeTheBoundary) {
  const std::string head = "program_id: test\ntime_zone: UTC\ncurrency_code: USD\n";
  const auto strict = ProgramOf(head + "effective_from: 2000-01-01\n" + Ladder("calendar_period: month", "month"), 1);
  const auto without = ProgramOf(head + "effective_from: 2024-03-01\n", 2);
  L ledger({strict, without});
  ASSERT_TRUE(ledger.Submit({L::Open(kDay1), L::Buy(kDay1, {{100 * kUnit}})}).ok());
  EXPECT_EQ(NextDue(ledger.state(), ledger.programs()), At("2024-03-01"));
  EXPECT_EQ(L::Kinds(ledger.AdvanceTo(At("2030-01-01"))), "tier_assigned");
  L earlier({strict, ProgramOf(head + "effective_from: 2024-02-29\n", 2)});
  ASSERT_TRUE(earlier.Submit({L::Open(kDay1), L::Buy(kDay1, {{100 * kUnit}})}).ok());
  EXPECT_EQ(NextDue(earlier.state(), earlier.programs()), kNever);
  EXPECT_TRUE(earlier.AdvanceTo(At("2030-01-01")).empty());
}

}  // namespace
}  // namespace keyledger::domain
