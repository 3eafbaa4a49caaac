// Transfers between accounts: each comes to one of its two ends, once, wherever the accounts live.
#include <array>
#include <limits>
#include <map>

#include <fmt/format.h>

#include "tests/unit/shard/shard_fixture.h"
#include "tests/unit/shard/two_accounts.h"

namespace keyledger::testing {
namespace {

class TransfersOnShards : public ::testing::TestWithParam<uint32_t> {
 protected:
  TransfersOnShards() : ledger_(GetParam()) {
    ledger_.MustAppend(Command(from_, "open", {Opened(), Adjusted(100)}));
    ledger_.MustAppend(Command(to_, "open", {Opened()}));
  }

  void Settle() { ledger_.ledger().courier().WaitUntilSettled(); }

  WholeLedger ledger_;
  const std::string from_ = AccountOn(0, GetParam(), "from");
  const std::string to_ = AccountOn(GetParam() - 1, GetParam(), "to");
};

TEST_P(TransfersOnShards, ArriveByThemselves) {
  ledger_.MustAppend(Command(from_, "send", {Sent("t", to_, 60)}));
  Settle();
  EXPECT_EQ(StateOf(ledger_, from_).available_points(), 40);
  EXPECT_EQ(StateOf(ledger_, from_).totals.transferred_out, 60);
  EXPECT_EQ(StateOf(ledger_, to_).available_points(), 60);
  EXPECT_EQ(StateOf(ledger_, to_).totals.transferred_in, 60);
  const auto sender = StreamOf(ledger_, from_);
  const auto receiver = StreamOf(ledger_, to_);
  ASSERT_EQ(Kinds(sender), "ACCOUNT_OPENED POINTS_ADJUSTED POINTS_TRANSFER_SENT POINTS_TRANSFER_COMPLETED");
  ASSERT_EQ(Kinds(receiver), "ACCOUNT_OPENED POINTS_TRANSFER_RECEIVED");
  EXPECT_EQ(sender[3].event().points_transfer_completed().received_event_id(), receiver[1].event_id());
  EXPECT_EQ(receiver[1].event().points_transfer_received().sent_event_id(), sender[2].event_id());
  EXPECT_EQ(receiver[1].request_id(), "transfer " + from_ + " t");
  EXPECT_EQ(Marks(ledger_), 0u);
}

TEST_P(TransfersOnShards, ComeBackFromAnAccountThatCannotTakeThem) {
  ledger_.MustAppend(Command(to_, "close", {Closed()}));
  ledger_.MustAppend(Command(from_, "send", {Sent("t", to_, 60), Sent("u", AccountOn(0, GetParam(), "nobody"), 7)}));
  Settle();
  EXPECT_EQ(StateOf(ledger_, from_).available_points(), 100);
  EXPECT_EQ(StateOf(ledger_, to_).totals.transferred_in, 0);
  std::map<std::string, std::string> refusals;
  for (const events::v1::EventRecord& record : StreamOf(ledger_, from_)) {
    if (!record.event().has_points_transfer_returned()) continue;
    const auto& returned = record.event().points_transfer_returned();
    EXPECT_TRUE(refusals.emplace(returned.transfer_id(), returned.refusal()).second) << "returned twice";
  }
  EXPECT_EQ(refusals, (std::map<std::string, std::string>{{"t", "ACCOUNT_CLOSED"}, {"u", "ACCOUNT_NOT_FOUND"}}));
  EXPECT_EQ(Marks(ledger_), 0u);
}

TEST_P(TransfersOnShards, NameATransferOnceForEver) {
  ledger_.MustAppend(Command(from_, "send", {Sent("t", to_, 10)}));
  EXPECT_EQ(ReasonOf(ledger_.Append(Command(from_, "again", {Sent("t", to_, 10)})).status()), Reason::kTransferExists);
  Settle();
  ledger_.Reopen();
  EXPECT_EQ(ReasonOf(ledger_.Append(Command(from_, "late", {Sent("t", to_, 10)})).status()), Reason::kTransferExists);
  EXPECT_EQ(ReasonOf(ledger_.Append(Command(from_, "twice", {Sent("u", to_, 1), Sent("u", to_, 1)})).status()),
            Reason::kTransferExists);
  ledger_.MustAppend(Command(to_, "back", {Sent("t", from_, 10)}));
  Settle();
  EXPECT_EQ(StateOf(ledger_, from_).available_points(), 100);
}

TEST_P(TransfersOnShards, SendABalanceThatCoversOneOnlyOnce) {
  std::array<std::future<AppendOutcome>, 2> outcomes;
  for (size_t i = 0; i < outcomes.size(); ++i) {
    auto promise = std::make_shared<std::promise<AppendOutcome>>();
    outcomes[i] = promise->get_future();
    ledger_.ledger().Append(Command(from_, fmt::format("send{}", i), {Sent(fmt::format("t{}", i), to_, 80)}),
                            [promise](AppendOutcome outcome) { promise->set_value(std::move(outcome)); });
  }
  int accepted = 0;
  for (auto& future : outcomes) {
    const AppendOutcome outcome = future.get();
    accepted += outcome.ok() ? 1 : 0;
    EXPECT_TRUE(outcome.ok() || ReasonOf(outcome.status()) == Reason::kInsufficientPoints) << outcome.status();
  }
  EXPECT_EQ(accepted, 1);
  Settle();
  EXPECT_EQ(StateOf(ledger_, from_).available_points(), 20);
  EXPECT_EQ(StateOf(ledger_, to_).available_points(), 80);
}

TEST_P(TransfersOnShards, AnswerARepeatedRequestAsTheFirst) {
  const shard::AppendCommand send = Command(from_, "send", {Sent("t", to_, 60)});
  const shard::AppendAnswer first = ledger_.MustAppend(send);
  const shard::AppendAnswer again = ledger_.MustAppend(send);
  EXPECT_TRUE(again.replayed);
  EXPECT_EQ(first.events[0].position, again.events[0].position);
  Settle();
  EXPECT_EQ(StateOf(ledger_, to_).available_points(), 60);
}

TEST_P(TransfersOnShards, ApplyAReceiptOnceHoweverOftenItIsGiven) {
  ledger_.MustAppend(Command(from_, "send", {Sent("t", to_, 60)}));
  Settle();
  const auto receipt = std::make_shared<const domain::TransferReceipt>(domain::ReceiptOf(StreamOf(ledger_, from_)[2]));
  std::promise<AppendOutcome> promise;
  ledger_.ledger().ShardOfAccount(to_).Receive(receipt, "transfer " + from_ + " t",
                                               [&](AppendOutcome outcome) { promise.set_value(std::move(outcome)); });
  const AppendOutcome outcome = promise.get_future().get();
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_TRUE(outcome->replayed);
  ASSERT_EQ(outcome->decisions.size(), 1u);
  EXPECT_EQ(StateOf(ledger_, to_).available_points(), 60);
  std::promise<absl::Status> ended;
  ledger_.ledger().ShardOfAccount(from_).EndTransfer(from_, {"t", "ACCOUNT_CLOSED", ""},
                                                     [&](absl::Status status) { ended.set_value(std::move(status)); });
  EXPECT_TRUE(ended.get_future().get().ok());
  EXPECT_EQ(StateOf(ledger_, from_).available_points(), 40);
}

TEST_P(TransfersOnShards, ConserveThePointsOfAllAccounts) {
  std::vector<std::string> accounts;
  for (int i = 0; i < 8; ++i) {
    accounts.push_back(fmt::format("a{}", i));
    ledger_.MustAppend(Command(accounts.back(), "open", {Opened(), Adjusted(100)}));
  }
  int requests = 0;
  for (int round = 0; round < 12; ++round) {
    for (int i = 0; i < 8; ++i) {
      const std::string& to = accounts[(i * 3 + round + 1) % 8];
      if (to == accounts[i]) continue;
      const std::string name = fmt::format("n{}", requests++);
      static_cast<void>(ledger_.Append(Command(accounts[i], name, {Sent(name, to, 13 + round)})));
    }
  }
  Settle();
  int64_t sum = 0;
  for (const std::string& account : accounts) {
    const domain::AccountState state = StateOf(ledger_, account);
    EXPECT_TRUE(state.transfers.empty());
    sum += state.available_points();
  }
  EXPECT_EQ(sum, 800);
  EXPECT_EQ(Marks(ledger_), 0u);
}

INSTANTIATE_TEST_SUITE_P(Shards, TransfersOnShards, ::testing::Values(1, 4));

TEST(Transfers, OfAShardWithoutACourierWaitUnderTheirMark) {
  OneShard shard;
  shard.MustAppend(Command("a", "open", {Opened(), Adjusted(100)}));
  shard.MustAppend(Command("b", "open", {Opened(), Adjusted(100)}));
  EXPECT_TRUE(shard.store().ListUnderWay("", 10)->empty());
  shard.MustAppend(Command("b", "send", {Sent("t", "a", 1), Sent("u", "a", 1)}));
  shard.MustAppend(Command("a", "send", {Sent("t", "b", 1)}));
  EXPECT_EQ(*shard.store().ListUnderWay("", 10), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(*shard.store().ListUnderWay("a", 10), std::vector<std::string>{"b"});
  EXPECT_EQ(*shard.store().ListUnderWay("", 1), std::vector<std::string>{"a"});
  EXPECT_TRUE(shard.store().ListTimers(std::numeric_limits<Micros>::max(), 10)->empty());
  const auto end = [&](const std::string& account, const std::string& id) {
    std::promise<absl::Status> done;
    shard.shard().EndTransfer(account, {id, "", "0-0"},
                              [&](absl::Status status) { done.set_value(std::move(status)); });
    EXPECT_TRUE(done.get_future().get().ok());
  };
  end("b", "t");
  EXPECT_EQ(shard.store().ListUnderWay("", 10)->size(), 2u);
  end("b", "u");
  EXPECT_EQ(*shard.store().ListUnderWay("", 10), std::vector<std::string>{"a"});
}

TEST(Transfers, LeftByAStopAreTakenUpAtTheNextStart) {
  WholeLedger ledger(4);
  const std::string from = AccountOn(0, 4, "from");
  const std::string to = AccountOn(3, 4, "to");
  ledger.MustAppend(Command(from, "open", {Opened(), Adjusted(100)}));
  ledger.MustAppend(Command(to, "open", {Opened()}));
  ledger.ledger().courier().Stop();
  for (int i = 0; i < 5; ++i) {
    ledger.MustAppend(Command(from, fmt::format("send{}", i), {Sent(fmt::format("t{}", i), to, 10)}));
  }
  EXPECT_EQ(StateOf(ledger, from).points_in_transit(), 50);
  ledger.Reopen();
  ledger.ledger().courier().WaitUntilSettled();
  EXPECT_EQ(StateOf(ledger, from).points_in_transit(), 0);
  EXPECT_EQ(StateOf(ledger, from).totals.transferred_out, 50);
  EXPECT_EQ(StateOf(ledger, to).available_points(), 50);
  EXPECT_EQ(Marks(ledger), 0u);
}

TEST(Transfers, WaitWhileTheReceiversShardRefusesAndAreNotReturned) {
  WholeLedger ledger(4);
  const std::string from = AccountOn(0, 4, "from");
  const std::string to = AccountOn(3, 4, "to");
  ledger.MustAppend(Command(from, "open", {Opened(), Adjusted(100)}));
  ledger.MustAppend(Command(to, "open", {Opened()}));
  ledger.ledger().shard(3).Stop();
  ledger.MustAppend(Command(from, "send", {Sent("t", to, 10)}));
  WaitUntil([&] { return !ledger.ledger().courier().failure().ok(); });
  EXPECT_EQ(ReasonOf(ledger.ledger().courier().failure()), Reason::kStopping);
  EXPECT_EQ(StateOf(ledger, from).points_in_transit(), 10);
  ledger.Reopen();
  ledger.ledger().courier().WaitUntilSettled();
  EXPECT_TRUE(ledger.ledger().courier().failure().ok());
  EXPECT_EQ(StateOf(ledger, to).available_points(), 10);
}

}  // namespace
}  // namespace keyledger::testing
