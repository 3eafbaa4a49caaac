// Findings: collects what is wrong with a ledger, whoever finds it: the replayer, or the reader of a bundle before it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "keyledger/audit/v1/replay.pb.h"

namespace keyledger::audit {

// Of each text of a finding that is handed on. What a forged record says of itself may be as long as the record.
inline constexpr size_t kFindingTextBytesMax = 1'024;

// The text, or its beginning with how long it was.
std::string CutText(std::string text);

// Counts all, hands on as many as are wanted.
// Threads: thread-compatible.
class Findings {
 public:
  using Listener = std::function<void(const v1::Finding& finding)>;

  // `listener` gets the first `listed_max` as they are found; may be empty.
  Findings(uint64_t listed_max, Listener listener) : listed_max_(listed_max), listener_(std::move(listener)) {}

  void Add(const v1::Finding& finding);

  // All of them, also those that were not handed on.
  uint64_t count() const { return count_; }
  const std::map<v1::FindingKind, uint64_t>& by_kind() const { return by_kind_; }
  // Into the report's `findings` and `by_kind`.
  void Summarize(v1::ReplayReport& report) const;

 private:
  const uint64_t listed_max_;
  const Listener listener_;
  uint64_t count_ = 0;
  std::map<v1::FindingKind, uint64_t> by_kind_;
};

}  // namespace keyledger::audit
