// See duty_rules.h.
#include "projections/engagement/duty_rules.h"

#include <algorithm>
#include <map>
#include <utility>

#include "keyledger/programs/v1/cadence.pb.h"
#include "projections/engagement/calendar_days.h"
#include "projections/engagement/pages.h"
#include "projections/engine/record_time.h"

namespace keyledger::projections::engagement {
namespace {

using domain::CompiledProgram;
using events::v1::Event;
using programs::v1::FollowUp;
using programs::v1::OccasionDuty;
using programs::v1::PeriodicDuty;

template <class Kinds>
bool HasKind(const Kinds& kinds, events::v1::InteractionKind kind) {
  return std::find(kinds.begin(), kinds.end(), static_cast<int>(kind)) != kinds.end();
}

template <class Kinds>
std::vector<events::v1::InteractionKind> KindsOf(const Kinds& kinds) {
  std::vector<events::v1::InteractionKind> out;
  for (const int kind : kinds) out.push_back(static_cast<events::v1::InteractionKind>(kind));
  return out;
}

CalendarUnit UnitOf(programs::v1::CadenceUnit unit) {
  switch (unit) {
    case programs::v1::CADENCE_UNIT_DAY:
      return CalendarUnit::kDay;
    case programs::v1::CADENCE_UNIT_WEEK:
      return CalendarUnit::kWeek;
    case programs::v1::CADENCE_UNIT_QUARTER:
      return CalendarUnit::kQuarter;
    case programs::v1::CADENCE_UNIT_YEAR:
      return CalendarUnit::kYear;
    default:
      return CalendarUnit::kMonth;
  }
}

// The first row that occurred then or later.
std::vector<HistoryRow>::const_iterator FirstAt(const std::vector<HistoryRow>& rows, Micros time) {
  return std::lower_bound(rows.begin(), rows.end(), time,
                          [](const HistoryRow& row, Micros moment) { return row.times.occurred < moment; });
}

// Whether the interaction was made by somebody who had one of the roles, or, where nobody had, by the owner; without
// roles: by whomever.
template <class Roles>
bool ByRoles(const EngagementHistory& history, const HistoryRow& row, const Roles& roles) {
  if (roles.empty()) return true;
  const Micros time = row.times.occurred;
  const EngagementHistory& judge = history.JudgeOf(row.account, time);
  const auto& people = row.event.interaction_made().people();
  const auto made_by = [&](std::string_view role) {
    return std::any_of(people.begin(), people.end(),
                       [&](const std::string& person) { return judge.HoldsRoleAt(person, role, time); });
  };
  if (std::any_of(roles.begin(), roles.end(), made_by)) return true;
  const auto held = [&](std::string_view role) { return !judge.HoldersAt(role, time).empty(); };
  return std::none_of(roles.begin(), roles.end(), held) && made_by(kOwnerRole);
}

// Whether the interaction keeps the rule, by its kind and by whose it was.
template <class Rule>
bool Keeps(const EngagementHistory& history, const HistoryRow& row, const Rule& rule) {
  return row.event.has_interaction_made() && HasKind(rule.kinds(), row.event.interaction_made().kind()) &&
         ByRoles(history, row, rule.owner_roles());
}

// A period with the program that governed when it began.
struct Span {
  int64_t index = 0;
  Micros start = 0;
  Micros end = 0;
  const CompiledProgram* program = nullptr;
};

// The spans of one unit and length are the same for all rules.
class Spans {
 public:
  Spans(const Derivation& derivation, RuleDuties::First first, Micros from, Micros until)
      : derivation_(derivation), first_(first), from_(from), until_(until) {}

  const std::vector<Span>& Of(const Periods& periods) {
    const auto [at, added] = spans_.try_emplace({static_cast<int>(periods.unit), periods.length});
    if (!added) return at->second;
    Span span;
    const bool before = first_ == RuleDuties::First::kBeforeRunning;
    span.index = before ? periods.IndexAt(from_) - 1 : periods.IndexAt(from_ - 1);
    span.start = periods.StartOf(span.index);
    while (span.start < until_) {
      span.end = periods.StartOf(span.index + 1);
      span.program = derivation_.ProgramAt(span.start);
      at->second.push_back(span);
      span.index += 1;
      span.start = span.end;
    }
    return at->second;
  }

