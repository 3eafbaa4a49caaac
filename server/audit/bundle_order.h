// BundleOrder: which frame may follow which in a bundle, and the limits of each. Writer and reader both hold every
// frame against it. Internal to the room; BUNDLE.md says the same in prose.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include <absl/status/status.h>

#include "keyledger/audit/v1/bundle.pb.h"

namespace keyledger::audit {

inline constexpr uint32_t kBundleFormat = 1;
// Bytes of one serialized frame. No record is larger than a request may be, 4 MiB, and a little for what the ledger
// adds.
inline constexpr size_t kBundleFrameBytesMax = 8u << 20;
inline constexpr int kBundleRunRecordsMax = 65'536;
// Of one record: what every record has, its name, its account and two times, takes more. So that a small file cannot
// claim very many.
inline constexpr size_t kBundleRecordBytesMin = 16;
// Fields in a frame, those of the messages in it counted too: a run of records has the most. Each takes memory when the
// frame is parsed, however few bytes it has.
inline constexpr size_t kBundleFrameFieldsMax = static_cast<size_t>(kBundleRunRecordsMax) + 1'024;
inline constexpr int kBundleProofHashesMax = 64;
inline constexpr int kBundleConsistencyHashesMax = 128;
// Of a signed note in a frame.
inline constexpr size_t kBundleNoteBytesMax = 64u << 10;
inline constexpr int kBundleKeysPerShardMax = 100;

// Threads: thread-compatible.
class BundleOrder {
 public:
  // Takes the next frame. Errors: DATA_LOSS, saying what is wrong with it; UNIMPLEMENTED for a format that is not
  // known. After an error nothing more may be asked.
  absl::Status Accept(const v1::BundleFrame& frame);

  // True once the trailer was accepted.
  bool complete() const { return complete_; }
  // Frames and records accepted so far.
  uint64_t frames() const { return frames_; }
  uint64_t records() const { return records_; }

 private:
  absl::Status AcceptHeader(const v1::BundleHeader& header);
  absl::Status AcceptCheckpoint(const v1::PublishedCheckpoint& checkpoint);
  absl::Status AcceptRun(const v1::RecordRun& run);
  absl::Status AcceptProven(const v1::ProvenRecord& proven);
  absl::Status AcceptStanding(const std::string& standing);
  absl::Status AcceptTrailer(const v1::BundleTrailer& trailer);
  // A record of the shard is not smaller than any can be.
  static absl::Status CheckRecord(uint32_t shard, uint64_t position, const std::string& record);
  // The shard is one of the header's and not before the one at hand.
  absl::Status EnterShard(uint32_t shard);

  std::optional<v1::BundleHeader> header_;
  bool complete_ = false;
  bool has_standing_ = false;
  uint64_t frames_ = 0;
  uint64_t records_ = 0;
  // Where the frames are: the shard, whether records of it came, and the position that must, or for proven records may,
  // come next.
  uint32_t shard_ = 0;
  bool in_records_ = false;
  uint64_t next_position_ = 0;
};

}  // namespace keyledger::audit
