// Lifecycles: where an account begins, and how the ends of periods move it.
#include "tests/unit/domain/account_ledger.h"

namespace keyledger::domain {
namespace {

using L = AccountLedger;

// A way to `to` if the conditions hold together.
std::string Way(const std::string& to, const std::string& conditions) {
  return "{to_stage_id: " + to + ", rule: {any_of: [{all_of: [" + conditions + "]}]}}";
}

std::string Stage(const std::string& id, const std::string& ways = "") {
  return "  - {stage_id: " + id + ", transitions: [" + ways + "]}\n";
}

std::string Lifecycle(const std::string& stages, const std::string& period = "month", const std::string& id = "life") {
  return "- ladder_id: " + id + "\n  review_period: " + period + "\n  stages:\n" + stages;
}

std::string One(const std::string& stages, const std::string& period = "month") {
  return "stage_ladders:\n" + Lifecycle(stages, period);
}

std::string Spend(const std::string& cut) {
  return "{metric: net_spend, window: {calendar_period: month}, " + cut + "}";
}

// Up with 100 a month, up again with 500, down with nothing.
const std::string kGrowing =
    One(Stage("acquire", Way("expand", Spend("at_least: 100000000"))) +
        Stage("expand", Way("retain", Spend("at_least: 500000000")) + ", " + Way("acquire", Spend("at_most: 0"))) +
        Stage("retain", Way("expand", Spend("at_most: 0"))));

const Micros kDay1 = At("2024-01-10");

std::string StageOf(const L& ledger, const std::string& ladder = "life") {
  const auto standing = ledger.state().stages.find(ladder);
  return standing == ledger.state().stages.end() ? "none" : standing->second.stage_id;
}

// "2024-02-01 a>b" of each change.
std::vector<std::string> Changes(const std::vector<DecidedEvent>& events) {
  std::vector<std::string> changes;
  for (const DecidedEvent& event : events) {
    if (!event.event.has_stage_changed()) continue;
    const auto& changed = event.event.stage_changed();
    changes.push_back(FormatMicros(event.occurred).substr(0, 10) + " " + changed.previous_stage_id() + ">" +
                      changed.stage_id());
  }
  return changes;
}

using Lines = std::vector<std::string>;

// The changes of an account opened on 2024-01-10 that did this, up to `until`.
Lines ChangesUntil(const std::string& until, const std::string& program, const std::vector<Fact>& facts) {
  L ledger(Head() + program);
  EXPECT_TRUE(ledger.Submit({L::Open(kDay1)}).ok());
  for (const Fact& fact : facts) {
    const auto events = ledger.Submit({fact});
    EXPECT_TRUE(events.ok()) << events.status();
  }
  ledger.AdvanceTo(At(until));
  Lines changes = Changes(ledger.log());
  EXPECT_EQ(changes.front(), "2024-01-10 >" + changes.front().substr(12)) << "the beginning";
  changes.erase(changes.begin());
  return changes;
}

TEST(Stages, BeginWithTheFirstWhenAnAccountIsOpened) {
  L ledger(Head() + kGrowing);
  const auto events = ledger.Submit({L::Open(kDay1)});
  ASSERT_TRUE(events.ok()) << events.status();
  ASSERT_EQ(L::Kinds(*events), "account_opened stage_changed");
  const DecidedEvent& begun = (*events)[1];
  EXPECT_EQ(begun.event.stage_changed().ladder_id(), "life");
  EXPECT_EQ(begun.event.stage_changed().stage_id(), "acquire");
  EXPECT_EQ(begun.event.stage_changed().previous_stage_id(), "");
  EXPECT_EQ(begun.event.stage_changed().met_size(), 0);
  EXPECT_EQ(begun.occurred, kDay1);
  EXPECT_TRUE(begun.is_decision);
  EXPECT_EQ(begun.fact_index, 0);
  EXPECT_EQ(begun.program_id, "test");
  EXPECT_EQ(begun.program_version, 1u);
  EXPECT_EQ(ledger.state().stages.at("life"), (StageStanding{"acquire", kDay1}));
  EXPECT_EQ(L::Kinds(*ledger.Submit({L::Buy(kDay1, {{kUnit}})})), "purchase_recorded") << "only once";
}

TEST(Stages, BeginWhenTheAccountMeetsItsFirstProgramWithThem) {
  const auto program = ProgramOf("program_id: test\ntime_zone: UTC\ncurrency_code: USD\neffective_from: 2024-03-01\n" +
                                 One(Stage("a") + Stage("b")));
  L busy({program});
  ASSERT_TRUE(busy.Submit({L::Open(kDay1)}).ok());
  EXPECT_EQ(StageOf(busy), "none");
  EXPECT_EQ(L::Kinds(*busy.Submit({L::Buy(At("2024-03-10"), {{kUnit}})})), "purchase_recorded stage_changed");
  L idle({program});
  ASSERT_TRUE(idle.Submit({L::Open(kDay1)}).ok());
  EXPECT_EQ(NextDue(idle.state(), idle.programs()), At("2024-04-01")) << "the end of its first period";
  EXPECT_EQ(Changes(idle.AdvanceTo(At("2024-04-01"))), Lines{"2024-04-01 >a"});
}

TEST(Stages, AreThoseOfTheProgramOfTheAccountsRegion) {
  L ledger(Head() + "region: CN\n" + One(Stage("a") + Stage("b")));
  ASSERT_TRUE(ledger.Submit({L::Open(kDay1, "EU/DE"), L::Buy(kDay1, {{kUnit}}, "", "CN/31")}).ok());
  EXPECT_EQ(StageOf(ledger), "none");
}

TEST(Stages, ChangeAtTheEndOfThePeriodWithTheEvidence) {
  L ledger(Head() + kGrowing);
  ASSERT_TRUE(ledger.Submit({L::Open(kDay1), L::Buy(kDay1, {{100 * kUnit}})}).ok());
  EXPECT_EQ(NextDue(ledger.state(), ledger.programs()), At("2024-02-01"));
  EXPECT_TRUE(ledger.AdvanceTo(At("2024-02-01") - 1).empty());
  const auto events = ledger.AdvanceTo(At("2024-02-01"));
  ASSERT_EQ(L::Kinds(events), "stage_changed");
  EXPECT_EQ(events[0].fact_index, -1);
  EXPECT_EQ(events[0].program_version, 1u);
  const auto& changed = events[0].event.stage_changed();
  EXPECT_EQ(changed.stage_id(), "expand");
  EXPECT_EQ(changed.previous_stage_id(), "acquire");
  ASSERT_EQ(changed.met_size(), 1);
  EXPECT_EQ(changed.met(0).metric(), events::v1::METRIC_NET_SPEND);
  EXPECT_EQ(MicrosOf(changed.met(0).window_start()), At("2024-01-01"));
  EXPECT_EQ(MicrosOf(changed.met(0).window_end()), At("2024-02-01"));
  EXPECT_EQ(changed.met(0).value(), 100 * kUnit);
  EXPECT_EQ(changed.met(0).threshold(), 100 * kUnit);
  EXPECT_TRUE(changed.met(0).holds());
}

TEST(Stages, GoForwardsAndBack) {
  EXPECT_EQ(ChangesUntil("2024-07-01", kGrowing,
                         {L::Buy(kDay1, {{100 * kUnit}}), L::Buy(At("2024-02-20"), {{500 * kUnit}}),
                          L::Buy(At("2024-03-31T23:59:59Z"), {{kUnit}})}),
            (Lines{"2024-02-01 acquire>expand", "2024-03-01 expand>retain", "2024-05-01 retain>expand",
                   "2024-06-01 expand>acquire"}));
}

TEST(Stages, ChangeOncePerPeriodHoweverManyRulesHold) {
  const std::string always = "{metric: gross_spend, window: {lifetime: true}, at_least: 1}";
  EXPECT_EQ(ChangesUntil("2024-12-31", One(Stage("a", Way("b", always)) + Stage("b", Way("c", always)) + Stage("c")),
                         {L::Buy(kDay1, {{kUnit}})}),
            (Lines{"2024-02-01 a>b", "2024-03-01 b>c"}));
}

TEST(Stages, TakeTheFirstWayWhoseRuleHoldsAndNameItsAlternative) {
  const std::string units = "{metric: gross_units, window: {calendar_period: month}, at_least: ";
  L ledger(Head() + One(Stage("a", "{to_stage_id: b, rule: {any_of: [{all_of: [" + units + "9}]}, {all_of: [" + units +
                                       "5}, " + Spend("at_least: 1") + "]}]}}, " + Way("c", units + "1}")) +
                        Stage("b") + Stage("c")));
  L other = ledger;
  ASSERT_TRUE(ledger.Submit({L::Open(kDay1), L::Buy(kDay1, {{kUnit, 5}})}).ok());
  const auto first = ledger.AdvanceTo(At("2024-02-01"));
  ASSERT_EQ(Changes(first), Lines{"2024-02-01 a>b"});
  EXPECT_EQ(first[0].event.stage_changed().alternative(), 1u);
  ASSERT_EQ(first[0].event.stage_changed().met_size(), 2);
  EXPECT_EQ(first[0].event.stage_changed().met(0).value(), 5);
  ASSERT_TRUE(other.Submit({L::Open(kDay1), L::Buy(kDay1, {{kUnit, 4}})}).ok());
  EXPECT_EQ(Changes(other.AdvanceTo(At("2024-02-01"))), Lines{"2024-02-01 a>c"});
}

TEST(Stages, GoByGrowth) {
  const std::string program =
      One(Stage("a", Way("b", "{metric: net_spend, window: {calendar_period: month}, growth: true, at_least: 200}")) +
          Stage("b"));
  const auto changes = [&](int64_t february) {
    return ChangesUntil("2024-03-01", program,
                        {L::Buy(kDay1, {{100 * kUnit}}), L::Buy(At("2024-02-10"), {{february}})});
  };
  EXPECT_EQ(changes(120 * kUnit), Lines{"2024-03-01 a>b"}) << "a fifth more than in January";
  EXPECT_EQ(changes(120 * kUnit - 1), Lines{});
}

TEST(Stages, GoByTheShareOfADeclaredBudget) {
  const std::string program = One(
      Stage("build_relation",
            Way("first_unit",
                "{metric: wallet_share_milli, fact_key: budget, window: {calendar_period: quarter}, at_least: 300}")) +
          Stage("first_unit"),
      "quarter");
  const auto changes = [&](const std::string& budget, int64_t spent) {
    return ChangesUntil("2024-04-01", program, {Declare(kDay1, "budget", budget), L::Buy(At("2024-03-30"), {{spent}})});
  };
  EXPECT_EQ(changes("1000000000", 300 * kUnit), Lines{"2024-04-01 build_relation>first_unit"});
  EXPECT_EQ(changes("1000000000", 300 * kUnit - 1), Lines{});
  EXPECT_EQ(changes("about a thousand", 300 * kUnit), Lines{}) << "a budget that is not known meets no rule";
}

TEST(Stages, GoByRetentionThroughSeveralPeriods) {
  const std::string program =
      One(Stage("satisfied",
                Way("loyal",
                    "{metric: purchase_count, window: {calendar_period: month}, in_each_of_last: 3, at_least: 1}")) +
          Stage("loyal"));
  EXPECT_EQ(ChangesUntil(
                "2024-05-01", program,
                {L::Buy(kDay1, {{kUnit}}), L::Buy(At("2024-02-10"), {{kUnit}}), L::Buy(At("2024-03-10"), {{kUnit}})}),
            Lines{"2024-04-01 satisfied>loyal"});
  EXPECT_EQ(ChangesUntil(
                "2024-05-01", program,
                {L::Buy(kDay1, {{kUnit}}), L::Buy(At("2024-03-10"), {{kUnit}}), L::Buy(At("2024-04-10"), {{kUnit}})}),
            Lines{})
      << "nothing in February";
}

TEST(Stages, CountALateEventAtTheNextEndOfAPeriod) {
  L ledger(Head() + One(Stage("a", Way("b", "{metric: net_spend, window: {rolling_days: 60}, at_least: 100000000}")) +
                        Stage("b")));
  ASSERT_TRUE(ledger.Submit({L::Open(kDay1), L::Buy(At("2024-02-05"), {{kUnit}})}).ok());
  ASSERT_EQ(L::Kinds(*ledger.Submit({L::Buy(At("2024-01-20"), {{99 * kUnit}})})), "purchase_recorded");
  EXPECT_EQ(Changes(ledger.AdvanceTo(At("2024-12-01"))), Lines{"2024-03-01 a>b"}) << "the past stays as it was";
}

TEST(Stages, AreDecidedInOrderBeforeWhatComesAfter) {
  L ledger(Head() + kGrowing);
  ASSERT_TRUE(ledger.Submit({L::Open(kDay1), L::Buy(kDay1, {{100 * kUnit}})}).ok());
  const auto events = ledger.Submit({L::Buy(At("2024-06-10"), {{kUnit}})});
  ASSERT_TRUE(events.ok());
  EXPECT_EQ(L::Kinds(*events), "stage_changed stage_changed purchase_recorded");
  EXPECT_EQ(Changes(*events), (Lines{"2024-02-01 acquire>expand", "2024-03-01 expand>acquire"}));
}

TEST(Stages, BeginAgainWhereANewVersionLacksTheStage) {
  const auto version = [](const std::string& from, const std::string& stages) {
    return "program_id: test\ntime_zone: UTC\ncurrency_code: USD\neffective_from: " + from + "\n" + One(stages);
  };
  const std::string always = "{metric: gross_spend, window: {lifetime: true}, at_least: 1}";
  const std::vector<std::shared_ptr<const CompiledProgram>> programs = {
      ProgramOf(version("2024-01-01", Stage("a", Way("b", always)) + Stage("b")), 1),
      ProgramOf(version("2024-03-15", Stage("new") + Stage("b")), 2),
      ProgramOf(version("2024-06-15", Stage("new") + Stage("c")), 3)};
  L ledger(programs);
  ASSERT_TRUE(ledger.Submit({L::Open(kDay1), L::Buy(kDay1, {{kUnit}})}).ok());
  EXPECT_EQ(Changes(ledger.AdvanceTo(At("2024-12-01"))), (Lines{"2024-02-01 a>b", "2024-07-01 b>new"}))
      << "version 2 knows b";
  EXPECT_EQ(ledger.log().back().program_version, 3u);
  EXPECT_EQ(ledger.log().back().event.stage_changed().met_size(), 0);
  L busy(programs);
  ASSERT_TRUE(busy.Submit({L::Open(kDay1), L::Buy(kDay1, {{kUnit}}), L::Buy(At("2024-06-15"), {{kUnit}})}).ok());
  EXPECT_EQ(Changes(busy.log()), (Lines{"2024-01-10 >a", "2024-02-01 a>b", "2024-06-15 b>new"}));
}

TEST(Stages, ChangeWhenThePeriodEndsInTheProgramsZone) {
  const auto ends_in = [](const std::string& zone, const std::string& open, const std::string& until) {
    const std::string always = "{metric: tenure_days, at_least: 0}";
    L ledger(Head(zone) + One(Stage("a", Way("b", always)) + Stage("b", Way("a", always))));
    EXPECT_TRUE(ledger.Submit({L::Open(At(open))}).ok());
    Lines ends;
    for (const DecidedEvent& event : ledger.AdvanceTo(At(until))) ends.push_back(FormatMicros(event.occurred));
    return ends;
  };
  EXPECT_EQ(ends_in("Europe/Berlin", "2024-02-10", "2024-05-01"),
            (Lines{"2024-02-29T23:00:00Z", "2024-03-31T22:00:00Z", "2024-04-30T22:00:00Z"}))
      << "a leap year, and summer time from the last day of March on";
  EXPECT_EQ(ends_in("America/Asuncion", "2017-09-10", "2017-11-02"),
            (Lines{"2017-10-01T04:00:00Z", "2017-11-01T03:00:00Z"}))
      << "clocks skip the midnight with which October begins";
}

TEST(Stages, ComeAfterTheTierAtTheSameMomentAndAfterEachOtherInTheProgramsOrder) {
  const std::string spend = "{metric: net_spend, window: {lifetime: true}, at_least: 1}";
  L ledger(Head() +
           "tier_ladder:\n  ladder_id: standing\n  review_period: month\n  upgrade: at_review\n  tiers:\n  - {tier_id: "
           "low}\n  - {tier_id: high, entrance_rule: {any_of: [{all_of: [" +
           spend + "]}]}}\nstage_ladders:\n" +
           Lifecycle(Stage("a", Way("b", spend)) + Stage("b"), "quarter", "second") +
           Lifecycle(Stage("a", Way("b", spend)) + Stage("b"), "month", "first"));
  const auto opened = ledger.Submit({L::Open(kDay1), L::Buy(At("2024-03-10"), {{kUnit}})});
  ASSERT_TRUE(opened.ok());
  EXPECT_EQ(L::Kinds(*opened), "account_opened tier_assigned stage_changed stage_changed purchase_recorded");
  const auto events = ledger.AdvanceTo(At("2024-12-01"));
  ASSERT_EQ(L::Kinds(events), "tier_assigned stage_changed stage_changed");
  for (const DecidedEvent& event : events) EXPECT_EQ(event.occurred, At("2024-04-01"));
  EXPECT_EQ(events[1].event.stage_changed().ladder_id(), "second");
  EXPECT_EQ(events[2].event.stage_changed().ladder_id(), "first");
}

TEST(Stages, AreLeftAloneOnceNothingCanChangeThemAnyMore) {
  const auto next_due = [](const std::string& conditions, bool returned = false) {
    L ledger(Head() + One(Stage("a", Way("b", conditions)) + Stage("b")));
    EXPECT_TRUE(ledger.Submit({L::Open(kDay1), L::Buy(kDay1, {{kUnit}}, "i")}).ok());
    if (returned) {
      EXPECT_TRUE(ledger.Submit({L::Return(kDay1, {{kUnit}}, "i")}).ok());
    }
    return NextDue(ledger.state(), ledger.programs());
  };
  EXPECT_EQ(next_due(Spend("at_least: 2000000")), kNever);
  EXPECT_EQ(next_due(Spend("at_most: 0")), At("2024-03-01")) << "when January lies behind";
  EXPECT_EQ(next_due(Spend("at_most: -1")), kNever);
  EXPECT_EQ(next_due(Spend("at_most: -1"), true), kNever);
  EXPECT_EQ(next_due("{metric: days_since_last_purchase, at_least: 90}"), At("2024-05-01")) << "111 days on 30 April";
  EXPECT_EQ(next_due("{metric: days_since_last_purchase, at_least: 4000}"), At("2025-01-01"))
      << "a year is looked at in one go";
}

TEST(Stages, AreLookedAtAYearAtATimeWhereRulesNeverSettle) {
  L ledger(Head() + One(Stage("a", Way("b", "{metric: tenure_days, at_least: 1000}")) + Stage("b")));
  ASSERT_TRUE(ledger.Submit({L::Open(kDay1)}).ok());
  const auto due = [&](const std::string& looked) { return NextDue(ledger.state(), ledger.programs(), At(looked)); };
  EXPECT_EQ(due("2024-01-10"), At("2025-01-01"));
  EXPECT_EQ(due("2025-01-01"), At("2026-01-01"));
  EXPECT_EQ(due("2026-01-01"), At("2026-11-01")) << "1,000 days are over on 6 October 2026";
  EXPECT_EQ(Changes(ledger.AdvanceTo(At("2026-11-01"))), Lines{"2026-11-01 a>b"});
  EXPECT_EQ(NextDue(ledger.state(), ledger.programs()), kNever) << "b leads nowhere";
}

TEST(Stages, InACycleGoRoundOneStepAPeriodAndEndWhereTheyAreAsked) {
  const std::string always = "{metric: tenure_days, at_least: 0}";
  L ledger(Head() + One(Stage("a", Way("b", always)) + Stage("b", Way("c", always)) + Stage("c", Way("a", always))));
  ASSERT_TRUE(ledger.Submit({L::Open(kDay1)}).ok());
  EXPECT_EQ(Changes(ledger.AdvanceTo(At("2024-06-15"))),
            (Lines{"2024-02-01 a>b", "2024-03-01 b>c", "2024-04-01 c>a", "2024-05-01 a>b", "2024-06-01 b>c"}));
  EXPECT_EQ(NextDue(ledger.state(), ledger.programs()), At("2024-07-01"));
  const auto events = ledger.AdvanceTo(At("2034-06-15"));
  EXPECT_EQ(events.size(), 120u) << "ten years of months";
  EXPECT_EQ(StageOf(ledger), "c");
}

TEST(Stages, ThatGoRoundForCenturiesAreRefusedInOneGoAndDecidedInTwo) {
  const std::string always = "{metric: tenure_days, at_least: 0}";
  L ledger("program_id: test\ntime_zone: UTC\ncurrency_code: USD\neffective_from: 0500-01-01\n" +
           One(Stage("a", Way("b", always)) + Stage("b", Way("a", always))));
  ASSERT_TRUE(ledger.Submit({L::Open(At("1000-01-15"))}).ok());
  const auto refused = ledger.Submit({L::Buy(At("1833-06-01"), {{kUnit}})});
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(refused.status()), Reason::kAccountLimit);
  EXPECT_NE(MessageOf(refused.status()).find("append what occurred earlier first"), std::string::npos);
  EXPECT_FALSE(Advance(ledger.state(), At("1833-06-01"), ledger.programs()).ok());
  const auto most = ledger.Submit({L::Buy(At("1833-05-31"), {{kUnit}})});
  ASSERT_TRUE(most.ok()) << most.status();
  EXPECT_EQ(most->size(), 10'001u) << "10,000 months and the purchase";
  EXPECT_TRUE(ledger.Submit({L::Buy(At("1833-06-01"), {{kUnit}})}).ok());
}

TEST(Stages, OfAClosedAccountFollowTimeAsItsTierDoes) {
  EXPECT_EQ(ChangesUntil("2024-12-01", kGrowing,
                         {L::Buy(kDay1, {{100 * kUnit}}), L::Close(At("2024-02-20")), L::Reopen(At("2024-06-01"))}),
            (Lines{"2024-02-01 acquire>expand", "2024-03-01 expand>acquire"}));
}

TEST(Stages, AreTheSameReadFromTheLog) {
  L ledger(Head() + kGrowing);
  ASSERT_TRUE(ledger
                  .Submit({L::Open(kDay1), L::Buy(kDay1, {{100 * kUnit}}), L::Buy(At("2024-02-20"), {{500 * kUnit}}),
                           L::Buy(At("2024-08-20"), {{kUnit}})})
                  .ok());
  AccountState folded;
  for (const DecidedEvent& event : ledger.log()) ASSERT_TRUE(Evolve(folded, event.event, event.occurred).ok());
  EXPECT_EQ(folded, ledger.state());
  EXPECT_EQ(folded.stages.at("life"), (StageStanding{"acquire", At("2024-05-01")}));
}

TEST(Stages, WithoutANameDoNotFold) {
  L ledger(Head() + kGrowing);
  ASSERT_TRUE(ledger.Submit({L::Open(kDay1)}).ok());
  events::v1::Event event;
  event.mutable_stage_changed()->set_ladder_id("life");
  AccountState state = ledger.state();
  EXPECT_EQ(ReasonOf(Evolve(state, event, kDay1)), Reason::kStoreDamaged);
}

}  // namespace
}  // namespace keyledger::domain
