// See review.h.
#include "server/domain/review.h"

#include <algorithm>
#include <tuple>

#include "server/base/check.h"
#include "server/base/error.h"
#include "server/domain/accrual.h"
#include "server/domain/evolve.h"
#include "server/domain/measure.h"
#include "server/domain/merges.h"
#include "server/domain/proto_time.h"
#include "server/domain/standing.h"
#include "server/domain/work.h"

namespace keyledger::domain {
namespace {

using events::v1::PopulationCut;
using events::v1::TierAssigned;
using programs::v1::TierLadder;

// Place of the account among the members: true if its key does not come after that of the last one. See ranking.h.
bool IsMember(const PopulationCut& cut, int64_t value, Micros open_time, std::string_view account_id) {
  if (value <= 0 || cut.members() == 0) return false;
  const Micros last_open = MicrosOf(cut.last_open_time());
  return std::make_tuple(-value, open_time, account_id) <=
         std::make_tuple(-cut.last_value(), last_open, std::string_view(cut.last_account_id()));
}

int IndexOf(const TierLadder& ladder, std::string_view tier_id) {
  for (int i = 0; i < ladder.tiers_size(); ++i) {
    if (ladder.tiers(i).tier_id() == tier_id) return i;
  }
  return -1;
}

// Why the verdict leaves the account, which is open, the tier it holds; nothing: it changes it.
std::optional<ReviewEffect> FindObstacle(const AccountState& state, const ReviewVerdict& verdict, Micros moment) {
  const TierLadder& ladder = verdict.program->program().tier_ladder();
  if (IsLocked(state, ladder, moment)) return ReviewEffect::kLocked;
  const TierStanding& now = state.tier;
  // Tiers of different ladders may have the same ids.
  const bool on_ladder = now.ladder_id == ladder.ladder_id();
  if (on_ladder && now.tier_id == verdict.assigned.tier_id()) return ReviewEffect::kOvertaken;
  const bool has_moved = now.ladder_id != verdict.held_ladder_id || now.tier_id != verdict.held_tier_id;
  // A tier that the ladder does not know is below all others.
  const bool rises = !on_ladder || IndexOf(ladder, verdict.assigned.tier_id()) > IndexOf(ladder, now.tier_id);
  return has_moved && !rises ? std::optional(ReviewEffect::kOvertaken) : std::nullopt;
}

TierAssigned AssignedFrom(const AccountState& state, const ReviewVerdict& verdict) {
  TierAssigned assigned = verdict.assigned;
  assigned.set_previous_tier_id(state.tier.tier_id);
  return assigned;
}

}  // namespace

bool IsMeasuredEvent(const events::v1::Event& event) {
  switch (event.payload_case()) {
    case events::v1::Event::kAccountOpened:
    case events::v1::Event::kAccountFactsUpdated:
    case events::v1::Event::kAccountClosed:
    case events::v1::Event::kAccountReopened:
    case events::v1::Event::kPurchaseRecorded:
    case events::v1::Event::kPurchaseReturned:
    case events::v1::Event::kOwnerAssigned:
    case events::v1::Event::kOwnerReleased:
    case events::v1::Event::kOwnerTransferred:
    case events::v1::Event::kScoreStated:
      return true;
    default:
      return IsMergeEvent(event);
  }
}

absl::Status EvolveWithoutPoints(AccountState& state, const events::v1::Event& event, Micros occurred) {
  if (IsMergeEvent(event)) {
    events::v1::Event merge = event;
    ClearPoints(merge);
    return Evolve(state, merge, occurred);
  }
  if (event.purchase_returned().has_merged_purchase()) {
    // It may have occurred before the merge, where the other account is none of this one's yet.
    events::v1::Event goods = event;
    goods.mutable_purchase_returned()->clear_merged_purchase();
    return Evolve(state, goods, occurred);
  }
  const auto& lines = event.purchase_recorded().lines();
  if (std::none_of(lines.begin(), lines.end(), [](const auto& line) { return line.points_paid() > 0; })) {
    return Evolve(state, event, occurred);
  }
  events::v1::Event goods = event;
  goods.mutable_purchase_recorded()->clear_counts();
  for (auto& line : *goods.mutable_purchase_recorded()->mutable_lines()) {
    line.clear_points_paid();
    line.clear_points_allocations();
  }
  return Evolve(state, goods, occurred);
}

absl::Status FoldMeasured(AccountState& state, const events::v1::EventRecord& record, Micros as_of) {
  const events::v1::Event& event = record.event();
  const Micros occurred = MicrosOf(record.occurred_time());
  if (occurred >= as_of || !IsMeasuredEvent(event)) return absl::OkStatus();
  // An invoice may have occurred before the account was opened: it tells nothing of an account that was not there.
  if (state.lifecycle == Lifecycle::kNone && !event.has_account_opened()) return absl::OkStatus();
  // What lies between is left out; a return still finds its purchase behind it.
  state.next_revision = record.revision();
  return EvolveWithoutPoints(state, event, occurred);
}

ReviewRules::ReviewRules(std::shared_ptr<const CompiledProgram> program, std::shared_ptr<const ProgramSet> programs,
                         Micros as_of)
    : program_(std::move(program)), programs_(std::move(programs)), as_of_(as_of) {
  KL_CHECK(!program_->rules().cuts.empty());
  for (const CompiledCut& cut : program_->rules().cuts) {
    const auto known = std::find(measures_.begin(), measures_.end(), cut.measure);
    measure_of_cut_.push_back(known - measures_.begin());
    if (known == measures_.end()) measures_.push_back(cut.measure);
  }
}

ReviewSubject ReviewRules::Judge(AccountState state) const {
  ReviewSubject subject;
  subject.state = std::move(state);
  if (subject.state.lifecycle != Lifecycle::kOpen) return subject;
  const CompiledProgram* governing = programs_->Select(as_of_ - 1, subject.state.region);
  subject.is_governed = governing != nullptr && governing->program().program_id() == program_->program().program_id();
  subject.is_in_population = subject.is_governed && subject.state.purchase_count > 0;
  return subject;
}

std::vector<std::optional<int64_t>> ReviewRules::RankedValues(const ReviewSubject& subject) const {
  Measurer measurer = Measurer::AtReview(subject.state, *program_, as_of_, as_of_);
  std::vector<std::optional<int64_t>> values;
  for (const size_t measure : measures_) values.push_back(measurer.Get(measure).value);
  return values;
}

absl::Status ReviewRules::FreezeCuts(const Ranking& ranking,
                                     const std::function<absl::StatusOr<std::string>(uint32_t)>& id_of,
                                     events::v1::ReviewStarted& started) const {
  started.set_population(ranking.population());
  // A window that all accounts share, whatever their state.
  const AccountState nobody;
  Measurer measurer = Measurer::AtReview(nobody, *program_, as_of_, as_of_);
  for (size_t i = 0; i < program_->rules().cuts.size(); ++i) {
    const CompiledCut& compiled = program_->rules().cuts[i];
    const MeasureSpec& spec = program_->rules().measures[compiled.measure];
    const size_t measure = measure_of_cut_[i];
    PopulationCut& cut = *started.add_cuts();
    cut.set_metric(spec.metric);
    cut.set_fact_key(spec.fact_key);
    cut.set_growth(spec.growth);
    cut.set_in_each_of_last(spec.periods);
    if (HasWindow(spec.metric) && !spec.window.lifetime() && !spec.window.membership_year()) {
      SetTimestamp(cut.mutable_window_start(), std::max(measurer.Get(compiled.measure).window->start, kTimeMin));
    }
    switch (compiled.cut.kind) {
      case CutKind::kTopCount:
        cut.set_top_count(compiled.cut.size);
        break;
      case CutKind::kTopPercentMilli:
        cut.set_top_percent_milli(compiled.cut.size);
        break;
      case CutKind::kCoveringPercentMilli:
        cut.set_covering_percent_milli(compiled.cut.size);
        break;
    }
    cut.set_ranked(ranking.ranked(measure));
    cut.set_members(ranking.CountMembers(measure, compiled.cut));
    if (cut.members() == 0) continue;
    const uint32_t last = ranking.AccountAt(measure, cut.members());
    cut.set_last_value(ranking.ValueOf(measure, last));
    SetTimestamp(cut.mutable_last_open_time(), ranking.OpenTimeOf(last));
    KL_ASSIGN_OR_RETURN(*cut.mutable_last_account_id(), id_of(last));
  }
  return absl::OkStatus();
}

std::vector<CutStanding> ReviewRules::Standings(const ReviewSubject& subject, RankingNumber number) const {
  const std::vector<std::optional<int64_t>> values = RankedValues(subject);
  std::vector<CutStanding> standings;
  for (const size_t measure : measure_of_cut_) {
    CutStanding& standing = standings.emplace_back();
    standing.value = values[measure];
    if (number.ranking != nullptr && subject.is_in_population) {
      standing.rank = number.ranking->RankOf(measure, number.number);
    }
  }
  return standings;
}

std::optional<ReviewVerdict> ReviewRules::Decide(const ReviewSubject& subject, std::string_view account_id,
                                                 const events::v1::ReviewStarted& started, RankingNumber number) const {
  KL_CHECK(subject.is_governed);
  KL_CHECK(started.cuts_size() == static_cast<int>(program_->rules().cuts.size()));
  std::vector<CutPlace> places;
  const std::vector<CutStanding> standings = Standings(subject, number);
  for (size_t i = 0; i < standings.size(); ++i) {
    const PopulationCut& cut = started.cuts(static_cast<int>(i));
    CutPlace& place = places.emplace_back();
    place.is_member =
        subject.is_in_population && IsMember(cut, standings[i].value.value_or(0), subject.state.open_time, account_id);
    place.last_value = cut.last_value();
    place.rank = standings[i].rank;
  }
  std::optional<TierAssigned> assigned = ReviewTier(subject.state, *program_, as_of_, places);
  if (!assigned.has_value()) return std::nullopt;
  assigned->set_reason(events::v1::TIER_ASSIGNMENT_REASON_POPULATION_REVIEW);
  assigned->set_review_id(started.review_id());
  ReviewVerdict verdict;
  verdict.review_id = started.review_id();
  verdict.program = program_;
  verdict.as_of = as_of_;
  verdict.held_ladder_id = subject.state.tier.ladder_id;
  verdict.held_tier_id = subject.state.tier.tier_id;
  verdict.assigned = *std::move(assigned);
  return verdict;
}

absl::StatusOr<ReviewEffect> ReviewRules::Preview(const AccountState& at_cursor, const ReviewVerdict& verdict) const {
  if (programs_->Select(as_of_ - 1, at_cursor.region) == program_.get()) {
    KL_ASSIGN_OR_RETURN(const AppliedVerdict applied, ApplyVerdict(at_cursor, verdict, *programs_));
    return applied.effect;
  }
  if (at_cursor.lifecycle != Lifecycle::kOpen) return ReviewEffect::kOvertaken;
  const auto obstacle = FindObstacle(at_cursor, verdict, std::max(at_cursor.clock, as_of_));
  return obstacle.has_value() ? *obstacle : EffectOf(AssignedFrom(at_cursor, verdict), *program_);
}

ReviewEffect EffectOf(const TierAssigned& assigned, const CompiledProgram& program) {
  const TierLadder& ladder = program.program().tier_ladder();
  const int given = IndexOf(ladder, assigned.tier_id());
  const int before = IndexOf(ladder, assigned.previous_tier_id());
  // The same tier is given again only to who held it on another ladder.
  if (given == before || (given == 0 && before < 0)) return ReviewEffect::kBegun;
  return given > before ? ReviewEffect::kRaised : ReviewEffect::kLowered;
}

absl::StatusOr<AppliedVerdict> ApplyVerdict(const AccountState& state, const ReviewVerdict& verdict,
                                            const ProgramSet& programs) {
  AppliedVerdict applied;
  if (state.lifecycle != Lifecycle::kOpen) return applied;
  const Micros moment = std::max(state.clock, verdict.as_of);
  Work work(state, programs);
  KL_RETURN_IF_ERROR(work.AdvanceTo(moment));
  const TierLadder& ladder = verdict.program->program().tier_ladder();
  const CompiledProgram* governing = programs.Select(moment, work.state().region);
  const bool same_ladder = governing != nullptr && governing->program().has_tier_ladder() &&
                           governing->program().tier_ladder().ladder_id() == ladder.ladder_id() &&
                           IndexOf(governing->program().tier_ladder(), verdict.assigned.tier_id()) >= 0;
  if (!same_ladder) return applied;
  if (const auto obstacle = FindObstacle(work.state(), verdict, moment); obstacle.has_value()) {
    applied.effect = *obstacle;
    return applied;
  }
  events::v1::Event event;
  *event.mutable_tier_assigned() = AssignedFrom(work.state(), verdict);
  applied.effect = EffectOf(event.tier_assigned(), *verdict.program);
  KL_RETURN_IF_ERROR(work.RecordDecision(std::move(event), moment, -1, verdict.program.get()));
  applied.outcome = work.Finish();
  return applied;
}

std::optional<Micros> LastPopulationReview(const CompiledProgram& program, Micros time) {
  if (program.rules().cuts.empty()) return std::nullopt;
  const TierLadder& ladder = program.program().tier_ladder();
  switch (ladder.review_case()) {
    case TierLadder::kReviewPeriod:
      return program.zone().PeriodStart(time, CalendarUnitOf(ladder.review_period()));
    case TierLadder::kReviewDate:
      return LastAnnualDate(program, time);
    default:
      return std::nullopt;
  }
}

}  // namespace keyledger::domain
