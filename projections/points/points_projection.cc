#include "projections/points/points_projection.h"

#include <string>

#include "projections/engine/record_time.h"
#include "projections/engine/row_key.h"
#include "projections/points/points_rows.h"
#include "server/base/error.h"

namespace keyledger::projections {
namespace {

template <typename Allocations>
void TakeParts(const Allocations& allocations, Movement& movement) {
  movement.parts.reserve(static_cast<size_t>(allocations.size()));
  for (const auto& allocation : allocations) {
    movement.parts.push_back(MovementPart{allocation.lot_revision(), allocation.points(), allocation.pending()});
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
      return true;
    default:
      return false;
  }
}

// The parts of a movement that takes points must sum to what it takes.
bool IsSound(const Movement& movement) {
  if (movement.points < 0) return false;
  if (movement.adds_lot) return movement.points > 0;
  int64_t sum = 0;
  for (const MovementPart& part : movement.parts) {
    if (part.points <= 0 || part.points > movement.points - sum) return false;
    sum += part.points;
  }
  return sum == movement.points;
}

// Whether it keeps lots alive that run out without activity.
bool IsActivity(const events::v1::Event& event) { return event.has_purchase_recorded() || event.has_points_redeemed(); }

}  // namespace

absl::Status PointsProjection::Apply(const RecordView& record, Rows& rows) const {
  const events::v1::EventRecord& stored = record.record;
  if (!IsAccountStream(stored.account_id())) return absl::OkStatus();
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
  return absl::OkStatus();
}

std::shared_ptr<const Projection> MakePointsProjection() { return std::make_shared<PointsProjection>(); }

}  // namespace keyledger::projections
