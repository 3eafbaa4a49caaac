// See spill.h.
#include "client/verify/spill.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <utility>

#include <fmt/format.h>

#include "server/base/check.h"
#include "server/base/codec.h"
#include "server/base/error.h"

namespace keyledger::verify {
namespace {

constexpr size_t kBufferBytes = 64u << 10;
constexpr size_t kScanBytes = 1u << 20;
// Position, length of the stream's name, length of the bytes.
constexpr size_t kHeadBytes = 8 + 4 + 4;

}  // namespace

absl::Status Spill::Failed(const char* what) const {
  return absl::UnavailableError(fmt::format("cannot {} a temporary file in {}: {}; --temp-dir names another directory",
                                            what, directory_, strerror(errno)));
}

absl::StatusOr<std::unique_ptr<Spill>> Spill::Create(const std::string& directory, uint32_t shards, size_t partitions,
                                                     uint64_t bytes_max) {
  KL_CHECK(shards > 0 && partitions > 0);
  std::unique_ptr<Spill> spill(new Spill(directory, partitions, bytes_max));
  spill->files_.resize(shards * partitions);
  for (File& file : spill->files_) {
    std::string name = directory + "/keyledger-verify-XXXXXX";
    file.descriptor = mkostemp(name.data(), O_CLOEXEC);
    if (file.descriptor < 0) return spill->Failed("make");
    if (unlink(name.c_str()) != 0) return spill->Failed("unlink");
  }
  return spill;
}

Spill::~Spill() {
  for (const File& file : files_) {
    if (file.descriptor >= 0) close(file.descriptor);
  }
}

size_t Spill::PartitionOf(std::string_view stream) const { return std::hash<std::string_view>()(stream) % partitions_; }

absl::Status Spill::Add(uint32_t shard, uint64_t position, std::string_view stream, std::string_view bytes) {
  bytes_ += kHeadBytes + stream.size() + bytes.size();
  if (bytes_ > bytes_max_) {
    return absl::UnavailableError(
        fmt::format("the records take more than {} bytes of temporary files in {}; --temp-bytes-max allows more",
                    bytes_max_, directory_));
  }
  File& file = FileOf(shard, PartitionOf(stream));
  file.entries += 1;
  PutBigEndian64(file.buffer, position);
  PutBigEndian32(file.buffer, static_cast<uint32_t>(stream.size()));
  PutBigEndian32(file.buffer, static_cast<uint32_t>(bytes.size()));
  file.buffer.append(stream);
  file.buffer.append(bytes);
  return file.buffer.size() < kBufferBytes ? absl::OkStatus() : Flush(file);
}

absl::Status Spill::Flush(File& file) {
  std::string_view rest = file.buffer;
  while (!rest.empty()) {
    const ssize_t written = pwrite(file.descriptor, rest.data(), rest.size(), static_cast<off_t>(file.size));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return Failed("write");
    file.size += static_cast<uint64_t>(written);
    rest.remove_prefix(static_cast<size_t>(written));
  }
  file.buffer.clear();
  return absl::OkStatus();
}

absl::Status Spill::Seal() {
  for (File& file : files_) {
    KL_RETURN_IF_ERROR(Flush(file));
    file.buffer.shrink_to_fit();
  }
  return absl::OkStatus();
}

absl::Status Spill::Scan(uint32_t shard, size_t partition, const std::function<void(const Entry& entry)>& visit) const {
  const File& file = FileOf(shard, partition);
  std::string window;
  // Where in the file the window begins.
  uint64_t base = 0;
  for (uint64_t at = 0; at < file.size;) {
    // A head, or a name after it, that the window cuts off is read again in the next one.
    size_t needed = kHeadBytes;
    Entry entry;
    bool whole = false;
    while (!whole) {
      if (at < base || at + needed > base + window.size()) {
        KL_CHECK(at + needed <= file.size);
        const uint64_t bytes = std::max<uint64_t>(needed, std::min<uint64_t>(kScanBytes, file.size - at));
        KL_RETURN_IF_ERROR(Read(shard, partition, at, static_cast<uint32_t>(bytes), window));
        base = at;
      }
      std::string_view head = std::string_view(window).substr(at - base);
      uint32_t name_bytes = 0;
      KL_CHECK(GetBigEndian64(head, entry.position) && GetBigEndian32(head, name_bytes) &&
               GetBigEndian32(head, entry.bytes));
      whole = head.size() >= name_bytes;
      needed = kHeadBytes + name_bytes;
      entry.stream = head.substr(0, name_bytes);
    }
    entry.offset = at + needed;
    visit(entry);
    at = entry.offset + entry.bytes;
  }
  return absl::OkStatus();
}

absl::Status Spill::Read(uint32_t shard, size_t partition, uint64_t offset, uint32_t bytes, std::string& out) const {
  const File& file = FileOf(shard, partition);
  out.resize(bytes);
  for (size_t done = 0; done < bytes;) {
    const ssize_t got = pread(file.descriptor, out.data() + done, bytes - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return Failed("read");
    done += static_cast<size_t>(got);
  }
  return absl::OkStatus();
}

}  // namespace keyledger::verify
