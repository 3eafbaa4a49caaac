// ProgramHistory: the program versions that a shard's log publishes, and the ProgramSet in force at each place of it.
// Internal to the room.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "server/domain/program_set.h"

namespace keyledger::audit {

// Of one shard. What comes after decides nothing, and the report says so.
inline constexpr size_t kProgramVersionsMax = 1'000;

// Keeps each version once; a set of them is made when somebody asks for it, and the latest such sets are kept.
// Threads: thread-compatible; also the const methods, which remember sets.
// Memory: the versions, and sets of 128 MiB or one set, whichever is more; a set takes 16 MiB at most.
class ProgramHistory {
 public:
  // A version that is in force from `position` on, which is no smaller than that of the one before. Requires: there are
  // fewer than kProgramVersionsMax, and not this one.
  void Add(uint64_t position, std::shared_ptr<const domain::CompiledProgram> program);

  size_t versions() const { return versions_.size(); }
  // Latest version of a program, or null.
  const domain::CompiledProgram* Latest(const std::string& program_id) const;
  bool Contains(const std::string& program_id, uint32_t version) const;

  // Those in force at a position.
  std::shared_ptr<const domain::ProgramSet> At(uint64_t position) const;
  // All.
  std::shared_ptr<const domain::ProgramSet> Last() const { return SetOf(versions_.size()); }

 private:
  struct Version {
    uint64_t position = 0;
    std::shared_ptr<const domain::CompiledProgram> program;
  };

  // The set of the first `count` versions.
  std::shared_ptr<const domain::ProgramSet> SetOf(size_t count) const;

  std::vector<Version> versions_;
  std::map<std::string, std::map<uint32_t, const domain::CompiledProgram*>> by_id_;
  // By count; and in the order in which they were made, with the pointers that they hold.
  mutable std::unordered_map<size_t, std::shared_ptr<const domain::ProgramSet>> sets_;
  mutable std::deque<std::pair<size_t, uint64_t>> made_;
  mutable uint64_t pointers_ = 0;
};

}  // namespace keyledger::audit
