#include "projections/engine/overlay.h"

#include <endian.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "server/base/error.h"

namespace keyledger::projections {
namespace {

// When the cache is larger than this, it is emptied.
constexpr size_t kCacheBytesMax = 16u << 20;
// What a row costs besides its bytes.
constexpr size_t kRowOverhead = 96;

// The first 16 bytes of a key, as two numbers that sort like them, and where it is.
struct KeyStart {
  uint64_t first = 0;
  uint64_t second = 0;
  uint32_t at = 0;
};

uint64_t BytesAt(std::string_view key, size_t from) {
  uint64_t bytes = 0;
  if (from < key.size()) std::memcpy(&bytes, key.data() + from, std::min<size_t>(sizeof bytes, key.size() - from));
  return be64toh(bytes);
}

// Where the rows of both are in the order of their keys; those of `added` come after those of `changes`. Rows are large
// and their keys far apart: nearly all is decided by numbers side by side.
std::vector<KeyStart> OrderByKey(const std::vector<store::RowChange>& changes,
                                 const std::vector<store::RowChange>& added) {
  const auto row = [&](size_t at) -> const store::RowChange& {
    return at < changes.size() ? changes[at] : added[at - changes.size()];
  };
  std::vector<KeyStart> order(changes.size() + added.size());
  for (size_t i = 0; i < order.size(); ++i) {
    const std::string& key = row(i).key;
    order[i] = {BytesAt(key, 0), BytesAt(key, sizeof(uint64_t)), static_cast<uint32_t>(i)};
  }
  std::sort(order.begin(), order.end(), [&row](const KeyStart& a, const KeyStart& b) {
    if (a.first != b.first) return a.first < b.first;
    if (a.second != b.second) return a.second < b.second;
    return row(a.at).key < row(b.at).key;
  });
  return order;
}

}  // namespace

Overlay::Overlay(store::Table& table) : table_(table), index_(0, KeyHash{&changes_}, KeyEqual{&changes_}) {}

absl::StatusOr<std::optional<std::string_view>> Overlay::Get(std::string_view key) {
  if (const auto changed = index_.find(key); changed != index_.end()) {
    last_read_ = *changed;
    const std::optional<std::string>& value = changes_[*changed].value;
    if (!value.has_value()) return std::optional<std::string_view>();
    return std::optional<std::string_view>(*value);
  }
  auto cached = cache_.find(key);
  if (cached == cache_.end()) {
    KL_ASSIGN_OR_RETURN(std::optional<std::string> value, table_.Get(key));
    if (cache_bytes_ > kCacheBytesMax) {
      cache_.clear();
      cache_bytes_ = 0;
    }
    cache_bytes_ += kRowOverhead + key.size() + (value.has_value() ? value->size() : 0);
    cached = cache_.emplace(std::string(key), std::move(value)).first;
  }
  if (!cached->second.has_value()) return std::optional<std::string_view>();
  return std::optional<std::string_view>(*cached->second);
}

store::RowChange& Overlay::ChangeOf(std::string_view key) {
  // Most rows that are changed again were read just before.
  if (last_read_ < changes_.size() && changes_[last_read_].key == key) return changes_[last_read_];
  if (const auto changed = index_.find(key); changed != index_.end()) return changes_[*changed];
  changes_.push_back(store::RowChange{std::string(key), std::nullopt});
  index_.insert(static_cast<uint32_t>(changes_.size() - 1));
  pending_bytes_ += kRowOverhead + key.size();
  return changes_.back();
}

void Overlay::Put(std::string_view key, std::string_view value) {
  store::RowChange& change = ChangeOf(key);
  if (!change.value.has_value()) {
    change.value.emplace(value);
    pending_bytes_ += value.size();
    return;
  }
  pending_bytes_ = pending_bytes_ - change.value->size() + value.size();
  // `value` may be a part of the row it replaces.
  if (value.data() >= change.value->data() && value.data() <= change.value->data() + change.value->size()) {
    change.value = std::string(value);
  } else {
    change.value->assign(value);
  }
}

void Overlay::Add(std::string_view key, std::string_view value) {
  added_.push_back(store::RowChange{std::string(key), std::string(value)});
  pending_bytes_ += kRowOverhead + key.size() + value.size();
}

void Overlay::Delete(std::string_view key) {
  store::RowChange& change = ChangeOf(key);
  if (change.value.has_value()) pending_bytes_ -= change.value->size();
  change.value.reset();
}

absl::Status Overlay::Flush(uint64_t applied) {
  // Rows in key order go into the table at less than half the cost: each lands beside the one before.
  const std::vector<KeyStart> order = OrderByKey(changes_, added_);
  const size_t changed = changes_.size();
  std::vector<store::RowChange> sorted;
  sorted.reserve(order.size());
  for (const KeyStart& start : order) {
    sorted.push_back(std::move(start.at < changed ? changes_[start.at] : added_[start.at - changed]));
  }
  // Chunks are alike: the next one needs about as much room, and growing the index would hash every key again.
  index_.clear();
  index_.reserve(changed);
  changes_.clear();
  added_.clear();
  last_read_ = 0;
  pending_bytes_ = 0;
  KL_RETURN_IF_ERROR(table_.Write(sorted, applied));
  if (cache_.empty()) return absl::OkStatus();
  for (size_t i = 0; i < order.size(); ++i) {
    if (order[i].at >= changed) continue;
    const auto cached = cache_.find(std::string_view(sorted[i].key));
    if (cached == cache_.end()) continue;
    cache_bytes_ -= cached->second.has_value() ? cached->second->size() : 0;
    cached->second = std::move(sorted[i].value);
    cache_bytes_ += cached->second.has_value() ? cached->second->size() : 0;
  }
  return absl::OkStatus();
}

}  // namespace keyledger::projections
