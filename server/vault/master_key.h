// MasterKey: the key that wraps the keys of all data subjects, and where it comes from: a file nobody else can read, or
// a command that prints it, so that a key management service can hold it.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include <absl/status/statusor.h>

#include "server/vault/cipher.h"

namespace keyledger::vault {

inline constexpr size_t kMasterIdBytes = 8;

// Immutable once made; wiped from memory when destroyed.
struct MasterKey {
  SecretKey key;

  // Names the key without giving it away: the first 8 bytes of SHA-256 over a fixed text and the key, as 16 hex digits.
  std::string id() const;
  // The same as bytes.
  std::string id_bytes() const;
};

// Reads 32 bytes written as 64 hex digits or as base64 (44 characters); white space around them is ignored.
// Errors: INVALID_ARGUMENT; the message does not repeat the text.
absl::StatusOr<MasterKey> ParseMasterKey(std::string_view text);

// Reads the key from a file. The file (of a symbolic link, its target) must be a regular one that belongs to this user
// or to root and that neither group nor others can access.
// Errors: INVALID_ARGUMENT if it holds no key, FAILED_PRECONDITION for whom it belongs to or lets in, UNAVAILABLE if it
// cannot be read.
absl::StatusOr<MasterKey> ReadMasterKeyFile(const std::string& path);

// Runs `command` with /bin/sh and reads the key from what it prints. Its complaints go where ours go.
// Requires: no other thread of this process relies on its children.
// Errors: INVALID_ARGUMENT if it prints no key, UNAVAILABLE if it cannot be run, ends with another exit code than 0, is
// killed, or takes longer than `limit` (it and what it started is then killed).
// Blocks: up to `limit`.
absl::StatusOr<MasterKey> RunMasterKeyCommand(const std::string& command, std::chrono::milliseconds limit);

}  // namespace keyledger::vault
