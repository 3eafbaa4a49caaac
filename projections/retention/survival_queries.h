// Survival and tenure: how long it takes until accounts buy again or are lost, and how long they have been with us.
//
// Days are local days of the scope's zone; only accounts that have purchased count. Where the data end: data_end.h; of
// losses and without as_of they last to the last closing in scope, if that is later.
// An account is lost when it was closed or, with `inactive_days`, on its last purchase before a silence of that many
// days, up to the closing or the end of the data. One that was reopened or came back was not lost.
//
// A silence is seen `inactive_days` after it began. So the curve of losses observes accounts to the day that lies so
// many days before the end of the data: what is lost later is censored on that day, and accounts that first bought
// later are not in the curve. Who is with us (GetTenureTable) is counted at the end of the data all the same.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <absl/status/statusor.h>

#include "projections/forecast/survival.h"
#include "projections/retention/history.h"
#include "server/store/table.h"

namespace keyledger::projections {

// Different days of an answer; data with more is refused.
inline constexpr size_t kSurvivalPointsMax = 50'000;

enum class SurvivalEvent {
  // From the day of the first purchase to the second day with one.
  kSecondPurchase,
  // From the day of the first purchase to the day of the loss.
  kLoss,
};

// Cost, of both queries: one walk over the population; 16 bytes an account and a sort. Requires: no null reader.
// Errors, of both: those of HistoryScan::Run. Of this one also INVALID_ARGUMENT (kInvalidField "scope") for more than
// kSurvivalPointsMax different days. `inactive_days` is 0 unless the event is kLoss.
absl::StatusOr<forecast::SurvivalCurve> GetSurvivalCurve(const std::vector<const store::TableReader*>& shards,
                                                         const RetentionScope& scope, SurvivalEvent event,
                                                         int32_t inactive_days);

struct TenureBand {
  // Inclusive, exclusive.
  int64_t from_days = 0;
  std::optional<int64_t> to_days;
  int64_t accounts = 0;
};

struct TenureTable {
  // Those that have purchased and were not lost.
  int64_t accounts = 0;
  std::vector<TenureBand> bands;
  // From the day of the first purchase to the day of scope.as_of or, without one, the day after the data end. Nothing
  // without accounts; so is the next: the middle one, of two the lower.
  std::optional<double> mean_days;
  std::optional<int64_t> median_days;
  // Area under the survival curve of losses, of all accounts that it observes. Nothing without a loss in it.
  std::optional<double> survival_mean_days;
  // 1 / (1 - r), r being the share of accounts active in a month that are active in the next, of all months together;
  // a next month that is not over at the end of the data does not count. Nothing where r is 1 or unknown.
  std::optional<double> geometric_mean_months;
};

// `band_days`: upper ends, rising, more than zero; the last band has none.
absl::StatusOr<TenureTable> GetTenureTable(const std::vector<const store::TableReader*>& shards,
                                           const RetentionScope& scope, int32_t inactive_days,
                                           const std::vector<int32_t>& band_days);

}  // namespace keyledger::projections
