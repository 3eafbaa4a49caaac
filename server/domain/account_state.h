// AccountState: everything the ledger needs to know of one account to decide its next event. A cache of the fold of its
// stream.
//
// Read next: evolve.h (how events change it), decide.h (what it is used for). Stored as storage.v1.AccountState.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>

#include "server/base/clock.h"

namespace keyledger::domain {

// A moment that never comes.
inline constexpr Micros kNever = std::numeric_limits<int64_t>::max();
// Width of a slot of the metric series. Every time zone offset in use since 1972 is a multiple of it, so local days are
// sums of whole slots.
inline constexpr Micros kMetricSlotMicros = 900 * kMicrosPerSecond;
// Slots older than this before the account's clock are dropped: 1096 days, the longest span a program may measure, and
// three days.
inline constexpr Micros kMetricHorizonMicros = 1099 * kMicrosPerDay;

// Format of the stored state. Raised whenever the fold or its encoding changes meaning: older snapshots are then
// ignored.
inline constexpr uint32_t kSnapshotFormat = 8;

inline constexpr size_t kFactsMax = 256;
inline constexpr size_t kLotsMax = 20'000;
// Contracts that may run on an account at once.
inline constexpr size_t kContractsMax = 1'000;
// People and roles other than "owner".
inline constexpr size_t kRolesHeldMax = 100;
// Items that may be open at once: of one kind, and of all kinds.
inline constexpr size_t kItemsOfKindMax = 1'000;
inline constexpr size_t kItemsMax = 5'000;
// What has an end is taken for so long after it, so that what happened before the end can still be entered.
inline constexpr Micros kItemAfterEndMicros = 400 * kMicrosPerDay;
// Accounts that may be merged into one.
inline constexpr size_t kAbsorbedMax = 100;
// Currencies an account trades in. A key account has one or two; every one costs a series.
inline constexpr size_t kCurrenciesMax = 16;
// Purchases of which something came back, whole or in part. They are kept for ever, since a purchase may be returned at
// any time and never more than was bought: beyond this, purchases that nothing has come back from can only be returned
// without naming them.
inline constexpr size_t kReturnedPurchasesMax = 20'000;

// Counts that maximums per period are held against. Those per contact are as many as contacts and periods: a fact that
// needs one more is refused.
inline constexpr size_t kCountsMax = 10'000;
// Market prices observed: the latest so many, of so long before the account's clock. Enough for the longest window.
inline constexpr size_t kMarketPricesMax = 1000;
inline constexpr Micros kMarketPriceHorizonMicros = 366 * kMicrosPerDay;

// kMerged: from AccountMerged on, unless that was returned.
enum class Lifecycle { kNone = 0, kOpen = 1, kClosed = 2, kMerged = 3 };

// A lot with points left.
struct Lot {
  // Revision of the record that created it; its name.
  uint64_t revision = 0;
  int64_t accrued = 0;
  // More than zero.
  int64_t remaining = 0;
  bool pending = false;
  // When a pending lot becomes available.
  Micros activate = 0;
  // kNever: it does not expire.
  Micros expire = kNever;
  Micros occurred = 0;
  // More than zero: it runs out after so many days without activity, and expire is kNever.
  uint32_t inactivity_days = 0;
  // When points last came back to it: what falls due of it is dated no earlier. The beginning of time: never.
  Micros restored = std::numeric_limits<int64_t>::min();
  // Of points that came with a merge: the place among AccountState.absorbed of the account on which they were earned,
  // from 1, and the lot there. 0: they were earned here, or given by another account.
  uint32_t origin = 0;
  uint64_t origin_lot = 0;

  bool operator==(const Lot&) const = default;
};

struct PointsTotals {
  int64_t accrued = 0;
  // Below zero if more came back of what an account merged into this one had spent.
  int64_t spent = 0;
  int64_t expired = 0;
  int64_t reversed = 0;
  // From and to other accounts.
  int64_t transferred_in = 0;
  int64_t transferred_out = 0;

  bool operator==(const PointsTotals&) const = default;
};

// What was bought, or what was returned, in one span.
struct MetricSums {
  int64_t micros = 0;
  int64_t cost_micros = 0;
  int64_t units = 0;
  // Purchases; of returns, those after which nothing of the purchase is left.
  int64_t count = 0;

