// RFM: accounts scored from 1 (worst) to 5 (best) by recency, frequency and money.
//
// Two rules for accounts with equal figures are in use, and give different counts: both are here. Recency is whole
// local days since the day of the last purchase, frequency purchases or local days with one, money the account's
// revenue on the scope's basis. Only accounts that have purchased are scored. See history.h for what is in scope.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "projections/retention/history.h"
#include "server/store/table.h"

namespace keyledger::projections {

// How accounts with equal figures are scored.
enum class RfmTies {
  // From worst to best, ties by account_id: score = floor(5 i / n) + 1 at place i from 0.
  kById,
  // score = 1 + floor(5 w / n), w accounts being strictly worse.
  kShared,
};

enum class RfmFrequency { kPurchases, kDays };

struct RfmQuestion {
  RfmTies ties = RfmTies::kById;
  RfmFrequency frequency = RfmFrequency::kPurchases;
  // Lists the accounts of this cell, "111" to "555", that come after `after` in order of account_id, `limit` at most.
  // Empty: lists none.
  std::string cell;
  std::string after;
  int limit = 0;
  // Lists this account, if it has purchased. Empty: lists none. Not together with `cell`.
  std::string account_id;
};

struct RfmCell {
  // Scores of recency, frequency and money.
  std::string cell;
  int64_t accounts = 0;
  int64_t revenue_micros = 0;
};

struct RfmAccount {
  std::string account_id;
  std::string cell;
  int64_t recency_days = 0;
  int64_t frequency = 0;
  int64_t revenue_micros = 0;
};

struct RfmTable {
  // With at least one account, in order of their names.
  std::vector<RfmCell> cells;
  int64_t accounts = 0;
  // Accounts with score 1 to 5.
  std::array<int64_t, 5> recency{};
  std::array<int64_t, 5> frequency{};
  std::array<int64_t, 5> monetary{};
  // Local day that recency is counted to: that on which the data end (data_end.h). Nothing if they have none.
  std::optional<int64_t> as_of_day;
  std::string currency_code;
  // Of the cell or account asked for.
  std::vector<RfmAccount> listed;
  // `after` of the next page; empty on the last.
  std::string continuation;
};

// Cost: one walk over the population, two where a cell is listed, and a sort; some 24 bytes an account. Requires: no
// null reader. Errors: those of HistoryScan::Run, FAILED_PRECONDITION (kArithmeticRange) if a sum leaves 64 bits.
absl::StatusOr<RfmTable> GetRfmTable(const std::vector<const store::TableReader*>& shards, const RetentionScope& scope,
                                     const RfmQuestion& question);

}  // namespace keyledger::projections
