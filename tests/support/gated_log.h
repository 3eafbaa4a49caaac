// GatedLog: a CommitLog between a shard and its store that a test can hold up or let fail, one group at a time.
#pragma once

#include <chrono>
#include <deque>

#include "server/base/check.h"
#include "server/base/error.h"
#include "server/base/mutex.h"
#include "server/store/commit_log.h"

namespace keyledger::testing {

// Threads: Append by the committer; everything else thread-safe.
class GatedLog final : public store::CommitLog {
 public:
  explicit GatedLog(store::CommitLog& inner) : inner_(inner) {}

  // Whoever forgets to open the gate would wait for ever, so that is a crash instead.
  absl::Status Append(const store::CommitGroup& group) override {
    absl::Status failure;
    {
      MutexLock lock(mutex_);
      arrived_ += 1;
      changed_.NotifyAll();
      const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
      while (!open_) {
        const bool in_time = changed_.WaitUntil(mutex_, deadline);
        KL_CHECK(in_time);
      }
      if (!failures_.empty()) {
        failure = failures_.front();
        failures_.pop_front();
      }
    }
    return failure.ok() ? inner_.Append(group) : failure;
  }

  // Groups that come wait from now on.
  void Close() {
    MutexLock lock(mutex_);
    open_ = false;
  }
  void Open() {
    MutexLock lock(mutex_);
    open_ = true;
    changed_.NotifyAll();
  }
  // The next group that passes fails with this instead of being written; OK: is written.
  void Fail(absl::Status status) {
    MutexLock lock(mutex_);
    failures_.push_back(std::move(status));
  }
  // Waits until so many groups have come, those that wait included.
  void WaitForArrivals(int arrivals) {
    MutexLock lock(mutex_);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (arrived_ < arrivals) {
      const bool in_time = changed_.WaitUntil(mutex_, deadline);
      KL_CHECK(in_time);
    }
  }
  int arrivals() {
    MutexLock lock(mutex_);
    return arrived_;
  }

 private:
  store::CommitLog& inner_;
  Mutex mutex_;
  CondVar changed_;
  bool open_ ABSL_GUARDED_BY(mutex_) = true;
  int arrived_ ABSL_GUARDED_BY(mutex_) = 0;
  std::deque<absl::Status> failures_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace keyledger::testing
