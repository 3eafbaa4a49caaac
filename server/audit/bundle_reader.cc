// See bundle_reader.h.
#include "server/audit/bundle_reader.h"

#include <zstd.h>

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include "server/base/check.h"
#include "server/base/error.h"

namespace keyledger::audit {
namespace {

// The bytes that begin every zstd frame (RFC 8878 section 3.1.1). Skippable frames have others and are refused: nothing
// can ride along in a bundle that its reader does not see.
constexpr std::array<char, 4> kMagic = {'\x28', '\xb5', '\x2f', '\xfd'};
// 8 MiB, what zstd keeps at most; writers use 1 MiB.
constexpr int kWindowLogMax = 23;
constexpr size_t kOutputBytes = 128u << 10;

// The length before a frame.
struct Length {
  uint64_t value = 0;
  // Bytes it takes itself.
  size_t bytes = 0;
};

// Nothing: more bytes are needed. Errors: `wrong` is set.
std::optional<Length> ReadLength(std::string_view content, bool& wrong) {
  Length length;
  for (const char byte : content.substr(0, 5)) {
    length.value |= (static_cast<uint64_t>(byte) & 0x7f) << (7 * length.bytes);
    ++length.bytes;
    if ((static_cast<uint8_t>(byte) & 0x80) == 0) {
      wrong = length.value > kBundleFrameBytesMax;
      return length;
    }
  }
  wrong = length.bytes == 5;
  return std::nullopt;
}

// Takes the fields of a message, and of those in it, off `left`; false if there are more, or if they cannot be read.
// `descriptor`: of a message whose fields come to an end, as a frame's do.
bool TakeFields(std::string_view bytes, const google::protobuf::Descriptor& descriptor, size_t& left) {
  using google::protobuf::FieldDescriptor;
  using google::protobuf::internal::WireFormatLite;
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const uint8_t*>(bytes.data()),
                                            static_cast<int>(bytes.size()));
  while (const uint32_t tag = in.ReadTag()) {
    if (left == 0) return false;
    --left;
    uint64_t value = 0;
    switch (WireFormatLite::GetTagWireType(tag)) {
      case WireFormatLite::WIRETYPE_VARINT:
        if (!in.ReadVarint64(&value)) return false;
        break;
      case WireFormatLite::WIRETYPE_FIXED64:
        if (!in.Skip(8)) return false;
        break;
      case WireFormatLite::WIRETYPE_FIXED32:
        if (!in.Skip(4)) return false;
        break;
      case WireFormatLite::WIRETYPE_LENGTH_DELIMITED: {
        if (!in.ReadVarint64(&value)) return false;
        const std::string_view rest = bytes.substr(static_cast<size_t>(in.CurrentPosition()));
        if (value > rest.size()) return false;
        const FieldDescriptor* field = descriptor.FindFieldByNumber(WireFormatLite::GetTagFieldNumber(tag));
        if (field != nullptr && field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
            !TakeFields(rest.substr(0, value), *field->message_type(), left)) {
          return false;
        }
        if (!in.Skip(static_cast<int>(value))) return false;
        break;
      }
      default:
        // Groups: no frame has one.
        return false;
    }
  }
  return in.ConsumedEntireMessage();
}

}  // namespace

struct BundleReader::Decompressor {
  Decompressor() : context(ZSTD_createDCtx()), output(kOutputBytes, '\0') {
    KL_CHECK(context != nullptr);
    KL_CHECK(ZSTD_isError(ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, kWindowLogMax)) == 0);
  }
  ~Decompressor() { ZSTD_freeDCtx(context); }
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;

  ZSTD_DCtx* const context;
  std::string output;
};

BundleReader::BundleReader(OnFrame on_frame)
    : on_frame_(std::move(on_frame)), decompressor_(std::make_unique<Decompressor>()) {}
BundleReader::~BundleReader() = default;

absl::Status BundleReader::Damaged(const std::string& what) const {
  return absl::DataLossError(
      fmt::format("frame {} at byte {} (byte {} of the file): {}", order_.frames(), frame_offset_, file_bytes_, what));
}

absl::Status BundleReader::Feed(std::string_view piece) {
  if (status_.ok()) status_ = FeedPiece(piece);
  return status_;
}

