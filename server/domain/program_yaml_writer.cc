// FormatProgramYaml: a program onto YAML by its descriptor, so that a new field of the schema needs no code here. See
// program_set.h; the way back is program_yaml.cc.
#include <algorithm>

#include <absl/time/civil_time.h>
#include <absl/time/time.h>
#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/timestamp.pb.h>

#include "server/domain/program_fields.h"
#include "server/domain/program_set.h"
#include "server/domain/proto_time.h"

namespace keyledger::domain {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// Whether the text is read as itself without quotes, in a list too.
bool IsPlain(const std::string& text) {
  if (text.empty() || text.back() == ' ') return false;
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  if (!is_letter(text.front())) return false;
  for (const char c : text) {
    const bool digit = c >= '0' && c <= '9';
    if (!is_letter(c) && !digit && std::string_view("_-./ ").find(c) == std::string_view::npos) return false;
  }
  std::string word = text;
  std::transform(word.begin(), word.end(), word.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  // Other readers take these for something else than text.
  for (const char* other : {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}) {
    if (word == other) return false;
  }
  return true;
}

std::string Scalar(const std::string& text) {
  if (IsPlain(text)) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += {'\\', c};
    } else if (byte < 0x20 || byte == 0x7f) {
      quoted += fmt::format("\\x{:02x}", byte);
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

class Writer {
 public:
  explicit Writer(const std::string& time_zone) {
    if (!absl::LoadTimeZone({time_zone.data(), time_zone.size()}, &zone_)) zone_ = absl::UTCTimeZone();
  }

  // The message's keys, each on lines of its own; the first without indentation if the line has begun ("- ").
  void WriteFields(const Message& message, size_t indent, bool begun) {
    const auto& type = *message.GetDescriptor();
    const auto& reflection = *message.GetReflection();
    for (int i = 0; i < type.field_count(); ++i) {
      const FieldDescriptor& field = *type.field(i);
      if (IsAssigned(field)) continue;
      const bool set =
          field.is_repeated() ? reflection.FieldSize(message, &field) > 0 : reflection.HasField(message, &field);
      if (!set) continue;
      if (!begun) out_.append(indent, ' ');
      begun = false;
      out_ += field.name() + ":";
      WriteValue(message, field, indent);
    }
  }

  std::string Take() { return std::move(out_); }

 private:
  static bool IsMessage(const FieldDescriptor& field) {
    return field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
           field.message_type()->full_name() != google::protobuf::Timestamp::descriptor()->full_name();
  }

  static bool HasFields(const Message& message) {
    std::vector<const FieldDescriptor*> fields;
    message.GetReflection()->ListFields(message, &fields);
    return !fields.empty();
  }

  // What follows "key:".
  void WriteValue(const Message& message, const FieldDescriptor& field, size_t indent) {
    const auto& reflection = *message.GetReflection();
    if (!IsMessage(field)) {
      out_ += " " + (field.is_repeated() ? List(message, field) : Single(message, field, -1)) + "\n";
      return;
    }
    if (!field.is_repeated()) {
      const Message& below = reflection.GetMessage(message, &field);
      out_ += HasFields(below) ? "\n" : " {}\n";
      return WriteFields(below, indent + 2, false);
    }
    out_ += "\n";
    for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
      const Message& item = reflection.GetRepeatedMessage(message, &field, i);
      out_ += std::string(indent + 2, ' ') + "- " + (HasFields(item) ? "" : "{}\n");
      WriteFields(item, indent + 4, true);
    }
  }

  std::string List(const Message& message, const FieldDescriptor& field) const {
    std::string list;
    for (int i = 0; i < message.GetReflection()->FieldSize(message, &field); ++i) {
      list += (i == 0 ? "" : ", ") + Single(message, field, i);
    }
    return "[" + list + "]";
  }

  // One value; `index` -1: of a field that is not repeated.
  std::string Single(const Message& message, const FieldDescriptor& field, int index) const {
    const auto& r = *message.GetReflection();
    const bool item = index >= 0;
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING:
        return Scalar(item ? r.GetRepeatedString(message, &field, index) : r.GetString(message, &field));
      case FieldDescriptor::CPPTYPE_BOOL:
        return (item ? r.GetRepeatedBool(message, &field, index) : r.GetBool(message, &field)) ? "true" : "false";
      case FieldDescriptor::CPPTYPE_ENUM:
        return EnumWord(*(item ? r.GetRepeatedEnum(message, &field, index) : r.GetEnum(message, &field)));
      case FieldDescriptor::CPPTYPE_INT32:
        return std::to_string(item ? r.GetRepeatedInt32(message, &field, index) : r.GetInt32(message, &field));
      case FieldDescriptor::CPPTYPE_UINT32:
        return std::to_string(item ? r.GetRepeatedUInt32(message, &field, index) : r.GetUInt32(message, &field));
      case FieldDescriptor::CPPTYPE_INT64:
        return std::to_string(item ? r.GetRepeatedInt64(message, &field, index) : r.GetInt64(message, &field));
      case FieldDescriptor::CPPTYPE_UINT64:
        return std::to_string(item ? r.GetRepeatedUInt64(message, &field, index) : r.GetUInt64(message, &field));
      default:
        return Time(item ? r.GetRepeatedMessage(message, &field, index) : r.GetMessage(message, &field));
    }
  }

  // A date where that says it all.
  std::string Time(const Message& message) const {
    const auto& timestamp = *google::protobuf::DynamicCastToGenerated<google::protobuf::Timestamp>(&message);
    const absl::Time time = absl::FromUnixMicros(MicrosOf(timestamp));
    const absl::CivilDay day(absl::ToCivilSecond(time, zone_));
    if (zone_.At(absl::CivilSecond(day)).pre == time) {
      return fmt::format("{:04}-{:02}-{:02}", day.year(), day.month(), day.day());
    }
    return absl::FormatTime("%E4Y-%m-%dT%H:%M:%E*SZ", time, absl::UTCTimeZone());
  }

  absl::TimeZone zone_;
  std::string out_;
};

}  // namespace

std::string FormatProgramYaml(const programs::v1::Program& program) {
  Writer writer(program.time_zone());
  writer.WriteFields(program, 0, false);
  return writer.Take();
}

}  // namespace keyledger::domain
