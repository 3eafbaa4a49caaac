// See explain_standing.h.
#include "server/domain/explain_standing.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include "server/base/check.h"
#include "server/base/checked.h"
#include "server/base/error.h"
#include "server/domain/evolve.h"
#include "server/domain/fold.h"
#include "server/domain/owners.h"
#include "server/domain/proto_time.h"
#include "server/domain/review.h"

namespace keyledger::domain {
namespace {

using events::v1::Event;
using programs::v1::TierLadder;

const TierLadder& LadderOf(const CompiledProgram& program) { return program.program().tier_ladder(); }

// Takes the tier decisions that fall due after `after` and up to `until`.
absl::Status AdvanceTier(AccountState& state, Micros after, Micros until, const ProgramSet& programs,
                         std::vector<DueReview>& taken) {
  while (auto review = FindReview(state, std::max(after, state.clock), until, programs)) {
    after = review->due;
    if (review->event.payload_case() == Event::PAYLOAD_NOT_SET) continue;
    KL_RETURN_IF_ERROR(Evolve(state, review->event, review->due));
    taken.push_back(*std::move(review));
  }
  return absl::OkStatus();
}

class Explainer {
 public:
  Explainer(StandingExplanation& out, const ProgramSet& programs) : out_(out), programs_(programs) {}

  absl::Status Explain() {
    const Micros moment = out_.as_of - 1;
    out_.program = programs_.Select(moment, out_.state.region);
    if (out_.program != nullptr && !out_.program->program().has_tier_ladder()) out_.program = nullptr;
    out_.next_review = FindNextReview(out_.state, moment, programs_);
    if (out_.program != nullptr) {
      out_.locked = IsLocked(out_.state, LadderOf(*out_.program), moment);
      ExplainHigher(moment);
    }
    if (!out_.next_review.has_value()) return absl::OkStatus();
    if (out_.next_review->ends_grace) out_.grace_until = out_.next_review->due;
    ExplainKeep();
    return Project(moment);
  }

 private:
  size_t SourceOf(const Measurer& measurer, size_t measure) {
    const MeasureSpec& spec = measurer.program().rules().measures[measure];
    ValueSource source{spec.metric, spec.fact_key, "", measurer.SourceOf(measure)};
    if (source.span.has_value()) source.currency = measurer.program().program().currency_code();
    const auto known = std::find(out_.sources.begin(), out_.sources.end(), source);
    const size_t at = known - out_.sources.begin();
    if (known == out_.sources.end()) out_.sources.push_back(std::move(source));
    return at;
  }

  std::vector<ExplainedAlternative> ExplainRule(Measurer& measurer, const CompiledRule& rule) {
    std::vector<ExplainedAlternative> alternatives;
    for (const auto& conditions : rule.any_of) {
      ExplainedAlternative& alternative = alternatives.emplace_back();
      alternative.holds = true;
      for (const CompiledCondition& condition : conditions) {
        alternative.conditions.push_back({measurer.Evidence(condition), measurer.ShortfallOf(condition, out_.as_of),
                                          SourceOf(measurer, condition.measure)});
        alternative.holds = alternative.holds && measurer.Holds(condition);
      }
    }
    return alternatives;
  }

  ExplainedRule ExplainTier(Measurer& measurer, int index, const CompiledRule& rule, Micros measured, Micros decided) {
    const programs::v1::Tier& tier = LadderOf(measurer.program()).tiers(index);
    ExplainedRule out;
    out.tier_id = tier.tier_id();
    out.display_name = tier.display_name();
    out.alternatives = ExplainRule(measurer, rule);
    out.holds = measurer.FindHolding(rule).has_value();
    out.measured = measured;
    out.decided = decided;
    return out;
  }

  // The first review from now on at which a tier can be entered; the end of a grace period asks only for the tier held.
  std::optional<ReviewMoment> NextEntrance() const {
    if (!out_.next_review.has_value() || !out_.next_review->ends_grace) return out_.next_review;
    return FindNextReview(out_.state, out_.next_review->due, programs_);
  }

  void ExplainHigher(Micros moment) {
    const std::optional<ReviewMoment> entrance = NextEntrance();
    if (LadderOf(*out_.program).upgrade() == programs::v1::UPGRADE_AT_REVIEW && entrance.has_value()) {
      Measurer measurer = MeasurerAt(out_.state, *entrance);
      return ExplainAbove(measurer, entrance->due, entrance->due, entrance->due);
    }
    const Micros at_review = entrance.has_value() ? entrance->due : kNever;
    const bool only_at_review = LadderOf(*out_.program).upgrade() == programs::v1::UPGRADE_AT_REVIEW;
    const Micros at_once = out_.locked ? out_.state.tier_lock.until : out_.as_of;
    Measurer measurer = Measurer::At(out_.state, *out_.program, moment);
    ExplainAbove(measurer, out_.as_of, only_at_review ? at_review : at_once, at_review);
  }

