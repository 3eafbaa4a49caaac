// Effort: interactions, time and cost that went to accounts that had purchased when they were met, and to others.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "projections/engagement/engagement_history.h"
#include "server/base/calendar.h"

namespace keyledger::projections::engagement {

struct EffortQuery {
  Periods periods;
  Micros start = 0;
  // Of the cost; empty: the only one of the interactions in scope.
  std::string currency_code;
};

struct EffortSide {
  int64_t interactions = 0;
  int64_t our_minutes = 0;
  int64_t cost_micros = 0;
  int64_t accounts = 0;
};

struct EffortPeriod {
  int64_t period = 0;
  EffortSide fresh;
  EffortSide old;
};

struct EffortAnswer {
  // In time order, those with an interaction.
  std::vector<EffortPeriod> periods;
  std::string currency_code;
};

// Of interactions that occurred at query.start or later. Memory: a few numbers for each period and account. Errors:
// those of EngagementScan; INVALID_ARGUMENT (kInvalidField "scope.currency_code") if none is given and the interactions
// cost money of several.
absl::StatusOr<EffortAnswer> GetEffort(const std::vector<const store::TableReader*>& shards,
                                       const EngagementScope& scope, const EffortQuery& query);

}  // namespace keyledger::projections::engagement
