#include "tests/support/fault_env.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include <rocksdb/file_system.h>

namespace keyledger::testing {
namespace {

namespace fs = std::filesystem;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

constexpr uint64_t kSectorBytes = 512;

// Bytes of a file: those up to `synced` survive a power loss.
struct FileBytes {
  uint64_t size = 0;
  uint64_t synced = 0;
};

// A change of a directory that is not synced yet, and how to undo it.
struct NameChange {
  enum class Kind { kCreate, kRename, kDelete } kind;
  std::string path;
  // kRename: the old name.
  std::string from;
  // A second link to what was at `path` before, or empty.
  std::string saved;
  std::shared_ptr<FileBytes> saved_bytes;
};

std::string Normal(const std::string& path) { return fs::path(path).lexically_normal().string(); }
std::string Parent(const std::string& path) { return fs::path(path).parent_path().string(); }

}  // namespace

class FaultFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  FaultFileSystem() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "FaultFileSystem"; }

  IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* result, IODebugContext* dbg) override;
  IOStatus ReopenWritableFile(const std::string&, const rocksdb::FileOptions&,
                              std::unique_ptr<rocksdb::FSWritableFile>*, IODebugContext*) override {
    return IOStatus::NotSupported("ReopenWritableFile");
  }
  IOStatus ReuseWritableFile(const std::string&, const std::string&, const rocksdb::FileOptions&,
                             std::unique_ptr<rocksdb::FSWritableFile>*, IODebugContext*) override {
    return IOStatus::NotSupported("ReuseWritableFile");
  }
  IOStatus NewDirectory(const std::string& name, const IOOptions& options,
                        std::unique_ptr<rocksdb::FSDirectory>* result, IODebugContext* dbg) override;
  IOStatus CreateDir(const std::string& name, const IOOptions& options, IODebugContext* dbg) override;
  IOStatus CreateDirIfMissing(const std::string& name, const IOOptions& options, IODebugContext* dbg) override;
  IOStatus DeleteFile(const std::string& name, const IOOptions& options, IODebugContext* dbg) override;
  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                      IODebugContext* dbg) override;
  IOStatus LinkFile(const std::string&, const std::string&, const IOOptions&, IODebugContext*) override {
    return IOStatus::NotSupported("LinkFile");
  }
  IOStatus GetFreeSpace(const std::string& path, const IOOptions& options, uint64_t* free,
                        IODebugContext* dbg) override {
    {
      std::lock_guard lock(mutex_);
      if (free_bytes_.has_value()) {
        *free = *free_bytes_;
        return IOStatus::OK();
      }
    }
    return target()->GetFreeSpace(path, options, free, dbg);
  }

  IOStatus Append(rocksdb::FSWritableFile& file, const std::string& path, FileBytes& bytes, const rocksdb::Slice& data,
                  const IOOptions& options, IODebugContext* dbg);
  IOStatus Sync(rocksdb::FSWritableFile& file, const std::string& path, FileBytes& bytes, const IOOptions& options,
                IODebugContext* dbg);
  IOStatus SyncDirectory(rocksdb::FSDirectory& directory, const std::string& path, const IOOptions& options,
                         IODebugContext* dbg);

  void Restore(std::mt19937_64& random);

  mutable std::mutex mutex_;
  uint64_t operations_ = 0;
  uint64_t cut_at_ = 0;
  bool off_ = false;
  std::optional<uint64_t> free_bytes_;

  struct Fault {
    FaultEnv::Operation operation;
    uint64_t left;
    FaultEnv::Failure failure;
    std::string suffix;
    bool stays;
  };
  std::optional<Fault> fault_;
  bool has_failed_ = false;

 private:
  // Counts an operation; returns an error if the power is off. Requires: mutex_ held.
  IOStatus Count() {
    ++operations_;
    if (cut_at_ != 0 && operations_ >= cut_at_) off_ = true;
    return off_ ? IOStatus::IOError("power is off") : IOStatus::OK();
  }
  // The failure that is due, if one is. Requires: mutex_ held.
  IOStatus TakeFault(FaultEnv::Operation operation, const std::string& path);
  // Keeps a second link to a file that is about to lose its name. Requires: mutex_ held.
  void Save(const std::string& path, NameChange& change);
  void Undo(const NameChange& change);
  void LoseBytes(const std::string& path, const FileBytes& bytes, std::mt19937_64& random);

  // Guarded by mutex_. Paths are normal ones; a file that is not in the map is wholly on the disk.
  std::map<std::string, std::shared_ptr<FileBytes>> files_;
  std::map<std::string, std::vector<NameChange>> changes_;
  uint64_t saved_count_ = 0;
};

