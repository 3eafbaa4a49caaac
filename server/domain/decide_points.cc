// Movements of points that a client asks for. See decision.h.
#include "server/domain/decision.h"
#include "server/domain/lots.h"
#include "server/domain/redemption.h"

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

absl::Status Decision::DecideRedemption(const Fact& fact) {
  if (state().lifecycle == Lifecycle::kClosed) return Closed();
  Event event = fact.event;
  events::v1::PointsRedeemed& redeemed = *event.mutable_points_redeemed();
  if (const CompiledProgram* program = work_.programs().Select(fact.occurred, state().region)) {
    KL_RETURN_IF_ERROR(Here(CheckRedemption(state(), *program, redeemed.points(), fact.occurred)));
    AddRedemptionCounts(state(), *program, fact.occurred, redeemed.mutable_counts());
  }
  KL_RETURN_IF_ERROR(CheckAvailable(redeemed.points()));
  AllocateEarliestExpiry(state(), redeemed.points(), redeemed.mutable_allocations());
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
