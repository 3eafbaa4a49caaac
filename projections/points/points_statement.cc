// See points_statement.h.
#include "projections/points/points_statement.h"

#include <algorithm>

namespace keyledger::projections {
namespace {

constexpr int kActivation = 1;

}  // namespace

void StatementFold::Count(const Lot& lot, int64_t sign) {
  if (!lot.known || lot.expired) return;
  (lot.active ? available_ : pending_) += sign * (lot.accrued - lot.taken);
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
                            : InactivityEnd(movement.occurred, last_activity_, movement.inactivity_days);
  if (expire != domain::kNever) {
    lot.expire = std::max(expire, movement.occurred);
    due_.emplace(lot.expire, DueStep(events::v1::EVENT_KIND_POINTS_EXPIRED), movement.revision);
  }
}

bool StatementFold::ApplyPart(const Movement& movement, const MovementPart& part) {
  Lot& lot = lots_[part.lot_revision];
  Count(lot, -1);
  if (movement.kind == events::v1::EVENT_KIND_POINTS_ACTIVATED) {
    // Time decides: a record of it only says that it has been seen.
    if (lot.known && lot.activate <= movement.occurred) lot.active = true;
  } else {
    lot.taken += part.points;
    if (movement.kind == events::v1::EVENT_KIND_POINTS_EXPIRED && lot.expire <= movement.occurred) lot.expired = true;
  }
  Count(lot, +1);
  return !lot.known || lot.taken <= lot.accrued;
}

std::optional<PointsStatementEntry> StatementFold::Add(const Movement& movement) {
  PointsStatementEntry line;
  line.revision = movement.revision;
  line.position = movement.position;
  line.occurred = movement.occurred;
  line.recorded = movement.recorded;
  line.kind = movement.kind;
  line.description = movement.description;
  if (DueStep(movement.kind) != 0) {
    if (movement.parts.size() != 1) return std::nullopt;
    line.lot_revision = movement.parts.front().lot_revision;
  }
  const int64_t available = available_;
  const int64_t pending = pending_;
  if (movement.adds_lot) {
    Lot& lot = lots_[movement.revision];
    AddLot(movement, lot);
    if (lot.taken > lot.accrued) return std::nullopt;
    Count(lot, +1);
  }
  for (const MovementPart& part : movement.parts) {
    if (!ApplyPart(movement, part)) return std::nullopt;
  }
  FillSums(available, pending, line);
  return line;
}

}  // namespace keyledger::projections
