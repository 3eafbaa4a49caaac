// Entry delays: how long after they happened interactions were recorded.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "projections/engagement/engagement_history.h"

namespace keyledger::projections::engagement {

inline constexpr size_t kDelayPeopleMax = 1'000;

struct EntryDelay {
  // The first of the interaction's people; empty in the total.
  std::string person;
  int64_t interactions = 0;
  int64_t prompt = 0;
  // In whole minutes, cut. By nearest rank: so many percent of the entries took no longer.
  std::optional<int64_t> median_minutes;
  std::optional<int64_t> p90_minutes;
  std::optional<int64_t> longest_minutes;
};

struct DelayAnswer {
  EntryDelay total;
  // The longest median first, then by person; at most kDelayPeopleMax.
  std::vector<EntryDelay> people;
};

// Of delays in any order.
EntryDelay SummarizeDelays(std::string person, std::vector<Micros> delays, int64_t prompt_minutes);

// Of interactions that occurred at `start` or later. Memory: a number for each. Errors: those of EngagementScan.
absl::StatusOr<DelayAnswer> GetEntryDelay(const std::vector<const store::TableReader*>& shards,
                                          const EngagementScope& scope, Micros start, int64_t prompt_minutes);

}  // namespace keyledger::projections::engagement
