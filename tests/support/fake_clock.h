// FakeClock: a clock that a test sets.
#pragma once

#include <atomic>

#include "server/base/clock.h"

namespace keyledger::testing {

// Threads: thread-safe.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(Micros now) : now_(now) {}

  Micros Now() const override { return now_.load(); }
  void Set(Micros now) { now_.store(now); }
  void Advance(Micros by) { now_.fetch_add(by); }

 private:
  std::atomic<Micros> now_;
};

}  // namespace keyledger::testing
