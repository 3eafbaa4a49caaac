// Engine: keeps the projections of one shard in step with its log, rebuilds them, and lends readers of their rows.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "projections/engine/projection.h"
#include "server/base/head_watch.h"
#include "server/store/shard_store.h"

namespace keyledger::projections {

struct EngineOptions {
  // Records folded between two writes of rows, at least 1; while far behind, up to 16 times as many. Has no influence
  // on the rows.
  uint64_t chunk_records = 10'000;
};

enum class BuildState { kFollowing, kRebuilding, kFailed };

// One projection on this shard.
struct ProjectionStatus {
  std::string name;
  uint32_t version = 0;
  BuildState state = BuildState::kFollowing;
  uint64_t applied = 0;
  // head - applied.
  uint64_t lag = 0;
  // While rebuilding: how far.
  uint64_t rebuild_applied = 0;
  // Completed rebuilds since the ledger was created.
  uint64_t rebuilds = 0;
  std::string detail;
};

// Threads: thread-safe. One thread follows the log for all projections; a rebuild has one of its own.
// Lifetime: store and head must outlive the engine; readers must not outlive it.
class Engine {
 public:
  // Opens or creates the tables (named "<projection>.<version>.<a or b>"; meta key "projection.<name>" says which
  // serves) and drops tables that no projection names.
  static absl::StatusOr<std::unique_ptr<Engine>> Open(store::ShardStore& store, HeadWatch& head,
                                                      std::vector<std::shared_ptr<const Projection>> projections,
                                                      const EngineOptions& options);
  ~Engine();

  // Starts following. Requires: not started.
  void Start();
  // Stops following and rebuilding and joins the threads. An unfinished rebuild starts over when asked again.
  // Idempotent.
  void Stop();

  // Rows of the build that serves. Errors: NOT_FOUND (kProjectionNotFound); UNAVAILABLE (kStopping).
  absl::StatusOr<std::shared_ptr<const store::TableReader>> Reader(std::string_view projection) const;

  // Waits until the projection has applied at least `applied` records.
  // Errors: DEADLINE_EXCEEDED (kProjectionBehind, metadata "applied"), NOT_FOUND (kProjectionNotFound), UNAVAILABLE
  // (kStopping), or what stopped the projection. Blocks: until then.
  absl::Status WaitFor(std::string_view projection, uint64_t applied,
                       std::chrono::steady_clock::time_point deadline) const;

  // Removes from all files what projections that hold personal data have deleted by the time they have applied
  // `applied` records: waits for that, for a rebuild of such a projection to end and for every reader lent before to be
  // given back, then compacts their tables. Ends early when the engine stops. Errors: those of WaitFor, also if it is a
  // rebuild or a reader that is waited for; those of Table::Compact. Blocks: until then.
  absl::Status Purge(uint64_t applied, std::chrono::steady_clock::time_point deadline);

  // By name.
  std::vector<ProjectionStatus> List() const;

  // Starts a rebuild from zero beside the serving build; switches when it has caught up, then drops the old one. One
  // that holds personal data is purged before it serves, as by Purge.
  // Errors: NOT_FOUND (kProjectionNotFound), FAILED_PRECONDITION (kRebuildRunning).
  absl::Status Rebuild(std::string_view projection);

  // SHA-256 over all rows of the serving build in key order (each key and value preceded by its length, 4 bytes
  // big-endian).
  absl::StatusOr<std::string> Digest(std::string_view projection) const;

 private:
  class Impl;
  explicit Engine(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace keyledger::projections
