// See time_window.h.
#include "server/domain/time_window.h"

#include <algorithm>
#include <cstdlib>
#include <limits>

#include "server/base/check.h"
#include "server/domain/proto_time.h"

namespace keyledger::domain {
namespace {

constexpr Micros kBegin = std::numeric_limits<int64_t>::min();
constexpr Micros kWindowNever = std::numeric_limits<int64_t>::max();
constexpr Micros kLookAheadMicros = 3653 * kMicrosPerDay;
constexpr Micros kMinuteMicros = 60 * kMicrosPerSecond;

bool HasBit(uint32_t bits, int bit) { return (bits >> bit & 1) != 0; }

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// True if some month of those named, or of all, has one of the days named, in a leap year if need be.
bool HasSuchDay(const programs::v1::TimeWindow& window) {
  constexpr int kLongest[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  int days = window.months().empty() ? 31 : 0;
  for (const uint32_t month : window.months()) days = std::max(days, kLongest[month - 1]);
  return window.days_of_month().empty() || std::any_of(window.days_of_month().begin(), window.days_of_month().end(),
                                                       [&](int32_t day) { return std::abs(day) <= days; });
}

}  // namespace

std::optional<int> ParseTimeOfDay(std::string_view text) {
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  if (!IsDigit(text[0]) || !IsDigit(text[1]) || !IsDigit(text[3]) || !IsDigit(text[4])) return std::nullopt;
  const int hours = (text[0] - '0') * 10 + (text[1] - '0');
  const int minutes = (text[3] - '0') * 10 + (text[4] - '0');
  if (minutes > 59 || hours > 24 || (hours == 24 && minutes > 0)) return std::nullopt;
  return hours * 60 + minutes;
}

CompiledWindow::CompiledWindow(const programs::v1::TimeWindow& window) {
  for (const auto& range : window.dates()) {
    dates_.emplace_back(range.has_from() ? MicrosOf(range.from()) : kBegin,
                        range.has_to() ? MicrosOf(range.to()) : kWindowNever);
  }
  std::sort(dates_.begin(), dates_.end());
  for (const uint32_t month : window.months()) months_ |= 1u << month;
  for (const int32_t day : window.days_of_month()) (day > 0 ? days_ : days_from_end_) |= 1u << std::abs(day);
  for (const int weekday : window.weekdays()) weekdays_ |= 1u << weekday;
  has_minutes_ = window.has_time_of_day();
  if (!has_minutes_) return;
  const auto from = ParseTimeOfDay(window.time_of_day().from());
  const auto to = ParseTimeOfDay(window.time_of_day().to());
  KL_CHECK(from.has_value() && to.has_value());
  from_minute_ = *from;
  to_minute_ = *to;
}

bool CompiledWindow::ContainsDate(Micros time) const {
  return dates_.empty() || std::any_of(dates_.begin(), dates_.end(),
                                       [&](const auto& range) { return range.first <= time && time < range.second; });
}

bool CompiledWindow::ContainsDay(const LocalTime& local) const {
  if (months_ != 0 && !HasBit(months_, local.month)) return false;
  if (weekdays_ != 0 && !HasBit(weekdays_, local.weekday)) return false;
  if (days_ == 0 && days_from_end_ == 0) return true;
  return HasBit(days_, local.day) || HasBit(days_from_end_, local.days_in_month - local.day + 1);
}

bool CompiledWindow::ContainsMinute(const LocalTime& local) const {
  if (!has_minutes_) return true;
  if (from_minute_ < to_minute_) return from_minute_ <= local.minute_of_day && local.minute_of_day < to_minute_;
  return from_minute_ <= local.minute_of_day || local.minute_of_day < to_minute_;
}

bool CompiledWindow::Contains(const Zone& zone, Micros time) const {
  if (!ContainsDate(time)) return false;
  if (months_ == 0 && days_ == 0 && days_from_end_ == 0 && weekdays_ == 0 && !has_minutes_) return true;
  const LocalTime local = zone.Local(time);
  return ContainsDay(local) && ContainsMinute(local);
}

Micros CompiledWindow::NextCandidate(const Zone& zone, Micros time) const {
  if (!ContainsDate(time)) {
    for (const auto& [from, to] : dates_) {
      if (from > time) return from;
    }
    return kWindowNever;
  }
  const LocalTime local = zone.Local(time);
  if (months_ != 0 && !HasBit(months_, local.month)) return zone.PeriodStart(time, CalendarUnit::kMonth, 1);
  if (ContainsDay(local) && local.minute_of_day < from_minute_) {
    const Micros start = zone.AtMinute(time, from_minute_);
    // Within an hour that occurs twice, the span may lie behind by local clocks and ahead in time.
    return start > time ? start : time - time % kMinuteMicros + kMinuteMicros;
  }
  return zone.DayStart(time, 1);
}

std::optional<Micros> CompiledWindow::NextOpening(const Zone& zone, Micros time, Micros until) const {
  while (time <= until) {
    if (Contains(zone, time)) return time;
    time = NextCandidate(zone, time);
  }
  return std::nullopt;
}

bool IsOpen(const std::vector<CompiledWindow>& windows, const Zone& zone, Micros time) {
  return windows.empty() || std::any_of(windows.begin(), windows.end(),
                                        [&](const CompiledWindow& window) { return window.Contains(zone, time); });
}

std::optional<Micros> NextOpening(const std::vector<CompiledWindow>& windows, const Zone& zone, Micros time) {
  if (windows.empty()) return time;
  std::optional<Micros> first;
  Micros until = std::min(time + kLookAheadMicros, kTimeMax);
  for (const CompiledWindow& window : windows) {
    if (const auto opening = window.NextOpening(zone, time, until); opening.has_value()) {
      first = opening;
      until = *opening;
    }
  }
  return first;
}

std::optional<std::string> WhyNeverOpen(const programs::v1::TimeWindow& window, const Zone& zone, Micros from,
                                        Micros to) {
  if (!HasSuchDay(window)) return "no month it names has such a day";
  const CompiledWindow compiled(window);
  const auto opens = [&](Micros start, Micros end) {
    start = std::max(start, from);
    end = std::min({end, to, kTimeMax});
    return start < end && compiled.NextOpening(zone, start, std::min(end - 1, start + kLookAheadMicros)).has_value();
  };
  const bool does = window.dates().empty()
                        ? opens(from, to)
                        : std::any_of(window.dates().begin(), window.dates().end(), [&](const auto& range) {
                            return opens(range.has_from() ? MicrosOf(range.from()) : kBegin,
                                         range.has_to() ? MicrosOf(range.to()) : kWindowNever);
                          });
  if (does) return std::nullopt;
  return "no moment in the ten years after its beginning is in all of its parts";
}

}  // namespace keyledger::domain
