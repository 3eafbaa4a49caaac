// Private to this room: the special functions the models share, from Boost.Math, set never to throw. No globals: safe
// from any number of threads, unlike std::lgamma.
#pragma once

#include <cstdint>
#include <functional>

namespace keyledger::forecast {

// ln of the gamma function at `value` > 0, and its derivative.
double LogGamma(double value);
double Digamma(double value);

// The rising factorial value (value+1) ... (value+count-1) = G(value+count) / G(value), as its logarithm, and the
// derivative of that by `value`. `value` > 0; 0 for a count of 0.
struct LogRising {
  double log = 0;
  double derivative = 0;
};

// Steps from the rising factorial of `from` to that of `to` >= from: products while they are near, gamma functions
// when they are not. Sums of few terms keep the digits that differences of large logarithms lose.
LogRising Rise(double value, int64_t from, const LogRising& at_from, int64_t to);

// The quantile of the standard normal distribution at 0 < `probability` < 1.
double NormalQuantile(double probability);

// E[g(p)] for p of a Beta(a, b) distribution: tanh-sinh quadrature. `g` is smooth on [0, 1] and is called inside it
// only. Deterministic; at most some thousand calls.
double BetaExpectation(double a, double b, const std::function<double(double)>& g);

}  // namespace keyledger::forecast
