// HEAD: a small file beside the database that remembers how long the log was, so that a database that has lost its end
// cannot pass for a shorter log; internal to server/store.
//
// It is written now and then and at a clean close, never for a single commit: it is a lower bound. Each write is whole
// or not at all: a synced temporary file is renamed over the old one and the directory is synced.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

namespace rocksdb {
class Env;
}

namespace keyledger::store {

struct HeadFile {
  uint64_t record_count = 0;
  // XXH3 (64 bits) of the last record's bytes; 0 for an empty log.
  uint64_t last_record_hash = 0;

  bool operator==(const HeadFile&) const = default;
};

uint64_t RecordHash(std::string_view bytes);

// "keyledger-head 1\n<record count>\n<hash, 16 hex digits>\n<XXH3 of all before, 16 hex digits>\n".
std::string EncodeHeadFile(const HeadFile& head);
std::optional<HeadFile> DecodeHeadFile(std::string_view text);

// Nothing if the file is not there.
// Errors: DATA_LOSS (kStoreDamaged) if it makes no sense, UNAVAILABLE if it cannot be read.
absl::StatusOr<std::optional<HeadFile>> ReadHeadFile(rocksdb::Env* env, const std::string& directory);

// Errors: UNAVAILABLE; the old file is then still there.
absl::Status WriteHeadFile(rocksdb::Env* env, const std::string& directory, const HeadFile& head);

// Makes the names in a directory durable.
absl::Status SyncDirectory(rocksdb::Env* env, const std::string& directory);

}  // namespace keyledger::store
