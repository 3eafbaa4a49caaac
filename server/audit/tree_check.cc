// See tree_check.h.
#include "server/audit/tree_check.h"

#include <algorithm>

#include <fmt/format.h>

#include "server/base/error.h"
#include "server/base/ids.h"

namespace keyledger::audit {
namespace {

// More are not looked at; 56 MB.
constexpr size_t kCheckpointsMax = 1'000'000;
constexpr size_t kKeysMax = 1'000;

std::string Hex(const merkle::Hash& hash) {
  std::string hex;
  for (const uint8_t byte : hash) hex += fmt::format("{:02x}", byte);
  return hex;
}

}  // namespace

TreeCheck::TreeCheck(ReplayRun& run, uint32_t shard, const std::vector<merkle::VerifierKey>& trusted)
    : run_(run), shard_(shard), origin_(run.source.origin(shard)) {
  for (const merkle::VerifierKey& key : trusted) {
    if (key.name() != origin_) continue;
    keys_.push_back(key);
    trusted_.push_back(true);
  }
  has_trusted_ = !keys_.empty();
}

absl::Status TreeCheck::LoadKeys() {
  // Checkpoints come before the records that announce their keys: a first look tells which keys there are at all.
  return run_.source.ReadStream(shard_, std::string(kKeysStream), [&](const StoredRecord& stored) -> absl::Status {
    events::v1::EventRecord record;
    if (!stored.damage.ok() || keys_.size() >= kKeysMax ||
        !record.ParseFromArray(stored.bytes.data(), static_cast<int>(stored.bytes.size()))) {
      return absl::OkStatus();
    }
    const auto key = merkle::VerifierKey::Parse(record.event().signing_key_published().verifier_key());
    if (!key.ok() || key->name() != origin_) return absl::OkStatus();
    if (std::find(keys_.begin(), keys_.end(), *key) != keys_.end()) return absl::OkStatus();
    keys_.push_back(*key);
    trusted_.push_back(false);
    return absl::OkStatus();
  });
}

absl::Status TreeCheck::Load() {
  KL_RETURN_IF_ERROR(LoadKeys());
  KL_RETURN_IF_ERROR(run_.source.ReadCheckpoints(shard_, [&](const std::string& note) {
    TakeCheckpoint(note);
    return absl::OkStatus();
  }));
  std::stable_sort(stated_.begin(), stated_.end(), [](const Stated& a, const Stated& b) { return a.size < b.size; });
  CheckCheckpoints();
  return absl::OkStatus();
}

void TreeCheck::TakeCheckpoint(const std::string& note) {
  const auto bad = [&](const absl::Status& why) {
    run_.Report(v1::FINDING_KIND_BAD_CHECKPOINT, shard_, std::nullopt, "a checkpoint of " + origin_, "",
                fmt::format("a checkpoint of shard {} is none: {}", shard_, MessageOf(why)));
  };
  if (stated_.size() >= kCheckpointsMax) {
    return run_.NotChecked(fmt::format("shard {}: more than {} checkpoints", shard_, kCheckpointsMax));
  }
  const absl::StatusOr<std::string> text = merkle::UnverifiedText(note);
  if (!text.ok()) return bad(text.status());
  const absl::StatusOr<merkle::Checkpoint> checkpoint = merkle::ParseCheckpoint(*text);
  if (!checkpoint.ok()) return bad(checkpoint.status());
  if (checkpoint->origin != origin_) {
    return bad(FieldError("origin", fmt::format("is '{}', not '{}'", checkpoint->origin, origin_)));
  }
  Stated stated{checkpoint->size, checkpoint->root, {}};
  const absl::StatusOr<merkle::OpenedNote> opened = merkle::OpenNote(note, keys_);
  if (opened.ok()) {
    for (const merkle::VerifierKey& key : opened->verified) {
      stated.signers.push_back(static_cast<uint32_t>(std::find(keys_.begin(), keys_.end(), key) - keys_.begin()));
    }
  } else if (has_trusted_) {
    run_.Report(
        v1::FINDING_KIND_BAD_CHECKPOINT, shard_, std::nullopt, "a signature of a trusted key", "none",
        fmt::format("the checkpoint of shard {} over {} records is signed by no key that is trusted or announced",
                    shard_, checkpoint->size));
    return;
  }
  stated_.push_back(std::move(stated));
}

absl::Status TreeCheck::Append(std::string_view bytes) {
  if (broken_) return absl::OkStatus();
  full_.clear();
  tree_.Append(merkle::LeafHash(bytes), full_);
  CheckCheckpoints();
  return full_.empty() || !run_.source.has_tiles() ? absl::OkStatus() : CheckTiles();
}

void TreeCheck::Break(uint64_t position) {
  if (std::exchange(broken_, true)) return;
  run_.NotChecked(fmt::format("shard {}: the tree from record {} on, whose bytes are not at hand", shard_, position));
}

void TreeCheck::Announce(uint64_t position, const std::string& verifier_key) {
  const auto key = merkle::VerifierKey::Parse(verifier_key);
  const auto known = key.ok() ? std::find(keys_.begin(), keys_.end(), *key) : keys_.end();
  if (known == keys_.end()) return;
  const uint32_t index = static_cast<uint32_t>(known - keys_.begin());
  // Said again it says nothing new.
  if (std::any_of(announced_.begin(), announced_.end(), [&](const auto& each) { return each.second == index; })) return;
  announced_.emplace_back(position, index);
}

void TreeCheck::CheckCheckpoints() {
  const size_t first = next_stated_;
  while (next_stated_ < stated_.size() && stated_[next_stated_].size == tree_.size()) ++next_stated_;
  if (first == next_stated_) return;
  const merkle::Hash root = tree_.Root();
  // A key that one of these makes trusted may have signed another of them.
  for (bool again = true; again;) {
    again = false;
    for (size_t i = first; i < next_stated_; ++i) {
      const Stated& stated = stated_[i];
      if (stated.root != root) continue;
      if (std::none_of(stated.signers.begin(), stated.signers.end(), [&](uint32_t key) { return trusted_[key]; })) {
        continue;
      }
      for (const auto& [position, key] : announced_) {
        if (position >= stated.size || trusted_[key]) continue;
        trusted_[key] = true;
        again = true;
      }
    }
  }
  for (size_t i = first; i < next_stated_; ++i) CheckOne(stated_[i]);
}

void TreeCheck::CheckOne(const Stated& stated) {
  const merkle::Hash root = tree_.Root();
  if (stated.root != root) {
    if (std::exchange(root_differed_, true)) return;
    const std::optional<uint64_t> last = stated.size == 0 ? std::nullopt : std::optional(stated.size - 1);
    run_.Report(v1::FINDING_KIND_ROOT_MISMATCH, shard_, last, Hex(stated.root), Hex(root),
                fmt::format("the first {} records of shard {} do not give the root that their checkpoint states; "
                            "checkpoints before this one agree, and none after it is compared",
                            stated.size, shard_));
    return;
  }
  if (!has_trusted_) {
    unverifiable_ += 1;
    return;
  }
  if (std::none_of(stated.signers.begin(), stated.signers.end(), [&](uint32_t key) { return trusted_[key]; })) {
    // A later checkpoint may still vouch for it.
    untrusted_.push_back(stated);
    return;
  }
  verified_ += 1;
  verified_size_ = stated.size;
}

bool TreeCheck::IsOfEarlierKey(const Stated& stated) const {
  return stated.size <= verified_size_ &&
         std::any_of(announced_.begin(), announced_.end(), [&](const std::pair<uint64_t, uint32_t>& announced) {
           return announced.first < stated.size &&
                  std::find(stated.signers.begin(), stated.signers.end(), announced.second) != stated.signers.end();
         });
}

void TreeCheck::SettleUntrusted() {
  for (const Stated& stated : untrusted_) {
    if (IsOfEarlierKey(stated)) {
      verified_ += 1;
      continue;
    }
    run_.Report(v1::FINDING_KIND_BAD_CHECKPOINT, shard_, std::nullopt, "a key that a trusted key's checkpoint covers",
                stated.signers.empty() ? "" : keys_[stated.signers[0]].Format(),
                fmt::format("the checkpoint of shard {} over {} records is signed with a key whose announcement no "
                            "checkpoint of a trusted key covers",
                            shard_, stated.size));
  }
  untrusted_.clear();
}

absl::Status TreeCheck::CheckTiles() {
  for (const merkle::FullTile& computed : full_) {
    KL_ASSIGN_OR_RETURN(const std::optional<std::string> stored,
                        run_.source.ReadTile(shard_, computed.level, computed.index));
    if (stored.has_value()) {
      CheckTile(computed, *stored);
    } else {
      run_.Report(v1::FINDING_KIND_BAD_TILE, shard_, std::nullopt, "a stored tile", "none",
                  fmt::format("tile {} of level {} of shard {} is missing", computed.index, computed.level, shard_));
    }
  }
  return absl::OkStatus();
}

void TreeCheck::CheckTile(const merkle::FullTile& computed, const std::string& stored) {
  if (stored == computed.hashes) return;
  size_t at = 0;
  while (at < computed.hashes.size() && at < stored.size() && computed.hashes[at] == stored[at]) ++at;
  const uint64_t entry = computed.index * merkle::kTileWidth + at / merkle::kHashBytes;
  // A leaf's hash was stored when its record was: one of the two has changed since.
  const std::optional<uint64_t> position = computed.level == 0 ? std::optional(entry) : std::nullopt;
  run_.Report(
      v1::FINDING_KIND_BAD_TILE, shard_, position, "the hashes that the records give", "others",
      computed.level == 0
          ? fmt::format("tile {} of shard {} holds another hash for record {}: the record or the tile was changed",
                        computed.index, shard_, entry)
          : fmt::format("tile {} of level {} of shard {} is not what the records give from its entry {} on",
                        computed.index, computed.level, shard_, at / merkle::kHashBytes));
}

absl::Status TreeCheck::Finish(v1::ReplayedShard& shard) {
  SettleUntrusted();
  const merkle::Hash root = tree_.Root();
  shard.set_root_hash(root.data(), root.size());
  shard.set_checkpoints(verified_);
  shard.set_checkpoint_size(verified_size_);
  if (!broken_ && next_stated_ < stated_.size()) {
    const uint64_t stated = stated_.back().size;
    run_.Report(v1::FINDING_KIND_MISSING_RECORD, shard_, tree_.size(), fmt::format("{} records", stated),
                fmt::format("{} records", tree_.size()),
                fmt::format("a checkpoint of shard {} states {} records, and there are {}: the last {} are missing",
                            shard_, stated, tree_.size(), stated - tree_.size()));
  }
  const uint64_t records = run_.source.record_count(shard_);
  if (!has_trusted_ && unverifiable_ > 0) {
    run_.NotChecked(
        fmt::format("shard {}: who signed its checkpoints, since no trusted key was given; their roots agree", shard_));
  }
  if (records > 0 && verified_size_ == 0) {
    run_.NotChecked(fmt::format(
        "shard {}: that its log is complete and as it was, since no signed checkpoint of a trusted key was at hand",
        shard_));
  } else if (verified_size_ < records) {
    run_.NotChecked(fmt::format("shard {}: that records {} to {} are as they were, since no checkpoint covers them",
                                shard_, verified_size_, records - 1));
  }
  if (!run_.source.has_tiles()) run_.NotChecked("the stored tiles of the trees, which are not at hand");
  return absl::OkStatus();
}

}  // namespace keyledger::audit
