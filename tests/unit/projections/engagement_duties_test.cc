// Duties: what is due when, for whom, with the numbers of the trade's articles and the edges of calendars and clocks.
#include "projections/engagement/duties.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/projections/engagement_logs.h"

namespace keyledger::projections::engagement {
namespace {

using events::v1::INTEREST_HIGH;
using events::v1::INTEREST_NONE;
using events::v1::INTEREST_SOME;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr auto kPhone = events::v1::INTERACTION_KIND_PHONE;
constexpr auto kVisit = events::v1::INTERACTION_KIND_VISIT;
constexpr auto kMail = events::v1::INTERACTION_KIND_MAIL;
constexpr auto kGreeting = events::v1::INTERACTION_KIND_GREETING;

// Class A of the tobacco company (articles 003-26 and 003-28).
constexpr const char* kClassA = R"(
cadence:
  duties:
    - {rule_id: phone_a, tier_ids: [a], kinds: [phone], times: 3, unit: month, spread: true}
    - {rule_id: visit_a, tier_ids: [a], kinds: [visit, first_visit], times: 1, unit: month}
    - {rule_id: mail_a, tier_ids: [a], kinds: [mail], times: 1, unit: month}
    - {rule_id: activity_a, tier_ids: [a], kinds: [activity], times: 1, unit: month, length: 2}
    - {rule_id: friendship_a, tier_ids: [a], kinds: [friendship_meeting], times: 1, unit: month, length: 3}
)";
constexpr const char* kPhones = R"(
cadence:
  duties:
    - {rule_id: phone, kinds: [phone], times: 3, unit: month, spread: true}
)";
constexpr const char* kOneCall = R"(
cadence:
  duties:
    - {rule_id: phone, kinds: [phone], times: 1, unit: month}
)";
constexpr const char* kFollowUps = R"(
calendar:
  closed_weekdays: [saturday, sunday]
  holidays:
    - {date: {year: 2024, month: 2, day: 12}, name: Spring Festival}
cadence:
  follow_ups:
    - {rule_id: call_after_visit, after_kinds: [visit, first_visit], kinds: [phone], due_days: 3, closed_day: next}
    - {rule_id: second_visit, after_kinds: [visit, first_visit], min_interest: high, kinds: [visit], due_days: 14}
    - {rule_id: ask_referral, after_kinds: [visit, first_visit], min_interest: some, referral: true, due_days: 1}
)";

const char* const kShanghai = "Asia/Shanghai";

using Programs = std::vector<std::shared_ptr<const domain::CompiledProgram>>;

std::vector<Duty> Derive(const MeetingLog& log, const std::string& account, const Programs& programs, Micros as_of,
                         std::optional<Micros> until = std::nullopt, Micros known_at = kNoEnd,
                         const std::vector<ContactDay>& contact_days = {}) {
  const domain::ProgramSet set(programs);
  const DutyBasis basis{set, as_of};
  const EngagementScope scope{.as_of = as_of, .known_at = known_at};
  const FoldedShards shards(log);
  std::vector<Duty> duties;
  auto scan = EngagementScan::Open(shards.readers(), scope, DutyParts(basis));
  EXPECT_TRUE(scan.ok()) << scan.status();
  const absl::Status loaded = scan->Load(account, [&](const EngagementHistory& history) {
    duties = DeriveDuties(history, basis, until.value_or(EndOfDay(history, basis)), contact_days);
    return absl::OkStatus();
  });
  EXPECT_TRUE(loaded.ok()) << loaded;
  return duties;
}

// "a/phone/2024-01/1 by 2024-01-11 overdue".
std::vector<std::string> Lines(const std::vector<Duty>& duties) {
  std::vector<std::string> lines;
  for (const Duty& duty : duties) {
    lines.push_back(fmt::format("{} by {}{}{}", duty.duty_id, duty.due_day, duty.overdue ? " overdue" : "",
                                duty.lapsed ? " lapsed" : ""));
  }
  return lines;
}

// Those of one rule.
std::vector<std::string> Lines(const std::vector<Duty>& duties, const std::string& rule_id) {
  std::vector<Duty> of_rule;
  std::copy_if(duties.begin(), duties.end(), std::back_inserter(of_rule),
               [&](const Duty& duty) { return duty.rule_id == rule_id; });
  return Lines(of_rule);
}

MeetingLog ClassA(Micros opened, const std::string& account = "acme") {
  MeetingLog log;
  log.OpenFor(account, opened);
  log.Tier(account, opened, "a");
  return log;
}

TEST(Duties, OfClassAAreThreeCallsAVisitAndMailAMonthAnActivityEveryTwoAndAMeetingEveryThree) {
  const MeetingLog log = ClassA(In(kShanghai, 2024, 1, 1));
  const Programs programs = {ProgramOf(Head(kShanghai) + kClassA)};
  EXPECT_THAT(Lines(Derive(log, "acme", programs, In(kShanghai, 2024, 1, 15, 12), In(kShanghai, 2024, 2, 1))),
              ElementsAre("acme/phone_a/2024-01/1 by 2024-01-11 overdue", "acme/phone_a/2024-01/2 by 2024-01-21",
                          "acme/mail_a/2024-01/1 by 2024-01-31", "acme/phone_a/2024-01/3 by 2024-01-31",
                          "acme/visit_a/2024-01/1 by 2024-01-31"));
  EXPECT_THAT(Lines(Derive(log, "acme", programs, In(kShanghai, 2024, 1, 1, 9), In(kShanghai, 2024, 4, 1))),
              ElementsAre("acme/phone_a/2024-01/1 by 2024-01-11", "acme/phone_a/2024-01/2 by 2024-01-21",
                          "acme/mail_a/2024-01/1 by 2024-01-31", "acme/phone_a/2024-01/3 by 2024-01-31",
                          "acme/visit_a/2024-01/1 by 2024-01-31", "acme/phone_a/2024-02/1 by 2024-02-10",
                          "acme/phone_a/2024-02/2 by 2024-02-20", "acme/activity_a/2024-01..2024-02/1 by 2024-02-29",
                          "acme/mail_a/2024-02/1 by 2024-02-29", "acme/phone_a/2024-02/3 by 2024-02-29",
                          "acme/visit_a/2024-02/1 by 2024-02-29", "acme/phone_a/2024-03/1 by 2024-03-11",
                          "acme/phone_a/2024-03/2 by 2024-03-21", "acme/friendship_a/2024-01..2024-03/1 by 2024-03-31",
                          "acme/mail_a/2024-03/1 by 2024-03-31", "acme/phone_a/2024-03/3 by 2024-03-31",
                          "acme/visit_a/2024-03/1 by 2024-03-31"));
}

TEST(Duties, SayWhatTheyComeFromAndWhoseTheyAre) {
  const MeetingLog log = ClassA(In(kShanghai, 2024, 1, 1));
  const Programs programs = {ProgramOf(Head(kShanghai) + kClassA, 3)};
  const auto duties = Derive(log, "acme", programs, In(kShanghai, 2024, 1, 11, 12));
  ASSERT_EQ(duties.size(), 1u);
  EXPECT_EQ(duties[0].kind, DutyKind::kPeriodic);
  EXPECT_EQ(duties[0].account_id, "acme");
  EXPECT_EQ(duties[0].due, In(kShanghai, 2024, 1, 12));
  EXPECT_EQ(duties[0].program_id, "test");
  EXPECT_EQ(duties[0].program_version, 3u);
  EXPECT_EQ(duties[0].period, "2024-01");
  EXPECT_EQ(duties[0].number, 1u);
  EXPECT_EQ(duties[0].required, 3u);
  EXPECT_THAT(duties[0].people, ElementsAre("km-07"));
  EXPECT_EQ(duties[0].role, "owner");
  EXPECT_THAT(duties[0].interaction_kinds, ElementsAre(kPhone));
}

