// What the command knows of a program's fields beyond their types. Internal to the program commands.
#pragma once

#include <string>

#include <google/protobuf/descriptor.h>

namespace keyledger::cli {

// Assigned when the program is published, and not written in YAML.
inline bool IsAssigned(const google::protobuf::FieldDescriptor& field) {
  return field.full_name() == "keyledger.programs.v1.Program.version";
}

inline std::string LowerCase(std::string text) {
  for (char& c : text) {
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return text;
}

// A value as it is written in YAML: its name without the type's, in lower case ("within_balance").
inline std::string EnumWord(const google::protobuf::EnumValueDescriptor& value) {
  std::string prefix;
  for (const char c : value.type()->name()) {
    if (c >= 'A' && c <= 'Z' && !prefix.empty()) {
      prefix += '_';
    }
    prefix += c;
  }
  prefix = LowerCase(prefix) + "_";
  const std::string word = LowerCase(value.name());
  return word.starts_with(prefix) ? word.substr(prefix.size()) : word;
}

}  // namespace keyledger::cli
