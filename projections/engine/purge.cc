// Purging: what projections that hold personal data have deleted disappears from their files.
//
// Deleting a row leaves its bytes in a file until that file is written anew; and that keeps them while a reader is
// alive that is older than the deletion, whatever table it reads: readers of a store share its snapshots. So a purge
// waits for every reader lent before it. A rebuild does the same before it serves.
#include <algorithm>
#include <memory>
#include <string>

#include <fmt/format.h>

#include "projections/engine/engine_impl.h"
#include "server/base/error.h"

namespace keyledger::projections {

void Engine::Impl::GiveBack(uint64_t age) {
  MutexLock lock(mutex_);
  const auto lent = lent_.find(age);
  if (--lent->second > 0) return;
  lent_.erase(lent);
  moved_.NotifyAll();
}

std::string Engine::Impl::KeptFromPurge(const Slot& slot, uint64_t age) const {
  if (slot.rebuilding) return "it is being rebuilt";
  const std::string_view name = slot.projection->name();
  for (const Retired& table : retired_) {
    // "<projection>.<version>.<letter>", and no name holds a point.
    if (std::string_view(table.table_name).substr(0, table.table_name.find('.')) == name) {
      return "the build before it is still read";
    }
  }
  return KeptByReaders(age);
}

std::string Engine::Impl::KeptByReaders(uint64_t age) const {
  return !lent_.empty() && lent_.begin()->first <= age ? "a query that began before is still reading" : "";
}

absl::Status Engine::Impl::PurgeSlot(Slot& slot, uint64_t age, std::chrono::steady_clock::time_point deadline) {
  // Held while the table is compacted: it cannot be dropped.
  std::shared_ptr<Lease> lease;
  store::Table* table = nullptr;
  {
    MutexLock lock(mutex_);
    bool in_time = true;
    for (std::string kept = KeptFromPurge(slot, age); !kept.empty(); kept = KeptFromPurge(slot, age)) {
      if (stopping_) return MakeError(Reason::kStopping, "the server is stopping");
      if (!in_time) {
        return MakeError(Reason::kProjectionBehind,
                         fmt::format("projection {} cannot be purged yet: {}", slot.projection->name(), kept));
      }
      in_time = moved_.WaitUntil(mutex_, deadline);
    }
    lease = slot.lease;
    table = slot.table;
  }
  return table->Compact(stop_);
}

void Engine::Impl::PurgeRebuilt(std::shared_ptr<Purging> purging) {
  bool goes_on = true;
  {
    MutexLock lock(mutex_);
    const auto ends = [this, &purging]()
                          ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopping_ || purging->abandoned; };
    while (!ends() && !purging->due) moved_.Wait(mutex_);
    const uint64_t age = purges_++;
    while (!ends() && !KeptByReaders(age).empty()) moved_.Wait(mutex_);
    goes_on = !ends();
  }
  const absl::Status status =
      goes_on ? purging->table->Compact(stop_) : MakeError(Reason::kStopping, "the rebuild has ended");
  {
    MutexLock lock(mutex_);
    purging->status = status;
    purging->done = true;
    purged_ = true;
  }
  // Before the follower is told: a table that is to go waits for this.
  purging.reset();
  MutexLock lock(mutex_);
  work_.NotifyAll();
}

bool Engine::Impl::IsPurged(const Build& build) {
  if (build.purging == nullptr) return true;
  {
    MutexLock lock(mutex_);
    if (build.purging->done) return true;
    build.purging->due = true;
  }
  moved_.NotifyAll();
  return false;
}

absl::Status Engine::Impl::Purge(uint64_t applied, std::chrono::steady_clock::time_point deadline) {
  std::vector<Slot*> slots;
  for (const auto& slot : slots_) {
    if (!slot->projection->holds_personal_data()) continue;
    slots.push_back(slot.get());
    KL_RETURN_IF_ERROR(WaitFor(slot->projection->name(), applied, deadline));
  }
  if (slots.empty()) return absl::OkStatus();
  uint64_t age = 0;
  {
    // Readers lent from here on see the rows as they are after the deletion.
    MutexLock lock(mutex_);
    age = purges_++;
  }
  for (Slot* slot : slots) KL_RETURN_IF_ERROR(PurgeSlot(*slot, age, deadline));
  return absl::OkStatus();
}

}  // namespace keyledger::projections