namespace {

class FaultFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  FaultFile(std::unique_ptr<rocksdb::FSWritableFile> file, FaultFileSystem& system, std::string path,
            std::shared_ptr<FileBytes> bytes)
      : FSWritableFileOwnerWrapper(std::move(file)),
        system_(system),
        path_(std::move(path)),
        bytes_(std::move(bytes)) {}

  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options, IODebugContext* dbg) override {
    return system_.Append(*target(), path_, *bytes_, data, options, dbg);
  }
  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options, const rocksdb::DataVerificationInfo&,
                  IODebugContext* dbg) override {
    return Append(data, options, dbg);
  }
  IOStatus PositionedAppend(const rocksdb::Slice&, uint64_t, const IOOptions&, IODebugContext*) override {
    return IOStatus::NotSupported("PositionedAppend");
  }
  IOStatus PositionedAppend(const rocksdb::Slice&, uint64_t, const IOOptions&, const rocksdb::DataVerificationInfo&,
                            IODebugContext*) override {
    return IOStatus::NotSupported("PositionedAppend");
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* dbg) override {
    return system_.Sync(*target(), path_, *bytes_, options, dbg);
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* dbg) override {
    return system_.Sync(*target(), path_, *bytes_, options, dbg);
  }

 private:
  FaultFileSystem& system_;
  const std::string path_;
  const std::shared_ptr<FileBytes> bytes_;
};

class FaultDirectory final : public rocksdb::FSDirectoryWrapper {
 public:
  FaultDirectory(std::unique_ptr<rocksdb::FSDirectory> directory, FaultFileSystem& system, std::string path)
      : FSDirectoryWrapper(directory.get()),
        directory_(std::move(directory)),
        system_(system),
        path_(std::move(path)) {}

  IOStatus Fsync(const IOOptions& options, IODebugContext* dbg) override {
    return system_.SyncDirectory(*directory_, path_, options, dbg);
  }
  IOStatus FsyncWithDirOptions(const IOOptions& options, IODebugContext* dbg,
                               const rocksdb::DirFsyncOptions&) override {
    return Fsync(options, dbg);
  }

 private:
  const std::unique_ptr<rocksdb::FSDirectory> directory_;
  FaultFileSystem& system_;
  const std::string path_;
};

}  // namespace

IOStatus FaultFileSystem::NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                          std::unique_ptr<rocksdb::FSWritableFile>* result, IODebugContext* dbg) {
  const std::string path = Normal(name);
  std::lock_guard lock(mutex_);
  if (auto status = Count(); !status.ok()) return status;
  // Opening truncates: what was there goes as if deleted first.
  if (fs::exists(path)) {
    NameChange change{NameChange::Kind::kDelete, path, "", "", nullptr};
    Save(path, change);
    fs::remove(path);
    files_.erase(path);
    changes_[Parent(path)].push_back(std::move(change));
  }
  std::unique_ptr<rocksdb::FSWritableFile> file;
  if (auto status = target()->NewWritableFile(path, options, &file, dbg); !status.ok()) return status;
  auto bytes = std::make_shared<FileBytes>();
  files_[path] = bytes;
  changes_[Parent(path)].push_back({NameChange::Kind::kCreate, path, "", "", nullptr});
  *result = std::make_unique<FaultFile>(std::move(file), *this, path, std::move(bytes));
  return IOStatus::OK();
}

IOStatus FaultFileSystem::NewDirectory(const std::string& name, const IOOptions& options,
                                       std::unique_ptr<rocksdb::FSDirectory>* result, IODebugContext* dbg) {
  std::unique_ptr<rocksdb::FSDirectory> directory;
  if (auto status = target()->NewDirectory(name, options, &directory, dbg); !status.ok()) return status;
  std::string path = Normal(name);
  if (path.size() > 1 && path.back() == '/') path.pop_back();
  *result = std::make_unique<FaultDirectory>(std::move(directory), *this, std::move(path));
  return IOStatus::OK();
}

IOStatus FaultFileSystem::CreateDir(const std::string& name, const IOOptions& options, IODebugContext* dbg) {
  std::lock_guard lock(mutex_);
  if (auto status = Count(); !status.ok()) return status;
  if (auto status = target()->CreateDir(name, options, dbg); !status.ok()) return status;
  changes_[Parent(Normal(name))].push_back({NameChange::Kind::kCreate, Normal(name), "", "", nullptr});
  return IOStatus::OK();
}

