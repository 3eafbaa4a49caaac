#include "projections/points/points_rows.h"

#include "projections/engine/row_key.h"
#include "server/base/codec.h"

namespace keyledger::projections {
namespace {

// Bits of the byte after the kind.
constexpr uint8_t kAddsLot = 1;
constexpr uint8_t kHasActivate = 2;
constexpr uint8_t kHasExpire = 4;
constexpr uint8_t kHasInactivity = 8;
constexpr uint8_t kHasBack = 16;
constexpr uint8_t kHasDebt = 32;
constexpr uint8_t kHasHolding = 64;

constexpr uint64_t kPartsMax = 1u << 20;

void EncodeLot(const Movement& movement, std::string& value) {
  if (movement.has_activate) PutSignedVarint64(value, movement.activate - movement.occurred);
  if (movement.expire != domain::kNever) PutSignedVarint64(value, movement.expire - movement.occurred);
  if (movement.inactivity_days > 0) PutVarint64(value, movement.inactivity_days);
  if (movement.kind == events::v1::EVENT_KIND_POINTS_TRANSFER_RECEIVED) {
    PutSignedVarint64(value, movement.earned - movement.occurred);
    PutSized(value, movement.holding_id);
    PutSized(value, movement.other_account_id);
  }
  if (movement.kind == events::v1::EVENT_KIND_POINTS_RESTORED) {
    PutSignedVarint64(value, movement.earned - movement.occurred);
    PutVarint64(value, movement.purchase_revision);
    PutSized(value, movement.other_account_id);
  }
  if (movement.kind != events::v1::EVENT_KIND_POINTS_ACCRUED) return;
  PutVarint64(value, movement.purchase_revision);
  PutVarint64(value, movement.program_version);
  PutSized(value, movement.program_id);
}

bool DecodeLot(std::string_view& value, uint8_t flags, Movement& movement) {
  int64_t offset = 0;
  movement.has_activate = (flags & kHasActivate) != 0;
  if (movement.has_activate) {
    if (!GetSignedVarint64(value, offset)) return false;
    movement.activate = movement.occurred + offset;
  }
  if ((flags & kHasExpire) != 0) {
    if (!GetSignedVarint64(value, offset)) return false;
    movement.expire = movement.occurred + offset;
  }
  if ((flags & kHasInactivity) != 0) {
    uint64_t days = 0;
    if (!GetVarint64(value, days) || days == 0) return false;
    movement.inactivity_days = static_cast<uint32_t>(days);
  }
  if (movement.kind == events::v1::EVENT_KIND_POINTS_TRANSFER_RECEIVED) {
    if (!GetSignedVarint64(value, offset)) return false;
    movement.earned = movement.occurred + offset;
    return GetSized(value, movement.holding_id) && GetSized(value, movement.other_account_id);
  }
  if (movement.kind == events::v1::EVENT_KIND_POINTS_RESTORED) {
    if (!GetSignedVarint64(value, offset)) return false;
    movement.earned = movement.occurred + offset;
    return GetVarint64(value, movement.purchase_revision) && GetSized(value, movement.other_account_id);
  }
  if (movement.kind != events::v1::EVENT_KIND_POINTS_ACCRUED) return true;
  uint64_t version = 0;
  if (!GetVarint64(value, movement.purchase_revision) || !GetVarint64(value, version)) return false;
  movement.program_version = static_cast<uint32_t>(version);
  return GetSized(value, movement.program_id);
}

void EncodeParts(const std::vector<MovementPart>& parts, std::string& value) {
  PutVarint64(value, parts.size());
  for (const MovementPart& part : parts) {
    PutVarint64(value, part.lot_revision);
    PutVarint64(value, static_cast<uint64_t>(part.points) << 1 | (part.pending ? 1u : 0u));
  }
}

bool DecodeParts(std::string_view& value, std::vector<MovementPart>& parts) {
  uint64_t count = 0;
  if (!GetVarint64(value, count) || count > kPartsMax) return false;
  parts.reserve(count);
  for (uint64_t i = 0; i < count; ++i) {
    // The lowest bit of the points says whether they were pending.
    uint64_t points = 0;
    MovementPart part;
    if (!GetVarint64(value, part.lot_revision) || !GetVarint64(value, points)) return false;
    part.points = static_cast<int64_t>(points >> 1);
    part.pending = (points & 1) != 0;
    parts.push_back(part);
  }
  return true;
}

bool DecodeDebits(std::string_view& value, uint8_t flags, Movement& movement) {
  if (!DecodeParts(value, movement.parts)) return false;
  if ((flags & kHasBack) != 0 && !DecodeParts(value, movement.back)) return false;
  if ((flags & kHasDebt) != 0) {
    uint64_t debt = 0;
    if (!GetVarint64(value, debt)) return false;
    movement.debt = static_cast<int64_t>(debt);
  }
  if (movement.kind == events::v1::EVENT_KIND_POINTS_RESTORED && !GetVarint64(value, movement.purchase_revision)) {
    return false;
  }
  if ((flags & kHasHolding) == 0) return true;
  if (!GetSized(value, movement.holding_id)) return false;
  if (movement.kind == events::v1::EVENT_KIND_POINTS_TRANSFER_SENT) return GetSized(value, movement.other_account_id);
  if (movement.kind != events::v1::EVENT_KIND_POINTS_RESERVED) return true;
  int64_t hold = 0;
  if (!GetSignedVarint64(value, hold)) return false;
  movement.hold_until = movement.occurred + hold;
  return true;
}

}  // namespace

void EncodeActivity(std::string_view account_id, const ActivityMoment& activity, std::string& key, std::string& value) {
  StartRowKey(key, account_id, kActivityTag);
  PutOrdered64(key, activity.occurred);
  PutBigEndian64(key, activity.position);
  value.clear();
  PutSignedVarint64(value, activity.recorded - activity.occurred);
}

bool DecodeActivity(std::string_view rest, std::string_view value, ActivityMoment& activity) {
  int64_t delay = 0;
  if (!GetOrdered64(rest, activity.occurred) || !GetBigEndian64(rest, activity.position) || !rest.empty()) return false;
  if (!GetSignedVarint64(value, delay) || !value.empty()) return false;
  activity.recorded = activity.occurred + delay;
  return true;
}

void EncodeMovement(std::string_view account_id, const Movement& movement, std::string& key, std::string& value) {
  StartRowKey(key, account_id, kMovementTag);
  PutOrdered64(key, movement.occurred);
  PutBigEndian64(key, movement.position);
  value.clear();
  value.push_back(static_cast<char>(movement.kind));
  value.push_back(static_cast<char>((movement.adds_lot ? kAddsLot : 0) | (movement.has_activate ? kHasActivate : 0) |
                                    (movement.expire != domain::kNever ? kHasExpire : 0) |
                                    (movement.inactivity_days > 0 ? kHasInactivity : 0) |
                                    (movement.back.empty() ? 0 : kHasBack) | (movement.debt > 0 ? kHasDebt : 0) |
                                    (movement.adds_lot || movement.holding_id.empty() ? 0 : kHasHolding)));
  PutVarint64(value, movement.revision);
  PutSignedVarint64(value, movement.recorded - movement.occurred);
  PutVarint64(value, static_cast<uint64_t>(movement.points));
  if (movement.adds_lot) {
    EncodeLot(movement, value);
  } else {
    EncodeParts(movement.parts, value);
    if (!movement.back.empty()) EncodeParts(movement.back, value);
    if (movement.debt > 0) PutVarint64(value, static_cast<uint64_t>(movement.debt));
    if (movement.kind == events::v1::EVENT_KIND_POINTS_RESTORED) PutVarint64(value, movement.purchase_revision);
    if (!movement.holding_id.empty()) PutSized(value, movement.holding_id);
    if (movement.kind == events::v1::EVENT_KIND_POINTS_TRANSFER_SENT) PutSized(value, movement.other_account_id);
    if (movement.kind == events::v1::EVENT_KIND_POINTS_RESERVED) {
      PutSignedVarint64(value, movement.hold_until - movement.occurred);
    }
  }
  PutSized(value, movement.description);
}

bool DecodeMovement(std::string_view rest, std::string_view value, Movement& movement) {
  movement = Movement();
  uint64_t points = 0;
  int64_t delay = 0;
  if (!GetOrdered64(rest, movement.occurred) || !GetBigEndian64(rest, movement.position) || !rest.empty()) return false;
  if (value.size() < 2) return false;
  movement.kind = static_cast<events::v1::EventKind>(value[0]);
  const auto flags = static_cast<uint8_t>(value[1]);
  value.remove_prefix(2);
  if (!GetVarint64(value, movement.revision) || !GetSignedVarint64(value, delay) || !GetVarint64(value, points))
    return false;
  movement.recorded = movement.occurred + delay;
  movement.points = static_cast<int64_t>(points);
  movement.adds_lot = (flags & kAddsLot) != 0;
  if (movement.adds_lot ? !DecodeLot(value, flags, movement) : !DecodeDebits(value, flags, movement)) return false;
  return GetSized(value, movement.description) && value.empty();
}

std::string TransferKey(std::string_view account_id, std::string_view transfer_id, bool is_end) {
  std::string key;
  StartRowKey(key, account_id, kTransferTag);
  key += transfer_id;
  // No id holds a zero byte.
  key += '\0';
  key += is_end ? '\1' : '\0';
  return key;
}

void EncodeTransfer(std::string_view account_id, std::string_view transfer_id, const TransferRow& transfer,
                    std::string& key, std::string& value) {
  key = TransferKey(account_id, transfer_id, transfer.is_end);
  value.clear();
  value.push_back(transfer.is_end ? '\1' : '\0');
  PutSignedVarint64(value, transfer.recorded);
  if (transfer.is_end) return PutSized(value, transfer.refusal);
  PutSignedVarint64(value, transfer.occurred);
  PutVarint64(value, static_cast<uint64_t>(transfer.points));
  PutSized(value, transfer.to_account_id);
  PutSized(value, transfer.reason);
}

bool DecodeTransfer(std::string_view value, TransferRow& transfer) {
  transfer = TransferRow();
  if (value.empty()) return false;
  transfer.is_end = value[0] == '\1';
  value.remove_prefix(1);
  std::string_view text;
  if (!GetSignedVarint64(value, transfer.recorded)) return false;
  if (transfer.is_end) {
    if (!GetSized(value, text)) return false;
    transfer.refusal = text;
    return value.empty();
  }
  uint64_t points = 0;
  if (!GetSignedVarint64(value, transfer.occurred) || !GetVarint64(value, points) || !GetSized(value, text))
    return false;
  transfer.points = static_cast<int64_t>(points);
  transfer.to_account_id = text;
  if (!GetSized(value, text)) return false;
  transfer.reason = text;
  return value.empty();
}

}  // namespace keyledger::projections
