// AccountHistory: all that the rows of the projection "retention" hold of one account, as of a moment and as known at
// one; and HistoryScan, which visits the accounts of all shards one after the other.
//
// Every figure of RetentionService and PortfolioService is computed from histories: what is late, out of order or
// reversed is in its place in them.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>

#include "keyledger/events/v1/owner.pb.h"
#include "keyledger/events/v1/relation.pb.h"
#include "server/base/calendar.h"
#include "server/base/clock.h"
#include "server/store/table.h"

namespace keyledger::projections {

// A purchase or return, without its lines.
struct HistoryTrade {
  bool is_return = false;
  Micros occurred = 0;
  // Sums of the lines, zero or more.
  int64_t micros = 0;
  int64_t cost_micros = 0;
  int64_t units = 0;
};

// What a cost was for. The first three are CostRecorded.
enum class CostKind : uint8_t {
  kAcquisition = 1,
  kRetention = 2,
  kService = 3,
  kServiceProvided = 4,
  kGift = 5,
  kCommission = 6,
  // Of an interaction.
  kInteraction = 7,
};

struct HistoryCost {
  CostKind kind = CostKind::kService;
  Micros occurred = 0;
  int64_t micros = 0;
};

struct HistorySurvey {
  Micros occurred = 0;
  events::v1::SurveyKind kind = events::v1::SURVEY_KIND_UNSPECIFIED;
  int32_t score = 0;
};

struct HistoryBudget {
  Micros occurred = 0;
  Micros start = 0;
  Micros end = 0;
  events::v1::BudgetBasis basis = events::v1::BUDGET_BASIS_UNSPECIFIED;
  int64_t micros = 0;
  std::string category;
};

struct HistorySupplierRank {
  Micros occurred = 0;
  int32_t place_halves = 0;
  int32_t suppliers = 0;
};

// Region, segment: the value from that moment on; empty: none.
struct HistoryValue {
  Micros occurred = 0;
  std::string value;
};

// Who is responsible from that moment on, whatever event says so; empty: nobody.
struct HistoryOwner {
  Micros occurred = 0;
  std::string value;
  // Why whoever had it before has it no longer. Unspecified where the event has no such reason.
  events::v1::OwnerChangeReason reason = events::v1::OWNER_CHANGE_REASON_UNSPECIFIED;
};

// A tier or stage from that moment on; `ladder_id` is the lifecycle's of a stage.
struct HistoryStanding {
  Micros occurred = 0;
  std::string ladder_id;
  std::string value;
};

struct HistoryClub {
  Micros occurred = 0;
  std::string club_id;
  bool joined = false;
};

struct HistoryMove {
  Micros occurred = 0;
  events::v1::CompetitorMoveKind kind = events::v1::COMPETITOR_MOVE_KIND_UNSPECIFIED;
  std::string competitor;
};

struct HistoryContract {
  // kAmended: the end was agreed anew, which is no renewal.
  enum class Step : uint8_t { kSigned = 1, kRenewed = 2, kEnded = 3, kAmended = 4 };
  Step step = Step::kSigned;
  Micros occurred = 0;
  std::string contract_id;
  // Of a contract signed; the end of one renewed or amended, too.
  Micros start = 0;
  Micros end = 0;
  std::string kind;
  // Of one that ended.
  events::v1::ContractEnding ending = events::v1::CONTRACT_ENDING_UNSPECIFIED;
};

struct HistoryLife {
  enum class Step : uint8_t { kOpened = 1, kClosed = 2, kReopened = 3 };
  Step step = Step::kOpened;
  Micros occurred = 0;
};

struct HistoryReferral {
  Micros occurred = 0;
  // The one that stands for it, if it was merged.
  std::string referrer_account_id;
  std::string lead_source;
};

// One account, with those that were merged into it: what happened on them, when it did; of what they were, region,
// segment and owner from before it was opened itself; their contracts as "<account_id>:<contract_id>"; no tiers.
// Every list but that of contracts is in order of occurred_time, then position, and holds only what is in scope. What
// is known not to have been so (FactRetracted) is in none, whatever moment is asked for.
struct AccountHistory {
  std::string account_id;
  // Of the scope's currency.
  std::vector<HistoryTrade> trades;
  std::vector<HistoryCost> costs;
  std::vector<HistorySurvey> surveys;
  std::vector<HistoryBudget> budgets;
  std::vector<HistorySupplierRank> supplier_ranks;
  std::vector<HistoryValue> regions;
  std::vector<HistoryValue> segments;
  std::vector<HistoryOwner> owners;
  std::vector<HistoryStanding> tiers;
  std::vector<HistoryStanding> stages;
  std::vector<HistoryClub> clubs;
  std::vector<HistoryMove> moves;
  // In order of position: which contract runs, and what a step means to it, the ledger decided in that order.
  std::vector<HistoryContract> contracts;
  std::vector<HistoryLife> life;
  std::vector<HistoryReferral> referrals;

