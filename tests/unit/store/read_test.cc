// What readers of a store see.
#include <limits>
#include <string>
#include <vector>

#include "tests/unit/store/store_fixture.h"

namespace keyledger::store {
namespace {

using ReadTest = StoreTest;
using Strings = std::vector<std::string>;

Strings Drain(RecordIterator& it) {
  Strings records;
  while (it.Next()) records.push_back(std::to_string(it.position()) + ":" + std::string(it.bytes()));
  EXPECT_TRUE(it.status().ok()) << it.status();
  return records;
}

TEST_F(ReadTest, AnEmptyStoreHasNothing) {
  Open();
  EXPECT_EQ(store_->record_count(), 0u);
  EXPECT_TRUE(store_->write_status().ok());
  EXPECT_EQ(ReasonOf(store_->GetRecord(0).status()), Reason::kRecordNotFound);
  EXPECT_EQ(Drain(*store_->ReadRecords(0, 100)), Strings{});
  EXPECT_EQ(*store_->LastRevision("a"), std::nullopt);
  EXPECT_EQ(*store_->PositionOf("a", 0), std::nullopt);
  EXPECT_EQ(Drain(*store_->ReadStream("a", 0, 100, false)), Strings{});
  EXPECT_EQ(Drain(*store_->ReadStream("a", 0, 100, true)), Strings{});
  EXPECT_EQ(*store_->ListStreams("", 10), Strings{});
  EXPECT_EQ(*store_->GetRequest("a", "r"), std::nullopt);
  EXPECT_EQ(*store_->GetUnique("k"), std::nullopt);
  EXPECT_EQ(*store_->GetSnapshot("a"), std::nullopt);
  EXPECT_TRUE(store_->ListTimers(std::numeric_limits<Micros>::max(), 10)->empty());
  EXPECT_EQ(*store_->GetTile(0, 0), std::nullopt);
  EXPECT_EQ(*store_->GetMeta("key"), std::nullopt);
  EXPECT_EQ(*store_->ListTables(), Strings{});
}

TEST_F(ReadTest, RecordsComeInPositionOrderAndEndAtTheHead) {
  Open();
  Append("b", 0, 2);
  Append("a", 0, 1);
  Append("b", 2, 1);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(store_->record_count(), 4u);
    EXPECT_EQ(*store_->GetRecord(2), "a-0");
    EXPECT_EQ(store_->GetRecord(4).status().code(), absl::StatusCode::kNotFound);
    EXPECT_EQ(Drain(*store_->ReadRecords(0, 4)), (Strings{"0:b-0", "1:b-1", "2:a-0", "3:b-2"}));
    EXPECT_EQ(Drain(*store_->ReadRecords(1, 3)), (Strings{"1:b-1", "2:a-0"}));
    EXPECT_EQ(Drain(*store_->ReadRecords(3, 1000)), (Strings{"3:b-2"}));
    EXPECT_EQ(Drain(*store_->ReadRecords(4, 1000)), Strings{});
    EXPECT_EQ(Drain(*store_->ReadRecords(3, 3)), Strings{});
    EXPECT_EQ(Drain(*store_->ReadRecords(3, 1)), Strings{});
    Reopen();
  }
}

TEST_F(ReadTest, AnIteratorStaysAtTheHeadItWasMadeAt) {
  Open();
  Append("a", 0, 1);
  const auto it = store_->ReadRecords(0, 100);
  const auto stream = store_->ReadStream("a", 0, 100, false);
  Append("a", 1, 1);
  EXPECT_EQ(Drain(*it), (Strings{"0:a-0"}));
  EXPECT_EQ(Drain(*stream), (Strings{"0:a-0"}));
}

TEST_F(ReadTest, StreamsAreReadBothWaysAndKeptApart) {
  Open();
  Append("acme", 0, 3);
  Append("acme-2", 0, 2);
  Append("acme", 3, 1);
  EXPECT_EQ(*store_->LastRevision("acme"), 3u);
  EXPECT_EQ(*store_->LastRevision("acme-2"), 1u);
  EXPECT_EQ(*store_->LastRevision("acm"), std::nullopt);
  EXPECT_EQ(*store_->PositionOf("acme", 3), 5u);
  EXPECT_EQ(*store_->PositionOf("acme", 4), std::nullopt);
  EXPECT_EQ(Drain(*store_->ReadStream("acme", 0, 100, false)),
            (Strings{"0:acme-0", "1:acme-1", "2:acme-2", "5:acme-3"}));
  EXPECT_EQ(Drain(*store_->ReadStream("acme", 1, 3, false)), (Strings{"1:acme-1", "2:acme-2"}));
  EXPECT_EQ(Drain(*store_->ReadStream("acme", 1, 3, true)), (Strings{"2:acme-2", "1:acme-1"}));
  EXPECT_EQ(Drain(*store_->ReadStream("acme", 0, 100, true)),
            (Strings{"5:acme-3", "2:acme-2", "1:acme-1", "0:acme-0"}));
  EXPECT_EQ(Drain(*store_->ReadStream("acme", 4, 100, false)), Strings{});
  EXPECT_EQ(Drain(*store_->ReadStream("acme", 4, 100, true)), Strings{});
  EXPECT_EQ(Drain(*store_->ReadStream("nobody", 0, 100, false)), Strings{});
}

TEST_F(ReadTest, StreamsAreListedInByteOrderPageByPage) {
  Open();
  for (const char* account : {"b", "a", "ab", "a-1", "$programs"}) Append(account, 0, 2);
  EXPECT_EQ(*store_->ListStreams("", 10), (Strings{"$programs", "a", "a-1", "ab", "b"}));
  EXPECT_EQ(*store_->ListStreams("", 2), (Strings{"$programs", "a"}));
  EXPECT_EQ(*store_->ListStreams("a", 2), (Strings{"a-1", "ab"}));
  EXPECT_EQ(*store_->ListStreams("ab", 2), (Strings{"b"}));
  EXPECT_EQ(*store_->ListStreams("aa", 2), (Strings{"ab", "b"}));
  EXPECT_EQ(*store_->ListStreams("b", 2), Strings{});
  EXPECT_EQ(*store_->ListStreams("", 0), Strings{});
}

TEST_F(ReadTest, RequestsUniquesSnapshotsAndTilesAreFoundByKey) {
  Open();
  CommitGroup group;
  group.records = {{"a", 0, "one"}, {"b", 0, "two"}};
  group.requests = {{"a", "r1", "result 1"}, {"b", "r1", "result 2"}};
  group.uniques = {{"merchant/7", 1}};
  group.snapshots = {{"a", "state"}};
  group.tiles = {{1, 3, std::string(8192, 'h')}};
  ASSERT_TRUE(store_->Append(group).ok());
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(*store_->GetRequest("a", "r1"), "result 1");
    EXPECT_EQ(*store_->GetRequest("b", "r1"), "result 2");
    EXPECT_EQ(*store_->GetRequest("a", "r2"), std::nullopt);
    EXPECT_EQ(*store_->GetUnique("merchant/7"), 1u);
    EXPECT_EQ(*store_->GetUnique("merchant/"), std::nullopt);
    EXPECT_EQ(*store_->GetSnapshot("a"), "state");
    EXPECT_EQ(*store_->GetSnapshot("b"), std::nullopt);
    EXPECT_EQ(*store_->GetTile(1, 3), std::string(8192, 'h'));
    EXPECT_EQ(*store_->GetTile(0, 3), std::nullopt);
    Reopen();
  }
}

