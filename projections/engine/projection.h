// Projection: a pure fold of the log into rows.
//
// Same records, same rows, byte for byte, whatever the chunk size: Apply may look at nothing but the record and the
// rows it has written itself.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "keyledger/events/v1/record.pb.h"
#include "server/base/clock.h"

namespace keyledger::projections {

// The rows as the fold sees them: what it wrote before, this chunk included.
// Threads: confined to the folding thread.
class Rows {
 public:
  virtual ~Rows() = default;
  // Nothing if there is no such row. The view is valid until the next call of any method.
  virtual absl::StatusOr<std::optional<std::string_view>> Get(std::string_view key) = 0;
  virtual void Put(std::string_view key, std::string_view value) = 0;
  // As Put, at less cost, of a row that the fold never reads. Requires: there is no row with this key.
  virtual void Add(std::string_view key, std::string_view value) = 0;
  virtual void Delete(std::string_view key) = 0;
};

// A record, parsed once for all projections.
struct RecordView {
  const events::v1::EventRecord& record;
  Micros occurred = 0;
  Micros recorded = 0;
};

// Threads: immutable; Apply is called by one thread per shard and build.
class Projection {
 public:
  virtual ~Projection() = default;
  // Lower snake case, fixed for ever.
  virtual std::string_view name() const = 0;
  // Version of the fold and its rows: raised when either changes, which makes the engine build anew.
  virtual uint32_t version() const = 0;
  // True if its rows hold personal data, sealed or not: once that is deleted, no file of its tables may keep it (see
  // Engine::Purge).
  virtual bool holds_personal_data() const { return false; }
  // Folds one record.
  // Errors: DATA_LOSS (kStoreDamaged) if the record contradicts the rows; the projection then stops and says so.
  virtual absl::Status Apply(const RecordView& record, Rows& rows) const = 0;
  // Goes on with a record that is too much for one step: called after Apply with step 0, 1, 2 and so on until it
  // returns false. In between, the rows may be written and shown with the record not counted as applied; after a crash
  // Apply and all steps come again, on such rows, and must lead to the same. Errors: as Apply.
  virtual absl::StatusOr<bool> ApplyMore(const RecordView& /*record*/, uint64_t /*step*/, Rows& /*rows*/) const {
    return false;
  }
};

}  // namespace keyledger::projections
