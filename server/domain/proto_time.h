// Conversions between protobuf timestamps and Micros, the unit of time inside the server.
#pragma once

#include <google/protobuf/timestamp.pb.h>

#include "server/base/clock.h"

namespace keyledger::domain {

// Range of google.protobuf.Timestamp: 0001-01-01T00:00:00Z to 9999-12-31T23:59:59.999999Z.
inline constexpr Micros kTimeMin = -62'135'596'800 * kMicrosPerSecond;
inline constexpr Micros kTimeMax = 253'402'300'800 * kMicrosPerSecond - 1;

// Returns true if `time` can be written as a protobuf timestamp.
inline bool IsTimestampRange(Micros time) { return time >= kTimeMin && time <= kTimeMax; }

// Returns true if the timestamp is in range and a whole number of microseconds, the precision the ledger keeps.
inline bool IsExactTimestamp(const google::protobuf::Timestamp& time) {
  return time.seconds() >= kTimeMin / kMicrosPerSecond && time.seconds() <= kTimeMax / kMicrosPerSecond &&
         time.nanos() >= 0 && time.nanos() <= 999'999'999 && time.nanos() % 1000 == 0;
}

// Requires: seconds in the range of a timestamp. What is finer than a microsecond is cut off.
inline Micros MicrosOf(const google::protobuf::Timestamp& time) {
  return time.seconds() * kMicrosPerSecond + time.nanos() / 1000;
}

// Writes `time`. Requires: IsTimestampRange(time).
inline void SetTimestamp(google::protobuf::Timestamp* out, Micros time) {
  Micros seconds = time / kMicrosPerSecond;
  Micros rest = time % kMicrosPerSecond;
  if (rest < 0) {
    seconds -= 1;
    rest += kMicrosPerSecond;
  }
  out->set_seconds(seconds);
  out->set_nanos(static_cast<int32_t>(rest * 1000));
}

}  // namespace keyledger::domain
