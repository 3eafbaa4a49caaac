// See key_directory.h.
#include "server/shard/key_directory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <sstream>

#include <fmt/format.h>

#include "server/base/error.h"
#include "server/merkle/base64.h"
#include "server/shard/files.h"

namespace keyledger::shard {
namespace {

constexpr mode_t kPrivate = 0600;
constexpr size_t kKeyFileBytesMax = 16'384;

absl::Status WriteKey(const std::string& file, const merkle::SigningKey& key) {
  std::string pem = key.ToPem();
  const absl::Status status = ReplaceFile(file, pem, kPrivate);
  explicit_bzero(pem.data(), pem.size());
  return status;
}

// Overwrites a file that has no name any more. Best effort: a file system may keep copies of its own.
void Destroy(int fd) {
  struct stat file {};
  if (::fstat(fd, &file) != 0) return;
  const std::string zeros(static_cast<size_t>(std::clamp<off_t>(file.st_size, 0, kKeyFileBytesMax)), '\0');
  if (::pwrite(fd, zeros.data(), zeros.size(), 0) >= 0) ::fsync(fd);
}

}  // namespace

absl::StatusOr<std::optional<merkle::SigningKey>> KeyDirectory::Read(const std::string& file) const {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) {
    if (errno == ENOENT) return std::nullopt;
    return FileUnusable(file, errno);
  }
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return absl::FailedPreconditionError(
        fmt::format("the private key {} has mode {:04o}: others than its owner may use it; set it with chmod 600, and "
                    "consider whether the key is still secret",
                    file, status.st_mode & 07777));
  }
  KL_ASSIGN_OR_RETURN(std::string pem, ReadWhole(file, kKeyFileBytesMax));
  auto key = merkle::SigningKey::FromPem(pem);
  explicit_bzero(pem.data(), pem.size());
  if (!key.ok()) return MakeError(Reason::kStoreDamaged, fmt::format("{}: {}", file, MessageOf(key.status())));
  return *std::move(key);
}

absl::StatusOr<PendingRotation> KeyDirectory::Rotation() const {
  KL_ASSIGN_OR_RETURN(const std::string text, ReadWhole(rotation_file(), kKeyFileBytesMax));
  PendingRotation rotation;
  std::istringstream in(text);
  for (std::string* field : {&rotation.request_id, &rotation.reason, &rotation.actor}) {
    std::string line;
    std::getline(in, line);
    const std::optional<std::string> value = merkle::DecodeBase64(line);
    if (!value.has_value() || in.eof()) {
      return MakeError(
          Reason::kStoreDamaged,
          fmt::format("{} cannot be understood: it holds what a rotation of the signing key was asked with",
                      rotation_file()));
    }
    *field = *value;
  }
  return rotation;
}

absl::Status KeyDirectory::Create(const merkle::SigningKey& key) {
  KL_RETURN_IF_ERROR(CreateDirectories(path_, 0700));
  return WriteKey(key_file(), key);
}

absl::Status KeyDirectory::Begin(const PendingRotation& rotation, const merkle::SigningKey& next) {
  KL_RETURN_IF_ERROR(
      ReplaceFile(rotation_file(),
                  fmt::format("{}\n{}\n{}\n", merkle::EncodeBase64(rotation.request_id),
                              merkle::EncodeBase64(rotation.reason), merkle::EncodeBase64(rotation.actor)),
                  kPrivate));
  return WriteKey(next_file(), next);
}

absl::Status KeyDirectory::Switch() {
  const int old_key = ::open(key_file().c_str(), O_RDWR | O_CLOEXEC);
  if (::rename(next_file().c_str(), key_file().c_str()) != 0) {
    const int error = errno;
    if (old_key >= 0) ::close(old_key);
    return FileUnusable(key_file(), error);
  }
  // The old key is destroyed only once a power loss cannot bring its name back.
  const absl::Status synced = SyncDirectory(path_);
  if (old_key >= 0) {
    if (synced.ok()) Destroy(old_key);
    ::close(old_key);
  }
  return synced;
}

absl::Status KeyDirectory::Clean() {
  // While a power loss can bring the next key back, what its rotation was asked with must come with it.
  KL_RETURN_IF_ERROR(SyncDirectory(path_));
  return RemoveFile(rotation_file());
}

}  // namespace keyledger::shard
