// Ids: what an account id and a region path may look like, and which shard an account lives on.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace keyledger {

inline constexpr size_t kAccountIdBytesMax = 128;
inline constexpr size_t kRequestIdBytesMax = 128;
inline constexpr size_t kSubjectIdBytesMax = 128;
inline constexpr uint32_t kShardsMax = 64;

// Stream of the ledger's own records about programs, present in every shard. No client can name it.
inline constexpr std::string_view kProgramsStream = "$programs";
// Stream of the ledger's own records about reviews, in shard 0 only. No client can name it.
inline constexpr std::string_view kReviewsStream = "$reviews";
// Stream of the ledger's own records about erasures, in every shard, and about legal holds, in shard 0. No client can
// name it.
inline constexpr std::string_view kPrivacyStream = "$privacy";
// Stream of the ledger's own records about readings of personal data. No client can name it.
inline constexpr std::string_view kAccessesStream = "$accesses";
// Stream of the ledger's own records about signing keys, in every shard. No client can name it.
inline constexpr std::string_view kKeysStream = "$keys";
// Stream of the ledger's own records about forecasts, in shard 0 only. No client can name it.
inline constexpr std::string_view kForecastsStream = "$forecasts";
// Stream of the ledger's own records about transfers of portfolios, in shard 0 only. No client can name it.
inline constexpr std::string_view kOwnersStream = "$owners";

// Returns true for a stream of the ledger's own, which is no account.
inline bool IsOwnStream(std::string_view stream) { return stream.starts_with('$'); }
// Returns true for one that there is, which can be read like an account.
inline bool IsReadableOwnStream(std::string_view stream) {
  return stream == kProgramsStream || stream == kReviewsStream || stream == kPrivacyStream ||
         stream == kAccessesStream || stream == kKeysStream || stream == kForecastsStream || stream == kOwnersStream;
}

// Returns true if a client may use `id` for an account: 1 to 128 bytes of [A-Za-z0-9._~:@/-], the first alphanumeric.
bool IsAccountId(std::string_view id);

// Returns true if `text` has 1 to `bytes_max` bytes of printable ASCII (0x21 to 0x7e).
bool IsPrintableId(std::string_view text, size_t bytes_max);

// Returns true for what may name a data subject: 1 to 128 bytes of [A-Za-z0-9._:@-].
bool IsSubjectId(std::string_view id);

// Returns true for 1 to 64 bytes of [a-z][a-z0-9_]*.
bool IsSnakeId(std::string_view text);

// Returns true for three capital ASCII letters.
bool IsCurrencyCode(std::string_view text);

// Returns true for "", or 1 to 8 non-empty segments separated by "/", 128 bytes of valid UTF-8 at most, without control
// characters.
bool IsRegionPath(std::string_view text);

// Returns true if `text` is well-formed UTF-8.
bool IsUtf8(std::string_view text);

// Returns true if `path` is `ancestor` or lies below it. The empty ancestor contains everything.
bool RegionContains(std::string_view ancestor, std::string_view path);

// Returns the shard of an account: XXH64 (seed 0) of the id, modulo shard_count. Part of the storage format: it never
// changes. Requires: shard_count > 0.
uint32_t ShardOf(std::string_view account_id, uint32_t shard_count);

}  // namespace keyledger
