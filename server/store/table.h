// Table: the rows of one build of one projection, beside the log. Rows are derived: they need no sync, since a fold
// from the checkpoint brings them back.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

namespace keyledger::store {

// A change to one row. No value: the row is deleted.
struct RowChange {
  std::string key;
  std::optional<std::string> value;
};

// Walks rows in bytewise key order.
// Threads: confined to one thread at a time.
class RowIterator {
 public:
  virtual ~RowIterator() = default;
  // Goes to the first row with key >= `key`.
  virtual void Seek(std::string_view key) = 0;
  virtual bool Valid() const = 0;
  virtual void Next() = 0;
  // Valid until the next move. Requires: Valid().
  virtual std::string_view key() const = 0;
  virtual std::string_view value() const = 0;
  // OK unless the walk ended early because stored bytes are damaged.
  virtual absl::Status status() const = 0;
};

// A consistent view of the rows as of one checkpoint.
// Threads: thread-safe.
class TableReader {
 public:
  virtual ~TableReader() = default;
  // Number of records folded into these rows.
  virtual uint64_t applied() const = 0;
  // Nothing if there is no such row.
  // Errors: DATA_LOSS (kStoreDamaged).
  virtual absl::StatusOr<std::optional<std::string>> Get(std::string_view key) const = 0;
  // An iterator, not yet positioned. It must not outlive the reader.
  virtual std::unique_ptr<RowIterator> NewIterator() const = 0;
  // The same, for a walk over most of the rows: it does not push what others read often out of the cache.
  virtual std::unique_ptr<RowIterator> NewScan() const = 0;
};

// Rows that can be written.
// Threads: Write by one thread at a time; NewReader by any.
class Table {
 public:
  virtual ~Table() = default;
  // Number of records folded into the rows as written last.
  virtual uint64_t applied() const = 0;
  // As in TableReader, of the rows as written last.
  virtual absl::StatusOr<std::optional<std::string>> Get(std::string_view key) const = 0;
  // Writes the changes and the checkpoint together. Keys are distinct and not empty. Not synced: a crash may take the
  // table back to an earlier Write as a whole, never to a mixture.
  // Errors: UNAVAILABLE (kDiskNearlyFull: nothing was written, later writes may succeed), DATA_LOSS.
  virtual absl::Status Write(const std::vector<RowChange>& changes, uint64_t applied) = 0;
  // Makes what was written survive a crash. Errors: as Write. Blocks: until the bytes are synced.
  virtual absl::Status Flush() = 0;
  // Flushes, then writes every file of the table anew, so that none holds a row any more that was deleted or replaced
  // before the call, unless a reader of any table of the store that is older than the change is alive. By any thread.
  // Ends early when `canceled` becomes true. Errors: as Write; UNAVAILABLE (kStopping) if canceled. Blocks: until the
  // old files are deleted.
  virtual absl::Status Compact(std::atomic<bool>& canceled) = 0;
  virtual std::unique_ptr<TableReader> NewReader() const = 0;
};

}  // namespace keyledger::store
