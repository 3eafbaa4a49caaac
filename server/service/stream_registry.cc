// See stream_registry.h.
#include "server/service/stream_registry.h"

#include <utility>

namespace keyledger::service {

std::optional<uint64_t> StreamRegistry::Add(std::function<void()> stop) {
  MutexLock lock(mutex_);
  if (stopping_ || streams_.size() >= streams_max_) return std::nullopt;
  streams_.emplace(next_id_, std::move(stop));
  return next_id_++;
}

void StreamRegistry::Remove(uint64_t id) {
  MutexLock lock(mutex_);
  streams_.erase(id);
}

void StreamRegistry::StopAll() {
  MutexLock lock(mutex_);
  stopping_ = true;
  for (auto& [id, stop] : streams_) {
    if (stop) std::exchange(stop, nullptr)();
  }
}

bool StreamRegistry::stopping() const {
  MutexLock lock(mutex_);
  return stopping_;
}

size_t StreamRegistry::size() const {
  MutexLock lock(mutex_);
  return streams_.size();
}

}  // namespace keyledger::service
