// BundleReader: takes the bytes of an offline bundle, in pieces of any size, and gives its frames. The format is
// described in BUNDLE.md; the other side is bundle_writer.h.
//
// It answers for the file: that it is complete, undamaged, in order and within limits. What the records say and prove
// is for others to judge.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "keyledger/audit/v1/bundle.pb.h"
#include "server/audit/bundle_order.h"

namespace keyledger::audit {

// A file may become larger by at most this factor, beyond the allowance, when it is decompressed. Records of a ledger
// come to a tenth of it.
inline constexpr uint64_t kBundleRatioMax = 1'000;
inline constexpr uint64_t kBundleRatioAllowance = 64u << 20;

// Where in a bundle a frame stands.
struct BundlePlace {
  // 0: the header.
  uint64_t frame = 0;
  // Of its first byte, in the decompressed content.
  uint64_t offset = 0;
};

// Threads: thread-compatible. Takes memory for one frame, as bytes and parsed, and 8 MiB for zstd, whatever it is fed.
class BundleReader {
 public:
  // Gets every frame that is in order; may keep it by moving. What it returns, if not OK, ends the reading.
  using OnFrame = std::function<absl::Status(const BundlePlace& place, v1::BundleFrame& frame)>;

  explicit BundleReader(OnFrame on_frame);
  ~BundleReader();

  // Takes the next bytes of the file.
  // Errors: DATA_LOSS if they cannot be those of a bundle, UNIMPLEMENTED for a newer format; the message names the
  // frame and the byte. The callback's. After an error every call returns it again.
  absl::Status Feed(std::string_view piece);
  // The file ends here. Errors: as Feed, also if something is missing.
  absl::Status Finish();

  uint64_t frames() const { return order_.frames(); }
  uint64_t records() const { return order_.records(); }

 private:
  struct Decompressor;

  absl::Status FeedPiece(std::string_view piece);
  // Takes bytes of the four that begin a zstd frame; returns how many.
  absl::StatusOr<size_t> TakeMagic(std::string_view piece);
  // Takes decompressed bytes.
  absl::Status TakeContent(std::string_view content);
  absl::Status TakeFrame(std::string_view bytes);
  absl::Status Damaged(const std::string& what) const;
  BundlePlace Here() const { return {order_.frames(), frame_offset_}; }

  const OnFrame on_frame_;
  BundleOrder order_;
  absl::Status status_;
  std::unique_ptr<Decompressor> decompressor_;
  // Bytes of the file and of its content taken so far.
  uint64_t file_bytes_ = 0;
  uint64_t content_bytes_ = 0;
  // The bytes that begin the zstd frame at hand, as far as they came.
  std::array<char, 4> magic_{};
  size_t magic_bytes_ = 0;
  // Content of the frame at hand, with its length before it.
  std::string content_;
  uint64_t frame_offset_ = 0;
};

}  // namespace keyledger::audit
