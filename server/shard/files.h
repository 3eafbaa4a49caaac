// Files that outlive a power loss: whole or not there, with their names.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

namespace keyledger::shard {

// UNAVAILABLE with the system's reason and what to do.
absl::Status FileUnusable(const std::string& what, int error);
// Makes the names in a directory durable.
absl::Status SyncDirectory(const std::string& path);
// Creates a directory and those above it; every new name is synced. New ones get `mode`.
absl::Status CreateDirectories(const std::string& path, mode_t mode = 0777);
// Puts `text` in place of the file, or of nothing: written beside it, synced, renamed, the directory synced. A crash
// leaves the old file or the new one.
absl::Status ReplaceFile(const std::string& path, std::string_view text, mode_t mode);
// Removes the file, if there is one, and syncs the directory.
absl::Status RemoveFile(const std::string& path);
// The whole file. NOT_FOUND if there is none; UNAVAILABLE if it cannot be read or is longer than `bytes_max`.
absl::StatusOr<std::string> ReadWhole(const std::string& path, size_t bytes_max);
bool FileExists(const std::string& path);

}  // namespace keyledger::shard
