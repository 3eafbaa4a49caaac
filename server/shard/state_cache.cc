#include "server/shard/state_cache.h"

#include <utility>

#include "server/base/check.h"

namespace keyledger::shard {
namespace {

// List node, hash entry and the fixed fields.
constexpr size_t kEntryOverheadBytes = 256;

}  // namespace

CachedAccount* StateCache::Find(std::string_view account_id) {
  const auto found = index_.find(account_id);
  if (found == index_.end()) return nullptr;
  order_.splice(order_.begin(), order_, found->second);
  return &*found->second;
}

CachedAccount* StateCache::Insert(CachedAccount account) {
  account.bytes = 0;
  order_.push_front(std::move(account));
  const bool inserted = index_.emplace(order_.front().account_id, order_.begin()).second;
  KL_CHECK(inserted);
  Resize(order_.front());
  return &order_.front();
}

void StateCache::Resize(CachedAccount& account) {
  const size_t bytes = kEntryOverheadBytes + account.account_id.size() + account.state.ApproximateBytes();
  bytes_ = bytes_ - account.bytes + bytes;
  account.bytes = bytes;
}

std::vector<CachedAccount> StateCache::Evict(uint64_t durable) {
  std::vector<CachedAccount> evicted;
  auto at = order_.end();
  while (bytes_ > bytes_max_ && at != order_.begin()) {
    --at;
    if (at->last_position_end > durable) continue;
    bytes_ -= at->bytes;
    index_.erase(at->account_id);
    evicted.push_back(std::move(*at));
    at = order_.erase(at);
  }
  return evicted;
}

void StateCache::Clear() {
  index_.clear();
  order_.clear();
  bytes_ = 0;
}

}  // namespace keyledger::shard
