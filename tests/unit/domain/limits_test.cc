// Limits on what is granted and given: who may grant a discount, gifts, commissions and services per period.
#include "tests/unit/domain/conduct_facts.h"

namespace keyledger::domain {
namespace {

using L = AccountLedger;
using Strings = std::vector<std::string>;

const Micros kDay = At("2024-01-10");

std::string Authorities(const std::string& on_breach = "refuse") {
  return Limits("- limit_id: rebate\n  on_breach: " + on_breach +
                "\n  discounts:\n    authorities:\n"
                "    - {role: seller, max_percent_milli: 5000}\n"
                "    - {role: manager, max_percent_milli: 15000}\n"
                "    - {role: director, max_percent_milli: 30000}\n");
}

L Opened(const std::string& yaml, const std::string& region = "") {
  L ledger(yaml);
  EXPECT_TRUE(ledger.Submit({L::Open(At("2020-01-01"), region)}).ok());
  return ledger;
}

TEST(DiscountLimits, LetAProposerGoAsFarAsTheRoleMay) {
  L ledger = Opened(Authorities());
  EXPECT_EQ(Verdict(ledger.Submit({Discount(kDay, 4999, "seller")})), "ok");
  EXPECT_EQ(Verdict(ledger.Submit({Discount(kDay, 5000, "seller")})), "ok");
  EXPECT_EQ(Verdict(ledger.Submit({Discount(kDay, 5001, "seller")})),
            "exceeded rule=limits.rebate;program=test version 1;limit=5000;requested=5001;"
            "approver_roles=manager, director;");
}

TEST(DiscountLimits, AreMetByOneWhoConsentsAndHasTheAuthority) {
  L ledger = Opened(Authorities());
  EXPECT_EQ(Verdict(ledger.Submit({Discount(kDay, 15000, "seller", {{"manager", "m1"}})})), "ok");
  EXPECT_EQ(Verdict(ledger.Submit({Discount(kDay, 15001, "seller", {{"manager", "m1"}})})),
            "exceeded rule=limits.rebate;program=test version 1;limit=15000;requested=15001;approver_roles=director;");
  EXPECT_EQ(Verdict(ledger.Submit({Discount(kDay, 30000, "intern", {{"seller", "s1"}, {"director", "d1"}})})), "ok")
      << "one of those who consent is enough";
}

TEST(DiscountLimits, SayWhoCouldApproveOrThatNobodyCan) {
  L ledger = Opened(Authorities());
  const auto some = ledger.Submit({Discount(kDay, 12500, "intern")});
  EXPECT_EQ(MessageOf(some.status()),
            "events[0]: a discount of 12.5 % goes beyond the authority of those who propose and consent, which is 0 %; "
            "it needs the consent of one in the role of manager, director (limits.rebate of program test version 1)");
  const auto none = ledger.Submit({Discount(kDay, 30001, "director")});
  EXPECT_EQ(Verdict(none),
            "exceeded rule=limits.rebate;program=test version 1;limit=30000;requested=30001;approver_roles=;");
  EXPECT_EQ(MessageOf(none.status()),
            "events[0]: a discount of 30.001 % goes beyond the authority of those who propose and consent, which is "
            "30 %; no role may grant it (limits.rebate of program test version 1)");
}

TEST(DiscountLimits, ThatFlagRecordTheDiscountAndSayHowFarItWent) {
  L ledger = Opened(Authorities("flag"));
  EXPECT_EQ(FlagsOf(ledger.Submit({Discount(kDay, 5000, "seller")})), Strings{});
  EXPECT_EQ(FlagsOf(ledger.Submit({Discount(kDay, 5001, "seller")})),
            Strings{"rebate LIMIT_MEASURE_DISCOUNT_PERCENT_MILLI 5001>5000 of 2"});
}

TEST(GiftLimits, CountEachContactByItselfInThePeriodOfTheProgramsZone) {
  L ledger =
      Opened(Limits("- {limit_id: gifts, gifts: {scope: contact, period: month, max_times: 2, max_micros: "
                    "100000000}}\n",
                    "Asia/Shanghai"));
  const auto first = ledger.Submit({Gift(kDay, 60 * kUnit)});
  ASSERT_TRUE(first.ok()) << first.status();
  const auto& counts = first->front().event.gift_given().counts();
  ASSERT_EQ(counts.size(), 1);
  EXPECT_EQ(counts[0].counter(), "test/limits.gifts/li/month");
  EXPECT_EQ(MicrosOf(counts[0].period_start()), At("2023-12-31T16:00:00Z"));
  EXPECT_EQ(counts[0].micros_before(), 0);
  EXPECT_EQ(counts[0].times_before(), 0);
  EXPECT_EQ(counts[0].micros(), 60 * kUnit);
  EXPECT_EQ(Verdict(ledger.Submit({Gift(kDay, 40 * kUnit + 1)})),
            "exceeded rule=limits.gifts;program=test version 1;limit=100000000;requested=40000001;used=60000000;"
            "opens_time=2024-01-31T16:00:00Z;");
  EXPECT_EQ(Verdict(ledger.Submit({Gift(kDay, 40 * kUnit)})), "ok") << "the maximum itself may be given";
  const auto third = ledger.Submit({Gift(At("2024-01-31T15:59:59.999999Z"), 0)});
  EXPECT_EQ(Verdict(third),
            "exceeded rule=limits.gifts;program=test version 1;limit=2;requested=1;used=2;"
            "opens_time=2024-01-31T16:00:00Z;");
  EXPECT_EQ(MessageOf(third.status()),
            "events[0]: contact 'li' may be given 2 times in a month, and has been 2; the next month begins "
            "2024-01-31T16:00:00Z (limits.gifts of program test version 1)");
  EXPECT_EQ(Verdict(ledger.Submit({Gift(kDay, 100 * kUnit, "wang")})), "ok") << "another contact has its own";
  EXPECT_EQ(Verdict(ledger.Submit({Gift(At("2024-01-31T16:00:00Z"), 100 * kUnit)})), "ok") << "the next month";
}

TEST(GiftLimits, CountWhatCameLateInThePeriodInWhichItOccurred) {
  L ledger = Opened(Limits("- {limit_id: gifts, gifts: {period: month, max_times: 1}}\n"));
  ASSERT_EQ(Verdict(ledger.Submit({Gift(At("2024-02-03"), kUnit)})), "ok");
  EXPECT_EQ(Verdict(ledger.Submit({Gift(At("2024-01-31"), kUnit)})), "ok") << "January is free";
  EXPECT_EQ(Verdict(ledger.Submit({Gift(At("2024-01-01"), kUnit)})),
            "exceeded rule=limits.gifts;program=test version 1;limit=1;requested=1;used=1;"
            "opens_time=2024-02-01T00:00:00Z;");
}

TEST(GiftLimits, OfAnAccountCountAllItsContactsTogether) {
  L ledger = Opened(Limits("- {limit_id: gifts, gifts: {period: year, max_micros: 100000000}}\n"));
  const auto first = ledger.Submit({Gift(kDay, 60 * kUnit, "li")});
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(first->front().event.gift_given().counts(0).counter(), "test/limits.gifts/year");
  EXPECT_EQ(Verdict(ledger.Submit({Gift(kDay, 41 * kUnit, "wang")})),
            "exceeded rule=limits.gifts;program=test version 1;limit=100000000;requested=41000000;used=60000000;"
            "opens_time=2025-01-01T00:00:00Z;");
  EXPECT_EQ(Verdict(ledger.Submit({Gift(kDay, 40 * kUnit, "wang")})), "ok");
}

TEST(GiftLimits, OfSomeItemsLeaveTheOthersAlone) {
  L ledger = Opened(Limits("- {limit_id: spirits, gifts: {names: [wine, brandy], prohibited: true}}\n"));
  EXPECT_EQ(Verdict(ledger.Submit({Gift(kDay, kUnit, "li", "Wine")})), "ok") << "compared exactly";
  EXPECT_EQ(Verdict(ledger.Submit({Gift(kDay, 0, "li", "brandy")})),
            "exceeded rule=limits.spirits;program=test version 1;limit=0;requested=1;");
  EXPECT_EQ(FlagsOf(ledger.Submit({Gift(kDay, kUnit, "li", "tea")})), Strings{});
}

TEST(GiftLimits, ThatProhibitCanFlag) {
  L ledger = Opened(Limits("- {limit_id: none, on_breach: flag, gifts: {prohibited: true}}\n"));
  const auto events = ledger.Submit({Gift(kDay, kUnit)});
  EXPECT_EQ(FlagsOf(events), Strings{"none LIMIT_MEASURE_PROHIBITED 0>0 of 1"});
  EXPECT_EQ(L::Kinds(*events), "gift_given compliance_flagged");
  EXPECT_TRUE((*events)[0].event.gift_given().counts().empty()) << "there is nothing to count";
}

TEST(GiftLimits, ThatFlagSayEachMaximumAndGoOnCounting) {
  L ledger =
      Opened(Limits("- {limit_id: gifts, on_breach: flag, gifts: {scope: contact, period: quarter, max_times: "
                    "1, max_micros: 10000000}}\n"));
  EXPECT_EQ(FlagsOf(ledger.Submit({Gift(kDay, 10 * kUnit)})), Strings{});
  const Strings both = {"gifts LIMIT_MEASURE_TIMES 2>1 of 2 from 2024-01-01T00:00:00Z",
                        "gifts LIMIT_MEASURE_MICROS 10000001>10000000 of 2 from 2024-01-01T00:00:00Z"};
  EXPECT_EQ(FlagsOf(ledger.Submit({Gift(kDay, 1)})), both);
  EXPECT_EQ(FlagsOf(ledger.Submit({Gift(kDay, 0)})),
            (Strings{"gifts LIMIT_MEASURE_TIMES 3>1 of 5 from 2024-01-01T00:00:00Z",
                     "gifts LIMIT_MEASURE_MICROS 10000001>10000000 of 5 from 2024-01-01T00:00:00Z"}));
}

TEST(GiftLimits, RefuseBeforeTheyFlagAndRecordNothingThen) {
  L ledger =
      Opened(Limits("- {limit_id: soft, on_breach: flag, gifts: {prohibited: true}}\n"
                    "- {limit_id: hard, gifts: {period: month, max_times: 1}}\n"));
  ASSERT_EQ(FlagsOf(ledger.Submit({Gift(kDay, 1)})).size(), 1u);
  const size_t recorded = ledger.log().size();
  EXPECT_EQ(Verdict(ledger.Submit({Gift(kDay, 1)})).substr(0, 25), "exceeded rule=limits.hard");
  EXPECT_EQ(ledger.log().size(), recorded);
}

TEST(GiftLimits, OfMoneyAreExceededByAnotherCurrency) {
  L ledger = Opened(Limits("- {limit_id: gifts, gifts: {period: month, max_micros: 100000000}}\n"));
  const auto refused = ledger.Submit({Gift(kDay, 1, "li", "tea", "EUR")});
  EXPECT_EQ(Verdict(refused),
            "exceeded rule=limits.gifts;program=test version 1;limit=100000000;requested=1;used=0;"
            "opens_time=2024-02-01T00:00:00Z;currency_code=USD;");
  EXPECT_EQ(MessageOf(refused.status()),
            "events[0]: EUR cannot be held against a limit in USD; give the value in that (limits.gifts of program "
            "test version 1)");
}

TEST(GiftLimits, ThatFlagCountAnotherCurrencyByTimesOnly) {
  L ledger =
      Opened(Limits("- {limit_id: gifts, on_breach: flag, gifts: {period: month, max_times: 2, max_micros: "
                    "5}}\n"));
  const auto foreign = ledger.Submit({Gift(kDay, 7, "li", "tea", "EUR")});
  EXPECT_EQ(FlagsOf(foreign), Strings{"gifts LIMIT_MEASURE_CURRENCY 0>5 of 1 from 2024-01-01T00:00:00Z"});
  EXPECT_EQ((*foreign)[0].event.gift_given().counts(0).micros(), 0);
  EXPECT_EQ(FlagsOf(ledger.Submit({Gift(kDay, 5)})), Strings{}) << "the second time, and the first money";
  EXPECT_EQ(FlagsOf(ledger.Submit({Gift(kDay, 0)})),
            Strings{"gifts LIMIT_MEASURE_TIMES 3>2 of 4 from 2024-01-01T00:00:00Z"});
}

TEST(GiftLimits, OfTimesTakeAnyCurrency) {
  L ledger = Opened(Limits("- {limit_id: gifts, gifts: {period: month, max_times: 2}}\n"));
  EXPECT_EQ(Verdict(ledger.Submit({Gift(kDay, 7, "li", "tea", "EUR"), Gift(kDay, 7)})), "ok");
  EXPECT_EQ(Verdict(ledger.Submit({Gift(kDay, 7, "li", "tea", "EUR")})).substr(0, 8), "exceeded");
}

TEST(CommissionLimits, HoldPerContactAndYear) {
  L ledger = Opened(Limits("- {limit_id: pay, commissions: {scope: contact, period: year, max_micros: 500000000}}\n"));
  EXPECT_EQ(Verdict(ledger.Submit({Commission(kDay, 500 * kUnit, "li"), Commission(kDay, 500 * kUnit, "wang")})), "ok");
  EXPECT_EQ(Verdict(ledger.Submit({Commission(At("2024-12-31"), 1, "li")})),
            "exceeded rule=limits.pay;program=test version 1;limit=500000000;requested=1;used=500000000;"
            "opens_time=2025-01-01T00:00:00Z;");
  EXPECT_EQ(Verdict(ledger.Submit({Commission(At("2025-01-01"), 1, "li")})), "ok");
}

TEST(CommissionLimits, CanProhibit) {
  L ledger = Opened(Limits("- {limit_id: pay, commissions: {prohibited: true}}\n"));
  EXPECT_EQ(Verdict(ledger.Submit({Commission(kDay, 1)})),
            "exceeded rule=limits.pay;program=test version 1;limit=0;requested=1;");
  EXPECT_EQ(Verdict(ledger.Submit({Gift(kDay, 1)})), "ok") << "gifts are no commissions";
}

std::string Classes(const std::string& limits) {
  return Limits(limits) +
         "tier_ladder:\n  ladder_id: classes\n  metric: gross_spend\n  window: {lifetime: true}\n"
         "  review_period: year\n  tiers:\n  - {tier_id: c}\n  - {tier_id: b, entrance: 1000000000}\n";
}

TEST(ServiceLimits, CapWhatALowClassIsServed) {
  L ledger =
      Opened(Classes("- {limit_id: visits, tier_ids: [c], services: {names: [visit], period: quarter, "
                     "max_times: 1, max_micros: 50000000}}\n"));
  ASSERT_EQ(ledger.state().tier.tier_id, "c");
  EXPECT_EQ(Verdict(ledger.Submit({Service(kDay, "visit", 50 * kUnit)})), "ok");
  EXPECT_EQ(Verdict(ledger.Submit({Service(kDay, "visit", 0)})),
            "exceeded rule=limits.visits;program=test version 1;limit=1;requested=1;used=1;"
            "opens_time=2024-04-01T00:00:00Z;");
  EXPECT_EQ(Verdict(ledger.Submit({Service(kDay, "training", 900 * kUnit)})), "ok");
  ASSERT_TRUE(ledger.Submit({L::Buy(kDay, {{1000 * kUnit}})}).ok());
  ASSERT_EQ(ledger.state().tier.tier_id, "b");
  EXPECT_EQ(Verdict(ledger.Submit({Service(kDay, "visit", 900 * kUnit)})), "ok") << "class b is not capped";
}

TEST(ServiceLimits, PerContactNeedAContact) {
  L ledger =
      Opened(Limits("- {limit_id: visits, services: {names: [visit], scope: contact, period: month, max_times: "
                    "1}}\n"));
  const auto refused = ledger.Submit({Service(kDay, "visit", kUnit)});
  EXPECT_EQ(ReasonOf(refused.status()), Reason::kInvalidField);
  ASSERT_EQ(FieldsOf(refused.status()).size(), 1u);
  EXPECT_EQ(FieldsOf(refused.status())[0].first, "events[0].service_provided.contact_id");
  EXPECT_EQ(Verdict(ledger.Submit({Service(kDay, "training", kUnit)})), "ok");
  EXPECT_EQ(Verdict(ledger.Submit({Service(kDay, "visit", kUnit, "li")})), "ok");
  EXPECT_EQ(Verdict(ledger.Submit({Service(kDay, "visit", kUnit, "li")})).substr(0, 8), "exceeded");
}

TEST(Limits, OfAnotherRegionOrTimeSayNothing) {
  L ledger = Opened("region: DE\n" + Limits("- {limit_id: none, gifts: {prohibited: true}}\n"), "FR");
  EXPECT_EQ(Verdict(ledger.Submit({Gift(kDay, 1)})), "ok");
  L early = Opened(Limits("- {limit_id: none, gifts: {prohibited: true}}\n"));
  EXPECT_EQ(Verdict(early.Submit({Gift(At("1999-12-31"), 1)})), "ok") << "the program begins in 2000";
  EXPECT_EQ(Verdict(early.Submit({Gift(At("2000-01-01"), 1)})).substr(0, 8), "exceeded");
}

TEST(Limits, RefuseMoneyThatLeavesTheRange) {
  L ledger = Opened(Limits("- {limit_id: gifts, on_breach: flag, gifts: {period: year, max_micros: 0}}\n"));
  std::vector<Fact> gifts(1024, Gift(kDay, 9'000'000'000'000'000));
  ASSERT_EQ(Verdict(ledger.Submit(gifts)), "ok");
  const auto refused = ledger.Submit({Gift(kDay, 9'000'000'000'000'000)});
  EXPECT_EQ(ReasonOf(refused.status()), Reason::kArithmeticRange) << refused.status();
  EXPECT_EQ(FlagsOf(ledger.Submit({Gift(kDay, 7'372'036'854'775'807)})),
            Strings{"gifts LIMIT_MEASURE_MICROS 9223372036854775807>0 of 2049 from 2024-01-01T00:00:00Z"})
      << "to the last micro";
}

TEST(Limits, BoundTheCountsOfAnAccount) {
  std::string limits;
  for (int i = 0; i < 100; ++i) {
    limits += fmt::format("- {{limit_id: l{}, gifts: {{scope: contact, period: month, max_times: 5}}}}\n", i);
  }
  L ledger = Opened(Limits(limits) +
                    "accrual_rules:\n- {rule_id: base, per_money: {points: 1, per_micros: 1000000}, "
                    "max_per_period: {points: 10, period: month}}\n");
  std::vector<Fact> gifts;
  for (int i = 0; i < 100; ++i) gifts.push_back(Gift(kDay, 1, fmt::format("contact{}", i)));
  ASSERT_EQ(Verdict(ledger.Submit(gifts)), "ok");
  ASSERT_EQ(ledger.state().counts.size(), 10'000u);
  const auto refused = ledger.Submit({Gift(kDay, 1, "one more")});
  EXPECT_EQ(ReasonOf(refused.status()), Reason::kAccountLimit) << refused.status();
  EXPECT_EQ(Verdict(ledger.Submit({Gift(kDay, 1, "contact7")})), "ok") << "what is counted already goes on";
  EXPECT_EQ(Verdict(ledger.Submit({L::Buy(kDay, {{kUnit}})})), "ok") << "a purchase is not kept out by gifts";
  EXPECT_EQ(Verdict(ledger.Submit({Gift(At("2027-01-05"), 1, "contact7")})), "ok") << "old counts are dropped";
  EXPECT_EQ(ledger.state().counts.size(), 100u);
}

TEST(Limits, CannotBeJudgedInPeriodsWhoseCountsAreNotKept) {
  L ledger(Limits("- {limit_id: g, on_breach: flag, gifts: {scope: contact, period: month, max_times: 1}}\n"));
  ASSERT_TRUE(ledger.Submit({L::Open(At("2020-01-01")), L::Adjust(At("2024-06-15"), 1)}).ok());
  // 1,099 days before 15 June 2024 is 12 June 2021.
  EXPECT_EQ(Verdict(ledger.Submit({Gift(At("2021-07-01"), 1, "li")})), "ok");
  const auto refused = ledger.Submit({Gift(At("2021-06-30"), 1, "li")});
  EXPECT_EQ(ReasonOf(refused.status()), Reason::kAccountLimit) << refused.status();
  EXPECT_EQ(ledger.state().counts.size(), 1u);
}

TEST(Limits, OfGiftsAndDiscountsAreNotAskedOfAClosedAccount) {
  L ledger = Opened(Authorities());
  Fact close{{}, kDay};
  close.event.mutable_account_closed()->set_reason("gone");
  ASSERT_TRUE(ledger.Submit({close}).ok());
  EXPECT_EQ(ReasonOf(ledger.Submit({Gift(kDay, 1, "li")}).status()), Reason::kAccountClosed);
  EXPECT_EQ(ReasonOf(ledger.Submit({Discount(kDay, 1, "seller")}).status()), Reason::kAccountClosed);
}

}  // namespace
}  // namespace keyledger::domain
