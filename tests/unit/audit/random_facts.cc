#include "tests/unit/audit/random_facts.h"

#include <algorithm>

#include <google/protobuf/timestamp.pb.h>

#include "server/domain/decide.h"
#include "server/domain/items.h"
#include "server/domain/proto_time.h"
#include "server/domain/submitted.h"

namespace keyledger::testing {
namespace {

using events::v1::Event;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr int kTriesMax = 2'000;

// Whether the account is open for the step, if it is one.
bool IsOpenFor(const domain::AccountState& state, const Event& event) {
  if (event.has_contract_amended() || event.has_contract_breached()) return !state.contracts.empty();
  if (event.has_owner_released()) {
    return state.owner == event.owner_released().person() ||
           state.roles.contains({event.owner_released().role(), event.owner_released().person()});
  }
  if (event.has_owner_transferred()) {
    const auto& transferred = event.owner_transferred();
    const auto is_meant = [&](const std::string& role) {
      return transferred.role().empty() || transferred.role() == role;
    };
    return (state.owner == transferred.from_person() && is_meant("owner")) ||
           std::any_of(state.roles.begin(), state.roles.end(), [&](const auto& held) {
             return held.first.second == transferred.from_person() && is_meant(held.first.first);
           });
  }
  const auto step = domain::ItemStepOf(event);
  if (!step.has_value()) return true;
  const auto item = state.items.find({step->kind, std::string(step->item_id)});
  return domain::IsAllowed(*step, item == state.items.end() ? uint8_t{0} : item->second.state);
}

// Whether it takes something further that is under way, or ends it.
bool GoesOn(const Event& event) {
  if (event.has_contract_amended() || event.has_contract_breached()) return true;
  if (event.has_owner_released() || event.has_owner_transferred()) return true;
  const auto step = domain::ItemStepOf(event);
  return step.has_value() && !domain::Opens(*step);
}

}  // namespace

bool RandomFacts::Makes(int kind) {
  if (!events::v1::EventKind_IsValid(kind)) return false;
  // Merges are tried in replay_merge_test.cc.
  return (kind >= events::v1::EVENT_KIND_OWNER_ASSIGNED && kind <= events::v1::EVENT_KIND_CONTRACT_BREACHED) ||
         (kind >= events::v1::EVENT_KIND_OPPORTUNITY_OPENED && kind <= events::v1::EVENT_KIND_ADVANCE_RECORDED);
}

Event RandomFacts::Next(const domain::AccountState& state, Micros occurred) {
  const bool must_fit = Chance(90);
  const bool must_go_on = Chance(60);
  for (int i = 0; i < kTriesMax; ++i) {
    const int kind =
        static_cast<int>(Pick(events::v1::EVENT_KIND_OWNER_ASSIGNED, events::v1::EVENT_KIND_ADVANCE_RECORDED));
    // The retraction of a record is made by who knows the log.
    if (!Makes(kind) || kind == events::v1::EVENT_KIND_FACT_RETRACTED) continue;
    Event event;
    Fill(*event.GetReflection()->MutableMessage(&event, Event::descriptor()->FindFieldByNumber(kind)), occurred);
    if (!state.contracts.empty()) {
      const std::string& running = state.contracts.begin()->first;
      if (event.has_contract_amended()) event.mutable_contract_amended()->set_contract_id(running);
      if (event.has_contract_breached()) event.mutable_contract_breached()->set_contract_id(running);
    }
    if (!domain::ValidateFact(event, "event").ok()) continue;
    // After so many tries nothing is under way.
    if (must_go_on && i < kTriesMax / 2 && !GoesOn(event)) continue;
    if (!must_fit || IsOpenFor(state, event)) return event;
  }
  Event event;
  event.mutable_custom_event()->set_type("org.example.visit");
  return event;
}

void RandomFacts::Fill(Message& message, Micros occurred) {
  if (auto* money = google::protobuf::DynamicCastToGenerated<events::v1::Money>(&message)) {
    money->set_currency_code("USD");
    money->set_micros(Pick(1, 5) * 10'000'000);
    return;
  }
  const auto& type = *message.GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (domain::IsOutputOnly(field)) continue;
    const bool is_list = field.is_repeated() && field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE;
    const int times = is_list ? static_cast<int>(Pick(0, 2)) : (Chance(field.is_repeated() ? 30 : 80) ? 1 : 0);
    for (int n = 0; n < times; ++n) Set(message, field, occurred);
  }
}

void RandomFacts::Set(Message& message, const FieldDescriptor& field, Micros occurred) {
  const auto& reflection = *message.GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE:
      if (field.message_type() == google::protobuf::Timestamp::descriptor()) {
        auto& time = *google::protobuf::DynamicCastToGenerated<google::protobuf::Timestamp>(
            reflection.MutableMessage(&message, &field));
        // What has a start and an end has them in this order, mostly.
        const int64_t days = field.name() == "start_time" ? Pick(1, 30) : Pick(20, 300);
        return domain::SetTimestamp(&time, occurred + days * kMicrosPerDay);
      }
      return Fill(
          field.is_repeated() ? *reflection.AddMessage(&message, &field) : *reflection.MutableMessage(&message, &field),
          occurred);
    case FieldDescriptor::CPPTYPE_ENUM: {
      const int value = static_cast<int>(Pick(0, field.enum_type()->value_count() - 1));
      return reflection.SetEnum(&message, &field, field.enum_type()->value(value));
    }
    case FieldDescriptor::CPPTYPE_STRING:
      // Who consents has the authority, mostly.
      if (field.name() == "role" && Chance(80) && message.GetDescriptor()->FindFieldByName("approver") != nullptr) {
        return reflection.SetString(&message, &field, "director");
      }
      return field.is_repeated() ? reflection.AddString(&message, &field, Text(field.name()))
                                 : reflection.SetString(&message, &field, Text(field.name()));
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection.SetBool(&message, &field, Chance(50));
    case FieldDescriptor::CPPTYPE_UINT32:
      return reflection.SetUInt32(&message, &field, static_cast<uint32_t>(Pick(0, 9)));
    case FieldDescriptor::CPPTYPE_INT32:
      return reflection.SetInt32(&message, &field, static_cast<int32_t>(Pick(0, 100)));
    case FieldDescriptor::CPPTYPE_INT64:
      return reflection.SetInt64(&message, &field, Number(field.name()));
    default:
      return;
  }
}

// Few words, so that what is opened is also taken further.
std::string RandomFacts::Text(const std::string& field_name) {
  if (field_name == "account_id") return Chance(50) ? "acc-1" : "acc-2";
  if (field_name == "proposer_role" || (field_name == "role" && Chance(70))) return Chance(50) ? "seller" : "director";
  if (field_name == "role") return Chance(50) ? "owner" : "engineer";
  if (field_name == "approver") return "dora";
  if (field_name == "interaction_id" && Chance(60)) return "";
  if (field_name.ends_with("_id")) return Chance(70) ? "x" : "y";
  if (field_name == "person" || field_name.ends_with("_person") || field_name == "people" || field_name == "proposer") {
    const char* people[] = {"anna", "ben", "carl"};
    return people[Pick(0, 2)];
  }
  return Chance(50) ? "word" : "other";
}

int64_t RandomFacts::Number(const std::string& field_name) {
  return field_name == "percent_milli" ? Pick(0, 2) * 10'000 : Pick(1, 3);
}

}  // namespace keyledger::testing
