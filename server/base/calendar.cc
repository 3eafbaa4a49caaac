#include "server/base/calendar.h"

#include <algorithm>

#include <fmt/format.h>

namespace keyledger {
namespace {

// The time zone library takes a name for a path: only what can be a name of the database gets there. The last two are
// the machine's own settings, by which nothing may be decided.
bool IsZoneName(std::string_view name) {
  if (name.empty() || name.size() > 64 || name == "localtime" || name == "posixrules") return false;
  bool segment_start = true;
  for (const char c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (segment_start && !letter) return false;
    if (!letter && !(c >= '0' && c <= '9') && c != '_' && c != '+' && c != '-' && c != '/') return false;
    segment_start = c == '/';
  }
  return !segment_start;
}

// Zero if the unit is not made of months.
int MonthsOf(CalendarUnit unit) {
  switch (unit) {
    case CalendarUnit::kMonth:
      return 1;
    case CalendarUnit::kQuarter:
      return 3;
    case CalendarUnit::kYear:
      return 12;
    case CalendarUnit::kWeek:
    case CalendarUnit::kDay:
      break;
  }
  return 0;
}

constexpr int kDaysInWeek = 7;
// Days from Monday of week number 0 to 1970-01-01, a Thursday: of every week, the day by which it belongs to a year.
constexpr int kThursday = 3;

// First day of period number `index`.
absl::CivilDay FirstDay(int64_t index, CalendarUnit unit) {
  const int months = MonthsOf(unit);
  if (months != 0) return absl::CivilDay(absl::CivilMonth(1970, 1) + index * months);
  const absl::CivilDay epoch(1970, 1, 1);
  return unit == CalendarUnit::kWeek ? epoch + (index * kDaysInWeek - kThursday) : epoch + index;
}

int64_t FloorDiv(int64_t a, int64_t b) { return a / b - ((a % b != 0 && (a < 0) != (b < 0)) ? 1 : 0); }

Micros MicrosAt(const absl::CivilSecond& civil, const absl::TimeZone& zone) {
  return absl::ToUnixMicros(zone.At(civil).pre);
}

}  // namespace

Zone::Zone() : zone_(absl::UTCTimeZone()) {}

std::optional<Zone> Zone::Load(std::string_view name) {
  absl::TimeZone zone;
  if (!IsZoneName(name) || !absl::LoadTimeZone(absl::string_view(name.data(), name.size()), &zone)) {
    return std::nullopt;
  }
  return Zone(zone);
}

int64_t Zone::PeriodIndex(Micros time, CalendarUnit unit) const {
  const absl::CivilSecond local = zone_.At(absl::FromUnixMicros(time)).cs;
  if (const int months = MonthsOf(unit); months != 0) {
    const absl::CivilMonth month(local);
    return FloorDiv((month.year() - 1970) * 12 + month.month() - 1, months);
  }
  const int64_t day = absl::CivilDay(local) - absl::CivilDay(1970, 1, 1);
  return unit == CalendarUnit::kWeek ? FloorDiv(day + kThursday, kDaysInWeek) : day;
}

Micros Zone::PeriodStartByIndex(int64_t index, CalendarUnit unit) const {
  return MicrosAt(absl::CivilSecond(FirstDay(index, unit)), zone_);
}

Micros Zone::PeriodStart(Micros time, CalendarUnit unit, int offset) const {
  return PeriodStartByIndex(PeriodIndex(time, unit) + offset, unit);
}

Micros Zone::DayStart(Micros time, int offset) const {
  const absl::CivilDay day(zone_.At(absl::FromUnixMicros(time)).cs);
  return MicrosAt(absl::CivilSecond(day + offset), zone_);
}

LocalTime Zone::Local(Micros time) const {
  const absl::CivilSecond local = zone_.At(absl::FromUnixMicros(time)).cs;
  const absl::CivilMonth month(local);
  return {static_cast<int>(local.month()), static_cast<int>(local.day()),
          static_cast<int>(absl::CivilDay(month + 1) - absl::CivilDay(month)),
          static_cast<int>(absl::GetWeekday(absl::CivilDay(local))) + 1, local.hour() * 60 + local.minute()};
}

Micros Zone::AtMinute(Micros time, int minute_of_day) const {
  const absl::CivilDay day(zone_.At(absl::FromUnixMicros(time)).cs);
  const auto found = zone_.At(absl::CivilSecond(absl::CivilMinute(day) + minute_of_day));
  return absl::ToUnixMicros(found.kind == absl::TimeZone::TimeInfo::SKIPPED ? found.trans : found.pre);
}

int64_t Zone::DayIndex(Micros time) const {
  return absl::CivilDay(zone_.At(absl::FromUnixMicros(time)).cs) - absl::CivilDay(1970, 1, 1);
}

Micros Zone::AddMonths(Micros time, int months) const {
  const absl::CivilSecond local = zone_.At(absl::FromUnixMicros(time)).cs;
  const absl::CivilMonth month = absl::CivilMonth(local) + months;
  const int last_day = (absl::CivilDay(month + 1) - 1).day();
  const absl::CivilSecond target(month.year(), month.month(), std::min(local.day(), last_day), local.hour(),
                                 local.minute(), local.second());
  return MicrosAt(target, zone_) + (time - FloorDiv(time, kMicrosPerSecond) * kMicrosPerSecond);
}

Micros Zone::AddDays(Micros time, int days) const {
  const absl::CivilSecond local = zone_.At(absl::FromUnixMicros(time)).cs;
  const absl::CivilDay day = absl::CivilDay(local) + days;
  const absl::CivilSecond target(day.year(), day.month(), day.day(), local.hour(), local.minute(), local.second());
  return MicrosAt(target, zone_) + (time - FloorDiv(time, kMicrosPerSecond) * kMicrosPerSecond);
}

std::string FormatPeriod(int64_t index, CalendarUnit unit) {
  const absl::CivilDay first = FirstDay(index, unit);
  switch (unit) {
    case CalendarUnit::kMonth:
      return fmt::format("{:04}-{:02}", first.year(), first.month());
    case CalendarUnit::kQuarter:
      return fmt::format("{:04}-Q{}", first.year(), (first.month() - 1) / 3 + 1);
    case CalendarUnit::kYear:
      break;
    case CalendarUnit::kWeek: {
      const absl::CivilDay thursday = first + kThursday;
      return fmt::format("{:04}-W{:02}", thursday.year(), (absl::GetYearDay(thursday) - 1) / kDaysInWeek + 1);
    }
    case CalendarUnit::kDay:
      return fmt::format("{:04}-{:02}-{:02}", first.year(), first.month(), first.day());
  }
  return fmt::format("{:04}", first.year());
}

int64_t Periods::IndexAt(Micros time) const { return FloorDiv(zone.PeriodIndex(time, unit), length); }

Micros Periods::StartOf(int64_t index) const { return zone.PeriodStartByIndex(index * length, unit); }

std::string Periods::Format(int64_t index) const {
  const std::string first = FormatPeriod(index * length, unit);
  return length == 1 ? first : fmt::format("{}..{}", first, FormatPeriod(index * length + length - 1, unit));
}

std::string FormatMicros(Micros time) {
  return absl::FormatTime("%Y-%m-%d%ET%H:%M:%E*SZ", absl::FromUnixMicros(time), absl::UTCTimeZone());
}

}  // namespace keyledger
