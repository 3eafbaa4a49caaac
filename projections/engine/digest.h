// Digest of rows: what "byte for byte the same" is checked with.
#pragma once

#include <string>

#include <absl/status/statusor.h>

#include "server/store/table.h"

namespace keyledger::projections {

// SHA-256 (32 bytes) over all rows in key order, each key and value preceded by its length, 4 bytes big-endian.
// Errors: DATA_LOSS (kStoreDamaged).
absl::StatusOr<std::string> DigestRows(const store::TableReader& rows);

}  // namespace keyledger::projections
