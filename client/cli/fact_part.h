// Parts of a fact that one flag gives whole: targets, forecasts and results of plans.
#pragma once

#include <string>
#include <string_view>

#include <google/protobuf/message.h>

namespace keyledger::cli {

// How a part of that type is written: "ID:NUMBER[ UNIT][:DESCRIPTION]"; empty for a type that no flag gives whole.
std::string_view PartForm(const google::protobuf::Descriptor& type);

// Reads the text of one part; what is wrong with it otherwise, empty if nothing.
// Requires: the type has a form.
std::string ParsePart(google::protobuf::Message& part, const std::string& text, const std::string& currency);

}  // namespace keyledger::cli
