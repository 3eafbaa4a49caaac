// See vault_files.h.
#include "server/vault/vault_files.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "server/base/error.h"

namespace keyledger::vault {
namespace {

// Slots read or written at once.
constexpr uint64_t kSlotsPerChunk = 8'192;

absl::Status Unavailable(const std::string& path, const char* what, int error) {
  const std::string text = fmt::format("the vault's {} cannot be {}: {}", path, what, std::strerror(error));
  const bool no_room = error == ENOSPC || error == EDQUOT || error == EFBIG;
  return no_room ? MakeError(Reason::kDiskNearlyFull, text) : absl::UnavailableError(text);
}

absl::Status Rename(const std::string& from, const std::string& to) {
  if (std::rename(from.c_str(), to.c_str()) != 0) return Unavailable(from, "renamed", errno);
  return absl::OkStatus();
}

absl::Status Unlink(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return Unavailable(path, "removed", errno);
  return absl::OkStatus();
}

bool SameFile(const std::string& one, const std::string& other) {
  struct stat a {};
  struct stat b {};
  return ::stat(one.c_str(), &a) == 0 && ::stat(other.c_str(), &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

// Overwrites a file with zeros, durably, and removes it.
absl::Status Shred(const std::string& path) {
  if (!Exists(path)) return absl::OkStatus();
  KL_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, File::Open(path, O_RDWR));
  KL_ASSIGN_OR_RETURN(const uint64_t size, file->Size());
  const std::string zeros(kSlotsPerChunk * kSlotBytes, '\0');
  for (uint64_t offset = 0; offset < size; offset += zeros.size()) {
    KL_RETURN_IF_ERROR(
        file->Write(offset, std::string_view(zeros).substr(0, std::min<uint64_t>(zeros.size(), size - offset))));
  }
  KL_RETURN_IF_ERROR(file->Sync());
  return Unlink(path);
}

// One slot under another master key. What cannot be read is taken over as it stands: it stays as unreadable as it was,
// and as little lost.
std::string RewrapSlot(std::string_view bytes, const MasterKey& from, const MasterKey& to, const RandomSource& random) {
  Slot slot;
  if (DecodeSlot(bytes, slot) != SlotKind::kIntact || slot.state != SlotState::kLive) return std::string(bytes);
  const std::optional<SecretKey> key = UnwrapKey(slot, from);
  return key.has_value() ? EncodeSlot(WrapKey(slot.subject, *key, to, random)) : std::string(bytes);
}

}  // namespace

absl::StatusOr<std::unique_ptr<File>> File::Open(const std::string& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC, 0600);
  if (fd < 0) return Unavailable(path, "opened", errno);
  return std::unique_ptr<File>(new File(path, fd));
}

File::~File() { ::close(fd_); }

absl::Status File::Failed(const char* what) const { return Unavailable(path_, what, errno); }

absl::Status File::Read(uint64_t offset, size_t count, std::string& bytes) const {
  bytes.resize(count);
  size_t done = 0;
  while (done < count) {
    const ssize_t got = ::pread(fd_, bytes.data() + done, count - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Failed("read");
    if (got == 0) return MakeError(Reason::kStoreDamaged, fmt::format("the vault's {} has lost its end", path_));
    done += static_cast<size_t>(got);
  }
  return absl::OkStatus();
}

absl::Status File::Write(uint64_t offset, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return Failed("written");
    bytes.remove_prefix(static_cast<size_t>(put));
    offset += static_cast<uint64_t>(put);
  }
  return absl::OkStatus();
}

absl::Status File::Sync() { return ::fsync(fd_) == 0 ? absl::OkStatus() : Failed("synced"); }

absl::Status File::Truncate(uint64_t size) {
  return ::ftruncate(fd_, static_cast<off_t>(size)) == 0 ? absl::OkStatus() : Failed("truncated");
}

absl::StatusOr<uint64_t> File::Size() const {
  struct stat about {};
  if (::fstat(fd_, &about) != 0) return Failed("read");
  return static_cast<uint64_t>(about.st_size);
}

bool File::Lock() { return ::flock(fd_, LOCK_EX | LOCK_NB) == 0; }

bool Exists(const std::string& path) {
  struct stat about {};
  return ::lstat(path.c_str(), &about) == 0;
}

std::optional<uint64_t> FreeBytes(const std::string& path) {
  struct statvfs about {};
  if (::statvfs(path.c_str(), &about) != 0) return std::nullopt;
  return uint64_t{about.f_bavail} * about.f_frsize;
}

absl::Status MakeDirectory(const std::string& path, unsigned mode) {
  if (path.empty() || Exists(path)) return absl::OkStatus();
  std::string parent = path;
  while (parent.ends_with('/')) parent.pop_back();
  const size_t slash = parent.rfind('/');
  parent.resize(slash == std::string::npos ? 0 : slash);
  KL_RETURN_IF_ERROR(MakeDirectory(parent, 0777));
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) return Unavailable(path, "created", errno);
  return SyncDirectory(parent.empty() ? (slash == 0 ? "/" : ".") : parent);
}

