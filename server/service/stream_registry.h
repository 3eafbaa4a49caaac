// StreamRegistry: the long-lived calls that are open, so that their number is bounded and a stop can end them.
//
// gRPC's Server::Shutdown does not return while a call has not finished, and a subscription never finishes by itself.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>

#include "server/base/mutex.h"

namespace keyledger::service {

// Threads: thread-safe.
class StreamRegistry {
 public:
  explicit StreamRegistry(size_t streams_max) : streams_max_(streams_max) {}

  // Registers a call; `stop` is called at most once, from StopAll, and must not block. Nothing if there are too many or
  // the server stops.
  std::optional<uint64_t> Add(std::function<void()> stop);
  // Ensures: `stop` is not running and will not run after the return. Must not be called from `stop`.
  void Remove(uint64_t id);
  // Refuses new calls and stops those that are open.
  void StopAll();
  bool stopping() const;
  size_t size() const;

 private:
  const size_t streams_max_;
  mutable Mutex mutex_;
  std::map<uint64_t, std::function<void()>> streams_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_id_ ABSL_GUARDED_BY(mutex_) = 1;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace keyledger::service
