// Whether an answer about the population is empty: a mistyped filter looks like a group that never bought anything.
#pragma once

#include <concepts>
#include <cstdint>

namespace keyledger::cli {

// Whether the answer says nothing of anybody.
template <typename Response>
bool IsEmpty(const Response& response) {
  if constexpr (requires {
                  { response.accounts() } -> std::same_as<int64_t>;
                }) {
    return response.accounts() == 0;
  } else if constexpr (requires { response.account_count(); }) {
    return response.account_count() == 0;
  } else if constexpr (requires { response.contracts(); }) {
    return response.contracts() == 0;
  } else if constexpr (requires {
                         response.groups();
                         response.without();
                       }) {
    return response.groups().empty() && response.without() == 0;
  } else if constexpr (requires { response.cohorts(); }) {
    return response.cohorts().empty();
  } else if constexpr (requires { response.steps(); }) {
    return response.steps().empty();
  } else if constexpr (requires { response.classes(); }) {
    for (const auto& one : response.classes()) {
      if (one.accounts() > 0) {
        return false;
      }
    }
    return true;
  } else if constexpr (requires { response.member(); }) {
    return response.member().accounts() + response.other().accounts() == 0;
  } else if constexpr (requires { response.sources(); }) {
    return response.sources().empty();
  } else if constexpr (requires { response.later_period(); }) {
    return response.later_period().empty();
  } else if constexpr (requires { response.periods(); }) {
    return response.periods().empty();
  } else {
    return false;
  }
}

}  // namespace keyledger::cli
