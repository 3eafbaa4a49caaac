// Opportunities: what is pursued, how long already, and what became of it.
//
// A stage's age begins with the move that led into it from another; a move that only changes figures does not renew it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "keyledger/events/v1/pipeline.pb.h"
#include "projections/pipeline/pipeline_page.h"
#include "projections/pipeline/pipeline_scan.h"
#include "server/base/calendar.h"

namespace keyledger::projections::pipeline {

struct OpportunityRow {
  std::string account_id;
  std::string opportunity_id;
  std::string description;
  events::v1::OpportunityStage stage = events::v1::OPPORTUNITY_STAGE_LEAD;
  // The account's owner where nobody is named; empty: nobody.
  std::string person;
  std::optional<events::v1::Money> amount;
  std::optional<int32_t> chance_milli;
  std::optional<Micros> close;
  Micros open = 0;
  // Since when it is in the stage.
  Micros stage_since = 0;
  // When it was decided; nothing: it is open.
  std::optional<Micros> end;
  std::string lead_source;
  // Of one lost or dropped.
  std::string reason;
  // Of the latest fact about it.
  uint64_t revision = 0;

  // Its age at `as_of`, or that at its end.
  int64_t age_days(Micros as_of) const { return DaysBetween(open, end.value_or(as_of)); }
  // amount by chance, rounded down; 0 without either.
  int64_t expected_micros() const;
};

struct OpportunityQuery {
  // Empty: all accounts, and whoever pursues them.
  std::string account_id;
  std::string person;
  // None: those of `state`.
  std::set<events::v1::OpportunityStage> stages;
  ItemState state = ItemState::kOpen;
  PageAsk page;
};

struct OpportunityList {
  // By stage, the latest first, then the oldest first.
  std::vector<OpportunityRow> rows;
  std::string next;
  int64_t count = 0;
  MoneySums sums;
};

// Requires of both: as_of is a moment. Errors: those of WalkItems; INVALID_ARGUMENT (kInvalidToken),
// FAILED_PRECONDITION (kArithmeticRange).
absl::StatusOr<OpportunityList> ListOpportunities(const Shards& shards, const PipelineScope& scope,
                                                  const OpportunityQuery& query);

struct PipelineQuery {
  // What ended at this moment or later counts.
  Micros start = 0;
  // Only what this person pursues, proposed, is to see to, or, of contracts, whose account the person owns. Empty: all.
  std::string person;
  // Of years.
  Zone zone;
};

struct StageRow {
  events::v1::OpportunityStage stage = events::v1::OPPORTUNITY_STAGE_UNSPECIFIED;
  int64_t opportunities = 0;
  MoneySums sums;
  // In the stage so far; only of stages that are not an end.
  std::optional<int64_t> median_days;
  std::optional<int64_t> median_age_days;
  int64_t across_years = 0;
};

struct PipelineTotals {
  // All seven, in the order of OpportunityStage.
  std::vector<StageRow> stages;
  // won / (won + lost).
  std::optional<double> win_rate;
  int64_t open_quotes = 0;
  int64_t waiting_approvals = 0;
  int64_t running_contracts = 0;
  int64_t open_issues = 0;
};

// Memory: two numbers an opportunity that counts.
absl::StatusOr<PipelineTotals> GetPipeline(const Shards& shards, const PipelineScope& scope,
                                           const PipelineQuery& query);

}  // namespace keyledger::projections::pipeline
