// See points_statement.h.
#include "projections/points/points_statement.h"

#include <algorithm>

namespace keyledger::projections {
namespace {

constexpr int kActivation = 1;
constexpr int kReservationEnd = 3;

bool EndsTransfer(events::v1::EventKind kind) {
  return kind == events::v1::EVENT_KIND_POINTS_TRANSFER_COMPLETED ||
         kind == events::v1::EVENT_KIND_POINTS_TRANSFER_RETURNED;
}

bool IsTransfer(events::v1::EventKind kind) {
  return kind == events::v1::EVENT_KIND_POINTS_TRANSFER_SENT ||
         kind == events::v1::EVENT_KIND_POINTS_TRANSFER_RECEIVED || EndsTransfer(kind);
}

bool EndsHolding(events::v1::EventKind kind) {
  return kind == events::v1::EVENT_KIND_RESERVATION_CAPTURED || kind == events::v1::EVENT_KIND_RESERVATION_RELEASED ||
         kind == events::v1::EVENT_KIND_RESERVATION_EXPIRED || EndsTransfer(kind);
}

}  // namespace

void StatementFold::Count(const Lot& lot, int64_t sign) {
  if (!lot.known || lot.expired) return;
  (lot.active ? available_ : pending_) += sign * std::max<int64_t>(lot.accrued - lot.taken, 0);
}

void StatementFold::FillSums(int64_t available_before, int64_t pending_before, PointsStatementEntry& line) const {
  line.available_change = available_ - available_before;
  line.pending_change = pending_ - pending_before;
  line.available_after = available_;
  line.pending_after = pending_;
}

std::optional<PointsStatementEntry> StatementFold::NextDue(Micros moment) {
  while (!due_.empty() && std::get<Micros>(due_.top()) < moment) {
    const auto [occurred, step, revision] = due_.top();
    due_.pop();
    if (step == kReservationEnd) {
      const auto reservation = holdings_.find(revision);
      if (reservation == holdings_.end()) continue;
      PointsStatementEntry line;
      line.due = true;
      line.occurred = occurred;
      line.kind = events::v1::EVENT_KIND_RESERVATION_EXPIRED;
      line.lot_revision = revision;
      const int64_t available = available_;
      const int64_t pending = pending_;
      for (const MovementPart& part : reservation->second.held) PutBack(part);
      holdings_.erase(reservation);
      FillSums(available, pending, line);
      return line;
    }
    Lot& lot = lots_.at(revision);
    const int64_t available = available_;
    const int64_t pending = pending_;
    Count(lot, -1);
    (step == kActivation ? lot.active : lot.expired) = true;
    Count(lot, +1);
    // It is recorded, or the lot is empty.
    if (available_ == available && pending_ == pending) continue;
    PointsStatementEntry line;
    line.due = true;
    line.occurred = occurred;
    line.kind = step == kActivation ? events::v1::EVENT_KIND_POINTS_ACTIVATED : events::v1::EVENT_KIND_POINTS_EXPIRED;
    line.lot_revision = revision;
    FillSums(available, pending, line);
    return line;
  }
  return std::nullopt;
}

void StatementFold::AddLot(const Movement& movement, Lot& lot) {
  lot.known = true;
  lot.accrued = movement.points;
  lot.active = !movement.has_activate;
  // A lot already past its end when it is earned ends at that moment, not before it; this is when the ledger says so.
  if (movement.has_activate) {
    lot.activate = std::max(movement.activate, movement.occurred);
    due_.emplace(lot.activate, DueStep(events::v1::EVENT_KIND_POINTS_ACTIVATED), movement.revision);
  }
  const Micros expire = movement.inactivity_days == 0
                            ? movement.expire
                            : InactivityEnd(EarnedTime(movement), last_activity_, movement.inactivity_days);
  if (expire != domain::kNever) {
    lot.expire = std::max(expire, movement.occurred);
    due_.emplace(lot.expire, DueStep(events::v1::EVENT_KIND_POINTS_EXPIRED), movement.revision);
  }
}

void StatementFold::PutBack(const MovementPart& part) {
  Lot& lot = lots_[part.lot_revision];
  Count(lot, -1);
  lot.taken -= part.points;
  Count(lot, +1);
}

bool StatementFold::ApplyPart(const Movement& movement, const MovementPart& part) {
  Lot& lot = lots_[part.lot_revision];
  Count(lot, -1);
  if (movement.kind == events::v1::EVENT_KIND_POINTS_ACTIVATED) {
    // Time decides: a record of it only says that it has been seen.
    if (lot.known && lot.activate <= movement.occurred) lot.active = true;
  } else {
    lot.taken += part.points;
    lot.lends |= movement.kind == events::v1::EVENT_KIND_POINTS_RESERVED ||
                 movement.kind == events::v1::EVENT_KIND_POINTS_TRANSFER_SENT ||
                 movement.kind == events::v1::EVENT_KIND_PURCHASE_RECORDED;
    if (movement.kind == events::v1::EVENT_KIND_POINTS_EXPIRED && lot.expire <= movement.occurred) lot.expired = true;
  }
  Count(lot, +1);
  return !lot.known || lot.lends || lot.taken <= lot.accrued;
}

bool StatementFold::EndHolding(const Movement& movement, PointsStatementEntry& line) {
  const bool is_transfer = EndsTransfer(movement.kind);
  const auto begun = std::find_if(holdings_.begin(), holdings_.end(), [&](const auto& entry) {
    return entry.second.is_transfer == is_transfer && entry.second.id == movement.holding_id;
  });
  if (begun == holdings_.end()) return false;
  if (movement.kind == events::v1::EVENT_KIND_RESERVATION_EXPIRED) line.lot_revision = begun->first;
  holdings_.erase(begun);
  return true;
}

std::optional<PointsStatementEntry> StatementFold::Add(const Movement& movement) {
  PointsStatementEntry line;
  line.revision = movement.revision;
  line.position = movement.position;
  line.occurred = movement.occurred;
  line.recorded = movement.recorded;
  line.kind = movement.kind;
  line.description = movement.description;
  if (IsTransfer(movement.kind)) line.transfer_id = movement.holding_id;
  line.other_account_id = movement.other_account_id;
  if (movement.kind == events::v1::EVENT_KIND_POINTS_RESERVED) {
    holdings_[movement.revision] = {std::string(movement.holding_id), false, movement.parts};
    due_.emplace(movement.hold_until, kReservationEnd, movement.revision);
  } else if (movement.kind == events::v1::EVENT_KIND_POINTS_TRANSFER_SENT) {
    holdings_[movement.revision] = {std::string(movement.holding_id), true, movement.parts};
  }
  if (EndsHolding(movement.kind)) {
    if (!EndHolding(movement, line)) return std::nullopt;
  } else if (DueStep(movement.kind) != 0) {
    if (movement.parts.size() != 1) return std::nullopt;
    line.lot_revision = movement.parts.front().lot_revision;
  }
  const int64_t available = available_;
  const int64_t pending = pending_;
  if (movement.adds_lot) {
    Lot& lot = lots_[movement.revision];
    AddLot(movement, lot);
    if (lot.taken > lot.accrued && !lot.lends) return std::nullopt;
    Count(lot, +1);
  }
  for (const MovementPart& part : movement.back) PutBack(part);
  // What a capture spends was taken when it was reserved.
  if (movement.kind == events::v1::EVENT_KIND_RESERVATION_CAPTURED) {
    FillSums(available, pending, line);
    return line;
  }
  for (const MovementPart& part : movement.parts) {
    if (!ApplyPart(movement, part)) return std::nullopt;
  }
  FillSums(available, pending, line);
  return line;
}

}  // namespace keyledger::projections
