// Issues: complaints, conflicts and requests, by when each is to be resolved, and how long that takes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "keyledger/events/v1/care.pb.h"
#include "projections/pipeline/pipeline_page.h"
#include "projections/pipeline/pipeline_scan.h"

namespace keyledger::projections::pipeline {

struct IssueRow {
  std::string account_id;
  std::string issue_id;
  events::v1::IssueKind kind = events::v1::ISSUE_KIND_UNSPECIFIED;
  events::v1::IssueState state = events::v1::ISSUE_STATE_OPEN;
  std::string description;
  // The account's owner where nobody is named.
  std::string person;
  // It was raised at; empty: not stated.
  std::string activity_id;
  Micros open = 0;
  // First answered, last resolved; nothing: not, or not any more.
  std::optional<Micros> answered;
  std::optional<Micros> resolved;
  // As stated last, or by the deadlines of the program that governed the account when it was raised.
  std::optional<Micros> due;
  // From raised to resolved, to its end without, or to as_of.
  int64_t age_hours = 0;
  // Not resolved before `due`.
  bool overdue = false;
  int32_t reopened = 0;
  // Of the latest fact about it.
  uint64_t revision = 0;
  // Nothing: it is open.
  std::optional<Micros> end;
};

struct IssueQuery {
  // Empty, unspecified: any.
  std::string account_id;
  events::v1::IssueKind kind = events::v1::ISSUE_KIND_UNSPECIFIED;
  std::string person;
  std::string activity_id;
  // Raised at this moment or later.
  Micros start = 0;
  ItemState state = ItemState::kOpen;
  bool overdue_only = false;
  PageAsk page;
};

struct ResolutionRow {
  events::v1::IssueKind kind = events::v1::ISSUE_KIND_UNSPECIFIED;
  int64_t raised = 0;
  int64_t resolved = 0;
  // Of those with a due time: resolved before it, and overdue.
  int64_t in_time = 0;
  int64_t late = 0;
  // To the resolution; nothing where none was resolved.
  std::optional<int64_t> median_hours;
  std::optional<int64_t> p90_hours;
};

struct IssueList {
  // By due time, those without last, then the oldest first.
  std::vector<IssueRow> rows;
  std::string next;
  int64_t count = 0;
  // By kind, whatever their state; kinds of which none was raised are left out.
  std::vector<ResolutionRow> times;
};

// Requires: as_of is a moment. Memory: a page, and a number an issue resolved. Errors: those of WalkItems;
// INVALID_ARGUMENT (kInvalidToken).
absl::StatusOr<IssueList> ListIssues(const Shards& shards, const PipelineScope& scope, const IssueQuery& query);

}  // namespace keyledger::projections::pipeline