  // `decided`: when a tier is entered whose rule holds; one that only comparing accounts gives: `compared`.
  void ExplainAbove(Measurer& measurer, Micros measured, Micros decided, Micros compared) {
    const CompiledProgram& program = measurer.program();
    const auto held = FindHeldTier(LadderOf(program), out_.state.tier);
    const size_t first = held.has_value() && held->known ? static_cast<size_t>(held->index) + 1 : 0;
    for (size_t i = first; i < program.rules().tiers.size(); ++i) {
      const CompiledRule& rule = program.rules().tiers[i].entrance;
      const bool by_comparison = std::all_of(rule.any_of.begin(), rule.any_of.end(), [](const auto& conditions) {
        return std::any_of(conditions.begin(), conditions.end(),
                           [](const CompiledCondition& condition) { return condition.cut.has_value(); });
      });
      out_.higher.push_back(
          ExplainTier(measurer, static_cast<int>(i), rule, measured, by_comparison ? compared : decided));
    }
  }

  void ExplainKeep() {
    const ReviewMoment& review = *out_.next_review;
    const auto held = FindHeldTier(LadderOf(*review.program), out_.state.tier);
    if (!held.has_value() || !held->known) return;
    Micros deadline = review.due;
    if (const uint32_t days = LadderOf(*review.program).grace_days(); days > 0 && !review.ends_grace) {
      const Micros until = review.program->zone().AddDays(review.due, static_cast<int>(days));
      if (IsTimestampRange(until)) deadline = until;
    }
    Measurer measurer = MeasurerAt(out_.state, review);
    const auto index = static_cast<size_t>(held->index);
    out_.keep =
        ExplainTier(measurer, held->index, review.program->rules().tiers[index].maintenance, review.due, deadline);
  }

  // Lets the next review decide, as if nothing else happened.
  absl::Status Project(Micros moment) {
    const ReviewMoment& review = *out_.next_review;
    if (!review.program->rules().cuts.empty()) {
      out_.outcome = ReviewOutcome::kComparison;
      return absl::OkStatus();
    }
    AccountState then = out_.state;
    std::vector<DueReview> taken;
    KL_RETURN_IF_ERROR(AdvanceTier(then, moment, review.due, programs_, taken));
    out_.projected_tier_id = then.tier.tier_id;
    out_.outcome = taken.empty() ? ReviewOutcome::kKept : OutcomeOf(taken.back().event);
    if (out_.outcome == ReviewOutcome::kFalls) {
      // The review measured what `keep` shows.
      Warn(taken.back(), std::nullopt, out_.keep->alternatives);
    }
    return out_.outcome == ReviewOutcome::kGraceStarts ? ProjectGrace(then, review.due) : absl::OkStatus();
  }

  // Lets the grace period end that a review has begun.
  absl::Status ProjectGrace(const AccountState& in_grace, Micros start) {
    const Micros until = in_grace.tier.grace_until;
    AccountState then = in_grace;
    std::vector<DueReview> taken;
    KL_RETURN_IF_ERROR(AdvanceTier(then, start, until, programs_, taken));
    // Another program may have begun meanwhile, with a ladder on which the account begins anew.
    if (taken.empty() || OutcomeOf(taken.front().event) != ReviewOutcome::kFalls) return absl::OkStatus();
    const DueReview& fall = taken.front();
    const auto held = FindHeldTier(LadderOf(*fall.program), in_grace.tier);
    KL_CHECK(held.has_value() && held->known);
    Measurer measurer = MeasurerAt(in_grace, {fall.due, fall.program, fall.due == until});
    const auto index = static_cast<size_t>(held->index);
    Warn(fall, start, ExplainRule(measurer, fall.program->rules().tiers[index].maintenance));
    return absl::OkStatus();
  }

  void Warn(const DueReview& fall, std::optional<Micros> grace_start, std::vector<ExplainedAlternative> missing) {
    for (ExplainedAlternative& alternative : missing) {
      std::erase_if(alternative.conditions,
                    [](const ExplainedCondition& condition) { return condition.evidence.holds(); });
    }
    out_.warning = FallWarning{out_.state.tier.tier_id, fall.event.tier_assigned().tier_id(), fall.due, grace_start,
                               std::move(missing)};
  }

