#include "projections/pipeline/sale_modes.h"

#include <algorithm>
#include <map>
#include <utility>

#include "server/base/error.h"

namespace keyledger::projections::pipeline {
namespace {

// Purchases by the whole days until they were recorded.
using Delays = std::map<int64_t, int64_t>;

int64_t CountOf(const Delays& delays) {
  int64_t purchases = 0;
  for (const auto& [days, count] : delays) purchases += count;
  return purchases;
}

// The delay that at least half do not exceed. Requires: not empty.
int64_t MedianOf(const Delays& delays) {
  int64_t left = (CountOf(delays) + 1) / 2;
  for (const auto& [days, count] : delays) {
    left -= count;
    if (left <= 0) return days;
  }
  return delays.rbegin()->first;
}

}  // namespace

absl::StatusOr<std::vector<SaleModeRow>> GetSaleModes(const Shards& shards, const engagement::EngagementScope& scope,
                                                      const SaleModeQuery& query) {
  // Delays by period and mode, and purchases by period.
  std::map<std::pair<int64_t, int>, Delays> delays;
  std::map<int64_t, int64_t> purchases;
  engagement::EngagementParts parts;
  parts.trades = true;
  KL_ASSIGN_OR_RETURN(engagement::EngagementScan scan, engagement::EngagementScan::Open(shards, scope, parts));
  KL_RETURN_IF_ERROR(scan.Walk([&](const engagement::EngagementHistory& history) {
    for (const engagement::HistoryRow& row : history.trades) {
      if (!row.event.has_purchase_recorded() || row.times.occurred < query.start) continue;
      const int64_t period = query.periods.IndexAt(row.times.occurred);
      // A clock that is ahead records no sale before it was made.
      const int64_t days = DaysBetween(row.times.occurred, std::max(row.times.occurred, row.times.recorded));
      delays[{period, row.event.purchase_recorded().sale_mode()}][days] += 1;
      purchases[period] += 1;
    }
    return absl::OkStatus();
  }));
  std::vector<SaleModeRow> rows;
  for (const auto& [key, days] : delays) {
    SaleModeRow& row = rows.emplace_back();
    row.period = key.first;
    row.sale_mode = static_cast<events::v1::SaleMode>(key.second);
    row.purchases = CountOf(days);
    row.share = static_cast<double>(row.purchases) / static_cast<double>(purchases[key.first]);
    row.median_delay_days = MedianOf(days);
  }
  return rows;
}

}  // namespace keyledger::projections::pipeline
