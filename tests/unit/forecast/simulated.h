// Customers who behave exactly as the models say, from a seed.
#pragma once

#include <cmath>
#include <random>
#include <vector>

#include "projections/forecast/bg_nbd.h"

namespace keyledger::forecast::testing {

using Random = std::mt19937_64;

inline double GammaDraw(Random& random, double shape, double rate) {
  return std::gamma_distribution<double>(shape, 1 / rate)(random);
}

inline double BetaDraw(Random& random, double a, double b) {
  const double left = GammaDraw(random, a, 1), right = GammaDraw(random, b, 1);
  return left / (left + right);
}

struct SimulatedCustomer {
  Summary summary;
  // Purchases in the weeks after.
  int64_t later = 0;
};

// One BG/NBD customer, watched for `weeks` and then for `ahead` more.
inline SimulatedCustomer Simulate(Random& random, const BgNbdParameters& parameters, double weeks, double ahead) {
  const double rate = GammaDraw(random, parameters.r, parameters.alpha);
  const double leaves = BetaDraw(random, parameters.a, parameters.b);
  std::exponential_distribution<double> wait(rate);
  std::uniform_real_distribution<double> chance;
  SimulatedCustomer customer;
  customer.summary.T = weeks;
  for (double at = wait(random); at <= weeks + ahead; at += wait(random)) {
    if (at <= weeks) {
      ++customer.summary.x;
      customer.summary.t_x = at;
    } else {
      ++customer.later;
    }
    if (chance(random) < leaves) break;
  }
  return customer;
}

}  // namespace keyledger::forecast::testing
