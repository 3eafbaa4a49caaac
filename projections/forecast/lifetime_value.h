// Customer lifetime value of a customer who is free to leave: CLV = margin E[M] sum over periods of discounted
// increments of E[Y], with the purchases of bg_nbd.h and the amounts of gamma_gamma.h (Fader, Hardie, Lee, "RFM and
// CLV", Journal of Marketing Research 42 (2005) 415-430, in discrete periods).
//
// Threads: any; no state.
#pragma once

#include <cstdint>
#include <vector>

#include <absl/status/statusor.h>

#include "projections/forecast/bg_nbd.h"
#include "projections/forecast/gamma_gamma.h"

namespace keyledger::forecast {

inline constexpr int64_t kValuePeriodsMax = 1'000;

struct ValueTerms {
  // Share of an amount that is profit: -10 to 10, 1 values revenue.
  double margin = 1;
  // How many periods ahead: 1 to kValuePeriodsMax; and how long each is, in weeks: above 0, all together up to
  // kWeeksMax.
  int64_t periods = 12;
  double weeks_per_period = 365.25 / 12 / 7;
  // Per period: 0 to 100. What is bought in a period counts as of its end: the k-th is divided by (1 + discount)^k.
  double discount = 0;
};

struct ValuePeriod {
  // Expected purchases in the period, and their expected value with margin and discount.
  double purchases = 0;
  double value = 0;
};

struct LifetimeValue {
  double p_alive = 0;
  // E[M], an amount per purchase.
  double amount = 0;
  double purchases = 0;
  // In the unit of the amounts.
  double value = 0;
  std::vector<ValuePeriod> periods;
};

// Returns the value of a customer's purchases to come. `spend.x` equals `summary.x`, or is less when amounts are known
// of some purchases only.
// Errors: those of ForecastPurchases and ExpectedSpend, and INVALID_ARGUMENT about `terms`.
absl::StatusOr<LifetimeValue> ValueOf(const BgNbdParameters& purchases, const GammaGammaParameters& amounts,
                                      const Summary& summary, const Spend& spend, const ValueTerms& terms);

}  // namespace keyledger::forecast
