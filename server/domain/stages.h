// Stages of lifecycles: where an account begins, and which way it takes at the end of a period. Internal to the room.
//
// The lifecycles of an account are those of the program which governs the account's own region. It begins each in the
// first stage, at the same facts at which it may rise to a tier, and at the latest at the next end of a review period;
// the same where the version in force no longer has the stage it is in. At the end of a review period, measured as a
// review of tiers is (see standing.h), the ways out of its stage are tried in order and the first whose rule holds is
// taken. Nothing else moves it, so it moves at most once at a moment, whatever the rules say.
#pragma once

#include <optional>
#include <vector>

#include "keyledger/events/v1/event.pb.h"
#include "server/domain/account_state.h"
#include "server/domain/program_set.h"

namespace keyledger::domain {

// The beginnings of all lifecycles of the program in which the account is in no stage that the program knows, in the
// program's order.
std::vector<events::v1::StageChanged> BeginStages(const AccountState& state, const CompiledProgram& program);

// What the ends of review periods at one moment decide.
struct DueStageReview {
  Micros due = 0;
  // In the order of the program's lifecycles. Empty: nothing is decided up to and including `due`; look again from
  // there.
  std::vector<events::v1::StageChanged> changes;
};

// The first moment in (from, end] at which a stage changes if nothing else happens, where the program governs all of
// that time. Requires: from >= state.clock.
std::optional<DueStageReview> FindStageReview(const AccountState& state, const CompiledProgram& program, Micros from,
                                              Micros end);

}  // namespace keyledger::domain
