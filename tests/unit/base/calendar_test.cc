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

TEST(Weeks, BeginOnMondayAndAreNumberedFromTheOneThatHolds1970) {
  const Zone utc;
  EXPECT_EQ(utc.PeriodIndex(0, CalendarUnit::kWeek), 0);
  EXPECT_EQ(FormatMicros(utc.PeriodStartByIndex(0, CalendarUnit::kWeek)), "1969-12-29T00:00:00Z");
  EXPECT_EQ(utc.PeriodIndex(At("1969-12-28T23:59:59.999999Z"), CalendarUnit::kWeek), -1);
  EXPECT_EQ(utc.PeriodIndex(At("1970-01-04T23:59:59.999999Z"), CalendarUnit::kWeek), 0);
  EXPECT_EQ(utc.PeriodIndex(At("1970-01-05T00:00:00Z"), CalendarUnit::kWeek), 1);
  EXPECT_EQ(FormatMicros(utc.PeriodStart(At("2026-02-01T12:00:00Z"), CalendarUnit::kWeek)), "2026-01-26T00:00:00Z");
  EXPECT_EQ(FormatMicros(In("Asia/Shanghai").PeriodStart(At("2026-02-01T16:00:00Z"), CalendarUnit::kWeek)),
            "2026-02-01T16:00:00Z");
}

TEST(Weeks, AreWrittenByTheYearThatHoldsTheirThursday) {
  const auto week = [](const char* time) {
    return FormatPeriod(Zone().PeriodIndex(At(time), CalendarUnit::kWeek), CalendarUnit::kWeek);
  };
  EXPECT_EQ(week("2026-01-31T00:00:00Z"), "2026-W05");
  // Years of 53 weeks, and days that belong to the year beside.
  EXPECT_EQ(week("2020-12-31T00:00:00Z"), "2020-W53");
  EXPECT_EQ(week("2021-01-03T00:00:00Z"), "2020-W53");
  EXPECT_EQ(week("2021-01-04T00:00:00Z"), "2021-W01");
  EXPECT_EQ(week("2024-12-30T00:00:00Z"), "2025-W01");
  EXPECT_EQ(week("1969-12-28T00:00:00Z"), "1969-W52");
}

TEST(DaysAsPeriods, AreNumberedAndWritten) {
  const Zone utc;
  EXPECT_EQ(utc.PeriodIndex(-1, CalendarUnit::kDay), -1);
  EXPECT_EQ(FormatPeriod(-1, CalendarUnit::kDay), "1969-12-31");
  EXPECT_EQ(FormatPeriod(utc.PeriodIndex(At("2024-02-29T23:00:00Z"), CalendarUnit::kDay), CalendarUnit::kDay),
            "2024-02-29");
  EXPECT_EQ(FormatMicros(utc.PeriodStartByIndex(1, CalendarUnit::kDay)), "1970-01-02T00:00:00Z");
}

TEST(PeriodsOfSeveralUnits, CountFromTheUnitThatHolds1970) {
  const Periods halves{Zone(), CalendarUnit::kMonth, 6};
  EXPECT_EQ(halves.IndexAt(0), 0);
  EXPECT_EQ(halves.IndexAt(-1), -1);
  EXPECT_EQ(halves.IndexAt(At("2026-06-30T23:59:59Z")), 112);
  EXPECT_EQ(halves.IndexAt(At("2026-07-01T00:00:00Z")), 113);
  EXPECT_EQ(FormatMicros(halves.StartOf(112)), "2026-01-01T00:00:00Z");
  EXPECT_EQ(halves.Format(112), "2026-01..2026-06");
  EXPECT_EQ(halves.Format(-1), "1969-07..1969-12");
  const Periods fortnights{Zone(), CalendarUnit::kWeek, 2};
  EXPECT_EQ(FormatMicros(fortnights.StartOf(fortnights.IndexAt(0))), "1969-12-29T00:00:00Z");
  EXPECT_EQ(fortnights.Format(0), "1970-W01..1970-W02");
  EXPECT_EQ((Periods{Zone(), CalendarUnit::kQuarter, 2}.Format(112)), "2026-Q1..2026-Q2");
  EXPECT_EQ((Periods{Zone(), CalendarUnit::kMonth, 1}.Format(0)), "1970-01");
}

TEST(Moments, AreWrittenWithAsManyDigitsAsNeeded) {
  EXPECT_EQ(FormatMicros(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(FormatMicros(1'500'000), "1970-01-01T00:00:01.5Z");
  EXPECT_EQ(FormatMicros(-1), "1969-12-31T23:59:59.999999Z");
}

}  // namespace
}  // namespace keyledger
