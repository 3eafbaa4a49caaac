// Timeline: everything that happened with an account, newest first, by the rows that name each record.
#pragma once

#include <cstdint>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "projections/engagement/engagement_history.h"

namespace keyledger::projections::engagement {

struct TimelineQuery {
  std::string account_id;
  // Only what occurred at this moment or later.
  Micros start = std::numeric_limits<int64_t>::min();
  // Numbers of payloads; empty: all facts, and decisions if asked for.
  std::set<int> kinds;
  bool decisions = false;
  // Also what was retracted.
  bool retracted = false;
  int page_size = 100;
  std::string continuation;
};

// A record, to be read from the log of its account's shard.
struct TimelineRow {
  std::string account_id;
  Micros occurred = 0;
  uint64_t position = 0;
  bool retracted = false;
};

struct TimelinePage {
  // By occurred_time, newest first, then by position, the greatest first, then by account.
  std::vector<TimelineRow> rows;
  // The account that this one was merged into; empty: none.
  std::string merged_into;
  std::string continuation;
};

// Of the account and of those merged into it; one that was merged itself is listed alone. Of the scope only the moments
// are used. Memory: a row for each record. Errors: those of EngagementScan.
absl::StatusOr<TimelinePage> ListTimeline(const std::vector<const store::TableReader*>& shards,
                                          const EngagementScope& scope, const TimelineQuery& query);

// What a page that ends with the row, although more were found, continues after.
std::string ContinuationAfter(const TimelineRow& row);

}  // namespace keyledger::projections::engagement
