#include "projections/tiers/tiers_projection.h"

#include <string>

#include "projections/engine/record_time.h"
#include "projections/engine/row_key.h"
#include "projections/tiers/tiers_rows.h"
#include "server/base/ids.h"

namespace keyledger::projections {

absl::Status TiersProjection::Apply(const RecordView& record, Rows& rows) const {
  const events::v1::EventRecord& stored = record.record;
  if (IsOwnStream(stored.account_id())) return absl::OkStatus();
  const events::v1::Event& event = stored.event();
  std::string key;
  std::string value;
  if (event.has_account_opened()) {
    StartRowKey(key, stored.account_id(), kTierAccountTag);
    EncodeTierAccount(record.occurred, value);
    rows.Put(key, value);
  } else if (event.has_tier_assigned()) {
    const events::v1::TierAssigned& assigned = event.tier_assigned();
    TierHolding holding;
    holding.ladder_id = assigned.ladder_id();
    holding.tier_id = assigned.tier_id();
    holding.previous_tier_id = assigned.previous_tier_id();
    holding.reason = assigned.reason();
    holding.since = record.occurred;
    holding.met.assign(assigned.met().begin(), assigned.met().end());
    holding.review_id = assigned.review_id();
    holding.missed.assign(assigned.missed().begin(), assigned.missed().end());
    holding.program_id = stored.program().program_id();
    holding.program_version = stored.program().version();
    StartRowKey(key, stored.account_id(), kTierAssignmentTag);
    PutBigEndian64(key, stored.revision());
    EncodeTierAssignment(holding, value);
    rows.Put(key, value);
  } else if (event.has_stage_changed()) {
    const events::v1::StageChanged& changed = event.stage_changed();
    StageStay stay;
    stay.ladder_id = changed.ladder_id();
    stay.stage_id = changed.stage_id();
    stay.previous_stage_id = changed.previous_stage_id();
    stay.since = record.occurred;
    stay.met.assign(changed.met().begin(), changed.met().end());
    stay.alternative = changed.alternative();
    stay.program_id = stored.program().program_id();
    stay.program_version = stored.program().version();
    StartRowKey(key, stored.account_id(), kStageTag);
    PutBigEndian64(key, stored.revision());
    EncodeStage(stay, value);
    rows.Put(key, value);
  } else if (event.has_account_merge_completed()) {
    StartRowKey(key, stored.account_id(), kTierMergeTag);
    EncodeTierAccount(record.occurred, value);
    rows.Put(key, value);
  }
  return absl::OkStatus();
}

std::shared_ptr<const Projection> MakeTiersProjection() { return std::make_shared<TiersProjection>(); }

}  // namespace keyledger::projections
