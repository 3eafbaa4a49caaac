// PointsProjection: every movement of points, by account and business time.
//
// One row a movement, one an activity and one an account, only ever added, so that a late movement simply takes its
// place. What a lot or a balance was at a moment is folded from the account's movements when it is asked for. Read
// next: points_queries.h, points_rows.h.
#pragma once

#include <memory>

#include "projections/engine/projection.h"

namespace keyledger::projections {

// Threads: immutable.
class PointsProjection final : public Projection {
 public:
  std::string_view name() const override { return "points"; }
  uint32_t version() const override { return 6; }
  absl::Status Apply(const RecordView& record, Rows& rows) const override;
};

std::shared_ptr<const Projection> MakePointsProjection();

}  // namespace keyledger::projections