 private:
  const Derivation& derivation_;
  const RuleDuties::First first_;
  const Micros from_;
  const Micros until_;
  std::map<std::pair<int, int32_t>, std::vector<Span>> spans_;
};

// Start of the local day by which number i of n is due, in a period of so many days: the end of day ceil(i d / n).
int64_t SpreadDay(int64_t first_day, int64_t days, uint32_t number, uint32_t times) {
  return first_day + (number * days + times - 1) / times;
}

void AskPeriod(const Derivation& derivation, const PeriodicDuty& rule, const Periods& periods, const Span& span,
               const RuleDuties::Visitor& visit) {
  const EngagementHistory& history = derivation.history();
  if (!history.OpenAt(span.start) || !FitsTier(rule.tier_ids(), history.TierAt(span.start))) return;
  std::vector<Micros> made;
  const Micros end = std::min(span.end, derivation.now());
  for (auto row = FirstAt(history.interactions, span.start);
       row != history.interactions.end() && row->times.occurred < end; ++row) {
    if (Keeps(history, *row, rule)) made.push_back(row->times.occurred);
  }
  Asked asked;
  asked.kind = DutyKind::kPeriodic;
  asked.program = span.program;
  asked.rule_id = rule.rule_id();
  asked.since = span.start;
  asked.kinds = KindsOf(rule.kinds());
  asked.roles.assign(rule.owner_roles().begin(), rule.owner_roles().end());
  asked.period = periods.Format(span.index);
  asked.period_end = span.end;
  asked.required = rule.times();
  asked.made = static_cast<uint32_t>(made.size());
  const int64_t first_day = derivation.DayOf(span.start);
  const int64_t days = derivation.DayOf(span.end) - first_day;
  for (uint32_t number = 1; number <= rule.times(); ++number) {
    asked.number = number;
    const bool at_end = !rule.spread() || number == rule.times();
    asked.due = at_end ? span.end : derivation.StartOfDay(SpreadDay(first_day, days, number, rule.times()));
    asked.kept = number <= made.size() ? std::optional<Micros>(made[number - 1]) : std::nullopt;
    visit(asked);
  }
}

// Whether it comes after the cause: of the same moment, what was recorded later is the later.
bool IsAfter(const HistoryRow& row, const HistoryRow& cause) {
  if (row.times.occurred != cause.times.occurred) return row.times.occurred > cause.times.occurred;
  return row.account == cause.account && row.times.position > cause.times.position;
}

// The first that keeps a follow-up after what it follows from.
std::optional<Micros> FollowedAt(const EngagementHistory& history, const FollowUp& rule, const HistoryRow& cause,
                                 Micros not_before) {
  for (auto row = FirstAt(history.interactions, std::max(cause.times.occurred, not_before));
       row != history.interactions.end(); ++row) {
    if (!IsAfter(*row, cause)) continue;
    const bool referral = row->event.has_referral_asked() || row->event.has_referral_given();
    if (rule.referral() && referral) return row->times.occurred;
    if (Keeps(history, *row, rule)) return row->times.occurred;
  }
  return std::nullopt;
}

// Days in [first, last] on which a day of the calendar falls.
std::vector<int64_t> DaysOf(int64_t first, int64_t last, uint32_t year, uint32_t month, uint32_t day_of_month) {
  std::vector<int64_t> days;
  const int64_t from = year != 0 ? year : YearOf(first);
  const int64_t to = year != 0 ? year : YearOf(last);
  for (int64_t of = from; of <= to; ++of) {
    const int64_t day = DayInYear(of, month, day_of_month);
    if (first <= day && day <= last) days.push_back(day);
  }
  return days;
}

// Something that falls on a day of the calendar.
struct Occasion {
  enum class Of : uint8_t { kHoliday, kAccount, kContact };
  Of of = Of::kHoliday;
  int64_t day = 0;
  // The only program that asks for it; null: whichever governs.
  const CompiledProgram* program = nullptr;
  std::string item_id;
  std::string what;
  uint32_t account = 0;
  std::string contact_id;
};

// Of each account and day_id the latest statement counts that was made before the day began.
void AddAccountDays(const Derivation& derivation, int64_t first, int64_t last, std::vector<Occasion>& out) {
  std::map<std::pair<uint32_t, std::string>, std::vector<const HistoryRow*>> stated;
  for (const HistoryRow& row : derivation.history().knowledge) {
    if (!row.event.has_important_day_stated()) continue;
    stated[{row.account, row.event.important_day_stated().day_id()}].push_back(&row);
  }
  for (const auto& [id, rows] : stated) {
    for (size_t i = 0; i < rows.size(); ++i) {
      const auto& day = rows[i]->event.important_day_stated();
      if (day.removed()) continue;
      for (const int64_t found : DaysOf(first, last, day.year(), day.month(), day.day())) {
        const Micros start = derivation.StartOfDay(found);
        if (rows[i]->times.occurred > start) continue;
        if (i + 1 < rows.size() && rows[i + 1]->times.occurred <= start) continue;
        out.push_back({Occasion::Of::kAccount, found, nullptr, day.day_id(), day.name(), id.first, ""});
      }
    }
  }
}

std::vector<Occasion> OccasionsIn(const Derivation& derivation, int64_t first, int64_t last,
                                  const std::vector<ContactDay>& contact_days) {
  std::vector<Occasion> found;
  for (const auto& program : derivation.programs().programs()) {
    if (program->program().cadence().occasions().empty()) continue;
    for (const programs::v1::Holiday& holiday : program->program().calendar().holidays()) {
      if (!holiday.greeting()) continue;
      const programs::v1::CalendarDay& date = holiday.date();
      for (const int64_t day : DaysOf(first, last, date.year(), date.month(), date.day())) {
        found.push_back({Occasion::Of::kHoliday, day, program.get(), holiday.name(), holiday.name(), 0, ""});
      }
    }
  }
  AddAccountDays(derivation, first, last, found);
  for (const ContactDay& contact_day : contact_days) {
    for (const int64_t day : DaysOf(first, last, contact_day.year, contact_day.month, contact_day.day)) {
      found.push_back({Occasion::Of::kContact, day, nullptr, contact_day.day_id, contact_day.what, contact_day.account,
                       contact_day.contact_id});
    }
  }
  return found;
}

bool Wants(const OccasionDuty& rule, Occasion::Of of) {
  switch (of) {
    case Occasion::Of::kHoliday:
      return rule.holidays();
    case Occasion::Of::kAccount:
      return rule.account_days();
    case Occasion::Of::kContact:
      return rule.contact_days();
  }
  return false;
}

std::optional<Micros> GreetedAt(const Derivation& derivation, const OccasionDuty& rule, const Occasion& occasion,
                                Micros from, Micros end) {
  const EngagementHistory& history = derivation.history();
  const std::string contact = history.ContactName(occasion.account, occasion.contact_id);
  for (auto row = FirstAt(history.interactions, from); row != history.interactions.end() && row->times.occurred < end;
       ++row) {
    if (!Keeps(history, *row, rule)) continue;
    const auto& met = row->event.interaction_made().contact_ids();
    // Of an account that was merged a contact goes on under its name in this one.
    const bool greeted = occasion.of != Occasion::Of::kContact ||
                         std::any_of(met.begin(), met.end(), [&](const std::string& contact_id) {
                           return history.ContactName(row->account, contact_id) == contact;
                         });
    if (greeted) return row->times.occurred;
  }
  return std::nullopt;
}

}  // namespace

void RuleDuties::Periodic(First first, Micros from, Micros until, const Visitor& visit) const {
  // Of an account that was not there when it began, a period asks nothing.
  Spans spans(derivation_, first, std::max(from, derivation_.history().opened().value_or(until)), until);
  for (const auto& program : derivation_.programs().programs()) {
    for (const PeriodicDuty& rule : program->program().cadence().duties()) {
      const Periods periods{derivation_.zone(), UnitOf(rule.unit()),
                            rule.length() == 0 ? 1 : static_cast<int32_t>(rule.length())};
      for (const Span& span : spans.Of(periods)) {
        if (span.program == program.get()) AskPeriod(derivation_, rule, periods, span, visit);
      }
    }
  }
}

void RuleDuties::FollowUps(const Visitor& visit) const {
  const EngagementHistory& history = derivation_.history();
  for (const HistoryRow& cause : history.interactions) {
    if (!cause.event.has_interaction_made()) continue;
    const events::v1::InteractionMade& made = cause.event.interaction_made();
    const CompiledProgram* program = derivation_.ProgramAt(cause.times.occurred, cause.account);
    if (program == nullptr) continue;
    const std::string_view tier = history.JudgeOf(cause.account, cause.times.occurred).TierAt(cause.times.occurred);
    for (const FollowUp& rule : program->program().cadence().follow_ups()) {
      if (!HasKind(rule.after_kinds(), made.kind()) || made.interest() < rule.min_interest() ||
          !FitsTier(rule.tier_ids(), tier)) {
        continue;
      }
      const int64_t day = derivation_.DayOf(cause.times.occurred);
      const int64_t due_day = MoveDay(program->program().calendar(), day + rule.due_days(), rule.closed_day(), day);
      Asked asked;
      asked.kind = DutyKind::kFollowUp;
      asked.program = program;
      asked.rule_id = rule.rule_id();
      asked.since = cause.times.occurred;
      asked.due = derivation_.StartOfDay(due_day + 1);
      asked.kept = FollowedAt(history, rule, cause, derivation_.StartOfDay(day + rule.not_before_days()));
      asked.kinds = KindsOf(rule.kinds());
      asked.roles.assign(rule.owner_roles().begin(), rule.owner_roles().end());
      if (!made.people().empty()) asked.person = made.people(0);
      asked.cause = &cause;
      asked.account = cause.account;
      visit(asked);
    }
  }
}

void RuleDuties::Occasions(Micros from, Micros until, const std::vector<ContactDay>& contact_days,
                           const Visitor& visit) const {
  const EngagementHistory& history = derivation_.history();
  const int64_t first = derivation_.DayOf(std::max(from, history.opened().value_or(until)) - 1);
  const int64_t last = derivation_.DayOf(until - 1);
  for (const Occasion& occasion : OccasionsIn(derivation_, first, last, contact_days)) {
    const Micros start = derivation_.StartOfDay(occasion.day);
    const CompiledProgram* program = derivation_.ProgramAt(start, occasion.account);
    if (program == nullptr || (occasion.program != nullptr && occasion.program != program)) continue;
    const EngagementHistory& judge = history.JudgeOf(occasion.account, start);
    if (!judge.OpenAt(start)) continue;
    for (const OccasionDuty& rule : program->program().cadence().occasions()) {
      if (!Wants(rule, occasion.of) || !FitsTier(rule.tier_ids(), judge.TierAt(start))) continue;
      Asked asked;
      asked.kind = DutyKind::kOccasion;
      asked.program = program;
      asked.rule_id = rule.rule_id();
      asked.since = start;
      asked.due = derivation_.StartOfDay(occasion.day + 1);
      asked.kept =
          GreetedAt(derivation_, rule, occasion, derivation_.StartOfDay(occasion.day - rule.days_before()), asked.due);
      asked.kinds = KindsOf(rule.kinds());
      asked.roles.assign(rule.owner_roles().begin(), rule.owner_roles().end());
      asked.day = FormatPeriod(occasion.day, CalendarUnit::kDay);
      asked.item_id = occasion.item_id;
      asked.what = occasion.what;
      asked.account = occasion.account;
      asked.contact_id = occasion.contact_id;
      visit(asked);
    }
  }
}

void RuleDuties::NextSteps(const Visitor& visit) const {
  const EngagementHistory& history = derivation_.history();
  for (const HistoryRow& cause : history.next_steps) {
    const bool made = cause.event.has_interaction_made();
    const events::v1::NextStep& step =
        made ? cause.event.interaction_made().next_step() : cause.event.handover_acknowledged().next_step();
    Asked asked;
    asked.kind = DutyKind::kNextStep;
    asked.since = cause.times.occurred;
    asked.due = MicrosOf(step.due_time());
    for (auto row = FirstAt(history.interactions, cause.times.occurred); row != history.interactions.end(); ++row) {
      if (!row->event.has_interaction_made() || !IsAfter(*row, cause)) continue;
      if (step.kind() != events::v1::INTERACTION_KIND_UNSPECIFIED &&
          row->event.interaction_made().kind() != step.kind()) {
        continue;
      }
      asked.kept = row->times.occurred;
      break;
    }
    if (step.kind() != events::v1::INTERACTION_KIND_UNSPECIFIED) asked.kinds = {step.kind()};
    if (!step.person().empty()) {
      asked.person = step.person();
    } else if (made) {
      if (!cause.event.interaction_made().people().empty()) asked.person = cause.event.interaction_made().people(0);
    } else {
      asked.person = cause.event.handover_acknowledged().person();
    }
    asked.what = step.what();
    asked.cause = &cause;
    asked.account = cause.account;
    visit(asked);
  }
}

Holders RuleDuties::HoldersOf(const Asked& asked, Micros time) const {
  if (!asked.roles.empty()) return derivation_.RolesOf(asked.roles, time, asked.account);
  return derivation_.PersonOf(asked.person, asked.since, time, asked.account);
}

}  // namespace keyledger::projections::engagement
