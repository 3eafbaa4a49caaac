// Owners: who is responsible for an account, by role, as the fold of its stream has it.
//
// The role "owner" is AccountState::owner, at most one person; every other role is in AccountState::roles.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "server/domain/account_state.h"

namespace keyledger::domain {

inline constexpr std::string_view kOwnerRole = "owner";

bool HasRole(const AccountState& state, const std::string& role, const std::string& person);

// The roles that a person has, in byte order.
std::vector<std::string> RolesOf(const AccountState& state, std::string_view person);

// People who have the role, or, for an empty one, any role: in byte order, each once.
std::set<std::string> HoldersOf(const AccountState& state, std::string_view role);

}  // namespace keyledger::domain
