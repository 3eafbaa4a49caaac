// See engagement_rows.h.
#include "projections/engagement/engagement_rows.h"

#include <fmt/format.h>

#include "projections/engine/row_key.h"
#include "server/base/codec.h"
#include "server/base/error.h"

namespace keyledger::projections::engagement {
namespace {

// occurred_time and position.
constexpr size_t kTimesBytes = 16;

void PutTimes(const RowTimes& times, std::string& key) {
  PutOrdered64(key, times.occurred);
  PutBigEndian64(key, times.position);
}

void PutHead(const RowTimes& times, std::string& value) {
  value.clear();
  PutSignedVarint64(value, times.recorded - times.occurred);
  PutVarint64(value, times.revision);
}

bool TakeHead(std::string_view& value, RowTimes& times) {
  int64_t delay = 0;
  return GetSignedVarint64(value, delay) && !__builtin_add_overflow(times.occurred, delay, &times.recorded) &&
         GetVarint64(value, times.revision);
}

}  // namespace

void AccountRowKey(std::string_view account_id, RowTag tag, const RowTimes& times, std::string& key) {
  StartRowKey(key, account_id, static_cast<char>(tag));
  PutTimes(times, key);
}

void RetractionKey(std::string_view account_id, uint64_t retracted_position, const RowTimes& times, std::string& key) {
  StartRowKey(key, account_id, static_cast<char>(RowTag::kRetraction));
  PutBigEndian64(key, retracted_position);
  PutTimes(times, key);
}

void NextStepKey(std::string_view account_id, Micros due, const RowTimes& times, std::string& key) {
  StartRowKey(key, account_id, static_cast<char>(RowTag::kNextStep));
  PutOrdered64(key, due);
  PutTimes(times, key);
}

void ItemRowKey(std::string_view account_id, uint8_t kind, std::string_view item_id, const RowTimes& times,
                std::string& key) {
  key.assign(1, kItemSpace);
  key.append(account_id);
  key.push_back('\0');
  key.push_back(static_cast<char>(kind));
  key.append(item_id);
  key.push_back('\0');
  PutTimes(times, key);
}

void MergeKey(std::string_view source_account_id, const RowTimes& times, std::string& key) {
  key.assign(1, kIndexSpace);
  key.push_back(kMergeTag);
  key.append(source_account_id);
  key.push_back('\0');
  PutTimes(times, key);
}

void PutRow(const RowTimes& times, const events::v1::Event& event, std::string& value) {
  PutHead(times, value);
  event.AppendToString(&value);
}

void PutTimelineRow(const RowTimes& times, int kind, std::string& value) {
  PutHead(times, value);
  PutVarint64(value, static_cast<uint64_t>(kind));
}

bool TakeTimes(std::string_view rest, RowTimes& times) {
  // What stands before them, the position of what is taken back or a due time, is not wanted.
  if (rest.size() != kTimesBytes && rest.size() != kTimesBytes + 8) return false;
  rest.remove_prefix(rest.size() - kTimesBytes);
  return GetOrdered64(rest, times.occurred) && GetBigEndian64(rest, times.position);
}

bool TakeRow(std::string_view value, RowTimes& times, events::v1::Event& event) {
  return TakeHead(value, times) && event.ParseFromArray(value.data(), static_cast<int>(value.size()));
}

bool TakeTimelineRow(std::string_view value, RowTimes& times, int& kind) {
  uint64_t number = 0;
  if (!TakeHead(value, times) || !GetVarint64(value, number) || !value.empty() || number > 1'000) return false;
  kind = static_cast<int>(number);
  return true;
}

bool TakeItemKey(std::string_view key, ItemRow& row) {
  if (key.empty() || key.front() != kItemSpace) return false;
  key.remove_prefix(1);
  const size_t zero = key.find('\0');
  // The id of an item may be anything: its end is told from the end of the key.
  if (zero == std::string_view::npos || zero == 0 || key.size() < zero + 3 + kTimesBytes) return false;
  row.account_id = key.substr(0, zero);
  row.kind = static_cast<uint8_t>(key[zero + 1]);
  const size_t end = key.size() - kTimesBytes - 1;
  if (key[end] != '\0') return false;
  row.item_id = key.substr(zero + 2, end - zero - 2);
  return TakeTimes(key.substr(end + 1), row.times);
}

bool TakeMergeKey(std::string_view key, std::string_view& source_account_id, RowTimes& times) {
  if (key.size() < 2 || key[0] != kIndexSpace || key[1] != kMergeTag) return false;
  key.remove_prefix(2);
  const size_t zero = key.find('\0');
  if (zero == std::string_view::npos || zero == 0) return false;
  source_account_id = key.substr(0, zero);
  return TakeTimes(key.substr(zero + 1), times);
}

absl::Status UnreadableRow(std::string_view account_id) {
  return MakeError(Reason::kStoreDamaged,
                   fmt::format("a row of the projection \"engagement\" of account '{}' is unreadable", account_id));
}

}  // namespace keyledger::projections::engagement