TEST_F(ReadTest, UniqueKeysAreListedByPrefixInPages) {
  Open();
  CommitGroup group;
  group.records = {{"a", 0, "one"}};
  group.uniques = {{"d9", 0}, {"e", 0}, {"e1", 0}, {"e2", 0}, {"e3", 0}, {"f1", 0}};
  ASSERT_TRUE(store_->Append(group).ok());
  EXPECT_EQ(*store_->ListUniques("e", "", 10), (Strings{"e", "e1", "e2", "e3"}));
  EXPECT_EQ(*store_->ListUniques("e", "e", 2), (Strings{"e1", "e2"}));
  EXPECT_EQ(*store_->ListUniques("e", "e2", 2), Strings{"e3"});
  EXPECT_EQ(*store_->ListUniques("e", "e3", 2), Strings{});
  EXPECT_EQ(*store_->ListUniques("g", "", 10), Strings{});
}

TEST_F(ReadTest, AGroupMayHoldNoRecords) {
  Open();
  Append("a", 0, 1);
  CommitGroup group;
  group.first_position = 1;
  ASSERT_TRUE(store_->Append(group).ok());
  group.snapshots = {{"a", "state"}};
  ASSERT_TRUE(store_->Append(group).ok());
  EXPECT_EQ(store_->record_count(), 1u);
  EXPECT_EQ(*store_->GetSnapshot("a"), "state");
}

TEST_F(ReadTest, TimersAreListedByDueTimeThenAccount) {
  Open();
  CommitGroup group;
  group.timers_set = {{300, "a"}, {100, "b"}, {100, "a"}, {-5, "z"}, {200, "c"}};
  ASSERT_TRUE(store_->Append(group).ok());
  using Timers = std::vector<TimerEntry>;
  EXPECT_EQ(*store_->ListTimers(300, 10), (Timers{{-5, "z"}, {100, "a"}, {100, "b"}, {200, "c"}, {300, "a"}}));
  EXPECT_EQ(*store_->ListTimers(299, 10), (Timers{{-5, "z"}, {100, "a"}, {100, "b"}, {200, "c"}}));
  EXPECT_EQ(*store_->ListTimers(300, 2), (Timers{{-5, "z"}, {100, "a"}}));
  EXPECT_EQ(*store_->ListTimers(-6, 10), Timers{});
  CommitGroup next;
  next.timers_cleared = {{-5, "z"}, {100, "a"}, {200, "c"}};
  next.timers_set = {{200, "c"}};
  ASSERT_TRUE(store_->Append(next).ok());
  Reopen();
  EXPECT_EQ(*store_->ListTimers(300, 10), (Timers{{100, "b"}, {200, "c"}, {300, "a"}}));
}

