#include "projections/points/points_projection.h"

#include <string>

#include "projections/engine/record_time.h"
#include "projections/engine/row_key.h"
#include "projections/points/points_rows.h"
#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/domain/merges.h"

namespace keyledger::projections {
namespace {

template <typename Allocations>
void AddParts(const Allocations& allocations, std::vector<MovementPart>& parts) {
  parts.reserve(parts.size() + static_cast<size_t>(allocations.size()));
  for (const auto& allocation : allocations) {
    parts.push_back(MovementPart{allocation.lot_revision(), allocation.points(), allocation.pending()});
  }
}

template <typename Allocations>
void TakeParts(const Allocations& allocations, Movement& movement) {
  AddParts(allocations, movement.parts);
}

// A purchase moves points if some paid for it.
bool FillPurchase(const events::v1::PurchaseRecorded& purchase, Movement& movement) {
  for (const auto& line : purchase.lines()) {
    movement.points += line.points_paid();
    AddParts(line.points_allocations(), movement.parts);
  }
  movement.description = purchase.invoice_number();
  return movement.points > 0;
}

void FillReserved(const events::v1::PointsReserved& reserved, Movement& movement) {
  movement.points = reserved.points();
  AddParts(reserved.allocations(), movement.parts);
  movement.holding_id = reserved.reservation_id();
  movement.hold_until = MicrosOf(reserved.hold_until());
  movement.description = reserved.reward();
}

// What ends a reservation, and gives back all it held.
template <typename Allocations>
void FillReleased(const std::string& id, const Allocations& allocations, Movement& movement) {
  AddParts(allocations, movement.back);
  for (const MovementPart& part : movement.back) movement.points += part.points;
  movement.holding_id = id;
}

// What the lot was made with, of one that goes on with these terms.
void FillTerms(const events::v1::LotTerms& terms, Movement& movement) {
  movement.adds_lot = true;
  movement.earned = MicrosOf(terms.occurred_time());
  if (terms.has_expire_time()) movement.expire = MicrosOf(terms.expire_time());
  movement.inactivity_days = terms.inactivity_days();
}

void FillReceived(const events::v1::PointsTransferReceived& received, Movement& movement) {
  FillTerms(received.lot(), movement);
  movement.points = received.points();
  movement.has_activate = received.lot().has_activate_time();
  if (movement.has_activate) movement.activate = MicrosOf(received.lot().activate_time());
  movement.holding_id = received.transfer_id();
  movement.other_account_id = received.from_account_id();
}

// Points that had paid for a purchase go back to their lots; of one that a merged account made, as a lot of their own.
// Without the terms of that one the movement has no points.
void FillRestored(const events::v1::PointsRestored& restored, Movement& movement) {
  if (!restored.has_merged_purchase()) {
    movement.points = restored.points();
    movement.purchase_revision = restored.purchase_revision();
    AddParts(restored.allocations(), movement.back);
    return;
  }
  movement.purchase_revision = restored.merged_purchase().revision();
  movement.other_account_id = restored.merged_purchase().account_id();
  movement.adds_lot = true;
  if (restored.allocations_size() != 1 || !restored.allocations(0).has_lot()) return;
  FillTerms(restored.allocations(0).lot(), movement);
  if (restored.allocations(0).points() == restored.points()) movement.points = restored.points();
}

// The steps of a transfer, and those of a merge that moves points: such a movement is one of a transfer.
bool FillTransfer(const events::v1::Event& event, Movement& movement) {
  if (const auto* const sent = domain::SentBy(event)) {
    movement.kind = events::v1::EVENT_KIND_POINTS_TRANSFER_SENT;
    movement.points = sent->points();
    AddParts(sent->allocations(), movement.parts);
    movement.holding_id = sent->transfer_id();
    movement.other_account_id = sent->to_account_id();
    movement.description = event.has_account_merged() ? event.account_merged().reason() : sent->reason();
  } else if (event.has_points_transfer_received()) {
    FillReceived(event.points_transfer_received(), movement);
  } else if (const auto* const completed = domain::CompletedBy(event)) {
    movement.kind = events::v1::EVENT_KIND_POINTS_TRANSFER_COMPLETED;
    // What it took is what was sent.
    movement.points = completed->points();
    movement.holding_id = completed->transfer_id();
  } else if (const auto* const returned = domain::ReturnedBy(event)) {
    movement.kind = events::v1::EVENT_KIND_POINTS_TRANSFER_RETURNED;
    FillReleased(returned->transfer_id(), returned->allocations(), movement);
    movement.description = returned->refusal();
  } else {
    return false;
  }
  return !domain::IsMergeEvent(event) || movement.points > 0;
}

// Rows that tell how a transfer stands. Merges have none: they may be tried again, under the same name.
void PutTransfer(const events::v1::EventRecord& record, Micros occurred, Micros recorded, Rows& rows) {
  const events::v1::Event& event = record.event();
  TransferRow row;
  row.recorded = recorded;
  std::string transfer_id;
  if (event.has_points_transfer_sent()) {
    const events::v1::PointsTransferSent& sent = event.points_transfer_sent();
    transfer_id = sent.transfer_id();
    row.occurred = occurred;
    row.points = sent.points();
    row.to_account_id = sent.to_account_id();
    row.reason = sent.reason();
  } else if (event.has_points_transfer_completed() || event.has_points_transfer_returned()) {
    transfer_id = event.has_points_transfer_completed() ? event.points_transfer_completed().transfer_id()
                                                        : event.points_transfer_returned().transfer_id();
    row.is_end = true;
    row.refusal = event.points_transfer_returned().refusal();
  } else {
    return;
  }
  std::string key;
  std::string value;
  EncodeTransfer(record.account_id(), transfer_id, row, key, value);
  rows.Put(key, value);
}

// The kinds that give points back, or hold them for a while.
bool FillHolding(const events::v1::Event& event, Movement& movement) {
  using events::v1::Event;
  switch (event.payload_case()) {
    case Event::kPointsReserved:
      FillReserved(event.points_reserved(), movement);
      return true;
    case Event::kReservationCaptured:
      movement.points = event.reservation_captured().points();
      AddParts(event.reservation_captured().allocations(), movement.parts);
      AddParts(event.reservation_captured().released(), movement.back);
      movement.holding_id = event.reservation_captured().reservation_id();
      return true;
    case Event::kReservationReleased:
      FillReleased(event.reservation_released().reservation_id(), event.reservation_released().allocations(), movement);
      movement.description = event.reservation_released().reason();
      return true;
    case Event::kReservationExpired:
      FillReleased(event.reservation_expired().reservation_id(), event.reservation_expired().allocations(), movement);
      return true;
    case Event::kPointsRestored:
      FillRestored(event.points_restored(), movement);
      return true;
    default:
      return FillTransfer(event, movement);
  }
}

void FillAccrual(const events::v1::PointsAccrued& accrued, const events::v1::ProgramReference& program,
                 Movement& movement) {
  movement.adds_lot = true;
  movement.points = accrued.points();
  movement.has_activate = accrued.has_activate_time();
  if (accrued.has_activate_time()) movement.activate = MicrosOf(accrued.activate_time());
  if (accrued.has_expire_time()) movement.expire = MicrosOf(accrued.expire_time());
  movement.inactivity_days = accrued.inactivity_days();
  movement.purchase_revision = accrued.purchase_revision();
  movement.program_id = program.program_id();
  movement.program_version = program.version();
  movement.description = accrued.rule_id();
}

void FillAdjustment(const events::v1::PointsAdjusted& adjusted, Movement& movement) {
  movement.adds_lot = adjusted.points() > 0;
  movement.points = adjusted.points() > 0 ? adjusted.points() : -adjusted.points();
  if (movement.adds_lot && adjusted.has_expire_time()) movement.expire = MicrosOf(adjusted.expire_time());
  TakeParts(adjusted.allocations(), movement);
  movement.description = adjusted.reason();
}

// Fills in what the event says; returns false if it is not a movement of points.
bool FillMovement(const events::v1::EventRecord& record, Movement& movement) {
  using events::v1::Event;
  const Event& event = record.event();
  movement.kind = static_cast<events::v1::EventKind>(event.payload_case());
  switch (event.payload_case()) {
    case Event::kPointsAccrued:
      FillAccrual(event.points_accrued(), record.program(), movement);
      return true;
    case Event::kPointsAdjusted:
      FillAdjustment(event.points_adjusted(), movement);
      return true;
    case Event::kPointsActivated:
      movement.points = event.points_activated().points();
      movement.parts.push_back({event.points_activated().lot_revision(), movement.points, true});
      return true;
    case Event::kPointsExpired:
      movement.points = event.points_expired().points();
      movement.parts.push_back({event.points_expired().lot_revision(), movement.points, false});
      return true;
    case Event::kPointsRedeemed:
      movement.points = event.points_redeemed().points();
      TakeParts(event.points_redeemed().allocations(), movement);
      movement.description = event.points_redeemed().reward();
      return true;
    case Event::kPointsReversed:
      movement.points = event.points_reversed().points();
      TakeParts(event.points_reversed().allocations(), movement);
      movement.debt = event.points_reversed().debt();
      return true;
    case Event::kPointsDebtPaid:
      movement.points = event.points_debt_paid().points();
      TakeParts(event.points_debt_paid().allocations(), movement);
      return true;
    case Event::kPurchaseRecorded:
      return FillPurchase(event.purchase_recorded(), movement);
    default:
      return FillHolding(event, movement);
  }
}

// The parts of a movement that takes points must sum to what it takes, or gives back.
bool IsSound(const Movement& movement) {
  if (movement.points < 0 || movement.debt < 0) return false;
  if (movement.adds_lot || movement.kind == events::v1::EVENT_KIND_POINTS_TRANSFER_COMPLETED)
    return movement.points > 0;
  int64_t sum = 0;
  for (const MovementPart& part : movement.parts.empty() ? movement.back : movement.parts) {
    if (part.points <= 0 || part.points > movement.points - sum) return false;
    sum += part.points;
  }
  return sum == movement.points;
}

// Whether it keeps lots alive that run out without activity.
bool IsActivity(const events::v1::Event& event) {
  return event.has_purchase_recorded() || event.has_points_redeemed() || event.has_points_reserved() ||
         event.has_reservation_captured();
}

}  // namespace

absl::Status PointsProjection::Apply(const RecordView& record, Rows& rows) const {
  const events::v1::EventRecord& stored = record.record;
  if (IsOwnStream(stored.account_id())) return absl::OkStatus();
  std::string key;
  if (stored.event().has_account_opened()) {
    StartRowKey(key, stored.account_id(), kPointsAccountTag);
    rows.Put(key, "");
    return absl::OkStatus();
  }
  std::string value;
  if (IsActivity(stored.event())) {
    EncodeActivity(stored.account_id(), {record.occurred, stored.position(), record.recorded}, key, value);
    rows.Put(key, value);
  }
  Movement movement;
  if (!FillMovement(stored, movement)) return absl::OkStatus();
  if (!IsSound(movement)) {
    return MakeError(Reason::kStoreDamaged, "the lots of a movement of points do not sum to its points");
  }
  movement.occurred = record.occurred;
  movement.recorded = record.recorded;
  movement.position = stored.position();
  movement.revision = stored.revision();
  EncodeMovement(stored.account_id(), movement, key, value);
  rows.Put(key, value);
  PutTransfer(stored, record.occurred, record.recorded, rows);
  return absl::OkStatus();
}

std::shared_ptr<const Projection> MakePointsProjection() { return std::make_shared<PointsProjection>(); }

}  // namespace keyledger::projections
