#include "server/store/head_file.h"

#include <charconv>
#include <memory>

#include <fmt/format.h>
#include <rocksdb/env.h>
#include <xxhash.h>

#include "server/base/error.h"
#include "server/store/rocks_status.h"

namespace keyledger::store {
namespace {

constexpr std::string_view kFirstLine = "keyledger-head 1\n";
constexpr char kName[] = "HEAD";
constexpr char kTemporaryName[] = "HEAD.tmp";

std::string Body(const HeadFile& head) {
  return fmt::format("{}{}\n{:016x}\n", kFirstLine, head.record_count, head.last_record_hash);
}

bool TakeLine(std::string_view& text, uint64_t& value, int base) {
  const size_t end = text.find('\n');
  if (end == std::string_view::npos) return false;
  const auto result = std::from_chars(text.data(), text.data() + end, value, base);
  if (result.ec != std::errc() || result.ptr != text.data() + end) return false;
  text.remove_prefix(end + 1);
  return true;
}

absl::Status Unavailable(std::string_view what, const rocksdb::Status& status) {
  return absl::UnavailableError(fmt::format("{}: {}", what, status.ToString()));
}

}  // namespace

uint64_t RecordHash(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

std::string EncodeHeadFile(const HeadFile& head) {
  const std::string body = Body(head);
  return fmt::format("{}{:016x}\n", body, RecordHash(body));
}

std::optional<HeadFile> DecodeHeadFile(std::string_view text) {
  const std::string_view whole = text;
  if (!text.starts_with(kFirstLine)) return std::nullopt;
  text.remove_prefix(kFirstLine.size());
  HeadFile head;
  uint64_t sum = 0;
  if (!TakeLine(text, head.record_count, 10) || !TakeLine(text, head.last_record_hash, 16)) return std::nullopt;
  if (!TakeLine(text, sum, 16) || !text.empty()) return std::nullopt;
  if (EncodeHeadFile(head) != whole) return std::nullopt;
  return head;
}

absl::StatusOr<std::optional<HeadFile>> ReadHeadFile(rocksdb::Env* env, const std::string& directory) {
  const std::string path = directory + "/" + kName;
  if (env->FileExists(path).IsNotFound()) return std::optional<HeadFile>();
  std::string text;
  if (auto status = rocksdb::ReadFileToString(env, path, &text); !status.ok()) return Unavailable(path, status);
  auto head = DecodeHeadFile(text);
  if (!head.has_value()) {
    return Damaged(path,
                   "not a head file or damaged; if the log has been verified, remove the file to start without it");
  }
  return head;
}

absl::Status WriteHeadFile(rocksdb::Env* env, const std::string& directory, const HeadFile& head) {
  const std::string temporary = directory + "/" + kTemporaryName;
  const std::string path = directory + "/" + kName;
  std::unique_ptr<rocksdb::WritableFile> file;
  rocksdb::Status status = env->NewWritableFile(temporary, &file, rocksdb::EnvOptions());
  if (status.ok()) status = file->Append(EncodeHeadFile(head));
  if (status.ok()) status = file->Sync();
  if (status.ok()) status = file->Close();
  if (status.ok()) status = env->RenameFile(temporary, path);
  if (!status.ok()) return Unavailable(path, status);
  return SyncDirectory(env, directory);
}

absl::Status SyncDirectory(rocksdb::Env* env, const std::string& directory) {
  std::unique_ptr<rocksdb::Directory> handle;
  rocksdb::Status status = env->NewDirectory(directory, &handle);
  if (status.ok()) status = handle->Fsync();
  return status.ok() ? absl::OkStatus() : Unavailable(directory, status);
}

}  // namespace keyledger::store
