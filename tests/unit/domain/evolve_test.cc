// The fold: what it keeps, and that it refuses a log that contradicts itself.
#include "tests/unit/domain/account_ledger.h"

namespace keyledger::domain {
namespace {

using L = AccountLedger;
using events::v1::Event;

const Micros kDay1 = At("2024-01-01");

AccountState Opened() {
  AccountState state;
  EXPECT_TRUE(Evolve(state, L::Open(kDay1).event, kDay1).ok());
  return state;
}

Event Allocated(uint64_t lot, int64_t points, bool pending = false) {
  Event event;
  event.mutable_points_redeemed()->set_points(points);
  auto* allocation = event.mutable_points_redeemed()->add_allocations();
  allocation->set_lot_revision(lot);
  allocation->set_points(points);
  allocation->set_pending(pending);
  return event;
}

Reason Fault(AccountState state, const Event& event) { return ReasonOf(Evolve(state, event, kDay1)); }

TEST(Evolve, KeepsWhatIsKnownOfAnAccount) {
  AccountState state = Opened();
  Event event;
  auto* updated = event.mutable_account_facts_updated();
  updated->set_display_name("Acme");
  updated->set_region("CN/31");
  updated->set_segment("industry");
  updated->set_owner("kim");
  auto* fact = updated->add_set_facts();
  fact->set_key("size");
  fact->set_value("large");
  ASSERT_TRUE(Evolve(state, event, kDay1 + 5).ok());
  EXPECT_EQ(state.display_name, "Acme");
  EXPECT_EQ(state.region, "CN/31");
  EXPECT_EQ(state.segment, "industry");
  EXPECT_EQ(state.owner, "kim");
  EXPECT_EQ(state.facts.at("size"), "large");
  EXPECT_EQ(state.clock, kDay1 + 5);
  EXPECT_EQ(state.open_time, kDay1);
  EXPECT_EQ(state.next_revision, 2u);
  event.Clear();
  event.mutable_account_facts_updated()->set_region("");
  event.mutable_account_facts_updated()->add_removed_keys("size");
  event.mutable_account_facts_updated()->add_removed_keys("never there");
  ASSERT_TRUE(Evolve(state, event, kDay1 + 1).ok());
  EXPECT_EQ(state.region, "");
  EXPECT_EQ(state.display_name, "Acme");
  EXPECT_TRUE(state.facts.empty());
  EXPECT_EQ(state.clock, kDay1 + 5) << "the clock never goes back";
}

TEST(Evolve, DropsWhatWasBoughtBeforeTheHorizonButKeepsTheTotals) {
  AccountState state = Opened();
  const auto buy = [&](Micros at) { ASSERT_TRUE(Evolve(state, L::Buy(at, {{kUnit}}).event, at).ok()); };
  buy(kDay1);
  buy(kDay1 + kMetricHorizonMicros);
  EXPECT_EQ(state.metrics.at("USD").bought.size(), 2u);
  buy(kDay1 + kMetricHorizonMicros + kMetricSlotMicros);
  EXPECT_EQ(state.metrics.at("USD").bought.size(), 2u);
  EXPECT_EQ(state.metrics.at("USD").bought[0].slot, (kDay1 + kMetricHorizonMicros) / kMetricSlotMicros);
  buy(kDay1);
  EXPECT_EQ(state.metrics.at("USD").bought.size(), 2u) << "too late to matter to any window";
  EXPECT_EQ(state.purchase_count, 4);
  EXPECT_EQ(state.metrics.at("USD").bought_ever, (MetricSums{4 * kUnit, 0, 4, 4}));
}

TEST(Evolve, SumsWhatWasBoughtInQuartersOfAnHour) {
  AccountState state = Opened();
  const Micros slot = kMetricSlotMicros;
  for (const Micros at : {kDay1, kDay1 + slot - 1, kDay1 + slot})
    ASSERT_TRUE(Evolve(state, L::Buy(at, {{kUnit}}).event, at).ok());
  const std::vector<MetricSlot> expected = {{kDay1 / slot, {2 * kUnit, 0, 2, 2}}, {kDay1 / slot + 1, {kUnit, 0, 1, 1}}};
  EXPECT_EQ(state.metrics.at("USD").bought, expected);
  ASSERT_TRUE(Evolve(state, L::Buy(-1, {{kUnit}}).event, -1).ok());
  EXPECT_EQ(state.metrics.at("USD").bought.size(), 2u);
}

TEST(Evolve, RemovesLotsThatAreUsedUp) {
  AccountState state = Opened();
  ASSERT_TRUE(Evolve(state, L::Adjust(kDay1, 10).event, kDay1).ok());
  ASSERT_TRUE(Evolve(state, Allocated(1, 4), kDay1).ok());
  EXPECT_EQ(state.lots.at(0).remaining, 6);
  EXPECT_EQ(state.lots.at(0).accrued, 10);
  ASSERT_TRUE(Evolve(state, Allocated(1, 6), kDay1).ok());
  EXPECT_TRUE(state.lots.empty());
  EXPECT_EQ(state.totals.spent, 10);
}

TEST(Evolve, TakesAllLotsThatOneRecordEmptiesOutTogether) {
  constexpr uint64_t kLots = 20'000;
  AccountState state = Opened();
  for (uint64_t i = 0; i < kLots; ++i) ASSERT_TRUE(Evolve(state, L::Adjust(kDay1, 2).event, kDay1).ok());
  // Every second lot as a whole, of the others a half.
  Event event;
  event.mutable_points_reserved()->set_reservation_id("r");
  event.mutable_points_reserved()->set_points(kLots / 2 * 3);
  for (uint64_t lot = 1; lot <= kLots; ++lot) {
    auto* allocation = event.mutable_points_reserved()->add_allocations();
    allocation->set_lot_revision(lot);
    allocation->set_points(lot % 2 == 0 ? 2 : 1);
  }
  Event twice = event;
  *twice.mutable_points_reserved()->add_allocations() = event.points_reserved().allocations(1);
  EXPECT_EQ(Fault(state, twice), Reason::kStoreDamaged) << "nothing is left of it";
  ASSERT_TRUE(Evolve(state, event, kDay1).ok());
  ASSERT_EQ(state.lots.size(), kLots / 2);
  for (uint64_t i = 0; i < state.lots.size(); ++i) ASSERT_EQ(state.lots[i].revision, 2 * i + 1);
  EXPECT_TRUE(LotsMatchTotals(state));
}

TEST(Evolve, KeepsLotsAndTotalsInStepAndShowsWhenTheyAreNot) {
  AccountState state = Opened();
  ASSERT_TRUE(Evolve(state, L::Adjust(kDay1, 10).event, kDay1).ok());
  ASSERT_TRUE(Evolve(state, Allocated(1, 4), kDay1).ok());
  EXPECT_TRUE(LotsMatchTotals(state));
  state.lots.at(0).remaining = 7;
  EXPECT_FALSE(LotsMatchTotals(state));
}

TEST(Evolve, RefusesWhatContradictsTheState) {
  AccountState state = Opened();
  ASSERT_TRUE(Evolve(state, L::Adjust(kDay1, 10).event, kDay1).ok());
  EXPECT_EQ(Fault(AccountState(), L::Adjust(kDay1, 10).event), Reason::kStoreDamaged)
      << "before the account was opened";
  EXPECT_EQ(Fault(state, L::Open(kDay1).event), Reason::kStoreDamaged);
  EXPECT_EQ(Fault(state, Event()), Reason::kStoreDamaged);
  EXPECT_EQ(Fault(state, Allocated(1, 11)), Reason::kStoreDamaged);
  EXPECT_EQ(Fault(state, Allocated(2, 1)), Reason::kStoreDamaged);
  EXPECT_EQ(Fault(state, Allocated(1, 1, true)), Reason::kStoreDamaged) << "these points are not pending";
  EXPECT_EQ(Fault(state, L::Redeem(kDay1, 5).event), Reason::kStoreDamaged)
      << "allocations that do not sum to the points";
  Event event;
  event.mutable_points_expired()->set_lot_revision(1);
  event.mutable_points_expired()->set_points(9);
  EXPECT_EQ(Fault(state, event), Reason::kStoreDamaged);
  event.mutable_points_activated()->set_lot_revision(1);
  event.mutable_points_activated()->set_points(10);
  EXPECT_EQ(Fault(state, event), Reason::kStoreDamaged);
  event.mutable_purchase_returned()->set_purchase_revision(7);
  EXPECT_EQ(Fault(state, event), Reason::kStoreDamaged);
  event.mutable_program_published();
  EXPECT_EQ(Fault(state, event), Reason::kStoreDamaged);
  event.mutable_points_accrued()->set_points(std::numeric_limits<int64_t>::max());
  EXPECT_EQ(Fault(state, event), Reason::kStoreDamaged) << "a total that leaves 64 bits";
}

}  // namespace
}  // namespace keyledger::domain
