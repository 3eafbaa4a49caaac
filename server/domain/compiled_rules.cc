// See compiled_rules.h.
#include "server/domain/compiled_rules.h"

#include <algorithm>

namespace keyledger::domain {
namespace {

using events::v1::Metric;
using programs::v1::Condition;
using programs::v1::MetricWindow;
using programs::v1::StageLadder;
using programs::v1::TierLadder;

bool IsSameWindow(const MetricWindow& a, const MetricWindow& b) {
  return a.kind_case() == b.kind_case() && a.rolling_days() == b.rolling_days() &&
         a.calendar_period() == b.calendar_period();
}

bool IsSame(const MeasureSpec& a, const MeasureSpec& b) {
  return a.metric == b.metric && IsSameWindow(a.window, b.window) && a.fact_key == b.fact_key && a.growth == b.growth &&
         a.periods == b.periods && a.least_is_worst == b.least_is_worst;
}

class Compiler {
 public:
  explicit Compiler(CompiledRules& rules) : rules_(rules) {}

  void CompileLadder(const TierLadder& ladder) {
    for (int i = 0; i < ladder.tiers_size(); ++i) {
      const programs::v1::Tier& tier = ladder.tiers(i);
      CompiledTier& out = rules_.tiers.emplace_back();
      if (i == 0) {
        out.entrance.any_of.emplace_back();
        out.maintenance = out.entrance;
        continue;
      }
      out.entrance = tier.entered_case() == programs::v1::Tier::kEntranceRule
                         ? CompileRule(tier.entrance_rule(), &ladder)
                         : AtLeast(ladder, tier.entrance());
      switch (tier.kept_case()) {
        case programs::v1::Tier::kMaintenance:
          out.maintenance = AtLeast(ladder, tier.maintenance());
          break;
        case programs::v1::Tier::kMaintenanceRule:
          out.maintenance = CompileRule(tier.maintenance_rule(), &ladder);
          break;
        case programs::v1::Tier::KEPT_NOT_SET:
          out.maintenance = out.entrance;
          break;
      }
      for (const CompiledRule* rule : {&out.entrance, &out.maintenance}) {
        rules_.tiers_only_cease = rules_.tiers_only_cease && OnlyCeases(*rule);
      }
    }
    rules_.tier_measures = rules_.measures.size();
    rules_.tiers_settle = std::all_of(rules_.measures.begin(), rules_.measures.end(), Settles);
  }

  void CompileStages(const StageLadder& ladder) {
    std::vector<CompiledStage>& stages = rules_.lifecycles.emplace_back();
    for (const programs::v1::Stage& stage : ladder.stages()) {
      CompiledStage& out = stages.emplace_back();
      for (const programs::v1::StageTransition& transition : stage.transitions()) {
        const auto to = std::find_if(ladder.stages().begin(), ladder.stages().end(),
                                     [&](const auto& other) { return other.stage_id() == transition.to_stage_id(); });
        out.transitions.push_back(
            {static_cast<size_t>(to - ladder.stages().begin()), CompileRule(transition.rule(), nullptr)});
        AddMeasuresOf(out.transitions.back().rule, out);
      }
    }
  }

 private:
  // True if only records change what is measured.
  static bool IsUntouchedByTime(Metric metric) {
    return metric == events::v1::METRIC_FACT || metric == events::v1::METRIC_OWNER_COUNT;
  }

  // True if what is measured no longer changes once all dealings lie behind its window.
  static bool Settles(const MeasureSpec& spec) { return HasWindow(spec.metric) || IsUntouchedByTime(spec.metric); }

  void AddMeasuresOf(const CompiledRule& rule, CompiledStage& out) const {
    out.only_cease = out.only_cease && OnlyCeases(rule);
    for (const auto& conditions : rule.any_of) {
      for (const CompiledCondition& condition : conditions) {
        out.settle = out.settle && Settles(rules_.measures[condition.measure]);
        if (std::find(out.measures.begin(), out.measures.end(), condition.measure) == out.measures.end()) {
          out.measures.push_back(condition.measure);
        }
      }
    }
  }

  size_t AddMeasure(MeasureSpec spec) {
    const auto known = std::find_if(rules_.measures.begin(), rules_.measures.end(),
                                    [&](const MeasureSpec& other) { return IsSame(spec, other); });
    const size_t at = known - rules_.measures.begin();
    if (known == rules_.measures.end()) rules_.measures.push_back(std::move(spec));
    return at;
  }

  size_t AddCut(size_t measure, const RelativeCut& cut) {
    const auto known = std::find_if(rules_.cuts.begin(), rules_.cuts.end(), [&](const CompiledCut& other) {
      return other.measure == measure && other.cut == cut;
    });
    const size_t at = known - rules_.cuts.begin();
    if (known == rules_.cuts.end()) rules_.cuts.push_back({measure, cut});
    return at;
  }

