// Which fields of facts are the ledger's: refused when submitted, taken away again from what was recorded.
#include "server/domain/submitted.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "server/base/error.h"
#include "server/domain/decide.h"
#include "server/domain/event_kinds.h"

namespace keyledger::domain {
namespace {

using events::v1::Event;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// Sets `field`, a repeated one to one entry, to something else than its default. Returns the message set, if it is one.
Message* Set(Message* message, const FieldDescriptor* field) {
  const Reflection* reflection = message->GetReflection();
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
    return field->is_repeated() ? reflection->AddMessage(message, field) : reflection->MutableMessage(message, field);
  }
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
    field->is_repeated() ? reflection->AddString(message, field, "x") : reflection->SetString(message, field, "x");
    return nullptr;
  }
  EXPECT_FALSE(field->is_repeated()) << field->full_name();
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_UINT64) {
    reflection->SetUInt64(message, field, 1);
  } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_BOOL) {
    reflection->SetBool(message, field, true);
  } else {
    ADD_FAILURE() << "say how to set " << field->full_name();
  }
  return nullptr;
}

// Builds, for each field under `type` that is the ledger's, an event that has it set; `steps` lead from Event to
// `type`. Adds the paths to `found` and checks each event.
void CheckFields(const google::protobuf::Descriptor* type, std::vector<const FieldDescriptor*> steps,
                 std::vector<std::string>& found) {
  for (int i = 0; i < type->field_count(); ++i) {
    const FieldDescriptor* field = type->field(i);
    if (!IsOutputOnly(*field)) {
      if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
      std::vector<const FieldDescriptor*> longer = steps;
      longer.push_back(field);
      CheckFields(field->message_type(), longer, found);
      continue;
    }
    Event event;
    Message* at = &event;
    std::string path = "events[3]";
    for (const FieldDescriptor* step : steps) {
      at = Set(at, step);
      path += "." + step->name() + (step->is_repeated() ? "[0]" : "");
    }
    const std::string without = event.SerializeAsString();
    Set(at, field);
    path += "." + field->name();
    found.push_back(path);
    const auto refused = FieldsOf(ValidateFact(event, "events[3]"));
    EXPECT_TRUE(std::any_of(refused.begin(), refused.end(), [&](const auto& one) {
      return one.first == path && one.second == "is written by the ledger and must not be set";
    })) << path;
    // What is sealed took the place of what was submitted, and stays.
    const bool stays = type == events::v1::PersonalData::descriptor();
    EXPECT_EQ(AsSubmitted(event).SerializeAsString(), stays ? event.SerializeAsString() : without) << path;
  }
}

TEST(Submitted, FieldsOfFactsThatAreTheLedgersAreRefusedEverywhere) {
  std::vector<std::string> found;
  for (int i = 0; i < Event::descriptor()->field_count(); ++i) {
    const FieldDescriptor* payload = Event::descriptor()->field(i);
    if (IsFactKind(payload->number())) CheckFields(payload->message_type(), {payload}, found);
  }
  EXPECT_EQ(found.size(), 33u);
  for (const char* known :
       {"events[3].purchase_recorded.lines[0].points_allocations", "events[3].purchase_returned.purchase_revision",
        "events[3].purchase_returned.completes_purchase", "events[3].purchase_returned.merged_purchase",
        "events[3].reservation_captured.released", "events[3].points_redeemed.counts", "events[3].gift_given.counts",
        "events[3].contact_recorded.related[0].person.sealed", "events[3].quote_proposed.needs_approval",
        "events[3].commission_accrued.counts"}) {
    EXPECT_EQ(std::count(found.begin(), found.end(), known), 1) << known;
  }
}

TEST(Submitted, ReturnsLoseTheCostThatTheLedgerFoundAndKeepTheClientsOwn) {
  Event event;
  auto* returned = event.mutable_purchase_returned();
  returned->set_merchant_id("shop");
  returned->add_lines()->mutable_cost()->set_micros(7);
  EXPECT_EQ(AsSubmitted(event).SerializeAsString(), event.SerializeAsString());
  returned->set_purchase_revision(0);
  const Event submitted = AsSubmitted(event);
  EXPECT_FALSE(submitted.purchase_returned().has_purchase_revision());
  ASSERT_EQ(submitted.purchase_returned().lines_size(), 1);
  EXPECT_FALSE(submitted.purchase_returned().lines(0).has_cost());
}

}  // namespace
}  // namespace keyledger::domain
