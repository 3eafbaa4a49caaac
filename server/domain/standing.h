// Tiers: the metric over a window, what an account has earned, and when a review changes it. Internal to the room.
//
// The ladder of an account is that of the program which governs the account's own region; a sale elsewhere earns points
// by the program of its place but moves the account on its own ladder only.
//
// Rising: after every event that can change what is measured, the entrance rules are measured with windows that end
// with the moment of evaluation (inclusive); the account takes the highest tier whose rule holds, if that is above the
// one it holds. With upgrade at_review this happens at reviews only. Reviews: at a boundary b, under the program in
// force just before b, measured over windows that end at b (exclusive). A tier above the one held whose entrance rule
// holds is given. Otherwise, if the rule that keeps the held tier does not hold, a grace period begins, or the account
// falls: to the highest lower tier whose own rule to keep it holds, or one step. At the end of the grace the same
// windows, extended to that moment, decide. A lock suspends all of this while it holds. An account that holds no tier
// of the ladder (none, or another ladder's) takes what it has earned at the next evaluation, with reason INITIAL. A
// tier that the version does not know counts as the lowest and is replaced at the next evaluation. An account that ends
// in another is not measured any more.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "keyledger/events/v1/event.pb.h"
#include "server/domain/account_state.h"
#include "server/domain/measure.h"
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

// True if a lock on the program's ladder holds at `moment`.
bool IsLocked(const AccountState& state, const programs::v1::TierLadder& ladder, Micros moment);

// Measures the account at `moment` (inclusive) on the program's ladder, and says how it rises or begins. Nothing: no
// change. Requires: the program has a ladder; no record of the account occurred after `moment`.
std::optional<events::v1::TierAssigned> EvaluateRise(const AccountState& state, const CompiledProgram& program,
                                                     Micros moment);

// The assignment of the tier that a lock names. Requires: the ladder knows it.
events::v1::TierAssigned AssignLocked(const AccountState& state, const events::v1::TierLocked& locked);

// The first boundary after `after` at which the account is reviewed under the program.
Micros NextReview(const AccountState& state, const CompiledProgram& program, Micros after);

// The tier that a population review gives the account at boundary `as_of`, its places in the ladder's relative cuts
// being known; nothing: the one it holds. Locks are not asked. Requires: as Measurer::AtPopulationReview.
std::optional<events::v1::TierAssigned> ReviewTier(const AccountState& state, const CompiledProgram& program,
                                                   Micros as_of, const std::vector<CutPlace>& places);

// The last day at or before `time` that is the ladder's review_date. Requires: the ladder has one.
Micros LastAnnualDate(const CompiledProgram& program, Micros time);

// A moment at which an account is measured.
struct ReviewMoment {
  Micros due = 0;
  const CompiledProgram* program = nullptr;
  // The end of the account's grace period, and not a review.
  bool ends_grace = false;
};

// The first moment after `after` at which the account, staying as it is, is measured, whatever that decides; on a
// ladder with relative cuts the next review of the ladder. Nothing: none in the time that can be said.
std::optional<ReviewMoment> FindNextReview(const AccountState& state, Micros after, const ProgramSet& programs);

// Measures for a moment that FindNextReview found for the state.
Measurer MeasurerAt(const AccountState& state, const ReviewMoment& moment);

// What a review of the tier decides.
struct DueReview {
  Micros due = 0;
  const CompiledProgram* program = nullptr;
  // TierAssigned or TierGraceStarted. No payload: nothing is decided up to and including `due`; look again from there.
  events::v1::Event event;
};

// The first review, or end of a grace period, after `after` and not after `until` that decides something if nothing
// else happens. Stages have reviews of their own: due_reviews.h. Requires: after >= state.clock.
std::optional<DueReview> FindReview(const AccountState& state, Micros after, Micros until, const ProgramSet& programs);

// The same in (from, end], where the program governs all of that time and has a ladder.
std::optional<DueReview> FindReviewUnder(const AccountState& state, const CompiledProgram& program, Micros from,
                                         Micros end);

}  // namespace keyledger::domain
