// Movements of points that a client asks for. See decision.h.
#include "server/base/calendar.h"
#include "server/domain/decision.h"
#include "server/domain/lots.h"
#include "server/domain/proto_time.h"
#include "server/domain/redemption.h"
#include "server/domain/transfers.h"

namespace keyledger::domain {

using events::v1::Event;

absl::Status Decision::CheckAvailable(int64_t requested) const {
  const int64_t available = state().available_points();
  if (requested <= available) return absl::OkStatus();
  absl::Status status =
      RefuseHere(Reason::kInsufficientPoints, fmt::format("{} points asked for, {} available", requested, available));
  AddMetadata(status, "available", std::to_string(available));
  AddMetadata(status, "requested", std::to_string(requested));
  return status;
}

absl::Status Decision::Allocate(const Fact& fact, int64_t points, Allocations* allocations,
                                google::protobuf::RepeatedPtrField<events::v1::PeriodCount>* counts) {
  if (state().lifecycle == Lifecycle::kClosed) return Closed();
  if (const CompiledProgram* program = work_.programs().Select(fact.occurred, state().region)) {
    KL_RETURN_IF_ERROR(Here(CheckRedemption(state(), *program, points, fact.occurred)));
    AddRedemptionCounts(state(), *program, fact.occurred, counts);
  }
  KL_RETURN_IF_ERROR(CheckAvailable(points));
  AllocateEarliestExpiry(state(), points, allocations);
  return absl::OkStatus();
}

absl::Status Decision::DecideRedemption(const Fact& fact) {
  Event event = fact.event;
  events::v1::PointsRedeemed& redeemed = *event.mutable_points_redeemed();
  KL_RETURN_IF_ERROR(Allocate(fact, redeemed.points(), redeemed.mutable_allocations(), redeemed.mutable_counts()));
  return Here(work_.RecordFact(std::move(event), fact.occurred, fact_index()));
}

absl::Status Decision::CheckReservation(const Fact& fact) const {
  const events::v1::PointsReserved& reserved = fact.event.points_reserved();
  if (state().reservations.contains(reserved.reservation_id())) {
    return RefuseHere(Reason::kReservationExists,
                      fmt::format("reservation '{}' is open already", reserved.reservation_id()));
  }
  const Micros hold_until = MicrosOf(reserved.hold_until());
  const Micros now = std::max(state().clock, fact.occurred);
  if (hold_until <= now) {
    return RefuseHere(Reason::kReservationLimit,
                      fmt::format("hold_until must be after {}, the account's latest event", FormatMicros(now)));
  }
  const CompiledProgram* program = work_.programs().Select(fact.occurred, state().region);
  return Here(CheckHold(state(), program, hold_until - fact.occurred));
}

absl::Status Decision::DecideReservation(const Fact& fact) {
  Event event = fact.event;
  events::v1::PointsReserved& reserved = *event.mutable_points_reserved();
  KL_RETURN_IF_ERROR(CheckReservation(fact));
  KL_RETURN_IF_ERROR(Allocate(fact, reserved.points(), reserved.mutable_allocations(), reserved.mutable_counts()));
  FillLotTerms(state(), *reserved.mutable_allocations());
  return Here(work_.RecordFact(std::move(event), fact.occurred, fact_index()));
}

absl::StatusOr<const Reservation*> Decision::FindReservation(const std::string& id, Micros occurred) const {
  const auto found = state().reservations.find(id);
  if (found == state().reservations.end()) {
    return RefuseHere(Reason::kReservationNotOpen,
                      fmt::format("no reservation '{}' is open; it was never placed, or has ended", id));
  }
  if (occurred < found->second.occurred) {
    return RefuseHere(Reason::kReservationNotOpen,
                      fmt::format("reservation '{}' was only placed at {}", id, FormatMicros(found->second.occurred)));
  }
  return &found->second;
}

absl::Status Decision::DecideCapture(const Fact& fact) {
  if (state().lifecycle == Lifecycle::kClosed) return Closed();
  Event event = fact.event;
  events::v1::ReservationCaptured& captured = *event.mutable_reservation_captured();
  KL_ASSIGN_OR_RETURN(const Reservation* const reservation, FindReservation(captured.reservation_id(), fact.occurred));
  const int64_t held = reservation->points();
  if (!captured.has_points()) captured.set_points(held);
  if (captured.points() > held) {
    absl::Status status = RefuseHere(Reason::kInsufficientPoints,
                                     fmt::format("{} points asked for, {} are held", captured.points(), held));
    AddMetadata(status, "available", std::to_string(held));
    AddMetadata(status, "requested", std::to_string(captured.points()));
    return status;
  }
  SplitAllocations(AllocationsOf(state(), *reservation), captured.points(), captured.mutable_allocations(),
                   captured.mutable_released());
  KL_RETURN_IF_ERROR(Here(work_.RecordFact(std::move(event), fact.occurred, fact_index())));
  return Here(work_.SettleRestored(fact_index()));
}

absl::Status Decision::DecideRelease(const Fact& fact) {
  Event event = fact.event;
  events::v1::ReservationReleased& released = *event.mutable_reservation_released();
  KL_ASSIGN_OR_RETURN(const Reservation* const reservation, FindReservation(released.reservation_id(), fact.occurred));
  *released.mutable_allocations() = AllocationsOf(state(), *reservation);
  KL_RETURN_IF_ERROR(Here(work_.RecordFact(std::move(event), fact.occurred, fact_index())));
  return Here(work_.SettleRestored(fact_index()));
}

absl::Status Decision::DecideTransfer(const Fact& fact) {
  if (state().lifecycle == Lifecycle::kClosed) return Closed();
  Event event = fact.event;
  events::v1::PointsTransferSent& sent = *event.mutable_points_transfer_sent();
  if (sent.to_account_id() == input_.account_id) {
    absl::Status status = RefuseHere(Reason::kInvalidField, "to_account_id must be another account");
    AddField(status, fmt::format("events[{}].points_transfer_sent.to_account_id", index_), "must be another account");
    return status;
  }
  if (state().transfers.contains(sent.transfer_id())) {
    return RefuseHere(Reason::kTransferExists, fmt::format("transfer '{}' is in transit already", sent.transfer_id()));
  }
  const CompiledProgram* program = work_.programs().Select(fact.occurred, state().region);
  KL_RETURN_IF_ERROR(Here(CheckTransfer(state(), program, sent.points(), fact.occurred)));
  if (program != nullptr) AddTransferCounts(state(), *program, fact.occurred, sent.mutable_counts());
  KL_RETURN_IF_ERROR(CheckAvailable(sent.points()));
  AllocateEarliestExpiry(state(), sent.points(), sent.mutable_allocations());
  if (sent.allocations_size() > kTransferLotsMax) {
    absl::Status status =
        RefuseHere(Reason::kTransferLimit,
                   fmt::format("{} points lie in {} lots, and a transfer takes from at most {}; send fewer",
                               sent.points(), sent.allocations_size(), kTransferLotsMax));
    AddMetadata(status, "rule", "lots");
    AddMetadata(status, "program", "");
    AddMetadata(status, "limit", std::to_string(kTransferLotsMax));
    AddMetadata(status, "requested", std::to_string(sent.allocations_size()));
    return status;
  }
  FillLotTerms(state(), *sent.mutable_allocations());
  return Here(work_.RecordFact(std::move(event), fact.occurred, fact_index()));
}

absl::Status Decision::DecideAdjustment(const Fact& fact) {
  Event event = fact.event;
  events::v1::PointsAdjusted& adjusted = *event.mutable_points_adjusted();
  if (adjusted.points() < 0) {
    KL_RETURN_IF_ERROR(CheckAvailable(-adjusted.points()));
    AllocateEarliestExpiry(state(), -adjusted.points(), adjusted.mutable_allocations());
  }
  return Here(work_.RecordFact(std::move(event), fact.occurred, fact_index()));
}

}  // namespace keyledger::domain
