// RocksTable: Table in a column family of its own; internal to server/store.
#pragma once

#include <atomic>
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
  // Reads the checkpoint. `place` names the table in errors.
  // Errors: DATA_LOSS.
  static absl::StatusOr<std::unique_ptr<RocksTable>> Open(rocksdb::DB& db, FamilyHandle handle, std::string place,
                                                          bool read_only);

  uint64_t applied() const override { return applied_.load(std::memory_order_acquire); }
  absl::StatusOr<std::optional<std::string>> Get(std::string_view key) const override;
  absl::Status Write(const std::vector<RowChange>& changes, uint64_t applied) override;
  std::unique_ptr<TableReader> NewReader() const override;

  rocksdb::ColumnFamilyHandle* handle() const { return handle_.get(); }

 private:
  RocksTable(rocksdb::DB& db, FamilyHandle handle, std::string place, bool read_only, uint64_t applied)
      : db_(db), handle_(std::move(handle)), place_(std::move(place)), read_only_(read_only), applied_(applied) {}

  rocksdb::DB& db_;
  const FamilyHandle handle_;
  const std::string place_;
  const bool read_only_;
  std::atomic<uint64_t> applied_;
};

}  // namespace keyledger::store
