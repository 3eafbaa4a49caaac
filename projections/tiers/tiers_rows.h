// Rows of the projection "tiers". Per account: one row 'A' (when it was opened), a row 'H' for each assignment of a
// tier, and a row 'S' for each change of a stage, both ordered by revision; and a row 'M' (when that was) if it was
// merged into another: from then on it stands nowhere.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "projections/tiers/stages_queries.h"
#include "projections/tiers/tiers_queries.h"
#include "server/base/clock.h"
#include "server/domain/account_state.h"
#include "server/store/table.h"

namespace keyledger::projections {

inline constexpr char kTierAccountTag = 'A';
inline constexpr char kTierAssignmentTag = 'H';
inline constexpr char kTierMergeTag = 'M';
inline constexpr char kStageTag = 'S';

// Of the rows 'A' and 'M': the value is the moment, 8 bytes.
void EncodeTierAccount(Micros moment, std::string& value);
std::optional<Micros> DecodeTierAccount(std::string_view value);
// When the account was merged into another; kNever: it was not. Errors: DATA_LOSS.
absl::StatusOr<Micros> FindTierMerge(const store::TableReader& rows, std::string_view account_id);

// Of a row 'H': the rest of its key is the revision, 8 bytes big-endian. `since` is the decision's occurred_time here,
// and until is not stored.
void EncodeTierAssignment(const TierHolding& holding, std::string& value);
// Fills everything but revision and until; returns false if the value is damaged.
bool DecodeTierAssignment(std::string_view value, TierHolding& holding);

// Of a row 'S': the rest of its key is the revision, as of a row 'H'; `since` is the decision's occurred_time here, and
// until is not stored.
void EncodeStage(const StageStay& stay, std::string& value);
// Fills everything but revision and until; returns false if the value is damaged.
bool DecodeStage(std::string_view value, StageStay& stay);

// Since when an account is in its stage, by lifecycle: a change holds from no earlier.
using StageEnds = std::map<std::string, Micros>;
// Reads a row 'S' by the rest of its key; `ends` are of the account's rows before it. Returns false if it is damaged.
bool ReadStage(std::string_view rest, std::string_view value, StageEnds& ends, StageStay& stay);

// NOT_FOUND (kAccountNotFound) if the account has no row 'A'.
absl::Status CheckTierAccount(const store::TableReader& rows, std::string_view account_id);
// DATA_LOSS (kStoreDamaged).
absl::Status DamagedTierRow(std::string_view account_id);

}  // namespace keyledger::projections
