// A request is applied once: repeated, it gets its first answer, however late; with another body it is refused.
#include "tests/unit/shard/shard_fixture.h"

namespace keyledger::testing {
namespace {

using shard::AppendAnswer;

void ExpectSameAnswer(const AppendAnswer& first, const AppendAnswer& again) {
  EXPECT_FALSE(first.replayed);
  EXPECT_TRUE(again.replayed);
  EXPECT_EQ(again.shard, first.shard);
  EXPECT_EQ(again.next_position, first.next_position);
  ASSERT_EQ(again.events.size(), first.events.size());
  for (size_t i = 0; i < first.events.size(); ++i) {
    EXPECT_EQ(again.events[i].position, first.events[i].position);
    EXPECT_EQ(again.events[i].revision, first.events[i].revision);
    EXPECT_EQ(again.events[i].event_id, first.events[i].event_id);
  }
  ASSERT_EQ(again.decisions.size(), first.decisions.size());
  for (size_t i = 0; i < first.decisions.size(); ++i) {
    EXPECT_EQ(again.decisions[i].SerializeAsString(), first.decisions[i].SerializeAsString());
  }
  EXPECT_EQ(again.standing.revision, first.standing.revision);
  EXPECT_EQ(again.standing.available_points, first.standing.available_points);
  EXPECT_EQ(again.standing.pending_points, first.standing.pending_points);
  EXPECT_EQ(again.standing.ladder_id, first.standing.ladder_id);
  EXPECT_EQ(again.standing.tier_id, first.standing.tier_id);
}

shard::AppendCommand Purchase() {
  shard::SubmittedEvent bought = Bought(1'200, "inv-1");
  bought.event_id = "till-1";
  return Command("acme", "r1", {Opened(), bought, Bought(7, "inv-2")});
}

TEST(RequestId, RepeatedGetsTheFirstAnswer) {
  OneShard one;
  one.Publish(kPlainProgram);
  const AppendAnswer first = one.MustAppend(Purchase());
  ASSERT_EQ(first.decisions.size(), 4u);
  const size_t records = one.Records().size();
  ExpectSameAnswer(first, one.MustAppend(Purchase()));
  EXPECT_EQ(one.Records().size(), records);
}

TEST(RequestId, RepeatedWhileTheFirstIsBeingWrittenGetsTheFirstAnswer) {
  OneShard one;
  one.Publish(kPlainProgram);
  one.log().Close();
  auto first = one.Start(Purchase());
  one.log().WaitForArrivals(2);
  auto in_flight = one.Start(Purchase());
  one.WaitUntilSequenced();
  one.log().Open();
  const AppendOutcome answer = first.get();
  ASSERT_TRUE(answer.ok()) << answer.status();
  const AppendOutcome again = in_flight.get();
  ASSERT_TRUE(again.ok()) << again.status();
  ExpectSameAnswer(*answer, *again);
}

TEST(RequestId, RepeatedWithinOneGroupGetsTheFirstAnswer) {
  OneShard one;
  one.Publish(kPlainProgram);
  one.log().Close();
  auto ahead = one.Start(Command("other", "r1", {Opened()}));
  one.log().WaitForArrivals(2);
  auto first = one.Start(Purchase());
  auto again = one.Start(Purchase());
  shard::AppendCommand different = Purchase();
  different.digest = Command("acme", "r1", {Opened()}).digest;
  auto reused = one.Start(std::move(different));
  one.WaitUntilSequenced();
  one.log().Open();
  const AppendOutcome answer = first.get();
  ASSERT_TRUE(answer.ok()) << answer.status();
  const AppendOutcome repeated = again.get();
  ASSERT_TRUE(repeated.ok()) << repeated.status();
  ExpectSameAnswer(*answer, *repeated);
  EXPECT_EQ(ReasonOf(reused.get().status()), Reason::kRequestIdReused);
}

TEST(RequestId, RepeatedAfterManyOthersAndARestartGetsTheFirstAnswer) {
  OneShard one;
  one.Publish(kPlainProgram);
  const AppendAnswer first = one.MustAppend(Purchase());
  std::vector<std::future<AppendOutcome>> others;
  for (int i = 0; i < 2'000; ++i) {
    others.push_back(one.Start(
        Command(i % 2 == 0 ? "acme" : "acme2", "other-" + std::to_string(i), {i == 1 ? Opened() : Visited()})));
  }
  for (auto& other : others) ASSERT_TRUE(other.get().ok());
  ExpectSameAnswer(first, one.MustAppend(Purchase()));
  one.Reopen();
  ExpectSameAnswer(first, one.MustAppend(Purchase()));
  EXPECT_EQ(one.State("acme").available_points(), 1'207);
}

TEST(RequestId, WithAnotherBodyIsRefusedEvenAfterARestart) {
  OneShard one;
  one.MustAppend(Command("acme", "r1", {Opened()}));
  for (int round = 0; round < 2; ++round) {
    const absl::Status refused = one.Append(Command("acme", "r1", {Visited()})).status();
    EXPECT_EQ(refused.code(), absl::StatusCode::kAlreadyExists);
    EXPECT_EQ(ReasonOf(refused), Reason::kRequestIdReused);
    EXPECT_EQ(one.store().record_count(), 1u);
    one.Reopen();
  }
}

TEST(RequestId, BelongsToItsAccount) {
  OneShard one;
  one.MustAppend(Command("acme", "r1", {Opened()}));
  EXPECT_FALSE(one.MustAppend(Command("other", "r1", {Opened()})).replayed);
}

TEST(RequestId, OfARefusedRequestCanBeUsedAgain) {
  OneShard one;
  EXPECT_FALSE(one.Append(Command("acme", "r1", {Visited()})).ok());
  EXPECT_FALSE(one.MustAppend(Command("acme", "r1", {Opened()})).replayed);
}

TEST(RequestId, RepeatedAfterTheExpectedRevisionMovedOnStillGetsTheFirstAnswer) {
  OneShard one;
  one.MustAppend(Command("acme", "r1", {Opened()}));
  one.MustAppend(Command("acme", "r2", {Visited()}, Exactly(0)));
  one.MustAppend(Command("acme", "r3", {Visited()}, Exactly(1)));
  EXPECT_TRUE(one.MustAppend(Command("acme", "r2", {Visited()}, Exactly(0))).replayed);
}

TEST(RequestId, RepeatedWithoutWantingDecisionsGetsNone) {
  OneShard one;
  one.Publish(kPlainProgram);
  one.MustAppend(Purchase());
  shard::AppendCommand again = Purchase();
  again.want_decisions = false;
  const AppendAnswer answer = one.MustAppend(std::move(again));
  EXPECT_EQ(answer.events.size(), 3u);
  EXPECT_EQ(answer.events[1].event_id, "till-1");
  EXPECT_TRUE(answer.decisions.empty());
}

}  // namespace
}  // namespace keyledger::testing
