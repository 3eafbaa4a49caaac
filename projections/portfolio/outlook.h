// Outlook: what each account is expected to bring within a year, or why that cannot be said: the forecast of
// RetentionService (forecast_queries.h), for accounts that a walk of another query meets anyway.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <absl/status/status.h>

#include "projections/portfolio/portfolio_measure.h"
#include "projections/retention/buyers.h"

namespace keyledger::projections::portfolio {

inline constexpr int64_t kOutlookDays = 365;

struct Outlook {
  // False: `basis` says why, and there are no figures.
  bool possible = false;
  // What the figures rest on, in words.
  std::string basis;
  // Expected revenue of each account added, in the order added, in micros: zero or more, and of a closed one zero.
  std::vector<double> expected_micros;
};

// Collects the accounts of a walk, then fits and forecasts. Memory: as BuyerCollector while it collects; 8 bytes an
// account more while it forecasts. Threads: confined to one thread.
class OutlookFitter {
 public:
  // `scope` must outlive it.
  explicit OutlookFitter(const RetentionScope& scope) : scope_(scope), collector_(scope, 0) {}

  // Adds the next account. Requires: it has a purchase; a walk with HistoryParts::kTradesAndLife or more. Errors: those
  // of BuyerCollector::Add.
  absl::Status Add(const AccountHistory& history) { return collector_.Add(history); }

  // What comes after `data_end` (EndOfData). Once. Cost: the fits, and an expectation for each different history.
  // Errors: CANCELLED, if the scope says so.
  absl::StatusOr<Outlook> Finish(Micros data_end);

 private:
  const RetentionScope& scope_;
  BuyerCollector collector_;
};

}  // namespace keyledger::projections::portfolio
