// Tier rules; see standing.h.
#include "server/domain/standing.h"

#include <algorithm>
#include <limits>

#include "server/base/check.h"
#include "server/base/checked.h"
#include "server/domain/accrual.h"
#include "server/domain/fold.h"
#include "server/domain/proto_time.h"

namespace keyledger::domain {
namespace {

using events::v1::TierAssigned;
using programs::v1::TierLadder;

// [start, end).
struct Window {
  Micros start = 0;
  Micros end = 0;
};

// The window that ends with `moment`, inclusive. Rolling: the local day of the moment and as many whole days before it
// as make up the number.
Window WindowAt(const CompiledProgram& program, Micros moment) {
  const programs::v1::MetricWindow& window = program.program().tier_ladder().window();
  if (window.kind_case() == programs::v1::MetricWindow::kRollingDays) {
    return {program.zone().DayStart(moment, 1 - static_cast<int>(window.rolling_days())), moment + 1};
  }
  return {program.zone().PeriodStart(moment, CalendarUnitOf(window.calendar_period())), moment + 1};
}

const std::vector<SpendSlot>* SeriesOf(const AccountState& state, const CompiledProgram& program) {
  const auto series = state.spend.find(program.program().currency_code());
  return series == state.spend.end() ? nullptr : &series->second;
}

// Net spend in the window: the slots that begin in it. Local days begin with a slot, so this is exact for everything up
// to the end of the slot in which the window ends; and nothing is recorded between that moment and the slot's end (see
// Requires).
int64_t Measure(const AccountState& state, const CompiledProgram& program, const Window& window) {
  const std::vector<SpendSlot>* series = SeriesOf(state, program);
  if (series == nullptr) return 0;
  const int64_t first = SlotOf(window.start + kSpendSlotMicros - 1);
  auto slot = std::lower_bound(series->begin(), series->end(), first,
                               [](const SpendSlot& entry, int64_t wanted) { return entry.slot < wanted; });
  const int64_t last = SlotOf(window.end - 1);
  Int128 sum = 0;
  for (; slot != series->end() && slot->slot <= last; ++slot) sum += slot->micros;
  constexpr Int128 kMin = std::numeric_limits<int64_t>::min();
  constexpr Int128 kMax = std::numeric_limits<int64_t>::max();
  return static_cast<int64_t>(std::clamp(sum, kMin, kMax));
}

int64_t KeepThreshold(const programs::v1::Tier& tier) {
  return tier.has_maintenance_micros() ? tier.maintenance_micros() : tier.entrance_micros();
}

// Index of the highest tier entered at `metric`. The lowest is everyone's, even of one who gave back more than was
// bought.
int EarnedTier(const TierLadder& ladder, int64_t metric) {
  int earned = 0;
  for (int i = 1; i < ladder.tiers_size() && ladder.tiers(i).entrance_micros() <= metric; ++i) earned = i;
  return earned;
}

// Index of the highest tier below `held` that `metric` keeps.
int KeptTier(const TierLadder& ladder, int held, int64_t metric) {
  for (int i = held - 1; i > 0; --i) {
    if (KeepThreshold(ladder.tiers(i)) <= metric) return i;
  }
  return 0;
}

TierAssigned Assign(const AccountState& state, const TierLadder& ladder, int index, int64_t threshold,
                    events::v1::TierAssignmentReason reason, const Window& window, int64_t metric) {
  TierAssigned assigned;
  assigned.set_ladder_id(ladder.ladder_id());
  assigned.set_tier_id(ladder.tiers(index).tier_id());
  assigned.set_previous_tier_id(state.tier.tier_id);
  assigned.set_reason(reason);
  SetTimestamp(assigned.mutable_window_start(), std::max(window.start, kTimeMin));
  SetTimestamp(assigned.mutable_window_end(), std::min(window.end, kTimeMax));
  assigned.set_metric_value(metric);
  assigned.set_threshold(index == 0 ? 0 : threshold);
  return assigned;
}

// An account that does not hold a tier of this version of the ladder.
TierAssigned Begin(const AccountState& state, const TierLadder& ladder, bool on_ladder, const Window& window,
                   int64_t metric) {
  const int earned = EarnedTier(ladder, metric);
  const auto reason =
      on_ladder && earned > 0 ? events::v1::TIER_ASSIGNMENT_REASON_UPGRADE : events::v1::TIER_ASSIGNMENT_REASON_INITIAL;
  return Assign(state, ladder, earned, ladder.tiers(earned).entrance_micros(), reason, window, metric);
}

// The review at boundary `due`. Nothing: no change.
std::optional<TierAssigned> Review(const AccountState& state, const CompiledProgram& program, const Window& window) {
  const TierLadder& ladder = program.program().tier_ladder();
  const auto held = FindHeldTier(ladder, state.tier);
  const int64_t metric = Measure(state, program, window);
  if (!held.has_value() || !held->known) return Begin(state, ladder, held.has_value(), window, metric);
  if (held->index == 0 || metric >= KeepThreshold(ladder.tiers(held->index))) return std::nullopt;
  const int kept = KeptTier(ladder, held->index, metric);
  return Assign(state, ladder, kept, KeepThreshold(ladder.tiers(kept)),
                events::v1::TIER_ASSIGNMENT_REASON_REVIEW_DOWNGRADE, window, metric);
}

bool HoldsLowest(const AccountState& state, const TierLadder& ladder) {
  const auto held = FindHeldTier(ladder, state.tier);
  return held.has_value() && held->known && held->index == 0;
}

// True if every slot of spend lies before `start`: later windows measure zero as well.
bool IsPastAllSpend(const AccountState& state, const CompiledProgram& program, Micros start) {
  const std::vector<SpendSlot>* series = SeriesOf(state, program);
  return series == nullptr || series->empty() || series->back().slot * kSpendSlotMicros < start;
}

// Looks at the boundaries in (from, end] while one program governs.
std::optional<DueReview> FindReviewUnder(const AccountState& state, const CompiledProgram& program, Micros from,
                                         Micros end) {
  const TierLadder& ladder = program.program().tier_ladder();
  if (HoldsLowest(state, ladder)) return std::nullopt;
  const CalendarUnit unit = CalendarUnitOf(ladder.review_period());
  for (Micros due = program.zone().PeriodStart(from, unit, 1); due <= end;
       due = program.zone().PeriodStart(due, unit, 1)) {
    const Window window = WindowAt(program, due - 1);
    if (auto assigned = Review(state, program, window); assigned.has_value()) {
      return DueReview{due, &program, std::move(*assigned)};
    }
    if (IsPastAllSpend(state, program, window.start)) break;
  }
  return std::nullopt;
}

}  // namespace

std::optional<HeldTier> FindHeldTier(const TierLadder& ladder, const TierStanding& standing) {
  if (standing.tier_id.empty() || standing.ladder_id != ladder.ladder_id()) return std::nullopt;
  for (int i = 0; i < ladder.tiers_size(); ++i) {
    if (ladder.tiers(i).tier_id() == standing.tier_id) return HeldTier{i, true};
  }
  return HeldTier{0, false};
}

std::optional<TierAssigned> EvaluateRise(const AccountState& state, const CompiledProgram& program, Micros moment) {
  const TierLadder& ladder = program.program().tier_ladder();
  const Window window = WindowAt(program, moment);
  const int64_t metric = Measure(state, program, window);
  const auto held = FindHeldTier(ladder, state.tier);
  if (!held.has_value() || !held->known) return Begin(state, ladder, held.has_value(), window, metric);
  const int earned = EarnedTier(ladder, metric);
  if (earned <= held->index) return std::nullopt;
  return Assign(state, ladder, earned, ladder.tiers(earned).entrance_micros(),
                events::v1::TIER_ASSIGNMENT_REASON_UPGRADE, window, metric);
}

std::optional<DueReview> FindReview(const AccountState& state, Micros after, Micros until, const ProgramSet& programs) {
  KL_CHECK(after >= state.clock);
  // No review later than what a timestamp can say.
  const Micros last = std::min(until, kTimeMax);
  // One stretch under one program at a time. A boundary at which another program begins belongs to the program before
  // it.
  for (Micros from = after; from < last;) {
    const Micros change = programs.NextChange(from);
    const CompiledProgram* program = programs.Select(from, state.region);
    if (program != nullptr && program->program().has_tier_ladder()) {
      auto review = FindReviewUnder(state, *program, from, std::min(change, last));
      if (review.has_value()) return review;
    }
    from = change;
  }
  return std::nullopt;
}

}  // namespace keyledger::domain