  static ReviewOutcome OutcomeOf(const Event& event) {
    if (event.has_tier_grace_started()) return ReviewOutcome::kGraceStarts;
    switch (event.tier_assigned().reason()) {
      case events::v1::TIER_ASSIGNMENT_REASON_INITIAL:
        return ReviewOutcome::kBegins;
      case events::v1::TIER_ASSIGNMENT_REASON_REVIEW_DOWNGRADE:
      case events::v1::TIER_ASSIGNMENT_REASON_GRACE_ENDED:
        return ReviewOutcome::kFalls;
      default:
        return ReviewOutcome::kRises;
    }
  }

  StandingExplanation& out_;
  const ProgramSet& programs_;
};

// The number that the event declares for the fact; nothing: it does not declare it. A text that is no number is 0.
std::optional<int64_t> DeclaredNumber(const Event& event, const std::string& key) {
  if (event.has_score_stated()) {
    if (event.score_stated().score_id() != key) return std::nullopt;
    return event.score_stated().value();
  }
  const auto& facts =
      event.has_account_opened() ? event.account_opened().facts() : event.account_facts_updated().set_facts();
  const auto fact = std::find_if(facts.begin(), facts.end(), [&](const auto& one) { return one.key() == key; });
  if (fact == facts.end()) return std::nullopt;
  int64_t value = 0;
  const char* const end = fact->value().data() + fact->value().size();
  const auto [last, error] = std::from_chars(fact->value().data(), end, value);
  return error == std::errc() && last == end ? value : 0;
}

bool IsRemoved(const Event& event, const std::string& key) {
  const auto& removed = event.account_facts_updated().removed_keys();
  return std::find(removed.begin(), removed.end(), key) != removed.end();
}

// By how many the event changes the people of ours with a role.
int64_t ChangeOfOwners(AccountState& owners, const Event& event, Micros occurred) {
  const auto before = static_cast<int64_t>(HoldersOf(owners, "").size());
  switch (event.payload_case()) {
    case Event::kAccountOpened:
      owners.owner = event.account_opened().owner();
      break;
    case Event::kAccountFactsUpdated:
      if (event.account_facts_updated().has_owner()) owners.owner = event.account_facts_updated().owner();
      break;
    case Event::kOwnerAssigned:
    case Event::kOwnerReleased:
    case Event::kOwnerTransferred:
      KL_CHECK(FoldOwner(owners, event, occurred).ok());
      break;
    default:
      break;
  }
  return static_cast<int64_t>(HoldersOf(owners, "").size()) - before;
}

// What was traded in quarters of an hour that begin in the span, as one sum, which stops at the largest number.
events::v1::TradeSlot TradeWithin(const Span& span,
                                  const google::protobuf::RepeatedPtrField<events::v1::TradeSlot>& slots) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  events::v1::TradeSlot sum;
  for (const events::v1::TradeSlot& slot : slots) {
    const Micros begins = slot.slot() * kMetricSlotMicros;
    if (begins < span.start || begins >= span.end) continue;
    sum.set_micros(CheckedAdd(sum.micros(), slot.micros()).value_or(kMost));
    sum.set_cost_micros(CheckedAdd(sum.cost_micros(), slot.cost_micros()).value_or(kMost));
    sum.set_units(CheckedAdd(sum.units(), slot.units()).value_or(kMost));
    sum.set_count(CheckedAdd(sum.count(), slot.count()).value_or(kMost));
  }
  return sum;
}

// What a merge brought of the source's trade within its span.
int64_t BroughtBy(const events::v1::AccountMergeReceived& received, const ValueSource& source) {
  Event within;
  for (const events::v1::MergedTrade& trade : received.merged().trades()) {
    if (trade.currency_code() != source.currency) continue;
    events::v1::MergedTrade& part = *within.mutable_account_merge_received()->mutable_merged()->add_trades();
    part.set_currency_code(trade.currency_code());
    // A span from the beginning is measured by the sums of all time: quarters of an hour are forgotten.
    const bool is_ever = source.span->start <= kTimeMin;
    *part.mutable_bought_ever() = is_ever ? trade.bought_ever() : TradeWithin(*source.span, trade.bought());
    *part.mutable_returned_ever() = is_ever ? trade.returned_ever() : TradeWithin(*source.span, trade.returned());
  }
  return ContributionOf(source.metric, within, source.currency);
}

// Larger, or of equal size earlier, first. A heap by this order has the least of what it keeps in front.
bool ComesFirst(const Contribution& a, const Contribution& b) {
  const auto size = [](int64_t amount) { return amount < 0 ? -static_cast<Int128>(amount) : Int128{amount}; };
  if (size(a.amount) != size(b.amount)) return size(a.amount) > size(b.amount);
  return a.revision < b.revision;
}

// True if the fold needs the event: what is measured, and tiers.
bool IsStandingEvent(const Event& event) {
  switch (event.payload_case()) {
    case Event::kTierAssigned:
    case Event::kTierGraceStarted:
    case Event::kTierLocked:
    case Event::kTierUnlocked:
      return true;
    default:
      return IsMeasuredEvent(event);
  }
}

}  // namespace

