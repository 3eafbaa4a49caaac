// See submitted.h.
#include "server/domain/submitted.h"

#include <vector>

namespace keyledger::domain {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

void ClearOutputOnly(Message& message) {
  if (message.GetDescriptor() == events::v1::PersonalData::descriptor()) return;
  const Reflection& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (IsOutputOnly(*field)) {
      reflection.ClearField(&message, field);
    } else if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
      continue;
    } else if (field->is_repeated()) {
      const int size = reflection.FieldSize(message, field);
      for (int at = 0; at < size; ++at) ClearOutputOnly(*reflection.MutableRepeatedMessage(&message, field, at));
    } else {
      ClearOutputOnly(*reflection.MutableMessage(&message, field));
    }
  }
}

}  // namespace

events::v1::Event AsSubmitted(events::v1::Event recorded) {
  // The cost of what came back is the ledger's own where the return was linked, and the client's where it was not.
  const events::v1::PurchaseReturned& returned = recorded.purchase_returned();
  if (returned.has_purchase_revision() || returned.has_merged_purchase()) {
    for (auto& line : *recorded.mutable_purchase_returned()->mutable_lines()) line.clear_cost();
  }
  ClearOutputOnly(recorded);
  return recorded;
}

}  // namespace keyledger::domain
