// Retraction: which facts can be said not to have been so.
//
// Only those that nothing was decided by: a retraction changes no state. That a record of the kind stands where it is
// said to stand is for whoever has the log at hand; see server/shard/sequencer_retractions.cc.
#pragma once

#include "keyledger/events/v1/event.pb.h"

namespace keyledger::domain {

bool IsRetractable(events::v1::EventKind kind);

}  // namespace keyledger::domain
