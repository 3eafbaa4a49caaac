// Unary calls: what is retried, what is not, and what a failure carries.
#include "client/cpp/client.h"

#include <optional>
#include <set>
#include <thread>
#include <utility>

#include <gtest/gtest.h>

#include "client/cpp/request_id.h"
#include "keyledger/ledger/v1/ledger_service.pb.h"
#include "tests/unit/client/fake_ledger.h"

namespace keyledger::client {
namespace {

using std::chrono::milliseconds;

CallOptions Quick() {
  CallOptions options;
  options.timeout = milliseconds(10'000);
  options.backoff = {milliseconds(1), milliseconds(4)};
  return options;
}

v1::AppendRequest Request(const std::string& id = "") {
  v1::AppendRequest request;
  request.set_account_id("a");
  request.set_request_id(id);
  return request;
}

TEST(Client, RepeatsAnUnavailableAppendUnderTheSameRequestId) {
  FakeLedger server;
  server.FailAppends(
      {grpc::Status(grpc::StatusCode::UNAVAILABLE, "1"), grpc::Status(grpc::StatusCode::UNAVAILABLE, "2")});
  Client client(server.Channel(), Quick());
  ASSERT_TRUE(client.Append(Request("r-1")).ok());
  EXPECT_EQ(server.received(), (std::vector<std::string>{"r-1", "r-1", "r-1"}));
  EXPECT_EQ(server.applied(), (std::vector<std::string>{"r-1"}));
}

TEST(Client, MakesOneRequestIdForAllAttemptsWhenNoneIsGiven) {
  FakeLedger server;
  server.FailAppends({grpc::Status(grpc::StatusCode::UNAVAILABLE, "1")});
  Client client(server.Channel(), Quick());
  ASSERT_TRUE(client.Append(Request()).ok());
  const auto received = server.received();
  ASSERT_EQ(received.size(), 2u);
  EXPECT_EQ(received[0].size(), 36u);
  EXPECT_EQ(received[0], received[1]);
}

TEST(Client, RepeatsResourceExhaustedOnlyWithARetryDelay) {
  FakeLedger server;
  server.FailAppends({RichStatus(grpc::StatusCode::RESOURCE_EXHAUSTED, "QUEUE_FULL", 5)});
  Client client(server.Channel(), Quick());
  EXPECT_TRUE(client.Append(Request("a")).ok());
  EXPECT_EQ(server.received().size(), 2u);
  server.FailAppends({RichStatus(grpc::StatusCode::RESOURCE_EXHAUSTED, "PAYLOAD_TOO_LARGE", 0)});
  const auto refused = client.Append(Request("b"));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().reason, "PAYLOAD_TOO_LARGE");
  EXPECT_EQ(server.received().size(), 3u);
}

TEST(Client, DoesNotRepeatARefusal) {
  FakeLedger server;
  server.FailAppends({RichStatus(grpc::StatusCode::ABORTED, "STALE_REVISION", 0)});
  Client client(server.Channel(), Quick());
  EXPECT_FALSE(client.Append(Request("a")).ok());
  EXPECT_EQ(server.received().size(), 1u);
}

TEST(Client, DecodesReasonFieldsMetadataAndRetryDelay) {
  const ClientError error = DecodeError(RichStatus(grpc::StatusCode::RESOURCE_EXHAUSTED, "QUEUE_FULL", 250));
  EXPECT_EQ(error.code, grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(error.reason, "QUEUE_FULL");
  EXPECT_EQ(error.message, "refused");
  EXPECT_EQ(error.fields, (std::vector<FieldViolation>{{"field_a", "is wrong"}}));
  EXPECT_EQ(error.Metadata("k"), "v");
  EXPECT_EQ(error.Metadata("none"), "");
  EXPECT_EQ(error.retry_delay, milliseconds(250));
}

TEST(Client, KeepsCodeAndMessageWhenDetailsAreNoStatus) {
  const ClientError error = DecodeError(grpc::Status(grpc::StatusCode::NOT_FOUND, "gone", "\xff\xff garbage"));
  EXPECT_EQ(error.code, grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(error.message, "gone");
  EXPECT_EQ(error.reason, "");
  EXPECT_EQ(DecodeStatusBytes("\xff\xff").code, grpc::StatusCode::INTERNAL);
}

TEST(Client, GivesUpAfterItsAttempts) {
  FakeLedger server;
  server.FailAppends(std::deque<grpc::Status>(10, grpc::Status(grpc::StatusCode::UNAVAILABLE, "down")));
  CallOptions options = Quick();
  options.attempts_max = 3;
  Client client(server.Channel(), options);
  const auto result = client.Append(Request("a"));
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(server.received().size(), 3u);
}

TEST(Client, DoesNotWaitBeyondItsDeadline) {
  FakeLedger server;
  server.FailAppends({RichStatus(grpc::StatusCode::RESOURCE_EXHAUSTED, "QUEUE_FULL", 900)});
  CallOptions options = Quick();
  options.timeout = milliseconds(400);
  Client client(server.Channel(), options);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(client.Append(Request("a")).ok());
  EXPECT_LT(std::chrono::steady_clock::now() - start, milliseconds(400));
}

TEST(Client, CancelEndsAWait) {
  FakeLedger server;
  server.FailAppends({RichStatus(grpc::StatusCode::UNAVAILABLE, "STOPPING", 900)});
  CallOptions options = Quick();
  options.timeout = milliseconds(3'600'000);
  Client client(server.Channel(), options);
  std::thread other([&] { client.Cancel(); });
  const auto result = client.Append(Request("a"));
  other.join();
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, grpc::StatusCode::CANCELLED);
}

// Reads the fake's log; returns how many frames came and how it ended.
std::pair<int, std::optional<ClientError>> ReadAll(const FakeLedger& server, milliseconds frame_timeout,
                                                   milliseconds per_frame = milliseconds(0)) {
  CallOptions options = Quick();
  options.frame_timeout = frame_timeout;
  Client client(server.Channel(), options);
  int frames = 0;
  Waiter waiter;
  auto error = client.ReadLog({}, [&](const v1::ReadLogResponse& frame) {
    EXPECT_EQ(frame.first_position(), static_cast<uint64_t>(frames));
    ++frames;
    return waiter.WaitFor(per_frame);
  });
  return {frames, std::move(error)};
}

TEST(Read, HandsOnEveryFrame) {
  FakeLedger server;
  const auto [frames, error] = ReadAll(server, milliseconds(30'000));
  EXPECT_EQ(frames, 10);
  EXPECT_FALSE(error.has_value());
}

TEST(Read, GivesUpOnAServerThatNeverSendsAFrame) {
  FakeLedger server;
  server.HangReadsAfter(0);
  const auto start = std::chrono::steady_clock::now();
  const auto [frames, error] = ReadAll(server, milliseconds(200));
  EXPECT_GE(std::chrono::steady_clock::now() - start, milliseconds(200));
  EXPECT_EQ(frames, 0);
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code, grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_EQ(error->message, "the server sent nothing for 200 ms");
}

TEST(Read, GivesUpOnAServerThatStopsSending) {
  FakeLedger server;
  server.HangReadsAfter(4);
  const auto [frames, error] = ReadAll(server, milliseconds(200));
  EXPECT_EQ(frames, 4);
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code, grpc::StatusCode::DEADLINE_EXCEEDED);
}

TEST(Read, DoesNotCountTheTimeOfItsCallback) {
  FakeLedger server;
  const auto [frames, error] = ReadAll(server, milliseconds(1'000), milliseconds(150));
  EXPECT_EQ(frames, 10);
  EXPECT_FALSE(error.has_value()) << error->message;
}

TEST(Read, EndsWellWhenItsCallbackHasEnough) {
  FakeLedger server;
  server.HangReadsAfter(4);
  Client client(server.Channel(), Quick());
  int frames = 0;
  EXPECT_FALSE(client.ReadLog({}, [&](const v1::ReadLogResponse&) { return ++frames < 3; }).has_value());
  EXPECT_EQ(frames, 3);
}

TEST(Read, EndsWhenTheClientIsCancelled) {
  FakeLedger server;
  server.HangReadsAfter(1);
  Client client(server.Channel(), Quick());
  const auto error = client.ReadLog({}, [&](const v1::ReadLogResponse&) {
    client.Cancel();
    return true;
  });
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code, grpc::StatusCode::CANCELLED);
}

TEST(RequestId, IsARandomUuidOfVersion4) {
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) {
    const std::string id = NewRequestId();
    ASSERT_EQ(id.size(), 36u);
    EXPECT_EQ(id[8], '-');
    EXPECT_EQ(id[14], '4');
    EXPECT_NE(std::string("89ab").find(id[19]), std::string::npos);
    ids.insert(id);
  }
  EXPECT_EQ(ids.size(), 1000u);
}

TEST(Backoff, GrowsToItsMaximumAndStartsOver) {
  Backoff backoff({milliseconds(100), milliseconds(400)});
  for (const int bound : {100, 200, 400, 400}) {
    const auto wait = backoff.Next();
    EXPECT_GE(wait.count(), bound / 2);
    EXPECT_LE(wait.count(), bound);
  }
  EXPECT_EQ(backoff.Next(milliseconds(5000)), milliseconds(5000));
  backoff.Reset();
  EXPECT_LE(backoff.Next().count(), 100);
}

}  // namespace
}  // namespace keyledger::client
