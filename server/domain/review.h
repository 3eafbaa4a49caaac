// Review: what a population review decides about one account, and what becomes of that when it is recorded. Pure.
//
// A review compares all accounts that a program governs. It fixes a business moment (as_of, exclusive) and what had
// been recorded by then (the cursor); the shard's reviewer reads the accounts, this file judges them:
//   population   accounts that are open at as_of, that the program governs then, and that bought something before it
//   ranking      of the population, per thing measured; see ranking.h for the order
//   cuts         how far each relative condition of the ladder reaches, frozen in ReviewStarted
//   verdict      for every open account that the program governs: the tier its rules give it, with membership in the
//                cuts decided. An account outside the population is a member of none.
//   application  the verdict against the account as it is when it is recorded; see ApplyVerdict
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "keyledger/events/v1/event.pb.h"
#include "keyledger/events/v1/record.pb.h"
#include "keyledger/events/v1/review.pb.h"
#include "server/domain/account_state.h"
#include "server/domain/decide.h"
#include "server/domain/program_set.h"
#include "server/domain/ranking.h"

namespace keyledger::domain {

// True if the fold needs this event to say what the account was at an earlier business moment: everything that is
// measured follows from these alone.
bool IsMeasuredEvent(const events::v1::Event& event);
// As Evolve, of a state that follows no points: of a purchase paid with points it folds the goods alone.
absl::Status EvolveWithoutPoints(AccountState& state, const events::v1::Event& event, Micros occurred);
// Folds one of the account's records into what can be measured of it, and its profile: neither points nor tiers. Leaves
// out what occurred at `as_of` or later. A state of lifecycle kNone in the end: there was no account then.
// Requires: records in order. Errors: DATA_LOSS (kStoreDamaged).
absl::Status FoldMeasured(AccountState& state, const events::v1::EventRecord& record, Micros as_of);

// An account as a review sees it.
struct ReviewSubject {
  // The fold of what occurred before as_of and was recorded before the cursor, as far as it can be measured; with the
  // tier that it held at the cursor.
  AccountState state;
  // Of the program that governs it at as_of: false if that is another one, or the account was not open then.
  bool is_governed = false;
  bool is_in_population = false;
};

// Where an account stands in one cut's ranking.
struct CutStanding {
  // Nothing: not known.
  std::optional<int64_t> value;
  // From 1; 0: not ranked, or the ranking is not at hand.
  uint64_t rank = 0;
};

// An account's number in a ranking. Null: not known.
struct RankingNumber {
  const Ranking* ranking = nullptr;
  uint32_t number = 0;
};

// What a review decided about an account that changes.
struct ReviewVerdict {
  std::string review_id;
  std::shared_ptr<const CompiledProgram> program;
  Micros as_of = 0;
  // Held at the cursor, on this ladder or another; empty: none.
  std::string held_ladder_id;
  std::string held_tier_id;
  // The tier given, with its evidence.
  events::v1::TierAssigned assigned;
};

// What became of a verdict.
enum class ReviewEffect {
  kRaised,
  kLowered,
  // Held no tier of the ladder, or one of another ladder, and took it up at its lowest tier or the one of the same
  // name.
  kBegun,
  // A lock holds.
  kLocked,
  // Closed, under another ladder, or risen meanwhile to the tier or above.
  kOvertaken,
};

// The rules of one review.
// Threads: immutable.
class ReviewRules {
 public:
  // Requires: the program has a ladder with relative cuts.
  ReviewRules(std::shared_ptr<const CompiledProgram> program, std::shared_ptr<const ProgramSet> programs, Micros as_of);

  const CompiledProgram& program() const { return *program_; }
  Micros as_of() const { return as_of_; }
  // How many things are ranked.
  size_t measures() const { return measures_.size(); }

  ReviewSubject Judge(AccountState state) const;
  // One value per thing ranked, for Ranking::Add.
  std::vector<std::optional<int64_t>> RankedValues(const ReviewSubject& subject) const;
  // One per cut; without ranks if the number is not known.
  std::vector<CutStanding> Standings(const ReviewSubject& subject, RankingNumber number = {}) const;

  // Writes where the cuts fell. `id_of` gives the id of an account by its number in the ranking.
  absl::Status FreezeCuts(const Ranking& ranking, const std::function<absl::StatusOr<std::string>(uint32_t)>& id_of,
                          events::v1::ReviewStarted& started) const;

  // Nothing: the account keeps its tier. `number`: for the ranks in the evidence.
  // Requires: the subject is governed; `started` holds the frozen cuts of this program.
  std::optional<ReviewVerdict> Decide(const ReviewSubject& subject, std::string_view account_id,
                                      const events::v1::ReviewStarted& started, RankingNumber number = {}) const;

  // What would become of a verdict of these rules if it were applied to the account as it is at the cursor. A version
  // that is not in force is tried as if it were.
  // Errors: as ApplyVerdict.
  absl::StatusOr<ReviewEffect> Preview(const AccountState& at_cursor, const ReviewVerdict& verdict) const;

 private:
  const std::shared_ptr<const CompiledProgram> program_;
  const std::shared_ptr<const ProgramSet> programs_;
  const Micros as_of_;
  // What is ranked: indexes into the program's measures; and for every cut its place in here.
  std::vector<size_t> measures_;
  std::vector<size_t> measure_of_cut_;
};

// Raised, lowered or begun, from the tier before. Requires: the program's ladder knows the tier assigned.
ReviewEffect EffectOf(const events::v1::TierAssigned& assigned, const CompiledProgram& program);

struct AppliedVerdict {
  ReviewEffect effect = ReviewEffect::kOvertaken;
  // Empty unless raised, lowered or begun.
  Outcome outcome;
};

// Decides a verdict against the account as it is now, which may have changed since the cursor:
//   a closed account, and one that has come under another ladder, is left alone;
//   a lock that holds wins;
//   a tier of this ladder that was assigned since the cursor is only ever raised by the verdict, never lowered: what an
//   account reached after the cut-off it keeps until the next review. A tier of another ladder is none of this one,
//   whatever its name.
// The assignment occurs at as_of, or at the account's clock where that is later: nothing recorded before is judged
// again. What has fallen due by then is decided first.
// Errors: FAILED_PRECONDITION (kArithmeticRange).
absl::StatusOr<AppliedVerdict> ApplyVerdict(const AccountState& state, const ReviewVerdict& verdict,
                                            const ProgramSet& programs);

// The last moment at or before `time` at which the program's ladder is reviewed, or nothing: the ladder has no relative
// cuts, or its reviews are not at moments that all accounts share.
std::optional<Micros> LastPopulationReview(const CompiledProgram& program, Micros time);

}  // namespace keyledger::domain
