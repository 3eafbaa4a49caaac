// Threads. The follower keeps the lanes (builds) that are near the head in step, one parse for all of them. A build
// that is far behind (a rebuild, or a new version of one projection) is caught up by a thread of its own and then
// handed to the follower, which is the only one that switches builds and drops tables.
//
// What a crash leaves behind. The switch is one synced write of the meta key; before it the new table is one that
// nothing names, after it the old one is. The new table's rows are synced before, so that it is never behind what the
// old one had. Tables that nothing names are dropped when the engine opens.
//
// A disk that is nearly full. Serving builds stay where they are and try again; a rebuild ends, and its table goes, to
// make room.
#include "projections/engine/engine.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <iterator>
#include <limits>
#include <set>
#include <thread>
#include <utility>

#include <absl/base/thread_annotations.h>
#include <fmt/format.h>

#include "projections/engine/digest.h"
#include "projections/engine/lane.h"
#include "server/base/check.h"
#include "server/base/error.h"
#include "server/base/mutex.h"

namespace keyledger::projections {
namespace {

// A larger chunk is read as this.
constexpr uint64_t kChunkRecordsMax = 1'000'000'000;
// Chunks folded at once by a build that is further behind than that.
constexpr uint64_t kCatchUpChunks = 16;
// A follower this far behind folds at once; one less far behind gathers for a while, unless somebody waits.
constexpr uint64_t kGatherRecords = 8'000;
constexpr std::chrono::milliseconds kGatherTime{20};
// Between two tries to write to a disk that is nearly full.
constexpr std::chrono::milliseconds kDiskRetry{1000};

// Held by every reader of a table; the table may be dropped when it is gone.
class Lease {
 public:
  explicit Lease(std::function<void()> on_end) : on_end_(std::move(on_end)) {}
  ~Lease() { on_end_(); }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

 private:
  std::function<void()> on_end_;
};

// Members go in reverse order: the reader before the lease.
struct LeasedReader {
  std::shared_ptr<Lease> lease;
  std::unique_ptr<store::TableReader> reader;
};

// The serving build as the meta key "projection.<name>" holds it: its letter, then the rebuilds completed.
struct Serving {
  char letter = 'a';
  uint64_t rebuilds = 0;
};

std::string MetaKey(std::string_view projection) { return fmt::format("projection.{}", projection); }

std::string FormatServing(const Serving& serving) { return fmt::format("{}{}", serving.letter, serving.rebuilds); }

absl::StatusOr<Serving> ParseServing(std::string_view key, std::string_view text) {
  Serving serving;
  bool good = text.size() >= 2 && text.size() <= 20 && (text[0] == 'a' || text[0] == 'b');
  for (size_t i = 1; good && i < text.size(); ++i) {
    good = text[i] >= '0' && text[i] <= '9';
    serving.rebuilds = serving.rebuilds * 10 + static_cast<uint64_t>(text[i] - '0');
  }
  if (!good) return MakeError(Reason::kStoreDamaged, fmt::format("setting {} is unreadable", key));
  serving.letter = text[0];
  return serving;
}

std::string TableName(const Projection& projection, char letter) {
  return fmt::format("{}.{}.{}", projection.name(), projection.version(), letter);
}

char OtherLetter(char letter) { return letter == 'a' ? 'b' : 'a'; }

}  // namespace

class Engine::Impl {
 public:
  Impl(store::ShardStore& store, HeadWatch& head, const EngineOptions& options)
      : store_(store), head_(head), chunk_records_(std::clamp<uint64_t>(options.chunk_records, 1, kChunkRecordsMax)) {}

  absl::Status Open(std::vector<std::shared_ptr<const Projection>> projections);
  void Start();
  void Stop();
  absl::StatusOr<std::shared_ptr<const store::TableReader>> Reader(std::string_view projection);
  absl::Status WaitFor(std::string_view projection, uint64_t applied, std::chrono::steady_clock::time_point deadline);
  std::vector<ProjectionStatus> List();
  absl::Status Rebuild(std::string_view projection);

