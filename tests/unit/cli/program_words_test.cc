// Programs in words: one as a whole, and what a new version changes.
#include "client/cli/program_words.h"

#include <algorithm>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace keyledger::cli {
namespace {

using ::keyledger::programs::v1::Program;
using Lines = std::vector<std::string>;

Program Loyalty() {
  Program program;
  program.set_program_id("loyalty");
  program.set_version(1);
  program.set_currency_code("USD");
  program.mutable_effective_from()->set_seconds(1'704'067'200);
  auto& rule = *program.add_accrual_rules();
  rule.set_rule_id("base");
  rule.mutable_per_money()->set_points(1);
  rule.mutable_per_money()->set_per_micros(1'000'000);
  rule.mutable_match()->add_categories("tea");
  rule.mutable_expiry()->set_after_months(12);
  program.set_return_policy(::keyledger::programs::v1::RETURN_POLICY_WITHIN_BALANCE);
  for (const auto& [id, entrance] : {std::pair("bronze", 0LL), std::pair("gold", 5'000'000'000LL)}) {
    auto& tier = *program.mutable_tier_ladder()->add_tiers();
    tier.set_tier_id(id);
    tier.set_multiplier_milli(1250);
    if (entrance > 0) tier.set_display_name("Gold");
  }
  program.mutable_tier_ladder()->set_ladder_id("main");
  return program;
}

TEST(DiffPrograms, SaysNothingOfProgramsThatDifferOnlyInTheirVersion) {
  Program after = Loyalty();
  after.set_version(2);
  EXPECT_EQ(DiffPrograms(Loyalty(), after), Lines{});
}

TEST(DiffPrograms, SaysWhatEachRuleWasAndIs) {
  Program after = Loyalty();
  after.mutable_accrual_rules(0)->mutable_per_money()->set_points(2);
  after.mutable_accrual_rules(0)->mutable_expiry()->set_after_days(90);
  after.mutable_accrual_rules(0)->set_pending_days(14);
  after.mutable_accrual_rules(0)->mutable_match()->set_categories(0, "coffee");
  after.mutable_effective_from()->set_seconds(1'735'689'600);
  EXPECT_EQ(
      DiffPrograms(Loyalty(), after),
      (Lines{"effective from was 2024-01-01T00:00:00Z, is now 2025-01-01T00:00:00Z",
             "accrual rule base: match: categories no longer: tea", "accrual rule base: match: categories also: coffee",
             "accrual rule base: per money was 1 point per 1.00, is now 2 points per 1.00",
             "accrual rule base: pending days is new: 14", "accrual rule base: expiry: after months is gone, was 12",
             "accrual rule base: expiry: after days is new: 90"}));
}

TEST(DiffPrograms, SaysWhichRulesAndTiersCameAndWentWithTheirNumbers) {
  Program after = Loyalty();
  after.mutable_accrual_rules(0)->set_rule_id("other");
  after.mutable_tier_ladder()->mutable_tiers(1)->set_multiplier_milli(1500);
  after.mutable_tier_ladder()->mutable_tiers()->SwapElements(0, 1);
  EXPECT_EQ(DiffPrograms(Loyalty(), after),
            (Lines{"accrual rule base is gone", "  match", "    categories: tea", "  per money: 1 point per 1.00",
                   "  expiry", "    after months: 12", "accrual rule other is new", "  match", "    categories: tea",
                   "  per money: 1 point per 1.00", "  expiry", "    after months: 12",
                   "tier ladder: tier gold: multiplier was 1.25, is now 1.5",
                   "tier ladder: order of the tiers was bronze, gold; is now gold, bronze"}));
}

Program Met() {
  Program program;
  program.set_program_id("met");
  auto& spring = *program.mutable_calendar()->add_holidays();
  spring.mutable_date()->set_year(2027);
  spring.mutable_date()->set_month(2);
  spring.mutable_date()->set_day(6);
  spring.set_name("Spring Festival");
  spring.set_greeting(true);
  program.mutable_calendar()->add_open_days()->set_month(10);
  program.mutable_calendar()->mutable_open_days(0)->set_day(8);
  auto& duty = *program.mutable_cadence()->add_duties();
  duty.set_rule_id("visit_a");
  duty.add_tier_ids("a");
  duty.add_kinds(::keyledger::events::v1::INTERACTION_KIND_VISIT);
  duty.add_kinds(::keyledger::events::v1::INTERACTION_KIND_FIRST_VISIT);
  duty.set_times(2);
  duty.set_unit(::keyledger::programs::v1::CADENCE_UNIT_MONTH);
  auto& profile = *program.add_profiles();
  profile.add_facts()->set_fact_key("headcount");
  profile.mutable_facts(0)->set_max_age_days(730);
  profile.add_posts()->set_post("head");
  return program;
}

TEST(DescribeProgram, SaysWhenAccountsAreMetAndWhatIsKnownOfThem) {
  EXPECT_EQ(
      DescribeProgram(Met()),
      (Lines{"program met", "  calendar", "    holiday: 2027-02-06 Spring Festival, greeting", "    open day: 10-08",
             "  cadence", "    duty visit_a", "      tier ids: a", "      kinds: visit, first visit", "      times: 2",
             "      unit: month", "  profile", "    fact headcount", "      max age days: 730", "    post head"}));
}

TEST(DiffPrograms, SaysWhichDaysAndDutiesChanged) {
  Program after = Met();
  after.mutable_calendar()->mutable_holidays(0)->set_open(true);
  after.mutable_calendar()->mutable_open_days()->Clear();
  after.mutable_cadence()->mutable_duties(0)->set_times(3);
  after.mutable_cadence()->mutable_duties(0)->mutable_kinds()->RemoveLast();
  after.mutable_profiles(0)->mutable_facts(0)->clear_max_age_days();
  EXPECT_EQ(DiffPrograms(Met(), after), (Lines{"calendar: holidays no longer: 2027-02-06 Spring Festival, greeting",
                                               "calendar: holidays also: 2027-02-06 Spring Festival, greeting, open",
                                               "calendar: open days no longer: 10-08; now without any",
                                               "cadence: duty visit_a: kinds no longer: first visit",
                                               "cadence: duty visit_a: times was 2, is now 3",
                                               "profile 1: fact headcount: max age days is gone, was 730"}));
}

TEST(DescribeProgram, WritesASentenceALine) {
  EXPECT_EQ(DescribeProgram(Loyalty()),
            (Lines{"program loyalty version 1", "  currency code: USD", "  effective from: 2024-01-01T00:00:00Z",
                   "  accrual rule base", "    match", "      categories: tea", "    per money: 1 point per 1.00",
                   "    expiry", "      after months: 12", "  return policy: within balance", "  tier ladder main",
                   "    tier bronze", "      multiplier: 1.25", "    tier gold", "      display name: Gold",
                   "      multiplier: 1.25"}));
}

// Loyalty with a lifecycle of two stages and two ways from the one to the other.
Program WithStages() {
  Program program = Loyalty();
  auto& ladder = *program.add_stage_ladders();
  ladder.set_ladder_id("life");
  ladder.set_review_period(::keyledger::programs::v1::PERIOD_UNIT_QUARTER);
  auto& acquire = *ladder.add_stages();
  acquire.set_stage_id("acquire");
  for (const int64_t days : {90, 30}) {
    auto& way = *acquire.add_transitions();
    way.set_to_stage_id("expand");
    auto& condition = *way.mutable_rule()->add_any_of()->add_all_of();
    condition.set_metric(::keyledger::events::v1::METRIC_TENURE_DAYS);
    condition.set_at_least(days);
  }
  ladder.add_stages()->set_stage_id("expand");
  return program;
}

TEST(DescribeProgram, TellsTheWaysFromStageToStage) {
  const Lines words = DescribeProgram(WithStages());
  const Lines expected = {"  stage ladder life",
                          "    review period: quarter",
                          "    stage acquire",
                          "      transition",
                          "        to stage: expand",
                          "        rule",
                          "          any of",
                          "            all of",
                          "              metric: tenure days",
                          "              at least: 90",
                          "      transition",
                          "        to stage: expand",
                          "        rule",
                          "          any of",
                          "            all of",
                          "              metric: tenure days",
                          "              at least: 30",
                          "    stage expand"};
  ASSERT_GE(words.size(), expected.size());
  EXPECT_EQ(Lines(words.end() - static_cast<std::ptrdiff_t>(expected.size()), words.end()), expected);
}

TEST(DiffPrograms, TellsStagesByNameAndTheirWaysByPlace) {
  Program after = WithStages();
  auto& acquire = *after.mutable_stage_ladders(0)->mutable_stages(0);
  acquire.mutable_transitions(1)->mutable_rule()->mutable_any_of(0)->mutable_all_of(0)->set_at_least(45);
  after.mutable_stage_ladders(0)->mutable_stages(1)->set_stage_id("grow");
  EXPECT_EQ(DiffPrograms(WithStages(), after), (Lines{"stage ladder life: stage expand is gone",
                                                      "stage ladder life: stage acquire: transition 2: rule: "
                                                      "any of 1: all of 1: at least was 30, is now 45",
                                                      "stage ladder life: stage grow is new"}));
}

TEST(DescribeProgram, WritesThresholdsOfMoneyAsMoneyAndOthersAsNumbers) {
  Program program = Loyalty();
  auto& ladder = *program.mutable_tier_ladder();
  ladder.set_metric(::keyledger::events::v1::METRIC_NET_SPEND);
  ladder.mutable_tiers(0)->set_entrance(0);
  ladder.mutable_tiers(1)->set_entrance(5'000'000'000);
  ladder.mutable_tiers(1)->set_maintenance(1'234'567'890);
  auto& rule = *ladder.add_tiers();
  rule.set_tier_id("key");
  auto& conditions = *rule.mutable_entrance_rule()->add_any_of();
  conditions.add_all_of()->set_at_least(7'000'000);
  auto& units = *conditions.add_all_of();
  units.set_metric(::keyledger::events::v1::METRIC_NET_UNITS);
  units.set_at_least(7'000'000);
  auto& profit = *conditions.add_all_of();
  profit.set_metric(::keyledger::events::v1::METRIC_GROSS_PROFIT);
  profit.set_at_most(-2'500'000);
  auto& growth = *conditions.add_all_of();
  growth.set_growth(true);
  growth.set_at_least(200);
  const Lines lines = DescribeProgram(program);
  for (const char* line :
       {"      entrance: 5,000.00", "      maintenance: 1,234.56789", "            at least: 7.00",
        "            at least: 7,000,000", "            at most: -2.50", "            at least: 200"}) {
    EXPECT_EQ(std::count(lines.begin(), lines.end(), line), 1) << line;
  }
  Program after = program;
  after.mutable_tier_ladder()->mutable_tiers(1)->set_entrance(6'000'000'000);
  EXPECT_EQ(DiffPrograms(program, after), Lines{"tier ladder: tier gold: entrance was 5,000.00, is now 6,000.00"});
  after = program;
  after.mutable_tier_ladder()->set_metric(::keyledger::events::v1::METRIC_PURCHASE_COUNT);
  after.mutable_tier_ladder()->mutable_tiers(1)->set_entrance(5);
  EXPECT_EQ(DiffPrograms(program, after).at(2), "tier ladder: tier gold: entrance was 5,000.00, is now 5");
}

// That it accepts programs and refuses mistakes is tested with a JSON Schema validator (tests/e2e).
TEST(ProgramSchema, NamesKeysTypesAndRanges) {
  const auto schema = nlohmann::json::parse(ProgramSchema());
  EXPECT_EQ(schema["additionalProperties"], false);
  EXPECT_FALSE(schema["properties"].contains("version"));
  EXPECT_EQ(schema["properties"]["program_id"]["type"][0], "string");
  EXPECT_EQ(schema["properties"]["accrual_rules"]["items"]["$ref"], "#/$defs/AccrualRule");
  EXPECT_EQ(schema["$defs"]["AccrualRule"]["properties"]["pending_days"]["maximum"], 4294967295u);
  EXPECT_EQ(schema["$defs"]["AccrualRule"]["properties"]["rounding"]["enum"],
            (nlohmann::json{"down", "up", "half_even"}));
}

Program WithLimits() {
  Program program;
  program.set_program_id("strict");
  auto& rebate = *program.add_limits();
  rebate.set_limit_id("rebate");
  auto& seller = *rebate.mutable_discounts()->add_authorities();
  seller.set_role("seller");
  seller.set_max_percent_milli(5'000);
  auto& gifts = *program.add_limits();
  gifts.set_limit_id("gifts");
  gifts.set_on_breach(::keyledger::programs::v1::ON_BREACH_FLAG);
  gifts.add_tier_ids("gold");
  gifts.mutable_gifts()->set_scope(::keyledger::programs::v1::ALLOWANCE_SCOPE_CONTACT);
  gifts.mutable_gifts()->set_period(::keyledger::programs::v1::PERIOD_UNIT_MONTH);
  gifts.mutable_gifts()->set_max_micros(100'000'000);
  return program;
}

TEST(DescribeProgram, SpeaksOfLimitsInWords) {
  EXPECT_EQ(DescribeProgram(WithLimits()),
            (Lines{"program strict", "  limit rebate", "    discounts", "      authority seller",
                   "        max percent: 5 %", "  limit gifts", "    on breach: flag", "    tier ids: gold",
                   "    gifts", "      scope: contact", "      period: month", "      max: 100.00"}));
}

TEST(DiffPrograms, SaysWhichLimitsChangedForWhom) {
  Program after = WithLimits();
  after.mutable_limits(0)->mutable_discounts()->mutable_authorities(0)->set_max_percent_milli(7'500);
  auto& director = *after.mutable_limits(0)->mutable_discounts()->add_authorities();
  director.set_role("director");
  director.set_max_percent_milli(30'000);
  after.mutable_limits(1)->set_on_breach(::keyledger::programs::v1::ON_BREACH_REFUSE);
  after.mutable_limits(1)->mutable_gifts()->set_max_times(2);
  EXPECT_EQ(DiffPrograms(WithLimits(), after),
            (Lines{"limit gifts: on breach was flag, is now refuse", "limit gifts: gifts: max times is new: 2",
                   "limit rebate: discounts: authority director is new", "  max percent: 30 %",
                   "limit rebate: discounts: authority seller: max percent was 5 %, is now 7.5 %"}));
}

}  // namespace
}  // namespace keyledger::cli
