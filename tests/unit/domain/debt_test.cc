// What an account owes, and purchases that points paid for.
#include "tests/unit/domain/account_ledger.h"

namespace keyledger::domain {
namespace {

using L = AccountLedger;

const char kBase[] = "accrual_rules:\n- {rule_id: base, per_money: {points: 1, per_micros: 1000000}}\n";

std::string Negative(const std::string& more = "") {
  return Head() + kBase + "return_policy: negative_allowed\n" + more;
}

const events::v1::PointsReversed& LastReversal(const std::vector<DecidedEvent>& events) {
  for (auto event = events.rbegin(); event != events.rend(); ++event) {
    if (event->event.has_points_reversed()) return event->event.points_reversed();
  }
  return events::v1::PointsReversed::default_instance();
}

// A purchase whose lines cost `micros` in money and `points` each.
Fact BuyPaid(Micros at, std::vector<std::pair<int64_t, int64_t>> lines, const std::string& invoice) {
  Fact fact = L::Buy(at, std::vector<TestLine>(lines.size()), invoice);
  auto& purchase = *fact.event.mutable_purchase_recorded();
  for (size_t i = 0; i < lines.size(); ++i) {
    auto& line = *purchase.mutable_lines(static_cast<int>(i));
    line.mutable_amount()->set_micros(lines[i].first);
    line.set_points_paid(lines[i].second);
    line.set_quantity(4);
  }
  return fact;
}

TEST(Debt, IsWhatAReturnOwesBeyondTheBalance) {
  const Micros day = At("2024-01-01");
  L ledger(Negative());
  ASSERT_TRUE(ledger.Submit({L::Open(day), L::Buy(day, {{100 * kUnit}}, "a"), L::Redeem(day, 70)}).ok());
  const auto events = ledger.Submit({L::Return(day, {{100 * kUnit}}, "a")});
  ASSERT_TRUE(events.ok()) << events.status();
  EXPECT_EQ(LastReversal(*events).points_due(), 100);
  EXPECT_EQ(LastReversal(*events).points(), 30);
  EXPECT_EQ(LastReversal(*events).debt(), 70);
  EXPECT_EQ(ledger.state().debt, 70);
  EXPECT_EQ(ledger.state().available_points(), 0);
  EXPECT_EQ(ReasonOf(ledger.Submit({L::Redeem(day, 1)}).status()), Reason::kInsufficientPoints);
}

TEST(Debt, IsPaidFirstByWhatComesIn) {
  const Micros day = At("2024-01-01");
  L ledger(Negative());
  ASSERT_TRUE(ledger
                  .Submit({L::Open(day), L::Buy(day, {{100 * kUnit}}, "a"), L::Redeem(day, 70),
                           L::Return(day, {{100 * kUnit}}, "a")})
                  .ok());
  const auto some = ledger.Submit({L::Adjust(day, 20)});
  EXPECT_EQ(L::Kinds(*some), "points_adjusted points_debt_paid");
  EXPECT_EQ((*some)[1].event.points_debt_paid().points(), 20);
  EXPECT_EQ(ledger.state().debt, 50);
  const auto rest = ledger.Submit({L::Buy(day, {{60 * kUnit}}, "b")});
  EXPECT_EQ(L::Kinds(*rest), "purchase_recorded points_accrued points_debt_paid");
  EXPECT_EQ((*rest)[2].event.points_debt_paid().points(), 50);
  EXPECT_EQ(ledger.state().debt, 0);
  EXPECT_EQ(ledger.state().available_points(), 10);
  EXPECT_TRUE(LotsMatchTotals(ledger.state()));
}

TEST(Debt, StaysWithinItsMaximum) {
  const Micros day = At("2024-01-01");
  L ledger(Negative("max_debt_points: 50\n"));
  ASSERT_TRUE(ledger
                  .Submit({L::Open(day), L::Buy(day, {{49 * kUnit}}, "a"), L::Buy(day, {{10 * kUnit}}, "b"),
                           L::Redeem(day, 59), L::Return(day, {{49 * kUnit}}, "a")})
                  .ok());
  EXPECT_EQ(ledger.state().debt, 49);
  const auto events = ledger.Submit({L::Return(day, {{10 * kUnit}}, "b")});
  EXPECT_EQ(LastReversal(*events).debt(), 1) << "9 are forgiven";
  EXPECT_EQ(ledger.state().debt, 50);
}

TEST(Debt, ArisesOnlyWhereTheProgramAllowsIt) {
  const Micros day = At("2024-01-01");
  L ledger(Head() + kBase);
  ASSERT_TRUE(ledger
                  .Submit({L::Open(day), L::Buy(day, {{100 * kUnit}}, "a"), L::Redeem(day, 70),
                           L::Return(day, {{100 * kUnit}}, "a")})
                  .ok());
  EXPECT_EQ(ledger.state().debt, 0);
  const ParsedProgram parsed = ParseProgramYaml(Head() + "max_debt_points: 50\n");
  ASSERT_EQ(parsed.findings.size(), 1u);
  EXPECT_EQ(parsed.findings[0].path, "max_debt_points");
}

TEST(PointsPaid, AreSpentWithThePurchaseAndEarnAndCountForNothing) {
  const Micros day = At("2024-01-01");
  L ledger(Head() + kBase);
  ASSERT_TRUE(ledger.Submit({L::Open(day), L::Adjust(day, 10, At("2025-01-01")), L::Adjust(day, 100)}).ok());
  const auto events = ledger.Submit({BuyPaid(day, {{8 * kUnit, 7}, {0, 20}}, "a")});
  ASSERT_TRUE(events.ok()) << events.status();
  const auto& purchase = (*events)[0].event.purchase_recorded();
  ASSERT_EQ(purchase.lines(0).points_allocations_size(), 1);
  EXPECT_EQ(purchase.lines(0).points_allocations(0).lot_revision(), 1u) << "earliest expiry first";
  ASSERT_EQ(purchase.lines(1).points_allocations_size(), 2);
  EXPECT_EQ(purchase.lines(1).points_allocations(0).points(), 3);
  EXPECT_EQ(purchase.lines(1).points_allocations(1).points(), 17);
  EXPECT_EQ((*events)[1].event.points_accrued().points(), 8) << "only money earns";
  EXPECT_EQ(ledger.state().metrics.at("USD").bought.back().sums.micros, 8 * kUnit);
  EXPECT_EQ(ledger.state().available_points(), 110 - 27 + 8);
  const auto refused = ledger.Submit({BuyPaid(day, {{0, 92}}, "b")});
  EXPECT_EQ(ReasonOf(refused.status()), Reason::kInsufficientPoints);
}

TEST(PointsPaid, AreHeldAgainstTheRedemptionPolicyAsOneRedemption) {
  const Micros day = At("2024-01-01");
  L ledger(Head() + kBase + "redemption_policy: {max_points: 26, max_times: {times: 1, period: month}}\n");
  ASSERT_TRUE(ledger.Submit({L::Open(day), L::Adjust(day, 100)}).ok());
  EXPECT_EQ(ReasonOf(ledger.Submit({BuyPaid(day, {{kUnit, 7}, {0, 20}}, "a")}).status()), Reason::kRedemptionLimit);
  ASSERT_TRUE(ledger.Submit({BuyPaid(day, {{kUnit, 6}, {0, 20}}, "a")}).ok());
  EXPECT_EQ(ReasonOf(ledger.Submit({L::Redeem(day, 1)}).status()), Reason::kRedemptionLimit);
}

TEST(PointsPaid, ComeBackOncePerLineInProportionToTheReturn) {
  const Micros day = At("2024-01-01");
  L ledger(Head());
  ASSERT_TRUE(ledger.Submit({L::Open(day), L::Adjust(day, 10, At("2025-01-01")), L::Adjust(day, 100)}).ok());
  ASSERT_TRUE(ledger.Submit({BuyPaid(day, {{8 * kUnit, 7}, {0, 20}}, "a")}).ok());
  const auto half = ledger.Submit({L::Return(day, {{4 * kUnit, 2, "", 1}, {0, 1, "", 2}}, "a")});
  ASSERT_TRUE(half.ok()) << half.status();
  ASSERT_EQ(L::Kinds(*half), "purchase_returned points_restored");
  const auto& restored = (*half)[1].event.points_restored();
  EXPECT_EQ(restored.points(), 3 + 5) << "half of 7, rounded down; a quarter of the units of a line without money";
  EXPECT_EQ(restored.purchase_revision(), 3u);
  const auto rest = ledger.Submit({L::Return(day, {{4 * kUnit, 2, "", 1}, {0, 3, "", 2}}, "a")});
  EXPECT_EQ((*rest)[1].event.points_restored().points(), 4 + 15);
  EXPECT_EQ(ledger.state().available_points(), 110);
  ASSERT_EQ(ledger.state().lots.size(), 2u);
  EXPECT_EQ(ledger.state().lots[0].remaining, 10) << "in the lot they were taken from";
  EXPECT_EQ(ledger.state().totals.spent, 0);
  EXPECT_EQ(ReasonOf(ledger.Submit({L::Return(day, {{0, 1, "", 2}}, "a")}).status()), Reason::kReturnExceedsPurchase);
}

TEST(PointsPaid, ThatWereToRunOutMeanwhileComeBackAndRunOut) {
  const Micros day = At("2024-01-01");
  L ledger(Head());
  ASSERT_TRUE(ledger.Submit({L::Open(day), L::Adjust(day, 10, At("2024-02-01")), BuyPaid(day, {{0, 10}}, "a")}).ok());
  const auto events = ledger.Submit({L::Return(At("2024-03-01"), {{0, 4, "", 1}}, "a")});
  ASSERT_TRUE(events.ok()) << events.status();
  EXPECT_EQ(L::Kinds(*events), "purchase_returned points_restored points_expired");
  EXPECT_EQ((*events)[2].occurred, At("2024-03-01"));
  EXPECT_EQ(ledger.state().totals.expired, 10);
}

}  // namespace
}  // namespace keyledger::domain
