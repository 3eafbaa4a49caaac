// StoreDirectory: the directory of a shard, created if need be and held by one process at a time; internal to
// server/store.
#pragma once

#include <memory>
#include <string>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <rocksdb/env.h>

#include "server/store/shard_store.h"

namespace keyledger::store {

// Lifetime: releases the directory when destroyed.
class StoreDirectory {
 public:
  // Takes the directory for writing; creates it if it is missing. RocksDB's own LOCK would do for its writers, but the
  // checks before recovery read the files too, and must not read those of a running server.
  // Errors:
  // FAILED_PRECONDITION if another process holds it, UNAVAILABLE if it cannot be created or written.
  static absl::StatusOr<std::unique_ptr<StoreDirectory>> Take(rocksdb::Env* env, const std::string& path);
  ~StoreDirectory();

 private:
  StoreDirectory(rocksdb::Env* env, rocksdb::FileLock* lock) : env_(env), lock_(lock) {}

  rocksdb::Env* const env_;
  rocksdb::FileLock* const lock_;
};

// OK if the directory holds a database or nothing of one; a database whose CURRENT file is gone would otherwise be
// created anew over its remains.
// Errors: DATA_LOSS (kStoreDamaged), also if there is no database and `must_exist`.
// UNAVAILABLE if the directory cannot be read.
absl::Status CheckFilesPresent(rocksdb::Env* env, const std::string& path, bool must_exist);

// The manifest is RocksDB's log of which table files make up the database, and like every log it can end torn. RocksDB
// accepts an end that is cut short, but not one whose middle sector never arrived. This cuts such an end off: if the
// last entry is damaged and no intact one begins after it, it was never synced, and nothing that relies on it was done.
// The whole file is kept under kTornManifest until the opening has succeeded.
// Errors: UNAVAILABLE. Damage elsewhere in
// the manifest is left for RocksDB to report.
absl::Status CutTornManifest(rocksdb::Env* env, const std::string& path);

inline constexpr char kTornManifest[] = "TORN_MANIFEST";

// Returns true if a write-ahead log file has content: the last close was not a clean one.
// Errors: UNAVAILABLE.
absl::StatusOr<bool> HasWriteAheadLog(rocksdb::Env* env, const std::string& path);

// Sum of the sizes of the directory's files in bytes, 0 if it cannot be read.
uint64_t DirectoryBytes(rocksdb::Env* env, const std::string& path);

}  // namespace keyledger::store
