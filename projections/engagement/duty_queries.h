// Queries about duties: what is due, and how cadence was kept. Read duties.h first.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "projections/engagement/appointments.h"
#include "projections/engagement/cadence.h"
#include "projections/engagement/duties.h"
#include "projections/engagement/engagement_history.h"

namespace keyledger::projections::engagement {

using Shards = std::vector<const store::TableReader*>;

// What is asked of ListDue. as_of is the scope's, and must be a moment.
struct DueQuestion {
  // Only duties of this person; only accounts that the person ever had a role for are read.
  std::string person;
  // Only this account.
  std::string account_id;
  // What is due by then. Absent: the end of the local day of as_of, each account in its own zone.
  std::optional<Micros> until;
  bool overdue_only = false;
  // Empty: any.
  std::set<DutyKind> kinds;
  // 1 or more.
  int32_t page_size = 100;
  // Continuation of the page before; empty: the first.
  std::string after;
  // Days of the contacts of an account, unsealed; none: they are not told. An error of it ends the query.
  std::function<absl::StatusOr<std::vector<ContactDay>>(const EngagementHistory&)> contact_days;
};

struct DueAnswer {
  // By due, then account_id, then duty_id.
  std::vector<Duty> duties;
  // On all pages.
  int64_t due_count = 0;
  int64_t overdue_count = 0;
  int64_t account_count = 0;
  // Empty on the last page. Later pages are of the moment that the first was asked at: DueMomentOf.
  std::string next;
};

// Lists what is due. Memory: a page, and one account.
// Errors: INVALID_ARGUMENT (kInvalidField "until") beyond kDutyDaysAheadMax, (kInvalidToken); as EngagementScan.
absl::StatusOr<DueAnswer> ListDue(const Shards& shards, const EngagementScope& scope,
                                  const domain::ProgramSet& programs, const DueQuestion& question);

// as_of of the page that a continuation comes from. Errors: INVALID_ARGUMENT (kInvalidToken).
absl::StatusOr<Micros> DueMomentOf(std::string_view continuation);

// People named in an answer of GetCadence.
inline constexpr size_t kCadencePeopleMax = 1'000;

struct CadenceQuestion {
  // Only periods that ended, and duties that came due, then or later.
  Micros start = 0;
  CadenceFilter filter;
  // Only this account: its periods are listed. Empty: accounts are.
  std::string account_id;
  // 1 or more.
  int32_t page_size = 100;
  std::string after;
};

struct NamedCadence {
  std::string name;
  CadenceCount count;
};

struct NamedAppointments {
  std::string person;
  AppointmentCount count;
};

struct CadenceOfAccount {
  std::string account_id;
  std::string owner;
  CadenceCount count;
};

struct CadenceAnswer {
  CadenceCount total;
  // By rule_id.
  std::vector<NamedCadence> rules;
  // By person, the first kCadencePeopleMax.
  std::vector<NamedCadence> people;
  // What became of appointments, in total and by person, the first kCadencePeopleMax. They are of no rule: none where
  // one is asked about.
  AppointmentCount appointments;
  std::vector<NamedAppointments> appointment_people;
  // Of one account, the newest first, then by rule_id.
  std::vector<CadencePeriod> periods;
  // Of several: those of which something was asked, the least kept share first, then by account_id.
  std::vector<CadenceOfAccount> accounts;
  // Empty on the last page. Begins with as_of of the first page: DueMomentOf.
  std::string next;
};

// Returns how cadence was kept. With a person, only accounts that the person ever had a role for are read. Memory: a
// count for each account with a duty. Errors: INVALID_ARGUMENT (kInvalidToken); as EngagementScan.
absl::StatusOr<CadenceAnswer> GetCadence(const Shards& shards, const EngagementScope& scope,
                                         const domain::ProgramSet& programs, const CadenceQuestion& question);

}  // namespace keyledger::projections::engagement
