// ShardStore: the database of one shard: its log, the indexes derived from it, and the tables of projections.
//
// The only room that knows RocksDB; column families, keys and formats are described in FORMAT.md. Payloads are bytes
// here.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "server/base/clock.h"
#include "server/store/commit_log.h"
#include "server/store/family.h"
#include "server/store/table.h"

namespace rocksdb {
class Env;
}

namespace keyledger::store {

struct StoreOptions {
  // Directory of the shard; created if missing.
  std::string path;
  // What the database must be, or becomes when it is new.
  std::string ledger_id;
  uint32_t shard = 0;
  uint32_t shard_count = 1;
  // Bytes of block cache.
  uint64_t cache_bytes = 64ull << 20;
  // Appends, settings and writes to tables are refused (kDiskNearlyFull) while the file system has fewer bytes free
  // than this. 0: never.
  uint64_t disk_reserve_bytes = 256ull << 20;
  // Opens without the right to write; Append fails. For verification of a store at rest.
  bool read_only = false;
  // Null: the machine's. Tests pass one that loses or fails writes. Must outlive the store.
  rocksdb::Env* env = nullptr;
};

// Walks records in position order, or the records of one account in revision order.
// Threads: confined to one thread at a time. Lifetime: must not outlive the store.
class RecordIterator {
 public:
  virtual ~RecordIterator() = default;
  // Goes to the next record (first call: the first) and returns true, or false at the end or on damage.
  virtual bool Next() = 0;
  // Requires: the last Next() returned true. Valid until the next one.
  virtual uint64_t position() const = 0;
  virtual std::string_view bytes() const = 0;
  // OK at the regular end. DATA_LOSS (kStoreDamaged) if a record is missing or unreadable; the message names the place.
  virtual absl::Status status() const = 0;
};

// The database of one shard.
//
// Threads: Append by one thread; everything else thread-safe. Lifetime: readers, iterators and tables must not outlive
// it.
// Durability: Append returns after fsync. A record is visible to readers only once durable.
class ShardStore final : public CommitLog {
 public:
  // Opens or creates the database. Takes time independent of the number of records.
  // Errors: DATA_LOSS (kStoreDamaged) if files are missing or damaged, or the log has a gap at its end: the message
  // names file or position.
  //   FAILED_PRECONDITION if another process holds it, if it belongs to another ledger, shard or shard count, or has a
  //   newer format. UNAVAILABLE if the directory cannot be created or written.
  static absl::StatusOr<std::unique_ptr<ShardStore>> Open(const StoreOptions& options);
  ~ShardStore() override;

  absl::Status Append(const CommitGroup& group) override;

  // Number of records: positions 0 to record_count() - 1. Counts durable records only.
  uint64_t record_count() const;
  // OK, or why Append refuses for good (sticky).
  absl::Status write_status() const;
  // Approximate bytes on disk.
  uint64_t disk_bytes() const;
  // Runs what a flush to table files leaves smaller and faster; for tests and the bench. Blocks.
  absl::Status FlushAndCompact();

  // Errors of the readers below: DATA_LOSS (kStoreDamaged).

  // The record's bytes. NOT_FOUND (kRecordNotFound) at or past the end.
  absl::StatusOr<std::string> GetRecord(uint64_t position) const;
  // Records [from, to), to clipped to the head as of the call.
  std::unique_ptr<RecordIterator> ReadRecords(uint64_t from, uint64_t to) const;
  // Revision of the account's last record; nothing for an account without records.
  absl::StatusOr<std::optional<uint64_t>> LastRevision(std::string_view account_id) const;
  // Position of one record of an account; nothing if there is none.
  absl::StatusOr<std::optional<uint64_t>> PositionOf(std::string_view account_id, uint64_t revision) const;
  // The account's records [from, to) ascending, or if `backwards` descending from to - 1 down to from. `to` is clipped
  // to the head.
  std::unique_ptr<RecordIterator> ReadStream(std::string_view account_id, uint64_t from, uint64_t to,
                                             bool backwards) const;
  // Up to `limit` ids of accounts greater than `after` ("" for the first), in byte order.
  absl::StatusOr<std::vector<std::string>> ListStreams(std::string_view after, size_t limit) const;
  // A serialized RequestResult; nothing if the request is unknown.
  absl::StatusOr<std::optional<std::string>> GetRequest(std::string_view account_id, std::string_view request_id) const;
  // Position of the record that holds the key.
  absl::StatusOr<std::optional<uint64_t>> GetUnique(std::string_view key) const;
  // Up to `limit` unique keys that begin with `prefix` and are greater than `after`, in byte order.
  absl::StatusOr<std::vector<std::string>> ListUniques(std::string_view prefix, std::string_view after,
                                                       size_t limit) const;
  // A serialized AccountState; nothing if none was written.
  absl::StatusOr<std::optional<std::string>> GetSnapshot(std::string_view account_id) const;
  // Up to `limit` timers due at or before `until`, by due time then account, without those of kUnderWay and
  // kHoldInForce.
  absl::StatusOr<std::vector<TimerEntry>> ListTimers(Micros until, size_t limit) const;
  // Up to `limit` accounts with a timer of kUnderWay whose ids are greater than `after` ("" for the first), in byte
  // order.
  absl::StatusOr<std::vector<std::string>> ListUnderWay(std::string_view after, size_t limit) const;
  // The same of the names of legal holds with a timer of kHoldInForce.
  absl::StatusOr<std::vector<std::string>> ListHoldsInForce(std::string_view after, size_t limit) const;
  // The 256 hashes of a full tile; nothing if it is not full yet.
  absl::StatusOr<std::optional<std::string>> GetTile(uint32_t level, uint64_t index) const;

  // Calls `visit` with the rows of a column family in key order, encoded as FORMAT.md says, until it returns false. For
  // the verifier (verify.h) and the tests of the format.
  absl::Status ScanRows(Family family,
                        const std::function<bool(std::string_view key, std::string_view value)>& visit) const;

  // Tables of projections. A table has a name such as "points.1.a"; its rows and checkpoint live and die together.
  absl::StatusOr<std::vector<std::string>> ListTables() const;
  // Opens a table, creating it empty. Names: [a-z0-9_.]{1,64}. The table lives as long as the store or until dropped.
  absl::StatusOr<Table*> OpenTable(std::string_view name);
  // Drops a table and its rows. Requires: no reader of it is alive. A table that does not exist is not an error.
  absl::Status DropTable(std::string_view name);

  // Small settings of the server's own, synced. Keys [a-z0-9_.]{1,64}.
  absl::StatusOr<std::optional<std::string>> GetMeta(std::string_view key) const;
  absl::Status PutMeta(std::string_view key, std::string_view value);

 private:
  class Impl;
  explicit ShardStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace keyledger::store
