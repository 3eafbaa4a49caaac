#include "server/store/rocks_status.h"

#include <fmt/format.h>

#include "server/base/check.h"
#include "server/base/error.h"

namespace keyledger::store {
namespace {

// RocksDB tries a table file that is missing once more under the name such files had long ago, and reports that one.
std::string WithNamesOfToday(std::string text) {
  constexpr std::string_view kOld = ".ldb";
  for (size_t at = text.find(kOld); at != std::string::npos; at = text.find(kOld, at)) {
    text.replace(at, kOld.size(), ".sst");
  }
  return text;
}

}  // namespace

absl::Status ReadError(std::string_view where, const rocksdb::Status& status) {
  KL_CHECK(!status.ok());
  return MakeError(Reason::kStoreDamaged,
                   fmt::format("{} cannot be read: {}", where, WithNamesOfToday(status.ToString())));
}

absl::Status Damaged(std::string_view where, std::string_view what) {
  return MakeError(Reason::kStoreDamaged, fmt::format("{}: {}", where, what));
}

absl::Status OpenError(const std::string& path, const rocksdb::Status& status) {
  KL_CHECK(!status.ok());
  const std::string text = WithNamesOfToday(status.ToString());
  // RocksDB has no code of its own for a lock that is taken; both of its wordings name the LOCK file.
  if (status.IsIOError() && (text.find("lock hold by current process") != std::string::npos ||
                             text.find("While lock file") != std::string::npos)) {
    return absl::FailedPreconditionError(
        fmt::format("another process holds the store at {}: stop it, or use another data directory ({})", path, text));
  }
  if (status.IsCorruption() || status.IsPathNotFound() || status.IsNotFound()) {
    return MakeError(Reason::kStoreDamaged, fmt::format("the store at {} is damaged: {}", path, text));
  }
  return absl::UnavailableError(fmt::format("the store at {} cannot be opened: {}", path, text));
}

}  // namespace keyledger::store