TEST_F(ReadTest, AccountsUnderWayAreListedApartFromTimers) {
  Open();
  CommitGroup group;
  group.timers_set = {{kUnderWay, "b"}, {kUnderWay, "a"}, {kUnderWay, "a-1"}, {kHoldInForce + 1, "c"}, {100, "a"}};
  ASSERT_TRUE(store_->Append(group).ok());
  using Accounts = std::vector<std::string>;
  EXPECT_EQ(*store_->ListUnderWay("", 10), (Accounts{"a", "a-1", "b"}));
  EXPECT_EQ(*store_->ListUnderWay("", 3), (Accounts{"a", "a-1", "b"}));
  EXPECT_EQ(*store_->ListUnderWay("", 2), (Accounts{"a", "a-1"}));
  EXPECT_EQ(*store_->ListUnderWay("a", 1), Accounts{"a-1"});
  EXPECT_EQ(*store_->ListUnderWay("b", 10), Accounts{});
  EXPECT_EQ(*store_->ListTimers(100, 10), (std::vector<TimerEntry>{{kHoldInForce + 1, "c"}, {100, "a"}}));
  CommitGroup next;
  next.timers_cleared = {{kUnderWay, "a"}};
  ASSERT_TRUE(store_->Append(next).ok());
  Reopen();
  EXPECT_EQ(*store_->ListUnderWay("", 10), (Accounts{"a-1", "b"}));
}

TEST_F(ReadTest, HoldsInForceAreListedApartFromEverythingElse) {
  Open();
  CommitGroup group;
  group.timers_set = {{kHoldInForce, "h-2"}, {kHoldInForce, "h-1"}, {kUnderWay, "a"}, {kHoldInForce + 1, "c"}};
  ASSERT_TRUE(store_->Append(group).ok());
  using Names = std::vector<std::string>;
  EXPECT_EQ(*store_->ListHoldsInForce("", 10), (Names{"h-1", "h-2"}));
  EXPECT_EQ(*store_->ListHoldsInForce("", 1), Names{"h-1"});
  EXPECT_EQ(*store_->ListHoldsInForce("h-1", 10), Names{"h-2"});
  EXPECT_EQ(*store_->ListHoldsInForce("h-2", 10), Names{});
  EXPECT_EQ(*store_->ListUnderWay("", 10), Names{"a"});
  EXPECT_EQ(*store_->ListTimers(100, 10), (std::vector<TimerEntry>{{kHoldInForce + 1, "c"}}));
  CommitGroup next;
  next.timers_cleared = {{kHoldInForce, "h-1"}};
  ASSERT_TRUE(store_->Append(next).ok());
  Reopen();
  EXPECT_EQ(*store_->ListHoldsInForce("", 10), Names{"h-2"});
}

TEST_F(ReadTest, SettingsAreKeptAndTheirKeysChecked) {
  Open();
  EXPECT_TRUE(store_->PutMeta("next_review.1", "soon").ok());
  EXPECT_TRUE(store_->PutMeta(std::string(64, 'k'), "longest").ok());
  Reopen();
  EXPECT_EQ(*store_->GetMeta("next_review.1"), "soon");
  EXPECT_EQ(*store_->GetMeta(std::string(64, 'k')), "longest");
  EXPECT_EQ(*store_->GetMeta("identity"), std::nullopt);
  for (const std::string& key : {std::string(), std::string(65, 'k'), std::string("Key"), std::string("a b")}) {
    EXPECT_EQ(ReasonOf(store_->PutMeta(key, "")), Reason::kInvalidField) << key;
    EXPECT_EQ(ReasonOf(store_->GetMeta(key).status()), Reason::kInvalidField) << key;
  }
}

TEST_F(ReadTest, CompactionChangesNothingButBytesOnDisk) {
  Open();
  AppendModel(50);
  ASSERT_TRUE(store_->FlushAndCompact().ok());
  EXPECT_EQ(model_.Compare(*store_), "");
  EXPECT_GT(store_->disk_bytes(), 10'000u);
  Reopen();
  EXPECT_EQ(model_.Compare(*store_), "");
}

using ReadDeathTest = StoreTest;

TEST_F(ReadDeathTest, AGroupAtTheWrongPositionIsABrokenInvariant) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  Open();
  CommitGroup group;
  group.first_position = 1;
  EXPECT_DEATH(static_cast<void>(store_->Append(group)), "first_position == count");
}

}  // namespace
}  // namespace keyledger::store
