// Retraction: which facts can be said not to have been so.
//
// Only those that nothing was decided by: a retraction changes no state. That a record of the kind stands where it is
// said to stand is for whoever has the log at hand; see server/shard/sequencer_retractions.cc.
#pragma once

#include <absl/status/status.h>

#include "keyledger/events/v1/event.pb.h"

namespace keyledger::domain {

bool IsRetractable(events::v1::EventKind kind);

// The refusal of one of any other kind. FAILED_PRECONDITION (kNotRetractable) with metadata "kind".
absl::Status NotRetractable(events::v1::EventKind kind);

}  // namespace keyledger::domain
