// Returns of what was bought on an account before it was merged into another: they find the purchase wherever that
// account lives.
#include <atomic>

#include <fmt/format.h>

#include "server/domain/evolve.h"
#include "server/shard/sequencer.h"
#include "tests/unit/shard/shard_fixture.h"
#include "tests/unit/shard/two_accounts.h"

namespace keyledger::testing {
namespace {

shard::SubmittedEvent BoughtUnits(int64_t usd, int64_t units, const std::string& invoice, int64_t points_paid = 0) {
  shard::SubmittedEvent fact = Bought(usd, invoice);
  auto& line = *fact.event.mutable_purchase_recorded()->mutable_lines(0);
  line.set_quantity(units);
  line.set_points_paid(points_paid);
  return fact;
}

// The state without any snapshot.
domain::AccountState FoldOf(WholeLedger& ledger, const std::string& account_id) {
  domain::AccountState state;
  for (const events::v1::EventRecord& record : StreamOf(ledger, account_id)) {
    const absl::Status folded = domain::Evolve(state, record.event(), domain::MicrosOf(record.occurred_time()));
    EXPECT_TRUE(folded.ok()) << folded;
  }
  return state;
}

// The latest return on record.
events::v1::PurchaseReturned LastReturn(WholeLedger& ledger, const std::string& account_id) {
  events::v1::PurchaseReturned last;
  for (const events::v1::EventRecord& record : StreamOf(ledger, account_id)) {
    if (record.event().has_purchase_returned()) last = record.event().purchase_returned();
  }
  return last;
}

// "acme@4": the purchase that a return is linked to, "7" if it is one of the account itself, "" if there is none.
std::string LinkOf(const events::v1::PurchaseReturned& returned) {
  if (returned.has_purchase_revision()) return std::to_string(returned.purchase_revision());
  if (!returned.has_merged_purchase()) return "";
  return fmt::format("{}@{}", returned.merged_purchase().account_id(), returned.merged_purchase().revision());
}

class ReturnsAfterMerges : public ::testing::TestWithParam<uint32_t> {
 protected:
  ReturnsAfterMerges() : ledger_(GetParam()) {
    const auto published = ledger_.ledger().Publish(kPlainProgram, "publish", "");
    EXPECT_TRUE(published.ok()) << published.status();
    ledger_.MustAppend(Command(from_, "open", {Opened(), Adjusted(100)}));
    ledger_.MustAppend(Command(to_, "open", {Opened(), Bought(500, "own")}));
  }

  void Merge(const std::string& from, const std::string& to) {
    ledger_.MustAppend(Command(from, "merge", {Merged(to)}));
    ledger_.ledger().courier().WaitUntilSettled();
    ASSERT_TRUE(StateOf(ledger_, from).merge.completed);
  }
  absl::Status Return(const std::string& account_id, const std::string& request_id, int64_t usd,
                      const std::string& invoice) {
    return ledger_.Append(Command(account_id, request_id, {Returned(usd, invoice)})).status();
  }

