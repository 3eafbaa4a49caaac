// Promises: what we promised, and how it was kept.
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

struct PromiseRow {
  std::string account_id;
  std::string promise_id;
  events::v1::PromisePublished published;
  Micros open_time = 0;
  int64_t kept = 0;
  int64_t broken = 0;
  // It stands: neither ended nor over.
  bool open = false;
  // It was to be kept by now, and nothing is known.
  bool overdue = false;
};

struct PromiseQuery {
  // Empty: all accounts.
  std::string account_id;
  ItemState state = ItemState::kOpen;
  // Only promises due before this moment.
  std::optional<Micros> due_until;
  PageAsk page;
};

struct PromiseList {
  // By due time, those without last.
  std::vector<PromiseRow> rows;
  std::string next;
  int64_t count = 0;
  // Of all that match.
  int64_t kept_count = 0;
  int64_t broken_count = 0;
};

// Requires: as_of is a moment. Errors: those of WalkItems; INVALID_ARGUMENT (kInvalidToken).
absl::StatusOr<PromiseList> ListPromises(const Shards& shards, const PipelineScope& scope, const PromiseQuery& query);

}  // namespace keyledger::projections::pipeline
