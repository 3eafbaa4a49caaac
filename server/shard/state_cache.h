// StateCache: the account states the sequencer works on, least recently used first out, bounded in bytes.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "server/base/clock.h"
#include "server/domain/account_state.h"

namespace keyledger::shard {

// An account as the sequencer sees it: records that are sequenced but not yet durable included.
struct CachedAccount {
  std::string account_id;
  domain::AccountState state;
  // next_revision of the stored snapshot; 0: none.
  uint64_t snapshot_revision = 0;
  // Of records recorded since then, or since the account was loaded.
  uint64_t tail_bytes = 0;
  // Position after the account's last record; it may be evicted once the log is durable up to here.
  uint64_t last_position_end = 0;
  // record_time of its last record, if known.
  std::optional<Micros> last_record_time;
  // The timer row that stands for it, if known.
  std::optional<Micros> armed;
  // Bytes accounted for.
  size_t bytes = 0;
};

// Threads: confined to the sequencer's.
class StateCache {
 public:
  explicit StateCache(size_t bytes_max) : bytes_max_(bytes_max) {}

  // Null if not cached. Makes it the most recently used. The pointer is valid until the account is evicted or the cache
  // cleared.
  CachedAccount* Find(std::string_view account_id);
  // Adds an account that is not cached.
  CachedAccount* Insert(CachedAccount account);
  // Accounts for a changed state.
  void Resize(CachedAccount& account);
  // Takes out accounts, oldest first, until the cache is within its bound; only those whose records are durable
  // (last_position_end <= durable).
  std::vector<CachedAccount> Evict(uint64_t durable);
  void Clear();

  size_t bytes() const { return bytes_; }
  size_t size() const { return index_.size(); }

 private:
  const size_t bytes_max_;
  size_t bytes_ = 0;
  // Most recently used first.
  std::list<CachedAccount> order_;
  // Keys view into the list's nodes.
  absl::flat_hash_map<std::string_view, std::list<CachedAccount>::iterator, std::hash<std::string_view>> index_;
};

}  // namespace keyledger::shard
