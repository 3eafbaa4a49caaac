// KeyDirectory: where the ledger's private signing key lies, and what a rotation leaves there until it is complete. See
// CHECKPOINTS.md.
#pragma once

#include <optional>
#include <string>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "server/merkle/note.h"

namespace keyledger::shard {

// A rotation that was begun: who asked for it, so that it can be completed as asked.
struct PendingRotation {
  std::string request_id;
  std::string reason;
  std::string actor;
};

// Threads: thread-compatible.
class KeyDirectory {
 public:
  // Errors of all: UNAVAILABLE; FAILED_PRECONDITION if group or others may read or write a private key; DATA_LOSS
  // (kStoreDamaged) for a file that holds no key.
  explicit KeyDirectory(std::string path) : path_(std::move(path)) {}

  std::string key_file() const { return path_ + "/signing.pem"; }
  // Nothing if there is no key.
  absl::StatusOr<std::optional<merkle::SigningKey>> Current() const { return Read(key_file()); }
  // The key that a rotation puts in place of the current one; nothing if none is under way.
  absl::StatusOr<std::optional<merkle::SigningKey>> Next() const { return Read(next_file()); }
  // Requires: Next() has one.
  absl::StatusOr<PendingRotation> Rotation() const;

  // Writes the first key.
  absl::Status Create(const merkle::SigningKey& key);
  // Writes down that a rotation begins: first what was asked, then the key. Next() has it from then on.
  absl::Status Begin(const PendingRotation& rotation, const merkle::SigningKey& next);
  // Puts the next key in place of the current one, at once, and destroys that.
  absl::Status Switch();
  // Removes what a completed rotation, or one that did not come to have a key, left behind.
  absl::Status Clean();

 private:
  std::string next_file() const { return path_ + "/signing.next.pem"; }
  std::string rotation_file() const { return path_ + "/rotation"; }
  absl::StatusOr<std::optional<merkle::SigningKey>> Read(const std::string& file) const;

  const std::string path_;
};

}  // namespace keyledger::shard
