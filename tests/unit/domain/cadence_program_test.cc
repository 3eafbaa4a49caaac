// The calendar, cadence, deadlines, profiles and coverage of a program: how they are read and written, what is wrong
// with them and what is doubtful.
#include <algorithm>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "tests/unit/domain/account_ledger.h"

namespace keyledger::domain {
namespace {

using Strings = std::vector<std::string>;

std::string WithTiers(const std::string& rest) {
  return Head() +
         "tier_ladder:\n  ladder_id: key\n  metric: net_spend\n  window: {rolling_days: 365}\n  review_period: year\n  "
         "tiers:\n"
         "  - {tier_id: c}\n  - {tier_id: b, entrance: 1}\n  - {tier_id: a, entrance: 2}\n" +
         rest;
}

// Paths of the mistakes in a program, in the order of the alphabet.
Strings Mistakes(const std::string& rest) {
  Strings paths;
  for (const auto& finding : ParseProgramYaml(WithTiers(rest)).findings) paths.push_back(finding.path);
  std::sort(paths.begin(), paths.end());
  return paths;
}

// "path: message" of each warning.
Strings Warnings(const std::string& rest) {
  const ParsedProgram parsed = ParseProgramYaml(WithTiers(rest));
  EXPECT_TRUE(parsed.findings.empty()) << parsed.findings[0].path << " " << parsed.findings[0].message;
  Strings found;
  for (const auto& one : parsed.warnings) found.push_back(one.path + ": " + one.message);
  return found;
}

std::string Duty(const std::string& fields) {
  return "cadence: {duties: [{rule_id: d, kinds: [phone], times: 1, unit: month" + fields + "}]}\n";
}

std::string FollowUp(const std::string& fields) {
  return "cadence: {follow_ups: [{rule_id: f, after_kinds: [visit]" + fields + "}]}\n";
}

std::string Occasion(const std::string& fields) {
  return "cadence: {occasions: [{rule_id: o, kinds: [greeting]" + fields + "}]}\n";
}

std::string Repeated(const std::string& item, int count) {
  std::string list = "[";
  for (int i = 0; i < count; ++i) list += (i == 0 ? "" : ", ") + fmt::format(fmt::runtime(item), i);
  return list + "]";
}

constexpr char kWhole[] = R"(calendar:
  closed_weekdays: [saturday, sunday]
  holidays:
    - {date: {year: 2024, month: 2, day: 10}, name: Spring Festival, greeting: true}
    - {date: {month: 10, day: 1}, name: National Day, greeting: true, open: true}
  open_days: [{year: 2024, month: 2, day: 4}]
cadence:
  duties:
    - {rule_id: phone_a, tier_ids: [a, b], kinds: [phone], times: 3, unit: month, spread: true}
    - {rule_id: activity_a, kinds: [activity], times: 1, unit: month, length: 2, owner_roles: [sales_manager]}
  follow_ups:
    - {rule_id: second, after_kinds: [visit, first_visit], min_interest: high, kinds: [visit], due_days: 14, not_before_days: 2, closed_day: previous}
    - {rule_id: ask, after_kinds: [visit], referral: true, due_days: 0}
  occasions:
    - {rule_id: greetings, kinds: [greeting, visit], holidays: true, account_days: true, contact_days: true, days_before: 3}
  lapse_days: 60
  time_zone_fact: zone
deadlines:
  issues:
    - {kinds: [complaint, conflict], tier_ids: [a], hours: 24}
    - {hours: 72}
  plan_review_months: 12
  plan_stale_days: 400
  contract_notice_days: 30
  handover_hours: 48
  approval_hours: 24
profiles:
  - tier_ids: [a]
    facts: [{fact_key: industry}, {fact_key: headcount, max_age_days: 730}]
    posts: [{post: head, max_age_days: 365, person_fields: [birthday, habits]}]
    need_max_age_days: 180
    position_max_age_days: 365
coverage:
  - {tier_ids: [a], min_people: 3, window_days: 365, rank_gap: 1, kinds: [visit, phone]}
payment_terms: {standard: [transfer, letter_of_credit]}
)";

TEST(CadenceProgram, IsReadAndWrittenAsItStands) {
  const ParsedProgram parsed = ParseProgramYaml(WithTiers(kWhole));
  ASSERT_TRUE(parsed.program.has_value()) << parsed.findings[0].path << " " << parsed.findings[0].message;
  const programs::v1::Program& program = *parsed.program;
  EXPECT_EQ(program.calendar().closed_weekdays(1), programs::v1::WEEKDAY_SUNDAY);
  EXPECT_EQ(program.calendar().holidays(0).date().year(), 2024u);
  EXPECT_TRUE(program.calendar().holidays(1).open());
  EXPECT_EQ(program.cadence().duties(1).kinds(0), events::v1::INTERACTION_KIND_ACTIVITY);
  EXPECT_EQ(program.cadence().duties(1).length(), 2u);
  EXPECT_EQ(program.cadence().follow_ups(0).after_kinds(1), events::v1::INTERACTION_KIND_FIRST_VISIT);
  EXPECT_EQ(program.cadence().follow_ups(0).min_interest(), events::v1::INTEREST_HIGH);
  EXPECT_EQ(program.cadence().follow_ups(0).closed_day(), programs::v1::CLOSED_DAY_PREVIOUS);
  EXPECT_EQ(program.cadence().lapse_days(), 60u);
  EXPECT_EQ(program.deadlines().issues(0).kinds(1), events::v1::ISSUE_KIND_CONFLICT);
  EXPECT_EQ(program.profiles(0).posts(0).person_fields(1), "habits");
  EXPECT_EQ(program.coverage(0).rank_gap(), 1u);
  EXPECT_EQ(program.coverage(0).kinds(1), events::v1::INTERACTION_KIND_PHONE);
  EXPECT_EQ(program.payment_terms().standard(1), "letter_of_credit");

  const std::string written = FormatProgramYaml(program);
  EXPECT_NE(written.find("min_interest: high"), std::string::npos) << written;
  const ParsedProgram again = ParseProgramYaml(written);
  ASSERT_TRUE(again.program.has_value()) << written;
  EXPECT_EQ(again.program->SerializeAsString(), program.SerializeAsString());
}

TEST(CadenceProgram, SaysWhichWordsThereAre) {
  const ParsedProgram parsed = ParseProgramYaml(Head() +
                                                "cadence:\n  duties:\n  - rule_id: d\n    kinds: [phone, vist]\n"
                                                "    times: 1\n    unit: weak\n");
  ASSERT_EQ(parsed.findings.size(), 2u);
  EXPECT_EQ(parsed.findings[0].path, "cadence.duties[0].kinds[1]");
  EXPECT_EQ(parsed.findings[0].line, 8);
  EXPECT_TRUE(parsed.findings[0].message.ends_with("is 'vist'; did you mean 'visit'?")) << parsed.findings[0].message;
  EXPECT_EQ(parsed.findings[1].path, "cadence.duties[0].unit");
  EXPECT_EQ(parsed.findings[1].message,
            "must be one of day, week, month, quarter, year; is 'weak'; did you mean 'week'?");
}

TEST(CadenceProgram, OfEveryShippedProgramHasNoMistakeAndNoDoubt) {
  for (const char* name : {"beauty_club", "car_dealer", "direct_sales", "industrial_abc", "tobacco"}) {
    std::ifstream file(std::string(KL_SOURCE_DIR) + "/projections/programs/" + name + "/program.yaml");
    std::stringstream text;
    text << file.rdbuf();
    const ParsedProgram parsed = ParseProgramYaml(text.str());
    for (const auto& one : parsed.findings) ADD_FAILURE() << name << " " << one.path << " " << one.message;
    for (const auto& one : parsed.warnings) ADD_FAILURE() << name << " " << one.path << " " << one.message;
  }
}

TEST(CalendarCheck, AsksForDaysThatThereAre) {
  const auto day = [](const std::string& date) { return Mistakes("calendar: {open_days: [" + date + "]}\n"); };
  EXPECT_EQ(day("{month: 2, day: 29}"), Strings{}) << "of every year";
  EXPECT_EQ(day("{year: 2024, month: 2, day: 29}"), Strings{});
  EXPECT_EQ(day("{year: 2025, month: 2, day: 29}"), Strings{"calendar.open_days[0].day"});
  EXPECT_EQ(day("{month: 4, day: 31}"), Strings{"calendar.open_days[0].day"});
  EXPECT_EQ(day("{month: 13, day: 1}"), Strings{"calendar.open_days[0].month"});
  EXPECT_EQ(day("{month: 1}"), Strings{"calendar.open_days[0].day"});
  EXPECT_EQ(day("{year: 10000, month: 1, day: 1}"), Strings{"calendar.open_days[0].year"});
  EXPECT_EQ(day("{month: 1, day: 1}, {year: 2024, month: 1, day: 1}, {month: 1, day: 1}"),
            Strings{"calendar.open_days[2]"});
}

TEST(CalendarCheck, AsksForHolidaysWithANameAndADateOfTheirOwn) {
  EXPECT_EQ(
      Mistakes("calendar: {holidays: [{name: x}, {date: {month: 1, day: 1}}, {date: {month: 1, day: 1}, name: y}]}\n"),
      (Strings{"calendar.holidays[0].date", "calendar.holidays[1].name", "calendar.holidays[2].date"}));
  EXPECT_EQ(Mistakes("calendar: {holidays: [{date: {month: 1, day: 1}, name: " + std::string(129, 'n') + "}]}\n"),
            Strings{"calendar.holidays[0].name"});
  EXPECT_EQ(Mistakes("calendar: {closed_weekdays: [monday, monday]}\n"), Strings{"calendar.closed_weekdays[1]"});
  EXPECT_EQ(Mistakes("calendar: {closed_weekdays: [monday, tuesday, wednesday, thursday, friday, saturday]}\n"),
            Strings{});
  EXPECT_EQ(Mistakes("calendar: {closed_weekdays: [monday, tuesday, wednesday, thursday, friday, saturday, sunday]}\n"),
            Strings{"calendar.closed_weekdays"});
}

TEST(CadenceCheck, HoldsTheBoundsOfDuties) {
  EXPECT_EQ(Mistakes("cadence: {duties: [{}]}\n"), (Strings{"cadence.duties[0].kinds", "cadence.duties[0].rule_id",
                                                            "cadence.duties[0].times", "cadence.duties[0].unit"}));
  EXPECT_EQ(Mistakes(Duty(", length: 36, owner_roles: [engineer]")), Strings{});
  EXPECT_EQ(Mistakes(Duty(", length: 37")), Strings{"cadence.duties[0].length"});
  EXPECT_EQ(Mistakes(Duty(", tier_ids: [a, gold, a]")),
            (Strings{"cadence.duties[0].tier_ids[1]", "cadence.duties[0].tier_ids[2]"}));
  EXPECT_EQ(Mistakes(Duty(", owner_roles: [Engineer, owner, owner]")),
            (Strings{"cadence.duties[0].owner_roles[0]", "cadence.duties[0].owner_roles[2]"}));
  EXPECT_EQ(Mistakes(Duty(", owner_roles: " + Repeated("r{}", 10))), Strings{});
  EXPECT_EQ(Mistakes(Duty(", owner_roles: " + Repeated("r{}", 11))), Strings{"cadence.duties[0].owner_roles"});
  const auto times = [](const std::string& count) {
    return Mistakes("cadence: {duties: [{rule_id: d, kinds: [phone, phone], unit: day, times: " + count + "}]}\n");
  };
  EXPECT_EQ(times("100"), Strings{"cadence.duties[0].kinds[1]"});
  EXPECT_EQ(times("101"), (Strings{"cadence.duties[0].kinds[1]", "cadence.duties[0].times"}));
  const std::string many = "{{rule_id: d{}, kinds: [phone], times: 1, unit: day}}";
  EXPECT_EQ(Mistakes("cadence: {duties: " + Repeated(many, 100) + "}\n"), Strings{});
  EXPECT_EQ(Mistakes("cadence: {duties: " + Repeated(many, 101) + "}\n"), Strings{"cadence.duties"});
}

TEST(CadenceCheck, HoldsTheBoundsOfFollowUps) {
  EXPECT_EQ(Mistakes(FollowUp(", kinds: [phone], due_days: 366, not_before_days: 366")), Strings{});
  EXPECT_EQ(Mistakes(FollowUp(", kinds: [phone], due_days: 367")), Strings{"cadence.follow_ups[0].due_days"});
  EXPECT_EQ(Mistakes(FollowUp(", kinds: [phone], due_days: 1, not_before_days: 2")),
            Strings{"cadence.follow_ups[0].not_before_days"});
  EXPECT_EQ(Mistakes(FollowUp("")), Strings{"cadence.follow_ups[0]"}) << "nothing keeps it";
  EXPECT_EQ(Mistakes(FollowUp(", referral: true")), Strings{});
  EXPECT_EQ(Mistakes("cadence: {follow_ups: [{rule_id: f, referral: true}]}\n"),
            Strings{"cadence.follow_ups[0].after_kinds"});
  const std::string many = "{{rule_id: f{}, after_kinds: [visit], referral: true}}";
  EXPECT_EQ(Mistakes("cadence: {follow_ups: " + Repeated(many, 50) + "}\n"), Strings{});
  EXPECT_EQ(Mistakes("cadence: {follow_ups: " + Repeated(many, 51) + "}\n"), Strings{"cadence.follow_ups"});
}

TEST(CadenceCheck, HoldsTheBoundsOfOccasionsAndOfTheWhole) {
  EXPECT_EQ(Mistakes(Occasion("")), Strings{"cadence.occasions[0]"});
  EXPECT_EQ(Mistakes(Occasion(", contact_days: true, days_before: 30")), Strings{});
  EXPECT_EQ(Mistakes(Occasion(", account_days: true, days_before: 31")), Strings{"cadence.occasions[0].days_before"});
  const std::string many = "{{rule_id: o{}, kinds: [greeting], contact_days: true}}";
  EXPECT_EQ(Mistakes("cadence: {occasions: " + Repeated(many, 20) + "}\n"), Strings{});
  EXPECT_EQ(Mistakes("cadence: {occasions: " + Repeated(many, 21) + "}\n"), Strings{"cadence.occasions"});
  EXPECT_EQ(Mistakes("cadence: {lapse_days: 0, time_zone_fact: Zone}\n"),
            (Strings{"cadence.lapse_days", "cadence.time_zone_fact"}));
  EXPECT_EQ(Mistakes("cadence: {lapse_days: 366}\n"), Strings{});
  EXPECT_EQ(Mistakes("cadence: {lapse_days: 367}\n"), Strings{"cadence.lapse_days"});
}

TEST(CadenceCheck, NamesEachRuleOnce) {
  EXPECT_EQ(Mistakes("cadence:\n  duties: [{rule_id: x, kinds: [phone], times: 1, unit: day}]\n"
                     "  follow_ups: [{rule_id: x, after_kinds: [visit], referral: true}]\n"
                     "  occasions: [{rule_id: x, kinds: [greeting], contact_days: true}]\n"),
            (Strings{"cadence.follow_ups[0].rule_id", "cadence.occasions[0].rule_id"}));
}

TEST(DeadlinesCheck, HoldsTheirBounds) {
  EXPECT_EQ(Mistakes("deadlines: {issues: [{hours: 8784}], plan_review_months: 36, plan_stale_days: 3660, "
                     "contract_notice_days: 3660, handover_hours: 8784, approval_hours: 8784}\n"),
            Strings{});
  EXPECT_EQ(Mistakes("deadlines: {issues: [{kinds: [complaint, complaint], hours: 8785}, {tier_ids: [x]}], "
                     "plan_review_months: 37, plan_stale_days: 3661, contract_notice_days: 3661, handover_hours: 8785, "
                     "approval_hours: 8785}\n"),
            (Strings{"deadlines.approval_hours", "deadlines.contract_notice_days", "deadlines.handover_hours",
                     "deadlines.issues[0].hours", "deadlines.issues[0].kinds[1]", "deadlines.issues[1].hours",
                     "deadlines.issues[1].tier_ids[0]", "deadlines.plan_review_months", "deadlines.plan_stale_days"}));
  EXPECT_EQ(Mistakes("deadlines: {issues: " + Repeated("{{hours: 1{}}}", 51) + "}\n"), Strings{"deadlines.issues"});
}

TEST(ProfileCheck, HoldsTheBoundsOfWhatMustBeKnown) {
  EXPECT_EQ(
      Mistakes("profiles:\n- {facts: [{fact_key: A}, {fact_key: b}, {fact_key: b, max_age_days: 3661}]}\n"),
      (Strings{"profiles[0].facts[0].fact_key", "profiles[0].facts[2].fact_key", "profiles[0].facts[2].max_age_days"}));
  EXPECT_EQ(Mistakes("profiles:\n- {posts: [{post: head, person_fields: [birthday, shoe_size, birthday]}, {post: head, "
                     "max_age_days: 3660}]}\n"),
            (Strings{"profiles[0].posts[0].person_fields[1]", "profiles[0].posts[0].person_fields[2]",
                     "profiles[0].posts[1].post"}));
  EXPECT_EQ(Mistakes("profiles:\n- {tier_ids: [x], need_max_age_days: 3661, position_max_age_days: 3661}\n"),
            (Strings{"profiles[0].need_max_age_days", "profiles[0].position_max_age_days", "profiles[0].tier_ids[0]"}));
  EXPECT_EQ(Mistakes("profiles: " + Repeated("{{need_max_age_days: 1{}}}", 20) + "\n"), Strings{});
  EXPECT_EQ(Mistakes("profiles: " + Repeated("{{need_max_age_days: 1{}}}", 21) + "\n"), Strings{"profiles"});
}

TEST(CoverageCheck, HoldsItsBoundsAndThoseOfPaymentTerms) {
  EXPECT_EQ(Mistakes("coverage: [{min_people: 20, window_days: 1096, rank_gap: 8}]\n"), Strings{});
  EXPECT_EQ(Mistakes("coverage: [{min_people: 21, window_days: 1097, rank_gap: 9}]\n"),
            (Strings{"coverage[0].min_people", "coverage[0].rank_gap", "coverage[0].window_days"}));
  EXPECT_EQ(Mistakes("coverage: [{min_people: 1, window_days: 1, kinds: [visit, phone, visit]}]\n"),
            (Strings{"coverage[0].kinds[2]"}));
  EXPECT_EQ(Mistakes("coverage: [{}]\n"), (Strings{"coverage[0].min_people", "coverage[0].window_days"}));
  EXPECT_EQ(Mistakes("payment_terms: {}\n"), Strings{"payment_terms.standard"});
  EXPECT_EQ(Mistakes("payment_terms: {standard: [transfer, transfer, Cash]}\n"),
            (Strings{"payment_terms.standard[1]", "payment_terms.standard[2]"}));
  EXPECT_EQ(Mistakes("payment_terms: {standard: " + Repeated("t{}", 20) + "}\n"), Strings{});
  EXPECT_EQ(Mistakes("payment_terms: {standard: " + Repeated("t{}", 21) + "}\n"), Strings{"payment_terms.standard"});
}

TEST(LimitOfInteractions, NamesKindsThatThereAre) {
  const auto names = [](const std::string& list) {
    return Mistakes("limits: [{limit_id: l, interactions: {names: " + list + ", period: month, max_times: 1}}]\n");
  };
  EXPECT_EQ(names("[sample, first_visit]"), Strings{});
  EXPECT_EQ(names("[samples, Sample, \"\"]"),
            (Strings{"limits[0].interactions.names[0]", "limits[0].interactions.names[1]",
                     "limits[0].interactions.names[2]"}));
}

TEST(CadenceWarnings, AreNoneForASoundCadence) {
  EXPECT_EQ(
      Warnings(Duty("") + "limits: [{limit_id: l, interactions: {names: [phone], period: month, max_times: 1}}]\n"),
      Strings{});
}

TEST(CadenceWarnings, TellOfAFollowUpThatNothingCanCause) {
  const std::string follow_up = FollowUp(", tier_ids: [a], kinds: [phone], due_days: 3");
  EXPECT_EQ(Warnings(follow_up + "limits: [{limit_id: never, interactions: {names: [visit], prohibited: true}}]\n"),
            Strings{"cadence.follow_ups[0].after_kinds: never occur: 'never' prohibits them"});
  EXPECT_EQ(Warnings(follow_up + "limits: [{limit_id: never, tier_ids: [b], interactions: {prohibited: true}}]\n"),
            Strings{})
      << "of other tiers";
  EXPECT_EQ(Warnings(follow_up + "limits: [{limit_id: never, on_breach: flag, interactions: {prohibited: true}}]\n"),
            Strings{})
      << "it is recorded all the same";
}

TEST(CadenceWarnings, TellOfATierThatNoDutyIsFor) {
  EXPECT_EQ(Warnings(Duty(", tier_ids: [a]")),
            Strings{"cadence.duties: leave out the tier 'b': nobody need meet its accounts"})
      << "of the lowest, 'c', that is usual";
  EXPECT_EQ(Warnings(Duty(", tier_ids: [a, b]")), Strings{});
  EXPECT_EQ(Warnings(Duty("")), Strings{});
}

TEST(CadenceWarnings, TellOfHolidaysThatNobodyIsGreetedOn) {
  const std::string from = "effective_from: 2024-06-01\n";
  const auto warnings = [&](const std::string& holidays, const std::string& more = "") {
    std::string yaml = WithTiers(Occasion(", holidays: true") + "calendar: {holidays: [" + holidays + "]}\n" + more);
    yaml.replace(yaml.find("effective_from: 2000-01-01\n"), 27, from);
    const ParsedProgram parsed = ParseProgramYaml(yaml);
    EXPECT_TRUE(parsed.findings.empty()) << parsed.findings[0].path << " " << parsed.findings[0].message;
    Strings found;
    for (const auto& one : parsed.warnings) found.push_back(one.path + ": " + one.message);
    return found;
  };
  EXPECT_EQ(warnings("{date: {month: 1, day: 1}, name: New Year}"),
            Strings{"cadence.occasions: never ask for holidays: none of the calendar has greeting"});
  EXPECT_EQ(warnings("{date: {month: 1, day: 1}, name: New Year, greeting: true}"), Strings{});
  const std::string spring = "{date: {year: 2024, month: 2, day: 10}, name: Spring Festival, greeting: true}";
  EXPECT_EQ(warnings(spring),
            Strings{"calendar.holidays[0]: is the last 'Spring Festival': nobody is greeted on it in 2025"});
  EXPECT_EQ(warnings(spring + ", {date: {year: 2025, month: 1, day: 29}, name: Spring Festival, greeting: true}"),
            Strings{});
  EXPECT_EQ(warnings(spring, "effective_to: 2025-01-01\n"), Strings{}) << "the program ends before";
}

TEST(CadenceWarnings, TellOfAMaximumBelowTheMinimum) {
  const auto limit = [](const std::string& fields) {
    return Warnings(
        "cadence: {duties: [{rule_id: d, tier_ids: [a, b], kinds: [phone, visit], times: 3, unit: month}]}\n"
        "limits: [{limit_id: most, " +
        fields + "}]\n");
  };
  const Strings never{"cadence.duties[0].times: cannot be kept: 'most' allows 2 in the same period"};
  EXPECT_EQ(limit("interactions: {period: month, max_times: 2}"), never);
  EXPECT_EQ(limit("tier_ids: [a, b, c], interactions: {names: [visit, phone], period: month, max_times: 2}"), never);
  EXPECT_EQ(limit("interactions: {period: month, max_times: 3}"), Strings{});
  EXPECT_EQ(limit("interactions: {period: year, max_times: 2}"), Strings{}) << "another period";
  EXPECT_EQ(limit("tier_ids: [a], interactions: {period: month, max_times: 2}"), Strings{}) << "of b it can be";
  EXPECT_EQ(limit("interactions: {names: [visit], period: month, max_times: 2}"), Strings{}) << "by phone it can be";
  EXPECT_EQ(limit("interactions: {scope: contact, period: month, max_times: 2}"), Strings{}) << "with two contacts";
  EXPECT_EQ(limit("on_breach: flag, interactions: {period: month, max_times: 2}"), Strings{});
  EXPECT_EQ(limit("interactions: {prohibited: true}"),
            Strings{"cadence.duties[0].times: cannot be kept: 'most' prohibits it"});
}

TEST(CadenceWarnings, TellOfEntriesThatAnotherHides) {
  EXPECT_EQ(
      Warnings("deadlines: {issues: [{kinds: [complaint], hours: 1}, {hours: 2}, {kinds: [conflict], hours: 3}]}\n"),
      Strings{"deadlines.issues[2]: never counts: deadlines.issues[1] fits first"});
  EXPECT_EQ(Warnings("coverage: [{tier_ids: [a], min_people: 3, window_days: 1}, {min_people: 2, window_days: 1}, "
                     "{tier_ids: [b], min_people: 1, window_days: 1}]\n"),
            Strings{"coverage[2]: never counts: coverage[1] fits first"});
}

}  // namespace
}  // namespace keyledger::domain
