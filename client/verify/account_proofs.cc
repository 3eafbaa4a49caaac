// See account_proofs.h.
#include "client/verify/account_proofs.h"

#include <algorithm>

#include <fmt/format.h>

#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/merkle/proof.h"

namespace keyledger::verify {
namespace {

using audit::v1::Finding;

// Of one shard: a key that is replaced every week for twenty years.
constexpr size_t kKeysMax = 1'000;
// Of all earlier checkpoints together; one has some 300.
constexpr size_t kOlderBytesMax = 16u << 20;

std::optional<merkle::Proof> ToProof(const google::protobuf::RepeatedPtrField<std::string>& hashes) {
  merkle::Proof proof;
  for (const std::string& bytes : hashes) {
    if (bytes.size() != merkle::kHashBytes) return std::nullopt;
    std::copy(bytes.begin(), bytes.end(), proof.emplace_back().begin());
  }
  return proof;
}

}  // namespace

AccountProofs::AccountProofs(const audit::v1::BundleHeader& header, const std::vector<merkle::VerifierKey>& keys,
                             audit::Findings& findings)
    : findings_(findings) {
  for (const audit::v1::BundleShard& shard : header.shards()) {
    Side& side = sides_[shard.shard()];
    side.origin = shard.origin();
    side.note = shard.checkpoint();
    for (const merkle::VerifierKey& key : keys) {
      if (key.name() == side.origin) side.trusted.push_back(key);
    }
    // What it states is taken as it is, until Finish has checked who signed it.
    const auto text = merkle::UnverifiedText(side.note);
    const auto stated = text.ok() ? merkle::ParseCheckpoint(*text) : text.status();
    if (stated.ok() && stated->origin == side.origin) {
      side.stated = *stated;
    } else {
      Report(audit::v1::FINDING_KIND_BAD_CHECKPOINT, shard.shard(), std::nullopt,
             fmt::format("the checkpoint of shard {} in the header is none of its log: {}", shard.shard(),
                         stated.ok() ? "it is of " + stated->origin : MessageOf(stated.status())));
    }
  }
}

void AccountProofs::Report(audit::v1::FindingKind kind, uint32_t shard, std::optional<uint64_t> position,
                           const std::string& message) {
  Finding finding;
  finding.set_kind(kind);
  finding.set_shard(shard);
  if (position.has_value()) finding.set_position(*position);
  finding.set_message(message);
  findings_.Add(finding);
}

void AccountProofs::TakeCheckpoint(const audit::v1::PublishedCheckpoint& checkpoint) {
  Side& side = sides_[checkpoint.shard()];
  const auto text = merkle::UnverifiedText(checkpoint.checkpoint());
  const auto older = text.ok() ? merkle::ParseCheckpoint(*text) : text.status();
  const audit::v1::ConsistencyProof& message = checkpoint.consistency();
  const std::optional<merkle::Proof> proof = ToProof(message.hashes());
  std::string wrong;
  if (!older.ok()) {
    wrong = MessageOf(older.status());
  } else if (older->origin != side.origin) {
    wrong = "it is of the log " + older->origin;
  } else if (!side.stated.has_value() || !proof.has_value() || message.first_size() != older->size ||
             message.second_size() != side.stated->size ||
             !merkle::VerifyConsistency(older->size, side.stated->size, older->root, side.stated->root, *proof)) {
    wrong = "the proof that the log of the header's checkpoint begins with it does not hold";
  } else if (side.older.size() == kKeysMax) {
    wrong = fmt::format("there are more than {} of them", kKeysMax);
  } else if (older_bytes_ + checkpoint.checkpoint().size() > kOlderBytesMax) {
    wrong = fmt::format("the earlier checkpoints have more than {} bytes together", kOlderBytesMax);
  }
  if (wrong.empty()) {
    older_bytes_ += checkpoint.checkpoint().size();
    side.older.push_back({checkpoint.checkpoint(), older->size});
  } else {
    Report(audit::v1::FINDING_KIND_BAD_CHECKPOINT, checkpoint.shard(), std::nullopt,
           fmt::format("an earlier checkpoint of shard {} does not hold: {}", checkpoint.shard(), wrong));
  }
}

bool AccountProofs::IsProven(const audit::v1::ProvenRecord& proven, const Side& side) const {
  const std::optional<merkle::Proof> proof = ToProof(proven.proof().hashes());
  return side.stated.has_value() && proof.has_value() && proven.proof().tree_size() == side.stated->size &&
         merkle::VerifyInclusion(merkle::LeafHash(proven.record()), proven.proof().leaf_index(), side.stated->size,
                                 *proof, side.stated->root);
}

void AccountProofs::TakeRecord(const audit::v1::ProvenRecord& proven, const events::v1::EventRecord* record) {
  Side& side = sides_[proven.shard()];
  const uint64_t position = proven.proof().leaf_index();
  if (!IsProven(proven, side)) {
    Finding finding;
    finding.set_kind(audit::v1::FINDING_KIND_BAD_PROOF);
    finding.set_shard(proven.shard());
    finding.set_position(position);
    if (record != nullptr) {
      finding.set_account_id(record->account_id());
      finding.set_revision(record->revision());
    }
    finding.set_message(
        fmt::format("the proof of record {} of shard {} does not lead to the checkpoint's root: the "
                    "record, the proof or the checkpoint was changed",
                    position, proven.shard()));
    findings_.Add(finding);
    return;
  }
  ++proofs_;
  if (record == nullptr || record->account_id() != kKeysStream || !record->event().has_signing_key_published()) return;
  const auto key = merkle::VerifierKey::Parse(record->event().signing_key_published().verifier_key());
  if (!key.ok() || key->name() != side.origin || side.announced.size() == kKeysMax) {
    Report(
        audit::v1::FINDING_KIND_BAD_CHECKPOINT, proven.shard(), position,
        fmt::format("record {} of shard {} announces a signing key that is none of its log", position, proven.shard()));
    return;
  }
  side.announced.push_back({position, *key});
}

bool AccountProofs::TrustMore(Side& side) {
  const auto is_trusted = [&](const merkle::VerifierKey& key) {
    return std::find(side.trusted.begin(), side.trusted.end(), key) != side.trusted.end();
  };
  bool more = false;
  for (Older& older : side.older) {
    if (older.is_signed || !merkle::OpenCheckpoint(older.note, side.origin, side.trusted).ok()) continue;
    older.is_signed = true;
    for (const Announced& announced : side.announced) {
      if (announced.position >= older.size || is_trusted(announced.key)) continue;
      side.trusted.push_back(announced.key);
      more = true;
    }
  }
  return more;
}

void AccountProofs::CheckOlder(uint32_t shard, Side& side) {
  for (Older& older : side.older) {
    std::vector<merkle::VerifierKey> named;
    for (const Announced& announced : side.announced) {
      if (announced.position < older.size) named.push_back(announced.key);
    }
    older.is_signed = older.is_signed || merkle::OpenCheckpoint(older.note, side.origin, named).ok();
    if (older.is_signed) {
      ++checkpoints_;
      continue;
    }
    Report(audit::v1::FINDING_KIND_BAD_CHECKPOINT, shard, std::nullopt,
           fmt::format("the earlier checkpoint of shard {} over {} records is signed by no key that is trusted, and by "
                       "none that the log names before it",
                       shard, older.size));
  }
}

void AccountProofs::Finish() {
  for (auto& [shard, side] : sides_) {
    if (!side.stated.has_value()) continue;
    while (TrustMore(side)) {
    }
    if (merkle::OpenCheckpoint(side.note, side.origin, side.trusted).ok()) {
      ++checkpoints_;
      CheckOlder(shard, side);
      continue;
    }
    const bool has_key = !side.trusted.empty();
    Report(audit::v1::FINDING_KIND_BAD_CHECKPOINT, shard, std::nullopt,
           has_key ? fmt::format("the checkpoint of shard {} is not signed by a key that is trusted", shard)
                   : fmt::format("no key of {} was given: nothing of shard {} is proved", side.origin, shard));
  }
}

}  // namespace keyledger::verify
