// WorkerPool: the threads that do what must not be done in a gRPC callback: reading the store, folding, waiting.
#pragma once

#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "server/base/mutex.h"

namespace keyledger::service {

// Threads: thread-safe.
class WorkerPool {
 public:
  // At most `queue_max` tasks wait.
  WorkerPool(size_t threads, size_t queue_max);
  // Stops.
  ~WorkerPool();

  // Runs `task` on one of the threads. Returns false, without running it, if the queue is full or the pool stopped.
  bool Submit(std::function<void()> task);
  // As Submit, past the queue's bound: for the next step of something admitted before. False only when stopped.
  bool SubmitStep(std::function<void()> task);
  // Runs what is queued, refuses more, joins. Idempotent.
  void Stop();

 private:
  void Run();

  const size_t queue_max_;
  Mutex mutex_;
  CondVar changed_;
  std::deque<std::function<void()>> tasks_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace keyledger::service
