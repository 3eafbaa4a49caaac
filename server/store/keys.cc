#include "server/store/keys.h"

#include "server/base/check.h"
#include "server/base/codec.h"

namespace keyledger::store {
namespace {

constexpr std::string_view kGroupNote = "KLG1";

void CheckNoZero(std::string_view part) { KL_CHECK(part.find('\0') == std::string_view::npos); }

}  // namespace

std::string PositionKey(uint64_t position) {
  std::string key;
  PutBigEndian64(key, position);
  return key;
}

std::optional<uint64_t> ParsePositionKey(std::string_view key) {
  uint64_t position = 0;
  if (!GetBigEndian64(key, position) || !key.empty()) return std::nullopt;
  return position;
}

std::string StreamKey(std::string_view account_id, uint64_t revision) {
  CheckNoZero(account_id);
  std::string key(account_id);
  key.push_back('\0');
  PutBigEndian64(key, revision);
  return key;
}

std::optional<StreamPlace> ParseStreamKey(std::string_view key) {
  if (key.size() < 10) return std::nullopt;
  StreamPlace place;
  place.account_id = key.substr(0, key.size() - 9);
  if (place.account_id.find('\0') != std::string_view::npos || key[key.size() - 9] != '\0') return std::nullopt;
  key.remove_prefix(key.size() - 8);
  GetBigEndian64(key, place.revision);
  return place;
}

std::string RequestKey(std::string_view account_id, std::string_view request_id) {
  CheckNoZero(account_id);
  CheckNoZero(request_id);
  std::string key(account_id);
  key.push_back('\0');
  key += request_id;
  return key;
}

std::string TimerKey(Micros due, std::string_view account_id) {
  std::string key;
  PutOrdered64(key, due);
  key += account_id;
  return key;
}

std::optional<TimerPlace> ParseTimerKey(std::string_view key) {
  TimerPlace place;
  if (!GetOrdered64(key, place.due) || key.empty()) return std::nullopt;
  place.account_id = key;
  return place;
}

std::string TileKey(uint32_t level, uint64_t index) {
  KL_CHECK(level < 8);
  std::string key(1, static_cast<char>(level));
  PutBigEndian64(key, index);
  return key;
}

std::optional<TilePlace> ParseTileKey(std::string_view key) {
  if (key.size() != 9 || static_cast<unsigned char>(key[0]) >= 8) return std::nullopt;
  TilePlace place;
  place.level = static_cast<unsigned char>(key[0]);
  key.remove_prefix(1);
  GetBigEndian64(key, place.index);
  return place;
}

std::string PositionValue(uint64_t position) {
  std::string value;
  PutVarint64(value, position);
  return value;
}

std::optional<uint64_t> ParsePositionValue(std::string_view value) {
  uint64_t position = 0;
  if (!GetVarint64(value, position) || !value.empty()) return std::nullopt;
  return position;
}

std::string EncodeHeadRow(const HeadRow& head) {
  std::string value;
  PutVarint64(value, head.record_count);
  PutVarint64(value, head.revision);
  value += head.account_id;
  return value;
}

std::optional<HeadRow> DecodeHeadRow(std::string_view value) {
  HeadRow head;
  if (!GetVarint64(value, head.record_count) || !GetVarint64(value, head.revision) || value.empty())
    return std::nullopt;
  head.account_id = value;
  return head;
}

std::string EncodeGroupNote(uint64_t first_position) {
  std::string note(kGroupNote);
  PutBigEndian64(note, first_position);
  return note;
}

std::optional<uint64_t> DecodeGroupNote(std::string_view note) {
  if (!note.starts_with(kGroupNote)) return std::nullopt;
  return ParsePositionKey(note.substr(kGroupNote.size()));
}

}  // namespace keyledger::store
