// ForecastFlags: what is forecast, for every verb that asks for one.
#pragma once

#include <string>

#include "client/cli/scope_flags.h"
#include "keyledger/ledger/v1/retention_service.pb.h"

namespace keyledger::cli {

struct ForecastFlags {
  ScopeFlags scope;
  int horizon_days = 0;
  std::string margin;
  std::string discount;
  std::string interval;

  void AddTo(CLI::App* verb, bool by = true) {
    verb->add_option("--horizon-days", horizon_days, "Days ahead (default 365)")->check(CLI::Range(1, 3660));
    verb->add_option("--margin", margin, "Margin on revenue in percent (default 100: values are revenue)")
        ->check(PercentText());
    verb->add_option("--discount", discount, "Yearly discount of values in percent")->check(PercentText());
    verb->add_option("--interval", interval,
                     "Percent of cases in which the interval is to hold what comes if the model is right: it does not "
                     "count the model's own error (default 95)")
        ->check(PercentText())
        ->check(CLI::Range(50.0, 99.9));
    scope.AddTo(verb, {.period = false, .by = by});
  }

  // All but the scope.
  void Fill(v1::ForecastScope& forecast) const {
    forecast.set_horizon_days(horizon_days);
    if (!margin.empty()) {
      forecast.set_margin_milli(MilliOf(margin));
    }
    forecast.set_discount_milli(MilliOf(discount));
    forecast.set_interval_milli(MilliOf(interval));
  }
};

}  // namespace keyledger::cli
