// The follower: folds records into the rows of all builds near the head, in step; and the catch-up of those far behind.
#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

#include "projections/engine/engine_impl.h"
#include "server/base/error.h"

namespace keyledger::projections {
namespace {

// Chunks folded at once by a build that is further behind than that.
constexpr uint64_t kCatchUpChunks = 16;
// A follower this far behind folds at once; one less far behind gathers for a while, unless somebody waits.
constexpr uint64_t kGatherRecords = 8'000;
constexpr std::chrono::milliseconds kGatherTime{20};
// Between two tries to write to a disk that is nearly full.
constexpr std::chrono::milliseconds kDiskRetry{1000};

}  // namespace

bool Engine::Impl::AwaitWork(uint64_t from, bool full, Builds& adopted, std::vector<std::string>& to_drop) {
  const auto retry = std::chrono::steady_clock::now() + kDiskRetry;
  MutexLock lock(mutex_);
  while (true) {
    if (stopping_) return false;
    for (Retired& table : retired_) {
      if (table.dropping || !table.lease.expired()) continue;
      table.dropping = true;
      to_drop.push_back(table.table_name);
    }
    adopted = std::move(adopted_);
    adopted_.clear();
    if (!to_drop.empty() || !adopted.empty() || std::exchange(purged_, false)) return true;
    if (!full && head_.head() > from) {
      // Many small chunks cost more than they are worth while the log grows fast and nobody waits for the rows.
      const auto now = std::chrono::steady_clock::now();
      if (waiting_ > 0 || head_.head() - from >= kGatherRecords || now >= last_chunk_ + kGatherTime) {
        last_chunk_ = now;
        return true;
      }
      work_.WaitUntil(mutex_, last_chunk_ + kGatherTime);
    } else if (full) {
      full = work_.WaitUntil(mutex_, retry);
    } else {
      work_.Wait(mutex_);
    }
  }
}

void Engine::Impl::Drop(const std::vector<std::string>& tables) {
  if (tables.empty()) return;
  for (const std::string& table : tables) {
    // A table that could not be dropped is named by nothing and goes when the engine opens next.
    store_.DropTable(table).IgnoreError();
  }
  MutexLock lock(mutex_);
  std::erase_if(retired_, [&tables](const Retired& retired) {
    return std::find(tables.begin(), tables.end(), retired.table_name) != tables.end();
  });
  work_.NotifyAll();
  moved_.NotifyAll();
}

void Engine::Impl::Follow(Builds builds) {
  bool full = false;
  while (true) {
    uint64_t from = std::numeric_limits<uint64_t>::max();
    for (const auto& build : builds) from = std::min(from, build->lane->next());
    Builds adopted;
    std::vector<std::string> to_drop;
    if (!AwaitWork(from, full, adopted, to_drop)) return;
    Drop(to_drop);
    for (auto& build : adopted) {
      if (!build->beside) build->slot->catching_up = false;
      if (build->lane->failure().ok()) builds.push_back(std::move(build));
    }
    FoldChunk(builds);
    Publish(builds);
    full = EndRebuilds(builds);
    std::erase_if(builds, [](const std::unique_ptr<Build>& build) { return !build->lane->failure().ok(); });
    SwitchReady(builds);
  }
}

void Engine::Impl::FoldChunk(const Builds& builds) {
  std::vector<Lane*> lanes;
  uint64_t from = std::numeric_limits<uint64_t>::max();
  for (const auto& build : builds) {
    lanes.push_back(build->lane.get());
    from = std::min(from, build->lane->next());
  }
  const uint64_t head = head_.head();
  if (lanes.empty() || from >= head) return;
  // Nobody waits for a build that is far behind, and fewer, larger writes cost less.
  const uint64_t most = chunk_records_ * kCatchUpChunks;
  FoldRecords(store_, from, from + (head - from > most ? most : std::min(chunk_records_, head - from)), lanes, stop_);
}

void Engine::Impl::Publish(const Builds& builds) {
  {
    MutexLock lock(mutex_);
    for (const auto& build : builds) {
      if (build->beside) {
        build->slot->rebuild_applied = build->lane->next();
      } else if (build->lane->failure().ok()) {
        build->slot->applied = build->lane->next();
        build->slot->waits_for = build->lane->postponed().ok() ? std::string() : MessageOf(build->lane->postponed());
      } else {
        build->slot->applied = build->lane->table().applied();
        build->slot->failure = build->lane->failure();
      }
    }
  }
  moved_.NotifyAll();
}

void Engine::Impl::CatchUp(Builds builds) {
  while (!stop_.load(std::memory_order_relaxed)) {
    uint64_t from = std::numeric_limits<uint64_t>::max();
    for (const auto& build : builds) from = std::min(from, build->lane->next());
    if (builds.empty() || from + chunk_records_ >= head_.head()) break;
    FoldChunk(builds);
    Publish(builds);
    const bool full = EndRebuilds(builds);
    const auto retry = std::chrono::steady_clock::now() + kDiskRetry;
    const auto failed = std::partition(builds.begin(), builds.end(),
                                       [](const std::unique_ptr<Build>& build) { return build->lane->failure().ok(); });
    MutexLock lock(mutex_);
    adopted_.insert(adopted_.end(), std::make_move_iterator(failed), std::make_move_iterator(builds.end()));
    builds.erase(failed, builds.end());
    work_.NotifyAll();
    while (full && !stopping_ && work_.WaitUntil(mutex_, retry)) {
    }
  }
  MutexLock lock(mutex_);
  for (auto& build : builds) adopted_.push_back(std::move(build));
  work_.NotifyAll();
}

}  // namespace keyledger::projections
