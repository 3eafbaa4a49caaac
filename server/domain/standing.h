// Tiers: the metric over a window, what an account has earned, and when a review changes it. Internal to the room.
//
// The ladder of an account is that of the program which governs the account's own region; a sale elsewhere earns points
// by the program of its place but moves the account on its own ladder only.
//
// Rising: after every purchase the metric is measured over the window that ends with the moment of evaluation
// (inclusive); the account takes the highest tier whose entrance is reached, if that is above the one it holds.
// Falling: only at a review, that is, at a boundary b between two review periods of the program in force just before b.
// The window ends at b (exclusive). Below the threshold that keeps its tier (maintenance, or entrance where there is
// none) the account falls to the highest lower tier that the metric would keep, or to the lowest. A review never
// raises. An account that holds no tier of the ladder (none, or another ladder's) takes what it has earned at the next
// evaluation, with reason INITIAL. A tier that the version does not know counts as the lowest and is replaced at the
// next evaluation.
#pragma once

#include <cstdint>
#include <optional>

#include "keyledger/events/v1/event.pb.h"
#include "server/domain/account_state.h"
#include "server/domain/program_set.h"

namespace keyledger::domain {

// A tier held on a ladder.
struct HeldTier {
  int index = 0;
  // False: the ladder does not know it (any more), and it counts as the lowest.
  bool known = true;
};

// Nothing if the standing is on no ladder or another one.
std::optional<HeldTier> FindHeldTier(const programs::v1::TierLadder& ladder, const TierStanding& standing);

// Measures the account at `moment` (inclusive) on the program's ladder, and says how it rises or begins. Nothing: no
// change. Requires: the program has a ladder; no record of the account occurred after `moment`.
std::optional<events::v1::TierAssigned> EvaluateRise(const AccountState& state, const CompiledProgram& program,
                                                     Micros moment);

// A review that changes the account's tier.
struct DueReview {
  Micros due = 0;
  const CompiledProgram* program = nullptr;
  events::v1::TierAssigned assigned;
};

// The first review after `after` and not after `until` that changes the tier if nothing else happens.
// Requires: after >= state.clock.
std::optional<DueReview> FindReview(const AccountState& state, Micros after, Micros until, const ProgramSet& programs);

}  // namespace keyledger::domain
