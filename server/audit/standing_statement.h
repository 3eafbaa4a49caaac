// StandingStatement: what the ledger signs about one account's standing: tier, points and program at a place of its
// shard's log. The text is described in BUNDLE.md; it is signed and checked as any note (server/merkle/note.h).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "server/domain/account_state.h"
#include "server/domain/program_set.h"
#include "server/merkle/checkpoint.h"

namespace keyledger::audit {

// First line of the text. No checkpoint begins so: an origin begins with "keyledger/".
inline constexpr std::string_view kStandingTitle = "keyledger-standing/1";

struct StandingStatement {
  // What it speaks of: the records below checkpoint.size.
  merkle::Checkpoint checkpoint;
  std::string account_id;
  // Of the account.
  uint64_t records = 0;
  // Empty: none.
  std::string ladder_id;
  std::string tier_id;
  // RFC 3339; empty without a tier.
  std::string tier_since;
  int64_t available = 0;
  int64_t pending = 0;
  int64_t reserved = 0;
  int64_t in_transit = 0;
  int64_t debt = 0;
  // Empty and 0: none governs the account.
  std::string program_id;
  uint32_t program_version = 0;

  bool operator==(const StandingStatement&) const = default;
};

// What the fold of the account's records below checkpoint.size comes to, with the programs published below it.
StandingStatement StandingOf(const merkle::Checkpoint& checkpoint, const std::string& account_id,
                             const domain::AccountState& state, const domain::ProgramSet& programs);

// The text that is signed.
std::string FormatStanding(const StandingStatement& statement);
// Reads it back; there is one spelling of each. Errors: INVALID_ARGUMENT (kInvalidField), naming the line.
absl::StatusOr<StandingStatement> ParseStanding(std::string_view text);

// A line of the text that differs.
struct StandingDifference {
  // As "tier".
  std::string line;
  std::string stated;
  std::string derived;
};
std::vector<StandingDifference> DifferencesOf(const StandingStatement& stated, const StandingStatement& derived);

}  // namespace keyledger::audit