IOStatus FaultFileSystem::CreateDirIfMissing(const std::string& name, const IOOptions& options, IODebugContext* dbg) {
  return fs::is_directory(name) ? IOStatus::OK() : CreateDir(name, options, dbg);
}

IOStatus FaultFileSystem::DeleteFile(const std::string& name, const IOOptions&, IODebugContext*) {
  const std::string path = Normal(name);
  std::lock_guard lock(mutex_);
  if (auto status = Count(); !status.ok()) return status;
  if (!fs::exists(path)) return IOStatus::PathNotFound(path);
  NameChange change{NameChange::Kind::kDelete, path, "", "", nullptr};
  Save(path, change);
  fs::remove(path);
  files_.erase(path);
  changes_[Parent(path)].push_back(std::move(change));
  return IOStatus::OK();
}

IOStatus FaultFileSystem::RenameFile(const std::string& from_name, const std::string& to_name, const IOOptions& options,
                                     IODebugContext* dbg) {
  const std::string from = Normal(from_name);
  const std::string to = Normal(to_name);
  std::lock_guard lock(mutex_);
  if (auto status = Count(); !status.ok()) return status;
  NameChange change{NameChange::Kind::kRename, to, from, "", nullptr};
  if (fs::exists(to)) Save(to, change);
  if (auto status = target()->RenameFile(from, to, options, dbg); !status.ok()) return status;
  files_.erase(to);
  if (auto bytes = files_.extract(from); !bytes.empty()) {
    bytes.key() = to;
    files_.insert(std::move(bytes));
  }
  changes_[Parent(to)].push_back(std::move(change));
  return IOStatus::OK();
}

IOStatus FaultFileSystem::Append(rocksdb::FSWritableFile& file, const std::string& path, FileBytes& bytes,
                                 const rocksdb::Slice& data, const IOOptions& options, IODebugContext* dbg) {
  std::lock_guard lock(mutex_);
  if (off_) return IOStatus::IOError("power is off");
  // The write at which the power goes may still have reached the disk: Restore decides how much of it.
  const IOStatus power = Count();
  const IOStatus fault = power.ok() ? TakeFault(FaultEnv::Operation::kWrite, path) : IOStatus::OK();
  const rocksdb::Slice written(data.data(), fault.ok() ? data.size() : data.size() / 2);
  const IOStatus status = file.Append(written, options, dbg);
  if (status.ok()) bytes.size += written.size();
  if (!power.ok()) return power;
  return fault.ok() ? status : fault;
}

IOStatus FaultFileSystem::Sync(rocksdb::FSWritableFile& file, const std::string& path, FileBytes& bytes,
                               const IOOptions& options, IODebugContext* dbg) {
  std::lock_guard lock(mutex_);
  if (auto status = Count(); !status.ok()) return status;
  if (auto status = TakeFault(FaultEnv::Operation::kSync, path); !status.ok()) return status;
  // Hands the bytes to the operating system; the real sync would only cost time.
  if (auto status = file.Flush(options, dbg); !status.ok()) return status;
  bytes.synced = bytes.size;
  return IOStatus::OK();
}

IOStatus FaultFileSystem::SyncDirectory(rocksdb::FSDirectory&, const std::string& path, const IOOptions&,
                                        IODebugContext*) {
  std::lock_guard lock(mutex_);
  if (auto status = Count(); !status.ok()) return status;
  if (auto status = TakeFault(FaultEnv::Operation::kSync, path); !status.ok()) return status;
  for (const NameChange& change : changes_[path]) {
    if (!change.saved.empty()) fs::remove(change.saved);
  }
  changes_.erase(path);
  return IOStatus::OK();
}

IOStatus FaultFileSystem::TakeFault(FaultEnv::Operation operation, const std::string& path) {
  if (!fault_.has_value() || fault_->operation != operation || !path.ends_with(fault_->suffix)) return IOStatus::OK();
  if (fault_->left > 1) {
    --fault_->left;
    return IOStatus::OK();
  }
  const IOStatus status = fault_->failure == FaultEnv::Failure::kNoSpace
                              ? IOStatus::NoSpace("injected: No space left on device")
                              : IOStatus::IOError("injected: Input/output error");
  has_failed_ = true;
  if (!fault_->stays) fault_.reset();
  return status;
}

