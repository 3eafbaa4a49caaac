// What a rule asks for beside its match, how much it may give, how lots run out, and what may be redeemed when.
#include "tests/unit/domain/account_ledger.h"

namespace keyledger::domain {
namespace {

using L = AccountLedger;

Fact BuyBy(Micros at, int64_t units, events::v1::SaleMode mode) {
  Fact fact = L::Buy(at, {{units * kUnit}});
  fact.event.mutable_purchase_recorded()->set_sale_mode(mode);
  return fact;
}

std::string Rule(const std::string& more) {
  return "accrual_rules:\n- {rule_id: base, per_money: {points: 1, per_micros: 1000000}, " + more + "}\n";
}

std::string Metadata(const absl::Status& status) {
  std::string text;
  for (const auto& [key, value] : MetadataOf(status)) text += key + "=" + value + ";";
  return text;
}

TEST(AccrualRules, MatchTheSaleModesTheyName) {
  L ledger(Head() + Rule("match: {sale_modes: [shop_registered, online]}"));
  const Micros day = At("2024-01-01");
  ASSERT_TRUE(ledger.Submit({L::Open(day), BuyBy(day, 1, events::v1::SALE_MODE_DIRECT)}).ok());
  ASSERT_TRUE(ledger.Submit({BuyBy(day, 2, events::v1::SALE_MODE_UNSPECIFIED)}).ok());
  EXPECT_EQ(ledger.state().available_points(), 0);
  ASSERT_TRUE(ledger.Submit({BuyBy(day, 4, events::v1::SALE_MODE_ONLINE)}).ok());
  EXPECT_EQ(ledger.state().available_points(), 4);
}

TEST(AccrualRules, GivePointsOnlyWithinTheirDatesAndTimeWindows) {
  L ledger(Head() + Rule("effective_from: 2024-02-01, effective_to: 2024-03-01, match: {time_windows: [{weekdays: "
                         "[friday]}, {days_of_month: [-1]}]}"));
  ASSERT_TRUE(ledger.Submit({L::Open(At("2024-01-01"))}).ok());
  const auto earned = [&](const std::string& at) {
    const int64_t before = ledger.state().available_points();
    EXPECT_TRUE(ledger.Submit({L::Buy(At(at), {{5 * kUnit}})}).ok());
    return ledger.state().available_points() - before;
  };
  EXPECT_EQ(earned("2024-01-26"), 0) << "a Friday before the rule began";
  EXPECT_EQ(earned("2024-02-02"), 5);
  EXPECT_EQ(earned("2024-02-03"), 0) << "a Saturday";
  EXPECT_EQ(earned("2024-02-29T23:59:59Z"), 5) << "a Thursday, the month's last day";
  EXPECT_EQ(earned("2024-03-01"), 0) << "a Friday, but the end is exclusive";
}

TEST(AccrualRules, GiveOnePurchaseNoMoreThanTheirMaximum) {
  L ledger(Head() + Rule("max_points_per_event: 10"));
  const Micros day = At("2024-01-01");
  const auto events =
      ledger.Submit({L::Open(day), L::Buy(day, {{10 * kUnit}}), L::Buy(day, {{9 * kUnit}, {2 * kUnit}})});
  ASSERT_TRUE(events.ok()) << events.status();
  const auto& at_limit = (*events)[2].event.points_accrued();
  EXPECT_EQ(at_limit.points(), 10);
  EXPECT_FALSE(at_limit.has_uncapped_points());
  const auto& above = (*events)[4].event.points_accrued();
  EXPECT_EQ(above.points(), 10);
  EXPECT_EQ(above.uncapped_points(), 11);
  ASSERT_EQ(above.lines_size(), 2) << "shared as the uncut points would be: 8.18 and 1.82";
  EXPECT_EQ(above.lines(0).points(), 8);
  EXPECT_EQ(above.lines(1).points(), 2);
}

TEST(AccrualRules, GiveAPeriodNoMoreThanTheirMaximum) {
  L ledger(Head("Asia/Shanghai") + Rule("max_per_period: {points: 100, period: month}"));
  ASSERT_TRUE(ledger.Submit({L::Open(At("2024-01-01")), L::Buy(At("2024-01-05"), {{70 * kUnit}})}).ok());
  const auto events = ledger.Submit({L::Buy(At("2024-01-31T15:59:59Z"), {{31 * kUnit}})});
  ASSERT_TRUE(events.ok());
  const auto& accrued = (*events)[1].event.points_accrued();
  EXPECT_EQ(accrued.points(), 30);
  EXPECT_EQ(accrued.uncapped_points(), 31);
  EXPECT_EQ(accrued.count().counter(), "test/accrual_rules.base/month");
  EXPECT_EQ(MicrosOf(accrued.count().period_start()), At("2023-12-31T16:00:00Z"));
  EXPECT_EQ(accrued.count().points_before(), 70);
  EXPECT_EQ(accrued.count().times_before(), 1);
  const auto none = ledger.Submit({L::Buy(At("2024-01-31T15:59:59Z"), {{5 * kUnit}})});
  EXPECT_EQ(L::Kinds(*none), "purchase_recorded") << "nothing is left to give";
  ASSERT_TRUE(ledger.Submit({L::Buy(At("2024-01-31T16:00:00Z"), {{5 * kUnit}})}).ok());
  EXPECT_EQ(ledger.state().available_points(), 105) << "February has begun in Shanghai";
  ASSERT_TRUE(ledger.Submit({L::Buy(At("2024-01-10"), {{5 * kUnit}})}).ok());
  EXPECT_EQ(ledger.state().available_points(), 105) << "a late purchase counts in its own month";
}

TEST(AccrualRules, CountWhatAReturnTakesBack) {
  L ledger(Head() + Rule("max_per_period: {points: 100, period: year}"));
  const Micros day = At("2024-01-05");
  ASSERT_TRUE(
      ledger.Submit({L::Open(day), L::Buy(day, {{80 * kUnit}}, "a"), L::Return(day, {{80 * kUnit}}, "a")}).ok());
  EXPECT_EQ(ledger.state().available_points(), 0);
  ASSERT_TRUE(ledger.Submit({L::Buy(day, {{80 * kUnit}}, "b")}).ok());
  EXPECT_EQ(ledger.state().available_points(), 20);
}

TEST(Expiry, IsTheEndOfThePeriodOfThePurchase) {
  L ledger(Head("Asia/Shanghai") + Rule("expiry: {end_of_period: quarter}"));
  const auto events = ledger.Submit({L::Open(At("2024-01-01")), L::Buy(At("2024-03-31T15:59:59Z"), {{kUnit}}),
                                     L::Buy(At("2024-03-31T16:00:00Z"), {{kUnit}})});
  ASSERT_TRUE(events.ok());
  EXPECT_EQ(MicrosOf((*events)[2].event.points_accrued().expire_time()), At("2024-03-31T16:00:00Z"));
  EXPECT_EQ(MicrosOf((*events).back().event.points_accrued().expire_time()), At("2024-06-30T16:00:00Z"));
  EXPECT_EQ(ledger.state().available_points(), 1) << "the first ran out as the second was earned";
}

TEST(Expiry, ByInactivityMovesWithEveryPurchaseAndRedemption) {
  L ledger(Head() + Rule("expiry: {inactivity_days: 30}"));
  ASSERT_TRUE(ledger.Submit({L::Open(At("2024-01-01")), L::Buy(At("2024-01-01"), {{10 * kUnit}})}).ok());
  EXPECT_EQ(NextDue(ledger.state(), ledger.programs()), At("2024-01-31"));
  ASSERT_TRUE(ledger.Submit({L::Redeem(At("2024-01-20"), 1)}).ok());
  EXPECT_EQ(NextDue(ledger.state(), ledger.programs()), At("2024-02-19"));
  ASSERT_TRUE(ledger.Submit({L::Buy(At("2024-02-18T23:59:59Z"), {{5 * kUnit}}, "", "", "EUR")}).ok());
  EXPECT_TRUE(ledger.AdvanceTo(At("2024-03-19T23:59:58Z")).empty());
  const auto events = ledger.AdvanceTo(At("2024-03-19T23:59:59Z"));
  ASSERT_EQ(L::Kinds(events), "points_expired");
  EXPECT_EQ(events[0].event.points_expired().points(), 9);
  EXPECT_EQ(events[0].occurred, At("2024-03-19T23:59:59Z"));
}

TEST(Expiry, ByInactivityIsDecidedBeforeTheActivityThatComesTooLate) {
  L ledger(Head() + Rule("expiry: {inactivity_days: 30}"));
  ASSERT_TRUE(ledger.Submit({L::Open(At("2024-01-01")), L::Buy(At("2024-01-01"), {{10 * kUnit}})}).ok());
  const auto events = ledger.Submit({L::Buy(At("2024-01-31"), {{5 * kUnit}})});
  ASSERT_TRUE(events.ok());
  EXPECT_EQ(L::Kinds(*events), "points_expired purchase_recorded points_accrued");
  EXPECT_EQ(ledger.state().available_points(), 5);
  ASSERT_TRUE(ledger.Submit({L::Buy(At("2024-01-15"), {{2 * kUnit}})}).ok());
  EXPECT_EQ(ledger.state().available_points(), 7) << "a late purchase brings nothing back";
}

TEST(RedemptionPolicy, OpensAtSetTimesAndSaysWhenNext) {
  L ledger(Head("Asia/Shanghai") +
           "redemption_policy: {windows: [{days_of_month: [15], time_of_day: {from: \"09:00\", to: \"18:00\"}}]}\n");
  ASSERT_TRUE(ledger.Submit({L::Open(At("2024-01-01")), L::Adjust(At("2024-01-01"), 10)}).ok());
  const auto refused = ledger.Submit({L::Redeem(At("2024-01-15T00:59:59Z"), 1)});
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(refused.status()), Reason::kRedemptionWindowClosed);
  EXPECT_EQ(Metadata(refused.status()),
            "rule=redemption_policy.windows;program=test version 1;opens_time=2024-01-15T01:00:00Z;");
  EXPECT_TRUE(ledger.Submit({L::Redeem(At("2024-01-15T01:00:00Z"), 1)}).ok());
  EXPECT_EQ(Metadata(ledger.Submit({L::Redeem(At("2024-01-15T10:00:00Z"), 1)}).status()),
            "rule=redemption_policy.windows;program=test version 1;opens_time=2024-02-15T01:00:00Z;");
}

TEST(RedemptionPolicy, WithoutAWindowToComeSaysThatNoneIsLeft) {
  L ledger(Head() + "redemption_policy: {windows: [{dates: [{to: 2024-01-01}]}]}\n");
  const auto refused =
      ledger.Submit({L::Open(At("2024-01-01")), L::Adjust(At("2024-01-01"), 10), L::Redeem(At("2024-01-01"), 1)});
  EXPECT_EQ(ReasonOf(refused.status()), Reason::kRedemptionWindowClosed);
  EXPECT_EQ(Metadata(refused.status()), "rule=redemption_policy.windows;program=test version 1;");
  EXPECT_NE(MessageOf(refused.status()).find("none is left"), std::string::npos);
}

TEST(RedemptionPolicy, HoldsOneRedemptionBetweenMinimumAndMaximum) {
  L ledger(Head() + "redemption_policy: {min_points: 5, max_points: 8}\n");
  const Micros day = At("2024-01-01");
  ASSERT_TRUE(ledger.Submit({L::Open(day), L::Adjust(day, 100)}).ok());
  const auto low = ledger.Submit({L::Redeem(day, 4)});
  EXPECT_EQ(ReasonOf(low.status()), Reason::kRedemptionLimit);
  EXPECT_EQ(Metadata(low.status()), "rule=redemption_policy.min_points;program=test version 1;limit=5;requested=4;");
  EXPECT_TRUE(ledger.Submit({L::Redeem(day, 5)}).ok());
  EXPECT_TRUE(ledger.Submit({L::Redeem(day, 8)}).ok());
  EXPECT_EQ(Metadata(ledger.Submit({L::Redeem(day, 9)}).status()),
            "rule=redemption_policy.max_points;program=test version 1;limit=8;requested=9;");
}

TEST(RedemptionPolicy, HoldsTheTimesAndPointsOfAPeriod) {
  L ledger(Head() +
           "redemption_policy: {max_times: {times: 2, period: month}, max_points_per_period: {points: 100, period: "
           "year}}\n");
  ASSERT_TRUE(ledger.Submit({L::Open(At("2024-01-01")), L::Adjust(At("2024-01-01"), 500)}).ok());
  ASSERT_TRUE(ledger.Submit({L::Redeem(At("2024-01-10"), 30), L::Redeem(At("2024-01-11"), 30)}).ok());
  EXPECT_EQ(Metadata(ledger.Submit({L::Redeem(At("2024-01-31T23:00:00Z"), 1)}).status()),
            "rule=redemption_policy.max_times;program=test version 1;limit=2;requested=1;used=2;"
            "opens_time=2024-02-01T00:00:00Z;");
  EXPECT_EQ(Metadata(ledger.Submit({L::Redeem(At("2024-02-01"), 41)}).status()),
            "rule=redemption_policy.max_points_per_period;program=test version 1;limit=100;requested=41;used=60;"
            "opens_time=2025-01-01T00:00:00Z;");
  const auto events = ledger.Submit({L::Redeem(At("2024-02-01"), 40)});
  ASSERT_TRUE(events.ok()) << events.status();
  const auto& redeemed = (*events)[0].event.points_redeemed();
  ASSERT_EQ(redeemed.counts_size(), 2);
  EXPECT_EQ(redeemed.counts(0).counter(), "test/redemption_policy/month");
  EXPECT_EQ(redeemed.counts(0).times_before(), 0);
  EXPECT_EQ(redeemed.counts(1).counter(), "test/redemption_policy/year");
  EXPECT_EQ(redeemed.counts(1).points_before(), 60);
}

TEST(RedemptionPolicy, AsksTheProgramOfTheMomentOfTheRedemption) {
  const auto yaml = [](const std::string& from, const std::string& policy) {
    return "program_id: test\ntime_zone: UTC\ncurrency_code: USD\neffective_from: " + from +
           "\nredemption_policy: " + policy + "\n";
  };
  L ledger({ProgramOf(yaml("2024-01-01", "{max_points: 5}"), 1), ProgramOf(yaml("2024-02-01", "{max_points: 9}"), 2)});
  ASSERT_TRUE(ledger.Submit({L::Open(At("2024-01-01")), L::Adjust(At("2024-01-01"), 50)}).ok());
  EXPECT_TRUE(ledger.Submit({L::Redeem(At("2024-02-01"), 9)}).ok());
  EXPECT_EQ(ReasonOf(ledger.Submit({L::Redeem(At("2024-01-31T23:59:59Z"), 9)}).status()), Reason::kRedemptionLimit)
      << "one that comes late is held against what was in force";
}

}  // namespace
}  // namespace keyledger::domain
