// AccountsProjection: the directory. Two rows an account: what is known about it, and where it stands.
//
// Rows are folded in stream order, as the account's own state is: a fact that arrives late replaces what was known
// before it arrived. Read next: accounts_queries.h (what can be asked), accounts_rows.h (the rows).
#pragma once

#include <memory>

#include "projections/engine/projection.h"

namespace keyledger::projections {

// Threads: immutable.
class AccountsProjection final : public Projection {
 public:
  std::string_view name() const override { return "accounts"; }
  uint32_t version() const override { return 2; }
  absl::Status Apply(const RecordView& record, Rows& rows) const override;
};

std::shared_ptr<const Projection> MakeAccountsProjection();

}  // namespace keyledger::projections
