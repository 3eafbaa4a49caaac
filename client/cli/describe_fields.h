// Facts whose fields say enough: their values in one line, in the order of the proto.
#pragma once

#include <string>

#include "keyledger/events/v1/event.pb.h"

namespace keyledger::cli {

// What is set in the event's payload, for example "I-3, complaint, late delivery, due 2026-11-25". Names and kinds
// stand by themselves, everything else after the name of its field; long texts are cut, and parts of several fields
// counted.
std::string DescribePayload(const ::keyledger::events::v1::Event& event);

}  // namespace keyledger::cli
