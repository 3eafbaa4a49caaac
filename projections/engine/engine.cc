// Opening, starting, stopping, and what is asked of an engine. See engine_impl.h.
#include "projections/engine/engine.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "projections/engine/digest.h"
#include "projections/engine/engine_impl.h"
#include "server/base/check.h"
#include "server/base/error.h"

namespace keyledger::projections {
namespace {

// A larger chunk is read as this.
constexpr uint64_t kChunkRecordsMax = 1'000'000'000;

// Members go in reverse order: the reader before what says that it is there.
struct LeasedReader {
  explicit LeasedReader(std::function<void()> on_end) : counted(std::move(on_end)) {}

  Lease counted;
  std::shared_ptr<Lease> lease;
  std::unique_ptr<store::TableReader> reader;
};

}  // namespace

Engine::Impl::Impl(store::ShardStore& store, HeadWatch& head, const EngineOptions& options)
    : store_(store), head_(head), chunk_records_(std::clamp<uint64_t>(options.chunk_records, 1, kChunkRecordsMax)) {}

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

absl::StatusOr<std::shared_ptr<const store::TableReader>> Engine::Impl::Reader(std::string_view projection) {
  Slot* slot = Find(projection);
  if (slot == nullptr) {
    return MakeError(Reason::kProjectionNotFound, fmt::format("there is no projection \"{}\"", projection));
  }
  std::shared_ptr<LeasedReader> leased;
  store::Table* table = nullptr;
  {
    MutexLock lock(mutex_);
    if (stopping_) return MakeError(Reason::kStopping, "the server is stopping");
    leased = std::make_shared<LeasedReader>([this, age = purges_] { GiveBack(age); });
    ++lent_[purges_];
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

absl::Status Engine::Purge(uint64_t applied, std::chrono::steady_clock::time_point deadline) {
  return impl_->Purge(applied, deadline);
}

std::vector<ProjectionStatus> Engine::List() const { return impl_->List(); }
absl::Status Engine::Rebuild(std::string_view projection) { return impl_->Rebuild(projection); }

absl::StatusOr<std::string> Engine::Digest(std::string_view projection) const {
  KL_ASSIGN_OR_RETURN(const std::shared_ptr<const store::TableReader> reader, impl_->Reader(projection));
  return DigestRows(*reader);
}

}  // namespace keyledger::projections
