// Spans of time and time windows of a program. See program_check.h.
#include <cstdlib>

#include <fmt/format.h>

#include "server/domain/program_part_check.h"
#include "server/domain/proto_time.h"
#include "server/domain/time_window.h"

namespace keyledger::domain {

void ProgramPartCheck::CheckSpan(const std::string& path, const char* from_name,
                                 const google::protobuf::Timestamp* from, const char* to_name,
                                 const google::protobuf::Timestamp* to) {
  const bool has_from = from != nullptr && IsExactTimestamp(*from);
  const bool has_to = to != nullptr && IsExactTimestamp(*to);
  const std::string prefix = path.empty() ? "" : path + ".";
  if (from != nullptr && !has_from) Add(prefix + from_name, "must be from 0001 to 9999, in whole microseconds");
  if (to != nullptr && !has_to) Add(prefix + to_name, "must be from 0001 to 9999, in whole microseconds");
  if (has_from && has_to && MicrosOf(*to) <= MicrosOf(*from)) {
    Add(prefix + to_name, fmt::format("must be after {}", from_name));
  }
}

void ProgramPartCheck::CheckWindows(const std::string& path,
                                    const google::protobuf::RepeatedPtrField<programs::v1::TimeWindow>& windows) {
  CheckRange(path, windows.size(), 0, kTimeWindowsMax, "windows");
  for (int i = 0; i < windows.size(); ++i) CheckWindow(fmt::format("{}[{}]", path, i), windows[i]);
}

void ProgramPartCheck::CheckWindow(const std::string& path, const programs::v1::TimeWindow& window) {
  CheckRange(path + ".dates", window.dates_size(), 0, kDateRangesMax, "ranges");
  for (int i = 0; i < window.dates_size(); ++i) {
    const programs::v1::DateRange& range = window.dates(i);
    const std::string at = fmt::format("{}.dates[{}]", path, i);
    if (!range.has_from() && !range.has_to()) Add(at, "needs from, to or both");
    CheckSpan(at, "from", range.has_from() ? &range.from() : nullptr, "to", range.has_to() ? &range.to() : nullptr);
  }
  for (int i = 0; i < window.months_size(); ++i) {
    CheckRange(fmt::format("{}.months[{}]", path, i), window.months(i), 1, 12, "as the month's number");
  }
  for (int i = 0; i < window.days_of_month_size(); ++i) {
    const int64_t day = window.days_of_month(i);
    if (day == 0 || std::abs(day) > 31) {
      Add(fmt::format("{}.days_of_month[{}]", path, i),
          fmt::format("must be 1 to 31, or -1 to -31 counted from the month's end, is {}", day));
    }
  }
  for (int i = 0; i < window.weekdays_size(); ++i) {
    const int day = window.weekdays(i);
    if (day == programs::v1::WEEKDAY_UNSPECIFIED || !programs::v1::Weekday_IsValid(day)) {
      Add(fmt::format("{}.weekdays[{}]", path, i), "is no day of the week");
    }
  }
  if (window.has_time_of_day()) CheckTimeOfDay(path + ".time_of_day", window.time_of_day());
  if (window.dates().empty() && window.months().empty() && window.days_of_month().empty() &&
      window.weekdays().empty() && !window.has_time_of_day()) {
    Add(path, "says nothing about when; give dates, months, days_of_month, weekdays or time_of_day");
  }
}

void ProgramPartCheck::CheckTimeOfDay(const std::string& path, const programs::v1::TimeOfDaySpan& span) {
  const auto from = ParseTimeOfDay(span.from());
  const auto to = ParseTimeOfDay(span.to());
  if (!from.has_value() || *from > 1439) Add(path + ".from", "must be \"00:00\" to \"23:59\"");
  if (!to.has_value() || *to == 0) Add(path + ".to", "must be \"00:01\" to \"24:00\"");
  if (from.has_value() && to.has_value() && *from == *to) {
    Add(path + ".to", "must not equal from; leave time_of_day out for the whole day");
  }
}

}  // namespace keyledger::domain
