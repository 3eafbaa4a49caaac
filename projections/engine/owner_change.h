// OwnerChange: what an event says about the one person responsible for an account.
//
// Several kinds say it: the account's own facts, and the events of roles (events/v1/owner.proto) where the role is
// "owner". Whichever says it last holds.
#pragma once

#include <algorithm>
#include <optional>
#include <string_view>

#include "keyledger/events/v1/event.pb.h"

namespace keyledger::projections {

// The role that is an attribute of the account.
inline constexpr std::string_view kOwnerRole = "owner";

// Views are into the event.
struct OwnerChange {
  // Empty: nobody.
  std::string_view owner;
  // Of a release and the like: only this person is it no longer; somebody else stays. Empty: whoever it was.
  std::string_view only_from;
  // Why. Unspecified where the event has no such reason.
  events::v1::OwnerChangeReason reason = events::v1::OWNER_CHANGE_REASON_UNSPECIFIED;

  // Whether it changes anything of an account with that owner.
  bool Takes(std::string_view held) const { return only_from.empty() || only_from == held; }
};

// Nothing: the event says nothing about it. An account that is opened with nobody says nothing either.
inline std::optional<OwnerChange> OwnerChangeOf(const events::v1::Event& event) {
  using events::v1::Event;
  OwnerChange change;
  switch (event.payload_case()) {
    case Event::kAccountOpened:
      if (event.account_opened().owner().empty()) return std::nullopt;
      change.owner = event.account_opened().owner();
      return change;
    case Event::kAccountFactsUpdated:
      if (!event.account_facts_updated().has_owner()) return std::nullopt;
      change.owner = event.account_facts_updated().owner();
      return change;
    case Event::kOwnerAssigned:
      if (event.owner_assigned().role() != kOwnerRole) return std::nullopt;
      change.owner = event.owner_assigned().person();
      return change;
    case Event::kOwnerReleased:
      if (event.owner_released().role() != kOwnerRole) return std::nullopt;
      change.only_from = event.owner_released().person();
      change.reason = event.owner_released().reason();
      return change;
    case Event::kOwnerTransferred: {
      const events::v1::OwnerTransferred& transferred = event.owner_transferred();
      if (std::find(transferred.roles().begin(), transferred.roles().end(), kOwnerRole) == transferred.roles().end()) {
        return std::nullopt;
      }
      change.owner = transferred.to_person();
      if (change.owner.empty()) change.only_from = transferred.from_person();
      change.reason = transferred.reason();
      return change;
    }
    default:
      return std::nullopt;
  }
}

}  // namespace keyledger::projections
