// Decisions that time brings: recorded before any later decision on the account, and by the sweeper. And the clock that
// record_time goes by.
#include "server/domain/proto_time.h"
#include "server/shard/ledger_file.h"
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

using SweepFailures = std::vector<std::pair<uint32_t, absl::Status>>;

// What sweeps of a ledger with these options report.
SweepFailures FailuresOf(int sweeps, shard::LedgerOptions options, const Clock& clock) {
  SweepFailures failures;
  options.on_sweep_failure = [&](uint32_t shard, const absl::Status& failure) {
    failures.emplace_back(shard, failure);
  };
  const auto ledger = shard::Ledger::Open(options, clock);
  EXPECT_TRUE(ledger.ok()) << ledger.status();
  for (int i = 0; ledger.ok() && i < sweeps; ++i) static_cast<void>((*ledger)->SweepNow());
  return failures;
}

TEST(Sweep, ReportsWhatItCannotWriteEachTime) {
  WholeLedger whole;
  BuyPending(whole);
  whole.Close();
  whole.clock().Set(kToday + 15 * kMicrosPerDay);
  shard::LedgerOptions options = whole.options();
  options.disk_reserve_bytes = UINT64_MAX;
  const SweepFailures failures = FailuresOf(2, options, whole.clock());
  // Twice: the timers to be set anew after the publication, and what has fallen due.
  ASSERT_EQ(failures.size(), 4u);
  for (const auto& [shard, status] : failures) {
    EXPECT_EQ(shard, 0u);
    EXPECT_EQ(ReasonOf(status), Reason::kDiskNearlyFull) << status;
  }
}

// Stores, for two accounts, a record that does not parse and a timer that has fallen due; then one that is well.
void StoreUnreadableAccounts(const std::string& path, const std::string& ledger_id) {
  store::StoreOptions options;
  options.path = path;
  options.ledger_id = ledger_id;
  options.disk_reserve_bytes = 0;
  const auto store = store::ShardStore::Open(options);
  ASSERT_TRUE(store.ok()) << store.status();
  store::CommitGroup group;
  group.first_position = (*store)->record_count();
  group.records.push_back({"broken", 0, "\xff\xff"});
  group.records.push_back({"broken2", 0, "\xff\xff"});
  events::v1::EventRecord well;
  well.set_position(group.first_position + 2);
  well.set_account_id("well");
  group.records.push_back({"well", 0, well.SerializeAsString()});
  group.timers_set.push_back({kToday, "broken"});
  group.timers_set.push_back({kToday, "broken2"});
  ASSERT_TRUE((*store)->Append(group).ok());
}

TEST(Sweep, ReportsAccountsThatCannotBeReadOnceAnHourAndGoesOnWithTheOthers) {
  WholeLedger whole;
  BuyPending(whole);
  const std::string ledger_id = whole.ledger().ledger_id();
  whole.Close();
  ASSERT_NO_FATAL_FAILURE(StoreUnreadableAccounts(shard::ShardDirectory(whole.directory(), 0), ledger_id));
  whole.clock().Set(kToday + 15 * kMicrosPerDay);
  SweepFailures failures = FailuresOf(2, whole.options(), whole.clock());
  ASSERT_EQ(failures.size(), 1u);
  EXPECT_EQ(failures[0].first, 0u);
  EXPECT_EQ(ReasonOf(failures[0].second), Reason::kStoreDamaged);
  EXPECT_EQ(MessageOf(failures[0].second)
                .find("account 'broken' cannot be advanced, nor can 1 more; tried again in an hour: "),
            0u)
      << failures[0].second;
  whole.clock().Advance(3'600 * kMicrosPerSecond - 1);
  EXPECT_EQ(FailuresOf(1, whole.options(), whole.clock()).size(), 0u);
  whole.clock().Advance(1);
  EXPECT_EQ(FailuresOf(1, whole.options(), whole.clock()).size(), 1u);
  whole.Open();
  EXPECT_EQ((*whole.ledger().shard(0).ReadState("acme"))->available_points(), 100);
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
