// Keys under which holds and erasures are found again; internal to server/shard.
#pragma once

#include <string>

#include <absl/status/status.h>

#include "server/base/error.h"

namespace keyledger::shard {

// Meta row of the first shard: the erasure under way, as storage.v1.OpenErasure.
inline constexpr char kOpenErasureKey[] = "erasure.open";

// The same: id of the vault that holds the keys of the ledger's data subjects.
inline constexpr char kVaultKey[] = "vault.id";

// Unique keys: LegalHoldPlaced on the first shard, SubjectErased on every shard. Their first letters are in use for
// nothing else.
inline std::string HoldKey(const std::string& hold_id) { return "l" + hold_id; }
inline std::string ErasureKey(const std::string& subject_id) { return "e" + subject_id; }

inline absl::Status RequestReused() {
  return MakeError(Reason::kRequestIdReused,
                   "request_id was used before with another body; take a new request_id for a new request");
}

}  // namespace keyledger::shard
