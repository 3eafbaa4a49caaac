// Events in one line by reflection. See describe_fields.h.
#include "client/cli/describe_fields.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>

#include "client/cli/describe.h"
#include "client/cli/text.h"

namespace keyledger::cli {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr size_t kTextBytes = 60;

bool EndsWith(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

// At most kTextBytes bytes, cut between characters.
std::string Cut(std::string text) {
  if (text.size() <= kTextBytes) return text;
  size_t end = kTextBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

std::string EnumText(const google::protobuf::EnumValueDescriptor& value) {
  const std::string& first = value.type()->value(0)->name();
  const size_t prefix = first.rfind("UNSPECIFIED");
  return ShortEnum(value.name(), prefix == std::string::npos ? "" : first.substr(0, prefix));
}

std::string PercentText(int64_t milli) {
  std::string text = fmt::format("{}.{:03}", milli / 1000, milli % 1000);
  text.erase(text.find_last_not_of('0') + 1);
  return (text.back() == '.' ? text.substr(0, text.size() - 1) : text) + " %";
}

std::string NumberText(const FieldDescriptor& field, int64_t value) {
  if (field.name() == "percent_milli") return PercentText(value);
  // The others are thousandths of the whole.
  return EndsWith(field.name(), "_milli") ? PercentText(value * 100) : FormatCount(value);
}

std::string MessageText(const Message& message) {
  namespace ev = ::keyledger::events::v1;
  if (const auto* money = dynamic_cast<const ev::Money*>(&message)) return FormatMoney(*money);
  if (const auto* time = dynamic_cast<const google::protobuf::Timestamp*>(&message)) {
    return FormatLocalTime(*time, "UTC");
  }
  if (const auto* next = dynamic_cast<const ev::NextStep*>(&message)) {
    return fmt::format("{} by {}", Cut(next->what()), FormatLocalTime(next->due_time(), "UTC"));
  }
  return "";
}

std::string ValueText(const Message& message, const FieldDescriptor& field) {
  const auto* reflection = message.GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return Cut(reflection->GetString(message, &field));
    case FieldDescriptor::CPPTYPE_ENUM:
      return EnumText(*reflection->GetEnum(message, &field));
    case FieldDescriptor::CPPTYPE_INT32:
      return NumberText(field, reflection->GetInt32(message, &field));
    case FieldDescriptor::CPPTYPE_UINT32:
      return NumberText(field, reflection->GetUInt32(message, &field));
    case FieldDescriptor::CPPTYPE_INT64:
      return NumberText(field, reflection->GetInt64(message, &field));
    case FieldDescriptor::CPPTYPE_UINT64:
      return FormatCount(static_cast<__int128>(reflection->GetUInt64(message, &field)));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return MessageText(reflection->GetMessage(message, &field));
    default:
      return "";
  }
}

// Values of a field that holds many; how many, where they are parts of several fields.
std::string ManyText(const Message& message, const FieldDescriptor& field) {
  const auto* reflection = message.GetReflection();
  const int size = reflection->FieldSize(message, &field);
  if (field.cpp_type() != FieldDescriptor::CPPTYPE_STRING) return fmt::format("{} of them", size);
  std::string text;
  for (int i = 0; i < size; ++i) {
    text += (i == 0 ? "" : " and ") + reflection->GetRepeatedString(message, &field, i);
  }
  return Cut(text);
}

// "due" of due_time, "contact" of contact_ids.
std::string Label(const FieldDescriptor& field) {
  std::string name = field.name();
  for (const std::string_view end : {"_time", "_ids", "_id", "_milli"}) {
    if (EndsWith(name, end)) {
      name.resize(name.size() - end.size());
      break;
    }
  }
  std::replace(name.begin(), name.end(), '_', ' ');
  return name;
}

// What stands without its name: the item's own id, which comes first, kinds and states, and what it is.
bool SpeaksForItself(const FieldDescriptor& field) {
  return field.number() == 1 || field.cpp_type() == FieldDescriptor::CPPTYPE_ENUM || field.name() == "description" ||
         field.name() == "what";
}

}  // namespace

std::string DescribePayload(const ::keyledger::events::v1::Event& event) {
  const FieldDescriptor* payload = event.GetDescriptor()->FindFieldByNumber(event.payload_case());
  if (payload == nullptr) return "";
  const Message& fact = event.GetReflection()->GetMessage(event, payload);
  std::vector<const FieldDescriptor*> fields;
  fact.GetReflection()->ListFields(fact, &fields);
  std::string text;
  for (const FieldDescriptor* field : fields) {
    std::string part;
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_BOOL) {
      part = Label(*field);
    } else {
      const std::string value = field->is_repeated() ? ManyText(fact, *field) : ValueText(fact, *field);
      part = SpeaksForItself(*field) || value.empty() ? value : Label(*field) + " " + value;
      if (value.empty()) part = Label(*field);
    }
    text += (text.empty() ? "" : ", ") + part;
  }
  return text;
}

}  // namespace keyledger::cli
