// See checkpoint_history.h.
#include "server/shard/checkpoint_history.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "server/base/check.h"
#include "server/base/error.h"
#include "server/merkle/tree.h"
#include "server/shard/files.h"

namespace keyledger::shard {
namespace {

constexpr std::string_view kFirstWord = "checkpoint 1";

// 16 hex digits over what an entry says.
std::string SumOf(Micros publish_time, std::string_view note) {
  const merkle::Hash hash = merkle::Sha256(fmt::format("{} {}\n{}", publish_time, note.size(), note));
  std::string text;
  for (size_t i = 0; i < 8; ++i) text += fmt::format("{:02x}", hash[i]);
  return text;
}

}  // namespace

absl::StatusOr<PublishedCheckpoint> ReadPublished(const std::string& where, std::string note, Micros publish_time) {
  PublishedCheckpoint published;
  const auto text = merkle::UnverifiedText(note);
  const auto checkpoint =
      text.ok() ? merkle::ParseCheckpoint(*text) : absl::StatusOr<merkle::Checkpoint>(text.status());
  if (!checkpoint.ok()) {
    return MakeError(Reason::kStoreDamaged, fmt::format("{} holds no checkpoint ({}); restore it from a copy", where,
                                                        MessageOf(checkpoint.status())));
  }
  published.note = std::move(note);
  published.checkpoint = *checkpoint;
  published.publish_time = publish_time;
  return published;
}

namespace {

// Reads one entry.
absl::StatusOr<PublishedCheckpoint> ParseEntry(const std::string& where, const std::string& entry) {
  const absl::Status damaged = MakeError(Reason::kStoreDamaged, where + " is damaged; restore the file from a copy");
  std::istringstream in(entry);
  std::string word, format, sum;
  Micros publish_time = 0;
  size_t bytes = 0;
  if (!(in >> word >> format >> publish_time >> bytes >> sum) || word + " " + format != kFirstWord || in.get() != '\n')
    return damaged;
  const auto begin = static_cast<size_t>(in.tellg());
  if (bytes > CheckpointHistory::kEntryBytes - begin) return damaged;
  std::string note = entry.substr(begin, bytes);
  if (sum != SumOf(publish_time, note)) return damaged;
  return ReadPublished(where, std::move(note), publish_time);
}

}  // namespace

absl::StatusOr<std::unique_ptr<CheckpointHistory>> CheckpointHistory::Open(const std::string& path) {
  const bool is_new = !FileExists(path);
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return FileUnusable(path, errno);
  std::unique_ptr<CheckpointHistory> history(new CheckpointHistory(path, fd));
  if (is_new) KL_RETURN_IF_ERROR(SyncDirectory(std::filesystem::path(path).parent_path().string()));
  KL_RETURN_IF_ERROR(history->CutTornEnd());
  return history;
}

CheckpointHistory::~CheckpointHistory() { ::close(fd_); }

absl::Status CheckpointHistory::CutTornEnd() {
  struct stat file {};
  if (::fstat(fd_, &file) != 0) return FileUnusable(path_, errno);
  const auto bytes = static_cast<uint64_t>(file.st_size);
  uint64_t whole = bytes / kEntryBytes;
  count_ = whole;
  // The end of a file may be lengthened before its bytes are there.
  if (whole > 0 && bytes % kEntryBytes == 0 && ReasonOf(Read(whole - 1).status()) == Reason::kStoreDamaged) --whole;
  count_ = whole;
  if (whole > 0) KL_RETURN_IF_ERROR(Read(whole - 1).status());
  if (whole * kEntryBytes == bytes) return absl::OkStatus();
  if (::ftruncate(fd_, static_cast<off_t>(whole * kEntryBytes)) != 0 || ::fsync(fd_) != 0)
    return FileUnusable(path_, errno);
  return absl::OkStatus();
}

absl::StatusOr<PublishedCheckpoint> CheckpointHistory::Read(uint64_t index) const {
  KL_CHECK(index < count());
  std::string entry(kEntryBytes, '\0');
  const ssize_t got = ::pread(fd_, entry.data(), entry.size(), static_cast<off_t>(index * kEntryBytes));
  if (got < 0) return FileUnusable(path_, errno);
  return ParseEntry(fmt::format("{}: entry {}", path_, index), entry);
}

absl::StatusOr<uint64_t> CheckpointHistory::FirstAtLeast(uint64_t size) const {
  uint64_t low = 0;
  uint64_t high = count();
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    KL_ASSIGN_OR_RETURN(const PublishedCheckpoint entry, Read(middle));
    if (entry.checkpoint.size < size) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

absl::Status CheckpointHistory::Append(const PublishedCheckpoint& published) {
  std::string entry = fmt::format("{} {} {} {}\n{}", kFirstWord, published.publish_time, published.note.size(),
                                  SumOf(published.publish_time, published.note), published.note);
  // An origin has at most 45 bytes and a note two signatures: 399 bytes of note and 63 of header at most.
  KL_CHECK(entry.size() <= kEntryBytes);
  entry.resize(kEntryBytes, '\n');
  // What a failed call before this one left there is overwritten: it was never given out.
  const ssize_t written = ::pwrite(fd_, entry.data(), entry.size(), static_cast<off_t>(count() * kEntryBytes));
  if (written != static_cast<ssize_t>(entry.size())) return FileUnusable(path_, written < 0 ? errno : ENOSPC);
  if (::fsync(fd_) != 0) return FileUnusable(path_, errno);
  count_.fetch_add(1, std::memory_order_release);
  return absl::OkStatus();
}

std::string CheckpointHistoryPath(const std::string& directory, uint32_t shard) {
  return fmt::format("{}/shard-{:03}.history", directory, shard);
}

absl::Status ReadCheckpointHistory(const std::string& path,
                                   const std::function<absl::Status(const std::string& note)>& visit) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return FileExists(path) ? FileUnusable(path, errno) : absl::OkStatus();
  std::string entry(CheckpointHistory::kEntryBytes, '\0');
  std::string damaged;
  for (uint64_t index = 0; in.read(entry.data(), static_cast<std::streamsize>(entry.size())); ++index) {
    // Only what is followed by another entry is more than a torn end.
    if (!damaged.empty()) KL_RETURN_IF_ERROR(visit(std::exchange(damaged, {})));
    const auto published = ParseEntry(fmt::format("{}: entry {}", path, index), entry);
    if (published.ok()) {
      KL_RETURN_IF_ERROR(visit(published->note));
    } else {
      damaged = entry;
    }
  }
  return absl::OkStatus();
}

}  // namespace keyledger::shard
