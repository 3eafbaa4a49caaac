// EngagementHistory: what the rows of the projection "engagement" hold of one account, and of those merged into it, as
// of a moment and as known at one; and EngagementScan, which loads one account, those of a person, or all of them.
//
// Every answer of EngagementService and PipelineService is computed from histories: what is late, out of order or taken
// back is in its place in them, or gone. Read next: duties.h; item_history.h for what becomes of items.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "keyledger/events/v1/event.pb.h"
#include "keyledger/events/v1/owner.pb.h"
#include "projections/engagement/engagement_rows.h"
#include "projections/retention/history.h"
#include "server/base/clock.h"
#include "server/domain/owners.h"
#include "server/store/table.h"

namespace keyledger::projections::engagement {

inline constexpr Micros kBeginning = std::numeric_limits<int64_t>::min();
inline constexpr Micros kNoEnd = std::numeric_limits<int64_t>::max();

// A record as its row tells it: the event lacks what engagement_rows.h says no answer needs.
struct HistoryRow {
  RowTimes times;
  // Whose stream it is in: 0 the account itself, otherwise EngagementHistory::absorbed[account - 1].
  uint32_t account = 0;
  // Only rows of the timeline are marked: from everything else what was taken back is left out, but for steps of items.
  bool retracted = false;
  // events::v1::EventKind, also where only that is kept (the timeline).
  int kind = 0;
  events::v1::Event event;
};

// The steps of one item of one account, in order of position, also those taken back. An id used again after it ended is
// the same entry.
struct HistoryItem {
  uint32_t account = 0;
  // RowsOf(domain::ItemKind), kPaymentRows or kForecastRows.
  uint8_t kind = 0;
  std::string item_id;
  std::vector<HistoryRow> rows;
};

// Region, segment or name from that moment on; empty: none.
struct AttributeChange {
  Micros since = 0;
  std::string value;
};

// A declared fact or score from that moment on.
struct FactChange {
  Micros since = 0;
  bool removed = false;
  std::string value;
  // Of a score: who judged.
  std::string person;
};

// A person in a role, in [since, until).
struct RoleHeld {
  std::string role;
  std::string person;
  uint32_t rank = 0;
  Micros since = 0;
  Micros until = kNoEnd;
  // Why it ended, where that was said.
  events::v1::OwnerChangeReason end_reason = events::v1::OWNER_CHANGE_REASON_UNSPECIFIED;
};

enum class Life : uint8_t { kOpen, kClosed, kMerged };

struct LifeChange {
  Micros since = 0;
  Life life = Life::kOpen;
};

// A tier from that moment on.
struct TierHeld {
  Micros since = 0;
  std::string ladder_id;
  std::string tier_id;
};

// One account. What it is (attributes, roles, tiers, life) is its own, in the order in which the ledger took it: what
// was recorded later holds from no earlier than what it follows, as in the account's state. What happened (the lists of
// rows) is that of accounts merged into it, too, in order of occurred_time, then account, then position.
struct EngagementHistory {
  std::string account_id;
  // Accounts merged into it by the scope, in byte order; what was merged into those as well.
  std::vector<std::string> absorbed;
  // What each of them was by its own records, in the order of `absorbed`: names, regions, roles, tiers and life alone,
  // without account_id and rows.
  std::vector<EngagementHistory> pasts;

  std::vector<AttributeChange> names;
  std::vector<AttributeChange> regions;
  std::vector<AttributeChange> segments;
  // By key.
  std::map<std::string, std::vector<FactChange>, std::less<>> facts;
  // By since.
  std::vector<RoleHeld> roles;
  std::vector<LifeChange> life;
  std::vector<TierHeld> tiers;
  // Clubs it is a member of, in scope.
  std::set<std::string> clubs;
  // ReferralRecorded of the account itself.
  std::vector<HistoryRow> referrals;

  // Each is empty unless the scan was asked for it.
  std::vector<HistoryRow> contacts;
  std::vector<HistoryRow> interactions;
  // InteractionMade and HandoverAcknowledged with a next step, of each account by when that is due.
  std::vector<HistoryRow> next_steps;
  std::vector<HistoryRow> knowledge;
  std::vector<HistoryRow> trades;
  std::vector<HistoryRow> given;
  std::vector<HistoryRow> timeline;
  // By account, kind and id.
  std::vector<HistoryItem> items;

