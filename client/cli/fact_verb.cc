// Flags into fields, by the protos' own descriptors. See fact_verb.h.
#include "client/cli/fact_verb.h"

#include <algorithm>
#include <limits>
#include <memory>

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>

#include "client/cli/describe.h"
#include "client/cli/fact_part.h"
#include "client/cli/text.h"
#include "keyledger/ledger/v1/ledger_service.pb.h"
#include "server/base/check.h"

namespace keyledger::cli {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

bool IsMoney(const FieldDescriptor& field) { return field.message_type() == ev::Money::descriptor(); }
bool IsTime(const FieldDescriptor& field) { return field.message_type() == google::protobuf::Timestamp::descriptor(); }
bool EndsWith(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

// "INTERACTION_KIND_UNSPECIFIED" gives "INTERACTION_KIND_".
std::string_view PrefixOf(const EnumDescriptor& type) {
  constexpr std::string_view kNone = "UNSPECIFIED";
  const std::string_view first = type.value(0)->name();
  return EndsWith(first, kNone) ? first.substr(0, first.size() - kNone.size()) : std::string_view();
}

std::string NameOf(const EnumValueDescriptor& value) {
  std::string name = ShortEnum(value.name(), PrefixOf(*value.type()));
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

// Sets a field of numbers or text, or adds to it where it holds many.
template <typename Value, typename Set, typename Add>
void Put(Message& message, const FieldDescriptor& field, Set set, Add add, Value value) {
  const auto* reflection = message.GetReflection();
  if (field.is_repeated()) {
    (reflection->*add)(&message, &field, std::move(value));
  } else {
    (reflection->*set)(&message, &field, std::move(value));
  }
}

std::string SetNumber(Message& message, const FieldDescriptor& field, const std::string& text) {
  using google::protobuf::Reflection;
  std::optional<int64_t> value = ParseInteger(text);
  if (field.name() == "percent_milli") {
    value = ParseMicros(text, 1000);
    if (!value) return fmt::format("'{}' is no percentage: give a number with at most three decimals", text);
  } else if (EndsWith(field.name(), "_milli")) {
    const std::optional<int32_t> milli = ParsePercentMilli(text);
    if (!milli) return fmt::format("'{}' is no percentage: give a number with at most one decimal", text);
    value = *milli;
  }
  if (!value) {
    return fmt::format("'{}' is no whole number", text);
  }
  const auto out_of_range = [&] { return fmt::format("{} is out of range", text); };
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      if (*value < std::numeric_limits<int32_t>::min() || *value > std::numeric_limits<int32_t>::max()) {
        return out_of_range();
      }
      Put<int32_t>(message, field, &Reflection::SetInt32, &Reflection::AddInt32, static_cast<int32_t>(*value));
      return "";
    case FieldDescriptor::CPPTYPE_UINT32:
      if (*value < 0 || *value > std::numeric_limits<uint32_t>::max()) {
        return out_of_range();
      }
      Put<uint32_t>(message, field, &Reflection::SetUInt32, &Reflection::AddUInt32, static_cast<uint32_t>(*value));
      return "";
    case FieldDescriptor::CPPTYPE_UINT64:
      if (*value < 0) {
        return out_of_range();
      }
      Put<uint64_t>(message, field, &Reflection::SetUInt64, &Reflection::AddUInt64, static_cast<uint64_t>(*value));
      return "";
    default:
      Put<int64_t>(message, field, &Reflection::SetInt64, &Reflection::AddInt64, *value);
      return "";
  }
}

std::string SetEnum(Message& message, const FieldDescriptor& field, const std::string& text) {
  const EnumValueDescriptor* value = FindEnum(*field.enum_type(), text);
  if (value == nullptr) {
    return fmt::format("'{}' is none of {}", text, fmt::join(EnumNames(*field.enum_type()), ", "));
  }
  message.GetReflection()->SetEnum(&message, &field, value);
  return "";
}

std::string SetMessage(Message& message, const FieldDescriptor& field, const std::string& text,
                       const std::string& currency) {
  Message* part = field.is_repeated() ? message.GetReflection()->AddMessage(&message, &field)
                                      : message.GetReflection()->MutableMessage(&message, &field);
  if (IsTime(field)) {
    const std::optional<int64_t> micros = ParseTimeMicros(text);
    if (!micros) {
      return fmt::format("'{}' is no time: give RFC 3339 (2026-01-31T08:15:00Z), a date (2026-01-31) or now", text);
    }
    part->CopyFrom(TimestampFromMicros(*micros));
    return "";
  }
  if (IsMoney(field)) {
    const std::optional<int64_t> micros = ParseMicros(text);
    if (!micros) {
      return fmt::format("'{}' is no amount: give a decimal number with at most six decimals", text);
    }
    ev::Money money;
    money.set_currency_code(currency);
    money.set_micros(*micros);
    part->CopyFrom(money);
    return "";
  }
  return ParsePart(*part, text, currency);
}

// What a value of the field is called in help.
std::string TypeName(const FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return IsTime(field) ? "TIME" : IsMoney(field) ? "AMOUNT" : std::string(PartForm(*field.message_type()));
    case FieldDescriptor::CPPTYPE_ENUM:
      return fmt::format("{{{}}}", fmt::join(EnumNames(*field.enum_type()), "|"));
    case FieldDescriptor::CPPTYPE_STRING:
      return "TEXT";
    default:
      return EndsWith(field.name(), "_milli") ? "PERCENT" : "NUMBER";
  }
}

bool HoldsMoney(const FieldDescriptor& field) {
  if (field.message_type() == nullptr || IsTime(field)) return false;
  if (IsMoney(field)) return true;
  for (int i = 0; i < field.message_type()->field_count(); ++i) {
    if (HoldsMoney(*field.message_type()->field(i))) return true;
  }
  return false;
}

// What is given on the command line to one verb.
struct Given {
  WriteFlags write;
  std::string currency = "USD";
  // One entry a flag of the row.
  std::vector<std::vector<std::string>> values;
  std::vector<std::string> gifts;
  int wait = 10;
};

// Adds what a contact was given on the occasion that the first event of the request is: an event of its own, with the
// same time. Returns what is wrong with the text, empty if nothing.
std::string AddGift(v1::AppendRequest& request, const std::string& text, const std::string& currency) {
  std::vector<std::string> pieces;
  for (size_t start = 0; start <= text.size();) {
    const size_t end = std::min(text.find(':', start), text.size());
    pieces.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  const auto& contacts = request.events(0).event().interaction_made().contact_ids();
  if (pieces.size() == 3 && contacts.size() == 1) {
    pieces.push_back(contacts[0]);
  }
  const std::optional<int64_t> quantity = pieces.size() == 4 ? ParseInteger(pieces[1]) : std::nullopt;
  const std::optional<int64_t> value = pieces.size() == 4 ? ParseMicros(pieces[2]) : std::nullopt;
  if (!quantity || !value) {
    return fmt::format("'{}' is not ITEM:QUANTITY:VALUE, with :CONTACT unless there is one --contact", text);
  }
  v1::SubmittedEvent& submitted = *request.add_events();
  *submitted.mutable_occurred_time() = request.events(0).occurred_time();
  ev::GiftGiven& gift = *submitted.mutable_event()->mutable_gift_given();
  gift.set_item(pieces[0]);
  gift.set_quantity(*quantity);
  gift.mutable_value()->set_currency_code(currency);
  gift.mutable_value()->set_micros(*value);
  gift.set_contact_id(pieces[3]);
  return "";
}

int Record(Session& session, const FactVerb& row, const Given& given) {
  ev::Event event;
  const FieldDescriptor* payload = ev::Event::descriptor()->FindFieldByName(std::string(row.payload));
  Message& fact = *event.GetReflection()->MutableMessage(&event, payload);
  for (const FactConstant& constant : row.constants) {
    const std::string wrong = SetField(fact, constant.path, std::string(constant.value), given.currency);
    KL_CHECK(wrong.empty());
  }
  for (size_t i = 0; i < row.flags.size(); ++i) {
    for (const std::string& value : given.values[i]) {
      if (const std::string wrong = SetField(fact, row.flags[i].path, value, given.currency); !wrong.empty()) {
        return session.Usage(fmt::format("{}: {}", row.flags[i].name, wrong));
      }
    }
  }
  std::optional<v1::AppendRequest> request = MakeAppend(session, given.write, std::move(event));
  if (!request) {
    return kExitUsage;
  }
  for (const std::string& text : given.gifts) {
    if (const std::string wrong = AddGift(*request, text, given.currency); !wrong.empty()) {
      return session.Usage("--gift: " + wrong);
    }
  }
  const auto appended = session.client().Append(*std::move(request));
  const int shown =
      Show(session, appended, [&](const v1::AppendResponse& response) { PrintAppended(session, response); });
  if (row.outcome == nullptr || given.wait == 0 || !appended.ok() || appended->events().empty()) {
    return shown;
  }
  return row.outcome(session, given.write.account, *appended, given.wait);
}

void AddFlag(CLI::App* verb, const FactFlag& flag, const FieldDescriptor& field, std::vector<std::string>& values) {
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_BOOL) {
    verb->add_flag_callback(
        std::string(flag.name), [&values] { values = {"true"}; }, std::string(flag.help));
    return;
  }
  CLI::Option* option = verb->add_option(std::string(flag.name), values, std::string(flag.help));
  option->type_name(TypeName(field))->allow_extra_args(false);
  if (!field.is_repeated()) {
    option->expected(1);
  }
  if (flag.need == Need::kRequired) {
    option->required();
  }
}

void AddFactVerb(CLI::App& root, Action& selected, const FactVerb& row) {
  const FieldDescriptor* payload = ev::Event::descriptor()->FindFieldByName(std::string(row.payload));
  KL_CHECK(payload != nullptr);
  auto given = std::make_shared<Given>();
  given->values.resize(row.flags.size());
  CLI::App* verb = AddVerb(Noun(root, std::string(row.noun), ""), std::string(row.name), std::string(row.description),
                           selected, [given, row](Session& session) { return Record(session, row, *given); });
  verb->footer(fmt::format("Example: keyledger {} {} {}", row.noun, row.name, row.example));
  given->write.AddTo(verb);
  bool money = false;
  for (size_t i = 0; i < row.flags.size(); ++i) {
    const FieldDescriptor* field = FactField(*payload->message_type(), row.flags[i].path);
    KL_CHECK(field != nullptr);
    AddFlag(verb, row.flags[i], *field, given->values[i]);
    money = money || HoldsMoney(*field);
  }
  if (row.gifts) {
    verb->add_option("--gift", given->gifts,
                     "What a contact was given on the occasion: an event of its own; may be repeated")
        ->type_name("ITEM:QUANTITY:VALUE[:CONTACT]")
        ->allow_extra_args(false);
  }
  if (row.outcome != nullptr) {
    verb->add_option("--wait", given->wait, "Seconds to wait for the outcome, 0 to 3600 (default: 10)")
        ->check(CLI::Range(0, 3600));
  }
  if (money) {
    verb->add_option("--currency", given->currency, "ISO 4217 code")->capture_default_str();
  }
}

}  // namespace

