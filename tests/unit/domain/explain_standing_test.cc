// A standing explained: what is missing is exactly what is missing, and the projection is what the engine then decides.
#include "server/domain/explain_standing.h"

#include <random>

#include "tests/unit/domain/account_ledger.h"

namespace keyledger::domain {
namespace {

using L = AccountLedger;
using events::v1::EventRecord;

// The ledger's log as records.
std::vector<EventRecord> RecordsOf(const L& ledger) {
  std::vector<EventRecord> records;
  for (const DecidedEvent& decided : ledger.log()) {
    EventRecord& record = records.emplace_back();
    record.set_revision(records.size() - 1);
    record.set_event_id("0-" + std::to_string(records.size() - 1));
    SetTimestamp(record.mutable_occurred_time(), decided.occurred);
    *record.mutable_event() = decided.event;
  }
  return records;
}

StandingExplanation ExplainAt(const L& ledger, Micros as_of) {
  AccountState state;
  for (const EventRecord& record : RecordsOf(ledger)) {
    const absl::Status folded = FoldForStanding(state, record, as_of);
    EXPECT_TRUE(folded.ok()) << folded;
  }
  auto explained = ExplainStanding(std::move(state), as_of, ledger.programs());
  EXPECT_TRUE(explained.ok()) << explained.status();
  return *std::move(explained);
}

std::vector<Contributions> ContributionsTo(const L& ledger, const StandingExplanation& explained, size_t most = 100) {
  ContributionFinder finder(explained.sources, most);
  for (const EventRecord& record : RecordsOf(ledger)) {
    if (MicrosOf(record.occurred_time()) < explained.as_of) finder.Observe(record);
  }
  return std::move(finder).Take();
}

// The one condition of a rule that has one.
const ExplainedCondition& OnlyCondition(const ExplainedRule& rule) {
  EXPECT_EQ(rule.alternatives.size(), 1u);
  EXPECT_EQ(rule.alternatives[0].conditions.size(), 1u);
  return rule.alternatives[0].conditions[0];
}

Fact Lock(Micros at, const std::string& tier, Micros until = kNever) {
  Fact fact{{}, at};
  fact.event.mutable_tier_locked()->set_ladder_id("standing");
  fact.event.mutable_tier_locked()->set_tier_id(tier);
  fact.event.mutable_tier_locked()->set_reason("strategic");
  if (until != kNever) SetTimestamp(fact.event.mutable_tier_locked()->mutable_until(), until);
  return fact;
}

// Net spend of the calendar month: silver from 100, kept with 50; gold from 500, kept with 300.
std::string Spend(const std::string& rest = "", const std::string& window = "{calendar_period: month}",
                  const std::string& review = "review_period: month") {
  return "tier_ladder:\n  ladder_id: standing\n  metric: net_spend\n  window: " + window + "\n  " + review + "\n" +
         rest +
         "  tiers:\n  - {tier_id: bronze}\n"
         "  - {tier_id: silver, entrance: 100000000, maintenance: 50000000}\n"
         "  - {tier_id: gold, display_name: Gold, entrance: 500000000, maintenance: 300000000}\n";
}

// A tier entered by one condition at the end of a quarter.
std::string OneCondition(const std::string& condition) {
  return "tier_ladder:\n  ladder_id: standing\n  review_period: quarter\n  upgrade: at_review\n  tiers:\n"
         "  - {tier_id: low}\n  - {tier_id: high, entrance_rule: {any_of: [{all_of: [{" +
         condition + "}]}]}}\n";
}

int RankOf(const std::string& tier_id) {
  for (const auto& [id, rank] : {std::pair("bronze", 1), std::pair("silver", 2), std::pair("gold", 3)}) {
    if (tier_id == id) return rank;
  }
  return 0;
}

const Micros kDay1 = At("2024-01-10");

TEST(ExplainStanding, SaysWhatKeepsTheTierAndByWhenAndWhatTheNextOneTakes) {
  L ledger(Head() + Spend());
  ASSERT_TRUE(ledger.Submit({L::Open(kDay1), L::Buy(kDay1, {{120 * kUnit}}), L::Return(kDay1, {{90 * kUnit}})}).ok());
  const StandingExplanation explained = ExplainAt(ledger, At("2024-01-15"));
  EXPECT_EQ(explained.state.tier.tier_id, "silver");
  EXPECT_EQ(explained.program->program().program_id(), "test");
  EXPECT_FALSE(explained.locked);
  ASSERT_TRUE(explained.next_review.has_value());
  EXPECT_EQ(explained.next_review->due, At("2024-02-01"));
  ASSERT_TRUE(explained.keep.has_value());
  EXPECT_EQ(explained.keep->tier_id, "silver");
  EXPECT_FALSE(explained.keep->holds);
  EXPECT_EQ(explained.keep->decided, At("2024-02-01"));
  const ExplainedCondition& keep = OnlyCondition(*explained.keep);
  EXPECT_EQ(keep.evidence.value(), 30 * kUnit);
  EXPECT_EQ(keep.evidence.threshold(), 50 * kUnit);
  EXPECT_EQ(keep.shortfall, (Shortfall{Shortfall::Kind::kAmount, 20 * kUnit}));
  ASSERT_EQ(explained.higher.size(), 1u);
  EXPECT_EQ(explained.higher[0].tier_id, "gold");
  EXPECT_EQ(explained.higher[0].display_name, "Gold");
  EXPECT_EQ(explained.higher[0].decided, At("2024-01-15")) << "at once";
  EXPECT_EQ(OnlyCondition(explained.higher[0]).shortfall.amount, 470 * kUnit);
  EXPECT_EQ(explained.outcome, ReviewOutcome::kFalls);
  EXPECT_EQ(explained.projected_tier_id, "bronze");
  ASSERT_TRUE(explained.warning.has_value());
  EXPECT_EQ(explained.warning->tier_id, "silver");
  EXPECT_EQ(explained.warning->to_tier_id, "bronze");
  EXPECT_EQ(explained.warning->fall, At("2024-02-01"));
  EXPECT_FALSE(explained.warning->grace_start.has_value());
  EXPECT_EQ(explained.warning->missing[0].conditions[0].shortfall.amount, 20 * kUnit);
}

TEST(ExplainStanding, WarnsOfTheEndOfAGraceBeforeItBeginsAndWithinIt) {
  L ledger(Head() + Spend("  grace_days: 10\n"));
  ASSERT_TRUE(ledger.Submit({L::Open(kDay1), L::Buy(kDay1, {{120 * kUnit}})}).ok());
  const StandingExplanation before = ExplainAt(ledger, At("2024-02-15"));
  EXPECT_EQ(before.outcome, ReviewOutcome::kGraceStarts) << "the review of 1 February kept it";
  EXPECT_EQ(before.projected_tier_id, "silver");
  EXPECT_EQ(before.keep->decided, At("2024-03-11"));
  ASSERT_TRUE(before.warning.has_value());
  EXPECT_EQ(before.warning->fall, At("2024-03-11"));
  EXPECT_EQ(before.warning->grace_start, At("2024-03-01"));
  EXPECT_EQ(before.warning->to_tier_id, "bronze");

  // The review of 1 March is not recorded: time decides.
  const StandingExplanation within = ExplainAt(ledger, At("2024-03-05"));
  ASSERT_EQ(within.taken.size(), 1u);
  EXPECT_TRUE(within.taken[0].event.has_tier_grace_started());
  EXPECT_EQ(within.grace_until, At("2024-03-11"));
  EXPECT_TRUE(within.next_review->ends_grace);
  EXPECT_EQ(within.keep->decided, At("2024-03-11"));
  EXPECT_EQ(OnlyCondition(*within.keep).shortfall.amount, 50 * kUnit);
  EXPECT_EQ(OnlyCondition(*within.keep).evidence.window_start().seconds(), At("2024-02-01") / kMicrosPerSecond);
  EXPECT_EQ(within.outcome, ReviewOutcome::kFalls);
  EXPECT_FALSE(within.warning->grace_start.has_value());

  const StandingExplanation after = ExplainAt(ledger, At("2024-03-12"));
  EXPECT_EQ(after.state.tier.tier_id, "bronze");
  EXPECT_EQ(after.taken.size(), 2u);
  EXPECT_EQ(after.outcome, ReviewOutcome::kKept) << "the lowest tier asks for nothing";
  EXPECT_FALSE(after.warning.has_value());
}

TEST(ExplainStanding, OfALockNamesItsEndAndTheFirstReviewAfterIt) {
  L ledger(Head() + Spend());
  ASSERT_TRUE(ledger.Submit({L::Open(kDay1), Lock(kDay1, "silver", At("2024-03-15"))}).ok());
  const StandingExplanation explained = ExplainAt(ledger, At("2024-01-15"));
  EXPECT_TRUE(explained.locked);
  EXPECT_EQ(explained.next_review->due, At("2024-04-01"));
  EXPECT_EQ(explained.higher[0].decided, At("2024-03-15")) << "not before the lock ends";
  EXPECT_EQ(explained.outcome, ReviewOutcome::kFalls);

  L open(Head() + Spend());
  ASSERT_TRUE(open.Submit({L::Open(kDay1), Lock(kDay1, "silver")}).ok());
  const StandingExplanation forever = ExplainAt(open, At("2024-01-15"));
  EXPECT_TRUE(forever.locked);
  EXPECT_FALSE(forever.next_review.has_value());
  EXPECT_FALSE(forever.keep.has_value());
  EXPECT_EQ(forever.higher[0].decided, kNever);
  EXPECT_EQ(forever.outcome, ReviewOutcome::kNoReview);
  EXPECT_EQ(forever.projected_tier_id, "");
}

TEST(ExplainStanding, OfTheLowestTierSaysThatNothingIsAskedForAndListsAllAbove) {
  L ledger(Head() + Spend());
  ASSERT_TRUE(ledger.Submit({L::Open(kDay1)}).ok());
  const StandingExplanation explained = ExplainAt(ledger, At("2024-01-15"));
  EXPECT_TRUE(explained.keep->holds);
  ASSERT_EQ(explained.keep->alternatives.size(), 1u);
  EXPECT_TRUE(explained.keep->alternatives[0].conditions.empty());
  ASSERT_EQ(explained.higher.size(), 2u);
  EXPECT_EQ(explained.higher[0].tier_id, "silver");
  EXPECT_EQ(OnlyCondition(explained.higher[0]).shortfall.amount, 100 * kUnit);
  EXPECT_EQ(explained.higher[1].tier_id, "gold");
  EXPECT_EQ(explained.sources.size(), 1u) << "both are of one value";
}

TEST(ExplainStanding, WithoutALadderHasNothingToSay) {
  L ledger(Head());
  ASSERT_TRUE(ledger.Submit({L::Open(kDay1)}).ok());
  const StandingExplanation explained = ExplainAt(ledger, At("2024-01-15"));
  EXPECT_EQ(explained.program, nullptr);
  EXPECT_FALSE(explained.next_review.has_value());
  EXPECT_TRUE(explained.higher.empty());
}

TEST(ExplainStanding, MeasuresTheReviewByTheVersionThatIsInForceThen) {
  const auto version = [](const std::string& from, const std::string& entrance) {
    return "program_id: test\ntime_zone: UTC\ncurrency_code: USD\neffective_from: " + from +
           "\ntier_ladder:\n  ladder_id: standing\n  metric: net_spend\n  window: {calendar_period: month}\n"
           "  review_period: month\n  tiers:\n  - {tier_id: bronze}\n  - {tier_id: silver, entrance: " +
           entrance + "}\n";
  };
  L ledger({ProgramOf(version("2024-01-01", "100000000"), 1), ProgramOf(version("2024-01-20", "200000000"), 2)});
  ASSERT_TRUE(ledger.Submit({L::Open(kDay1), L::Buy(kDay1, {{120 * kUnit}})}).ok());
  const StandingExplanation explained = ExplainAt(ledger, At("2024-01-15"));
  EXPECT_EQ(explained.program->program().version(), 1u);
  EXPECT_EQ(explained.next_review->program->program().version(), 2u);
  EXPECT_EQ(OnlyCondition(*explained.keep).shortfall.amount, 80 * kUnit);
  EXPECT_EQ(explained.outcome, ReviewOutcome::kFalls);
}

TEST(ExplainStanding, DoesNotWarnOfAGraceThatEndsUnderAnotherLadder) {
  const auto version = [](const std::string& from, const std::string& ladder) {
    return "program_id: test\ntime_zone: UTC\ncurrency_code: USD\neffective_from: " + from + "\n" + ladder;
  };
  const std::string other =
      "tier_ladder:\n  ladder_id: other\n  metric: net_spend\n  window: {rolling_days: 90}\n  review_period: month\n"
      "  tiers:\n  - {tier_id: one}\n  - {tier_id: two, entrance: 100000000}\n";
  L ledger(
      {ProgramOf(version("2024-01-01", Spend("  grace_days: 70\n")), 1), ProgramOf(version("2024-03-10", other), 2)});
  ASSERT_TRUE(ledger.Submit({L::Open(kDay1), L::Buy(kDay1, {{120 * kUnit}})}).ok());
  // The grace would end on 10 May; on 1 April the account begins as two, and on 1 May it falls to one.
  const StandingExplanation explained = ExplainAt(ledger, At("2024-02-15"));
  EXPECT_EQ(explained.outcome, ReviewOutcome::kGraceStarts);
  EXPECT_FALSE(explained.warning.has_value());
  const StandingExplanation later = ExplainAt(ledger, At("2024-03-15"));
  EXPECT_EQ(later.outcome, ReviewOutcome::kBegins);
  EXPECT_EQ(later.projected_tier_id, "two");
  EXPECT_FALSE(later.keep.has_value());
}

TEST(ExplainStanding, OfTheFutureIsWhatComesToBeIfNothingElseHappens) {
  L ledger(Head() + Spend());
  ASSERT_TRUE(ledger.Submit({L::Open(kDay1), L::Buy(kDay1, {{120 * kUnit}})}).ok());
  const StandingExplanation explained = ExplainAt(ledger, At("2025-06-15"));
  EXPECT_EQ(explained.state.tier.tier_id, "bronze");
  ASSERT_EQ(explained.taken.size(), 1u);
  EXPECT_EQ(explained.taken[0].due, At("2024-03-01"));
  EXPECT_EQ(explained.next_review->due, At("2025-07-01"));
}

TEST(ExplainStanding, OfThePastLeavesOutWhatOccurredLater) {
  L ledger(Head() + Spend());
  ASSERT_TRUE(ledger.Submit({L::Open(kDay1), L::Buy(At("2024-01-12"), {{120 * kUnit}})}).ok());
  EXPECT_EQ(ExplainAt(ledger, At("2024-01-12")).state.tier.tier_id, "bronze") << "the moment itself does not count";
  EXPECT_EQ(ExplainAt(ledger, At("2024-01-12") + 1).state.tier.tier_id, "silver");
}

TEST(ExplainStanding, FoldsPurchasesPaidWithPoints) {
  L ledger(Head() + Spend());
  ASSERT_TRUE(ledger.Submit({L::Open(kDay1), L::Adjust(kDay1, 100)}).ok());
  Fact paid = L::Buy(kDay1, {{30 * kUnit}}, "i1");
  paid.event.mutable_purchase_recorded()->mutable_lines(0)->set_points_paid(70);
  ASSERT_TRUE(ledger.Submit({paid}).ok());
  EXPECT_EQ(OnlyCondition(ExplainAt(ledger, At("2024-01-15")).higher[0]).shortfall.amount, 70 * kUnit);
}

TEST(ExplainStanding, LeavesWhatComparingAccountsDecidesToTheReview) {
  L ledger(Head() +
           "tier_ladder:\n  ladder_id: standing\n  review_period: quarter\n  tiers:\n  - {tier_id: low}\n"
           "  - {tier_id: key, entrance_rule: {any_of: [{all_of: [{metric: net_spend, window: {rolling_days: 90}, "
           "top_count: 5}]}, {all_of: [{metric: tenure_days, at_least: 365}]}]}}\n"
           "  - {tier_id: top, entrance_rule: {any_of: [{all_of: [{metric: net_spend, window: {rolling_days: 90}, "
           "top_count: 1}]}]}}\n");
  ASSERT_TRUE(ledger.Submit({L::Open(kDay1), L::Buy(kDay1, {{120 * kUnit}})}).ok());
  const StandingExplanation explained = ExplainAt(ledger, At("2024-01-15"));
  EXPECT_EQ(explained.outcome, ReviewOutcome::kComparison);
  EXPECT_EQ(explained.projected_tier_id, "");
  EXPECT_EQ(explained.next_review->due, At("2024-04-01"));
  ASSERT_EQ(explained.higher.size(), 2u);
  EXPECT_EQ(explained.higher[0].alternatives[0].conditions[0].shortfall.kind, Shortfall::Kind::kComparison);
  EXPECT_EQ(explained.higher[0].alternatives[0].conditions[0].evidence.value(), 120 * kUnit);
  EXPECT_EQ(explained.higher[0].alternatives[1].conditions[0].shortfall.amount, 361) << "4 days until now";
  EXPECT_EQ(explained.higher[0].decided, At("2024-01-15")) << "its tenure gives it by itself";
  EXPECT_EQ(explained.higher[1].decided, At("2024-04-01"));
}

// What the account of 400 in 2023's last quarter, 100 a month in this one, and a budget of 2,000 is short of.
Shortfall ShortfallUnder(const std::string& condition, bool holds = false) {
  L ledger(Head() + OneCondition(condition));
  EXPECT_TRUE(ledger
                  .Submit({L::Open(At("2023-10-05")), Declare(At("2023-10-05"), "budget", "2000000000"),
                           L::Buy(At("2023-11-05"), {{400 * kUnit, 4}}), L::Buy(At("2024-01-05"), {{100 * kUnit}}),
                           L::Buy(At("2024-02-05"), {{100 * kUnit}})})
                  .ok());
  const StandingExplanation explained = ExplainAt(ledger, At("2024-02-15"));
  // The same rule keeps the tier, if the review of 1 January gave it.
  const ExplainedRule& rule = explained.higher.empty() ? *explained.keep : explained.higher[0];
  EXPECT_EQ(rule.decided, At("2024-04-01"));
  EXPECT_EQ(OnlyCondition(rule).evidence.holds(), holds);
  return OnlyCondition(rule).shortfall;
}

Shortfall Amount(int64_t amount) { return {Shortfall::Kind::kAmount, amount}; }

TEST(Missing, IsInTheUnitOfTheMetricAndMeasuredAtTheReview) {
  const std::string quarter = ", window: {calendar_period: quarter}, ";
  EXPECT_EQ(ShortfallUnder("metric: gross_units" + quarter + "at_least: 5"), Amount(3));
  EXPECT_EQ(ShortfallUnder("metric: purchase_count" + quarter + "at_least: 5"), Amount(3));
  EXPECT_EQ(ShortfallUnder("metric: net_spend" + quarter + "at_least: 200000000", true), Amount(0));
  EXPECT_EQ(ShortfallUnder("metric: net_spend" + quarter + "at_least: 200000001"), Amount(1));
  EXPECT_EQ(ShortfallUnder("metric: tenure_days, at_least: 180"), Amount(2)) << "178 days at the end of 31 March";
  EXPECT_EQ(ShortfallUnder("metric: days_since_last_purchase, at_most: 30"), Amount(25)) << "55 days by then";
}

TEST(Missing, UnderAtMostIsByHowMuchTheValueIsTooHigh) {
  EXPECT_EQ(ShortfallUnder("metric: net_spend, window: {calendar_period: quarter}, at_most: 150000000"),
            Amount(50 * kUnit));
}

TEST(Missing, OfAGrowthIsWhatHasToBeBoughtMore) {
  const std::string growth = "metric: net_spend, window: {calendar_period: quarter}, growth: true, ";
  EXPECT_EQ(ShortfallUnder(growth + "at_least: 200"), Amount(280 * kUnit)) << "480 against 400";
  EXPECT_EQ(ShortfallUnder(growth + "at_least: -400"), Amount(40 * kUnit)) << "240";
  EXPECT_EQ(ShortfallUnder(growth + "at_most: -600"), Amount(200 * kUnit - (160 * kUnit + 399'999)))
      << "400 * (1 - 0.599), and a micro less";
  EXPECT_EQ(ShortfallUnder("metric: net_spend, window: {calendar_period: month}, growth: true, at_least: 0").kind,
            Shortfall::Kind::kAmount)
      << "March against the 100 of February";
}

TEST(Missing, OfAGrowthFromNothingIsNotKnown) {
  EXPECT_EQ(ShortfallUnder("metric: gross_profit, window: {rolling_days: 20}, growth: true, at_least: 0").kind,
            Shortfall::Kind::kNotMeasured);
}

TEST(Missing, OfAShareOfWalletIsSpend) {
  const std::string share = "metric: wallet_share_milli, window: {calendar_period: quarter}, ";
  EXPECT_EQ(ShortfallUnder(share + "fact_key: budget, at_least: 250"), Amount(300 * kUnit)) << "500 of 2,000";
  EXPECT_EQ(ShortfallUnder(share + "fact_key: budget, at_most: 99"), Amount(1)) << "199.999999 is 99 thousandths";
  EXPECT_EQ(ShortfallUnder(share + "fact_key: unknown, at_least: 1").kind, Shortfall::Kind::kNotMeasured);
}

TEST(Missing, OfAFactIsTheDifferenceAndUnknownWithoutOne) {
  EXPECT_EQ(ShortfallUnder("metric: fact, fact_key: budget, at_least: 2000000007"), Amount(7));
  EXPECT_EQ(ShortfallUnder("metric: fact, fact_key: score, at_least: 1").kind, Shortfall::Kind::kNotMeasured);
}

TEST(Missing, InEachOfSeveralPeriodsIsSaidWhereOneDecides) {
  const auto months = [](int number, const std::string& cut) {
    return ShortfallUnder(
        "metric: net_spend, window: {calendar_period: month}, in_each_of_last: " + std::to_string(number) + ", " + cut);
  };
  EXPECT_EQ(months(3, "at_least: 100000000"), Amount(100 * kUnit)) << "March is missing";
  EXPECT_EQ(months(3, "at_least: 120000000").kind, Shortfall::Kind::kPastPeriod) << "January is over";
  EXPECT_EQ(months(2, "at_least: 120000000").kind, Shortfall::Kind::kSeveralPeriods) << "February and March";
}

TEST(Contributions, ListTheRecordsBehindAValueTheLargestFirst) {
  L ledger(Head() + Spend());
  ASSERT_TRUE(
      ledger
          .Submit({L::Open(kDay1), L::Buy(At("2023-12-31"), {{7 * kUnit}}), L::Buy(kDay1, {{20 * kUnit}}),
                   L::Buy(kDay1, {{60 * kUnit}, {10 * kUnit}}, "i1"), L::Buy(kDay1, {{50 * kUnit}}, "", "", "EUR"),
                   L::Buy(kDay1, {{0}}), L::Return(At("2024-01-12"), {{60 * kUnit, 1, "", 1}}, "i1"),
                   L::Buy(At("2024-01-20"), {{5 * kUnit}})})
          .ok());
  const StandingExplanation explained = ExplainAt(ledger, At("2024-01-15"));
  ASSERT_EQ(explained.sources.size(), 1u);
  const Contributions found = ContributionsTo(ledger, explained)[0];
  EXPECT_EQ(found.total, 3);
  ASSERT_EQ(found.largest.size(), 3u);
  EXPECT_EQ(found.largest[0].amount, 70 * kUnit);
  EXPECT_EQ(found.largest[0].kind, events::v1::EVENT_KIND_PURCHASE_RECORDED);
  EXPECT_EQ(found.largest[1].amount, -60 * kUnit);
  EXPECT_EQ(found.largest[1].kind, events::v1::EVENT_KIND_PURCHASE_RETURNED);
  EXPECT_EQ(found.largest[1].occurred, At("2024-01-12"));
  EXPECT_EQ(found.largest[2].amount, 20 * kUnit);
  EXPECT_EQ(found.largest[2].event_id, "0-" + std::to_string(found.largest[2].revision));
}

TEST(Contributions, AreCountedBeyondTheMostThatIsListed) {
  L ledger(Head() + Spend());
  ASSERT_TRUE(ledger.Submit({L::Open(kDay1)}).ok());
  for (int i = 1; i <= 101; ++i) ASSERT_TRUE(ledger.Submit({L::Buy(kDay1, {{i}})}).ok());
  const StandingExplanation explained = ExplainAt(ledger, At("2024-01-15"));
  for (const size_t most : {100u, 101u, 102u}) {
    const Contributions found = ContributionsTo(ledger, explained, most)[0];
    EXPECT_EQ(found.total, 101);
    EXPECT_EQ(found.largest.size(), std::min<size_t>(most, 101));
    EXPECT_EQ(found.largest.front().amount, 101);
    EXPECT_EQ(found.largest.back().amount, most == 100 ? 2 : 1);
  }
}

TEST(Contributions, OfDaysAndFactsAreTheRecordThatSaysSo) {
  L ledger(Head() + OneCondition("metric: tenure_days, at_least: 900}, {metric: days_since_last_purchase, at_most: 3}, "
                                 "{metric: fact, fact_key: score, at_least: 9"));
  ASSERT_TRUE(ledger
                  .Submit({L::Open(kDay1), L::Buy(At("2024-01-12"), {{kUnit}}), L::Buy(At("2024-01-11"), {{kUnit}}),
                           Declare(kDay1, "score", "3"), Declare(kDay1, "score", "4")})
                  .ok());
  const StandingExplanation explained = ExplainAt(ledger, At("2024-01-15"));
  const std::vector<Contributions> found = ContributionsTo(ledger, explained);
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].largest[0].kind, events::v1::EVENT_KIND_ACCOUNT_OPENED);
  EXPECT_EQ(found[1].largest[0].occurred, At("2024-01-12"));
  EXPECT_EQ(found[1].total, 1);
  EXPECT_EQ(found[2].largest[0].amount, 4);
  Fact removed{{}, kDay1};
  removed.event.mutable_account_facts_updated()->add_removed_keys("score");
  ASSERT_TRUE(ledger.Submit({removed}).ok());
  EXPECT_EQ(ContributionsTo(ledger, explained)[2].total, 0);
}

// Random histories of one account under one program.
class History {
 public:
  History(const std::string& program, uint32_t seed) : ledger_(Head("Europe/Berlin") + program), random_(seed) {
    now_ = At("2023-01-10") + Draw(0, 400) * kMicrosPerDay;
    EXPECT_TRUE(ledger_.Submit({L::Open(now_)}).ok());
  }

  int64_t Draw(int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random_); }

  // Some time passes and something happens; what is refused does not.
  void Step() {
    now_ += Draw(1, 25 * 24) * 3600 * kMicrosPerSecond;
    const Micros at = Draw(0, 4) == 0 ? now_ - Draw(0, 40) * kMicrosPerDay : now_;
    switch (Draw(0, 9)) {
      case 0:
        return Submit(L::Return(at, {{Draw(1, 90) * kUnit}}));
      case 1:
        return Submit(Declare(now_, Draw(0, 1) == 0 ? "score" : "budget", std::to_string(Draw(0, 900) * kUnit)));
      case 2:
        if (Draw(0, 4) == 0) Submit(Lock(now_, "silver", now_ + Draw(1, 60) * kMicrosPerDay));
        return;
      case 3:
        ledger_.AdvanceTo(now_);
        return;
      default:
        return Submit(L::Buy(at, {{Draw(0, 220) * kUnit + Draw(0, 999'999), Draw(1, 5)}}));
    }
  }

  const L& ledger() const { return ledger_; }
  Micros now() const { return now_; }

 private:
  void Submit(Fact fact) { (void)ledger_.Submit({std::move(fact)}); }

  L ledger_;
  std::mt19937 random_;
  Micros now_ = 0;
};

// Ladders by net spend alone.
std::vector<std::string> SpendLadders() {
  return {Spend(),
          Spend("  downgrade: one_step\n"),
          Spend("  grace_days: 10\n"),
          Spend("  grace_days: 45\n  downgrade: one_step\n", "{rolling_days: 60}", "review_tier_months: 2"),
          Spend("", "{membership_year: true}", "review_membership_year: true"),
          Spend("  upgrade: at_review\n", "{calendar_period: quarter}", "review_period: quarter"),
          Spend("  upgrade: at_review\n  grace_days: 20\n", "{rolling_days: 30}", "review_date: {month: 2, day: 29}"),
          Spend("", "{lifetime: true}", "review_period: year")};
}

std::vector<std::string> RuleLadders() {
  const auto ladder = [](const std::string& silver, const std::string& gold) {
    return "tier_ladder:\n  ladder_id: standing\n  review_period: quarter\n  upgrade: at_review\n  grace_days: 15\n"
           "  tiers:\n  - {tier_id: bronze}\n  - {tier_id: silver, entrance_rule: {any_of: [" +
           silver + "]}}\n  - {tier_id: gold, entrance_rule: {any_of: [" + gold + "]}}\n";
  };
  return {
      ladder("{all_of: [{metric: tenure_days, at_least: 200}, {metric: days_since_last_purchase, at_most: 40}]}",
             "{all_of: [{metric: fact, fact_key: score, at_least: 400000000}]}, "
             "{all_of: [{metric: wallet_share_milli, fact_key: budget, window: {rolling_days: 90}, at_least: 300}]}"),
      ladder("{all_of: [{metric: net_spend, window: {calendar_period: quarter}, growth: true, at_least: 0}]}",
             "{all_of: [{metric: net_spend, window: {calendar_period: month}, in_each_of_last: 3, "
             "at_least: 20000000}]}, {all_of: [{metric: net_units, window: {rolling_days: 60}, at_least: 12}]}")};
}

// The tier when the ledger gets there without a further event, or after a purchase.
std::string TierAt(L ledger, Micros moment) {
  ledger.AdvanceTo(moment);
  return ledger.state().tier.tier_id;
}
std::string TierAfterBuying(L ledger, Micros at, int64_t micros, Micros moment) {
  EXPECT_TRUE(ledger.Submit({L::Buy(at, {{micros}})}).ok());
  return TierAt(std::move(ledger), moment);
}

// The projection and the warning against what the engine decides.
void CheckProjection(const L& ledger, const StandingExplanation& explained) {
  EXPECT_EQ(explained.state.tier.tier_id, TierAt(ledger, explained.as_of - 1));
  if (!explained.next_review.has_value()) return;
  const Micros due = explained.next_review->due;
  EXPECT_EQ(TierAt(ledger, due), explained.projected_tier_id) << "as of " << FormatMicros(explained.as_of);
  EXPECT_EQ(TierAt(ledger, due - 1), explained.state.tier.tier_id) << "nothing is decided before the next review";
  const std::string& held = explained.state.tier.tier_id;
  const Micros last = explained.keep.has_value() ? explained.keep->decided : due;
  const bool falls = RankOf(TierAt(ledger, last)) < RankOf(held);
  ASSERT_EQ(explained.warning.has_value(), falls) << "as of " << FormatMicros(explained.as_of);
  if (!falls) return;
  EXPECT_EQ(explained.warning->tier_id, held);
  EXPECT_EQ(TierAt(ledger, explained.warning->fall), explained.warning->to_tier_id);
  EXPECT_EQ(TierAt(ledger, explained.warning->fall - 1), held);
}

TEST(ExplainStandingProperty, ProjectsWhatTheEngineDecidesAtTheNextReview) {
  std::vector<std::string> programs = SpendLadders();
  for (const std::string& program : RuleLadders()) programs.push_back(program);
  int warnings = 0;
  int outcomes[7] = {};
  for (const std::string& program : programs) {
    for (uint32_t seed = 0; seed < 12; ++seed) {
      History history(program, seed);
      for (int step = 0; step < 30; ++step) {
        history.Step();
        const Micros as_of = std::max(history.now(), history.ledger().state().clock) + history.Draw(1, 4'000'000'000);
        const StandingExplanation explained = ExplainAt(history.ledger(), as_of);
        CheckProjection(history.ledger(), explained);
        warnings += explained.warning.has_value() ? 1 : 0;
        outcomes[static_cast<int>(explained.outcome)] += 1;
        if (::testing::Test::HasFailure()) FAIL() << program << " seed " << seed << " step " << step;
      }
    }
  }
  EXPECT_GT(warnings, 100) << "the histories meet what is tested";
  for (const ReviewOutcome met :
       {ReviewOutcome::kKept, ReviewOutcome::kRises, ReviewOutcome::kFalls, ReviewOutcome::kGraceStarts}) {
    EXPECT_GT(outcomes[static_cast<int>(met)], 20) << static_cast<int>(met);
  }
}

TEST(ExplainStandingProperty, BuyingExactlyWhatIsMissingIsEnoughAndAMicroLessIsNot) {
  int kept = 0;
  int entered = 0;
  for (const std::string& program : SpendLadders()) {
    for (uint32_t seed = 0; seed < 12; ++seed) {
      History history(program, 100 + seed);
      for (int step = 0; step < 25; ++step) {
        history.Step();
        const L& ledger = history.ledger();
        const Micros as_of = std::max(history.now(), ledger.state().clock) + history.Draw(1, 4'000'000'000);
        const StandingExplanation explained = ExplainAt(ledger, as_of);
        if (explained.keep.has_value() && !explained.keep->holds) {
          const ExplainedCondition& condition = OnlyCondition(*explained.keep);
          const Micros at = std::max(as_of - 1, MicrosOf(condition.evidence.window_start()));
          const int64_t missing = condition.shortfall.amount;
          const int held = RankOf(explained.keep->tier_id);
          // By what is in its window now it may be a higher tier's; that one's review is another.
          if (RankOf(TierAfterBuying(ledger, at, missing, at)) > held) continue;
          EXPECT_GE(RankOf(TierAfterBuying(ledger, at, missing, explained.keep->decided)), held);
          EXPECT_LT(RankOf(TierAfterBuying(ledger, at, missing - 1, explained.keep->decided)), held);
          kept += 1;
        }
        for (const ExplainedRule& higher : explained.higher) {
          if (higher.holds || higher.decided == kNever || explained.locked) continue;
          const ExplainedCondition& condition = OnlyCondition(higher);
          const Micros moment = std::max(as_of - 1, higher.decided == as_of ? as_of - 1 : higher.decided);
          const Micros start = condition.evidence.has_window_start() ? MicrosOf(condition.evidence.window_start()) : 0;
          const Micros at = std::max(as_of - 1, start);
          const int64_t missing = condition.shortfall.amount;
          const int rank = RankOf(higher.tier_id);
          EXPECT_GE(RankOf(TierAfterBuying(ledger, at, missing, moment)), rank);
          EXPECT_LT(RankOf(TierAfterBuying(ledger, at, missing - 1, moment)), rank);
          entered += 1;
        }
        if (::testing::Test::HasFailure()) FAIL() << program << " seed " << seed << " step " << step;
      }
    }
  }
  EXPECT_GT(kept, 100);
  EXPECT_GT(entered, 1000);
}

TEST(ExplainStandingProperty, ContributionsSumToTheValue) {
  int values = 0;
  for (const std::string& program : SpendLadders()) {
    History history(program, 7);
    for (int step = 0; step < 40; ++step) {
      history.Step();
      const Micros as_of = std::max(history.now(), history.ledger().state().clock) + 1;
      const StandingExplanation explained = ExplainAt(history.ledger(), as_of);
      const std::vector<Contributions> found = ContributionsTo(history.ledger(), explained, 1000);
      for (const ExplainedRule& rule : explained.higher) {
        const ExplainedCondition& condition = OnlyCondition(rule);
        int64_t sum = 0;
        for (const Contribution& one : found[condition.source].largest) sum += one.amount;
        EXPECT_EQ(sum, condition.evidence.value()) << program << FormatMicros(as_of);
        values += 1;
      }
    }
  }
  EXPECT_GT(values, 100);
}

TEST(ExplainStanding, HoldsNoReviewAgainThatTheAccountHasPassed) {
  L ledger(Head() + Spend("  upgrade: at_review\n"));
  ASSERT_TRUE(ledger.Submit({L::Open(At("2024-01-10")), L::Adjust(At("2024-02-10"), 5)}).ok());
  ASSERT_TRUE(ledger.Submit({L::Buy(At("2024-01-25"), {{100 * kUnit}})}).ok()) << "an invoice that comes late";
  ASSERT_EQ(ledger.state().tier.tier_id, "bronze");
  const StandingExplanation explained = ExplainAt(ledger, At("2024-02-25"));
  EXPECT_EQ(explained.state.tier.tier_id, "bronze") << "1 February lies behind the account's clock";
  EXPECT_EQ(explained.state.clock, At("2024-02-10"));
}

}  // namespace
}  // namespace keyledger::domain
