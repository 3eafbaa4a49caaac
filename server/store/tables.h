// RocksTable: Table in a column family of its own; internal to server/store.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/store/database.h"
#include "server/store/table.h"

namespace keyledger::store {

// Threads: as Table. Lifetime: must not outlive the database.
class RocksTable final : public Table {
 public:
  // Says whether bytes may be written now.
  using CheckWritable = std::function<absl::Status()>;

  // Reads the checkpoint. `place` names the table in errors; `check_writable` is asked before each write.
  // Errors: DATA_LOSS.
  static absl::StatusOr<std::unique_ptr<RocksTable>> Open(rocksdb::DB& db, FamilyHandle handle, std::string place,
                                                          CheckWritable check_writable);

  uint64_t applied() const override { return applied_.load(std::memory_order_acquire); }
  absl::StatusOr<std::optional<std::string>> Get(std::string_view key) const override;
  absl::Status Write(const std::vector<RowChange>& changes, uint64_t applied) override;
  absl::Status Flush() override;
  absl::Status Compact(std::atomic<bool>& canceled) override;
  std::unique_ptr<TableReader> NewReader() const override;

  rocksdb::ColumnFamilyHandle* handle() const { return handle_.get(); }

 private:
  RocksTable(rocksdb::DB& db, FamilyHandle handle, std::string place, CheckWritable check_writable, uint64_t applied)
      : db_(db),
        handle_(std::move(handle)),
        place_(std::move(place)),
        check_writable_(std::move(check_writable)),
        applied_(applied) {}

  absl::Status Unwritable(const rocksdb::Status& status) const;

  rocksdb::DB& db_;
  const FamilyHandle handle_;
  const std::string place_;
  const CheckWritable check_writable_;
  std::atomic<uint64_t> applied_;
};

}  // namespace keyledger::store
