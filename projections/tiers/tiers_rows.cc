#include "projections/tiers/tiers_rows.h"

#include "projections/engine/row_key.h"
#include "server/base/codec.h"

namespace keyledger::projections {

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
  PutSignedVarint64(value, holding.window_start);
  PutSignedVarint64(value, holding.window_end);
  PutSignedVarint64(value, holding.metric_value);
  PutSignedVarint64(value, holding.threshold);
  PutVarint64(value, holding.program_version);
  PutSized(value, holding.program_id);
  PutSized(value, holding.ladder_id);
  PutSized(value, holding.tier_id);
  PutSized(value, holding.previous_tier_id);
}

bool DecodeTierAssignment(std::string_view value, TierHolding& holding) {
  uint64_t reason = 0;
  uint64_t version = 0;
  if (!GetOrdered64(value, holding.since) || !GetVarint64(value, reason) ||
      !GetSignedVarint64(value, holding.window_start) || !GetSignedVarint64(value, holding.window_end) ||
      !GetSignedVarint64(value, holding.metric_value) || !GetSignedVarint64(value, holding.threshold) ||
      !GetVarint64(value, version) || !GetSized(value, holding.program_id) || !GetSized(value, holding.ladder_id) ||
      !GetSized(value, holding.tier_id) || !GetSized(value, holding.previous_tier_id) || !value.empty()) {
    return false;
  }
  holding.reason = static_cast<events::v1::TierAssignmentReason>(reason);
  holding.program_version = static_cast<uint32_t>(version);
  return true;
}

}  // namespace keyledger::projections
