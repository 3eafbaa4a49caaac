// LogCopy: the log of a ledger as read after each crash, held against what was read before and what the writers were
// answered.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "keyledger/events/v1/record.pb.h"
#include "tests/crash/history/writer.h"

namespace keyledger::testing {

// Every check returns "" or the first thing that is wrong.
// Threads: thread-compatible.
class LogCopy {
 public:
  explicit LogCopy(uint32_t shards) : shards_(shards) {}

  // Takes one shard's log as read from its beginning: what was read before is unchanged, positions and revisions have
  // no gap, record_time never goes back.
  std::string Take(uint32_t shard, const std::vector<std::string>& records);
  // Every request answered as applied is there once, where the answer said, in the order sent, with its decisions byte
  // for byte; no refused one is; an unanswered one is there once and whole or not at all; and nothing else is.
  std::string Check(std::vector<Writer>& writers) const;

  // The bytes of a shard's records.
  const std::vector<std::string>& records(uint32_t shard) const { return shards_[shard].records; }
  uint64_t record_count() const;

 private:
  struct Shard {
    std::vector<std::string> records;
    std::map<std::string, uint64_t> next_revision;
    std::pair<int64_t, int32_t> record_time{INT64_MIN, 0};
  };
  // Where the facts of a request are.
  struct Found {
    uint32_t shard = 0;
    std::vector<uint64_t> positions;
  };

  std::string CheckEntry(Writer::Entry& entry, const Found& found, std::map<std::string, uint64_t>& last) const;
  std::string CompareFact(const Writer::Entry& entry, int number, const events::v1::EventRecord& record) const;

  std::vector<Shard> shards_;
  // By request id, which the writers make unique.
  std::unordered_map<std::string, Found> requests_;
};

}  // namespace keyledger::testing