TEST(Duties, AreSpreadOverMonthsOfTwentyEightToThirtyOneDays) {
  const MeetingLog log = ClassA(Utc(2022, 1, 1), "a");
  const Programs programs = {ProgramOf(Head() + kPhones)};
  const auto in_month = [&](int year, int month) {
    return Lines(Derive(log, "a", programs, Utc(year, month, 1), Utc(year, month + 1, 1)), "phone");
  };
  // Those of the month before have lapsed, and stand in front.
  EXPECT_THAT(
      in_month(2023, 2),
      ElementsAre("a/phone/2023-01/1 by 2023-01-11 overdue lapsed", "a/phone/2023-01/2 by 2023-01-21 overdue lapsed",
                  "a/phone/2023-01/3 by 2023-01-31 overdue lapsed", "a/phone/2023-02/1 by 2023-02-10",
                  "a/phone/2023-02/2 by 2023-02-19", "a/phone/2023-02/3 by 2023-02-28"));
  EXPECT_THAT(
      in_month(2024, 2),
      ElementsAre("a/phone/2024-01/1 by 2024-01-11 overdue lapsed", "a/phone/2024-01/2 by 2024-01-21 overdue lapsed",
                  "a/phone/2024-01/3 by 2024-01-31 overdue lapsed", "a/phone/2024-02/1 by 2024-02-10",
                  "a/phone/2024-02/2 by 2024-02-20", "a/phone/2024-02/3 by 2024-02-29"));
  EXPECT_THAT(
      in_month(2024, 5),
      ElementsAre("a/phone/2024-04/1 by 2024-04-10 overdue lapsed", "a/phone/2024-04/2 by 2024-04-20 overdue lapsed",
                  "a/phone/2024-04/3 by 2024-04-30 overdue lapsed", "a/phone/2024-05/1 by 2024-05-11",
                  "a/phone/2024-05/2 by 2024-05-21", "a/phone/2024-05/3 by 2024-05-31"));
}

TEST(Duties, AreKeptInOrderByWhatWasDoneInThePeriod) {
  MeetingLog log = ClassA(Utc(2024, 1, 1), "a");
  const Programs programs = {ProgramOf(Head() + kPhones)};
  log.Meet("a", Utc(2024, 1, 2));
  log.Meet("a", Utc(2024, 1, 3), {.kind = kVisit});
  EXPECT_THAT(Lines(Derive(log, "a", programs, Utc(2024, 1, 31, 12))),
              ElementsAre("a/phone/2024-01/2 by 2024-01-21 overdue", "a/phone/2024-01/3 by 2024-01-31"));
  // At the very end of the month it is of the month; a moment later it is of the next.
  log.Meet("a", Utc(2024, 2, 1) - 1);
  EXPECT_THAT(Lines(Derive(log, "a", programs, Utc(2024, 2, 1, 12))),
              ElementsAre("a/phone/2024-01/3 by 2024-01-31 overdue lapsed"));
  log.Meet("a", Utc(2024, 2, 1));
  EXPECT_THAT(Lines(Derive(log, "a", programs, Utc(2024, 2, 10, 12))),
              ElementsAre("a/phone/2024-01/3 by 2024-01-31 overdue lapsed"));
}

TEST(Duties, OfAPeriodStayUntilTheNextOneIsOver) {
  const MeetingLog log = ClassA(Utc(2024, 1, 1), "a");
  const Programs programs = {ProgramOf(Head() + kOneCall)};
  EXPECT_THAT(Lines(Derive(log, "a", programs, Utc(2024, 3, 1) - 1, Utc(2024, 2, 20))),
              ElementsAre("a/phone/2024-01/1 by 2024-01-31 overdue lapsed"));
  EXPECT_THAT(Lines(Derive(log, "a", programs, Utc(2024, 3, 1))),
              ElementsAre("a/phone/2024-02/1 by 2024-02-29 overdue lapsed"));
}

TEST(Duties, AreDueOnTheDayTheyAreAskedForAndOverdueFromTheNext) {
  const MeetingLog log = ClassA(Utc(2024, 1, 1), "a");
  const Programs programs = {ProgramOf(Head() + kOneCall)};
  EXPECT_THAT(Derive(log, "a", programs, Utc(2024, 1, 31) - 1), IsEmpty());
  EXPECT_THAT(Lines(Derive(log, "a", programs, Utc(2024, 1, 31))), ElementsAre("a/phone/2024-01/1 by 2024-01-31"));
  EXPECT_THAT(Lines(Derive(log, "a", programs, Utc(2024, 2, 1) - 1)), ElementsAre("a/phone/2024-01/1 by 2024-01-31"));
}

TEST(Duties, OfAPeriodAreAskedOnlyOfAnAccountOpenWhenItBegan) {
  const Programs programs = {ProgramOf(Head(kShanghai) + kOneCall)};
  const Micros end = In(kShanghai, 2024, 1, 31, 12);
  EXPECT_THAT(Lines(Derive(ClassA(In(kShanghai, 2024, 1, 1), "a"), "a", programs, end)),
              ElementsAre("a/phone/2024-01/1 by 2024-01-31"));
  EXPECT_THAT(Derive(ClassA(In(kShanghai, 2024, 1, 1) + 1, "a"), "a", programs, end), IsEmpty());
}

TEST(Duties, OfATierBeginWithThePeriodAfterItWasGiven) {
  MeetingLog log;
  log.OpenFor("acme", Utc(2024, 1, 1));
  log.Tier("acme", Utc(2024, 1, 15), "a");
  const Programs programs = {ProgramOf(Head() + kClassA)};
  EXPECT_THAT(Derive(log, "acme", programs, Utc(2024, 1, 31, 12)), IsEmpty());
  EXPECT_THAT(Lines(Derive(log, "acme", programs, Utc(2024, 2, 10, 12))),
              ElementsAre("acme/phone_a/2024-02/1 by 2024-02-10"));
  // What the tier asked for stands to the end of the period in which it was lost.
  log.Tier("acme", Utc(2024, 2, 15), "potential");
  EXPECT_THAT(Lines(Derive(log, "acme", programs, Utc(2024, 2, 20, 12)), "phone_a"),
              ElementsAre("acme/phone_a/2024-02/1 by 2024-02-10 overdue", "acme/phone_a/2024-02/2 by 2024-02-20"));
  EXPECT_THAT(Lines(Derive(log, "acme", programs, Utc(2024, 4, 10, 12))), IsEmpty());
}

