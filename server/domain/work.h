// Work: a decision in progress. Internal to the room; Decide and Advance build an Outcome with it.
#pragma once

#include <string>
#include <vector>

#include <absl/status/status.h>

#include "server/domain/decide.h"
#include "server/domain/fold.h"

namespace keyledger::domain {

// Most decisions that reviews take in one go. Only rules that send an account round and round for centuries come near
// it: a lifecycle moves an account at most once a month.
inline constexpr size_t kReviewsDecidedMax = 10'000;

// The state so far, the events so far, and the one way to add another.
// Lots that were emptied stay in the state until Finish.
class Work {
 public:
  Work(const AccountState& state, const ProgramSet& programs);

  const AccountState& state() const { return state_; }
  const ProgramSet& programs() const { return programs_; }
  const std::vector<DecidedEvent>& events() const { return events_; }
  // Revision of events()[0].
  uint64_t first_revision() const { return first_revision_; }

  // Records a fact; a decision that a fact caused; a decision that time caused. `program` may be null.
  // Errors: FAILED_PRECONDITION (kArithmeticRange) if a sum leaves its range.
  absl::Status RecordFact(events::v1::Event event, Micros occurred, int fact_index);
  absl::Status RecordDecision(events::v1::Event event, Micros occurred, int fact_index, const CompiledProgram* program);

  // Takes the decisions that fall due up to and including `until`.
  // Errors: FAILED_PRECONDITION (kArithmeticRange; kAccountLimit if reviews would decide more than kReviewsDecidedMax
  // times).
  absl::Status AdvanceTo(Micros until);
  // Takes what is due by the clock of lots with revision >= `first`: they came late and may have run out long ago.
  absl::Status SettleLots(uint64_t first);

  // Lets points that came in pay what the account owes.
  absl::Status PayDebt(int fact_index);
  // Takes what follows when points have come back to their lots: what is past its end runs out, the rest pays debts.
  absl::Status SettleRestored(int fact_index);

  Outcome Finish();

 private:
  absl::Status AdvanceLots(Micros until);
  absl::Status ExpireReservation(const std::string& id, Micros due);
  absl::Status Record(DecidedEvent event);

  const ProgramSet& programs_;
  const uint64_t first_revision_;
  AccountState state_;
  std::vector<DecidedEvent> events_;
  size_t reviews_decided_ = 0;
};

}  // namespace keyledger::domain
