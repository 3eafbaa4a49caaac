#include "server/app/failure_log.h"

#include <utility>

#include <fmt/format.h>

namespace keyledger::app {

FailureLog::FailureLog(const Clock& clock, Micros interval, std::string what, Write write)
    : clock_(clock), interval_(interval), what_(std::move(what)), write_(std::move(write)) {}

void FailureLog::Note(uint32_t shard, const absl::Status& failure) {
  const Micros now = clock_.Now();
  std::string line = fmt::format("{}: shard {}: {}", what_, shard, MessageOf(failure));
  {
    MutexLock lock(mutex_);
    const auto [it, is_new] = kinds_.try_emplace({shard, failure.code(), ReasonOf(failure)});
    Kind& kind = it->second;
    // A clock that was set back starts the interval anew.
    if (!is_new && now >= kind.written && now - kind.written < interval_) {
      kind.unwritten += 1;
      return;
    }
    if (kind.unwritten > 0) line += fmt::format(" ({} more of this kind since the last line)", kind.unwritten);
    kind = {now, 0};
  }
  write_(line);
}

}  // namespace keyledger::app
