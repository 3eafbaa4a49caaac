// ExplainStanding: an account's tier as its rule, the values behind it and what is still missing, and what the next
// review comes to if nothing else happens. Pure, and by the same measuring and the same reviews that decide: there is
// no second set of rules here.
//
// Use: give an account's records to FoldForStanding, explain, then give the same records to ContributionFinder to learn
// what each value was made from.
// Read next: standing.h for the rules, measure.h for what `missing` means.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "keyledger/events/v1/record.pb.h"
#include "server/domain/account_state.h"
#include "server/domain/measure.h"
#include "server/domain/program_set.h"
#include "server/domain/standing.h"

namespace keyledger::domain {

// Folds one of the account's records into what a standing is explained from: what is measured, and tiers. Leaves out
// what occurred at `as_of` or later. A state of lifecycle kNone in the end: there was no account then.
// Requires: records in order. Errors: DATA_LOSS (kStoreDamaged).
absl::Status FoldForStanding(AccountState& state, const events::v1::EventRecord& record, Micros as_of);

// Where a measured value comes from.
struct ValueSource {
  events::v1::Metric metric = events::v1::METRIC_UNSPECIFIED;
  std::string fact_key;
  // Purchases in another one do not count. Empty: the metric has no window.
  std::string currency;
  // Nothing: the metric has no window. Ends after the moment explained where a review to come is measured.
  std::optional<Span> span;

  bool operator==(const ValueSource&) const = default;
};

struct ExplainedCondition {
  events::v1::ConditionEvidence evidence;
  Shortfall shortfall;
  // Index into StandingExplanation::sources.
  size_t source = 0;
};

struct ExplainedAlternative {
  // Empty: asks for nothing.
  std::vector<ExplainedCondition> conditions;
  bool holds = false;
};

struct ExplainedRule {
  std::string tier_id;
  std::string display_name;
  std::vector<ExplainedAlternative> alternatives;
  bool holds = false;
  // Exclusive.
  Micros measured = 0;
  // Of the tier held: before which it must hold. Of a higher tier: when it can be entered first. kNever: not while an
  // open lock holds.
  Micros decided = kNever;
};

// What the next review comes to.
enum class ReviewOutcome { kNoReview, kKept, kRises, kFalls, kGraceStarts, kBegins, kComparison };

struct FallWarning {
  std::string tier_id;
  std::string to_tier_id;
  Micros fall = 0;
  // The review that begins a grace period; nothing: none, or it has begun.
  std::optional<Micros> grace_start;
  // What does not hold when it falls; alternatives as in the rule.
  std::vector<ExplainedAlternative> missing;
};

struct StandingExplanation {
  // Exclusive.
  Micros as_of = 0;
  // The account at that moment, tier decisions that had fallen due taken.
  AccountState state;
  // Those decisions, in order.
  std::vector<DueReview> taken;
  // The program that governs, if it has a ladder; null: none, and the rest is empty.
  const CompiledProgram* program = nullptr;
  bool locked = false;
  // The grace period that the account is in and whose end will be decided.
  std::optional<Micros> grace_until;
  std::optional<ReviewMoment> next_review;
  // Measured at the next review. Nothing: no review, or no tier that its ladder knows.
  std::optional<ExplainedRule> keep;
  // Lowest first.
  std::vector<ExplainedRule> higher;
  ReviewOutcome outcome = ReviewOutcome::kNoReview;
  // Empty: not known.
  std::string projected_tier_id;
  std::optional<FallWarning> warning;
  std::vector<ValueSource> sources;
};

// Explains the account at `as_of`, exclusive. Lifetime: the programs must outlive the result.
// Requires: the account exists; state.clock < as_of <= kTimeMax. Errors: those of Evolve.
absl::StatusOr<StandingExplanation> ExplainStanding(AccountState state, Micros as_of, const ProgramSet& programs);

// A record that a value was made from.
struct Contribution {
  uint64_t revision = 0;
  std::string event_id;
  events::v1::EventKind kind = events::v1::EVENT_KIND_UNSPECIFIED;
  Micros occurred = 0;
  // What it adds; less than zero: takes. Of a fact the number; 0: the day from which days are counted.
  int64_t amount = 0;
};

struct Contributions {
  // The largest first, by size without sign; of equal ones the earlier revision.
  std::vector<Contribution> largest;
  int64_t total = 0;
};

// What the values were made from: give it every record that occurred before the moment explained, by revision.
// Memory: `per_value_max` records a value. Lifetime: the sources must outlive it.
class ContributionFinder {
 public:
  // Requires: per_value_max > 0.
  ContributionFinder(const std::vector<ValueSource>& sources, size_t per_value_max);

  void Observe(const events::v1::EventRecord& record);
  // One per source.
  std::vector<Contributions> Take() &&;

 private:
  void Add(size_t source, const events::v1::EventRecord& record, Micros occurred, int64_t amount);
  // A record that takes the place of all before it.
  void Replace(size_t source, const events::v1::EventRecord& record, Micros occurred, int64_t amount);

  const std::vector<ValueSource>& sources_;
  const size_t per_value_max_;
  // Heaps, the smallest in front.
  std::vector<Contributions> found_;
  // Who had which role after the records so far; nothing else of it is folded.
  AccountState owners_;
};

}  // namespace keyledger::domain
