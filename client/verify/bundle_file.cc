// See bundle_file.h.
#include "client/verify/bundle_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "server/base/error.h"

namespace keyledger::verify {
namespace {

constexpr size_t kPieceBytes = 128u << 10;

}  // namespace

absl::Status Enough() { return absl::CancelledError("enough was read"); }

absl::Status ReadBundle(const std::string& path, audit::BundleReader::OnFrame on_frame) {
  const auto cannot = [&] { return absl::UnavailableError(fmt::format("cannot read {}: {}", path, strerror(errno))); };
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return cannot();
  audit::BundleReader reader(std::move(on_frame));
  std::string piece(kPieceBytes, '\0');
  absl::Status status;
  while (status.ok()) {
    const ssize_t bytes = read(file, piece.data(), piece.size());
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes < 0) {
      status = cannot();
    } else if (bytes == 0) {
      status = reader.Finish();
      break;
    } else {
      status = reader.Feed(std::string_view(piece.data(), static_cast<size_t>(bytes)));
    }
  }
  close(file);
  return status;
}

}  // namespace keyledger::verify