absl::Status SyncDirectory(const std::string& path) {
  KL_ASSIGN_OR_RETURN(const std::unique_ptr<File> directory, File::Open(path, O_RDONLY | O_DIRECTORY));
  return directory->Sync();
}

absl::Status CreateKeysFile(const Files& files, const MasterKey& master, const RandomSource& random) {
  std::string vault_id(kVaultIdBytes, '\0');
  random(reinterpret_cast<uint8_t*>(vault_id.data()), vault_id.size());
  {
    KL_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, File::Open(files.keys_new(), O_RDWR | O_CREAT | O_TRUNC));
    KL_RETURN_IF_ERROR(file->Write(0, EncodeHeader(vault_id, master, random)));
    KL_RETURN_IF_ERROR(file->Sync());
  }
  KL_RETURN_IF_ERROR(Rename(files.keys_new(), files.keys()));
  return SyncDirectory(files.directory);
}

absl::Status Rewrap(const Files& files, const std::string& vault_id, const MasterKey& from, const MasterKey& to,
                    const RandomSource& random, const StepHook& on_step) {
  on_step("begin");
  {
    KL_ASSIGN_OR_RETURN(const std::unique_ptr<File> old, File::Open(files.keys(), O_RDONLY));
    KL_ASSIGN_OR_RETURN(const uint64_t size, old->Size());
    KL_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, File::Open(files.keys_new(), O_RDWR | O_CREAT | O_TRUNC));
    KL_RETURN_IF_ERROR(file->Write(0, EncodeHeader(vault_id, to, random)));
    on_step("header written");
    const uint64_t slots = size / kSlotBytes;
    std::string chunk;
    for (uint64_t slot = 1; slot < slots; slot += kSlotsPerChunk) {
      const uint64_t count = std::min(kSlotsPerChunk, slots - slot);
      KL_RETURN_IF_ERROR(old->Read(slot * kSlotBytes, count * kSlotBytes, chunk));
      std::string rewrapped;
      for (size_t i = 0; i < chunk.size(); i += kSlotBytes)
        rewrapped += RewrapSlot(std::string_view(chunk).substr(i, kSlotBytes), from, to, random);
      KL_RETURN_IF_ERROR(file->Write(slot * kSlotBytes, rewrapped));
      on_step("slots written");
    }
    KL_RETURN_IF_ERROR(file->Sync());
  }
  // The old file keeps a name until it has been overwritten: an erasure to come could not reach the keys in its blocks.
  KL_RETURN_IF_ERROR(Unlink(files.keys_old()));
  on_step("synced");
  if (::link(files.keys().c_str(), files.keys_old().c_str()) != 0)
    return Unavailable(files.keys(), "given a second name", errno);
  KL_RETURN_IF_ERROR(SyncDirectory(files.directory));
  on_step("linked");
  KL_RETURN_IF_ERROR(Rename(files.keys_new(), files.keys()));
  KL_RETURN_IF_ERROR(SyncDirectory(files.directory));
  on_step("renamed");
  KL_RETURN_IF_ERROR(Shred(files.keys_old()));
  on_step("old removed");
  return SyncDirectory(files.directory);
}

absl::Status RemoveRemains(const Files& files) {
  KL_RETURN_IF_ERROR(Shred(files.keys_new()));
  // Interrupted before the renaming: the second name of the file in use.
  KL_RETURN_IF_ERROR(SameFile(files.keys(), files.keys_old()) ? Unlink(files.keys_old()) : Shred(files.keys_old()));
  return SyncDirectory(files.directory);
}

}  // namespace keyledger::vault
