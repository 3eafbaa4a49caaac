// The limits of ladders and of the conditions of rules: one below, at, and one above.
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

// A ladder whose upper tier is entered by these alternatives.
Lines Alternatives(const std::string& alternatives, const std::string& rest = "upgrade: at_review") {
  return Mistakes("tier_ladder:\n  ladder_id: l\n  review_period: month\n  " + rest +
                  "\n  tiers:\n  - {tier_id: a}\n  - {tier_id: b, entrance_rule: {any_of: [" + alternatives + "]}}\n");
}

Lines Condition(const std::string& condition) { return Alternatives("{all_of: [{" + condition + "}]}"); }

std::string Repeat(const std::string& item, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += (i == 0 ? "" : ", ") + item;
  return all;
}

// Only for reading: the beginning of the path of the one condition.
const std::string kCondition = "tier_ladder.tiers[1].entrance_rule.any_of[0].all_of[0].";

TEST(RuleBounds, RollingDaysAreOneTo1096) {
  const auto days = [](int count) {
    return Condition(fmt::format("metric: net_spend, window: {{rolling_days: {}}}, at_least: 1", count));
  };
  EXPECT_EQ(days(0), Lines{kCondition + "window.rolling_days: must be 1 to 1096 days, is 0"});
  EXPECT_EQ(days(1), Lines{});
  EXPECT_EQ(days(2), Lines{});
  EXPECT_EQ(days(1095), Lines{});
  EXPECT_EQ(days(1096), Lines{});
  EXPECT_EQ(days(1097), Lines{kCondition + "window.rolling_days: must be 1 to 1096 days, is 1097"});
}

TEST(RuleBounds, GrowthLooksBackOverAtMost548RollingDays) {
  const auto days = [](int count) {
    return Condition(fmt::format("metric: net_spend, window: {{rolling_days: {}}}, growth: true, at_least: 1", count));
  };
  EXPECT_EQ(days(547), Lines{});
  EXPECT_EQ(days(548), Lines{});
  EXPECT_EQ(days(549), Lines{kCondition + "growth: is for at most 548 rolling days"});
}

TEST(RuleBounds, PeriodsInARowAreTwoTo36AndNoMoreThan36Months) {
  const auto periods = [](int count, const std::string& unit = "month") {
    return Mistakes(
        "tier_ladder:\n  ladder_id: l\n  review_period: year\n  upgrade: at_review\n  tiers:\n  - {tier_id: "
        "a}\n  - {tier_id: b, entrance_rule: {any_of: [{all_of: [{metric: net_spend, window: "
        "{calendar_period: " +
        unit + "}, in_each_of_last: " + std::to_string(count) + ", at_least: 1}]}]}}\n");
  };
  EXPECT_EQ(periods(1), Lines{kCondition + "in_each_of_last: must be 2 to 36 periods, is 1"});
  EXPECT_EQ(periods(2), Lines{});
  EXPECT_EQ(periods(3), Lines{});
  EXPECT_EQ(periods(35), Lines{});
  EXPECT_EQ(periods(36), Lines{});
  EXPECT_EQ(periods(37), (Lines{kCondition + "in_each_of_last: must be 2 to 36 periods, is 37",
                                kCondition + "in_each_of_last: reaches back 37 months, at most 36 are kept"}));
  EXPECT_EQ(periods(12, "quarter"), Lines{});
  EXPECT_EQ(periods(13, "quarter"), Lines{kCondition + "in_each_of_last: reaches back 39 months, at most 36 are kept"});
  EXPECT_EQ(periods(3, "year"), Lines{});
  EXPECT_EQ(periods(4, "year"), Lines{kCondition + "in_each_of_last: reaches back 48 months, at most 36 are kept"});
}

