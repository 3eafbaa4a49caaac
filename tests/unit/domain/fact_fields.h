// Which fields of a fact are refused, for tests of shapes.
#pragma once

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "server/base/error.h"
#include "server/domain/decide.h"

namespace keyledger::domain {

using FieldNames = std::vector<std::string>;

// Fields that are refused, without the name of the event.
inline FieldNames RefusedFields(const events::v1::Event& event) {
  const absl::Status status = ValidateFact(event, "e");
  EXPECT_TRUE(status.ok() || ReasonOf(status) == Reason::kInvalidField) << status;
  const std::string prefix =
      "e." + events::v1::Event::descriptor()->FindFieldByNumber(static_cast<int>(event.payload_case()))->name() + ".";
  FieldNames fields;
  for (const auto& [field, description] : FieldsOf(status)) {
    EXPECT_TRUE(field.starts_with(prefix)) << field;
    fields.push_back(field.substr(prefix.size()));
  }
  return fields;
}

}  // namespace keyledger::domain
