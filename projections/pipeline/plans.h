// Plans: what was agreed with accounts, when it is looked at again, and what in it is out of date.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "keyledger/events/v1/agreement.pb.h"
#include "projections/pipeline/pipeline_page.h"
#include "projections/pipeline/pipeline_scan.h"

namespace keyledger::projections::pipeline {

// The numbers are those of the API.
enum class PlanFlag : uint8_t {
  kNoForecast = 1,
  kStale = 2,
  kReviewOverdue = 3,
  kOver = 4,
  kNotAgreed = 5,
  kOffTrack = 6,
};

struct PlanRow {
  std::string account_id;
  std::string plan_id;
  // With targets and forecasts as given last; person: the account's owner where nobody is named.
  events::v1::PlanDrafted plan;
  // Of the latest review.
  std::vector<events::v1::TargetResult> results;
  bool open = false;
  // Latest agreement and review; nothing: none.
  std::optional<Micros> agreed;
  std::optional<Micros> reviewed;
  // Of an agreed plan: as stated last, or so many months after it was agreed or reviewed as the program said that
  // governed the account then.
  std::optional<Micros> next_review;
  int32_t reviews = 0;
  // In the order of PlanFlag; of an ended plan none.
  std::vector<PlanFlag> flags;
};

struct PlanQuery {
  // Empty: all accounts.
  std::string account_id;
  ItemState state = ItemState::kOpen;
  bool flagged_only = false;
  PageAsk page;
};

struct PlanList {
  // By next review, those without last.
  std::vector<PlanRow> rows;
  std::string next;
  int64_t count = 0;
  int64_t flagged_count = 0;
};

// Requires: as_of is a moment. Errors: those of WalkItems; INVALID_ARGUMENT (kInvalidToken).
absl::StatusOr<PlanList> ListPlans(const Shards& shards, const PipelineScope& scope, const PlanQuery& query);

}  // namespace keyledger::projections::pipeline
