// Buyers: what the models of projections/forecast see of the accounts that bought: days with a purchase and what they
// came to.
//
// Purchases of one day in the scope's zone are one. An account without a purchase in scope is no buyer.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "projections/engine/period_finder.h"
#include "projections/forecast/bg_nbd.h"
#include "projections/retention/history.h"

namespace keyledger::projections {

// Kept small: a whole population is held.
struct Buyer {
  // Numbers of local days with a purchase.
  int32_t first_day = 0;
  int32_t last_day = 0;
  // Days with a purchase after the first.
  int32_t repeat_days = 0;
  // Index into Buyers::histories.
  uint32_t history = 0;
  // The models learn from it, but nothing is to be expected of it.
  bool closed = false;
  // Revenue of the days after the first.
  int64_t repeat_micros = 0;
  // Revenue within the window before as_of; zero where none was asked for.
  int64_t recent_micros = 0;
};

struct Buyers {
  std::string currency_code;
  // The last local day in scope: what ages are counted to.
  int32_t end_day = 0;
  // In order of account_id: the place is the order in which a HistoryScan visits accounts that are buyers.
  std::vector<Buyer> accounts;
  // The different ones, with their counts, in order.
  std::vector<forecast::Summary> histories;

  int64_t closed_accounts() const;
  // The histories of those that are not closed, with their counts.
  std::vector<forecast::Summary> OpenHistories() const;
};

// FAILED_PRECONDITION (kForecastNotPossible) for the reason that a model gives in words; CANCELLED stays what it is.
absl::Status NotPossible(const absl::Status& why);

// Whether the account has bought in scope.
inline bool IsBuyer(const AccountHistory& history) { return history.first_purchase().has_value(); }

// Returns where the data of a scope without as_of end (data_end.h).
// Errors: FAILED_PRECONDITION (kForecastNotPossible) if there is no purchase; those of FindDataEnd.
absl::StatusOr<Micros> DayAfterLastPurchase(const std::vector<const store::TableReader*>& shards,
                                            const RetentionScope& scope);

// Takes the accounts of a walk. Memory: 40 bytes a buyer, and 32 for each different history.
// Threads: confined to one thread.
class BuyerCollector {
 public:
  // `window_days` are those of recent_micros; 0: none. Requires: with a window, scope.as_of is a moment, not "ever".
  // `scope` must outlive it.
  BuyerCollector(const RetentionScope& scope, int64_t window_days);

  // Adds the next account, if it is a buyer. Requires: a walk with HistoryParts::kTradesAndLife or more.
  // Errors: as FindBuyers.
  absl::Status Add(const AccountHistory& history);

  // What was added, with ages counted to the day before `data_end` (data_end.h). Once.
  Buyers Finish(Micros data_end);

 private:
  const RetentionScope& scope_;
  PeriodFinder days_;
  Micros recent_;
  Buyers buyers_;
};

// Finds the buyers; `window_days` are those of recent_micros. Requires: scope.as_of is a moment, not "ever".
// Errors: FAILED_PRECONDITION (kArithmeticRange) if revenue of an account leaves 64 bits, (kForecastNotPossible) if
// there are no buyers, or more than can be numbered; those of HistoryScan.
absl::StatusOr<Buyers> FindBuyers(const std::vector<const store::TableReader*>& shards, const RetentionScope& scope,
                                  int64_t window_days);

}  // namespace keyledger::projections
