// Group: what becomes durable with one sync, and who waits for it. Built by the sequencer, written by the committer,
// answered by the completer.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <absl/status/status.h>

#include "server/store/commit_log.h"

namespace keyledger::shard {

// Runs on the completer's thread with the outcome of the group's commit.
using Completion = std::function<void(const absl::Status&)>;

// Handed on as shared_ptr: while the committer writes `commit`, the sequencer still reads its records.
struct Group {
  store::CommitGroup commit;
  size_t record_bytes = 0;
  // In the order of the requests.
  std::vector<Completion> completions;
  // Keys of the sequencer's overlays that the store answers for once the group is durable.
  std::vector<std::string> request_keys;
  std::vector<std::string> unique_keys;

  bool empty() const { return commit.empty() && completions.empty(); }
  uint64_t end_position() const { return commit.first_position + commit.records.size(); }
};

}  // namespace keyledger::shard
