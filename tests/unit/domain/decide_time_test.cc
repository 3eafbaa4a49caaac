// What time decides: activation, expiry, and when the next of them is due.
#include "tests/unit/domain/account_ledger.h"

namespace keyledger::domain {
namespace {

using L = AccountLedger;

std::string Rule(const std::string& terms) {
  return "accrual_rules:\n- {rule_id: base, " + terms + ", per_money: {points: 1, per_micros: 1000000}}\n";
}

TEST(Expiry, RemovesOnlyWhatIsLeftOfALot) {
  L ledger(Head());
  const Micros day = At("2024-01-01");
  ASSERT_TRUE(
      ledger.Submit({L::Open(day), L::Adjust(day, 100, At("2024-02-01")), L::Adjust(day, 100), L::Redeem(day, 60)})
          .ok());
  const auto events = ledger.AdvanceTo(At("2024-02-01"));
  ASSERT_EQ(L::Kinds(events), "points_expired");
  EXPECT_EQ(events[0].event.points_expired().points(), 40);
  EXPECT_EQ(events[0].occurred, At("2024-02-01"));
  EXPECT_EQ(events[0].program_id, "");
  EXPECT_EQ(ledger.state().available_points(), 100);
  EXPECT_EQ(ledger.state().totals, (PointsTotals{200, 60, 40, 0}));
}

TEST(Expiry, IsTheExclusiveEndOfValidity) {
  L ledger(Head());
  const Micros day = At("2024-01-01");
  ASSERT_TRUE(ledger.Submit({L::Open(day), L::Adjust(day, 10, At("2024-02-01"))}).ok());
  EXPECT_TRUE(ledger.Submit({L::Redeem(At("2024-02-01") - 1, 5)}).ok());
  EXPECT_EQ(ReasonOf(ledger.Submit({L::Redeem(At("2024-02-01"), 5)}).status()), Reason::kInsufficientPoints)
      << "decisions due at the moment of a fact come before it";
}

TEST(Expiry, HappensPerLotNotOnlyForTheEarliest) {
  L ledger(Head() + Rule("expiry: {after_days: 10}"));
  ASSERT_TRUE(ledger
                  .Submit({L::Open(At("2024-01-01")), L::Buy(At("2024-01-01"), {{1 * kUnit}}),
                           L::Buy(At("2024-01-03"), {{2 * kUnit}})})
                  .ok());
  const auto events = ledger.AdvanceTo(At("2024-02-01"));
  ASSERT_EQ(L::Kinds(events), "points_expired points_expired");
  EXPECT_EQ(events[0].occurred, At("2024-01-11"));
  EXPECT_EQ(events[1].occurred, At("2024-01-13"));
}

TEST(Expiry, CountsMonthsFromTheActivityAndRoundsUpToThePeriodsEnd) {
  const auto expire = [](const std::string& expiry, const std::string& at, const std::string& zone = "UTC") {
    L ledger(Head(zone) + Rule("expiry: {" + expiry + "}"));
    EXPECT_TRUE(ledger.Submit({L::Open(At("2023-01-01")), L::Buy(At(at), {{kUnit}})}).ok());
    return ledger.state().lots.at(0).expire;
  };
  EXPECT_EQ(expire("after_months: 1", "2023-01-31T10:00:00Z"), At("2023-02-28T10:00:00Z"));
  EXPECT_EQ(expire("after_months: 1", "2024-01-31T10:00:00Z"), At("2024-02-29T10:00:00Z"));
  EXPECT_EQ(expire("after_months: 24, round_up_to: quarter", "2024-02-10"), At("2026-04-01"));
  EXPECT_EQ(expire("after_days: 1, round_up_to: month", "2024-01-31"), At("2024-03-01"))
      << "00:00 on the 1st falls in the new month";
  EXPECT_EQ(expire("after_months: 1, round_up_to: year", "2024-12-31"), At("2026-01-01"));
  EXPECT_EQ(expire("after_days: 1", "2024-03-09T17:00:00Z", "America/New_York"), At("2024-03-10T16:00:00Z"))
      << "same local time across the clock change";
}

TEST(Activation, ComesAfterCalendarDaysInTheProgramsZone) {
  L ledger(Head("America/New_York") + Rule("pending_days: 14"));
  ASSERT_TRUE(ledger.Submit({L::Open(At("2024-03-01")), L::Buy(At("2024-03-01T17:00:00Z"), {{9 * kUnit}})}).ok());
  EXPECT_EQ(ledger.state().pending_points(), 9);
  EXPECT_EQ(ledger.state().available_points(), 0);
  EXPECT_EQ(NextDue(ledger.state(), ledger.programs()), At("2024-03-15T16:00:00Z"));
  const auto events = ledger.AdvanceTo(At("2024-03-15T16:00:00Z"));
  ASSERT_EQ(L::Kinds(events), "points_activated");
  EXPECT_EQ(events[0].event.points_activated().points(), 9);
  EXPECT_EQ(ledger.state().available_points(), 9);
  EXPECT_EQ(NextDue(ledger.state(), ledger.programs()), kNever);
}

TEST(Activation, HappensBeforeALaterFactOfTheSameMoment) {
  L ledger(Head() + Rule("pending_days: 14"));
  ASSERT_TRUE(ledger.Submit({L::Open(At("2024-03-01")), L::Buy(At("2024-03-01"), {{9 * kUnit}})}).ok());
  const auto events = ledger.Submit({L::Redeem(At("2024-03-15"), 9)});
  ASSERT_TRUE(events.ok()) << events.status();
  EXPECT_EQ(L::Kinds(*events), "points_activated points_redeemed");
}

TEST(Expiry, AlsoEndsPendingLots) {
  L ledger(Head() + Rule("pending_days: 30, expiry: {after_days: 10}"));
  ASSERT_TRUE(ledger.Submit({L::Open(At("2024-03-01")), L::Buy(At("2024-03-01"), {{9 * kUnit}})}).ok());
  EXPECT_EQ(L::Kinds(ledger.AdvanceTo(At("2024-12-01"))), "points_expired");
  EXPECT_EQ(ledger.state().totals.expired, 9);
}

TEST(Decisions, DueAtOneMomentComeInAFixedOrder) {
  L ledger(
      Head() + Rule("pending_days: 31, expiry: {after_days: 31}") +
      "tier_ladder:\n  ladder_id: standing\n  metric: net_spend\n  window: {rolling_days: 5}\n  review_period: month\n"
      "  tiers:\n  - {tier_id: a, entrance: 0}\n  - {tier_id: b, entrance: 1}\n");
  ASSERT_TRUE(ledger
                  .Submit({L::Open(At("2024-03-01")), L::Buy(At("2024-03-01"), {{9 * kUnit}}),
                           L::Buy(At("2024-03-01"), {{9 * kUnit}})})
                  .ok());
  EXPECT_EQ(L::Kinds(ledger.AdvanceTo(At("2024-04-01"))),
            "points_activated points_activated points_expired points_expired tier_assigned");
}

TEST(LatePurchases, EarnFromTheirOwnTimeAndWhatIsDueFollowsAtOnce) {
  L ledger(Head() + Rule("pending_days: 5, expiry: {after_days: 30}"));
  ASSERT_TRUE(ledger.Submit({L::Open(At("2024-01-01")), L::Adjust(At("2024-06-01"), 1)}).ok());
  const auto events = ledger.Submit({L::Buy(At("2024-02-01"), {{9 * kUnit}}), L::Redeem(At("2024-06-01"), 1)});
  ASSERT_TRUE(events.ok()) << events.status();
  EXPECT_EQ(L::Kinds(*events), "purchase_recorded points_accrued points_activated points_expired points_redeemed");
  EXPECT_EQ((*events)[2].occurred, At("2024-02-06"));
  EXPECT_EQ((*events)[3].occurred, At("2024-03-02"));
  EXPECT_EQ(ledger.state().clock, At("2024-06-01"));
  EXPECT_EQ(ledger.state().last_purchase, At("2024-02-01"));
}

TEST(Adjustments, WhoseExpiryHasPassedExpireAtOnce) {
  L ledger(Head());
  const auto events = ledger.Submit({L::Open(At("2024-01-01")), L::Adjust(At("2024-01-02"), 7, At("2023-01-01"))});
  ASSERT_TRUE(events.ok());
  EXPECT_EQ(L::Kinds(*events), "account_opened points_adjusted points_expired");
  EXPECT_EQ((*events)[2].occurred, At("2024-01-02")) << "not before the points came to be";
}

TEST(Advance, OfAnAccountThatDoesNotExistDecidesNothing) {
  const ProgramSet none;
  EXPECT_TRUE(Advance(AccountState(), At("2024-01-01"), none)->events.empty());
  EXPECT_EQ(NextDue(AccountState(), none), kNever);
}

TEST(Advance, InStepsEqualsAdvanceAtOnce) {
  const std::string yaml =
      Head() + Rule("pending_days: 5, expiry: {after_days: 30}") +
      "tier_ladder:\n  ladder_id: standing\n  metric: net_spend\n  window: {rolling_days: 40}\n  review_period: month\n"
      "  tiers:\n  - {tier_id: a, entrance: 0}\n  - {tier_id: b, entrance: 5000000}\n  - {tier_id: c, "
      "entrance: 8000000}\n";
  L at_once(yaml);
  L in_steps(yaml);
  for (L* ledger : {&at_once, &in_steps}) {
    ASSERT_TRUE(ledger
                    ->Submit({L::Open(At("2024-01-01")), L::Buy(At("2024-01-20"), {{3 * kUnit}}),
                              L::Buy(At("2024-01-31"), {{6 * kUnit}})})
                    .ok());
  }
  at_once.AdvanceTo(At("2024-06-01"));
  for (int i = 0; i < 122; ++i) in_steps.AdvanceTo(At("2024-01-31") + i * kMicrosPerDay);
  EXPECT_EQ(at_once.state(), in_steps.state());
  EXPECT_EQ(at_once.state().tier.tier_id, "a");
}

TEST(Advance, ExpiresTwentyThousandLotsInOneGo) {
  L ledger(Head());
  ASSERT_TRUE(ledger.Submit({L::Open(At("2024-01-01"))}).ok());
  ASSERT_TRUE(ledger.Submit(std::vector<Fact>(kLotsMax, L::Adjust(At("2024-01-01"), 1, At("2024-02-01")))).ok());
  EXPECT_EQ(ledger.AdvanceTo(At("2024-02-01")).size(), kLotsMax);
  EXPECT_TRUE(ledger.state().lots.empty());
}

}  // namespace
}  // namespace keyledger::domain
