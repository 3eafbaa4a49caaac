// Management: how many accounts are managed, and not merely sold to: with an owner, a plan that is in force and looked
// at in time, and what was due done.
//
// Cost: one walk over the accounts in scope. Memory: the groups.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "projections/engagement/duties.h"

namespace keyledger::projections::engagement {

// What accounts are grouped by, as PopulationFilter has it.
enum class ManagementGroup : uint8_t { kNone, kRegion, kSegment, kOwner, kTier, kClub };

struct ManagementQuery {
  // Only what came due, and what occurred, then or later.
  Micros start = 0;
  ManagementGroup by = ManagementGroup::kNone;
};

// Accounts that are open just before as_of; fields as in ledger.v1.ManagementCount.
struct ManagementCount {
  // Empty in the total.
  std::string value;
  int64_t accounts = 0;
  int64_t owned = 0;
  int64_t planned = 0;
  int64_t reviewed = 0;
  int64_t asked = 0;
  int64_t kept = 0;
  int64_t met = 0;
  int64_t managed = 0;

  void Add(const ManagementCount& other);
};

// One account, counted as 1 or 0. Requires: `history` was loaded with CadenceParts of the same start, and its items.
ManagementCount ManagementOf(const EngagementHistory& history, const DutyBasis& basis, Micros start);

struct ManagementAnswer {
  ManagementCount total;
  // By value; the first kGroupsMax. A region's account counts for every level of its path.
  std::vector<ManagementCount> groups;
  // Open accounts without a value; 0 where nothing is grouped.
  int64_t without = 0;
  // Whether there are more groups.
  bool truncated = false;
};

// Errors: those of EngagementScan.
absl::StatusOr<ManagementAnswer> GetManagement(const std::vector<const store::TableReader*>& shards,
                                               const EngagementScope& scope, const domain::ProgramSet& programs,
                                               const ManagementQuery& query);

}  // namespace keyledger::projections::engagement
