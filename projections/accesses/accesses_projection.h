// AccessesProjection: who read personal data, found by data subject, by account and by reader.
//
// A reading is one row; what it is found by are rows without a value that lead to it, newest first. A reading of an
// account stands on the account's shard, one by subject on shard 0, so a listing is merged over the shards. Read next:
// accesses_queries.h (what can be asked), accesses_rows.h (the rows).
#pragma once

#include <memory>

#include "projections/engine/projection.h"

namespace keyledger::projections {

// Threads: immutable.
class AccessesProjection final : public Projection {
 public:
  std::string_view name() const override { return "accesses"; }
  uint32_t version() const override { return 1; }
  absl::Status Apply(const RecordView& record, Rows& rows) const override;
};

std::shared_ptr<const Projection> MakeAccessesProjection();

}  // namespace keyledger::projections
