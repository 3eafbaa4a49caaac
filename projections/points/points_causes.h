// Why an account has the points it has: a query of the projection "points".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "keyledger/events/v1/event.pb.h"
#include "server/base/clock.h"
#include "server/store/table.h"

namespace keyledger::projections {

struct CausePart {
  // With the sign of the cause.
  int64_t points = 0;
  uint64_t lot_revision = 0;
  // Of points that a rule gave.
  std::string rule_id;
  std::string program_id;
  uint32_t program_version = 0;
};

// One thing that moved points.
struct BalanceCause {
  // PURCHASE_RECORDED, PURCHASE_RETURNED, POINTS_REDEEMED (added: what paid for a purchase and came back),
  // POINTS_ADJUSTED, POINTS_EXPIRED, POINTS_RESERVED (added: the hold ended), POINTS_TRANSFER_RECEIVED,
  // POINTS_TRANSFER_SENT (added: the transfer ended) or POINTS_TRANSFER_COMPLETED (what of it arrived).
  events::v1::EventKind kind = events::v1::EVENT_KIND_UNSPECIFIED;
  Micros occurred = 0;
  // Added, or negative: taken.
  int64_t points = 0;
  // Of the record that says so; of a purchase that earned points, of the purchase. If due, of the reservation, or 0.
  uint64_t revision = 0;
  // The points ran out, or the hold ended, and no record says so yet.
  bool due = false;
  std::vector<CausePart> parts;
};

// The causes of the balance just before `as_of`, the newest first: by time, then revision, what is due before what is
// recorded of the same moment. They sum to available + pending. Errors: as GetPointsBalance.
absl::StatusOr<std::vector<BalanceCause>> GetBalanceCauses(const store::TableReader& rows, std::string_view account_id,
                                                           Micros as_of);

}  // namespace keyledger::projections
