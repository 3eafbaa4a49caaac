// BundleWriter: makes the bytes of an offline bundle, frame by frame. The format is described in BUNDLE.md; the other
// side is bundle_reader.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include <absl/status/status.h>

#include "keyledger/audit/v1/bundle.pb.h"
#include "server/audit/bundle_order.h"

namespace keyledger::audit {

// Holds what was written and not taken yet: whoever takes after each frame holds no more than one frame's bytes and
// what the compressor keeps, about 2 MiB. Threads: thread-compatible.
class BundleWriter {
 public:
  BundleWriter();
  ~BundleWriter();

  // Adds a frame; the first is a header. Errors: INTERNAL if the frame may not come here (see bundle_order.h) or is
  // larger than kBundleFrameBytesMax; the bundle is then lost.
  absl::Status Write(const v1::BundleFrame& frame);
  // Adds the trailer and ends the file. Errors: as Write.
  absl::Status Finish();

  uint64_t records() const { return order_.records(); }
  // Bytes of the file that wait to be taken.
  size_t pending_bytes() const { return pending_.size() - taken_; }
  // Takes the next bytes of the file, at most so many.
  std::string Take(size_t bytes_max);

 private:
  struct Compressor;

  // Compresses `content`; `end` closes the zstd frame.
  absl::Status Compress(const std::string& content, bool end);

  BundleOrder order_;
  std::unique_ptr<Compressor> compressor_;
  std::string pending_;
  size_t taken_ = 0;
  // Of the zstd frame that is open.
  size_t open_bytes_ = 0;
};

}  // namespace keyledger::audit
