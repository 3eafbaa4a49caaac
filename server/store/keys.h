// Keys and small values of the store's rows; internal to server/store. FORMAT.md shows each with an example.
//
// Account ids, request ids and unique keys hold no zero byte, so that the zero byte between the parts of a key keeps
// them apart and in order.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/base/clock.h"

namespace keyledger::store {

// records: position.
std::string PositionKey(uint64_t position);
std::optional<uint64_t> ParsePositionKey(std::string_view key);

// streams: account_id 0x00 revision.
std::string StreamKey(std::string_view account_id, uint64_t revision);
struct StreamPlace {
  std::string_view account_id;
  uint64_t revision = 0;
};
// The view points into `key`.
std::optional<StreamPlace> ParseStreamKey(std::string_view key);

// requests: account_id 0x00 request_id.
std::string RequestKey(std::string_view account_id, std::string_view request_id);

// timers: due, account_id.
std::string TimerKey(Micros due, std::string_view account_id);
struct TimerPlace {
  Micros due = 0;
  std::string_view account_id;
};
std::optional<TimerPlace> ParseTimerKey(std::string_view key);

// tree: level, index.
std::string TileKey(uint32_t level, uint64_t index);
struct TilePlace {
  uint32_t level = 0;
  uint64_t index = 0;
};
std::optional<TilePlace> ParseTileKey(std::string_view key);

// A position, or a count of records, as the whole of a value.
std::string PositionValue(uint64_t position);
std::optional<uint64_t> ParsePositionValue(std::string_view value);

// meta, key "head": the end of the log, rewritten by every group that has records, so that opening can tell whether all
// column families end at the same place.
struct HeadRow {
  uint64_t record_count = 0;
  uint64_t revision = 0;
  std::string account_id;
};
std::string EncodeHeadRow(const HeadRow& head);
std::optional<HeadRow> DecodeHeadRow(std::string_view value);

// A note at the front of every group in the write-ahead log (not in any column family): where the group starts. See
// wal_evidence.h.
std::string EncodeGroupNote(uint64_t first_position);
std::optional<uint64_t> DecodeGroupNote(std::string_view note);

inline constexpr char kIdentityKey[] = "identity";
inline constexpr char kHeadKey[] = "head";
// Keys of PutMeta are stored behind this prefix.
inline constexpr char kSettingPrefix[] = "s.";
// The checkpoint of a table; rows have keys that are not empty.
inline constexpr std::string_view kCheckpointKey = "";

}  // namespace keyledger::store
