// Subscriptions: catch up, then live, without gap or repetition, and how they end.
#include <thread>

#include "tests/integration/live_server.h"

namespace keyledger::testing {
namespace {

using namespace ledger::v1;

// A subscription read frame by frame.
class Follower {
 public:
  Follower(LiveServer& server, const SubscribeRequest& request) {
    context_.set_deadline(std::chrono::system_clock::now() + kPatience);
    reader_ = server.ledger().Subscribe(&context_, request);
  }
  ~Follower() { context_.TryCancel(); }

  bool Next() {
    const bool ok = reader_->Read(&frame_);
    if (!ok) return false;
    cursor_ = frame_.cursor();
    EXPECT_FALSE(cursor_.empty());
    uint64_t position = frame_.records().first_position();
    for (const std::string& bytes : frame_.records().records()) {
      events::v1::EventRecord record;
      EXPECT_TRUE(record.ParseFromString(bytes));
      EXPECT_EQ(record.shard(), frame_.records().shard());
      EXPECT_GE(record.position(), position);
      position = record.position() + 1;
      seen_[record.shard()].push_back(record.position());
      ++count_;
    }
    return true;
  }
  void NextUntilCaughtUp() {
    do {
      ASSERT_TRUE(Next());
    } while (!frame_.has_caught_up());
  }
  void NextUntilCount(size_t count) {
    while (count_ < count) ASSERT_TRUE(Next());
  }
  RpcError Finish() { return ReadRpcError(reader_->Finish()); }
  void Cancel() { context_.TryCancel(); }

