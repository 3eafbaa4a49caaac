// Readers of the store. What is in the database is durable already: RocksDB shows a batch only after its sync. Readers
// are clipped to record_count() nevertheless, so that no two of them disagree about where the log ends.
#include <algorithm>

#include <fmt/format.h>

#include "server/base/error.h"
#include "server/store/keys.h"
#include "server/store/record_iterators.h"
#include "server/store/rocks_status.h"
#include "server/store/shard_store_impl.h"

namespace keyledger::store {
namespace {

template <typename Place>
absl::StatusOr<std::optional<uint64_t>> ParsePosition(const std::optional<std::string>& row, const Place& place) {
  if (!row.has_value()) return std::optional<uint64_t>();
  const auto position = ParsePositionValue(*row);
  if (!position.has_value()) return Damaged(place(), "its position does not parse");
  return position;
}

}  // namespace

absl::StatusOr<std::string> ShardStore::GetRecord(uint64_t position) const {
  const uint64_t count = record_count();
  const auto place = [&] { return fmt::format("record {}", position); };
  if (position >= count) {
    return MakeError(Reason::kRecordNotFound,
                     fmt::format("{} does not exist: the shard has {} records", place(), count));
  }
  KL_ASSIGN_OR_RETURN(auto bytes, impl_->database->Get(Family::kRecords, PositionKey(position), place));
  if (!bytes.has_value()) return Damaged(place(), "is missing");
  return *std::move(bytes);
}

std::unique_ptr<RecordIterator> ShardStore::ReadRecords(uint64_t from, uint64_t to) const {
  return NewLogIterator(*impl_->database, from, std::min(to, record_count()));
}

absl::StatusOr<std::optional<uint64_t>> ShardStore::LastRevision(std::string_view account_id) const {
  const uint64_t count = record_count();
  const std::string place = fmt::format("the stream of account '{}'", account_id);
  std::unique_ptr<rocksdb::Iterator> it(
      impl_->database->db().NewIterator(rocksdb::ReadOptions(), impl_->database->handle(Family::kStreams)));
  for (it->SeekForPrev(StreamKey(account_id, UINT64_MAX)); it->Valid(); it->Prev()) {
    const auto key = ParseStreamKey(ToView(it->key()));
    if (!key.has_value()) return Damaged(place, "a key in it does not parse");
    if (key->account_id != account_id) return std::optional<uint64_t>();
    const auto position = ParsePositionValue(ToView(it->value()));
    if (!position.has_value())
      return Damaged(place, fmt::format("the position of revision {} does not parse", key->revision));
    if (*position < count) return std::optional<uint64_t>(key->revision);
  }
  if (!it->status().ok()) return ReadError(place, it->status());
  return std::optional<uint64_t>();
}

absl::StatusOr<std::optional<uint64_t>> ShardStore::PositionOf(std::string_view account_id, uint64_t revision) const {
  const uint64_t count = record_count();
  const auto place = [&] { return fmt::format("account '{}' revision {}", account_id, revision); };
  KL_ASSIGN_OR_RETURN(const auto row, impl_->database->Get(Family::kStreams, StreamKey(account_id, revision), place));
  KL_ASSIGN_OR_RETURN(const auto position, ParsePosition(row, place));
  if (position.has_value() && *position >= count) return std::optional<uint64_t>();
  return position;
}

std::unique_ptr<RecordIterator> ShardStore::ReadStream(std::string_view account_id, uint64_t from, uint64_t to,
                                                       bool backwards) const {
  auto last = LastRevision(account_id);
  if (!last.ok()) return NewFailedIterator(last.status());
  const uint64_t revisions = last->has_value() ? **last + 1 : 0;
  return NewStreamIterator(*impl_->database, std::string(account_id), from, std::min(to, revisions), backwards);
}

absl::StatusOr<std::vector<std::string>> ShardStore::ListStreams(std::string_view after, size_t limit) const {
  const uint64_t count = record_count();
  std::vector<std::string> accounts;
  std::unique_ptr<rocksdb::Iterator> it(
      impl_->database->db().NewIterator(rocksdb::ReadOptions(), impl_->database->handle(Family::kStreams)));
  // Behind an id stands a zero byte, so id and the byte one is past its stream and before every longer id.
  std::string next = after.empty() ? std::string() : std::string(after) + '\x01';
  while (accounts.size() < limit) {
    it->Seek(next);
    if (!it->Valid()) break;
    const auto key = ParseStreamKey(ToView(it->key()));
    const auto position = ParsePositionValue(ToView(it->value()));
    if (!key.has_value() || !position.has_value())
      return Damaged("the streams", fmt::format("a row after '{}' does not parse", next));
    next = std::string(key->account_id) + '\x01';
    if (*position < count) accounts.emplace_back(key->account_id);
  }
  if (!it->status().ok()) return ReadError("the streams", it->status());
  return accounts;
}

absl::StatusOr<std::optional<std::string>> ShardStore::GetRequest(std::string_view account_id,
                                                                  std::string_view request_id) const {
  return impl_->database->Get(Family::kRequests, RequestKey(account_id, request_id),
                              [&] { return fmt::format("request '{}' of account '{}'", request_id, account_id); });
}

absl::StatusOr<std::optional<uint64_t>> ShardStore::GetUnique(std::string_view key) const {
  const auto place = [&] { return fmt::format("unique key '{}'", key); };
  KL_ASSIGN_OR_RETURN(const auto row, impl_->database->Get(Family::kUniques, key, place));
  return ParsePosition(row, place);
}

absl::StatusOr<std::vector<std::string>> ShardStore::ListUniques(std::string_view prefix, std::string_view after,
                                                                 size_t limit) const {
  std::vector<std::string> keys;
  std::unique_ptr<rocksdb::Iterator> it(
      impl_->database->db().NewIterator(rocksdb::ReadOptions(), impl_->database->handle(Family::kUniques)));
  for (it->Seek(ToSlice(std::max(prefix, after))); it->Valid() && keys.size() < limit; it->Next()) {
    const std::string_view key = ToView(it->key());
    if (!key.starts_with(prefix)) break;
    if (key != after) keys.emplace_back(key);
  }
  if (!it->status().ok()) return ReadError("the unique keys", it->status());
  return keys;
}

absl::StatusOr<std::optional<std::string>> ShardStore::GetSnapshot(std::string_view account_id) const {
  return impl_->database->Get(Family::kSnapshots, account_id,
                              [&] { return fmt::format("the snapshot of account '{}'", account_id); });
}

absl::StatusOr<std::vector<TimerEntry>> ShardStore::ListTimers(Micros until, size_t limit) const {
  std::vector<TimerEntry> timers;
  std::unique_ptr<rocksdb::Iterator> it(
      impl_->database->db().NewIterator(rocksdb::ReadOptions(), impl_->database->handle(Family::kTimers)));
  for (it->Seek(TimerKey(kHoldInForce + 1, "")); it->Valid() && timers.size() < limit; it->Next()) {
    const auto place = ParseTimerKey(ToView(it->key()));
    if (!place.has_value()) return Damaged("the timers", "a key does not parse");
    if (place->due > until) break;
    timers.push_back({place->due, std::string(place->account_id)});
  }
  if (!it->status().ok()) return ReadError("the timers", it->status());
  return timers;
}

absl::StatusOr<std::vector<std::string>> ShardStore::ListUnderWay(std::string_view after, size_t limit) const {
  return impl_->ListMarked(kUnderWay, after, limit);
}

absl::StatusOr<std::vector<std::string>> ShardStore::ListHoldsInForce(std::string_view after, size_t limit) const {
  return impl_->ListMarked(kHoldInForce, after, limit);
}

absl::StatusOr<std::vector<std::string>> ShardStore::Impl::ListMarked(Micros mark, std::string_view after,
                                                                      size_t limit) const {
  std::vector<std::string> marked;
  std::unique_ptr<rocksdb::Iterator> it(
      database->db().NewIterator(rocksdb::ReadOptions(), database->handle(Family::kTimers)));
  for (it->Seek(TimerKey(mark, after)); it->Valid() && marked.size() < limit; it->Next()) {
    const auto place = ParseTimerKey(ToView(it->key()));
    if (!place.has_value()) return Damaged("the timers", "a key does not parse");
    if (place->due != mark) break;
    if (place->account_id != after) marked.emplace_back(place->account_id);
  }
  if (!it->status().ok()) return ReadError("the timers", it->status());
  return marked;
}

absl::StatusOr<std::optional<std::string>> ShardStore::GetTile(uint32_t level, uint64_t index) const {
  return impl_->database->Get(Family::kTree, TileKey(level, index),
                              [&] { return fmt::format("tile {}/{}", level, index); });
}

absl::Status ShardStore::ScanRows(
    Family family, const std::function<bool(std::string_view key, std::string_view value)>& visit) const {
  rocksdb::ReadOptions options;
  options.fill_cache = false;
  std::unique_ptr<rocksdb::Iterator> it(impl_->database->db().NewIterator(options, impl_->database->handle(family)));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    if (!visit(ToView(it->key()), ToView(it->value()))) return absl::OkStatus();
  }
  return it->status().ok() ? absl::OkStatus() : ReadError(FamilyName(family), it->status());
}

}  // namespace keyledger::store
