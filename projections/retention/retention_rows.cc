#include "projections/retention/retention_rows.h"

#include <fmt/format.h>

#include "projections/engine/row_key.h"
#include "server/base/codec.h"
#include "server/base/error.h"

namespace keyledger::projections {
namespace {

// Of the byte after the step of a row 'A'.
constexpr uint8_t kHasRegion = 1;
constexpr uint8_t kHasSegment = 2;
constexpr uint8_t kHasOwner = 4;

void PutByte(std::string& out, uint8_t byte) { out.push_back(static_cast<char>(byte)); }

bool TakeByte(std::string_view& in, uint8_t byte_max, uint8_t& byte) {
  if (in.empty()) return false;
  byte = static_cast<uint8_t>(in[0]);
  in.remove_prefix(1);
  return byte <= byte_max;
}

// An enumerator from 1 to `last`.
template <class Enum>
bool TakeEnum(std::string_view& in, Enum last, Enum& out) {
  uint8_t byte = 0;
  if (!TakeByte(in, static_cast<uint8_t>(last), byte) || byte == 0) return false;
  out = static_cast<Enum>(byte);
  return true;
}

void PutUnsigned(std::string& out, int64_t value) { PutVarint64(out, static_cast<uint64_t>(value)); }

// A number of zero or more.
template <class Integer>
bool TakeUnsigned(std::string_view& in, Integer& value) {
  uint64_t read = 0;
  if (!GetVarint64(in, read) || read > static_cast<uint64_t>(std::numeric_limits<Integer>::max())) return false;
  value = static_cast<Integer>(read);
  return true;
}

bool TakeOptional(std::string_view& in, bool there, std::optional<std::string_view>& text) {
  if (!there) return true;
  return GetSized(in, text.emplace());
}

bool TakeOwner(std::string_view& in, OwnerChange& owner) {
  uint8_t reason = 0;
  if (!GetSized(in, owner.owner) || !GetSized(in, owner.only_from) ||
      !TakeByte(in, events::v1::OwnerChangeReason_MAX, reason)) {
    return false;
  }
  owner.reason = static_cast<events::v1::OwnerChangeReason>(reason);
  return true;
}

}  // namespace

absl::Status UnreadableRow(std::string_view account_id) {
  return MakeError(
      Reason::kStoreDamaged,
      fmt::format("a row of projection retention for account {} is unreadable; rebuild the projection", account_id));
}

void StartRow(std::string_view account_id, char tag, const RowTimes& times, std::string& key, std::string& value) {
  StartRowKey(key, account_id, tag);
  PutOrdered64(key, times.occurred);
  PutBigEndian64(key, times.position);
  value.clear();
  PutSignedVarint64(value, times.recorded - times.occurred);
}

bool TakeRowTimes(std::string_view rest, std::string_view& value, RowTimes& times) {
  int64_t delay = 0;
  return GetOrdered64(rest, times.occurred) && GetBigEndian64(rest, times.position) && rest.empty() &&
         GetSignedVarint64(value, delay) && !__builtin_add_overflow(times.occurred, delay, &times.recorded);
}

void PutRetracted(uint64_t position, std::string& value) { PutVarint64(value, position); }

bool TakeRetracted(std::string_view value, uint64_t& position) { return GetVarint64(value, position) && value.empty(); }

void PutAccountChange(const AccountChange& change, std::string& value) {
  PutByte(value, change.step.has_value() ? static_cast<uint8_t>(*change.step) : 0);
  PutByte(value, static_cast<uint8_t>((change.region.has_value() ? kHasRegion : 0) |
                                      (change.segment.has_value() ? kHasSegment : 0) |
                                      (change.owner.has_value() ? kHasOwner : 0)));
  if (change.region.has_value()) PutSized(value, *change.region);
  if (change.segment.has_value()) PutSized(value, *change.segment);
  if (!change.owner.has_value()) return;
  PutSized(value, change.owner->owner);
  PutSized(value, change.owner->only_from);
  PutByte(value, static_cast<uint8_t>(change.owner->reason));
}

bool TakeAccountChange(std::string_view value, AccountChange& change) {
  uint8_t step = 0;
  uint8_t has = 0;
  if (!TakeByte(value, static_cast<uint8_t>(HistoryLife::Step::kReopened), step) ||
      !TakeByte(value, kHasRegion | kHasSegment | kHasOwner, has)) {
    return false;
  }
  if (step != 0) change.step = static_cast<HistoryLife::Step>(step);
  return TakeOptional(value, (has & kHasRegion) != 0, change.region) &&
         TakeOptional(value, (has & kHasSegment) != 0, change.segment) &&
         ((has & kHasOwner) == 0 || TakeOwner(value, change.owner.emplace())) && value.empty();
}

void PutBudget(const HistoryBudget& budget, std::string_view currency_code, std::string& value) {
  PutSized(value, currency_code);
  PutSignedVarint64(value, budget.start);
  PutSignedVarint64(value, budget.end);
  PutByte(value, static_cast<uint8_t>(budget.basis));
  PutUnsigned(value, budget.micros);
  PutSized(value, budget.category);
}

bool TakeBudget(std::string_view value, HistoryBudget& budget, std::string_view& currency_code) {
  return GetSized(value, currency_code) && GetSignedVarint64(value, budget.start) &&
         GetSignedVarint64(value, budget.end) && TakeEnum(value, events::v1::BudgetBasis_MAX, budget.basis) &&
         TakeUnsigned(value, budget.micros) && GetSized(value, budget.category) && value.empty();
}

void PutCost(const HistoryCost& cost, std::string_view currency_code, std::string& value) {
  PutSized(value, currency_code);
  PutByte(value, static_cast<uint8_t>(cost.kind));
  PutUnsigned(value, cost.micros);
}

bool TakeCost(std::string_view value, HistoryCost& cost, std::string_view& currency_code) {
  return GetSized(value, currency_code) && TakeEnum(value, CostKind::kInteraction, cost.kind) &&
         TakeUnsigned(value, cost.micros) && value.empty();
}

void PutStanding(const StandingChange& change, std::string& value) {
  PutByte(value, change.is_stage ? 1 : 0);
  PutSized(value, change.ladder_id);
  PutSized(value, change.value);
}

bool TakeStanding(std::string_view value, StandingChange& change) {
  uint8_t is_stage = 0;
  if (!TakeByte(value, 1, is_stage)) return false;
  change.is_stage = is_stage == 1;
  return GetSized(value, change.ladder_id) && GetSized(value, change.value) && value.empty();
}

void PutContract(const HistoryContract& contract, std::string& value) {
  PutByte(value, static_cast<uint8_t>(contract.step));
  PutSized(value, contract.contract_id);
  PutSignedVarint64(value, contract.start);
  PutSignedVarint64(value, contract.end);
  PutSized(value, contract.kind);
  PutByte(value, static_cast<uint8_t>(contract.ending));
}

bool TakeContract(std::string_view value, HistoryContract& contract) {
  uint8_t ending = 0;
  if (!TakeEnum(value, HistoryContract::Step::kAmended, contract.step) || !GetSized(value, contract.contract_id) ||
      !GetSignedVarint64(value, contract.start) || !GetSignedVarint64(value, contract.end) ||
      !GetSized(value, contract.kind) || !TakeByte(value, events::v1::ContractEnding_MAX, ending) || !value.empty()) {
    return false;
  }
  contract.ending = static_cast<events::v1::ContractEnding>(ending);
  return true;
}

void PutClub(const HistoryClub& club, std::string& value) {
  PutByte(value, club.joined ? 1 : 0);
  PutSized(value, club.club_id);
}

bool TakeClub(std::string_view value, HistoryClub& club) {
  uint8_t joined = 0;
  if (!TakeByte(value, 1, joined)) return false;
  club.joined = joined == 1;
  return GetSized(value, club.club_id) && value.empty();
}

void PutMove(const HistoryMove& move, std::string& value) {
  PutByte(value, static_cast<uint8_t>(move.kind));
  PutSized(value, move.competitor);
}

bool TakeMove(std::string_view value, HistoryMove& move) {
  return TakeEnum(value, events::v1::CompetitorMoveKind_MAX, move.kind) && GetSized(value, move.competitor) &&
         value.empty();
}

void PutReferral(const HistoryReferral& referral, std::string& value) {
  PutSized(value, referral.referrer_account_id);
  PutSized(value, referral.lead_source);
}

bool TakeReferral(std::string_view value, HistoryReferral& referral) {
  return GetSized(value, referral.referrer_account_id) && GetSized(value, referral.lead_source) && value.empty();
}

void PutTrade(const HistoryTrade& trade, std::string_view currency_code, std::string& value) {
  PutByte(value, trade.is_return ? 1 : 0);
  PutSized(value, currency_code);
  PutUnsigned(value, trade.micros);
  PutUnsigned(value, trade.cost_micros);
  PutUnsigned(value, trade.units);
}

bool TakeTrade(std::string_view value, HistoryTrade& trade, std::string_view& currency_code) {
  uint8_t is_return = 0;
  if (!TakeByte(value, 1, is_return) || !GetSized(value, currency_code)) return false;
  trade.is_return = is_return == 1;
  return TakeUnsigned(value, trade.micros) && TakeUnsigned(value, trade.cost_micros) &&
         TakeUnsigned(value, trade.units) && value.empty();
}

void PutSupplierRank(const HistorySupplierRank& rank, std::string& value) {
  PutUnsigned(value, rank.place_halves);
  PutUnsigned(value, rank.suppliers);
}

bool TakeSupplierRank(std::string_view value, HistorySupplierRank& rank) {
  return TakeUnsigned(value, rank.place_halves) && TakeUnsigned(value, rank.suppliers) && value.empty();
}

void PutSurvey(const HistorySurvey& survey, std::string& value) {
  PutByte(value, static_cast<uint8_t>(survey.kind));
  PutUnsigned(value, survey.score);
}

bool TakeSurvey(std::string_view value, HistorySurvey& survey) {
  return TakeEnum(value, events::v1::SurveyKind_MAX, survey.kind) && TakeUnsigned(value, survey.score) && value.empty();
}

}  // namespace keyledger::projections
