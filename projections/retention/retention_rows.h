// Rows of the projection "retention".
//
// Of accounts, one row an event, only ever added. Key: the account, a tag, occurred_time (8 bytes, ordered), position
// (8 bytes, big-endian). Value: record_time less occurred_time (signed varint), then what the tag says. Late events and
// events out of order need nothing more: they sort to their place, and carry when they became known.
//
//   '!'  record that is retracted; before all others          'A'  opened, closed, reopened; region, segment, owner
//   'B'  budget                                               'O'  competitor's move
//   'C'  cost; services, gifts, commissions, interactions     'R'  referral
//   'H'  tier or stage                                        'T'  purchase or return, without its lines
//   'K'  contract signed, renewed, amended or ended           'U'  place among the suppliers
//   'M'  club joined or left                                  'V'  answer to a survey
//
// Of months, sums beside them, and of merges who ended in whom; their keys begin with a zero byte, so that they are no
// account's: see month_cells.h and merged_accounts.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "projections/engine/owner_change.h"
#include "projections/retention/history.h"
#include "server/base/clock.h"

namespace keyledger::projections {

inline constexpr char kRetractedTag = '!';
inline constexpr char kAccountTag = 'A';
inline constexpr char kBudgetTag = 'B';
inline constexpr char kCostTag = 'C';
inline constexpr char kHeldTag = 'H';
inline constexpr char kContractTag = 'K';
inline constexpr char kClubTag = 'M';
inline constexpr char kMoveTag = 'O';
inline constexpr char kReferralTag = 'R';
inline constexpr char kTradeTag = 'T';
inline constexpr char kSupplierRankTag = 'U';
inline constexpr char kSurveyTag = 'V';

// Where a row stands on both axes of time and in the log.
struct RowTimes {
  Micros occurred = 0;
  Micros recorded = 0;
  uint64_t position = 0;
};

// Makes `key` that of a row, and `value` its beginning.
void StartRow(std::string_view account_id, char tag, const RowTimes& times, std::string& key, std::string& value);
// Takes the part of a key after the tag, and the beginning of the value, off. Returns false if they are damaged, as do
// all that follow.
bool TakeRowTimes(std::string_view rest, std::string_view& value, RowTimes& times);

// What a row 'A' says. Views are into the value.
struct AccountChange {
  std::optional<HistoryLife::Step> step;
  std::optional<std::string_view> region;
  std::optional<std::string_view> segment;
  std::optional<OwnerChange> owner;
};

// A row 'H': a tier on a ladder, or a stage in a lifecycle.
struct StandingChange {
  bool is_stage = false;
  std::string_view ladder_id;
  std::string_view value;
};

// DATA_LOSS (kStoreDamaged): a row of the account is none of these.
absl::Status UnreadableRow(std::string_view account_id);

// Append to the value what stands after the times; `occurred` is in the key. Money comes with its currency.
// `position`: of the record that is retracted.
void PutRetracted(uint64_t position, std::string& value);
void PutAccountChange(const AccountChange& change, std::string& value);
void PutBudget(const HistoryBudget& budget, std::string_view currency_code, std::string& value);
void PutCost(const HistoryCost& cost, std::string_view currency_code, std::string& value);
void PutStanding(const StandingChange& change, std::string& value);
void PutContract(const HistoryContract& contract, std::string& value);
void PutClub(const HistoryClub& club, std::string& value);
void PutMove(const HistoryMove& move, std::string& value);
void PutReferral(const HistoryReferral& referral, std::string& value);
void PutTrade(const HistoryTrade& trade, std::string_view currency_code, std::string& value);
void PutSupplierRank(const HistorySupplierRank& rank, std::string& value);
void PutSurvey(const HistorySurvey& survey, std::string& value);

// Of a value after its times. They fill all but `occurred`.
bool TakeRetracted(std::string_view value, uint64_t& position);
bool TakeAccountChange(std::string_view value, AccountChange& change);
bool TakeBudget(std::string_view value, HistoryBudget& budget, std::string_view& currency_code);
bool TakeCost(std::string_view value, HistoryCost& cost, std::string_view& currency_code);
bool TakeStanding(std::string_view value, StandingChange& change);
bool TakeContract(std::string_view value, HistoryContract& contract);
bool TakeClub(std::string_view value, HistoryClub& club);
bool TakeMove(std::string_view value, HistoryMove& move);
bool TakeReferral(std::string_view value, HistoryReferral& referral);
bool TakeTrade(std::string_view value, HistoryTrade& trade, std::string_view& currency_code);
bool TakeSupplierRank(std::string_view value, HistorySupplierRank& rank);
bool TakeSurvey(std::string_view value, HistorySurvey& survey);

}  // namespace keyledger::projections
