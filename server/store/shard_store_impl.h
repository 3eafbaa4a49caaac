// ShardStore::Impl: members of the store, shared by shard_store.cc (opening, writing) and shard_store_read.cc; internal
// to server/store.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/base/mutex.h"
#include "server/store/database.h"
#include "server/store/shard_store.h"
#include "server/store/store_directory.h"
#include "server/store/tables.h"

namespace keyledger::store {

class ShardStore::Impl {
 public:
  Impl(const StoreOptions& store_options, rocksdb::Env* store_env, std::unique_ptr<StoreDirectory> store_directory,
       std::unique_ptr<Database> store_database)
      : options(store_options),
        env(store_env),
        directory(std::move(store_directory)),
        database(std::move(store_database)),
        closed_tables(database->TakeTables()) {}

  // Writes a synced batch; a failure is sticky and is returned as kCommitOutcomeUnknown.
  absl::Status WriteSynced(rocksdb::WriteBatch& batch);
  // OK, or why nothing may be written now: kShardReadOnly or kDiskNearlyFull.
  absl::Status CheckWritable() const;
  absl::Status CheckDiskReserve() const;
  absl::Status write_failure() const {
    MutexLock lock(mutex);
    return failure;
  }
  // Remembers the end of the log in the HEAD file. A failure leaves the older, still true file, and costs no
  // acknowledged record: it is not reported.
  void WriteHead(uint64_t record_count, uint64_t last_record_hash);
  absl::Status FlushAll() const;
  // Up to `limit` names greater than `after` with a timer that is the mark.
  absl::StatusOr<std::vector<std::string>> ListMarked(Micros mark, std::string_view after, size_t limit) const;

  // Set at opening. The database goes before the directory it lives in.
  const StoreOptions options;
  rocksdb::Env* const env;
  const std::unique_ptr<StoreDirectory> directory;
  const std::unique_ptr<Database> database;

  // Synchronizes itself.
  std::atomic<uint64_t> record_count{0};

  // Appending thread only.
  HeadFile head;
  uint64_t last_record_hash = 0;
  uint64_t groups_since_head = 0;

  mutable Mutex mutex;
  absl::Status failure ABSL_GUARDED_BY(mutex);

  // Held while a table is opened, created or dropped, which is rare and touches files; never while rows are read or
  // written.
  mutable Mutex tables_mutex;
  std::map<std::string, FamilyHandle, std::less<>> closed_tables ABSL_GUARDED_BY(tables_mutex);
  std::map<std::string, std::unique_ptr<RocksTable>, std::less<>> tables ABSL_GUARDED_BY(tables_mutex);
};

}  // namespace keyledger::store
