// What a client submits of a fact and what the ledger adds: the fields that the schema marks
// (keyledger.events.v1.output_only). Internal to the room, but for AsSubmitted.
#pragma once

#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/message.h>

#include "keyledger/events/v1/event.pb.h"
#include "keyledger/events/v1/field.pb.h"

namespace keyledger::domain {

// The fact as it was submitted: without what the ledger completed it with. Two exceptions stay: the points of a
// capture that named none are those that were held, and sealed personal data, which took the place of what it seals.
events::v1::Event AsSubmitted(events::v1::Event recorded);

// Whether only the ledger sets the field.
inline bool IsOutputOnly(const google::protobuf::FieldDescriptor& field) {
  // Most fields have no options at all; this is asked of every field of every event that is appended.
  return &field.options() != &google::protobuf::FieldOptions::default_instance() &&
         field.options().GetExtension(events::v1::output_only);
}

}  // namespace keyledger::domain
