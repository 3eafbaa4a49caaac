// Sale modes: how sales came about, by period, and how long after it a purchase was recorded.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include <absl/status/statusor.h>

#include "keyledger/events/v1/event.pb.h"
#include "projections/pipeline/pipeline_scan.h"
#include "server/base/calendar.h"

namespace keyledger::projections::pipeline {

struct SaleModeQuery {
  Periods periods;
  // Only purchases that occurred at this moment or later.
  Micros start = std::numeric_limits<int64_t>::min();
};

struct SaleModeRow {
  // See Periods.
  int64_t period = 0;
  events::v1::SaleMode sale_mode = events::v1::SALE_MODE_UNSPECIFIED;
  int64_t purchases = 0;
  // Of the period's purchases, 0 to 1.
  double share = 0;
  // From purchase to its record.
  int64_t median_delay_days = 0;
};

// In time order, then by mode; what nothing was sold in is left out. Memory: a number for each delay, in days, that
// there is of a period and mode. Errors: those of EngagementScan.
absl::StatusOr<std::vector<SaleModeRow>> GetSaleModes(const Shards& shards, const engagement::EngagementScope& scope,
                                                      const SaleModeQuery& query);

}  // namespace keyledger::projections::pipeline
