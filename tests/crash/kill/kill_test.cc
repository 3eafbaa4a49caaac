// The real server, killed with SIGKILL while writers stream appends to it, again and again: what was acknowledged is
// there, once, in order, and everything derived is what it was.
//
// KL_KILL_ROUNDS sets the number of rounds, KEYLEDGER_SEED repeats an earlier run's requests and moments.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <fstream>
#include <map>
#include <mutex>
#include <random>
#include <sstream>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "client/cpp/client.h"
#include "keyledger/ledger/v1/admin_service.pb.h"
#include "keyledger/ledger/v1/ledger_service.pb.h"
#include "keyledger/ledger/v1/program_service.pb.h"
#include "keyledger/ledger/v1/retention_service.pb.h"
#include "tests/crash/history/log_copy.h"
#include "tests/crash/history/writer.h"
#include "tests/crash/kill/server_process.h"
#include "tests/crash/kill/stream.h"
#include "tests/support/temp_dir.h"

namespace keyledger::testing {
namespace {

constexpr uint32_t kShards = 2;
constexpr int kWriters = 4;
constexpr size_t kRepeatedPerRound = 24;
constexpr auto kPatience = std::chrono::seconds(60);

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

std::string ReadFile(const std::string& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

class Kills : public ::testing::Test {
 protected:
  Kills()
      : seed_(FromEnvironment("KEYLEDGER_SEED", std::random_device()())),
        random_(seed_),
        server_(directory_.path(), {"--shards", std::to_string(kShards), "--sweep-interval-seconds", "0",
                                    // Small, so that the projections write often and are killed in between.
                                    "--projection-chunk-records", "100", "--disk-reserve-mib", "0"}),
        log_(kShards) {
    for (int i = 0; i < kWriters; ++i) writers_.emplace_back(i, seed_ + static_cast<uint64_t>(i));
  }

  void Start() {
    ASSERT_EQ(server_.Start(), "");
    client::ChannelOptions options;
    options.address = server_.address();
    options.own_connection = true;
    options.reconnect_initial = std::chrono::milliseconds(20);
    options.reconnect_max = std::chrono::milliseconds(100);
    client::CallOptions calls;
    calls.timeout = kPatience;
    client_ = std::make_unique<client::Client>(client::MakeChannel(options), calls);
  }

  void Publish() {
    client::v1::PublishProgramRequest request;
    request.set_source_yaml(ReadFile(KL_EXAMPLE_PROGRAM));
    request.set_request_id("program");
    const auto published = client_->PublishProgram(request);
    ASSERT_TRUE(published.ok()) << published.error().message;
  }

  // Every writer on a stream and a thread of its own, until all is answered, or until `kill_after` answers have come,
  // when the server is killed.
  void Write(size_t new_requests, std::optional<uint64_t> kill_after) {
    std::atomic<uint64_t> answers{0};
    StreamPlan plan;
    plan.new_requests = new_requests;
    plan.may_break = kill_after.has_value();
    plan.on_answer = [&] {
      if (++answers == kill_after) server_.Kill();
    };
    if (kill_after == 0u) server_.Kill();
    std::vector<std::string> problems(kWriters);
    std::vector<std::thread> threads;
    for (size_t i = 0; i < kWriters; ++i) {
      threads.emplace_back([&, i] { problems[i] = SendStream(client_->channel(), writers_[i], plan); });
    }
    for (std::thread& thread : threads) thread.join();
    for (const std::string& problem : problems) ASSERT_EQ(problem, "");
    acknowledged_ += answers;
    if (!kill_after.has_value()) return;
    // Where fewer requests than that were left to answer.
    server_.Kill();
    ASSERT_EQ(server_.WaitKilled(), "");
  }

  // Reads the whole log and holds it against what was read before and what the writers know.
  void CheckLog() {
    for (uint32_t shard = 0; shard < kShards; ++shard) {
      client::v1::ReadLogRequest request;
      request.set_shard(shard);
      request.mutable_start()->mutable_beginning();
      std::vector<std::string> records;
      const auto error = client_->ReadLog(request, [&](const client::v1::ReadLogResponse& frame) {
        EXPECT_EQ(frame.first_position(), records.size());
        records.insert(records.end(), frame.records().begin(), frame.records().end());
        return true;
      });
      ASSERT_FALSE(error.has_value()) << error->message;
      ASSERT_EQ(log_.Take(shard, records), "");
    }
    ASSERT_EQ(log_.Check(writers_), "");
  }

  // A request that was answered gets its first answer again, and changes nothing.
  void RepeatSome() {
    const uint64_t records = RecordCount();
    for (size_t i = 0; i < kRepeatedPerRound; ++i) {
      const Writer& writer = writers_[random_() % kWriters];
      if (writer.size() == 0) continue;
      const Writer::Entry& entry = writer.entry(random_() % writer.size());
      if (entry.outcome != Writer::Outcome::kApplied) continue;
      const auto again = client_->Append(entry.request);
      ASSERT_TRUE(again.ok()) << again.error().message;
      ledger::v1::AppendResponse first = entry.response;
      ASSERT_EQ(CompareAnswers(first, *again), "");
    }
    ASSERT_EQ(RecordCount(), records);
  }

  uint64_t RecordCount() {
    const auto status = client_->GetStatus({});
    EXPECT_TRUE(status.ok());
    uint64_t count = 0;
    for (const auto& shard : status->shards()) {
      EXPECT_EQ(shard.state(), client::v1::SHARD_STATE_SERVING) << shard.detail();
      count += shard.record_count();
    }
    return count;
  }

  // Digests of the rows of every projection on every shard, once each has applied the whole log and been rebuilt at
  // least `rebuilds` times.
  std::map<std::string, std::string> Digests(uint64_t rebuilds) {
    std::map<std::string, std::string> digests;
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    client::Waiter waiter;
    for (;;) {
      client::v1::ListProjectionsRequest request;
      request.set_with_digest(true);
      const auto listed = client_->ListProjections(request);
      EXPECT_TRUE(listed.ok()) << listed.error().message;
      if (!listed.ok()) return digests;
      bool settled = true;
      for (const auto& info : listed->projections()) {
        EXPECT_NE(info.state(), client::v1::PROJECTION_STATE_FAILED) << info.detail();
        settled = settled && info.lag() == 0 && info.rebuilds() >= rebuilds &&
                  info.state() == client::v1::PROJECTION_STATE_FOLLOWING;
        digests[fmt::format("{} on shard {}", info.name(), info.shard())] = info.digest();
      }
      EXPECT_LT(std::chrono::steady_clock::now(), deadline) << "the projections do not settle";
      if (settled || ::testing::Test::HasFailure()) return digests;
      // Nothing tells when a rebuild is done.
      waiter.WaitFor(std::chrono::milliseconds(20));
    }
  }

  std::string RetentionAnswers() {
    std::string answers;
    for (const auto period : {client::v1::PERIOD_MONTH, client::v1::PERIOD_QUARTER}) {
      client::v1::GetRetentionRequest retention;
      retention.mutable_scope()->set_period(period);
      const auto rows = client_->GetRetention(retention);
      EXPECT_TRUE(rows.ok());
      client::v1::GetCohortsRequest cohorts;
      cohorts.mutable_scope()->set_period(period);
      const auto table = client_->GetCohorts(cohorts);
      EXPECT_TRUE(table.ok());
      if (rows.ok() && table.ok()) answers += rows->DebugString() + table->DebugString();
    }
    return answers;
  }

  void RebuildAll() {
    for (const char* name : {"accesses", "accounts", "contacts", "engagement", "points", "retention", "tiers"}) {
      client::v1::RebuildProjectionRequest request;
      request.set_name(name);
      const auto started = client_->RebuildProjection(request);
      ASSERT_TRUE(started.ok()) << started.error().message;
    }
  }

  const uint64_t seed_;
  std::mt19937_64 random_;
  TempDir directory_;
  ServerProcess server_;
  std::vector<Writer> writers_;
  LogCopy log_;
  std::unique_ptr<client::Client> client_;
  uint64_t acknowledged_ = 0;
};

TEST_F(Kills, LoseNothingAcknowledgedRepeatNothingAndLeaveTheProjectionsAsTheyWere) {
  const uint64_t rounds = FromEnvironment("KL_KILL_ROUNDS", 50);
  const auto began = std::chrono::steady_clock::now();
  SCOPED_TRACE(fmt::format("KEYLEDGER_SEED={}", seed_));
  fmt::print("KEYLEDGER_SEED={}\n", seed_);
  ASSERT_NO_FATAL_FAILURE(Start());
  ASSERT_NO_FATAL_FAILURE(Publish());
  for (uint64_t round = 0; round < rounds; ++round) {
    SCOPED_TRACE(fmt::format("round {}", round));
    const uint64_t few = random_() % 40;
    const uint64_t many = random_() % 600;
    ASSERT_NO_FATAL_FAILURE(Write(1'000, round % 3 == 0 ? few : many));
    ASSERT_NO_FATAL_FAILURE(Start());
    ASSERT_NO_FATAL_FAILURE(CheckLog());
    ASSERT_NO_FATAL_FAILURE(RepeatSome());
  }
  // What had no answer is sent once more; now everything gets one.
  ASSERT_NO_FATAL_FAILURE(Write(10, std::nullopt));
  ASSERT_NO_FATAL_FAILURE(CheckLog());
  ASSERT_NO_FATAL_FAILURE(RepeatSome());
  for (const Writer& writer : writers_) ASSERT_TRUE(writer.Unanswered().empty());

  const auto digests = Digests(0);
  ASSERT_EQ(digests.size(), 7u * kShards);
  const std::string retention = RetentionAnswers();
  ASSERT_NO_FATAL_FAILURE(RebuildAll());
  EXPECT_EQ(Digests(1), digests);
  EXPECT_EQ(RetentionAnswers(), retention);
  fmt::print("{} kills, {} answers, {} records, {:.1f} s\n", rounds, acknowledged_, log_.record_count(),
             std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count());
  EXPECT_GT(acknowledged_, rounds * 20);
}

}  // namespace
}  // namespace keyledger::testing
