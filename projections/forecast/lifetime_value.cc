#include "projections/forecast/lifetime_value.h"

#include <fmt/format.h>

#include "server/base/error.h"

namespace keyledger::forecast {

absl::StatusOr<LifetimeValue> ValueOf(const BgNbdParameters& purchases, const GammaGammaParameters& amounts,
                                      const Summary& summary, const Spend& spend, const ValueTerms& terms) {
  if (!(terms.margin >= -10 && terms.margin <= 10)) return FieldError("margin", "must be -10 to 10");
  if (terms.periods < 1 || terms.periods > kValuePeriodsMax) {
    return FieldError("periods", fmt::format("{}; must be 1 to {}", terms.periods, kValuePeriodsMax));
  }
  if (!(terms.weeks_per_period > 0 && terms.weeks_per_period * static_cast<double>(terms.periods) <= kWeeksMax)) {
    return FieldError("weeks_per_period", fmt::format("{}; must be above 0, and all periods together up to {:g} weeks",
                                                      terms.weeks_per_period, kWeeksMax));
  }
  if (!(terms.discount >= 0 && terms.discount <= 100)) return FieldError("discount", "must be 0 to 100");
  LifetimeValue value;
  KL_ASSIGN_OR_RETURN(value.p_alive, PAlive(purchases, summary));
  KL_ASSIGN_OR_RETURN(value.amount, ExpectedSpend(amounts, spend));
  double factor = 1;
  for (int64_t k = 1; k <= terms.periods; ++k) {
    KL_ASSIGN_OR_RETURN(const double so_far,
                        ExpectedPurchases(purchases, summary, terms.weeks_per_period * static_cast<double>(k)));
    factor /= 1 + terms.discount;
    ValuePeriod period;
    period.purchases = so_far - value.purchases;
    period.value = terms.margin * value.amount * period.purchases * factor;
    value.purchases = so_far;
    value.value += period.value;
    value.periods.push_back(period);
  }
  return value;
}

}  // namespace keyledger::forecast