absl::StatusOr<size_t> BundleReader::TakeMagic(std::string_view piece) {
  const size_t taken = std::min(piece.size(), kMagic.size() - magic_bytes_);
  std::copy_n(piece.begin(), taken, magic_.begin() + static_cast<std::ptrdiff_t>(magic_bytes_));
  if (!std::equal(magic_.begin(), magic_.begin() + static_cast<std::ptrdiff_t>(magic_bytes_ + taken), kMagic.begin())) {
    if (order_.complete()) return Damaged("something follows the end of the bundle");
    return Damaged(file_bytes_ < kMagic.size() ? "this is no bundle: it does not begin with a zstd frame"
                                               : "no zstd frame begins where one must");
  }
  magic_bytes_ += taken;
  file_bytes_ += taken;
  return taken;
}

absl::Status BundleReader::FeedPiece(std::string_view piece) {
  Decompressor& zstd = *decompressor_;
  while (!piece.empty()) {
    std::string_view now = piece;
    const bool begins = magic_bytes_ < kMagic.size();
    if (begins) {
      KL_ASSIGN_OR_RETURN(const size_t taken, TakeMagic(piece));
      piece.remove_prefix(taken);
      if (magic_bytes_ < kMagic.size()) return absl::OkStatus();
      now = std::string_view(magic_.data(), magic_.size());
    }
    ZSTD_inBuffer in{now.data(), now.size(), 0};
    for (bool more = true; more;) {
      const size_t before = in.pos;
      ZSTD_outBuffer out{zstd.output.data(), zstd.output.size(), 0};
      const size_t hint = ZSTD_decompressStream(zstd.context, &out, &in);
      if (!begins) file_bytes_ += in.pos - before;
      if (ZSTD_isError(hint) != 0) return Damaged(fmt::format("zstd: {}", ZSTD_getErrorName(hint)));
      KL_RETURN_IF_ERROR(TakeContent(std::string_view(zstd.output.data(), out.pos)));
      if (hint == 0) {
        magic_bytes_ = 0;
        break;
      }
      more = in.pos < in.size || out.pos == out.size;
    }
    if (!begins) piece.remove_prefix(in.pos);
  }
  return absl::OkStatus();
}

absl::Status BundleReader::TakeContent(std::string_view content) {
  if (content.empty()) return absl::OkStatus();
  if (order_.complete()) return Damaged("something follows the trailer");
  content_bytes_ += content.size();
  if (content_bytes_ > kBundleRatioAllowance + kBundleRatioMax * file_bytes_) {
    return Damaged(
        fmt::format("{} bytes of the file come to {} bytes: this is no bundle", file_bytes_, content_bytes_));
  }
  content_.append(content);
  size_t used = 0;
  while (used < content_.size()) {
    const std::string_view rest = std::string_view(content_).substr(used);
    bool wrong = false;
    const std::optional<Length> length = ReadLength(rest, wrong);
    if (wrong) {
      return Damaged(fmt::format("the length before the frame is wrong, or more than {} bytes", kBundleFrameBytesMax));
    }
    if (!length.has_value() || rest.size() - length->bytes < length->value) break;
    if (order_.complete()) return Damaged("something follows the trailer");
    KL_RETURN_IF_ERROR(TakeFrame(rest.substr(length->bytes, length->value)));
    used += length->bytes + length->value;
    frame_offset_ += length->bytes + length->value;
  }
  content_.erase(0, used);
  return absl::OkStatus();
}

absl::Status BundleReader::TakeFrame(std::string_view bytes) {
  v1::BundleFrame frame;
  size_t fields = kBundleFrameFieldsMax;
  if (!TakeFields(bytes, *v1::BundleFrame::descriptor(), fields)) {
    return Damaged(fmt::format("the frame cannot be read, or has more than {} fields", kBundleFrameFieldsMax));
  }
  if (!frame.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return Damaged("the frame cannot be read");
  const BundlePlace place = Here();
  if (const absl::Status accepted = order_.Accept(frame); !accepted.ok()) {
    return absl::Status(accepted.code(), fmt::format("frame {} at byte {} (byte {} of the file): {}", place.frame,
                                                     place.offset, file_bytes_, MessageOf(accepted)));
  }
  return on_frame_(place, frame);
}

absl::Status BundleReader::Finish() {
  if (!status_.ok()) return status_;
  if (magic_bytes_ != 0 || !content_.empty()) {
    status_ = Damaged("the file ends in the middle of a frame");
  } else if (file_bytes_ == 0) {
    status_ = Damaged("the file is empty");
  } else if (!order_.complete()) {
    status_ = Damaged("the file ends before the trailer");
  }
  return status_;
}

}  // namespace keyledger::audit
