// See transfers.h.
#include "server/domain/transfers.h"

#include <algorithm>

#include <fmt/format.h>

#include "server/base/calendar.h"
#include "server/base/check.h"
#include "server/base/error.h"
#include "server/domain/accrual.h"
#include "server/domain/lots.h"
#include "server/domain/merges.h"
#include "server/domain/proto_time.h"
#include "server/domain/redemption.h"
#include "server/domain/standing.h"
#include "server/domain/work.h"

namespace keyledger::domain {
namespace {

using events::v1::Event;

constexpr std::string_view kPolicy = "transfer_policy";
constexpr int64_t kOpenMax = 100;

absl::Status CheckOpen(const AccountState& state, const CompiledProgram* program) {
  const int64_t limit = program != nullptr && program->program().transfer_policy().has_max_open()
                            ? program->program().transfer_policy().max_open()
                            : kOpenMax;
  const auto open = static_cast<int64_t>(state.transfers.size());
  if (open < limit) return absl::OkStatus();
  const std::string what = fmt::format("{} transfers are in transit; send this one when one of them has ended", open);
  if (program != nullptr) {
    return OverLimit(Reason::kTransferLimit, *program, fmt::format("{}.max_open", kPolicy), limit, open + 1, what);
  }
  absl::Status status = MakeError(Reason::kTransferLimit, what);
  AddMetadata(status, "rule", fmt::format("{}.max_open", kPolicy));
  AddMetadata(status, "program", "");
  AddMetadata(status, "limit", std::to_string(limit));
  AddMetadata(status, "requested", std::to_string(open + 1));
  return status;
}

absl::Status CheckPerPeriod(const AccountState& state, const CompiledProgram& program, int64_t points,
                            Micros occurred) {
  const programs::v1::PointsPerPeriod& maximum = program.program().transfer_policy().max_points_per_period();
  const int64_t used = CountOf(state, program, kPolicy, maximum.period(), occurred).points_before();
  if (points <= maximum.points() - used) return absl::OkStatus();
  const Micros next = program.zone().PeriodStart(occurred, CalendarUnitOf(maximum.period()), 1);
  absl::Status status = OverLimit(
      Reason::kTransferLimit, program, fmt::format("{}.max_points_per_period", kPolicy), maximum.points(), points,
      fmt::format("at most {} points may be sent in a period, {} have been; the next one begins {}", maximum.points(),
                  used, FormatMicros(next)));
  AddMetadata(status, "used", std::to_string(used));
  AddMetadata(status, "opens_time", FormatMicros(next));
  return status;
}

absl::Status CheckReceiver(const AccountState& receiver, const TransferReceipt& receipt) {
  switch (receiver.lifecycle) {
    case Lifecycle::kNone:
      return MakeError(Reason::kAccountNotFound, fmt::format("account '{}' does not exist", receipt.to_account_id));
    case Lifecycle::kClosed:
      return MakeError(Reason::kAccountClosed, fmt::format("account '{}' is closed", receipt.to_account_id));
    case Lifecycle::kMerged:
      return MakeError(Reason::kAccountMerged, fmt::format("account '{}' ends in account '{}'", receipt.to_account_id,
                                                           receiver.merge.into_account_id));
    case Lifecycle::kOpen:
      break;
  }
  return absl::OkStatus();
}

// The event that ends the transfer.
Event EndOf(const AccountState& sender, const OpenTransfer& transfer, const TransferResult& result) {
  const bool is_merge = result.transfer_id == kMergeTransferId;
  Event event;
  if (result.refusal.empty()) {
    if (is_merge) {
      event.mutable_account_merge_completed()->set_into_account_id(sender.merge.into_account_id);
      event.mutable_account_merge_completed()->set_received_event_id(result.received_event_id);
    }
    events::v1::PointsTransferCompleted& completed = is_merge
                                                         ? *event.mutable_account_merge_completed()->mutable_completed()
                                                         : *event.mutable_points_transfer_completed();
    completed.set_transfer_id(result.transfer_id);
    completed.set_points(transfer.points());
    completed.set_received_event_id(result.received_event_id);
    return event;
  }
  if (is_merge) {
    event.mutable_account_merge_returned()->set_into_account_id(sender.merge.into_account_id);
    event.mutable_account_merge_returned()->set_refusal(result.refusal);
  }
  events::v1::PointsTransferReturned& returned = is_merge ? *event.mutable_account_merge_returned()->mutable_returned()
                                                          : *event.mutable_points_transfer_returned();
  returned.set_transfer_id(result.transfer_id);
  returned.set_points(transfer.points());
  returned.set_refusal(result.refusal);
  *returned.mutable_allocations() = AllocationsOf(sender, transfer);
  return event;
}

// What was bought on both may have earned the account a higher tier.
absl::Status RiseByMerge(Work& work, const events::v1::MergedAccount& merged) {
  const Micros now = work.state().clock;
  const CompiledProgram* program = work.programs().Select(now, work.state().region);
  if (program == nullptr || !program->program().has_tier_ladder()) return absl::OkStatus();
  const auto assign = [&](std::optional<events::v1::TierAssigned> assigned) {
    if (!assigned.has_value()) return absl::OkStatus();
    Event event;
    *event.mutable_tier_assigned() = *std::move(assigned);
    return work.RecordDecision(std::move(event), now, -1, program);
  };
  KL_RETURN_IF_ERROR(assign(EvaluateRise(work.state(), *program, now)));
  return assign(KeepHigherTier(work.state(), *program, merged, now));
}

}  // namespace

absl::Status CheckTransfer(const AccountState& state, const CompiledProgram* program, int64_t points, Micros occurred) {
  KL_RETURN_IF_ERROR(CheckOpen(state, program));
  if (program == nullptr || !program->program().has_transfer_policy()) return absl::OkStatus();
  const programs::v1::TransferPolicy& policy = program->program().transfer_policy();
  const auto over = [&](const char* rule, int64_t limit, const std::string& what) {
    return OverLimit(Reason::kTransferLimit, *program, fmt::format("{}.{}", kPolicy, rule), limit, points, what);
  };
  if (policy.forbidden()) return over("forbidden", 0, "points may not be sent to other accounts");
  if (policy.has_min_points() && points < policy.min_points()) {
    return over("min_points", policy.min_points(),
                fmt::format("at least {} points must be sent at once, not {}", policy.min_points(), points));
  }
  if (policy.has_max_points() && points > policy.max_points()) {
    return over("max_points", policy.max_points(),
                fmt::format("at most {} points may be sent at once, not {}", policy.max_points(), points));
  }
  return policy.has_max_points_per_period() ? CheckPerPeriod(state, *program, points, occurred) : absl::OkStatus();
}

void AddTransferCounts(const AccountState& state, const CompiledProgram& program, Micros occurred,
                       google::protobuf::RepeatedPtrField<events::v1::PeriodCount>* out) {
  const programs::v1::TransferPolicy& policy = program.program().transfer_policy();
  if (!policy.has_max_points_per_period()) return;
  *out->Add() = CountOf(state, program, kPolicy, policy.max_points_per_period().period(), occurred);
}

void FixEnd(Micros from, events::v1::LotTerms& lot) {
  if (lot.inactivity_days() == 0) return;
  const Micros start = std::max(from, MicrosOf(lot.occurred_time()));
  SetTimestamp(lot.mutable_expire_time(), std::min(start + lot.inactivity_days() * kMicrosPerDay, kTimeMax));
  lot.clear_inactivity_days();
}

events::v1::LotTerms ArrivingLot(const events::v1::LotAllocation& sent, const std::string& from_account_id,
                                 std::string_view transfer_id, Micros occurred) {
  events::v1::LotTerms lot = sent.lot();
  lot.set_accrued(sent.points());
  FixEnd(occurred, lot);
  if (transfer_id != kMergeTransferId) {
    lot.clear_origin_account_id();
    lot.clear_origin_lot_revision();
  } else if (lot.origin_account_id().empty()) {
    lot.set_origin_account_id(from_account_id);
    lot.set_origin_lot_revision(sent.lot_revision());
  }
  return lot;
}

TransferReceipt ReceiptOf(const events::v1::EventRecord& sent) {
  const events::v1::PointsTransferSent& transfer = *SentBy(sent.event());
  TransferReceipt receipt{transfer.to_account_id(),
                          sent.account_id(),
                          transfer.transfer_id(),
                          sent.event_id(),
                          MicrosOf(sent.occurred_time()),
                          transfer,
                          std::nullopt};
  if (sent.event().has_account_merged()) receipt.merged = sent.event().account_merged().merged();
  return receipt;
}

std::string ReceiptRequestId(std::string_view from_account_id, std::string_view transfer_id) {
  return transfer_id == kMergeTransferId ? fmt::format("merge {}", from_account_id)
                                         : fmt::format("transfer {} {}", from_account_id, transfer_id);
}

absl::StatusOr<Outcome> DecideTransferReceipt(const AccountState& receiver, const TransferReceipt& receipt,
                                              const ProgramSet& programs) {
  KL_RETURN_IF_ERROR(CheckReceiver(receiver, receipt));
  // Not before the account was there.
  const Micros sent = std::max(receipt.occurred, receiver.open_time);
  const auto arrival = [&](const events::v1::LotAllocation& allocation) {
    return std::max(sent, MicrosOf(allocation.lot().occurred_time()));
  };
  Micros until = std::max(receiver.clock, sent);
  for (const auto& allocation : receipt.sent.allocations()) until = std::max(until, arrival(allocation));
  Work work(receiver, programs);
  KL_RETURN_IF_ERROR(work.AdvanceTo(until));
  if (receipt.merged.has_value()) {
    KL_RETURN_IF_ERROR(work.RecordDecision(MergeReceived(receipt), sent, -1, nullptr));
    KL_RETURN_IF_ERROR(CheckJoined(work.state(), receipt));
  }
  const uint64_t first = work.state().next_revision;
  for (const events::v1::LotAllocation& allocation : receipt.sent.allocations()) {
    Event event;
    events::v1::PointsTransferReceived& received = *event.mutable_points_transfer_received();
    received.set_transfer_id(receipt.transfer_id);
    received.set_from_account_id(receipt.from_account_id);
    received.set_sent_event_id(receipt.sent_event_id);
    received.set_points(allocation.points());
    *received.mutable_lot() = ArrivingLot(allocation, receipt.from_account_id, receipt.transfer_id, receipt.occurred);
    KL_RETURN_IF_ERROR(work.RecordDecision(std::move(event), arrival(allocation), -1, nullptr));
  }
  const auto lots = std::count_if(work.state().lots.begin(), work.state().lots.end(),
                                  [](const Lot& lot) { return lot.remaining > 0; });
  if (lots > kLotsWithTransfersMax) {
    return MakeError(Reason::kAccountLimit,
                     fmt::format("account '{}' would hold more than {} lots, the most with points "
                                 "of others",
                                 receipt.to_account_id, kLotsWithTransfersMax));
  }
  KL_RETURN_IF_ERROR(work.SettleLots(first));
  KL_RETURN_IF_ERROR(work.PayDebt(-1));
  if (receipt.merged.has_value()) KL_RETURN_IF_ERROR(RiseByMerge(work, *receipt.merged));
  return work.Finish();
}

bool IsTransferRefusal(const absl::Status& status) {
  const Reason reason = ReasonOf(status);
  return reason == Reason::kAccountNotFound || reason == Reason::kAccountClosed || reason == Reason::kAccountMerged ||
         reason == Reason::kAccountLimit || reason == Reason::kArithmeticRange;
}

std::string RefusalName(const absl::Status& status) {
  KL_CHECK(IsTransferRefusal(status));
  switch (ReasonOf(status)) {
    case Reason::kAccountNotFound:
      return "ACCOUNT_NOT_FOUND";
    case Reason::kAccountClosed:
      return "ACCOUNT_CLOSED";
    case Reason::kAccountMerged:
      return "ACCOUNT_MERGED";
    case Reason::kAccountLimit:
      return "ACCOUNT_LIMIT";
    default:
      return "ARITHMETIC_RANGE";
  }
}

absl::StatusOr<Outcome> DecideTransferResult(const AccountState& sender, const TransferResult& result,
                                             const ProgramSet& programs) {
  Work work(sender, programs);
  const auto open = sender.transfers.find(result.transfer_id);
  if (open == sender.transfers.end()) return work.Finish();
  const OpenTransfer& transfer = open->second;
  Event event = EndOf(sender, transfer, result);
  KL_RETURN_IF_ERROR(work.RecordDecision(std::move(event), transfer.occurred, -1, nullptr));
  KL_RETURN_IF_ERROR(work.SettleRestored(-1));
  return work.Finish();
}

}  // namespace keyledger::domain
