#include "projections/engine/overlay.h"

#include <algorithm>
#include <utility>

#include "server/base/error.h"

namespace keyledger::projections {
namespace {

// When the cache is larger than this, it is emptied.
constexpr size_t kCacheBytesMax = 16u << 20;
// What a row costs besides its bytes.
constexpr size_t kRowOverhead = 96;

}  // namespace

Overlay::Overlay(store::Table& table) : table_(table), index_(0, KeyHash{&changes_}, KeyEqual{&changes_}) {}

absl::StatusOr<std::optional<std::string_view>> Overlay::Get(std::string_view key) {
  if (const auto changed = index_.find(key); changed != index_.end()) {
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

void Overlay::Delete(std::string_view key) {
  store::RowChange& change = ChangeOf(key);
  if (change.value.has_value()) pending_bytes_ -= change.value->size();
  change.value.reset();
}

absl::Status Overlay::Flush(uint64_t applied) {
  // Chunks are alike: the next one needs about as much room, and growing the index would hash every key again.
  const size_t rows = changes_.size();
  index_.clear();
  index_.reserve(rows);
  // Rows in key order go into the table at less than half the cost: each lands beside the one before.
  std::sort(changes_.begin(), changes_.end(),
            [](const store::RowChange& a, const store::RowChange& b) { return a.key < b.key; });
  absl::Status written = table_.Write(changes_, applied);
  if (written.ok() && !cache_.empty()) {
    for (store::RowChange& change : changes_) {
      const auto cached = cache_.find(std::string_view(change.key));
      if (cached == cache_.end()) continue;
      cache_bytes_ -= cached->second.has_value() ? cached->second->size() : 0;
      cached->second = std::move(change.value);
      cache_bytes_ += cached->second.has_value() ? cached->second->size() : 0;
    }
  }
  changes_.clear();
  pending_bytes_ = 0;
  return written;
}

}  // namespace keyledger::projections
