// Derivation: what deriving the duties of one account starts from: its zone, who governs it when, whose what is.
// Internal to the room; read duties.h.
#pragma once

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
  const domain::CompiledProgram* ProgramAt(Micros time) const;
  // Governs now; null: none.
  const domain::CompiledProgram* program() const { return program_; }

  // Start of a local day, by its number.
  Micros StartOfDay(int64_t day) const { return zone_.PeriodStartByIndex(day, CalendarUnit::kDay); }
  int64_t DayOf(Micros time) const { return zone_.DayIndex(time); }

  // Whether, after it was asked at `since` and before it was due, the account was closed or merged: it then fell away.
  bool FellAway(Micros since, Micros due) const;

  // The one responsible for the account at the moment.
  Holders OwnerOf(Micros time) const;
  // Those who have one of the roles; nobody has, or no role is given: the owner.
  template <class Roles>
  Holders RolesOf(const Roles& roles, Micros time) const {
    Holders holders;
    for (const auto& role : roles) AddHolders(role, time, holders);
    return holders.people.empty() ? OwnerOf(time) : holders;
  }
  // The person by name, or, if it had a role for the account and has none any more, the owner; empty: the owner.
  Holders PersonOf(std::string_view person, Micros time) const;
  template <class People>
  Holders PeopleOf(const People& people, Micros time) const {
    Holders holders;
    for (const auto& person : people) {
      if (!LeftAt(person, time)) AddPerson(person, holders);
    }
    return holders.people.empty() ? OwnerOf(time) : holders;
  }

  // A duty with what all have: the account and, from its due time, the rest.
  Duty DutyOf(DutyKind kind, Micros due, const Holders& holders) const;

 private:
  void AddHolders(std::string_view role, Micros time, Holders& holders) const;
  static void AddPerson(std::string_view person, Holders& holders);
  // Whether the person had a role for the account, and has none.
  bool LeftAt(std::string_view person, Micros time) const;

  const EngagementHistory& history_;
  const DutyBasis& basis_;
  const domain::CompiledProgram* program_;
  Zone zone_;
};

}  // namespace keyledger::projections::engagement
