// See checkpoint_keeper.h.
#include "server/shard/checkpoint_keeper.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "server/base/error.h"
#include "server/shard/files.h"

namespace keyledger::shard {

absl::StatusOr<std::unique_ptr<CheckpointKeeper>> CheckpointKeeper::Open(const CheckpointOptions& options,
                                                                         std::string_view ledger_id,
                                                                         std::vector<Shard*> shards,
                                                                         const Clock& clock) {
  std::unique_ptr<CheckpointKeeper> keeper(new CheckpointKeeper(options, clock));
  KL_RETURN_IF_ERROR(CreateDirectories(options.directory));
  for (Shard* const shard : shards) {
    auto slot = std::make_unique<Slot>();
    slot->shard = shard;
    slot->origin = merkle::OriginOf(ledger_id, shard->number());
    slot->file = fmt::format("{}/shard-{:03}.checkpoint", options.directory, shard->number());
    KL_ASSIGN_OR_RETURN(slot->history,
                        CheckpointHistory::Open(CheckpointHistoryPath(options.directory, shard->number())));
    KL_RETURN_IF_ERROR(keeper->LoadNewest(*slot));
    KL_RETURN_IF_ERROR(keeper->ReadKeys(*slot));
    keeper->slots_.push_back(std::move(slot));
  }
  KL_RETURN_IF_ERROR(keeper->LoadKeys());
  return keeper;
}

CheckpointKeeper::~CheckpointKeeper() { Stop(); }

absl::Status CheckpointKeeper::Start() {
  // With a full disk the ledger can still be read; what could not be recorded is recorded before the next checkpoint.
  const absl::Status caught_up = CatchUp();
  if (!caught_up.ok() && ReasonOf(caught_up) != Reason::kDiskNearlyFull) return caught_up;
  MutexLock lock(mutex_);
  started_ = true;
  if (options_.interval.count() > 0) {
    thread_ = std::thread([this] {
      pthread_setname_np(pthread_self(), "kl-checkpoint");
      IntervalLoop();
    });
  }
  return absl::OkStatus();
}

absl::Status CheckpointKeeper::CatchUp() {
  {
    MutexLock lock(rotating_);
    for (const auto& slot : slots_) KL_RETURN_IF_ERROR(EnsureRecorded(*slot));
    KL_RETURN_IF_ERROR(CompleteRotation());
  }
  for (uint32_t shard = 0; shard < slots_.size(); ++shard) {
    if (!Latest(shard).has_value()) KL_RETURN_IF_ERROR(Publish(shard).status());
  }
  return absl::OkStatus();
}

void CheckpointKeeper::Stop() {
  {
    MutexLock lock(mutex_);
    // One that was opened but never started has checked files and made no promise.
    if (stopping_ || !started_) {
      stopping_ = true;
      return;
    }
    stopping_ = true;
  }
  stop_changed_.NotifyAll();
  if (thread_.joinable()) thread_.join();
  for (uint32_t shard = 0; shard < slots_.size(); ++shard) {
    const absl::Status status = Publish(shard).status();
    if (!status.ok() && options_.on_failure) options_.on_failure(shard, status);
  }
}

void CheckpointKeeper::IntervalLoop() {
  for (;;) {
    {
      const auto deadline = std::chrono::steady_clock::now() + options_.interval;
      MutexLock lock(mutex_);
      while (!stopping_ && stop_changed_.WaitUntil(mutex_, deadline)) {
      }
      if (stopping_) return;
    }
    for (uint32_t shard = 0; shard < slots_.size(); ++shard) {
      // What could not be published is tried again at the next interval.
      const absl::Status status = Publish(shard).status();
      if (!status.ok() && options_.on_failure) options_.on_failure(shard, status);
    }
  }
}

std::shared_ptr<const merkle::SigningKey> CheckpointKeeper::key() const {
  MutexLock lock(mutex_);
  return key_;
}

std::optional<PublishedCheckpoint> CheckpointKeeper::Latest(uint32_t shard) const {
  MutexLock lock(slots_[shard]->mutex);
  return slots_[shard]->newest;
}

absl::StatusOr<std::optional<PublishedCheckpoint>> CheckpointKeeper::Publish(uint32_t shard) {
  Slot& slot = *slots_[shard];
  KL_RETURN_IF_ERROR(EnsureRecorded(slot));
  const auto key = this->key();
  KL_RETURN_IF_ERROR(PublishWith(slot, {key.get()}));
  return Latest(shard);
}

absl::Status CheckpointKeeper::PublishWith(Slot& slot, const std::vector<const merkle::SigningKey*>& keys) {
  MutexLock publishing(slot.publishing);
  const auto [size, root] = slot.shard->Root();
  if (size == 0) return absl::OkStatus();
  std::vector<merkle::NoteSigner> signers;
  std::vector<merkle::VerifierKey> verifiers;
  for (const merkle::SigningKey* const key : keys) {
    signers.push_back({slot.origin, key});
    verifiers.push_back(signers.back().verifier_key());
  }
  {
    MutexLock lock(slot.mutex);
    if (slot.newest.has_value() && slot.newest->checkpoint.size >= size) {
      const auto opened = merkle::OpenNote(slot.newest->note, verifiers);
      if (keys.size() == 1 || (opened.ok() && opened->verified.size() == keys.size())) return absl::OkStatus();
    }
  }
  PublishedCheckpoint published;
  published.checkpoint = {slot.origin, size, root};
  published.publish_time = clock_.Now();
  KL_ASSIGN_OR_RETURN(published.note, merkle::SignNote(merkle::FormatCheckpoint(published.checkpoint), signers));
  // A crash after the history and before the file of the newest: the next start takes the newest of both.
  KL_RETURN_IF_ERROR(Step("history"));
  KL_RETURN_IF_ERROR(slot.history->Append(published));
  KL_RETURN_IF_ERROR(Step("checkpoint"));
  KL_RETURN_IF_ERROR(ReplaceFile(slot.file, published.note, 0644));
  KL_ASSIGN_OR_RETURN(const auto known, slot.shard->store().GetMeta("checkpoints"));
  if (!known.has_value()) {
    // From now on checkpoints that are gone are lost, not yet to come.
    KL_RETURN_IF_ERROR(Step("known"));
    KL_RETURN_IF_ERROR(slot.shard->PutMeta("checkpoints", "1"));
  }
  MutexLock lock(slot.mutex);
  slot.newest = std::move(published);
  return absl::OkStatus();
}

absl::StatusOr<std::string> CheckpointKeeper::SignText(uint32_t shard, std::string_view text) const {
  const auto key = this->key();
  return merkle::SignNote(text, std::vector<merkle::NoteSigner>{{slots_[shard]->origin, key.get()}});
}

std::vector<PublishedKey> CheckpointKeeper::keys(uint32_t shard) const {
  const auto key = this->key();
  MutexLock lock(slots_[shard]->mutex);
  std::vector<PublishedKey> keys = slots_[shard]->keys;
  for (PublishedKey& published : keys) published.current = published.key.public_key() == key->public_key();
  return keys;
}

std::vector<merkle::VerifierKey> CheckpointKeeper::verifier_keys(uint32_t shard) const {
  std::vector<merkle::VerifierKey> keys;
  MutexLock lock(slots_[shard]->mutex);
  for (const PublishedKey& published : slots_[shard]->keys) keys.push_back(published.key);
  return keys;
}

}  // namespace keyledger::shard
