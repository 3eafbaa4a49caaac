// Simulate: the facts of a stream decided again under another program, beside what was recorded.
#include "server/domain/simulate.h"

#include <random>

#include "tests/unit/domain/account_ledger.h"

namespace keyledger::domain {
namespace {

std::string Rate(int points, const std::string& more = "") {
  return Head() + "accrual_rules:\n- rule_id: base\n  per_money: {points: " + std::to_string(points) +
         ", per_micros: 1000000}\n" + more;
}

constexpr char kLadder[] = R"(tier_ladder:
  ladder_id: main
  metric: net_spend
  window: {calendar_period: year}
  review_period: year
  tiers:
  - {tier_id: base, entrance: 0}
  - {tier_id: gold, entrance: )";

std::string Ladder(int64_t gold_micros) { return kLadder + std::to_string(gold_micros) + "}\n"; }

std::vector<events::v1::EventRecord> RecordsOf(const AccountLedger& ledger) {
  std::vector<events::v1::EventRecord> records;
  for (const DecidedEvent& decided : ledger.log()) {
    events::v1::EventRecord& record = records.emplace_back();
    record.set_revision(records.size() - 1);
    *record.mutable_event() = decided.event;
    SetTimestamp(record.mutable_occurred_time(), decided.occurred);
    record.mutable_program()->set_program_id(decided.program_id);
    record.mutable_program()->set_version(decided.program_version);
  }
  return records;
}

AccountSimulation SimulateYaml(const AccountLedger& ledger, const std::string& yaml, const std::string& from,
                               const std::string& to, const std::vector<RecordedPurchase>& merged = {}) {
  SimulationRules rules{At(from), At(to), std::make_shared<const ProgramSet>(ledger.programs()), nullptr};
  auto programs = SimulatedPrograms(*rules.actual, ProgramOf(yaml)->program(), rules.from, rules.to);
  EXPECT_TRUE(programs.ok()) << programs.status();
  rules.simulated = *programs;
  AccountSimulator simulator("acme", rules);
  const auto records = RecordsOf(ledger);
  for (const auto& record : records) {
    const auto more = simulator.Observe(record);
    EXPECT_TRUE(more.ok()) << more.status();
    if (!*more) break;
  }
  EXPECT_EQ(simulator.merged_purchases().size(), merged.size());
  for (const RecordedPurchase& purchase : merged) {
    EXPECT_TRUE(simulator.merged_purchases().contains({purchase.account_id, purchase.revision}));
    simulator.AddMerged(purchase);
  }
  for (uint64_t i = simulator.replay_from().value_or(records.size()); i < records.size(); ++i) {
    const auto more = simulator.Replay(records[i]);
    EXPECT_TRUE(more.ok()) << more.status();
    if (!*more) break;
  }
  auto result = simulator.Finish();
  EXPECT_TRUE(result.ok()) << result.status();
  return *std::move(result);
}

void Must(const absl::StatusOr<std::vector<DecidedEvent>>& events) { ASSERT_TRUE(events.ok()) << events.status(); }

TEST(Simulate, CountsThePointsOfAnotherRate) {
  AccountLedger ledger(Rate(1));
  Must(ledger.Submit({AccountLedger::Open(At("2024-01-01"))}));
  Must(ledger.Submit({AccountLedger::Buy(At("2024-02-01"), {{100 * kUnit}})}));
  Must(ledger.Submit({AccountLedger::Redeem(At("2024-03-01"), 30)}));
  const AccountSimulation result = SimulateYaml(ledger, Rate(3), "2024-01-01", "2025-01-01");
  EXPECT_TRUE(result.exists);
  EXPECT_TRUE(result.Changed());
  EXPECT_EQ(result.actual.flow, (PointsFlow{100, 30, 0, 0, 70}));
  EXPECT_EQ(result.simulated.flow, (PointsFlow{300, 30, 0, 0, 270}));
  EXPECT_EQ(result.simulated.issued_by_rule, (std::map<std::string, int64_t>{{"base", 300}}));
  EXPECT_EQ(result.refused_facts, 0);
}

TEST(Simulate, LeavesHistoryBeforeThePeriodAsItWas) {
  AccountLedger ledger(Rate(1));
  Must(ledger.Submit({AccountLedger::Open(At("2024-01-01"))}));
  Must(ledger.Submit({AccountLedger::Buy(At("2024-02-01"), {{100 * kUnit}})}));
  Must(ledger.Submit({AccountLedger::Buy(At("2024-03-01"), {{10 * kUnit}})}));
  const AccountSimulation result = SimulateYaml(ledger, Rate(3), "2024-03-01", "2025-01-01");
  EXPECT_EQ(result.actual.flow, (PointsFlow{10, 0, 0, 0, 110}));
  EXPECT_EQ(result.simulated.flow, (PointsFlow{30, 0, 0, 0, 130}));
}

TEST(Simulate, EndsWithTheFirstRecordPastThePeriod) {
  AccountLedger ledger(Rate(1));
  Must(ledger.Submit({AccountLedger::Open(At("2024-01-01"))}));
  Must(ledger.Submit({AccountLedger::Buy(At("2024-02-01"), {{100 * kUnit}})}));
  Must(ledger.Submit({AccountLedger::Buy(At("2024-03-01"), {{10 * kUnit}})}));
  // Late, recorded after one of March: not seen before March.
  Must(ledger.Submit({AccountLedger::Buy(At("2024-02-02"), {{1 * kUnit}})}));
  const AccountSimulation result = SimulateYaml(ledger, Rate(2), "2024-01-01", "2024-03-01");
  EXPECT_EQ(result.actual.flow, (PointsFlow{100, 0, 0, 0, 100}));
  EXPECT_EQ(result.simulated.flow, (PointsFlow{200, 0, 0, 0, 200}));
}

TEST(Simulate, KnowsNoAccountThatDidNotExistYet) {
  AccountLedger ledger(Rate(1));
  Must(ledger.Submit({AccountLedger::Open(At("2024-05-01"))}));
  EXPECT_FALSE(SimulateYaml(ledger, Rate(3), "2024-01-01", "2024-05-01").exists);
  EXPECT_TRUE(SimulateYaml(ledger, Rate(3), "2024-01-01", "2024-05-02").exists);
}

TEST(Simulate, LeavesOutARedemptionOfPointsThatWereNotEarned) {
  AccountLedger ledger(Rate(2));
  Must(ledger.Submit({AccountLedger::Open(At("2024-01-01"))}));
  Must(ledger.Submit({AccountLedger::Buy(At("2024-02-01"), {{100 * kUnit}})}));
  Must(ledger.Submit({AccountLedger::Redeem(At("2024-03-01"), 150)}));
  Must(ledger.Submit({AccountLedger::Redeem(At("2024-03-02"), 50)}));
  const AccountSimulation result = SimulateYaml(ledger, Rate(1), "2024-01-01", "2025-01-01");
  EXPECT_EQ(result.actual.flow, (PointsFlow{200, 200, 0, 0, 0}));
  EXPECT_EQ(result.simulated.flow, (PointsFlow{100, 50, 0, 0, 50}));
  EXPECT_EQ(result.refused_facts, 1);
  EXPECT_EQ(result.first_refusal, "events[0]: 150 points asked for, 100 available");
}

TEST(Simulate, HoldsCapturesAndPaysWithPointsAsSubmitted) {
  AccountLedger ledger(Rate(1));
  Must(ledger.Submit({AccountLedger::Open(At("2024-01-01"))}));
  Must(ledger.Submit({AccountLedger::Buy(At("2024-02-01"), {{100 * kUnit}})}));
  for (const char* id : {"kept", "captured", "released"}) {
    Fact reserve{{}, At("2024-03-01")};
    reserve.event.mutable_points_reserved()->set_reservation_id(id);
    reserve.event.mutable_points_reserved()->set_points(20);
    SetTimestamp(reserve.event.mutable_points_reserved()->mutable_hold_until(), At("2024-03-08"));
    Must(ledger.Submit({reserve}));
  }
  Fact capture{{}, At("2024-03-02")};
  capture.event.mutable_reservation_captured()->set_reservation_id("captured");
  capture.event.mutable_reservation_captured()->set_points(15);
  Fact release{{}, At("2024-03-03")};
  release.event.mutable_reservation_released()->set_reservation_id("released");
  Fact paid = AccountLedger::Buy(At("2024-03-04"), {{10 * kUnit}});
  paid.event.mutable_purchase_recorded()->mutable_lines(0)->set_points_paid(5);
  Must(ledger.Submit({capture, release, paid}));
  const AccountSimulation result = SimulateYaml(ledger, Rate(2), "2024-01-01", "2024-03-05");
  EXPECT_EQ(result.refused_facts, 0) << result.first_refusal;
  // Of 100 and 10 points earned, 15 were captured and 5 paid with; 20 are still held.
  EXPECT_EQ(result.actual.flow, (PointsFlow{110, 20, 0, 0, 90}));
  EXPECT_EQ(result.simulated.flow, (PointsFlow{220, 20, 0, 0, 200}));
}

TEST(Simulate, SendsAsSubmittedAndTakesOverWhatOtherAccountsDecided) {
  AccountLedger ledger(Rate(2));
  Must(ledger.Submit({AccountLedger::Open(At("2024-01-01"))}));
  Must(ledger.Submit({AccountLedger::Buy(At("2024-02-01"), {{100 * kUnit}})}));
  Must(ledger.Submit({AccountLedger::Send(At("2024-03-01"), "too much", 150)}));
  Must(ledger.Submit({AccountLedger::Send(At("2024-03-02"), "arrives", 20)}));
  Must(ledger.Submit({AccountLedger::Send(At("2024-03-03"), "comes back", 10)}));
  ledger.End({"too much", "", "1-1"});
  ledger.End({"arrives", "", "1-2"});
  ledger.End({"comes back", "ACCOUNT_CLOSED", ""});
  TransferReceipt receipt{"acme", "other", "t", "1-3", At("2024-03-04"), {}};
  auto& allocation = *receipt.sent.add_allocations();
  allocation.set_points(7);
  SetTimestamp(allocation.mutable_lot()->mutable_occurred_time(), At("2023-01-01"));
  ASSERT_TRUE(ledger.Receive(receipt).ok());
  const AccountSimulation result = SimulateYaml(ledger, Rate(1), "2024-01-01", "2025-01-01");
  EXPECT_EQ(result.actual.flow, (PointsFlow{200, 0, 0, 0, 37}));
  EXPECT_EQ(result.simulated.flow, (PointsFlow{100, 0, 0, 0, 87}));
  EXPECT_EQ(result.refused_facts, 1);
  EXPECT_EQ(result.first_refusal, "events[0]: 150 points asked for, 100 available");
}

TEST(Simulate, ReversesTheLotsOfItsOwnSide) {
  AccountLedger ledger(Rate(1));
  Must(ledger.Submit({AccountLedger::Open(At("2024-01-01"))}));
  Must(ledger.Submit({AccountLedger::Buy(At("2024-01-10"), {{40 * kUnit}}, "i0")}));
  Must(ledger.Submit({AccountLedger::Buy(At("2024-02-10"), {{100 * kUnit}}, "i1")}));
  // i0 was given 1 point a unit on both sides, i1 1 or 3.
  Must(ledger.Submit({AccountLedger::Return(At("2024-03-01"), {{20 * kUnit, 1, "", 1}}, "i0")}));
  Must(ledger.Submit({AccountLedger::Return(At("2024-03-02"), {{50 * kUnit, 1, "", 1}}, "i1")}));
  const AccountSimulation result = SimulateYaml(ledger, Rate(3), "2024-02-01", "2025-01-01");
  EXPECT_EQ(result.actual.flow, (PointsFlow{100, 0, 0, 70, 70}));
  EXPECT_EQ(result.simulated.flow, (PointsFlow{300, 0, 0, 170, 170}));
}

// The account "acme", which "old" is merged into in March.
AccountLedger MergedInto(AccountLedger& old, const std::string& program) {
  Fact merge{{}, At("2024-03-01")};
  merge.event.mutable_account_merged()->set_into_account_id("acme");
  merge.event.mutable_account_merged()->set_reason("entered twice");
  const auto merged = old.Submit({merge});
  Must(merged);
  events::v1::EventRecord sent;
  sent.set_account_id("old");
  sent.set_event_id("0-4");
  SetTimestamp(sent.mutable_occurred_time(), At("2024-03-01"));
  *sent.mutable_event() = merged->back().event;
  AccountLedger ledger(program);
  ledger.BeOther("acme", {&old});
  Must(ledger.Submit({AccountLedger::Open(At("2024-01-01"))}));
  Must(ledger.Receive(ReceiptOf(sent)));
  return ledger;
}

TEST(Simulate, ReversesWhatIsPendingOfAMergedAccountsPurchase) {
  const std::string program = Head() +
                              "accrual_rules:\n- {rule_id: base, pending_days: 90, per_money: {points: 1, per_micros: "
                              "1000000}}\nreturn_policy: only_pending\n";
  AccountLedger source(program);
  source.BeOther("old", {});
  Must(source.Submit(
      {AccountLedger::Open(At("2024-01-01")), AccountLedger::Buy(At("2024-02-01"), {{100 * kUnit, 2}}, "i1")}));
  AccountLedger ledger = MergedInto(source, program);
  Must(ledger.Submit({AccountLedger::Return(At("2024-04-01"), {{50 * kUnit, 1, "", 1}}, "i1")}));
  ASSERT_EQ(ledger.state().pending_points(), 50);
  const AccountSimulation result =
      SimulateYaml(ledger, program, "2024-01-01", "2025-01-01", {source.Find("i1", "old")});
  EXPECT_EQ(result.simulated.flow, result.actual.flow);
  EXPECT_FALSE(result.Changed());
}

TEST(Simulate, TakesGoodsOfAMergedAccountBackAgainstTheirPurchase) {
  AccountLedger source(Rate(1));
  source.BeOther("old", {});
  Fact paid = AccountLedger::Buy(At("2024-02-01"), {{100 * kUnit, 2}}, "i1");
  paid.event.mutable_purchase_recorded()->mutable_lines(0)->set_points_paid(10);
  Must(source.Submit({AccountLedger::Open(At("2024-01-01")), AccountLedger::Adjust(At("2024-01-02"), 10), paid}));
  AccountLedger ledger = MergedInto(source, Rate(1));
  Must(ledger.Submit({AccountLedger::Return(At("2024-04-01"), {{50 * kUnit, 1, "", 1}}, "i1")}));
  // Half of the 100 points that it earned, whatever it would earn now, and half of the 10 that it was paid with.
  const PointsFlow expected{0, -5, 0, 50, 55};
  for (const char* const from : {"2024-01-01", "2024-03-15"}) {
    const AccountSimulation result = SimulateYaml(ledger, Rate(3), from, "2025-01-01", {source.Find("i1", "old")});
    EXPECT_EQ(result.refused_facts, 0) << result.first_refusal;
    EXPECT_EQ(result.actual.flow, expected) << from;
    EXPECT_EQ(result.simulated.flow, expected) << from;
  }
  EXPECT_EQ(SimulateYaml(ledger, Rate(3), "2024-01-01", "2024-04-01").simulated.flow, (PointsFlow{0, 0, 0, 0, 100}));
}

TEST(Simulate, TakesARetractionWhereFewerRecordsStand) {
  AccountLedger ledger(Rate(1));
  Must(ledger.Submit({AccountLedger::Open(At("2024-01-01"))}));
  Must(ledger.Submit({AccountLedger::Buy(At("2024-02-01"), {{100 * kUnit}})}));
  Fact need{{}, At("2024-02-02")};
  need.event.mutable_need_stated()->set_need_id("n");
  need.event.mutable_need_stated()->set_description("40 vans");
  Must(ledger.Submit({need}));
  Fact retracted{{}, At("2024-02-03")};
  retracted.event.mutable_fact_retracted()->set_revision(3);
  retracted.event.mutable_fact_retracted()->set_kind(events::v1::EVENT_KIND_NEED_STATED);
  retracted.event.mutable_fact_retracted()->set_reason("of another account");
  Must(ledger.Submit({retracted}));
  // Without a rule there is no lot, so that the need is revision 2 and the retraction names itself.
  const AccountSimulation result = SimulateYaml(ledger, Head(), "2024-01-01", "2025-01-01");
  EXPECT_EQ(result.actual.flow.issued, 100);
  EXPECT_EQ(result.simulated.flow.issued, 0);
  EXPECT_EQ(result.refused_facts, 0) << result.first_refusal;
}

TEST(Simulate, TellsTheTierAndTheDecisionThatGaveIt) {
  AccountLedger ledger(Rate(1, Ladder(500 * kUnit)));
  Must(ledger.Submit({AccountLedger::Open(At("2024-01-01"))}));
  Must(ledger.Submit({AccountLedger::Buy(At("2024-02-01"), {{300 * kUnit}})}));
  const AccountSimulation result = SimulateYaml(ledger, Rate(1, Ladder(300 * kUnit)), "2024-01-01", "2024-06-01");
  EXPECT_EQ(result.actual.tier.tier_id, "base");
  EXPECT_EQ(result.simulated.tier.tier_id, "gold");
  ASSERT_TRUE(result.simulated.assigned.has_value());
  EXPECT_EQ(result.simulated.assigned->met(0).value(), 300 * kUnit);
  EXPECT_EQ(result.simulated.assigned->met(0).threshold(), 300 * kUnit);
  EXPECT_EQ(result.simulated.assigned_time, At("2024-02-01"));
  EXPECT_TRUE(result.Changed());
}

TEST(Simulate, TakesWhatFallsDueBeforeTheEndOnBothSides) {
  const std::string expiring = "  expiry: {after_days: 30}\n";
  AccountLedger ledger(Rate(1, "  expiry: {after_days: 60}\n"));
  Must(ledger.Submit({AccountLedger::Open(At("2024-01-01"))}));
  Must(ledger.Submit({AccountLedger::Buy(At("2024-02-01"), {{100 * kUnit}})}));
  // Nothing has been recorded since; 30 days end on 2 March, 60 on 1 April.
  AccountSimulation result = SimulateYaml(ledger, Rate(1, expiring), "2024-01-01", "2024-03-02");
  EXPECT_EQ(result.simulated.flow, (PointsFlow{100, 0, 0, 0, 100}));
  result = SimulateYaml(ledger, Rate(1, expiring), "2024-01-01", "2024-03-03");
  EXPECT_EQ(result.simulated.flow, (PointsFlow{100, 0, 100, 0, 0}));
  EXPECT_EQ(result.actual.flow, (PointsFlow{100, 0, 0, 0, 100}));
  result = SimulateYaml(ledger, Rate(1, expiring), "2024-01-01", "2024-05-01");
  EXPECT_EQ(result.actual.flow, (PointsFlow{100, 0, 100, 0, 0}));
  EXPECT_FALSE(result.Changed());
}

TEST(SimulatedPrograms, TakesThePlaceOfItsIdAndLeavesOthers) {
  const auto own = ProgramOf(Rate(1));
  const auto other =
      ProgramOf("program_id: other\ntime_zone: UTC\ncurrency_code: USD\neffective_from: 2000-01-01\nregion: CN\n");
  const ProgramSet published({own, other});
  const auto programs = SimulatedPrograms(published, ProgramOf(Rate(9))->program(), At("2024-01-01"), At("2024-07-01"));
  ASSERT_TRUE(programs.ok()) << programs.status();
  EXPECT_EQ((*programs)->Select(At("2023-12-31"), "EU")->program().version(), 1u);
  EXPECT_EQ((*programs)->Select(At("2024-01-01"), "EU")->program().version(), 2u);
  EXPECT_EQ((*programs)->Select(At("2024-01-01"), "CN/31")->program().program_id(), "other");
  EXPECT_EQ((*programs)->Select(At("2024-07-01"), "EU"), nullptr);
}

// Any history under the program in force, simulated under that program, changes nothing, wherever the period begins.
TEST(Simulate, ChangesNothingUnderTheProgramInForce) {
  const std::string yaml = Rate(2,
                                "  pending_days: 14\n  expiry: {after_months: 5}\n  rounding: half_even\n"
                                "  max_per_period: {points: 150, period: month}\n") +
                           "redemption_policy: {max_times: {times: 2, period: month}}\n" + Ladder(400 * kUnit);
  for (unsigned seed = 0; seed < 120; ++seed) {
    std::mt19937_64 random(seed);
    const auto pick = [&](int64_t low, int64_t high) {
      return low + static_cast<int64_t>(random() % static_cast<uint64_t>(high - low + 1));
    };
    AccountLedger ledger(yaml);
    Micros now = At("2024-01-01");
    Must(ledger.Submit({AccountLedger::Open(now)}));
    int invoices = 0;
    for (int step = 0; step < 40; ++step) {
      now += pick(0, 20) * kMicrosPerDay + pick(0, kMicrosPerDay);
      const Micros at = pick(0, 5) == 0 ? std::max(At("2024-01-01"), now - pick(1, 100) * kMicrosPerDay) : now;
      std::vector<Fact> facts;
      switch (pick(0, 4)) {
        case 0:
          facts.push_back(AccountLedger::Return(at, {{pick(0, 40) * kUnit, 1, "", 1}},
                                                "i" + std::to_string(pick(0, std::max(invoices, 1)))));
          break;
        case 1:
          facts.push_back(AccountLedger::Redeem(at, pick(1, 80)));
          break;
        case 2:
          facts.push_back(AccountLedger::Adjust(at, pick(0, 1) == 0 ? pick(1, 50) : -pick(1, 50)));
          [[fallthrough]];
        default:
          facts.push_back(
              AccountLedger::Buy(at, {{pick(0, 99) * kUnit, 2}, {pick(1, 999'999)}}, "i" + std::to_string(invoices++)));
      }
      // What is refused is not recorded, and so not part of the history.
      (void)ledger.Submit(std::move(facts));
    }
    for (const char* from : {"2024-01-01", "2024-03-15", "2024-07-01"}) {
      for (const char* to : {"2024-08-02", "2025-01-01", "2026-01-01"}) {
        const AccountSimulation result = SimulateYaml(ledger, yaml, from, to);
        ASSERT_TRUE(result.exists);
        ASSERT_FALSE(result.Changed()) << "seed " << seed << " from " << from << " to " << to << ": "
                                       << result.first_refusal;
      }
    }
  }
}

}  // namespace
}  // namespace keyledger::domain
