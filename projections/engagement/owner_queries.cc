#include "projections/engagement/owner_queries.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "projections/engagement/duties.h"
#include "projections/engagement/pages.h"
#include "server/base/error.h"

namespace keyledger::projections::engagement {
namespace {

constexpr int kInteractionDays = 30;
constexpr int kChangeDays = 365;

// What was counted of everybody.
class Loads {
 public:
  Loads(const OwnersQuery& query, Micros as_of) : query_(query), as_of_(as_of), at_(as_of - 1) {}

  void Count(const EngagementHistory& history) {
    CountRoles(history);
    CountChanges(history);
    for (const HistoryRow& row : history.interactions) {
      if (row.times.occurred < as_of_ - kInteractionDays * kMicrosPerDay) continue;
      for (const std::string& person : row.event.interaction_made().people()) Of(person).interactions += 1;
    }
    for (const HistoryRow& row : history.given) {
      if (!row.event.has_advance_recorded()) continue;
      const events::v1::AdvanceRecorded& advance = row.event.advance_recorded();
      const int64_t micros = advance.amount().micros();
      AddCapped(Of(advance.person()).advanced[advance.amount().currency_code()], advance.settled() ? -micros : micros);
    }
  }

  void CountDuty(const std::string& person, bool overdue) {
    OwnerLoad& load = Of(person);
    load.due += 1;
    load.overdue += overdue ? 1 : 0;
  }

  OwnersAnswer Take() {
    PageOf<OwnerLoad> page(query_.continuation, query_.page_size);
    for (auto& [person, load] : loads_) {
      std::erase_if(load.advanced, [](const auto& sum) { return sum.second == 0; });
      if (!IsWanted(load)) continue;
      load.person = person;
      // One whose id is empty comes first, and no key is empty.
      page.Add("." + person, std::move(load));
    }
    OwnersAnswer answer;
    answer.owners = page.Take(answer.continuation);
    return answer;
  }

 private:
  OwnerLoad& Of(std::string_view person) {
    const auto known = loads_.find(person);
    return known != loads_.end() ? known->second : loads_[std::string(person)];
  }

  bool IsWanted(const OwnerLoad& load) const {
    if (!query_.role.empty()) return load.accounts > 0;
    return load.accounts + load.due + load.interactions + load.changes > 0 || !load.advanced.empty();
  }

  void CountRoles(const EngagementHistory& history) {
    if (!history.OpenAt(at_)) return;
    std::set<std::string_view> counted;
    for (const RoleHeld& held : history.roles) {
      if (held.since > at_ || held.until <= at_ || (!query_.role.empty() && held.role != query_.role)) continue;
      OwnerLoad& load = Of(held.person);
      load.accounts += counted.insert(held.person).second ? 1 : 0;
      load.owned += held.role == kOwnerRole ? 1 : 0;
    }
    if (history.OwnerAt(at_).empty() && (query_.role.empty() || query_.role == kOwnerRole)) Of("").accounts += 1;
  }

  bool HoldsAt(const EngagementHistory& history, const std::string& person, Micros time) const {
    return query_.role.empty() ? history.HoldsAnyRoleAt(person, time) : history.HoldsRoleAt(person, query_.role, time);
  }

  // An account is taken on with the first role that somebody has for it, and given up with the last.
  void CountChanges(const EngagementHistory& history) {
    const Micros from = as_of_ - kChangeDays * kMicrosPerDay;
    std::set<std::pair<std::string_view, Micros>> taken;
    std::set<std::pair<std::string_view, Micros>> given_up;
    for (const RoleHeld& held : history.roles) {
      if (!query_.role.empty() && held.role != query_.role) continue;
      if (held.since >= from && held.since <= at_ && !HoldsAt(history, held.person, held.since - 1) &&
          taken.emplace(held.person, held.since).second) {
        Of(held.person).changes += 1;
      }
      if (held.until >= from && held.until <= at_ && !HoldsAt(history, held.person, held.until) &&
          given_up.emplace(held.person, held.until).second) {
        Of(held.person).changes += 1;
      }
    }
  }

  const OwnersQuery& query_;
  const Micros as_of_;
  const Micros at_;
  std::map<std::string, OwnerLoad, std::less<>> loads_;
};

}  // namespace

absl::StatusOr<OwnersAnswer> ListOwners(const std::vector<const store::TableReader*>& shards,
                                        const EngagementScope& scope, const domain::ProgramSet& programs,
                                        const OwnersQuery& query) {
  const DutyBasis basis{programs, scope.as_of};
  EngagementParts parts = DutyParts(basis);
  parts.interactions = parts.given = true;
  parts.interactions_from = std::min(parts.interactions_from, scope.as_of - kInteractionDays * kMicrosPerDay);
  Loads loads(query, scope.as_of);
  KL_ASSIGN_OR_RETURN(EngagementScan scan, EngagementScan::Open(shards, scope, parts));
  KL_RETURN_IF_ERROR(scan.Walk([&](const EngagementHistory& history) {
    loads.Count(history);
    for (const Duty& duty : DeriveDuties(history, basis, EndOfDay(history, basis))) {
      for (const std::string& person : duty.people) loads.CountDuty(person, duty.overdue);
    }
    return absl::OkStatus();
  }));
  return loads.Take();
}

}  // namespace keyledger::projections::engagement
