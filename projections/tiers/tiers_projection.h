// TiersProjection: every tier an account was given and every stage it came to, with the evidence.
//
// One row a decision and one an account, only ever added. Read next: tiers_queries.h, stages_queries.h, tiers_rows.h.
#pragma once

#include <memory>

#include "projections/engine/projection.h"

namespace keyledger::projections {

// Threads: immutable.
class TiersProjection final : public Projection {
 public:
  std::string_view name() const override { return "tiers"; }
  uint32_t version() const override { return 3; }
  absl::Status Apply(const RecordView& record, Rows& rows) const override;
};

std::shared_ptr<const Projection> MakeTiersProjection();

}  // namespace keyledger::projections
