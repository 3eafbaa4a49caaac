#include "server/store/store_directory.h"

#include <filesystem>
#include <vector>

#include <fmt/format.h>

#include "server/base/error.h"
#include "server/store/head_file.h"
#include "server/store/log_fragments.h"
#include "server/store/rocks_status.h"

namespace keyledger::store {
namespace {

constexpr char kLockName[] = "STORE_LOCK";

absl::Status Unavailable(const std::string& path, const char* what, const rocksdb::Status& status) {
  return absl::UnavailableError(
      fmt::format("the store's directory {} cannot be {}: {}", path, what, status.ToString()));
}

// Creates the directory and its missing parents, and makes each new name durable: a synced file in a directory whose
// own name is lost is lost too.
absl::Status CreateDirectories(rocksdb::Env* env, const std::filesystem::path& path) {
  if (path.empty() || env->FileExists(path.string()).ok()) return absl::OkStatus();
  KL_RETURN_IF_ERROR(CreateDirectories(env, path.parent_path()));
  if (auto status = env->CreateDirIfMissing(path.string()); !status.ok()) {
    return Unavailable(path.string(), "created", status);
  }
  const std::string parent = path.parent_path().string();
  return SyncDirectory(env, parent.empty() ? "." : parent);
}

}  // namespace

absl::StatusOr<std::unique_ptr<StoreDirectory>> StoreDirectory::Take(rocksdb::Env* env, const std::string& path) {
  std::filesystem::path directory(path);
  if (!directory.has_filename()) directory = directory.parent_path();
  KL_RETURN_IF_ERROR(CreateDirectories(env, directory));
  rocksdb::FileLock* lock = nullptr;
  const std::string lock_path = path + "/" + kLockName;
  if (auto status = env->LockFile(lock_path, &lock); !status.ok()) {
    // Opening the file fails with a status of its own kind; what remains is the lock.
    const std::string text = status.ToString();
    const bool held = text.find("lock hold by current process") != std::string::npos ||
                      text.find("While lock file") != std::string::npos;
    return held ? OpenError(path, status) : Unavailable(path, "written", status);
  }
  return std::unique_ptr<StoreDirectory>(new StoreDirectory(env, lock));
}

StoreDirectory::~StoreDirectory() { static_cast<void>(env_->UnlockFile(lock_)); }

absl::Status CheckFilesPresent(rocksdb::Env* env, const std::string& path, bool must_exist) {
  std::vector<std::string> names;
  if (auto status = env->GetChildren(path, &names); !status.ok()) {
    return status.IsNotFound() || status.IsPathNotFound() ? Damaged(path, "there is no such directory")
                                                          : Unavailable(path, "read", status);
  }
  bool current = false;
  std::string remains;
  for (const std::string& name : names) {
    if (name == "CURRENT") current = true;
    if (name == "HEAD" || name.ends_with(".sst")) remains = name;
  }
  if (current) return absl::OkStatus();
  if (!remains.empty()) return Damaged(path, fmt::format("the file CURRENT is missing, but {} is there", remains));
  return must_exist ? Damaged(path, "there is no store") : absl::OkStatus();
}

absl::Status CutTornManifest(rocksdb::Env* env, const std::string& path) {
  std::string name;
  if (auto status = rocksdb::ReadFileToString(env, path + "/CURRENT", &name); !status.ok())
    return OpenError(path, status);
  if (!name.starts_with("MANIFEST-") || !name.ends_with('\n'))
    return Damaged(path, "the file CURRENT names no manifest");
  name.pop_back();
  const std::string manifest = path + "/" + name;
  uint64_t good_end = 0;
  bool damaged = false;
  bool intact_after = false;
  KL_RETURN_IF_ERROR(ReadLogFragments(env, manifest, [&](const LogFragment& fragment) {
    if (!fragment.intact) {
      damaged = true;
    } else if (damaged) {
      intact_after = intact_after || fragment.starts_record();
    } else if (fragment.ends_record()) {
      good_end = fragment.end;
    }
  }));
  if (!damaged || intact_after || good_end == 0) return absl::OkStatus();
  std::string bytes;
  rocksdb::Status status = rocksdb::ReadFileToString(env, manifest, &bytes);
  if (status.ok()) status = rocksdb::WriteStringToFile(env, bytes, path + "/" + kTornManifest, /*should_sync=*/true);
  // Written anew beside it and renamed, so that a crash leaves the one or the other.
  const std::string temporary = path + "/MANIFEST.tmp";
  bytes.resize(good_end);
  if (status.ok()) status = rocksdb::WriteStringToFile(env, bytes, temporary, /*should_sync=*/true);
  if (status.ok()) status = env->RenameFile(temporary, manifest);
  return status.ok() ? SyncDirectory(env, path) : Unavailable(path, "repaired", status);
}

absl::StatusOr<bool> HasWriteAheadLog(rocksdb::Env* env, const std::string& path) {
  std::vector<rocksdb::Env::FileAttributes> files;
  if (auto status = env->GetChildrenFileAttributes(path, &files); !status.ok())
    return Unavailable(path, "read", status);
  for (const auto& file : files) {
    if (file.name.ends_with(".log") && file.size_bytes > 0) return true;
  }
  return false;
}

uint64_t DirectoryBytes(rocksdb::Env* env, const std::string& path) {
  std::vector<rocksdb::Env::FileAttributes> files;
  if (!env->GetChildrenFileAttributes(path, &files).ok()) return 0;
  uint64_t bytes = 0;
  for (const auto& file : files) bytes += file.size_bytes;
  return bytes;
}

}  // namespace keyledger::store
