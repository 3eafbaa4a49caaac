// CommitLog: the one way a group of records becomes durable.
//
// Positions live inside the records and in CommitGroup::first_position, never in a storage offset, so that another
// implementation (a log replicated between machines) can stand in. The derived rows that travel with a group (streams,
// requests, uniques, snapshots, timers, tiles) can all be computed again from the records; only the embedded
// implementation (ShardStore) writes them in the same batch, and nothing outside it relies on that.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <absl/status/status.h>

#include "server/base/clock.h"

namespace keyledger::store {

// One record and what is indexed of it.
struct RecordEntry {
  std::string account_id;
  uint64_t revision = 0;
  // The serialized EventRecord: stored, hashed and served as they are.
  std::string bytes;
};

// What a request did; `result` is a serialized storage.v1.RequestResult.
struct RequestEntry {
  std::string account_id;
  std::string request_id;
  std::string result;
};

// A key that may occur once in the shard, and the record that holds it.
struct UniqueEntry {
  std::string key;
  uint64_t position = 0;
};

// The fold of an account's stream; `state` is a serialized storage.v1.AccountState.
struct SnapshotEntry {
  std::string account_id;
  std::string state;
};

// Due of a timer that is no moment: it marks an account with transfers under way, for whoever opens the store.
inline constexpr Micros kUnderWay = std::numeric_limits<Micros>::min();

// Due of a timer that is no moment either: it marks a legal hold in force; account_id is the name of the hold.
inline constexpr Micros kHoldInForce = kUnderWay + 1;

// A moment at which a decision about an account falls due, kUnderWay or kHoldInForce.
struct TimerEntry {
  Micros due = 0;
  std::string account_id;

  bool operator==(const TimerEntry&) const = default;
};

// A full Merkle tile: 256 hashes of 32 bytes of one level; see server/merkle/tree.h.
struct TileEntry {
  uint32_t level = 0;
  uint64_t index = 0;
  std::string hashes;
};

// What one group commit makes durable, all or nothing.
struct CommitGroup {
  // Position of records[0]; equals the number of records before it.
  uint64_t first_position = 0;
  std::vector<RecordEntry> records;
  std::vector<RequestEntry> requests;
  std::vector<UniqueEntry> uniques;
  std::vector<SnapshotEntry> snapshots;
  std::vector<TimerEntry> timers_set;
  std::vector<TimerEntry> timers_cleared;
  std::vector<TileEntry> tiles;

  // True if there is nothing to write.
  bool empty() const {
    return records.empty() && snapshots.empty() && timers_set.empty() && timers_cleared.empty() && requests.empty() &&
           uniques.empty() && tiles.empty();
  }
};

// Makes groups durable, in order.
// Threads: Append is called by one thread at a time.
class CommitLog {
 public:
  virtual ~CommitLog() = default;

  // Makes the group durable; its records are visible to readers when it returns OK.
  // Requires: group.first_position equals the number of records appended so far.
  // Errors: DISK_NEARLY_FULL (kDiskNearlyFull): nothing was written, later groups may succeed. kCommitOutcomeUnknown:
  // the group may or may not be there after
  //   reopening; every later Append fails with kShardReadOnly.
  // Blocks: until the bytes are synced.
  virtual absl::Status Append(const CommitGroup& group) = 0;
};

}  // namespace keyledger::store
