// Ranking: the accounts of a population in order of what is measured of them, and where a relative cut falls. What a
// review knows of a whole population while it runs; everything else it reads account by account.
//
// The order is total: the larger value first; of equal values the account that was opened earlier, which has been
// faithful longer; of those the id that is smaller in bytes, which nothing but a new id can change. So a cut never
// depends on shards, on the order of arrival or on the day it is computed.
//
// Only a value above zero is ranked: an account that brought nothing is among nobody's first, even if there are fewer
// accounts than places.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "server/base/clock.h"

namespace keyledger::domain {

enum class CutKind {
  // The first `size` accounts.
  kTopCount,
  // The first ceil(p n) accounts of a population of n; `size` is p in thousandths of a percent.
  kTopPercentMilli,
  // The fewest first accounts that together hold p of the sum of all ranked values.
  kCoveringPercentMilli,
};

// p = 100 %.
inline constexpr uint32_t kWholeMilli = 100'000;

struct RelativeCut {
  CutKind kind = CutKind::kTopCount;
  // At least 1; at most kWholeMilli for the two percentages.
  uint32_t size = 0;

  bool operator==(const RelativeCut&) const = default;
};

// Threads: thread-compatible. Memory: 8 + 12 x measures bytes for each account once ranked, up to twice that while
// accounts are added; nothing that grows with ids.
class Ranking {
 public:
  // `measures`: how many values each account has.
  explicit Ranking(size_t measures) : values_(measures), order_(measures) {}

  // Adds the next account; accounts come in ascending order of their ids, and an account's number is its place in it.
  // A value that is not known or not above zero is not ranked. Requires: one value per measure; not ranked yet; at most
  // 2^32 - 1 accounts.
  void Add(Micros open_time, std::span<const std::optional<int64_t>> values);

  // Sorts. Once, after the last account.
  void Rank();

  // The population: every account added.
  uint64_t population() const { return open_times_.size(); }
  // Accounts with a rank. Requires: ranked.
  uint64_t ranked(size_t measure) const { return order_[measure].size(); }
  // The number of the account with a rank, counted from 1. Requires: ranked; 1 <= rank <= ranked(measure).
  uint32_t AccountAt(size_t measure, uint64_t rank) const { return order_[measure][rank - 1]; }
  // From 1; 0: not ranked. Requires: ranked.
  uint64_t RankOf(size_t measure, uint32_t account) const;
  // Zero if not ranked.
  int64_t ValueOf(size_t measure, uint32_t account) const { return values_[measure][account]; }
  Micros OpenTimeOf(uint32_t account) const { return open_times_[account]; }

  // How many of the first accounts are within the cut. Requires: ranked.
  uint64_t CountMembers(size_t measure, const RelativeCut& cut) const;

  // Memory held.
  size_t bytes() const;

 private:
  // True if `a` comes before `b`.
  bool Before(size_t measure, uint32_t a, uint32_t b) const;

  std::vector<Micros> open_times_;
  // Per measure, by account; zero: not ranked.
  std::vector<std::vector<int64_t>> values_;
  // Per measure: the ranked accounts, first to last.
  std::vector<std::vector<uint32_t>> order_;
};

}  // namespace keyledger::domain
