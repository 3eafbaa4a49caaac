// Replay: reads a ledger's records and checks that they say what they must. What it proves and what it cannot is
// described in README.md.
//
// Two passes. The first reads each shard's log in order: every record is in its place and can be read, record_time does
// not go back, the hashes give the roots that signed checkpoints state. The second goes account by account: folds the
// records, derives every decision again from the facts and the programs in force at its place, and compares; and adds
// up the points apart from the fold. Where goods come back that an account bought which was merged into the one at
// hand, that one's stream is read for the purchase.
//
// After a difference it goes on from what is recorded, so that one difference is one finding as far as that can be.
// Where an account's records cannot be folded any further, the rest of that account is left, and the finding says so.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "keyledger/audit/v1/replay.pb.h"
#include "server/audit/findings.h"
#include "server/audit/record_source.h"
#include "server/domain/account_state.h"
#include "server/domain/program_set.h"

namespace keyledger::audit {

// Records read between two calls of ReplayOptions::on_step.
inline constexpr uint64_t kReplayStepRecords = 256;

// An account as its records come to.
struct ReplayedAccount {
  const std::string& account_id;
  uint32_t shard;
  // The fold of all its records.
  const domain::AccountState& state;
  // All programs published on its shard.
  const std::shared_ptr<const domain::ProgramSet>& programs;
  // False: its records could not all be folded, and findings say why.
  bool is_whole;
};

struct ReplayOptions {
  // Verifier keys that the caller trusts (C2SP), of any shards. Keys that follow from them, by SigningKeyPublished
  // records which a trusted key's checkpoint covers, are trusted too. Empty: no checkpoint can be checked.
  std::vector<std::string> trusted_keys;
  // False: the first pass only. Records, trees and checkpoints are checked, and no account is replayed; the report says
  // so.
  bool decisions = true;
  // Called after every kReplayStepRecords records read, or read again, and at the end of every account. A status that
  // is not OK ends the replay with it. Here a caller bounds the rate, shows progress, cancels. May be empty.
  std::function<absl::Status(const v1::ReplayProgress& progress)> on_step;
  // Called at the end of every account. May be empty.
  std::function<void(const ReplayedAccount& account)> on_account;
};

// Replays everything that the source has. Findings are no error.
// Memory: one account's state, the purchases of it, and of accounts merged into it, that its returns name, the
// findings' positions, at most 1,000 program versions of a shard and 128 MiB of sets of them, reviews, transfers of
// which only one side was read so far, and 1,000 findings; one bit for each record.
// Errors: those of the source and of on_step; INVALID_ARGUMENT (kInvalidField) for a trusted key that is none.
absl::StatusOr<v1::ReplayReport> Replay(RecordSource& source, const ReplayOptions& options, Findings& findings);

}  // namespace keyledger::audit
