// Outlook: what each account is expected to bring within a year, by BG/NBD and Gamma-Gamma fitted to all of them, or
// why that cannot be said.
//
// Days with a purchase are counted, as in the forecasts of RetentionService: those of one day are one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "projections/portfolio/portfolio_measure.h"

namespace keyledger::projections::portfolio {

inline constexpr int64_t kOutlookDays = 365;

struct Outlook {
  // False: `basis` says why, and there are no figures.
  bool possible = false;
  // What the figures rest on, in words.
  std::string basis;
  // Expected revenue of each account added, in the order added, in micros: zero or more.
  std::vector<double> expected_micros;
};

// Collects the accounts of a walk, then fits and forecasts. Memory: 24 bytes an account while it collects, 100 more
// while it fits. Threads: confined to one thread.
class OutlookFitter {
 public:
  // `scope` must outlive it.
  explicit OutlookFitter(const RetentionScope& scope) : scope_(scope) {}

  // Adds the next account. Requires: it has a purchase. Returns false if a sum does not fit.
  bool Add(const AccountHistory& history);

  // What comes after as_of or, where that is absent, after the day of the last purchase. Once. Cost: the fits, and an
  // expectation for each account.
  Outlook Finish();

 private:
  // An account, in days since 1970-01-01 in the scope's zone.
  struct Buyer {
    // Revenue after the first day.
    int64_t repeat_micros = 0;
    int32_t days = 0;
    int32_t first_day = 0;
    int32_t last_day = 0;
  };

  const RetentionScope& scope_;
  std::vector<Buyer> buyers_;
};

}  // namespace keyledger::projections::portfolio
