// See cadence.h.
#include "projections/engagement/cadence.h"

#include <algorithm>
#include <optional>

#include "projections/engagement/duty_rules.h"

namespace keyledger::projections::engagement {
namespace {

class Tally {
 public:
  Tally(const Derivation& derivation, const RuleDuties& rules, Micros start, const CadenceFilter& filter,
        AccountCadence& out)
      : derivation_(derivation), rules_(rules), start_(start), filter_(filter), out_(out) {}

  void Take(const Asked& asked) {
    const std::string& rule = asked.kind == DutyKind::kNextStep ? next_step_ : asked.rule_id;
    if (!filter_.rule_id.empty() && filter_.rule_id != rule) return;
    // One that was not due by the moment asked about came not due; one that fell away never will.
    if (asked.due > derivation_.now() || asked.due < start_) return;
    if (derivation_.FellAway(asked.since, asked.due, asked.account)) return;
    // Who takes over at the due time itself had no time to keep it.
    const Holders holders = rules_.HoldersOf(asked, asked.due - 1);
    if (!Of(holders)) return;
    CadenceCount count;
    count.required = 1;
    if (!asked.kept.has_value()) {
      count.missed = 1;
    } else if (*asked.kept < asked.due) {
      count.kept = 1;
    } else {
      count.kept_late = 1;
    }
    Add(rule, holders, count);
  }

  // A periodic duty: those of one period come together, the first as number 1.
  void TakePeriodic(const Asked& asked) {
    Take(asked);
    if (!filter_.rule_id.empty() && filter_.rule_id != asked.rule_id) return;
    const bool fell_away = derivation_.FellAway(asked.since, asked.due, asked.account);
    if (asked.number == 1) {
      const Holders holders = rules_.HoldersOf(asked, std::min(asked.period_end, derivation_.now()) - 1);
      if (!Of(holders)) return;
      if (asked.made > asked.required) {
        CadenceCount count;
        count.beyond = asked.made - asked.required;
        Add(asked.rule_id, holders, count);
      }
      CadencePeriod period;
      period.rule_id = asked.rule_id;
      period.period = asked.period;
      period.start = asked.since;
      period.end = asked.period_end;
      period.made = asked.made;
      period.program_version = asked.program->program().version();
      out_.periods.push_back(std::move(period));
    }
    if (out_.periods.empty()) return;
    CadencePeriod& period = out_.periods.back();
    if (period.rule_id != asked.rule_id || period.start != asked.since) return;
    if (!fell_away) period.required += 1;
    period.kept = period.made >= period.required || period.end > derivation_.now();
  }

 private:
  bool Of(const Holders& holders) const {
    return filter_.person.empty() ||
           std::find(holders.people.begin(), holders.people.end(), filter_.person) != holders.people.end();
  }

  void Add(const std::string& rule, const Holders& holders, const CadenceCount& count) {
    out_.total.Add(count);
    out_.rules[rule].Add(count);
    for (const std::string& person : holders.people) {
      if (filter_.person.empty() || filter_.person == person) out_.people[person].Add(count);
    }
  }

  const std::string next_step_{kNextStepRule};
  const Derivation& derivation_;
  const RuleDuties& rules_;
  const Micros start_;
  const CadenceFilter& filter_;
  AccountCadence& out_;
};

}  // namespace

void CadenceCount::Add(const CadenceCount& other) {
  required += other.required;
  kept += other.kept;
  kept_late += other.kept_late;
  missed += other.missed;
  beyond += other.beyond;
}

std::optional<double> CadenceCount::kept_share() const {
  if (required == 0) return std::nullopt;
  return static_cast<double>(kept) / static_cast<double>(required);
}

AccountCadence DeriveCadence(const EngagementHistory& history, const DutyBasis& basis, Micros start,
                             const CadenceFilter& filter) {
  AccountCadence cadence;
  const Derivation derivation(history, basis);
  const RuleDuties rules(derivation);
  Tally tally(derivation, rules, start, filter, cadence);
  const auto take = [&tally](const Asked& asked) { tally.Take(asked); };
  rules.Periodic(RuleDuties::First::kEnding, start, basis.as_of,
                 [&tally](const Asked& asked) { tally.TakePeriodic(asked); });
  rules.FollowUps(take);
  rules.Occasions(start, basis.as_of, {}, take);
  rules.NextSteps(take);
  std::sort(cadence.periods.begin(), cadence.periods.end(), [](const CadencePeriod& a, const CadencePeriod& b) {
    return a.start != b.start ? a.start > b.start : a.rule_id < b.rule_id;
  });
  return cadence;
}

}  // namespace keyledger::projections::engagement
