// The signing key: loaded, recorded on every shard, put in the place of another. See checkpoint_keeper.h and
// CHECKPOINTS.md.
#include <future>
#include <limits>

#include <fmt/format.h>

#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/domain/proto_time.h"
#include "server/merkle/tree.h"
#include "server/shard/checkpoint_keeper.h"
#include "server/shard/files.h"
#include "server/shard/sequencer.h"

namespace keyledger::shard {
namespace {

// No client can send a request_id with a blank.
constexpr char kFirstKeyRequest[] = "first signing key";

std::string DigestOf(const std::string& reason) {
  const merkle::Hash digest = merkle::Sha256(reason);
  return std::string(digest.begin(), digest.end());
}

absl::StatusOr<PublishedKey> ReadKey(uint32_t shard, uint64_t position, std::string_view bytes) {
  const auto damaged = [&](const std::string& what) {
    return MakeError(Reason::kStoreDamaged,
                     fmt::format("record {} of shard {}, which publishes a signing key, {}", position, shard, what));
  };
  events::v1::EventRecord record;
  if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) ||
      !record.event().has_signing_key_published()) {
    return damaged("cannot be read");
  }
  const auto key = merkle::VerifierKey::Parse(record.event().signing_key_published().verifier_key());
  if (!key.ok()) return damaged(MessageOf(key.status()));
  return PublishedKey{*key, domain::MicrosOf(record.record_time()), position, false};
}

}  // namespace

absl::Status CheckpointKeeper::ReadKeys(Slot& slot) {
  std::vector<PublishedKey> keys;
  auto records = slot.shard->store().ReadStream(kKeysStream, 0, std::numeric_limits<uint64_t>::max(), false);
  while (records->Next()) {
    KL_ASSIGN_OR_RETURN(PublishedKey key, ReadKey(slot.shard->number(), records->position(), records->bytes()));
    keys.push_back(std::move(key));
  }
  KL_RETURN_IF_ERROR(records->status());
  MutexLock lock(slot.mutex);
  slot.keys = std::move(keys);
  return absl::OkStatus();
}

absl::Status CheckpointKeeper::LoadKeys() {
  MutexLock rotating(rotating_);
  KL_ASSIGN_OR_RETURN(std::optional<merkle::SigningKey> current, key_directory_.Current());
  KL_ASSIGN_OR_RETURN(const std::optional<merkle::SigningKey> next, key_directory_.Next());
  std::vector<merkle::SigningKey> there;
  if (current.has_value()) there.push_back(*current);
  if (next.has_value()) there.push_back(*next);
  bool used = false;
  for (const auto& slot : slots_) {
    if (current.has_value()) KL_RETURN_IF_ERROR(CheckLog(*slot, there));
    MutexLock lock(slot->mutex);
    used = used || slot->newest.has_value() || !slot->keys.empty();
  }
  if (!current.has_value() && (used || next.has_value())) {
    return absl::FailedPreconditionError(fmt::format(
        "the signing key {} is missing, though the ledger has signed with it; restore it from where it is kept safe",
        key_directory_.key_file()));
  }
  if (!current.has_value()) {
    current = merkle::SigningKey::Generate();
    KL_RETURN_IF_ERROR(Step("first key"));
    KL_RETURN_IF_ERROR(key_directory_.Create(*current));
  }
  {
    MutexLock lock(mutex_);
    key_ = std::make_shared<const merkle::SigningKey>(*std::move(current));
  }
  return CheckKey(*key(), next);
}

absl::Status CheckpointKeeper::CheckKey(const merkle::SigningKey& key,
                                        const std::optional<merkle::SigningKey>& next) const {
  for (const auto& slot : slots_) {
    MutexLock lock(slot->mutex);
    if (slot->keys.empty()) continue;
    const merkle::PublicKey& last = slot->keys.back().key.public_key();
    if (last == key.public_key() || (next.has_value() && last == next->public_key())) continue;
    return absl::FailedPreconditionError(
        fmt::format("{} is not the signing key that shard {} published last ({}); put that one in its place",
                    key_directory_.key_file(), slot->shard->number(), slot->keys.back().key.Format()));
  }
  return absl::OkStatus();
}

absl::Status CheckpointKeeper::RecordKey(Slot& slot, const merkle::SigningKey& key, const std::string& request_id,
                                         const std::string& reason, const std::string& actor) {
  const merkle::VerifierKey verifier(slot.origin, key.public_key());
  events::v1::Event event;
  events::v1::SigningKeyPublished& published = *event.mutable_signing_key_published();
  published.set_verifier_key(verifier.Format());
  published.set_reason(reason);
  {
    MutexLock lock(slot.mutex);
    for (const PublishedKey& known : slot.keys) {
      if (known.key == verifier) return absl::OkStatus();
    }
    if (!slot.keys.empty()) published.set_replaced_verifier_key(slot.keys.back().key.Format());
  }
  std::promise<absl::Status> promise;
  slot.shard->RecordOwn(kKeysStream, std::move(event), request_id, actor, DigestOf(reason),
                        [&](const absl::StatusOr<AppendAnswer>& answer) { promise.set_value(answer.status()); });
  KL_RETURN_IF_ERROR(promise.get_future().get());
  return ReadKeys(slot);
}

