// Merges of two accounts: each comes to one of its two ends, once, wherever the accounts live.
#include <fmt/format.h>

#include "tests/unit/shard/shard_fixture.h"
#include "tests/unit/shard/two_accounts.h"

namespace keyledger::testing {
namespace {

shard::SubmittedEvent Reopened() {
  shard::SubmittedEvent fact = Fact();
  fact.event.mutable_account_reopened()->set_reason("came back");
  return fact;
}

class MergesOnShards : public ::testing::TestWithParam<uint32_t> {
 protected:
  MergesOnShards() : ledger_(GetParam()) {
    const auto published = ledger_.ledger().Publish(kPlainProgram, "publish", "");
    EXPECT_TRUE(published.ok()) << published.status();
    ledger_.MustAppend(Command(from_, "open", {Opened(), Bought(600, "a"), Adjusted(100)}));
    ledger_.MustAppend(Command(to_, "open", {Opened(), Bought(500, "b")}));
  }

  void Settle() { ledger_.ledger().courier().WaitUntilSettled(); }

  WholeLedger ledger_;
  const std::string from_ = AccountOn(0, GetParam(), "from");
  const std::string to_ = AccountOn(GetParam() - 1, GetParam(), "to");
};

TEST_P(MergesOnShards, BringOneAccountIntoTheOther) {
  ledger_.MustAppend(Command(from_, "merge", {Merged(to_)}));
  Settle();
  const auto source = StreamOf(ledger_, from_);
  const auto target = StreamOf(ledger_, to_);
  ASSERT_EQ(Kinds(source),
            "ACCOUNT_OPENED TIER_ASSIGNED PURCHASE_RECORDED POINTS_ACCRUED POINTS_ADJUSTED ACCOUNT_MERGED "
            "ACCOUNT_MERGE_COMPLETED");
  ASSERT_EQ(Kinds(target),
            "ACCOUNT_OPENED TIER_ASSIGNED PURCHASE_RECORDED POINTS_ACCRUED ACCOUNT_MERGE_RECEIVED "
            "POINTS_TRANSFER_RECEIVED POINTS_TRANSFER_RECEIVED TIER_ASSIGNED");
  for (size_t i = 4; i < target.size(); ++i) EXPECT_EQ(target[i].request_id(), "merge " + from_);
  EXPECT_EQ(target[4].event().account_merge_received().sent_event_id(), source[5].event_id());
  EXPECT_EQ(source[6].event().account_merge_completed().received_event_id(), target[4].event_id());
  const domain::AccountState ended = StateOf(ledger_, from_);
  const domain::AccountState joined = StateOf(ledger_, to_);
  EXPECT_EQ(ended.lifecycle, domain::Lifecycle::kMerged);
  EXPECT_TRUE(ended.merge.completed);
  EXPECT_EQ(ended.totals.transferred_out, 700);
  EXPECT_EQ(joined.available_points(), 1'200);
  EXPECT_EQ(joined.metrics.at("USD").bought_ever.micros, 1'100 * kUnit);
  EXPECT_EQ(joined.tier.tier_id, "silver");
  EXPECT_EQ(joined.absorbed, std::vector<std::string>{from_});
  EXPECT_EQ(Marks(ledger_), 0u);
  ledger_.Reopen();
  EXPECT_EQ(StateOf(ledger_, from_), ended);
  EXPECT_EQ(StateOf(ledger_, to_), joined);
}

TEST_P(MergesOnShards, RefuseWhatComesAfterAndNameTheOther) {
  ledger_.MustAppend(Command(from_, "merge", {Merged(to_)}));
  Settle();
  const absl::Status refused = ledger_.Append(Command(from_, "late", {Bought(1, "c")})).status();
  EXPECT_EQ(ReasonOf(refused), Reason::kAccountMerged);
  EXPECT_EQ(MetadataOf(refused), (std::vector<std::pair<std::string, std::string>>{{"into_account_id", to_}}));
  EXPECT_EQ(ReasonOf(ledger_.Append(Command(from_, "again", {Merged(to_)})).status()), Reason::kMergeNotPossible);
  // Points sent to it come back.
  ledger_.MustAppend(Command(to_, "send", {Sent("t", from_, 5)}));
  Settle();
  EXPECT_EQ(StreamOf(ledger_, to_).back().event().points_transfer_returned().refusal(), "ACCOUNT_MERGED");
  EXPECT_EQ(StateOf(ledger_, to_).available_points(), 1'200);
}

TEST_P(MergesOnShards, ComeBackFromAnAccountThatCannotTakeThemAndMayBeTriedAgain) {
  ledger_.MustAppend(Command(to_, "close", {Closed()}));
  const domain::AccountState before = StateOf(ledger_, from_);
  for (const char* attempt : {"first", "second"}) {
    ledger_.MustAppend(Command(from_, attempt, {Merged(to_)}));
    Settle();
    const auto source = StreamOf(ledger_, from_);
    EXPECT_EQ(source.back().event().account_merge_returned().refusal(), "ACCOUNT_CLOSED");
    const domain::AccountState after = StateOf(ledger_, from_);
    EXPECT_EQ(after.lifecycle, domain::Lifecycle::kOpen);
    EXPECT_EQ(after.available_points(), 700);
    EXPECT_EQ(after.totals, before.totals);
    EXPECT_EQ(after.metrics, before.metrics);
  }
  ledger_.MustAppend(Command(to_, "reopen", {Reopened()}));
  ledger_.MustAppend(Command(from_, "third", {Merged(to_)}));
  Settle();
  EXPECT_TRUE(StateOf(ledger_, from_).merge.completed);
  EXPECT_EQ(StateOf(ledger_, to_).available_points(), 1'200);
  EXPECT_EQ(Marks(ledger_), 0u);
}

TEST_P(MergesOnShards, IntoEachOtherAtOnceEndInAtMostOne) {
  std::promise<AppendOutcome> one;
  std::promise<AppendOutcome> two;
  ledger_.ledger().Append(Command(from_, "merge", {Merged(to_)}),
                          [&](AppendOutcome o) { one.set_value(std::move(o)); });
  ledger_.ledger().Append(Command(to_, "merge", {Merged(from_)}),
                          [&](AppendOutcome o) { two.set_value(std::move(o)); });
  static_cast<void>(one.get_future().get());
  static_cast<void>(two.get_future().get());
  Settle();
  const domain::AccountState a = StateOf(ledger_, from_);
  const domain::AccountState b = StateOf(ledger_, to_);
  EXPECT_FALSE(a.merge.completed && b.merge.completed);
  EXPECT_TRUE(a.transfers.empty() && b.transfers.empty());
  EXPECT_EQ(a.available_points() + b.available_points(), 1'200);
}

TEST_P(MergesOnShards, GoOnFromOneToTheNext) {
  const std::string last = AccountOn(0, GetParam(), "last");
  ledger_.MustAppend(Command(last, "open", {Opened()}));
  ledger_.MustAppend(Command(from_, "merge", {Merged(to_)}));
  Settle();
  ledger_.MustAppend(Command(to_, "merge", {Merged(last)}));
  Settle();
  const domain::AccountState state = StateOf(ledger_, last);
  EXPECT_EQ(state.absorbed, (std::vector<std::string>{to_, from_}));
  EXPECT_EQ(state.available_points(), 1'200);
  EXPECT_EQ(state.purchase_count, 2);
  EXPECT_EQ(state.metrics.at("USD").bought_ever.micros, 1'100 * kUnit);
}

TEST_P(MergesOnShards, LeftByAStopAreTakenUpAtTheNextStart) {
  ledger_.ledger().courier().Stop();
  ledger_.MustAppend(Command(from_, "merge", {Merged(to_)}));
  EXPECT_EQ(StateOf(ledger_, from_).points_in_transit(), 700);
  EXPECT_EQ(Marks(ledger_), 1u);
  ledger_.Reopen();
  Settle();
  EXPECT_TRUE(StateOf(ledger_, from_).merge.completed);
  EXPECT_EQ(StateOf(ledger_, to_).available_points(), 1'200);
  EXPECT_EQ(Marks(ledger_), 0u);
}

TEST_P(MergesOnShards, ApplyAReceiptOnceHoweverOftenItIsGiven) {
  ledger_.MustAppend(Command(from_, "merge", {Merged(to_)}));
  Settle();
  const domain::AccountState joined = StateOf(ledger_, to_);
  const auto receipt = std::make_shared<const domain::TransferReceipt>(domain::ReceiptOf(StreamOf(ledger_, from_)[5]));
  std::promise<AppendOutcome> promise;
  ledger_.ledger().ShardOfAccount(to_).Receive(receipt, "merge " + from_,
                                               [&](AppendOutcome outcome) { promise.set_value(std::move(outcome)); });
  const AppendOutcome outcome = promise.get_future().get();
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_TRUE(outcome->replayed);
  EXPECT_EQ(StateOf(ledger_, to_), joined);
}

TEST_P(MergesOnShards, OfAnAccountWithoutPointsOrPurchasesComeToTheirEnd) {
  const std::string bare = AccountOn(0, GetParam(), "bare");
  ledger_.MustAppend(Command(bare, "open", {Opened(kToday - kMicrosPerDay)}));
  ledger_.MustAppend(Command(bare, "merge", {Merged(to_)}));
  Settle();
  const auto target = StreamOf(ledger_, to_);
  ASSERT_EQ(target.back().event().account_merge_received().from_account_id(), bare);
  EXPECT_EQ(StreamOf(ledger_, bare).back().event().account_merge_completed().received_event_id(),
            target.back().event_id());
  EXPECT_EQ(StateOf(ledger_, to_).open_time, kToday - kMicrosPerDay);
  EXPECT_EQ(Marks(ledger_), 0u);
}

TEST_P(MergesOnShards, ConserveThePointsOfAllAccounts) {
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
      const auto event = (i + round) % 5 == 0 ? Merged(to) : Sent(name, to, 7 + round);
      static_cast<void>(ledger_.Append(Command(accounts[i], name, {event})));
    }
  }
  Settle();
  int64_t sum = 0;
  int merged = 0;
  for (const std::string& account : accounts) {
    const domain::AccountState state = StateOf(ledger_, account);
    EXPECT_TRUE(state.transfers.empty());
    if (state.merge.completed) {
      ++merged;
      EXPECT_EQ(state.available_points(), 0);
    }
    sum += state.available_points();
  }
  EXPECT_EQ(sum, 800);
  EXPECT_GE(merged, 1);
  EXPECT_EQ(Marks(ledger_), 0u);
}

INSTANTIATE_TEST_SUITE_P(Shards, MergesOnShards, ::testing::Values(1, 4));

}  // namespace
}  // namespace keyledger::testing
