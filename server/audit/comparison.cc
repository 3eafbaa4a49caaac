// See comparison.h.
#include "server/audit/comparison.h"

#include <algorithm>

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/timestamp.pb.h>

#include "server/base/calendar.h"
#include "server/domain/proto_time.h"

namespace keyledger::audit {
namespace {

using events::v1::Event;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using google::protobuf::Timestamp;

constexpr int kDifferencesMax = 6;
constexpr size_t kTextBytesMax = 400;
// Longer lists are paired by their places: the table of pairs would become too large.
constexpr size_t kAlignedMax = 2'000;

std::string Cut(std::string text) {
  if (text.size() <= kTextBytesMax) return text;
  size_t end = kTextBytesMax;
  // Not within a character.
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  text.resize(end);
  return text + "...";
}

const Message* PayloadOf(const Event& event) {
  const Reflection& reflection = *event.GetReflection();
  const FieldDescriptor* field =
      reflection.GetOneofFieldDescriptor(event, Event::descriptor()->FindOneofByName("payload"));
  return field == nullptr ? nullptr : &reflection.GetMessage(event, field);
}

std::string TextOf(const Message& message) {
  if (message.GetDescriptor() == Timestamp::descriptor()) {
    const auto& time = static_cast<const Timestamp&>(message);
    return domain::IsExactTimestamp(time) ? FormatMicros(domain::MicrosOf(time)) : "no time";
  }
  return "{" + Cut(message.ShortDebugString()) + "}";
}

// A field's value, or of a repeated one that of an element.
std::string ValueOf(const Message& message, const FieldDescriptor& field, int at) {
  const Reflection& reflection = *message.GetReflection();
  const bool repeated = field.is_repeated();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return std::to_string(repeated ? reflection.GetRepeatedInt32(message, &field, at)
                                     : reflection.GetInt32(message, &field));
    case FieldDescriptor::CPPTYPE_INT64:
      return std::to_string(repeated ? reflection.GetRepeatedInt64(message, &field, at)
                                     : reflection.GetInt64(message, &field));
    case FieldDescriptor::CPPTYPE_UINT32:
      return std::to_string(repeated ? reflection.GetRepeatedUInt32(message, &field, at)
                                     : reflection.GetUInt32(message, &field));
    case FieldDescriptor::CPPTYPE_UINT64:
      return std::to_string(repeated ? reflection.GetRepeatedUInt64(message, &field, at)
                                     : reflection.GetUInt64(message, &field));
    case FieldDescriptor::CPPTYPE_BOOL:
      return (repeated ? reflection.GetRepeatedBool(message, &field, at) : reflection.GetBool(message, &field))
                 ? "true"
                 : "false";
    case FieldDescriptor::CPPTYPE_ENUM: {
      const int number =
          repeated ? reflection.GetRepeatedEnumValue(message, &field, at) : reflection.GetEnumValue(message, &field);
      const auto* value = field.enum_type()->FindValueByNumber(number);
      return value == nullptr ? std::to_string(number) : value->name();
    }
    case FieldDescriptor::CPPTYPE_STRING: {
      const std::string text =
          repeated ? reflection.GetRepeatedString(message, &field, at) : reflection.GetString(message, &field);
      return field.type() == FieldDescriptor::TYPE_BYTES ? fmt::format("{} bytes", text.size()) : Cut(text);
    }
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return TextOf(repeated ? reflection.GetRepeatedMessage(message, &field, at)
                             : reflection.GetMessage(message, &field));
    default:
      return "";
  }
}

// Whether the revisions in the message are those of another account.
bool IsOfOtherStream(const Message& message) {
  const auto* const type = message.GetDescriptor();
  if (type == events::v1::MergedPurchase::descriptor() || type == events::v1::AccountMergeReceived::descriptor() ||
      type == events::v1::LotTerms::descriptor()) {
    return true;
  }
  const auto* const returns = google::protobuf::DynamicCastToGenerated<events::v1::MergedReturns>(&message);
  return returns != nullptr && !returns->account_id().empty();
}

// Whether the lots that it names are those of another account.
bool NamesLotsOfOtherStream(const Message& message) {
  const auto* const restored = google::protobuf::DynamicCastToGenerated<events::v1::PointsRestored>(&message);
  return restored != nullptr && restored->has_merged_purchase();
}

struct Difference {
  std::vector<std::string> expected;
  std::vector<std::string> found;

