// The check of a whole bundle: the file, the proofs, the replay, the standing.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "keyledger/audit/v1/bundle.pb.h"
#include "keyledger/audit/v1/replay.pb.h"
#include "server/merkle/note.h"

namespace keyledger::verify {

struct BundleOptions {
  std::string path;
  std::vector<merkle::VerifierKey> keys;
  // For records while they are sorted by account: about as many bytes as the bundle's content has.
  std::string temp_dir;
  // Of those files together, at most.
  uint64_t temp_bytes_max = uint64_t{64} << 30;
  // False: proofs and trees only.
  bool replay = true;
  // Findings listed, at most; all are counted.
  uint64_t findings_max = 1'000;
  // May be empty.
  std::function<void(const audit::v1::ReplayProgress& progress)> on_progress;
};

struct BundleVerdict {
  // What the bundle says it is; empty if that could not be read.
  audit::v1::BundleHeader header;
  uint64_t frames = 0;
  uint64_t records = 0;
  // Of an account's bundle: proofs of records that hold.
  uint64_t proofs = 0;
  // Of an account's bundle: checkpoints whose signatures hold.
  uint64_t checkpoints = 0;
  // With the findings counted and what was not checked.
  audit::v1::ReplayReport report;
  std::vector<audit::v1::Finding> findings;
  // Of an account's bundle: the text of the standing whose signature holds.
  std::string standing;

  bool holds() const { return report.findings() == 0; }
};

// Checks the bundle. What is wrong with it is in the verdict.
// Errors: UNAVAILABLE if the file or the temporary directory cannot be used; UNIMPLEMENTED for a format that is not
// known.
absl::StatusOr<BundleVerdict> CheckBundle(const BundleOptions& options);

}  // namespace keyledger::verify
