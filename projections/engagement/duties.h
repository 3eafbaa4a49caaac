// Duties: what is to be done for an account, derived from its history and the programs. Nothing of it is stored: as of
// any moment, and as known at any, it is derived anew.
//
// Pure. Read next: duty_rules.h for what a program asks, item_duties.h for what items ask, cadence.h for how it was
// kept.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "keyledger/events/v1/interaction.pb.h"
#include "projections/engagement/engagement_history.h"
#include "server/base/clock.h"
#include "server/domain/program_set.h"

namespace keyledger::projections::engagement {

// What a duty comes from. The numbers are those of ledger.v1.DutyKind.
enum class DutyKind : uint8_t {
  kPeriodic = 1,
  kFollowUp = 2,
  kOccasion = 3,
  kNextStep = 4,
  kPlanned = 5,
  kIssue = 6,
  kPromise = 7,
  kPlanReview = 8,
  kContract = 9,
  kLoan = 10,
  kHandover = 11,
  kApproval = 12,
  kOrder = 13,
};

// Fields as in ledger.v1.Duty.
struct Duty {
  std::string duty_id;
  std::string account_id;
  std::string display_name;
  DutyKind kind = DutyKind::kPeriodic;
  // Exclusive.
  Micros due = 0;
  std::string due_day;
  bool overdue = false;
  bool lapsed = false;
  // In byte order.
  std::vector<std::string> people;
  std::string role;
  std::vector<events::v1::InteractionKind> interaction_kinds;
  std::string rule_id;
  std::string program_id;
  uint32_t program_version = 0;
  std::string period;
  uint32_t number = 0;
  uint32_t required = 0;
  std::string item_id;
  std::string what;
  std::optional<uint64_t> cause_revision;
  std::string contact_id;
};

// A day that matters to a contact, unsealed: only for whoever stated a reader and a purpose.
struct ContactDay {
  // As in HistoryRow.
  uint32_t account = 0;
  // Within that account.
  std::string contact_id;
  // "birthday", or what names the day of the contact.
  std::string day_id;
  // Name for people.
  std::string what;
  // 0: every year.
  uint32_t year = 0;
  uint32_t month = 0;
  uint32_t day = 0;
};

// What duties are derived by.
struct DutyBasis {
  // Versions published before the scope's known_at. Must outlive what is derived.
  const domain::ProgramSet& programs;
  // The moment asked about: the scope's as_of.
  Micros as_of = 0;
};

// How far ahead duties are derived, in days of 24 hours from as_of.
inline constexpr int64_t kDutyDaysAheadMax = 1'096;

// The zone of the account at the moment: by the declared fact that the cadence names, else the program's.
Zone ZoneOf(const EngagementHistory& history, const DutyBasis& basis);
// The program that governs the account at a moment; null: none.
const domain::CompiledProgram* ProgramAt(const EngagementHistory& history, const DutyBasis& basis, Micros time);
// End of the local day of as_of: what is due by then is due today.
Micros EndOfDay(const EngagementHistory& history, const DutyBasis& basis);

// What of the rows the derivation needs, to look at what is due, and to look at what came due from `start` on.
EngagementParts DutyParts(const DutyBasis& basis);
EngagementParts CadenceParts(const DutyBasis& basis, Micros start);

// Derives what is due by `until` and not done by as_of, in order of due, then duty_id. What begins after as_of is as if
// the account stayed as it is. Empty for an account that is not open. `contact_days`: those of the account's contacts,
// if they may be told.
// Requires: `history` was loaded with DutyParts (or more), `until` at most kDutyDaysAheadMax after as_of.
std::vector<Duty> DeriveDuties(const EngagementHistory& history, const DutyBasis& basis, Micros until,
                               const std::vector<ContactDay>& contact_days = {});

}  // namespace keyledger::projections::engagement
