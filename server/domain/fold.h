// Fold: what Evolve and Decide share. Internal to the room; read evolve.h first.
//
// Evolve treats every fault as a damaged log. Decide folds events it has just made: there a sum out of range is the
// request's fault, and a contradiction is ours.
#pragma once

#include "keyledger/events/v1/event.pb.h"
#include "server/base/checked.h"
#include "server/domain/account_state.h"

namespace keyledger::domain {

enum class FoldFault {
  kNone,
  // A sum leaves 64 bits.
  kRange,
  // The event cannot have happened to an account in this state.
  kContradiction,
};

struct FoldResult {
  FoldFault fault = FoldFault::kNone;
  // What is wrong; a literal.
  const char* what = "";

  bool ok() const { return fault == FoldFault::kNone; }
};

inline constexpr FoldResult kFolded{};
inline FoldResult Contradiction(const char* what) { return {FoldFault::kContradiction, what}; }
inline FoldResult OutOfRange(const char* what) { return {FoldFault::kRange, what}; }

// Adds to a total. Returns false if the sum leaves 64 bits.
inline bool AddTo(int64_t& total, int64_t value) {
  const auto sum = CheckedAdd(total, value);
  if (!sum.has_value()) return false;
  total = *sum;
  return true;
}

// Whether counts of a period that began then are not kept any more.
inline bool IsForgotten(const AccountState& state, Micros period_start) {
  return period_start < state.clock - kMetricHorizonMicros;
}

// Whether lots that a record emptied leave the state at once. One who folds many records may keep them, and must call
// RemoveEmptyLots before anyone else sees the state: taking them out one by one is quadratic when thousands expire
// together.
enum class EmptyLots { kRemove, kKeep };

// Folds one event; on a fault `state` is unspecified.
FoldResult Fold(AccountState& state, const events::v1::Event& event, Micros occurred, EmptyLots empty_lots);

// Folds what an event that moves points does to them; the part of Fold that knows lots.
FoldResult FoldPoints(AccountState& state, const events::v1::Event& event, Micros occurred, EmptyLots empty_lots);

// Folds the points that a purchase was paid with.
FoldResult FoldPointsPaid(AccountState& state, const events::v1::PurchaseRecorded& purchase, EmptyLots empty_lots);

// The first and the last step of a transfer on its sender, whichever event they stand in.
FoldResult FoldTransferSent(AccountState& state, const events::v1::PointsTransferSent& sent, Micros occurred,
                            EmptyLots empty_lots);
FoldResult FoldTransferCompleted(AccountState& state, const events::v1::PointsTransferCompleted& completed,
                                 Micros occurred);
FoldResult FoldTransferReturned(AccountState& state, const events::v1::PointsTransferReturned& returned,
                                Micros occurred);

void RemoveEmptyLots(AccountState& state);

// What was bought and returned: counts, the metric series, and what has come back of a purchase.
FoldResult FoldPurchase(AccountState& state, const events::v1::PurchaseRecorded& purchase, Micros occurred);
FoldResult FoldReturn(AccountState& state, const events::v1::PurchaseReturned& returned, Micros occurred);
// Adds what another account traded in one currency.
FoldResult FoldMergedTrade(AccountState& state, const events::v1::MergedTrade& trade);
// Takes over what has come back of a purchase of `account_id`. Requires: it was merged into this one.
FoldResult FoldMergedReturn(AccountState& state, const std::string& account_id, const events::v1::MergedReturn& merged);
// Drops the slots that no window can reach any more.
void PruneMetrics(AccountState& state);

// Folds what was granted, given and observed, and flags.
FoldResult FoldConduct(AccountState& state, const events::v1::Event& event, Micros occurred);

// Adds what was given to what limits are held against.
FoldResult FoldLimitCounts(AccountState& state,
                           const google::protobuf::RepeatedPtrField<events::v1::LimitCount>& counts);

// Folds what is known of the relationship beside the trade.
FoldResult FoldRelation(AccountState& state, const events::v1::Event& event);

// Folds who is responsible.
FoldResult FoldOwner(AccountState& state, const events::v1::Event& event, Micros occurred);

// Folds a step of an item; see items.h.
FoldResult FoldItem(AccountState& state, const events::v1::Event& event, Micros occurred);
// Drops items whose end is so long past that they are open no more.
void PruneItems(AccountState& state);

// Folds what merges two accounts, on either of them.
FoldResult FoldMerge(AccountState& state, const events::v1::Event& event, Micros occurred, EmptyLots empty_lots);

// Slot of a metric series that holds `time`.
int64_t SlotOf(Micros time);

}  // namespace keyledger::domain
