// Unknown fields of protobuf messages. What is kept for ever must be understood in full: a field this version does not
// know would be stored unread.
#pragma once

#include <google/protobuf/message.h>
#include <google/protobuf/unknown_field_set.h>

#include "server/domain/field_path.h"

namespace keyledger::domain {

// No field is refused for being known.
struct NoRefusedFields {
  static bool Refuses(const google::protobuf::FieldDescriptor&) { return false; }
  static void Report(const FieldPath&) {}
};

// Calls report(path, field number) for every unknown field in `message` and the messages in it, until report returns
// false. `path` is that of the message. Returns false if it was stopped. In the same walk, refused.Report(path) is
// called for every known field that is set and refused.Refuses(field); what is in it is not looked at.
template <typename Report, typename Refused = NoRefusedFields>
bool FindUnknownFields(const google::protobuf::Message& message, const FieldPath& path, const Report& report,
                       const Refused& refused = Refused()) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  const google::protobuf::UnknownFieldSet& unknown = reflection.GetUnknownFields(message);
  for (int i = 0; i < unknown.field_count(); ++i) {
    if (!report(path, unknown.field(i).number())) return false;
  }
  const google::protobuf::Descriptor& type = *message.GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const google::protobuf::FieldDescriptor* field = type.field(i);
    if (const google::protobuf::OneofDescriptor* oneof = field->real_containing_oneof(); oneof != nullptr) {
      // Its fields follow each other, and one of them at most is set: an event has one of dozens.
      field = reflection.GetOneofFieldDescriptor(message, oneof);
      i += oneof->field_count() - 1;
      if (field == nullptr) continue;
    }
    if (refused.Refuses(*field)) {
      const bool is_set =
          field->is_repeated() ? reflection.FieldSize(message, field) > 0 : reflection.HasField(message, field);
      if (is_set) refused.Report(path.Field(field->name()));
      continue;
    }
    if (field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE) continue;
    if (!field->is_repeated()) {
      if (reflection.HasField(message, field) &&
          !FindUnknownFields(reflection.GetMessage(message, field), path.Field(field->name()), report, refused)) {
        return false;
      }
      continue;
    }
    const int size = reflection.FieldSize(message, field);
    for (int at = 0; at < size; ++at) {
      if (!FindUnknownFields(reflection.GetRepeatedMessage(message, field, at), path.Field(field->name(), at), report,
                             refused)) {
        return false;
      }
    }
  }
  return true;
}

}  // namespace keyledger::domain
