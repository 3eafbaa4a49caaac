// What a lifecycle may say but probably does not mean. See rule_warnings.h.
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "server/domain/rule_warnings.h"

namespace keyledger::domain {
namespace {

using programs::v1::Stage;
using programs::v1::StageLadder;
using programs::v1::StageTransition;

class StageWarnings {
 public:
  StageWarnings(const std::string& path, const StageLadder& ladder, std::vector<ProgramMistake>& warnings)
      : path_(path), ladder_(ladder), warnings_(warnings) {
    SubjectNumbers subjects;
    for (int i = 0; i < ladder.stages_size(); ++i) {
      index_[ladder.stages(i).stage_id()] = i;
      std::vector<ComparableRule>& rules = rules_.emplace_back();
      for (const auto& transition : ladder.stages(i).transitions()) {
        rules.push_back(MakeComparable(transition.rule(), subjects));
      }
    }
  }

  void Run() {
    WarnOfUnreached();
    for (int i = 0; i < ladder_.stages_size(); ++i) {
      for (int j = 0; j < ladder_.stages(i).transitions_size(); ++j) WarnOfTransition(i, j);
    }
  }

 private:
  std::string PathOf(int stage, int transition) const {
    return fmt::format("{}.stages[{}].transitions[{}]", path_, stage, transition);
  }
  const StageTransition& TransitionOf(int stage, int transition) const {
    return ladder_.stages(stage).transitions(transition);
  }

  void WarnOfUnreached() {
    std::vector<int> open = {0};
    std::set<int> reached = {0};
    while (!open.empty()) {
      const Stage& stage = ladder_.stages(open.back());
      open.pop_back();
      for (const StageTransition& transition : stage.transitions()) {
        const int to = index_.at(transition.to_stage_id());
        if (reached.insert(to).second) open.push_back(to);
      }
    }
    for (int i = 0; i < ladder_.stages_size(); ++i) {
      if (reached.contains(i)) continue;
      warnings_.emplace_back(
          fmt::format("{}.stages[{}]", path_, i),
          fmt::format("is reached by no transitions from '{}', where accounts begin", ladder_.stages(0).stage_id()));
    }
  }

  void WarnOfTransition(int stage, int transition) {
    const std::string path = PathOf(stage, transition);
    WarnOfRule(path + ".rule", TransitionOf(stage, transition).rule(), events::v1::METRIC_UNSPECIFIED, warnings_);
    for (int earlier = 0; earlier < transition; ++earlier) {
      if (!Implies(rules_[stage][transition], rules_[stage][earlier])) continue;
      warnings_.emplace_back(path, fmt::format("is never taken: transitions[{}], which is tried before it, holds "
                                               "whenever this one does",
                                               earlier));
      return;
    }
    WarnOfCycle(stage, transition);
  }

  // Follows the ways that are open to every account for which the rule holds, and tells of a way back: such an account
  // goes round for as long as it does.
  void WarnOfCycle(int stage, int transition) {
    const ComparableRule& rule = rules_[stage][transition];
    std::set<int> round = {stage};
    std::string way = fmt::format("'{}'", ladder_.stages(stage).stage_id());
    int at = index_.at(TransitionOf(stage, transition).to_stage_id());
    while (round.insert(at).second) {
      way += fmt::format(", '{}'", ladder_.stages(at).stage_id());
      int next = -1;
      for (size_t onward = 0; onward < rules_[at].size() && next < 0; ++onward) {
        if (!Implies(rule, rules_[at][onward])) continue;
        next = index_.at(TransitionOf(at, static_cast<int>(onward)).to_stage_id());
      }
      if (next < 0) return;
      at = next;
    }
    if (at != stage || !told_.insert(round).second) return;
    warnings_.emplace_back(
        PathOf(stage, transition),
        fmt::format("leads round: whenever its rule holds, so do those of the way back, and an account goes through "
                    "{} and so on, one stage a period",
                    way));
  }

  const std::string path_;
  const StageLadder& ladder_;
  std::vector<ProgramMistake>& warnings_;
  std::map<std::string_view, int> index_;
  // By stage and transition.
  std::vector<std::vector<ComparableRule>> rules_;
  // Rounds told of, by their stages.
  std::set<std::set<int>> told_;
};

}  // namespace

void WarnOfStages(const std::string& path, const StageLadder& ladder, std::vector<ProgramMistake>& warnings) {
  StageWarnings(path, ladder, warnings).Run();
}

}  // namespace keyledger::domain