  bool operator==(const MetricSums&) const = default;
};

// `slot` is microseconds / kMetricSlotMicros, rounded down.
struct MetricSlot {
  int64_t slot = 0;
  MetricSums sums;

  bool operator==(const MetricSlot&) const = default;
};

// Everything bought and returned in one currency: by slot within the horizon, ascending, and since the beginning.
struct MetricSeries {
  std::vector<MetricSlot> bought;
  std::vector<MetricSlot> returned;
  // Each sum stops at the largest number of 64 bits.
  MetricSums bought_ever;
  MetricSums returned_ever;

  bool operator==(const MetricSeries&) const = default;
};

struct ReturnedLine {
  uint32_t line_number = 0;
  int64_t quantity = 0;
  int64_t micros = 0;

  bool operator==(const ReturnedLine&) const = default;
};

// A purchase, as the account that it counts for knows it: the account it was recorded on, which was merged into this
// one (empty: this one), and its revision in that account's stream.
using PurchaseKey = std::pair<std::string, uint64_t>;

// What a maximum per period is held against: a name and the start of the period.
using CountKey = std::pair<std::string, Micros>;

struct PeriodCount {
  // Points, or micros of money, as what is counted says.
  int64_t amount = 0;
  int64_t times = 0;

  bool operator==(const PeriodCount&) const = default;
};

// A price at which others sell, as it was observed.
struct MarketPrice {
  // Of the record.
  uint64_t revision = 0;
  Micros occurred = 0;
  // Of one unit.
  int64_t micros = 0;
  std::string currency;
  // It speaks for this region and everything below it.
  std::string region;

  bool operator==(const MarketPrice&) const = default;
};

// Points held of a lot, which may be empty and gone by now.
struct HeldPoints {
  Lot lot;
  int64_t points = 0;

  bool operator==(const HeldPoints&) const = default;
};

// Points taken out of their lots for a while, with the counts they were added to.
struct Holding {
  Micros occurred = 0;
  // In the order in which they are spent.
  std::vector<HeldPoints> held;
  std::vector<CountKey> counts;

  int64_t points() const;
  bool operator==(const Holding&) const = default;
};

// An open reservation.
struct Reservation : Holding {
  Micros hold_until = 0;

  bool operator==(const Reservation&) const = default;
};

// Points in transit to another account.
struct OpenTransfer : Holding {
  // Revision of the record that sent them.
  uint64_t sent_revision = 0;

  bool operator==(const OpenTransfer&) const = default;
};

struct TierStanding {
  std::string ladder_id;
  std::string tier_id;
  Micros since = 0;
  // The review that started the latest grace period since then, and the end of that period. kNever: there was none.
  Micros grace_review = 0;
  Micros grace_until = kNever;

  bool operator==(const TierStanding&) const = default;
};

// A tier fixed by a person. Kept when it has run out: what the account earned meanwhile it is given at the next look.
struct TierLock {
  // Empty: there was none, or it was taken off.
  std::string ladder_id;
  // Exclusive; kNever: open.
  Micros until = kNever;

  bool operator==(const TierLock&) const = default;
};

// Where an account stands in a lifecycle.
struct StageStanding {
  std::string stage_id;
  Micros since = 0;

  bool operator==(const StageStanding&) const = default;
};

// A contract that runs.
struct Contract {
  // End of the term, which may be past.
  Micros end = 0;
  // A breach is not settled.
  bool breached = false;

  bool operator==(const Contract&) const = default;
};

// A role other than "owner" that one of our people has.
struct RoleHeld {
  // In our house, 1 the highest; 0: not stated.
  uint32_t rank = 0;
  Micros since = 0;

  bool operator==(const RoleHeld&) const = default;
};

// What goes through states; see items.h. The numbers are stored.
enum class ItemKind : uint8_t {
  kInteraction = 1,
  kOpportunity = 2,
  kQuote = 3,
  kIssue = 4,
  kPlan = 5,
  kPromise = 6,
  kEntitlement = 7,
  kObligation = 8,
  kLoan = 9,
  kCommission = 10,
  kHandover = 11,
  kOrder = 12,
  kSanction = 13,
  // Not among AccountState.items: contracts have a place of their own.
  kContract = 14,
};

// An item that is open: what its next steps are decided by.
struct OpenItem {
  // Of its kind's machine.
  uint8_t state = 0;
  // Clearances of a quote and whether its payment was seen; see items.h.
  uint32_t marks = 0;
  // Discount of a quote in thousandths of a percent, what is left of an entitlement or a loan, micros of a commission.
  int64_t amount = 0;
  // Currency of a commission's amount.
  std::string currency;
  // Proposer of a quote, contact of a commission.
  std::string who;
  // Validity; kNever: no end. Start of a quote is the latest time of an offer of it, its proposal or a revision.
  Micros start = std::numeric_limits<int64_t>::min();
  Micros end = kNever;

