// Calendar: local days, months and periods in an IANA time zone. All intervals are half-open.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <absl/time/time.h>

#include "server/base/clock.h"

namespace keyledger {

// A calendar period's length. Weeks are ISO 8601's, Monday to Sunday.
enum class CalendarUnit { kMonth, kQuarter, kYear, kWeek, kDay };

// What a clock and a calendar on the wall show.
struct LocalTime {
  // 1 to 12, 1 to 31, 28 to 31.
  int month = 1;
  int day = 1;
  int days_in_month = 31;
  // 1 is Monday, 7 is Sunday.
  int weekday = 1;
  // 0 to 1439.
  int minute_of_day = 0;
};

// A time zone. A local time that a clock change skips is read with the offset before the change; one that occurs twice
// is the first. Threads: immutable. Cheap to copy.
class Zone {
 public:
  // UTC.
  Zone();
  // Nothing if the machine's time zone database does not know `name`.
  static std::optional<Zone> Load(std::string_view name);

  // Start (inclusive) of the period that contains `time`, and of the one `offset` periods later (or earlier, if
  // negative).
  Micros PeriodStart(Micros time, CalendarUnit unit, int offset = 0) const;
  // Number of the period that contains `time`: months, quarters, years or days since 1970 began, weeks since
  // 1969-12-29; negative before.
  int64_t PeriodIndex(Micros time, CalendarUnit unit) const;
  // Start of period number `index`.
  Micros PeriodStartByIndex(int64_t index, CalendarUnit unit) const;

  // Start (inclusive) of the local day that contains `time`, and of the one `offset` days later (or earlier, if
  // negative).
  Micros DayStart(Micros time, int offset = 0) const;

  // What local clocks show at `time`.
  LocalTime Local(Micros time) const;
  // The moment of the local day that contains `time` at which clocks first show so many minutes after 00:00
  // (0 to 1439), or more, where a clock change skips that.
  Micros AtMinute(Micros time, int minute_of_day) const;
  // Number of the local day that contains `time`: days since 1970-01-01; negative before.
  int64_t DayIndex(Micros time) const;

  // The same local time of day `months` later; a day the month lacks becomes its last day.
  Micros AddMonths(Micros time, int months) const;
  // The same local time of day `days` later (earlier, if negative).
  Micros AddDays(Micros time, int days) const;

 private:
  explicit Zone(absl::TimeZone zone) : zone_(zone) {}
  absl::TimeZone zone_;
};

// Writes a period by its number: "2026-01", "2026-Q1", "2026", "2026-W05" or "2026-01-31".
std::string FormatPeriod(int64_t index, CalendarUnit unit);

// Periods of several units each, counted from the unit that holds 1970-01-01: number 0 is units 0 to length - 1.
struct Periods {
  Zone zone;
  CalendarUnit unit = CalendarUnit::kMonth;
  // At least 1.
  int32_t length = 1;

  // Number of the period that contains `time`; negative before the first.
  int64_t IndexAt(Micros time) const;
  // Start (inclusive) of period number `index`.
  Micros StartOf(int64_t index) const;
  // By its first and last unit, "2026-01..2026-06"; of one unit, as FormatPeriod.
  std::string Format(int64_t index) const;
};

// RFC 3339 in UTC with as many digits as needed, for messages: "2026-01-31T08:00:00Z".
std::string FormatMicros(Micros time);

}  // namespace keyledger
