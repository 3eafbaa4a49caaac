// See account_fold.h.
#include "projections/engagement/account_fold.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

namespace keyledger::projections::engagement {
namespace {

using events::v1::Event;

// The moment from which on a change holds that follows `entries`.
template <class Entry>
Micros After(const std::vector<Entry>& entries, Micros occurred) {
  return entries.empty() ? occurred : std::max(entries.back().since, occurred);
}

class Fold {
 public:
  explicit Fold(EngagementHistory& history) : history_(history) {}

  void Take(HistoryRow& row) {
    occurred_ = row.times.occurred;
    const Event& event = row.event;
    switch (event.payload_case()) {
      case Event::kAccountOpened:
        return Opened(event.account_opened());
      case Event::kAccountFactsUpdated:
        return Updated(event.account_facts_updated());
      case Event::kAccountClosed:
        return Lives(Life::kClosed);
      case Event::kAccountReopened:
        return Lives(Life::kOpen);
      case Event::kAccountMerged:
        before_merge_ = history_.life.empty() ? Life::kOpen : history_.life.back().life;
        return Lives(Life::kMerged);
      case Event::kAccountMergeReturned:
        return Lives(before_merge_);
      case Event::kScoreStated:
        return State(event.score_stated().score_id(),
                     {0, false, fmt::format("{}", event.score_stated().value()), event.score_stated().person()});
      case Event::kTierAssigned:
        history_.tiers.push_back(
            {After(history_.tiers, occurred_), event.tier_assigned().ladder_id(), event.tier_assigned().tier_id()});
        return;
      case Event::kClubJoined:
        history_.clubs.insert(event.club_joined().club_id());
        return;
      case Event::kClubLeft:
        history_.clubs.erase(event.club_left().club_id());
        return;
      case Event::kReferralRecorded:
        history_.referrals.push_back(std::move(row));
        return;
      default:
        return Owners(event);
    }
  }

 private:
  void Opened(const events::v1::AccountOpened& opened) {
    Lives(Life::kOpen);
    Change(history_.names, opened.display_name());
    Change(history_.regions, opened.region());
    Change(history_.segments, opened.segment());
    if (!opened.owner().empty()) Assign(kOwnerRole, opened.owner(), std::nullopt);
    for (const events::v1::Fact& fact : opened.facts()) State(fact.key(), {0, false, fact.value(), ""});
  }

  void Updated(const events::v1::AccountFactsUpdated& updated) {
    if (updated.has_display_name()) Change(history_.names, updated.display_name());
    if (updated.has_region()) Change(history_.regions, updated.region());
    if (updated.has_segment()) Change(history_.segments, updated.segment());
    if (updated.has_owner()) {
      if (updated.owner().empty()) {
        End(kOwnerRole, OwnerHeld(), events::v1::OWNER_CHANGE_REASON_UNSPECIFIED);
      } else {
        Assign(kOwnerRole, updated.owner(), std::nullopt);
      }
    }
    for (const events::v1::Fact& fact : updated.set_facts()) State(fact.key(), {0, false, fact.value(), ""});
    for (const std::string& key : updated.removed_keys()) State(key, {0, true, "", ""});
  }

  void Owners(const Event& event) {
    if (event.has_owner_assigned()) {
      Assign(event.owner_assigned().role(), event.owner_assigned().person(), event.owner_assigned().rank());
    } else if (event.has_owner_released()) {
      End(event.owner_released().role(), event.owner_released().person(), event.owner_released().reason());
    } else if (event.has_owner_transferred()) {
      const events::v1::OwnerTransferred& transferred = event.owner_transferred();
      for (const std::string& role : transferred.roles()) {
        End(role, transferred.from_person(), transferred.reason());
        if (transferred.to_person().empty()) continue;
        if (!history_.HoldsRoleAt(transferred.to_person(), role, roles_since_)) {
          Assign(role, transferred.to_person(), transferred.rank());
        }
      }
    }
  }

  void Lives(Life life) { history_.life.push_back({After(history_.life, occurred_), life}); }

  void Change(std::vector<AttributeChange>& changes, const std::string& value) {
    if (!changes.empty() || !value.empty()) changes.push_back({After(changes, occurred_), value});
  }

  void State(const std::string& key, FactChange change) {
    std::vector<FactChange>& changes = history_.facts[key];
    change.since = After(changes, occurred_);
    changes.push_back(std::move(change));
  }

  // The moment from which on a change of roles holds.
  Micros RolesSince() {
    roles_since_ = std::max(roles_since_, occurred_);
    return roles_since_;
  }

  std::string OwnerHeld() const {
    for (const RoleHeld& held : history_.roles) {
      if (held.until == kNoEnd && held.role == kOwnerRole) return held.person;
    }
    return "";
  }

  // `rank`: nothing if it is not said; of one who has the role already it then stays.
  void Assign(std::string_view role, const std::string& person, std::optional<uint32_t> rank) {
    const Micros since = RolesSince();
    for (RoleHeld& held : history_.roles) {
      if (held.until != kNoEnd || held.role != role) continue;
      if (held.person == person) {
        // It stays the same stretch: nothing begins.
        if (rank.has_value()) held.rank = *rank;
        return;
      }
      if (role == kOwnerRole) held.until = since;
    }
    history_.roles.push_back({std::string(role), person, rank.value_or(0), since, kNoEnd, {}});
  }

  // One that is not held is no contradiction: what it was taken on by may lie outside of the scope.
  void End(std::string_view role, const std::string& person, events::v1::OwnerChangeReason reason) {
    const Micros until = RolesSince();
    for (RoleHeld& held : history_.roles) {
      if (held.until != kNoEnd || held.role != role || held.person != person) continue;
      held.until = until;
      held.end_reason = reason;
    }
  }

  EngagementHistory& history_;
  Micros occurred_ = 0;
  Micros roles_since_ = kBeginning;
  Life before_merge_ = Life::kOpen;
};

}  // namespace

void FoldAccount(std::vector<HistoryRow> rows, EngagementHistory& history) {
  std::sort(rows.begin(), rows.end(),
            [](const HistoryRow& a, const HistoryRow& b) { return a.times.position < b.times.position; });
  Fold fold(history);
  for (HistoryRow& row : rows) fold.Take(row);
  std::stable_sort(history.roles.begin(), history.roles.end(),
                   [](const RoleHeld& a, const RoleHeld& b) { return a.since < b.since; });
}

}  // namespace keyledger::projections::engagement
