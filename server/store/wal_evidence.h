// WalEvidence: what the write-ahead log proves about how long the log of records was; internal to server/store.
//
// RocksDB recovers a write-ahead log up to the first damage and stops there. A torn end is normal after a power loss:
// it is the one group that was never acknowledged. Damage further in is not, but RocksDB does not tell one from the
// other. Every group starts with a note of its first position, and a group is only written once all before it are
// synced; so a readable start of a group at position P, anywhere in the files, proves that P records were durable. If
// fewer come out of recovery, acknowledged records are lost.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <absl/status/statusor.h>

namespace rocksdb {
class Env;
}

namespace keyledger::store {

struct WalEvidence {
  // Least and greatest first position of the groups whose start is readable.
  std::optional<uint64_t> first_group;
  std::optional<uint64_t> last_group;
};

// Reads the write-ahead log files in `path`, at most a few times kWalBytesMax.
// Errors: UNAVAILABLE if a file cannot be read.
absl::StatusOr<WalEvidence> ReadWalEvidence(rocksdb::Env* env, const std::string& path);

}  // namespace keyledger::store
