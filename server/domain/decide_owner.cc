// Who is responsible for the account. See decision.h and owners.h.
#include <algorithm>
#include <iterator>
#include <set>
#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "server/domain/decision.h"
#include "server/domain/owners.h"

namespace keyledger::domain {

using events::v1::Event;

// Holders whom a refusal names, the first in byte order: enough for a person to see what is going on, and small enough
// for a status on the wire.
constexpr size_t kHoldersNamedMax = 16;

absl::Status Decision::NotAssigned(const std::string& role, const std::string& person) const {
  const std::set<std::string> all = HoldersOf(state(), role);
  const size_t named = std::min(all.size(), kHoldersNamedMax);
  const std::string holders = fmt::format("{}", fmt::join(all.begin(), std::next(all.begin(), named), ","));
  const std::string others = named < all.size() ? fmt::format(" and {} more", all.size() - named) : "";
  const std::string what = role.empty() ? std::string("any role") : fmt::format("the role '{}'", role);
  absl::Status status =
      RefuseHere(Reason::kOwnerNotAssigned,
                 fmt::format("'{}' does not have {} for the account; {}", person, what,
                             holders.empty() ? "nobody has" : fmt::format("those who have: {}{}", holders, others)));
  AddMetadata(status, "role", role);
  AddMetadata(status, "person", person);
  AddMetadata(status, "holders", holders);
  return status;
}

absl::Status Decision::DecideTransferOfRoles(const Fact& fact) {
  Event event = fact.event;
  events::v1::OwnerTransferred& transferred = *event.mutable_owner_transferred();
  for (std::string& role : RolesOf(state(), transferred.from_person())) {
    if (transferred.role().empty() || transferred.role() == role) transferred.add_roles(std::move(role));
  }
  if (transferred.roles().empty()) return NotAssigned(transferred.role(), transferred.from_person());
  return Here(work_.RecordFact(std::move(event), fact.occurred, fact_index()));
}

absl::Status Decision::DecideOwner(const Fact& fact) {
  switch (fact.event.payload_case()) {
    case Event::kOwnerAssigned: {
      const auto& assigned = fact.event.owner_assigned();
      if (assigned.role() != kOwnerRole && !HasRole(state(), assigned.role(), assigned.person()) &&
          state().roles.size() >= kRolesHeldMax) {
        return RefuseHere(Reason::kAccountLimit,
                          fmt::format("more than {} people and roles beside the owner would be responsible for the "
                                      "account; release one first",
                                      kRolesHeldMax));
      }
      KL_RETURN_IF_ERROR(Record(fact));
      break;
    }
    case Event::kOwnerReleased: {
      const auto& released = fact.event.owner_released();
      if (!HasRole(state(), released.role(), released.person())) {
        return NotAssigned(released.role(), released.person());
      }
      KL_RETURN_IF_ERROR(Record(fact));
      break;
    }
    default:
      KL_RETURN_IF_ERROR(DecideTransferOfRoles(fact));
  }
  // A rule may ask for so many people, or for so many at most.
  return Rise();
}

}  // namespace keyledger::domain