absl::Status CheckpointKeeper::EnsureRecorded(Slot& slot) {
  {
    MutexLock lock(slot.mutex);
    if (!slot.keys.empty()) return absl::OkStatus();
  }
  KL_RETURN_IF_ERROR(Step("record first key"));
  return RecordKey(slot, *key(), kFirstKeyRequest, "", "");
}

absl::Status CheckpointKeeper::CompleteRotation() {
  KL_ASSIGN_OR_RETURN(std::optional<merkle::SigningKey> next, key_directory_.Next());
  // A rotation that has no key yet has not begun; one whose key is the current one is complete.
  if (!next.has_value()) {
    KL_RETURN_IF_ERROR(ReloadKey());
    return key_directory_.Clean();
  }
  KL_ASSIGN_OR_RETURN(const PendingRotation rotation, key_directory_.Rotation());
  const auto old_key = key();
  for (const auto& slot : slots_) {
    // What the old key covers is what makes the new one trusted.
    KL_RETURN_IF_ERROR(EnsureRecorded(*slot));
    KL_RETURN_IF_ERROR(Step("record new key"));
    KL_RETURN_IF_ERROR(RecordKey(*slot, *next, rotation.request_id, rotation.reason, rotation.actor));
  }
  for (const auto& slot : slots_) KL_RETURN_IF_ERROR(PublishWith(*slot, {old_key.get(), &*next}));
  KL_RETURN_IF_ERROR(Step("switch key"));
  KL_RETURN_IF_ERROR(key_directory_.Switch());
  {
    MutexLock lock(mutex_);
    key_ = std::make_shared<const merkle::SigningKey>(*std::move(next));
  }
  KL_RETURN_IF_ERROR(Step("clean"));
  return key_directory_.Clean();
}

absl::Status CheckpointKeeper::ReloadKey() {
  // A switch that ended with an error, as when its directory could not be synced, has put the new key in place all the
  // same.
  KL_ASSIGN_OR_RETURN(std::optional<merkle::SigningKey> current, key_directory_.Current());
  if (!current.has_value()) {
    return absl::FailedPreconditionError(
        fmt::format("the signing key {} is missing; restore it from where it is kept safe", key_directory_.key_file()));
  }
  if (current->public_key() == key()->public_key()) return absl::OkStatus();
  KL_RETURN_IF_ERROR(CheckKey(*current, std::nullopt));
  MutexLock lock(mutex_);
  key_ = std::make_shared<const merkle::SigningKey>(*std::move(current));
  return absl::OkStatus();
}

absl::StatusOr<std::optional<std::vector<PublishedKey>>> CheckpointKeeper::RotatedBefore(
    const std::string& request_id, const std::string& digest) const {
  std::vector<PublishedKey> keys;
  for (const auto& slot : slots_) {
    const store::ShardStore& store = slot->shard->store();
    KL_ASSIGN_OR_RETURN(const std::optional<std::string> row, store.GetRequest(kKeysStream, request_id));
    if (!row.has_value()) return std::nullopt;
    KL_ASSIGN_OR_RETURN(const AppendAnswer answer, ReadAnswer(store, slot->shard->number(), *row, false));
    KL_ASSIGN_OR_RETURN(const std::string bytes, store.GetRecord(answer.events.at(0).position));
    events::v1::EventRecord record;
    if (record.ParseFromString(bytes) && record.request_digest() != digest) {
      return MakeError(Reason::kRequestIdReused,
                       "request_id was used before with another reason; take a new request_id for a new request");
    }
    KL_ASSIGN_OR_RETURN(PublishedKey key, ReadKey(slot->shard->number(), answer.events.at(0).position, bytes));
    key.current = key.key.public_key() == this->key()->public_key();
    keys.push_back(std::move(key));
  }
  return keys;
}

absl::StatusOr<std::vector<PublishedKey>> CheckpointKeeper::RotateKey(const std::string& request_id,
                                                                      const std::string& reason,
                                                                      const std::string& actor) {
  const std::string digest = DigestOf(reason);
  MutexLock lock(rotating_);
  // One that was interrupted comes first, also if it is this one.
  KL_RETURN_IF_ERROR(CompleteRotation());
  KL_ASSIGN_OR_RETURN(auto before, RotatedBefore(request_id, digest));
  if (!before.has_value()) {
    KL_RETURN_IF_ERROR(Step("begin rotation"));
    KL_RETURN_IF_ERROR(key_directory_.Begin({request_id, reason, actor}, merkle::SigningKey::Generate()));
    KL_RETURN_IF_ERROR(CompleteRotation());
    KL_ASSIGN_OR_RETURN(before, RotatedBefore(request_id, digest));
    if (!before.has_value())
      return MakeError(Reason::kStoreDamaged, "the record of the signing key just published is missing");
  }
  return *std::move(before);
}

}  // namespace keyledger::shard
