// Rows of the projection "tiers". Per account: one row 'A' (when it was opened), a row 'H' for each assignment of a
// tier, and a row 'S' for each change of a stage, both ordered by revision.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <absl/status/status.h>

#include "projections/tiers/stages_queries.h"
#include "projections/tiers/tiers_queries.h"
#include "server/base/clock.h"
#include "server/store/table.h"

namespace keyledger::projections {

inline constexpr char kTierAccountTag = 'A';
inline constexpr char kTierAssignmentTag = 'H';
inline constexpr char kStageTag = 'S';

// Of the row 'A': the value is the open_time, 8 bytes.
void EncodeTierAccount(Micros open_time, std::string& value);
std::optional<Micros> DecodeTierAccount(std::string_view value);

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
