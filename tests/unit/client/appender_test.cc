// The pipelined appender against a server that drops streams, refuses and falls silent.
#include "client/cpp/appender.h"

#include <gtest/gtest.h>

#include "tests/unit/client/fake_ledger.h"

namespace keyledger::client {
namespace {

namespace v1 = ::keyledger::ledger::v1;
using std::chrono::milliseconds;

AppenderOptions Quick() {
  AppenderOptions options;
  options.frame_requests_max = 7;
  options.window_requests_max = 50;
  options.backoff = {milliseconds(1), milliseconds(4)};
  return options;
}

v1::AppendRequest Request(int number) {
  v1::AppendRequest request;
  request.set_account_id("a");
  request.set_request_id("r-" + std::to_string(number));
  return request;
}

std::vector<std::string> Ids(int count) {
  std::vector<std::string> ids;
  for (int i = 0; i < count; ++i) {
    ids.push_back("r-" + std::to_string(i));
  }
  return ids;
}

// Appends `count` requests and returns their numbers in the order they were called back, refused ones as -1 - number.
std::vector<int> AppendAll(PipelinedAppender& appender, int count) {
  std::vector<int> order;
  for (int i = 0; i < count; ++i) {
    appender.Append(Request(i), [&order, i](const auto& result) { order.push_back(result.ok() ? i : -1 - i); });
  }
  appender.Flush();
  return order;
}

std::vector<int> Numbers(int count) {
  std::vector<int> numbers;
  for (int i = 0; i < count; ++i) {
    numbers.push_back(i);
  }
  return numbers;
}

TEST(PipelinedAppender, AnswersInOrderThroughASmallWindow) {
  FakeLedger server;
  PipelinedAppender appender(server.Channel(), Quick());
  EXPECT_EQ(AppendAll(appender, 1000), Numbers(1000));
  EXPECT_EQ(server.applied(), Ids(1000));
  const AppenderStats stats = appender.stats();
  EXPECT_EQ(stats.accepted, 1000u);
  EXPECT_EQ(stats.answered, 1000u);
  EXPECT_EQ(stats.refused, 0u);
  EXPECT_EQ(stats.reconnects, 0u);
  EXPECT_GE(stats.frames, 1000u / 7);
}

TEST(PipelinedAppender, ResendsWhatIsUnansweredAfterADropWithTheSameIds) {
  FakeLedger server;
  server.DropStreamsAfter({3, 0, 20, 1}, /*applied=*/false);
  PipelinedAppender appender(server.Channel(), Quick());
  EXPECT_EQ(AppendAll(appender, 200), Numbers(200));
  EXPECT_EQ(server.applied(), Ids(200));
  EXPECT_EQ(appender.stats().reconnects, 4u);
  EXPECT_GE(appender.stats().resent, 4u);
}

TEST(PipelinedAppender, GetsTheFirstAnswerForWhatWasAppliedBeforeTheDrop) {
  FakeLedger server;
  server.DropStreamsAfter({2}, /*applied=*/true);
  PipelinedAppender appender(server.Channel(), Quick());
  EXPECT_EQ(AppendAll(appender, 100), Numbers(100));
  // Applied once each: the resent ones came back as replayed.
  EXPECT_EQ(server.applied(), Ids(100));
  EXPECT_GE(appender.stats().replayed, 1u);
}

TEST(PipelinedAppender, RefusesOneRequestWithoutDisturbingTheOthers) {
  FakeLedger server;
  server.RefuseAlways("r-5", RichStatusBytes(grpc::StatusCode::NOT_FOUND, "ACCOUNT_NOT_FOUND", 0));
  PipelinedAppender appender(server.Channel(), Quick());
  std::vector<int> expected = Numbers(20);
  expected[5] = -6;
  EXPECT_EQ(AppendAll(appender, 20), expected);
  EXPECT_EQ(appender.stats().refused, 1u);
  EXPECT_EQ(appender.stats().reconnects, 0u);
}

TEST(PipelinedAppender, SendsAnOverloadedRequestAgain) {
  FakeLedger server;
  server.RefuseOnce("r-4", RichStatusBytes(grpc::StatusCode::RESOURCE_EXHAUSTED, "QUEUE_FULL", 2));
  server.RefuseOnce("r-9", RichStatusBytes(grpc::StatusCode::UNAVAILABLE, "COMMIT_OUTCOME_UNKNOWN", 0));
  PipelinedAppender appender(server.Channel(), Quick());
  EXPECT_EQ(AppendAll(appender, 30), Numbers(30));
  EXPECT_EQ(server.applied().size(), 30u);
}

TEST(PipelinedAppender, GivesUpOnAServerThatNeverAnswers) {
  FakeLedger server;
  server.StopAnswering();
  AppenderOptions options = Quick();
  options.give_up_after = milliseconds(100);
  PipelinedAppender appender(server.Channel(), options);
  std::vector<grpc::StatusCode> codes;
  for (int i = 0; i < 80; ++i) {
    appender.Append(Request(i), [&codes](const auto& result) {
      codes.push_back(result.ok() ? grpc::StatusCode::OK : result.error().code);
    });
  }
  appender.Flush();
  EXPECT_EQ(codes, std::vector<grpc::StatusCode>(80, grpc::StatusCode::DEADLINE_EXCEEDED));
}

TEST(PipelinedAppender, GivesUpWhenThereIsNoServer) {
  ChannelOptions channel;
  channel.address = "127.0.0.1:1";
  AppenderOptions options = Quick();
  options.give_up_after = milliseconds(100);
  PipelinedAppender appender(MakeChannel(channel), options);
  EXPECT_EQ(AppendAll(appender, 3), (std::vector<int>{-1, -2, -3}));
  EXPECT_EQ(appender.stats().refused, 3u);
}

TEST(PipelinedAppender, CancelsWhatIsUnansweredWhenDestroyed) {
  FakeLedger server;
  server.StopAnswering();
  std::vector<grpc::StatusCode> codes;
  {
    PipelinedAppender appender(server.Channel(), Quick());
    for (int i = 0; i < 3; ++i) {
      appender.Append(Request(i), [&codes](const auto& result) {
        codes.push_back(result.ok() ? grpc::StatusCode::OK : result.error().code);
      });
    }
  }
  EXPECT_EQ(codes, std::vector<grpc::StatusCode>(3, grpc::StatusCode::CANCELLED));
}

}  // namespace
}  // namespace keyledger::client
