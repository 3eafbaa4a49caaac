#include "projections/forecast/special.h"

#include <cmath>
#include <limits>

#include <boost/math/quadrature/tanh_sinh.hpp>
#include <boost/math/special_functions/digamma.hpp>
#include <boost/math/special_functions/erf.hpp>
#include <boost/math/special_functions/gamma.hpp>

namespace keyledger::forecast {
namespace {

namespace policies = boost::math::policies;

// What cannot be computed comes back as a NaN or an infinity, which the callers check for; nothing throws.
using Quiet =
    policies::policy<policies::domain_error<policies::ignore_error>, policies::pole_error<policies::ignore_error>,
                     policies::overflow_error<policies::ignore_error>,
                     policies::evaluation_error<policies::ignore_error>,
                     policies::rounding_error<policies::ignore_error>,
                     policies::indeterminate_result_error<policies::ignore_error>, policies::promote_double<false>>;

// Up to here a rising factorial is multiplied out.
constexpr int64_t kStepsMax = 64;

constexpr size_t kRefinements = 12;
constexpr double kTolerance = 1e-13;

}  // namespace

double LogGamma(double value) { return boost::math::lgamma(value, Quiet()); }

double Digamma(double value) { return boost::math::digamma(value, Quiet()); }

LogRising Rise(double value, int64_t from, const LogRising& at_from, int64_t to) {
  if (to - from > kStepsMax) {
    const double end = value + static_cast<double>(to);
    return {LogGamma(end) - LogGamma(value), Digamma(end) - Digamma(value)};
  }
  LogRising rising = at_from;
  for (int64_t i = from; i < to; ++i) {
    const double factor = value + static_cast<double>(i);
    rising.log += std::log(factor);
    rising.derivative += 1 / factor;
  }
  return rising;
}

double NormalQuantile(double probability) {
  return boost::math::erf_inv(2 * probability - 1, Quiet()) * std::sqrt(2.0);
}

double BetaExpectation(double a, double b, const std::function<double(double)>& g) {
  // With a < 1 the density is infinite at 0; in v = p^a it is not. Likewise b < 1 at 1, where the distance `rest` to
  // the end is known to all its digits.
  const double power = std::min(a, 1.0);
  const double log_scale = LogGamma(a + b) - LogGamma(a) - LogGamma(b) - std::log(power);
  const auto integrand = [&](double v, double rest) {
    // `rest` is 1 - v where it is positive, and -v where it is not.
    const double log_v = rest > 0 ? std::log1p(-rest) : std::log(v);
    const double log_p = log_v / power;
    const double left = -std::expm1(log_p);
    if (left <= 0 || !std::isfinite(log_p)) return 0.0;
    const double log_weight = log_scale + (a / power - 1) * log_v + (b - 1) * std::log(left);
    return std::exp(log_weight) * g(std::exp(log_p));
  };
  boost::math::quadrature::tanh_sinh<double, Quiet> integrator(kRefinements);
  return integrator.integrate(integrand, 0.0, 1.0, kTolerance);
}

}  // namespace keyledger::forecast
