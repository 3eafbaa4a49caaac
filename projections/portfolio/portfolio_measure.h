// What the queries of the portfolio share: what an account did in a stretch of time, what it is measured by, and the
// ranking of a population that remembers places in the walk instead of ids.
//
// Read next: any query of this folder, each named by what it answers.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "projections/retention/history.h"
#include "server/base/checked.h"
#include "server/base/clock.h"
#include "server/store/table.h"

namespace keyledger::projections::portfolio {

using Shards = std::vector<const store::TableReader*>;

// Start of a stretch that has none.
inline constexpr Micros kFromTheBeginning = std::numeric_limits<int64_t>::min();
// RetentionScope.as_of where none was asked for.
inline constexpr Micros kNoAsOf = std::numeric_limits<int64_t>::max();

// What accounts are measured by.
enum class PortfolioMeasure { kRevenue, kProfit };

// What an account did from `start` (inclusive) to `end` (exclusive).
struct StretchFigures {
  int64_t purchases = 0;
  // Of the purchases: those with an amount on which no cost is recorded.
  int64_t without_cost = 0;
  // Trades and costs of any kind.
  int64_t entries = 0;
  // Purchases; the same less returns.
  int64_t gross_micros = 0;
  int64_t net_micros = 0;
  // Cost of what was sold, less that of what came back.
  int64_t goods_cost_micros = 0;
  // Costs of all kinds, and of them those of acquisition.
  int64_t serve_cost_micros = 0;
  int64_t acquisition_cost_micros = 0;
  // net less goods_cost; that less serve_cost.
  int64_t margin_micros = 0;
  int64_t profit_micros = 0;
};

// FAILED_PRECONDITION (kArithmeticRange).
absl::Status SumOutOfRange();

// Adds `more` to `sum`; returns false if the result does not fit.
inline bool AddMoney(int64_t& sum, int64_t more) { return !__builtin_add_overflow(sum, more, &sum); }

// Fills `figures`; returns false if a sum does not fit.
bool MeasureStretch(const AccountHistory& history, Micros start, Micros end, StretchFigures& figures);

// What counts of them.
int64_t MeasureOf(const StretchFigures& figures, PortfolioMeasure measure, RevenueBasis basis);

// num / den, or 0 where den is 0 or less.
inline double ShareOf(int64_t num, int64_t den) {
  return den <= 0 ? 0 : static_cast<double>(num) / static_cast<double>(den);
}

// Why there are no shares of a sum: empty as long as `lowest`, the least that an account holds, is zero or more. With
// less in it, the first few hold more than all, and Gini's coefficient leaves 0 to 1.
std::string ShareNote(PortfolioMeasure measure, int64_t lowest);

// Visits the accounts of a scope with their places in the walk: 0 for the first, in order of account_id.
using PlacedVisitor = std::function<absl::Status(uint32_t place, const AccountHistory& history)>;

// What a walk came upon.
struct WalkEnd {
  std::string currency_code;
  // Costs in another currency.
  int64_t costs_left_out = 0;
};

// A walk with other parts has other places. Errors: as HistoryScan::Run.
absl::StatusOr<WalkEnd> Walk(const Shards& shards, const RetentionScope& scope, HistoryParts parts,
                             const PlacedVisitor& visit);

// What of the histories a measure asks for.
inline HistoryParts PartsFor(PortfolioMeasure measure) {
  return measure == PortfolioMeasure::kRevenue ? HistoryParts::kTrades : HistoryParts::kAll;
}

// Walks again for the accounts at some places, and calls `visit` with the index in `places` of each; stops after the
// last. Requires: the readers, scope and parts of the walk that gave the places; none twice.
// Errors: as HistoryScan::Run.
absl::Status VisitPlaces(const Shards& shards, const RetentionScope& scope, HistoryParts parts,
                         const std::vector<uint32_t>& places,
                         const std::function<absl::Status(size_t index, const AccountHistory& history)>& visit);

// Where the data of a scope end (projections/retention/data_end.h); kFromTheBeginning if there are none.
// Errors: as FindDataEnd.
absl::StatusOr<Micros> EndOfData(const Shards& shards, const RetentionScope& scope);

// An account of a ranking: 16 bytes, whatever the length of its id.
struct RankedAccount {
  int64_t micros = 0;
  uint32_t place = 0;
};

// Highest first, ties by account_id.
void Rank(std::vector<RankedAccount>& accounts);

// Sum of what the accounts from `begin` to `end` (an index, exclusive) hold; false if it does not fit.
bool SumRanked(const std::vector<RankedAccount>& accounts, size_t begin, size_t end, int64_t& sum);

// How many of `count` accounts the first `milli` thousandths are: ceil(milli * count / 1000).
size_t EndOfShare(size_t count, int64_t milli);

// The fewest first accounts that hold `milli` thousandths of `total`; 0 where that is 0 or less. Requires: ranked;
// 0 < milli <= 1000; `total` is their sum.
size_t FewestCovering(const std::vector<RankedAccount>& accounts, int64_t total, int64_t milli);

// Class of a place (index from 0) by ascending ends: 0 for a place before the first end.
size_t ClassOf(size_t place, const std::vector<size_t>& ends);

}  // namespace keyledger::projections::portfolio
