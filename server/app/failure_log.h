// FailureLog: failures that come again and again, logged without filling the disk.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <tuple>

#include <absl/status/status.h>

#include "server/base/clock.h"
#include "server/base/error.h"
#include "server/base/mutex.h"

namespace keyledger::app {

// Writes the first failure of a kind at once, then at most one line of the kind per interval, which says how many came
// in between. A kind is a shard, a status code and a reason.
// Threads: thread-safe. Lifetime: the clock must outlive it.
class FailureLog {
 public:
  using Write = std::function<void(const std::string& line)>;

  // `what` begins every line, for example "sweep". `write` gets the lines; it must not call back.
  FailureLog(const Clock& clock, Micros interval, std::string what, Write write);

  void Note(uint32_t shard, const absl::Status& failure);

 private:
  struct Kind {
    Micros written = 0;
    uint64_t unwritten = 0;
  };

  const Clock& clock_;
  const Micros interval_;
  const std::string what_;
  const Write write_;

  Mutex mutex_;
  std::map<std::tuple<uint32_t, absl::StatusCode, Reason>, Kind> kinds_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace keyledger::app
