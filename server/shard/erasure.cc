// Erasures. See privacy.h.
#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/domain/proto_time.h"
#include "server/merkle/tree.h"
#include "server/shard/account_reader.h"
#include "server/shard/erasure_certificate.h"
#include "server/shard/privacy.h"
#include "server/shard/privacy_keys.h"

namespace keyledger::shard {
namespace {

// Between two tries of an erasure that cannot go on: the first time, and at most.
constexpr std::chrono::milliseconds kPauseFirst{100};
constexpr std::chrono::milliseconds kPauseMax{30'000};

std::string Join(const std::vector<std::string>& texts, size_t count, char separator) {
  std::string joined;
  for (size_t i = 0; i < std::min(count, texts.size()); ++i) {
    if (i > 0) joined += separator;
    joined += texts[i];
  }
  return joined;
}

}  // namespace

absl::StatusOr<bool> Privacy::IsErased(const std::string& subject_id) const {
  {
    MutexLock lock(mutex_);
    if (open_.has_value() && open_->subject_id() == subject_id) return true;
  }
  KL_ASSIGN_OR_RETURN(const std::optional<uint64_t> position, shards_[0]->store().GetUnique(ErasureKey(subject_id)));
  return position.has_value();
}

absl::StatusOr<Erasure> Privacy::Erase(const PrivacyRequest& request, std::chrono::steady_clock::time_point deadline) {
  for (;;) {
    KL_ASSIGN_OR_RETURN(const std::optional<Wait> wait, BeginErasure(request));
    if (!wait.has_value()) return ReadErasure(request.subject_id);
    absl::Status ended = AwaitErasure(wait->number, deadline);
    if (wait->mine) {
      KL_RETURN_IF_ERROR(ended);
      return ReadErasure(request.subject_id);
    }
    if (!ended.ok()) {
      return ReasonOf(ended) == Reason::kStopping
                 ? ended
                 : MakeError(Reason::kProjectionBehind,
                             fmt::format("the erasure of another subject is under way: {}", MessageOf(ended)));
    }
  }
}

absl::StatusOr<std::optional<Privacy::Wait>> Privacy::BeginErasure(const PrivacyRequest& request) {
  MutexLock order(order_mutex_);
  std::vector<std::string> hold_ids;
  {
    MutexLock lock(mutex_);
    if (open_.has_value()) {
      if (open_->request_id() == request.request_id && open_->digest() != request.digest) return RequestReused();
      // Its record may stand already, while projections are still being purged.
      return Wait{begun_, open_->subject_id() == request.subject_id};
    }
    for (auto at = holds_.lower_bound(std::pair(request.subject_id, std::string()));
         at != holds_.end() && at->first.first == request.subject_id; ++at) {
      hold_ids.push_back(at->first.second);
    }
  }
  // Looked up after the erasure under way: one that ends in between is found here.
  KL_ASSIGN_OR_RETURN(const auto before, RecordedBy(request));
  KL_ASSIGN_OR_RETURN(const bool erased, IsErased(request.subject_id));
  if (before.has_value() || erased) {
    // An older copy of the vault, put in its place since, has the key again.
    if (erased && options_.destroy_key) KL_RETURN_IF_ERROR(options_.destroy_key(request.subject_id));
    return std::nullopt;
  }
  if (!hold_ids.empty()) return RefuseHeld(request, hold_ids);
  if (!options_.destroy_key) {
    return MakeError(Reason::kNoMasterKey,
                     "the server has no master key, so it seals nothing and can erase nobody; start it with "
                     "--master-key-file or --master-key-command");
  }
  storage::v1::OpenErasure open;
  open.set_subject_id(request.subject_id);
  open.set_reason(request.reason);
  open.set_request_id(request.request_id);
  open.set_actor(request.actor);
  open.set_digest(request.digest);
  // If the outcome is unknown, the shard takes no more writes, and the next start finds the row or does not.
  KL_RETURN_IF_ERROR(shards_[0]->PutMeta(kOpenErasureKey, open.SerializeAsString()));
  MutexLock lock(mutex_);
  open_ = std::move(open);
  begun_ += 1;
  changed_.NotifyAll();
  return Wait{begun_, true};
}

absl::Status Privacy::RefuseHeld(const PrivacyRequest& request, const std::vector<std::string>& hold_ids) const {
  const std::vector<std::string> named(hold_ids.begin(),
                                       hold_ids.begin() + std::min(hold_ids.size(), kRefusedHoldsMax));
  events::v1::Event event;
  events::v1::ErasureRefused& refused = *event.mutable_erasure_refused();
  refused.set_subject_id(request.subject_id);
  refused.set_reason(request.reason);
  for (const std::string& hold_id : named) refused.add_hold_ids(hold_id);
  // Not the request's own id: once the hold is released, the request repeated erases. No client can send spaces.
  std::string holds_digest;
  for (const uint8_t byte : merkle::Sha256(Join(named, named.size(), ' '))) holds_digest += fmt::format("{:02x}", byte);
  KL_RETURN_IF_ERROR(
      Record(0, event, fmt::format("refuse {} {}", request.request_id, holds_digest), request.actor, request.digest, {})
          .status());
  absl::Status status = MakeError(
      Reason::kLegalHold,
      fmt::format("subject {} is under {} legal hold{} ({}{}) and must not be erased; the refusal is recorded",
                  request.subject_id, hold_ids.size(), hold_ids.size() == 1 ? "" : "s",
                  Join(named, kNamedHoldsMax, ' '), hold_ids.size() > kNamedHoldsMax ? " ..." : ""));
  AddMetadata(status, "hold_ids", Join(named, kNamedHoldsMax, ' '));
  return status;
}

absl::Status Privacy::AwaitErasure(uint64_t number, std::chrono::steady_clock::time_point deadline) {
  MutexLock lock(mutex_);
  const uint64_t failures = failures_;
  bool in_time = true;
  hurry_ = true;
  changed_.NotifyAll();
  while (ended_ < number) {
    if (stopping_) return MakeError(Reason::kStopping, "the server is stopping");
    if (failures_ > failures) return failure_;
    if (!in_time) {
      return MakeError(Reason::kProjectionBehind,
                       "the erasure is under way and goes on by itself; repeat the request for its certificate");
    }
    in_time = changed_.WaitUntil(mutex_, deadline);
  }
  return absl::OkStatus();
}

void Privacy::Loop() {
  std::chrono::milliseconds pause{0};
  for (;;) {
    storage::v1::OpenErasure open;
    {
      MutexLock lock(mutex_);
      while (!stopping_ && !open_.has_value()) changed_.Wait(mutex_);
      const auto retry = std::chrono::steady_clock::now() + pause;
      while (!stopping_ && !hurry_ && std::chrono::steady_clock::now() < retry) changed_.WaitUntil(mutex_, retry);
      if (stopping_) return;
      hurry_ = false;
      open = *open_;
    }
    const absl::Status status = CompleteErasure(open);
    MutexLock lock(mutex_);
    failure_ = status;
    if (status.ok()) {
      open_.reset();
      ended_ += 1;
      pause = std::chrono::milliseconds(0);
    } else {
      failures_ += 1;
      pause = std::clamp(pause * 2, kPauseFirst, kPauseMax);
    }
    changed_.NotifyAll();
  }
}

absl::Status Privacy::CompleteErasure(const storage::v1::OpenErasure& open) const {
  if (!options_.destroy_key) {
    return MakeError(Reason::kNoMasterKey,
                     fmt::format("the erasure of subject {} was begun and cannot be completed: the server was started "
                                 "without the master key",
                                 open.subject_id()));
  }
  KL_RETURN_IF_ERROR(options_.destroy_key(open.subject_id()));
  events::v1::Event event;
  event.mutable_subject_erased()->set_subject_id(open.subject_id());
  event.mutable_subject_erased()->set_reason(open.reason());
  std::vector<uint64_t> applied(shards_.size(), 0);
  for (auto number = static_cast<uint32_t>(shards_.size()); number-- > 0;) {
    // An attempt before this one may have come so far.
    KL_ASSIGN_OR_RETURN(std::optional<uint64_t> position,
                        shards_[number]->store().GetUnique(ErasureKey(open.subject_id())));
    if (!position.has_value()) {
      KL_ASSIGN_OR_RETURN(
          position, Record(number, event, open.request_id(), open.actor(), open.digest(),
                           {.unique_key = ErasureKey(open.subject_id()), .hold_placed = {}, .hold_released = {}}));
    }
    applied[number] = *position + 1;
  }
  const auto deadline = std::chrono::steady_clock::now() + options_.purge_patience;
  for (size_t number = 0; number < engines_.size(); ++number) {
    KL_RETURN_IF_ERROR(engines_[number]->Purge(applied[number], deadline));
  }
  return shards_[0]->PutMeta(kOpenErasureKey, "");
}

absl::StatusOr<Erasure> Privacy::ReadErasure(const std::string& subject_id) const {
  Erasure erasure;
  std::vector<ErasureRecord> places;
  for (uint32_t number = 0; number < shards_.size(); ++number) {
    const store::ShardStore& store = shards_[number]->store();
    KL_ASSIGN_OR_RETURN(const std::optional<uint64_t> position, store.GetUnique(ErasureKey(subject_id)));
    if (!position.has_value()) {
      return MakeError(
          Reason::kStoreDamaged,
          fmt::format("the record of the erasure of subject {} is missing on shard {}", subject_id, number));
    }
    KL_ASSIGN_OR_RETURN(const std::string bytes, store.GetRecord(*position));
    events::v1::EventRecord record;
    if (!record.ParseFromString(bytes) || record.event().subject_erased().subject_id() != subject_id) {
      return UnreadableRecord(kPrivacyStream, *position);
    }
    places.push_back({number, *position, merkle::LeafHash(bytes)});
    erasure.records.push_back(std::move(record));
  }
  erasure.erase_time = domain::MicrosOf(erasure.records[0].record_time());
  const std::string& reason = erasure.records[0].event().subject_erased().reason();
  KL_ASSIGN_OR_RETURN(
      erasure.certificate,
      options_.sign(0, ErasureCertificateText(options_.ledger_id, subject_id, reason, erasure.erase_time, places)));
  return erasure;
}

absl::Status Privacy::failure() const {
  MutexLock lock(mutex_);
  return failure_;
}

}  // namespace keyledger::shard
