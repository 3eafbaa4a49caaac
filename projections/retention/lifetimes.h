// Private to the queries of this room: the days on which an account's relationship began, went on and ended.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include <absl/status/statusor.h>

#include "projections/retention/history.h"
#include "server/store/table.h"

namespace keyledger::projections {

// Local days of an account that has purchased, numbered since 1970: no moment that a timestamp can name is further away
// than 32 bits.
struct Lifetime {
  static constexpr int32_t kNever = std::numeric_limits<int32_t>::max();
  // First, second and last day with a purchase.
  int32_t first = 0;
  int32_t second = kNever;
  int32_t last = 0;
  // When the account was closed; kNever while it is open, or where closings were not read.
  int32_t closed = kNever;
};

struct Lifetimes {
  // In order of account_id.
  std::vector<Lifetime> accounts;
  // Last day of the data (data_end.h) or, if that is later, with a closing. No meaning without accounts; neither have
  // the next two.
  int32_t last_day = 0;
  // Last day of the data.
  int32_t last_purchase_day = 0;
  // Last day that is in scope: the one before scope.as_of, where that is given.
  std::optional<int32_t> scope_end;
  // Over the months from the first purchase to the last one that was over when the data end: accounts active in a month
  // other than the last, and those of them that were active in the next month too.
  int64_t months_started = 0;
  int64_t months_retained = 0;
};

// Closings are read with HistoryParts::kAll only. Cost: one walk over the population; 16 bytes an account. Errors:
// those of HistoryScan::Run.
absl::StatusOr<Lifetimes> ReadLifetimes(const std::vector<const store::TableReader*>& shards,
                                        const RetentionScope& scope, HistoryParts parts);

// The day on which the account was lost: closed, or the last purchase before `inactive_days` days of silence (0: only
// closing counts), as known at the end of `end_day`. Nothing if it was not: also if it came back or was reopened. Never
// before the first purchase.
std::optional<int32_t> DayOfLoss(const Lifetime& account, int32_t inactive_days, int32_t end_day);

}  // namespace keyledger::projections
