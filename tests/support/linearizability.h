// Linearizability: whether a recorded concurrent history of one object can be put into one order that fits both real
// time and what every client was answered.
//
// The search is Wing and Gong's with Lowe's memory of configurations: an operation that is first in real time is tried
// next, and a set of operations done together with the state they led to is never tried twice.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace keyledger::testing {

// `end` of an operation whose answer never came: it may have taken effect at any time after its call, or never.
inline constexpr uint64_t kNeverAnswered = std::numeric_limits<uint64_t>::max();

// One operation. Stamps of calls and ends are distinct and in the order of real time.
struct RecordedOperation {
  uint64_t call = 0;
  uint64_t end = kNeverAnswered;
  // The state after the operation if, in `state`, it could be answered as it was; nothing if it could not.
  std::function<std::optional<std::string>(const std::string& state)> step;
};

// Threads: pure.
bool IsLinearizable(const std::vector<RecordedOperation>& history, const std::string& initial);

// The same of several objects, each with a history of its own. The search of one may take exponentially long where
// another one's quickly shows the mistake, so they are searched in turns, each time a little further.
bool AreLinearizable(const std::vector<std::vector<RecordedOperation>>& histories, const std::string& initial);

}  // namespace keyledger::testing