  WholeLedger ledger_;
  const std::string from_ = AccountOn(0, GetParam(), "from");
  const std::string to_ = AccountOn(GetParam() - 1, GetParam(), "to");
};

TEST_P(ReturnsAfterMerges, TakeNoMoreThanIsLeftOfThePurchase) {
  ledger_.MustAppend(Command(from_, "buy", {BoughtUnits(300, 3, "i")}));
  ASSERT_TRUE(Return(from_, "first", 100, "i").ok());
  ASSERT_EQ(StateOf(ledger_, from_).available_points(), 300);
  const std::string link = from_ + "@3";
  Merge(from_, to_);
  ASSERT_EQ(StateOf(ledger_, to_).available_points(), 800);

  EXPECT_EQ(ReasonOf(Return(to_, "too much", 201, "i")), Reason::kReturnExceedsPurchase);
  ASSERT_TRUE(Return(to_, "second", 100, "i").ok());
  EXPECT_EQ(LinkOf(LastReturn(ledger_, to_)), link);
  EXPECT_FALSE(LastReturn(ledger_, to_).completes_purchase());
  EXPECT_EQ(StateOf(ledger_, to_).available_points(), 700);

  // The rest is decided on a snapshot.
  ledger_.MustAppend(Command(to_, "visits", std::vector<shard::SubmittedEvent>(200, Visited())));
  ledger_.Reopen();
  ASSERT_TRUE((*ledger_.ledger().ShardOfAccount(to_).store().GetSnapshot(to_)).has_value());
  EXPECT_EQ(StateOf(ledger_, to_), FoldOf(ledger_, to_));
  EXPECT_EQ(ReasonOf(Return(to_, "too much again", 101, "i")), Reason::kReturnExceedsPurchase);
  ASSERT_TRUE(Return(to_, "third", 100, "i").ok());
  EXPECT_EQ(LinkOf(LastReturn(ledger_, to_)), link);
  EXPECT_TRUE(LastReturn(ledger_, to_).completes_purchase());
  EXPECT_EQ(ReasonOf(Return(to_, "one more", 0, "i")), Reason::kReturnExceedsPurchase);
  const domain::AccountState state = StateOf(ledger_, to_);
  EXPECT_EQ(state.available_points(), 600);
  EXPECT_EQ(state.metrics.at("USD").returned_ever.micros, 300 * kUnit);
  EXPECT_EQ(state, FoldOf(ledger_, to_));
}

TEST_P(ReturnsAfterMerges, GiveBackThePointsThatPaid) {
  ledger_.MustAppend(Command(from_, "buy", {BoughtUnits(50, 2, "i", 60)}));
  ASSERT_EQ(StateOf(ledger_, from_).available_points(), 90);
  Merge(from_, to_);
  ASSERT_EQ(StateOf(ledger_, to_).available_points(), 590);
  const size_t before = StreamOf(ledger_, to_).size();
  ASSERT_TRUE(Return(to_, "half", 25, "i").ok());
  const std::vector<events::v1::EventRecord> stream = StreamOf(ledger_, to_);
  ASSERT_EQ(Kinds({stream.begin() + static_cast<ptrdiff_t>(before), stream.end()}),
            "PURCHASE_RETURNED POINTS_RESTORED POINTS_REVERSED");
  const events::v1::PointsRestored& restored = stream[before + 1].event().points_restored();
  EXPECT_EQ(restored.points(), 30);
  EXPECT_EQ(restored.merged_purchase().account_id(), from_);
  EXPECT_EQ(StateOf(ledger_, to_).available_points(), 595);
  EXPECT_EQ(StateOf(ledger_, to_).totals.spent, -30);
  ledger_.Reopen();
  ASSERT_TRUE(Return(to_, "rest", 25, "i").ok());
  EXPECT_TRUE(LastReturn(ledger_, to_).completes_purchase());
  EXPECT_EQ(StateOf(ledger_, to_).available_points(), 600);
  EXPECT_EQ(StateOf(ledger_, to_).totals.spent, -60);
  EXPECT_EQ(StateOf(ledger_, to_), FoldOf(ledger_, to_));
}

TEST_P(ReturnsAfterMerges, FollowEveryMerge) {
  const std::string last = AccountOn(GetParam() / 2, GetParam(), "last");
  ledger_.MustAppend(Command(last, "open", {Opened()}));
  ledger_.MustAppend(Command(from_, "buy", {BoughtUnits(20, 2, "i")}));
  Merge(from_, to_);
  ASSERT_TRUE(Return(to_, "first", 10, "i").ok());
  const std::string link = LinkOf(LastReturn(ledger_, to_));
  Merge(to_, last);
  EXPECT_EQ(ReasonOf(Return(last, "too much", 11, "i")), Reason::kReturnExceedsPurchase);
  ASSERT_TRUE(Return(last, "second", 10, "i").ok());
  EXPECT_EQ(LinkOf(LastReturn(ledger_, last)), link);
  EXPECT_TRUE(LastReturn(ledger_, last).completes_purchase());
  ASSERT_TRUE(Return(last, "own", 500, "own").ok());
  EXPECT_EQ(LastReturn(ledger_, last).merged_purchase().account_id(), to_);
}

TEST_P(ReturnsAfterMerges, LeaveInvoicesOfUnrelatedAccountsToThem) {
  const std::string near = AccountOn(GetParam() - 1, GetParam(), "near");
  const std::string far = AccountOn(0, GetParam(), "far");
  ledger_.MustAppend(Command(near, "open", {Opened(), Bought(10, "near")}));
  ledger_.MustAppend(Command(far, "open", {Opened(), Bought(10, "far")}));
  Merge(from_, to_);
  EXPECT_EQ(ReasonOf(Return(to_, "near", 10, "near")), Reason::kPurchaseOfOtherAccount);
  if (GetParam() == 1) {
    EXPECT_EQ(ReasonOf(Return(to_, "far", 10, "far")), Reason::kPurchaseOfOtherAccount);
  } else {
    ASSERT_TRUE(Return(to_, "far", 10, "far").ok());
    EXPECT_EQ(LinkOf(LastReturn(ledger_, to_)), "");
  }
  ASSERT_TRUE(Return(to_, "nowhere", 10, "nowhere").ok());
  EXPECT_EQ(LinkOf(LastReturn(ledger_, to_)), "");
}

TEST_P(ReturnsAfterMerges, AreLinkedOnceTheMergeIsReceived) {
  ledger_.MustAppend(Command(from_, "buy", {BoughtUnits(10, 1, "i")}));
  ledger_.ledger().courier().Stop();
  ledger_.MustAppend(Command(from_, "merge", {Merged(to_)}));
  const absl::Status before = Return(to_, "before", 0, "i");
  if (GetParam() == 1) {
    EXPECT_EQ(ReasonOf(before), Reason::kPurchaseOfOtherAccount);
  } else {
    ASSERT_TRUE(before.ok()) << before;
    EXPECT_EQ(LinkOf(LastReturn(ledger_, to_)), "");
  }
  ledger_.Reopen();
  ledger_.ledger().courier().WaitUntilSettled();
  ASSERT_TRUE(Return(to_, "after", 10, "i").ok());
  EXPECT_EQ(LastReturn(ledger_, to_).merged_purchase().account_id(), from_);
  EXPECT_TRUE(LastReturn(ledger_, to_).completes_purchase());
}

INSTANTIATE_TEST_SUITE_P(Shards, ReturnsAfterMerges, ::testing::Values(1, 4));

// Invoices are unique on a shard only.
TEST(ReturnsAfterMergesFromManyShards, MeanThePurchaseOfTheirOwnShardThenThatOfTheLowest) {
  WholeLedger ledger(4);
  const std::string one = AccountOn(1, 4, "one");
  const std::string two = AccountOn(2, 4, "two");
  const std::string to = AccountOn(3, 4, "to");
  const std::string near_one = AccountOn(1, 4, "stranger");
  const std::string near_to = AccountOn(3, 4, "stranger");
  ledger.MustAppend(Command(one, "open", {Opened(), Bought(10, "everywhere"), Bought(11, "mine too")}));
  ledger.MustAppend(Command(two, "open", {Opened(), Bought(20, "everywhere"), Bought(21, "theirs too")}));
  ledger.MustAppend(Command(to, "open", {Opened(), Bought(30, "mine too")}));
  ledger.MustAppend(Command(near_one, "open", {Opened(), Bought(40, "theirs too")}));
  ledger.MustAppend(Command(near_to, "open", {Opened(), Bought(50, "everywhere")}));
  for (const std::string& from : {two, one}) {
    ledger.MustAppend(Command(from, "merge", {Merged(to)}));
    ledger.ledger().courier().WaitUntilSettled();
  }
  const auto link_of = [&](const std::string& invoice) {
    ledger.MustAppend(Command(to, invoice, {Returned(1, invoice)}));
    return LinkOf(LastReturn(ledger, to));
  };
  EXPECT_EQ(link_of("mine too"), "1");
  EXPECT_EQ(link_of("everywhere"), one + "@1") << "although a stranger's is nearer";
  EXPECT_EQ(link_of("theirs too"), two + "@2") << "although a stranger's is on a lower shard";
}

// A shard alone, with an account that one of shard 1 was merged into.
class ReturnsOfAnotherShard : public ::testing::Test {
 protected:
  ReturnsOfAnotherShard() {
    store::StoreOptions options;
    options.path = directory_ / "elsewhere";
    options.ledger_id = "test";
    options.shard = 1;
    options.shard_count = 2;
    options.disk_reserve_bytes = 0;
    auto store = store::ShardStore::Open(options);
    KL_CHECK(store.ok());
    elsewhere_ = *std::move(store);
    // One record, which is no purchase; and an index that is ahead of the log, as while a group is being written.
    events::v1::EventRecord record;
    record.set_shard(1);
    record.set_account_id(from_);
    record.mutable_event()->mutable_account_opened();
    store::CommitGroup group;
    group.records.push_back({from_, 0, record.SerializeAsString()});
    group.uniques.push_back({shard::InvoiceKey(false, "shop", "damaged"), 0});
    group.uniques.push_back({shard::InvoiceKey(false, "shop", "on its way"), 1});
    KL_CHECK(elsewhere_->Append(group).ok());
  }

