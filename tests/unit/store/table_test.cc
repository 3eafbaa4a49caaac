// Tables of projections.
#include <string>
#include <vector>

#include <rocksdb/env.h>

#include "server/store/wal_evidence.h"
#include "tests/unit/store/store_fixture.h"

namespace keyledger::store {
namespace {

using TableTest = StoreTest;
using Strings = std::vector<std::string>;

template <typename T>
Strings Rows(const T& reader, const std::string& from = "") {
  Strings rows;
  const auto it = reader.NewIterator();
  for (it->Seek(from); it->Valid(); it->Next()) rows.push_back(std::string(it->key()) + "=" + std::string(it->value()));
  EXPECT_TRUE(it->status().ok());
  return rows;
}

TEST_F(TableTest, ANewTableIsEmpty) {
  Open();
  const auto table = store_->OpenTable("points.1.a");
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ((*table)->applied(), 0u);
  EXPECT_EQ(*(*table)->Get("k"), std::nullopt);
  EXPECT_EQ(Rows(*(*table)->NewReader()), Strings{});
  EXPECT_EQ(*store_->OpenTable("points.1.a"), *table);
}

TEST_F(TableTest, WritesAreReadAtOnceAndKeptByACleanClose) {
  Open();
  Append("a", 0, 5);
  Table* table = *store_->OpenTable("points.1.a");
  ASSERT_TRUE(table->Write({{"b", "2"}, {"a", "1"}, {"c", "3"}}, 3).ok());
  ASSERT_TRUE(table->Write({{"a", std::nullopt}, {"b", "22"}, {"zero", std::string("\0", 1)}}, 5).ok());
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(table->applied(), 5u);
    EXPECT_EQ(*table->Get("a"), std::nullopt);
    EXPECT_EQ(*table->Get("b"), "22");
    EXPECT_EQ(*table->Get(""), std::nullopt);
    EXPECT_EQ(Rows(*table->NewReader()), (Strings{"b=22", "c=3", std::string("zero=\0", 6)}));
    EXPECT_EQ(Rows(*table->NewReader(), "c"), (Strings{"c=3", std::string("zero=\0", 6)}));
    EXPECT_EQ(Rows(*table->NewReader(), "zz"), Strings{});
    Reopen();
    table = *store_->OpenTable("points.1.a");
  }
}

TEST_F(TableTest, AReaderStaysAtItsCheckpoint) {
  Open();
  Append("a", 0, 2);
  Table* table = *store_->OpenTable("t");
  ASSERT_TRUE(table->Write({{"k", "old"}}, 1).ok());
  const auto reader = table->NewReader();
  ASSERT_TRUE(table->Write({{"k", "new"}, {"l", "more"}}, 2).ok());
  EXPECT_EQ(reader->applied(), 1u);
  EXPECT_EQ(*reader->Get("k"), "old");
  EXPECT_EQ(*reader->Get("l"), std::nullopt);
  EXPECT_EQ(*reader->Get(""), std::nullopt);
  EXPECT_EQ(Rows(*reader), (Strings{"k=old"}));
  EXPECT_EQ(table->NewReader()->applied(), 2u);
  EXPECT_EQ(*table->Get("k"), "new");
}

TEST_F(TableTest, TablesAreListedAndDropped) {
  Open();
  Append("a", 0, 1);
  ASSERT_TRUE((*store_->OpenTable("b"))->Write({{"k", "v"}}, 1).ok());
  ASSERT_TRUE((*store_->OpenTable("a"))->Write({{"k", "v"}}, 1).ok());
  EXPECT_EQ(*store_->ListTables(), (Strings{"a", "b"}));
  EXPECT_TRUE(store_->DropTable("b").ok());
  EXPECT_TRUE(store_->DropTable("b").ok());
  EXPECT_EQ(*store_->ListTables(), (Strings{"a"}));
  Reopen();
  EXPECT_EQ(*store_->ListTables(), (Strings{"a"}));
  // Not opened since: dropped all the same.
  EXPECT_TRUE(store_->DropTable("a").ok());
  EXPECT_EQ(*store_->ListTables(), Strings{});
  Table* again = *store_->OpenTable("b");
  EXPECT_EQ(again->applied(), 0u);
  EXPECT_EQ(*again->Get("k"), std::nullopt);
}

TEST_F(TableTest, AScanYieldsTheRowsOfAnIterator) {
  Open();
  Append("a", 0, 2);
  Table* table = *store_->OpenTable("t");
  ASSERT_TRUE(table->Write({{"a", "1"}, {"b", "2"}}, 2).ok());
  ASSERT_TRUE(table->Flush().ok());
  const auto reader = table->NewReader();
  const auto scan = reader->NewScan();
  Strings rows;
  for (scan->Seek(""); scan->Valid(); scan->Next()) rows.emplace_back(scan->value());
  EXPECT_TRUE(scan->status().ok());
  EXPECT_EQ(rows, (Strings{"1", "2"}));
}

// Opening beside the writer, for reading, sees what a killed process would have left.
TEST_F(TableTest, FlushedRowsSurviveAKill) {
  Open();
  Append("a", 0, 2);
  Table* table = *store_->OpenTable("t");
  ASSERT_TRUE(table->Write({{"k", "flushed"}}, 1).ok());
  ASSERT_TRUE(table->Flush().ok());
  ASSERT_TRUE(table->Write({{"k", "not flushed"}}, 2).ok());
  StoreOptions options = options_;
  options.read_only = true;
  const auto left = ShardStore::Open(options);
  ASSERT_TRUE(left.ok()) << left.status();
  Table* const found = *(*left)->OpenTable("t");
  EXPECT_EQ(found->applied(), 1u);
  EXPECT_EQ(*found->Get("k"), "flushed");
  EXPECT_EQ(ReasonOf(found->Write({{"k", "v"}}, 2)), Reason::kShardReadOnly);
  EXPECT_EQ(ReasonOf(found->Flush()), Reason::kShardReadOnly);
}

TEST_F(TableTest, ASettingLeavesEvidenceOfTheGroupsBeforeIt) {
  Open();
  Append("a", 0, 2);
  ASSERT_TRUE(store_->PutMeta("next", "soon").ok());
  const auto evidence = ReadWalEvidence(rocksdb::Env::Default(), options_.path);
  ASSERT_TRUE(evidence.ok()) << evidence.status();
  EXPECT_EQ(evidence->first_group, 0u);
  EXPECT_EQ(evidence->last_group, 2u);
}

TEST_F(TableTest, NamesAreChecked) {
  Open();
  EXPECT_TRUE(store_->OpenTable(std::string(64, 'n')).ok());
  for (const std::string& name : {std::string(), std::string(65, 'n'), std::string("Points"), std::string("a/b")}) {
    EXPECT_EQ(ReasonOf(store_->OpenTable(name).status()), Reason::kInvalidField) << name;
    EXPECT_EQ(ReasonOf(store_->DropTable(name)), Reason::kInvalidField) << name;
  }
}

TEST_F(TableTest, ATableAheadOfTheLogIsDamage) {
  Open();
  Append("a", 0, 1);
  ASSERT_TRUE((*store_->OpenTable("t"))->Write({{"k", "v"}}, 2).ok());
  Reopen();
  const auto status = store_->OpenTable("t").status();
  EXPECT_EQ(ReasonOf(status), Reason::kStoreDamaged);
  EXPECT_EQ(MessageOf(status), "table 't': 2 records are folded into it, but the log has 1");
}

}  // namespace
}  // namespace keyledger::store
