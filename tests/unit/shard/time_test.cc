// Decisions that time brings: recorded before any later decision on the account, and by the sweeper. And the clock that
// record_time goes by.
#include "server/domain/proto_time.h"
#include "tests/unit/shard/shard_fixture.h"

namespace keyledger::testing {
namespace {

using domain::MicrosOf;

// An account with 100 points pending since 2026-01-10, available on 2026-01-24 and expiring on 2027-01-10.
void BuyPending(WholeLedger& whole, const std::string& account = "acme") {
  ASSERT_TRUE(whole.ledger().Publish(kPendingProgram, "p1", "tester").ok());
  const shard::AppendAnswer answer = whole.MustAppend(Command(account, "r1", {Opened(), Bought(100)}));
  EXPECT_EQ(answer.standing.pending_points, 100);
  EXPECT_EQ(answer.standing.available_points, 0);
}

TEST(Time, DueDecisionsAreRecordedBeforeALaterDecision) {
  WholeLedger whole;
  BuyPending(whole);
  whole.clock().Advance(20 * kMicrosPerDay);
  const shard::AppendAnswer answer =
      whole.MustAppend(Command("acme", "r2", {Redeemed(60, kToday + 20 * kMicrosPerDay)}));
  EXPECT_EQ(answer.standing.available_points, 40);
  const auto records = whole.Records(0);
  EXPECT_EQ(Kinds(records),
            "PROGRAM_PUBLISHED ACCOUNT_OPENED PURCHASE_RECORDED POINTS_ACCRUED POINTS_ACTIVATED POINTS_REDEEMED");
  // Caused by time alone: no request, no cause, and the moment it fell due.
  EXPECT_EQ(records[4].request_id(), "");
  EXPECT_EQ(records[4].causation_id(), "");
  EXPECT_EQ(MicrosOf(records[4].occurred_time()), kToday + 14 * kMicrosPerDay);
  EXPECT_EQ(MicrosOf(records[4].record_time()), kToday + 20 * kMicrosPerDay);
  ASSERT_EQ(answer.decisions.size(), 1u);
  EXPECT_EQ(answer.decisions[0].event().points_activated().points(), 100);
}

TEST(Sweep, RecordsWhatHasFallenDue) {
  for (const uint32_t shards : {1u, 4u}) {
    WholeLedger whole(shards);
    BuyPending(whole);
    shard::Shard& home = whole.ledger().ShardOfAccount("acme");
    const uint64_t before = home.store().record_count();
    whole.clock().Set(kToday + 14 * kMicrosPerDay - 1);
    ASSERT_TRUE(whole.ledger().SweepNow().ok());
    EXPECT_EQ(home.store().record_count(), before);
    whole.clock().Set(kToday + 14 * kMicrosPerDay);
    ASSERT_TRUE(whole.ledger().SweepNow().ok());
    EXPECT_EQ(home.store().record_count(), before + 1);
    EXPECT_EQ((*home.ReadState("acme"))->available_points(), 100);
    // And nothing twice.
    ASSERT_TRUE(whole.ledger().SweepNow().ok());
    EXPECT_EQ(home.store().record_count(), before + 1);
    whole.clock().Set(kToday + 366 * kMicrosPerDay);
    ASSERT_TRUE(whole.ledger().SweepNow().ok());
    EXPECT_EQ((*home.ReadState("acme"))->available_points(), 0);
    EXPECT_EQ((*home.ReadState("acme"))->totals.expired, 100);
    const auto records = whole.Records(home.number());
    EXPECT_EQ(records.back().event().points_expired().points(), 100);
    EXPECT_EQ(MicrosOf(records.back().occurred_time()), kToday + 365 * kMicrosPerDay);
  }
}

TEST(Sweep, LeavesAnAccountAloneThatWasJustWrittenTo) {
  WholeLedger whole;
  // An import of the past: bought 20 days ago, recorded just now.
  ASSERT_TRUE(whole.ledger().Publish(kPendingProgram, "p1", "tester").ok());
  whole.MustAppend(
      Command("acme", "r1", {Opened(kToday - 20 * kMicrosPerDay), Bought(100, "", kToday - 20 * kMicrosPerDay)}));
  ASSERT_TRUE(whole.ledger().SweepNow().ok());
  EXPECT_EQ((*whole.ledger().shard(0).ReadState("acme"))->pending_points(), 100);
  // The quiet period is 600 seconds.
  whole.clock().Set(kToday + 599 * kMicrosPerSecond);
  ASSERT_TRUE(whole.ledger().SweepNow().ok());
  EXPECT_EQ((*whole.ledger().shard(0).ReadState("acme"))->pending_points(), 100);
  whole.clock().Set(kToday + 600 * kMicrosPerSecond);
  ASSERT_TRUE(whole.ledger().SweepNow().ok());
  EXPECT_EQ((*whole.ledger().shard(0).ReadState("acme"))->available_points(), 100);
}

TEST(Sweep, FindsTimersAfterARestart) {
  WholeLedger whole;
  BuyPending(whole);
  whole.Reopen();
  whole.clock().Set(kToday + 15 * kMicrosPerDay);
  ASSERT_TRUE(whole.ledger().SweepNow().ok());
  EXPECT_EQ((*whole.ledger().shard(0).ReadState("acme"))->available_points(), 100);
}

TEST(Sweep, ReviewsTiersAtTheEndOfThePeriod) {
  WholeLedger whole;
  ASSERT_TRUE(whole.ledger().Publish(kPlainProgram, "p1", "tester").ok());
  EXPECT_EQ(whole.MustAppend(Command("acme", "r1", {Opened(), Bought(1'000)})).standing.tier_id, "silver");
  // 2027-01-01 finds the purchase of 2026-01-10 still in the window of 365 days; 2028-01-01 does not.
  whole.clock().Set(1'798'761'600 * kMicrosPerSecond + kMicrosPerSecond);
  ASSERT_TRUE(whole.ledger().SweepNow().ok());
  EXPECT_EQ((*whole.ledger().shard(0).ReadState("acme"))->tier.tier_id, "silver");
  whole.clock().Set(1'830'297'600 * kMicrosPerSecond + kMicrosPerSecond);
  ASSERT_TRUE(whole.ledger().SweepNow().ok());
  EXPECT_EQ((*whole.ledger().shard(0).ReadState("acme"))->tier.tier_id, "bronze");
  const auto records = whole.Records(0);
  EXPECT_EQ(records.back().event().tier_assigned().reason(), events::v1::TIER_ASSIGNMENT_REASON_REVIEW_DOWNGRADE);
}

// A review is due under the new program although the account was written under none.
TEST(Sweep, SetsTimersAnewWhenAProgramIsPublished) {
  WholeLedger whole;
  whole.MustAppend(Command("acme", "r1", {Opened(), Bought(1'000)}));
  ASSERT_TRUE(whole.ledger().Publish(kPlainProgram, "p1", "tester").ok());
  whole.clock().Set(1'798'761'600 * kMicrosPerSecond + kMicrosPerSecond);
  ASSERT_TRUE(whole.ledger().SweepNow().ok());
  EXPECT_EQ((*whole.ledger().shard(0).ReadState("acme"))->tier.ladder_id, "main");
}

TEST(RecordTime, NeverGoesBackWhenTheClockDoes) {
  OneShard one;
  one.MustAppend(Command("acme", "r1", {Opened()}));
  one.clock().Set(kToday - 3'600 * kMicrosPerSecond);
  one.MustAppend(Command("acme", "r2", {Visited()}));
  one.Reopen();
  one.MustAppend(Command("acme", "r3", {Visited()}));
  one.clock().Set(kToday + 5);
  one.MustAppend(Command("acme", "r4", {Visited()}));
  std::vector<Micros> times;
  for (const events::v1::EventRecord& record : one.Records()) times.push_back(MicrosOf(record.record_time()));
  EXPECT_EQ(times, (std::vector<Micros>{kToday, kToday, kToday, kToday + 5}));
}

}  // namespace
}  // namespace keyledger::testing
