// AccountProofs: the proofs in an account's bundle: of each record in its shard's log, and of the keys that signed the
// checkpoints they lead to.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "keyledger/audit/v1/bundle.pb.h"
#include "keyledger/events/v1/record.pb.h"
#include "server/audit/findings.h"
#include "server/merkle/checkpoint.h"

namespace keyledger::verify {

// Threads: thread-compatible.
class AccountProofs {
 public:
  AccountProofs(const audit::v1::BundleHeader& header, const std::vector<merkle::VerifierKey>& keys,
                audit::Findings& findings);

  // The frames, in their order. `record`: the proven one, if it could be read.
  void TakeCheckpoint(const audit::v1::PublishedCheckpoint& checkpoint);
  void TakeRecord(const audit::v1::ProvenRecord& proven, const events::v1::EventRecord* record);
  // All were taken: finds out which keys are trusted and whether the checkpoints are signed by them.
  void Finish();

  // The checkpoint of the shard in the header, as it is stated, and the keys that are trusted for it. Requires: Finish.
  // Nothing: the header has none that can be read.
  const std::optional<merkle::Checkpoint>& checkpoint(uint32_t shard) { return sides_[shard].stated; }
  const std::vector<merkle::VerifierKey>& trusted(uint32_t shard) { return sides_[shard].trusted; }
  // Proofs that hold, and checkpoints whose signatures do.
  uint64_t proofs() const { return proofs_; }
  uint64_t checkpoints() const { return checkpoints_; }

 private:
  struct Announced {
    uint64_t position = 0;
    merkle::VerifierKey key;
  };
  // A checkpoint that the header's log is proved to begin with.
  struct Older {
    std::string note;
    uint64_t size = 0;
    // By a key that is trusted or, once the header's checkpoint is, by one that its log names before this one.
    bool is_signed = false;
  };
  struct Side {
    std::string origin;
    std::string note;
    std::optional<merkle::Checkpoint> stated;
    std::vector<merkle::VerifierKey> trusted;
    std::vector<Announced> announced;
    std::vector<Older> older;
  };

  void Report(audit::v1::FindingKind kind, uint32_t shard, std::optional<uint64_t> position,
              const std::string& message);
  bool IsProven(const audit::v1::ProvenRecord& proven, const Side& side) const;
  // Adds announced keys that follow from trusted ones; true if there was one.
  static bool TrustMore(Side& side);
  // The header's checkpoint is trusted, and so is all that is proved in its log: the earlier keys that it names.
  void CheckOlder(uint32_t shard, Side& side);

  audit::Findings& findings_;
  // By shard.
  std::map<uint32_t, Side> sides_;
  // Of the earlier checkpoints of all shards.
  size_t older_bytes_ = 0;
  uint64_t proofs_ = 0;
  uint64_t checkpoints_ = 0;
};

}  // namespace keyledger::verify
