// Local days, months and periods, where clocks change and months are short.
#include "server/base/calendar.h"

#include <gtest/gtest.h>

namespace keyledger {
namespace {

Micros At(const char* text) {
  absl::Time time;
  std::string error;
  EXPECT_TRUE(absl::ParseTime(absl::RFC3339_full, text, &time, &error)) << error;
  return absl::ToUnixMicros(time);
}

Zone In(const char* name) {
  auto zone = Zone::Load(name);
  EXPECT_TRUE(zone.has_value()) << name;
  return *zone;
}

TEST(Zone, IsOneTheMachineKnows) {
  EXPECT_TRUE(Zone::Load("Europe/Berlin").has_value());
  EXPECT_FALSE(Zone::Load("Mars/Olympus").has_value());
  EXPECT_FALSE(Zone::Load("").has_value());
  EXPECT_FALSE(Zone::Load(std::string(65, 'x')).has_value());
}

TEST(Months, ClampToTheLastDay) {
  const Zone utc;
  EXPECT_EQ(FormatMicros(utc.AddMonths(At("2023-01-31T10:00:00Z"), 1)), "2023-02-28T10:00:00Z");
  EXPECT_EQ(FormatMicros(utc.AddMonths(At("2024-01-31T10:00:00Z"), 1)), "2024-02-29T10:00:00Z");
  EXPECT_EQ(FormatMicros(utc.AddMonths(At("2024-02-29T10:00:00Z"), 12)), "2025-02-28T10:00:00Z");
  EXPECT_EQ(FormatMicros(utc.AddMonths(At("2024-02-29T10:00:00Z"), 48)), "2028-02-29T10:00:00Z");
  EXPECT_EQ(FormatMicros(utc.AddMonths(At("2024-03-31T10:00:00Z"), -1)), "2024-02-29T10:00:00Z");
  EXPECT_EQ(FormatMicros(utc.AddMonths(At("2024-11-30T10:00:00Z"), 3)), "2025-02-28T10:00:00Z");
}

TEST(Months, KeepTheMicroseconds) {
  EXPECT_EQ(FormatMicros(Zone().AddMonths(At("1969-12-31T23:59:59.999999Z"), 2)), "1970-02-28T23:59:59.999999Z");
}

TEST(Days, KeepTheLocalTimeAcrossAClockChange) {
  const Zone york = In("America/New_York");
  EXPECT_EQ(FormatMicros(york.AddDays(At("2024-03-09T17:00:00Z"), 1)), "2024-03-10T16:00:00Z");
  EXPECT_EQ(FormatMicros(york.AddDays(At("2024-11-02T16:00:00Z"), 1)), "2024-11-03T17:00:00Z");
  EXPECT_EQ(FormatMicros(york.AddDays(At("2024-03-10T16:00:00Z"), -1)), "2024-03-09T17:00:00Z");
}

TEST(Days, ReadASkippedLocalTimeWithTheOffsetBefore) {
  // 02:30 on 10 March 2024 does not exist in New York; with -05:00 it is 07:30 UTC.
  EXPECT_EQ(FormatMicros(In("America/New_York").AddDays(At("2024-03-09T07:30:00Z"), 1)), "2024-03-10T07:30:00Z");
}

TEST(Days, TakeTheFirstOfARepeatedLocalTime) {
  // 01:30 on 3 November 2024 comes twice in New York: 05:30 and 06:30 UTC.
  EXPECT_EQ(FormatMicros(In("America/New_York").AddDays(At("2024-11-02T05:30:00Z"), 1)), "2024-11-03T05:30:00Z");
}

TEST(Days, BeginAtLocalMidnight) {
  const Zone shanghai = In("Asia/Shanghai");
  EXPECT_EQ(FormatMicros(shanghai.DayStart(At("2024-01-01T15:59:59.999999Z"))), "2023-12-31T16:00:00Z");
  EXPECT_EQ(FormatMicros(shanghai.DayStart(At("2024-01-01T16:00:00Z"))), "2024-01-01T16:00:00Z");
  EXPECT_EQ(FormatMicros(shanghai.DayStart(At("2024-01-01T16:00:00Z"), -29)), "2023-12-03T16:00:00Z");
  EXPECT_EQ(FormatMicros(Zone().DayStart(At("2024-03-01T00:00:00Z"), -1)), "2024-02-29T00:00:00Z");
  EXPECT_EQ(FormatMicros(Zone().DayStart(-1)), "1969-12-31T00:00:00Z");
}

TEST(Days, WithoutMidnightBeginWhereTheClockJumpsTo) {
  // Sao Paulo skipped 00:00 to 01:00 on 4 November 2018.
  EXPECT_EQ(FormatMicros(In("America/Sao_Paulo").DayStart(At("2018-11-04T12:00:00Z"))), "2018-11-04T03:00:00Z");
}

TEST(Periods, AreHalfOpen) {
  const Zone utc;
  EXPECT_EQ(FormatMicros(utc.PeriodStart(At("2024-03-31T23:59:59.999999Z"), CalendarUnit::kQuarter)),
            "2024-01-01T00:00:00Z");
  EXPECT_EQ(FormatMicros(utc.PeriodStart(At("2024-04-01T00:00:00Z"), CalendarUnit::kQuarter)), "2024-04-01T00:00:00Z");
  EXPECT_EQ(FormatMicros(utc.PeriodStart(At("2024-12-31T00:00:00Z"), CalendarUnit::kMonth, 1)), "2025-01-01T00:00:00Z");
  EXPECT_EQ(FormatMicros(utc.PeriodStart(At("2024-01-01T00:00:00Z"), CalendarUnit::kYear, -1)), "2023-01-01T00:00:00Z");
}

TEST(Periods, BeginAtLocalMidnight) {
  const Zone berlin = In("Europe/Berlin");
  EXPECT_EQ(FormatMicros(berlin.PeriodStart(At("2024-07-15T00:00:00Z"), CalendarUnit::kMonth)), "2024-06-30T22:00:00Z");
  EXPECT_EQ(FormatMicros(berlin.PeriodStart(At("2024-12-31T23:00:00Z"), CalendarUnit::kYear)), "2024-12-31T23:00:00Z");
  EXPECT_EQ(berlin.PeriodIndex(At("2024-12-31T23:00:00Z"), CalendarUnit::kYear), 55);
}

TEST(Periods, AreNumberedFrom1970) {
  const Zone utc;
  EXPECT_EQ(utc.PeriodIndex(0, CalendarUnit::kMonth), 0);
  EXPECT_EQ(utc.PeriodIndex(-1, CalendarUnit::kMonth), -1);
  EXPECT_EQ(utc.PeriodIndex(-1, CalendarUnit::kQuarter), -1);
  EXPECT_EQ(utc.PeriodIndex(-1, CalendarUnit::kYear), -1);
  EXPECT_EQ(utc.PeriodIndex(At("1997-03-31T00:00:00Z"), CalendarUnit::kQuarter), 108);
  for (const int64_t index : {-13, -1, 0, 1, 655}) {
    EXPECT_EQ(utc.PeriodIndex(utc.PeriodStartByIndex(index, CalendarUnit::kMonth), CalendarUnit::kMonth), index);
  }
}

TEST(Periods, AreWrittenByYear) {
  EXPECT_EQ(FormatPeriod(324, CalendarUnit::kMonth), "1997-01");
  EXPECT_EQ(FormatPeriod(-1, CalendarUnit::kMonth), "1969-12");
  EXPECT_EQ(FormatPeriod(108, CalendarUnit::kQuarter), "1997-Q1");
  EXPECT_EQ(FormatPeriod(-1, CalendarUnit::kQuarter), "1969-Q4");
  EXPECT_EQ(FormatPeriod(27, CalendarUnit::kYear), "1997");
}

TEST(Moments, AreWrittenWithAsManyDigitsAsNeeded) {
  EXPECT_EQ(FormatMicros(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(FormatMicros(1'500'000), "1970-01-01T00:00:01.5Z");
  EXPECT_EQ(FormatMicros(-1), "1969-12-31T23:59:59.999999Z");
}

}  // namespace
}  // namespace keyledger
