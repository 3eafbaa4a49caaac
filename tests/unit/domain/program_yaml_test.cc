// Programs as YAML: the mapping, and where each mistake is reported.
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "tests/unit/domain/account_ledger.h"

namespace keyledger::domain {
namespace {

// "line:column path: message" of each finding.
std::vector<std::string> Findings(const std::string& yaml) {
  const ParsedProgram parsed = ParseProgramYaml(yaml);
  EXPECT_EQ(parsed.program.has_value(), parsed.findings.empty());
  std::vector<std::string> found;
  for (const auto& f : parsed.findings)
    found.push_back(fmt::format("{}:{} {}: {}", f.line, f.column, f.path, f.message));
  return found;
}

TEST(ProgramYaml, ExampleProgramParsesAndCompiles) {
  std::ifstream file(std::string(KL_SOURCE_DIR) + "/projections/programs/example/program.yaml");
  std::stringstream text;
  text << file.rdbuf();
  const auto program = ProgramOf(text.str());
  EXPECT_EQ(program->program().program_id(), "example");
  EXPECT_EQ(program->program().time_zone(), "UTC");
  EXPECT_EQ(program->program().currency_code(), "USD");
  EXPECT_EQ(program->effective_from(), At("1990-01-01"));
  EXPECT_EQ(program->effective_to(), kNever);
  EXPECT_EQ(program->program().accrual_rules_size(), 3);
  EXPECT_EQ(program->program().accrual_rules(0).expiry().round_up_to(), programs::v1::PERIOD_UNIT_QUARTER);
  EXPECT_EQ(program->program().accrual_rules(0).pending_days(), 14u);
  ASSERT_EQ(program->program().tier_ladder().tiers_size(), 4);
  EXPECT_EQ(program->program().tier_ladder().tiers(3).tier_id(), "platinum");
}

TEST(ProgramYaml, ReadsDatesInTheProgramsZoneWhereverThatIsGiven) {
  const auto from = [](const std::string& value, const std::string& zone) {
    return ProgramOf("effective_from: " + value + "\nprogram_id: a\ncurrency_code: USD\ntime_zone: " + zone + "\n")
        ->effective_from();
  };
  EXPECT_EQ(from("2024-01-01", "Asia/Shanghai"), At("2023-12-31T16:00:00Z"));
  EXPECT_EQ(from("2024-01-01T00:00:00+08:00", "UTC"), At("2023-12-31T16:00:00Z"));
  EXPECT_EQ(from("\"2024-01-01T08:00:00.5Z\"", "UTC"), At("2024-01-01T08:00:00.5Z"));
}

TEST(ProgramYaml, TakesEnumsInAnyCaseAndDigitsInGroups) {
  const auto program = ProgramOf(Head() +
                                 "return_policy: Only_Pending\naccrual_rules:\n- {rule_id: a, rounding: HALF_EVEN, "
                                 "per_money: {points: 1, per_micros: 1_000_000}}\n");
  EXPECT_EQ(program->program().return_policy(), programs::v1::RETURN_POLICY_ONLY_PENDING);
  EXPECT_EQ(program->program().accrual_rules(0).rounding(), programs::v1::ROUNDING_HALF_EVEN);
  EXPECT_EQ(program->program().accrual_rules(0).per_money().per_micros(), 1'000'000);
}

TEST(ProgramYaml, ReportsEverythingThatIsWrongByLine) {
  const auto found = Findings(
      "program_id: a\ntime_zon: UTC\ncurrency_code: USD\neffective_from: 2024-13-01\n"
      "accrual_rules:\n- rule_id: r\n  rounding: upp\n  pending_days: -1\n  per_money: {points: 1, per_micros: 1}\n  "
      "per_unit: {points: 1, per_units: 1}\n"
      "- rule_id: s\n  per_unit: {points: 1, per_units: 0}\n");
  ASSERT_EQ(found.size(), 7u);
  EXPECT_EQ(found[0], "1:1 time_zone: is required");
  EXPECT_EQ(found[1], "2:1 time_zon: unknown key 'time_zon'; did you mean 'time_zone'?");
  EXPECT_EQ(
      found[2],
      "4:17 effective_from: must be a date (2024-01-31) or a time with offset (2024-01-31T08:00:00Z); is '2024-13-01'");
  EXPECT_EQ(found[3],
            "7:13 accrual_rules[0].rounding: must be one of down, up, half_even; is 'upp'; did you mean 'up'?");
  EXPECT_EQ(found[4], "8:17 accrual_rules[0].pending_days: must be a whole number from 0 to 4294967295, is '-1'");
  EXPECT_EQ(found[5], "10:3 accrual_rules[0].per_unit: cannot be given together with 'per_money'");
  EXPECT_EQ(found[6], "12:25 accrual_rules[1].per_unit.per_units: must be 1 to 1000000 units, is 0");
}

TEST(ProgramYaml, PlacesWhatIsMissingAtWhatItIsMissingFrom) {
  const auto found = Findings(Head() +
                              "tier_ladder:\n  ladder_id: l\n  metric: net_spend\n  review_period: year\n  tiers:\n  - "
                              "tier_id: a\n  - entrance: 5\n");
  const std::vector<std::string> expected = {"5:1 tier_ladder.window: is required for net_spend",
                                             "11:5 tier_ladder.tiers[1].tier_id: is required"};
  EXPECT_EQ(found, expected);
}

TEST(ProgramYaml, RefusesWhatIsNoProgram) {
  EXPECT_EQ(Findings("")[0], "1:1 : the text is empty");
  EXPECT_EQ(Findings("- a\n").size(), 1u);
  EXPECT_EQ(Findings("just text").size(), 1u);
  EXPECT_EQ(Findings("a: [1, 2").size(), 1u);
  EXPECT_EQ(Findings(Head() + "version: 3\n")[0],
            "5:1 version: is assigned when the program is published and must not be given");
  EXPECT_EQ(Findings(Head() + "program_id: b\n")[0], "5:1 program_id: is given twice");
  EXPECT_EQ(Findings(Head() + "region:\n")[0].substr(0, 26), "5:1 region: has no value; ");
  EXPECT_EQ(Findings(Head() + "accrual_rules: 7\n")[0], "5:16 accrual_rules: must be a list");
  EXPECT_EQ(Findings(Head() + "priority: [1]\n")[0], "5:11 priority: must be a single value");
  EXPECT_EQ(Findings(Head() + "---\n" + Head()).size(), 1u) << "two documents";
}

TEST(ProgramYaml, RefusesTextThatIsMadeToHurt) {
  EXPECT_EQ(Findings(std::string((1 << 20) + 1, ' ')),
            (std::vector<std::string>{"0:0 : 1048577 bytes of text, at most 1048576 are accepted"}));
  EXPECT_EQ(Findings("program_id: \xff\n"), (std::vector<std::string>{"0:0 : the text is not UTF-8"}));
  EXPECT_EQ(Findings("a: &x [1]\nb: *x\n"),
            (std::vector<std::string>{"1:4 : anchors are not accepted; write the value out"}));
  EXPECT_EQ(Findings("a: " + std::string(33, '[') + std::string(33, ']')).size(), 1u);
  EXPECT_EQ(Findings("a: " + std::string(200'000, '[')).size(), 1u);
  std::string items = "a: [";
  for (int i = 0; i < 250'000; ++i) items += "1,";
  EXPECT_EQ(Findings(items + "1]").size(), 1u);
}

}  // namespace
}  // namespace keyledger::domain