TEST(Duties, OfAVersionBeginWithTheFirstPeriodThatItGovernsFromTheStart) {
  const MeetingLog log = ClassA(Utc(2024, 1, 1), "a");
  const auto first = ProgramOf(Head() + kPhones, 1);
  const auto within = ProgramOf(Head("UTC", "2024-01-15") + kOneCall, 2);
  const auto at = ProgramOf(Head("UTC", "2024-02-01") + kOneCall, 2);
  EXPECT_THAT(Lines(Derive(log, "a", {first, within}, Utc(2024, 1, 31, 12))),
              ElementsAre("a/phone/2024-01/1 by 2024-01-11 overdue", "a/phone/2024-01/2 by 2024-01-21 overdue",
                          "a/phone/2024-01/3 by 2024-01-31"));
  for (const auto& second : {within, at}) {
    const auto duties = Derive(log, "a", {first, second}, Utc(2024, 2, 29, 12));
    EXPECT_THAT(
        Lines(duties),
        ElementsAre("a/phone/2024-01/1 by 2024-01-11 overdue lapsed", "a/phone/2024-01/2 by 2024-01-21 overdue lapsed",
                    "a/phone/2024-01/3 by 2024-01-31 overdue lapsed", "a/phone/2024-02/1 by 2024-02-29"));
    EXPECT_EQ(duties.back().program_version, 2u);
  }
}

TEST(Duties, KnowALateEntryFromWhenItWasRecorded) {
  MeetingLog log = ClassA(Utc(2024, 1, 1), "a");
  const Programs programs = {ProgramOf(Head() + kPhones)};
  log.Meet("a", Utc(2024, 1, 10), {.recorded = Utc(2027, 1, 20)});
  EXPECT_THAT(Lines(Derive(log, "a", programs, Utc(2024, 1, 15), std::nullopt, Utc(2027, 1, 20))),
              ElementsAre("a/phone/2024-01/1 by 2024-01-11 overdue"));
  EXPECT_THAT(Derive(log, "a", programs, Utc(2024, 1, 15), std::nullopt, Utc(2027, 1, 20) + 1), IsEmpty());
}

TEST(Duties, ComeBackWhenTheCallThatKeptThemIsRetracted) {
  MeetingLog log = ClassA(Utc(2024, 1, 1), "a");
  const Programs programs = {ProgramOf(Head() + kPhones)};
  log.Retract(log.Meet("a", Utc(2024, 1, 10)), Utc(2027, 1, 20));
  EXPECT_THAT(Derive(log, "a", programs, Utc(2024, 1, 15), std::nullopt, Utc(2027, 1, 20)), IsEmpty());
  EXPECT_THAT(Lines(Derive(log, "a", programs, Utc(2024, 1, 15))),
              ElementsAre("a/phone/2024-01/1 by 2024-01-11 overdue"));
}

TEST(Duties, CountPeriodsInTheZoneOfTheAccountThirteenHoursAhead) {
  MeetingLog log = ClassA(In("Pacific/Tongatapu", 2024, 1, 1), "a");
  log.Declare("a", In("Pacific/Tongatapu", 2024, 1, 1), "time_zone", "Pacific/Tongatapu");
  const Programs programs = {ProgramOf(Head() + kOneCall)};
  // February begins there at 11:00 of the day before in Greenwich.
  log.Meet("a", Utc(2024, 1, 31, 11));
  const auto january = Derive(log, "a", programs, Utc(2024, 1, 31, 12));
  ASSERT_THAT(Lines(january), ElementsAre("a/phone/2024-01/1 by 2024-01-31 overdue lapsed"));
  EXPECT_EQ(january[0].due, Utc(2024, 1, 31, 11));
  EXPECT_THAT(Lines(Derive(log, "a", programs, Utc(2024, 2, 29, 10))),
              ElementsAre("a/phone/2024-01/1 by 2024-01-31 overdue lapsed"));
  log.Meet("a", Utc(2024, 1, 31, 11) - 1);
  EXPECT_THAT(Derive(log, "a", programs, Utc(2024, 2, 29, 10)), IsEmpty());
}

TEST(Duties, TakeTheZoneOfTheProgramWhereTheFactNamesNone) {
  MeetingLog log = ClassA(In(kShanghai, 2024, 1, 1), "a");
  log.Declare("a", In(kShanghai, 2024, 1, 1), "time_zone", "Shanghai");
  const auto duties = Derive(log, "a", {ProgramOf(Head(kShanghai) + kOneCall)}, In(kShanghai, 2024, 1, 31, 12));
  ASSERT_EQ(duties.size(), 1u);
  EXPECT_EQ(duties[0].due, Utc(2024, 1, 31, 16));
}

TEST(Duties, AreDueAtTheEndOfDaysOfTwentyThreeAndTwentyFiveHours) {
  struct Case {
    const char* zone;
    Micros visit;
    const char* day;
    Micros due;
  };
  const Case cases[] = {
      {"Europe/Berlin", In("Europe/Berlin", 2024, 3, 30, 12), "2024-03-31", Utc(2024, 3, 31, 22)},
      {"Europe/Berlin", In("Europe/Berlin", 2024, 10, 26, 12), "2024-10-27", Utc(2024, 10, 27, 23)},
      {"America/New_York", In("America/New_York", 2024, 3, 9, 12), "2024-03-10", Utc(2024, 3, 11, 4)},
      {"America/New_York", In("America/New_York", 2024, 11, 2, 12), "2024-11-03", Utc(2024, 11, 4, 5)},
  };
  for (const Case& each : cases) {
    MeetingLog log = ClassA(Utc(2024, 1, 1), "a");
    log.Meet("a", each.visit, {.kind = kVisit, .interest = INTEREST_SOME});
    const auto duties =
        Derive(log, "a",
               {ProgramOf(Head(each.zone) + "cadence:\n  follow_ups:\n    - {rule_id: ask, after_kinds: [visit], "
                                            "referral: true, due_days: 1}\n")},
               each.visit + 1, each.due);
    ASSERT_EQ(duties.size(), 1u) << each.zone;
    EXPECT_EQ(duties[0].due_day, each.day);
    EXPECT_EQ(duties[0].due, each.due);
  }
}

TEST(Duties, OfAMonthWithAChangeOfClocksEndWithTheLocalMonth) {
  const MeetingLog log = ClassA(Utc(2024, 1, 1), "a");
  const auto spring = Derive(log, "a", {ProgramOf(Head("Europe/Berlin") + kPhones)}, Utc(2024, 3, 31, 12));
  ASSERT_FALSE(spring.empty());
  EXPECT_EQ(spring.back().due, Utc(2024, 3, 31, 22));
  const auto autumn = Derive(log, "a", {ProgramOf(Head("America/New_York") + kPhones)}, Utc(2024, 11, 30, 12));
  ASSERT_EQ(autumn.size(), 6u);
  // The first third of November ends after the change, the period began before it.
  EXPECT_EQ(autumn[3].due, Utc(2024, 11, 11, 5));
  EXPECT_EQ(autumn[3].due_day, "2024-11-10");
}

TEST(Duties, AfterAVisitAreACallInThreeDaysASecondVisitInTwoWeeksAndAReferralTheNextDay) {
  MeetingLog log = ClassA(In(kShanghai, 2024, 1, 1), "acme");
  log.Meet("acme", In(kShanghai, 2024, 1, 9, 23), {.kind = kVisit, .interest = INTEREST_HIGH});
  const Programs programs = {ProgramOf(Head(kShanghai) + kFollowUps)};
  const auto duties = Derive(log, "acme", programs, In(kShanghai, 2024, 1, 11, 9), In(kShanghai, 2024, 2, 1));
  EXPECT_THAT(Lines(duties), ElementsAre("acme/ask_referral/2 by 2024-01-10 overdue",
                                         "acme/call_after_visit/2 by 2024-01-12", "acme/second_visit/2 by 2024-01-23"));
  EXPECT_EQ(duties[0].kind, DutyKind::kFollowUp);
  EXPECT_EQ(duties[0].cause_revision, 2u);
  EXPECT_THAT(duties[0].people, ElementsAre("km-07"));
  EXPECT_EQ(duties[0].role, "");
}

