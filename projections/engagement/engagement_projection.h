// EngagementProjection: all that questions about meeting accounts need: interactions, owners, contacts, what is known
// of an account, and the steps of every item.
//
// A row an event, only ever added, under each key it is looked for by; what is due, covered or open is derived when it
// is asked for. Read next: engagement_history.h, which reads the rows; engagement_rows.h.
#pragma once

#include <memory>

#include "projections/engine/projection.h"

namespace keyledger::projections {

// Threads: immutable.
class EngagementProjection final : public Projection {
 public:
  std::string_view name() const override { return "engagement"; }
  uint32_t version() const override { return 2; }
  absl::Status Apply(const RecordView& record, Rows& rows) const override;
};

std::shared_ptr<const Projection> MakeEngagementProjection();

}  // namespace keyledger::projections
