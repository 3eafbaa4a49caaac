// See ledger_file.h.
#include "server/shard/ledger_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <system_error>

#include <fmt/format.h>

#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/shard/files.h"

namespace keyledger::shard {
namespace {

constexpr uint32_t kFormat = 1;
constexpr char kFirstLine[] = "keyledger-ledger";

std::string RandomId() {
  std::random_device random;
  std::string id;
  for (int i = 0; i < 4; ++i) id += fmt::format("{:08x}", random());
  return id;
}

// Written beside, synced, then linked into place, unless another process was first, and the directory synced.
absl::Status WriteWhole(const std::string& directory, const std::string& name, const std::string& text) {
  const std::string temporary = fmt::format("{}/{}.{}.new", directory, name, ::getpid());
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (fd < 0) return FileUnusable(temporary, errno);
  const ssize_t written = ::write(fd, text.data(), text.size());
  const bool synced = written == static_cast<ssize_t>(text.size()) && ::fsync(fd) == 0;
  const int error = errno;
  ::close(fd);
  if (!synced) return FileUnusable(temporary, error);
  const bool linked = ::link(temporary.c_str(), (directory + "/" + name).c_str()) == 0 || errno == EEXIST;
  const int link_error = errno;
  ::unlink(temporary.c_str());
  if (!linked) return FileUnusable(directory, link_error);
  return SyncDirectory(directory);
}

absl::StatusOr<LedgerIdentity> Parse(const std::string& path, const std::string& text) {
  const absl::Status damaged =
      MakeError(Reason::kStoreDamaged, path + " cannot be understood; restore it from a backup");
  std::istringstream in(text);
  std::string word, id_line, shards_line;
  uint32_t format = 0;
  if (!(in >> word >> format >> id_line >> shards_line) || word != kFirstLine) return damaged;
  if (format > kFormat) {
    return absl::FailedPreconditionError(
        fmt::format("{} has format {}; this server knows up to {}: use a newer one", path, format, kFormat));
  }
  LedgerIdentity identity;
  if (!id_line.starts_with("id=") || id_line.size() != 35 || !shards_line.starts_with("shards=")) return damaged;
  identity.ledger_id = id_line.substr(3);
  const char* const end = shards_line.data() + shards_line.size();
  const auto [rest, error] = std::from_chars(shards_line.data() + 7, end, identity.shard_count);
  if (error != std::errc() || rest != end || identity.shard_count == 0 || identity.shard_count > kShardsMax)
    return damaged;
  return identity;
}

}  // namespace

std::string ShardDirectory(const std::string& data_dir, uint32_t shard) {
  return fmt::format("{}/shard-{:03}", data_dir, shard);
}

absl::Status CheckShardsPresent(const std::string& data_dir, uint32_t shard_count) {
  std::error_code error;
  if (!std::filesystem::exists(data_dir + "/COMPLETE", error)) return absl::OkStatus();
  for (uint32_t shard = 0; shard < shard_count; ++shard) {
    const std::string directory = ShardDirectory(data_dir, shard);
    if (std::filesystem::exists(directory + "/CURRENT", error)) continue;
    return MakeError(
        Reason::kStoreDamaged,
        fmt::format(
            "the database of shard {} is missing ({} has no file CURRENT): mount it or restore it from a backup", shard,
            directory));
  }
  return absl::OkStatus();
}

absl::Status MarkComplete(const std::string& data_dir) {
  std::error_code error;
  if (std::filesystem::exists(data_dir + "/COMPLETE", error)) return absl::OkStatus();
  return WriteWhole(data_dir, "COMPLETE", "all shards have been created\n");
}

absl::StatusOr<LedgerIdentity> OpenLedgerFile(const std::string& data_dir, std::optional<uint32_t> shard_count) {
  std::error_code error;
  KL_RETURN_IF_ERROR(CreateDirectories(data_dir));
  const std::string path = data_dir + "/LEDGER";
  if (!std::filesystem::exists(path, error)) {
    if (error) return FileUnusable(path, error.value());
    if (std::filesystem::exists(ShardDirectory(data_dir, 0), error)) {
      return MakeError(Reason::kStoreDamaged, path + " is missing although shards are there; restore it from a backup");
    }
    const LedgerIdentity identity{RandomId(), shard_count.value_or(1)};
    KL_RETURN_IF_ERROR(WriteWhole(
        data_dir, "LEDGER",
        fmt::format("{} {}\nid={}\nshards={}\n", kFirstLine, kFormat, identity.ledger_id, identity.shard_count)));
  }
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  if (!in) return FileUnusable(path, errno);
  KL_ASSIGN_OR_RETURN(LedgerIdentity identity, Parse(path, text.str()));
  if (shard_count.has_value() && *shard_count != identity.shard_count) {
    return absl::FailedPreconditionError(
        fmt::format("the ledger in {} has {} shards, not {}; the number is fixed when a ledger is created", data_dir,
                    identity.shard_count, *shard_count));
  }
  return identity;
}

}  // namespace keyledger::shard
