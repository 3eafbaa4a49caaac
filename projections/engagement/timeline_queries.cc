#include "projections/engagement/timeline_queries.h"

#include <utility>

#include "keyledger/events/v1/event.pb.h"
#include "projections/engagement/pages.h"
#include "server/base/codec.h"
#include "server/base/error.h"
#include "server/domain/event_kinds.h"

namespace keyledger::projections::engagement {
namespace {

bool IsWanted(const TimelineQuery& query, const HistoryRow& row) {
  if (row.times.occurred < query.start || (row.retracted && !query.retracted)) return false;
  if (!query.kinds.empty()) return query.kinds.count(row.kind) != 0;
  return domain::IsFactKind(row.kind) || (query.decisions && domain::IsDecisionKind(row.kind));
}

}  // namespace

// The key of the row, in the order of the answer. Complements: the newest comes first.
std::string ContinuationAfter(const TimelineRow& row) {
  std::string key;
  PutOrdered64(key, ~row.occurred);
  PutBigEndian64(key, ~row.position);
  return key.append(row.account_id);
}

absl::StatusOr<TimelinePage> ListTimeline(const std::vector<const store::TableReader*>& shards,
                                          const EngagementScope& asked, const TimelineQuery& query) {
  EngagementScope scope = asked;
  scope.filter = {};
  EngagementParts parts;
  parts.timeline = true;
  TimelinePage page;
  PageOf<TimelineRow> rows(query.continuation, query.page_size);
  KL_ASSIGN_OR_RETURN(EngagementScan scan, EngagementScan::Open(shards, scope, parts));
  const auto visit = [&](const EngagementHistory& history) {
    for (const HistoryRow& row : history.timeline) {
      if (!IsWanted(query, row)) continue;
      TimelineRow entry{history.AccountOf(row.account), row.times.occurred, row.times.position, row.retracted};
      std::string key = ContinuationAfter(entry);
      rows.Add(std::move(key), std::move(entry));
    }
    return absl::OkStatus();
  };
  page.merged_into = scan.MergedInto(query.account_id);
  KL_RETURN_IF_ERROR(page.merged_into.empty() ? scan.Load(query.account_id, visit)
                                              : scan.LoadAlone(query.account_id, visit));
  page.rows = rows.Take(page.continuation);
  return page;
}

}  // namespace keyledger::projections::engagement
