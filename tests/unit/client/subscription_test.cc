// The subscription against a server that breaks off.
#include "client/cpp/subscription.h"

#include <gtest/gtest.h>

#include "tests/unit/client/fake_ledger.h"

namespace keyledger::client {
namespace {

namespace v1 = ::keyledger::ledger::v1;
using std::chrono::milliseconds;

SubscriptionOptions Quick() {
  SubscriptionOptions options;
  options.backoff = {milliseconds(1), milliseconds(4)};
  return options;
}

TEST(Subscription, ResumesFromTheLastCursorWithoutLossOrRepetition) {
  FakeLedger server;
  server.BreakSubscriptionsAfter({3, 0, 2});
  std::vector<uint64_t> positions;
  v1::SubscribeRequest request;
  request.mutable_start()->mutable_beginning();
  Subscription subscription(
      server.Channel(), request,
      [&](const v1::SubscribeResponse& frame) {
        positions.push_back(frame.records().first_position());
        return positions.size() < 10;
      },
      Quick());
  EXPECT_FALSE(subscription.Wait().has_value());
  EXPECT_EQ(positions, (std::vector<uint64_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
  EXPECT_EQ(server.starts(), (std::vector<std::string>{"beginning", "3", "3", "5"}));
  EXPECT_EQ(subscription.resumes(), 3);
  EXPECT_EQ(subscription.cursor(), "10");
}

TEST(Subscription, EndsWithTheErrorOfARefusal) {
  FakeLedger server;
  v1::SubscribeRequest request;
  request.mutable_start()->set_cursor("bad");
  Subscription subscription(
      server.Channel(), request, [](const v1::SubscribeResponse&) { return true; }, Quick());
  const auto error = subscription.Wait();
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code, grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(error->reason, "INVALID_TOKEN");
}

TEST(Subscription, CancelEndsIt) {
  FakeLedger server;
  v1::SubscribeRequest request;
  request.mutable_start()->set_cursor("10");
  Subscription subscription(
      server.Channel(), request, [](const v1::SubscribeResponse&) { return true; }, Quick());
  subscription.Cancel();
  EXPECT_FALSE(subscription.Wait().has_value());
}

TEST(Subscription, GivesUpAfterBreaksInARow) {
  ChannelOptions channel;
  channel.address = "127.0.0.1:1";
  SubscriptionOptions options = Quick();
  options.breaks_max = 3;
  Subscription subscription(
      MakeChannel(channel), v1::SubscribeRequest(), [](const v1::SubscribeResponse&) { return true; }, options);
  const auto error = subscription.Wait();
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code, grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(subscription.resumes(), 2);
}

}  // namespace
}  // namespace keyledger::client
