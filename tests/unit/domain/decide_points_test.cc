// Points earned, spent and adjusted.
#include <algorithm>

#include "tests/unit/domain/account_ledger.h"

namespace keyledger::domain {
namespace {

using L = AccountLedger;

const char kOnePerUnit[] = "accrual_rules:\n- rule_id: base\n  per_money: {points: 1, per_micros: 1000000}\n";

TEST(Accounts, MustBeOpenedFirst) {
  L ledger(Head());
  const auto refused = ledger.Submit({L::Redeem(At("2024-01-01"), 1)});
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReasonOf(refused.status()), Reason::kAccountNotFound);
}

TEST(Accounts, CannotBeOpenedTwice) {
  L ledger(Head());
  ASSERT_TRUE(ledger.Submit({L::Open(At("2024-01-01"))}).ok());
  EXPECT_EQ(ReasonOf(ledger.Submit({L::Open(At("2024-01-02"))}).status()), Reason::kAccountExists);
  EXPECT_EQ(ledger.state().next_revision, 1u);
}

TEST(Accounts, ThatAreClosedRefusePurchasesAndRedemptionsAndNothingElse) {
  L ledger(Head() + kOnePerUnit);
  ASSERT_TRUE(
      ledger.Submit({L::Open(At("2024-01-01")), L::Adjust(At("2024-01-01"), 10), L::Close(At("2024-01-02"))}).ok());
  const Micros later = At("2024-01-03");
  EXPECT_EQ(ReasonOf(ledger.Submit({L::Buy(later, {{kUnit}})}).status()), Reason::kAccountClosed);
  EXPECT_EQ(ReasonOf(ledger.Submit({L::Redeem(later, 1)}).status()), Reason::kAccountClosed);
  EXPECT_EQ(ReasonOf(ledger.Submit({L::Close(later)}).status()), Reason::kAccountClosed);
  EXPECT_TRUE(ledger.Submit({L::Return(later, {{kUnit}})}).ok());
  EXPECT_TRUE(ledger.Submit({L::Adjust(later, -1)}).ok());
  EXPECT_TRUE(ledger.Submit({L::Reopen(later)}).ok());
  EXPECT_EQ(ReasonOf(ledger.Submit({L::Reopen(later)}).status()), Reason::kAccountNotClosed);
  EXPECT_TRUE(ledger.Submit({L::Redeem(later, 1)}).ok());
}

TEST(Requests, AreDecidedWholeOrNotAtAll) {
  L ledger(Head());
  const auto refused =
      ledger.Submit({L::Open(At("2024-01-01")), L::Adjust(At("2024-01-01"), 5), L::Redeem(At("2024-01-01"), 6)});
  EXPECT_EQ(ReasonOf(refused.status()), Reason::kInsufficientPoints);
  EXPECT_NE(MessageOf(refused.status()).find("events[2]"), std::string::npos);
  EXPECT_EQ(ledger.state(), AccountState());
}

TEST(Accrual, GivesOneLotPerMatchingRuleWithItsEvidence) {
  L ledger(Head() +
           "accrual_rules:\n"
           "- {rule_id: base, per_money: {points: 1, per_micros: 1000000}}\n"
           "- {rule_id: tea, match: {categories: [tea]}, per_unit: {points: 3, per_units: 2}}\n"
           "- {rule_id: cups, match: {categories: [cups]}, per_unit: {points: 1, per_units: 1}}\n");
  const auto events = ledger.Submit(
      {L::Open(At("2024-01-01")), L::Buy(At("2024-01-05"), {{2 * kUnit, 3, "tea"}, {5 * kUnit, 1, "milk"}})});
  ASSERT_TRUE(events.ok()) << events.status();
  EXPECT_EQ(L::Kinds(*events), "account_opened purchase_recorded points_accrued points_accrued");
  const auto& base = (*events)[2].event.points_accrued();
  EXPECT_EQ(base.points(), 7);
  EXPECT_EQ(base.rule_id(), "base");
  EXPECT_EQ(base.purchase_revision(), 1u);
  EXPECT_EQ(base.matched_base(), 7 * kUnit);
  EXPECT_EQ(base.multiplier_milli(), 1000);
  EXPECT_EQ(base.tier_id(), "");
  EXPECT_FALSE(base.has_activate_time());
  EXPECT_FALSE(base.has_expire_time());
  const auto& tea = (*events)[3].event.points_accrued();
  EXPECT_EQ(tea.points(), 4) << "3 units at 3 points per 2 are 4.5, rounded down";
  EXPECT_EQ(tea.matched_base(), 3);
  ASSERT_EQ(tea.lines_size(), 1);
  EXPECT_EQ(tea.lines(0).line_number(), 1u);
  EXPECT_EQ((*events)[3].program_id, "test");
  EXPECT_EQ((*events)[3].program_version, 1u);
  EXPECT_EQ((*events)[3].fact_index, 1);
  EXPECT_TRUE((*events)[3].is_decision);
  EXPECT_EQ(ledger.state().available_points(), 11);
}

TEST(Accrual, RoundsOncePerRuleAndPurchaseAndSharesByLargestRemainder) {
  L ledger(Head() + "accrual_rules:\n- {rule_id: base, per_money: {points: 1, per_micros: 3000000}}\n");
  const auto events =
      ledger.Submit({L::Open(At("2024-01-01")), L::Buy(At("2024-01-05"), {{2 * kUnit}, {2 * kUnit}, {2 * kUnit}})});
  ASSERT_TRUE(events.ok());
  const auto& accrued = (*events)[2].event.points_accrued();
  EXPECT_EQ(accrued.points(), 2) << "6 / 3; line by line it would be none";
  ASSERT_EQ(accrued.lines_size(), 2) << "equal remainders go to the lower lines, a line without points is left out";
  EXPECT_EQ(accrued.lines(0).line_number(), 1u);
  EXPECT_EQ(accrued.lines(1).line_number(), 2u);
}

TEST(Accrual, RoundsAsTheRuleSays) {
  const auto points = [](const std::string& rounding, int64_t micros) {
    L ledger(Head() + "accrual_rules:\n- {rule_id: base, rounding: " + rounding +
             ", per_money: {points: 1, per_micros: 2000000}}\n");
    EXPECT_TRUE(ledger.Submit({L::Open(At("2024-01-01")), L::Buy(At("2024-01-05"), {{micros}})}).ok());
    return ledger.state().available_points();
  };
  EXPECT_EQ(points("down", 3 * kUnit), 1);
  EXPECT_EQ(points("up", 2 * kUnit + 1), 2);
  EXPECT_EQ(points("half_even", 3 * kUnit), 2);
  EXPECT_EQ(points("half_even", 5 * kUnit), 2);
  EXPECT_EQ(points("half_even", 5 * kUnit + 1), 3);
}

TEST(Accrual, MakesNoLotOfNoPoints) {
  L ledger(Head() + kOnePerUnit);
  const auto events = ledger.Submit({L::Open(At("2024-01-01")), L::Buy(At("2024-01-05"), {{kUnit - 1}})});
  ASSERT_TRUE(events.ok());
  EXPECT_EQ(L::Kinds(*events), "account_opened purchase_recorded");
}

TEST(Accrual, IgnoresAnotherCurrency) {
  L ledger(Head() + kOnePerUnit);
  const auto events =
      ledger.Submit({L::Open(At("2024-01-01")), L::Buy(At("2024-01-05"), {{9 * kUnit}}, "", "", "EUR")});
  ASSERT_TRUE(events.ok());
  EXPECT_EQ(L::Kinds(*events), "account_opened purchase_recorded");
  EXPECT_EQ(ledger.state().purchase_count, 1);
}

TEST(Accrual, MatchesTheRegionOfTheSaleAndElseOfTheAccount) {
  L ledger(Head() +
           "accrual_rules:\n- {rule_id: de, match: {regions: [EU/DE]}, per_money: {points: 1, per_micros: 1000000}}\n");
  ASSERT_TRUE(ledger.Submit({L::Open(At("2024-01-01"), "EU/DE/Berlin")}).ok());
  ASSERT_TRUE(ledger.Submit({L::Buy(At("2024-01-02"), {{1 * kUnit}})}).ok());
  EXPECT_EQ(ledger.state().available_points(), 1);
  ASSERT_TRUE(ledger.Submit({L::Buy(At("2024-01-02"), {{2 * kUnit}}, "", "EU/FR")}).ok());
  EXPECT_EQ(ledger.state().available_points(), 1);
  ASSERT_TRUE(ledger.Submit({L::Buy(At("2024-01-02"), {{4 * kUnit}}, "", "EU/DEX")}).ok());
  EXPECT_EQ(ledger.state().available_points(), 1) << "a region path is compared by segment";
}

TEST(Accrual, RefusesPointsThatLeaveTheirRange) {
  L ledger(Head() + "accrual_rules:\n- {rule_id: base, per_money: {points: 1000000, per_micros: 1}}\n");
  const auto refused = ledger.Submit({L::Open(At("2024-01-01")), L::Buy(At("2024-01-05"), {{9'000'000'000'000'000}})});
  EXPECT_EQ(ReasonOf(refused.status()), Reason::kArithmeticRange);
}

TEST(Purchases, RefuseASumThatLeavesTheRangeOfMoney) {
  L ledger(Head());
  ASSERT_TRUE(
      ledger.Submit({L::Open(At("2024-01-01")), L::Buy(At("2024-01-05"), {{8'999'999'999'999'999}, {1}})}).ok());
  EXPECT_EQ(ReasonOf(ledger.Submit({L::Buy(At("2024-01-05"), {{9'000'000'000'000'000}, {1}})}).status()),
            Reason::kArithmeticRange);
}

TEST(Redemption, TakesEarliestExpiryFirstThenTheEarlierLot) {
  L ledger(Head());
  const Micros day = At("2024-01-01");
  ASSERT_TRUE(ledger
                  .Submit({L::Open(day), L::Adjust(day, 5), L::Adjust(day, 5, At("2024-06-01")),
                           L::Adjust(day, 5, At("2024-03-01")), L::Adjust(day, 5, At("2024-03-01"))})
                  .ok());
  const auto events = ledger.Submit({L::Redeem(day, 17)});
  ASSERT_TRUE(events.ok());
  const auto& redeemed = (*events)[0].event.points_redeemed();
  ASSERT_EQ(redeemed.allocations_size(), 4);
  EXPECT_EQ(redeemed.allocations(0).lot_revision(), 3u);
  EXPECT_EQ(redeemed.allocations(1).lot_revision(), 4u);
  EXPECT_EQ(redeemed.allocations(2).lot_revision(), 2u);
  EXPECT_EQ(redeemed.allocations(3).lot_revision(), 1u);
  EXPECT_EQ(redeemed.allocations(3).points(), 2);
  EXPECT_EQ(ledger.state().available_points(), 3);
}

TEST(Redemption, TakesTheSameFromThousandsOfLotsAsFromAFew) {
  const Micros day1 = At("2024-01-01");
  const Micros late = At("2030-01-01");
  L ledger(Head());
  ASSERT_TRUE(ledger.Submit({L::Open(day1)}).ok());
  // Lots of 2 points each; the expiries go round and round, and every seventh lot never expires.
  std::vector<Fact> facts;
  for (int i = 0; i < 20'000; ++i) facts.push_back(L::Adjust(day1, 2, i % 7 == 0 ? kNever : late + i % 1000));
  ASSERT_TRUE(ledger.Submit(facts).ok());
  std::vector<std::pair<Micros, uint64_t>> order;
  for (const Lot& lot : ledger.state().lots) order.emplace_back(lot.expire, lot.revision);
  std::sort(order.begin(), order.end());
  const auto events = ledger.Submit(std::vector<Fact>(1000, L::Redeem(day1, 3)));
  ASSERT_TRUE(events.ok()) << events.status();
  // Three points are a lot and a half, in turn the first half and the second.
  for (size_t i = 0; i < 1000; ++i) {
    const auto& redeemed = (*events)[i].event.points_redeemed();
    ASSERT_EQ(redeemed.allocations_size(), 2);
    const size_t first = i * 3 / 2;
    ASSERT_EQ(redeemed.allocations(0).lot_revision(), order[first].second) << i;
    ASSERT_EQ(redeemed.allocations(0).points(), i % 2 == 0 ? 2 : 1) << i;
    ASSERT_EQ(redeemed.allocations(1).lot_revision(), order[first + 1].second) << i;
    ASSERT_EQ(redeemed.allocations(1).points(), i % 2 == 0 ? 1 : 2) << i;
  }
  const auto all = ledger.Submit({L::Redeem(day1, 37'000)});
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_EQ((*all)[0].event.points_redeemed().allocations_size(), 18'500);
  EXPECT_TRUE(ledger.state().lots.empty());
}

TEST(Redemption, RefusesMoreThanIsAvailableAndSaysHowMuchIs) {
  L ledger(Head() +
           "accrual_rules:\n- {rule_id: base, pending_days: 14, per_money: {points: 1, per_micros: 1000000}}\n");
  ASSERT_TRUE(
      ledger
          .Submit({L::Open(At("2024-01-01")), L::Adjust(At("2024-01-01"), 4), L::Buy(At("2024-01-01"), {{90 * kUnit}})})
          .ok());
  const auto refused = ledger.Submit({L::Redeem(At("2024-01-02"), 5)});
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(refused.status()), Reason::kInsufficientPoints);
  const std::vector<std::pair<std::string, std::string>> metadata = {{"available", "4"}, {"requested", "5"}};
  EXPECT_EQ(MetadataOf(refused.status()), metadata) << "pending points are not available";
  EXPECT_TRUE(ledger.Submit({L::Redeem(At("2024-01-02"), 4)}).ok());
}

TEST(Redemption, OfOneBalanceByManyLetsOnlyOneThrough) {
  L ledger(Head());
  ASSERT_TRUE(ledger.Submit({L::Open(At("2024-01-01")), L::Adjust(At("2024-01-01"), 100)}).ok());
  int accepted = 0;
  for (int i = 0; i < 20; ++i) accepted += ledger.Submit({L::Redeem(At("2024-01-02"), 100)}).ok() ? 1 : 0;
  EXPECT_EQ(accepted, 1);
}

TEST(Adjustment, AddsALotOrTakesFromAvailablePoints) {
  L ledger(Head());
  ASSERT_TRUE(ledger.Submit({L::Open(At("2024-01-01")), L::Adjust(At("2024-01-01"), 10, At("2025-01-01"))}).ok());
  const auto events = ledger.Submit({L::Adjust(At("2024-01-02"), -4)});
  ASSERT_TRUE(events.ok());
  EXPECT_EQ((*events)[0].event.points_adjusted().allocations(0).lot_revision(), 1u);
  EXPECT_EQ((*events)[0].event.points_adjusted().allocations(0).points(), 4);
  EXPECT_EQ(ledger.state().totals, (PointsTotals{10, 4, 0, 0}));
  EXPECT_EQ(ReasonOf(ledger.Submit({L::Adjust(At("2024-01-02"), -7)}).status()), Reason::kInsufficientPoints);
}

TEST(Limits, RefuseALotTooMany) {
  L ledger(Head());
  ASSERT_TRUE(ledger.Submit({L::Open(At("2024-01-01"))}).ok());
  std::vector<Fact> facts(kLotsMax, L::Adjust(At("2024-01-01"), 1));
  ASSERT_TRUE(ledger.Submit(facts).ok());
  EXPECT_EQ(ReasonOf(ledger.Submit({L::Adjust(At("2024-01-01"), 1)}).status()), Reason::kAccountLimit);
  EXPECT_TRUE(ledger.Submit({L::Redeem(At("2024-01-01"), 1), L::Adjust(At("2024-01-01"), 1)}).ok());
}

TEST(Limits, OfLotsDoNotKeepAnAccountBeyondThemFromWhatAddsNone) {
  L ledger(Head());
  const Micros day = At("2024-01-01");
  ASSERT_TRUE(ledger.Submit({L::Open(day)}).ok());
  ASSERT_TRUE(ledger.Submit(std::vector<Fact>(kLotsMax, L::Adjust(day, 1))).ok());
  // As a lot comes back that was held meanwhile.
  AccountState state = ledger.state();
  state.lots.push_back({state.next_revision, 1, 1, false, 0, kNever, day});
  state.totals.accrued += 1;
  state.next_revision += 1;
  Fact closed{{}, day};
  closed.event.mutable_account_closed()->set_reason("gone");
  EXPECT_TRUE(Decide(state, {"acme", {closed}, {}}, ledger.programs()).ok());
  EXPECT_EQ(ReasonOf(Decide(state, {"acme", {L::Adjust(day, 1)}, {}}, ledger.programs()).status()),
            Reason::kAccountLimit);
}

TEST(Limits, RefuseACurrencyTooMany) {
  const Micros day1 = At("2024-01-01");
  L ledger(Head());
  ASSERT_TRUE(ledger.Submit({L::Open(day1)}).ok());
  for (int i = 0; i < 16; ++i) {
    const std::string currency = std::string("XX") + static_cast<char>('A' + i);
    ASSERT_TRUE(ledger.Submit({L::Buy(day1, {{kUnit}}, "", "", currency)}).ok()) << currency;
  }
  EXPECT_EQ(ReasonOf(ledger.Submit({L::Buy(day1, {{kUnit}}, "", "", "USD")}).status()), Reason::kAccountLimit);
  EXPECT_EQ(ReasonOf(ledger.Submit({L::Return(day1, {{kUnit}}, "", "USD")}).status()), Reason::kAccountLimit);
  EXPECT_TRUE(ledger.Submit({L::Buy(day1, {{kUnit}}, "", "", "XXA")}).ok()) << "one it has already";
}

TEST(Limits, RefuseAFactTooMany) {
  L ledger(Head());
  ASSERT_TRUE(ledger.Submit({L::Open(At("2024-01-01"))}).ok());
  const auto update = [](int first, int count, bool remove) {
    Fact fact{{}, At("2024-01-01")};
    for (int i = first; i < first + count; ++i) {
      auto* added = fact.event.mutable_account_facts_updated()->add_set_facts();
      added->set_key("key_" + std::to_string(i));
      added->set_value("v");
    }
    if (remove) fact.event.mutable_account_facts_updated()->add_removed_keys("key_0");
    return fact;
  };
  ASSERT_TRUE(ledger.Submit({update(0, 256, false)}).ok());
  EXPECT_EQ(ReasonOf(ledger.Submit({update(256, 1, false)}).status()), Reason::kAccountLimit);
  EXPECT_TRUE(ledger.Submit({update(256, 1, true)}).ok());
}

TEST(Occurred, MustFitATimestamp) {
  L ledger(Head() +
           "accrual_rules:\n- {rule_id: base, expiry: {after_months: 1}, per_money: {points: 1, per_micros: 1}}\n");
  EXPECT_EQ(ReasonOf(ledger.Submit({L::Open(kTimeMax + 1)}).status()), Reason::kArithmeticRange);
  ASSERT_TRUE(ledger.Submit({L::Open(At("2024-01-01"))}).ok());
  EXPECT_EQ(ReasonOf(ledger.Submit({L::Buy(kTimeMax, {{kUnit}})}).status()), Reason::kArithmeticRange);
}

}  // namespace
}  // namespace keyledger::domain
