// Programs that are valid and unkind: numbers at their ends, thresholds on top of one another, windows without a
// moment. The ledger refuses what cannot be counted, warns of what cannot be meant, and goes on.
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "tests/unit/domain/account_ledger.h"

namespace keyledger::domain {
namespace {

using L = AccountLedger;

const Micros kDay = At("2024-01-10");
// The most money one line may be.
constexpr int64_t kMost = 9'000'000'000'000'000;

std::vector<std::string> Warnings(const std::string& yaml) {
  const ParsedProgram parsed = ParseProgramYaml(yaml);
  EXPECT_TRUE(parsed.findings.empty()) << parsed.findings[0].path << " " << parsed.findings[0].message;
  std::vector<std::string> found;
  for (const ProgramFinding& one : parsed.warnings) found.push_back(fmt::format("{}: {}", one.path, one.message));
  return found;
}

std::string RedemptionIn(const std::string& window) {
  return Head() + "redemption_policy: {windows: [" + window + "]}\n";
}

TEST(EnormousMultipliers, RefuseThePurchaseThatLeavesTheRangeAndNothingElse) {
  // A million points per millionth of a dollar, a hundred times over.
  L ledger(Head() +
           "accrual_rules:\n- {rule_id: base, per_money: {points: 1000000, per_micros: 1}}\n"
           "tier_ladder:\n  ladder_id: l\n  metric: gross_spend\n  window: {lifetime: true}\n  review_period: year\n"
           "  tiers:\n  - {tier_id: base}\n  - {tier_id: top, entrance: 1, multiplier_milli: 100000}\n");
  ASSERT_TRUE(ledger.Submit({L::Open(kDay), L::Buy(kDay, {{1}})}).ok());
  EXPECT_EQ(ledger.state().tier.tier_id, "top");
  EXPECT_EQ(ledger.state().available_points(), 1'000'000);
  const size_t records = ledger.log().size();
  // 92,233,720,369 micros earn 9,223,372,036,900,000,000 points: more than 64 bits hold.
  EXPECT_EQ(ReasonOf(ledger.Submit({L::Buy(kDay, {{92'233'720'369}})}).status()), Reason::kArithmeticRange);
  EXPECT_EQ(ReasonOf(ledger.Submit({L::Buy(kDay, {{kMost}})}).status()), Reason::kArithmeticRange);
  EXPECT_EQ(ledger.log().size(), records) << "what is refused leaves nothing behind";
  ASSERT_TRUE(ledger.Submit({L::Buy(kDay, {{1}})}).ok());
  EXPECT_EQ(ledger.state().available_points(), 101'000'000);
}

TEST(EnormousMultipliers, RefuseThePurchaseWhosePointsDoNotFitBesideTheOthers) {
  L ledger(Head() + "accrual_rules:\n- {rule_id: base, per_money: {points: 1000, per_micros: 1}}\n");
  ASSERT_TRUE(ledger.Submit({L::Open(kDay), L::Buy(kDay, {{kMost}})}).ok());
  EXPECT_EQ(ledger.state().available_points(), 9'000'000'000'000'000'000);
  EXPECT_EQ(ReasonOf(ledger.Submit({L::Buy(kDay, {{kMost}})}).status()), Reason::kArithmeticRange);
  ASSERT_TRUE(ledger.Submit({L::Redeem(kDay, 1'000'000'000'000), L::Buy(kDay, {{1}})}).ok());
  EXPECT_EQ(ledger.state().available_points(), 8'999'999'000'000'001'000);
}

TEST(Thresholds, OfZeroAndOfTheSameNumberGiveTheHighestTierThatTheyLetIn) {
  const auto ladder = [](const char* first, const char* second) {
    return fmt::format(
        "{}tier_ladder:\n  ladder_id: l\n  metric: net_spend\n  window: {{calendar_period: year}}\n"
        "  review_period: year\n  tiers:\n  - {{tier_id: base}}\n  - {{tier_id: one, entrance: {}}}\n"
        "  - {{tier_id: two, entrance: {}}}\n",
        Head(), first, second);
  };
  L zero(ladder("0", "1000000"));
  ASSERT_TRUE(zero.Submit({L::Open(kDay)}).ok());
  EXPECT_EQ(zero.state().tier.tier_id, "one") << "nothing bought is 0, which is enough";
  L equal(ladder("1000000", "1000000"));
  ASSERT_TRUE(equal.Submit({L::Open(kDay), L::Buy(kDay, {{999'999}})}).ok());
  EXPECT_EQ(equal.state().tier.tier_id, "base");
  ASSERT_TRUE(equal.Submit({L::Buy(kDay, {{1}})}).ok());
  EXPECT_EQ(equal.state().tier.tier_id, "two");
}

TEST(WindowsThatNeverOpen, AreWarnedOf) {
  const std::vector<std::string> no_day = {
      "redemption_policy.windows[0]: never opens: no month it names has such a day"};
  EXPECT_EQ(Warnings(RedemptionIn("{months: [2], days_of_month: [30]}")), no_day);
  EXPECT_EQ(Warnings(RedemptionIn("{months: [4, 6, 9, 11], days_of_month: [31, -31]}")), no_day);
  EXPECT_TRUE(Warnings(RedemptionIn("{months: [2], days_of_month: [29]}")).empty()) << "every fourth year";
  EXPECT_TRUE(Warnings(RedemptionIn("{months: [2, 3], days_of_month: [30]}")).empty());
  const std::vector<std::string> empty = {
      "redemption_policy.windows[1]: never opens: no moment in the ten years after its beginning is in all of its "
      "parts"};
  const auto beside = [](const std::string& window) { return Warnings(RedemptionIn("{months: [1]}, " + window)); };
  EXPECT_EQ(beside("{dates: [{from: 2024-03-01, to: 2024-04-01}], months: [5]}"), empty);
  EXPECT_TRUE(beside("{dates: [{from: 2024-03-01, to: 2024-05-02}], months: [5]}").empty());
  EXPECT_EQ(beside("{dates: [{from: 2024-03-04, to: 2024-03-05}], weekdays: [tuesday]}"), empty) << "a Monday";
  EXPECT_EQ(beside("{dates: [{to: 2000-01-01}]}"), empty) << "over before the program begins";
  EXPECT_TRUE(beside("{dates: [{to: 2000-01-02}]}").empty());
  EXPECT_TRUE(beside("{dates: [{from: 2090-01-01}], months: [7]}").empty()) << "late is not never";
}

TEST(WindowsThatNeverOpen, OfARuleAreWarnedOfWithinTheDatesOfTheRule) {
  const auto rule = [](const std::string& to) {
    return Warnings(Head() + "accrual_rules:\n- rule_id: base\n  per_unit: {points: 1, per_units: 1}\n" +
                    "  effective_from: 2024-01-01\n  effective_to: " + to +
                    "\n  match: {time_windows: [{months: [6]}]}\n");
  };
  EXPECT_EQ(rule("2024-06-01"),
            (std::vector<std::string>{"accrual_rules[0].match.time_windows[0]: never opens: no moment in the ten years "
                                      "after its beginning is in all of its parts"}));
  EXPECT_TRUE(rule("2024-06-02").empty());
}

TEST(WindowsThatNeverOpen, RefuseRedemptionsWithoutSayingWhenTheyOpen) {
  for (const char* window :
       {"{months: [2], days_of_month: [30]}", "{dates: [{from: 2024-03-01, to: 2024-04-01}], months: [5]}"}) {
    L ledger(RedemptionIn(window));
    ASSERT_TRUE(ledger.Submit({L::Open(kDay), L::Adjust(kDay, 10)}).ok());
    const auto refused = ledger.Submit({L::Redeem(At("2024-03-15"), 1)});
    EXPECT_EQ(ReasonOf(refused.status()), Reason::kRedemptionWindowClosed) << window;
    const auto metadata = MetadataOf(refused.status());
    const std::map<std::string, std::string> by_key(metadata.begin(), metadata.end());
    EXPECT_EQ(by_key.count("opens_time"), 0u) << window;
    EXPECT_EQ(by_key.at("rule"), "redemption_policy.windows");
    EXPECT_EQ(ledger.state().available_points(), 10);
  }
}

}  // namespace
}  // namespace keyledger::domain
