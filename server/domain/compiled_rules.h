// CompiledRules: the conditions of a program with every default filled in and everything that is measured listed once,
// so that deciding only compares numbers. Part of CompiledProgram (program_set.h). Internal to the room.
//
// Read next: measure.h, which takes the measurements; standing.h and stages.h, which apply them to tiers and stages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "keyledger/programs/v1/program.pb.h"
#include "server/domain/ranking.h"

namespace keyledger::domain {

// One thing that a program measures.
struct MeasureSpec {
  events::v1::Metric metric = events::v1::METRIC_UNSPECIFIED;
  // Kind not set: the metric has no window.
  programs::v1::MetricWindow window;
  std::string fact_key;
  bool growth = false;
  // 0 or 1: the window alone. Otherwise the worst of so many periods: the smallest value if `least_is_worst`, otherwise
  // the largest.
  uint32_t periods = 0;
  bool least_is_worst = true;
};

struct CompiledCondition {
  // Index into CompiledRules::measures.
  size_t measure = 0;
  events::v1::Comparison comparison = events::v1::COMPARISON_AT_LEAST;
  int64_t threshold = 0;
  // Set: the condition ranks the account among others, and a population review decides it; index into
  // CompiledRules::cuts. Outside of one it does not hold.
  std::optional<size_t> cut;
};

// A relative cut: how many of the first accounts by what is measured are within it.
struct CompiledCut {
  size_t measure = 0;
  RelativeCut cut;
};

// Holds if all conditions of one alternative hold; an alternative without conditions always does.
struct CompiledRule {
  std::vector<std::vector<CompiledCondition>> any_of;
};

struct CompiledTier {
  CompiledRule entrance;
  // The entrance where there is no rule to keep the tier.
  CompiledRule maintenance;
};

struct CompiledTransition {
  // Index of the stage it leads to.
  size_t to = 0;
  CompiledRule rule;
};

struct CompiledStage {
  std::vector<CompiledTransition> transitions;
  // What their rules measure: indexes into CompiledRules::measures, each once.
  std::vector<size_t> measures;
  // As tiers_only_cease and tiers_settle, of these rules.
  bool only_cease = true;
  bool settle = true;
};

struct CompiledRules {
  std::vector<MeasureSpec> measures;
  // One per tier of the ladder. The first tier's rules always hold.
  std::vector<CompiledTier> tiers;
  // Relative cuts, each once, in the order of the tiers. Not empty: the ladder is reviewed as a whole (see review.h),
  // no account by itself.
  std::vector<CompiledCut> cuts;
  // Measures [0, tier_measures) are those of the tiers.
  size_t tier_measures = 0;
  // True if by the passing of time alone the tiers' rules can only cease to hold, as long as nothing was returned.
  bool tiers_only_cease = true;
  // True if the tiers' rules no longer change by the passing of time once all that was bought and returned lies behind
  // their windows.
  bool tiers_settle = true;
  // One per lifecycle of the program, in its order; one per stage.
  std::vector<std::vector<CompiledStage>> lifecycles;
};

// Requires: the program was checked.
CompiledRules CompileRules(const programs::v1::Program& program);

// True if the metric is measured over a window.
bool HasWindow(events::v1::Metric metric);
// True if the metric speaks of a declared fact.
bool NamesFact(events::v1::Metric metric);

}  // namespace keyledger::domain
