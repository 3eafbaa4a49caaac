// See due_reviews.h.
#include "server/domain/due_reviews.h"

#include "server/base/check.h"
#include "server/domain/program_stretches.h"
#include "server/domain/stages.h"
#include "server/domain/standing.h"

namespace keyledger::domain {
namespace {

// As FindReviews, in (from, end] while one program governs.
std::optional<DueReviews> FindReviewsUnder(const AccountState& state, const CompiledProgram& program, Micros from,
                                           Micros end) {
  std::optional<DueReview> tier;
  if (program.program().has_tier_ladder()) tier = FindReviewUnder(state, program, from, end);
  auto stages = FindStageReview(state, program, from, tier.has_value() ? tier->due : end);
  if (!tier.has_value() && !stages.has_value()) return std::nullopt;
  DueReviews found;
  found.due = stages.has_value() ? stages->due : tier->due;
  found.program = &program;
  if (tier.has_value() && tier->due == found.due && tier->event.payload_case() != events::v1::Event::PAYLOAD_NOT_SET) {
    found.events.push_back(std::move(tier->event));
  }
  if (stages.has_value()) {
    for (events::v1::StageChanged& change : stages->changes) {
      *found.events.emplace_back().mutable_stage_changed() = std::move(change);
    }
  }
  return found;
}

}  // namespace

std::optional<DueReviews> FindReviews(const AccountState& state, Micros after, Micros until,
                                      const ProgramSet& programs) {
  KL_CHECK(after >= state.clock);
  // Another account is measured in its stead.
  if (state.lifecycle == Lifecycle::kMerged) return std::nullopt;
  return FindUnderPrograms<DueReviews>(state, after, until, programs,
                                       [&](const CompiledProgram& program, Micros from, Micros end) {
                                         return FindReviewsUnder(state, program, from, end);
                                       });
}

}  // namespace keyledger::domain
