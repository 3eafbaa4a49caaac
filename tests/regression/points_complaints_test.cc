// What users of other products complain about where points are concerned, one test each. The names say what must not
// happen here. Everything is written through Decide and read through the projection, never built by hand.
#include <gtest/gtest.h>

#include "projections/points/points_projection.h"
#include "projections/points/points_queries.h"
#include "tests/support/record_log.h"
#include "tests/unit/domain/account_ledger.h"

namespace keyledger::domain {
namespace {

using L = AccountLedger;
using projections::GetPointsBalance;
using projections::GetPointsExpirySchedule;

const char kBase[] = "accrual_rules:\n- {rule_id: base, per_money: {points: 1, per_micros: 1000000}}\n";

// The rows that the ledger's records give.
std::unique_ptr<store::TableReader> RowsOf(const L& ledger) {
  testing::RecordLog log;
  for (const DecidedEvent& decided : ledger.log()) {
    events::v1::EventRecord& record = log.Add("acme", decided.occurred);
    *record.mutable_event() = decided.event;
    record.mutable_program()->set_program_id(decided.program_id);
    record.mutable_program()->set_version(decided.program_version);
  }
  return testing::FoldRows(projections::PointsProjection(), log);
}

projections::PointsBalance BalanceOf(const L& ledger, Micros as_of) {
  const auto balance = GetPointsBalance(*RowsOf(ledger), "acme", as_of);
  EXPECT_TRUE(balance.ok()) << balance.status();
  return *balance;
}

TEST(Complaint1BalanceCollapse, ALotPartlySpentLosesOnlyWhatIsLeftWhenItRunsOut) {
  L ledger(Head());
  const Micros day = At("2024-01-01");
  ASSERT_TRUE(
      ledger.Submit({L::Open(day), L::Adjust(day, 100, At("2024-02-01")), L::Adjust(day, 50), L::Redeem(day, 80)})
          .ok());
  ledger.AdvanceTo(At("2024-02-01"));
  EXPECT_EQ(ledger.state().available_points(), 50) << "20 ran out; the 80 spent are not taken a second time";
  EXPECT_EQ(BalanceOf(ledger, At("2024-03-01")).available, 50);
  EXPECT_EQ(BalanceOf(ledger, At("2024-03-01")).expired, 20);
}

TEST(Complaint3BuyAndRefundLoop, MintsNoPointsHoweverOftenAndInHoweverManyParts) {
  L ledger(Head() + "accrual_rules:\n- {rule_id: base, rounding: up, per_money: {points: 1, per_micros: 3000000}}\n");
  ASSERT_TRUE(ledger.Submit({L::Open(At("2024-01-01"))}).ok());
  for (int i = 0; i < 50; ++i) {
    const std::string invoice = "i" + std::to_string(i);
    const Micros day = At("2024-01-01") + i * kMicrosPerDay;
    ASSERT_TRUE(ledger.Submit({L::Buy(day, {{10 * kUnit, 10}}, invoice)}).ok());
    for (int part = 0; part < 10; ++part) ASSERT_TRUE(ledger.Submit({L::Return(day, {{kUnit, 1}}, invoice)}).ok());
    ASSERT_EQ(ledger.state().available_points(), 0) << i;
  }
}

TEST(Complaint3BuyAndRefundLoop, LeavesNothingSpentUnpaidWhereTheProgramAllowsDebt) {
  L ledger(Head() + kBase + "return_policy: negative_allowed\n");
  const Micros day = At("2024-01-01");
  ASSERT_TRUE(ledger.Submit({L::Open(day)}).ok());
  int64_t spent = 0;
  for (int i = 0; i < 20; ++i) {
    const std::string invoice = "i" + std::to_string(i);
    ASSERT_TRUE(ledger.Submit({L::Buy(day, {{10 * kUnit}}, invoice)}).ok());
    if (ledger.state().available_points() > 0) {
      spent += ledger.state().available_points();
      ASSERT_TRUE(ledger.Submit({L::Redeem(day, ledger.state().available_points())}).ok());
    }
    ASSERT_TRUE(ledger.Submit({L::Return(day, {{10 * kUnit}}, invoice)}).ok());
  }
  EXPECT_EQ(spent, 10) << "from the second round on, what comes in pays the debt of the first";
  EXPECT_EQ(ledger.state().debt, 10);
  EXPECT_EQ(BalanceOf(ledger, day + 1).debt, 10);
}

TEST(Complaint4RefundOfAPurchasePaidWithPoints, RestoresWhatWasTakenOncePerLineAndTakesNothingAgain) {
  L ledger(Head() + kBase);
  const Micros day = At("2024-01-01");
  ASSERT_TRUE(ledger.Submit({L::Open(day), L::Adjust(day, 90)}).ok());
  Fact purchase = L::Buy(day, {{10 * kUnit, 2}, {0, 4}}, "a");
  purchase.event.mutable_purchase_recorded()->mutable_lines(0)->set_points_paid(30);
  purchase.event.mutable_purchase_recorded()->mutable_lines(1)->set_points_paid(50);
  ASSERT_TRUE(ledger.Submit({purchase}).ok());
  EXPECT_EQ(ledger.state().available_points(), 20) << "90 - 80, and 10 for the money";
  ASSERT_TRUE(ledger.Submit({L::Return(day, {{0, 2, "", 2}}, "a")}).ok());
  EXPECT_EQ(ledger.state().available_points(), 45) << "half of the second line";
  ASSERT_TRUE(ledger.Submit({L::Return(day, {{10 * kUnit, 2, "", 1}, {0, 2, "", 2}}, "a")}).ok());
  EXPECT_EQ(ledger.state().available_points(), 90);
  EXPECT_EQ(ReasonOf(ledger.Submit({L::Return(day, {{0, 1, "", 2}}, "a")}).status()), Reason::kReturnExceedsPurchase);
  const projections::PointsBalance balance = BalanceOf(ledger, day + 1);
  EXPECT_EQ(balance.available, 90);
  EXPECT_EQ(balance.spent, 0);
}

TEST(Complaint5ReversalByTodaysRules, TakesBackWhatWasGivenWhateverHoldsToday) {
  const auto yaml = [](const std::string& from, int points) {
    return "program_id: test\ntime_zone: UTC\ncurrency_code: USD\neffective_from: " + from +
           "\naccrual_rules:\n- {rule_id: base, per_money: {points: " + std::to_string(points) +
           ", per_micros: 1000000}}\n";
  };
  L ledger({ProgramOf(yaml("2024-01-01", 2), 1), ProgramOf(yaml("2024-02-01", 7), 2)});
  ASSERT_TRUE(ledger
                  .Submit({L::Open(At("2024-01-01")), L::Buy(At("2024-01-10"), {{10 * kUnit}}, "a"),
                           L::Adjust(At("2024-02-01"), 500)})
                  .ok());
  const auto events = ledger.Submit({L::Return(At("2024-02-10"), {{10 * kUnit}}, "a")});
  ASSERT_TRUE(events.ok()) << events.status();
  EXPECT_EQ((*events)[1].event.points_reversed().points(), 20);
  EXPECT_EQ((*events)[1].program_version, 1u);
  EXPECT_EQ(ledger.state().available_points(), 500);
}

TEST(Complaint6PointsSpentBeforeTheRightToReturnEnds, ArePendingUntilThen) {
  L ledger(Head() +
           "accrual_rules:\n- {rule_id: base, pending_days: 14, per_money: {points: 1, per_micros: 1000000}}\n");
  ASSERT_TRUE(ledger.Submit({L::Open(At("2024-01-01")), L::Buy(At("2024-01-01"), {{10 * kUnit}}, "a")}).ok());
  EXPECT_EQ(ReasonOf(ledger.Submit({L::Redeem(At("2024-01-14"), 1)}).status()), Reason::kInsufficientPoints);
  EXPECT_EQ(BalanceOf(ledger, At("2024-01-14")).pending, 10);
  EXPECT_TRUE(ledger.Submit({L::Redeem(At("2024-01-15"), 10)}).ok());
}

TEST(Complaint8PayingWithPoints, CountsNothingTowardsTheTierAndEarnsNothing) {
  L ledger(
      Head() + kBase +
      "tier_ladder:\n  ladder_id: main\n  metric: net_spend\n  window: {calendar_period: year}\n  review_period: year\n"
      "  tiers:\n  - {tier_id: base, entrance: 0}\n  - {tier_id: gold, entrance: 100000000}\n");
  const Micros day = At("2024-01-01");
  ASSERT_TRUE(ledger.Submit({L::Open(day), L::Adjust(day, 1000)}).ok());
  Fact purchase = L::Buy(day, {{99 * kUnit}}, "a");
  purchase.event.mutable_purchase_recorded()->mutable_lines(0)->set_points_paid(900);
  ASSERT_TRUE(ledger.Submit({purchase}).ok());
  EXPECT_EQ(ledger.state().tier.tier_id, "base");
  EXPECT_EQ(ledger.state().available_points(), 100 + 99);
  ASSERT_TRUE(ledger.Submit({L::Buy(day, {{kUnit}})}).ok());
  EXPECT_EQ(ledger.state().tier.tier_id, "gold");
}

TEST(Complaint9ExpiredPointsStillShown, TimeDecidesWhetherOrNotAJobHasRun) {
  L ledger(Head());
  const Micros day = At("2024-01-01");
  ASSERT_TRUE(ledger.Submit({L::Open(day), L::Adjust(day, 10, At("2024-02-01"))}).ok());
  EXPECT_EQ(BalanceOf(ledger, At("2024-02-01")).available, 10) << "just before the moment";
  const projections::PointsBalance before = BalanceOf(ledger, At("2024-02-02"));
  EXPECT_EQ(before.available, 0);
  EXPECT_EQ(before.expired, 10);
  ledger.AdvanceTo(At("2024-02-02"));
  EXPECT_EQ(BalanceOf(ledger, At("2024-02-02")), before) << "recording it changes nothing";
}

TEST(Complaint10ManyGiftsFromOneBalance, OnlySoManySucceedAsThereArePointsFor) {
  L ledger(Head());
  const Micros day = At("2024-01-01");
  ASSERT_TRUE(ledger.Submit({L::Open(day), L::Adjust(day, 100)}).ok());
  int accepted = 0;
  for (int i = 0; i < 20; ++i) accepted += ledger.Submit({L::Redeem(day, 100)}).ok() ? 1 : 0;
  EXPECT_EQ(accepted, 1);
  EXPECT_EQ(ledger.state().totals.spent, 100);
}

TEST(Complaint11LotsChosenByLabel, LotsOfOneRuleAndOneReasonExpireEachOnItsOwn) {
  L ledger(
      Head() +
      "accrual_rules:\n- {rule_id: base, per_money: {points: 1, per_micros: 1000000}, expiry: {after_days: 30}}\n");
  ASSERT_TRUE(ledger
                  .Submit({L::Open(At("2024-01-01")), L::Buy(At("2024-01-01"), {{10 * kUnit}}),
                           L::Buy(At("2024-01-02"), {{20 * kUnit}}), L::Adjust(At("2024-01-03"), 5, At("2024-01-31"))})
                  .ok());
  const auto events = ledger.AdvanceTo(At("2024-01-31"));
  ASSERT_EQ(L::Kinds(events), "points_expired points_expired");
  EXPECT_EQ(events[0].event.points_expired().lot_revision(), 2u);
  EXPECT_EQ(events[0].event.points_expired().points(), 10);
  EXPECT_EQ(events[1].event.points_expired().lot_revision(), 5u);
  EXPECT_EQ(ledger.state().available_points(), 20);
}

TEST(Complaint12OnlyTheEarliestExpiryShown, TheScheduleListsEveryDate) {
  L ledger(Head());
  const Micros day = At("2024-01-01");
  ASSERT_TRUE(ledger
                  .Submit({L::Open(day), L::Adjust(day, 1, At("2024-04-01")), L::Adjust(day, 2, At("2024-02-01")),
                           L::Adjust(day, 4, At("2024-04-01")), L::Adjust(day, 8)})
                  .ok());
  const auto schedule = GetPointsExpirySchedule(*RowsOf(ledger), "acme", day + 1);
  ASSERT_TRUE(schedule.ok()) << schedule.status();
  const std::vector<projections::ExpiryEntry> expected = {{At("2024-02-01"), 2}, {At("2024-04-01"), 5}};
  EXPECT_EQ(schedule->entries, expected);
  EXPECT_EQ(schedule->never, 8);
}

TEST(Complaint13ImportedPoints, KeepTheirPastDateAndRunOutAsIfTheyHadAlwaysBeenHere) {
  L ledger(Head() + kBase);
  ASSERT_TRUE(ledger.Submit({L::Open(At("2020-01-01")), L::Adjust(At("2024-01-01"), 1)}).ok());
  ASSERT_TRUE(ledger
                  .Submit({L::Adjust(At("2021-05-05"), 10, At("2023-05-05")),
                           L::Adjust(At("2022-05-05"), 20, At("2024-05-05"))})
                  .ok());
  EXPECT_EQ(ledger.state().available_points(), 21) << "the first had run out by now";
  EXPECT_EQ(BalanceOf(ledger, At("2022-01-01")).available, 10) << "as it was then";
  EXPECT_EQ(BalanceOf(ledger, At("2023-06-01")).available, 20);
  EXPECT_EQ(BalanceOf(ledger, At("2024-06-01")).available, 1);
}

}  // namespace
}  // namespace keyledger::domain
