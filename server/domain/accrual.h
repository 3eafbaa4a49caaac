// What lines earn under a program's rules. Internal to the room.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "server/base/checked.h"
#include "server/domain/program_set.h"

namespace keyledger::domain {

// A line that may earn points.
struct EarningLine {
  // 1-based.
  uint32_t line_number = 0;
  std::string_view sku;
  std::string_view category;
  int64_t quantity = 0;
  int64_t micros = 0;
};

// A sale, as the rules see it.
struct EarningSale {
  std::string_view merchant;
  // Region of the sale, never empty because the account's stands in.
  std::string_view region;
  Micros occurred = 0;
  events::v1::SaleMode mode = events::v1::SALE_MODE_UNSPECIFIED;
  std::vector<EarningLine> lines;
};

// Most points that a rule may still give, beside its maximum per event.
using Allowance = std::function<int64_t(const programs::v1::AccrualRule&)>;

// Points by one rule.
struct Earned {
  const programs::v1::AccrualRule* rule = nullptr;
  // More than zero.
  int64_t points = 0;
  // Without the rule's maximums.
  int64_t uncapped = 0;
  int64_t matched_base = 0;
  int64_t multiplier_milli = 0;
  // Line number and points (more than zero), ascending; they sum to points.
  std::vector<std::pair<uint32_t, int64_t>> lines;
};

// Evaluates every rule on its own: points per money or unit over all matching lines, times the multiplier where the
// rule allows it, rounded once, cut to what the rule may give. The points are shared among the lines by largest
// remainder, equal remainders to the lower line number. A rule that gives no points is left out. Nothing: a number
// leaves 64 bits.
// `allowance`: may be empty: no maximum per period. `rounding`: instead of the rules' own.
std::optional<std::vector<Earned>> Earn(const CompiledProgram& program, const EarningSale& sale,
                                        int64_t multiplier_milli, const Allowance& allowance,
                                        std::optional<RoundingMode> rounding = std::nullopt);

// Ends of a lot's waiting and of its validity, in the program's zone.
Micros ActivateTime(const CompiledProgram& program, const programs::v1::AccrualRule& rule, Micros occurred);
// kNever without an expiry, and with one by inactivity, which no moment is fixed for. A lot whose time ends exactly
// where a period begins falls in that period, and is rounded up to its end.
Micros ExpireTime(const CompiledProgram& program, const programs::v1::AccrualRule& rule, Micros occurred);

// The calendar's name of a program's unit.
CalendarUnit CalendarUnitOf(programs::v1::PeriodUnit unit);

}  // namespace keyledger::domain
