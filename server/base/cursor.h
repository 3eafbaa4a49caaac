// Cursor: an opaque token for a place in the whole ledger, that is, in every shard.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

namespace keyledger {

// next[i] is the position of the next record wanted of shard i; records before it have been seen.
struct Cursor {
  std::vector<uint64_t> next;

  bool operator==(const Cursor&) const = default;
};

// Returns the token: base64url, without padding, of a version byte, the shard count, the positions and a check byte.
// `ledger_id`: cursors of one ledger mean nothing to another.
std::string FormatCursor(const Cursor& cursor, std::string_view ledger_id = "");

// Reads a token back.
// Errors: INVALID_ARGUMENT (kInvalidToken) if it is not one, not of this ledger, or not for `shard_count` shards.
absl::StatusOr<Cursor> ParseCursor(std::string_view token, uint32_t shard_count, std::string_view ledger_id = "");

// A page token holds any bytes; `binding` (the request without its page_token and page_size, say) must be the same on
// both sides.
std::string FormatPageToken(std::string_view bytes, std::string_view binding);
// Errors: INVALID_ARGUMENT (kInvalidToken).
absl::StatusOr<std::string> ParsePageToken(std::string_view token, std::string_view binding);

}  // namespace keyledger
