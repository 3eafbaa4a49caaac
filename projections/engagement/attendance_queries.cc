#include "projections/engagement/attendance_queries.h"

#include <set>
#include <utility>

#include "projections/engagement/pages.h"
#include "server/base/codec.h"
#include "server/base/error.h"

namespace keyledger::projections::engagement {

absl::StatusOr<AttendanceAnswer> ListAttendance(const std::vector<const store::TableReader*>& shards,
                                                const EngagementScope& scope, const AttendanceQuery& query) {
  AttendanceAnswer answer;
  PageOf<AttendanceRow> page(query.continuation, query.page_size);
  EngagementParts parts;
  parts.interactions = true;
  KL_ASSIGN_OR_RETURN(EngagementScan scan, EngagementScan::Open(shards, scope, parts));
  KL_RETURN_IF_ERROR(scan.Walk([&](const EngagementHistory& history) {
    bool any = false;
    std::set<std::string> contacts;
    for (const HistoryRow& row : history.interactions) {
      const events::v1::InteractionMade& made = row.event.interaction_made();
      if (!row.event.has_interaction_made() || made.activity_id() != query.activity_id) continue;
      any = true;
      AttendanceRow attended;
      attended.account_id = history.account_id;
      attended.occurred = row.times.occurred;
      attended.kind = made.kind();
      for (const std::string& contact : made.contact_ids()) {
        attended.contact_ids.push_back(history.ContactName(row.account, contact));
      }
      attended.people.assign(made.people().begin(), made.people().end());
      contacts.insert(attended.contact_ids.begin(), attended.contact_ids.end());
      std::string key = history.account_id;
      key.push_back('\0');
      PutOrdered64(key, row.times.occurred);
      PutBigEndian64(key, row.account);
      PutBigEndian64(key, row.times.position);
      page.Add(std::move(key), std::move(attended));
    }
    answer.account_count += any ? 1 : 0;
    answer.contact_count += static_cast<int64_t>(contacts.size());
    return absl::OkStatus();
  }));
  answer.rows = page.Take(answer.continuation);
  return answer;
}

}  // namespace keyledger::projections::engagement
