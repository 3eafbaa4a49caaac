// Rows of the projection "tiers". Per account: one row 'A' (when it was opened), and a row 'H' for each assignment,
// ordered by revision.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "projections/tiers/tiers_queries.h"
#include "server/base/clock.h"

namespace keyledger::projections {

inline constexpr char kTierAccountTag = 'A';
inline constexpr char kTierAssignmentTag = 'H';

// Of the row 'A': the value is the open_time, 8 bytes.
void EncodeTierAccount(Micros open_time, std::string& value);
std::optional<Micros> DecodeTierAccount(std::string_view value);

// Of a row 'H': the rest of its key is the revision, 8 bytes big-endian. `since` is the decision's occurred_time here,
// and until is not stored.
void EncodeTierAssignment(const TierHolding& holding, std::string& value);
// Fills everything but revision and until; returns false if the value is damaged.
bool DecodeTierAssignment(std::string_view value, TierHolding& holding);

}  // namespace keyledger::projections
