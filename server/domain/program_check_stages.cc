// The lifecycles of a program. See program_check.h.
#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "server/domain/program_rule_check.h"

namespace keyledger::domain {
namespace {

using programs::v1::Program;
using programs::v1::Stage;
using programs::v1::StageLadder;
using programs::v1::StageTransition;

class StagesCheck : private ProgramRuleCheck {
 public:
  explicit StagesCheck(std::vector<ProgramMistake>& mistakes) : ProgramRuleCheck(mistakes) {}

  void Run(const Program& program) {
    CheckRange("stage_ladders", program.stage_ladders_size(), 0, kStageLaddersMax, "lifecycles");
    std::set<std::string> ids;
    if (program.has_tier_ladder()) ids.insert(program.tier_ladder().ladder_id());
    for (int i = 0; i < program.stage_ladders_size(); ++i) {
      const std::string path = fmt::format("stage_ladders[{}]", i);
      CheckLadder(path, program.stage_ladders(i));
      CheckDistinct(path + ".ladder_id", program.stage_ladders(i).ladder_id(), ids);
    }
  }

 private:
  void CheckLadder(const std::string& path, const StageLadder& ladder) {
    CheckId(path + ".ladder_id", ladder.ladder_id());
    CheckText(path + ".display_name", ladder.display_name(), 256);
    RuleContext context;
    context.of_lifecycle = true;
    context.only_at_reviews = true;
    // Windows are held against it only if it is one.
    context.review_period = CheckPeriod(path + ".review_period", ladder.review_period())
                                ? ladder.review_period()
                                : programs::v1::PERIOD_UNIT_YEAR;
    CheckRange(path + ".stages", ladder.stages_size(), 2, kStagesMax, "stages");
    std::set<std::string> ids;
    for (int i = 0; i < ladder.stages_size(); ++i) {
      const std::string at = fmt::format("{}.stages[{}]", path, i);
      const Stage& stage = ladder.stages(i);
      CheckId(at + ".stage_id", stage.stage_id());
      CheckDistinct(at + ".stage_id", stage.stage_id(), ids);
      CheckText(at + ".display_name", stage.display_name(), 256);
      CheckRange(at + ".transitions", stage.transitions_size(), 0, kTransitionsMax, "transitions");
      for (int j = 0; j < stage.transitions_size(); ++j) {
        CheckTransition(fmt::format("{}.transitions[{}]", at, j), ladder, stage, stage.transitions(j), context);
      }
    }
  }

  void CheckTransition(const std::string& path, const StageLadder& ladder, const Stage& from,
                       const StageTransition& transition, const RuleContext& context) {
    const std::string& to = transition.to_stage_id();
    if (to.empty()) {
      Add(path + ".to_stage_id", "is required");
    } else if (to == from.stage_id()) {
      Add(path + ".to_stage_id", "must be another stage: an account that meets no rule stays where it is");
    } else if (std::none_of(ladder.stages().begin(), ladder.stages().end(),
                            [&](const Stage& stage) { return stage.stage_id() == to; })) {
      Add(path + ".to_stage_id", fmt::format("'{}' is no stage of the lifecycle", to));
    }
    CheckRule(path + ".rule", transition.rule(), context);
  }
};

}  // namespace

void CheckStages(const Program& program, std::vector<ProgramMistake>& mistakes) { StagesCheck(mistakes).Run(program); }

}  // namespace keyledger::domain
