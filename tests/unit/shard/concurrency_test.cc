// Writers at the same time: what only one may win, only one wins.
#include <atomic>

#include "tests/unit/shard/shard_fixture.h"

namespace keyledger::testing {
namespace {

TEST(Concurrency, OfTwentyRedemptionsOfABalanceThatCoversOneExactlyOneSucceeds) {
  for (const uint32_t shards : {1u, 4u}) {
    WholeLedger whole(shards);
    ASSERT_TRUE(whole.ledger().Publish(kPlainProgram, "p1", "tester").ok());
    whole.MustAppend(Command("acme", "r1", {Opened(), Bought(100)}));
    std::atomic<int> won{0};
    std::atomic<int> refused{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 20; ++i) {
      threads.emplace_back([&, i] {
        const AppendOutcome outcome = whole.Append(Command("acme", "redeem-" + std::to_string(i), {Redeemed(100)}));
        if (outcome.ok()) ++won;
        if (ReasonOf(outcome.status()) == Reason::kInsufficientPoints) ++refused;
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(won, 1) << shards << " shards";
    EXPECT_EQ(refused, 19) << shards << " shards";
    const auto state = whole.ledger().ShardOfAccount("acme").ReadState("acme");
    ASSERT_TRUE(state.ok());
    EXPECT_EQ((*state)->available_points(), 0);
    EXPECT_EQ((*state)->totals.spent, 100);
  }
}

// Each round both writers read the revision and append with it; a round has at most one winner.
TEST(Concurrency, OfTwoWritersWithTheSameExpectedRevisionNeverBothWin) {
  OneShard one;
  one.MustAppend(Command("acme", "r1", {Opened()}));
  constexpr int kRounds = 200;
  std::vector<std::atomic<int>> winners(kRounds);
  std::vector<std::thread> writers;
  for (int writer = 0; writer < 2; ++writer) {
    writers.emplace_back([&, writer] {
      for (uint64_t revision = 0; revision < kRounds;) {
        const std::string request = std::to_string(writer) + "-" + std::to_string(revision);
        const AppendOutcome outcome = one.Append(Command("acme", request, {Visited(request)}, Exactly(revision)));
        if (outcome.ok()) {
          ++winners[revision];
        } else {
          EXPECT_EQ(ReasonOf(outcome.status()), Reason::kStaleRevision);
        }
        ++revision;
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  // Both walk the same revisions: whichever comes second to one finds it stale.
  int sum = 0;
  for (const auto& winner : winners) {
    EXPECT_LE(winner, 1);
    sum += winner;
  }
  EXPECT_EQ(one.store().record_count(), static_cast<uint64_t>(sum) + 1);
}

TEST(Concurrency, ManyWritersLeaveGaplessPositionsAndRevisions) {
  WholeLedger whole(4);
  constexpr int kThreads = 8;
  constexpr int kRequests = 200;
  std::vector<std::thread> writers;
  for (int writer = 0; writer < kThreads; ++writer) {
    writers.emplace_back([&, writer] {
      const std::string own = "account-" + std::to_string(writer);
      EXPECT_TRUE(whole.Append(Command(own, "open", {Opened()})).ok());
      for (int i = 0; i < kRequests; ++i) {
        EXPECT_TRUE(whole.Append(Command(own, "r" + std::to_string(i), {Visited(), Visited()})).ok());
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  std::map<std::string, uint64_t> revisions;
  size_t records = 0;
  for (uint32_t shard = 0; shard < 4; ++shard) {
    for (const events::v1::EventRecord& record : whole.Records(shard)) {
      EXPECT_EQ(record.revision(), revisions[record.account_id()]++);
      ++records;
    }
    EXPECT_EQ(whole.ledger().shard(shard).Root().second, NaiveRoot(whole.ledger().shard(shard).store()));
  }
  EXPECT_EQ(records, kThreads * (1u + 2u * kRequests));
}

// A record is readable as soon as its request is answered.
TEST(Concurrency, AnAnsweredAppendIsVisibleToTheNextRead) {
  OneShard one;
  one.MustAppend(Command("acme", "open", {Opened()}));
  for (uint64_t i = 1; i <= 100; ++i) {
    const shard::AppendAnswer answer = one.MustAppend(Command("acme", std::to_string(i), {Visited()}));
    EXPECT_GE(one.shard().head().head(), answer.next_position);
    EXPECT_EQ(one.State("acme").next_revision, i + 1);
  }
}

}  // namespace
}  // namespace keyledger::testing
