// Tables of projections.
#include <filesystem>
#include <fstream>
#include <iterator>
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

// Whether any file of the shard holds the text.
bool AnyFileHolds(const std::string& directory, const std::string& text) {
  for (const auto& file : std::filesystem::recursive_directory_iterator(directory)) {
    if (!file.is_regular_file()) continue;
    std::ifstream in(file.path(), std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    if (bytes.find(text) != std::string::npos) return true;
  }
  return false;
}

TEST_F(TableTest, CompactingLeavesNoFileWithARowThatWasDeletedOrReplaced) {
  Open();
  Append("a", 0, 4);
  Table* table = *store_->OpenTable("t");
  const std::string deleted = "Qz7kX0pW3vB9mN5r";
  const std::string replaced = "jT4hL8sD1fG6yU2c";
  ASSERT_TRUE(table->Write({{"a", deleted}, {"b", replaced}, {"c", "stays"}}, 1).ok());
  // Rows go down to the lowest level, then what takes their place lies above them.
  ASSERT_TRUE(store_->FlushAndCompact().ok());
  ASSERT_TRUE(table->Write({{"a", std::nullopt}, {"b", "new"}}, 2).ok());
  ASSERT_TRUE(table->Flush().ok());
  EXPECT_TRUE(AnyFileHolds(options_.path, deleted));
  EXPECT_TRUE(AnyFileHolds(options_.path, replaced));
  std::atomic<bool> canceled{true};
  EXPECT_EQ(ReasonOf(table->Compact(canceled)), Reason::kStopping);
  EXPECT_TRUE(AnyFileHolds(options_.path, deleted));
  canceled = false;
  ASSERT_TRUE(table->Compact(canceled).ok());
  EXPECT_FALSE(AnyFileHolds(options_.path, deleted));
  EXPECT_FALSE(AnyFileHolds(options_.path, replaced));
  EXPECT_EQ(Rows(*table->NewReader()), (Strings{"b=new", "c=stays"}));
  EXPECT_EQ(table->applied(), 2u);
  Reopen();
  EXPECT_EQ(Rows(*(*store_->OpenTable("t"))->NewReader()), (Strings{"b=new", "c=stays"}));
}

TEST_F(TableTest, AReaderKeepsTheRowsItSeesThroughACompaction) {
  Open();
  Append("a", 0, 2);
  Table* table = *store_->OpenTable("t");
  ASSERT_TRUE(table->Write({{"a", "old"}}, 1).ok());
  auto reader = table->NewReader();
  ASSERT_TRUE(table->Write({{"a", std::nullopt}}, 2).ok());
  std::atomic<bool> canceled{false};
  ASSERT_TRUE(table->Compact(canceled).ok());
  EXPECT_EQ(*reader->Get("a"), "old");
  reader.reset();
  EXPECT_EQ(*table->Get("a"), std::nullopt);
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
