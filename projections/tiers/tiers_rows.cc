#include "projections/tiers/tiers_rows.h"

#include "projections/engine/row_key.h"
#include "server/base/codec.h"

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

void EncodeTierAccount(Micros open_time, std::string& value) {
  value.clear();
  PutOrdered64(value, open_time);
}

std::optional<Micros> DecodeTierAccount(std::string_view value) {
  Micros open_time = 0;
  if (!GetOrdered64(value, open_time) || !value.empty()) return std::nullopt;
  return open_time;
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

}  // namespace keyledger::projections
