// Who is responsible for the account, folded. See fold.h and owners.h.
//
// A release or a transfer of a role that nobody took on is no contradiction: an account as it was at an earlier moment
// is folded from the records that had occurred by then, and of two of them the first may have occurred later.
#include "server/domain/fold.h"
#include "server/domain/owners.h"

namespace keyledger::domain {
namespace {

using events::v1::Event;

void TakeOn(AccountState& state, const events::v1::OwnerAssigned& assigned, Micros occurred) {
  if (assigned.role() == kOwnerRole) {
    state.owner = assigned.person();
    return;
  }
  const auto [held, is_new] = state.roles.try_emplace({assigned.role(), assigned.person()});
  held->second.rank = assigned.rank();
  if (is_new) held->second.since = occurred;
}

void GiveUp(AccountState& state, const std::string& role, const std::string& person) {
  if (role != kOwnerRole) {
    state.roles.erase({role, person});
  } else if (state.owner == person) {
    state.owner.clear();
  }
}

void HandOver(AccountState& state, const events::v1::OwnerTransferred& transferred, Micros occurred) {
  const std::string& to = transferred.to_person();
  for (const std::string& role : transferred.roles()) {
    GiveUp(state, role, transferred.from_person());
    if (to.empty()) continue;
    if (role == kOwnerRole) {
      state.owner = to;
    } else {
      state.roles.try_emplace({role, to}, RoleHeld{transferred.rank(), occurred});
    }
  }
}

}  // namespace

FoldResult FoldOwner(AccountState& state, const Event& event, Micros occurred) {
  switch (event.payload_case()) {
    case Event::kOwnerAssigned:
      TakeOn(state, event.owner_assigned(), occurred);
      return kFolded;
    case Event::kOwnerReleased:
      GiveUp(state, event.owner_released().role(), event.owner_released().person());
      return kFolded;
    default:
      HandOver(state, event.owner_transferred(), occurred);
      return kFolded;
  }
}

}  // namespace keyledger::domain
