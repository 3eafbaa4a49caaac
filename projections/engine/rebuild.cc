// A rebuild: a build from zero beside the serving one, and the switch to it.
#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "projections/engine/engine_impl.h"
#include "server/base/error.h"

namespace keyledger::projections {

absl::Status Engine::Impl::Rebuild(std::string_view projection) {
  Slot* slot = Find(projection);
  if (slot == nullptr) {
    return MakeError(Reason::kProjectionNotFound, fmt::format("there is no projection \"{}\"", projection));
  }
  // The thread of the rebuild before: it has ended or is about to.
  std::thread ended;
  {
    MutexLock lock(mutex_);
    if (stopping_) return MakeError(Reason::kStopping, "the server is stopping");
    if (slot->rebuilding) {
      return MakeError(Reason::kRebuildRunning,
                       fmt::format("projection {} is being rebuilt; wait for it to end", projection));
    }
    slot->rebuilding = true;
    slot->rebuild_applied = 0;
    slot->rebuild_detail.clear();
    const char letter = OtherLetter(slot->serving.letter);
    ended = std::exchange(slot->rebuilder, std::thread([this, slot, letter] {
                            pthread_setname_np(pthread_self(), "kl-rebuild");
                            RunRebuild(*slot, letter);
                          }));
  }
  if (ended.joinable()) ended.join();
  return absl::OkStatus();
}

void Engine::Impl::RunRebuild(Slot& slot, char letter) {
  auto build = std::make_unique<Build>();
  build->slot = &slot;
  build->beside = true;
  build->table_name = TableName(*slot.projection, letter);
  {
    // The build replaced last had this name: it is free when its readers are gone and the follower has dropped it.
    const auto is_mine = [&build](const Retired& table) { return table.table_name == build->table_name; };
    MutexLock lock(mutex_);
    while (!stopping_ && std::any_of(retired_.begin(), retired_.end(), is_mine)) work_.Wait(mutex_);
    if (stopping_) return;
  }
  // What an unfinished rebuild has left.
  if (absl::Status dropped = store_.DropTable(build->table_name); !dropped.ok()) {
    EndRebuild(slot, "", dropped);
    return;
  }
  absl::StatusOr<store::Table*> table = store_.OpenTable(build->table_name);
  if (!table.ok()) {
    EndRebuild(slot, "", table.status());
    return;
  }
  build->table = *table;
  build->lane = std::make_unique<Lane>(*slot.projection, **table);
  std::shared_ptr<Purging> purging;
  if (slot.projection->holds_personal_data()) {
    purging = std::make_shared<Purging>();
    purging->table = *table;
  }
  build->purging = purging;
  Builds builds;
  builds.push_back(std::move(build));
  CatchUp(std::move(builds));
  if (purging != nullptr) PurgeRebuilt(std::move(purging));
}

void Engine::Impl::EndRebuild(Slot& slot, std::string table_name, const absl::Status& why,
                              const std::shared_ptr<Purging>& purging) {
  {
    MutexLock lock(mutex_);
    if (!table_name.empty()) retired_.push_back(Retired{std::move(table_name), purging});
    if (purging != nullptr) purging->abandoned = true;
    work_.NotifyAll();
    slot.rebuilding = false;
    slot.rebuild_applied = 0;
    slot.rebuild_detail = fmt::format("the last rebuild failed: {}", MessageOf(why));
  }
  moved_.NotifyAll();
}

bool Engine::Impl::EndRebuilds(Builds& builds) {
  bool full = false;
  std::erase_if(builds, [this, &full](const std::unique_ptr<Build>& build) {
    const Lane& lane = *build->lane;
    if (!build->beside) full = full || (lane.failure().ok() && !lane.postponed().ok());
    if (!build->beside || (lane.failure().ok() && lane.postponed().ok())) return false;
    EndRebuild(*build->slot, build->table_name, lane.failure().ok() ? lane.postponed() : lane.failure(),
               build->purging);
    return true;
  });
  return full;
}

void Engine::Impl::SwitchReady(Builds& builds) {
  std::set<const Build*> replaced;
  for (const auto& build : builds) {
    // The catch-up thread hands over a build it has done with, also one that failed.
    if (!build->beside || build->slot->catching_up) continue;
    uint64_t applied = 0;
    {
      MutexLock lock(mutex_);
      applied = build->slot->applied;
    }
    // Readers never go back: the new build serves once it includes what the old one did.
    if (build->lane->next() < applied || !IsPurged(*build)) continue;
    for (const auto& other : builds) {
      if (other->slot == build->slot && other != build) replaced.insert(other.get());
    }
    Switch(*build);
    if (build->beside) {
      // Rows or setting could not be written: the old build goes on serving.
      std::erase_if(replaced, [&build](const Build* other) { return other->slot == build->slot; });
      replaced.insert(build.get());
    }
  }
  std::erase_if(builds, [&replaced](const std::unique_ptr<Build>& build) { return replaced.contains(build.get()); });
}

void Engine::Impl::Switch(Build& build) {
  Slot& slot = *build.slot;
  Serving serving;
  absl::Status put;
  {
    MutexLock lock(mutex_);
    if (build.purging != nullptr) put = build.purging->status;
    serving = Serving{OtherLetter(slot.serving.letter), slot.serving.rebuilds + 1};
  }
  if (put.ok()) put = build.table->Flush();
  if (put.ok()) put = store_.PutMeta(MetaKey(slot.projection->name()), FormatServing(serving));
  if (!put.ok()) {
    // After a crash an unfinished setting may yet name the table: it goes only if the setting was refused.
    EndRebuild(slot, ReasonOf(put) == Reason::kCommitOutcomeUnknown ? std::string() : build.table_name, put,
               build.purging);
    return;
  }
  build.beside = false;
  build.purging.reset();
  std::shared_ptr<Lease> lease = NewLease();
  {
    MutexLock lock(mutex_);
    retired_.push_back(Retired{TableName(*slot.projection, slot.serving.letter), slot.lease});
    slot.serving = serving;
    slot.table = build.table;
    slot.lease.swap(lease);
    slot.applied = build.lane->next();
    slot.failure = absl::OkStatus();
    slot.waits_for.clear();
    slot.rebuilding = false;
    slot.rebuild_applied = 0;
    slot.rebuild_detail.clear();
  }
  moved_.NotifyAll();
  // The old lease goes here, outside the lock that its end takes.
}

}  // namespace keyledger::projections