  bool operator==(const OpenItem&) const = default;
};

// The account ends in another. No id: it does not.
struct Merge {
  std::string into_account_id;
  // What it was before.
  Lifecycle lifecycle = Lifecycle::kNone;
  // The other has everything.
  bool completed = false;

  bool operator==(const Merge&) const = default;
};

// The fold of one account's stream. A value: copy it to try something out.
// Invariant: the lots' remaining points, the reserved ones and those in transit sum to accrued + transferred_in - spent
// - transferred_out - expired - reversed + debt; and accrued + transferred_in - (spent, where that is below zero) fits
// in 64 bits, so that every other sum does.
struct AccountState {
  // Number of records folded: the next record gets this revision. 0: no such account.
  uint64_t next_revision = 0;
  Lifecycle lifecycle = Lifecycle::kNone;
  Micros open_time = 0;
  // Latest business time (occurred_time) of any record.
  Micros clock = std::numeric_limits<int64_t>::min();
  std::string display_name;
  std::string region;
  std::string segment;
  std::string owner;
  std::map<std::string, std::string> facts;
  int64_t purchase_count = 0;
  Micros last_purchase = std::numeric_limits<int64_t>::min();
  // By revision.
  std::vector<Lot> lots;
  PointsTotals totals;
  // By currency.
  std::map<std::string, MetricSeries> metrics;
  // Lines by number.
  std::map<PurchaseKey, std::vector<ReturnedLine>> returned;
  TierStanding tier;
  TierLock tier_lock;
  // Latest purchase, redemption, or placing or capturing of a reservation.
  Micros last_activity = std::numeric_limits<int64_t>::min();
  // Of periods that began within the metric horizon.
  std::map<CountKey, PeriodCount> counts;
  // Points owed. Every lot is empty while there are any.
  int64_t debt = 0;
  // Open ones by id.
  std::map<std::string, Reservation> reservations;
  // Sent and not at their end, by id.
  std::map<std::string, OpenTransfer> transfers;
  // By sku; of one sku by time, then revision. Never more than kMarketPricesMax in all; those older than the horizon
  // may still be among them, and count for nothing.
  std::map<std::string, std::vector<MarketPrice>> market_prices;
  // By ladder_id: every lifecycle the account has begun, also those its program no longer has.
  std::map<std::string, StageStanding> stages;
  // Contracts that run, by contract_id.
  std::map<std::string, Contract> contracts;
  // By role, then person.
  std::map<std::pair<std::string, std::string>, RoleHeld> roles;
  // Open ones by kind and id. Never more than kItemsMax.
  std::map<std::pair<ItemKind, std::string>, OpenItem> items;
  Merge merge;
  // Accounts merged into this one, in the order in which they came; never more than kAbsorbedMax.
  std::vector<std::string> absorbed;

  bool operator==(const AccountState&) const = default;

  int64_t available_points() const;
  int64_t pending_points() const;
  int64_t reserved_points() const;
  int64_t points_in_transit() const;
  // The place of the account among `absorbed`, from 1; 0: it was not merged into this one.
  uint32_t PlaceAmongAbsorbed(std::string_view account_id) const;
  bool has_absorbed(std::string_view account_id) const { return PlaceAmongAbsorbed(account_id) > 0; }
  // When the lot runs out if nothing else happens; kNever: it does not.
  Micros ExpiryOf(const Lot& lot) const;
  // Approximate bytes of memory it takes, for cache accounting.
  size_t ApproximateBytes() const;
};

// Serializes to storage.v1.AccountState. Requires: state.next_revision > 0.
std::string EncodeState(const AccountState& state);
// Errors: DATA_LOSS (kStoreDamaged) if unreadable or of another format; the caller then folds the stream from its
// beginning.
absl::StatusOr<AccountState> DecodeState(std::string_view bytes);

}  // namespace keyledger::domain
