#include "server/base/cursor.h"

#include <absl/strings/escaping.h>
#include <xxhash.h>

#include "server/base/codec.h"
#include "server/base/error.h"
#include "server/base/ids.h"

namespace keyledger {
namespace {

constexpr char kCursorVersion = 'c';
constexpr char kPageVersion = 'p';

// A check against tokens that were cut or edited by hand; not a secret.
uint32_t CheckOf(std::string_view bytes, std::string_view binding) {
  return static_cast<uint32_t>(XXH64(bytes.data(), bytes.size(), XXH64(binding.data(), binding.size(), 1)));
}

std::string Seal(std::string bytes, std::string_view binding) {
  PutBigEndian32(bytes, CheckOf(bytes, binding));
  return absl::WebSafeBase64Escape(bytes);
}

absl::StatusOr<std::string> Unseal(std::string_view token, char version, std::string_view binding, const char* what) {
  std::string bytes;
  if (token.size() > 4096 || !absl::WebSafeBase64Unescape(absl::string_view(token.data(), token.size()), &bytes) ||
      bytes.size() < 5 || bytes[0] != version) {
    return MakeError(Reason::kInvalidToken, std::string("not a ") + what + " of this ledger");
  }
  std::string_view tail(bytes);
  tail.remove_prefix(bytes.size() - 4);
  uint32_t check = 0;
  GetBigEndian32(tail, check);
  bytes.resize(bytes.size() - 4);
  if (check != CheckOf(bytes, binding)) {
    return MakeError(Reason::kInvalidToken,
                     std::string("this ") + what + " is damaged, or belongs to another ledger or request");
  }
  return bytes.substr(1);
}

}  // namespace

std::string FormatCursor(const Cursor& cursor, std::string_view ledger_id) {
  std::string bytes(1, kCursorVersion);
  PutVarint64(bytes, cursor.next.size());
  for (uint64_t position : cursor.next) PutVarint64(bytes, position);
  return Seal(std::move(bytes), ledger_id);
}

absl::StatusOr<Cursor> ParseCursor(std::string_view token, uint32_t shard_count, std::string_view ledger_id) {
  KL_ASSIGN_OR_RETURN(const std::string bytes, Unseal(token, kCursorVersion, ledger_id, "cursor"));
  std::string_view in(bytes);
  uint64_t count = 0;
  if (!GetVarint64(in, count) || count != shard_count) {
    return MakeError(Reason::kInvalidToken, "this cursor belongs to a ledger with another number of shards");
  }
  Cursor cursor;
  for (uint64_t i = 0; i < count; ++i) {
    uint64_t position = 0;
    if (!GetVarint64(in, position)) return MakeError(Reason::kInvalidToken, "not a cursor of this ledger");
    cursor.next.push_back(position);
  }
  if (!in.empty()) return MakeError(Reason::kInvalidToken, "not a cursor of this ledger");
  return cursor;
}

std::string FormatPageToken(std::string_view bytes, std::string_view binding) {
  return Seal(std::string(1, kPageVersion).append(bytes), binding);
}

absl::StatusOr<std::string> ParsePageToken(std::string_view token, std::string_view binding) {
  return Unseal(token, kPageVersion, binding, "page token");
}

}  // namespace keyledger
