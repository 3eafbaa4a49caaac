// Transfers of points between two accounts, step by step.
#include "tests/unit/domain/account_ledger.h"

namespace keyledger::domain {
namespace {

using L = AccountLedger;

const Micros kDay1 = 1'704'067'200'000'000;  // 2024-01-01
const Micros kDay2 = kDay1 + kMicrosPerDay;
const Micros kDay3 = kDay1 + 2 * kMicrosPerDay;

// An account with a lot of 10 until 2024-01-02 and one of 20 for ever.
L Opened(const std::string& program = "") {
  L ledger(Head() + program);
  EXPECT_TRUE(ledger.Submit({L::Open(kDay1), L::Adjust(kDay1, 10, kDay2), L::Adjust(kDay1, 20)}).ok());
  return ledger;
}

L Empty(Micros at = kDay1) {
  L ledger(Head());
  EXPECT_TRUE(ledger.Submit({L::Open(at)}).ok());
  return ledger;
}

// The receipt of the last transfer that was sent.
TransferReceipt ReceiptFrom(const L& sender) {
  for (auto event = sender.log().rbegin(); event != sender.log().rend(); ++event) {
    if (!event->event.has_points_transfer_sent()) continue;
    events::v1::EventRecord record;
    record.set_account_id("acme");
    record.set_event_id("0-3");
    SetTimestamp(record.mutable_occurred_time(), event->occurred);
    *record.mutable_event() = event->event;
    return ReceiptOf(record);
  }
  ADD_FAILURE() << "nothing was sent";
  return {};
}

TEST(Transfers, TakePointsThatNobodyElseCanSpend) {
  L sender = Opened();
  const auto events = sender.Submit({L::Send(kDay1, "t", 25)});
  ASSERT_TRUE(events.ok()) << events.status();
  const auto& sent = (*events)[0].event.points_transfer_sent();
  ASSERT_EQ(sent.allocations_size(), 2);
  EXPECT_EQ(sent.allocations(0).lot_revision(), 1u);
  EXPECT_EQ(sent.allocations(0).points(), 10);
  EXPECT_EQ(sent.allocations(0).lot().expire_time().seconds(), kDay2 / kMicrosPerSecond);
  EXPECT_EQ(sent.allocations(1).points(), 15);
  EXPECT_EQ(sender.state().available_points(), 5);
  EXPECT_EQ(sender.state().points_in_transit(), 25);
  EXPECT_EQ(ReasonOf(sender.Submit({L::Redeem(kDay1, 6)}).status()), Reason::kInsufficientPoints);
  EXPECT_EQ(ReasonOf(sender.Submit({L::Send(kDay1, "u", 6)}).status()), Reason::kInsufficientPoints);
  EXPECT_EQ(ReasonOf(sender.Submit({L::Send(kDay1, "t", 1)}).status()), Reason::kTransferExists);
}

TEST(Transfers, ArriveAsLotsThatKeepTheirTerms) {
  L sender = Opened();
  ASSERT_TRUE(sender.Submit({L::Send(kDay1 + 5, "t", 25)}).ok());
  L receiver = Empty();
  const auto events = receiver.Receive(ReceiptFrom(sender));
  ASSERT_TRUE(events.ok()) << events.status();
  ASSERT_EQ(L::Kinds(*events), "points_transfer_received points_transfer_received");
  EXPECT_TRUE((*events)[0].is_decision);
  EXPECT_EQ((*events)[0].occurred, kDay1 + 5);
  const auto& received = (*events)[0].event.points_transfer_received();
  EXPECT_EQ(received.transfer_id(), "t");
  EXPECT_EQ(received.from_account_id(), "acme");
  EXPECT_EQ(received.sent_event_id(), "0-3");
  EXPECT_EQ(received.points(), 10);
  ASSERT_EQ(receiver.state().lots.size(), 2u);
  EXPECT_EQ(receiver.state().lots[0].expire, kDay2);
  EXPECT_EQ(receiver.state().lots[0].occurred, kDay1);
  EXPECT_EQ(receiver.state().lots[1].expire, kNever);
  EXPECT_EQ(receiver.state().lots[1].remaining, 15);
  EXPECT_EQ(receiver.state().totals.transferred_in, 25);
  EXPECT_EQ(receiver.state().totals.accrued, 0);

  ASSERT_EQ(L::Kinds(sender.End({"t", "", "1-1"})), "points_transfer_completed");
  EXPECT_EQ(sender.log().back().event.points_transfer_completed().points(), 25);
  EXPECT_EQ(sender.log().back().event.points_transfer_completed().received_event_id(), "1-1");
  EXPECT_EQ(sender.log().back().occurred, kDay1 + 5);
  EXPECT_EQ(sender.state().totals.transferred_out, 25);
  EXPECT_EQ(sender.state().points_in_transit(), 0);
  EXPECT_EQ(sender.state().available_points(), 5);
}

TEST(Transfers, ThatAReceiverCannotTakeGoBackToTheirLots) {
  L sender = Opened();
  const AccountState before = sender.state();
  ASSERT_TRUE(sender.Submit({L::Send(kDay1 + 5, "t", 25)}).ok());
  L closed = Empty();
  ASSERT_TRUE(closed.Submit({L::Close(kDay1)}).ok());
  const absl::Status refused = closed.Receive(ReceiptFrom(sender)).status();
  EXPECT_EQ(ReasonOf(refused), Reason::kAccountClosed);
  ASSERT_TRUE(IsTransferRefusal(refused));
  L unknown(Head());
  EXPECT_EQ(ReasonOf(unknown.Receive(ReceiptFrom(sender)).status()), Reason::kAccountNotFound);

  ASSERT_EQ(L::Kinds(sender.End({"t", RefusalName(refused), ""})), "points_transfer_returned");
  const auto& returned = sender.log().back().event.points_transfer_returned();
  EXPECT_EQ(returned.refusal(), "ACCOUNT_CLOSED");
  EXPECT_EQ(returned.points(), 25);
  ASSERT_EQ(returned.allocations_size(), 2);
  EXPECT_EQ(returned.allocations(1).points(), 15);
  EXPECT_EQ(sender.state().available_points(), 30);
  EXPECT_EQ(sender.state().totals, before.totals);
  ASSERT_EQ(sender.state().lots.size(), 2u);
  EXPECT_EQ(sender.state().lots[0].expire, kDay2);
}

TEST(Transfers, EndOnce) {
  L sender = Opened();
  ASSERT_TRUE(sender.Submit({L::Send(kDay1, "t", 25)}).ok());
  ASSERT_EQ(sender.End({"t", "", "1-1"}).size(), 1u);
  EXPECT_TRUE(sender.End({"t", "", "1-1"}).empty());
  EXPECT_TRUE(sender.End({"t", "ACCOUNT_CLOSED", ""}).empty());
  EXPECT_TRUE(sender.End({"never sent", "", "1-1"}).empty());
  EXPECT_EQ(sender.state().totals.transferred_out, 25);
}

TEST(Transfers, LetRunOutAtOnceWhatRanOutOnTheWay) {
  L sender = Opened();
  ASSERT_TRUE(sender.Submit({L::Send(kDay1, "t", 25)}).ok());
  L receiver = Empty();
  ASSERT_TRUE(receiver.Submit({L::Adjust(kDay3, 1)}).ok());
  const auto events = receiver.Receive(ReceiptFrom(sender));
  ASSERT_TRUE(events.ok()) << events.status();
  ASSERT_EQ(L::Kinds(*events), "points_transfer_received points_transfer_received points_expired");
  EXPECT_EQ((*events)[2].event.points_expired().points(), 10);
  EXPECT_EQ((*events)[2].occurred, kDay2);
  EXPECT_EQ(receiver.state().available_points(), 16);

  ASSERT_TRUE(sender.Submit({L::Adjust(kDay3, 1)}).ok());
  ASSERT_EQ(L::Kinds(sender.End({"t", "ACCOUNT_CLOSED", ""})), "points_transfer_returned points_expired");
  EXPECT_EQ(sender.state().totals.expired, 10);
  EXPECT_EQ(sender.state().available_points(), 21);
}

TEST(Transfers, PayTheReceiversDebtFirst) {
  L receiver(Head() + "accrual_rules:\n  - rule_id: base\n    per_unit: {points: 10, per_units: 1}\n" +
             "return_policy: negative_allowed\n");
  ASSERT_TRUE(receiver.Submit({L::Open(kDay1), L::Buy(kDay1, {{kUnit, 1}}, "i1"), L::Redeem(kDay1, 10)}).ok());
  ASSERT_TRUE(receiver.Submit({L::Return(kDay1, {{kUnit, 1, "", 1}}, "i1")}).ok());
  ASSERT_EQ(receiver.state().debt, 10);
  L sender = Opened();
  ASSERT_TRUE(sender.Submit({L::Send(kDay1, "t", 25)}).ok());
  const auto events = receiver.Receive(ReceiptFrom(sender));
  ASSERT_TRUE(events.ok()) << events.status();
  EXPECT_EQ(L::Kinds(*events), "points_transfer_received points_transfer_received points_debt_paid");
  EXPECT_EQ(receiver.state().debt, 0);
  EXPECT_EQ(receiver.state().available_points(), 15);
}

TEST(Transfers, OfALotEarnedLaterArriveWhenItWasEarned) {
  L sender = Opened();
  ASSERT_TRUE(sender.Submit({L::Adjust(kDay3, 7, kDay3 + 9), L::Send(kDay1, "late", 7)}).ok());
  L receiver = Empty();
  const auto events = receiver.Receive(ReceiptFrom(sender));
  ASSERT_TRUE(events.ok()) << events.status();
  ASSERT_EQ(events->size(), 1u);
  EXPECT_EQ((*events)[0].occurred, kDay3);
}

TEST(Transfers, AreRefusedToTheAccountItselfAndFromAClosedOne) {
  L sender = Opened();
  const absl::Status self = sender.Submit({L::Send(kDay1, "t", 1, "acme")}).status();
  EXPECT_EQ(ReasonOf(self), Reason::kInvalidField);
  ASSERT_EQ(FieldsOf(self).size(), 1u);
  EXPECT_EQ(FieldsOf(self)[0].first, "events[0].points_transfer_sent.to_account_id");
  ASSERT_TRUE(sender.Submit({L::Send(kDay1, "t", 1), L::Close(kDay1)}).ok());
  EXPECT_EQ(ReasonOf(sender.Submit({L::Send(kDay1, "u", 1)}).status()), Reason::kAccountClosed);
  EXPECT_EQ(L::Kinds(sender.End({"t", "ACCOUNT_CLOSED", ""})), "points_transfer_returned")
      << "points come back to a closed account too";
}

TEST(Transfers, ObeyTheProgramsPolicy) {
  L sender = Opened("transfer_policy: {min_points: 2, max_points: 9, max_open: 2}\n");
  const auto rule = [](const absl::Status& status) {
    EXPECT_EQ(ReasonOf(status), Reason::kTransferLimit) << status;
    return MetadataOf(status)[0].second;
  };
  EXPECT_EQ(rule(sender.Submit({L::Send(kDay1, "t", 1)}).status()), "transfer_policy.min_points");
  ASSERT_TRUE(sender.Submit({L::Send(kDay1, "t", 2)}).ok());
  const absl::Status over = sender.Submit({L::Send(kDay1, "u", 10)}).status();
  const std::vector<std::pair<std::string, std::string>> metadata = {
      {"rule", "transfer_policy.max_points"}, {"program", "test version 1"}, {"limit", "9"}, {"requested", "10"}};
  EXPECT_EQ(MetadataOf(over), metadata);
  ASSERT_TRUE(sender.Submit({L::Send(kDay1, "u", 9)}).ok());
  EXPECT_EQ(rule(sender.Submit({L::Send(kDay1, "v", 2)}).status()), "transfer_policy.max_open");
  ASSERT_EQ(sender.End({"t", "", "1-1"}).size(), 1u);
  EXPECT_TRUE(sender.Submit({L::Send(kDay1, "v", 2)}).ok());
  L forbidden = Opened("transfer_policy: {forbidden: true}\n");
  EXPECT_EQ(rule(forbidden.Submit({L::Send(kDay1, "t", 1)}).status()), "transfer_policy.forbidden");
}

TEST(Transfers, CountTowardsAMaximumUntilTheyComeBack) {
  L sender = Opened("transfer_policy: {max_points_per_period: {points: 20, period: month}}\n");
  ASSERT_TRUE(sender.Submit({L::Send(kDay1, "t", 15)}).ok());
  EXPECT_EQ(sender.log().back().event.points_transfer_sent().counts(0).counter(), "test/transfer_policy/month");
  const absl::Status over = sender.Submit({L::Send(kDay1, "u", 6)}).status();
  const std::vector<std::pair<std::string, std::string>> metadata = {{"rule", "transfer_policy.max_points_per_period"},
                                                                     {"program", "test version 1"},
                                                                     {"limit", "20"},
                                                                     {"requested", "6"},
                                                                     {"used", "15"},
                                                                     {"opens_time", "2024-02-01T00:00:00Z"}};
  EXPECT_EQ(MetadataOf(over), metadata);
  sender.End({"t", "ACCOUNT_CLOSED", ""});
  ASSERT_TRUE(sender.Submit({L::Send(kDay1, "u", 20)}).ok());
  sender.End({"u", "", "1-1"});
  EXPECT_EQ(ReasonOf(sender.Submit({L::Send(kDay1, "v", 1)}).status()), Reason::kTransferLimit);
  EXPECT_TRUE(sender.Submit({L::Adjust(kDay1, 20), L::Send(kDay1 + 31 * kMicrosPerDay, "v", 1)}).ok());
}

TEST(Transfers, AreHeldToAHundredInTransitWithoutAPolicy) {
  L sender = Opened();
  ASSERT_TRUE(sender.Submit({L::Adjust(kDay1, 1000)}).ok());
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(sender.Submit({L::Send(kDay1, std::to_string(i), 1)}).ok());
  EXPECT_EQ(ReasonOf(sender.Submit({L::Send(kDay1, "100", 1)}).status()), Reason::kTransferLimit);
}

TEST(Transfers, TakeFromAtMostFiveHundredLots) {
  for (const int lots : {500, 501}) {
    L sender = Empty();
    std::vector<Fact> facts;
    for (int i = 0; i < lots; ++i) facts.push_back(L::Adjust(kDay1, 1));
    ASSERT_TRUE(sender.Submit(facts).ok());
    const auto sent = sender.Submit({L::Send(kDay1, "t", lots)});
    if (lots == 500) {
      EXPECT_TRUE(sent.ok()) << sent.status();
    } else {
      EXPECT_EQ(ReasonOf(sent.status()), Reason::kTransferLimit);
      EXPECT_EQ(MessageOf(sent.status()),
                "events[0]: 501 points lie in 501 lots, and a transfer takes from at most 500; send fewer");
    }
  }
}

TEST(Transfers, OfLotsThatRunOutByInactivityEndTheirDaysAfterTheyWereSent) {
  L sender(Head() +
           "accrual_rules:\n- {rule_id: base, per_money: {points: 1, per_micros: 1000000}, expiry: "
           "{inactivity_days: 90}}\n");
  ASSERT_TRUE(sender
                  .Submit({L::Open(At("2023-01-01")), L::Buy(At("2023-01-01"), {{10 * kUnit}}),
                           L::Buy(At("2023-03-01"), {{1 * kUnit}}), L::Buy(At("2023-05-01"), {{1 * kUnit}}),
                           L::Send(At("2023-05-10"), "t", 10)})
                  .ok());
  // The receiver has never done anything.
  L receiver = Empty(At("2023-01-01"));
  const auto outcome = DecideTransferReceipt(receiver.state(), ReceiptFrom(sender), receiver.programs());
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  ASSERT_EQ(outcome->events.size(), 1u) << "nothing has run out on the way";
  const auto& lot = outcome->events[0].event.points_transfer_received().lot();
  EXPECT_EQ(lot.inactivity_days(), 0u);
  EXPECT_EQ(MicrosOf(lot.expire_time()), At("2023-08-08"));
  EXPECT_EQ(outcome->state.lots[0].expire, At("2023-08-08"));
}

TEST(Transfers, ArriveNoEarlierThanTheReceiverWasOpened) {
  L sender = Opened();
  ASSERT_TRUE(sender.Submit({L::Send(kDay1, "t", 25)}).ok());
  L receiver(Head());
  ASSERT_TRUE(receiver.Submit({L::Open(kDay1 + 5 * kMicrosPerDay)}).ok());
  const auto outcome = DecideTransferReceipt(receiver.state(), ReceiptFrom(sender), receiver.programs());
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  for (const DecidedEvent& event : outcome->events) EXPECT_GE(event.occurred, kDay1 + 5 * kMicrosPerDay);
}

TEST(Transfers, AreRefusedByAReceiverThatCanHoldNoMoreLots) {
  L sender = Opened();
  ASSERT_TRUE(sender.Submit({L::Send(kDay1, "t", 25)}).ok());
  AccountState full = Empty().state();
  full.next_revision = kLotsMax;
  for (uint64_t i = 1; i < kLotsMax / 2; ++i) full.lots.push_back({i, 1, 1, false, 0, kNever, kDay1});
  full.totals.accrued = static_cast<int64_t>(full.lots.size());
  const ProgramSet& programs = sender.programs();
  EXPECT_EQ(ReasonOf(DecideTransferReceipt(full, ReceiptFrom(sender), programs).status()), Reason::kAccountLimit);
  full.lots.pop_back();
  full.totals.accrued -= 1;
  EXPECT_TRUE(DecideTransferReceipt(full, ReceiptFrom(sender), programs).ok());
}

TEST(Transfers, AreRefusedByAReceiverWhoseSumsWouldLeaveTheirRange) {
  L sender = Opened();
  ASSERT_TRUE(sender.Submit({L::Send(kDay1, "t", 25)}).ok());
  AccountState rich = Empty().state();
  rich.next_revision = 2;
  rich.totals.accrued = std::numeric_limits<int64_t>::max() - 25;
  rich.totals.spent = rich.totals.accrued;
  EXPECT_TRUE(DecideTransferReceipt(rich, ReceiptFrom(sender), sender.programs()).ok());
  rich.totals.accrued += 1;
  rich.totals.spent += 1;
  const absl::Status refused = DecideTransferReceipt(rich, ReceiptFrom(sender), sender.programs()).status();
  EXPECT_EQ(ReasonOf(refused), Reason::kArithmeticRange);
  EXPECT_EQ(RefusalName(refused), "ARITHMETIC_RANGE");
}

TEST(Transfers, AreKeptByTheStoredState) {
  L sender = Opened("transfer_policy: {max_points_per_period: {points: 99, period: month}}\n");
  ASSERT_TRUE(sender.Submit({L::Send(kDay1, "t", 12), L::Send(kDay1, "u", 3), L::Send(kDay1, "v", 4)}).ok());
  sender.End({"u", "", "1-1"});
  const auto decoded = DecodeState(EncodeState(sender.state()));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(*decoded, sender.state());
}

TEST(Transfers, FoldAsTheyWereDecided) {
  L sender = Opened();
  ASSERT_TRUE(sender.Submit({L::Send(kDay1, "t", 12), L::Send(kDay1, "u", 3)}).ok());
  sender.End({"t", "", "1-1"});
  sender.End({"u", "ACCOUNT_NOT_FOUND", ""});
  AccountState folded;
  for (const DecidedEvent& event : sender.log()) ASSERT_TRUE(Evolve(folded, event.event, event.occurred).ok());
  EXPECT_EQ(folded, sender.state());
  EXPECT_TRUE(LotsMatchTotals(folded));
}

TEST(Transfers, PolicyIsCheckedFieldByField) {
  const auto mistakes = [](const std::string& policy) {
    std::string text;
    for (const ProgramFinding& finding : ParseProgramYaml(Head() + "transfer_policy: {" + policy + "}\n").findings) {
      text += (text.empty() ? "" : " ") + finding.path;
    }
    return text;
  };
  EXPECT_EQ(mistakes("min_points: 1, max_points: 1_000_000_000_000, max_open: 1000"), "");
  EXPECT_EQ(mistakes("max_open: 1"), "");
  EXPECT_EQ(mistakes("min_points: 0"), "transfer_policy.min_points");
  EXPECT_EQ(mistakes("max_points: 1_000_000_000_001"), "transfer_policy.max_points");
  EXPECT_EQ(mistakes("min_points: 5, max_points: 5"), "");
  EXPECT_EQ(mistakes("min_points: 5, max_points: 4"), "transfer_policy.max_points");
  EXPECT_EQ(mistakes("max_open: 0"), "transfer_policy.max_open");
  EXPECT_EQ(mistakes("max_open: 1001"), "transfer_policy.max_open");
  EXPECT_EQ(mistakes("max_points_per_period: {points: 0, period: month}"),
            "transfer_policy.max_points_per_period.points");
  EXPECT_EQ(mistakes("max_points_per_period: {points: 1}"), "transfer_policy.max_points_per_period.period");
  EXPECT_EQ(mistakes("min_points: 5, max_points_per_period: {points: 4, period: year}"),
            "transfer_policy.max_points_per_period.points");
}

}  // namespace
}  // namespace keyledger::domain
