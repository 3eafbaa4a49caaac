// Merges of two accounts, step by step.
#include <algorithm>

#include "server/domain/explain_standing.h"
#include "server/domain/merges.h"
#include "tests/unit/domain/account_ledger.h"
#include "tests/unit/domain/fact_text.h"

namespace keyledger::domain {
namespace {

using L = AccountLedger;

const Micros kDay1 = 1'704'067'200'000'000;  // 2024-01-01
const Micros kDay = kMicrosPerDay;

// One point a unit of money, available after ten days.
const char kPending[] =
    "accrual_rules:\n- {rule_id: base, pending_days: 10, per_money: {points: 1, per_micros: 1000000}}\n";

const char kLadder[] =
    "tier_ladder:\n  ladder_id: standing\n  metric: net_spend\n  window: {rolling_days: 365}\n  review_period: year\n"
    "  tiers:\n"
    "  - {tier_id: bronze, entrance: 0}\n"
    "  - {tier_id: silver, entrance: 100000000}\n"
    "  - {tier_id: gold, entrance: 500000000}\n";

Fact Merge(Micros at, const std::string& into = "other", bool keep_higher_tier = false) {
  Fact fact{{}, at};
  fact.event.mutable_account_merged()->set_into_account_id(into);
  fact.event.mutable_account_merged()->set_reason("entered twice");
  fact.event.mutable_account_merged()->set_keep_higher_tier(keep_higher_tier);
  return fact;
}

Fact LockTier(Micros at, const std::string& tier_id) {
  Fact fact{{}, at};
  fact.event.mutable_tier_locked()->set_ladder_id("standing");
  fact.event.mutable_tier_locked()->set_tier_id(tier_id);
  fact.event.mutable_tier_locked()->set_reason("founder");
  return fact;
}

L Opened(Micros at, const std::string& program = "") {
  L ledger(Head() + program);
  EXPECT_TRUE(ledger.Submit({L::Open(at)}).ok());
  return ledger;
}

// The receipt of the latest merge of the account.
TransferReceipt ReceiptFrom(const L& source) {
  for (auto event = source.log().rbegin(); event != source.log().rend(); ++event) {
    if (!event->event.has_account_merged()) continue;
    events::v1::EventRecord record;
    record.set_account_id("acme");
    record.set_event_id("0-3");
    SetTimestamp(record.mutable_occurred_time(), event->occurred);
    *record.mutable_event() = event->event;
    return ReceiptOf(record);
  }
  ADD_FAILURE() << "nothing was merged";
  return {};
}

// The source that was merged into it, with the outcome on the source.
void Join(L& source, L& target) {
  const auto received = target.Receive(ReceiptFrom(source));
  ASSERT_TRUE(received.ok()) << received.status();
  ASSERT_EQ(L::Kinds(source.End({std::string(kMergeTransferId), "", "1-1"})), "account_merge_completed");
}

TEST(Merges, TakeEveryLotAlongWithItsTerms) {
  L source = Opened(kDay1, kPending);
  ASSERT_TRUE(source.Submit({L::Adjust(kDay1, 20, kDay1 + 30 * kDay), L::Buy(kDay1, {{7 * kUnit}})}).ok());
  const auto events = source.Submit({Merge(kDay1 + 5)});
  ASSERT_TRUE(events.ok()) << events.status();
  ASSERT_EQ(L::Kinds(*events), "account_merged");
  const auto& sent = (*events)[0].event.account_merged().sent();
  EXPECT_EQ(sent.transfer_id(), "$merge");
  EXPECT_EQ(sent.to_account_id(), "other");
  EXPECT_EQ(sent.points(), 27);
  ASSERT_EQ(sent.allocations_size(), 2);
  EXPECT_EQ(sent.allocations(0).lot_revision(), 1u);
  EXPECT_FALSE(sent.allocations(0).pending());
  EXPECT_EQ(MicrosOf(sent.allocations(0).lot().expire_time()), kDay1 + 30 * kDay);
  EXPECT_EQ(sent.allocations(1).lot_revision(), 3u);
  EXPECT_TRUE(sent.allocations(1).pending());
  EXPECT_EQ(MicrosOf(sent.allocations(1).lot().activate_time()), kDay1 + 10 * kDay);
  EXPECT_EQ(source.state().lifecycle, Lifecycle::kMerged);
  EXPECT_EQ(source.state().merge, (domain::Merge{"other", Lifecycle::kOpen, false}));
  EXPECT_EQ(source.state().available_points() + source.state().pending_points(), 0);
  EXPECT_EQ(source.state().points_in_transit(), 27);

  L target = Opened(kDay1, kPending);
  const auto received = target.Receive(ReceiptFrom(source));
  ASSERT_TRUE(received.ok()) << received.status();
  ASSERT_EQ(L::Kinds(*received), "account_merge_received points_transfer_received points_transfer_received");
  EXPECT_EQ((*received)[0].occurred, kDay1 + 5);
  EXPECT_EQ((*received)[0].event.account_merge_received().from_account_id(), "acme");
  EXPECT_EQ((*received)[0].event.account_merge_received().sent_event_id(), "0-3");
  EXPECT_EQ((*received)[2].event.points_transfer_received().transfer_id(), "$merge");
  EXPECT_EQ(target.state().available_points(), 20);
  EXPECT_EQ(target.state().pending_points(), 7);
  EXPECT_EQ(target.state().totals.transferred_in, 27);
  EXPECT_EQ(L::Kinds(target.AdvanceTo(kDay1 + 10 * kDay)), "points_activated");
  EXPECT_EQ(target.state().available_points(), 27);
  EXPECT_EQ(L::Kinds(target.AdvanceTo(kDay1 + 30 * kDay)), "points_expired");
  EXPECT_EQ(target.state().available_points(), 7);

  ASSERT_EQ(L::Kinds(source.End({"$merge", "", "1-1"})), "account_merge_completed");
  const auto& completed = source.log().back().event.account_merge_completed();
  EXPECT_EQ(source.log().back().occurred, kDay1 + 5);
  EXPECT_EQ(completed.into_account_id(), "other");
  EXPECT_EQ(completed.received_event_id(), "1-1");
  EXPECT_EQ(completed.completed().points(), 27);
  EXPECT_EQ(source.state().totals.transferred_out, 27);
  EXPECT_TRUE(source.state().transfers.empty());
  EXPECT_TRUE(source.state().merge.completed);
  EXPECT_TRUE(source.End({"$merge", "", "1-1"}).empty()) << "it ends once";
}

TEST(Merges, AddWhatWasBoughtQuarterByQuarterOfAnHour) {
  L source = Opened(kDay1);
  // 2024-01-01T00:00 is slot 1,893,408.
  ASSERT_TRUE(source
                  .Submit({L::Buy(kDay1, {{30 * kUnit, 3}}), L::Buy(kDay1 + 2 * kMetricSlotMicros, {{5 * kUnit}}),
                           L::Return(kDay1 + 3 * kMetricSlotMicros, {{2 * kUnit}}),
                           L::Buy(kDay1 + 9, {{8 * kUnit}}, "", "", "EUR")})
                  .ok());
  ASSERT_TRUE(source.Submit({Merge(kDay1 + kDay)}).ok());
  L target = Opened(kDay1 + 60 * kMicrosPerSecond);
  ASSERT_TRUE(target
                  .Submit({L::Buy(kDay1 + 61 * kMicrosPerSecond, {{40 * kUnit, 2}}),
                           L::Buy(kDay1 + kMetricSlotMicros, {{1 * kUnit}})})
                  .ok());
  Join(source, target);
  const AccountState& state = target.state();
  ASSERT_EQ(state.metrics.size(), 2u);
  const MetricSeries& dollars = state.metrics.at("USD");
  EXPECT_EQ(dollars.bought, (std::vector<MetricSlot>{{1'893'408, {70 * kUnit, 0, 5, 2}},
                                                     {1'893'409, {1 * kUnit, 0, 1, 1}},
                                                     {1'893'410, {5 * kUnit, 0, 1, 1}}}));
  EXPECT_EQ(dollars.returned, (std::vector<MetricSlot>{{1'893'411, {2 * kUnit, 0, 1, 0}}}));
  EXPECT_EQ(dollars.bought_ever, (MetricSums{76 * kUnit, 0, 7, 4}));
  EXPECT_EQ(dollars.returned_ever, (MetricSums{2 * kUnit, 0, 1, 0}));
  EXPECT_EQ(state.metrics.at("EUR").bought_ever, (MetricSums{8 * kUnit, 0, 1, 1}));
  EXPECT_EQ(state.purchase_count, 5);
  EXPECT_EQ(state.last_purchase, kDay1 + 2 * kMetricSlotMicros);
  EXPECT_EQ(state.open_time, kDay1) << "the relationship is as old as the older account";
  EXPECT_EQ(state.absorbed, std::vector<std::string>{"acme"});
  EXPECT_TRUE(source.state().metrics.empty()) << "it stands once";
}

// What the account's records contribute to net spend from a moment on: revision and amount, the largest first.
std::vector<std::pair<uint64_t, int64_t>> NetSpendOf(const L& ledger, Micros from) {
  const std::vector<ValueSource> sources{{events::v1::METRIC_NET_SPEND, "", "USD", Span{from, kDay1 + 10 * kDay}}};
  ContributionFinder finder(sources, 10);
  for (size_t i = 0; i < ledger.log().size(); ++i) {
    events::v1::EventRecord record;
    *record.mutable_event() = ledger.log()[i].event;
    record.set_revision(i);
    SetTimestamp(record.mutable_occurred_time(), ledger.log()[i].occurred);
    finder.Observe(record);
  }
  std::vector<std::pair<uint64_t, int64_t>> amounts;
  const std::vector<Contributions> found = std::move(finder).Take();
  for (const Contribution& one : found[0].largest) amounts.emplace_back(one.revision, one.amount);
  return amounts;
}

TEST(Merges, ContributeToTheFiguresOfTheAccountThatGoesOnAlone) {
  using Amounts = std::vector<std::pair<uint64_t, int64_t>>;
  L source = Opened(kDay1);
  ASSERT_TRUE(source
                  .Submit({L::Buy(kDay1, {{30 * kUnit}}), L::Buy(kDay1 + kDay, {{9 * kUnit}}),
                           L::Return(kDay1 + kDay, {{2 * kUnit}}), Merge(kDay1 + 2 * kDay)})
                  .ok());
  L target = Opened(kDay1);
  ASSERT_TRUE(target.Submit({L::Buy(kDay1 + kDay, {{40 * kUnit}})}).ok());
  EXPECT_EQ(NetSpendOf(source, kDay1), (Amounts{{1, 30 * kUnit}, {2, 9 * kUnit}, {3, -2 * kUnit}}));
  Join(source, target);
  EXPECT_EQ(NetSpendOf(source, kDay1), Amounts{});
  EXPECT_EQ(NetSpendOf(target, kDay1), (Amounts{{1, 40 * kUnit}, {2, 37 * kUnit}}));
  EXPECT_EQ(NetSpendOf(target, kDay1 + kDay), (Amounts{{1, 40 * kUnit}, {2, 7 * kUnit}}));
  EXPECT_EQ(NetSpendOf(target, kTimeMin), (Amounts{{1, 40 * kUnit}, {2, 37 * kUnit}}));
}

TEST(Merges, RaiseTheTierThatTheJoinedFiguresHaveEarned) {
  L source = Opened(kDay1, kLadder);
  ASSERT_TRUE(source.Submit({L::Buy(kDay1, {{60 * kUnit}}), Merge(kDay1 + 7)}).ok());
  EXPECT_EQ(source.state().tier.tier_id, "bronze");
  L target = Opened(kDay1, kLadder);
  ASSERT_TRUE(target.Submit({L::Buy(kDay1 + kDay, {{40 * kUnit}})}).ok());
  const auto events = target.Receive(ReceiptFrom(source));
  ASSERT_TRUE(events.ok()) << events.status();
  ASSERT_EQ(L::Kinds(*events), "account_merge_received tier_assigned");
  const auto& tier = (*events)[1].event.tier_assigned();
  EXPECT_EQ(tier.tier_id(), "silver");
  EXPECT_EQ(tier.reason(), events::v1::TIER_ASSIGNMENT_REASON_UPGRADE);
  ASSERT_EQ(tier.met_size(), 1);
  EXPECT_EQ(tier.met(0).value(), 100 * kUnit);
  EXPECT_EQ((*events)[1].occurred, kDay1 + kDay) << "what comes late counts now";
  EXPECT_EQ((*events)[1].program_id, "test");
  source.End({"$merge", "", "1-1"});
  EXPECT_EQ(source.state().tier, TierStanding());
}

TEST(Merges, KeepTheHigherTierUntilTheNextReviewIfAskedTo) {
  L source = Opened(kDay1, kLadder);
  ASSERT_TRUE(source.Submit({LockTier(kDay1, "gold"), Merge(kDay1 + 7, "other", true)}).ok());
  EXPECT_EQ(source.log().back().event.account_merged().merged().tier_id(), "gold");
  L target = Opened(kDay1, kLadder);
  const auto events = target.Receive(ReceiptFrom(source));
  ASSERT_TRUE(events.ok()) << events.status();
  ASSERT_EQ(L::Kinds(*events), "account_merge_received tier_assigned");
  const auto& tier = (*events)[1].event.tier_assigned();
  EXPECT_EQ(tier.tier_id(), "gold");
  EXPECT_EQ(tier.previous_tier_id(), "bronze");
  EXPECT_EQ(tier.reason(), events::v1::TIER_ASSIGNMENT_REASON_MERGED);
  EXPECT_TRUE(tier.met().empty());
  EXPECT_EQ(L::Kinds(target.AdvanceTo(At("2025-01-01"))), "tier_assigned");
  EXPECT_EQ(target.state().tier.tier_id, "bronze");
}

TEST(Merges, LeaveTheTierWhereNothingElseIsAskedOrItIsLockedOrHigher) {
  L source = Opened(kDay1, kLadder);
  ASSERT_TRUE(source.Submit({LockTier(kDay1, "silver")}).ok());
  L asked = source;
  ASSERT_TRUE(asked.Submit({Merge(kDay1 + 7, "other", true)}).ok());
  ASSERT_TRUE(source.Submit({Merge(kDay1 + 7)}).ok());
  EXPECT_EQ(source.log().back().event.account_merged().merged().tier_id(), "");

  L plain = Opened(kDay1, kLadder);
  EXPECT_EQ(L::Kinds(*plain.Receive(ReceiptFrom(source))), "account_merge_received");
  L locked = Opened(kDay1, kLadder);
  ASSERT_TRUE(locked.Submit({LockTier(kDay1, "bronze")}).ok());
  EXPECT_EQ(L::Kinds(*locked.Receive(ReceiptFrom(asked))), "account_merge_received");
  L higher = Opened(kDay1, kLadder);
  ASSERT_TRUE(higher.Submit({L::Buy(kDay1, {{500 * kUnit}})}).ok());
  EXPECT_EQ(L::Kinds(*higher.Receive(ReceiptFrom(asked))), "account_merge_received");
  L elsewhere = Opened(kDay1);
  EXPECT_EQ(L::Kinds(*elsewhere.Receive(ReceiptFrom(asked))), "account_merge_received");
}

TEST(Merges, AreRefusedWithWhatIsToBeDoneFirst) {
  const auto refusal = [](L& ledger, const std::string& into = "other") {
    const absl::Status status = ledger.Submit({Merge(kDay1 + 1, into)}).status();
    EXPECT_EQ(ReasonOf(status), Reason::kMergeNotPossible) << status;
    return MessageOf(status);
  };
  L self = Opened(kDay1);
  EXPECT_EQ(refusal(self, "acme"), "events[0]: an account cannot be merged into itself; name the account that goes on");
  L reserved = Opened(kDay1);
  Fact reserve{{}, kDay1};
  reserve.event.mutable_points_reserved()->set_reservation_id("r");
  reserve.event.mutable_points_reserved()->set_points(3);
  SetTimestamp(reserve.event.mutable_points_reserved()->mutable_hold_until(), kDay1 + kDay);
  ASSERT_TRUE(reserved.Submit({L::Adjust(kDay1, 5), reserve}).ok());
  EXPECT_EQ(refusal(reserved), "events[0]: reservation 'r' is open (1 in all); capture or release what is open first");
  L sending = Opened(kDay1);
  ASSERT_TRUE(sending.Submit({L::Adjust(kDay1, 5), L::Send(kDay1, "t", 2)}).ok());
  EXPECT_EQ(refusal(sending), "events[0]: transfer 't' is in transit (1 in all); merge when nothing is in transit");
  L owing(Head() + "accrual_rules:\n- {rule_id: base, per_money: {points: 1, per_micros: 1000000}}\n" +
          "return_policy: negative_allowed\n");
  ASSERT_TRUE(owing
                  .Submit({L::Open(kDay1), L::Buy(kDay1, {{10 * kUnit}}, "a"), L::Redeem(kDay1, 7),
                           L::Return(kDay1, {{10 * kUnit}}, "a")})
                  .ok());
  EXPECT_EQ(refusal(owing), "events[0]: the account owes 7 points; let an adjustment pay them first");
}

TEST(Merges, TakeAsManyLotsAsTheLimitAndNotOneMore) {
  L source = Opened(kDay1);
  std::vector<Fact> lots(5'000, L::Adjust(kDay1, 1));
  ASSERT_TRUE(source.Submit(lots).ok());
  L more = source;
  ASSERT_TRUE(more.Submit({L::Adjust(kDay1, 1)}).ok());
  EXPECT_EQ(ReasonOf(more.Submit({Merge(kDay1)}).status()), Reason::kMergeNotPossible);
  ASSERT_TRUE(source.Submit({Merge(kDay1)}).ok());
  EXPECT_EQ(source.log().back().event.account_merged().sent().allocations_size(), 5'000);
  EXPECT_LT(source.log().back().event.ByteSizeLong(), 1u << 20);
}

TEST(Merges, OfAnAccountTwiceAreRefused) {
  L source = Opened(kDay1);
  ASSERT_TRUE(source.Submit({Merge(kDay1)}).ok());
  EXPECT_FALSE(source.Submit({Merge(kDay1)}).ok());
  EXPECT_FALSE(source.Submit({L::Buy(kDay1, {{kUnit}}), Merge(kDay1)}).ok());
}

TEST(Merges, ThatTheOtherCannotTakeLeaveTheAccountAsItWas) {
  L source = Opened(kDay1, std::string(kPending) + kLadder);
  ASSERT_TRUE(source.Submit({L::Adjust(kDay1, 20), L::Buy(kDay1, {{7 * kUnit}})}).ok());
  const AccountState before = source.state();
  ASSERT_TRUE(source.Submit({Merge(kDay1 + 5)}).ok());
  L closed = Opened(kDay1);
  ASSERT_TRUE(closed.Submit({L::Close(kDay1)}).ok());
  L unknown(Head());
  L merged = Opened(kDay1);
  ASSERT_TRUE(merged.Submit({Merge(kDay1, "third")}).ok());
  const TransferReceipt receipt = ReceiptFrom(source);
  const auto refusal = [&](L& target) {
    const absl::Status status = target.Receive(receipt).status();
    EXPECT_TRUE(IsTransferRefusal(status)) << status;
    return RefusalName(status);
  };
  EXPECT_EQ(refusal(unknown), "ACCOUNT_NOT_FOUND");
  EXPECT_EQ(refusal(merged), "ACCOUNT_MERGED");
  EXPECT_EQ(refusal(closed), "ACCOUNT_CLOSED");

  ASSERT_EQ(L::Kinds(source.End({"$merge", "ACCOUNT_CLOSED", ""})), "account_merge_returned");
  const auto& returned = source.log().back().event.account_merge_returned();
  EXPECT_EQ(returned.into_account_id(), "other");
  EXPECT_EQ(returned.refusal(), "ACCOUNT_CLOSED");
  EXPECT_EQ(returned.returned().points(), 27);
  EXPECT_EQ(returned.returned().allocations_size(), 2);
  AccountState after = source.state();
  ASSERT_EQ(after.lots.size(), 2u);
  for (Lot& lot : after.lots) {
    EXPECT_EQ(lot.restored, kDay1 + 5);
    lot.restored = std::numeric_limits<int64_t>::min();
  }
  after.next_revision = before.next_revision;
  after.clock = before.clock;
  EXPECT_EQ(after, before);
  EXPECT_EQ(L::Kinds(source.AdvanceTo(kDay1 + 10 * kDay)), "points_activated");
  ASSERT_TRUE(source.Submit({Merge(kDay1 + 11 * kDay, "better")}).ok()) << "it can be merged again";
  EXPECT_EQ(source.state().merge.into_account_id, "better");
}

TEST(Merges, AreRefusedByAnAccountThatWouldHoldTooMuch) {
  L source = Opened(kDay1);
  ASSERT_TRUE(source.Submit({L::Buy(kDay1, {{kUnit}}), Merge(kDay1)}).ok());
  TransferReceipt receipt = ReceiptFrom(source);
  for (int i = 0; i < 99; ++i) receipt.merged->add_absorbed_account_ids("b" + std::to_string(100 + i));
  L target = Opened(kDay1);
  L full = target;
  ASSERT_TRUE(full.Receive(receipt).ok()) << "a hundred accounts";
  EXPECT_EQ(full.state().absorbed.size(), 100u);
  receipt.merged->add_absorbed_account_ids("b99");
  EXPECT_EQ(ReasonOf(target.Receive(receipt).status()), Reason::kAccountLimit);

  receipt = ReceiptFrom(source);
  for (char letter = 'A'; letter < 'A' + 15; ++letter) {
    receipt.merged->add_trades()->set_currency_code(std::string("A") + letter + "X");
  }
  L trades = target;
  ASSERT_TRUE(trades.Receive(receipt).ok()) << "sixteen currencies";
  receipt.merged->add_trades()->set_currency_code("ZZZ");
  EXPECT_EQ(ReasonOf(target.Receive(receipt).status()), Reason::kAccountLimit);

  receipt = ReceiptFrom(source);
  receipt.merged->set_purchase_count(std::numeric_limits<int64_t>::max());
  ASSERT_TRUE(target.Submit({L::Buy(kDay1, {{kUnit}})}).ok());
  EXPECT_EQ(ReasonOf(target.Receive(receipt).status()), Reason::kArithmeticRange);
}

TEST(Merges, OfAClosedAccountReturnToAClosedOne) {
  L source = Opened(kDay1);
  ASSERT_TRUE(source.Submit({L::Close(kDay1), Merge(kDay1)}).ok());
  EXPECT_EQ(source.state().merge.lifecycle, Lifecycle::kClosed);
  source.End({"$merge", "ACCOUNT_NOT_FOUND", ""});
  EXPECT_EQ(source.state().lifecycle, Lifecycle::kClosed);
}

TEST(Merges, LeaveNothingThatFallsDueOnTheAccountThatEnds) {
  L source = Opened(kDay1, std::string(kPending) + kLadder);
  ASSERT_TRUE(source.Submit({L::Buy(kDay1, {{200 * kUnit}}), Merge(kDay1)}).ok());
  EXPECT_EQ(NextDue(source.state(), source.programs()), kNever);
  EXPECT_TRUE(source.AdvanceTo(kDay1 + 900 * kDay).empty());
  source.End({"$merge", "", "1-1"});
  EXPECT_EQ(NextDue(source.state(), source.programs()), kNever);
  EXPECT_TRUE(source.AdvanceTo(kDay1 + 900 * kDay).empty());
}

TEST(Merges, AreKeptInTheStoredStateAtEveryStep) {
  const auto expect_kept = [](const AccountState& state) {
    const auto decoded = DecodeState(EncodeState(state));
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(*decoded, state);
  };
  L source = Opened(kDay1, kPending);
  L bare = source;
  ASSERT_TRUE(source.Submit({L::Adjust(kDay1, 20), L::Buy(kDay1, {{7 * kUnit}}), Merge(kDay1 + 5)}).ok());
  expect_kept(source.state());
  L target = Opened(kDay1, kPending);
  Join(source, target);
  expect_kept(source.state());
  expect_kept(target.state());
  ASSERT_TRUE(bare.Submit({Merge(kDay1 + 5)}).ok()) << "without a point";
  EXPECT_EQ(bare.state().transfers.size(), 1u);
  expect_kept(bare.state());
}

TEST(Merges, LetAQuoteThatIsOpenBePaidAndProduced) {
  L source = Opened(kDay1);
  const auto submit = [&](const std::string& text) { return source.Submit({FactOf(kDay1, text)}).status(); };
  const auto move = [](const std::string& step) {
    return "quote_moved { quote_id: 'Q' person: 'bo' step: QUOTE_STEP_" + step + " }";
  };
  ASSERT_TRUE(submit("quote_proposed { quote_id: 'Q' proposer: 'anna' proposer_role: 'sales' amount { currency_code: "
                     "'USD' micros: 90 } }")
                  .ok());
  for (const char* step : {"ENTERED", "PRODUCT_CLEARED", "LEGAL_CLEARED", "FINANCE_CLEARED", "ISSUED", "CONFIRMED"}) {
    ASSERT_TRUE(submit(move(step)).ok()) << step;
  }
  ASSERT_TRUE(source.Submit({Merge(kDay1 + 5)}).ok());
  source.End({"$merge", "", "1-1"});
  const auto payment = [](const std::string& quote_id) {
    return "payment_received { amount { currency_code: 'USD' micros: 90 } method: 'transfer' quote_id: '" + quote_id +
           "' }";
  };
  EXPECT_EQ(ReasonOf(submit(payment("other"))), Reason::kAccountMerged);
  EXPECT_EQ(ReasonOf(submit(move("PAYMENT_MET"))), Reason::kStepNotAllowed);
  L excepted = source;
  EXPECT_TRUE(submit(payment("Q")).ok());
  for (const char* step : {"PAYMENT_MET", "CONDITIONS_MET", "PRODUCTION_STARTED"}) {
    EXPECT_TRUE(submit(move(step)).ok()) << step;
  }
  EXPECT_TRUE(source.state().items.empty());
  EXPECT_TRUE(excepted
                  .Submit({FactOf(kDay1,
                                  "payment_exception_granted { terms: 'instalments' approver: 'cfo' reason: "
                                  "'r' quote_id: 'Q' }"),
                           FactOf(kDay1, move("PAYMENT_MET"))})
                  .ok());
}

TEST(Merges, ArriveWithAnAccountThatWasOpenedLater) {
  L source = Opened(kDay1, kPending);
  ASSERT_TRUE(source.Submit({L::Buy(kDay1, {{7 * kUnit}}), Merge(kDay1 + 5)}).ok());
  L target = Opened(kDay1 + 20 * kDay, kPending);
  const auto events = target.Receive(ReceiptFrom(source));
  ASSERT_TRUE(events.ok()) << events.status();
  ASSERT_EQ(L::Kinds(*events), "account_merge_received points_transfer_received points_activated");
  for (const DecidedEvent& event : *events) EXPECT_EQ(event.occurred, kDay1 + 20 * kDay);
  EXPECT_EQ(target.state().open_time, kDay1);
}

TEST(Merges, PayWhatTheOtherOwes) {
  L source = Opened(kDay1);
  ASSERT_TRUE(source.Submit({L::Adjust(kDay1, 20), Merge(kDay1)}).ok());
  L target(Head() + "accrual_rules:\n- {rule_id: base, per_money: {points: 1, per_micros: 1000000}}\n" +
           "return_policy: negative_allowed\n");
  ASSERT_TRUE(target
                  .Submit({L::Open(kDay1), L::Buy(kDay1, {{10 * kUnit}}, "a"), L::Redeem(kDay1, 7),
                           L::Return(kDay1, {{10 * kUnit}}, "a")})
                  .ok());
  EXPECT_EQ(L::Kinds(*target.Receive(ReceiptFrom(source))),
            "account_merge_received points_transfer_received points_debt_paid");
  EXPECT_EQ(target.state().debt, 0);
  EXPECT_EQ(target.state().available_points(), 13);
}

TEST(Merges, ConserveThePointsOfBothAccounts) {
  for (const bool arrives : {true, false}) {
    L source = Opened(kDay1, kPending);
    ASSERT_TRUE(
        source.Submit({L::Adjust(kDay1, 20), L::Buy(kDay1, {{7 * kUnit}}), L::Adjust(kDay1, 3, kDay1 + kDay)}).ok());
    L target = Opened(kDay1, kPending);
    ASSERT_TRUE(target.Submit({L::Adjust(kDay1, 100)}).ok());
    const auto points = [&] {
      int64_t sum = 0;
      for (const AccountState* state : {&source.state(), &target.state()}) {
        EXPECT_TRUE(LotsMatchTotals(*state));
        sum += state->available_points() + state->pending_points() + state->totals.expired;
      }
      return sum;
    };
    ASSERT_EQ(points(), 130);
    ASSERT_TRUE(source.Submit({Merge(kDay1 + 5)}).ok());
    ASSERT_TRUE(target.Submit({L::Adjust(kDay1 + 3 * kDay, 1)}).ok());
    if (arrives) Join(source, target);
    if (!arrives) source.End({"$merge", "ACCOUNT_LIMIT", ""});
    EXPECT_EQ(points(), 131) << "and the one given meanwhile";
    EXPECT_EQ(target.state().totals.expired, arrives ? 3 : 0);
  }
}

TEST(Merges, AreCheckedForTheirShape) {
  Fact fact = Merge(kDay1);
  EXPECT_TRUE(ValidateFact(fact.event, "events[0]").ok());
  fact.event.mutable_account_merged()->set_into_account_id("no such id!");
  EXPECT_EQ(FieldsOf(ValidateFact(fact.event, "events[0]"))[0].first, "events[0].account_merged.into_account_id");
  fact = Merge(kDay1);
  fact.event.mutable_account_merged()->clear_reason();
  EXPECT_EQ(FieldsOf(ValidateFact(fact.event, "events[0]"))[0].first, "events[0].account_merged.reason");
  fact = Merge(kDay1);
  fact.event.mutable_account_merged()->mutable_merged()->set_purchase_count(1);
  fact.event.mutable_account_merged()->mutable_sent()->set_points(1);
  EXPECT_EQ(FieldsOf(ValidateFact(fact.event, "events[0]")).size(), 2u);
  fact = L::Send(kDay1, "$merge", 1);
  EXPECT_EQ(FieldsOf(ValidateFact(fact.event, "events[0]"))[0].first, "events[0].points_transfer_sent.transfer_id");
  fact = L::Send(kDay1, "x$", 1);
  EXPECT_TRUE(ValidateFact(fact.event, "events[0]").ok());
}

}  // namespace
}  // namespace keyledger::domain