  // What held at the moment; empty where nothing did.
  std::string_view RegionAt(Micros time) const;
  std::string_view SegmentAt(Micros time) const;
  std::string_view NameAt(Micros time) const;
  // Null if there was none.
  const FactChange* FactAt(std::string_view key, Micros time) const;
  // The tier decided last, on whatever ladder; empty if none.
  std::string_view TierAt(Micros time) const;
  // Nothing before it was opened.
  std::optional<Life> LifeAt(Micros time) const;
  bool OpenAt(Micros time) const { return LifeAt(time) == Life::kOpen; }
  std::optional<Micros> opened() const;
  bool HoldsRoleAt(std::string_view person, std::string_view role, Micros time) const;
  bool HoldsAnyRoleAt(std::string_view person, Micros time) const;
  // Who had the role, in byte order.
  std::vector<std::string_view> HoldersAt(std::string_view role, Micros time) const;
  // The one in the role "owner"; empty: nobody.
  std::string_view OwnerAt(Micros time) const;

  // The account whose attributes, roles and tier tell for what happened on `account` (as in HistoryRow) at the moment:
  // until it was merged its own, then this one.
  const EngagementHistory& JudgeOf(uint32_t account, Micros time) const;

  // Account that a row is of.
  const std::string& AccountOf(uint32_t account) const { return account == 0 ? account_id : absorbed[account - 1]; }
  // How answers name a contact: two accounts that became one may both have a "buyer-1". Empty stays empty.
  std::string ContactName(uint32_t account, std::string_view contact_id) const;
};

using domain::kOwnerRole;

// What is looked at.
struct EngagementScope {
  // Only what occurred before this moment, and was recorded before that one. What was taken back by a record that was
  // itself recorded before known_at was never so.
  Micros as_of = kNoEnd;
  Micros known_at = kNoEnd;
  PopulationFilter filter;
  // Asked now and then by walks: once it says true, they end with CANCELLED. None: they go to the end.
  std::function<bool()> canceled;
};

// What of the rows is read; attributes, roles, life and tiers always are.
struct EngagementParts {
  bool contacts = false;
  bool interactions = false;
  bool next_steps = false;
  bool knowledge = false;
  bool trades = false;
  bool given = false;
  // With what was taken back, marked.
  bool timeline = false;
  bool items = false;
  // Only interactions that occurred at this moment or later; with next_steps, from the earliest of those on.
  Micros interactions_from = kBeginning;
  // Only next steps that are due at this moment or later.
  Micros next_due_from = kBeginning;
};

// Loads accounts. Memory: one account at a time, and the merges. Threads: confined to one thread.
class EngagementScan {
 public:
  // The history is the scan's own, and valid during the call.
  using Visitor = std::function<absl::Status(const EngagementHistory&)>;

  // Reads the merges. `shards` (all of the ledger, by number) and `scope` must outlive the scan.
  // Errors: DATA_LOSS (kStoreDamaged).
  static absl::StatusOr<EngagementScan> Open(const std::vector<const store::TableReader*>& shards,
                                             const EngagementScope& scope, const EngagementParts& parts);
  EngagementScan(EngagementScan&&) noexcept;
  ~EngagementScan();

  // All of these leave out accounts of which nothing is in scope, or that the filter does not let through; one that was
  // merged into another is not visited, but part of that one. Errors: DATA_LOSS (kStoreDamaged), CANCELLED if the scope
  // says so, and whatever `visit` returns, at once.
  // Visits every account in order of account_id, over all shards.
  absl::Status Walk(const Visitor& visit);
  // Those with a step of an item, a payment or a forecast, in order of account_id. Memory: their ids.
  absl::Status WalkItems(const Visitor& visit);
  // Those that the person ever had a role for, or was named on, in order of account_id. Memory: their ids.
  absl::Status WalkOwned(std::string_view person, const Visitor& visit);
  // One account; not visited if there is none.
  absl::Status Load(std::string_view account_id, const Visitor& visit);
  // One account alone, also one that was merged, without what was merged into it.
  absl::Status LoadAlone(std::string_view account_id, const Visitor& visit);

  // The account that one was merged into in the end, by the scope; empty: it was not.
  std::string_view MergedInto(std::string_view account_id) const;

 private:
  class Impl;
  explicit EngagementScan(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace keyledger::projections::engagement
