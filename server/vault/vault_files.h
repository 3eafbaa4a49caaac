// The files of the vault's directory and what is done to them as a whole: created, rewrapped under another master key,
// overwritten before they go; internal to server/vault.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "server/vault/master_key.h"
#include "server/vault/slot.h"

namespace keyledger::vault {

// Told the name of each step just before a crash would leave something different behind.
using StepHook = std::function<void(std::string_view step)>;

// An open file. Lifetime: closes it, which also releases the lock it may hold.
class File {
 public:
  // `flags` as of open(2); created files can be accessed by this user only.
  static absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path, int flags);
  ~File();
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  // Each either does all of it or fails.
  // Errors: UNAVAILABLE (kDiskNearlyFull if there is no room); DATA_LOSS for a read past the end.
  absl::Status Read(uint64_t offset, size_t count, std::string& bytes) const;
  absl::Status Write(uint64_t offset, std::string_view bytes);
  absl::Status Sync();
  absl::Status Truncate(uint64_t size);
  absl::StatusOr<uint64_t> Size() const;
  // Takes the file for this process. Returns false if another has it.
  bool Lock();

 private:
  File(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  absl::Status Failed(const char* what) const;

  const std::string path_;
  const int fd_;
};

// The vault's directory.
struct Files {
  std::string directory;

  std::string keys() const { return directory + "/keys"; }
  // A file that is being written and will become `keys`.
  std::string keys_new() const { return directory + "/keys.new"; }
  // The file that `keys` took the place of.
  std::string keys_old() const { return directory + "/keys.old"; }
  std::string lock() const { return directory + "/LOCK"; }
};

bool Exists(const std::string& path);
// Bytes that the file system of the directory has free for this process; nothing if it cannot tell.
std::optional<uint64_t> FreeBytes(const std::string& path);
// Makes the directory if need be, its missing parents too (as the process's umask has them), and the new names durable.
absl::Status MakeDirectory(const std::string& path, unsigned mode);
absl::Status SyncDirectory(const std::string& path);

// Writes a vault file without slots, of a vault with an id of its own. A crash leaves none, or the whole.
absl::Status CreateKeysFile(const Files& files, const MasterKey& master, const RandomSource& random);

// Writes all slots anew, wrapped by `to`, and puts the file in the place of the old one, which is then overwritten. A
// crash leaves the one or the other, and what RemoveRemains takes away.
// Requires: the header of `keys` fits `from` and names `vault_id`, which the vault keeps.
absl::Status Rewrap(const Files& files, const std::string& vault_id, const MasterKey& from, const MasterKey& to,
                    const RandomSource& random, const StepHook& on_step);

// Overwrites and removes what an interrupted creation or rewrapping left.
// Requires: `keys` was opened with the right master key, so that nothing it lacks is in the remains.
absl::Status RemoveRemains(const Files& files);

}  // namespace keyledger::vault
