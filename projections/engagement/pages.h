// What queries over many accounts have in common: pages of a list in the order of keys, and sums that stop at the ends
// of their range.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace keyledger::projections::engagement {

// The first so many items after a key, in bytewise order of theirs, whatever the order they come in. Keys are distinct.
// Memory: one page. Threads: confined to one thread.
template <class Item>
class PageOf {
 public:
  // `after`: the key of the last item of the page before; empty: the first page.
  PageOf(std::string after, int size) : after_(std::move(after)), size_(static_cast<size_t>(size)) {}

  // Whether an item of this key would be kept: what is not need not be made.
  bool Wants(std::string_view key) const {
    return (after_.empty() || key > after_) && (items_.size() <= size_ || key < items_.rbegin()->first);
  }
  void Add(std::string key, Item item) {
    if (!Wants(key)) return;
    items_.emplace(std::move(key), std::move(item));
    // One more than the page says whether another follows.
    if (items_.size() > size_ + 1) items_.erase(std::prev(items_.end()));
  }
  // The page, and the key that the next one begins after; empty on the last. May be called once.
  std::vector<Item> Take(std::string& continuation) {
    continuation.clear();
    std::vector<Item> page;
    for (auto& [key, item] : items_) {
      if (page.size() == size_) return page;
      page.push_back(std::move(item));
      if (page.size() == size_ && items_.size() > size_) continuation = key;
    }
    return page;
  }

 private:
  const std::string after_;
  const size_t size_;
  std::map<std::string, Item> items_;
};

inline void AddCapped(int64_t& sum, int64_t value) {
  if (!__builtin_add_overflow(sum, value, &sum)) return;
  sum = value > 0 ? std::numeric_limits<int64_t>::max() : std::numeric_limits<int64_t>::min();
}

// Whether a rule with these tiers is for an account that holds one; none: for all.
template <class Tiers>
bool FitsTier(const Tiers& tier_ids, std::string_view tier) {
  return tier_ids.empty() || std::find(tier_ids.begin(), tier_ids.end(), tier) != tier_ids.end();
}

}  // namespace keyledger::projections::engagement
