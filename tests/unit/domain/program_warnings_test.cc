// Warnings: what a program may say but probably does not mean.
#include <fmt/format.h>

#include "tests/unit/domain/account_ledger.h"

namespace keyledger::domain {
namespace {

using Programs = std::vector<std::shared_ptr<const CompiledProgram>>;

// "line path: message" of each warning.
std::vector<std::string> Warnings(const std::string& yaml, const Programs& published = {}) {
  const ParsedProgram parsed = ParseProgramYaml(yaml, published);
  EXPECT_TRUE(parsed.findings.empty()) << parsed.findings[0].path << " " << parsed.findings[0].message;
  std::vector<std::string> found;
  for (const auto& one : parsed.warnings) found.push_back(fmt::format("{} {}: {}", one.line, one.path, one.message));
  return found;
}

std::string Ladder(const std::string& tiers, const std::string& rest = "") {
  return Head() +
         "tier_ladder:\n  ladder_id: l\n  metric: net_spend\n  window: {rolling_days: 30}\n  review_period: month\n" +
         rest + "  tiers:\n  - {tier_id: a}\n" + tiers;
}

TEST(ProgramWarnings, AreNoneForASoundLadder) {
  EXPECT_TRUE(
      Warnings(Ladder("  - {tier_id: b, entrance: 1}\n  - {tier_id: c, entrance: 2, maintenance: 1}\n")).empty());
}

TEST(ProgramWarnings, TellOfThresholdsThatDoNotRise) {
  EXPECT_EQ(
      Warnings(Ladder("  - {tier_id: b, entrance: 0}\n")),
      (std::vector<std::string>{"12 tier_ladder.tiers[1].entrance: is 0, which everyone reaches who has not given "
                                "back more than was bought: hardly anyone will hold 'a'"}));
  EXPECT_EQ(Warnings(Ladder("  - {tier_id: b, entrance: 5}\n  - {tier_id: c, entrance: 5}\n")),
            (std::vector<std::string>{
                "13 tier_ladder.tiers[2].entrance: does not rise above that of 'b', which nobody will enter"}));
  EXPECT_EQ(Warnings(Ladder("  - {tier_id: b, entrance: 5}\n  - {tier_id: c, entrance: 6, maintenance: 4}\n")),
            (std::vector<std::string>{"13 tier_ladder.tiers[2].maintenance: is less than what keeps 'b': who no longer "
                                      "keeps that would keep this"}));
  EXPECT_EQ(
      Warnings(Ladder("  - {tier_id: b, entrance: 5, multiplier_milli: 900}\n")),
      (std::vector<std::string>{"12 tier_ladder.tiers[1].multiplier_milli: is less than that of 'a', the tier below"}));
}

TEST(ProgramWarnings, TellOfRulesThatNeverHold) {
  const auto rule = [](const std::string& conditions) {
    return Warnings(Ladder("  - tier_id: b\n    entrance_rule: {any_of: [{all_of: [" + conditions + "]}]}\n"));
  };
  EXPECT_EQ(rule("{at_least: 5}, {at_most: 4}"),
            (std::vector<std::string>{"13 tier_ladder.tiers[1].entrance_rule.any_of[0].all_of[1].at_most: never holds "
                                      "together with at_least 5 of the same"}));
  EXPECT_TRUE(rule("{at_least: 5}, {at_most: 5}").empty());
  EXPECT_EQ(rule("{metric: tenure_days, at_most: -1}"),
            (std::vector<std::string>{"13 tier_ladder.tiers[1].entrance_rule.any_of[0].all_of[0].at_most: never holds: "
                                      "tenure_days is never negative"}));
  EXPECT_TRUE(rule("{at_most: -1}").empty()) << "net spend may be negative";
}

TEST(ProgramWarnings, TellOfRegionsOutsideAndRegionsTwice) {
  EXPECT_EQ(Warnings(Head() + "region: CN\naccrual_rules:\n- rule_id: r\n  per_unit: {points: 1, per_units: 1}\n"
                              "  match:\n    regions: [EU/DE, CN/31, CN/31/Shanghai]\n"),
            (std::vector<std::string>{
                "10 accrual_rules[0].match.regions[0]: never matches: 'EU/DE' is outside of the program's region 'CN'",
                "10 accrual_rules[0].match.regions[2]: adds nothing: 'CN/31' contains 'CN/31/Shanghai'"}));
}

TEST(ProgramWarnings, TellOfAGraceThatOutlastsReviews) {
  EXPECT_EQ(Warnings(Ladder("  - {tier_id: b, entrance: 1}\n", "  grace_days: 28\n")),
            (std::vector<std::string>{"10 tier_ladder.grace_days: is as long as the time between two reviews: reviews "
                                      "within it are not held"}));
}

TEST(ProgramWarnings, TellOfGapsAndCompetitionBetweenPrograms) {
  const auto program = [](const std::string& id, const std::string& from, const std::string& rest) {
    return "program_id: " + id + "\ntime_zone: UTC\ncurrency_code: USD\neffective_from: " + from + "\n" + rest;
  };
  const Programs published = {ProgramOf(program("b", "2023-01-01", "effective_to: 2024-01-01\n"), 1),
                              ProgramOf(program("x", "2020-01-01", "region: CN\n"), 1)};
  EXPECT_EQ(Warnings(program("b", "2024-02-01", ""), published),
            (std::vector<std::string>{"4 effective_from: leaves a gap: version 1 ends at 2024-01-01T00:00:00Z"}));
  EXPECT_TRUE(Warnings(program("b", "2024-01-01", ""), published).empty());
  EXPECT_EQ(Warnings(program("c", "2023-06-01", ""), published),
            (std::vector<std::string>{"1 priority: is that of program 'b', which is for the same region at the same "
                                      "time: 'b' governs, being first in the alphabet"}));
  EXPECT_TRUE(Warnings(program("c", "2023-06-01", "priority: 1\n"), published).empty());
  EXPECT_TRUE(Warnings(program("c", "2024-01-01", ""), published).empty()) << "b has ended by then";
  EXPECT_EQ(
      Warnings(program("b", "2024-01-01", "region: CN\npriority: 2\n"), published),
      (std::vector<std::string>{"5 region: differs from that of version 1: '' is no longer governed by this program"}));
}

}  // namespace
}  // namespace keyledger::domain
