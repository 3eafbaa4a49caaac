// TreeCheck: grows the Merkle tree of one shard's log, and holds it against signed checkpoints and stored tiles.
// Internal to the room.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/status/status.h>

#include "server/audit/replay_run.h"
#include "server/merkle/checkpoint.h"
#include "server/merkle/tree.h"

namespace keyledger::audit {

// Threads: thread-compatible. Memory: 56 bytes for every checkpoint.
class TreeCheck {
 public:
  // `trusted`: of all shards.
  TreeCheck(ReplayRun& run, uint32_t shard, const std::vector<merkle::VerifierKey>& trusted);

  // Reads the checkpoints, and the keys that the log announces.
  absl::Status Load();
  // The next record's bytes.
  absl::Status Append(std::string_view bytes);
  // A record has no bytes: nothing can be said about the tree from here on.
  void Break(uint64_t position);
  // The log announces a key: checkpoints that cover this position make it trusted.
  void Announce(uint64_t position, const std::string& verifier_key);
  // The log ends; fills in what the report says of the tree.
  absl::Status Finish(v1::ReplayedShard& shard);

 private:
  struct Stated {
    uint64_t size = 0;
    merkle::Hash root{};
    // Indexes into keys_ of those that signed it.
    std::vector<uint32_t> signers;
  };

  absl::Status LoadKeys();
  void TakeCheckpoint(const std::string& note);
  void CheckCheckpoints();
  void CheckOne(const Stated& stated);
  // Whether it is signed by a key that the log names before it, where a later checkpoint of a trusted key covers both:
  // who trusts that one only, because the key was replaced, has every reason to believe this one.
  bool IsOfEarlierKey(const Stated& stated) const;
  // Says what became of the checkpoints that nobody trusted vouched for when the log came to them.
  void SettleUntrusted();
  absl::Status CheckTiles();
  void CheckTile(const merkle::FullTile& computed, const std::string& stored);

  ReplayRun& run_;
  const uint32_t shard_;
  const std::string origin_;
  merkle::Tree tree_;
  std::vector<merkle::FullTile> full_;
  bool broken_ = false;

  // Trusted ones first, then those announced.
  std::vector<merkle::VerifierKey> keys_;
  std::vector<bool> trusted_;
  // Position and index into keys_, of each key once.
  std::vector<std::pair<uint64_t, uint32_t>> announced_;
  bool has_trusted_ = false;

  // By size.
  std::vector<Stated> stated_;
  size_t next_stated_ = 0;
  // Their roots agree, and no key trusted by then signed them.
  std::vector<Stated> untrusted_;
  bool root_differed_ = false;
  uint64_t verified_ = 0;
  uint64_t verified_size_ = 0;
  uint64_t unverifiable_ = 0;
};

}  // namespace keyledger::audit
