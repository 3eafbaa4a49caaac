// One event of every kind that the protocol has, from its descriptor: no kind can be forgotten where kinds are told
// apart.
#include <google/protobuf/descriptor.h>

#include "server/domain/event_kinds.h"
#include "server/domain/fold.h"
#include "server/domain/submitted.h"
#include "tests/unit/domain/account_ledger.h"

namespace keyledger::domain {
namespace {

using events::v1::Event;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

AccountState OpenAccount() {
  AccountState state;
  EXPECT_TRUE(Fold(state, AccountLedger::Open(At("2026-01-01")).event, At("2026-01-01"), EmptyLots::kRemove).ok());
  return state;
}

// Every kind but the unspecified one.
std::vector<const FieldDescriptor*> Payloads() {
  std::vector<const FieldDescriptor*> payloads;
  for (int i = 0; i < Event::descriptor()->field_count(); ++i) payloads.push_back(Event::descriptor()->field(i));
  return payloads;
}

Event EmptyOf(const FieldDescriptor* payload) {
  Event event;
  event.GetReflection()->MutableMessage(&event, payload);
  return event;
}

TEST(EveryKind, HasANumberThatSaysWhatItIs) {
  const auto* kinds = events::v1::EventKind_descriptor();
  ASSERT_EQ(kinds->value_count(), static_cast<int>(Payloads().size()) + 1);
  for (const FieldDescriptor* payload : Payloads()) {
    const int number = payload->number();
    EXPECT_NE(kinds->FindValueByNumber(number), nullptr) << payload->name();
    EXPECT_EQ(int{IsFactKind(number)} + int{IsDecisionKind(number)} + int{IsOwnKind(number)}, 1) << payload->name();
  }
}

TEST(EveryKind, IsKnownToTheFold) {
  for (const FieldDescriptor* payload : Payloads()) {
    AccountState state = OpenAccount();
    Event event = EmptyOf(payload);
    // The fold knows that neither is without lines.
    if (event.has_purchase_recorded()) event.mutable_purchase_recorded()->add_lines();
    if (event.has_purchase_returned()) event.mutable_purchase_returned()->add_lines();
    const FoldResult result = Fold(state, event, At("2026-01-02"), EmptyLots::kRemove);
    EXPECT_STRNE(result.what, "an event of a kind this version does not know") << payload->name();
    const std::string what = result.what;
    const bool is_own = what.starts_with("a review in") || what.starts_with("a program published") ||
                        what.starts_with("a record of the ledger about itself");
    EXPECT_EQ(is_own, IsOwnKind(payload->number())) << payload->name() << ": " << what;
  }
}

// A place in an event: the fields that lead to it.
using Path = std::vector<const FieldDescriptor*>;

// Fields of text and of enumerations that a client can set, of the message and those below it.
void FindFields(const google::protobuf::Descriptor& message, Path& path, std::vector<Path>& found) {
  if (path.size() > 5) return;
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor* field = message.field(i);
    if (IsOutputOnly(*field)) continue;
    path.push_back(field);
    if (field->type() == FieldDescriptor::TYPE_STRING || field->type() == FieldDescriptor::TYPE_ENUM) {
      found.push_back(path);
    } else if (field->type() == FieldDescriptor::TYPE_MESSAGE) {
      FindFields(*field->message_type(), path, found);
    }
    path.pop_back();
  }
}

// An event with nothing set but the field at `path`, and that wrong. Returns where it is.
std::string SetWrong(const Path& path, Message& event) {
  std::string at = "e";
  Message* message = &event;
  for (const FieldDescriptor* field : path) {
    at += "." + field->name() + (field->is_repeated() ? "[0]" : "");
    const auto* reflection = message->GetReflection();
    if (field->type() == FieldDescriptor::TYPE_MESSAGE) {
      message =
          field->is_repeated() ? reflection->AddMessage(message, field) : reflection->MutableMessage(message, field);
    } else if (field->type() == FieldDescriptor::TYPE_STRING) {
      const std::string text(20'000, 'x');
      field->is_repeated() ? reflection->AddString(message, field, text) : reflection->SetString(message, field, text);
    } else {
      field->is_repeated() ? reflection->AddEnumValue(message, field, 4'711)
                           : reflection->SetEnumValue(message, field, 4'711);
    }
  }
  return at;
}

TEST(EveryKind, OfFactIsRefusedWithTextThatIsTooLongAndWithValuesThatNoEnumerationHas) {
  size_t checked = 0;
  for (const FieldDescriptor* payload : Payloads()) {
    if (!IsFactKind(payload->number())) continue;
    Path path = {payload};
    std::vector<Path> found;
    FindFields(*payload->message_type(), path, found);
    for (const Path& field : found) {
      Event event;
      const std::string at = SetWrong(field, event);
      std::vector<std::string> refused;
      for (const auto& [name, what] : FieldsOf(ValidateFact(event, "e"))) refused.push_back(name);
      EXPECT_NE(std::find(refused.begin(), refused.end(), at), refused.end()) << at << " is not checked";
      ++checked;
    }
  }
  EXPECT_GT(checked, 200u);
}

TEST(EveryKind, OfDecisionOrOwnRecordIsNotSubmitted) {
  for (const FieldDescriptor* payload : Payloads()) {
    if (IsFactKind(payload->number())) continue;
    EXPECT_EQ(ReasonOf(ValidateFact(EmptyOf(payload), "e")), Reason::kDecisionNotAccepted) << payload->name();
  }
}

}  // namespace
}  // namespace keyledger::domain
