// When a program's time windows hold: programs.v1.TimeWindow, read once and asked often. Internal to the room.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "keyledger/programs/v1/time_window.pb.h"
#include "server/base/calendar.h"
#include "server/base/clock.h"

namespace keyledger::domain {

// Minutes since 00:00 of "HH:MM", 0 to 1440; nothing if it is none.
std::optional<int> ParseTimeOfDay(std::string_view text);

// One window. Threads: immutable.
class CompiledWindow {
 public:
  // Requires: the window was found free of mistakes (program_check.h).
  explicit CompiledWindow(const programs::v1::TimeWindow& window);

  // True if `time` lies in the window, by the clocks of `zone`.
  bool Contains(const Zone& zone, Micros time) const;
  // The first moment from `time` on, up to `until`, that lies in the window; nothing if there is none.
  std::optional<Micros> NextOpening(const Zone& zone, Micros time, Micros until) const;

 private:
  bool ContainsDate(Micros time) const;
  bool ContainsDay(const LocalTime& local) const;
  bool ContainsMinute(const LocalTime& local) const;
  // The first moment after `time`, which the window does not contain, at which it might. The end of time: none.
  Micros NextCandidate(const Zone& zone, Micros time) const;

  // [from, to), ascending by from. Empty: any.
  std::vector<std::pair<Micros, Micros>> dates_;
  // Bit n: month, day of the month, day counted from its end, weekday (1 is Monday). 0: any.
  uint32_t months_ = 0;
  uint32_t days_ = 0;
  uint32_t days_from_end_ = 0;
  uint32_t weekdays_ = 0;
  bool has_minutes_ = false;
  int from_minute_ = 0;
  int to_minute_ = 0;
};

// True if there are no windows, or one contains `time`.
bool IsOpen(const std::vector<CompiledWindow>& windows, const Zone& zone, Micros time);

// The first moment from `time` on at which one of the windows is open, looking ten years ahead; nothing if there is
// none.
std::optional<Micros> NextOpening(const std::vector<CompiledWindow>& windows, const Zone& zone, Micros time);

// Why the window is not open at any time within [from, to), looking ten years ahead from its beginning; for a warning.
// Nothing: it opens. Requires: the window was found free of mistakes.
std::optional<std::string> WhyNeverOpen(const programs::v1::TimeWindow& window, const Zone& zone, Micros from,
                                        Micros to);

}  // namespace keyledger::domain
