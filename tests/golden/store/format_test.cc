// The bytes of format 1, as server/store/FORMAT.md describes them. A store written by any released version must stay
// readable: a change here needs a new format.
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rocksdb/db.h>

#include "server/merkle/tree.h"
#include "server/store/keys.h"
#include "server/store/shard_store.h"
#include "tests/support/temp_dir.h"

namespace keyledger::store {
namespace {

std::string Hex(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return text;
}

using Rows = std::map<std::string, std::string>;

// Every row of every column family as hex, read by RocksDB alone.
std::map<std::string, Rows> Dump(const std::string& path) {
  std::map<std::string, Rows> dump;
  std::vector<std::string> names;
  EXPECT_TRUE(rocksdb::DB::ListColumnFamilies(rocksdb::Options(), path, &names).ok());
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (const auto& name : names) families.emplace_back(name, rocksdb::ColumnFamilyOptions());
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* opened = nullptr;
  EXPECT_TRUE(rocksdb::DB::OpenForReadOnly(rocksdb::Options(), path, families, &handles, &opened).ok());
  const std::unique_ptr<rocksdb::DB> db(opened);
  for (auto* handle : handles) {
    Rows& rows = dump[handle->GetName()];
    const std::unique_ptr<rocksdb::Iterator> it(db->NewIterator(rocksdb::ReadOptions(), handle));
    for (it->SeekToFirst(); it->Valid(); it->Next()) rows[Hex(it->key().ToString())] = Hex(it->value().ToString());
  }
  for (auto* handle : handles) db->DestroyColumnFamilyHandle(handle);
  return dump;
}

TEST(StoreFormat, OneIsTheseBytes) {
  testing::TempDir directory;
  StoreOptions options;
  options.path = directory / "shard";
  options.ledger_id = "abcd";
  options.shard = 2;
  options.shard_count = 4;
  {
    auto store = ShardStore::Open(options);
    ASSERT_TRUE(store.ok()) << store.status();
    CommitGroup first;
    first.records = {{"acme", 0, "one"}, {"acme", 1, "two"}};
    first.requests = {{"acme", "r-1", std::string("\x10\x00", 2)}};
    first.uniques = {{"shop/7", 1}};
    first.snapshots = {{"acme", "state"}};
    first.timers_set = {{1, "acme"}};
    first.tiles = {{1, 258, std::string(8192, 'h')}};
    ASSERT_TRUE((*store)->Append(first).ok());
    CommitGroup second;
    second.first_position = 2;
    second.records = {{"b", 0, "three"}};
    second.timers_cleared = {{1, "acme"}};
    second.timers_set = {{-1, "acme"}, {256, "b"}, {kUnderWay, "acme"}, {kHoldInForce, "h-7"}};
    ASSERT_TRUE((*store)->Append(second).ok());
    ASSERT_TRUE((*store)->PutMeta("next", "v").ok());
    ASSERT_TRUE((*(*store)->OpenTable("points.1.a"))->Write({{"k", "v"}}, 3).ok());
  }
  std::string tile;
  for (int i = 0; i < 8192; ++i) tile += "68";
  const std::map<std::string, Rows> expected = {
      {"default", {}},
      {"records", {{"0000000000000000", "6f6e65"}, {"0000000000000001", "74776f"}, {"0000000000000002", "7468726565"}}},
      {"streams",
       {{"61636d65000000000000000000", "00"}, {"61636d65000000000000000001", "01"}, {"62000000000000000000", "02"}}},
      {"requests", {{"61636d6500722d31", "1000"}}},
      {"uniques", {{"73686f702f37", "01"}}},
      {"tree", {{"010000000000000102", tile}}},
      {"snapshots", {{"61636d65", "7374617465"}}},
      {"timers",
       {{"000000000000000061636d65", ""},
        {"0000000000000001682d37", ""},
        {"7fffffffffffffff61636d65", ""},
        {"800000000000010062", ""}}},
      // head: 3 records, the last one revision 0 of "b". identity: format 1, "abcd", shard 2 of 4. s.next.
      {"meta",
       {{"68656164", "030062"},
        {"6964656e74697479",
         "0801120461626364"
         "1802"
         "2004"},
        {"732e6e657874", "76"}}},
      {"p.points.1.a", {{"", "03"}, {"6b", "76"}}}};
  EXPECT_EQ(Dump(options.path), expected);

  std::ifstream head(options.path + "/HEAD");
  std::stringstream text;
  text << head.rdbuf();
  // XXH3 of "three", and of the three lines before the last.
  EXPECT_EQ(text.str(), "keyledger-head 1\n3\nc11df15eb3a3e385\ne38adba2e882ec49\n");
}

TEST(StoreFormat, LargePositionsAreVarintsInValues) {
  EXPECT_EQ(Hex(PositionValue(127)), "7f");
  EXPECT_EQ(Hex(PositionValue(128)), "8001");
  EXPECT_EQ(Hex(PositionValue(10'000'000)), "80ade204");
}

TEST(StoreFormat, AGroupInTheWriteAheadLogNotesItsFirstPosition) {
  EXPECT_EQ(Hex(EncodeGroupNote(258)), "4b4c47310000000000000102");
}

TEST(MerkleFormat, RootsOfRecordsAreTheseBytes) {
  // RFC 6962: the leaf of "one" is SHA-256(00 6f6e65), the root of two is SHA-256(01 leaf leaf).
  std::vector<merkle::FullTile> full;
  merkle::Tree tree;
  std::vector<std::string> roots;
  for (const char* record : {"one", "two", "three"}) {
    tree.Append(merkle::LeafHash(record), full);
    const merkle::Hash root = tree.Root();
    roots.push_back(Hex({reinterpret_cast<const char*>(root.data()), root.size()}));
  }
  EXPECT_EQ(roots, (std::vector<std::string>{"d0d7360ab79f58ab1e1e3fe64ad77e2ea0bc07e36b5f46ed2223edd9298df9e9",
                                             "4f55f619d9215235778b2b9f17d6f4915b16171214d152381293669764de722e",
                                             "5aac771c899ac292e74bf1afe2e6e302f8b55883b2d1bf197b46a6bea6dabca9"}));
}

}  // namespace
}  // namespace keyledger::store
