// Tiers by rules: what can be measured, over which windows, and how reviews, grace and locks move an account.
#include "tests/unit/domain/account_ledger.h"

namespace keyledger::domain {
namespace {

using L = AccountLedger;

// A ladder of two tiers, the upper one entered by a rule of one condition. `rest`: further fields of the ladder.
std::string OneRule(const std::string& condition, const std::string& rest = "review_period: month") {
  return "tier_ladder:\n  ladder_id: standing\n  " + rest +
         "\n  tiers:\n  - {tier_id: low}\n  - {tier_id: high, entrance_rule: {any_of: [{all_of: [{" + condition +
         "}]}]}}\n";
}

// A ladder by net spend of the calendar month: silver from 100, kept with 50; gold from 500, kept with 300.
std::string Spend(const std::string& rest = "") {
  return "tier_ladder:\n  ladder_id: standing\n  metric: net_spend\n  window: {calendar_period: month}\n"
         "  review_period: month\n" +
         rest +
         "  tiers:\n  - {tier_id: bronze}\n"
         "  - {tier_id: silver, entrance: 100000000, maintenance: 50000000}\n"
         "  - {tier_id: gold, entrance: 500000000, maintenance: 300000000}\n";
}

Fact BuyAtCost(Micros at, int64_t units, int64_t money, int64_t cost, const std::string& invoice = "") {
  Fact fact = L::Buy(at, {{money * kUnit, units}}, invoice);
  auto* line = fact.event.mutable_purchase_recorded()->mutable_lines(0);
  line->mutable_cost()->set_currency_code("USD");
  line->mutable_cost()->set_micros(cost * kUnit);
  return fact;
}

Fact Lock(Micros at, const std::string& tier, Micros until = kNever, const std::string& ladder = "standing") {
  Fact fact{{}, at};
  fact.event.mutable_tier_locked()->set_ladder_id(ladder);
  fact.event.mutable_tier_locked()->set_tier_id(tier);
  fact.event.mutable_tier_locked()->set_reason("strategic");
  if (until != kNever) SetTimestamp(fact.event.mutable_tier_locked()->mutable_until(), until);
  return fact;
}

Fact Unlock(Micros at) {
  Fact fact{{}, at};
  fact.event.mutable_tier_unlocked()->set_ladder_id("standing");
  fact.event.mutable_tier_unlocked()->set_reason("no longer needed");
  return fact;
}

const Micros kDay1 = At("2024-01-10");

// The tier after the facts.
std::string TierAfter(const std::string& program, const std::vector<Fact>& facts) {
  L ledger(Head() + program);
  for (const Fact& fact : facts) {
    const auto events = ledger.Submit({fact});
    EXPECT_TRUE(events.ok()) << events.status();
  }
  return ledger.state().tier.tier_id;
}

// What of 10 units for 100 that cost 60, of which 4 for 40 came back, the metric makes: the largest threshold that is
// met.
bool IsAtLeast(const std::string& metric, int64_t threshold) {
  return TierAfter(
             OneRule("metric: " + metric + ", window: {rolling_days: 30}, at_least: " + std::to_string(threshold)),
             {L::Open(kDay1), BuyAtCost(kDay1, 10, 100, 60, "i1"), L::Return(kDay1, {{40 * kUnit, 4}}, "i1"),
              Declare(kDay1, "k", "v")}) == "high";
}

TEST(Metrics, OfGrossFiguresCountWhatWasBoughtWhateverCameBack) {
  const std::vector<std::pair<std::string, int64_t>> expected = {
      {"gross_spend", 100 * kUnit}, {"gross_profit", 40 * kUnit}, {"gross_units", 10}, {"purchase_count", 1}};
  for (const auto& [metric, value] : expected) {
    EXPECT_TRUE(IsAtLeast(metric, value)) << metric;
    EXPECT_FALSE(IsAtLeast(metric, value + 1)) << metric;
  }
}

TEST(Metrics, OfReturnsFallAtTheReturn) {
  // Entered at the purchase, lost at the review that sees the return.
  const auto after_review = [](const std::string& metric, int64_t threshold) {
    L ledger(Head() +
             OneRule("metric: " + metric + ", window: {rolling_days: 60}, at_least: " + std::to_string(threshold)));
    EXPECT_TRUE(ledger
                    .Submit({L::Open(kDay1), BuyAtCost(kDay1, 10, 100, 60, "i1"),
                             L::Return(kDay1 + kMicrosPerDay, {{40 * kUnit, 4}}, "i1")})
                    .ok());
    EXPECT_EQ(ledger.state().tier.tier_id, "high");
    ledger.AdvanceTo(At("2024-02-01"));
    return ledger.state().tier.tier_id;
  };
  EXPECT_EQ(after_review("net_spend", 60 * kUnit), "high");
  EXPECT_EQ(after_review("net_spend", 60 * kUnit + 1), "low");
  EXPECT_EQ(after_review("net_units", 6), "high");
  EXPECT_EQ(after_review("net_units", 7), "low");
  EXPECT_EQ(after_review("net_profit", 24 * kUnit), "high") << "100 - 60 - (40 - 24)";
  EXPECT_EQ(after_review("net_profit", 24 * kUnit + 1), "low");
  EXPECT_EQ(after_review("gross_spend", 100 * kUnit), "high");
  EXPECT_EQ(after_review("net_purchase_count", 1), "high") << "some of it is still there";
}

TEST(Metrics, CountAPurchaseAsGoneWhenEverythingHasComeBack) {
  L ledger(Head() + OneRule("metric: net_purchase_count, window: {rolling_days: 60}, at_least: 1"));
  ASSERT_TRUE(ledger
                  .Submit({L::Open(kDay1), L::Buy(kDay1, {{10 * kUnit, 2}, {5 * kUnit, 1}}, "i1"),
                           L::Return(kDay1, {{10 * kUnit, 2, "", 1}}, "i1")})
                  .ok());
  EXPECT_FALSE(ledger.log().back().event.purchase_returned().completes_purchase());
  const auto events = ledger.Submit({L::Return(kDay1, {{5 * kUnit, 1, "", 2}}, "i1")});
  ASSERT_TRUE(events.ok());
  EXPECT_TRUE((*events)[0].event.purchase_returned().completes_purchase());
  ledger.AdvanceTo(At("2024-02-01"));
  EXPECT_EQ(ledger.state().tier.tier_id, "low");
}

TEST(Metrics, TakeTheCostOfReturnedGoodsFromThePurchaseWithoutLosingAnyInParts) {
  L ledger(Head());
  ASSERT_TRUE(ledger.Submit({L::Open(kDay1), BuyAtCost(kDay1, 3, 30, 10, "i1")}).ok());
  const int64_t expected[] = {3'333'333, 3'333'333, 3'333'334};
  for (const int64_t cost : expected) {
    const auto events = ledger.Submit({L::Return(kDay1, {{10 * kUnit, 1}}, "i1")});
    ASSERT_TRUE(events.ok());
    EXPECT_EQ((*events)[0].event.purchase_returned().lines(0).cost().micros(), cost);
  }
  EXPECT_EQ(ledger.state().metrics.at("USD").returned_ever.cost_micros, 10 * kUnit);
}

TEST(Metrics, TakeTheCostOfReturnedGoodsFromTheClientOnlyWhenNoPurchaseIsNamed) {
  const auto with_cost = [](Fact fact) {
    auto* line = fact.event.mutable_purchase_returned()->mutable_lines(0);
    line->mutable_cost()->set_currency_code("USD");
    line->mutable_cost()->set_micros(kUnit);
    return fact;
  };
  L ledger(Head());
  ASSERT_TRUE(ledger.Submit({L::Open(kDay1), L::Buy(kDay1, {{10 * kUnit}}, "i1")}).ok());
  const auto refused = ledger.Submit({with_cost(L::Return(kDay1, {{kUnit}}, "i1"))});
  EXPECT_EQ(ReasonOf(refused.status()), Reason::kInvalidField);
  EXPECT_EQ(FieldsOf(refused.status())[0].first, "events[0].purchase_returned.lines[0].cost");
  ASSERT_TRUE(ledger.Submit({with_cost(L::Return(kDay1, {{kUnit}}))}).ok());
  EXPECT_EQ(ledger.state().metrics.at("USD").returned_ever.cost_micros, kUnit);
}

TEST(Metrics, KnowTenureAndTheDaysSinceTheLastPurchaseInLocalDays) {
  const auto at_review = [](const std::string& condition, const std::string& review) {
    L ledger(Head("America/New_York") + OneRule(condition));
    // 23:30 on 9 January in New York.
    EXPECT_TRUE(ledger.Submit({L::Open(At("2024-01-10T04:30:00Z")), L::Buy(At("2024-01-10T04:30:00Z"), {{1}})}).ok());
    ledger.AdvanceTo(At(review));
    return ledger.state().tier.tier_id;
  };
  // The last day before the review is 31 January: 22 days after the 9th.
  EXPECT_EQ(at_review("metric: tenure_days, at_least: 22", "2024-02-01T05:00:00Z"), "high");
  EXPECT_EQ(at_review("metric: tenure_days, at_least: 23", "2024-02-01T05:00:00Z"), "low");
  EXPECT_EQ(at_review("metric: tenure_days, at_least: 23", "2024-03-01T05:00:00Z"), "high")
      << "time alone raises it, at the next review";
  EXPECT_EQ(at_review("metric: days_since_last_purchase, at_most: 22", "2024-02-01T05:00:00Z"), "high");
  EXPECT_EQ(at_review("metric: days_since_last_purchase, at_most: 21", "2024-02-01T05:00:00Z"), "low");
  EXPECT_EQ(TierAfter(OneRule("metric: days_since_last_purchase, at_most: 1000"), {L::Open(kDay1)}), "low")
      << "who never bought has no last purchase";
}

TEST(Metrics, MeasureTheShareOfADeclaredBudgetInThousandths) {
  const std::string program =
      OneRule("metric: wallet_share_milli, window: {calendar_period: month}, fact_key: budget, at_least: 333");
  EXPECT_EQ(TierAfter(program, {L::Open(kDay1), Declare(kDay1, "budget", "3000000"), L::Buy(kDay1, {{999'000}})}),
            "high");
  EXPECT_EQ(TierAfter(program, {L::Open(kDay1), Declare(kDay1, "budget", "3000000"), L::Buy(kDay1, {{998'999}})}),
            "low");
  EXPECT_EQ(TierAfter(program, {L::Open(kDay1), L::Buy(kDay1, {{999'000}}), Declare(kDay1, "budget", "3000000")}),
            "high")
      << "the fact may come later";
  for (const char* budget : {"0", "-5", "3e6", "much", "99999999999999999999"}) {
    EXPECT_EQ(TierAfter(program, {L::Open(kDay1), Declare(kDay1, "budget", budget), L::Buy(kDay1, {{999'000}})}), "low")
        << budget;
  }
}

TEST(Metrics, CompareDeclaredFactsThatAreWholeNumbers) {
  const std::string program = OneRule("metric: fact, fact_key: strategic_score, at_least: 70");
  EXPECT_EQ(TierAfter(program, {L::Open(kDay1), Declare(kDay1, "strategic_score", "70")}), "high");
  EXPECT_EQ(TierAfter(program, {L::Open(kDay1), Declare(kDay1, "strategic_score", "69")}), "low");
  EXPECT_EQ(TierAfter(program, {L::Open(kDay1), Declare(kDay1, "strategic_score", "high")}), "low");
  EXPECT_EQ(TierAfter(program, {L::Open(kDay1)}), "low");
}

TEST(Metrics, OfALifetimeReachBackBeyondTheHorizon) {
  L ledger(Head() + OneRule("metric: net_spend, window: {lifetime: true}, at_least: 100000000"));
  ASSERT_TRUE(ledger.Submit({L::Open(At("2010-01-01")), L::Buy(At("2010-01-01"), {{60 * kUnit}})}).ok());
  const auto events = ledger.Submit({L::Buy(At("2024-01-01"), {{40 * kUnit}})});
  ASSERT_TRUE(events.ok());
  ASSERT_EQ(L::Kinds(*events), "purchase_recorded tier_assigned");
  const auto& met = (*events)[1].event.tier_assigned().met(0);
  EXPECT_EQ(met.value(), 100 * kUnit);
  EXPECT_FALSE(met.has_window_start());
  EXPECT_TRUE(ledger.AdvanceTo(At("2054-01-01")).empty()) << "a lifetime's spend is not lost";
}

TEST(MembershipYear, BeginsOnTheDayOfOpeningAndOn28FebruaryWhereThereIsNo29th) {
  const auto kept_with_purchase_at = [](const std::string& time) {
    L ledger(Head("Europe/Berlin") + OneRule("metric: gross_spend, window: {membership_year: true}, at_least: 1000000",
                                             "review_membership_year: true"));
    EXPECT_TRUE(ledger.Submit({L::Open(At("2024-02-29T15:00:00Z")), L::Buy(At("2024-03-01"), {{kUnit}})}).ok());
    // The review of the first year, on 28 February 2025 in Berlin.
    EXPECT_TRUE(ledger.AdvanceTo(At("2025-02-27T23:00:00Z")).empty());
    EXPECT_TRUE(ledger.Submit({L::Buy(At(time), {{kUnit}})}).ok());
    ledger.AdvanceTo(At("2026-02-27T23:00:00Z"));
    return ledger.state().tier.tier_id;
  };
  EXPECT_EQ(kept_with_purchase_at("2025-02-27T23:00:00Z"), "high") << "the first moment of the second year";
  EXPECT_EQ(kept_with_purchase_at("2025-12-31T00:00:00Z"), "high");
  L late(Head("Europe/Berlin") + OneRule("metric: gross_spend, window: {membership_year: true}, at_least: 1000000",
                                         "review_membership_year: true"));
  ASSERT_TRUE(late.Submit({L::Open(At("2024-02-29T15:00:00Z")), L::Buy(At("2025-02-27T22:59:59Z"), {{kUnit}})}).ok());
  EXPECT_EQ(late.state().tier.tier_id, "high");
  late.AdvanceTo(At("2026-02-27T23:00:00Z"));
  EXPECT_EQ(late.state().tier.tier_id, "low") << "that was the last moment of the first year";
  const auto history = late.log().back();
  EXPECT_EQ(MicrosOf(history.event.tier_assigned().missed(0).window_start()), At("2025-02-27T23:00:00Z"));
  EXPECT_EQ(MicrosOf(history.event.tier_assigned().missed(0).window_end()), At("2026-02-27T23:00:00Z"));
}

TEST(RollingDays, AreLocalDaysAlsoWhenTheClockChanges) {
  // 31 March 2024 has 23 hours in Berlin, 27 October 25.
  const auto window_start = [](const std::string& at) {
    L ledger(Head("Europe/Berlin") + OneRule("metric: gross_spend, window: {rolling_days: 2}, at_least: 1"));
    const auto events = ledger.Submit({L::Open(At("2024-01-01")), L::Buy(At(at), {{kUnit}})});
    EXPECT_TRUE(events.ok());
    return MicrosOf(events->back().event.tier_assigned().met(0).window_start());
  };
  EXPECT_EQ(window_start("2024-03-31T12:00:00Z"), At("2024-03-29T23:00:00Z"));
  EXPECT_EQ(window_start("2024-04-01T12:00:00Z"), At("2024-03-30T23:00:00Z"));
  EXPECT_EQ(window_start("2024-10-27T12:00:00Z"), At("2024-10-25T22:00:00Z"));
  EXPECT_EQ(window_start("2024-10-28T12:00:00Z"), At("2024-10-26T22:00:00Z"));
}

TEST(Reviews, RaiseWhereTheLadderSaysSo) {
  L ledger(Head() + Spend("  upgrade: at_review\n"));
  const auto events = ledger.Submit({L::Open(kDay1), L::Buy(kDay1, {{500 * kUnit}})});
  ASSERT_TRUE(events.ok());
  EXPECT_EQ(L::Kinds(*events), "account_opened tier_assigned purchase_recorded");
  EXPECT_EQ(ledger.state().tier.tier_id, "bronze");
  EXPECT_EQ(NextDue(ledger.state(), ledger.programs()), At("2024-02-01"));
  const auto reviewed = ledger.AdvanceTo(At("2024-02-01"));
  ASSERT_EQ(L::Kinds(reviewed), "tier_assigned");
  EXPECT_EQ(reviewed[0].event.tier_assigned().tier_id(), "gold");
  EXPECT_EQ(reviewed[0].event.tier_assigned().reason(), events::v1::TIER_ASSIGNMENT_REASON_UPGRADE);
  EXPECT_EQ(reviewed[0].occurred, At("2024-02-01"));
}

TEST(Reviews, LowerByOneStepWhereTheLadderSaysSo) {
  L ledger(Head() + Spend("  downgrade: one_step\n"));
  ASSERT_TRUE(ledger.Submit({L::Open(kDay1), L::Buy(kDay1, {{500 * kUnit}})}).ok());
  const auto events = ledger.AdvanceTo(At("2024-04-01"));
  ASSERT_EQ(L::Kinds(events), "tier_assigned tier_assigned");
  EXPECT_EQ(events[0].event.tier_assigned().tier_id(), "silver");
  EXPECT_EQ(events[0].occurred, At("2024-03-01"));
  EXPECT_TRUE(events[0].event.tier_assigned().met().empty()) << "nothing keeps silver";
  EXPECT_EQ(events[0].event.tier_assigned().missed(0).threshold(), 300 * kUnit);
  EXPECT_EQ(events[1].event.tier_assigned().tier_id(), "bronze");
  EXPECT_EQ(events[1].occurred, At("2024-04-01"));
}

TEST(Reviews, ComeOnTheAnniversaryOfTheTierClampedToTheMonth) {
  L ledger(Head() +
           OneRule("metric: net_spend, window: {rolling_days: 10}, at_least: 1000000", "review_tier_months: 1"));
  ASSERT_TRUE(ledger.Submit({L::Open(At("2024-01-10")), L::Buy(At("2024-01-31T17:00:00Z"), {{kUnit}})}).ok());
  EXPECT_EQ(NextDue(ledger.state(), ledger.programs()), At("2024-02-29")) << "31 January and a month";
  ASSERT_TRUE(ledger.Submit({L::Buy(At("2024-02-25"), {{kUnit}})}).ok());
  EXPECT_TRUE(ledger.AdvanceTo(At("2024-02-29")).empty()) << "kept";
  EXPECT_EQ(NextDue(ledger.state(), ledger.programs(), At("2024-02-29")), At("2024-03-31"))
      << "counted from the day the tier was given, not from the last review";
}

TEST(Reviews, ComeOnTheProgramsDate) {
  const auto next = [](const std::string& date, const std::string& after) {
    L ledger(Head() + OneRule("metric: net_spend, window: {rolling_days: 400}, at_least: 1", "review_date: " + date));
    EXPECT_TRUE(ledger.Submit({L::Open(At(after)), Lock(At(after), "high", At(after) + 1)}).ok());
    return NextDue(ledger.state(), ledger.programs());
  };
  EXPECT_EQ(next("{month: 4, day: 1}", "2024-03-31"), At("2024-04-01"));
  EXPECT_EQ(next("{month: 4, day: 1}", "2024-04-01"), At("2025-04-01"));
  EXPECT_EQ(next("{month: 2, day: 29}", "2024-12-31"), At("2025-02-28"));
  EXPECT_EQ(next("{month: 2, day: 29}", "2023-12-31"), At("2024-02-29"));
}

TEST(Grace, KeepsTheTierAndCountsWhatIsBoughtMeanwhile) {
  for (const bool buys : {false, true}) {
    L ledger(Head() + Spend("  grace_days: 10\n"));
    ASSERT_TRUE(
        ledger.Submit({L::Open(kDay1), L::Buy(kDay1, {{100 * kUnit}}), L::Buy(At("2024-02-10"), {{30 * kUnit}})}).ok());
    auto events = ledger.AdvanceTo(At("2024-03-01"));
    ASSERT_EQ(L::Kinds(events), "tier_grace_started");
    const auto& started = events[0].event.tier_grace_started();
    EXPECT_EQ(started.tier_id(), "silver");
    EXPECT_EQ(MicrosOf(started.until()), At("2024-03-11"));
    EXPECT_EQ(started.missed(0).value(), 30 * kUnit);
    EXPECT_EQ(ledger.state().tier.tier_id, "silver");
    EXPECT_EQ(NextDue(ledger.state(), ledger.programs()), At("2024-03-11"));
    if (buys) {
      ASSERT_TRUE(ledger.Submit({L::Buy(At("2024-03-10T23:00:00Z"), {{20 * kUnit}})}).ok());
    }
    events = ledger.AdvanceTo(At("2024-03-11"));
    if (buys) {
      EXPECT_TRUE(events.empty()) << "30 in February and 20 in the grace keep it";
      EXPECT_EQ(ledger.state().tier.tier_id, "silver");
      events = ledger.AdvanceTo(At("2024-04-01"));
      EXPECT_EQ(L::Kinds(events), "tier_grace_started") << "March is judged like any other month";
    } else {
      ASSERT_EQ(L::Kinds(events), "tier_assigned");
      EXPECT_EQ(events[0].event.tier_assigned().reason(), events::v1::TIER_ASSIGNMENT_REASON_GRACE_ENDED);
      EXPECT_EQ(events[0].event.tier_assigned().tier_id(), "bronze");
      EXPECT_EQ(MicrosOf(events[0].event.tier_assigned().missed(0).window_start()), At("2024-02-01"));
      EXPECT_EQ(MicrosOf(events[0].event.tier_assigned().missed(0).window_end()), At("2024-03-11"));
    }
  }
}

TEST(Grace, HoldsNoReviewWithinItNorAtItsEnd) {
  L ledger(Head() + Spend("  grace_days: 31\n"));
  ASSERT_TRUE(ledger.Submit({L::Open(kDay1), L::Buy(kDay1, {{100 * kUnit}})}).ok());
  const auto events = ledger.AdvanceTo(At("2024-06-01"));
  ASSERT_EQ(L::Kinds(events), "tier_grace_started tier_assigned");
  EXPECT_EQ(events[0].occurred, At("2024-03-01"));
  EXPECT_EQ(events[1].occurred, At("2024-04-01"));
}

TEST(Rules, MeasureAtMostSixtyFourDifferentThings) {
  const auto mistakes = [](int measures) {
    std::string conditions;
    for (int days = 1; days <= measures; ++days) {
      conditions += days == 1 ? "" : days % 10 == 1 ? "]}, {all_of: [" : ", ";
      conditions += "{metric: net_units, window: {rolling_days: " + std::to_string(days) + "}, at_least: 1}";
    }
    return ParseProgramYaml(
               Head() +
               "tier_ladder:\n  ladder_id: standing\n  review_period: month\n  tiers:\n  - {tier_id: low}\n"
               "  - {tier_id: high, entrance_rule: {any_of: [{all_of: [" +
               conditions + "]}]}}\n")
        .findings;
  };
  EXPECT_TRUE(mistakes(63).empty());
  EXPECT_TRUE(mistakes(64).empty());
  const auto findings = mistakes(65);
  ASSERT_EQ(findings.size(), 1);
  EXPECT_EQ(
      findings[0].message,
      "its rules measure 65 different things (metric, window, fact_key, growth, periods); at most 64 are allowed");
}

TEST(Grace, MeasuresWhatIsOlderThanAnyWindowByThen) {
  // The window of the review of 1 January 2024 begins on 31 December 2020, and is extended by the grace.
  L ledger(Head() + OneRule("metric: net_spend, window: {rolling_days: 1096}, at_least: 100000000",
                            "review_period: year\n  grace_days: 90"));
  ASSERT_TRUE(ledger
                  .Submit({L::Open(At("2020-01-01")), L::Buy(At("2020-12-01"), {{50 * kUnit}}),
                           L::Buy(At("2021-01-05"), {{60 * kUnit}})})
                  .ok());
  ASSERT_EQ(ledger.state().tier.tier_id, "high");
  ASSERT_EQ(L::Kinds(ledger.AdvanceTo(At("2024-01-01"))), "tier_grace_started");
  ASSERT_TRUE(ledger.Submit({L::Buy(At("2024-03-20"), {{40 * kUnit}})}).ok());
  EXPECT_TRUE(ledger.AdvanceTo(At("2024-03-31")).empty()) << "60 in January 2021 and 40 in the grace keep it";
  EXPECT_EQ(ledger.state().tier.tier_id, "high");
}

TEST(TierLock, HoldsTheTierAgainstRisesAndReviewsUntilItEnds) {
  L ledger(Head() + Spend());
  auto events = ledger.Submit({L::Open(kDay1), Lock(kDay1, "silver", At("2024-04-01"))});
  ASSERT_TRUE(events.ok()) << events.status();
  ASSERT_EQ(L::Kinds(*events), "account_opened tier_assigned tier_locked tier_assigned");
  EXPECT_EQ((*events)[3].event.tier_assigned().tier_id(), "silver");
  EXPECT_EQ((*events)[3].event.tier_assigned().reason(), events::v1::TIER_ASSIGNMENT_REASON_LOCKED);
  ASSERT_TRUE(ledger.Submit({L::Buy(At("2024-02-02"), {{900 * kUnit}})}).ok());
  EXPECT_EQ(ledger.state().tier.tier_id, "silver") << "no rise";
  EXPECT_TRUE(ledger.AdvanceTo(At("2024-04-01") - 1).empty()) << "no fall";
  EXPECT_EQ(NextDue(ledger.state(), ledger.programs()), At("2024-04-01"));
  events = ledger.AdvanceTo(At("2024-04-01"));
  EXPECT_EQ(L::Kinds(*events), "tier_assigned") << "the review at the lock's end is held";
  EXPECT_EQ(ledger.state().tier.tier_id, "bronze");
}

TEST(TierLock, EndsWithUnlockAndGivesWhatWasEarnedMeanwhile) {
  L ledger(Head() + Spend());
  ASSERT_TRUE(ledger.Submit({L::Open(kDay1), Lock(kDay1, "bronze"), L::Buy(kDay1, {{600 * kUnit}})}).ok());
  EXPECT_EQ(ledger.state().tier.tier_id, "bronze");
  EXPECT_EQ(NextDue(ledger.state(), ledger.programs()), kNever);
  const auto events = ledger.Submit({Unlock(kDay1 + 1)});
  ASSERT_TRUE(events.ok()) << events.status();
  EXPECT_EQ(L::Kinds(*events), "tier_unlocked tier_assigned");
  EXPECT_EQ(ledger.state().tier.tier_id, "gold");
  EXPECT_EQ(ReasonOf(ledger.Submit({Unlock(kDay1 + 2)}).status()), Reason::kTierNotLocked);
}

TEST(TierLock, OfWhatTheLadderDoesNotHaveIsRefused) {
  L ledger(Head() + Spend());
  ASSERT_TRUE(ledger.Submit({L::Open(kDay1)}).ok());
  EXPECT_EQ(ReasonOf(ledger.Submit({Lock(kDay1, "platinum")}).status()), Reason::kTierUnknown);
  EXPECT_EQ(ReasonOf(ledger.Submit({Lock(kDay1, "gold", kNever, "other")}).status()), Reason::kTierUnknown);
  const auto past = ledger.Submit({Lock(kDay1, "gold", kDay1)}).status();
  EXPECT_EQ(ReasonOf(past), Reason::kInvalidField);
  EXPECT_EQ(FieldsOf(past)[0].first, "events[0].tier_locked.until");
  EXPECT_EQ(ReasonOf(ledger.Submit({Lock(kDay1, "Gold")}).status()), Reason::kInvalidField);
  L bare(Head());
  ASSERT_TRUE(bare.Submit({L::Open(kDay1)}).ok());
  EXPECT_EQ(ReasonOf(bare.Submit({Lock(kDay1, "gold")}).status()), Reason::kTierUnknown);
}

TEST(Rules, HoldIfOneAlternativeDoesAndNameIt) {
  L ledger(Head() +
           "tier_ladder:\n  ladder_id: standing\n  review_period: year\n  tiers:\n  - {tier_id: low}\n"
           "  - tier_id: high\n    entrance_rule:\n      any_of:\n"
           "      - all_of:\n        - {metric: gross_spend, window: {rolling_days: 365}, at_least: 1000000000}\n"
           "      - all_of:\n        - {metric: purchase_count, window: {rolling_days: 365}, at_least: 2}\n"
           "        - {metric: fact, fact_key: score, at_least: 5}\n");
  ASSERT_TRUE(ledger.Submit({L::Open(kDay1), L::Buy(kDay1, {{1}}), L::Buy(kDay1, {{1}})}).ok());
  EXPECT_EQ(ledger.state().tier.tier_id, "low") << "only one of the two conditions";
  const auto events = ledger.Submit({Declare(kDay1, "score", "5")});
  ASSERT_TRUE(events.ok());
  ASSERT_EQ(L::Kinds(*events), "account_facts_updated tier_assigned");
  const auto& assigned = (*events)[1].event.tier_assigned();
  EXPECT_EQ(assigned.alternative(), 1u);
  ASSERT_EQ(assigned.met_size(), 2);
  EXPECT_EQ(assigned.met(0).value(), 2);
  EXPECT_EQ(assigned.met(1).fact_key(), "score");
  EXPECT_EQ(assigned.met(1).value(), 5);
}

TEST(Rules, JudgeGrowthAndEachPeriodAtReviews) {
  const auto at_end_of_march = [](const std::string& condition, std::vector<int64_t> months) {
    L ledger(Head() + OneRule(condition, "review_period: month\n  upgrade: at_review"));
    EXPECT_TRUE(ledger.Submit({L::Open(At("2024-01-01"))}).ok());
    const char* days[] = {"2024-01-15", "2024-02-15", "2024-03-15"};
    for (size_t i = 0; i < months.size(); ++i) {
      if (months[i] == 0) continue;
      EXPECT_TRUE(ledger.Submit({L::Buy(At(days[i]), {{months[i]}})}).ok());
    }
    ledger.AdvanceTo(At("2024-04-01"));
    return ledger.state().tier.tier_id;
  };
  const std::string growth = "metric: net_spend, window: {calendar_period: month}, growth: true, at_least: 200";
  EXPECT_EQ(at_end_of_march(growth, {500, 1000, 1200}), "high");
  EXPECT_EQ(at_end_of_march(growth, {1000, 1000, 1199}), "low") << "19.9 %, rounded down";
  EXPECT_EQ(at_end_of_march(growth, {0, 0, 1200}), "low") << "growth from nothing is not known";
  const std::string each = "metric: purchase_count, window: {calendar_period: month}, in_each_of_last: 3, at_least: 1";
  EXPECT_EQ(at_end_of_march(each, {1, 1, 1}), "high");
  EXPECT_EQ(at_end_of_march(each, {1, 0, 1}), "low");
  EXPECT_EQ(at_end_of_march("metric: purchase_count, window: {calendar_period: month}, in_each_of_last: 2, at_most: 0",
                            {1, 0, 0}),
            "high");
}

}  // namespace
}  // namespace keyledger::domain
