// Where the data end: the moment up to which silence was observed, so that somebody who stopped buying can be told from
// records that stop.
//
// One rule for all queries over histories. With scope.as_of the data end there. Without one they end with the local day
// of the last purchase on record, whoever made it and in whatever currency, but no later than scope.now: today is not
// over. scope.filter and scope.currency_code are ignored, so that a group that has stopped buying is silent instead of
// ending the data, and all groups of a ledger are measured at the same moment. scope.known_at and scope.known_places
// hold.
#pragma once

#include <optional>
#include <vector>

#include <absl/status/statusor.h>

#include "projections/retention/history.h"
#include "server/store/table.h"

namespace keyledger::projections {

// Returns the end, exclusive: scope.as_of or, without one, the start of the local day after the last purchase on
// record, at most scope.now. Nothing if there is neither. Cost without as_of: two seeks an account at most, and the
// rows of its latest purchases. Requires: no null reader. Errors: DATA_LOSS (kStoreDamaged), CANCELLED if the scope
// says so.
absl::StatusOr<std::optional<Micros>> FindDataEnd(const std::vector<const store::TableReader*>& shards,
                                                  const RetentionScope& scope);

}  // namespace keyledger::projections
