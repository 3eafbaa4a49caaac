// Owner continuity: how often the people responsible for accounts changed, and how accounts with few and with many
// changes were retained.
//
// A stretch [start, end) is looked at. It ends where the data do (data_end.h), and is cut in two: who bought in the
// first half is asked for in the second. Without a start it is the two periods before its end, and each is a half;
// otherwise both halves are of the same length.
//
// A change is the end of a person's time as owner: somebody else took over, or nobody. Who comes after nobody did not
// end anything, so that an account left and taken up again has one change. The same person named again changes nothing.
// What a change did, this does not tell: accounts that leave are given to others, too.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "projections/retention/history.h"

namespace keyledger::projections {

// Accounts with so many changes or more are one group.
inline constexpr int kChangesMax = 3;

struct ContinuityGroup {
  // Changes in the stretch; kChangesMax: so many and more.
  int changes = 0;
  // Only changes because the person departed are counted.
  bool departed = false;
  // Bought in the first half.
  int64_t accounts = 0;
  // Of them: in the second, too.
  int64_t retained = 0;
  // Nothing without accounts.
  std::optional<double> retention;
  // Revenue of those accounts in the second half, by that of the first. Nothing where that is zero or less.
  std::optional<double> revenue_ratio;
};

struct ContinuityTable {
  // By changes, 0 to kChangesMax: whatever the reason, then by departure.
  std::vector<ContinuityGroup> groups;
  // Of all times as owner that ended in the stretch, whenever they began; nothing without any.
  std::optional<double> mean_owner_days;
  // Of all accounts, also those that did not buy.
  int64_t changes = 0;
  std::string currency_code;
};

// Errors: INVALID_ARGUMENT (kInvalidField "start_time") if the stretch is empty; those of HistoryScan and FindDataEnd.
absl::StatusOr<ContinuityTable> GetContinuityTable(const std::vector<const store::TableReader*>& shards,
                                                   const RetentionScope& scope, std::optional<Micros> start);

}  // namespace keyledger::projections
