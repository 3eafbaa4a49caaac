// Decide: (state, submitted events, programs) -> events or a refusal. Pure: no clock, no I/O, no randomness; what it
// needs to know comes in.
//
// Times. An account has a clock: the latest business time (occurred_time) of its records. Decisions that fall due as
// time passes (activation, expiry, review) are taken up to max(clock, occurred_time of the event at hand), before the
// event is decided. An event that arrives late (occurred before the clock) is decided on the state as it is now; what
// falls due at once because of it (an old lot that has already expired) follows it directly.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>

#include "keyledger/events/v1/event.pb.h"
#include "server/domain/account_state.h"
#include "server/domain/program_set.h"

namespace keyledger::domain {

// A fact as submitted, already validated for shape (ValidateFact).
struct Fact {
  events::v1::Event event;
  Micros occurred = 0;
};

// An event to be recorded.
struct DecidedEvent {
  events::v1::Event event;
  Micros occurred = 0;
  // Index of the submitted fact it is (is_decision false) or is caused by (is_decision true); -1: caused by the passing
  // of time.
  int fact_index = -1;
  bool is_decision = false;
  // On decisions: the program version. Empty and 0 on facts, and on decisions that ask no program: activation and
  // expiry of a lot, whose times its own record fixed, and the reversal of a purchase under no program.
  std::string program_id;
  uint32_t program_version = 0;
};

// What was decided.
struct Outcome {
  // In order; the first gets revision state.next_revision.
  std::vector<DecidedEvent> events;
  // The state after all of them.
  AccountState state;
};

// A purchase found in the log, that a return names.
struct RecordedPurchase {
  std::string account_id;
  uint64_t revision = 0;
  Micros occurred = 0;
  events::v1::PurchaseRecorded purchase;
  // The accruals it caused, with their revisions (the lots).
  std::vector<std::pair<uint64_t, events::v1::PointsAccrued>> accruals;
  // The program version in the accruals' envelopes; empty and 0 without accruals.
  std::string program_id;
  uint32_t program_version = 0;
};

// Purchases by (merchant_id, invoice_number), for every linked return of the request whose purchase the log holds.
using RecordedPurchases = std::map<std::pair<std::string, std::string>, RecordedPurchase>;

struct DecideInput {
  std::string account_id;
  std::vector<Fact> facts;
  RecordedPurchases purchases;
};

// Decides a request: all of its facts or none.
// Errors: NOT_FOUND (kAccountNotFound) if the first event of a new account is not AccountOpened; ALREADY_EXISTS
// (kAccountExists); FAILED_PRECONDITION with the rule's reason
//   (kInsufficientPoints with metadata "available" and "requested", kAccountClosed, kAccountNotClosed, kAccountMerged,
//   kMergeNotPossible, kReturnExceedsPurchase, kPurchaseOfOtherAccount, kArithmeticRange, kAccountLimit, kLimitExceeded
//   with metadata, kItemNotOpen, kStepNotAllowed with the legal steps, kEntitlementSpent, kOwnerNotAssigned);
//   ALREADY_EXISTS (kItemExists);
//   INVALID_ARGUMENT (kInvalidField) if a fact is right in form but not in content: a return without the line number it
//   needs, another currency, points sent to the account itself, a service without the contact a limit counts by. The
//   message names the event by index and says what would be accepted.
absl::StatusOr<Outcome> Decide(const AccountState& state, const DecideInput& input, const ProgramSet& programs);

// Takes the decisions that fall due up to and including `until`. Empty events: nothing was due.
absl::StatusOr<Outcome> Advance(const AccountState& state, Micros until, const ProgramSet& programs);

// The next moment at which Advance would decide something if nothing else happens, or kNever. May be early, never late.
// Whoever has advanced the account to a moment without a decision says so with `looked_until`; otherwise an early
// answer would be given again.
Micros NextDue(const AccountState& state, const ProgramSet& programs,
               Micros looked_until = std::numeric_limits<Micros>::min());

// Checks one submitted event for shape: known payload, required fields, lengths, ranges. Knows no state.
// `field` is its path in the request, for messages, for example "events[3]".
// Errors: INVALID_ARGUMENT (kInvalidField with every violation, kUnknownEvent, kDecisionNotAccepted),
// RESOURCE_EXHAUSTED (kPayloadTooLarge).
absl::Status ValidateFact(const events::v1::Event& event, const std::string& field);

}  // namespace keyledger::domain
