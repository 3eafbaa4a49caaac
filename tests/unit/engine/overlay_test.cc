// The rows as the fold sees them, and the lane that folds.
#include "projections/engine/overlay.h"

#include <atomic>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "projections/engine/digest.h"
#include "projections/engine/lane.h"
#include "server/base/error.h"
#include "tests/support/memory_table.h"
#include "tests/support/record_log.h"

namespace keyledger::projections {
namespace {

using testing::MemoryTable;

std::string ValueOr(Overlay& rows, std::string_view key, std::string otherwise) {
  const auto value = rows.Get(key);
  EXPECT_TRUE(value.ok());
  return value->has_value() ? std::string(**value) : otherwise;
}

TEST(Overlay, ShowsWhatWasPutBeforeItIsWritten) {
  MemoryTable table;
  Overlay rows(table);
  rows.Put("k", "one");
  EXPECT_EQ(ValueOr(rows, "k", "absent"), "one");
  EXPECT_TRUE(table.rows().empty());
  rows.Put("k", "two, and longer");
  EXPECT_EQ(ValueOr(rows, "k", "absent"), "two, and longer");
  ASSERT_TRUE(rows.Flush(5).ok());
  EXPECT_EQ(table.rows().at("k"), "two, and longer");
  EXPECT_EQ(table.applied(), 5u);
  EXPECT_EQ(rows.pending_bytes(), 0u);
}

TEST(Overlay, DeletesRowsOfTheTableAndItsOwn) {
  MemoryTable table;
  table.mutable_rows()["old"] = "1";
  Overlay rows(table);
  rows.Put("new", "2");
  rows.Delete("new");
  rows.Delete("old");
  EXPECT_EQ(ValueOr(rows, "old", "absent"), "absent");
  EXPECT_EQ(ValueOr(rows, "new", "absent"), "absent");
  ASSERT_TRUE(rows.Flush(1).ok());
  EXPECT_TRUE(table.rows().empty());
}

TEST(Overlay, ReadsARowOfTheTableOnceAndKeepsItInStep) {
  MemoryTable table;
  table.mutable_rows()["k"] = "1";
  Overlay rows(table);
  EXPECT_EQ(ValueOr(rows, "k", "absent"), "1");
  EXPECT_EQ(ValueOr(rows, "nothing", "absent"), "absent");
  rows.Put("k", "2");
  rows.Put("nothing", "3");
  ASSERT_TRUE(rows.Flush(1).ok());
  EXPECT_EQ(ValueOr(rows, "k", "absent"), "2");
  EXPECT_EQ(ValueOr(rows, "nothing", "absent"), "3");
  EXPECT_EQ(table.gets(), 2);
}

TEST(Overlay, TakesAPartOfARowAsItsNewValue) {
  MemoryTable table;
  Overlay rows(table);
  rows.Put("k", "a value that does not fit in place");
  const auto value = rows.Get("k");
  rows.Put("k", (*value)->substr(2));
  EXPECT_EQ(ValueOr(rows, "k", "absent"), "value that does not fit in place");
}

TEST(Overlay, CountsTheBytesThatWait) {
  MemoryTable table;
  Overlay rows(table);
  rows.Put("k", std::string(1000, 'x'));
  EXPECT_GE(rows.pending_bytes(), 1000u);
  rows.Put("k", "x");
  EXPECT_LT(rows.pending_bytes(), 200u);
}

TEST(Overlay, WritesRowsThatWereOnlyAddedWithTheOthers) {
  MemoryTable table;
  Overlay rows(table);
  rows.Put("b", "put");
  rows.Add("a", "added");
  rows.Add("c", std::string(1000, 'x'));
  EXPECT_GE(rows.pending_bytes(), 1000u);
  ASSERT_TRUE(rows.Flush(1).ok());
  EXPECT_EQ(rows.pending_bytes(), 0u);
  EXPECT_EQ(table.rows().size(), 3u);
  EXPECT_EQ(table.rows().at("a"), "added");
  EXPECT_EQ(table.rows().at("b"), "put");
  ASSERT_TRUE(rows.Flush(2).ok());
  EXPECT_EQ(table.rows().size(), 3u);
}

TEST(Overlay, ForgetsRowsThatWereAddedWhenTheyCannotBeWritten) {
  MemoryTable table;
  Overlay rows(table);
  rows.Add("a", "added");
  table.write_status = absl::UnavailableError("disk");
  EXPECT_FALSE(rows.Flush(1).ok());
  table.write_status = absl::OkStatus();
  ASSERT_TRUE(rows.Flush(1).ok());
  EXPECT_TRUE(table.rows().empty());
}

// Remembers the keys of the last write.
class KeysTable final : public store::Table {
 public:
  uint64_t applied() const override { return 0; }
  absl::StatusOr<std::optional<std::string>> Get(std::string_view) const override { return std::nullopt; }
  absl::Status Write(const std::vector<store::RowChange>& changes, uint64_t) override {
    for (const store::RowChange& change : changes) keys.push_back(change.key);
    return absl::OkStatus();
  }
  absl::Status Flush() override { return absl::OkStatus(); }
  absl::Status Compact(std::atomic<bool>&) override { return absl::OkStatus(); }
  std::unique_ptr<store::TableReader> NewReader() const override { return nullptr; }

