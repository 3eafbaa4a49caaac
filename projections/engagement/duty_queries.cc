// See duty_queries.h.
#include "projections/engagement/duty_queries.h"

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "projections/engagement/one_account.h"
#include "projections/engagement/pages.h"
#include "server/base/codec.h"
#include "server/base/error.h"

namespace keyledger::projections::engagement {
namespace {

absl::Status WrongToken() { return MakeError(Reason::kInvalidToken, "the page token is not one of this listing"); }

// What entries of a page are ordered by.
std::string KeyOf(int64_t value, std::string_view account_id, std::string_view id) {
  std::string key;
  PutOrdered64(key, value);
  key.append(account_id).push_back('\0');
  return key.append(id);
}

// A continuation is the moment that the first page was asked at, then the key of the last entry.
absl::StatusOr<std::string> AfterOf(std::string_view continuation) {
  Micros as_of = 0;
  if (continuation.empty()) return std::string();
  if (!GetOrdered64(continuation, as_of) || continuation.empty()) return WrongToken();
  return std::string(continuation);
}

std::string ContinuationOf(Micros as_of, const std::string& key) {
  std::string continuation;
  if (key.empty()) return continuation;
  PutOrdered64(continuation, as_of);
  return continuation + key;
}

bool Matches(const DueQuestion& question, const Duty& duty) {
  return (!question.overdue_only || duty.overdue) && (question.kinds.empty() || question.kinds.contains(duty.kind)) &&
         (question.person.empty() || std::binary_search(duty.people.begin(), duty.people.end(), question.person));
}

absl::Status Visit(EngagementScan& scan, const std::string& account_id, const std::string& person,
                   const EngagementScan::Visitor& visit) {
  if (!account_id.empty()) return LoadOne(scan, account_id, visit);
  return person.empty() ? scan.Walk(visit) : scan.WalkOwned(person, visit);
}

// Ordered so that the least kept share comes first: in parts of a million, since a share is at most 1.
int64_t ShareOrder(const CadenceCount& count) { return count.kept * 1'000'000 / count.required; }

template <class Named, class Names>
std::vector<Named> NamesOf(const Names& counts, size_t names_max) {
  std::vector<Named> named;
  for (const auto& [name, count] : counts) {
    if (named.size() == names_max) break;
    named.push_back({name, count});
  }
  return named;
}

}  // namespace

absl::StatusOr<Micros> DueMomentOf(std::string_view continuation) {
  Micros as_of = 0;
  if (!GetOrdered64(continuation, as_of)) return WrongToken();
  return as_of;
}

absl::StatusOr<DueAnswer> ListDue(const Shards& shards, const EngagementScope& scope,
                                  const domain::ProgramSet& programs, const DueQuestion& question) {
  const DutyBasis basis{programs, scope.as_of};
  if (question.until.has_value() && *question.until > scope.as_of + kDutyDaysAheadMax * kMicrosPerDay) {
    return FieldError("until", fmt::format("must be at most {} days after as_of", kDutyDaysAheadMax));
  }
  KL_ASSIGN_OR_RETURN(std::string after, AfterOf(question.after));
  PageOf<Duty> page(std::move(after), question.page_size);
  KL_ASSIGN_OR_RETURN(EngagementScan scan, EngagementScan::Open(shards, scope, DutyParts(basis)));
  DueAnswer answer;
  const auto visit = [&](const EngagementHistory& history) -> absl::Status {
    std::vector<ContactDay> contact_days;
    if (question.contact_days && history.OpenAt(scope.as_of)) {
      KL_ASSIGN_OR_RETURN(contact_days, question.contact_days(history));
    }
    const Micros until = question.until.has_value() ? *question.until : EndOfDay(history, basis);
    bool any = false;
    for (Duty& duty : DeriveDuties(history, basis, until, contact_days)) {
      if (!Matches(question, duty)) continue;
      any = true;
      answer.due_count += 1;
      if (duty.overdue) answer.overdue_count += 1;
      if (question.counted) question.counted(duty);
      std::string key = KeyOf(duty.due, duty.account_id, duty.duty_id);
      if (page.Wants(key)) page.Add(std::move(key), std::move(duty));
    }
    if (any) answer.account_count += 1;
    return absl::OkStatus();
  };
  KL_RETURN_IF_ERROR(Visit(scan, question.account_id, question.person, visit));
  std::string last;
  answer.duties = page.Take(last);
  answer.next = ContinuationOf(scope.as_of, last);
  return answer;
}

absl::StatusOr<CadenceAnswer> GetCadence(const Shards& shards, const EngagementScope& scope,
                                         const domain::ProgramSet& programs, const CadenceQuestion& question) {
  const DutyBasis basis{programs, scope.as_of};
  KL_ASSIGN_OR_RETURN(const std::string after, AfterOf(question.after));
  PageOf<CadenceOfAccount> accounts(after, question.page_size);
  PageOf<CadencePeriod> periods(after, question.page_size);
  EngagementParts parts = CadenceParts(basis, question.start);
  parts.items = question.filter.rule_id.empty();
  KL_ASSIGN_OR_RETURN(EngagementScan scan, EngagementScan::Open(shards, scope, parts));
  CadenceAnswer answer;
  std::map<std::string, CadenceCount, std::less<>> rules;
  std::map<std::string, CadenceCount, std::less<>> people;
  std::map<std::string, AppointmentCount, std::less<>> appointment_people;
  const auto visit = [&](const EngagementHistory& history) -> absl::Status {
    const AccountCadence cadence = DeriveCadence(history, basis, question.start, question.filter);
    answer.total.Add(cadence.total);
    for (const auto& [rule, count] : cadence.rules) rules[rule].Add(count);
    for (const auto& [person, count] : cadence.people) people[person].Add(count);
    if (parts.items) {
      const AccountAppointments set = DeriveAppointments(history, basis, question.start, question.filter.person);
      answer.appointments.Add(set.total);
      for (const auto& [person, count] : set.people) appointment_people[person].Add(count);
    }
    if (!question.account_id.empty()) {
      for (const CadencePeriod& period : cadence.periods) periods.Add(KeyOf(-period.start, "", period.rule_id), period);
    } else if (cadence.total.required > 0) {
      accounts.Add(KeyOf(ShareOrder(cadence.total), history.account_id, ""),
                   {history.account_id, std::string(history.OwnerAt(basis.as_of)), cadence.total});
    }
    return absl::OkStatus();
  };
  KL_RETURN_IF_ERROR(Visit(scan, question.account_id, question.filter.person, visit));
  answer.rules = NamesOf<NamedCadence>(rules, rules.size());
  answer.people = NamesOf<NamedCadence>(people, kCadencePeopleMax);
  answer.appointment_people = NamesOf<NamedAppointments>(appointment_people, kCadencePeopleMax);
  std::string last;
  if (question.account_id.empty()) {
    answer.accounts = accounts.Take(last);
  } else {
    answer.periods = periods.Take(last);
  }
  answer.next = ContinuationOf(scope.as_of, last);
  return answer;
}

}  // namespace keyledger::projections::engagement
