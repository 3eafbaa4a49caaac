// Tiers fixed by a person. See decision.h.
#include <algorithm>

#include "server/domain/decision.h"
#include "server/domain/proto_time.h"
#include "server/domain/standing.h"

namespace keyledger::domain {

using events::v1::Event;

absl::Status Decision::DecideTierLock(const Fact& fact) {
  const events::v1::TierLocked& locked = fact.event.tier_locked();
  const Micros now = std::max(state().clock, fact.occurred);
  const CompiledProgram* program = work_.programs().Select(now, state().region);
  if (program == nullptr || !program->program().has_tier_ladder() ||
      program->program().tier_ladder().ladder_id() != locked.ladder_id()) {
    return RefuseHere(Reason::kTierUnknown,
                      fmt::format("no ladder '{}' governs the account; name that of its program", locked.ladder_id()));
  }
  const auto& tiers = program->program().tier_ladder().tiers();
  if (std::none_of(tiers.begin(), tiers.end(), [&](const auto& tier) { return tier.tier_id() == locked.tier_id(); })) {
    return RefuseHere(Reason::kTierUnknown,
                      fmt::format("ladder '{}' has no tier '{}'", locked.ladder_id(), locked.tier_id()));
  }
  if (locked.has_until() && MicrosOf(locked.until()) <= now) {
    return FieldError(fmt::format("events[{}].tier_locked.until", index_),
                      fmt::format("must be later than {}, the time of the account's latest event", FormatMicros(now)));
  }
  KL_RETURN_IF_ERROR(Record(fact));
  if (state().tier.ladder_id == locked.ladder_id() && state().tier.tier_id == locked.tier_id()) {
    return absl::OkStatus();
  }
  Event event;
  *event.mutable_tier_assigned() = AssignLocked(state(), locked);
  return Here(work_.RecordDecision(std::move(event), state().clock, fact_index(), program));
}

absl::Status Decision::DecideTierUnlock(const Fact& fact) {
  const std::string& ladder_id = fact.event.tier_unlocked().ladder_id();
  const TierLock& lock = state().tier_lock;
  if (lock.ladder_id != ladder_id || lock.until <= std::max(state().clock, fact.occurred)) {
    return RefuseHere(Reason::kTierNotLocked, fmt::format("no lock holds on ladder '{}'", ladder_id));
  }
  KL_RETURN_IF_ERROR(Record(fact));
  return Rise();
}

}  // namespace keyledger::domain
