// See calendar_days.h.
#include "projections/engagement/calendar_days.h"

#include <algorithm>
#include <chrono>

namespace keyledger::projections::engagement {
namespace {

using programs::v1::CalendarDay;
using programs::v1::Holiday;

// Days looked at for a working one.
constexpr int kDaysTried = 366;

// Arithmetic alone: every follow-up asks it of every holiday.
std::chrono::year_month_day DateOf(int64_t day) {
  return std::chrono::sys_days(std::chrono::days(static_cast<int>(day)));
}

bool Matches(const CalendarDay& date, const std::chrono::year_month_day& day) {
  const int year = static_cast<int>(day.year());
  if (date.year() != 0 && static_cast<int>(date.year()) != year) return false;
  if (date.month() != static_cast<unsigned>(day.month())) return false;
  if (date.day() == static_cast<unsigned>(day.day())) return true;
  // 29 February is the 28th in a year that lacks it.
  return date.month() == 2 && date.day() == 29 && static_cast<unsigned>(day.day()) == 28 && !day.year().is_leap();
}

}  // namespace

int64_t YearOf(int64_t day) { return static_cast<int>(DateOf(day).year()); }

int64_t DayInYear(int64_t year, uint32_t month, uint32_t day_of_month) {
  const std::chrono::year_month of(std::chrono::year(static_cast<int>(year)), std::chrono::month(month));
  const auto last = (of / std::chrono::last).day();
  const std::chrono::year_month_day date = of / std::min(std::chrono::day(day_of_month), last);
  return std::chrono::sys_days(date).time_since_epoch().count();
}

bool IsWorkingDay(const programs::v1::Calendar& calendar, int64_t day) {
  const std::chrono::year_month_day date = DateOf(day);
  for (const Holiday& holiday : calendar.holidays()) {
    // A day that is named twice is closed if one of the two says so.
    if (!holiday.open() && Matches(holiday.date(), date)) return false;
  }
  const int weekday = static_cast<int>(std::chrono::weekday(std::chrono::sys_days(date)).iso_encoding());
  const bool closed = std::find(calendar.closed_weekdays().begin(), calendar.closed_weekdays().end(), weekday) !=
                      calendar.closed_weekdays().end();
  return !closed || std::any_of(calendar.open_days().begin(), calendar.open_days().end(),
                                [&date](const CalendarDay& open) { return Matches(open, date); });
}

int64_t MoveDay(const programs::v1::Calendar& calendar, int64_t day, programs::v1::ClosedDay how, int64_t earliest) {
  const bool next = how == programs::v1::CLOSED_DAY_NEXT;
  if (!next && how != programs::v1::CLOSED_DAY_PREVIOUS) return day;
  for (int64_t tried = day; tried >= earliest && tried - day <= kDaysTried; tried += next ? 1 : -1) {
    if (IsWorkingDay(calendar, tried)) return tried;
  }
  return next ? day : std::min(day, earliest);
}

}  // namespace keyledger::projections::engagement