  bool full() const { return expected.size() >= kDifferencesMax; }
  void Add(const std::string& path, const std::string& left, const std::string& right) {
    if (full()) return;
    const std::string name = path.empty() ? "" : path + " ";
    expected.push_back(name + left);
    found.push_back(name + right);
  }
};

void Collect(const std::string& path, const Message& expected, const Message& found, Difference& out);

void CollectElement(const std::string& path, const FieldDescriptor& field, int at, const Message& expected,
                    const Message& found, Difference& out) {
  const Reflection& reflection = *expected.GetReflection();
  const bool is_message = field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
  if (is_message && field.message_type() != Timestamp::descriptor()) {
    const auto& left = field.is_repeated() ? reflection.GetRepeatedMessage(expected, &field, at)
                                           : reflection.GetMessage(expected, &field);
    const auto& right =
        field.is_repeated() ? reflection.GetRepeatedMessage(found, &field, at) : reflection.GetMessage(found, &field);
    return Collect(path + ".", left, right, out);
  }
  const std::string left = ValueOf(expected, field, at);
  const std::string right = ValueOf(found, field, at);
  if (left != right) out.Add(path, left, right);
}

void Collect(const std::string& path, const Message& expected, const Message& found, Difference& out) {
  const Reflection& reflection = *expected.GetReflection();
  for (int i = 0; i < expected.GetDescriptor()->field_count() && !out.full(); ++i) {
    const FieldDescriptor& field = *expected.GetDescriptor()->field(i);
    const std::string name = path + field.name();
    if (field.is_repeated()) {
      const int left = reflection.FieldSize(expected, &field);
      const int right = reflection.FieldSize(found, &field);
      if (left != right) out.Add(name, fmt::format("({} of them)", left), fmt::format("({} of them)", right));
      for (int at = 0; at < std::min(left, right) && !out.full(); ++at) {
        CollectElement(fmt::format("{}[{}]", name, at), field, at, expected, found, out);
      }
      continue;
    }
    if (field.has_presence()) {
      const bool left = reflection.HasField(expected, &field);
      const bool right = reflection.HasField(found, &field);
      if (!left && !right) continue;
      if (left != right) {
        out.Add(name, left ? ValueOf(expected, field, 0) : "absent", right ? ValueOf(found, field, 0) : "absent");
        continue;
      }
    }
    CollectElement(name, field, 0, expected, found, out);
  }
}

}  // namespace

std::string KindOf(const Event& event) {
  const Message* payload = PayloadOf(event);
  return payload == nullptr ? "nothing" : payload->GetDescriptor()->name();
}

std::string Describe(const Event& event) {
  const Message* payload = PayloadOf(event);
  if (payload == nullptr) return "nothing";
  std::vector<const FieldDescriptor*> fields;
  payload->GetReflection()->ListFields(*payload, &fields);
  std::string text = payload->GetDescriptor()->name();
  const char* separator = ": ";
  for (const FieldDescriptor* field : fields) {
    const bool is_time =
        field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && field->message_type() == Timestamp::descriptor();
    const bool is_name = field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
                         field->message_type() == events::v1::MergedPurchase::descriptor();
    if (field->is_repeated() || (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !is_time && !is_name))
      continue;
    text += fmt::format("{}{} {}", separator, field->name(), ValueOf(*payload, *field, 0));
    separator = ", ";
  }
  return Cut(std::move(text));
}

