// What a population review decides about an account, and what becomes of a verdict when the account has changed.
#include "server/domain/review.h"

#include "tests/unit/domain/account_ledger.h"

namespace keyledger::domain {
namespace {

using events::v1::TierAssigned;
using L = AccountLedger;

const std::string kLadder =
    "tier_ladder:\n"
    "  ladder_id: ranks\n"
    "  metric: net_spend\n"
    "  window: {calendar_period: year}\n"
    "  review_period: year\n"
    "  tiers:\n"
    "  - {tier_id: member}\n"
    "  - {tier_id: silver, entrance: 100000000, maintenance_rule: {any_of: [{all_of: [{top_percent_milli: 50000}]}]}}\n"
    "  - {tier_id: gold, entrance_rule: {any_of: [{all_of: [{top_count: 2}]}, {all_of: [{at_least: 900000000}]}]}}\n";

const Micros kNewYear = At("2025-01-01");

ReviewRules Rules() {
  auto program = ProgramOf(Head() + kLadder);
  return ReviewRules(program, std::make_shared<const ProgramSet>(std::vector{program}), kNewYear);
}

// The cuts of the ladder as they fall when "b" with 300.00 is the last of two, and "d" the last of the half.
events::v1::ReviewStarted Started() {
  events::v1::ReviewStarted started;
  started.set_review_id("review-1");
  const auto add = [&](int64_t value, const std::string& id) {
    events::v1::PopulationCut& cut = *started.add_cuts();
    cut.set_members(2);
    cut.set_last_value(value);
    SetTimestamp(cut.mutable_last_open_time(), At("2024-03-01"));
    cut.set_last_account_id(id);
  };
  // In the order of the tiers: what keeps silver, then what enters gold.
  add(50 * kUnit, "d");
  add(300 * kUnit, "b");
  return started;
}

AccountState Bought(int64_t units, Micros opened = At("2024-03-01")) {
  L ledger(Head() + kLadder);
  EXPECT_TRUE(ledger.Submit({L::Open(opened), L::Buy(At("2024-06-01"), {{units * kUnit}})}).ok());
  return ledger.state();
}

std::string TierGiven(AccountState state, const std::string& id) {
  const ReviewRules rules = Rules();
  const ReviewSubject subject = rules.Judge(std::move(state));
  EXPECT_TRUE(subject.is_governed);
  const auto verdict = rules.Decide(subject, id, Started());
  return verdict.has_value() ? verdict->assigned.tier_id() : "keeps";
}

TEST(Review, GivesTheTierWhoseCutReachesTheAccountAndNotTheNext) {
  EXPECT_EQ(TierGiven(Bought(301), "z"), "gold");
  EXPECT_EQ(TierGiven(Bought(300), "a"), "gold") << "as much, opened at the same time, a smaller id than the last";
  EXPECT_EQ(TierGiven(Bought(300), "b"), "gold") << "the last member";
  EXPECT_EQ(TierGiven(Bought(300), "c"), "keeps") << "the first that is none";
  EXPECT_EQ(TierGiven(Bought(300, At("2024-02-01")), "c"), "gold") << "as much, but opened earlier";
  EXPECT_EQ(TierGiven(Bought(299), "a"), "keeps");
}

TEST(Review, LowersWhoIsNoLongerWithinTheCutThatKeepsTheTier) {
  AccountState state = Bought(40);
  state.tier = {"ranks", "gold", At("2024-01-01"), 0, kNever};
  EXPECT_EQ(TierGiven(state, "x"), "member") << "the half ends at 50";
  state = Bought(60);
  state.tier = {"ranks", "gold", At("2024-01-01"), 0, kNever};
  EXPECT_EQ(TierGiven(state, "x"), "silver");
}

TEST(Review, CarriesTheCutAsEvidence) {
  const ReviewRules rules = Rules();
  const auto verdict = rules.Decide(rules.Judge(Bought(301)), "z", Started());
  ASSERT_TRUE(verdict.has_value());
  EXPECT_EQ(verdict->assigned.reason(), events::v1::TIER_ASSIGNMENT_REASON_POPULATION_REVIEW);
  EXPECT_EQ(verdict->assigned.review_id(), "review-1");
  ASSERT_EQ(verdict->assigned.met_size(), 1);
  EXPECT_EQ(verdict->assigned.met(0).comparison(), events::v1::COMPARISON_AMONG_FIRST);
  EXPECT_EQ(verdict->assigned.met(0).value(), 301 * kUnit);
  EXPECT_EQ(verdict->assigned.met(0).threshold(), 300 * kUnit);
}

TEST(Review, CountsOpenAccountsThatBoughtSomething) {
  const ReviewRules rules = Rules();
  EXPECT_TRUE(rules.Judge(Bought(1)).is_in_population);
  L prospect(Head() + kLadder);
  ASSERT_TRUE(prospect.Submit({L::Open(At("2024-03-01"))}).ok());
  EXPECT_TRUE(rules.Judge(prospect.state()).is_governed);
  EXPECT_FALSE(rules.Judge(prospect.state()).is_in_population);
  L closed(Head() + kLadder);
  ASSERT_TRUE(
      closed.Submit({L::Open(At("2024-03-01")), L::Buy(At("2024-06-01"), {{kUnit}}), L::Close(At("2024-07-01"))}).ok());
  EXPECT_FALSE(rules.Judge(closed.state()).is_governed);
}

TEST(Review, DecidesRelativeCutsOnlyAndNeverAtAnEvent) {
  L ledger(Head() + kLadder);
  ASSERT_TRUE(ledger.Submit({L::Open(At("2024-03-01")), L::Buy(At("2024-06-01"), {{800 * kUnit}})}).ok());
  EXPECT_EQ(ledger.state().tier.tier_id, "silver") << "the absolute entrance holds at once, top_count does not";
  ASSERT_TRUE(ledger.Submit({L::Buy(At("2024-06-02"), {{100 * kUnit}})}).ok());
  EXPECT_EQ(ledger.state().tier.tier_id, "gold") << "the alternative that is absolute";
  // No account of such a ladder is reviewed by itself.
  EXPECT_TRUE(ledger.AdvanceTo(At("2027-06-01")).empty());
}

TEST(MeasuredFold, OfAPurchasePaidWithPointsHoldsTheGoodsAndNoLots) {
  L ledger(Head() +
           "accrual_rules:\n  - rule_id: base\n    per_money: {points: 1, per_micros: 1000000}\n    expiry: "
           "{after_months: 12}\n" +
           kLadder);
  ASSERT_TRUE(ledger.Submit({L::Open(At("2024-03-01")), L::Buy(At("2024-06-01"), {{100 * kUnit}})}).ok());
  Fact paid = L::Buy(At("2024-06-02"), {{20 * kUnit}}, "i1");
  paid.event.mutable_purchase_recorded()->mutable_lines(0)->set_points_paid(30);
  ASSERT_TRUE(ledger.Submit({paid, L::Return(At("2024-06-03"), {{5 * kUnit, 1, "", 1}}, "i1")}).ok());
  ASSERT_TRUE(ledger.Submit({L::Buy(At("2025-01-01"), {{kUnit}}), L::Close(At("2025-01-02"))}).ok());
  AccountState state;
  events::v1::EventRecord record;
  for (size_t i = 0; i < ledger.log().size(); ++i) {
    record.set_revision(i);
    SetTimestamp(record.mutable_occurred_time(), ledger.log()[i].occurred);
    *record.mutable_event() = ledger.log()[i].event;
    const absl::Status folded = FoldMeasured(state, record, kNewYear);
    ASSERT_TRUE(folded.ok()) << folded;
  }
  EXPECT_EQ(state.lifecycle, Lifecycle::kOpen) << "it closed later";
  EXPECT_EQ(state.purchase_count, 2);
  EXPECT_EQ(state.last_purchase, At("2024-06-02"));
  EXPECT_EQ(state.metrics.at("USD").bought_ever.micros, 120 * kUnit);
  EXPECT_EQ(state.metrics.at("USD").returned_ever.micros, 5 * kUnit);
  EXPECT_TRUE(state.lots.empty());
  EXPECT_EQ(state.tier.tier_id, "");
}

TEST(MeasuredFold, OfAnInvoiceFromBeforeTheOpeningIsNothingUntilTheAccountIsOpen) {
  AccountState state;
  events::v1::EventRecord record;
  SetTimestamp(record.mutable_occurred_time(), At("2024-03-01"));
  record.mutable_event()->mutable_account_opened();
  ASSERT_TRUE(FoldMeasured(state, record, At("2024-03-01")).ok());
  record.set_revision(1);
  SetTimestamp(record.mutable_occurred_time(), At("2024-02-01"));
  *record.mutable_event() = L::Buy(0, {{kUnit}}).event;
  ASSERT_TRUE(FoldMeasured(state, record, At("2024-03-01")).ok());
  EXPECT_EQ(state.lifecycle, Lifecycle::kNone);
}

ReviewVerdict VerdictFor(const std::string& held, const std::string& given) {
  ReviewVerdict verdict;
  verdict.review_id = "review-1";
  verdict.program = ProgramOf(Head() + kLadder);
  verdict.as_of = kNewYear;
  verdict.held_ladder_id = held.empty() ? "" : "ranks";
  verdict.held_tier_id = held;
  verdict.assigned.set_ladder_id("ranks");
  verdict.assigned.set_tier_id(given);
  verdict.assigned.set_previous_tier_id(held);
  verdict.assigned.set_reason(events::v1::TIER_ASSIGNMENT_REASON_POPULATION_REVIEW);
  verdict.assigned.set_review_id("review-1");
  return verdict;
}

AppliedVerdict Applied(const L& ledger, const ReviewVerdict& verdict) {
  auto applied = ApplyVerdict(ledger.state(), verdict, ledger.programs());
  EXPECT_TRUE(applied.ok()) << applied.status();
  return *std::move(applied);
}

TEST(ReviewVerdict, IsRecordedAtTheMomentReviewed) {
  L ledger(Head() + kLadder);
  ASSERT_TRUE(ledger.Submit({L::Open(At("2024-03-01")), L::Buy(At("2024-06-01"), {{kUnit}})}).ok());
  const AppliedVerdict applied = Applied(ledger, VerdictFor("member", "gold"));
  EXPECT_EQ(applied.effect, ReviewEffect::kRaised);
  ASSERT_EQ(applied.outcome.events.size(), 1u);
  EXPECT_EQ(applied.outcome.events[0].occurred, kNewYear);
  EXPECT_TRUE(applied.outcome.events[0].is_decision);
  EXPECT_EQ(applied.outcome.events[0].program_id, "test");
  EXPECT_EQ(applied.outcome.state.tier.tier_id, "gold");
  EXPECT_EQ(applied.outcome.state.tier.since, kNewYear);
}

TEST(ReviewVerdict, IsRecordedAtTheAccountsClockWhereThatIsLater) {
  L ledger(Head() + kLadder);
  ASSERT_TRUE(ledger.Submit({L::Open(At("2024-03-01")), L::Buy(At("2025-02-01"), {{kUnit}})}).ok());
  const AppliedVerdict applied = Applied(ledger, VerdictFor("member", "gold"));
  ASSERT_EQ(applied.outcome.events.size(), 1u);
  EXPECT_EQ(applied.outcome.events[0].occurred, At("2025-02-01"));
}

TEST(ReviewVerdict, LeavesAClosedAccountAlone) {
  L ledger(Head() + kLadder);
  ASSERT_TRUE(ledger.Submit({L::Open(At("2024-03-01")), L::Close(At("2025-01-02"))}).ok());
  const AppliedVerdict applied = Applied(ledger, VerdictFor("member", "gold"));
  EXPECT_EQ(applied.effect, ReviewEffect::kOvertaken);
  EXPECT_TRUE(applied.outcome.events.empty());
}

TEST(ReviewVerdict, YieldsToALock) {
  L ledger(Head() + kLadder);
  Fact lock{{}, At("2024-12-30")};
  lock.event.mutable_tier_locked()->set_ladder_id("ranks");
  lock.event.mutable_tier_locked()->set_tier_id("silver");
  lock.event.mutable_tier_locked()->set_reason("contract");
  ASSERT_TRUE(ledger.Submit({L::Open(At("2024-03-01")), lock}).ok());
  const AppliedVerdict applied = Applied(ledger, VerdictFor("silver", "member"));
  EXPECT_EQ(applied.effect, ReviewEffect::kLocked);
  EXPECT_TRUE(applied.outcome.events.empty());
}

TEST(ReviewVerdict, DoesNotTakeAwayWhatAnEventGaveMeanwhile) {
  L ledger(Head() + kLadder);
  ASSERT_TRUE(ledger.Submit({L::Open(At("2024-03-01")), L::Buy(At("2025-01-02"), {{900 * kUnit}})}).ok());
  ASSERT_EQ(ledger.state().tier.tier_id, "gold");
  const AppliedVerdict applied = Applied(ledger, VerdictFor("member", "silver"));
  EXPECT_EQ(applied.effect, ReviewEffect::kOvertaken);
  EXPECT_TRUE(applied.outcome.events.empty());
}

TEST(ReviewVerdict, StillRaisesAnAccountThatRoseMeanwhileToLess) {
  L ledger(Head() + kLadder);
  ASSERT_TRUE(ledger.Submit({L::Open(At("2024-03-01")), L::Buy(At("2025-01-02"), {{100 * kUnit}})}).ok());
  ASSERT_EQ(ledger.state().tier.tier_id, "silver");
  const AppliedVerdict applied = Applied(ledger, VerdictFor("member", "gold"));
  EXPECT_EQ(applied.effect, ReviewEffect::kRaised);
  ASSERT_EQ(applied.outcome.events.size(), 1u);
  EXPECT_EQ(applied.outcome.events[0].event.tier_assigned().previous_tier_id(), "silver");
}

// The ladder under another id from October 2024 on, with tiers of the same ids.
std::string Renamed() {
  std::string yaml = Head() + kLadder;
  yaml.replace(yaml.find("2000-01-01"), 10, "2024-10-01");
  yaml.replace(yaml.find("ladder_id: ranks"), 16, "ladder_id: ranks2");
  return yaml;
}

// An account that holds gold of the old ladder, and the verdict of the new one.
AppliedVerdict AppliedToGoldOfTheOldLadder(const std::string& given) {
  const auto renamed = ProgramOf(Renamed(), 2);
  L ledger({ProgramOf(Head() + kLadder), renamed});
  EXPECT_TRUE(ledger.Submit({L::Open(At("2024-03-01")), L::Buy(At("2024-06-01"), {{900 * kUnit}})}).ok());
  EXPECT_EQ(ledger.state().tier.ladder_id, "ranks");
  EXPECT_EQ(ledger.state().tier.tier_id, "gold");
  ReviewVerdict verdict = VerdictFor("gold", given);
  verdict.program = renamed;
  verdict.assigned.set_ladder_id("ranks2");
  return Applied(ledger, verdict);
}

TEST(ReviewVerdict, GivesTheTierOfTheSameNameOnAnotherLadder) {
  const AppliedVerdict applied = AppliedToGoldOfTheOldLadder("gold");
  EXPECT_EQ(applied.effect, ReviewEffect::kBegun);
  ASSERT_EQ(applied.outcome.events.size(), 1u);
  EXPECT_EQ(applied.outcome.state.tier.ladder_id, "ranks2");
  EXPECT_EQ(applied.outcome.state.tier.tier_id, "gold");
  EXPECT_EQ(AppliedToGoldOfTheOldLadder("silver").effect, ReviewEffect::kLowered);
}

TEST(ReviewVerdict, IsNotOvertakenByATierOfAnotherLadder) {
  const auto renamed = ProgramOf(Renamed(), 2);
  L ledger({ProgramOf(Head() + kLadder), renamed});
  // A late invoice of the old ladder's time moved it there after the cursor.
  ASSERT_TRUE(ledger.Submit({L::Open(At("2024-03-01")), L::Buy(At("2024-06-01"), {{900 * kUnit}})}).ok());
  ReviewVerdict verdict = VerdictFor("member", "silver");
  verdict.program = renamed;
  verdict.assigned.set_ladder_id("ranks2");
  const AppliedVerdict applied = Applied(ledger, verdict);
  ASSERT_EQ(applied.outcome.events.size(), 1u);
  EXPECT_EQ(applied.outcome.state.tier.ladder_id, "ranks2");
  EXPECT_EQ(applied.outcome.state.tier.tier_id, "silver");
}

TEST(ReviewVerdict, OfTheLowestTierForWhoHeldNoneOfTheLadderIsNoRise) {
  const auto program = ProgramOf(Head() + kLadder);
  const auto effect = [&](const std::string& before, const std::string& given) {
    TierAssigned assigned;
    assigned.set_previous_tier_id(before);
    assigned.set_tier_id(given);
    return EffectOf(assigned, *program);
  };
  EXPECT_EQ(effect("", "member"), ReviewEffect::kBegun);
  EXPECT_EQ(effect("elsewhere", "member"), ReviewEffect::kBegun);
  EXPECT_EQ(effect("elsewhere", "silver"), ReviewEffect::kRaised);
  EXPECT_EQ(effect("member", "silver"), ReviewEffect::kRaised);
  EXPECT_EQ(effect("gold", "silver"), ReviewEffect::kLowered);
}

TEST(ReviewPreview, ComesToWhatApplyingComesTo) {
  L ledger(Head() + kLadder);
  Fact lock{{}, At("2024-12-30")};
  lock.event.mutable_tier_locked()->set_ladder_id("ranks");
  lock.event.mutable_tier_locked()->set_tier_id("silver");
  lock.event.mutable_tier_locked()->set_reason("contract");
  ASSERT_TRUE(ledger.Submit({L::Open(At("2024-03-01"))}).ok());
  EXPECT_EQ(*Rules().Preview(ledger.state(), VerdictFor("member", "gold")), ReviewEffect::kRaised);
  ASSERT_TRUE(ledger.Submit({lock}).ok());
  EXPECT_EQ(*Rules().Preview(ledger.state(), VerdictFor("silver", "gold")), ReviewEffect::kLocked);
  ASSERT_TRUE(ledger.Submit({L::Close(At("2025-01-02"))}).ok());
  EXPECT_EQ(*Rules().Preview(ledger.state(), VerdictFor("silver", "gold")), ReviewEffect::kOvertaken);
}

TEST(ReviewPreview, TriesAVersionThatIsNotInForceAsIfItWere) {
  const auto tried = ProgramOf(Head() + kLadder, 2);
  const auto in_force = ProgramOf(Head() + kLadder);
  const ReviewRules rules(tried, std::make_shared<const ProgramSet>(std::vector{in_force}), kNewYear);
  L ledger({in_force});
  ASSERT_TRUE(ledger.Submit({L::Open(At("2024-03-01"))}).ok());
  ReviewVerdict verdict = VerdictFor("member", "gold");
  verdict.program = tried;
  EXPECT_EQ(*rules.Preview(ledger.state(), verdict), ReviewEffect::kRaised);
  ASSERT_TRUE(ledger.Submit({L::Close(At("2025-01-02"))}).ok());
  EXPECT_EQ(*rules.Preview(ledger.state(), verdict), ReviewEffect::kOvertaken);
}

TEST(ReviewProgram, IsRefusedWhereReviewsAreNotAtTheSameMomentForAll) {
  std::string yaml = Head() + kLadder;
  yaml.replace(yaml.find("review_period: year"), 19, "review_tier_months: 12");
  const ParsedProgram parsed = ParseProgramYaml(yaml);
  ASSERT_FALSE(parsed.findings.empty());
  bool named = false;
  for (const ProgramFinding& finding : parsed.findings) {
    named = named || (finding.path.find("top_count") != std::string::npos &&
                      finding.message.find("review_period or review_date") != std::string::npos);
  }
  EXPECT_TRUE(named);
}

TEST(ReviewProgram, IsRefusedWithGraceDays) {
  std::string yaml = Head() + kLadder;
  yaml.replace(yaml.find("review_period: year"), 19, "review_period: year\n  grace_days: 1");
  const ParsedProgram parsed = ParseProgramYaml(yaml);
  ASSERT_EQ(parsed.findings.size(), 1u);
  EXPECT_EQ(parsed.findings[0].path, "tier_ladder.grace_days");
}

TEST(ReviewMoment, IsTheLastEndOfThePeriodOrTheLastReviewDate) {
  const auto yearly = ProgramOf(Head("Europe/Berlin") + kLadder);
  EXPECT_EQ(LastPopulationReview(*yearly, At("2025-07-01")), At("2024-12-31T23:00:00Z"));
  EXPECT_EQ(LastPopulationReview(*yearly, At("2024-12-31T23:00:00Z")), At("2024-12-31T23:00:00Z"));
  EXPECT_EQ(LastPopulationReview(*yearly, At("2024-12-31T22:59:59Z")), At("2023-12-31T23:00:00Z"));
  std::string yaml = Head() + kLadder;
  yaml.replace(yaml.find("window: {calendar_period: year}"), 31, "window: {rolling_days: 365}");
  yaml.replace(yaml.find("review_period: year"), 19, "review_date: {month: 4, day: 1}");
  const auto dated = ProgramOf(yaml);
  EXPECT_EQ(LastPopulationReview(*dated, At("2025-03-31")), At("2024-04-01"));
  EXPECT_EQ(LastPopulationReview(*dated, At("2025-04-01")), At("2025-04-01"));
  const auto absolute = ProgramOf(Head());
  EXPECT_EQ(LastPopulationReview(*absolute, At("2025-04-01")), std::nullopt);
}

}  // namespace
}  // namespace keyledger::domain
