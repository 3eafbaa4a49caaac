// Attendance: who was at an activity, over all accounts.
//
// Cost: one walk over the interactions in scope. Memory: one page.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "keyledger/events/v1/interaction.pb.h"
#include "projections/engagement/engagement_history.h"

namespace keyledger::projections::engagement {

struct AttendanceQuery {
  std::string activity_id;
  int page_size = 100;
  std::string continuation;
};

// An interaction of an account at the activity.
struct AttendanceRow {
  std::string account_id;
  Micros occurred = 0;
  events::v1::InteractionKind kind = events::v1::INTERACTION_KIND_UNSPECIFIED;
  std::vector<std::string> contact_ids;
  std::vector<std::string> people;
};

struct AttendanceAnswer {
  // By account_id, then occurred.
  std::vector<AttendanceRow> rows;
  // On all pages: accounts, and contacts of theirs, each once.
  int64_t account_count = 0;
  int64_t contact_count = 0;
  std::string continuation;
};

// Errors: those of EngagementScan.
absl::StatusOr<AttendanceAnswer> ListAttendance(const std::vector<const store::TableReader*>& shards,
                                                const EngagementScope& scope, const AttendanceQuery& query);

}  // namespace keyledger::projections::engagement
