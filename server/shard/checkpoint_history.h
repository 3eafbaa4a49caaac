// CheckpointHistory: every checkpoint ever published of a shard, in a file of its own outside the database. Format:
// CHECKPOINTS.md.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "server/base/clock.h"
#include "server/merkle/checkpoint.h"

namespace keyledger::shard {

// A checkpoint as given out.
struct PublishedCheckpoint {
  // The signed note.
  std::string note;
  merkle::Checkpoint checkpoint;
  Micros publish_time = 0;
};

// Reads the checkpoint of a note without checking its signatures. Errors: DATA_LOSS (kStoreDamaged), naming `where`.
absl::StatusOr<PublishedCheckpoint> ReadPublished(const std::string& where, std::string note, Micros publish_time);

// Entries of 512 bytes, in the order of their sizes.
// Threads: Append by one thread at a time; the rest thread-safe.
class CheckpointHistory {
 public:
  static constexpr size_t kEntryBytes = 512;

  // Opens or creates the file. An entry at the end that a crash left torn is cut off: it was never given out.
  // Errors: UNAVAILABLE; DATA_LOSS (kStoreDamaged) if more than the last entry cannot be read. Takes time independent
  // of the number of entries.
  static absl::StatusOr<std::unique_ptr<CheckpointHistory>> Open(const std::string& path);
  ~CheckpointHistory();

  uint64_t count() const { return count_.load(std::memory_order_acquire); }
  // Requires: index < count(). Errors: UNAVAILABLE, DATA_LOSS (kStoreDamaged).
  absl::StatusOr<PublishedCheckpoint> Read(uint64_t index) const;
  // Index of the first entry of at least this size; count() if there is none. Reads O(log count) entries.
  absl::StatusOr<uint64_t> FirstAtLeast(uint64_t size) const;
  // Adds an entry and syncs it. After an error the entry does not count. Errors: UNAVAILABLE.
  absl::Status Append(const PublishedCheckpoint& published);

 private:
  CheckpointHistory(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  absl::Status CutTornEnd();

  const std::string path_;
  const int fd_;
  std::atomic<uint64_t> count_{0};
};

// "<directory>/shard-000.history".
std::string CheckpointHistoryPath(const std::string& directory, uint32_t shard);

// Gives the notes of a history that nobody writes to, changing nothing: for a ledger at rest. None if there is no file.
// An entry that cannot be read is given as it stands, but for one at the end, which a crash left torn.
// Errors: those of `visit`; UNAVAILABLE.
absl::Status ReadCheckpointHistory(const std::string& path,
                                   const std::function<absl::Status(const std::string& note)>& visit);

}  // namespace keyledger::shard
