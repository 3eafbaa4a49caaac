// Spill: records of a bundle in temporary files, so that the records of one stream, which are scattered over the
// bundle, can be read together without holding them in memory.
//
// A file is one partition: all records of a stream are in the same one. The files have no names any more once they are
// made: whatever ends the process leaves nothing behind.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

namespace keyledger::verify {

// Threads: thread-compatible. Errors of all: UNAVAILABLE, naming the directory, or what allows more bytes.
class Spill {
 public:
  // A record in its partition.
  struct Entry {
    uint64_t position = 0;
    std::string_view stream;
    // Where its bytes are.
    uint64_t offset = 0;
    uint32_t bytes = 0;
  };

  // `partitions` for each shard, at least 1. `bytes_max`: of all files together.
  static absl::StatusOr<std::unique_ptr<Spill>> Create(const std::string& directory, uint32_t shards, size_t partitions,
                                                       uint64_t bytes_max);
  ~Spill();
  Spill(const Spill&) = delete;
  Spill& operator=(const Spill&) = delete;

  size_t partitions() const { return partitions_; }
  // Of the stream within its shard.
  size_t PartitionOf(std::string_view stream) const;

  absl::Status Add(uint32_t shard, uint64_t position, std::string_view stream, std::string_view bytes);
  // Everything was added. Requires: called before the readers.
  absl::Status Seal();

  // Records in a partition.
  uint64_t entries(uint32_t shard, size_t partition) const { return FileOf(shard, partition).entries; }
  // Gives the heads of a partition's records in the order in which they were added.
  absl::Status Scan(uint32_t shard, size_t partition, const std::function<void(const Entry& entry)>& visit) const;
  // The bytes of an entry.
  absl::Status Read(uint32_t shard, size_t partition, uint64_t offset, uint32_t bytes, std::string& out) const;

 private:
  struct File {
    int descriptor = -1;
    // Written to the file.
    uint64_t size = 0;
    // Not yet.
    std::string buffer;
    uint64_t entries = 0;
  };

  Spill(std::string directory, size_t partitions, uint64_t bytes_max)
      : directory_(std::move(directory)), partitions_(partitions), bytes_max_(bytes_max) {}
  File& FileOf(uint32_t shard, size_t partition) { return files_[shard * partitions_ + partition]; }
  const File& FileOf(uint32_t shard, size_t partition) const { return files_[shard * partitions_ + partition]; }
  absl::Status Flush(File& file);
  absl::Status Failed(const char* what) const;

  const std::string directory_;
  const size_t partitions_;
  const uint64_t bytes_max_;
  // Added to all files.
  uint64_t bytes_ = 0;
  std::vector<File> files_;
};

}  // namespace keyledger::verify
