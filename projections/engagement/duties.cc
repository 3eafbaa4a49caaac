// See duties.h.
#include "projections/engagement/duties.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "keyledger/programs/v1/cadence.pb.h"
#include "projections/engagement/duty_rules.h"
#include "projections/engagement/item_duties.h"

namespace keyledger::projections::engagement {
namespace {

// Days that a due day may be moved by, and that days of the zones differ by.
constexpr int64_t kMarginDays = 35;

int64_t LongestDays(const programs::v1::PeriodicDuty& rule) {
  const int64_t length = std::max<uint32_t>(1, rule.length());
  switch (rule.unit()) {
    case programs::v1::CADENCE_UNIT_DAY:
      return length;
    case programs::v1::CADENCE_UNIT_WEEK:
      return 7 * length;
    case programs::v1::CADENCE_UNIT_QUARTER:
      return 92 * length;
    case programs::v1::CADENCE_UNIT_YEAR:
      return 366 * length;
    default:
      return 31 * length;
  }
}

// How far back of a moment the programs look at interactions, and how long next steps stay on the list, in days.
struct LookBack {
  int64_t interactions = kLapseDaysDefault + kMarginDays;
  int64_t lapse = kLapseDaysDefault;
  bool account_days = false;
};

LookBack LookBackOf(const domain::ProgramSet& programs) {
  LookBack back;
  for (const auto& program : programs.programs()) {
    const programs::v1::Cadence& cadence = program->program().cadence();
    const int64_t lapse = LapseDaysOf(program.get());
    back.lapse = std::max(back.lapse, lapse);
    int64_t days = lapse;
    for (const auto& rule : cadence.duties()) days = std::max(days, 2 * LongestDays(rule));
    for (const auto& rule : cadence.follow_ups()) days = std::max(days, lapse + int64_t{rule.due_days()});
    for (const auto& rule : cadence.occasions()) {
      days = std::max(days, lapse + int64_t{rule.days_before()});
      back.account_days = back.account_days || rule.account_days();
    }
    back.interactions = std::max(back.interactions, days + kMarginDays);
  }
  return back;
}

Micros DaysBefore(Micros time, int64_t days) {
  // The beginning of time is before every date there is; below it no number is.
  return time < kBeginning + days * kMicrosPerDay ? kBeginning : time - days * kMicrosPerDay;
}

// A duty of a rule as it is listed.
Duty ToDuty(const Derivation& derivation, const RuleDuties& rules, const Asked& asked) {
  const EngagementHistory& history = derivation.history();
  Duty duty = derivation.DutyOf(asked.kind, asked.due, rules.HoldersOf(asked, derivation.now()));
  duty.interaction_kinds = asked.kinds;
  duty.what = asked.what;
  duty.rule_id = asked.rule_id;
  if (asked.program != nullptr) {
    duty.program_id = asked.program->program().program_id();
    duty.program_version = asked.program->program().version();
  }
  const std::string& account = history.AccountOf(asked.account);
  if (asked.cause != nullptr) duty.cause_revision = asked.cause->times.revision;
  switch (asked.kind) {
    case DutyKind::kPeriodic:
      duty.duty_id = fmt::format("{}/{}/{}/{}", account, asked.rule_id, asked.period, asked.number);
      duty.period = asked.period;
      duty.number = asked.number;
      duty.required = asked.required;
      duty.lapsed = asked.period_end <= derivation.now();
      break;
    case DutyKind::kOccasion:
      duty.duty_id = fmt::format("{}/{}/{}", account, asked.rule_id, asked.day);
      if (!asked.contact_id.empty()) duty.duty_id += "/" + asked.contact_id;
      // A holiday and a day of the account, or two days of a contact, may fall on the same day.
      duty.duty_id += "/" + asked.item_id;
      duty.item_id = asked.item_id;
      duty.contact_id = history.ContactName(asked.account, asked.contact_id);
      break;
    case DutyKind::kNextStep:
      duty.duty_id = fmt::format("{}/next_step/{}", account, asked.cause->times.revision);
      break;
    default:
      duty.duty_id = fmt::format("{}/{}/{}", account, asked.rule_id, asked.cause->times.revision);
      break;
  }
  return duty;
}

}  // namespace

EngagementParts DutyParts(const DutyBasis& basis) {
  const LookBack back = LookBackOf(basis.programs);
  EngagementParts parts;
  parts.interactions = true;
  parts.next_steps = true;
  parts.items = true;
  parts.knowledge = back.account_days;
  parts.interactions_from = DaysBefore(basis.as_of, back.interactions);
  parts.next_due_from = DaysBefore(basis.as_of, back.lapse);
  return parts;
}

EngagementParts CadenceParts(const DutyBasis& basis, Micros start) {
  const LookBack back = LookBackOf(basis.programs);
  EngagementParts parts;
  parts.interactions = true;
  parts.next_steps = true;
  parts.knowledge = back.account_days;
  parts.interactions_from = DaysBefore(std::min(start, basis.as_of), back.interactions);
  parts.next_due_from = start;
  return parts;
}

std::vector<Duty> DeriveDuties(const EngagementHistory& history, const DutyBasis& basis, Micros until,
                               const std::vector<ContactDay>& contact_days) {
  std::vector<Duty> duties;
  if (!history.OpenAt(basis.as_of)) return duties;
  const Derivation derivation(history, basis);
  const RuleDuties rules(derivation);
  const auto add = [&](const Asked& asked) {
    if (asked.kept.has_value() || derivation.FellAway(asked.since, asked.due, asked.account)) return;
    duties.push_back(ToDuty(derivation, rules, asked));
  };
  // Of the period before, what was not done stays until the one that runs is over.
  const Micros now = basis.as_of;
  rules.Periodic(RuleDuties::First::kBeforeRunning, now, std::max(now, until), [&](const Asked& asked) {
    if (asked.due <= until) add(asked);
  });
  const auto add_recent = [&](const Asked& asked) {
    const domain::CompiledProgram* program = asked.program == nullptr ? derivation.program() : asked.program;
    if (asked.due <= until && now - asked.due <= LapseDaysOf(program) * kMicrosPerDay) add(asked);
  };
  rules.FollowUps(add_recent);
  rules.NextSteps(add_recent);
  const Micros from = DaysBefore(now, LookBackOf(basis.programs).lapse);
  rules.Occasions(from, std::max(from + 1, until), contact_days, add_recent);
  const size_t of_rules = duties.size();
  AddItemDuties(derivation, duties);
  duties.erase(std::remove_if(duties.begin() + static_cast<std::ptrdiff_t>(of_rules), duties.end(),
                              [until](const Duty& duty) { return duty.due > until; }),
               duties.end());
  std::sort(duties.begin(), duties.end(),
            [](const Duty& a, const Duty& b) { return a.due != b.due ? a.due < b.due : a.duty_id < b.duty_id; });
  return duties;
}

}  // namespace keyledger::projections::engagement
