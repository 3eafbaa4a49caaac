#include "projections/pipeline/issues.h"

#include <algorithm>
#include <map>
#include <utility>

#include "server/domain/proto_time.h"

namespace keyledger::projections::pipeline {
namespace {

constexpr Micros kMicrosPerHour = 3600 * kMicrosPerSecond;
constexpr int64_t kNinetyPercent = 900;

// By when the program asks for a resolution; nothing: it does not.
std::optional<Micros> DeadlineOf(const ItemAccount& account, events::v1::IssueKind kind, Micros raised) {
  const programs::v1::Deadlines* deadlines = account.DeadlinesAt(raised);
  if (deadlines == nullptr) return std::nullopt;
  const std::string_view tier = account.history().TierAt(raised);
  for (const programs::v1::IssueDeadline& deadline : deadlines->issues()) {
    const auto& kinds = deadline.kinds();
    const auto& tiers = deadline.tier_ids();
    if (!kinds.empty() && std::find(kinds.begin(), kinds.end(), static_cast<int>(kind)) == kinds.end()) continue;
    if (!tiers.empty() && std::find(tiers.begin(), tiers.end(), tier) == tiers.end()) continue;
    return raised + static_cast<Micros>(deadline.hours()) * kMicrosPerHour;
  }
  return std::nullopt;
}

void TakeMove(const ItemMove& move, IssueRow& row, std::string& person) {
  const events::v1::IssueMoved& moved = move.event.issue_moved();
  if (moved.state() == events::v1::ISSUE_STATE_ANSWERED && !row.answered.has_value()) row.answered = move.since;
  if (moved.state() == events::v1::ISSUE_STATE_RESOLVED) row.resolved = move.since;
  if (moved.state() == events::v1::ISSUE_STATE_OPEN) {
    row.resolved.reset();
    row.reopened += 1;
  }
  row.state = moved.state();
  if (!moved.person().empty()) person = moved.person();
  if (moved.has_due_time()) row.due = domain::MicrosOf(moved.due_time());
}

IssueRow RowOf(const ItemAccount& account, const ItemLife& life, Micros as_of) {
  const events::v1::IssueOpened& opened = life.opening().issue_opened();
  IssueRow row;
  row.account_id = account.account_id();
  row.issue_id = life.item_id;
  row.kind = opened.kind();
  row.description = opened.description();
  row.activity_id = opened.activity_id();
  row.open = life.open_time();
  row.end = life.end;
  row.revision = life.latest().revision;
  std::string person = opened.person();
  if (opened.has_due_time()) row.due = domain::MicrosOf(opened.due_time());
  for (const ItemMove& move : life.moves) {
    if (move.event.has_issue_moved()) TakeMove(move, row, person);
  }
  if (!row.due.has_value()) row.due = DeadlineOf(account, row.kind, row.open);
  row.person = account.PersonOr(person);
  // One withdrawn waits no longer.
  const Micros until = row.resolved.value_or(row.end.value_or(as_of));
  row.age_hours = HoursBetween(row.open, until);
  // What is resolved at the due time itself is late; as_of is not looked at any more, so that time may be it.
  row.overdue = row.due.has_value() && until >= *row.due;
  return row;
}

bool IsAskedFor(const IssueRow& row, const IssueQuery& query) {
  return row.open >= query.start && (query.kind == events::v1::ISSUE_KIND_UNSPECIFIED || row.kind == query.kind) &&
         (query.person.empty() || row.person == query.person) &&
         (query.activity_id.empty() || row.activity_id == query.activity_id);
}

// How long the issues of one kind took.
struct Resolution {
  ResolutionRow row;
  std::vector<int64_t> hours;

  void Add(const IssueRow& issue) {
    row.raised += 1;
    if (issue.resolved.has_value()) {
      row.resolved += 1;
      hours.push_back(issue.age_hours);
    }
    if (!issue.due.has_value()) return;
    row.late += issue.overdue ? 1 : 0;
    row.in_time += !issue.overdue && issue.resolved.has_value() ? 1 : 0;
  }
};

}  // namespace

absl::StatusOr<IssueList> ListIssues(const Shards& shards, const PipelineScope& scope, const IssueQuery& query) {
  IssueList out;
  std::map<events::v1::IssueKind, Resolution> times;
  KL_ASSIGN_OR_RETURN(auto page, PageCollector<IssueRow>::Begin(query.page));
  const ItemAsk ask{.kinds = {domain::ItemKind::kIssue}, .account_id = query.account_id};
  const auto visit = [&](const ItemAccount& account) {
    for (const ItemLife& life : account.items) {
      IssueRow row = RowOf(account, life, scope.as_of);
      if (!IsAskedFor(row, query)) continue;
      times[row.kind].Add(row);
      if (!IsIn(query.state, !row.end.has_value()) || (query.overdue_only && !row.overdue)) continue;
      out.count += 1;
      PageOrder order{row.due.value_or(domain::kNever), row.open, row.account_id, row.issue_id, life.revision()};
      page.Offer(std::move(order), std::move(row));
    }
    return absl::OkStatus();
  };
  KL_RETURN_IF_ERROR(WalkItems(shards, scope, ask, visit));
  out.next = page.Finish(out.rows);
  for (auto& [kind, resolution] : times) {
    resolution.row.kind = kind;
    if (!resolution.hours.empty()) {
      resolution.row.median_hours = MedianOf(resolution.hours);
      resolution.row.p90_hours = RankOf(resolution.hours, kNinetyPercent);
    }
    out.times.push_back(resolution.row);
  }
  return out;
}

}  // namespace keyledger::projections::pipeline
