// Keys and small files that the command is given.
#pragma once

#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "server/merkle/note.h"

namespace keyledger::verify {

// A note, a proof, a file of keys: none is larger.
inline constexpr size_t kSmallFileBytesMax = 4u << 20;

// Errors: UNAVAILABLE if the file cannot be read or is larger than kSmallFileBytesMax.
absl::StatusOr<std::string> ReadSmallFile(const std::string& path);

// Reads each argument: a verifier key ("<name>+<hash>+<key>"), or a file of them, one a line; empty lines and those
// that begin with # are skipped. Errors: INVALID_ARGUMENT (kInvalidField) for what is no key; UNAVAILABLE for a file
// that cannot be read.
absl::StatusOr<std::vector<merkle::VerifierKey>> ReadKeys(const std::vector<std::string>& arguments);

}  // namespace keyledger::verify
