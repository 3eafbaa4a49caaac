// The shape of the facts of events/v1/relation.proto. Internal to the room; see ValidateFact in decide.h.
#pragma once

#include "keyledger/events/v1/event.pb.h"
#include "server/domain/field_checks.h"

namespace keyledger::domain {

// Adds what is wrong with the event at `root` to `checks`. Requires: it is one of those facts.
void CheckRelation(const FieldPath& root, const events::v1::Event& event, FieldChecks& checks);

}  // namespace keyledger::domain
