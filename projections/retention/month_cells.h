// Month cells: sums over accounts by calendar month in UTC and currency, kept by the fold, so that the usual question
// (who stayed, month by month) is answered without looking at the accounts.
//
// Three kinds of row stand behind them. Their keys begin with a zero byte, which no account's does; an id or a currency
// ends with a zero byte, a month is 4 bytes, ordered.
//
//   0 'A' account 0 currency 0      what the account did, month by month
//   0 'C' currency 0 month cohort   in the month, the accounts that had bought first in the other
//   0 'U' currency 0                accounts that are in no cell
//
// The cells are a function of the trades alone, in whatever order they came: a purchase from before an account's first
// takes all its months from one cohort to another, and a cell in which nothing is left is deleted.
//
// An account that traded in more than kAccountMonthsMax months of one currency is taken out of the cells and counted
// under 'U', so that a row has an end; queries in that currency then look at the accounts.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "projections/engine/projection.h"
#include "projections/retention/history.h"
#include "server/base/checked.h"
#include "server/store/table.h"

namespace keyledger::projections {

inline constexpr size_t kAccountMonthsMax = 1200;

// The first key that can be an account's.
inline constexpr std::string_view kFirstAccountKey = "\x01";

// Cohort of accounts that had not bought by the end of the month.
inline constexpr int64_t kNoCohort = std::numeric_limits<int32_t>::max();

// What accounts of one cohort did in a month, or sums of that.
struct MonthCell {
  // With a purchase.
  int64_t active = 0;
  // Of them: with one in the month before.
  int64_t retained = 0;
  int64_t purchases = 0;
  // Purchases and returns.
  int64_t trades = 0;
  Int128 gross_micros = 0;
  Int128 net_micros = 0;
  // Net revenue of those with a purchase.
  Int128 active_net_micros = 0;
  // Against the month before, as in RetentionPeriodRow, on each basis.
  Int128 nrr_gross_micros = 0;
  Int128 nrr_net_micros = 0;
  Int128 grr_gross_micros = 0;
  Int128 grr_net_micros = 0;

  // Adds the other, or takes it off.
  void Add(const MonthCell& other);
  void Subtract(const MonthCell& other);
  bool operator==(const MonthCell&) const = default;
};

// Counts a trade of the account into the cells. Errors: DATA_LOSS (kStoreDamaged).
absl::Status CountTrade(std::string_view account_id, std::string_view currency_code, const HistoryTrade& trade,
                        Rows& rows);

// What the readers' cells hold of the months before number `end`. Errors: DATA_LOSS (kStoreDamaged).
struct CellCurrencies {
  std::set<std::string> currencies;
  // Those of them in which there are accounts that are in no cell, whenever these traded.
  std::set<std::string> incomplete;
};
absl::StatusOr<CellCurrencies> ListCellCurrencies(const std::vector<const store::TableReader*>& shards, int64_t end);

// Calls `visit` with month, cohort and cell: shard by shard, each in order of months, until it returns false.
absl::Status ReadMonthCells(const std::vector<const store::TableReader*>& shards, std::string_view currency_code,
                            int64_t end, const std::function<bool(int64_t, int64_t, const MonthCell&)>& visit);

}  // namespace keyledger::projections