const FieldDescriptor* FactField(const Descriptor& fact, std::string_view path) {
  const size_t dot = path.find('.');
  const FieldDescriptor* field = fact.FindFieldByName(std::string(path.substr(0, dot)));
  if (field == nullptr || dot == std::string_view::npos) {
    return field;
  }
  return field->message_type() == nullptr ? nullptr : FactField(*field->message_type(), path.substr(dot + 1));
}

std::vector<std::string> EnumNames(const EnumDescriptor& type) {
  std::vector<std::string> names;
  for (int i = 1; i < type.value_count(); ++i) {
    names.push_back(NameOf(*type.value(i)));
  }
  return names;
}

const EnumValueDescriptor* FindEnum(const EnumDescriptor& type, std::string text) {
  std::replace(text.begin(), text.end(), '_', '-');
  for (int i = 1; i < type.value_count(); ++i) {
    if (NameOf(*type.value(i)) == text) return type.value(i);
  }
  return nullptr;
}

std::string SetField(Message& message, std::string_view path, const std::string& text, const std::string& currency) {
  const size_t dot = path.find('.');
  const FieldDescriptor& field = *message.GetDescriptor()->FindFieldByName(std::string(path.substr(0, dot)));
  if (dot != std::string_view::npos) {
    Message& part = *message.GetReflection()->MutableMessage(&message, &field);
    return SetField(part, path.substr(dot + 1), text, currency);
  }
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return SetMessage(message, field, text, currency);
    case FieldDescriptor::CPPTYPE_ENUM:
      return SetEnum(message, field, text);
    case FieldDescriptor::CPPTYPE_BOOL:
      if (text != "true" && text != "false") return fmt::format("'{}' is neither true nor false", text);
      message.GetReflection()->SetBool(&message, &field, text == "true");
      return "";
    case FieldDescriptor::CPPTYPE_STRING:
      Put<std::string>(message, field, &google::protobuf::Reflection::SetString,
                       &google::protobuf::Reflection::AddString, text);
      return "";
    default:
      return SetNumber(message, field, text);
  }
}

void AddFactVerbs(CLI::App& root, Action& selected, const std::vector<FactNoun>& nouns,
                  const std::vector<FactVerb>& verbs) {
  for (const FactNoun& noun : nouns) {
    Noun(root, std::string(noun.name), std::string(noun.description));
  }
  for (const FactVerb& verb : verbs) {
    AddFactVerb(root, selected, verb);
  }
}

}  // namespace keyledger::cli
