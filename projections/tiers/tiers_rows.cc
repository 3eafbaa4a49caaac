#include "projections/tiers/tiers_rows.h"

#include <algorithm>

#include <fmt/format.h>

#include "projections/engine/row_key.h"
#include "server/base/codec.h"
#include "server/base/error.h"

namespace keyledger::projections {

namespace {

void PutEvidence(std::string& value, const std::vector<events::v1::ConditionEvidence>& evidence) {
  PutVarint64(value, evidence.size());
  for (const events::v1::ConditionEvidence& one : evidence) PutSized(value, one.SerializeAsString());
}

bool GetEvidence(std::string_view& value, std::vector<events::v1::ConditionEvidence>& evidence) {
  uint64_t size = 0;
  // Each takes a byte at least.
  if (!GetVarint64(value, size) || size > value.size()) return false;
  evidence.clear();
  for (; size > 0; --size) {
    std::string bytes;
    if (!GetSized(value, bytes) || !evidence.emplace_back().ParseFromString(bytes)) return false;
  }
  return true;
}

}  // namespace

void EncodeTierAccount(Micros moment, std::string& value) {
  value.clear();
  PutOrdered64(value, moment);
}

std::optional<Micros> DecodeTierAccount(std::string_view value) {
  Micros moment = 0;
  if (!GetOrdered64(value, moment) || !value.empty()) return std::nullopt;
  return moment;
}

absl::StatusOr<Micros> FindTierMerge(const store::TableReader& rows, std::string_view account_id) {
  std::string key;
  StartRowKey(key, account_id, kTierMergeTag);
  KL_ASSIGN_OR_RETURN(const std::optional<std::string> row, rows.Get(key));
  if (!row.has_value()) return domain::kNever;
  const std::optional<Micros> merged = DecodeTierAccount(*row);
  if (!merged.has_value()) return DamagedTierRow(account_id);
  return *merged;
}

void EncodeTierAssignment(const TierHolding& holding, std::string& value) {
  value.clear();
  PutOrdered64(value, holding.since);
  PutVarint64(value, static_cast<uint64_t>(holding.reason));
  PutVarint64(value, holding.program_version);
  PutSized(value, holding.program_id);
  PutSized(value, holding.ladder_id);
  PutSized(value, holding.tier_id);
  PutSized(value, holding.previous_tier_id);
  PutEvidence(value, holding.met);
  PutEvidence(value, holding.missed);
  PutSized(value, holding.review_id);
}

bool DecodeTierAssignment(std::string_view value, TierHolding& holding) {
  uint64_t reason = 0;
  uint64_t version = 0;
  if (!GetOrdered64(value, holding.since) || !GetVarint64(value, reason) || !GetVarint64(value, version) ||
      !GetSized(value, holding.program_id) || !GetSized(value, holding.ladder_id) ||
      !GetSized(value, holding.tier_id) || !GetSized(value, holding.previous_tier_id) ||
      !GetEvidence(value, holding.met) || !GetEvidence(value, holding.missed) || !GetSized(value, holding.review_id) ||
      !value.empty()) {
    return false;
  }
  holding.reason = static_cast<events::v1::TierAssignmentReason>(reason);
  holding.program_version = static_cast<uint32_t>(version);
  return true;
}

void EncodeStage(const StageStay& stay, std::string& value) {
  value.clear();
  PutOrdered64(value, stay.since);
  PutVarint64(value, stay.alternative);
  PutVarint64(value, stay.program_version);
  PutSized(value, stay.program_id);
  PutSized(value, stay.ladder_id);
  PutSized(value, stay.stage_id);
  PutSized(value, stay.previous_stage_id);
  PutEvidence(value, stay.met);
}

bool DecodeStage(std::string_view value, StageStay& stay) {
  uint64_t alternative = 0;
  uint64_t version = 0;
  if (!GetOrdered64(value, stay.since) || !GetVarint64(value, alternative) || !GetVarint64(value, version) ||
      !GetSized(value, stay.program_id) || !GetSized(value, stay.ladder_id) || !GetSized(value, stay.stage_id) ||
      !GetSized(value, stay.previous_stage_id) || !GetEvidence(value, stay.met) || !value.empty()) {
    return false;
  }
  stay.alternative = static_cast<uint32_t>(alternative);
  stay.program_version = static_cast<uint32_t>(version);
  return true;
}

bool ReadStage(std::string_view rest, std::string_view value, StageEnds& ends, StageStay& stay) {
  if (!GetBigEndian64(rest, stay.revision) || !rest.empty() || !DecodeStage(value, stay)) return false;
  Micros& end = ends.try_emplace(stay.ladder_id, stay.since).first->second;
  end = std::max(end, stay.since);
  stay.since = end;
  return true;
}

absl::Status CheckTierAccount(const store::TableReader& rows, std::string_view account_id) {
  std::string key;
  StartRowKey(key, account_id, kTierAccountTag);
  KL_ASSIGN_OR_RETURN(const std::optional<std::string> account, rows.Get(key));
  if (account.has_value()) return absl::OkStatus();
  return MakeError(Reason::kAccountNotFound, fmt::format("there is no account \"{}\"", account_id));
}

absl::Status DamagedTierRow(std::string_view account_id) {
  return MakeError(
      Reason::kStoreDamaged,
      fmt::format("a row of projection tiers for account {} is unreadable; rebuild the projection", account_id));
}

}  // namespace keyledger::projections
