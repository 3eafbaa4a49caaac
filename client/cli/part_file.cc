// Whole files or none. See part_file.h.
#include "client/cli/part_file.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

namespace keyledger::cli {

PartFile::PartFile(std::string path) : path_(std::move(path)), part_(path_ + ".part") {
  file_ = open(part_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file_ < 0) Fail("make");
}

PartFile::~PartFile() {
  if (file_ < 0) return;
  close(file_);
  unlink(part_.c_str());
}

bool PartFile::Write(std::string_view data) {
  while (error_.empty() && !data.empty()) {
    const ssize_t written = write(file_, data.data(), data.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      Fail("write");
      break;
    }
    data.remove_prefix(static_cast<size_t>(written));
    bytes_ += static_cast<uint64_t>(written);
  }
  return error_.empty();
}

bool PartFile::Finish() {
  if (!error_.empty()) return false;
  if (fsync(file_) != 0) {
    Fail("sync");
    return false;
  }
  if (rename(part_.c_str(), path_.c_str()) != 0) {
    Fail("rename");
    return false;
  }
  close(file_);
  file_ = -1;
  const std::filesystem::path parent = std::filesystem::path(path_).parent_path();
  const int directory = open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0 || fsync(directory) != 0) Fail("sync the directory of");
  if (directory >= 0) close(directory);
  return error_.empty();
}

void PartFile::Fail(const char* what) { error_ = fmt::format("cannot {} {}: {}", what, part_, strerror(errno)); }

}  // namespace keyledger::cli
