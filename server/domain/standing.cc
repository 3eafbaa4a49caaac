// Tier rules; see standing.h.
#include "server/domain/standing.h"

#include <algorithm>

#include "server/base/check.h"
#include "server/domain/accrual.h"
#include "server/domain/fold.h"
#include "server/domain/measure.h"
#include "server/domain/program_stretches.h"
#include "server/domain/proto_time.h"

namespace keyledger::domain {
namespace {

using events::v1::TierAssigned;
using programs::v1::TierLadder;

// The program's ladder as rules see it, with the tier the account holds on it.
class LadderView {
 public:
  LadderView(const AccountState& state, const CompiledProgram& program)
      : state_(state), program_(program), held_(FindHeldTier(ladder(), state.tier)) {}

  const TierLadder& ladder() const { return program_.program().tier_ladder(); }
  bool holds_known_tier() const { return held_.has_value() && held_->known; }
  bool holds_lowest() const { return holds_known_tier() && held_->index == 0; }

  // The highest tier above the one held that may be entered; nothing: none.
  std::optional<TierAssigned> Rise(Measurer& measurer) const {
    const std::vector<CompiledTier>& tiers = program_.rules().tiers;
    for (int i = static_cast<int>(tiers.size()) - 1; i > held_->index; --i) {
      if (auto entered = Enter(measurer, i, events::v1::TIER_ASSIGNMENT_REASON_UPGRADE); entered.has_value()) {
        return entered;
      }
    }
    return std::nullopt;
  }

  // The tier with which an account begins that holds none which the ladder knows: the highest that may be entered, or
  // with `lowest` the lowest.
  TierAssigned Begin(Measurer& measurer, bool lowest) const {
    for (int i = lowest ? 0 : static_cast<int>(program_.rules().tiers.size()) - 1; i > 0; --i) {
      const auto reason =
          held_.has_value() ? events::v1::TIER_ASSIGNMENT_REASON_UPGRADE : events::v1::TIER_ASSIGNMENT_REASON_INITIAL;
      if (auto entered = Enter(measurer, i, reason); entered.has_value()) return *std::move(entered);
    }
    return Assign(0, events::v1::TIER_ASSIGNMENT_REASON_INITIAL);
  }

  bool IsKept(Measurer& measurer) const {
    return measurer.FindHolding(program_.rules().tiers[held_->index].maintenance).has_value();
  }

  // Where the account falls that no longer keeps its tier. Requires: it holds one above the lowest.
  TierAssigned Fall(Measurer& measurer, events::v1::TierAssignmentReason reason) const {
    const bool one_step = ladder().downgrade() == programs::v1::DOWNGRADE_ONE_STEP;
    int target = one_step ? held_->index - 1 : 0;
    std::optional<size_t> kept;
    for (int i = held_->index - 1; i >= target && !kept.has_value(); --i) {
      kept = measurer.FindHolding(program_.rules().tiers[i].maintenance);
      if (kept.has_value()) target = i;
    }
    TierAssigned assigned = Assign(target, reason);
    if (kept.has_value()) {
      AddMet(measurer, program_.rules().tiers[target].maintenance, *kept, assigned);
    }
    AddMissed(measurer, assigned.mutable_missed());
    return assigned;
  }

  // The conditions that do not hold of the rule that would keep the tier held.
  void AddMissed(Measurer& measurer, google::protobuf::RepeatedPtrField<events::v1::ConditionEvidence>* out) const {
    for (const auto& alternative : program_.rules().tiers[held_->index].maintenance.any_of) {
      for (const CompiledCondition& condition : alternative) {
        if (!measurer.Holds(condition)) *out->Add() = measurer.Evidence(condition);
      }
    }
  }

 private:
  TierAssigned Assign(int index, events::v1::TierAssignmentReason reason) const {
    TierAssigned assigned;
    assigned.set_ladder_id(ladder().ladder_id());
    assigned.set_tier_id(ladder().tiers(index).tier_id());
    assigned.set_previous_tier_id(state_.tier.tier_id);
    assigned.set_reason(reason);
    return assigned;
  }

