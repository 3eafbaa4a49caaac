// ContactsProjection: the people of accounts. By account: each contact, its latest record, whether it was removed. By
// data subject: every place where something stands about it. What is personal is kept as the records hold it, sealed,
// and only until the subject is erased.
//
// The order is that of business: of a contact's records the one with the latest occurred_time counts, of those at the
// same time the one recorded last; a removal takes away what occurred before it or at its time, and was recorded before
// it. So a record that arrives late neither replaces a later one nor brings back what was removed after it.
//
// SubjectErased takes the sealed bytes from all places of the subject, some at a time; what is recorded of it
// afterwards (requests that were under way) is kept without them.
//
// Read next: contacts_queries.h (what can be asked), contacts_rows.h (the rows).
#pragma once

#include <memory>

#include "projections/engine/projection.h"

namespace keyledger::projections {

// Threads: immutable.
class ContactsProjection final : public Projection {
 public:
  std::string_view name() const override { return "contacts"; }
  uint32_t version() const override { return 1; }
  bool holds_personal_data() const override { return true; }
  absl::Status Apply(const RecordView& record, Rows& rows) const override;
  absl::StatusOr<bool> ApplyMore(const RecordView& record, uint64_t step, Rows& rows) const override;
};

std::shared_ptr<const Projection> MakeContactsProjection();

}  // namespace keyledger::projections
