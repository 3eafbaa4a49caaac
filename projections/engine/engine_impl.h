// Engine::Impl: what an engine consists of. engine.cc opens, starts, stops and answers; follower.cc folds; rebuild.cc
// builds anew beside and switches; serving.h names tables.
//
// Threads. The follower keeps the lanes (builds) that are near the head in step, one parse for all of them. A build
// that is far behind (a rebuild, or a new version of one projection) is caught up by a thread of its own and then
// handed to the follower, which is the only one that switches builds and drops tables. A rebuild that holds personal
// data is purged in between, by its own thread, while the follower goes on folding.
//
// What a crash leaves behind. The switch is one synced write of the meta key; before it the new table is one that
// nothing names, after it the old one is. The new table's rows are synced before, so that it is never behind what the
// old one had. Tables that nothing names are dropped when the engine opens.
//
// A disk that is nearly full. Serving builds stay where they are and try again; a rebuild ends, and its table goes, to
// make room.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "projections/engine/engine.h"
#include "projections/engine/lane.h"
#include "projections/engine/serving.h"
#include "server/base/mutex.h"

namespace keyledger::projections {

// Threads, lifetime: as Engine. Open before anything else, once.
class Engine::Impl {
 public:
  Impl(store::ShardStore& store, HeadWatch& head, const EngineOptions& options);

  absl::Status Open(std::vector<std::shared_ptr<const Projection>> projections);
  void Start();
  void Stop();
  absl::StatusOr<std::shared_ptr<const store::TableReader>> Reader(std::string_view projection);
  absl::Status WaitFor(std::string_view projection, uint64_t applied, std::chrono::steady_clock::time_point deadline);
  absl::Status Purge(uint64_t applied, std::chrono::steady_clock::time_point deadline);
  std::vector<ProjectionStatus> List();
  absl::Status Rebuild(std::string_view projection);

 private:
  // What a build beside goes through before it serves, if its rows hold personal data: a fold from zero writes again
  // what was erased, and deletes it again. Guarded by mutex_ but for the table. While anybody has it, the table stays.
  struct Purging {
    store::Table* table = nullptr;
    // The build has caught up, and waits.
    bool due = false;
    bool done = false;
    // Of the purge, when it is done.
    absl::Status status;
    // Nobody waits any more: the rebuild has failed.
    bool abandoned = false;
  };
  // One projection.
  struct Slot {
    // Set at opening.
    std::shared_ptr<const Projection> projection;
    // Of the serving build; guarded by mutex_, as is the rest.
    Serving serving;
    store::Table* table = nullptr;
    std::shared_ptr<Lease> lease;
    uint64_t applied = 0;
    absl::Status failure;
    // Why it does not go on for now; empty while it does.
    std::string waits_for;
    // The catch-up thread has it, and nobody else may take its table away. Set at the start; then the follower's.
    bool catching_up = false;
    // Of the build beside it.
    bool rebuilding = false;
    uint64_t rebuild_applied = 0;
    std::string rebuild_detail;
    std::thread rebuilder;
  };
  // A build that is being folded, and whose it is.
  struct Build {
    Slot* slot = nullptr;
    std::string table_name;
    store::Table* table = nullptr;
    std::unique_ptr<Lane> lane;
    // Not serving yet.
    bool beside = false;
    // Null: nothing to purge before it serves.
    std::shared_ptr<Purging> purging;
  };
  using Builds = std::vector<std::unique_ptr<Build>>;
  // A table that no longer serves, and what those who still use it hold.
  struct Retired {
    std::string table_name;
    std::weak_ptr<const void> lease;
    // The follower is dropping it; it takes the entry away when that is done.
    bool dropping = false;
  };

  absl::Status OpenSlot(std::shared_ptr<const Projection> projection);
  std::shared_ptr<Lease> NewLease();
  Slot* Find(std::string_view projection) const;
  std::unique_ptr<Build> ServingBuild(Slot& slot) const;

  void Follow(Builds builds);
  // Waits until there is something to do; returns false when stopping. `from`: position of the next record wanted.
  // If `full`, records wait for the next try.
  bool AwaitWork(uint64_t from, bool full, Builds& adopted, std::vector<std::string>& to_drop);
  // Waits until the slot has applied so many records, or cannot.
  absl::Status AwaitApplied(const Slot& slot, uint64_t applied, std::chrono::steady_clock::time_point deadline)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // A reader lent at that age has ended.
  void GiveBack(uint64_t age);
  // What keeps a purge of the slot from beginning; empty if nothing does.
  std::string KeptFromPurge(const Slot& slot, uint64_t age) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The same of any purge.
  std::string KeptByReaders(uint64_t age) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status PurgeSlot(Slot& slot, uint64_t age, std::chrono::steady_clock::time_point deadline);
  // On the thread of the rebuild: purges the build's table once it has caught up.
  void PurgeRebuilt(std::shared_ptr<Purging> purging);
  // Asks for that; returns whether it is done, or there is no need.
  bool IsPurged(const Build& build);
  void Drop(const std::vector<std::string>& tables);
  void FoldChunk(const Builds& builds);
  // Makes what the lanes have reached visible.
  void Publish(const Builds& builds);
  // Takes the rebuilds that cannot go on out of `builds`. Returns true if a serving build waits for room on the disk.
  bool EndRebuilds(Builds& builds);
  void SwitchReady(Builds& builds);
  void Switch(Build& build);
  void RunRebuild(Slot& slot, char letter);
  void CatchUp(Builds builds);
  // The table of that name, if there is one yet, is dropped.
  void EndRebuild(Slot& slot, std::string table_name, const absl::Status& why,
                  const std::shared_ptr<Purging>& purging = nullptr);

  // Set at construction.
  store::ShardStore& store_;
  HeadWatch& head_;
  const uint64_t chunk_records_;

  // Synchronizes itself.
  std::atomic<bool> stop_{false};

  Mutex mutex_;
  // The follower has something to do.
  CondVar work_;
  // A projection moved, failed or stopped; a table was dropped; the last reader of an age ended.
  CondVar moved_;
  bool started_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  Builds adopted_ ABSL_GUARDED_BY(mutex_);
  // A rebuilt table was purged: its build may serve.
  bool purged_ ABSL_GUARDED_BY(mutex_) = false;
  // Calls that wait for a projection to move.
  int waiting_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<Retired> retired_ ABSL_GUARDED_BY(mutex_);
  // Purges begun; and readers that are lent, by how many had begun when they were.
  uint64_t purges_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<uint64_t, uint64_t> lent_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mutex_);
  uint64_t listener_ ABSL_GUARDED_BY(mutex_) = 0;

  // The follower only: when it began its last chunk.
  std::chrono::steady_clock::time_point last_chunk_;

  // Set at opening. Goes first, since the ends of leases take the mutex.
  std::vector<std::unique_ptr<Slot>> slots_;
};

}  // namespace keyledger::projections