TEST(Duties, AfterAVisitDependOnTheInterestShown) {
  const Programs programs = {ProgramOf(Head() + kFollowUps)};
  const auto after = [&](events::v1::Interest interest) {
    MeetingLog log = ClassA(Utc(2024, 1, 1), "a");
    log.Meet("a", Utc(2024, 1, 9), {.kind = kVisit, .interest = interest});
    std::vector<std::string> rules;
    for (const Duty& duty : Derive(log, "a", programs, Utc(2024, 1, 10), Utc(2024, 2, 1))) {
      rules.push_back(duty.rule_id);
    }
    return rules;
  };
  EXPECT_THAT(after(events::v1::INTEREST_UNSPECIFIED), ElementsAre("call_after_visit"));
  EXPECT_THAT(after(INTEREST_NONE), ElementsAre("call_after_visit"));
  EXPECT_THAT(after(INTEREST_SOME), ElementsAre("ask_referral", "call_after_visit"));
  EXPECT_THAT(after(INTEREST_HIGH), ElementsAre("ask_referral", "call_after_visit", "second_visit"));
}

TEST(Duties, AfterAVisitAreMovedFromClosedDaysToTheNextWorkingDay) {
  const Programs programs = {ProgramOf(Head() + kFollowUps)};
  // Wednesday and three days is a Saturday: the call is due on Monday.
  MeetingLog january = ClassA(Utc(2024, 1, 1), "a");
  january.Meet("a", Utc(2024, 1, 10, 9), {.kind = kVisit});
  EXPECT_THAT(Lines(Derive(january, "a", programs, Utc(2024, 1, 15, 9))),
              ElementsAre("a/call_after_visit/2 by 2024-01-15"));
  // Here the Monday is a holiday.
  MeetingLog february = ClassA(Utc(2024, 1, 1), "a");
  february.Meet("a", Utc(2024, 2, 7, 9), {.kind = kVisit});
  EXPECT_THAT(Lines(Derive(february, "a", programs, Utc(2024, 2, 12, 9), Utc(2024, 2, 14))),
              ElementsAre("a/call_after_visit/2 by 2024-02-13"));
}

TEST(Duties, MovedToTheDayBeforeStayWithTheDayTheyFollowFrom) {
  const std::string calendar =
      "calendar:\n  closed_weekdays: [saturday, sunday]\n  open_days: [{year: 2024, month: 1, day: 20}]\n"
      "cadence:\n  follow_ups:\n"
      "    - {rule_id: call, after_kinds: [visit], kinds: [phone], due_days: 2, closed_day: previous}\n";
  const Programs programs = {ProgramOf(Head() + calendar)};
  const auto due_after = [&](Micros visit) {
    MeetingLog log = ClassA(Utc(2024, 1, 1), "a");
    log.Meet("a", visit, {.kind = kVisit});
    const auto duties = Derive(log, "a", programs, visit + 1, visit + 9 * kMicrosPerDay);
    return duties.empty() ? std::string() : duties[0].due_day;
  };
  // Thursday: Saturday is closed, Friday is not.
  EXPECT_EQ(due_after(Utc(2024, 1, 11, 9)), "2024-01-12");
  // Visited on a Saturday: not before it, though nobody works.
  EXPECT_EQ(due_after(Utc(2024, 1, 13, 9)), "2024-01-15");
  EXPECT_EQ(due_after(Utc(2024, 1, 12, 9)), "2024-01-12");
  // A Saturday on which people work for a holiday.
  EXPECT_EQ(due_after(Utc(2024, 1, 18, 9)), "2024-01-20");
}

TEST(Duties, AfterAVisitAreKeptByWhatComesLaterAndASecondVisitHasItsOwn) {
  MeetingLog log = ClassA(Utc(2024, 1, 1), "a");
  const Programs programs = {ProgramOf(Head() + kFollowUps)};
  log.Meet("a", Utc(2024, 1, 9, 8));
  log.Meet("a", Utc(2024, 1, 9, 9), {.kind = kVisit, .interest = INTEREST_HIGH});
  auto* asked = log.Event("a", Utc(2024, 1, 9, 10)).mutable_referral_asked();
  asked->set_contact_id("buyer-1");
  EXPECT_THAT(Lines(Derive(log, "a", programs, Utc(2024, 1, 20), Utc(2024, 2, 1))),
              ElementsAre("a/call_after_visit/3 by 2024-01-12 overdue", "a/second_visit/3 by 2024-01-23"));
  log.Meet("a", Utc(2024, 1, 20), {.kind = kVisit});
  EXPECT_THAT(Lines(Derive(log, "a", programs, Utc(2024, 1, 21), Utc(2024, 2, 1))),
              ElementsAre("a/call_after_visit/3 by 2024-01-12 overdue", "a/call_after_visit/5 by 2024-01-23"));
  log.Meet("a", Utc(2024, 1, 21));
  EXPECT_THAT(Derive(log, "a", programs, Utc(2024, 1, 22), Utc(2024, 2, 1)), IsEmpty());
}

TEST(Duties, OfTheEndOfJanuaryAreDueInFebruary) {
  MeetingLog log = ClassA(Utc(2024, 1, 1), "a");
  log.Meet("a", Utc(2024, 1, 31, 12), {.kind = kVisit, .interest = INTEREST_HIGH});
  EXPECT_THAT(Lines(Derive(log, "a", {ProgramOf(Head() + kFollowUps)}, Utc(2024, 1, 31, 13), Utc(2024, 3, 1))),
              ElementsAre("a/ask_referral/2 by 2024-02-01", "a/call_after_visit/2 by 2024-02-05",
                          "a/second_visit/2 by 2024-02-14"));
}

TEST(Duties, ThatAreNotOfAPeriodLeaveTheListAfterNinetyDaysOrAsTheProgramSays) {
  MeetingLog log = ClassA(Utc(2024, 1, 1), "a");
  log.Meet("a", Utc(2024, 1, 9, 9), {.kind = kVisit});
  const Programs ninety = {ProgramOf(Head() + kFollowUps)};
  // Due at the end of the 12th of January.
  EXPECT_EQ(Derive(log, "a", ninety, Utc(2024, 4, 12)).size(), 1u);
  EXPECT_THAT(Derive(log, "a", ninety, Utc(2024, 4, 12) + 1), IsEmpty());
  const Programs ten = {ProgramOf(Head() + std::string(kFollowUps) + "  lapse_days: 10\n")};
  EXPECT_EQ(Derive(log, "a", ten, Utc(2024, 1, 23)).size(), 1u);
  EXPECT_THAT(Derive(log, "a", ten, Utc(2024, 1, 23) + 1), IsEmpty());
}

