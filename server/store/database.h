// Database: RocksDB opened with the column families of a shard, and the checks made on it before anybody may use it;
// internal to server/store.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <rocksdb/db.h>

#include "server/store/family.h"
#include "server/store/head_file.h"
#include "server/store/rocks_status.h"
#include "server/store/shard_store.h"
#include "server/store/wal_evidence.h"

namespace keyledger::store {

// Version of everything FORMAT.md describes.
inline constexpr uint32_t kFormatVersion = 1;

// A column family's handle, given back to RocksDB when its last user is gone.
using FamilyHandle = std::shared_ptr<rocksdb::ColumnFamilyHandle>;

// Threads: reading is thread-safe. Lifetime: handles and iterators must not outlive it.
class Database {
 public:
  // Opens the database at options.path; creates it if it is missing and `read_only` is false.
  // Errors: as ShardStore::Open.
  static absl::StatusOr<std::unique_ptr<Database>> Open(const StoreOptions& options, rocksdb::Env* env, bool read_only);
  ~Database();

  rocksdb::DB& db() const { return *db_; }
  rocksdb::ColumnFamilyHandle* handle(Family family) const { return handles_[static_cast<size_t>(family)].get(); }
  // The value of a row; nothing if it is not there. `where` names it in an error, or returns its name: lookups are too
  // frequent to name every row.
  // Errors: DATA_LOSS.
  template <typename Where>
  absl::StatusOr<std::optional<std::string>> Get(Family family, std::string_view key, const Where& where) const {
    std::optional<std::string> value(std::in_place);
    const rocksdb::Status status = Find(family, key, *value);
    if (status.ok()) return value;
    if (status.IsNotFound()) return std::optional<std::string>();
    if constexpr (std::is_invocable_v<Where>) {
      return ReadError(where(), status);
    } else {
      return ReadError(where, status);
    }
  }

  FamilyHandle Own(rocksdb::ColumnFamilyHandle* handle) const;
  // Tables that were there when the database was opened, by name without prefix. Taken over by the store.
  std::map<std::string, FamilyHandle, std::less<>> TakeTables() { return std::move(tables_); }
  const std::shared_ptr<rocksdb::Cache>& cache() const { return cache_; }

 private:
  Database() = default;
  rocksdb::Status Find(Family family, std::string_view key, std::string& value) const;

  std::unique_ptr<rocksdb::Env> env_;
  std::shared_ptr<rocksdb::Cache> cache_;
  // Goes before what it uses.
  std::unique_ptr<rocksdb::DB> db_;
  std::array<FamilyHandle, kFamilies.size()> handles_;
  std::map<std::string, FamilyHandle, std::less<>> tables_;
};

// What an opened database was found to be.
struct DatabaseFindings {
  // False if it has never been given an identity: it is new, or a crash cut its creation short.
  bool has_identity = false;
  uint64_t record_count = 0;
  // Of the last record; 0 if there is none.
  uint64_t last_record_hash = 0;
};

// Checks that the database is the one asked for, that its column families end at the same place, and that nothing is
// missing which `head` or `evidence` prove was durable. Takes time by the bytes of the write-ahead log, not by the
// length of the log.
// Errors: FAILED_PRECONDITION, DATA_LOSS as ShardStore::Open.
absl::StatusOr<DatabaseFindings> CheckDatabase(const Database& database, const StoreOptions& options,
                                               const std::optional<HeadFile>& head, const WalEvidence& evidence);

}  // namespace keyledger::store
