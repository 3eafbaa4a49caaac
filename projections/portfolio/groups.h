// Groups: the values of a dimension with the number of accounts, which a population can be narrowed down to.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "projections/engine/group_values.h"
#include "projections/portfolio/portfolio_measure.h"

namespace keyledger::projections::portfolio {

enum class GroupDimension { kRegion, kSegment, kOwner, kTier, kClub };

struct GroupRow {
  std::string value;
  int64_t accounts = 0;
};

struct GroupsAnswer {
  // By value; the first kGroupsMax. A region's account counts for every level of its path.
  std::vector<GroupRow> groups;
  // Accounts in scope without a value.
  int64_t without = 0;
  // Whether there are more groups.
  bool truncated = false;
};

// What accounts are just before scope.as_of. Memory: the groups.
// Errors: as HistoryScan::Run.
absl::StatusOr<GroupsAnswer> ListGroups(const Shards& shards, const RetentionScope& scope, GroupDimension dimension);

}  // namespace keyledger::projections::portfolio
