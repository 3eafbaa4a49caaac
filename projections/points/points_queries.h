// Queries of the projection "points": balance, lots, statement and expiry schedule of one account, as of any moment.
//
// "As of T" takes the movements that occurred before T (exclusive). Time decides, not jobs: a lot whose expiry is at or
// before T is expired, and a pending lot whose activation is at or before T is available, whether or not the ledger has
// recorded it yet. Lots count from the moment they were earned: a debit that occurred earlier than the lot it was taken
// from (it arrived late) takes effect together with the lot. Cost: each call folds the account's movements, so it grows
// with their number, not with the ledger's.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "keyledger/events/v1/event.pb.h"
#include "server/base/clock.h"
#include "server/store/table.h"

namespace keyledger::projections {

// Errors common to all queries: NOT_FOUND (kAccountNotFound) if the account was never opened; DATA_LOSS
// (kStoreDamaged). An account that was opened at or after `as_of` is found, with nothing in it.
//
// All tell how things stood just before `as_of`: what occurred, was activated or expired at that very moment had not
// yet.

// accrued + transferred_in = available + pending + reserved + in_transit + spent + transferred_out + expired + reversed
// - debt.
struct PointsBalance {
  int64_t available = 0;
  int64_t pending = 0;
  int64_t reserved = 0;
  // What a return gives back of a merged account's purchase counts as not spent here: it can be less than zero.
  int64_t spent = 0;
  int64_t expired = 0;
  int64_t reversed = 0;
  int64_t accrued = 0;
  int64_t debt = 0;
  int64_t in_transit = 0;
  int64_t transferred_in = 0;
  int64_t transferred_out = 0;

  bool operator==(const PointsBalance&) const = default;
};

absl::StatusOr<PointsBalance> GetPointsBalance(const store::TableReader& rows, std::string_view account_id,
                                               Micros as_of);

enum class LotState { kPending, kAvailable, kConsumed, kExpired, kReserved };

// accrued = remaining + reserved + in_transit + spent + transferred + reversed + expired.
struct PointsLot {
  // Revision of the record that created it.
  uint64_t lot_revision = 0;
  LotState state = LotState::kAvailable;
  int64_t accrued = 0;
  // Zero once expired.
  int64_t remaining = 0;
  // Held by reservations.
  int64_t reserved = 0;
  int64_t spent = 0;
  int64_t reversed = 0;
  int64_t expired = 0;
  // On the way to other accounts, and arrived there.
  int64_t in_transit = 0;
  int64_t transferred = 0;
  // When it was earned, here or on the account it came from.
  Micros occurred = 0;
  // Nothing: at once.
  std::optional<Micros> activate;
  // Nothing: never. Of a lot that runs out without activity: when, as things stood.
  std::optional<Micros> expire;
  // More than zero: it runs out after so many days without activity.
  uint32_t inactivity_days = 0;
  // Of a lot that came from another account: the transfer, the account, and when it came. Without a transfer a return
  // gave it back: it had paid for `paid_revision` of that account, which was merged into this one.
  std::string transfer_id;
  std::string from_account_id;
  Micros received = 0;
  uint64_t paid_revision = 0;
  // Empty (0, nothing) for a lot made by an adjustment, a transfer or a return.
  std::string rule_id;
  std::string program_id;
  uint32_t program_version = 0;
  std::optional<uint64_t> purchase_revision;

