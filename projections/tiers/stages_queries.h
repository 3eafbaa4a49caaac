// Queries of the projection "tiers" about lifecycles: the stages an account is in and has been in, as of any moment.
//
// As with tiers (tiers_queries.h), changes supersede each other in the order they were decided, lifecycle by lifecycle.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "keyledger/events/v1/event.pb.h"
#include "server/base/clock.h"
#include "server/store/table.h"

namespace keyledger::projections {

// One stay in a stage.
struct StageStay {
  std::string ladder_id;
  std::string stage_id;
  // Empty: none.
  std::string previous_stage_id;
  Micros since = 0;
  // Exclusive; nothing: the account is still in it.
  std::optional<Micros> until;
  // Evidence, as in StageChanged.
  std::vector<events::v1::ConditionEvidence> met;
  uint32_t alternative = 0;
  std::string program_id;
  uint32_t program_version = 0;
  // Of the decision.
  uint64_t revision = 0;
};

// The stage of each lifecycle just before `as_of`, by ladder_id; `until` is never set.
// Errors: NOT_FOUND (kAccountNotFound), DATA_LOSS (kStoreDamaged).
absl::StatusOr<std::vector<StageStay>> GetStages(const store::TableReader& rows, std::string_view account_id,
                                                 Micros as_of);

struct StageHistoryPage {
  // Latest first, in the order in which they were decided.
  std::vector<StageStay> stays;
  // Empty on the last page.
  std::string continuation;
};

// Lists up to `page_size` of the stages the account has been in, of one lifecycle or, if `ladder_id` is empty, of all.
// Requires: page_size > 0. Errors: NOT_FOUND (kAccountNotFound), INVALID_ARGUMENT (kInvalidToken), DATA_LOSS
// (kStoreDamaged).
absl::StatusOr<StageHistoryPage> ListStageHistory(const store::TableReader& rows, std::string_view account_id,
                                                  std::string_view ladder_id, size_t page_size,
                                                  std::string_view continuation);

}  // namespace keyledger::projections
