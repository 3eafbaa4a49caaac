// See report.h.
#include "tests/bench/report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include <fmt/format.h>

namespace keyledger::bench {
namespace {

// Three to four digits that matter, thousands set apart.
std::string Number(double value) {
  if (!std::isfinite(value)) return "?";
  if (value < 10) return fmt::format("{:.2f}", value);
  if (value < 1000) return fmt::format("{:.1f}", value);
  std::string digits = fmt::format("{:.0f}", value);
  for (int at = static_cast<int>(digits.size()) - 3; at > 0; at -= 3) digits.insert(static_cast<size_t>(at), ",");
  return digits;
}

std::string Text(const Spread& spread) {
  return fmt::format("{} ({} - {})", Number(spread.median), Number(spread.min), Number(spread.max));
}

}  // namespace

void Fail(const std::string& message) {
  std::fflush(stdout);
  fmt::print(stderr, "kl_bench: {}\n", message);
  // Children watch for the end of this process; nothing else is worth cleaning up.
  std::_Exit(1);
}

Spread SpreadOf(std::vector<double> values) {
  if (values.empty()) Fail("a measurement has no values");
  std::sort(values.begin(), values.end());
  const size_t half = values.size() / 2;
  const double median = values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
  return {median, values.front(), values.back()};
}

double Percentile(std::vector<double> values, double percent) {
  if (values.empty()) Fail("a measurement has no values");
  std::sort(values.begin(), values.end());
  const auto rank = static_cast<size_t>(std::ceil(percent / 100 * static_cast<double>(values.size())));
  return values[std::clamp<size_t>(rank, 1, values.size()) - 1];
}

void Report::Section(const std::string& title) const {
  fmt::print("\n== {}\n", title);
  std::fflush(stdout);
}

void Report::Compare(const std::string& name, const std::string& unit, const std::vector<double>& ours,
                     const std::string& against, const std::vector<double>& theirs, Target target, double bound) {
  std::vector<double> ratios;
  for (size_t i = 0; i < std::min(ours.size(), theirs.size()); ++i) ratios.push_back(ours[i] / theirs[i]);
  Check(name, ours);
  Check(against, theirs);
  Check(name + " ratio", ratios);
  const Spread ratio = SpreadOf(ratios);
  std::string verdict;
  if (target == Target::kAtLeast)
    verdict = fmt::format("target >= {} {}", bound, ratio.median >= bound ? "held" : "MISSED");
  if (target == Target::kAtMost)
    verdict = fmt::format("target <= {} {}", bound, ratio.median <= bound ? "held" : "MISSED");
  fmt::print("{:<44} {:>34} {}\n", name, Text(SpreadOf(ours)), unit);
  fmt::print("  against {:<34} {:>34} {}\n", against, Text(SpreadOf(theirs)), unit);
  fmt::print("  {:<42} {:>34} {}\n", "ratio", Text(ratio), verdict);
  std::fflush(stdout);
}

void Report::Figure(const std::string& name, const std::string& unit, const std::vector<double>& values) {
  Check(name, values);
  const Spread spread = SpreadOf(values);
  fmt::print("{:<44} {:>34} {}\n", name, values.size() == 1 ? Number(spread.median) : Text(spread), unit);
  std::fflush(stdout);
}

void Report::Note(const std::string& text) const {
  fmt::print("  {}\n", text);
  std::fflush(stdout);
}

void Report::Check(const std::string& name, const std::vector<double>& values) {
  ++figures_;
  const bool good = !values.empty() && std::all_of(values.begin(), values.end(),
                                                   [](double value) { return std::isfinite(value) && value > 0; });
  if (!good) senseless_.push_back(name);
}

}  // namespace keyledger::bench