 private:
  // One projection.
  struct Slot {
    // Set at opening.
    std::shared_ptr<const Projection> projection;
    // Of the serving build; guarded by mutex_, as is the rest.
    Serving serving;
    store::Table* table = nullptr;
    std::shared_ptr<Lease> lease;
    uint64_t applied = 0;
    absl::Status failure;
    // Why it does not go on for now; empty while it does.
    std::string waits_for;
    // The catch-up thread has it, and nobody else may take its table away. Set at the start; then the follower's.
    bool catching_up = false;
    // Of the build beside it.
    bool rebuilding = false;
    uint64_t rebuild_applied = 0;
    std::string rebuild_detail;
    std::thread rebuilder;
  };
  // A build that is being folded, and whose it is.
  struct Build {
    Slot* slot = nullptr;
    std::string table_name;
    store::Table* table = nullptr;
    std::unique_ptr<Lane> lane;
    // Not serving yet.
    bool beside = false;
  };
  using Builds = std::vector<std::unique_ptr<Build>>;
  // A table that no longer serves, and who still reads it.
  struct Retired {
    std::string table_name;
    std::weak_ptr<Lease> lease;
    // The follower is dropping it; it takes the entry away when that is done.
    bool dropping = false;
  };

  absl::Status OpenSlot(std::shared_ptr<const Projection> projection);
  std::shared_ptr<Lease> NewLease();
  Slot* Find(std::string_view projection) const;
  std::unique_ptr<Build> ServingBuild(Slot& slot) const;

  void Follow(Builds builds);
  // Waits until there is something to do; returns false when stopping. `from`: position of the next record wanted.
  // If `full`, records wait for the next try.
  bool AwaitWork(uint64_t from, bool full, Builds& adopted, std::vector<std::string>& to_drop);
  // Waits until the slot has applied so many records, or cannot.
  absl::Status AwaitApplied(const Slot& slot, uint64_t applied, std::chrono::steady_clock::time_point deadline)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Drop(const std::vector<std::string>& tables);
  void FoldChunk(const Builds& builds);
  // Makes what the lanes have reached visible.
  void Publish(const Builds& builds);
  // Takes the rebuilds that cannot go on out of `builds`. Returns true if a serving build waits for room on the disk.
  bool EndRebuilds(Builds& builds);
  void SwitchReady(Builds& builds);
  void Switch(Build& build);
  void RunRebuild(Slot& slot, char letter);
  void CatchUp(Builds builds);
  // The table of that name, if there is one yet, is dropped.
  void EndRebuild(Slot& slot, std::string table_name, const absl::Status& why);

  // Set at construction.
  store::ShardStore& store_;
  HeadWatch& head_;
  const uint64_t chunk_records_;

  // Synchronizes itself.
  std::atomic<bool> stop_{false};

  Mutex mutex_;
  // The follower has something to do.
  CondVar work_;
  // A projection moved, failed or stopped; a table was dropped.
  CondVar moved_;
  bool started_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  Builds adopted_ ABSL_GUARDED_BY(mutex_);
  // Calls that wait for a projection to move.
  int waiting_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<Retired> retired_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mutex_);
  uint64_t listener_ ABSL_GUARDED_BY(mutex_) = 0;

  // The follower only: when it began its last chunk.
  std::chrono::steady_clock::time_point last_chunk_;

  // Set at opening. Goes first, since the ends of leases take the mutex.
  std::vector<std::unique_ptr<Slot>> slots_;
};

absl::Status Engine::Impl::Open(std::vector<std::shared_ptr<const Projection>> projections) {
  std::sort(projections.begin(), projections.end(), [](const auto& a, const auto& b) { return a->name() < b->name(); });
  std::set<std::string> named;
  for (auto& projection : projections) {
    KL_RETURN_IF_ERROR(OpenSlot(std::move(projection)));
    named.insert(TableName(*slots_.back()->projection, slots_.back()->serving.letter));
  }
  KL_ASSIGN_OR_RETURN(const std::vector<std::string> tables, store_.ListTables());
  for (const std::string& table : tables) {
    // One that stays costs room and nothing else.
    if (!named.contains(table)) store_.DropTable(table).IgnoreError();
  }
  return absl::OkStatus();
}

absl::Status Engine::Impl::OpenSlot(std::shared_ptr<const Projection> projection) {
  auto slot = std::make_unique<Slot>();
  slot->projection = std::move(projection);
  const std::string key = MetaKey(slot->projection->name());
  KL_ASSIGN_OR_RETURN(const std::optional<std::string> meta, store_.GetMeta(key));
  if (meta.has_value()) {
    KL_ASSIGN_OR_RETURN(slot->serving, ParseServing(key, *meta));
  } else {
    KL_RETURN_IF_ERROR(store_.PutMeta(key, FormatServing(slot->serving)));
  }
  const std::string name = TableName(*slot->projection, slot->serving.letter);
  KL_ASSIGN_OR_RETURN(slot->table, store_.OpenTable(name));
  slot->applied = slot->table->applied();
  slot->lease = NewLease();
  slots_.push_back(std::move(slot));
  return absl::OkStatus();
}

