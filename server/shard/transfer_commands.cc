// What transfers between accounts do to the group under construction. Everything here runs on the sequencer's thread.
// See sequencer.h, and courier.h for who sends these commands.
#include <utility>

#include "server/shard/sequencer.h"

namespace keyledger::shard {

void Sequencer::AnnounceTransfers(const domain::DecideInput& input) {
  if (options_.on_transfer_sent == nullptr) return;
  for (const domain::Fact& fact : input.facts) {
    if (!fact.event.has_points_transfer_sent() && !fact.event.has_account_merged()) continue;
    std::string transfer_id = fact.event.has_account_merged() ? std::string(domain::kMergeTransferId)
                                                              : fact.event.points_transfer_sent().transfer_id();
    group_->completions.push_back(
        [this, account_id = input.account_id, transfer_id = std::move(transfer_id)](const absl::Status& commit) {
          if (commit.ok()) options_.on_transfer_sent(account_id, transfer_id);
        });
  }
}

void Sequencer::ProcessReceipt(ReceiptCommand& command) {
  if (AnswerRepeated(command.append, command.done)) return;
  absl::StatusOr<CachedAccount*> loaded = Load(command.append.account_id);
  if (!loaded.ok()) return Complete(std::move(command.done), loaded.status());
  absl::StatusOr<domain::Outcome> outcome =
      domain::DecideTransferReceipt((*loaded)->state, *command.receipt, *programs_);
  if (!outcome.ok()) return Complete(std::move(command.done), outcome.status());
  AppendAnswer answer;
  answer.shard = options_.shard;
  const uint64_t first_position = next_position();
  Record(**loaded, *std::move(outcome), &command.append, NextRecordTime(), &answer);
  AddRequestRow(command.append, answer, first_position);
  Complete(std::move(command.done), std::move(answer));
}

void Sequencer::ProcessTransferEnd(TransferEndCommand& command) {
  absl::Status decided;
  absl::StatusOr<CachedAccount*> loaded = Load(command.account_id);
  if (loaded.ok()) {
    absl::StatusOr<domain::Outcome> outcome =
        domain::DecideTransferResult((*loaded)->state, command.result, *programs_);
    decided = outcome.status();
    if (outcome.ok() && !outcome->events.empty()) {
      Record(**loaded, *std::move(outcome), nullptr, NextRecordTime(), nullptr);
    }
  } else {
    decided = loaded.status();
  }
  group_->completions.push_back(
      [done = std::move(command.done), decided](const absl::Status& commit) { done(commit.ok() ? decided : commit); });
}

}  // namespace keyledger::shard
