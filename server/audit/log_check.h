// LogCheck: the first pass over one shard's log: each record is in its place and readable, the tree is what was signed,
// and what decisions rest on is collected. Internal to the room.
#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "server/audit/replay_run.h"
#include "server/audit/tree_check.h"

namespace keyledger::audit {

// A program version as a shard publishes it.
struct PublishedVersion {
  std::string program_id;
  uint32_t version = 0;
  merkle::Hash digest{};
  uint64_t position = 0;
};

// Threads: thread-compatible.
class LogCheck {
 public:
  LogCheck(ReplayRun& run, uint32_t shard, const std::vector<merkle::VerifierKey>& trusted);

  // Reads the log. Errors: those of the source and of on_step.
  absl::Status Run();
  // After Run.
  const std::vector<PublishedVersion>& published() const { return published_; }

 private:
  // A record that claims another place than it has.
  struct Stray {
    uint64_t position = 0;
    uint64_t claimed = 0;
    int64_t shift = 0;
    std::string account_id;
  };

  absl::Status Take(const StoredRecord& stored);
  void TakeRecord(const StoredRecord& stored);
  void CheckGap(uint64_t position);
  void CheckPlace(uint64_t position, const events::v1::EventRecord& record);
  void CheckPosition(uint64_t position, const events::v1::EventRecord& record);
  // Says what became of the strays, now that it shows.
  void SettleStrays();
  // Reports a record that is in the wrong shard or stream.
  void CheckStream(uint64_t position, const events::v1::EventRecord& record);
  void Collect(uint64_t position, const events::v1::EventRecord& record);
  void CollectProgram(uint64_t position, const events::v1::EventRecord& record);
  void Report(v1::FindingKind kind, uint64_t position, const std::string& account_id, const std::string& expected,
              const std::string& found, const std::string& message);

  ReplayRun& run_;
  const uint32_t shard_;
  const bool whole_;
  TreeCheck tree_;
  events::v1::EventRecord record_;
  uint64_t next_ = 0;
  Micros last_recorded_ = std::numeric_limits<int64_t>::min();
  // By how much records claim to be further than they are.
  int64_t shift_ = 0;
  std::deque<Stray> strays_;
  std::vector<PublishedVersion> published_;
};

}  // namespace keyledger::audit
