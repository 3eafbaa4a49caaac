// Private to the queries of this room: sums of money that say when they do not fit.
#pragma once

#include <cstdint>
#include <limits>

#include <absl/status/status.h>

#include "server/base/checked.h"
#include "server/base/error.h"

namespace keyledger::projections {

// FAILED_PRECONDITION (kArithmeticRange).
inline absl::Status MoneyOutOfRange() {
  return MakeError(Reason::kArithmeticRange, "a sum of money does not fit in 64 bits; narrow the scope");
}

// Adds `more` to `sum`; returns false if the result does not fit.
inline bool AddTo(int64_t& sum, int64_t more) { return !__builtin_add_overflow(sum, more, &sum); }

// Puts the sum into `out`; returns false if it does not fit.
inline bool Narrow(Int128 sum, int64_t& out) {
  if (sum < std::numeric_limits<int64_t>::min() || sum > std::numeric_limits<int64_t>::max()) return false;
  out = static_cast<int64_t>(sum);
  return true;
}

}  // namespace keyledger::projections
