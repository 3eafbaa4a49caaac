// What is known of a program's fields beyond their types: for the YAML reader and writer, and wherever a rule names a
// value of an enumeration by its word. Internal to the room.
#pragma once

#include <string>

#include <google/protobuf/descriptor.h>

namespace keyledger::domain {

// Assigned when the program is published, and not written in YAML.
inline bool IsAssigned(const google::protobuf::FieldDescriptor& field) {
  return field.full_name() == "keyledger.programs.v1.Program.version";
}

inline std::string Lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

// The word of a value: its name without the type's, in lower case: "within_balance".
inline std::string EnumWord(const google::protobuf::EnumValueDescriptor& value) {
  std::string prefix;
  for (const char c : value.type()->name()) {
    if (c >= 'A' && c <= 'Z' && !prefix.empty()) prefix += '_';
    prefix += c;
  }
  prefix = Lower(prefix) + "_";
  const std::string word = Lower(value.name());
  return word.starts_with(prefix) ? word.substr(prefix.size()) : word;
}

}  // namespace keyledger::domain