  static std::optional<RelativeCut> RelativeCutOf(const Condition& condition) {
    switch (condition.cut_case()) {
      case Condition::kTopCount:
        return RelativeCut{CutKind::kTopCount, condition.top_count()};
      case Condition::kTopPercentMilli:
        return RelativeCut{CutKind::kTopPercentMilli, condition.top_percent_milli()};
      case Condition::kCoveringPercentMilli:
        return RelativeCut{CutKind::kCoveringPercentMilli, condition.covering_percent_milli()};
      default:
        return std::nullopt;
    }
  }

  CompiledRule AtLeast(const TierLadder& ladder, int64_t threshold) {
    MeasureSpec spec;
    spec.metric = ladder.metric();
    if (HasWindow(spec.metric)) spec.window = ladder.window();
    return {{{{AddMeasure(std::move(spec)), events::v1::COMPARISON_AT_LEAST, threshold, std::nullopt}}}};
  }

  // `ladder`: where defaults come from; null: nowhere.
  CompiledRule CompileRule(const programs::v1::Rule& rule, const TierLadder* ladder) {
    CompiledRule out;
    for (const auto& alternative : rule.any_of()) {
      auto& conditions = out.any_of.emplace_back();
      for (const Condition& condition : alternative.all_of()) conditions.push_back(Compile(condition, ladder));
    }
    return out;
  }

  CompiledCondition Compile(const Condition& condition, const TierLadder* ladder) {
    MeasureSpec spec;
    spec.metric = condition.metric();
    if (spec.metric == events::v1::METRIC_UNSPECIFIED && ladder != nullptr) spec.metric = ladder->metric();
    if (HasWindow(spec.metric)) {
      if (condition.has_window()) {
        spec.window = condition.window();
      } else if (ladder != nullptr) {
        spec.window = ladder->window();
      }
    }
    spec.fact_key = condition.fact_key();
    spec.growth = condition.growth();
    spec.periods = condition.in_each_of_last();
    const bool at_most = condition.cut_case() == Condition::kAtMost;
    if (const auto relative = RelativeCutOf(condition); relative.has_value()) {
      CompiledCondition compiled;
      compiled.measure = AddMeasure(std::move(spec));
      compiled.comparison = events::v1::COMPARISON_AMONG_FIRST;
      compiled.cut = AddCut(compiled.measure, *relative);
      return compiled;
    }
    if (spec.periods > 1) spec.least_is_worst = !at_most;
    return {AddMeasure(std::move(spec)), at_most ? events::v1::COMPARISON_AT_MOST : events::v1::COMPARISON_AT_LEAST,
            at_most ? condition.at_most() : condition.at_least(), std::nullopt};
  }

  // Sums of what is never negative only shrink when time takes things out of a window.
  static bool OnlyCeases(const CompiledCondition& condition, const MeasureSpec& spec) {
    if (IsUntouchedByTime(spec.metric)) return true;
    const bool is_sum = HasWindow(spec.metric) && !spec.growth && spec.periods <= 1 &&
                        spec.metric != events::v1::METRIC_NET_PROFIT && spec.metric != events::v1::METRIC_GROSS_PROFIT;
    return is_sum && condition.comparison == events::v1::COMPARISON_AT_LEAST;
  }

  bool OnlyCeases(const CompiledRule& rule) const {
    for (const auto& conditions : rule.any_of) {
      for (const CompiledCondition& condition : conditions) {
        if (!OnlyCeases(condition, rules_.measures[condition.measure])) return false;
      }
    }
    return true;
  }

  CompiledRules& rules_;
};

}  // namespace

bool HasWindow(Metric metric) {
  switch (metric) {
    case events::v1::METRIC_NET_SPEND:
    case events::v1::METRIC_GROSS_SPEND:
    case events::v1::METRIC_NET_UNITS:
    case events::v1::METRIC_GROSS_UNITS:
    case events::v1::METRIC_NET_PROFIT:
    case events::v1::METRIC_GROSS_PROFIT:
    case events::v1::METRIC_PURCHASE_COUNT:
    case events::v1::METRIC_NET_PURCHASE_COUNT:
    case events::v1::METRIC_WALLET_SHARE_MILLI:
      return true;
    default:
      return false;
  }
}

bool NamesFact(Metric metric) {
  return metric == events::v1::METRIC_WALLET_SHARE_MILLI || metric == events::v1::METRIC_FACT;
}

CompiledRules CompileRules(const programs::v1::Program& program) {
  CompiledRules rules;
  Compiler compiler(rules);
  if (program.has_tier_ladder()) compiler.CompileLadder(program.tier_ladder());
  for (const StageLadder& ladder : program.stage_ladders()) compiler.CompileStages(ladder);
  return rules;
}

}  // namespace keyledger::domain