TEST(Duties, OfARoleAreOfThoseWhoHaveItAndKeptByThemAlone) {
  MeetingLog log = ClassA(Utc(2024, 1, 1), "a");
  const Programs programs = {ProgramOf(
      Head() +
      "cadence:\n  duties:\n    - {rule_id: call, kinds: [phone], times: 1, unit: month, owner_roles: [engineer]}\n")};
  // Nobody has the role: the owner's.
  auto duties = Derive(log, "a", programs, Utc(2024, 1, 31));
  ASSERT_EQ(duties.size(), 1u);
  EXPECT_THAT(duties[0].people, ElementsAre("km-07"));
  EXPECT_EQ(duties[0].role, "owner");
  log.Assign("a", Utc(2024, 1, 1), "engineer", "pat");
  log.Assign("a", Utc(2024, 1, 1), "engineer", "kim");
  log.Meet("a", Utc(2024, 1, 5), {.person = "km-07"});
  duties = Derive(log, "a", programs, Utc(2024, 1, 31));
  ASSERT_EQ(duties.size(), 1u);
  EXPECT_THAT(duties[0].people, ElementsAre("kim", "pat"));
  EXPECT_EQ(duties[0].role, "engineer");
  log.Meet("a", Utc(2024, 1, 6), {.person = "kim"});
  EXPECT_THAT(Derive(log, "a", programs, Utc(2024, 1, 31)), IsEmpty());
}

TEST(Duties, OfARoleThatNobodyHadAreKeptByTheOwnerOfThatTime) {
  MeetingLog log = ClassA(Utc(2024, 1, 1), "a");
  const Programs programs = {ProgramOf(
      Head() +
      "cadence:\n  duties:\n    - {rule_id: call, kinds: [phone], times: 1, unit: month, owner_roles: [engineer]}\n")};
  log.Meet("a", Utc(2024, 1, 5), {.person = "pat"});
  EXPECT_EQ(Derive(log, "a", programs, Utc(2024, 1, 31)).size(), 1u) << "pat is not the owner";
  log.Meet("a", Utc(2024, 1, 6), {.person = "km-07"});
  EXPECT_THAT(Derive(log, "a", programs, Utc(2024, 1, 31)), IsEmpty());
  log.Assign("a", Utc(2024, 1, 7), "engineer", "pat");
  EXPECT_THAT(Derive(log, "a", programs, Utc(2024, 1, 31)), IsEmpty()) << "nobody was when the owner called";
}

TEST(Duties, OfAnAccountThatIsClosedOrMergedAreNone) {
  const Programs programs = {ProgramOf(Head() + kPhones)};
  MeetingLog closed = ClassA(Utc(2024, 1, 1), "a");
  closed.Event("a", Utc(2024, 1, 15)).mutable_account_closed();
  EXPECT_EQ(Derive(closed, "a", programs, Utc(2024, 1, 15)).size(), 1u);
  EXPECT_THAT(Derive(closed, "a", programs, Utc(2024, 1, 15) + 1), IsEmpty());
  // What was due before stays when it is opened again; what was not fell away.
  closed.Event("a", Utc(2024, 1, 25)).mutable_account_reopened();
  EXPECT_THAT(Lines(Derive(closed, "a", programs, Utc(2024, 1, 31))),
              ElementsAre("a/phone/2024-01/1 by 2024-01-11 overdue"));
  MeetingLog merged = ClassA(Utc(2024, 1, 1), "b");
  merged.OpenFor("a", Utc(2024, 1, 1));
  merged.Meet("b", Utc(2024, 1, 5));
  merged.Merge("b", "a", Utc(2024, 1, 15));
  EXPECT_THAT(Derive(merged, "b", programs, Utc(2024, 1, 31)), IsEmpty());
  EXPECT_THAT(Lines(Derive(merged, "a", programs, Utc(2024, 1, 31))),
              ElementsAre("a/phone/2024-01/2 by 2024-01-21 overdue", "a/phone/2024-01/3 by 2024-01-31"));
}

TEST(Duties, OfAMergedAccountGoByItsOwnRegionAndTierUntilItWasMerged) {
  const Programs programs = {
      ProgramOf(Head() + "region: CN\ncadence:\n  follow_ups:\n"
                         "    - {rule_id: call, after_kinds: [visit], tier_ids: [a], kinds: [phone], due_days: 3}\n"
                         "deadlines:\n  issues:\n    - {tier_ids: [a], hours: 48}\n")};
  MeetingLog log;
  log.OpenFor("b", Utc(2024, 1, 1), "km-07", "CN");
  log.Tier("b", Utc(2024, 1, 1), "a");
  log.Meet("b", Utc(2024, 1, 9, 9), {.kind = kVisit});
  auto* opened = log.Event("b", Utc(2024, 1, 10, 9)).mutable_issue_opened();
  opened->set_issue_id("I-1");
  opened->set_kind(events::v1::ISSUE_KIND_COMPLAINT);
  // Where the other one is, no program governs; it was not even there yet.
  log.OpenFor("a", Utc(2024, 1, 12), "km-12", "DE");
  log.Merge("b", "a", Utc(2024, 1, 15));
  log.Meet("a", Utc(2024, 1, 16, 9), {.kind = kVisit});
  const auto duties = Derive(log, "a", programs, Utc(2024, 1, 17), Utc(2024, 2, 1));
  ASSERT_THAT(Lines(duties), ElementsAre("b/issue/I-1 by 2024-01-12 overdue", "b/call/2 by 2024-01-12 overdue"));
  EXPECT_THAT(duties[0].people, ElementsAre("km-12"));
  EXPECT_THAT(duties[1].people, ElementsAre("km-07"));
}

TEST(Duties, OfAnAccountThatWasClosedFellAwayAlsoWhereItWasMergedLater) {
  MeetingLog log = ClassA(Utc(2024, 1, 1), "b");
  log.Meet("b", Utc(2024, 1, 9, 9), {.kind = kVisit});
  log.Event("b", Utc(2024, 1, 10)).mutable_account_closed();
  log.OpenFor("a", Utc(2024, 1, 1));
  log.Merge("b", "a", Utc(2024, 1, 15));
  EXPECT_THAT(Derive(log, "a", {ProgramOf(Head() + kFollowUps)}, Utc(2024, 1, 16)), IsEmpty());
}

TEST(Duties, OnHolidaysAndDaysOfTheAccountAreGreetingsOnTheDayOrJustBefore) {
  const std::string yaml = R"(
calendar:
  holidays:
    - {date: {month: 10, day: 1}, name: National Day, greeting: true}
    - {date: {month: 5, day: 1}, name: Labour Day}
cadence:
  occasions:
    - {rule_id: greetings, kinds: [greeting], holidays: true, account_days: true, contact_days: true, days_before: 3}
)";
  const Programs programs = {ProgramOf(Head(kShanghai) + yaml)};
  MeetingLog log = ClassA(In(kShanghai, 2024, 1, 1), "a");
  auto* founded = log.Event("a", In(kShanghai, 2024, 1, 2)).mutable_important_day_stated();
  founded->set_day_id("founded");
  founded->set_name("Foundation");
  founded->set_month(2);
  founded->set_day(29);
  auto duties = Derive(log, "a", programs, In(kShanghai, 2024, 2, 29, 9));
  ASSERT_THAT(Lines(duties), ElementsAre("a/greetings/2024-02-29/founded by 2024-02-29"));
  EXPECT_EQ(duties[0].kind, DutyKind::kOccasion);
  EXPECT_EQ(duties[0].what, "Foundation");
  // A year without that day has it on the 28th.
  EXPECT_THAT(Lines(Derive(log, "a", programs, In(kShanghai, 2025, 2, 28, 9))),
              ElementsAre("a/greetings/2025-02-28/founded by 2025-02-28"));
  const auto national = [&] { return Lines(Derive(log, "a", programs, In(kShanghai, 2024, 10, 2, 9))); };
  EXPECT_THAT(national(), ElementsAre("a/greetings/2024-10-01/National Day by 2024-10-01 overdue"));
  log.Meet("a", In(kShanghai, 2024, 9, 28) - 1, {.kind = kGreeting});
  EXPECT_EQ(national().size(), 1u);
  log.Meet("a", In(kShanghai, 2024, 9, 28), {.kind = kGreeting});
  EXPECT_THAT(national(), IsEmpty());
  // A birthday is kept only by what names the contact.
  const ContactDay birthday = {0, "buyer-1", "birthday", "birthday", 0, 9, 29};
  const auto greeted = [&] {
    return Lines(Derive(log, "a", programs, In(kShanghai, 2024, 9, 29, 9), std::nullopt, kNoEnd, {birthday}));
  };
  EXPECT_THAT(greeted(), ElementsAre("a/greetings/2024-09-29/buyer-1/birthday by 2024-09-29"));
  log.Meet("a", In(kShanghai, 2024, 9, 29, 8), {.kind = kGreeting, .contact_id = "buyer-1"});
  EXPECT_THAT(greeted(), IsEmpty());
}

