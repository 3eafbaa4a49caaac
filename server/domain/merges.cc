// Accounts that turn out to be one. See merges.h; decision.h and fold.h for what is decided and folded here.
#include "server/domain/merges.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "server/base/checked.h"
#include "server/base/error.h"
#include "server/domain/decision.h"
#include "server/domain/fold.h"
#include "server/domain/lots.h"
#include "server/domain/proto_time.h"
#include "server/domain/standing.h"

namespace keyledger::domain {
namespace {

using events::v1::AccountMerged;
using events::v1::AccountMergeReceived;
using events::v1::Event;
using events::v1::MergedAccount;

// The most bytes that one lot, one slot and one returned line take in the record, every number at its longest. A record
// must fit into a message of 4 MiB.
constexpr size_t kLotBytesMax = 256;
constexpr size_t kSlotBytesMax = 64;
// Of a returned line that is the only one of its purchase.
constexpr size_t kReturnedLineBytesMax = 40;
static_assert(kMergeLotsMax * kLotBytesMax + kMergeSlotsMax * kSlotBytesMax +
                  kMergeReturnedLinesMax * kReturnedLineBytesMax <
              (size_t{7} << 19));

void WriteSums(const MetricSums& sums, events::v1::TradeSlot& out) {
  out.set_micros(sums.micros);
  out.set_cost_micros(sums.cost_micros);
  out.set_units(sums.units);
  out.set_count(sums.count);
}

void WriteSlots(const std::vector<MetricSlot>& slots, google::protobuf::RepeatedPtrField<events::v1::TradeSlot>* out) {
  out->Reserve(static_cast<int>(slots.size()));
  for (const MetricSlot& slot : slots) {
    events::v1::TradeSlot& written = *out->Add();
    written.set_slot(slot.slot);
    WriteSums(slot.sums, written);
  }
}

void WriteReturned(const AccountState& state, MergedAccount& merged) {
  for (const auto& [key, lines] : state.returned) {
    const auto& [account_id, revision] = key;
    if (merged.returns().empty() || merged.returns().rbegin()->account_id() != account_id) {
      merged.add_returns()->set_account_id(account_id);
    }
    events::v1::MergedReturn& purchase = *merged.mutable_returns()->rbegin()->add_purchases();
    purchase.set_purchase_revision(revision);
    for (const ReturnedLine& line : lines) {
      events::v1::MergedReturnLine& written = *purchase.add_lines();
      written.set_line_number(line.line_number);
      written.set_quantity(line.quantity);
      written.set_micros(line.micros);
    }
  }
}

size_t ReturnedLinesOf(const AccountState& state) {
  size_t count = 0;
  for (const auto& [key, lines] : state.returned) count += lines.size();
  return count;
}

// What the account brings beside its points. The tier only if it is to be kept.
MergedAccount MergedFrom(const AccountState& state, bool keep_tier) {
  MergedAccount merged;
  for (const auto& [currency, series] : state.metrics) {
    events::v1::MergedTrade& trade = *merged.add_trades();
    trade.set_currency_code(currency);
    WriteSlots(series.bought, trade.mutable_bought());
    WriteSlots(series.returned, trade.mutable_returned());
    WriteSums(series.bought_ever, *trade.mutable_bought_ever());
    WriteSums(series.returned_ever, *trade.mutable_returned_ever());
  }
  merged.set_purchase_count(state.purchase_count);
  if (state.purchase_count > 0) SetTimestamp(merged.mutable_last_purchase_time(), state.last_purchase);
  SetTimestamp(merged.mutable_open_time(), state.open_time);
  if (keep_tier && !state.tier.tier_id.empty()) {
    merged.set_ladder_id(state.tier.ladder_id);
    merged.set_tier_id(state.tier.tier_id);
  }
  for (const std::string& id : state.absorbed) merged.add_absorbed_account_ids(id);
  WriteReturned(state, merged);
  return merged;
}

size_t SlotsOf(const AccountState& state) {
  size_t slots = 0;
  for (const auto& [currency, series] : state.metrics) slots += series.bought.size() + series.returned.size();
  return slots;
}

// All points of the account, pending ones too, by revision of their lots.
events::v1::PointsTransferSent SentFrom(const AccountState& state, const std::string& into_account_id) {
  events::v1::PointsTransferSent sent;
  sent.set_transfer_id(std::string(kMergeTransferId));
  sent.set_to_account_id(into_account_id);
  Taking taking(state);
  sent.set_points(taking.TakeOldest(std::numeric_limits<int64_t>::max()));
  taking.AppendTo(sent.mutable_allocations());
  FillLotTerms(state, *sent.mutable_allocations());
  return sent;
}

FoldResult FoldMerged(AccountState& state, const AccountMerged& merged, Micros occurred, EmptyLots empty_lots) {
  if (state.lifecycle == Lifecycle::kMerged) return Contradiction("an account merged twice");
  if (merged.into_account_id().empty()) return Contradiction("a merge into no account");
  state.merge = {merged.into_account_id(), state.lifecycle, false};
  state.lifecycle = Lifecycle::kMerged;
  return FoldTransferSent(state, merged.sent(), occurred, empty_lots);
}

FoldResult FoldMergeReceived(AccountState& state, const AccountMergeReceived& received) {
  const MergedAccount& merged = received.merged();
  for (const auto& trade : merged.trades()) {
    const FoldResult result = FoldMergedTrade(state, trade);
    if (!result.ok()) return result;
  }
  if (!AddTo(state.purchase_count, merged.purchase_count())) return OutOfRange("purchases leave 64 bits");
  if (merged.has_last_purchase_time()) {
    state.last_purchase = std::max(state.last_purchase, MicrosOf(merged.last_purchase_time()));
  }
  state.open_time = std::min(state.open_time, MicrosOf(merged.open_time()));
  state.absorbed.push_back(received.from_account_id());
  for (const std::string& id : merged.absorbed_account_ids()) state.absorbed.push_back(id);
  if (std::set<std::string_view>(state.absorbed.begin(), state.absorbed.end()).size() < state.absorbed.size()) {
    return Contradiction("an account merged in twice");
  }
  for (const auto& returns : merged.returns()) {
    const std::string& account_id = returns.account_id().empty() ? received.from_account_id() : returns.account_id();
    if (!state.has_absorbed(account_id)) {
      return Contradiction("returns of an account that was not merged into this one");
    }
    for (const auto& purchase : returns.purchases()) {
      const FoldResult result = FoldMergedReturn(state, account_id, purchase);
      if (!result.ok()) return result;
    }
  }
  return kFolded;
}

FoldResult FoldMergeCompleted(AccountState& state, const events::v1::AccountMergeCompleted& completed,
                              Micros occurred) {
  if (state.lifecycle != Lifecycle::kMerged || state.merge.completed) return Contradiction("the end of no merge");
  // It counts for the other account now.
  state.metrics.clear();
  state.returned.clear();
  state.tier = TierStanding();
  state.tier_lock = TierLock();
  state.stages.clear();
  state.merge.completed = true;
  return FoldTransferCompleted(state, completed.completed(), occurred);
}

FoldResult FoldMergeReturned(AccountState& state, const events::v1::AccountMergeReturned& returned, Micros occurred) {
  if (state.lifecycle != Lifecycle::kMerged || state.merge.completed) return Contradiction("the return of no merge");
  state.lifecycle = state.merge.lifecycle;
  state.merge = Merge();
  return FoldTransferReturned(state, returned.returned(), occurred);
}

}  // namespace

const events::v1::PointsTransferSent* SentBy(const Event& event) {
  if (event.has_points_transfer_sent()) return &event.points_transfer_sent();
  return event.has_account_merged() ? &event.account_merged().sent() : nullptr;
}

const events::v1::PointsTransferCompleted* CompletedBy(const Event& event) {
  if (event.has_points_transfer_completed()) return &event.points_transfer_completed();
  return event.has_account_merge_completed() ? &event.account_merge_completed().completed() : nullptr;
}

const events::v1::PointsTransferReturned* ReturnedBy(const Event& event) {
  if (event.has_points_transfer_returned()) return &event.points_transfer_returned();
  return event.has_account_merge_returned() ? &event.account_merge_returned().returned() : nullptr;
}

bool IsMergeEvent(const Event& event) {
  return event.has_account_merged() || event.has_account_merge_received() || event.has_account_merge_completed() ||
         event.has_account_merge_returned();
}

void ClearPoints(Event& merge) {
  if (merge.has_account_merged()) {
    merge.mutable_account_merged()->mutable_sent()->clear_points();
    merge.mutable_account_merged()->mutable_sent()->clear_allocations();
  } else if (merge.has_account_merge_completed()) {
    merge.mutable_account_merge_completed()->mutable_completed()->clear_points();
  } else if (merge.has_account_merge_returned()) {
    merge.mutable_account_merge_returned()->mutable_returned()->clear_points();
    merge.mutable_account_merge_returned()->mutable_returned()->clear_allocations();
  }
}

absl::Status CheckJoined(const AccountState& target, const TransferReceipt& receipt) {
  if (target.absorbed.size() > kAbsorbedMax) {
    return MakeError(Reason::kAccountLimit, fmt::format("more than {} accounts would be merged into account '{}'",
                                                        kAbsorbedMax, receipt.to_account_id));
  }
  if (target.metrics.size() > kCurrenciesMax) {
    return MakeError(Reason::kAccountLimit, fmt::format("account '{}' would trade in more than {} currencies",
                                                        receipt.to_account_id, kCurrenciesMax));
  }
  if (target.returned.size() > kReturnedPurchasesMax) {
    return MakeError(Reason::kAccountLimit,
                     fmt::format("of more than {} purchases of account '{}' something would have come back",
                                 kReturnedPurchasesMax, receipt.to_account_id));
  }
  return absl::OkStatus();
}

Event MergeReceived(const TransferReceipt& receipt) {
  Event event;
  AccountMergeReceived& received = *event.mutable_account_merge_received();
  received.set_from_account_id(receipt.from_account_id);
  received.set_sent_event_id(receipt.sent_event_id);
  *received.mutable_merged() = *receipt.merged;
  return event;
}

std::optional<events::v1::TierAssigned> KeepHigherTier(const AccountState& target, const CompiledProgram& program,
                                                       const MergedAccount& merged, Micros moment) {
  const programs::v1::TierLadder& ladder = program.program().tier_ladder();
  if (merged.ladder_id() != ladder.ladder_id() || IsLocked(target, ladder, moment)) return std::nullopt;
  const auto brought = FindHeldTier(ladder, {merged.ladder_id(), merged.tier_id(), 0, 0, kNever});
  if (!brought.has_value() || !brought->known) return std::nullopt;
  const auto held = FindHeldTier(ladder, target.tier);
  if (held.has_value() && held->known && held->index >= brought->index) return std::nullopt;
  events::v1::TierAssigned assigned;
  assigned.set_ladder_id(merged.ladder_id());
  assigned.set_tier_id(merged.tier_id());
  assigned.set_previous_tier_id(target.tier.tier_id);
  assigned.set_reason(events::v1::TIER_ASSIGNMENT_REASON_MERGED);
  return assigned;
}

absl::Status Decision::CheckMerge(const AccountMerged& merged) const {
  const auto refuse = [&](const std::string& what) { return RefuseHere(Reason::kMergeNotPossible, what); };
  if (merged.into_account_id() == input_.account_id) {
    return refuse("an account cannot be merged into itself; name the account that goes on");
  }
  if (state().lifecycle == Lifecycle::kMerged) {
    return refuse(fmt::format("the account ends in account '{}' already", state().merge.into_account_id));
  }
  if (!state().reservations.empty()) {
    return refuse(fmt::format("reservation '{}' is open ({} in all); capture or release what is open first",
                              state().reservations.begin()->first, state().reservations.size()));
  }
  if (!state().transfers.empty()) {
    return refuse(fmt::format("transfer '{}' is in transit ({} in all); merge when nothing is in transit",
                              state().transfers.begin()->first, state().transfers.size()));
  }
  if (state().debt > 0) {
    return refuse(fmt::format("the account owes {} points; let an adjustment pay them first", state().debt));
  }
  const auto lots = static_cast<size_t>(
      std::count_if(state().lots.begin(), state().lots.end(), [](const Lot& lot) { return lot.remaining > 0; }));
  if (lots > kMergeLotsMax) {
    return refuse(
        fmt::format("the account's points lie in {} lots, and a merge takes at most {}; redeem, send or adjust "
                    "some first",
                    lots, kMergeLotsMax));
  }
  if (const size_t slots = SlotsOf(state()); slots > kMergeSlotsMax) {
    return refuse(
        fmt::format("the account traded in {} quarters of an hour of the last {} days, and a merge takes at "
                    "most {}; merge the other account into this one, or wait",
                    slots, kMetricHorizonMicros / kMicrosPerDay, kMergeSlotsMax));
  }
  if (const size_t lines = ReturnedLinesOf(state()); lines > kMergeReturnedLinesMax) {
    return refuse(
        fmt::format("{} lines of the account's purchases have come back, and a merge takes at most {}; merge the other "
                    "account into this one",
                    lines, kMergeReturnedLinesMax));
  }
  return absl::OkStatus();
}

absl::Status Decision::DecideMerge(const Fact& fact) {
  KL_RETURN_IF_ERROR(CheckMerge(fact.event.account_merged()));
  Event event = fact.event;
  AccountMerged& merged = *event.mutable_account_merged();
  *merged.mutable_merged() = MergedFrom(state(), merged.keep_higher_tier());
  *merged.mutable_sent() = SentFrom(state(), merged.into_account_id());
  return Here(work_.RecordFact(std::move(event), fact.occurred, fact_index()));
}

FoldResult FoldMerge(AccountState& state, const Event& event, Micros occurred, EmptyLots empty_lots) {
  switch (event.payload_case()) {
    case Event::kAccountMerged:
      return FoldMerged(state, event.account_merged(), occurred, empty_lots);
    case Event::kAccountMergeReceived:
      return FoldMergeReceived(state, event.account_merge_received());
    case Event::kAccountMergeCompleted:
      return FoldMergeCompleted(state, event.account_merge_completed(), occurred);
    default:
      return FoldMergeReturned(state, event.account_merge_returned(), occurred);
  }
}

}  // namespace keyledger::domain
