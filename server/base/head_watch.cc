#include "server/base/head_watch.h"

#include "server/base/check.h"

namespace keyledger {

void HeadWatch::Publish(uint64_t head) {
  {
    // The lock makes sure that a waiter which saw the old head is already waiting when it is notified.
    MutexLock lock(mutex_);
    KL_CHECK(head >= head_.load(std::memory_order_relaxed));
    head_.store(head, std::memory_order_release);
  }
  changed_.NotifyAll();
  MutexLock lock(listeners_mutex_);
  for (const auto& [id, listener] : listeners_) listener();
}

bool HeadWatch::WaitPast(uint64_t position, std::chrono::steady_clock::time_point deadline) {
  MutexLock lock(mutex_);
  while (head_.load(std::memory_order_relaxed) <= position && !closed_) {
    if (!changed_.WaitUntil(mutex_, deadline)) break;
  }
  return head_.load(std::memory_order_relaxed) > position;
}

void HeadWatch::Close() {
  {
    MutexLock lock(mutex_);
    closed_ = true;
  }
  changed_.NotifyAll();
}

bool HeadWatch::closed() const {
  MutexLock lock(mutex_);
  return closed_;
}

uint64_t HeadWatch::AddListener(std::function<void()> listener) {
  MutexLock lock(listeners_mutex_);
  listeners_.emplace(next_listener_, std::move(listener));
  return next_listener_++;
}

void HeadWatch::RemoveListener(uint64_t id) {
  MutexLock lock(listeners_mutex_);
  listeners_.erase(id);
}

}  // namespace keyledger
