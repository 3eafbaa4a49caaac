// State is a cache of a fold: evicted, snapshotted, reloaded or folded from zero, it decides the same; and the tree
// over the log is the one of RFC 6962, also after a restart.
#include <random>

#include <fmt/format.h>

#include "tests/unit/shard/shard_fixture.h"

namespace keyledger::testing {
namespace {

// A few hundred requests about a dozen accounts, the same for every shard that is given them.
void RunHistory(OneShard& one, int from, int to) {
  std::mt19937 random(20260110);
  for (int i = 0; i < to; ++i) {
    const int account = static_cast<int>(random() % 12);
    const int what = static_cast<int>(random() % 6);
    const int64_t usd = 1 + static_cast<int64_t>(random() % 400);
    const Micros at = kToday + i * 3'600 * kMicrosPerSecond;
    if (i < from) continue;
    one.clock().Set(at);
    const std::string id = fmt::format("account-{}", account);
    std::vector<shard::SubmittedEvent> events;
    switch (what) {
      case 0:
        events = {Opened(at)};
        break;
      case 1:
      case 2:
        events = {Bought(usd, fmt::format("inv-{}", i), at)};
        break;
      case 3:
        events = {Bought(usd, fmt::format("inv-{}", i), at), Returned(usd / 2, fmt::format("inv-{}", i), "", at)};
        break;
      case 4:
        events = {Redeemed(usd, at)};
        break;
      default:
        events = {Visited("org.example.visit", at), Adjusted(usd, at)};
    }
    // Refusals, too, must be the same.
    const AppendOutcome ignored = one.Append(Command(id, fmt::format("r{}", i), std::move(events)));
    static_cast<void>(ignored);
  }
}

std::vector<std::string> BytesOf(const store::ShardStore& store) {
  std::vector<std::string> bytes;
  auto iterator = store.ReadRecords(0, store.record_count());
  while (iterator->Next()) bytes.emplace_back(iterator->bytes());
  return bytes;
}

TEST(State, EvictedAndReloadedDecidesTheSame) {
  OneShard roomy;
  roomy.Publish(kPlainProgram);
  RunHistory(roomy, 0, 600);
  shard::ShardOptions options;
  options.cache_bytes_max = 1;
  options.snapshot_every_records = 3;
  OneShard tight(options);
  tight.Publish(kPlainProgram);
  RunHistory(tight, 0, 600);
  const auto expected = BytesOf(roomy.store());
  EXPECT_GT(expected.size(), 800u);
  EXPECT_EQ(BytesOf(tight.store()), expected);
  EXPECT_LE(tight.shard().stats().cached_accounts, 1u);
  EXPECT_TRUE((*tight.store().GetSnapshot("account-0")).has_value());
  for (int i = 0; i < 12; ++i) {
    const std::string id = fmt::format("account-{}", i);
    EXPECT_EQ(tight.State(id), roomy.State(id)) << id;
  }
}

TEST(State, ReloadedAfterRestartsDecidesTheSame) {
  OneShard steady;
  steady.Publish(kPlainProgram);
  RunHistory(steady, 0, 400);
  shard::ShardOptions options;
  options.snapshot_every_records = 7;
  OneShard restarted(options);
  restarted.Publish(kPlainProgram);
  for (int from = 0; from < 400; from += 50) {
    RunHistory(restarted, from, from + 50);
    restarted.Reopen();
  }
  EXPECT_EQ(BytesOf(restarted.store()), BytesOf(steady.store()));
}

TEST(State, ReadFromTheSnapshotIsTheOneFoldedFromTheBeginning) {
  shard::ShardOptions options;
  options.snapshot_every_records = 5;
  OneShard one(options);
  one.Publish(kPlainProgram);
  RunHistory(one, 0, 300);
  shard::ShardOptions never;
  never.snapshot_every_records = 1'000'000;
  OneShard other(never);
  other.Publish(kPlainProgram);
  RunHistory(other, 0, 300);
  EXPECT_FALSE((*other.store().GetSnapshot("account-1")).has_value());
  EXPECT_TRUE((*one.store().GetSnapshot("account-1")).has_value());
  EXPECT_EQ(one.State("account-1"), other.State("account-1"));
}

TEST(State, OfFewRecordsThatAreLargeIsStored) {
  shard::ShardOptions options;
  options.snapshot_every_records = 16;
  OneShard one(options);
  std::vector<shard::SubmittedEvent> events = {Opened()};
  for (int i = 0; i < 8; ++i) {
    shard::SubmittedEvent& bought = events.emplace_back(Bought(1, fmt::format("inv-{}", i)));
    auto& purchase = *bought.event.mutable_purchase_recorded();
    const events::v1::PurchaseLine line = purchase.lines(0);
    while (purchase.lines_size() < 500) *purchase.add_lines() = line;
  }
  one.MustAppend(Command("small", "r1", {Opened(), Visited()}));
  one.MustAppend(Command("large", "r1", std::move(events)));
  EXPECT_FALSE((*one.store().GetSnapshot("small")).has_value());
  EXPECT_TRUE((*one.store().GetSnapshot("large")).has_value());
}

TEST(Restart, GoesOnWithRevisionsAndPositions) {
  OneShard one;
  one.MustAppend(Command("acme", "r1", {Opened(), Visited()}));
  one.Reopen();
  const shard::AppendAnswer answer = one.MustAppend(Command("acme", "r2", {Visited()}, Exactly(1)));
  EXPECT_EQ(answer.events.at(0).position, 2u);
  EXPECT_EQ(answer.events.at(0).revision, 2u);
}

TEST(Restart, OfAnEmptyShardIsEmpty) {
  OneShard one;
  one.Reopen();
  EXPECT_EQ(one.shard().Root(), std::pair(uint64_t{0}, merkle::EmptyRoot()));
  EXPECT_FALSE((*one.shard().ReadState("acme")).has_value());
}

// Sizes around a full tile of 256 and beyond it.
TEST(Tree, OverTheLogIsTheOneOfRfc6962AlsoAfterARestart) {
  OneShard one;
  one.MustAppend(Command("acme", "open", {Opened()}));
  uint64_t count = 1;
  for (const uint64_t size : {2u, 3u, 255u, 256u, 257u, 511u, 512u, 700u}) {
    std::vector<std::future<AppendOutcome>> outcomes;
    for (; count < size; ++count) outcomes.push_back(one.Start(Command("acme", std::to_string(count), {Visited()})));
    for (auto& outcome : outcomes) ASSERT_TRUE(outcome.get().ok());
    EXPECT_EQ(one.shard().Root(), std::pair(size, NaiveRoot(one.store())));
    one.Reopen();
    EXPECT_EQ(one.shard().Root(), std::pair(size, NaiveRoot(one.store())));
  }
}

}  // namespace
}  // namespace keyledger::testing
