// PopulationCut: which accounts of a population a relative rule takes: the first so many, the first p percent, or the
// smallest set that holds p percent of the whole. Pure; exact integers; the order of ties is part of the result.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "server/base/checked.h"

namespace keyledger::domain {

// Thousandths of a percent in a whole.
inline constexpr int64_t kPercentMilliWhole = 100'000;

struct AccountValue {
  std::string account_id;
  int64_t value = 0;
};

// The order of a ranking: the greater value first; of equal values the smaller account_id in byte order. Total, as long
// as no account appears twice.
bool RanksBefore(const AccountValue& a, const AccountValue& b);

// How many accounts a relative rule takes.
enum class CutKind {
  // The first `amount` accounts.
  kTopCount,
  // The first ceil(p n) of n accounts, p in thousandths of a percent.
  kTopPercentMilli,
  // The smallest number of first accounts whose values sum to p of the sum of all positive values at least. Accounts
  // with a value of zero or less hold nothing and are never taken.
  kCoveringPercentMilli,
};

struct PopulationCut {
  // Accounts in the population.
  int64_t population = 0;
  // Accounts taken: the first so many of the ranking.
  int64_t taken = 0;
  // Value and id of the last account taken; meaningful if taken > 0. An account is taken if it does not rank after it.
  AccountValue last;
  // Sum of all positive values, and of the values taken.
  Int128 total = 0;
  Int128 covered = 0;

  // True if an account of this value is among those taken.
  bool Takes(const AccountValue& account) const;
};

// Ranks `accounts` in place and cuts. Requires: no account_id twice; amount is at least 1, and for percentages at most
// kPercentMilliWhole.
PopulationCut CutPopulation(std::vector<AccountValue>& accounts, CutKind kind, int64_t amount);

}  // namespace keyledger::domain
