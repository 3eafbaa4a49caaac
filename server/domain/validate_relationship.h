// The shape of the facts about the relationship, by the proto file they stand in: every rule stands beside the fields
// there. Internal to the room; see ValidateFact in decide.h.
#pragma once

#include "keyledger/events/v1/event.pb.h"
#include "server/domain/field_checks.h"

namespace keyledger::domain {

// Each adds what is wrong with the event at `root` to `checks`. Requires: the event is one of that file.

// owner.proto
void CheckOwner(const FieldPath& root, const events::v1::Event& event, FieldChecks& checks);
// interaction.proto
void CheckInteraction(const FieldPath& root, const events::v1::Event& event, FieldChecks& checks);
// profile.proto
void CheckProfile(const FieldPath& root, const events::v1::Event& event, FieldChecks& checks);
// agreement.proto, and the contracts of relation.proto that are amended and breached
void CheckAgreement(const FieldPath& root, const events::v1::Event& event, FieldChecks& checks);
// pipeline.proto
void CheckPipeline(const FieldPath& root, const events::v1::Event& event, FieldChecks& checks);
// care.proto
void CheckCare(const FieldPath& root, const events::v1::Event& event, FieldChecks& checks);

}  // namespace keyledger::domain
