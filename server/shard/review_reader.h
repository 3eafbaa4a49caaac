// Reading the accounts of a whole ledger as they were at one place in its logs, beside the writing that goes on. What a
// review stands on: nothing here touches a sequencer.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "server/domain/account_state.h"
#include "server/domain/review.h"
#include "server/store/shard_store.h"

namespace keyledger::shard {

// Walks the ids of all accounts of all shards in byte order, each once, whichever shard it lives on. Ids of accounts
// that are opened while it walks may or may not come.
// Threads: confined to one thread. Lifetime: the stores must outlive it. Memory: a page of ids per shard.
class AccountWalk {
 public:
  struct Place {
    std::string account_id;
    uint32_t shard = 0;
  };

  // Begins after the id `after`; empty: with the first.
  AccountWalk(std::vector<const store::ShardStore*> stores, const std::string& after);

  // The next account; nothing at the end. Errors: DATA_LOSS (kStoreDamaged).
  absl::StatusOr<std::optional<Place>> Next();

 private:
  struct Lane {
    std::deque<std::string> ids;
    std::string after;
    bool ended = false;
  };

  absl::Status Fill(uint32_t shard);

  const std::vector<const store::ShardStore*> stores_;
  std::vector<Lane> lanes_;
};

// The account folded from its records at positions below `end`. Nothing: there is none.
// Errors: DATA_LOSS (kStoreDamaged).
absl::StatusOr<std::optional<domain::AccountState>> FoldAccountBelow(const store::ShardStore& store,
                                                                     const std::string& account_id, uint64_t end);

// The account as a review of `as_of` may see it: of its records below `end`, those that occurred before `as_of`, as far
// as anything is measured by them; its tier and lock are those at `end`. Nothing: there was no such account.
// Errors: DATA_LOSS (kStoreDamaged).
absl::StatusOr<std::optional<domain::AccountState>> FoldForReview(const store::ShardStore& store,
                                                                  const std::string& account_id, uint64_t end,
                                                                  Micros as_of);

}  // namespace keyledger::shard
