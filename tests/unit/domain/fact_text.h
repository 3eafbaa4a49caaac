// Facts written as text, for tests of many kinds of them.
#pragma once

#include <string>

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "server/domain/decide.h"

namespace keyledger::domain {

// The event that `text` says, in protobuf's text format: "promise_kept { promise_id: 'p' }".
inline events::v1::Event EventOf(const std::string& text) {
  events::v1::Event event;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &event)) << text;
  return event;
}

inline Fact FactOf(Micros at, const std::string& text) { return {EventOf(text), at}; }

}  // namespace keyledger::domain