TEST(Duties, OnDaysOfAContactOfAMergedAccountAreKeptUnderTheNameItHasNow) {
  const Programs programs = {
      ProgramOf(Head() + "cadence:\n  occasions:\n    - {rule_id: greet, kinds: [greeting], contact_days: true}\n")};
  MeetingLog log = ClassA(Utc(2024, 1, 1), "b");
  log.OpenFor("a", Utc(2024, 1, 1));
  log.Merge("b", "a", Utc(2024, 1, 15));
  const ContactDay birthday = {1, "buyer-1", "birthday", "birthday", 0, 1, 20};
  const auto due = [&] { return Derive(log, "a", programs, Utc(2024, 1, 20, 9), std::nullopt, kNoEnd, {birthday}); };
  // The account's own buyer-1 is somebody else.
  log.Meet("a", Utc(2024, 1, 20, 7), {.kind = kGreeting, .contact_id = "buyer-1"});
  ASSERT_EQ(due().size(), 1u);
  EXPECT_EQ(due()[0].contact_id, "b:buyer-1");
  log.Meet("a", Utc(2024, 1, 20, 8), {.kind = kGreeting, .contact_id = "b:buyer-1"});
  EXPECT_THAT(due(), IsEmpty());
}

TEST(Duties, OfANextStepStayUntilALaterInteractionOfTheKindHoweverLongAgoItWasNamed) {
  const Programs programs = {ProgramOf(Head())};
  MeetingLog log = ClassA(Utc(2022, 1, 1), "a");
  auto* made = log.Event("a", Utc(2022, 6, 1)).mutable_interaction_made();
  made->set_kind(kVisit);
  made->add_people("km-07");
  made->mutable_next_step()->set_what("send the offer");
  made->mutable_next_step()->set_kind(kMail);
  testing::SetTime(Utc(2024, 1, 10), made->mutable_next_step()->mutable_due_time());
  log.Meet("a", Utc(2022, 6, 2));
  const auto duties = Derive(log, "a", programs, Utc(2024, 1, 11));
  ASSERT_THAT(Lines(duties), ElementsAre("a/next_step/2 by 2024-01-09 overdue"));
  EXPECT_EQ(duties[0].kind, DutyKind::kNextStep);
  EXPECT_EQ(duties[0].what, "send the offer");
  EXPECT_THAT(duties[0].interaction_kinds, ElementsAre(kMail));
  EXPECT_THAT(duties[0].people, ElementsAre("km-07"));
  log.Meet("a", Utc(2022, 6, 3), {.kind = kMail});
  EXPECT_THAT(Derive(log, "a", programs, Utc(2024, 1, 11)), IsEmpty());
}

TEST(Duties, OfANextStepAreKeptByWhatIsRecordedAfterItOfTheSameMoment) {
  const Programs programs = {ProgramOf(Head())};
  MeetingLog log = ClassA(Utc(2024, 1, 1), "a");
  log.Meet("a", Utc(2024, 1, 5), {.kind = kMail});
  auto* made = log.Event("a", Utc(2024, 1, 5)).mutable_interaction_made();
  made->set_kind(kVisit);
  made->add_people("km-07");
  made->mutable_next_step()->set_what("send the offer");
  made->mutable_next_step()->set_kind(kMail);
  testing::SetTime(Utc(2024, 1, 10), made->mutable_next_step()->mutable_due_time());
  EXPECT_EQ(Derive(log, "a", programs, Utc(2024, 1, 11)).size(), 1u) << "what was recorded before came before";
  log.Meet("a", Utc(2024, 1, 5), {.kind = kMail});
  EXPECT_THAT(Derive(log, "a", programs, Utc(2024, 1, 11)), IsEmpty());
}

TEST(Duties, OfSomebodyNamedWhoHadARoleOnlyBeforeStayWithThatOne) {
  const Programs programs = {ProgramOf(Head())};
  MeetingLog log = ClassA(Utc(2024, 1, 1), "a");
  log.Assign("a", Utc(2024, 1, 10), "owner", "km-12");
  auto* promise = log.Event("a", Utc(2024, 1, 12)).mutable_promise_published();
  promise->set_promise_id("P-1");
  promise->set_person("km-07");
  testing::SetTime(Utc(2024, 1, 20), promise->mutable_due_time());
  const auto people = [&] {
    const auto duties = Derive(log, "a", programs, Utc(2024, 1, 20));
    return duties.empty() ? std::vector<std::string>() : duties[0].people;
  };
  EXPECT_THAT(people(), ElementsAre("km-07"));
  log.Assign("a", Utc(2024, 1, 13), "engineer", "km-07");
  EXPECT_THAT(people(), ElementsAre("km-07"));
  auto* released = log.Event("a", Utc(2024, 1, 14)).mutable_owner_released();
  released->set_role("engineer");
  released->set_person("km-07");
  EXPECT_THAT(people(), ElementsAre("km-12")) << "the last role ended after the promise";
}

TEST(Duties, OfSomebodyWhoHasNoRoleAnyMoreAreTheOwners) {
  const Programs programs = {ProgramOf(Head())};
  MeetingLog log = ClassA(Utc(2024, 1, 1), "a");
  auto* made = log.Event("a", Utc(2024, 1, 5)).mutable_interaction_made();
  made->set_kind(kVisit);
  made->add_people("km-07");
  made->mutable_next_step()->set_what("call");
  testing::SetTime(Utc(2024, 1, 20), made->mutable_next_step()->mutable_due_time());
  log.Assign("a", Utc(2024, 1, 10), "owner", "km-12");
  const auto duties = Derive(log, "a", programs, Utc(2024, 1, 20));
  ASSERT_EQ(duties.size(), 1u);
  EXPECT_THAT(duties[0].people, ElementsAre("km-12"));
  EXPECT_EQ(duties[0].role, "owner");
}