  // Of what a merged account had spent.
  bool given_back() const { return transfer_id.empty() && !from_account_id.empty(); }
};

struct PointsLotPage {
  // By lot_revision.
  std::vector<PointsLot> lots;
  // Empty on the last page.
  std::string continuation;
};

// Lists up to `page_size` lots, those in `state` only if given. Pages of one listing must use the same as_of.
// Requires: page_size > 0. Errors: also INVALID_ARGUMENT (kInvalidToken).
absl::StatusOr<PointsLotPage> ListPointsLots(const store::TableReader& rows, std::string_view account_id, Micros as_of,
                                             std::optional<LotState> state, size_t page_size,
                                             std::string_view continuation);

// Points that left a lot, or came back to it. A debit that arrived late may ask for points that only came back to its
// lot later; it counts with what the lot had.
struct LotDebit {
  uint64_t lot_revision = 0;
  // Revision of the record that says so; if due, of the reservation that ended.
  uint64_t revision = 0;
  // POINTS_REDEEMED for all that was spent on something, _ADJUSTED, _REVERSED also for what paid a debt, _EXPIRED, or
  // _RESERVED for what is only held; POINTS_TRANSFER_SENT for what is in transit, _COMPLETED for what arrived.
  events::v1::EventKind kind = events::v1::EVENT_KIND_UNSPECIFIED;
  Micros occurred = 0;
  // Not zero. Less than zero: they came back.
  int64_t points = 0;
  // Which record had taken them, and when. Of points that did not come back: this one.
  uint64_t taken_revision = 0;
  Micros taken = 0;
  // They came back because a reservation ended, and no record says so yet.
  bool due = false;
};

// Of one account: its lots by revision, as ListPointsLots has them, and what left them and came back, by occurred_time.
// Debits of lots that are not there yet are left out, and so is what ran out but is not recorded yet. With that, the
// debits of a lot sum to what it lacks.
using AccountLotsVisitor =
    std::function<absl::Status(const std::vector<PointsLot>& lots, const std::vector<LotDebit>& debits)>;

// The same of one account, which may have no lots. Errors: as of the queries above, and those of `visit`.
absl::Status WithAccountLots(const store::TableReader& rows, std::string_view account_id, Micros as_of,
                             const AccountLotsVisitor& visit);

// Calls `visit` for each account with at least one lot, as of `as_of` and as known just before `known_at`; stops at its
// first error. Holds one account at a time. Errors: DATA_LOSS (kStoreDamaged), those of `visit`.
absl::Status ForEachAccountLots(const store::TableReader& rows, Micros as_of, Micros known_at,
                                const AccountLotsVisitor& visit);

// When points of the account paid for purchases, by the revision of the purchase: those that occurred before `as_of`
// and were recorded before `known_at`. None of an account whose rows are elsewhere. Errors: DATA_LOSS (kStoreDamaged).
absl::StatusOr<std::map<uint64_t, Micros>> FindPaidPurchases(const store::TableReader& rows,
                                                             std::string_view account_id, Micros as_of,
                                                             Micros known_at);

struct PointsStatementEntry {
  // The movement is not recorded: a lot was activated or expired by time, and the ledger will record it with its next
  // decision on the account. Revision, position and recorded are then 0.
  bool due = false;
  uint64_t revision = 0;
  uint64_t position = 0;
  Micros occurred = 0;
  Micros recorded = 0;
  events::v1::EventKind kind = events::v1::EVENT_KIND_UNSPECIFIED;
  // Of an activation or expiry: the lot. Otherwise 0.
  uint64_t lot_revision = 0;
  // What the line changes in the balance. Movements that arrived late keep their line; a debit older than its lot
  // changes nothing itself and comes off the line of the lot.
  int64_t available_change = 0;
  int64_t pending_change = 0;
  // The sums of the changes up to this line.
  int64_t available_after = 0;
  int64_t pending_after = 0;
  // Rule of an accrual, reward of a redemption, reason of an adjustment or a transfer, refusal of one that returned;
  // empty otherwise.
  std::string description;
  // Of a transfer; the other account of one that was sent or received. Of a lot that a return gave back, without a
  // transfer: the merged account that had spent it.
  std::string transfer_id;
  std::string other_account_id;
};

struct PointsStatementPage {
  // By occurred_time, then position; what is due after what is recorded of the same moment: activations, then expiries,
  // each by lot.
  std::vector<PointsStatementEntry> entries;
  // Empty on the last page.
  std::string continuation;
};

// Lists up to `page_size` movements that occurred in [from, to), of the account as of `as_of`: what is recorded, and
// the activations and expiries that fell due but are not. Without a `to` before `as_of` the last line's balance is
// GetPointsBalance's. The balances include what occurred before `from`: each page is folded from the account's first
// movement. Pages of one listing may use an as_of that grows; a movement that is recorded between two pages, having
// been due on the first, is listed once. Requires: page_size > 0. Errors: also INVALID_ARGUMENT (kInvalidToken).
absl::StatusOr<PointsStatementPage> ListPointsStatement(const store::TableReader& rows, std::string_view account_id,
                                                        Micros from, Micros to, Micros as_of, size_t page_size,
                                                        std::string_view continuation);

enum class TransferState { kSent, kCompleted, kReturned };

// A transfer that the account sent.
struct PointsTransfer {
  TransferState state = TransferState::kSent;
  std::string to_account_id;
  int64_t points = 0;
  std::string reason;
  Micros occurred = 0;
  Micros recorded = 0;
  // Of one that has ended.
  std::optional<Micros> end_recorded;
  // Of one that returned.
  std::string refusal;
};

// Errors: also NOT_FOUND (kTransferNotFound). Cost: two rows.
absl::StatusOr<PointsTransfer> GetPointsTransfer(const store::TableReader& rows, std::string_view account_id,
                                                 std::string_view transfer_id);

struct ExpiryEntry {
  Micros expire = 0;
  // Available and pending, more than zero.
  int64_t points = 0;

  bool operator==(const ExpiryEntry&) const = default;
};

struct ExpirySchedule {
  // By time, one entry a moment, none before as_of.
  std::vector<ExpiryEntry> entries;
  // Points that never expire.
  int64_t never = 0;
};

absl::StatusOr<ExpirySchedule> GetPointsExpirySchedule(const store::TableReader& rows, std::string_view account_id,
                                                       Micros as_of);

}  // namespace keyledger::projections
