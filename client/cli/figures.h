// Figures of answers as cells of a table: a dash for what is absent.
#pragma once

#include <cmath>
#include <string>

#include <fmt/format.h>

#include "client/cli/text.h"

namespace keyledger::cli {

inline std::string PercentOf(bool present, double ratio) {
  return FormatPercent(present ? std::optional<double>(ratio) : std::nullopt);
}

inline std::string EstimateOf(bool present, double micros) { return present ? FormatEstimate(micros) : "-"; }

// "1,234.50" of a plain number.
inline std::string Decimal(double value) { return FormatEstimate(value * 1e6); }

// The value with so many significant digits.
inline std::string Significant(double value, int digits) {
  return std::isfinite(value) ? fmt::format("{:.{}g}", value, digits) : "-";
}

inline std::string DecimalOf(bool present, double value) { return present ? Decimal(value) : "-"; }

// "a month", "3 weeks": what a period of the words of ScopeFlags::PeriodWords is one of.
inline std::string OnePeriod(const std::string& words) {
  return words.empty() || (words[0] >= '0' && words[0] <= '9') ? words : "a " + words;
}

// What of a profit rests on purchases whose cost nobody recorded; empty if nothing does.
inline std::string WithoutCost(int64_t purchases) {
  return purchases > 0 ? FormatCount(purchases) + " purchases carry no cost: their whole revenue counts as profit" : "";
}

}  // namespace keyledger::cli
