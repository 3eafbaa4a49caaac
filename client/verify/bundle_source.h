// BundleSource: the records of a bundle as a replay reads them: in the order of the log from the file itself, stream by
// stream from what was spilled.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/verify/spill.h"
#include "keyledger/audit/v1/bundle.pb.h"
#include "server/audit/record_source.h"

namespace keyledger::verify {

// Records of a partition whose places are held at once: at most so many streams, each with a name of at most 128 bytes.
inline constexpr uint64_t kEntriesPerPass = 262'144;

// Threads: one thread at a time. Memory: at most 400 bytes for each of kEntriesPerPass records, twice; 48 bytes for
// each record of the largest stream; and what reading a bundle takes.
class BundleSource final : public audit::RecordSource {
 public:
  // `counts`: records in the bundle, by shard. `spill`: sealed, with all records that can be read. `entries_per_pass`:
  // of a partition with more, its streams are taken in several passes.
  BundleSource(std::string path, audit::v1::BundleHeader header, std::vector<uint64_t> counts,
               std::unique_ptr<Spill> spill, uint64_t entries_per_pass = kEntriesPerPass);

  audit::SourceScope scope() const override;
  std::string account_id() const override { return header_.account_id(); }
  uint32_t shard_count() const override { return header_.shard_count(); }
  std::string origin(uint32_t shard) const override;
  uint64_t record_count(uint32_t shard) const override { return counts_[shard]; }
  absl::Status ReadLog(uint32_t shard, const VisitRecord& visit) override;
  absl::Status ListStreams(uint32_t shard, const VisitText& visit) override;
  absl::Status ReadStream(uint32_t shard, const std::string& stream, const VisitRecord& visit) override;
  absl::Status ReadCheckpoints(uint32_t shard, const VisitText& visit) override;

 private:
  struct Place {
    uint64_t position;
    uint64_t offset;
    uint32_t bytes;
  };
  // Where the records of each stream are.
  using Streams = std::map<std::string, std::vector<Place>>;
  // The streams of a partition that one pass over it takes.
  struct Partition {
    uint32_t shard = 0;
    size_t number = 0;
    size_t pass = 0;
    Streams streams;
  };

  size_t Passes(uint32_t shard, size_t number) const;
  // Which of so many passes takes the stream.
  size_t PassOf(std::string_view stream, size_t passes) const;
  absl::StatusOr<Partition> Load(uint32_t shard, size_t number, size_t pass) const;
  absl::Status Give(const Partition& partition, const std::string& stream, const VisitRecord& visit) const;

  const std::string path_;
  const audit::v1::BundleHeader header_;
  const std::vector<uint64_t> counts_;
  const std::unique_ptr<Spill> spill_;
  const uint64_t entries_per_pass_;
  // The partition whose streams are listed, and the latest other one.
  std::unique_ptr<Partition> listed_;
  std::unique_ptr<Partition> other_;
};

}  // namespace keyledger::verify
