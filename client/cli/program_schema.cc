// ProgramSchema; see program_words.h.
#include <cstdint>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/timestamp.pb.h>
#include <nlohmann/json.hpp>

#include "client/cli/program_fields.h"
#include "client/cli/program_words.h"

namespace keyledger::cli {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using nlohmann::ordered_json;

// A date, or a time with an offset, in whole microseconds.
constexpr char kTimePattern[] =
    "^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,6})?([Zz]|[+-][0-9]{2}:[0-9]{2}))?$";

template <typename Integer>
ordered_json IntegerSchema() {
  return {{"type", "integer"},
          {"minimum", std::numeric_limits<Integer>::min()},
          {"maximum", std::numeric_limits<Integer>::max()}};
}

ordered_json EnumSchema(const EnumDescriptor& type) {
  ordered_json words = ordered_json::array();
  for (int i = 0; i < type.value_count(); ++i) {
    // The zero value stands for "not given".
    if (type.value(i)->number() != 0) {
      words.push_back(EnumWord(*type.value(i)));
    }
  }
  return {{"enum", std::move(words)}};
}

// Collects a definition per message type.
class SchemaMaker {
 public:
  ordered_json Make(const Descriptor& root) {
    ordered_json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"}, {"title", "keyledger program"}};
    schema.update(ObjectSchema(root));
    schema["$defs"] = definitions_;
    return schema;
  }

 private:
  ordered_json ObjectSchema(const Descriptor& type) {
    ordered_json properties = ordered_json::object();
    for (int i = 0; i < type.field_count(); ++i) {
      const FieldDescriptor& field = *type.field(i);
      if (IsAssigned(field)) {
        continue;
      }
      ordered_json value = ValueSchema(field);
      if (field.is_repeated()) {
        value = {{"type", "array"}, {"items", std::move(value)}};
      }
      properties[field.name()] = std::move(value);
    }
    ordered_json schema = {{"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
    if (ordered_json exclusions = Exclusions(type); !exclusions.empty()) {
      schema["allOf"] = std::move(exclusions);
    }
    return schema;
  }

  // No two members of a oneof.
  static ordered_json Exclusions(const Descriptor& type) {
    ordered_json all = ordered_json::array();
    for (int i = 0; i < type.real_oneof_decl_count(); ++i) {
      const auto& oneof = *type.oneof_decl(i);
      for (int a = 0; a < oneof.field_count(); ++a) {
        for (int b = a + 1; b < oneof.field_count(); ++b) {
          all.push_back({{"not", {{"required", {oneof.field(a)->name(), oneof.field(b)->name()}}}}});
        }
      }
    }
    return all;
  }

  ordered_json ValueSchema(const FieldDescriptor& field) {
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return MessageSchema(*field.message_type());
      case FieldDescriptor::CPPTYPE_ENUM:
        return EnumSchema(*field.enum_type());
      case FieldDescriptor::CPPTYPE_BOOL:
        return {{"type", "boolean"}};
      case FieldDescriptor::CPPTYPE_INT32:
        return IntegerSchema<int32_t>();
      case FieldDescriptor::CPPTYPE_UINT32:
        return IntegerSchema<uint32_t>();
      case FieldDescriptor::CPPTYPE_INT64:
        return IntegerSchema<int64_t>();
      case FieldDescriptor::CPPTYPE_UINT64:
        return IntegerSchema<uint64_t>();
      default:
        // Text; an article's number need not be quoted.
        return {{"type", {"string", "number"}}};
    }
  }

  ordered_json MessageSchema(const Descriptor& type) {
    if (type.full_name() == google::protobuf::Timestamp::descriptor()->full_name()) {
      return {{"type", "string"}, {"pattern", kTimePattern}};
    }
    if (known_.insert(type.name()).second) {
      // Made before it is put in: a type may contain itself.
      ordered_json definition = ObjectSchema(type);
      definitions_[type.name()] = std::move(definition);
    }
    return {{"$ref", "#/$defs/" + type.name()}};
  }

  std::set<std::string> known_;
  ordered_json definitions_ = ordered_json::object();
};

}  // namespace

std::string ProgramSchema() {
  return SchemaMaker().Make(*::keyledger::programs::v1::Program::descriptor()).dump(2) + "\n";
}

}  // namespace keyledger::cli
