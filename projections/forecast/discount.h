// Discounted sums of what is expected: how to weigh expectations up to a few moments so that they add up to what is
// expected in each week, discounted by the week's end.
//
// Threads: any; no state.
#pragma once

#include <vector>

namespace keyledger::forecast {

// An expectation of so many weeks ahead, and how much of it counts. A weight may be less than zero.
struct WeightedHorizon {
  double weeks = 0;
  double weight = 0;
};

// Horizons of at most this many weeks are summed week by week; for longer ones as many moments stand for all weeks.
inline constexpr int kHorizonsMax = 20;

// Returns moments up to `weeks` with weights such that for every history the sum of weight E[Y(moment)] is that of
// E[Y(k) - Y(k-1)] / (1 + yearly_discount)^(k years) over the k-th of ceil(weeks) equal steps, the purchases of each
// counting as of its end. At most kHorizonsMax.
//
// Where there are more steps, E[Y(t)] between the moments is the polynomial through them in ln(1 + t/alpha). In that
// variable E[Y] is analytic within pi of the real line, whatever the history: ten years' sum is off by 1e-8 of itself
// at most where alpha is a thousandth of a week, and by less for a longer one.
// Requires: weeks > 0, alpha > 0, yearly_discount >= 0.
std::vector<WeightedHorizon> DiscountedHorizons(double alpha, double weeks, double yearly_discount);

}  // namespace keyledger::forecast