  // The latest value; empty if none.
  std::string_view region() const { return regions.empty() ? std::string_view() : regions.back().value; }
  std::string_view segment() const { return segments.empty() ? std::string_view() : segments.back().value; }
  std::string_view owner() const { return owners.empty() ? std::string_view() : owners.back().value; }
  // The latest tier on the ladder; empty if none.
  std::string_view tier(std::string_view ladder_id) const;
  bool is_member(std::string_view club_id) const;
  bool is_closed() const { return !life.empty() && life.back().step == HistoryLife::Step::kClosed; }
  // First and last purchase, of any amount; nothing if there is none.
  std::optional<Micros> first_purchase() const;
  std::optional<Micros> last_purchase() const;
};

enum class RevenueBasis { kGross, kNet };

// Which accounts: all conditions must hold of the account's latest values in scope; an empty one holds always.
struct PopulationFilter {
  // Matches itself and everything below it.
  std::string region;
  std::string segment;
  std::string owner;
  // On whatever ladder.
  std::string tier_id;
  std::string club_id;

  bool matches_all() const {
    return region.empty() && segment.empty() && owner.empty() && tier_id.empty() && club_id.empty();
  }
};

// What is looked at.
struct RetentionScope {
  // Periods of queries that have them: so many units each, 1 to 366, counted from the unit that holds 1970-01-01.
  CalendarUnit unit = CalendarUnit::kMonth;
  // Zone that days and periods are counted in.
  Zone zone;
  // ISO 4217. Empty: the only currency of the trades in scope; with more than one the scan is refused and names them.
  std::string currency_code;
  RevenueBasis basis = RevenueBasis::kGross;
  // Only what occurred before this moment, was recorded before that one, and lies before the place given for its shard
  // (none given: anywhere). Where the data end without as_of: data_end.h.
  Micros as_of = std::numeric_limits<int64_t>::max();
  Micros known_at = std::numeric_limits<int64_t>::max();
  PopulationFilter filter;
  int32_t period_length = 1;
  std::vector<uint64_t> known_places;
  // Accounts that were merged are one as of this scope and as known in it. Null: in the scope itself.
  const RetentionScope* merges_of = nullptr;
  // The data end no later (data_end.h): what is not over yet is no silence.
  Micros now = std::numeric_limits<int64_t>::max();
  // Asked now and then by walks: once it says true, they end with CANCELLED. None: they go to the end.
  std::function<bool()> canceled;

  Periods periods() const { return Periods{zone, unit, period_length}; }
};

// CANCELLED once scope.canceled says so.
absl::Status CheckWanted(const RetentionScope& scope);
// How often a walk asks that.
inline constexpr uint64_t kAccountsBetweenChecks = 256;

// Revenue of a trade on the scope's basis: zero for a return where it is gross.
int64_t RevenueOf(const HistoryTrade& trade, RevenueBasis basis);

// What of the histories is wanted: the rest is not decoded, and empty. kTradesAndLife: trades, openings and closings.
enum class HistoryParts { kAll, kTradesAndLife, kTrades };

class MergedAccounts;

// Visits every account of the scope that has a row in it, in order of account_id over all shards, so that the place in
// the walk is the order by which ties are broken. With less than kAll, accounts without a trade may be left out.
// Memory: one account a shard at a time. Threads: confined to one thread.
class HistoryScan {
 public:
  // The history is the scan's own, and valid during the call.
  using Visitor = std::function<absl::Status(const AccountHistory&)>;

  // `scope` must outlive the scan.
  explicit HistoryScan(const RetentionScope& scope, HistoryParts parts = HistoryParts::kAll)
      : scope_(scope), parts_(parts), currency_(scope.currency_code) {}

  // Requires: no null reader; called once. Errors: INVALID_ARGUMENT (kInvalidField "scope.currency_code") if none is
  // given and the trades of the accounts in scope have several (nothing was visited then), DATA_LOSS (kStoreDamaged),
  // CANCELLED if the scope says so, and whatever `visit` returns, at once.
  absl::Status Run(const std::vector<const store::TableReader*>& shards, const Visitor& visit);

  // After Run, and while it runs: the currency; empty if there is no trade in scope and none was asked for.
  const std::string& currency() const { return currency_; }
  // Costs in another currency: they are in no history. Nor are budgets in another, which nobody counts.
  int64_t left_out() const { return left_out_; }

 private:
  // Finds the only currency of the trades in scope.
  absl::Status FindCurrency(const std::vector<const store::TableReader*>& shards, const MergedAccounts& merged);

  const RetentionScope& scope_;
  const HistoryParts parts_;
  std::string currency_;
  int64_t left_out_ = 0;
};

}  // namespace keyledger::projections