  const SubscribeResponse& frame() const { return frame_; }
  const std::string& cursor() const { return cursor_; }
  size_t count() const { return count_; }
  // Positions by shard, as they came.
  const std::map<uint32_t, std::vector<uint64_t>>& seen() const { return seen_; }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<SubscribeResponse>> reader_;
  SubscribeResponse frame_;
  std::string cursor_;
  size_t count_ = 0;
  std::map<uint32_t, std::vector<uint64_t>> seen_;
};

void ExpectGapless(const std::map<uint32_t, std::vector<uint64_t>>& seen) {
  for (const auto& [shard, positions] : seen) {
    for (size_t i = 0; i < positions.size(); ++i) ASSERT_EQ(positions[i], i) << "shard " << shard;
  }
}

TEST(Subscribe, CatchesUpSaysSoAndGoesOnLive) {
  LiveServer server(4);
  for (int i = 0; i < 20; ++i) server.MustAppend(Request("account-" + std::to_string(i), "r1", {Opened(), Visited()}));
  Follower follower(server, {});
  follower.NextUntilCaughtUp();
  // With the signing key's record on each shard.
  EXPECT_EQ(follower.count(), 44u);
  EXPECT_EQ(follower.frame().caught_up().head(), 44u);
  for (int i = 0; i < 20; ++i) {
    server.MustAppend(Request("account-" + std::to_string(i), "r2", {Visited()}));
    follower.NextUntilCount(45u + static_cast<size_t>(i));
    EXPECT_EQ(follower.count(), 45u + static_cast<size_t>(i));
  }
  ExpectGapless(follower.seen());
}

TEST(Subscribe, FromTheEndDeliversOnlyWhatComes) {
  LiveServer server;
  server.MustAppend(Request("acme", "r1", {Opened()}));
  SubscribeRequest request;
  request.mutable_start()->mutable_end();
  Follower follower(server, request);
  ASSERT_TRUE(follower.Next());
  ASSERT_TRUE(follower.frame().has_caught_up());
  server.MustAppend(Request("acme", "r2", {Visited()}));
  ASSERT_TRUE(follower.Next());
  ASSERT_TRUE(follower.frame().has_records());
  // After the signing key's record and the opening.
  EXPECT_EQ(follower.frame().records().first_position(), 2u);
}

// Someone appends all the while; the subscriber breaks off after every few frames and resumes.
TEST(Subscribe, ResumedFromItsCursorNeitherSkipsNorRepeats) {
  LiveServer server(4);
  constexpr size_t kAccounts = 8;
  constexpr size_t kRequests = 150;
  // With the signing key's record on each shard.
  constexpr size_t kRecords = kRequests * kAccounts + 4;
  std::thread writer([&] {
    for (size_t i = 0; i < kRequests; ++i) {
      for (size_t k = 0; k < kAccounts; ++k) {
        server.MustAppend(
            Request("account-" + std::to_string(k), "r" + std::to_string(i), {i == 0 ? Opened() : Visited()}));
      }
    }
  });
  std::map<uint32_t, std::vector<uint64_t>> seen;
  size_t count = 0;
  std::string cursor;
  while (count < kRecords) {
    SubscribeRequest request;
    if (!cursor.empty()) request.mutable_start()->set_cursor(cursor);
    Follower follower(server, request);
    for (int i = 0; i < 20 && count + follower.count() < kRecords; ++i) {
      if (!follower.Next()) break;
    }
    ASSERT_FALSE(follower.cursor().empty());
    cursor = follower.cursor();
    count += follower.count();
    for (const auto& [shard, positions] : follower.seen()) {
      seen[shard].insert(seen[shard].end(), positions.begin(), positions.end());
    }
  }
  writer.join();
  EXPECT_EQ(count, kRecords);
  ExpectGapless(seen);
}

TEST(Subscribe, OutlivesARestartByItsCursor) {
  LiveServer server(2);
  server.MustAppend(Request("acme", "r1", {Opened()}));
  std::string cursor;
  {
    Follower follower(server, {});
    follower.NextUntilCaughtUp();
    cursor = follower.cursor();
  }
  server.Restart();
  server.MustAppend(Request("acme", "r2", {Visited()}));
  SubscribeRequest request;
  request.mutable_start()->set_cursor(cursor);
  Follower follower(server, request);
  follower.NextUntilCaughtUp();
  ASSERT_EQ(follower.count(), 1u);
  // After the signing key's record and the opening.
  EXPECT_EQ(follower.seen().begin()->second, std::vector<uint64_t>{2});
}

TEST(Subscribe, ReportsProgressWhenTheFilterLetsNothingPass) {
  LiveServer server;
  server.MustAppend(Request("acme", "r1", {Opened(), Visited(), Visited()}));
  SubscribeRequest request;
  request.mutable_filter()->add_kinds(events::v1::EVENT_KIND_PURCHASE_RECORDED);
  Follower follower(server, request);
  ASSERT_TRUE(follower.Next());
  ASSERT_TRUE(follower.frame().has_progress());
  EXPECT_EQ(follower.frame().progress().lag(), 0u);
  const std::string progress = follower.cursor();
  ASSERT_TRUE(follower.Next());
  ASSERT_TRUE(follower.frame().has_caught_up());
  // Live, only what passes.
  server.MustAppend(Request("acme", "r2", {Visited(), Bought(1), Visited()}));
  ASSERT_TRUE(follower.Next());
  ASSERT_TRUE(follower.frame().has_records());
  // After the signing key's record and four others.
  EXPECT_EQ(follower.seen().at(0), std::vector<uint64_t>{5});
  // The cursor is past what was dropped, before and after.
  request.mutable_start()->set_cursor(follower.cursor());
  Follower resumed(server, request);
  ASSERT_TRUE(resumed.Next());
  EXPECT_TRUE(resumed.frame().has_caught_up());
  request.mutable_start()->set_cursor(progress);
  Follower again(server, request);
  again.NextUntilCaughtUp();
  EXPECT_EQ(again.seen().at(0), std::vector<uint64_t>{5});
}

TEST(Subscribe, ToOneShardDeliversOnlyItsRecords) {
  LiveServer server(4);
  for (int i = 0; i < 20; ++i) server.MustAppend(Request("account-" + std::to_string(i), "r1", {Opened()}));
  SubscribeRequest request;
  request.set_shard(3);
  Follower follower(server, request);
  follower.NextUntilCaughtUp();
  EXPECT_EQ(follower.seen().size(), 1u);
  EXPECT_EQ(follower.seen().begin()->first, 3u);
  EXPECT_EQ(follower.count(), server.ReadLog()[3].size());
}

TEST(Subscribe, CancelledByTheClientFreesItsPlace) {
  LiveServer server(1, [](app::Options& options) { options.streams_max = 2; });
  server.MustAppend(Request("acme", "r1", {Opened()}));
  for (int round = 0; round < 10; ++round) {
    // The server frees the place of a cancelled call a little after the client has seen its end.
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    for (;;) {
      Follower follower(server, {});
      if (follower.Next()) {
        follower.Cancel();
        while (follower.Next()) {
        }
        EXPECT_EQ(follower.Finish().code, grpc::StatusCode::CANCELLED);
        break;
      }
      ASSERT_EQ(follower.Finish().reason, "TOO_MANY_STREAMS");
      ASSERT_LT(std::chrono::steady_clock::now(), deadline);
    }
  }
}

TEST(Subscribe, IsRefusedWithARetryDelayWhenTooManyStreamsAreOpen) {
  LiveServer server(1, [](app::Options& options) { options.streams_max = 1; });
  Follower first(server, {});
  ASSERT_TRUE(first.Next());
  Follower second(server, {});
  EXPECT_FALSE(second.Next());
  const RpcError error = second.Finish();
  EXPECT_EQ(error.code, grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(error.reason, "TOO_MANY_STREAMS");
  EXPECT_EQ(error.retry_ms, 1'000);
}

TEST(Subscribe, IsEndedByAStopWithinTheBound) {
  LiveServer server(2);
  server.MustAppend(Request("acme", "r1", {Opened()}));
  Follower waiting(server, {});
  waiting.NextUntilCaughtUp();
  Follower unread(server, {});
  const auto start = std::chrono::steady_clock::now();
  server.Stop();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(server.options().stop_seconds_max));
  EXPECT_FALSE(waiting.Next());
  const RpcError error = waiting.Finish();
  EXPECT_EQ(error.code, grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(error.reason, "STOPPING");
}

TEST(Subscribe, RefusesACursorPastTheEndAndOneThatIsNone) {
  LiveServer server(2);
  LiveServer longer(2);
  for (int i = 0; i < 10; ++i) longer.MustAppend(Request("account-" + std::to_string(i), "r1", {Opened()}));
  for (const std::string& cursor : {longer.HeadCursor(), std::string("nonsense")}) {
    SubscribeRequest request;
    request.mutable_start()->set_cursor(cursor);
    Follower follower(server, request);
    EXPECT_FALSE(follower.Next());
    EXPECT_EQ(follower.Finish().reason, "INVALID_TOKEN");
  }
}

}  // namespace
}  // namespace keyledger::testing