TEST(RuleBounds, ACutRanksAtLeastOne) {
  const auto count = [](int64_t size) {
    return Condition(fmt::format("metric: net_spend, window: {{lifetime: true}}, top_count: {}", size));
  };
  EXPECT_EQ(count(0), Lines{kCondition + "top_count: must be 1 to 4294967295, is 0"});
  EXPECT_EQ(count(1), Lines{});
  EXPECT_EQ(count(2), Lines{});
  EXPECT_EQ(count(4'294'967'295), Lines{});
}

TEST(RuleBounds, ASharePerThousandOfAPercentIsOneToAll) {
  for (const std::string cut : {"top_percent_milli", "covering_percent_milli"}) {
    const auto share = [&](int size) {
      return Condition(fmt::format("metric: net_spend, window: {{lifetime: true}}, {}: {}", cut, size));
    };
    EXPECT_EQ(share(0), Lines{kCondition + cut + ": must be 1 to 100000, is 0"});
    EXPECT_EQ(share(1), Lines{});
    EXPECT_EQ(share(2), Lines{});
    EXPECT_EQ(share(99'999), Lines{});
    EXPECT_EQ(share(100'000), Lines{});
    EXPECT_EQ(share(100'001), Lines{kCondition + cut + ": must be 1 to 100000, is 100001"});
  }
}

TEST(RuleBounds, ThresholdsAreWithinTheRangeOfMoney) {
  for (const std::string cut : {"at_least", "at_most"}) {
    const auto threshold = [&](int64_t value) {
      return Condition(fmt::format("metric: net_spend, window: {{lifetime: true}}, {}: {}", cut, value));
    };
    EXPECT_EQ(threshold(-9'000'000'000'000'001),
              Lines{kCondition + cut + ": must be -9000000000000000 to 9000000000000000, is -9000000000000001"});
    EXPECT_EQ(threshold(-9'000'000'000'000'000), Lines{});
    EXPECT_EQ(threshold(9'000'000'000'000'000), Lines{});
    EXPECT_EQ(threshold(9'000'000'000'000'001),
              Lines{kCondition + cut + ": must be -9000000000000000 to 9000000000000000, is 9000000000000001"});
  }
}

TEST(RuleBounds, AlternativesAreOneToTen) {
  const auto alternatives = [](int count) {
    return Alternatives(Repeat("{all_of: [{metric: tenure_days, at_least: 1}]}", count));
  };
  const std::string path = "tier_ladder.tiers[1].entrance_rule.any_of: ";
  EXPECT_EQ(alternatives(0), Lines{path + "must be 1 to 10 alternatives, is 0"});
  EXPECT_EQ(alternatives(1), Lines{});
  EXPECT_EQ(alternatives(2), Lines{});
  EXPECT_EQ(alternatives(9), Lines{});
  EXPECT_EQ(alternatives(10), Lines{});
  EXPECT_EQ(alternatives(11), Lines{path + "must be 1 to 10 alternatives, is 11"});
}

TEST(RuleBounds, ConditionsOfAnAlternativeAreOneToTen) {
  const auto conditions = [](int count) {
    return Alternatives("{all_of: [" + Repeat("{metric: tenure_days, at_least: 1}", count) + "]}");
  };
  const std::string path = "tier_ladder.tiers[1].entrance_rule.any_of[0].all_of: ";
  EXPECT_EQ(conditions(0), Lines{path + "must be 1 to 10 conditions, is 0"});
  EXPECT_EQ(conditions(1), Lines{});
  EXPECT_EQ(conditions(2), Lines{});
  EXPECT_EQ(conditions(9), Lines{});
  EXPECT_EQ(conditions(10), Lines{});
  EXPECT_EQ(conditions(11), Lines{path + "must be 1 to 10 conditions, is 11"});
}

TEST(LadderBounds, TiersAreOneToFifty) {
  const auto tiers = [](int count) {
    std::string yaml = "tier_ladder:\n  ladder_id: l\n  metric: tenure_days\n  review_period: month\n  tiers:";
    for (int i = 0; i < count; ++i) yaml += fmt::format("\n  - {{tier_id: t{}, entrance: {}}}", i, i);
    return Mistakes(yaml + (count == 0 ? " []\n" : "\n"));
  };
  EXPECT_EQ(tiers(0), Lines{"tier_ladder.tiers: must be 1 to 50 tiers, is 0"});
  EXPECT_EQ(tiers(1), Lines{});
  EXPECT_EQ(tiers(2), Lines{});
  EXPECT_EQ(tiers(49), Lines{});
  EXPECT_EQ(tiers(50), Lines{});
  EXPECT_EQ(tiers(51), Lines{"tier_ladder.tiers: must be 1 to 50 tiers, is 51"});
}

TEST(LadderBounds, GraceIsUpTo366Days) {
  const auto grace = [](int days) {
    return Mistakes(fmt::format(
        "tier_ladder: {{ladder_id: l, review_period: year, grace_days: {}, tiers: [{{tier_id: a}}]}}\n", days));
  };
  EXPECT_EQ(grace(0), Lines{});
  EXPECT_EQ(grace(1), Lines{});
  EXPECT_EQ(grace(365), Lines{});
  EXPECT_EQ(grace(366), Lines{});
  EXPECT_EQ(grace(367), Lines{"tier_ladder.grace_days: must be 0 to 366 days, is 367"});
}

TEST(LadderBounds, ReviewsComeAfterOneTo36MonthsOfATier) {
  const auto months = [](int count) {
    return Mistakes(
        fmt::format("tier_ladder: {{ladder_id: l, review_tier_months: {}, tiers: [{{tier_id: a}}]}}\n", count));
  };
  EXPECT_EQ(months(0), Lines{"tier_ladder.review_tier_months: must be 1 to 36 months, is 0"});
  EXPECT_EQ(months(1), Lines{});
  EXPECT_EQ(months(2), Lines{});
  EXPECT_EQ(months(35), Lines{});
  EXPECT_EQ(months(36), Lines{});
  EXPECT_EQ(months(37), Lines{"tier_ladder.review_tier_months: must be 1 to 36 months, is 37"});
}

TEST(LadderBounds, AReviewDateIsADayOfAYear) {
  const auto date = [](int month, int day) {
    return Mistakes(
        fmt::format("tier_ladder: {{ladder_id: l, review_date: {{month: {}, day: {}}}, tiers: [{{tier_id: "
                    "a}}]}}\n",
                    month, day));
  };
  EXPECT_EQ(date(0, 0), (Lines{"tier_ladder.review_date.month: must be 1 to 12, is 0",
                               "tier_ladder.review_date.day: must be 1 to 31, is 0"}));
  EXPECT_EQ(date(1, 1), Lines{});
  EXPECT_EQ(date(12, 31), Lines{});
  EXPECT_EQ(date(13, 32), (Lines{"tier_ladder.review_date.month: must be 1 to 12, is 13",
                                 "tier_ladder.review_date.day: must be 1 to 31, is 32"}));
}

}  // namespace
}  // namespace keyledger::domain
