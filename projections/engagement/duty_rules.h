// RuleDuties: what the cadence of the programs asks for of one account: one entry a duty, with whether and when it was
// kept. Duties (what is due) and cadence (how it was kept) are both read off these. Internal to the room.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "projections/engagement/derivation.h"

namespace keyledger::projections::engagement {

// One duty of a rule, or a next step.
struct Asked {
  DutyKind kind = DutyKind::kPeriodic;
  // The program that asks; null: a next step.
  const domain::CompiledProgram* program = nullptr;
  std::string rule_id;
  // When it was asked: the period began, the cause happened, the day began.
  Micros since = 0;
  // Exclusive.
  Micros due = 0;
  // When it was done; nothing: not by the moment asked about.
  std::optional<Micros> kept;
  std::vector<events::v1::InteractionKind> kinds;
  // Whose: people in one of these roles; none: the person, or, without one, the owner.
  std::vector<std::string> roles;
  std::string person;
  // Of a periodic duty: its period.
  std::string period;
  Micros period_end = 0;
  uint32_t number = 0;
  uint32_t required = 0;
  // Of a periodic duty: how many there were in the period by the moment asked about.
  uint32_t made = 0;
  // Of a follow-up or a next step: what it follows from.
  const HistoryRow* cause = nullptr;
  // Of an occasion: its local day, its name or id, and the contact it is about.
  std::string day;
  std::string item_id;
  std::string what;
  // As in HistoryRow.
  uint32_t account = 0;
  std::string contact_id;
};

// Threads: confined to one thread. Lifetime: what it is made of must outlive it.
class RuleDuties {
 public:
  using Visitor = std::function<void(const Asked&)>;

  explicit RuleDuties(const Derivation& derivation) : derivation_(derivation) {}

  // The first period looked at: the one before that which contains the moment, or the first that ends then or later.
  enum class First : uint8_t { kBeforeRunning, kEnding };
  // Periodic duties of the periods that begin before `until`. Those of one rule and period come together, in order of
  // number.
  void Periodic(First first, Micros from, Micros until, const Visitor& visit) const;
  // Follow-ups of all interactions that are loaded.
  void FollowUps(const Visitor& visit) const;
  // Occasions on local days that begin before `until` and end at `from` or later.
  void Occasions(Micros from, Micros until, const std::vector<ContactDay>& contact_days, const Visitor& visit) const;
  // Next steps that are loaded.
  void NextSteps(const Visitor& visit) const;

  // Whose it is at a moment.
  Holders HoldersOf(const Asked& asked, Micros time) const;

 private:
  const Derivation& derivation_;
};

}  // namespace keyledger::projections::engagement