void FaultFileSystem::Save(const std::string& path, NameChange& change) {
  // Beside the directory, so that nobody who lists it sees the link.
  change.saved = Parent(path) + ".saved." + std::to_string(saved_count_++);
  fs::create_hard_link(path, change.saved);
  if (const auto bytes = files_.find(path); bytes != files_.end()) change.saved_bytes = bytes->second;
}

void FaultFileSystem::Undo(const NameChange& change) {
  // The directory may itself be one whose name was lost.
  if (!fs::exists(Parent(change.path))) {
    if (!change.saved.empty()) fs::remove(change.saved);
    return;
  }
  if (change.kind == NameChange::Kind::kCreate) {
    fs::remove_all(change.path);
    std::erase_if(files_, [&](const auto& file) {
      return file.first == change.path || file.first.starts_with(change.path + "/");
    });
    return;
  }
  if (change.kind == NameChange::Kind::kRename) {
    fs::rename(change.path, change.from);
    if (auto bytes = files_.extract(change.path); !bytes.empty()) {
      bytes.key() = change.from;
      files_.insert(std::move(bytes));
    }
  }
  if (!change.saved.empty()) {
    fs::rename(change.saved, change.path);
    if (change.saved_bytes != nullptr) files_[change.path] = change.saved_bytes;
  }
}

void FaultFileSystem::LoseBytes(const std::string& path, const FileBytes& bytes, std::mt19937_64& random) {
  if (!fs::exists(path) || bytes.synced == bytes.size) return;
  const bool torn = random() % 2 == 0;
  const uint64_t kept = torn ? bytes.synced + random() % (bytes.size - bytes.synced + 1) : bytes.synced;
  fs::resize_file(path, kept);
  if (!torn || kept == bytes.synced || random() % 2 == 0) return;
  // A sector that never arrived, though later ones did.
  const uint64_t start = bytes.synced + random() % (kept - bytes.synced);
  const uint64_t end = std::min(kept, (start / kSectorBytes + 1) * kSectorBytes);
  const bool zeros = random() % 2 == 0;
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(start));
  for (uint64_t at = start; at < end; ++at) file.put(zeros ? '\0' : static_cast<char>(random()));
}

void FaultFileSystem::Restore(std::mt19937_64& random) {
  std::lock_guard lock(mutex_);
  for (auto& [directory, changes] : changes_) {
    // A journal keeps the order of changes: some first ones have reached the disk.
    const size_t kept = random() % (changes.size() + 1);
    for (size_t i = changes.size(); i > kept; --i) Undo(changes[i - 1]);
    for (size_t i = 0; i < kept; ++i) {
      if (!changes[i].saved.empty()) fs::remove(changes[i].saved);
    }
  }
  for (const auto& [path, bytes] : files_) LoseBytes(path, *bytes, random);
  changes_.clear();
  files_.clear();
  fault_.reset();
  cut_at_ = 0;
  off_ = false;
}

FaultEnv::FaultEnv()
    : file_system_(std::make_shared<FaultFileSystem>()), env_(rocksdb::NewCompositeEnv(file_system_)) {}

FaultEnv::~FaultEnv() = default;

uint64_t FaultEnv::operations() const {
  std::lock_guard lock(file_system_->mutex_);
  return file_system_->operations_;
}

void FaultEnv::CutPowerAfter(uint64_t n) {
  std::lock_guard lock(file_system_->mutex_);
  file_system_->cut_at_ = file_system_->operations_ + n;
}

void FaultEnv::CutPower() {
  std::lock_guard lock(file_system_->mutex_);
  file_system_->off_ = true;
}

bool FaultEnv::power_is_off() const {
  std::lock_guard lock(file_system_->mutex_);
  return file_system_->off_;
}

void FaultEnv::Restore(std::mt19937_64& random) { file_system_->Restore(random); }

void FaultEnv::FailAfter(Operation operation, uint64_t n, Failure failure, const std::string& suffix, bool stays) {
  std::lock_guard lock(file_system_->mutex_);
  file_system_->fault_ = FaultFileSystem::Fault{operation, n, failure, suffix, stays};
  file_system_->has_failed_ = false;
}

void FaultEnv::StopFailing() {
  std::lock_guard lock(file_system_->mutex_);
  file_system_->fault_.reset();
}

bool FaultEnv::has_failed() const {
  std::lock_guard lock(file_system_->mutex_);
  return file_system_->has_failed_;
}

void FaultEnv::SetFreeBytes(std::optional<uint64_t> bytes) {
  std::lock_guard lock(file_system_->mutex_);
  file_system_->free_bytes_ = bytes;
}

}  // namespace keyledger::testing
