// See derivation.h.
#include "projections/engagement/derivation.h"

#include <algorithm>

#include "server/base/ids.h"

namespace keyledger::projections::engagement {
namespace {

// The fact that names an account's zone where the program does not say.
constexpr std::string_view kZoneFact = "time_zone";

// The program whose zone counts: the one that governs, or governed last. Null: none ever did.
const domain::CompiledProgram* ZoneProgram(const EngagementHistory& history, const DutyBasis& basis) {
  if (const auto* program = ProgramAt(history, basis, basis.as_of); program != nullptr) return program;
  const std::string_view region = history.RegionAt(basis.as_of);
  const domain::CompiledProgram* last = nullptr;
  for (const auto& program : basis.programs.programs()) {
    if (program->effective_from() > basis.as_of || !RegionContains(program->program().region(), region)) continue;
    if (last == nullptr || program->effective_to() >= last->effective_to()) last = program.get();
  }
  return last;
}

// The fact that the program takes the zone from.
std::string_view ZoneFact(const domain::CompiledProgram* program) {
  const bool says = program != nullptr && !program->program().cadence().time_zone_fact().empty();
  return says ? std::string_view(program->program().cadence().time_zone_fact()) : kZoneFact;
}

}  // namespace

const domain::CompiledProgram* ProgramAt(const EngagementHistory& history, const DutyBasis& basis, Micros time) {
  return basis.programs.Select(time, history.RegionAt(time));
}

Zone ZoneOf(const EngagementHistory& history, const DutyBasis& basis) {
  const domain::CompiledProgram* program = ZoneProgram(history, basis);
  if (const FactChange* fact = history.FactAt(ZoneFact(program), basis.as_of); fact != nullptr) {
    if (const auto zone = Zone::Load(fact->value); zone.has_value()) return *zone;
  }
  return program == nullptr ? Zone() : program->zone();
}

std::string ZoneNameOf(const EngagementHistory& history, const DutyBasis& basis) {
  const domain::CompiledProgram* program = ZoneProgram(history, basis);
  const FactChange* fact = history.FactAt(ZoneFact(program), basis.as_of);
  if (fact != nullptr && Zone::Load(fact->value).has_value()) return fact->value;
  return program == nullptr || program->program().time_zone().empty() ? "UTC" : program->program().time_zone();
}

std::string ZoneFactOf(const EngagementHistory& history, const DutyBasis& basis) {
  return std::string(ZoneFact(ZoneProgram(history, basis)));
}

Micros EndOfDay(const EngagementHistory& history, const DutyBasis& basis) {
  return ZoneOf(history, basis).DayStart(basis.as_of, 1);
}

int64_t LapseDaysOf(const domain::CompiledProgram* program) {
  if (program == nullptr || !program->program().cadence().has_lapse_days()) return kLapseDaysDefault;
  return program->program().cadence().lapse_days();
}

Derivation::Derivation(const EngagementHistory& history, const DutyBasis& basis)
    : history_(history), basis_(basis), program_(ProgramAt(basis.as_of)), zone_(ZoneOf(history, basis)) {}

const domain::CompiledProgram* Derivation::ProgramAt(Micros time, uint32_t account) const {
  return engagement::ProgramAt(history_.JudgeOf(account, time), basis_, time);
}

bool Derivation::FellAway(Micros since, Micros due, uint32_t account) const {
  const auto ended = [&](const EngagementHistory& judge) {
    return std::any_of(judge.life.begin(), judge.life.end(), [&](const LifeChange& change) {
      return change.life != Life::kOpen && since < change.since && change.since < due &&
             &history_.JudgeOf(account, change.since) == &judge;
    });
  };
  return ended(history_) || (account != 0 && ended(history_.pasts[account - 1]));
}

Holders Derivation::OwnerOf(Micros time, uint32_t account) const {
  Holders holders;
  AddHolders(kOwnerRole, time, account, holders);
  return holders;
}

void Derivation::AddHolders(std::string_view role, Micros time, uint32_t account, Holders& holders) const {
  for (const std::string_view person : history_.JudgeOf(account, time).HoldersAt(role, time)) {
    AddPerson(person, holders);
    if (holders.role.empty()) holders.role = role;
  }
}

void Derivation::AddPerson(std::string_view person, Holders& holders) {
  const auto at = std::lower_bound(holders.people.begin(), holders.people.end(), person);
  if (at == holders.people.end() || *at != person) holders.people.emplace(at, person);
}

bool Derivation::HasLeft(std::string_view person, Micros named, Micros time, uint32_t account) const {
  const EngagementHistory& judge = history_.JudgeOf(account, time);
  if (judge.HoldsAnyRoleAt(person, time)) return false;
  const auto ended = [&](const EngagementHistory& held_in) {
    return std::any_of(held_in.roles.begin(), held_in.roles.end(), [&](const RoleHeld& held) {
      return held.person == person && named < held.until && held.until <= time;
    });
  };
  return ended(judge) || (account != 0 && ended(history_.pasts[account - 1]));
}

Holders Derivation::PersonOf(std::string_view person, Micros named, Micros time, uint32_t account) const {
  if (person.empty() || HasLeft(person, named, time, account)) return OwnerOf(time, account);
  return {{std::string(person)}, ""};
}

Duty Derivation::DutyOf(DutyKind kind, Micros due, const Holders& holders) const {
  Duty duty;
  duty.account_id = history_.account_id;
  duty.display_name = history_.NameAt(now());
  duty.kind = kind;
  duty.due = due;
  duty.due_day = FormatPeriod(DayOf(due - 1), CalendarUnit::kDay);
  duty.overdue = due <= now();
  duty.people = holders.people;
  duty.role = holders.role;
  return duty;
}

}  // namespace keyledger::projections::engagement
