// Clock: where time comes from. Code that needs the time takes a Clock, so that tests own it.
#pragma once

#include <chrono>
#include <cstdint>

namespace keyledger {

// Microseconds since 1970-01-01 00:00 UTC, the only unit of time inside the server.
using Micros = int64_t;

inline constexpr Micros kMicrosPerSecond = 1'000'000;
inline constexpr Micros kMicrosPerDay = 86'400 * kMicrosPerSecond;

// Source of the current time.
// Threads: thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  // Returns the wall clock's time; may go back.
  virtual Micros Now() const = 0;
};

// The machine's clock.
class SystemClock final : public Clock {
 public:
  Micros Now() const override {
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
};

}  // namespace keyledger
