// When time windows hold, and when they open next.
#include "server/domain/time_window.h"

#include "tests/unit/domain/account_ledger.h"

namespace keyledger::domain {
namespace {

using programs::v1::TimeWindow;

Zone Berlin() { return *Zone::Load("Europe/Berlin"); }

CompiledWindow WindowOf(const std::string& yaml) {
  ParsedProgram parsed = ParseProgramYaml(
      "program_id: p\ntime_zone: Europe/Berlin\ncurrency_code: EUR\neffective_from: 2000-01-01\n"
      "redemption_policy:\n  windows:\n  - " +
      yaml + "\n");
  for (const ProgramFinding& finding : parsed.findings) ADD_FAILURE() << finding.path << " " << finding.message;
  return CompiledWindow(parsed.program->redemption_policy().windows(0));
}

bool Holds(const std::string& yaml, const std::string& at) { return WindowOf(yaml).Contains(Berlin(), At(at)); }

std::string Opens(const std::string& yaml, const std::string& from) {
  const auto opening = NextOpening({WindowOf(yaml)}, Berlin(), At(from));
  return opening.has_value() ? FormatMicros(*opening) : "never";
}

TEST(TimeWindows, OfDatesAreHalfOpenAndInTheProgramsZone) {
  const std::string window = "{dates: [{from: 2024-02-01, to: 2024-03-01}, {from: 2024-12-24}]}";
  EXPECT_FALSE(Holds(window, "2024-01-31T22:59:59Z"));
  EXPECT_TRUE(Holds(window, "2024-01-31T23:00:00Z")) << "midnight in Berlin";
  EXPECT_TRUE(Holds(window, "2024-02-29T22:59:59Z"));
  EXPECT_FALSE(Holds(window, "2024-02-29T23:00:00Z"));
  EXPECT_TRUE(Holds(window, "2031-01-01"));
}

TEST(TimeWindows, MatchMonthsDaysAndWeekdaysTogether) {
  const std::string window = "{months: [2, 6], days_of_month: [1, -1], weekdays: [thursday, saturday]}";
  EXPECT_TRUE(Holds(window, "2024-02-01T12:00:00Z")) << "a Thursday";
  EXPECT_TRUE(Holds(window, "2024-02-29T12:00:00Z")) << "a Thursday, the last of a leap February";
  EXPECT_FALSE(Holds(window, "2024-02-28T12:00:00Z"));
  EXPECT_TRUE(Holds(window, "2024-06-01T12:00:00Z")) << "a Saturday";
  EXPECT_FALSE(Holds(window, "2024-06-30T12:00:00Z")) << "a Sunday";
  EXPECT_FALSE(Holds(window, "2024-08-01T12:00:00Z")) << "a Thursday in another month";
}

TEST(TimeWindows, OfTheDayMayGoOverMidnight) {
  const std::string day = "{time_of_day: {from: \"09:00\", to: \"17:30\"}}";
  EXPECT_FALSE(Holds(day, "2024-01-10T07:59:59Z"));
  EXPECT_TRUE(Holds(day, "2024-01-10T08:00:00Z"));
  EXPECT_TRUE(Holds(day, "2024-01-10T16:29:59Z"));
  EXPECT_FALSE(Holds(day, "2024-01-10T16:30:00Z"));
  const std::string night = "{time_of_day: {from: \"22:00\", to: \"02:00\"}}";
  EXPECT_TRUE(Holds(night, "2024-01-10T21:00:00Z"));
  EXPECT_TRUE(Holds(night, "2024-01-11T00:59:59Z"));
  EXPECT_FALSE(Holds(night, "2024-01-11T01:00:00Z"));
}

TEST(TimeWindows, FollowLocalClocksThroughChangesOfDaylightSaving) {
  // Berlin, 2024-03-31: 01:59 is followed by 03:00. 2024-10-27: 02:00 to 02:59 occurs twice.
  const std::string span = "{time_of_day: {from: \"02:10\", to: \"02:50\"}}";
  EXPECT_EQ(Opens(span, "2024-03-30T23:00:00Z"), "2024-04-01T00:10:00Z") << "it does not occur on the 31st";
  EXPECT_TRUE(Holds(span, "2024-10-27T00:10:00Z"));
  EXPECT_FALSE(Holds(span, "2024-10-27T00:50:00Z"));
  EXPECT_TRUE(Holds(span, "2024-10-27T01:10:00Z")) << "the same clock time again";
  EXPECT_EQ(Opens("{time_of_day: {from: \"02:30\", to: \"04:00\"}}", "2024-03-31T00:00:00Z"), "2024-03-31T01:00:00Z")
      << "03:00, the first moment shown that lies in it";
}

TEST(TimeWindows, SayWhenTheyOpenNext) {
  EXPECT_EQ(Opens("{dates: [{from: 2024-06-01, to: 2024-07-01}]}", "2024-01-01"), "2024-05-31T22:00:00Z");
  EXPECT_EQ(Opens("{dates: [{from: 2024-06-01, to: 2024-07-01}]}", "2024-06-15"), "2024-06-15T00:00:00Z") << "now";
  EXPECT_EQ(Opens("{dates: [{from: 2024-06-01, to: 2024-07-01}]}", "2024-07-01"), "never");
  EXPECT_EQ(Opens("{months: [2], days_of_month: [29]}", "2025-01-01"), "2028-02-28T23:00:00Z");
  EXPECT_EQ(Opens("{months: [2], days_of_month: [30]}", "2025-01-01"), "never");
  EXPECT_EQ(Opens("{weekdays: [monday], time_of_day: {from: \"09:00\", to: \"10:00\"}}", "2024-01-08T09:30:00Z"),
            "2024-01-15T08:00:00Z");
  EXPECT_EQ(
      Opens("{dates: [{from: \"2024-05-01T12:00:00Z\"}], time_of_day: {from: \"09:00\", to: \"18:00\"}}", "2024-01-01"),
      "2024-05-01T12:00:00Z");
}

TEST(TimeWindows, AreCheckedWithAllMistakesAtOnce) {
  const ParsedProgram parsed = ParseProgramYaml(
      "program_id: p\ntime_zone: UTC\ncurrency_code: EUR\neffective_from: 2000-01-01\n"
      "redemption_policy:\n"
      "  windows:\n"
      "  - {dates: [{from: 2024-02-01, to: 2024-02-01}, {}]}\n"
      "  - {months: [13], days_of_month: [0, -32], time_of_day: {from: \"24:00\", to: \"9:00\"}}\n"
      "  - {time_of_day: {from: \"09:00\", to: \"09:00\"}}\n"
      "  - {}\n"
      "  min_points: 0\n"
      "  max_points: 5\n"
      "  max_times: {times: 0}\n"
      "  max_points_per_period: {points: 0, period: month}\n");
  std::vector<std::string> paths;
  for (const ProgramFinding& finding : parsed.findings) paths.push_back(finding.path);
  std::sort(paths.begin(), paths.end());
  const std::string at = "redemption_policy.";
  const std::vector<std::string> expected = {at + "max_points_per_period.points",
                                             at + "max_times.period",
                                             at + "max_times.times",
                                             at + "min_points",
                                             at + "windows[0].dates[0].to",
                                             at + "windows[0].dates[1]",
                                             at + "windows[1].days_of_month[0]",
                                             at + "windows[1].days_of_month[1]",
                                             at + "windows[1].months[0]",
                                             at + "windows[1].time_of_day.from",
                                             at + "windows[1].time_of_day.to",
                                             at + "windows[2].time_of_day.to",
                                             at + "windows[3]"};
  EXPECT_EQ(paths, expected);
}

}  // namespace
}  // namespace keyledger::domain
