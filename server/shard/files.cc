// See files.h.
#include "server/shard/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <vector>

#include <fmt/format.h>

#include "server/base/error.h"

namespace keyledger::shard {

absl::Status FileUnusable(const std::string& what, int error) {
  return absl::UnavailableError(
      fmt::format("{}: {}; check that the directory exists, is writable and has space", what, std::strerror(error)));
}

absl::Status SyncDirectory(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return FileUnusable(path, errno);
  const int result = ::fsync(fd);
  const int error = errno;
  ::close(fd);
  return result == 0 ? absl::OkStatus() : FileUnusable(path, error);
}

absl::Status CreateDirectories(const std::string& path, mode_t mode) {
  std::error_code error;
  std::vector<std::filesystem::path> missing;
  for (std::filesystem::path at = std::filesystem::absolute(path); !std::filesystem::exists(at, error);
       at = at.parent_path()) {
    if (error) return FileUnusable(at.string(), error.value());
    missing.push_back(at);
    if (at == at.root_path()) break;
  }
  for (auto created = missing.rbegin(); created != missing.rend(); ++created) {
    if (::mkdir(created->c_str(), mode) != 0 && errno != EEXIST) return FileUnusable(created->string(), errno);
    if (created->has_parent_path()) KL_RETURN_IF_ERROR(SyncDirectory(created->parent_path().string()));
  }
  return absl::OkStatus();
}

absl::Status ReplaceFile(const std::string& path, std::string_view text, mode_t mode) {
  const std::string temporary = path + ".tmp";
  // One that a crash left may have other permissions.
  ::unlink(temporary.c_str());
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (fd < 0) return FileUnusable(temporary, errno);
  const ssize_t written = ::write(fd, text.data(), text.size());
  const bool synced = written == static_cast<ssize_t>(text.size()) && ::fsync(fd) == 0;
  const int error = written >= 0 && !synced && errno == 0 ? ENOSPC : errno;
  ::close(fd);
  if (!synced) {
    ::unlink(temporary.c_str());
    return FileUnusable(temporary, error);
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) return FileUnusable(path, errno);
  return SyncDirectory(std::filesystem::path(path).parent_path().string());
}

absl::Status RemoveFile(const std::string& path) {
  if (::unlink(path.c_str()) != 0) return errno == ENOENT ? absl::OkStatus() : FileUnusable(path, errno);
  return SyncDirectory(std::filesystem::path(path).parent_path().string());
}

absl::StatusOr<std::string> ReadWhole(const std::string& path, size_t bytes_max) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT ? absl::NotFoundError(path + " does not exist") : FileUnusable(path, errno);
  std::string text(bytes_max + 1, '\0');
  size_t size = 0;
  ssize_t got = 0;
  while (size < text.size() && (got = ::read(fd, text.data() + size, text.size() - size)) > 0)
    size += static_cast<size_t>(got);
  const int error = errno;
  ::close(fd);
  if (got < 0) return FileUnusable(path, error);
  if (size > bytes_max)
    return absl::UnavailableError(fmt::format("{} has more than {} bytes: is it the right file?", path, bytes_max));
  text.resize(size);
  return text;
}

bool FileExists(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

}  // namespace keyledger::shard
