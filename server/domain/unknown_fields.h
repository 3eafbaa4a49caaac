// Unknown fields of protobuf messages. What is kept for ever must be understood in full: a field this version does not
// know would be stored unread.
#pragma once

#include <string>
#include <vector>

#include <fmt/format.h>
#include <google/protobuf/message.h>
#include <google/protobuf/unknown_field_set.h>

namespace keyledger::domain {

// Calls report(path, field number) for every unknown field in `message` and the messages in it. `path` is that of the
// message; empty for the root.
template <typename Report>
void FindUnknownFields(const google::protobuf::Message& message, const std::string& path, const Report& report) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  const google::protobuf::UnknownFieldSet& unknown = reflection.GetUnknownFields(message);
  for (int i = 0; i < unknown.field_count(); ++i) report(path, unknown.field(i).number());
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const auto* field : fields) {
    if (field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE) continue;
    const std::string below = path.empty() ? field->name() : path + "." + field->name();
    if (!field->is_repeated()) {
      FindUnknownFields(reflection.GetMessage(message, field), below, report);
      continue;
    }
    for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
      FindUnknownFields(reflection.GetRepeatedMessage(message, field, i), fmt::format("{}[{}]", below, i), report);
    }
  }
}

}  // namespace keyledger::domain