std::shared_ptr<Lease> Engine::Impl::NewLease() {
  return std::make_shared<Lease>([this] {
    MutexLock lock(mutex_);
    work_.NotifyAll();
  });
}

Engine::Impl::Slot* Engine::Impl::Find(std::string_view projection) const {
  for (const auto& slot : slots_) {
    if (slot->projection->name() == projection) return slot.get();
  }
  return nullptr;
}

std::unique_ptr<Engine::Impl::Build> Engine::Impl::ServingBuild(Slot& slot) const {
  auto build = std::make_unique<Build>();
  build->slot = &slot;
  build->table_name = TableName(*slot.projection, slot.serving.letter);
  build->table = slot.table;
  build->lane = std::make_unique<Lane>(*slot.projection, *slot.table);
  return build;
}

void Engine::Impl::Start() {
  Builds near;
  Builds behind;
  uint64_t best = 0;
  for (const auto& slot : slots_) best = std::max(best, slot->table->applied());
  for (const auto& slot : slots_) {
    std::unique_ptr<Build> build = ServingBuild(*slot);
    // One projection that starts over must not hold up those that are nearly there.
    slot->catching_up = build->lane->next() + chunk_records_ < best;
    (slot->catching_up ? behind : near).push_back(std::move(build));
  }
  const uint64_t listener = head_.AddListener([this] {
    MutexLock lock(mutex_);
    work_.NotifyAll();
  });
  MutexLock lock(mutex_);
  KL_CHECK(!started_);
  started_ = true;
  listener_ = listener;
  if (stopping_) return;
  threads_.emplace_back([this, builds = std::move(near)]() mutable {
    pthread_setname_np(pthread_self(), "kl-follow");
    Follow(std::move(builds));
  });
  if (behind.empty()) return;
  threads_.emplace_back([this, builds = std::move(behind)]() mutable {
    pthread_setname_np(pthread_self(), "kl-catch-up");
    CatchUp(std::move(builds));
  });
}

void Engine::Impl::Stop() {
  std::vector<std::thread> threads;
  uint64_t listener = 0;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    stop_.store(true, std::memory_order_relaxed);
    threads.swap(threads_);
    for (const auto& slot : slots_) {
      if (slot->rebuilder.joinable()) threads.push_back(std::move(slot->rebuilder));
    }
    listener = std::exchange(listener_, 0);
  }
  work_.NotifyAll();
  moved_.NotifyAll();
  if (listener != 0) head_.RemoveListener(listener);
  for (std::thread& thread : threads) thread.join();
}

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
    if (!to_drop.empty() || !adopted.empty()) return true;
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

