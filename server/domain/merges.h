// Merges: two accounts that turn out to be one. What the account that ends brings, and how its records carry the steps
// of a transfer. Pure.
//
// A merge goes the way of a transfer of points (transfers.h): the client's fact on the account that ends (the source),
// the receipt on the one that goes on (the target), the outcome on the source; carried by the same courier, and decided
// by the same functions. Its transfer is open under kMergeTransferId, with or without points.
//
// Points are moved, lot by lot, also pending ones. What was bought and returned is not: its sums by quarter of an hour
// are added to the target's, and the source's own are cleared when the merge is completed, so that they stand once.
// What has come back of each purchase goes over, too: the rest of it comes back to the target.
#pragma once

#include <cstddef>
#include <optional>

#include <absl/status/status.h>

#include "keyledger/events/v1/event.pb.h"
#include "server/domain/account_state.h"
#include "server/domain/transfers.h"

namespace keyledger::domain {

// Lots and quarters of an hour with trade (of every currency, bought and returned counted apart) that one merge brings:
// all of them stand in one record.
inline constexpr size_t kMergeLotsMax = 5'000;
inline constexpr size_t kMergeSlotsMax = 20'000;
// Lines of purchases that have come back, whole or in part, that one merge brings.
inline constexpr size_t kMergeReturnedLinesMax = 20'000;

// What an event sends to another account: itself, if it is a transfer, or what goes with a merge. Null: nothing.
const events::v1::PointsTransferSent* SentBy(const events::v1::Event& event);
// How the event ends what was sent by it. Null: it does not.
const events::v1::PointsTransferCompleted* CompletedBy(const events::v1::Event& event);
const events::v1::PointsTransferReturned* ReturnedBy(const events::v1::Event& event);

// Whether an event is a step of a merge, on either account.
bool IsMergeEvent(const events::v1::Event& event);
// Takes the points out of a step of a merge, for one who folds without them.
void ClearPoints(events::v1::Event& merge);

// Whether the target can take what the merge brings beside points. Errors: FAILED_PRECONDITION (kAccountLimit).
absl::Status CheckJoined(const AccountState& target, const TransferReceipt& receipt);

// The event that a merge begins with on the target.
events::v1::Event MergeReceived(const TransferReceipt& receipt);

// The tier that the merge leaves the target with by AccountMerged.keep_higher_tier, at `moment`; nothing: the one that
// it holds. Requires: the program has a ladder.
std::optional<events::v1::TierAssigned> KeepHigherTier(const AccountState& target, const CompiledProgram& program,
                                                       const events::v1::MergedAccount& merged, Micros moment);

}  // namespace keyledger::domain
