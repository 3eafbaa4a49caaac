// Goods bought on an account that was merged into another, and returned there.
#include <algorithm>

#include "server/domain/explain_standing.h"
#include "server/domain/merges.h"
#include "server/domain/review.h"
#include "server/domain/submitted.h"
#include "tests/unit/domain/account_ledger.h"

namespace keyledger::domain {
namespace {

using L = AccountLedger;

const Micros kDay1 = 1'704'067'200'000'000;  // 2024-01-01
const Micros kDay = kMicrosPerDay;

const char kPlain[] = "accrual_rules:\n- {rule_id: base, per_money: {points: 1, per_micros: 1000000}}\n";

L Opened(const std::string& account_id, const std::string& program, std::vector<const L*> merged = {}) {
  L ledger(Head() + program);
  ledger.BeOther(account_id, std::move(merged));
  EXPECT_TRUE(ledger.Submit({L::Open(kDay1)}).ok());
  return ledger;
}

Fact MergeInto(const L& target, Micros at) {
  Fact fact{{}, at};
  fact.event.mutable_account_merged()->set_into_account_id(target.account_id());
  fact.event.mutable_account_merged()->set_reason("entered twice");
  return fact;
}

// Merges the source into the target, all steps.
void Join(L& source, L& target, Micros at) {
  const auto merged = source.Submit({MergeInto(target, at)});
  ASSERT_TRUE(merged.ok()) << merged.status();
  events::v1::EventRecord record;
  record.set_account_id(source.account_id());
  record.set_event_id("0-3");
  SetTimestamp(record.mutable_occurred_time(), at);
  *record.mutable_event() = merged->back().event;
  const auto received = target.Receive(ReceiptOf(record));
  ASSERT_TRUE(received.ok()) << received.status();
  ASSERT_EQ(L::Kinds(source.End({std::string(kMergeTransferId), "", "1-1"})), "account_merge_completed");
}

Fact BuyPaid(Micros at, int64_t micros, int64_t quantity, int64_t points, const std::string& invoice) {
  Fact fact = L::Buy(at, {{micros, quantity}}, invoice);
  fact.event.mutable_purchase_recorded()->mutable_lines(0)->set_points_paid(points);
  return fact;
}

const events::v1::PurchaseReturned& ReturnIn(const std::vector<DecidedEvent>& events) {
  return events[0].event.purchase_returned();
}

TEST(MergedReturns, AreHeldAgainstWhatWasBoughtAndCameBackBeforeTheMerge) {
  L source = Opened("acme", kPlain);
  ASSERT_TRUE(source.Submit({L::Buy(kDay1, {{30 * kUnit, 3}}, "a")}).ok());
  ASSERT_TRUE(source.Submit({L::Return(kDay1 + 1, {{10 * kUnit, 1}}, "a")}).ok());
  L target = Opened("other", kPlain, {&source});
  ASSERT_TRUE(target.Submit({L::Buy(kDay1, {{5 * kUnit}}, "own")}).ok());
  EXPECT_EQ(ReasonOf(target.Submit({L::Return(kDay1 + 2, {{10 * kUnit, 1}}, "a")}).status()),
            Reason::kPurchaseOfOtherAccount)
      << "before the merge";
  Join(source, target, kDay1 + 5);
  EXPECT_TRUE(source.state().returned.empty());
  ASSERT_EQ(target.state().available_points(), 25);

  const auto second = target.Submit({L::Return(kDay1 + 7, {{10 * kUnit, 1}}, "a")});
  ASSERT_TRUE(second.ok()) << second.status();
  ASSERT_EQ(L::Kinds(*second), "purchase_returned points_reversed");
  EXPECT_FALSE(ReturnIn(*second).has_purchase_revision());
  EXPECT_EQ(ReturnIn(*second).merged_purchase().account_id(), "acme");
  EXPECT_EQ(ReturnIn(*second).merged_purchase().revision(), 1u);
  EXPECT_FALSE(ReturnIn(*second).completes_purchase());
  const events::v1::PointsReversed& reversed = (*second)[1].event.points_reversed();
  EXPECT_FALSE(reversed.has_purchase_revision());
  EXPECT_EQ(reversed.points_due(), 10);
  ASSERT_EQ(reversed.allocations_size(), 1);
  EXPECT_EQ(target.state().available_points(), 15);
  EXPECT_EQ(target.state().metrics.at("USD").returned_ever, (MetricSums{20 * kUnit, 0, 2, 0}));

  const absl::Status more = target.Submit({L::Return(kDay1 + 8, {{11 * kUnit, 1}}, "a")}).status();
  EXPECT_EQ(ReasonOf(more), Reason::kReturnExceedsPurchase);
  EXPECT_EQ(MessageOf(more),
            "events[0].purchase_returned.lines[0] gives back 11000000 micros; 30000000 were paid and 20000000 have "
            "been given back");
  const auto last = target.Submit({L::Return(kDay1 + 8, {{10 * kUnit, 1}}, "a")});
  ASSERT_TRUE(last.ok()) << last.status();
  EXPECT_TRUE(ReturnIn(*last).completes_purchase());
  EXPECT_EQ(target.state().available_points(), 5) << "what its own purchase earned";
  EXPECT_EQ(target.state().returned.at({"acme", 1}), (std::vector<ReturnedLine>{{1, 3, 30 * kUnit}}));
  EXPECT_EQ(AsSubmitted(last->front().event).SerializeAsString(),
            L::Return(kDay1 + 8, {{10 * kUnit, 1}}, "a").event.SerializeAsString());
}

TEST(MergedReturns, TakeTheLotsThatWereEarnedWithThePurchaseFirst) {
  L source = Opened("acme", kPlain);
  ASSERT_TRUE(source.Submit({L::Buy(kDay1 + 1, {{30 * kUnit, 3}}, "a")}).ok());
  L target = Opened("other", kPlain, {&source});
  ASSERT_TRUE(target.Submit({L::Buy(kDay1 + 1, {{2 * kUnit}}, "of the same moment")}).ok());
  Join(source, target, kDay1 + 5);
  const Lot came = target.state().lots.back();
  EXPECT_EQ(came.origin, 1u);
  EXPECT_EQ(came.origin_lot, 2u);
  const uint64_t lot = came.revision;
  ASSERT_TRUE(target.Submit({L::Buy(kDay1 + 6, {{30 * kUnit}}, "own")}).ok());
  const auto returned = target.Submit({L::Return(kDay1 + 7, {{10 * kUnit, 1}}, "a")});
  ASSERT_TRUE(returned.ok()) << returned.status();
  const events::v1::PointsReversed& reversed = returned->back().event.points_reversed();
  ASSERT_EQ(reversed.allocations_size(), 1);
  EXPECT_EQ(reversed.allocations(0).lot_revision(), lot);
  // What is left of it is spent: the newest lots give the rest.
  ASSERT_TRUE(target.Submit({L::Redeem(kDay1 + 8, 17)}).ok());
  const auto rest = target.Submit({L::Return(kDay1 + 9, {{20 * kUnit, 2}}, "a")});
  ASSERT_TRUE(rest.ok()) << rest.status();
  EXPECT_EQ(rest->back().event.points_reversed().points(), 20);
  EXPECT_EQ(rest->back().event.points_reversed().allocations_size(), 2);
  EXPECT_EQ(target.state().available_points(), 15);
}

TEST(MergedReturns, UnderOnlyPendingTakeWhatIsStillPending) {
  const std::string program =
      "accrual_rules:\n- {rule_id: base, pending_days: 10, per_money: {points: 1, per_micros: 1000000}}\n"
      "return_policy: only_pending\n";
  L source = Opened("acme", program);
  ASSERT_TRUE(source.Submit({L::Buy(kDay1 + 1, {{30 * kUnit, 3}}, "a")}).ok());
  L target = Opened("other", program, {&source});
  Join(source, target, kDay1 + 5);
  ASSERT_TRUE(target.Submit({L::Buy(kDay1 + 6, {{30 * kUnit}}, "own")}).ok());
  ASSERT_TRUE(target.Submit({L::Return(kDay1 + kDay, {{10 * kUnit, 1}}, "a")}).ok());
  EXPECT_EQ(target.state().pending_points(), 50);
  target.AdvanceTo(kDay1 + 11 * kDay);
  EXPECT_EQ(target.state().available_points(), 50);
  ASSERT_TRUE(target.Submit({L::Return(kDay1 + 12 * kDay, {{20 * kUnit, 2}}, "a")}).ok());
  EXPECT_EQ(target.state().available_points(), 50);
}

TEST(MergedReturns, GiveBackPointsThatThePurchaseWasPaidWithAsLotsOfTheirOwn) {
  L source = Opened("acme", kPlain);
  ASSERT_TRUE(source.Submit({L::Adjust(kDay1, 4, kDay1 + 20 * kDay), L::Adjust(kDay1, 6, kDay1 + 30 * kDay)}).ok());
  ASSERT_TRUE(source.Submit({BuyPaid(kDay1 + 1, 0, 2, 10, "a")}).ok());
  ASSERT_EQ(source.state().available_points(), 0);
  L target = Opened("other", kPlain, {&source});
  Join(source, target, kDay1 + 5);

  const auto half = target.Submit({L::Return(kDay1 + 7, {{0, 1}}, "a")});
  ASSERT_TRUE(half.ok()) << half.status();
  ASSERT_EQ(L::Kinds(*half), "purchase_returned points_restored points_restored");
  const events::v1::PointsRestored& first = (*half)[1].event.points_restored();
  EXPECT_EQ(first.points(), 4);
  EXPECT_EQ(first.merged_purchase().account_id(), "acme");
  EXPECT_EQ(first.merged_purchase().revision(), 3u);
  EXPECT_EQ((*half)[2].event.points_restored().points(), 1);
  EXPECT_EQ(target.state().available_points(), 5);
  EXPECT_EQ(target.state().totals.spent, -5);
  EXPECT_TRUE(LotsMatchTotals(target.state()));
  const auto decoded = DecodeState(EncodeState(target.state()));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(*decoded, target.state());
  ASSERT_TRUE(target.Submit({L::Redeem(kDay1 + 8, 2)}).ok());
  EXPECT_EQ(target.state().totals.spent, -3);

  // Twenty days after: what is left of the first lot has run out; the rest comes back to the end that it had.
  const auto rest = target.Submit({L::Return(kDay1 + 25 * kDay, {{0, 1}}, "a")});
  ASSERT_TRUE(rest.ok()) << rest.status();
  EXPECT_EQ(L::Kinds(*rest), "points_expired purchase_returned points_restored");
  EXPECT_EQ(target.state().available_points(), 6);
  EXPECT_EQ(L::Kinds(target.AdvanceTo(kDay1 + 30 * kDay)), "points_expired points_expired");
  EXPECT_EQ(target.state().available_points(), 0);
  EXPECT_TRUE(LotsMatchTotals(target.state()));
}

TEST(MergedReturns, GiveOneLotBackForEachThatTheLinesWerePaidFrom) {
  L source = Opened("acme", kPlain);
  ASSERT_TRUE(source.Submit({L::Adjust(kDay1, 6), L::Adjust(kDay1, 6)}).ok());
  Fact paid = L::Buy(kDay1 + 1, {{0}, {0}, {0}}, "a");
  for (auto& line : *paid.event.mutable_purchase_recorded()->mutable_lines()) line.set_points_paid(4);
  ASSERT_TRUE(source.Submit({paid}).ok());
  L target = Opened("other", kPlain, {&source});
  Join(source, target, kDay1 + 5);
  const auto returned = target.Submit({L::Return(kDay1 + 7, {{0, 1, "", 1}, {0, 1, "", 2}, {0, 1, "", 3}}, "a")});
  ASSERT_TRUE(returned.ok()) << returned.status();
  EXPECT_EQ(L::Kinds(*returned), "purchase_returned points_restored points_restored");
  EXPECT_EQ((*returned)[1].event.points_restored().points(), 6);
  EXPECT_EQ(target.state().available_points(), 12);
}

TEST(MergedReturns, OfPointsThatRunOutByInactivityGoByTheLatestActivityKnown) {
  const std::string program =
      "accrual_rules:\n- {rule_id: base, per_money: {points: 1, per_micros: 1000000}, expiry: {inactivity_days: 90}}\n";
  for (const bool active : {false, true}) {
    L source = Opened("acme", program);
    ASSERT_TRUE(source.Submit({L::Buy(kDay1, {{10 * kUnit}}, "earned")}).ok());
    const Micros paid = kDay1 + 80 * kDay;
    ASSERT_TRUE(source.Submit({BuyPaid(paid, 0, 1, 10, "a")}).ok());
    L target = Opened("other", program, {&source});
    Join(source, target, paid + kDay);
    const Micros bought = paid + 70 * kDay;
    if (active) {
      ASSERT_TRUE(target.Submit({L::Buy(bought, {{0}}, "own")}).ok());
    }
    ASSERT_TRUE(target.Submit({L::Return(paid + 80 * kDay, {{0, 1}}, "a")}).ok());
    ASSERT_EQ(target.state().available_points(), 10);
    const Lot& lot = target.state().lots.back();
    EXPECT_EQ(lot.inactivity_days, 0u);
    EXPECT_EQ(lot.expire, (active ? bought : paid) + 90 * kDay);
  }
}

TEST(MergedReturns, DatedBeforeTheMergeLeaveTheAccountReadableAsOfThen) {
  L source = Opened("acme", kPlain);
  ASSERT_TRUE(source.Submit({L::Buy(kDay1, {{30 * kUnit, 3}}, "a")}).ok());
  L target = Opened("other", kPlain, {&source});
  ASSERT_TRUE(target.Submit({L::Buy(kDay1, {{50 * kUnit}}, "own")}).ok());
  Join(source, target, kDay1 + 5 * kDay);
  ASSERT_TRUE(target.Submit({L::Return(kDay1 + 3 * kDay, {{10 * kUnit, 1}}, "a")}).ok());
  for (const auto fold : {FoldMeasured, FoldForStanding}) {
    AccountState state;
    uint64_t revision = 0;
    for (const DecidedEvent& decided : target.log()) {
      events::v1::EventRecord record;
      record.set_revision(revision++);
      SetTimestamp(record.mutable_occurred_time(), decided.occurred);
      *record.mutable_event() = decided.event;
      const absl::Status folded = fold(state, record, kDay1 + 4 * kDay);
      ASSERT_TRUE(folded.ok()) << folded;
    }
    EXPECT_EQ(state.metrics.at("USD").returned_ever, (MetricSums{10 * kUnit, 0, 1, 0}));
    EXPECT_TRUE(state.absorbed.empty());
  }
}

TEST(MergedReturns, TakeWhatTheLotsBecameAlsoAfterASecondMerge) {
  const std::string program =
      "accrual_rules:\n- {rule_id: base, pending_days: 10, per_money: {points: 1, per_micros: 1000000}}\n"
      "- {rule_id: more, pending_days: 20, per_money: {points: 2, per_micros: 1000000}}\n"
      "return_policy: only_pending\n";
  L first = Opened("acme", program);
  ASSERT_TRUE(first.Submit({L::Buy(kDay1, {{30 * kUnit, 3}}, "a")}).ok());
  L second = Opened("other", program, {&first});
  ASSERT_TRUE(second.Submit({L::Buy(kDay1, {{5 * kUnit}}, "own")}).ok());
  Join(first, second, kDay1 + kDay);
  L third = Opened("third", program, {&first, &second});
  ASSERT_TRUE(third.Submit({L::Buy(kDay1, {{5 * kUnit}}, "own too")}).ok());
  Join(second, third, kDay1 + 2 * kDay);
  const auto returned = third.Submit({L::Return(kDay1 + 3 * kDay, {{10 * kUnit, 1}}, "a")});
  ASSERT_TRUE(returned.ok()) << returned.status();
  const events::v1::PointsReversed& reversed = returned->back().event.points_reversed();
  EXPECT_EQ(reversed.points_due(), 30);
  EXPECT_EQ(reversed.points(), 30);
  ASSERT_EQ(reversed.allocations_size(), 2);
  for (const auto& allocation : reversed.allocations()) {
    const auto lot = std::find_if(third.state().lots.begin(), third.state().lots.end(),
                                  [&](const Lot& one) { return one.revision == allocation.lot_revision(); });
    ASSERT_NE(lot, third.state().lots.end());
    EXPECT_EQ(third.state().absorbed[lot->origin - 1], "acme");
  }
  // After the first lot has become available only the second is taken from.
  third.AdvanceTo(kDay1 + 11 * kDay);
  const auto later = third.Submit({L::Return(kDay1 + 12 * kDay, {{10 * kUnit, 1}}, "a")});
  ASSERT_TRUE(later.ok()) << later.status();
  EXPECT_EQ(later->back().event.points_reversed().points(), 20);
}

TEST(MergedReturns, OfPointsThatHaveRunOutMeanwhileExpireAtOnce) {
  L source = Opened("acme", kPlain);
  ASSERT_TRUE(source.Submit({L::Adjust(kDay1, 4, kDay1 + 20 * kDay), BuyPaid(kDay1 + 1, 0, 1, 4, "a")}).ok());
  L target = Opened("other", kPlain, {&source});
  Join(source, target, kDay1 + 5);
  const auto returned = target.Submit({L::Return(kDay1 + 25 * kDay, {{0, 1}}, "a")});
  ASSERT_TRUE(returned.ok()) << returned.status();
  EXPECT_EQ(L::Kinds(*returned), "purchase_returned points_restored points_expired");
  EXPECT_EQ(target.state().available_points(), 0);
}

TEST(MergedReturns, PayWhatTheAccountOwes) {
  const std::string program = std::string(kPlain) + "return_policy: negative_allowed\n";
  L source = Opened("acme", program);
  ASSERT_TRUE(source.Submit({L::Adjust(kDay1, 10), BuyPaid(kDay1 + 1, 0, 1, 10, "a")}).ok());
  L target = Opened("other", program, {&source});
  Join(source, target, kDay1 + 5);
  ASSERT_TRUE(target.Submit({L::Buy(kDay1 + 6, {{7 * kUnit}}, "own"), L::Redeem(kDay1 + 6, 7)}).ok());
  ASSERT_TRUE(target.Submit({L::Return(kDay1 + 7, {{7 * kUnit}}, "own")}).ok());
  ASSERT_EQ(target.state().debt, 7);
  ASSERT_TRUE(target.Submit({L::Return(kDay1 + 8, {{0, 1}}, "a")}).ok());
  EXPECT_EQ(target.state().debt, 0);
  EXPECT_EQ(target.state().available_points(), 3);
  EXPECT_TRUE(LotsMatchTotals(target.state()));
}

TEST(MergedReturns, TakeWhatWasHeldMeanwhileToo) {
  L source = Opened("acme", kPlain);
  ASSERT_TRUE(source.Submit({L::Buy(kDay1, {{30 * kUnit}}, "a")}).ok());
  L target = Opened("other", kPlain, {&source});
  ASSERT_TRUE(target.Submit({L::Adjust(kDay1, 9)}).ok());
  Join(source, target, kDay1 + 5);
  Fact reserve{{}, kDay1 + 6};
  reserve.event.mutable_points_reserved()->set_reservation_id("r");
  reserve.event.mutable_points_reserved()->set_points(39);
  SetTimestamp(reserve.event.mutable_points_reserved()->mutable_hold_until(), kDay1 + kDay);
  Fact release{{}, kDay1 + 7};
  release.event.mutable_reservation_released()->set_reservation_id("r");
  release.event.mutable_reservation_released()->set_reason("changed their mind");
  ASSERT_TRUE(target.Submit({reserve}).ok());
  ASSERT_TRUE(target.state().lots.empty());
  const auto released = target.Submit({release});
  ASSERT_TRUE(released.ok()) << released.status();
  const auto& allocations = released->back().event.reservation_released().allocations();
  ASSERT_EQ(allocations.size(), 2);
  EXPECT_EQ(allocations[0].lot().origin_account_id(), "");
  EXPECT_EQ(allocations[1].lot().origin_account_id(), "acme");
  EXPECT_EQ(allocations[1].lot().origin_lot_revision(), 2u);
  const auto returned = target.Submit({L::Return(kDay1 + 8, {{30 * kUnit}}, "a")});
  ASSERT_TRUE(returned.ok()) << returned.status();
  const events::v1::PointsReversed& reversed = returned->back().event.points_reversed();
  ASSERT_EQ(reversed.allocations_size(), 1);
  EXPECT_EQ(reversed.allocations(0).lot_revision(), allocations[1].lot_revision());
  EXPECT_EQ(target.state().available_points(), 9);
}

TEST(MergedReturns, OfPointsThatWereGivenAwayAreOwedByWhoeverEarnedThem) {
  L source = Opened("acme", std::string(kPlain) + "transfer_policy: {}\n");
  ASSERT_TRUE(source.Submit({L::Buy(kDay1, {{30 * kUnit}}, "a"), L::Send(kDay1 + 1, "gift", 30, "friend")}).ok());
  TransferReceipt gift;
  gift.to_account_id = "friend";
  gift.from_account_id = "acme";
  gift.transfer_id = "gift";
  gift.occurred = kDay1 + 1;
  gift.sent = source.log().back().event.points_transfer_sent();
  L friendly = Opened("friend", kPlain);
  ASSERT_TRUE(friendly.Receive(gift).ok());
  EXPECT_EQ(friendly.state().lots.back().origin, 0u);
}

TEST(MergedReturns, GoWithEveryMergeThatFollows) {
  L first = Opened("acme", kPlain);
  ASSERT_TRUE(first.Submit({L::Buy(kDay1, {{30 * kUnit, 3}}, "a")}).ok());
  ASSERT_TRUE(first.Submit({L::Return(kDay1 + 1, {{10 * kUnit, 1}}, "a")}).ok());
  L second = Opened("other", kPlain, {&first});
  ASSERT_TRUE(second.Submit({L::Buy(kDay1, {{8 * kUnit, 2}}, "b")}).ok());
  ASSERT_TRUE(second.Submit({L::Return(kDay1 + 1, {{4 * kUnit, 1}}, "b")}).ok());
  Join(first, second, kDay1 + 5);
  ASSERT_TRUE(second.Submit({L::Return(kDay1 + 6, {{10 * kUnit, 1}}, "a")}).ok());
  L third = Opened("third", kPlain, {&first, &second});
  Join(second, third, kDay1 + 7);
  const std::map<PurchaseKey, std::vector<ReturnedLine>> brought{{{"acme", 1}, {{1, 2, 20 * kUnit}}},
                                                                 {{"other", 1}, {{1, 1, 4 * kUnit}}}};
  EXPECT_EQ(third.state().returned, brought);
  EXPECT_EQ(ReasonOf(third.Submit({L::Return(kDay1 + 8, {{11 * kUnit, 1}}, "a")}).status()),
            Reason::kReturnExceedsPurchase);
  const auto last = third.Submit({L::Return(kDay1 + 8, {{10 * kUnit, 1}}, "a")});
  ASSERT_TRUE(last.ok()) << last.status();
  EXPECT_EQ(ReturnIn(*last).merged_purchase().account_id(), "acme");
  EXPECT_TRUE(ReturnIn(*last).completes_purchase());
  const auto own = third.Submit({L::Return(kDay1 + 8, {{4 * kUnit, 1}}, "b")});
  ASSERT_TRUE(own.ok()) << own.status();
  EXPECT_EQ(ReturnIn(*own).merged_purchase().account_id(), "other");
  EXPECT_TRUE(ReturnIn(*own).completes_purchase());
  EXPECT_EQ(third.state().available_points(), 0);
}

TEST(MergedReturns, OfMoreLinesThanARecordHoldsKeepTheAccountFromBeingMerged) {
  L source = Opened("acme", "");
  const std::vector<TestLine> lines(500, {kUnit});
  std::vector<TestLine> back = lines;
  for (uint32_t i = 0; i < back.size(); ++i) back[i].number = i + 1;
  for (size_t count = 0; count < kMergeReturnedLinesMax; count += lines.size()) {
    const std::string invoice = "i" + std::to_string(count);
    ASSERT_TRUE(source.Submit({L::Buy(kDay1, lines, invoice), L::Return(kDay1, back, invoice)}).ok());
  }
  L target = Opened("other", "", {&source});
  L one_more = source;
  Join(source, target, kDay1 + 1);
  EXPECT_EQ(target.state().returned.size(), 40u);
  ASSERT_TRUE(one_more.Submit({L::Buy(kDay1, {{kUnit}}, "more"), L::Return(kDay1, {{kUnit, 1, "", 1}}, "more")}).ok());
  const absl::Status status = one_more.Submit({MergeInto(target, kDay1 + 1)}).status();
  EXPECT_EQ(ReasonOf(status), Reason::kMergeNotPossible);
  EXPECT_EQ(MessageOf(status),
            "events[0]: 20001 lines of the account's purchases have come back, and a merge takes at most 20000; merge "
            "the other account into this one");
}

// Folds the event on the account that the other was merged into, and returns what is wrong.
std::string FaultOf(const AccountState& state, const events::v1::Event& event) {
  AccountState copy = state;
  return MessageOf(Evolve(copy, event, kDay1 + 9));
}

TEST(MergedReturns, ThatCannotHaveHappenedAreADamagedLog) {
  L source = Opened("acme", kPlain);
  ASSERT_TRUE(source.Submit({L::Buy(kDay1, {{30 * kUnit, 3}}, "a")}).ok());
  L target = Opened("other", kPlain, {&source});
  Join(source, target, kDay1 + 5);
  events::v1::Event returned = L::Return(kDay1 + 7, {{10 * kUnit, 1}}, "a").event;
  returned.mutable_purchase_returned()->mutable_merged_purchase()->set_account_id("acme");
  EXPECT_EQ(FaultOf(target.state(), returned), "");
  returned.mutable_purchase_returned()->mutable_merged_purchase()->set_account_id("stranger");
  EXPECT_NE(FaultOf(target.state(), returned).find("was not merged into this one"), std::string::npos);

  events::v1::Event event;
  events::v1::PointsRestored& restored = *event.mutable_points_restored();
  restored.set_points(3);
  restored.mutable_merged_purchase()->set_account_id("acme");
  restored.add_allocations()->set_points(3);
  EXPECT_EQ(FaultOf(target.state(), event), "");
  restored.mutable_allocations(0)->set_points(2);
  EXPECT_NE(FaultOf(target.state(), event).find("to other than one lot"), std::string::npos);
  restored.mutable_allocations(0)->set_points(3);
  restored.mutable_merged_purchase()->set_account_id("stranger");
  EXPECT_NE(FaultOf(target.state(), event).find("was not merged into this one"), std::string::npos);

  events::v1::Event merge;
  events::v1::AccountMergeReceived& received = *merge.mutable_account_merge_received();
  received.set_from_account_id("acme-2");
  events::v1::MergedReturns& returns = *received.mutable_merged()->add_returns();
  events::v1::MergedReturnLine& line = *returns.add_purchases()->add_lines();
  line.set_line_number(1);
  line.set_quantity(1);
  EXPECT_EQ(FaultOf(target.state(), merge), "");
  returns.set_account_id("stranger");
  EXPECT_NE(FaultOf(target.state(), merge).find("was not merged into this one"), std::string::npos);
  returns.clear_account_id();
  *returns.add_purchases() = returns.purchases(0);
  EXPECT_NE(FaultOf(target.state(), merge).find("twice"), std::string::npos);
  returns.mutable_purchases()->RemoveLast();
  *returns.mutable_purchases(0)->add_lines() = line;
  EXPECT_NE(FaultOf(target.state(), merge).find("out of order"), std::string::npos);
}

}  // namespace
}  // namespace keyledger::domain
