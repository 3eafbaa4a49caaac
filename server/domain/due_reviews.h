// Reviews that fall due by the passing of time alone, of the tier and of the stages. Internal to the room.
//
// Read next: standing.h and stages.h, which hold the rules; advance.cc, which records what they decide.
#pragma once

#include <optional>
#include <vector>

#include "keyledger/events/v1/event.pb.h"
#include "server/domain/account_state.h"
#include "server/domain/program_set.h"

namespace keyledger::domain {

// What is decided at one moment, under one program.
struct DueReviews {
  Micros due = 0;
  const CompiledProgram* program = nullptr;
  // The tier's first, then the stages' in the order of the program's lifecycles; none depends on another. Empty:
  // nothing is decided up to and including `due`; look again from there.
  std::vector<events::v1::Event> events;
};

// The first moment after `after` and not after `until` at which reviews decide something if nothing else happens.
// Requires: after >= state.clock.
std::optional<DueReviews> FindReviews(const AccountState& state, Micros after, Micros until,
                                      const ProgramSet& programs);

}  // namespace keyledger::domain
