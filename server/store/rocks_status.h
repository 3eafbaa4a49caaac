// The one place that turns rocksdb::Status into absl::Status; internal to server/store.
#pragma once

#include <string>
#include <string_view>

#include <absl/status/status.h>
#include <rocksdb/slice.h>
#include <rocksdb/status.h>

namespace keyledger::store {

inline rocksdb::Slice ToSlice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }
inline std::string_view ToView(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

// A failure to read what must be there: DATA_LOSS (kStoreDamaged). `where` names the place, for example "record 17".
// Requires: !status.ok().
absl::Status ReadError(std::string_view where, const rocksdb::Status& status);

// DATA_LOSS (kStoreDamaged) for rows that can be read but make no sense.
absl::Status Damaged(std::string_view where, std::string_view what);

// A failure to open the database at `path`: FAILED_PRECONDITION if another process holds it, DATA_LOSS if its files are
// missing or damaged, else UNAVAILABLE.
// Requires: !status.ok().
absl::Status OpenError(const std::string& path, const rocksdb::Status& status);

}  // namespace keyledger::store
