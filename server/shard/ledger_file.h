// The file LEDGER of a data directory: what ledger it is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <absl/status/statusor.h>

namespace keyledger::shard {

struct LedgerIdentity {
  // 32 hex digits, random.
  std::string ledger_id;
  uint32_t shard_count = 0;
};

// Reads the file; creates the directory and the file for a new ledger. A crash leaves either no file or a whole one.
// Errors: FAILED_PRECONDITION if the ledger has another number of shards than `shard_count`, or a newer format;
// UNAVAILABLE if the directory cannot be used; DATA_LOSS if the
//   file cannot be understood, or is missing although shards are there.
absl::StatusOr<LedgerIdentity> OpenLedgerFile(const std::string& data_dir, std::optional<uint32_t> shard_count);

// Once all shards exist, the file COMPLETE says so: from then on a shard that is missing is lost, not new.
// Errors: DATA_LOSS (kStoreDamaged) if the file is there and a shard is not.
absl::Status CheckShardsPresent(const std::string& data_dir, uint32_t shard_count);
// Writes the file if it is not there. Errors: UNAVAILABLE.
absl::Status MarkComplete(const std::string& data_dir);

// Directory of one shard: "<data_dir>/shard-000".
std::string ShardDirectory(const std::string& data_dir, uint32_t shard);

}  // namespace keyledger::shard
