// See owners.h.
#include "server/domain/owners.h"

namespace keyledger::domain {

bool HasRole(const AccountState& state, const std::string& role, const std::string& person) {
  return role == kOwnerRole ? state.owner == person : state.roles.contains({role, person});
}

std::vector<std::string> RolesOf(const AccountState& state, std::string_view person) {
  std::set<std::string> roles;
  if (state.owner == person) roles.emplace(kOwnerRole);
  for (const auto& [key, held] : state.roles) {
    if (key.second == person) roles.insert(key.first);
  }
  return {roles.begin(), roles.end()};
}

std::set<std::string> HoldersOf(const AccountState& state, std::string_view role) {
  std::set<std::string> holders;
  if ((role.empty() || role == kOwnerRole) && !state.owner.empty()) holders.insert(state.owner);
  for (const auto& [key, held] : state.roles) {
    if (role.empty() || key.first == role) holders.insert(key.second);
  }
  return holders;
}

}  // namespace keyledger::domain
