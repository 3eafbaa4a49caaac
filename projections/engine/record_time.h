// Times inside events, as microseconds.
#pragma once

#include <google/protobuf/timestamp.pb.h>

#include "server/base/clock.h"

namespace keyledger::projections {

inline Micros MicrosOf(const google::protobuf::Timestamp& time) {
  return time.seconds() * kMicrosPerSecond + time.nanos() / 1000;
}

}  // namespace keyledger::projections
