// Checkpoint: size and root of a log, as the text of a signed note (https://c2sp.org/tlog-checkpoint):
//
//   <origin>
//   <size, decimal>
//   <root hash, base64>
//
// each ended by a newline. Lines after these are extensions: never written here, tolerated when read.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <absl/status/statusor.h>

#include "server/merkle/note.h"
#include "server/merkle/tree.h"

namespace keyledger::merkle {

struct Checkpoint {
  // Names the log; the name of the keys that sign its checkpoints.
  std::string origin;
  // Number of records.
  uint64_t size = 0;
  // Root of the tree over them.
  Hash root{};

  bool operator==(const Checkpoint&) const = default;
};

// Origin of a shard's log: "keyledger/<ledger_id>/<shard>".
std::string OriginOf(std::string_view ledger_id, uint32_t shard);

// The three lines.
std::string FormatCheckpoint(const Checkpoint& checkpoint);
// Reads a note's text. Numbers and base64 have one spelling. Errors: INVALID_ARGUMENT (kInvalidField).
absl::StatusOr<Checkpoint> ParseCheckpoint(std::string_view text);

// Reads a signed checkpoint and checks that one of the keys signed it and that it speaks of the log named `origin` ("":
// whichever the key's name is). Errors: those of OpenNote and ParseCheckpoint; INVALID_ARGUMENT (kInvalidField) if it
// is of another log.
absl::StatusOr<Checkpoint> OpenCheckpoint(std::string_view note, std::string_view origin,
                                          std::span<const VerifierKey> keys);

}  // namespace keyledger::merkle
