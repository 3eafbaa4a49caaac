// Backoff: how long to wait before the next attempt; Waiter: a wait that can be cancelled.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <random>

namespace keyledger::client {

// Exponential, jittered.
struct BackoffOptions {
  // Upper bound of the first wait. More than zero.
  std::chrono::milliseconds initial{100};
  // Upper bound of any wait. Not below initial.
  std::chrono::milliseconds max{5000};
};

// Waits double from options.initial to options.max; each is drawn between half of that and all of it, so that clients
// cut off together do not come back together. Threads: thread-compatible.
class Backoff {
 public:
  explicit Backoff(const BackoffOptions& options) : options_(options), random_(std::random_device{}()) {}

  // Returns the next wait; never less than `server_delay` when the server named one.
  std::chrono::milliseconds Next(std::optional<std::chrono::milliseconds> server_delay = std::nullopt);
  // Starts over after a success.
  void Reset() { attempt_ = 0; }

 private:
  BackoffOptions options_;
  uint32_t attempt_ = 0;
  std::minstd_rand random_;
};

// Threads: thread-safe. Once cancelled it stays so.
class Waiter {
 public:
  // Returns true after `duration`, false at once when cancelled.
  // Blocks: up to `duration`.
  bool WaitFor(std::chrono::milliseconds duration);
  void Cancel();
  bool cancelled() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool cancelled_ = false;
};

}  // namespace keyledger::client
