// The queue's bounds, and what a stop does with it.
#include "tests/unit/shard/shard_fixture.h"

namespace keyledger::testing {
namespace {

TEST(Queue, ThatIsFullRefusesAtOnceWithARetryDelay) {
  shard::ShardOptions options;
  options.queue_requests_max = 1;
  options.group_records_max = 1;
  OneShard one(options);
  one.log().Close();
  auto writing = one.Start(Command("acme", "r1", {Opened()}));
  one.log().WaitForArrivals(1);
  // Fills the group under construction.
  auto grouped = one.Start(Command("acme", "r2", {Visited()}));
  one.WaitUntilSequenced();
  auto queued = one.Start(Command("acme", "r3", {Visited()}));
  EXPECT_EQ(one.shard().stats().queued_requests, 1u);
  const absl::Status refused = one.Append(Command("acme", "r4", {Visited()})).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReasonOf(refused), Reason::kQueueFull);
  EXPECT_EQ(RetryDelayMsOf(refused), 50);
  one.log().Open();
  EXPECT_TRUE(writing.get().ok());
  EXPECT_TRUE(grouped.get().ok());
  EXPECT_TRUE(queued.get().ok());
  EXPECT_EQ(one.store().record_count(), 3u);
}

TEST(Queue, IsBoundedInBytesToo) {
  shard::ShardOptions options;
  options.queue_bytes_max = 1'000;
  options.group_records_max = 1;
  OneShard one(options);
  one.log().Close();
  const auto sized = [](const std::string& request, shard::SubmittedEvent event, size_t bytes) {
    shard::AppendCommand command = Command("acme", request, {std::move(event)});
    command.bytes = bytes;
    return command;
  };
  auto writing = one.Start(sized("r1", Opened(), 1'000));
  one.log().WaitForArrivals(1);
  auto grouped = one.Start(sized("r2", Visited(), 1'000));
  one.WaitUntilSequenced();
  auto queued = one.Start(sized("r3", Visited(), 999));
  EXPECT_EQ(ReasonOf(one.Append(sized("r4", Visited(), 2)).status()), Reason::kQueueFull);
  auto fits = one.Start(sized("r5", Visited(), 1));
  one.log().Open();
  EXPECT_TRUE(queued.get().ok());
  EXPECT_TRUE(fits.get().ok());
}

TEST(Queue, IsDrainedByAStopThatThenRefuses) {
  OneShard one;
  one.log().Close();
  std::vector<std::future<AppendOutcome>> outcomes;
  outcomes.push_back(one.Start(Command("acme", "open", {Opened()})));
  for (int i = 0; i < 500; ++i) outcomes.push_back(one.Start(Command("acme", "r" + std::to_string(i), {Visited()})));
  std::thread stop([&] { one.shard().Stop(); });
  one.log().Open();
  stop.join();
  for (auto& outcome : outcomes) EXPECT_TRUE(outcome.get().ok());
  EXPECT_EQ(one.store().record_count(), 501u);
  const absl::Status refused = one.Append(Command("acme", "late", {Visited()})).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(refused), Reason::kStopping);
  // Reading goes on.
  EXPECT_EQ(one.State("acme").next_revision, 501u);
}

TEST(Queue, CountsWhatItDid) {
  OneShard one;
  one.MustAppend(Command("acme", "r1", {Opened()}));
  one.MustAppend(Command("acme", "r1", {Opened()}));
  EXPECT_FALSE(one.Append(Command("acme", "r2", {Opened()})).ok());
  one.MustAppend(Command("acme", "r3", {Visited()}));
  const shard::ShardStats stats = one.shard().stats();
  EXPECT_EQ(stats.queued_requests, 0u);
  EXPECT_EQ(stats.replayed_requests, 1u);
  EXPECT_EQ(stats.refused_requests, 1u);
  EXPECT_EQ(stats.committed_groups, 2u);
}

}  // namespace
}  // namespace keyledger::testing
