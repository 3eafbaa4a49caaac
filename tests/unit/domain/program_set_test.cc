// Which program governs, and what a program may not say.
#include "tests/unit/domain/account_ledger.h"

namespace keyledger::domain {
namespace {

std::shared_ptr<const CompiledProgram> Program(const std::string& id, uint32_t version, const std::string& from,
                                               const std::string& to = "", const std::string& region = "",
                                               int priority = 0) {
  programs::v1::Program program;
  program.set_program_id(id);
  program.set_version(version);
  program.set_time_zone("UTC");
  program.set_currency_code("USD");
  SetTimestamp(program.mutable_effective_from(), At(from));
  if (!to.empty()) SetTimestamp(program.mutable_effective_to(), At(to));
  program.set_region(region);
  program.set_priority(priority);
  auto compiled = CompiledProgram::Compile(program);
  EXPECT_TRUE(compiled.ok()) << compiled.status();
  return *compiled;
}

std::string Chosen(const ProgramSet& set, const std::string& at, const std::string& region = "") {
  const CompiledProgram* program = set.Select(At(at), region);
  return program == nullptr ? "none" : program->program().program_id() + std::to_string(program->program().version());
}

TEST(ProgramSelection, FindsNoneOutsideOfValidity) {
  const ProgramSet set({Program("a", 1, "2024-01-01", "2025-01-01")});
  EXPECT_EQ(Chosen(set, "2023-12-31T23:59:59.999999Z"), "none");
  EXPECT_EQ(Chosen(set, "2024-01-01"), "a1");
  EXPECT_EQ(Chosen(set, "2024-12-31T23:59:59.999999Z"), "a1");
  EXPECT_EQ(Chosen(set, "2025-01-01"), "none");
  EXPECT_EQ(Chosen(ProgramSet(), "2025-01-01"), "none");
}

TEST(ProgramSelection, TakesTheLatestVersionFromItsStartOn) {
  const ProgramSet set({Program("a", 2, "2024-06-01"), Program("a", 1, "2024-01-01")});
  EXPECT_EQ(Chosen(set, "2024-05-31"), "a1");
  EXPECT_EQ(Chosen(set, "2024-06-01"), "a2");
  EXPECT_EQ(set.Latest("a")->program().version(), 2u);
  EXPECT_EQ(set.Latest("b"), nullptr);
}

TEST(ProgramSelection, DoesNotFallBackToASupersededVersionWhenTheLatestEnds) {
  const ProgramSet set({Program("a", 1, "2024-01-01"), Program("a", 2, "2024-06-01", "2024-09-01"),
                        Program("b", 1, "2024-01-01", "", "", -1)});
  EXPECT_EQ(Chosen(set, "2024-05-31"), "a1");
  EXPECT_EQ(Chosen(set, "2024-08-31"), "a2");
  EXPECT_EQ(Chosen(set, "2024-09-01"), "b1") << "program a has ended";
}

TEST(ProgramSelection, FindsAVersionByItsNumber) {
  const ProgramSet set({Program("a", 1, "2024-01-01"), Program("a", 2, "2024-06-01")});
  EXPECT_EQ(set.Find("a", 1)->program().version(), 1u);
  EXPECT_EQ(set.Find("a", 3), nullptr);
  EXPECT_EQ(set.Find("", 0), nullptr);
}

TEST(ProgramSelection, PrefersTheMostSpecificRegionThenPriorityThenId) {
  const ProgramSet set({Program("world", 1, "2024-01-01", "", "", 9), Program("cn", 1, "2024-01-01", "", "CN"),
                        Program("sh", 1, "2024-01-01", "", "CN/31"), Program("sh_b", 1, "2024-01-01", "", "CN/31", 1),
                        Program("sh_a", 1, "2024-01-01", "", "CN/31", 1)});
  EXPECT_EQ(Chosen(set, "2024-01-01", "CN/31/Shanghai"), "sh_a1");
  EXPECT_EQ(Chosen(set, "2024-01-01", "CN/310"), "cn1");
  EXPECT_EQ(Chosen(set, "2024-01-01", "DE"), "world1");
  EXPECT_EQ(Chosen(set, "2024-01-01", ""), "world1");
}

TEST(ProgramSelection, KnowsWhenItMayChange) {
  const ProgramSet set({Program("a", 1, "2024-01-01", "2025-01-01"), Program("b", 1, "2024-06-01")});
  EXPECT_EQ(set.NextChange(At("2023-01-01")), At("2024-01-01"));
  EXPECT_EQ(set.NextChange(At("2024-01-01")), At("2024-06-01"));
  EXPECT_EQ(set.NextChange(At("2024-06-01")), At("2025-01-01"));
  EXPECT_EQ(set.NextChange(At("2025-01-01")), kNever);
}

TEST(ProgramSets, GrowByCopy) {
  const ProgramSet before({Program("b", 1, "2024-01-01")});
  const auto after = before.With(Program("a", 1, "2024-01-01"));
  EXPECT_EQ(before.programs().size(), 1u);
  ASSERT_EQ(after->programs().size(), 2u);
  EXPECT_EQ(after->programs()[0]->program().program_id(), "a");
}

TEST(ProgramCheck, ReportsEveryMistakeWithItsPath) {
  programs::v1::Program program;
  program.set_program_id("Bad Id");
  program.set_time_zone("Mars/Olympus");
  program.set_currency_code("usd");
  program.set_region("a//b");
  program.set_return_policy(static_cast<programs::v1::ReturnPolicy>(9));
  auto* rule = program.add_accrual_rules();
  rule->set_rule_id("r");
  rule->set_pending_days(3651);
  rule->mutable_expiry();
  rule->mutable_match()->add_categories("");
  rule = program.add_accrual_rules();
  rule->set_rule_id("r");
  rule->mutable_per_money()->set_points(0);
  rule->mutable_per_money()->set_per_micros(1'000'000'000'001);
  auto* ladder = program.mutable_tier_ladder();
  ladder->set_ladder_id("l");
  ladder->set_review_period(programs::v1::PERIOD_UNIT_MONTH);
  ladder->mutable_window()->set_calendar_period(programs::v1::PERIOD_UNIT_QUARTER);
  auto* tier = ladder->add_tiers();
  tier->set_tier_id("t");
  tier->set_entrance(1);
  tier->set_maintenance(2);
  tier->set_multiplier_milli(100'001);
  ladder->add_tiers()->set_entrance(1);
  const auto refused = CompiledProgram::Compile(program);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(refused.status()), Reason::kInvalidProgram);
  std::vector<std::string> paths;
  for (const auto& [path, description] : FieldsOf(refused.status())) paths.push_back(path);
  const std::vector<std::string> expected = {"program_id",
                                             "time_zone",
                                             "currency_code",
                                             "effective_from",
                                             "region",
                                             "accrual_rules[0].match.categories[0]",
                                             "accrual_rules[0]",
                                             "accrual_rules[0].pending_days",
                                             "accrual_rules[0].expiry",
                                             "accrual_rules[1].per_money.points",
                                             "accrual_rules[1].per_money.per_micros",
                                             "accrual_rules[1].rule_id",
                                             "return_policy",
                                             "tier_ladder.metric",
                                             "tier_ladder.window.calendar_period",
                                             "tier_ladder.tiers[0].multiplier_milli",
                                             "tier_ladder.tiers[0].entrance",
                                             "tier_ladder.tiers[0].maintenance",
                                             "tier_ladder.tiers[1].tier_id"};
  EXPECT_EQ(paths, expected);
}

TEST(ProgramCheck, RefusesAnEndBeforeTheBeginning) {
  programs::v1::Program program = Program("a", 1, "2024-01-01")->program();
  SetTimestamp(program.mutable_effective_to(), At("2024-01-01"));
  EXPECT_EQ(FieldsOf(CompiledProgram::Compile(program).status())[0].first, "effective_to");
}

TEST(ProgramCheck, HoldsItsLimits) {
  programs::v1::Program program = Program("a", 1, "2024-01-01")->program();
  const auto ok = [&] { return CompiledProgram::Compile(program).ok(); };
  for (int i = 0; i < 100; ++i) {
    auto* rule = program.add_accrual_rules();
    rule->set_rule_id("r" + std::to_string(i));
    rule->mutable_per_unit()->set_points(1);
    rule->mutable_per_unit()->set_per_units(1);
  }
  EXPECT_TRUE(ok());
  *program.add_accrual_rules() = program.accrual_rules(0);
  program.mutable_accrual_rules(100)->set_rule_id("more");
  EXPECT_FALSE(ok());
  program.clear_accrual_rules();
  auto* ladder = program.mutable_tier_ladder();
  ladder->set_ladder_id("l");
  ladder->set_metric(events::v1::METRIC_NET_SPEND);
  ladder->set_review_period(programs::v1::PERIOD_UNIT_YEAR);
  ladder->mutable_window()->set_rolling_days(1096);
  for (int i = 0; i < 50; ++i) {
    ladder->add_tiers()->set_tier_id("t" + std::to_string(i));
    ladder->mutable_tiers(i)->set_entrance(i);
  }
  EXPECT_TRUE(ok());
  ladder->mutable_window()->set_rolling_days(1097);
  EXPECT_FALSE(ok());
  ladder->mutable_window()->set_rolling_days(0);
  EXPECT_FALSE(ok());
  ladder->mutable_window()->set_rolling_days(1);
  ladder->add_tiers()->set_tier_id("more");
  ladder->mutable_tiers(50)->set_entrance(50);
  EXPECT_FALSE(ok());
}

TEST(ProgramCheck, RefusesFieldsOfANewerSchema) {
  programs::v1::Program program = Program("a", 1, "2024-01-01")->program();
  program.add_accrual_rules()
      ->GetReflection()
      ->MutableUnknownFields(program.mutable_accrual_rules(0))
      ->AddVarint(77, 1);
  program.mutable_accrual_rules(0)->set_rule_id("r");
  program.mutable_accrual_rules(0)->mutable_per_unit()->set_points(1);
  program.mutable_accrual_rules(0)->mutable_per_unit()->set_per_units(1);
  const auto fields = FieldsOf(CompiledProgram::Compile(program).status());
  ASSERT_EQ(fields.size(), 1u);
  EXPECT_EQ(fields[0].first, "accrual_rules[0]");
  EXPECT_NE(fields[0].second.find("77"), std::string::npos);
}

}  // namespace
}  // namespace keyledger::domain
