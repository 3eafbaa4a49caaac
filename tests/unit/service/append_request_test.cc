// From a request on the wire to a command for the shard: what the digest covers, and the limits.
#include "server/service/append_request.h"

#include <gtest/gtest.h>

#include "server/base/error.h"
#include "tests/support/append_requests.h"

namespace keyledger::service {
namespace {

using keyledger::testing::Bought;
using keyledger::testing::Exactly;
using keyledger::testing::kNewAccount;
using keyledger::testing::kToday;
using keyledger::testing::Opened;
using keyledger::testing::Request;
using keyledger::testing::Visited;

shard::AppendCommand MustConvert(const ledger::v1::AppendRequest& request) {
  absl::StatusOr<shard::AppendCommand> command = ToCommand(request);
  EXPECT_TRUE(command.ok()) << command.status();
  return command.ok() ? *std::move(command) : shard::AppendCommand{};
}

TEST(AppendRequest, BecomesTheCommandItSays) {
  ledger::v1::AppendRequest request = Request("acme", "r1", {Opened(), Bought(5)}, Exactly(7));
  request.mutable_events(1)->set_event_id("till-1");
  request.mutable_events(1)->set_correlation_id("c");
  request.mutable_events(1)->set_causation_id("d");
  const shard::AppendCommand command = MustConvert(request);
  EXPECT_EQ(command.account_id, "acme");
  EXPECT_EQ(command.request_id, "r1");
  EXPECT_EQ(command.actor, "tester");
  EXPECT_EQ(command.expected.kind, shard::ExpectedRevision::Kind::kExact);
  EXPECT_EQ(command.expected.exact, 7u);
  EXPECT_TRUE(command.want_decisions);
  ASSERT_EQ(command.events.size(), 2u);
  EXPECT_EQ(command.events[1].event_id, "till-1");
  EXPECT_EQ(command.events[1].correlation_id, "c");
  EXPECT_EQ(command.events[1].causation_id, "d");
  EXPECT_EQ(command.events[1].occurred, kToday);
  EXPECT_EQ(command.events[1].event.purchase_recorded().lines(0).amount().micros(), 5'000'000);
  EXPECT_EQ(MustConvert(Request("acme", "r1", {Opened()}, kNewAccount)).expected.kind,
            shard::ExpectedRevision::Kind::kNewAccount);
}

TEST(AppendRequest, HasADigestOfEverythingButTheView) {
  const ledger::v1::AppendRequest request = Request("acme", "r1", {Visited()});
  const std::string digest = MustConvert(request).digest;
  EXPECT_EQ(digest.size(), 32u);
  EXPECT_EQ(MustConvert(request).digest, digest);
  ledger::v1::AppendRequest basic = request;
  basic.set_view(ledger::v1::APPEND_VIEW_BASIC);
  EXPECT_EQ(MustConvert(basic).digest, digest);
  EXPECT_FALSE(MustConvert(basic).want_decisions);
  ledger::v1::AppendRequest other = request;
  other.set_actor("someone else");
  EXPECT_NE(MustConvert(other).digest, digest);
  other = request;
  other.mutable_expected_revision()->set_exact(0);
  EXPECT_NE(MustConvert(other).digest, digest);
  other = request;
  other.mutable_events(0)->mutable_occurred_time()->set_nanos(1'000);
  EXPECT_NE(MustConvert(other).digest, digest);
}

TEST(AppendRequest, TakesAThousandEventsAndNotOneMore) {
  std::vector<shard::SubmittedEvent> events(1'000, Visited());
  EXPECT_EQ(MustConvert(Request("acme", "r1", events)).events.size(), 1'000u);
  events.push_back(Visited());
  EXPECT_EQ(ReasonOf(ToCommand(Request("acme", "r1", events)).status()), Reason::kTooManyEvents);
}

TEST(AppendRequest, TakesIdsUpToTheirLength) {
  const std::string longest(128, 'a');
  ledger::v1::AppendRequest request = Request(longest, longest, {Visited()});
  request.set_actor(longest);
  request.mutable_events(0)->set_event_id(longest);
  request.mutable_events(0)->set_correlation_id(longest);
  request.mutable_events(0)->set_causation_id(longest);
  EXPECT_TRUE(ToCommand(request).ok());
}

TEST(AppendRequest, TakesEventIdsThatOnlyResembleAssignedOnes) {
  for (const char* const id : {"-1", "1-", "0-1a", "a0-1", "01"}) {
    ledger::v1::AppendRequest request = Request("acme", "r1", {Visited()});
    request.mutable_events(0)->set_event_id(id);
    EXPECT_TRUE(ToCommand(request).ok()) << id;
  }
}

TEST(AppendRequest, TakesTheFirstMomentOf1900) {
  ledger::v1::AppendRequest request = Request("acme", "r1", {Visited()});
  request.mutable_events(0)->mutable_occurred_time()->set_seconds(-2'208'988'800);
  EXPECT_TRUE(ToCommand(request).ok());
  request.mutable_events(0)->mutable_occurred_time()->set_seconds(-2'208'988'801);
  EXPECT_FALSE(ToCommand(request).ok());
}

TEST(AppendRequest, NamesTheFirstReasonAndEveryField) {
  ledger::v1::AppendRequest request = Request("", "", {Visited()});
  request.mutable_events(0)->clear_event();
  const absl::Status refused = ToCommand(request).status();
  EXPECT_EQ(ReasonOf(refused), Reason::kInvalidField);
  std::vector<std::string> fields;
  for (const auto& [field, description] : FieldsOf(refused)) fields.push_back(field);
  EXPECT_EQ(fields, (std::vector<std::string>{"account_id", "request_id", "events[0].event"}));
}

}  // namespace
}  // namespace keyledger::service
