// Derivation: what deriving the duties of one account starts from: its zone, who governs it when, whose what is.
// Internal to the room; read duties.h.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "projections/engagement/duties.h"
#include "server/base/calendar.h"

namespace keyledger::projections::engagement {

// Days for which what is overdue stays on the list where the program does not say.
inline constexpr int64_t kLapseDaysDefault = 90;

// The name of the zone that ZoneOf gives, and the key of the declared fact that it may come from.
std::string ZoneNameOf(const EngagementHistory& history, const DutyBasis& basis);
std::string ZoneFactOf(const EngagementHistory& history, const DutyBasis& basis);

int64_t LapseDaysOf(const domain::CompiledProgram* program);

// Whose something is.
struct Holders {
  // In byte order.
  std::vector<std::string> people;
  // Empty: by name.
  std::string role;
};

// Threads: confined to one thread. Lifetime: history and basis must outlive it.
class Derivation {
 public:
  Derivation(const EngagementHistory& history, const DutyBasis& basis);

  const EngagementHistory& history() const { return history_; }
  const domain::ProgramSet& programs() const { return basis_.programs; }
  // The moment asked about.
  Micros now() const { return basis_.as_of; }
  const Zone& zone() const { return zone_; }
  // The program that governs what happens on `account` (as in HistoryRow) at the moment; null: none.
  const domain::CompiledProgram* ProgramAt(Micros time, uint32_t account = 0) const;
  // Governs now; null: none.
  const domain::CompiledProgram* program() const { return program_; }

  // Start of a local day, by its number.
  Micros StartOfDay(int64_t day) const { return zone_.PeriodStartByIndex(day, CalendarUnit::kDay); }
  int64_t DayOf(Micros time) const { return zone_.DayIndex(time); }

  // Whether, after it was asked on `account` at `since` and before it was due, that was closed or merged: it then fell
  // away. What was asked on an account that was merged into this one goes on with this one.
  bool FellAway(Micros since, Micros due, uint32_t account) const;

  // Whose it is at the moment what was asked on `account`, as in HistoryRow. First: the one responsible.
  Holders OwnerOf(Micros time, uint32_t account = 0) const;
  // Those who have one of the roles; nobody has, or no role is given: the owner.
  template <class Roles>
  Holders RolesOf(const Roles& roles, Micros time, uint32_t account = 0) const {
    Holders holders;
    for (const auto& role : roles) AddHolders(role, time, account, holders);
    return holders.people.empty() ? OwnerOf(time, account) : holders;
  }
  // The person by name, or, if after it was named its last role for the account ended, the owner; empty: the owner.
  Holders PersonOf(std::string_view person, Micros named, Micros time, uint32_t account) const;
  template <class People>
  Holders PeopleOf(const People& people, Micros named, Micros time, uint32_t account) const {
    Holders holders;
    for (const auto& person : people) {
      if (!HasLeft(person, named, time, account)) AddPerson(person, holders);
    }
    return holders.people.empty() ? OwnerOf(time, account) : holders;
  }

  // A duty with what all have: the account and, from its due time, the rest.
  Duty DutyOf(DutyKind kind, Micros due, const Holders& holders) const;

 private:
  void AddHolders(std::string_view role, Micros time, uint32_t account, Holders& holders) const;
  static void AddPerson(std::string_view person, Holders& holders);
  // Whether a role of the person for the account ended between the moments, and it has none at the later one.
  bool HasLeft(std::string_view person, Micros named, Micros time, uint32_t account) const;

  const EngagementHistory& history_;
  const DutyBasis& basis_;
  const domain::CompiledProgram* program_;
  Zone zone_;
};

}  // namespace keyledger::projections::engagement
