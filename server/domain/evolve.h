// Evolve: (state, record) -> state. The one fold that everything about an account follows from. Pure.
#pragma once

#include <absl/status/status.h>

#include "keyledger/events/v1/event.pb.h"
#include "server/domain/account_state.h"

namespace keyledger::domain {

// Folds the event with revision state.next_revision into `state`.
//
// An event that the ledger itself wrote always folds. Errors: DATA_LOSS (kStoreDamaged) if the event contradicts the
// state (a lot that does not exist, more points than a lot holds): the log was damaged or written by a faulty program;
// `state` is then unspecified.
//
// Does not check what only the whole state shows: whoever has folded a log asks LotsMatchTotals once at the end.
absl::Status Evolve(AccountState& state, const events::v1::Event& event, Micros occurred);

// Returns true if the lots' remaining points sum to what the totals say is left. Takes time by the number of lots.
bool LotsMatchTotals(const AccountState& state);

}  // namespace keyledger::domain