TEST(Duties, OfAPlannedInteractionAreDueWhenItIsToBe) {
  const Programs programs = {ProgramOf(Head())};
  MeetingLog log = ClassA(Utc(2024, 1, 1), "a");
  auto* planned = log.Event("a", Utc(2024, 1, 5)).mutable_interaction_planned();
  planned->set_interaction_id("v-12");
  planned->set_kind(kVisit);
  planned->add_people("km-07");
  planned->set_purpose("annual need");
  testing::SetTime(Utc(2024, 1, 20, 10), planned->mutable_start_time());
  const auto duties = Derive(log, "a", programs, Utc(2024, 1, 20, 9));
  ASSERT_THAT(Lines(duties), ElementsAre("a/planned/v-12 by 2024-01-20"));
  EXPECT_EQ(duties[0].kind, DutyKind::kPlanned);
  EXPECT_EQ(duties[0].what, "annual need");
  EXPECT_EQ(duties[0].item_id, "v-12");
  auto* missed = log.Event("a", Utc(2024, 1, 20, 11)).mutable_interaction_missed();
  missed->set_interaction_id("v-12");
  missed->set_cause(events::v1::MISSED_CAUSE_POSTPONED);
  testing::SetTime(Utc(2024, 2, 3, 10), missed->mutable_new_start_time());
  EXPECT_THAT(Derive(log, "a", programs, Utc(2024, 1, 20, 12)), IsEmpty());
  EXPECT_THAT(Lines(Derive(log, "a", programs, Utc(2026, 2, 3, 11))),
              ElementsAre("a/planned/v-12 by 2024-02-03 overdue"));
  auto* made = log.Event("a", Utc(2024, 2, 3, 10)).mutable_interaction_made();
  made->set_kind(kVisit);
  made->set_interaction_id("v-12");
  made->add_people("km-07");
  EXPECT_THAT(Derive(log, "a", programs, Utc(2024, 2, 4)), IsEmpty());
}

TEST(Duties, OfAPlanThatWasCarriedOutDoNotComeBackWhenThatIsRetracted) {
  MeetingLog log = ClassA(Utc(2024, 1, 1), "a");
  auto* planned = log.Event("a", Utc(2024, 1, 5)).mutable_interaction_planned();
  planned->set_interaction_id("v-12");
  planned->set_kind(kVisit);
  planned->add_people("km-07");
  testing::SetTime(Utc(2024, 1, 20, 10), planned->mutable_start_time());
  const size_t place = log.Meet("a", Utc(2024, 1, 20, 10), {.kind = kVisit, .interaction_id = "v-12"});
  log.Retract(place, Utc(2027, 1, 20));
  for (const Micros known_at : {Utc(2027, 1, 20), kNoEnd}) {
    EXPECT_THAT(Derive(log, "a", {ProgramOf(Head())}, Utc(2024, 1, 21), std::nullopt, known_at), IsEmpty());
  }
}

constexpr const char* kDeadlines = R"(
deadlines:
  issues:
    - {kinds: [complaint], tier_ids: [a], hours: 48}
    - {hours: 120}
  plan_review_months: 12
  contract_notice_days: 30
  handover_hours: 24
  approval_hours: 8
)";

TEST(Duties, OfAnIssueAreDueAsSaidOrByTheDeadlineOfItsKindAndTierUntilItIsResolved) {
  const Programs programs = {ProgramOf(Head() + kDeadlines)};
  MeetingLog log = ClassA(Utc(2024, 1, 1), "a");
  const auto open = [&log](const std::string& id, events::v1::IssueKind kind) -> events::v1::IssueOpened& {
    auto* opened = log.Event("a", Utc(2024, 1, 10, 9)).mutable_issue_opened();
    opened->set_issue_id(id);
    opened->set_kind(kind);
    return *opened;
  };
  open("I-1", events::v1::ISSUE_KIND_COMPLAINT).set_description("late delivery");
  open("I-2", events::v1::ISSUE_KIND_REQUEST).set_person("eve");
  testing::SetTime(Utc(2024, 1, 11), open("I-3", events::v1::ISSUE_KIND_COMPLAINT).mutable_due_time());
  auto duties = Derive(log, "a", programs, Utc(2024, 1, 20));
  ASSERT_THAT(Lines(duties), ElementsAre("a/issue/I-3 by 2024-01-10 overdue", "a/issue/I-1 by 2024-01-12 overdue",
                                         "a/issue/I-2 by 2024-01-15 overdue"));
  EXPECT_EQ(duties[1].due, Utc(2024, 1, 12, 9));
  EXPECT_EQ(duties[1].what, "late delivery");
  EXPECT_THAT(duties[1].people, ElementsAre("km-07"));
  EXPECT_THAT(duties[2].people, ElementsAre("eve"));
  const auto move = [&log](const std::string& id, events::v1::IssueState state, Micros occurred) {
    auto* moved = log.Event("a", occurred).mutable_issue_moved();
    moved->set_issue_id(id);
    moved->set_state(state);
    return moved;
  };
  move("I-1", events::v1::ISSUE_STATE_RESOLVED, Utc(2024, 1, 20));
  move("I-3", events::v1::ISSUE_STATE_ESCALATED, Utc(2024, 1, 20))->set_person("max");
  move("I-2", events::v1::ISSUE_STATE_WITHDRAWN, Utc(2024, 1, 20));
  duties = Derive(log, "a", programs, Utc(2024, 1, 21));
  ASSERT_THAT(Lines(duties), ElementsAre("a/issue/I-3 by 2024-01-10 overdue"));
  EXPECT_THAT(duties[0].people, ElementsAre("max"));
  // Open again, and still late.
  move("I-1", events::v1::ISSUE_STATE_OPEN, Utc(2024, 1, 22));
  EXPECT_EQ(Derive(log, "a", programs, Utc(2024, 1, 23)).size(), 2u);
}

TEST(Duties, OfPromisesLoansOrdersAndHandoversAreDueAsAgreed) {
  const Programs programs = {ProgramOf(Head() + kDeadlines)};
  MeetingLog log = ClassA(Utc(2024, 1, 1), "a");
  auto* promise = log.Event("a", Utc(2024, 1, 5)).mutable_promise_published();
  promise->set_promise_id("P-1");
  promise->set_description("free delivery");
  testing::SetTime(Utc(2024, 1, 11), promise->mutable_due_time());
  // One that stands for good is never due.
  log.Event("a", Utc(2024, 1, 5)).mutable_promise_published()->set_promise_id("P-2");
  auto* loan = log.Event("a", Utc(2024, 1, 5)).mutable_loan_issued();
  loan->set_loan_id("L-1");
  loan->set_item("sample machine");
  loan->set_quantity(2);
  testing::SetTime(Utc(2024, 1, 12), loan->mutable_due_time());
  auto* order = log.Event("a", Utc(2024, 1, 5)).mutable_order_placed();
  order->set_order_id("O-1");
  testing::SetTime(Utc(2024, 1, 13), order->mutable_due_time());
  auto* handover = log.Event("a", Utc(2024, 1, 12, 9)).mutable_handover_given();
  handover->set_handover_id("H-1");
  handover->set_from_person("ina");
  handover->set_to_person("eve");
  handover->set_what("wants 40 vans");
  const auto duties = Derive(log, "a", programs, Utc(2024, 1, 20));
  ASSERT_THAT(Lines(duties), ElementsAre("a/promise/P-1 by 2024-01-10 overdue", "a/loan/L-1 by 2024-01-11 overdue",
                                         "a/order/O-1 by 2024-01-12 overdue", "a/handover/H-1 by 2024-01-13 overdue"));
  EXPECT_EQ(duties[3].due, Utc(2024, 1, 13, 9));
  EXPECT_THAT(duties[3].people, ElementsAre("eve"));
  log.Event("a", Utc(2024, 1, 20)).mutable_promise_kept()->set_promise_id("P-1");
  auto* returned = log.Event("a", Utc(2024, 1, 20)).mutable_loan_returned();
  returned->set_loan_id("L-1");
  returned->set_quantity(1);
  auto* ended = log.Event("a", Utc(2024, 1, 20)).mutable_order_ended();
  ended->set_order_id("O-1");
  ended->set_ending(events::v1::ORDER_ENDING_DELIVERED);
  log.Event("a", Utc(2024, 1, 20)).mutable_handover_acknowledged()->set_handover_id("H-1");
  // Half of what was lent is still out.
  EXPECT_THAT(Lines(Derive(log, "a", programs, Utc(2024, 1, 21))), ElementsAre("a/loan/L-1 by 2024-01-11 overdue"));
}

