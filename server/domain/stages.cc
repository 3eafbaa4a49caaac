// See stages.h.
#include "server/domain/stages.h"

#include <algorithm>
#include <array>

#include "server/domain/accrual.h"
#include "server/domain/measure.h"
#include "server/domain/program_check.h"

namespace keyledger::domain {
namespace {

using events::v1::StageChanged;
using programs::v1::StageLadder;

// Index of the stage the account is in; nothing: it is in none that the lifecycle knows.
std::optional<size_t> FindStage(const AccountState& state, const StageLadder& ladder) {
  const auto standing = state.stages.find(ladder.ladder_id());
  if (standing == state.stages.end()) return std::nullopt;
  const auto stage = std::find_if(ladder.stages().begin(), ladder.stages().end(),
                                  [&](const auto& one) { return one.stage_id() == standing->second.stage_id; });
  if (stage == ladder.stages().end()) return std::nullopt;
  return stage - ladder.stages().begin();
}

StageChanged ChangeTo(const AccountState& state, const StageLadder& ladder, size_t stage) {
  StageChanged changed;
  changed.set_ladder_id(ladder.ladder_id());
  changed.set_stage_id(ladder.stages(static_cast<int>(stage)).stage_id());
  const auto before = state.stages.find(ladder.ladder_id());
  if (before != state.stages.end()) changed.set_previous_stage_id(before->second.stage_id);
  return changed;
}

// The search for the next change of one lifecycle.
class LifecycleSearch {
 public:
  LifecycleSearch() = default;
  LifecycleSearch(const AccountState& state, const CompiledProgram& program, int index)
      : state_(&state),
        program_(&program),
        ladder_(&program.program().stage_ladders(index)),
        unit_(CalendarUnitOf(ladder_->review_period())),
        stage_(FindStage(state, *ladder_)),
        rules_(stage_.has_value() ? &program.rules().lifecycles[index][*stage_] : nullptr) {}

  CalendarUnit unit() const { return unit_; }
  // False: nothing more can change.
  bool live() const { return live_ && (rules_ == nullptr || !rules_->transitions.empty()); }
  bool settles() const { return rules_ == nullptr || rules_->settle; }

  // What the end of a review period decides; nothing: it is then no longer live if no later one can decide anything.
  std::optional<StageChanged> Review(Measurer& measurer, Micros due) {
    if (rules_ == nullptr) return ChangeTo(*state_, *ladder_, 0);
    for (const CompiledTransition& transition : rules_->transitions) {
      const std::optional<size_t> alternative = measurer.FindHolding(transition.rule);
      if (!alternative.has_value()) continue;
      StageChanged changed = ChangeTo(*state_, *ladder_, transition.to);
      changed.set_alternative(static_cast<uint32_t>(*alternative));
      for (const CompiledCondition& condition : transition.rule.any_of[*alternative]) {
        *changed.add_met() = measurer.Evidence(condition);
      }
      return changed;
    }
    live_ = !CannotChangeLater() && !IsSettled(measurer, due);
    return std::nullopt;
  }

 private:
  // Rules that only cease to hold, and do not hold now.
  bool CannotChangeLater() const {
    const MetricSeries* series = SeriesOf(*state_, *program_);
    return rules_->only_cease && (series == nullptr || series->returned.empty());
  }

  bool IsSettled(Measurer& measurer, Micros due) const {
    if (!rules_->settle) return false;
    Micros start = due;
    for (const size_t measure : rules_->measures) start = std::min(start, measurer.ReachOf(measure, due));
    return HasNoDealingsSince(*state_, *program_, start);
  }

  const AccountState* state_ = nullptr;
  const CompiledProgram* program_ = nullptr;
  const StageLadder* ladder_ = nullptr;
  CalendarUnit unit_ = CalendarUnit::kMonth;
  std::optional<size_t> stage_;
  // Of the stage; null: the lifecycle begins.
  const CompiledStage* rules_ = nullptr;
  bool live_ = true;
};

// When periods end next: each unit is worked out once, however many lifecycles go by it.
class PeriodEnds {
 public:
  PeriodEnds(const Zone& zone, Micros after) : zone_(zone), after_(after) {}

  Micros Next(CalendarUnit unit) {
    std::optional<Micros>& end = ends_[static_cast<size_t>(unit)];
    if (!end.has_value()) end = zone_.PeriodStart(after_, unit, 1);
    return *end;
  }

 private:
  const Zone& zone_;
  const Micros after_;
  std::array<std::optional<Micros>, 3> ends_;
};

}  // namespace

std::vector<StageChanged> BeginStages(const AccountState& state, const CompiledProgram& program) {
  std::vector<StageChanged> begun;
  for (const StageLadder& ladder : program.program().stage_ladders()) {
    if (!FindStage(state, ladder).has_value()) begun.push_back(ChangeTo(state, ladder, 0));
  }
  return begun;
}

std::optional<DueStageReview> FindStageReview(const AccountState& state, const CompiledProgram& program, Micros from,
                                              Micros end) {
  const int count = program.program().stage_ladders_size();
  // Every period ends with a month: for almost every event that is all there is to know.
  if (count == 0 || program.zone().PeriodStart(from, CalendarUnit::kMonth, 1) > end) return std::nullopt;
  std::array<LifecycleSearch, kStageLaddersMax> searches;
  for (int i = 0; i < count; ++i) searches[i] = LifecycleSearch(state, program, i);
  int looked = 0;
  for (Micros after = from;;) {
    PeriodEnds ends(program.zone(), after);
    Micros due = kNever;
    bool all_settle = true;
    for (int i = 0; i < count; ++i) {
      if (!searches[i].live()) continue;
      due = std::min(due, ends.Next(searches[i].unit()));
      all_settle = all_settle && searches[i].settles();
    }
    if (due > end || due == kNever) return std::nullopt;
    Measurer measurer = Measurer::AtReview(state, program, due, due);
    DueStageReview found{due, {}};
    for (int i = 0; i < count; ++i) {
      if (!searches[i].live() || ends.Next(searches[i].unit()) != due) continue;
      if (auto changed = searches[i].Review(measurer, due); changed.has_value()) {
        found.changes.push_back(*std::move(changed));
      }
    }
    if (!found.changes.empty()) return found;
    if (!all_settle && ++looked == kBoundariesMax) return found;
    after = due;
  }
}

}  // namespace keyledger::domain
