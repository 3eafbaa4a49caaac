// See bundle_writer.h.
#include "server/audit/bundle_writer.h"

#include <zstd.h>

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <google/protobuf/io/coded_stream.h>

#include "server/base/check.h"
#include "server/base/error.h"

namespace keyledger::audit {
namespace {

constexpr int kCompressionLevel = 3;
// 1 MiB: what a reader must keep to decompress.
constexpr int kWindowLog = 20;
// A zstd frame ends with the bundle frame that takes its content past this, so that damage is noticed, by checksum,
// close to where it is.
constexpr size_t kZstdFrameBytes = 4u << 20;
constexpr size_t kOutputBytes = 128u << 10;

}  // namespace

struct BundleWriter::Compressor {
  Compressor() : context(ZSTD_createCCtx()), output(kOutputBytes, '\0') {
    KL_CHECK(context != nullptr);
    KL_CHECK(ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, kCompressionLevel)) == 0);
    KL_CHECK(ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, kWindowLog)) == 0);
    KL_CHECK(ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)) == 0);
  }
  ~Compressor() { ZSTD_freeCCtx(context); }
  Compressor(const Compressor&) = delete;
  Compressor& operator=(const Compressor&) = delete;

  ZSTD_CCtx* const context;
  std::string output;
};

BundleWriter::BundleWriter() : compressor_(std::make_unique<Compressor>()) {}
BundleWriter::~BundleWriter() = default;

absl::Status BundleWriter::Write(const v1::BundleFrame& frame) {
  if (const absl::Status accepted = order_.Accept(frame); !accepted.ok()) {
    return absl::InternalError(fmt::format("frame {} may not be written: {}", order_.frames(), MessageOf(accepted)));
  }
  const size_t bytes = frame.ByteSizeLong();
  if (bytes > kBundleFrameBytesMax) {
    return absl::InternalError(fmt::format("frame {} may not be written: it has {} bytes, at most {} are allowed",
                                           order_.frames() - 1, bytes, kBundleFrameBytesMax));
  }
  std::array<uint8_t, 10> length{};
  const uint8_t* const end = google::protobuf::io::CodedOutputStream::WriteVarint64ToArray(bytes, length.data());
  std::string content(length.begin(), length.begin() + (end - length.data()));
  KL_CHECK(frame.AppendToString(&content));
  open_bytes_ += content.size();
  const bool closes = order_.complete() || open_bytes_ >= kZstdFrameBytes;
  KL_RETURN_IF_ERROR(Compress(content, closes));
  if (closes) open_bytes_ = 0;
  return absl::OkStatus();
}

absl::Status BundleWriter::Finish() {
  v1::BundleFrame frame;
  frame.mutable_trailer()->set_records(order_.records());
  frame.mutable_trailer()->set_frames(order_.frames());
  return Write(frame);
}

std::string BundleWriter::Take(size_t bytes_max) {
  std::string bytes = pending_.substr(taken_, bytes_max);
  taken_ += bytes.size();
  if (taken_ == pending_.size()) {
    pending_.clear();
    taken_ = 0;
  }
  return bytes;
}

absl::Status BundleWriter::Compress(const std::string& content, bool end) {
  ZSTD_inBuffer in{content.data(), content.size(), 0};
  for (;;) {
    ZSTD_outBuffer out{compressor_->output.data(), compressor_->output.size(), 0};
    const size_t left = ZSTD_compressStream2(compressor_->context, &out, &in, end ? ZSTD_e_end : ZSTD_e_continue);
    if (ZSTD_isError(left) != 0) {
      return absl::InternalError(fmt::format("the bundle cannot be compressed: {}", ZSTD_getErrorName(left)));
    }
    pending_.append(compressor_->output.data(), out.pos);
    if (end ? left == 0 : in.pos == in.size) return absl::OkStatus();
  }
}

}  // namespace keyledger::audit
