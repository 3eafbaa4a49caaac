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
// Width of a slot of the spend series. Every time zone offset in use since 1972 is a multiple of it, so local days are
// sums of whole slots.
inline constexpr Micros kSpendSlotMicros = 900 * kMicrosPerSecond;
// Spend older than this before the account's clock is dropped: 1096 days, the longest window a program may name, and
// three days.
inline constexpr Micros kSpendHorizonMicros = 1099 * kMicrosPerDay;

// Format of the stored state. Raised whenever the fold or its encoding changes meaning: older snapshots are then
// ignored.
inline constexpr uint32_t kSnapshotFormat = 2;

inline constexpr size_t kFactsMax = 256;
inline constexpr size_t kLotsMax = 20'000;
// Currencies with spend within the horizon. A key account trades in one or two; every one costs a series.
inline constexpr size_t kCurrenciesMax = 16;
// Purchases of which something came back, whole or in part. They are kept for ever, since a purchase may be returned at
// any time and never more than was bought: beyond this, purchases that nothing has come back from can only be returned
// without naming them.
inline constexpr size_t kReturnedPurchasesMax = 20'000;

enum class Lifecycle { kNone = 0, kOpen = 1, kClosed = 2 };

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

  bool operator==(const Lot&) const = default;
};

struct PointsTotals {
  int64_t accrued = 0;
  int64_t spent = 0;
  int64_t expired = 0;
  int64_t reversed = 0;

  bool operator==(const PointsTotals&) const = default;
};

// Net spend in one slot. `slot` is microseconds / kSpendSlotMicros, rounded down.
struct SpendSlot {
  int64_t slot = 0;
  int64_t micros = 0;

  bool operator==(const SpendSlot&) const = default;
};

struct ReturnedLine {
  uint32_t line_number = 0;
  int64_t quantity = 0;
  int64_t micros = 0;

  bool operator==(const ReturnedLine&) const = default;
};

// What a maximum per period is held against: a name and the start of the period.
using CountKey = std::pair<std::string, Micros>;

struct PeriodCount {
  int64_t points = 0;
  int64_t times = 0;

  bool operator==(const PeriodCount&) const = default;
};

struct TierStanding {
  std::string ladder_id;
  std::string tier_id;
  Micros since = 0;

  bool operator==(const TierStanding&) const = default;
};

// The fold of one account's stream. A value: copy it to try something out.
// Invariant: the lots' remaining points sum to accrued - spent - expired - reversed.
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
  // By currency; slots ascending.
  std::map<std::string, std::vector<SpendSlot>> spend;
  // By revision of the purchase; lines by number.
  std::map<uint64_t, std::vector<ReturnedLine>> returned;
  TierStanding tier;
  // Latest purchase or redemption.
  Micros last_activity = std::numeric_limits<int64_t>::min();
  // Of periods that began within the spend horizon.
  std::map<CountKey, PeriodCount> counts;

  bool operator==(const AccountState&) const = default;

  int64_t available_points() const;
  int64_t pending_points() const;
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
