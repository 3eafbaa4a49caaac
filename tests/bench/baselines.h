// What the ledger is measured against: RocksDB alone and the disk alone, on the same machine and the same bytes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace keyledger::bench {

// Writes the records into a new database at `path`, one column family with the options of the ledger's own records,
// position -> bytes, `group` records to a batch, each batch synced. Removes the database again.
// Returns the seconds that the writing took.
double WriteGroups(const std::string& path, const std::vector<std::string>& records, uint64_t group);

// What a walk over the records of a store came to.
struct WalkResult {
  uint64_t records = 0;
  uint64_t bytes = 0;
  double seconds = 0;
};
// Walks the records of the shard at `path`, which a server may have open, with an iterator of RocksDB.
// `parse`: each record is parsed, too.
WalkResult WalkRecords(const std::string& path, bool parse);

// Appends `bytes` to a file at `path` `count` times, each followed by fdatasync. Returns the seconds that each write
// with its sync took.
std::vector<double> SyncTimes(const std::string& path, const std::string& bytes, int count);

// Bytes that the files below `path` take up on the disk.
uint64_t DiskUsage(const std::string& path);

}  // namespace keyledger::bench