absl::Status FoldForStanding(AccountState& state, const events::v1::EventRecord& record, Micros as_of) {
  const Event& event = record.event();
  const Micros occurred = MicrosOf(record.occurred_time());
  if (occurred >= as_of) return absl::OkStatus();
  // An invoice may have occurred before the account was opened: it tells nothing of an account that was not there.
  if (state.lifecycle == Lifecycle::kNone && !event.has_account_opened()) return absl::OkStatus();
  if (!IsStandingEvent(event)) {
    // It moves the account's clock all the same: reviews up to then have been held.
    state.clock = std::max(state.clock, occurred);
    return absl::OkStatus();
  }
  // What lies between is left out; a return still finds its purchase behind it.
  state.next_revision = record.revision();
  return EvolveWithoutPoints(state, event, occurred);
}

absl::StatusOr<StandingExplanation> ExplainStanding(AccountState state, Micros as_of, const ProgramSet& programs) {
  KL_CHECK(state.lifecycle != Lifecycle::kNone && state.clock < as_of);
  StandingExplanation out;
  out.as_of = as_of;
  out.state = std::move(state);
  KL_RETURN_IF_ERROR(AdvanceTier(out.state, out.state.clock, as_of - 1, programs, out.taken));
  KL_RETURN_IF_ERROR(Explainer(out, programs).Explain());
  return out;
}

ContributionFinder::ContributionFinder(const std::vector<ValueSource>& sources, size_t per_value_max)
    : sources_(sources), per_value_max_(per_value_max), found_(sources.size()) {
  KL_CHECK(per_value_max > 0);
}

void ContributionFinder::Observe(const events::v1::EventRecord& record) {
  const Event& event = record.event();
  if (!IsMeasuredEvent(event)) return;
  const Micros occurred = MicrosOf(record.occurred_time());
  const int64_t owners = ChangeOfOwners(owners_, event, occurred);
  for (size_t i = 0; i < sources_.size(); ++i) {
    const ValueSource& source = sources_[i];
    if (source.span.has_value()) {
      // It counts for the other account now.
      if (event.has_account_merge_completed()) found_[i] = {};
      const bool is_merge = event.has_account_merge_received();
      if (!is_merge && (occurred < source.span->start || occurred >= source.span->end)) continue;
      const int64_t amount = is_merge ? BroughtBy(event.account_merge_received(), source)
                                      : ContributionOf(source.metric, event, source.currency);
      if (amount != 0) Add(i, record, occurred, amount);
    } else if (source.metric == events::v1::METRIC_OWNER_COUNT) {
      if (owners != 0) Add(i, record, occurred, owners);
    } else if (source.metric == events::v1::METRIC_TENURE_DAYS) {
      if (event.has_account_opened()) Replace(i, record, occurred, 0);
    } else if (source.metric == events::v1::METRIC_DAYS_SINCE_LAST_PURCHASE) {
      const std::vector<Contribution>& last = found_[i].largest;
      const bool is_last = last.empty() || last.front().occurred <= occurred;
      if (event.has_purchase_recorded() && is_last) Replace(i, record, occurred, 0);
    } else if (const auto number = DeclaredNumber(event, source.fact_key); number.has_value()) {
      Replace(i, record, occurred, *number);
    } else if (IsRemoved(event, source.fact_key)) {
      found_[i] = {};
    }
  }
}

void ContributionFinder::Add(size_t source, const events::v1::EventRecord& record, Micros occurred, int64_t amount) {
  Contributions& found = found_[source];
  found.total += 1;
  found.largest.push_back({record.revision(), record.event_id(),
                           static_cast<events::v1::EventKind>(record.event().payload_case()), occurred, amount});
  std::push_heap(found.largest.begin(), found.largest.end(), ComesFirst);
  if (found.largest.size() <= per_value_max_) return;
  std::pop_heap(found.largest.begin(), found.largest.end(), ComesFirst);
  found.largest.pop_back();
}

void ContributionFinder::Replace(size_t source, const events::v1::EventRecord& record, Micros occurred,
                                 int64_t amount) {
  found_[source] = {};
  Add(source, record, occurred, amount);
}

std::vector<Contributions> ContributionFinder::Take() && {
  for (Contributions& found : found_) std::sort(found.largest.begin(), found.largest.end(), ComesFirst);
  return std::move(found_);
}

}  // namespace keyledger::domain