  static void AddMet(Measurer& measurer, const CompiledRule& rule, size_t alternative, TierAssigned& assigned) {
    assigned.set_alternative(static_cast<uint32_t>(alternative));
    for (const CompiledCondition& condition : rule.any_of[alternative]) {
      *assigned.add_met() = measurer.Evidence(condition);
    }
  }

  std::optional<TierAssigned> Enter(Measurer& measurer, int index, events::v1::TierAssignmentReason reason) const {
    const CompiledRule& rule = program_.rules().tiers[index].entrance;
    const std::optional<size_t> alternative = measurer.FindHolding(rule);
    if (!alternative.has_value()) return std::nullopt;
    TierAssigned assigned = Assign(index, reason);
    AddMet(measurer, rule, *alternative, assigned);
    return assigned;
  }

  const AccountState& state_;
  const CompiledProgram& program_;
  const std::optional<HeldTier> held_;
};

events::v1::Event EventOf(TierAssigned assigned) {
  events::v1::Event event;
  *event.mutable_tier_assigned() = std::move(assigned);
  return event;
}

events::v1::Event StartGrace(const LadderView& view, Measurer& measurer, const AccountState& state, Micros until) {
  events::v1::Event event;
  events::v1::TierGraceStarted& started = *event.mutable_tier_grace_started();
  started.set_ladder_id(view.ladder().ladder_id());
  started.set_tier_id(state.tier.tier_id);
  SetTimestamp(started.mutable_until(), until);
  view.AddMissed(measurer, started.mutable_missed());
  return event;
}

// What the review at boundary `due` decides. No payload: nothing.
events::v1::Event Review(const AccountState& state, const CompiledProgram& program, Measurer& measurer, Micros due) {
  const LadderView view(state, program);
  if (!view.holds_known_tier()) return EventOf(view.Begin(measurer, false));
  if (auto rise = view.Rise(measurer); rise.has_value()) return EventOf(*std::move(rise));
  if (view.holds_lowest() || view.IsKept(measurer)) return {};
  if (const uint32_t days = view.ladder().grace_days(); days > 0) {
    const Micros until = program.zone().AddDays(due, static_cast<int>(days));
    if (IsTimestampRange(until)) return StartGrace(view, measurer, state, until);
  }
  return EventOf(view.Fall(measurer, events::v1::TIER_ASSIGNMENT_REASON_REVIEW_DOWNGRADE));
}

// What the end of the account's grace period decides. No payload: nothing.
events::v1::Event EndGrace(const AccountState& state, const CompiledProgram& program, Measurer& measurer) {
  const LadderView view(state, program);
  if (!view.holds_known_tier() || view.holds_lowest() || IsLocked(state, view.ladder(), state.tier.grace_until)) {
    return {};
  }
  if (view.IsKept(measurer)) return {};
  return EventOf(view.Fall(measurer, events::v1::TIER_ASSIGNMENT_REASON_GRACE_ENDED));
}

// True if no review after the next one can decide anything for an account that stays as it is. The next one can: the
// version that governs may be newer than what the account was last measured by.
bool CannotChangeLater(const AccountState& state, const CompiledProgram& program) {
  const TierLadder& ladder = program.program().tier_ladder();
  const MetricSeries* series = SeriesOf(state, program);
  return program.rules().tiers_only_cease && ladder.upgrade() != programs::v1::UPGRADE_AT_REVIEW &&
         (series == nullptr || series->returned.empty()) && LadderView(state, program).holds_lowest();
}

// True if nothing that was bought or returned lies in a window of the tiers any more, now or later.
bool IsSettled(const AccountState& state, const CompiledProgram& program, Measurer& measurer, Micros boundary) {
  if (!program.rules().tiers_settle) return false;
  Micros start = boundary;
  for (size_t i = 0; i < program.rules().tier_measures; ++i) start = std::min(start, measurer.ReachOf(i, boundary));
  return HasNoDealingsSince(state, program, start);
}

// The first moment in (from, end] at which the account is measured while one program governs.
std::optional<ReviewMoment> FindMomentUnder(const AccountState& state, const CompiledProgram& program, Micros from,
                                            Micros end) {
  const TierLadder& ladder = program.program().tier_ladder();
  // Reviews of a whole ladder know no grace.
  const bool in_grace = program.rules().cuts.empty() && state.tier.grace_until != kNever &&
                        state.tier.grace_until > from && state.tier.ladder_id == ladder.ladder_id();
  if (IsLocked(state, ladder, from + 1)) {
    if (state.tier_lock.until > end) return std::nullopt;
    from = state.tier_lock.until - 1;
  }
  if (in_grace && state.tier.grace_until > from) {
    if (state.tier.grace_until > end) return std::nullopt;
    return ReviewMoment{state.tier.grace_until, &program, true};
  }
  const Micros due = NextReview(state, program, from);
  if (due > end) return std::nullopt;
  return ReviewMoment{due, &program, false};
}

// The given day of a year (years since 1970).
Micros AnnualDateStart(const Zone& zone, const programs::v1::AnnualDate& date, int64_t year) {
  const Micros month = zone.PeriodStartByIndex(year * 12 + date.month() - 1, CalendarUnit::kMonth);
  const Micros last = zone.DayStart(zone.PeriodStart(month, CalendarUnit::kMonth, 1), -1);
  return std::min(zone.DayStart(month, static_cast<int>(date.day()) - 1), last);
}

Micros NextTierAnniversary(const AccountState& state, const CompiledProgram& program, Micros after) {
  const Zone& zone = program.zone();
  const bool on_ladder =
      !state.tier.tier_id.empty() && state.tier.ladder_id == program.program().tier_ladder().ladder_id();
  const Micros first_day = zone.DayStart(on_ladder ? state.tier.since : state.open_time);
  const auto months = static_cast<int64_t>(program.program().tier_ladder().review_tier_months());
  const int64_t passed =
      zone.PeriodIndex(after, CalendarUnit::kMonth) - zone.PeriodIndex(first_day, CalendarUnit::kMonth);
  for (int64_t step = std::max<int64_t>(1, passed / months);; ++step) {
    const Micros due = zone.AddMonths(first_day, static_cast<int>(step * months));
    if (due > after) return due;
  }
}

}  // namespace

std::optional<HeldTier> FindHeldTier(const TierLadder& ladder, const TierStanding& standing) {
  if (standing.tier_id.empty() || standing.ladder_id != ladder.ladder_id()) return std::nullopt;
  for (int i = 0; i < ladder.tiers_size(); ++i) {
    if (ladder.tiers(i).tier_id() == standing.tier_id) return HeldTier{i, true};
  }
  return HeldTier{0, false};
}

bool IsLocked(const AccountState& state, const TierLadder& ladder, Micros moment) {
  return !state.tier_lock.ladder_id.empty() && state.tier_lock.ladder_id == ladder.ladder_id() &&
         moment < state.tier_lock.until;
}

std::optional<TierAssigned> EvaluateRise(const AccountState& state, const CompiledProgram& program, Micros moment) {
  const LadderView view(state, program);
  if (IsLocked(state, view.ladder(), moment)) return std::nullopt;
  const bool at_review = view.ladder().upgrade() == programs::v1::UPGRADE_AT_REVIEW;
  Measurer measurer = Measurer::At(state, program, moment);
  if (!view.holds_known_tier()) return view.Begin(measurer, at_review);
  return at_review ? std::nullopt : view.Rise(measurer);
}

TierAssigned AssignLocked(const AccountState& state, const events::v1::TierLocked& locked) {
  TierAssigned assigned;
  assigned.set_ladder_id(locked.ladder_id());
  assigned.set_tier_id(locked.tier_id());
  assigned.set_previous_tier_id(state.tier.tier_id);
  assigned.set_reason(events::v1::TIER_ASSIGNMENT_REASON_LOCKED);
  return assigned;
}

Micros NextReview(const AccountState& state, const CompiledProgram& program, Micros after) {
  const TierLadder& ladder = program.program().tier_ladder();
  const Zone& zone = program.zone();
  switch (ladder.review_case()) {
    case TierLadder::kReviewPeriod:
      return zone.PeriodStart(after, CalendarUnitOf(ladder.review_period()), 1);
    case TierLadder::kReviewTierMonths:
      return NextTierAnniversary(state, program, after);
    case TierLadder::kReviewMembershipYear:
      return MembershipYearStart(zone, state.open_time, after, 1);
    case TierLadder::kReviewDate: {
      const int64_t year = zone.PeriodIndex(after, CalendarUnit::kYear);
      const Micros due = AnnualDateStart(zone, ladder.review_date(), year);
      return due > after ? due : AnnualDateStart(zone, ladder.review_date(), year + 1);
    }
    case TierLadder::REVIEW_NOT_SET:
      break;
  }
  return kNever;
}

Micros LastAnnualDate(const CompiledProgram& program, Micros time) {
  const programs::v1::AnnualDate& date = program.program().tier_ladder().review_date();
  const int64_t year = program.zone().PeriodIndex(time, CalendarUnit::kYear);
  const Micros last = AnnualDateStart(program.zone(), date, year);
  return last <= time ? last : AnnualDateStart(program.zone(), date, year - 1);
}

std::optional<TierAssigned> ReviewTier(const AccountState& state, const CompiledProgram& program, Micros as_of,
                                       const std::vector<CutPlace>& places) {
  Measurer measurer = Measurer::AtPopulationReview(state, program, as_of, places);
  events::v1::Event event = Review(state, program, measurer, as_of);
  if (!event.has_tier_assigned()) return std::nullopt;
  return std::move(*event.mutable_tier_assigned());
}

Measurer MeasurerAt(const AccountState& state, const ReviewMoment& moment) {
  return Measurer::AtReview(state, *moment.program, moment.ends_grace ? state.tier.grace_review : moment.due,
                            moment.due);
}

std::optional<ReviewMoment> FindNextReview(const AccountState& state, Micros after, const ProgramSet& programs) {
  if (state.lifecycle == Lifecycle::kMerged) return std::nullopt;
  return FindUnderPrograms<ReviewMoment>(
      state, after, kNever, programs, [&](const CompiledProgram& program, Micros from, Micros end) {
        return program.program().has_tier_ladder() ? FindMomentUnder(state, program, from, end) : std::nullopt;
      });
}

std::optional<DueReview> FindReviewUnder(const AccountState& state, const CompiledProgram& program, Micros from,
                                         Micros end) {
  // Accounts that are ranked among each other are reviewed together.
  if (!program.rules().cuts.empty()) return std::nullopt;
  int looked = 0;
  for (auto moment = FindMomentUnder(state, program, from, end); moment.has_value();
       moment = FindMomentUnder(state, program, moment->due, end)) {
    Measurer measurer = MeasurerAt(state, *moment);
    auto event =
        moment->ends_grace ? EndGrace(state, program, measurer) : Review(state, program, measurer, moment->due);
    if (event.payload_case() != events::v1::Event::PAYLOAD_NOT_SET) {
      return DueReview{moment->due, &program, std::move(event)};
    }
    if (moment->ends_grace) continue;
    if (CannotChangeLater(state, program) || IsSettled(state, program, measurer, moment->due)) break;
    if (!program.rules().tiers_settle && ++looked == kBoundariesMax) return DueReview{moment->due, &program, {}};
  }
  return std::nullopt;
}

std::optional<DueReview> FindReview(const AccountState& state, Micros after, Micros until, const ProgramSet& programs) {
  KL_CHECK(after >= state.clock);
  if (state.lifecycle == Lifecycle::kMerged) return std::nullopt;
  return FindUnderPrograms<DueReview>(
      state, after, until, programs, [&](const CompiledProgram& program, Micros from, Micros end) {
        return program.program().has_tier_ladder() ? FindReviewUnder(state, program, from, end) : std::nullopt;
      });
}

}  // namespace keyledger::domain
