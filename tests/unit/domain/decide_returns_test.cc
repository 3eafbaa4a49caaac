// Returns: what comes back takes back exactly what it had earned.
#include "tests/unit/domain/account_ledger.h"

namespace keyledger::domain {
namespace {

using L = AccountLedger;

const char kOnePerUnit[] = "accrual_rules:\n- rule_id: base\n  per_money: {points: 1, per_micros: 1000000}\n";
const Micros kDay1 = At("2024-01-01");

events::v1::PointsReversed Reversed(const absl::StatusOr<std::vector<DecidedEvent>>& events) {
  EXPECT_TRUE(events.ok()) << events.status();
  return events.ok() && !events->empty() ? events->back().event.points_reversed() : events::v1::PointsReversed();
}

TEST(Returns, TakeBackThePointsOfTheReturnedLineOnly) {
  L ledger(
      Head() +
      "accrual_rules:\n- {rule_id: tea, match: {categories: [tea]}, per_money: {points: 7, per_micros: 4000000}}\n");
  ASSERT_TRUE(
      ledger.Submit({L::Open(kDay1), L::Buy(kDay1, {{40 * kUnit, 1, "tea"}, {20 * kUnit, 1, "cups"}}, "i1")}).ok());
  ASSERT_EQ(ledger.state().available_points(), 70);
  const auto events = ledger.Submit({L::Return(kDay1, {{20 * kUnit, 1, "", 2}}, "i1")});
  ASSERT_TRUE(events.ok());
  EXPECT_EQ(L::Kinds(*events), "purchase_returned") << "a line that earned nothing gives nothing back";
  EXPECT_EQ((*events)[0].event.purchase_returned().purchase_revision(), 1u);
  EXPECT_EQ(Reversed(ledger.Submit({L::Return(kDay1, {{40 * kUnit, 1, "", 1}}, "i1")})).points(), 70);
  EXPECT_EQ(ledger.state().available_points(), 0);
}

TEST(Returns, InPartsTakeExactlyWhatAReturnAtOnceTakes) {
  L ledger(Head() + kOnePerUnit);
  ASSERT_TRUE(ledger.Submit({L::Open(kDay1), L::Buy(kDay1, {{10 * kUnit, 3}}, "i1")}).ok());
  EXPECT_EQ(Reversed(ledger.Submit({L::Return(kDay1, {{3'333'333}}, "i1")})).points(), 3);
  EXPECT_EQ(Reversed(ledger.Submit({L::Return(kDay1, {{3'333'333}}, "i1")})).points(), 3);
  EXPECT_EQ(Reversed(ledger.Submit({L::Return(kDay1, {{3'333'334}}, "i1")})).points(), 4);
  EXPECT_EQ(ledger.state().available_points(), 0);
  EXPECT_EQ(ledger.state().totals, (PointsTotals{10, 0, 0, 10}));
}

TEST(Returns, OfALineThatCostNothingGoByUnits) {
  L ledger(Head() + "accrual_rules:\n- {rule_id: units, per_unit: {points: 10, per_units: 1}}\n");
  ASSERT_TRUE(ledger.Submit({L::Open(kDay1), L::Buy(kDay1, {{0, 4}}, "i1")}).ok());
  EXPECT_EQ(Reversed(ledger.Submit({L::Return(kDay1, {{0, 1}}, "i1")})).points(), 10);
  EXPECT_EQ(ledger.state().available_points(), 30);
}

TEST(Returns, DoNotMintPointsHoweverOftenOneBuysAndGivesBack) {
  L ledger(Head() + kOnePerUnit);
  ASSERT_TRUE(ledger.Submit({L::Open(kDay1)}).ok());
  for (int i = 0; i < 10; ++i) {
    const std::string invoice = "i" + std::to_string(i);
    ASSERT_TRUE(
        ledger.Submit({L::Buy(kDay1, {{99 * kUnit}}, invoice), L::Return(kDay1, {{99 * kUnit}}, invoice)}).ok());
  }
  EXPECT_EQ(ledger.state().available_points(), 0);
  const MetricSeries& series = ledger.state().metrics.at("USD");
  EXPECT_EQ(series.bought_ever.micros, 990 * kUnit);
  EXPECT_EQ(series.returned_ever.micros, 990 * kUnit);
}

TEST(Returns, ReverseWhatWasAwardedNotWhatTodaysRulesWouldGive) {
  const std::string head = "program_id: test\ntime_zone: UTC\ncurrency_code: USD\n";
  L ledger({ProgramOf(head + "effective_from: 2000-01-01\naccrual_rules:\n- {rule_id: base, per_money: {points: 1, "
                             "per_micros: 1000000}}\n",
                      1),
            ProgramOf(head + "effective_from: 2024-02-01\naccrual_rules:\n- {rule_id: base, per_money: {points: 5, "
                             "per_micros: 1000000}}\n",
                      2)});
  ASSERT_TRUE(
      ledger
          .Submit({L::Open(kDay1), L::Buy(kDay1, {{10 * kUnit}}, "i1"), L::Buy(At("2024-02-01"), {{10 * kUnit}}, "i2")})
          .ok());
  ASSERT_EQ(ledger.state().available_points(), 60);
  const auto events = ledger.Submit({L::Return(At("2024-02-02"), {{10 * kUnit}}, "i1")});
  EXPECT_EQ(Reversed(events).points(), 10);
  EXPECT_EQ(events->back().program_version, 1u) << "under the version of the day it was bought";
}

TEST(Returns, GoByTheVersionThatGaveThePointsEvenAfterTheAccountMovedOrAnotherWasPublished) {
  const std::string rest =
      "time_zone: UTC\ncurrency_code: USD\naccrual_rules:\n- {rule_id: base, pending_days: 14, "
      "per_money: {points: 1, per_micros: 1000000}}\neffective_from: 2000-01-01\n";
  const auto world = ProgramOf("program_id: world\nreturn_policy: only_pending\n" + rest);
  const auto china = ProgramOf("program_id: china\nregion: CN\n" + rest);
  const auto later = ProgramOf("program_id: world\nreturn_policy: within_balance\n" + rest, 2);
  L before({world, china});
  ASSERT_TRUE(before.Submit({L::Open(kDay1), L::Buy(kDay1, {{50 * kUnit}}, "i1")}).ok());
  Fact move{{}, At("2024-02-01")};
  move.event.mutable_account_facts_updated()->set_region("CN/31");
  DecideInput input;
  input.account_id = "acme";
  input.facts = {move, L::Return(At("2024-02-01"), {{50 * kUnit}}, "i1")};
  input.purchases[{"shop", "i1"}] = before.Find("i1");
  const auto outcome = Decide(before.state(), input, ProgramSet({world, china, later}));
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  const DecidedEvent& last = outcome->events.back();
  EXPECT_EQ(last.event.points_reversed().points_due(), 50);
  EXPECT_EQ(last.event.points_reversed().points(), 0) << "the version it was bought under takes pending points only";
  EXPECT_EQ(last.program_id, "world");
  EXPECT_EQ(last.program_version, 1u);
}

TEST(Returns, OfAnUnknownPurchaseInPartsTakeNoLessThanOneAtOnce) {
  L ledger(Head() + kOnePerUnit);
  ASSERT_TRUE(ledger.Submit({L::Open(kDay1), L::Buy(kDay1, {{100 * kUnit}})}).ok());
  ASSERT_EQ(ledger.state().available_points(), 100);
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(ledger.Submit({L::Return(kDay1, {{kUnit / 2}})}).ok());
  EXPECT_EQ(ledger.state().available_points(), 0);
}

TEST(Returns, TakeFromThousandsOfLotsNewestFirst) {
  L ledger(Head() + kOnePerUnit);
  ASSERT_TRUE(ledger.Submit({L::Open(kDay1)}).ok());
  ASSERT_TRUE(ledger.Submit(std::vector<Fact>(20'000, L::Adjust(kDay1, 1))).ok());
  const auto reversed = Reversed(ledger.Submit({L::Return(kDay1, {{19'999 * kUnit}})}));
  ASSERT_EQ(reversed.allocations_size(), 19'999);
  EXPECT_EQ(reversed.allocations(0).lot_revision(), 20'000u);
  EXPECT_EQ(reversed.allocations(19'998).lot_revision(), 2u);
  EXPECT_EQ(ledger.state().available_points(), 1);
}

TEST(Returns, NamingAPurchaseOfTheSameRequestAreLinked) {
  L ledger(Head() + kOnePerUnit);
  const auto events =
      ledger.Submit({L::Open(kDay1), L::Buy(kDay1, {{10 * kUnit}}, "i1"), L::Return(kDay1, {{5 * kUnit}}, "i1")});
  ASSERT_TRUE(events.ok()) << events.status();
  EXPECT_EQ(L::Kinds(*events), "account_opened purchase_recorded points_accrued purchase_returned points_reversed");
  EXPECT_EQ((*events)[3].event.purchase_returned().purchase_revision(), 1u);
  EXPECT_EQ((*events)[4].event.points_reversed().allocations(0).lot_revision(), 2u);
  EXPECT_EQ((*events)[4].event.points_reversed().return_revision(), 3u);
}

TEST(Returns, OfSpentPointsTakeFromTheNewestLotsWithinTheBalance) {
  L ledger(Head() + kOnePerUnit);
  ASSERT_TRUE(ledger
                  .Submit({L::Open(kDay1), L::Buy(kDay1, {{50 * kUnit}}, "i1"), L::Redeem(kDay1, 50),
                           L::Adjust(kDay1, 20), L::Adjust(kDay1, 20)})
                  .ok());
  const auto reversed = Reversed(ledger.Submit({L::Return(kDay1, {{50 * kUnit}}, "i1")}));
  EXPECT_EQ(reversed.points_due(), 50);
  EXPECT_EQ(reversed.points(), 40) << "never below zero; the rest is forgiven";
  ASSERT_EQ(reversed.allocations_size(), 2);
  EXPECT_EQ(reversed.allocations(0).lot_revision(), 5u);
  EXPECT_EQ(reversed.allocations(1).lot_revision(), 4u);
}

TEST(Returns, DoNotAskAgainForPointsThatExpired) {
  L ledger(
      Head() +
      "accrual_rules:\n- {rule_id: base, expiry: {after_days: 30}, per_money: {points: 1, per_micros: 1000000}}\n");
  ASSERT_TRUE(ledger.Submit({L::Open(kDay1), L::Buy(kDay1, {{50 * kUnit}}, "i1"), L::Adjust(kDay1, 20)}).ok());
  const auto reversed = Reversed(ledger.Submit({L::Return(At("2024-03-01"), {{50 * kUnit}}, "i1")}));
  EXPECT_EQ(reversed.points_due(), 50);
  EXPECT_EQ(reversed.points(), 0);
  EXPECT_EQ(ledger.state().available_points(), 20);
}

TEST(Returns, UnderOnlyPendingTakeNothingThatHasBecomeAvailable) {
  L ledger(Head() +
           "return_policy: only_pending\naccrual_rules:\n- {rule_id: base, pending_days: 14, per_money: {points: 1, "
           "per_micros: 1000000}}\n");
  ASSERT_TRUE(
      ledger
          .Submit({L::Open(kDay1), L::Buy(kDay1, {{50 * kUnit}}, "i1"), L::Buy(At("2024-01-10"), {{30 * kUnit}}, "i2")})
          .ok());
  const auto late = Reversed(ledger.Submit({L::Return(At("2024-01-15"), {{50 * kUnit}}, "i1")}));
  EXPECT_EQ(late.points_due(), 50);
  EXPECT_EQ(late.points(), 0);
  const auto timely = Reversed(ledger.Submit({L::Return(At("2024-01-15"), {{30 * kUnit}}, "i2")}));
  EXPECT_EQ(timely.points(), 30);
  EXPECT_TRUE(timely.allocations(0).pending());
}

TEST(Returns, OfMoreThanWasBoughtAreRefused) {
  L ledger(Head());
  ASSERT_TRUE(ledger.Submit({L::Open(kDay1), L::Buy(kDay1, {{10 * kUnit, 2}, {5 * kUnit, 1}}, "i1")}).ok());
  const auto reason = [&](std::vector<TestLine> lines) {
    return ReasonOf(ledger.Submit({L::Return(kDay1, std::move(lines), "i1")}).status());
  };
  EXPECT_EQ(reason({{10 * kUnit, 3, "", 1}}), Reason::kReturnExceedsPurchase);
  EXPECT_EQ(reason({{10 * kUnit + 1, 2, "", 1}}), Reason::kReturnExceedsPurchase);
  EXPECT_EQ(reason({{1, 1, "", 3}}), Reason::kReturnExceedsPurchase);
  EXPECT_EQ(reason({{1, 1, "", 1}, {1, 2, "", 1}}), Reason::kReturnExceedsPurchase) << "lines of one return add up";
  EXPECT_EQ(reason({{1, 1, "", 0}}), Reason::kInvalidField) << "which of the two lines?";
  ASSERT_TRUE(ledger.Submit({L::Return(kDay1, {{10 * kUnit, 2, "", 1}}, "i1")}).ok());
  EXPECT_EQ(reason({{0, 1, "", 1}}), Reason::kReturnExceedsPurchase) << "nothing is left to come back";
  EXPECT_TRUE(ledger.Submit({L::Return(kDay1, {{5 * kUnit, 1, "", 2}}, "i1")}).ok());
}

TEST(Returns, InAnotherCurrencyThanThePurchaseAreRefused) {
  L ledger(Head());
  ASSERT_TRUE(ledger.Submit({L::Open(kDay1), L::Buy(kDay1, {{10 * kUnit}}, "i1")}).ok());
  EXPECT_EQ(ReasonOf(ledger.Submit({L::Return(kDay1, {{kUnit}}, "i1", "EUR")}).status()), Reason::kInvalidField);
}

TEST(Returns, OfAnotherAccountsPurchaseAreRefused) {
  L ledger(Head());
  ASSERT_TRUE(ledger.Submit({L::Open(kDay1), L::Buy(kDay1, {{10 * kUnit}}, "i1")}).ok());
  DecideInput input;
  input.account_id = "other";
  input.facts = {L::Open(kDay1), L::Return(kDay1, {{kUnit}}, "i1")};
  input.purchases[{"shop", "i1"}] = ledger.Find("i1", "acme");
  EXPECT_EQ(ReasonOf(Decide(AccountState(), input, ledger.programs()).status()), Reason::kPurchaseOfOtherAccount);
}

TEST(Returns, OfAnUnknownPurchaseTakeWhatTheLinesWouldHaveEarnedFromTheNewestLots) {
  L ledger(Head() + kOnePerUnit);
  ASSERT_TRUE(ledger.Submit({L::Open(kDay1), L::Adjust(kDay1, 8), L::Adjust(kDay1, 8)}).ok());
  const auto events = ledger.Submit({L::Return(kDay1, {{10 * kUnit}}, "never seen")});
  const auto reversed = Reversed(events);
  EXPECT_FALSE((*events)[0].event.purchase_returned().has_purchase_revision());
  EXPECT_FALSE(reversed.has_purchase_revision());
  EXPECT_EQ(reversed.points_due(), 10);
  ASSERT_EQ(reversed.allocations_size(), 2);
  EXPECT_EQ(reversed.allocations(0).lot_revision(), 2u);
  EXPECT_EQ(reversed.allocations(0).points(), 8);
  EXPECT_EQ(reversed.allocations(1).points(), 2);
  EXPECT_EQ(ledger.state().metrics.at("USD").returned_ever.micros, 10 * kUnit) << "net figures fall";
}

TEST(Returns, LowerNetSpendAtTheirOwnTime) {
  L ledger(Head());
  ASSERT_TRUE(ledger
                  .Submit({L::Open(kDay1), L::Buy(kDay1, {{10 * kUnit}}, "i1"),
                           L::Return(At("2024-01-03"), {{4 * kUnit}}, "i1")})
                  .ok());
  const MetricSeries& series = ledger.state().metrics.at("USD");
  EXPECT_EQ(series.bought, (std::vector<MetricSlot>{{kDay1 / kMetricSlotMicros, MetricSums{10 * kUnit, 0, 1, 1}}}));
  EXPECT_EQ(series.returned,
            (std::vector<MetricSlot>{{At("2024-01-03") / kMetricSlotMicros, MetricSums{4 * kUnit, 0, 1, 1}}}));
}

}  // namespace
}  // namespace keyledger::domain
