// What a client submits of a fact and what the ledger adds: the fields that the schema marks
// (keyledger.events.v1.output_only). Internal to the room, but for AsSubmitted.
#pragma once

#include <google/protobuf/message.h>

#include "keyledger/events/v1/event.pb.h"
#include "keyledger/events/v1/field.pb.h"
#include "server/domain/field_path.h"

namespace keyledger::domain {

// The fact as it was submitted: without what the ledger completed it with. One exception stays: the points of a
// capture that named none are those that were held.
events::v1::Event AsSubmitted(events::v1::Event recorded);

// Whether only the ledger sets the field.
inline bool IsOutputOnly(const google::protobuf::FieldDescriptor& field) {
  return field.options().GetExtension(events::v1::output_only);
}

// Calls report(path) for every field in `message`, and the messages in it, that is set and only the ledger's to set.
// `path` is that of the message.
template <typename Report>
void FindOutputOnly(const google::protobuf::Message& message, const FieldPath& path, const Report& report) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  const google::protobuf::Descriptor& type = *message.GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const google::protobuf::FieldDescriptor* field = type.field(i);
    if (const google::protobuf::OneofDescriptor* oneof = field->real_containing_oneof(); oneof != nullptr) {
      // Its fields follow each other, and one of them at most is set: an event has one of dozens.
      field = reflection.GetOneofFieldDescriptor(message, oneof);
      i += oneof->field_count() - 1;
      if (field == nullptr) continue;
    }
    const bool is_message = field->cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE;
    if (field->is_repeated()) {
      const int size = reflection.FieldSize(message, field);
      if (size > 0 && IsOutputOnly(*field)) {
        report(path.Field(field->name()));
      } else if (is_message) {
        for (int at = 0; at < size; ++at) {
          FindOutputOnly(reflection.GetRepeatedMessage(message, field, at), path.Field(field->name(), at), report);
        }
      }
    } else if (reflection.HasField(message, field)) {
      if (IsOutputOnly(*field)) {
        report(path.Field(field->name()));
      } else if (is_message) {
        FindOutputOnly(reflection.GetMessage(message, field), path.Field(field->name()), report);
      }
    }
  }
}

}  // namespace keyledger::domain
