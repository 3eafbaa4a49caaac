// Rows of the projection "points". Per account: one row 'A' (that it was opened; no value), a row 'M' for each
// movement, and a row 'T' for each activity, which keeps lots alive that run out without it; both ordered by
// occurred_time and position.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "keyledger/events/v1/event.pb.h"
#include "server/base/clock.h"
#include "server/domain/account_state.h"

namespace keyledger::projections {

inline constexpr char kPointsAccountTag = 'A';
inline constexpr char kMovementTag = 'M';
inline constexpr char kActivityTag = 'T';
// Bytes of a movement's key after the tag.
inline constexpr size_t kMovementOrderBytes = 16;

// What a movement took from one lot.
struct MovementPart {
  uint64_t lot_revision = 0;
  int64_t points = 0;
  // The points were still pending.
  bool pending = false;
};

// One movement. Which fields mean something depends on the kind.
struct Movement {
  // Key: occurred_time and position.
  Micros occurred = 0;
  uint64_t position = 0;

  events::v1::EventKind kind = events::v1::EVENT_KIND_UNSPECIFIED;
  uint64_t revision = 0;
  Micros recorded = 0;
  // Gained (accrual, adjustment that adds), or taken, or activated; more than zero except for a reversal that took
  // nothing.
  int64_t points = 0;
  // Adds a lot named by `revision`.
  bool adds_lot = false;
  // Of the lot it adds. An accrual without activate_time is available at once.
  bool has_activate = false;
  Micros activate = 0;
  Micros expire = domain::kNever;
  // More than zero: instead of expire, the lot runs out after so many days without activity.
  uint32_t inactivity_days = 0;
  // Of an accrual, and of points that a return gave back.
  uint64_t purchase_revision = 0;
  uint32_t program_version = 0;
  std::string_view program_id;
  // Lots debited, activated or expired.
  std::vector<MovementPart> parts;
  // Lots that points went back to.
  std::vector<MovementPart> back;
  // Of a reversal: points the account came to owe.
  int64_t debt = 0;
  // Of a reservation's beginning and end; and when it ends at the latest, of its beginning.
  std::string_view reservation_id;
  Micros hold_until = 0;
  // Rule of an accrual, reward of a redemption, reason of an adjustment.
  std::string_view description;
};

// When something was bought, redeemed or reserved. The position only keeps rows apart.
struct ActivityMoment {
  Micros occurred = 0;
  uint64_t position = 0;
  Micros recorded = 0;
};

void EncodeActivity(std::string_view account_id, const ActivityMoment& activity, std::string& key, std::string& value);
// As DecodeMovement.
bool DecodeActivity(std::string_view rest, std::string_view value, ActivityMoment& activity);

void EncodeMovement(std::string_view account_id, const Movement& movement, std::string& key, std::string& value);

// Of a key's part after the tag, and a value; the views point into the value. Returns false if they are damaged.
bool DecodeMovement(std::string_view rest, std::string_view value, Movement& movement);

}  // namespace keyledger::projections
