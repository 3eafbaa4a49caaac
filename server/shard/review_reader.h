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

// Places in a walk, from which an account that the walk gave a number is found again without walking all of it.
// Threads: thread-compatible. Memory: one id for every kMarkEvery accounts.
class WalkMarks {
 public:
  // Accounts between two marks, and so the most that are walked to find one.
  static constexpr uint32_t kMarkEvery = 1'024;

  struct Mark {
    // Walk on after this id; empty: from the first.
    std::string after;
    // What the next account gets that is given a number.
    uint32_t number = 0;
  };

  // Before each account walked, whether or not it gets a number: the id of the one before, and the next number.
  void Walk(const std::string& before, uint32_t number);
  // The last mark before the account with this number. Requires: it was given.
  const Mark& Before(uint32_t number) const;

 private:
  uint64_t walked_ = 0;
  std::vector<Mark> marks_;
};

// The account as a review of `as_of` may see it: of its records below `end`, those that occurred before `as_of`, as far
// as anything is measured by them; its tier and lock are those at `end`. Nothing: there was no such account.
// Errors: DATA_LOSS (kStoreDamaged).
absl::StatusOr<std::optional<domain::AccountState>> FoldForReview(const store::ShardStore& store,
                                                                  const std::string& account_id, uint64_t end,
                                                                  Micros as_of);

}  // namespace keyledger::shard