  shard::ShardOptions Options() {
    shard::ShardOptions options;
    options.shard_count = 2;
    options.store_of = [this](uint32_t shard) -> const store::ShardStore& {
      EXPECT_EQ(shard, 1u);
      ++asked_;
      return *elsewhere_;
    };
    return options;
  }

  static void Receive(OneShard& one, const std::string& from) {
    one.MustAppend(Command("acme", "open", {Opened()}));
    domain::TransferReceipt receipt{
        "acme", from, std::string(domain::kMergeTransferId), "1-0", kToday, {}, events::v1::MergedAccount()};
    domain::SetTimestamp(receipt.merged->mutable_open_time(), kToday);
    std::promise<AppendOutcome> promise;
    one.shard().Receive(std::make_shared<const domain::TransferReceipt>(std::move(receipt)), "merge " + from,
                        [&](AppendOutcome outcome) { promise.set_value(std::move(outcome)); });
    const AppendOutcome outcome = promise.get_future().get();
    ASSERT_TRUE(outcome.ok()) << outcome.status();
  }

  const TempDir directory_;
  const std::string from_ = AccountOn(1, 2, "from");
  std::unique_ptr<store::ShardStore> elsewhere_;
  std::atomic<int> asked_ = 0;
};

TEST_F(ReturnsOfAnotherShard, AreRefusedWhileItCannotBeRead) {
  OneShard one(Options());
  Receive(one, from_);
  const auto records = one.Records().size();
  EXPECT_EQ(ReasonOf(one.Append(Command("acme", "r1", {Returned(1, "damaged")})).status()), Reason::kStoreDamaged);
  EXPECT_EQ(one.Records().size(), records);
}

TEST_F(ReturnsOfAnotherShard, PassOverWhatIsBeingWrittenThere) {
  OneShard one(Options());
  Receive(one, from_);
  one.MustAppend(Command("acme", "r1", {Returned(1, "on its way")}));
  EXPECT_EQ(LinkOf(one.Records().back().event().purchase_returned()), "");
}

TEST_F(ReturnsOfAnotherShard, AskNobodyWithoutNeed) {
  OneShard one(Options());
  Receive(one, from_);
  const int asked = asked_;
  one.MustAppend(Command("acme", "buy", {Bought(10, "here")}));
  one.MustAppend(Command("acme", "own", {Returned(5, "here")}));
  one.MustAppend(Command("acme", "none", {Returned(5, "")}));
  // This one has absorbed none.
  one.MustAppend(Command("other", "open", {Opened()}));
  one.MustAppend(Command("other", "unknown", {Returned(1, "damaged")}));
  EXPECT_EQ(asked_, asked);
  one.MustAppend(Command("acme", "unknown", {Returned(5, "unknown")}));
  EXPECT_EQ(asked_, asked + 1);
}

TEST_F(ReturnsOfAnotherShard, AreUnlinkedInAShardWithoutOthers) {
  OneShard one;
  Receive(one, from_);
  one.MustAppend(Command("acme", "r1", {Returned(1, "damaged")}));
  EXPECT_EQ(LinkOf(one.Records().back().event().purchase_returned()), "");
}

}  // namespace
}  // namespace keyledger::testing
