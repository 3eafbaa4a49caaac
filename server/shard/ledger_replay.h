// LedgerReplay: an audit replay of a ledger that goes on being written, on a thread of its own, at a bounded rate.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "server/audit/replay.h"
#include "server/base/mutex.h"
#include "server/shard/replay_source.h"

namespace keyledger::shard {

class Ledger;

struct LedgerReplayOptions {
  // Only this account; empty: everything.
  std::string account_id;
  // Records read in a second, at most; more than zero.
  uint32_t records_per_second_max = 50'000;
  // Findings handed on, at most.
  uint64_t findings_max = 1'000;
};

// Signs what is durable, where the ledger keeps checkpoints, and reads up to there and a little further. The thread has
// a low priority: who writes comes first.
// Threads: thread-safe. Lifetime: the ledger must outlive it.
// Memory: what audit::Replay takes, and the frames that nobody took, at most kFramesMax: then it waits.
class LedgerReplay {
 public:
  using Frame = std::variant<audit::v1::ReplayProgress, audit::v1::Finding, audit::v1::ReplayReport>;
  static constexpr size_t kFramesMax = 256;

  // `wake` is called on the thread whenever Next may have something new.
  LedgerReplay(Ledger& ledger, LedgerReplayOptions options, std::function<void()> wake);
  // Ends the replay, wherever it is, and joins. `wake` is not called any more afterwards.
  ~LedgerReplay();

  // The next frame; nothing yet. The report is the last; afterwards, `over` is set.
  // Errors: NOT_FOUND (kAccountNotFound); those of audit::Replay.
  absl::StatusOr<std::optional<Frame>> Next(bool& over);

 private:
  void Run();
  absl::StatusOr<audit::v1::ReplayReport> Replay();
  // Waits as long as the rate demands, or until there is room. Errors: CANCELLED when it is to end.
  absl::Status Pace(const audit::v1::ReplayProgress& progress);
  void Put(Frame frame);

  Ledger& ledger_;
  const LedgerReplayOptions options_;
  const std::function<void()> wake_;

  Mutex mutex_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool over_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<Frame> frames_ ABSL_GUARDED_BY(mutex_);
  absl::Status status_ ABSL_GUARDED_BY(mutex_);

  // The thread only.
  std::chrono::steady_clock::time_point started_;
  std::chrono::steady_clock::time_point told_;

  std::thread thread_;
};

}  // namespace keyledger::shard