std::string RuleOf(const Event& event) {
  switch (event.payload_case()) {
    case Event::kPointsAccrued:
      return event.points_accrued().rule_id();
    case Event::kPointsActivated:
      return fmt::format("lot {}", event.points_activated().lot_revision());
    case Event::kPointsExpired:
      return fmt::format("lot {}", event.points_expired().lot_revision());
    case Event::kTierAssigned:
      return event.tier_assigned().ladder_id();
    case Event::kTierGraceStarted:
      return event.tier_grace_started().ladder_id();
    case Event::kStageChanged:
      return event.stage_changed().ladder_id();
    case Event::kComplianceFlagged:
      return event.compliance_flagged().limit_id();
    case Event::kReservationExpired:
      return "reservation " + event.reservation_expired().reservation_id();
    case Event::kPointsTransferReceived:
      return fmt::format("transfer {} of {}", event.points_transfer_received().transfer_id(),
                         event.points_transfer_received().from_account_id());
    case Event::kPointsTransferCompleted:
      return "transfer " + event.points_transfer_completed().transfer_id();
    case Event::kPointsTransferReturned:
      return "transfer " + event.points_transfer_returned().transfer_id();
    case Event::kAccountMergeReceived:
      return "merge of " + event.account_merge_received().from_account_id();
    case Event::kAccountMergeCompleted:
      return "merge into " + event.account_merge_completed().into_account_id();
    case Event::kAccountMergeReturned:
      return "merge into " + event.account_merge_returned().into_account_id();
    case Event::kPointsReversed:
    case Event::kPointsRestored:
      return "returns";
    case Event::kPointsDebtPaid:
      return "debts";
    default:
      return "";
  }
}

std::string KeyOf(const Event& event) {
  std::string key = fmt::format("{} {}", static_cast<int>(event.payload_case()), RuleOf(event));
  // Of one return, one for each lot of the other account.
  if (event.points_restored().has_merged_purchase() && !event.points_restored().allocations().empty()) {
    key += fmt::format(" {}", event.points_restored().allocations(0).lot_revision());
  }
  if (event.has_compliance_flagged()) key += fmt::format(" {}", event.compliance_flagged().line_number());
  return key;
}

std::pair<std::string, std::string> Differences(const Event& expected, const Event& found) {
  Difference out;
  if (expected.payload_case() == found.payload_case() && PayloadOf(found) != nullptr) {
    Collect("", *PayloadOf(expected), *PayloadOf(found), out);
  } else {
    out.Add("", Describe(expected), Describe(found));
  }
  return {fmt::format("{}", fmt::join(out.expected, ", ")), fmt::format("{}", fmt::join(out.found, ", "))};
}

void MapRevisions(Message& message, const std::function<uint64_t(uint64_t)>& map) {
  if (IsOfOtherStream(message)) return;
  const bool names_other_lots = NamesLotsOfOtherStream(message);
  const Reflection& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (names_other_lots && field->name() == "allocations") continue;
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_UINT64 && !field->is_repeated() && field->name().size() >= 8 &&
        field->name().compare(field->name().size() - 8, 8, "revision") == 0) {
      reflection.SetUInt64(&message, field, map(reflection.GetUInt64(message, field)));
    } else if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
      continue;
    } else if (field->is_repeated()) {
      const int size = reflection.FieldSize(message, field);
      for (int at = 0; at < size; ++at) MapRevisions(*reflection.MutableRepeatedMessage(&message, field, at), map);
    } else {
      MapRevisions(*reflection.MutableMessage(&message, field), map);
    }
  }
}

std::vector<std::pair<size_t, size_t>> Align(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  std::vector<std::pair<size_t, size_t>> pairs;
  if (a.size() > kAlignedMax || b.size() > kAlignedMax) {
    for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
      if (a[i] == b[i]) pairs.emplace_back(i, i);
    }
    return pairs;
  }
  // longest[i][j]: pairs that a from i on and b from j on have.
  const size_t width = b.size() + 1;
  std::vector<uint16_t> longest((a.size() + 1) * width, 0);
  for (size_t i = a.size(); i-- > 0;) {
    for (size_t j = b.size(); j-- > 0;) {
      longest[i * width + j] = a[i] == b[j] ? static_cast<uint16_t>(longest[(i + 1) * width + j + 1] + 1)
                                            : std::max(longest[(i + 1) * width + j], longest[i * width + j + 1]);
    }
  }
  for (size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    if (a[i] == b[j]) {
      pairs.emplace_back(i++, j++);
    } else if (longest[(i + 1) * width + j] >= longest[i * width + j + 1]) {
      ++i;
    } else {
      ++j;
    }
  }
  return pairs;
}

}  // namespace keyledger::audit
