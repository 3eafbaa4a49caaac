// Stretches of time in which one program governs an account. Internal to the room.
#pragma once

#include <algorithm>
#include <optional>

#include "server/domain/account_state.h"
#include "server/domain/program_set.h"
#include "server/domain/proto_time.h"

namespace keyledger::domain {

// Calls `look`(program, from, end) for one stretch in (after, until] under one program after the other, until it
// answers. A boundary at which another program begins belongs to the program before it.
template <class Found, class Look>
std::optional<Found> FindUnderPrograms(const AccountState& state, Micros after, Micros until,
                                       const ProgramSet& programs, const Look& look) {
  // No review later than what a timestamp can say.
  const Micros last = std::min(until, kTimeMax);
  for (Micros from = after; from < last;) {
    const Micros change = programs.NextChange(from);
    const CompiledProgram* program = programs.Select(from, state.region);
    if (program != nullptr) {
      if (std::optional<Found> found = look(*program, from, std::min(change, last)); found.has_value()) return found;
    }
    from = change;
  }
  return std::nullopt;
}

}  // namespace keyledger::domain
