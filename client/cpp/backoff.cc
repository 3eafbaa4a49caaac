// Jittered exponential waits. See backoff.h.
#include "client/cpp/backoff.h"

#include <algorithm>

namespace keyledger::client {

std::chrono::milliseconds Backoff::Next(std::optional<std::chrono::milliseconds> server_delay) {
  const int64_t doubled = options_.initial.count() << std::min<uint32_t>(attempt_, 20);
  const int64_t bound = std::max<int64_t>(1, std::min<int64_t>(doubled, options_.max.count()));
  ++attempt_;
  std::chrono::milliseconds wait(bound / 2 +
                                 static_cast<int64_t>(random_() % static_cast<uint64_t>(bound - bound / 2 + 1)));
  if (server_delay && *server_delay > wait) {
    wait = *server_delay;
  }
  return wait;
}

bool Waiter::WaitFor(std::chrono::milliseconds duration) {
  std::unique_lock<std::mutex> lock(mutex_);
  return !changed_.wait_for(lock, duration, [this] { return cancelled_; });
}

void Waiter::Cancel() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    cancelled_ = true;
  }
  changed_.notify_all();
}

bool Waiter::cancelled() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return cancelled_;
}

}  // namespace keyledger::client