TEST(Duties, OfPlansAndContractsAreDueWhenTheyAreToBeReviewedOrRenewed) {
  const Programs programs = {ProgramOf(Head() + kDeadlines)};
  MeetingLog log = ClassA(Utc(2022, 1, 1), "a");
  auto* drafted = log.Event("a", Utc(2023, 1, 30)).mutable_plan_drafted();
  drafted->set_plan_id("P-26");
  drafted->set_description("three years");
  EXPECT_THAT(Derive(log, "a", programs, Utc(2024, 6, 1)), IsEmpty());
  log.Event("a", Utc(2023, 2, 28)).mutable_plan_agreed()->set_plan_id("P-26");
  EXPECT_THAT(Lines(Derive(log, "a", programs, Utc(2024, 6, 1))),
              ElementsAre("a/plan_review/P-26 by 2024-02-27 overdue"));
  auto* reviewed = log.Event("a", Utc(2024, 3, 1)).mutable_plan_reviewed();
  reviewed->set_plan_id("P-26");
  testing::SetTime(Utc(2024, 9, 1), reviewed->mutable_review_time());
  EXPECT_THAT(Lines(Derive(log, "a", programs, Utc(2024, 6, 1), Utc(2024, 9, 1))),
              ElementsAre("a/plan_review/P-26 by 2024-08-31"));
  auto* contract = log.Event("a", Utc(2023, 7, 1)).mutable_contract_signed();
  contract->set_contract_id("C-1");
  testing::SetTime(Utc(2024, 7, 1), contract->mutable_end_time());
  EXPECT_THAT(Lines(Derive(log, "a", programs, Utc(2024, 6, 1))), ElementsAre("a/contract/C-1 by 2024-05-31 overdue"));
  auto* renewed = log.Event("a", Utc(2024, 6, 1)).mutable_contract_renewed();
  renewed->set_contract_id("C-1");
  testing::SetTime(Utc(2025, 7, 1), renewed->mutable_end_time());
  EXPECT_THAT(Derive(log, "a", programs, Utc(2024, 6, 2)), IsEmpty());
}

TEST(Duties, OfAnApprovalAskedForAreDueInTheHoursTheProgramGives) {
  const Programs programs = {ProgramOf(Head() + kDeadlines)};
  MeetingLog log = ClassA(Utc(2024, 1, 1), "a");
  log.Assign("a", Utc(2024, 1, 1), "sales_manager", "max");
  auto* proposed = log.Event("a", Utc(2024, 1, 5)).mutable_quote_proposed();
  proposed->set_quote_id("Q-7");
  proposed->set_needs_approval(true);
  EXPECT_THAT(Derive(log, "a", programs, Utc(2024, 1, 6)), IsEmpty());
  auto* requested = log.Event("a", Utc(2024, 1, 5, 10)).mutable_quote_approval_requested();
  requested->set_quote_id("Q-7");
  requested->set_role("sales_manager");
  const auto duties = Derive(log, "a", programs, Utc(2024, 1, 6));
  ASSERT_THAT(Lines(duties), ElementsAre("a/approval/Q-7 by 2024-01-05 overdue"));
  EXPECT_EQ(duties[0].due, Utc(2024, 1, 5, 18));
  EXPECT_THAT(duties[0].people, ElementsAre("max"));
  EXPECT_EQ(duties[0].role, "sales_manager");
  log.Event("a", Utc(2024, 1, 6)).mutable_quote_approval_given()->set_quote_id("Q-7");
  EXPECT_THAT(Derive(log, "a", programs, Utc(2024, 1, 7)), IsEmpty());
}

TEST(Duties, OfAnApprovalAreOfEachWhoWasAskedFromWhenTheyWereAskedFirst) {
  const Programs programs = {ProgramOf(Head() + kDeadlines)};
  MeetingLog log = ClassA(Utc(2024, 1, 1), "a");
  auto* proposed = log.Event("a", Utc(2024, 1, 5)).mutable_quote_proposed();
  proposed->set_quote_id("Q-7");
  proposed->set_needs_approval(true);
  const auto ask = [&log](Micros occurred, const std::string& person) {
    auto* requested = log.Event("a", occurred).mutable_quote_approval_requested();
    requested->set_quote_id("Q-7");
    requested->set_role("director");
    requested->set_person(person);
  };
  ask(Utc(2024, 1, 5, 10), "max");
  ask(Utc(2024, 1, 5, 12), "eve");
  ask(Utc(2024, 1, 5, 14), "max");
  const auto duties = Derive(log, "a", programs, Utc(2024, 1, 6));
  // The account was opened by record 0 and has a tier by record 1; the quote was proposed by record 2.
  ASSERT_THAT(Lines(duties),
              ElementsAre("a/approval/Q-7 by 2024-01-05 overdue", "a/approval/Q-7/4 by 2024-01-05 overdue"));
  EXPECT_EQ(duties[0].due, Utc(2024, 1, 5, 18));
  EXPECT_THAT(duties[0].people, ElementsAre("max"));
  EXPECT_EQ(duties[1].due, Utc(2024, 1, 5, 20));
  EXPECT_THAT(duties[1].people, ElementsAre("eve"));
}

TEST(Duties, OfAStepThatIsEnteredLateAreDueFromWhenItHolds) {
  const Programs programs = {ProgramOf(Head() + kDeadlines)};
  MeetingLog log = ClassA(Utc(2024, 1, 1), "a");
  auto* proposed = log.Event("a", Utc(2024, 1, 5, 12)).mutable_quote_proposed();
  proposed->set_quote_id("Q-7");
  proposed->set_needs_approval(true);
  // Asked for two hours before it was proposed, by what was entered.
  auto* requested = log.Event("a", Utc(2024, 1, 5, 10)).mutable_quote_approval_requested();
  requested->set_quote_id("Q-7");
  requested->set_role("sales_manager");
  auto* drafted = log.Event("a", Utc(2024, 1, 10)).mutable_plan_drafted();
  drafted->set_plan_id("P-1");
  log.Event("a", Utc(2024, 1, 8)).mutable_plan_agreed()->set_plan_id("P-1");
  const auto duties = Derive(log, "a", programs, Utc(2024, 1, 11), Utc(2025, 2, 1));
  ASSERT_THAT(Lines(duties), ElementsAre("a/approval/Q-7 by 2024-01-05 overdue", "a/plan_review/P-1 by 2025-01-09"));
  EXPECT_EQ(duties[0].due, Utc(2024, 1, 5, 20));
  EXPECT_EQ(duties[1].due, Utc(2025, 1, 10));
}

}  // namespace
}  // namespace keyledger::projections::engagement
