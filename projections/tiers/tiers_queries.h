// Queries of the projection "tiers": standing, history and distribution, as of any moment.
//
// Assignments supersede each other in the order they were decided (revision). Each holds from its occurred_time on, but
// not from before the assignment it supersedes: a decision about a late event replaces the tier held now, it does not
// rewrite what was held in between.
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

struct TierHolding {
  std::string ladder_id;
  std::string tier_id;
  // Empty: none.
  std::string previous_tier_id;
  events::v1::TierAssignmentReason reason = events::v1::TIER_ASSIGNMENT_REASON_UNSPECIFIED;
  Micros since = 0;
  // Exclusive; nothing: still held.
  std::optional<Micros> until;
  // Evidence, as in TierAssigned.
  std::vector<events::v1::ConditionEvidence> met;
  std::vector<events::v1::ConditionEvidence> missed;
  std::string program_id;
  uint32_t program_version = 0;
  // Empty unless a population review assigned it.
  std::string review_id;
  // Of the decision.
  uint64_t revision = 0;
};

// The tier held just before `as_of`; nothing if there was none. `until` is set only if the tier ended before as_of, so
// never here. Errors: NOT_FOUND (kAccountNotFound), DATA_LOSS (kStoreDamaged).
absl::StatusOr<std::optional<TierHolding>> GetTierStanding(const store::TableReader& rows, std::string_view account_id,
                                                           Micros as_of);

struct TierHistoryPage {
  // Latest first.
  std::vector<TierHolding> holdings;
  // Empty on the last page.
  std::string continuation;
};

// Lists up to `page_size` of the tiers held, latest first. Requires: page_size > 0.
// Errors: NOT_FOUND (kAccountNotFound), INVALID_ARGUMENT (kInvalidToken), DATA_LOSS (kStoreDamaged).
absl::StatusOr<TierHistoryPage> ListTierHistory(const store::TableReader& rows, std::string_view account_id,
                                                size_t page_size, std::string_view continuation);

struct TierCount {
  // Both empty: accounts without a tier.
  std::string ladder_id;
  std::string tier_id;
  int64_t accounts = 0;

  bool operator==(const TierCount&) const = default;
};

struct StageCount {
  std::string ladder_id;
  std::string stage_id;
  int64_t accounts = 0;

  bool operator==(const StageCount&) const = default;
};

struct TierDistribution {
  // By ladder_id, then from the most to the fewest accounts, then by tier_id. No zero counts.
  std::vector<TierCount> tiers;
  // As tiers; accounts that have not begun a lifecycle are not in it.
  std::vector<StageCount> stages;
  // Accounts opened before as_of.
  int64_t accounts = 0;
};

// Counts the accounts opened before `as_of` by the tier they held and the stages they were in just before it. Folds
// every account. Requires: no null reader. Errors: DATA_LOSS (kStoreDamaged).
absl::StatusOr<TierDistribution> GetTierDistribution(const std::vector<const store::TableReader*>& shards,
                                                     Micros as_of);

}  // namespace keyledger::projections
