// Groups that do not become durable: everything decided on top of them is taken back; if nobody can know what is on the
// disk, nothing more is written.
#include "tests/unit/shard/shard_fixture.h"

namespace keyledger::testing {
namespace {

absl::Status DiskNearlyFull() { return MakeError(Reason::kDiskNearlyFull, "the disk is nearly full"); }
absl::Status OutcomeUnknown() { return MakeError(Reason::kCommitOutcomeUnknown, "fsync: EIO"); }

void ExpectTreeIsRight(OneShard& one) {
  const auto [size, root] = one.shard().Root();
  EXPECT_EQ(size, one.store().record_count());
  EXPECT_EQ(root, NaiveRoot(one.store()));
}

TEST(DiskNearlyFull, RefusesTheGroupAndWhatWasDecidedOnTopOfIt) {
  OneShard one;
  one.Publish(kPlainProgram);
  one.MustAppend(Command("acme", "r1", {Opened(), Bought(10)}));
  const uint64_t before = one.store().record_count();
  one.log().Close();
  one.log().Fail(DiskNearlyFull());
  auto written = one.Start(Command("acme", "r2", {Bought(90, "inv-1")}));
  one.log().WaitForArrivals(3);
  // Stand on the 90 points that will never have been.
  auto redeemed = one.Start(Command("acme", "r3", {Redeemed(100)}));
  auto refused = one.Start(Command("acme", "r4", {Bought(1, "inv-1")}));
  auto repeated = one.Start(Command("acme", "r2", {Bought(90, "inv-1")}));
  one.WaitUntilSequenced();
  one.log().Open();
  for (auto* const outcome : {&written, &redeemed, &refused, &repeated}) {
    const absl::Status status = outcome->get().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
    EXPECT_EQ(ReasonOf(status), Reason::kDiskNearlyFull);
  }
  EXPECT_EQ(one.store().record_count(), before);
  EXPECT_EQ(one.State("acme").available_points(), 10);
  // Space was found: positions go on without a gap, on the state as it was.
  EXPECT_EQ(ReasonOf(one.Append(Command("acme", "r5", {Redeemed(11)})).status()), Reason::kInsufficientPoints);
  const shard::AppendAnswer answer = one.MustAppend(Command("acme", "r2", {Bought(90, "inv-1")}));
  EXPECT_FALSE(answer.replayed);
  EXPECT_EQ(answer.events.at(0).position, before);
  EXPECT_EQ(answer.standing.available_points, 100);
  ExpectTreeIsRight(one);
  one.Reopen();
  ExpectTreeIsRight(one);
  EXPECT_EQ(one.State("acme").available_points(), 100);
}

TEST(DiskNearlyFull, TakesBackAPublicationThatWasNotWritten) {
  OneShard one;
  one.MustAppend(Command("acme", "r1", {Opened()}));
  one.log().Fail(DiskNearlyFull());
  EXPECT_EQ(ReasonOf(one.StartPublish(kPlainProgram, "p1").get().status()), Reason::kDiskNearlyFull);
  EXPECT_TRUE(one.shard().published().empty());
  EXPECT_EQ(one.MustAppend(Command("acme", "r2", {Bought(10)})).standing.available_points, 0);
  one.Publish(kPlainProgram);
  EXPECT_EQ(one.MustAppend(Command("acme", "r3", {Bought(10)})).standing.available_points, 10);
}

// The answers of a group may still be on their way when the next group fails; what it published stays published.
TEST(DiskNearlyFull, KeepsAPublicationWhoseAnswerIsStillOnItsWay) {
  OneShard one;
  one.MustAppend(Command("acme", "open", {Opened()}));
  // Holds up the thread that answers.
  std::promise<void> release;
  const std::shared_future<void> released = release.get_future().share();
  one.shard().Append(Command("acme", "r1", {Visited()}), [released](const AppendOutcome&) { released.wait(); });
  auto published = one.StartPublish(kPlainProgram, "p1");
  WaitUntil([&] { return one.store().record_count() == 3; });
  const int arrivals = one.log().arrivals();
  one.log().Fail(DiskNearlyFull());
  std::vector<std::future<AppendOutcome>> purchases;
  // The first of these fails; a second group comes only after the shard has started over.
  WaitUntil([&] {
    purchases.push_back(one.Start(Command("acme", "b" + std::to_string(purchases.size()), {Bought(10)})));
    one.WaitUntilSequenced();
    return one.log().arrivals() >= arrivals + 2;
  });
  release.set_value();
  EXPECT_TRUE(published.get().ok());
  EXPECT_EQ(ReasonOf(purchases.front().get().status()), Reason::kDiskNearlyFull);
  int64_t bought = 0;
  for (size_t i = 1; i < purchases.size(); ++i) {
    const AppendOutcome outcome = purchases[i].get();
    if (!outcome.ok()) continue;
    bought += 10;
    EXPECT_EQ(outcome->standing.available_points, bought);
  }
  EXPECT_EQ(one.MustAppend(Command("acme", "last", {Bought(10)})).standing.available_points, bought + 10);
}

TEST(CommitOutcomeUnknown, IsToldToThoseInFlightAndLaterWritesAreRefused) {
  OneShard one;
  one.MustAppend(Command("acme", "r1", {Opened()}));
  one.log().Close();
  one.log().Fail(OutcomeUnknown());
  auto in_flight = one.Start(Command("acme", "r2", {Visited()}));
  one.log().WaitForArrivals(2);
  auto on_top = one.Start(Command("acme", "r3", {Visited()}));
  one.WaitUntilSequenced();
  one.log().Open();
  EXPECT_EQ(ReasonOf(in_flight.get().status()), Reason::kCommitOutcomeUnknown);
  EXPECT_EQ(ReasonOf(on_top.get().status()), Reason::kShardReadOnly);
  const absl::Status later = one.Append(Command("acme", "r4", {Visited()})).status();
  EXPECT_EQ(later.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(later), Reason::kShardReadOnly);
  EXPECT_EQ(ReasonOf(one.StartPublish(kPlainProgram, "p1").get().status()), Reason::kShardReadOnly);
  // Reads go on.
  EXPECT_EQ(one.State("acme").next_revision, 1u);
  EXPECT_EQ(one.Records().size(), 1u);
  ExpectTreeIsRight(one);
  // Reopened, the request is repeated under its id.
  one.Reopen();
  EXPECT_FALSE(one.MustAppend(Command("acme", "r2", {Visited()})).replayed);
  EXPECT_EQ(one.State("acme").next_revision, 2u);
}

TEST(CommitOutcomeUnknown, LetsAStopFinish) {
  OneShard one;
  one.log().Close();
  one.log().Fail(OutcomeUnknown());
  auto first = one.Start(Command("acme", "r1", {Opened()}));
  auto second = one.Start(Command("acme", "r2", {Visited()}));
  std::thread stop([&] { one.shard().Stop(); });
  one.log().Open();
  stop.join();
  EXPECT_FALSE(first.get().ok());
  EXPECT_FALSE(second.get().ok());
}

}  // namespace
}  // namespace keyledger::testing