  std::vector<std::string> keys;
};

TEST(Overlay, WritesRowsInTheOrderOfTheirWholeKeys) {
  using namespace std::string_literals;
  KeysTable table;
  Overlay rows(table);
  const std::vector<std::string> ordered = {"\0"s,
                                            "\0\0"s,
                                            "A",
                                            "a",
                                            "a\0"s,
                                            "a\0b"s,
                                            "ab",
                                            "account-0000000",
                                            "account-00000001",
                                            "account-00000001\0a"s,
                                            "account-00000001\0b"s,
                                            "account-00000002",
                                            "a\x7f"s,
                                            "a\x80"s,
                                            "a\xff"s,
                                            "b"};
  for (size_t i = 0; i < ordered.size(); ++i) {
    const std::string& key = ordered[(i * 7) % ordered.size()];
    if (i % 2 == 0) {
      rows.Put(key, "");
    } else {
      rows.Add(key, "");
    }
  }
  ASSERT_TRUE(rows.Flush(1).ok());
  EXPECT_EQ(table.keys, ordered);
}

// Puts a row of a megabyte under the record's position.
class BigRows final : public Projection {
 public:
  std::string_view name() const override { return "big"; }
  uint32_t version() const override { return 1; }
  absl::Status Apply(const RecordView& record, Rows& rows) const override {
    if (record.record.has_event() && record.record.event().has_account_closed()) {
      return MakeError(Reason::kStoreDamaged, "does not fold");
    }
    rows.Put(std::to_string(record.record.position()), std::string(1 << 20, 'x'));
    return absl::OkStatus();
  }
};

TEST(Lane, WritesBeforeTheRowsThatWaitTakeTooMuchMemory) {
  MemoryTable table;
  const BigRows projection;
  Lane lane(projection, table);
  testing::RecordLog log;
  for (int i = 0; i < 40; ++i) log.Add("a", 0);
  for (uint64_t i = 0; i < 40; ++i) lane.Apply(i, RecordView{log.records()[i], 0, 0});
  EXPECT_EQ(table.writes(), 1);
  EXPECT_EQ(table.applied(), 32u);
  lane.Flush();
  EXPECT_EQ(table.applied(), 40u);
}

TEST(Lane, StopsAtARecordThatDoesNotFoldAndSaysWhere) {
  MemoryTable table;
  const BigRows projection;
  Lane lane(projection, table);
  testing::RecordLog log;
  log.Add("a", 0);
  log.Add("a", 0).mutable_event()->mutable_account_closed();
  lane.Apply(0, RecordView{log.records()[0], 0, 0});
  lane.Flush();
  lane.Apply(1, RecordView{log.records()[1], 0, 0});
  lane.Flush();
  EXPECT_EQ(ReasonOf(lane.failure()), Reason::kStoreDamaged);
  EXPECT_EQ(MessageOf(lane.failure()), "projection big stopped at position 1: does not fold");
  EXPECT_EQ(table.applied(), 1u);
}

TEST(Lane, StopsWhenItsRowsCannotBeWritten) {
  MemoryTable table;
  table.write_status = absl::UnavailableError("disk");
  const BigRows projection;
  Lane lane(projection, table);
  testing::RecordLog log;
  log.Add("a", 0);
  lane.Apply(0, RecordView{log.records()[0], 0, 0});
  lane.Flush();
  EXPECT_EQ(lane.failure().code(), absl::StatusCode::kUnavailable);
}

TEST(Lane, IgnoresRecordsItHasOrIsNotUpTo) {
  MemoryTable table;
  const BigRows projection;
  Lane lane(projection, table);
  testing::RecordLog log;
  log.Add("a", 0);
  lane.Apply(7, RecordView{log.records()[0], 0, 0});
  EXPECT_EQ(lane.next(), 0u);
}

TEST(Digest, IsTheHashOfAllRowsWithTheirLengths) {
  MemoryTable table;
  const auto hex = [&table] {
    std::string text;
    const auto digest = DigestRows(*table.NewReader());
    for (const char c : *digest) text += fmt::format("{:02x}", static_cast<unsigned char>(c));
    return text;
  };
  EXPECT_EQ(hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  table.mutable_rows()["a"] = "bc";
  EXPECT_EQ(hex(), "b534ce16ac9c8b36823f39a395ce8e0e3c7ad9605b82b5444f18cadacd217a5d");
}

}  // namespace
}  // namespace keyledger::projections
