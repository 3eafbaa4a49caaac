// The checkpoints, proofs and signing keys of AuditService. See audit_service.h.
#include <algorithm>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include "server/base/codec.h"
#include "server/base/cursor.h"
#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/domain/proto_time.h"
#include "server/merkle/proof.h"
#include "server/service/audit_service.h"

namespace keyledger::service {
namespace {

constexpr size_t kReasonBytesMax = 512;
constexpr size_t kActorBytesMax = 128;

absl::Status CheckShard(const shard::Ledger& ledger, uint32_t shard, std::string_view field) {
  if (shard < ledger.shard_count()) return absl::OkStatus();
  return FieldError(field, fmt::format("there are {} shards, numbered from 0", ledger.shard_count()));
}

std::string BytesOf(const merkle::Hash& hash) { return std::string(hash.begin(), hash.end()); }

void FillCheckpoint(const shard::PublishedCheckpoint& published, ledger::v1::GetCheckpointResponse& out) {
  out.set_checkpoint(published.note);
  out.set_tree_size(published.checkpoint.size);
  out.set_root_hash(BytesOf(published.checkpoint.root));
  domain::SetTimestamp(out.mutable_publish_time(), published.publish_time);
}

void FillKey(uint32_t shard, const shard::PublishedKey& key, ledger::v1::SigningKey& out) {
  out.set_shard(shard);
  out.set_verifier_key(key.key.Format());
  domain::SetTimestamp(out.mutable_publish_time(), key.publish_time);
  out.set_position(key.position);
  out.set_current(key.current);
}

// The newest checkpoint if it covers `size` records, or one over everything.
absl::StatusOr<shard::PublishedCheckpoint> CheckpointCovering(shard::Ledger& ledger, uint32_t shard, uint64_t size) {
  std::optional<shard::PublishedCheckpoint> latest = ledger.checkpoints().Latest(shard);
  if (!latest.has_value() || latest->checkpoint.size < size) {
    KL_ASSIGN_OR_RETURN(latest, ledger.checkpoints().Publish(shard));
  }
  // An answer is given only about durable records, and these are covered now.
  if (!latest.has_value() || latest->checkpoint.size < size) {
    return MakeError(Reason::kRecordNotFound, fmt::format("shard {} has no {} records yet", shard, size));
  }
  return *std::move(latest);
}

// The note of the checkpoint of exactly this size; empty if none was published.
absl::StatusOr<std::string> CheckpointOf(const shard::CheckpointHistory& history, uint64_t size) {
  KL_ASSIGN_OR_RETURN(const uint64_t index, history.FirstAtLeast(size));
  if (index == history.count()) return std::string();
  KL_ASSIGN_OR_RETURN(const shard::PublishedCheckpoint entry, history.Read(index));
  return entry.checkpoint.size == size ? entry.note : std::string();
}

// Shard and position of the record that an inclusion proof is asked for.
absl::StatusOr<std::pair<uint32_t, uint64_t>> PlaceOf(shard::Ledger& ledger,
                                                      const ledger::v1::GetInclusionProofRequest& request) {
  if (request.has_place()) {
    KL_RETURN_IF_ERROR(CheckShard(ledger, request.place().shard(), "place.shard"));
    return std::pair(request.place().shard(), request.place().position());
  }
  if (!request.has_revision()) return FieldError("target", "is required: place or revision");
  const std::string& account_id = request.revision().account_id();
  if (!IsReadableOwnStream(account_id)) KL_RETURN_IF_ERROR(CheckAccountId(account_id, "revision.account_id"));
  const shard::Shard& home = ledger.ShardOfAccount(account_id);
  KL_ASSIGN_OR_RETURN(const auto last, home.store().LastRevision(account_id));
  if (!last.has_value()) return MakeError(Reason::kAccountNotFound, fmt::format("there is no account {}", account_id));
  KL_ASSIGN_OR_RETURN(const auto found, home.store().PositionOf(account_id, request.revision().revision()));
  if (!found.has_value()) {
    return MakeError(Reason::kRecordNotFound, fmt::format("account {} has no revision {}; its last is {}", account_id,
                                                          request.revision().revision(), *last));
  }
  return std::pair(home.number(), *found);
}

// The size to prove in, and the note of its checkpoint. `wanted` 0: that of a checkpoint that covers `at_least`.
struct Proved {
  uint64_t size = 0;
  std::string note;
};
absl::StatusOr<Proved> SizeToProve(shard::Ledger& ledger, uint32_t shard, uint64_t wanted, uint64_t at_least) {
  Proved proved;
  if (wanted == 0) {
    KL_ASSIGN_OR_RETURN(const shard::PublishedCheckpoint published, CheckpointCovering(ledger, shard, at_least));
    proved.size = published.checkpoint.size;
    proved.note = published.note;
    return proved;
  }
  proved.size = wanted;
  KL_ASSIGN_OR_RETURN(proved.note, CheckpointOf(ledger.checkpoints().history(shard), wanted));
  return proved;
}

template <class Message>
void FillHashes(const merkle::Proof& proof, Message& out) {
  for (const merkle::Hash& hash : proof) out.add_hashes(BytesOf(hash));
}

}  // namespace

grpc::ServerUnaryReactor* AuditServiceImpl::GetCheckpoint(grpc::CallbackServerContext* call,
                                                          const ledger::v1::GetCheckpointRequest* request,
                                                          ledger::v1::GetCheckpointResponse* response) {
  return RunUnary(context_, call, [this, request, response]() -> absl::Status {
    KL_RETURN_IF_ERROR(CheckShard(context_.ledger, request->shard(), "shard"));
    std::optional<shard::PublishedCheckpoint> published = context_.ledger.checkpoints().Latest(request->shard());
    if (request->fresh()) {
      KL_ASSIGN_OR_RETURN(published, context_.ledger.checkpoints().Publish(request->shard()));
    }
    if (published.has_value()) FillCheckpoint(*published, *response);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* AuditServiceImpl::ListCheckpoints(grpc::CallbackServerContext* call,
                                                            const ledger::v1::ListCheckpointsRequest* request,
                                                            ledger::v1::ListCheckpointsResponse* response) {
  return RunUnary(context_, call, [this, request, response]() -> absl::Status {
    KL_RETURN_IF_ERROR(CheckShard(context_.ledger, request->shard(), "shard"));
    KL_ASSIGN_OR_RETURN(const int page_size, CheckPageSize(request->page_size()));
    const shard::CheckpointHistory& history = context_.ledger.checkpoints().history(request->shard());
    // The history only grows: entries below `before` stay where they are.
    uint64_t before = history.count();
    const std::string binding = fmt::format("ListCheckpoints {}", request->shard());
    if (!request->page_token().empty()) {
      KL_ASSIGN_OR_RETURN(const std::string continuation, ParsePageToken(request->page_token(), binding));
      std::string_view in(continuation);
      if (!GetBigEndian64(in, before) || !in.empty() || before > history.count()) {
        return MakeError(Reason::kInvalidToken, "not a page token of this ledger");
      }
    }
    const uint64_t end = before - std::min<uint64_t>(before, static_cast<uint64_t>(page_size));
    for (; before > end; --before) {
      KL_ASSIGN_OR_RETURN(const shard::PublishedCheckpoint published, history.Read(before - 1));
      FillCheckpoint(published, *response->add_checkpoints());
    }
    if (before == 0) return absl::OkStatus();
    std::string continuation;
    PutBigEndian64(continuation, before);
    response->set_next_page_token(FormatPageToken(continuation, binding));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* AuditServiceImpl::GetInclusionProof(grpc::CallbackServerContext* call,
                                                              const ledger::v1::GetInclusionProofRequest* request,
                                                              ledger::v1::GetInclusionProofResponse* response) {
  return RunUnary(context_, call, [this, request, response]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(const auto place, PlaceOf(context_.ledger, *request));
    const auto [number, position] = place;
    const shard::Shard& shard = context_.ledger.shard(number);
    KL_ASSIGN_OR_RETURN(std::string record, shard.store().GetRecord(position));
    KL_ASSIGN_OR_RETURN(Proved proved, SizeToProve(context_.ledger, number, request->tree_size(), position + 1));
    merkle::TileNodes nodes = shard.Nodes();
    if (proved.size <= position || proved.size > nodes.tree().size()) {
      return FieldError("tree_size",
                        fmt::format("must be more than the position {} and at most the number of records {}", position,
                                    nodes.tree().size()));
    }
    KL_ASSIGN_OR_RETURN(const merkle::Proof proof, merkle::InclusionProof(position, proved.size, nodes.reader()));
    KL_ASSIGN_OR_RETURN(const merkle::Hash root, merkle::RootOf(proved.size, nodes.reader()));
    // What is stored no longer being what was hashed is for whoever restores it to know, not for whoever verifies.
    if (!merkle::VerifyInclusion(merkle::LeafHash(record), position, proved.size, proof, root)) {
      return MakeError(Reason::kStoreDamaged,
                       fmt::format("record {} of shard {} is not the one that the tree was made of; "
                                   "restore the shard from a backup",
                                   position, number));
    }
    response->set_shard(number);
    response->set_record(std::move(record));
    response->mutable_proof()->set_leaf_index(position);
    response->mutable_proof()->set_tree_size(proved.size);
    FillHashes(proof, *response->mutable_proof());
    response->set_root_hash(BytesOf(root));
    response->set_checkpoint(std::move(proved.note));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* AuditServiceImpl::GetConsistencyProof(grpc::CallbackServerContext* call,
                                                                const ledger::v1::GetConsistencyProofRequest* request,
                                                                ledger::v1::GetConsistencyProofResponse* response) {
  return RunUnary(context_, call, [this, request, response]() -> absl::Status {
    KL_RETURN_IF_ERROR(CheckShard(context_.ledger, request->shard(), "shard"));
    const shard::Shard& shard = context_.ledger.shard(request->shard());
    const uint64_t first = request->first_size();
    const uint64_t durable = shard.Root().first;
    if (first == 0 || first > durable) {
      return FieldError("first_size", fmt::format("must be 1 to the number of records, {}", durable));
    }
    if (request->second_size() != 0 && (request->second_size() < first || request->second_size() > durable)) {
      return FieldError("second_size", fmt::format("must be 0, or first_size to the number of records, {}", durable));
    }
    KL_ASSIGN_OR_RETURN(Proved proved, SizeToProve(context_.ledger, request->shard(), request->second_size(), first));
    merkle::TileNodes nodes = shard.Nodes();
    KL_ASSIGN_OR_RETURN(const merkle::Proof proof, merkle::ConsistencyProof(first, proved.size, nodes.reader()));
    KL_ASSIGN_OR_RETURN(const merkle::Hash first_root, merkle::RootOf(first, nodes.reader()));
    KL_ASSIGN_OR_RETURN(const merkle::Hash second_root, merkle::RootOf(proved.size, nodes.reader()));
    response->mutable_proof()->set_first_size(first);
    response->mutable_proof()->set_second_size(proved.size);
    FillHashes(proof, *response->mutable_proof());
    response->set_first_root_hash(BytesOf(first_root));
    response->set_second_root_hash(BytesOf(second_root));
    response->set_checkpoint(std::move(proved.note));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* AuditServiceImpl::ListSigningKeys(grpc::CallbackServerContext* call,
                                                            const ledger::v1::ListSigningKeysRequest*,
                                                            ledger::v1::ListSigningKeysResponse* response) {
  return RunUnary(context_, call, [this, response]() -> absl::Status {
    for (uint32_t shard = 0; shard < context_.ledger.shard_count(); ++shard) {
      for (const shard::PublishedKey& key : context_.ledger.checkpoints().keys(shard)) {
        FillKey(shard, key, *response->add_keys());
      }
    }
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* AuditServiceImpl::RotateSigningKey(grpc::CallbackServerContext* call,
                                                             const ledger::v1::RotateSigningKeyRequest* request,
                                                             ledger::v1::RotateSigningKeyResponse* response) {
  return RunUnary(context_, call, [this, request, response]() -> absl::Status {
    if (!IsPrintableId(request->request_id(), kRequestIdBytesMax)) {
      return FieldError("request_id", "must be 1 to 128 printable ASCII bytes");
    }
    if (request->reason().empty() || request->reason().size() > kReasonBytesMax || !IsUtf8(request->reason())) {
      return FieldError("reason", "must be UTF-8 of 1 to 512 bytes");
    }
    if (request->actor().size() > kActorBytesMax || !IsUtf8(request->actor())) {
      return FieldError("actor", "must be UTF-8 of at most 128 bytes");
    }
    KL_ASSIGN_OR_RETURN(const auto keys, context_.ledger.checkpoints().RotateKey(request->request_id(),
                                                                                 request->reason(), request->actor()));
    for (uint32_t shard = 0; shard < keys.size(); ++shard) FillKey(shard, keys[shard], *response->add_keys());
    return absl::OkStatus();
  });
}

}  // namespace keyledger::service
