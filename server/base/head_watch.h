// HeadWatch: how far a shard's log is durable, and a way to wait for more.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>

#include "server/base/mutex.h"

namespace keyledger {

// The number of durable records of one shard: positions 0 to head() - 1 can be read.
//
// The committer publishes; projections and subscriptions wait or are called.
// Threads: thread-safe.
class HeadWatch {
 public:
  explicit HeadWatch(uint64_t head) : head_(head) {}

  // Never goes back.
  uint64_t head() const { return head_.load(std::memory_order_acquire); }

  // Raises the head, wakes the waiters and calls the listeners, on the caller's thread.
  // Requires: head >= this->head().
  void Publish(uint64_t head);

  // Waits until the head is past `position`, the watch is closed, or the deadline passed. Returns true in the first
  // case.
  bool WaitPast(uint64_t position, std::chrono::steady_clock::time_point deadline);

  // Ends all waits, now and later.
  void Close();
  bool closed() const;

  // Calls `listener` after every publication until removed. It must not block nor call back into the watch.
  uint64_t AddListener(std::function<void()> listener);
  // Ensures: the listener does not run any more after the return.
  void RemoveListener(uint64_t id);

 private:
  std::atomic<uint64_t> head_;
  mutable Mutex mutex_;
  CondVar changed_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  Mutex listeners_mutex_;
  uint64_t next_listener_ ABSL_GUARDED_BY(listeners_mutex_) = 1;
  std::map<uint64_t, std::function<void()>> listeners_ ABSL_GUARDED_BY(listeners_mutex_);
};

}  // namespace keyledger
