// RecordFilter: which records of the log a reader wants, decided from the stored bytes without parsing them whole.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "keyledger/ledger/v1/ledger_service.pb.h"

namespace keyledger::service {

// What the filter looks at.
struct RecordPeek {
  std::string_view account_id;
  // Value of EventKind; 0 if the record holds none.
  int kind = 0;
};

// Reads account_id and kind out of a serialized EventRecord. The view is into `bytes`. Returns false if the bytes are
// no record.
bool PeekRecord(std::string_view bytes, RecordPeek& peek);

// Threads: immutable.
class RecordFilter {
 public:
  // Errors: INVALID_ARGUMENT (kInvalidField) for an unknown kind or too many conditions.
  static absl::StatusOr<RecordFilter> Make(const ledger::v1::RecordFilter& filter);

  // True if everything is wanted, so that nothing has to be looked at.
  bool passes_all() const { return kinds_.empty() && prefixes_.empty(); }
  bool Passes(std::string_view record_bytes) const;

 private:
  std::vector<int> kinds_;
  std::vector<std::string> prefixes_;
};

}  // namespace keyledger::service
