// Buyers who behave as BG/NBD and Gamma-Gamma say, from a seed: a population on which the models can be fitted.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "server/base/clock.h"

namespace keyledger::testing {

struct SimulatedBuyer {
  std::string account_id;
  // When, and for how many micros, in order.
  std::vector<std::pair<Micros, int64_t>> purchases;
};

// `count` buyers "b000", "b001", ... whose first purchases lie in the `days` / 4 days from `start`, watched for `days`.
inline std::vector<SimulatedBuyer> SimulateBuyers(size_t count, Micros start, int days, uint64_t seed = 20261122) {
  std::mt19937_64 random(seed);
  const auto gamma = [&random](double shape, double rate) {
    return std::gamma_distribution<double>(shape, 1 / rate)(random);
  };
  std::uniform_real_distribution<double> chance;
  std::vector<SimulatedBuyer> buyers;
  for (size_t i = 0; i < count; ++i) {
    SimulatedBuyer& buyer = buyers.emplace_back();
    std::string number = std::to_string(i);
    buyer.account_id = "b" + std::string(3 - std::min<size_t>(number.size(), 3), '0') + number;
    const double per_day = gamma(0.8, 5) / 7;
    const double left = gamma(0.8, 1);
    const double leaves = left / (left + gamma(2.5, 1));
    const double scale = gamma(4, 15);
    double day = std::floor(chance(random) * days / 4);
    while (day < days) {
      const auto at = start + static_cast<Micros>(day * 86'400) * kMicrosPerSecond;
      buyer.purchases.emplace_back(at, static_cast<int64_t>(std::ceil(gamma(6, scale) * 100)) * 10'000);
      if (buyer.purchases.size() > 1 && chance(random) < leaves) break;
      day += std::exponential_distribution<double>(per_day)(random);
    }
  }
  return buyers;
}

}  // namespace keyledger::testing
