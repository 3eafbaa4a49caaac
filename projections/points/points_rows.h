// Rows of the projection "points". Per account: one row 'A' (that it was opened; no value), a row 'M' for each
// movement, and a row 'T' for each activity, which keeps lots alive that run out without it; both ordered by
// occurred_time and position. And for each transfer it sent a row 'X' and one when that has ended, by transfer_id.
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
inline constexpr char kTransferTag = 'X';
// Bytes of a movement's key after the tag.
inline constexpr size_t kMovementOrderBytes = 16;

// What a movement took from one lot.
struct MovementPart {
  uint64_t lot_revision = 0;
  int64_t points = 0;
  // The points were still pending.
  bool pending = false;
};

// One movement. Which fields mean something depends on the kind; a step of a merge has that of a transfer.
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
  // Of the lot it adds. Points without activate_time are available at once.
  bool has_activate = false;
  Micros activate = 0;
  Micros expire = domain::kNever;
  // More than zero: instead of expire, the lot runs out after so many days without activity.
  uint32_t inactivity_days = 0;
  // Of an accrual, and of points that a return gave back: with other_account_id, in the stream of that account.
  uint64_t purchase_revision = 0;
  uint32_t program_version = 0;
  std::string_view program_id;
  // Lots debited, activated or expired.
  std::vector<MovementPart> parts;
  // Lots that points went back to.
  std::vector<MovementPart> back;
  // Of a reversal: points the account came to owe.
  int64_t debt = 0;
  // Of the beginning and end of a reservation or a transfer: its id. When it ends at the latest, of a reservation's
  // beginning.
  std::string_view holding_id;
  Micros hold_until = 0;
  // Of a lot that came from another account: when it was earned there, the sender, and holding_id. Of points that a
  // return gave back as a lot: when they were earned, and the merged account that had spent them. Of points sent: the
  // receiver.
  Micros earned = 0;
  std::string_view other_account_id;
  // Rule of an accrual, reward of a redemption, reason of an adjustment.
  std::string_view description;
};

// A transfer on its sender: what it began with, or how it ended.
struct TransferRow {
  bool is_end = false;
  Micros recorded = 0;
  // Of the beginning.
  Micros occurred = 0;
  int64_t points = 0;
  std::string to_account_id;
  std::string reason;
  // Of the end; empty: it was received.
  std::string refusal;
};

void EncodeTransfer(std::string_view account_id, std::string_view transfer_id, const TransferRow& transfer,
                    std::string& key, std::string& value);
// Key of a transfer's row.
std::string TransferKey(std::string_view account_id, std::string_view transfer_id, bool is_end);
bool DecodeTransfer(std::string_view value, TransferRow& transfer);

// When the points of a movement that adds a lot were earned.
inline Micros EarnedTime(const Movement& movement) {
  const bool elsewhere = movement.kind == events::v1::EVENT_KIND_POINTS_TRANSFER_RECEIVED ||
                         movement.kind == events::v1::EVENT_KIND_POINTS_RESTORED;
  return elsewhere ? movement.earned : movement.occurred;
}

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