bool Engine::Impl::EndRebuilds(Builds& builds) {
  bool full = false;
  std::erase_if(builds, [this, &full](const std::unique_ptr<Build>& build) {
    const Lane& lane = *build->lane;
    if (!build->beside) full = full || (lane.failure().ok() && !lane.postponed().ok());
    if (!build->beside || (lane.failure().ok() && lane.postponed().ok())) return false;
    EndRebuild(*build->slot, build->table_name, lane.failure().ok() ? lane.postponed() : lane.failure());
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
    if (build->lane->next() < applied) continue;
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
  {
    MutexLock lock(mutex_);
    serving = Serving{OtherLetter(slot.serving.letter), slot.serving.rebuilds + 1};
  }
  absl::Status put = build.table->Flush();
  if (put.ok()) put = store_.PutMeta(MetaKey(slot.projection->name()), FormatServing(serving));
  if (!put.ok()) {
    // After a crash an unfinished setting may yet name the table: it goes only if the setting was refused.
    EndRebuild(slot, ReasonOf(put) == Reason::kCommitOutcomeUnknown ? std::string() : build.table_name, put);
    return;
  }
  build.beside = false;
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

void Engine::Impl::EndRebuild(Slot& slot, std::string table_name, const absl::Status& why) {
  {
    MutexLock lock(mutex_);
    if (!table_name.empty()) retired_.push_back(Retired{std::move(table_name), {}});
    work_.NotifyAll();
    slot.rebuilding = false;
    slot.rebuild_applied = 0;
    slot.rebuild_detail = fmt::format("the last rebuild failed: {}", MessageOf(why));
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
  Builds builds;
  builds.push_back(std::move(build));
  CatchUp(std::move(builds));
}

absl::StatusOr<std::shared_ptr<const store::TableReader>> Engine::Impl::Reader(std::string_view projection) {
  Slot* slot = Find(projection);
  if (slot == nullptr) {
    return MakeError(Reason::kProjectionNotFound, fmt::format("there is no projection \"{}\"", projection));
  }
  auto leased = std::make_shared<LeasedReader>();
  store::Table* table = nullptr;
  {
    MutexLock lock(mutex_);
    if (stopping_) return MakeError(Reason::kStopping, "the server is stopping");
    leased->lease = slot->lease;
    table = slot->table;
  }
  leased->reader = table->NewReader();
  const store::TableReader* reader = leased->reader.get();
  return std::shared_ptr<const store::TableReader>(std::move(leased), reader);
}

absl::Status Engine::Impl::WaitFor(std::string_view projection, uint64_t applied,
                                   std::chrono::steady_clock::time_point deadline) {
  Slot* slot = Find(projection);
  if (slot == nullptr) {
    return MakeError(Reason::kProjectionNotFound, fmt::format("there is no projection \"{}\"", projection));
  }
  MutexLock lock(mutex_);
  if (slot->applied >= applied) return absl::OkStatus();
  ++waiting_;
  work_.NotifyAll();
  const absl::Status status = AwaitApplied(*slot, applied, deadline);
  --waiting_;
  return status;
}

absl::Status Engine::Impl::AwaitApplied(const Slot& slot, uint64_t applied,
                                        std::chrono::steady_clock::time_point deadline) {
  bool in_time = true;
  while (slot.applied < applied) {
    if (stopping_) return MakeError(Reason::kStopping, "the server is stopping");
    if (!slot.failure.ok()) return slot.failure;
    if (!in_time) {
      absl::Status late = MakeError(
          Reason::kProjectionBehind,
          fmt::format("projection {} has applied {} of {} records", slot.projection->name(), slot.applied, applied));
      AddMetadata(late, "applied", std::to_string(slot.applied));
      return late;
    }
    in_time = moved_.WaitUntil(mutex_, deadline);
  }
  return absl::OkStatus();
}

std::vector<ProjectionStatus> Engine::Impl::List() {
  const uint64_t head = head_.head();
  std::vector<ProjectionStatus> all;
  MutexLock lock(mutex_);
  for (const auto& slot : slots_) {
    ProjectionStatus& status = all.emplace_back();
    status.name = slot->projection->name();
    status.version = slot->projection->version();
    status.applied = slot->applied;
    status.lag = head > slot->applied ? head - slot->applied : 0;
    status.rebuild_applied = slot->rebuild_applied;
    status.rebuilds = slot->serving.rebuilds;
    status.detail = slot->rebuild_detail;
    if (!slot->waits_for.empty()) status.detail = slot->waits_for;
    if (!slot->failure.ok()) status.detail = MessageOf(slot->failure);
    if (slot->rebuilding) {
      status.state = BuildState::kRebuilding;
    } else if (!slot->failure.ok()) {
      status.state = BuildState::kFailed;
    }
  }
  return all;
}

absl::StatusOr<std::unique_ptr<Engine>> Engine::Open(store::ShardStore& store, HeadWatch& head,
                                                     std::vector<std::shared_ptr<const Projection>> projections,
                                                     const EngineOptions& options) {
  auto impl = std::make_unique<Impl>(store, head, options);
  KL_RETURN_IF_ERROR(impl->Open(std::move(projections)));
  return std::unique_ptr<Engine>(new Engine(std::move(impl)));
}

Engine::Engine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Engine::~Engine() { Stop(); }
void Engine::Start() { impl_->Start(); }
void Engine::Stop() { impl_->Stop(); }

absl::StatusOr<std::shared_ptr<const store::TableReader>> Engine::Reader(std::string_view projection) const {
  return impl_->Reader(projection);
}

absl::Status Engine::WaitFor(std::string_view projection, uint64_t applied,
                             std::chrono::steady_clock::time_point deadline) const {
  return impl_->WaitFor(projection, applied, deadline);
}

std::vector<ProjectionStatus> Engine::List() const { return impl_->List(); }
absl::Status Engine::Rebuild(std::string_view projection) { return impl_->Rebuild(projection); }

absl::StatusOr<std::string> Engine::Digest(std::string_view projection) const {
  KL_ASSIGN_OR_RETURN(const std::shared_ptr<const store::TableReader> reader, impl_->Reader(projection));
  return DigestRows(*reader);
}

}  // namespace keyledger::projections
