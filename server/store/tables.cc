#include "server/store/tables.h"

#include <fmt/format.h>
#include <rocksdb/write_batch.h>

#include "server/base/check.h"
#include "server/base/error.h"
#include "server/store/keys.h"
#include "server/store/rocks_status.h"

namespace keyledger::store {
namespace {

absl::StatusOr<std::optional<std::string>> GetRow(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* handle,
                                                  const rocksdb::Snapshot* snapshot, std::string_view key,
                                                  const std::string& place) {
  rocksdb::ReadOptions options;
  options.snapshot = snapshot;
  std::string value;
  const rocksdb::Status status = db.Get(options, handle, ToSlice(key), &value);
  if (status.IsNotFound()) return std::optional<std::string>();
  if (!status.ok()) return ReadError(place, status);
  return std::optional<std::string>(std::move(value));
}

absl::StatusOr<uint64_t> ReadCheckpoint(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* handle,
                                        const rocksdb::Snapshot* snapshot, const std::string& place) {
  KL_ASSIGN_OR_RETURN(const auto row, GetRow(db, handle, snapshot, kCheckpointKey, place));
  if (!row.has_value()) return 0;
  const auto applied = ParsePositionValue(*row);
  if (!applied.has_value()) return Damaged(place, "its checkpoint does not parse");
  return *applied;
}

// Hides the checkpoint, which sorts before every row.
class RocksRowIterator final : public RowIterator {
 public:
  RocksRowIterator(std::unique_ptr<rocksdb::Iterator> it, const std::string& place)
      : it_(std::move(it)), place_(place) {}

  void Seek(std::string_view key) override {
    it_->Seek(ToSlice(key));
    if (it_->Valid() && it_->key().empty()) it_->Next();
  }
  bool Valid() const override { return it_->Valid(); }
  void Next() override { it_->Next(); }
  std::string_view key() const override { return ToView(it_->key()); }
  std::string_view value() const override { return ToView(it_->value()); }
  absl::Status status() const override {
    return it_->status().ok() ? absl::OkStatus() : ReadError(place_, it_->status());
  }

 private:
  const std::unique_ptr<rocksdb::Iterator> it_;
  const std::string place_;
};

class RocksTableReader final : public TableReader {
 public:
  RocksTableReader(rocksdb::DB& db, FamilyHandle handle, std::string place)
      : db_(db), handle_(std::move(handle)), place_(std::move(place)), snapshot_(db.GetSnapshot()) {
    auto applied = ReadCheckpoint(db_, handle_.get(), snapshot_, place_);
    if (applied.ok()) {
      applied_ = *applied;
    } else {
      failure_ = applied.status();
    }
  }

  ~RocksTableReader() override { db_.ReleaseSnapshot(snapshot_); }

  uint64_t applied() const override { return applied_; }
  absl::StatusOr<std::optional<std::string>> Get(std::string_view key) const override {
    KL_RETURN_IF_ERROR(failure_);
    if (key.empty()) return std::optional<std::string>();
    return GetRow(db_, handle_.get(), snapshot_, key, place_);
  }
  std::unique_ptr<RowIterator> NewIterator() const override { return Walk(/*fill_cache=*/true); }
  std::unique_ptr<RowIterator> NewScan() const override { return Walk(/*fill_cache=*/false); }

 private:
  std::unique_ptr<RowIterator> Walk(bool fill_cache) const {
    rocksdb::ReadOptions options;
    options.snapshot = snapshot_;
    options.fill_cache = fill_cache;
    return std::make_unique<RocksRowIterator>(
        std::unique_ptr<rocksdb::Iterator>(db_.NewIterator(options, handle_.get())), place_);
  }

  rocksdb::DB& db_;
  const FamilyHandle handle_;
  const std::string place_;
  const rocksdb::Snapshot* const snapshot_;
  uint64_t applied_ = 0;
  absl::Status failure_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<RocksTable>> RocksTable::Open(rocksdb::DB& db, FamilyHandle handle, std::string place,
                                                             CheckWritable check_writable) {
  KL_ASSIGN_OR_RETURN(const uint64_t applied, ReadCheckpoint(db, handle.get(), nullptr, place));
  return std::unique_ptr<RocksTable>(
      new RocksTable(db, std::move(handle), std::move(place), std::move(check_writable), applied));
}

absl::StatusOr<std::optional<std::string>> RocksTable::Get(std::string_view key) const {
  if (key.empty()) return std::optional<std::string>();
  return GetRow(db_, handle_.get(), nullptr, key, place_);
}

// One batch goes into one memtable, and RocksDB changes memtables between batches only, so a crash keeps or loses the
// batch as a whole (FORMAT.md, "Tables").
absl::Status RocksTable::Write(const std::vector<RowChange>& changes, uint64_t applied) {
  KL_RETURN_IF_ERROR(check_writable_());
  rocksdb::WriteBatch batch;
  rocksdb::Status status;
  for (const RowChange& change : changes) {
    KL_CHECK(!change.key.empty());
    if (status.ok()) {
      status = change.value.has_value() ? batch.Put(handle_.get(), change.key, *change.value)
                                        : batch.Delete(handle_.get(), change.key);
    }
  }
  if (status.ok()) status = batch.Put(handle_.get(), ToSlice(kCheckpointKey), PositionValue(applied));
  rocksdb::WriteOptions options;
  options.disableWAL = true;
  if (status.ok()) status = db_.Write(options, &batch);
  if (!status.ok()) return Unwritable(status);
  applied_.store(applied, std::memory_order_release);
  return absl::OkStatus();
}

absl::Status RocksTable::Flush() {
  KL_RETURN_IF_ERROR(check_writable_());
  rocksdb::FlushOptions options;
  options.allow_write_stall = true;
  const rocksdb::Status status = db_.Flush(options, handle_.get());
  return status.ok() ? absl::OkStatus() : Unwritable(status);
}

absl::Status RocksTable::Compact(std::atomic<bool>& canceled) {
  KL_RETURN_IF_ERROR(Flush());
  rocksdb::CompactRangeOptions options;
  // The lowest level too, where nothing else would ever touch a row that is only deleted.
  options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
  options.allow_write_stall = true;
  options.canceled = &canceled;
  rocksdb::Status status = db_.CompactRange(options, handle_.get(), nullptr, nullptr);
  if (status.IsIncomplete()) return MakeError(Reason::kStopping, "the server is stopping");
  if (!status.ok()) return Unwritable(status);
  // The old files are deleted by whichever thread let go of them last, perhaps after the compaction has returned.
  // Listing the write-ahead logs waits for deletions under way, and allowing deletions again deletes what is left.
  status = db_.DisableFileDeletions();
  if (!status.ok()) return Unwritable(status);
  rocksdb::VectorLogPtr logs;
  status = db_.GetSortedWalFiles(logs);
  const rocksdb::Status enabled = db_.EnableFileDeletions(/*force=*/false);
  if (status.ok()) status = enabled;
  return status.ok() ? absl::OkStatus() : Unwritable(status);
}

absl::Status RocksTable::Unwritable(const rocksdb::Status& status) const {
  if (status.IsCorruption()) return ReadError(place_, status);
  return MakeError(Reason::kShardReadOnly,
                   fmt::format("{} cannot be written: {}; restart the server", place_, status.ToString()));
}

std::unique_ptr<TableReader> RocksTable::NewReader() const {
  return std::make_unique<RocksTableReader>(db_, handle_, place_);
}

}  // namespace keyledger::store
