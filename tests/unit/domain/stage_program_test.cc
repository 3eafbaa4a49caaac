// What a program may say of lifecycles, and what it is warned of.
#include <fmt/format.h>

#include "tests/unit/domain/account_ledger.h"

namespace keyledger::domain {
namespace {

using Lines = std::vector<std::string>;

// "path: message" of each mistake.
Lines Mistakes(const std::string& yaml) {
  Lines found;
  for (const auto& one : ParseProgramYaml(Head() + yaml).findings) found.push_back(one.path + ": " + one.message);
  return found;
}

Lines Warnings(const std::string& yaml, const std::vector<std::shared_ptr<const CompiledProgram>>& published = {}) {
  const ParsedProgram parsed = ParseProgramYaml(Head() + yaml, published);
  EXPECT_TRUE(parsed.findings.empty()) << parsed.findings[0].path << " " << parsed.findings[0].message;
  Lines found;
  for (const auto& one : parsed.warnings) found.push_back(one.path + ": " + one.message);
  return found;
}

std::string Way(const std::string& to, const std::string& conditions) {
  return "{to_stage_id: " + to + ", rule: {any_of: [{all_of: [" + conditions + "]}]}}";
}

std::string Stage(const std::string& id, const std::string& ways = "") {
  return "  - {stage_id: " + id + ", transitions: [" + ways + "]}\n";
}

std::string Lifecycle(const std::string& stages, const std::string& id = "life", const std::string& period = "month") {
  return "- ladder_id: " + id + "\n  review_period: " + period + "\n  stages:\n" + stages;
}

std::string One(const std::string& stages, const std::string& period = "month") {
  return "stage_ladders:\n" + Lifecycle(stages, "life", period);
}

// A lifecycle of two stages with one way, of one condition.
Lines Condition(const std::string& condition, const std::string& period = "month") {
  return Mistakes(One(Stage("a", Way("b", "{" + condition + "}")) + Stage("b"), period));
}

const std::string kAny = "{metric: tenure_days, at_least: 1}";
const std::string kRule = "stage_ladders[0].stages[0].transitions[0].rule.any_of[0].all_of[0].";

std::string Spend(const std::string& cut) { return "{metric: net_spend, window: {lifetime: true}, " + cut + "}"; }

TEST(StageLadders, AreAtMostTenWithNamesOfTheirOwn) {
  const auto lifecycles = [](int count) {
    std::string yaml = "stage_ladders:\n";
    for (int i = 0; i < count; ++i) yaml += Lifecycle(Stage("a") + Stage("b"), fmt::format("l{}", i));
    return Mistakes(yaml);
  };
  EXPECT_EQ(lifecycles(9), Lines{});
  EXPECT_EQ(lifecycles(10), Lines{});
  EXPECT_EQ(lifecycles(11), Lines{"stage_ladders: must be 0 to 10 lifecycles, is 11"});
  const std::string tiers = "tier_ladder: {ladder_id: standing, review_period: month, tiers: [{tier_id: all}]}\n";
  EXPECT_EQ(Mistakes(tiers + "stage_ladders:\n" + Lifecycle(Stage("a") + Stage("b"), "standing") +
                     Lifecycle(Stage("a") + Stage("b"), "x") + Lifecycle(Stage("a") + Stage("b"), "x")),
            (Lines{"stage_ladders[0].ladder_id: 'standing' is used twice",
                   "stage_ladders[2].ladder_id: 'x' is used "
                   "twice"}));
  EXPECT_EQ(Mistakes("stage_ladders:\n" + Lifecycle(Stage("a") + Stage("b"), "Life")),
            Lines{"stage_ladders[0].ladder_id: must be lower snake case, 1 to 64 bytes: [a-z][a-z0-9_]*"});
}

TEST(StageLadders, HaveTwoToFiftyStagesWithNamesOfTheirOwn) {
  const auto stages = [](int count) {
    std::string yaml;
    for (int i = 0; i < count; ++i) yaml += Stage(fmt::format("s{}", i));
    return Mistakes(One(yaml));
  };
  EXPECT_EQ(stages(1), Lines{"stage_ladders[0].stages: must be 2 to 50 stages, is 1"});
  EXPECT_EQ(stages(2), Lines{});
  EXPECT_EQ(stages(3), Lines{});
  EXPECT_EQ(stages(49), Lines{});
  EXPECT_EQ(stages(50), Lines{});
  EXPECT_EQ(stages(51), Lines{"stage_ladders[0].stages: must be 2 to 50 stages, is 51"});
  EXPECT_EQ(Mistakes(One(Stage("a") + Stage("a") + Stage("B"))),
            (Lines{"stage_ladders[0].stages[1].stage_id: 'a' is used twice",
                   "stage_ladders[0].stages[2].stage_id: must be lower snake case, 1 to 64 bytes: [a-z][a-z0-9_]*"}));
}

TEST(StageLadders, HaveUpToTwentyWaysOutOfAStage) {
  const auto ways = [](int count) {
    std::string all;
    for (int i = 0; i < count; ++i) {
      all += (i == 0 ? "" : ", ") + Way("b", fmt::format("{{metric: tenure_days, at_least: {}}}", 100 - i));
    }
    return Mistakes(One(Stage("a", all) + Stage("b")));
  };
  EXPECT_EQ(ways(0), Lines{});
  EXPECT_EQ(ways(19), Lines{});
  EXPECT_EQ(ways(20), Lines{});
  EXPECT_EQ(ways(21), Lines{"stage_ladders[0].stages[0].transitions: must be 0 to 20 transitions, is 21"});
}

TEST(StageLadders, LeadToOtherStagesOfTheirs) {
  EXPECT_EQ(Mistakes(One(Stage("a", Way("a", kAny) + ", " + Way("c", kAny) + ", {rule: {any_of: [{all_of: [" + kAny +
                                        "]}]}}, {to_stage_id: b}") +
                         Stage("b"))),
            (Lines{"stage_ladders[0].stages[0].transitions[0].to_stage_id: must be another stage: an account that "
                   "meets no rule stays where it is",
                   "stage_ladders[0].stages[0].transitions[1].to_stage_id: 'c' is no stage of the lifecycle",
                   "stage_ladders[0].stages[0].transitions[2].to_stage_id: is required",
                   "stage_ladders[0].stages[0].transitions[3].rule.any_of: must be 1 to 10 alternatives, is 0"}));
}

TEST(StageLadders, NeedAReviewPeriod) {
  EXPECT_EQ(
      Mistakes("stage_ladders:\n- ladder_id: life\n  stages:\n" +
               Stage("a", Way("b", "{metric: net_spend, window: {calendar_period: year}, at_least: 1}")) + Stage("b")),
      Lines{"stage_ladders[0].review_period: must be month, quarter or year"});
}

TEST(StageLadders, MeasureNoMoreThanThePeriodThatEnds) {
  const auto spend = [](const std::string& window, const std::string& period) {
    return Condition("metric: net_spend, window: {" + window + "}, at_least: 1", period);
  };
  EXPECT_EQ(spend("calendar_period: month", "quarter"), Lines{});
  EXPECT_EQ(spend("calendar_period: quarter", "quarter"), Lines{});
  EXPECT_EQ(spend("calendar_period: year", "quarter"),
            Lines{kRule + "window.calendar_period: must not be longer than review_period, which it needs: a review in "
                          "the middle of a period would measure a part of it"});
  EXPECT_EQ(spend("rolling_days: 1096", "month"), Lines{});
  EXPECT_EQ(spend("lifetime: true", "month"), Lines{});
  EXPECT_EQ(spend("membership_year: true", "year"),
            Lines{kRule + "window.membership_year: is not for lifecycles: at the end of a review_period it would "
                          "measure a part of a year"});
}

TEST(StageLadders, AllowGrowthAndSeveralPeriodsButRankNobody) {
  EXPECT_EQ(Condition("metric: net_spend, window: {calendar_period: month}, growth: true, at_least: 1"), Lines{});
  EXPECT_EQ(Condition("metric: net_spend, window: {calendar_period: month}, in_each_of_last: 3, at_least: 1"), Lines{});
  for (const std::string cut : {"top_count", "top_percent_milli", "covering_percent_milli"}) {
    EXPECT_EQ(Condition("metric: net_spend, window: {lifetime: true}, " + cut + ": 5"),
              Lines{kRule + cut +
                    ": ranks accounts among each other, which only a tier ladder can whose reviews are at the same "
                    "moments for all: set its review_period or review_date"});
  }
  EXPECT_EQ(Condition("at_least: 1"), Lines{kRule + "metric: is required"}) << "there is no metric of the lifecycle";
}

TEST(StageWarnings, AreNoneForASoundLifecycle) {
  EXPECT_EQ(Warnings(One(
                Stage("acquire", Way("expand", Spend("at_least: 100"))) +
                Stage("expand", Way("retain", Spend("at_least: 500")) + ", " + Way("acquire", Spend("at_most: 99"))) +
                Stage("retain", Way("expand", Spend("at_most: 499"))))),
            Lines{});
}

TEST(StageWarnings, TellOfAStageThatNothingLeadsTo) {
  EXPECT_EQ(Warnings(One(Stage("a", Way("b", kAny)) + Stage("b") + Stage("c", Way("d", kAny)) +
                         Stage("d", Way("c", "{metric: tenure_days, at_most: 0}")))),
            (Lines{"stage_ladders[0].stages[2]: is reached by no transitions from 'a', where accounts begin",
                   "stage_ladders[0].stages[3]: is reached by no transitions from 'a', where accounts begin"}));
}

TEST(StageWarnings, TellOfAWayThatIsNeverTaken) {
  const auto two = [](const std::string& first, const std::string& second) {
    return Warnings(One(Stage("a", Way("b", first) + ", " + Way("c", second)) + Stage("b") + Stage("c")));
  };
  const Lines never = {
      "stage_ladders[0].stages[0].transitions[1]: is never taken: transitions[0], which is tried before it, holds "
      "whenever this one does"};
  EXPECT_EQ(two(Spend("at_least: 5"), Spend("at_least: 5")), never);
  EXPECT_EQ(two(Spend("at_least: 5"), Spend("at_least: 6")), never);
  EXPECT_EQ(two(Spend("at_least: 5"), kAny + ", " + Spend("at_least: 6")), never) << "more is asked";
  EXPECT_EQ(two(Spend("at_least: 6"), Spend("at_least: 5")), Lines{});
  EXPECT_EQ(two(Spend("at_most: 5"), Spend("at_most: 5")), never);
  EXPECT_EQ(two(Spend("at_most: 5"), Spend("at_most: 6")), Lines{});
  EXPECT_EQ(two(Spend("at_least: 5"), kAny), Lines{}) << "another thing";
}

TEST(StageWarnings, TellOfStagesThatAnAccountGoesRound) {
  EXPECT_EQ(Warnings(One(Stage("a", Way("b", Spend("at_least: 5"))) + Stage("b", Way("a", Spend("at_least: 5"))))),
            Lines{"stage_ladders[0].stages[0].transitions[0]: leads round: whenever its rule holds, so do those of the "
                  "way back, and an account goes through 'a', 'b' and so on, one stage a period"});
  EXPECT_EQ(Warnings(One(Stage("a", Way("b", Spend("at_least: 1"))) + Stage("b", Way("c", Spend("at_least: 2"))) +
                         Stage("c", Way("a", Spend("at_least: 3"))))),
            Lines{"stage_ladders[0].stages[2].transitions[0]: leads round: whenever its rule holds, so do those of the "
                  "way back, and an account goes through 'c', 'a', 'b' and so on, one stage a period"});
  EXPECT_EQ(Warnings(One(Stage("a", Way("b", Spend("at_least: 5"))) + Stage("b", Way("a", Spend("at_most: 4"))))),
            Lines{});
}

TEST(StageWarnings, TellOfRulesThatNeverHold) {
  EXPECT_EQ(Warnings(One(Stage("a", Way("b", Spend("at_least: 5") + ", " + Spend("at_most: 4"))) + Stage("b"))),
            Lines{kRule.substr(0, kRule.size() - 3) + "1].at_most: never holds together with at_least 5 of the same"});
}

TEST(StageWarnings, TellOfStagesThatTheVersionBeforeHad) {
  const auto before = ProgramOf(Head() + One(Stage("a", Way("b", kAny)) + Stage("b")), 4);
  EXPECT_EQ(Warnings(One(Stage("a", Way("c", kAny)) + Stage("c")), {before}),
            Lines{"stage_ladders[0].stages: lack 'b' of version 4: accounts in it begin again in 'a'"});
}

}  // namespace
}  // namespace keyledger::domain
