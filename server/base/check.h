// KL_CHECK: assertions that stay on in every build. For invariants of our own; never for input or the environment
// (those are errors).
#pragma once

#include <cstdio>
#include <cstdlib>

namespace keyledger::internal {

[[noreturn]] inline void CheckFailed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: check failed: %s\n", file, line, condition);
  std::abort();
}

}  // namespace keyledger::internal

// Aborts the process when `condition` is false.
#define KL_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::keyledger::internal::CheckFailed(#condition, __FILE__, __LINE__))
