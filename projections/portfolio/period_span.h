// PeriodSpan: the first and the last period something happened in, and whether an answer may have so many rows.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string_view>

#include <absl/status/status.h>
#include <fmt/format.h>

#include "projections/retention/retention_queries.h"
#include "server/base/calendar.h"
#include "server/base/error.h"

namespace keyledger::projections::portfolio {

struct PeriodSpan {
  int64_t first = std::numeric_limits<int64_t>::max();
  int64_t last = std::numeric_limits<int64_t>::min();

  bool empty() const { return first > last; }
  void Add(int64_t period) {
    first = std::min(first, period);
    last = std::max(last, period);
  }
  // INVALID_ARGUMENT (kInvalidField "scope.period") beyond kRetentionPeriodsMax periods. `what`: of which.
  absl::Status Check(const Periods& periods, std::string_view what) const {
    if (empty() || last - first < kRetentionPeriodsMax) return absl::OkStatus();
    return FieldError("scope.period",
                      fmt::format("{} from {} to {} span more than {} periods: choose a longer one", what,
                                  periods.Format(first), periods.Format(last), kRetentionPeriodsMax));
  }
};

}  // namespace keyledger::projections::portfolio
