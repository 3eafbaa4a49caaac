// RetentionProjection: all that questions about retention and value need of an account, by account and business time.
//
// A row an event, only ever added: periods, cohorts and ratios are folded when asked for, since they depend on zone,
// currency and the two axes of time. Only for calendar months are sums kept beside the rows. Read next: history.h,
// retention_queries.h, retention_rows.h, month_cells.h.
#pragma once

#include <memory>

#include "projections/engine/projection.h"

namespace keyledger::projections {

// Threads: immutable.
class RetentionProjection final : public Projection {
 public:
  std::string_view name() const override { return "retention"; }
  uint32_t version() const override { return 3; }
  absl::Status Apply(const RecordView& record, Rows& rows) const override;
};

std::shared_ptr<const Projection> MakeRetentionProjection();

}  // namespace keyledger::projections
