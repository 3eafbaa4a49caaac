// Checked arithmetic: every sum and product of money or points goes through here; nothing wraps silently.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>

namespace keyledger {

// Returns a + b, or nothing if it does not fit.
inline std::optional<int64_t> CheckedAdd(int64_t a, int64_t b) {
  int64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) return std::nullopt;
  return sum;
}

// Returns a - b, or nothing if it does not fit.
inline std::optional<int64_t> CheckedSub(int64_t a, int64_t b) {
  int64_t difference = 0;
  if (__builtin_sub_overflow(a, b, &difference)) return std::nullopt;
  return difference;
}

// Returns a * b, or nothing if it does not fit.
inline std::optional<int64_t> CheckedMul(int64_t a, int64_t b) {
  int64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

// How MulDiv treats a remainder.
enum class RoundingMode { kDown, kUp, kHalfEven };

__extension__ typedef __int128 Int128;

// Returns a * b * c / divisor, exact until the one rounding, or nothing if the result does not fit in 64 bits or the
// product in 128. Requires: a, b, c >= 0 and divisor > 0.
inline std::optional<int64_t> MulDiv(int64_t a, int64_t b, int64_t c, Int128 divisor, RoundingMode mode) {
  Int128 product = static_cast<Int128>(a) * b;
  if (__builtin_mul_overflow(product, static_cast<Int128>(c), &product)) return std::nullopt;
  Int128 quotient = product / divisor;
  const Int128 remainder = product % divisor;
  switch (mode) {
    case RoundingMode::kDown:
      break;
    case RoundingMode::kUp:
      quotient += remainder != 0 ? 1 : 0;
      break;
    case RoundingMode::kHalfEven: {
      const Int128 rest = divisor - remainder;
      if (remainder > rest || (remainder == rest && quotient % 2 == 1)) quotient += 1;
      break;
    }
  }
  if (quotient > std::numeric_limits<int64_t>::max()) return std::nullopt;
  return static_cast<int64_t>(quotient);
}

}  // namespace keyledger
