// What reviews do to the group under construction: records of the ledger's own, and verdicts on accounts. Everything
// here runs on the sequencer's thread. See sequencer.h.
#include <utility>

#include "server/base/error.h"
#include "server/shard/sequencer.h"

namespace keyledger::shard {
namespace {

// What a verdict that was applied before did, from the records it led to.
domain::ReviewEffect EffectOf(const AppendAnswer& answer, const domain::ReviewVerdict& verdict) {
  for (const events::v1::EventRecord& record : answer.decisions) {
    const events::v1::TierAssigned& assigned = record.event().tier_assigned();
    if (assigned.review_id() == verdict.review_id) return domain::EffectOf(assigned, *verdict.program);
  }
  return domain::ReviewEffect::kOvertaken;
}

}  // namespace

void Sequencer::ProcessOwn(OwnCommand& command) {
  if (AnswerRepeated(command.append, command.done)) return;
  absl::StatusOr<CachedAccount*> loaded = Load(command.append.account_id);
  if (!loaded.ok()) return Complete(std::move(command.done), loaded.status());
  domain::Outcome outcome;
  outcome.state = (*loaded)->state;
  outcome.state.next_revision += 1;
  domain::DecidedEvent decided;
  decided.occurred = NextRecordTime();
  decided.fact_index = 0;
  decided.event = command.append.events[0].event;
  const Micros record_time = decided.occurred;
  outcome.events.push_back(std::move(decided));
  AppendAnswer answer;
  answer.shard = options_.shard;
  const uint64_t first_position = next_position();
  Record(**loaded, std::move(outcome), &command.append, record_time, &answer);
  AddRequestRow(command.append, answer, first_position);
  const OwnIndex& index = command.index;
  if (!index.unique_key.empty()) group_->commit.uniques.push_back({index.unique_key, first_position});
  if (!index.hold_placed.empty()) group_->commit.timers_set.push_back({store::kHoldInForce, index.hold_placed});
  if (!index.hold_released.empty()) group_->commit.timers_cleared.push_back({store::kHoldInForce, index.hold_released});
  Complete(std::move(command.done), std::move(answer));
}

void Sequencer::ProcessVerdict(VerdictCommand& command) {
  const std::shared_ptr<const domain::ReviewVerdict> verdict = command.verdict;
  AppendDone done = [verdict, done = command.done](absl::StatusOr<AppendAnswer> answer) {
    if (!answer.ok()) return done(answer.status());
    done(EffectOf(*answer, *verdict));
  };
  if (AnswerRepeated(command.append, done)) return;
  absl::StatusOr<CachedAccount*> loaded = Load(command.append.account_id);
  if (!loaded.ok()) return Complete(std::move(done), loaded.status());
  absl::StatusOr<domain::AppliedVerdict> applied = domain::ApplyVerdict((*loaded)->state, *verdict, *programs_);
  if (!applied.ok()) return Complete(std::move(done), applied.status());
  if (applied->outcome.events.empty()) {
    group_->completions.push_back(
        [done = std::move(command.done), effect = applied->effect](const absl::Status& commit) {
          if (!commit.ok()) return done(commit);
          done(effect);
        });
    return;
  }
  AppendAnswer answer;
  answer.shard = options_.shard;
  const uint64_t first_position = next_position();
  Record(**loaded, std::move(applied->outcome), &command.append, NextRecordTime(), &answer);
  AddRequestRow(command.append, answer, first_position);
  Complete(std::move(done), std::move(answer));
}

}  // namespace keyledger::shard
