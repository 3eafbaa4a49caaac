// What a start finds: the newest checkpoint of a shard out of two files, and whether the log still begins with what it
// covers. See checkpoint_keeper.h.
#include <fmt/format.h>

#include "server/base/calendar.h"
#include "server/base/error.h"
#include "server/merkle/proof.h"
#include "server/shard/checkpoint_keeper.h"
#include "server/shard/files.h"

namespace keyledger::shard {
namespace {

constexpr size_t kCheckpointFileBytesMax = 16'384;

std::string Named(const PublishedCheckpoint& published) {
  return fmt::format("the checkpoint of {} records, published {}", published.checkpoint.size,
                     FormatMicros(published.publish_time));
}

}  // namespace

absl::Status CheckpointKeeper::LoadNewest(Slot& slot) {
  MutexLock lock(slot.mutex);
  if (const uint64_t count = slot.history->count(); count > 0) {
    KL_ASSIGN_OR_RETURN(slot.newest, slot.history->Read(count - 1));
  }
  auto note = ReadWhole(slot.file, kCheckpointFileBytesMax);
  if (!note.ok() && note.status().code() != absl::StatusCode::kNotFound) return note.status();
  if (note.ok()) {
    KL_ASSIGN_OR_RETURN(PublishedCheckpoint published, ReadPublished(slot.file, *std::move(note), clock_.Now()));
    if (!slot.newest.has_value() || published.checkpoint.size > slot.newest->checkpoint.size) {
      slot.newest = std::move(published);
    } else if (published.checkpoint.size == slot.newest->checkpoint.size &&
               published.checkpoint != slot.newest->checkpoint) {
      return MakeError(Reason::kStoreDamaged, fmt::format("{} and the last entry of the history beside it speak of the "
                                                          "same size with different roots: one of them was "
                                                          "changed; restore both from a copy",
                                                          slot.file));
    }
  }
  KL_ASSIGN_OR_RETURN(const auto known, slot.shard->store().GetMeta("checkpoints"));
  if (slot.newest.has_value() || !known.has_value() || options_.accept_missing) return absl::OkStatus();
  return MakeError(Reason::kStoreDamaged,
                   fmt::format("the checkpoints of shard {} are gone: neither {} nor the history beside it is there, "
                               "and without them nobody can tell whether the log lost "
                               "records; mount or restore the directory, or start with --accept-missing-checkpoints if "
                               "they are lost for good",
                               slot.shard->number(), slot.file));
}

absl::Status CheckpointKeeper::CheckLog(Slot& slot, const std::vector<merkle::SigningKey>& keys) {
  std::optional<PublishedCheckpoint> newest;
  std::vector<merkle::VerifierKey> verifiers;
  {
    MutexLock lock(slot.mutex);
    newest = slot.newest;
    for (const PublishedKey& published : slot.keys) verifiers.push_back(published.key);
  }
  if (!newest.has_value()) return absl::OkStatus();
  if (newest->checkpoint.origin != slot.origin) {
    return absl::FailedPreconditionError(
        fmt::format("{} is a checkpoint of the log {}, not of {}: the checkpoint directory belongs to another ledger",
                    slot.file, newest->checkpoint.origin, slot.origin));
  }
  // A log that lost its records of keys is known by the keys that are there.
  for (const merkle::SigningKey& key : keys) verifiers.emplace_back(slot.origin, key.public_key());
  if (const auto opened = merkle::OpenNote(newest->note, verifiers); !opened.ok()) {
    return MakeError(Reason::kStoreDamaged,
                     fmt::format("the newest checkpoint of shard {} ({}) was not signed by this ledger: {}",
                                 slot.shard->number(), slot.file, MessageOf(opened.status())));
  }
  KL_ASSIGN_OR_RETURN(const bool holds, Holds(slot, newest->checkpoint));
  if (!holds) return Differs(slot, *newest);
  // The history lost its end, or was not brought along: only what was checked goes into it. When it was published is
  // not known any more; the entry says now.
  if (const uint64_t count = slot.history->count(); count > 0) {
    KL_ASSIGN_OR_RETURN(const PublishedCheckpoint last, slot.history->Read(count - 1));
    if (last.checkpoint.size == newest->checkpoint.size) return absl::OkStatus();
  }
  return slot.history->Append(*newest);
}

absl::StatusOr<bool> CheckpointKeeper::Holds(Slot& slot, const merkle::Checkpoint& checkpoint) const {
  merkle::TileNodes nodes = slot.shard->Nodes();
  if (checkpoint.size > nodes.tree().size()) return false;
  KL_ASSIGN_OR_RETURN(const merkle::Hash root, merkle::RootOf(checkpoint.size, nodes.reader()));
  return root == checkpoint.root;
}

// Checkpoints of a log that only grew hold up to one entry of the history and not after it.
absl::Status CheckpointKeeper::Differs(Slot& slot, const PublishedCheckpoint& newest) const {
  const uint64_t size = slot.shard->Root().first;
  uint64_t low = 0;
  uint64_t high = slot.history->count();
  std::optional<PublishedCheckpoint> last_good;
  PublishedCheckpoint first_bad = newest;
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    KL_ASSIGN_OR_RETURN(PublishedCheckpoint entry, slot.history->Read(middle));
    // Of sizes that the log does not reach nothing is said here but that they are missing.
    KL_ASSIGN_OR_RETURN(const bool holds, Holds(slot, entry.checkpoint));
    if (holds) {
      last_good = std::move(entry);
      low = middle + 1;
    } else {
      first_bad = std::move(entry);
      high = middle;
    }
  }
  std::string message = fmt::format("the log of shard {} is not the one that was published: ", slot.shard->number());
  if (newest.checkpoint.size > size) {
    message += fmt::format("it has {} records, and {} of {} are missing, from position {} on", size,
                           newest.checkpoint.size - size, Named(newest), size);
  } else {
    message += fmt::format("its root at {} records is not the one of {}", newest.checkpoint.size, Named(newest));
  }
  if (first_bad.checkpoint.size <= size) {
    message += fmt::format("; records from position {} to {} were changed",
                           last_good.has_value() ? last_good->checkpoint.size : 0, first_bad.checkpoint.size - 1);
  }
  message += last_good.has_value() ? fmt::format("; it still begins with {}", Named(*last_good))
                                   : std::string("; it holds none of the published checkpoints");
  return MakeError(Reason::kStoreDamaged,
                   message + "; restore the data directory from a backup that has these records");
}

}  // namespace keyledger::shard
