// Lane and FoldRecords: the fold itself. A lane is one build of one projection on its way through the log; records are
// read and parsed once for all lanes.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include <absl/status/status.h>

#include "projections/engine/overlay.h"
#include "projections/engine/projection.h"
#include "server/store/shard_store.h"

namespace keyledger::projections {

// Rows waiting to be written are written before they take more than this, whatever the chunk.
inline constexpr size_t kPendingBytesMax = 32u << 20;

// Threads: confined to one thread at a time. Lifetime: projection and table must outlive it.
class Lane {
 public:
  Lane(const Projection& projection, store::Table& table)
      : projection_(projection), table_(table), overlay_(table), next_(table.applied()) {}

  // Position of the record it needs next.
  uint64_t next() const { return next_; }
  const store::Table& table() const { return table_; }
  // Why it stopped; OK while it goes on. A lane that stopped ignores everything; its table stays at its last
  // checkpoint.
  const absl::Status& failure() const { return failure_; }
  // Why its last write was put off (kDiskNearlyFull); OK once one succeeds. The lane is then back at its last
  // checkpoint.
  const absl::Status& postponed() const { return postponed_; }

  // Folds the record at position next(); any other is ignored. One that takes many steps is left when `stop` becomes
  // true, and next() stays.
  void Apply(uint64_t position, const RecordView& record, const std::atomic<bool>* stop = nullptr);
  // Writes rows and checkpoint.
  void Flush();
  void Fail(absl::Status why) { failure_ = std::move(why); }

 private:
  void FailAt(uint64_t position, const absl::Status& why);

  const Projection& projection_;
  store::Table& table_;
  Overlay overlay_;
  uint64_t next_;
  // Records folded since the last write.
  bool dirty_ = false;
  absl::Status failure_;
  absl::Status postponed_;
};

// Reads the records [from, to), gives each to the lanes, and flushes them. Returns early, flushed, when `stop` becomes
// true. A record that cannot be read or parsed fails all lanes that need it. Requires: from <= to <= number of records
// in the store.
void FoldRecords(const store::ShardStore& store, uint64_t from, uint64_t to, const std::vector<Lane*>& lanes,
                 const std::atomic<bool>& stop);

}  // namespace keyledger::projections
