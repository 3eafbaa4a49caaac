#include "projections/forecast/discount.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>

namespace keyledger::forecast {
namespace {

constexpr double kDaysPerWeek = 7;
constexpr double kDaysPerYear = 365;

// Polynomials through Chebyshev's points of the second kind on [0, end], in the barycentric form.
class Interpolation {
 public:
  explicit Interpolation(double end) {
    for (int i = 0; i <= kHorizonsMax; ++i) points_[i] = end / 2 * (1 - std::cos(i * std::numbers::pi / kHorizonsMax));
  }

  double point(int i) const { return points_[i]; }

  // Adds `weight` times the value at `z` of the polynomial, as weights of the values at the points.
  void Add(double z, double weight, std::vector<WeightedHorizon>& values) const {
    double shares[kHorizonsMax + 1];
    double sum = 0;
    for (int i = 0; i <= kHorizonsMax; ++i) {
      if (z == points_[i]) {
        if (i > 0) values[static_cast<size_t>(i - 1)].weight += weight;
        return;
      }
      const double end_of_range = i == 0 || i == kHorizonsMax ? 0.5 : 1;
      shares[i] = (i % 2 == 0 ? end_of_range : -end_of_range) / (z - points_[i]);
      sum += shares[i];
    }
    // At the first point, now, nothing is expected.
    for (int i = 1; i <= kHorizonsMax; ++i) values[static_cast<size_t>(i - 1)].weight += weight * shares[i] / sum;
  }

 private:
  double points_[kHorizonsMax + 1];
};

}  // namespace

std::vector<WeightedHorizon> DiscountedHorizons(double alpha, double weeks, double yearly_discount) {
  const double steps = std::max(std::ceil(weeks), 1.0);
  const double per_step = std::pow(1 + yearly_discount, -weeks * kDaysPerWeek / steps / kDaysPerYear);
  std::vector<WeightedHorizon> horizons;
  std::optional<Interpolation> between;
  if (steps > kHorizonsMax) {
    between.emplace(std::log1p(weeks / alpha));
    for (int i = 1; i < kHorizonsMax; ++i) horizons.push_back({alpha * std::expm1(between->point(i)), 0});
    horizons.push_back({weeks, 0});
  }
  double factor = 1;
  for (double step = 1; step <= steps; step += 1) {
    factor *= per_step;
    // What is expected up to here counts by this factor, and what was counted by it is taken off the next step.
    const double weight = step < steps ? factor * (1 - per_step) : factor;
    if (!between.has_value()) {
      horizons.push_back({weeks * step / steps, weight});
    } else if (step < steps) {
      between->Add(std::log1p(weeks * step / steps / alpha), weight, horizons);
    } else {
      horizons.back().weight += weight;
    }
  }
  return horizons;
}

}  // namespace keyledger::forecast
