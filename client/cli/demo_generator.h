// DemoGenerator: the demo ledger's requests, the same on every machine.
//
// Only integers and a generator written out here: neither standard distributions nor the mathematics of a C library,
// which differ, have a part in it. Each account depends on the seed and its own number alone, so that a larger demo
// contains the smaller one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "keyledger/ledger/v1/ledger_service.pb.h"

namespace keyledger::cli {

// xoshiro256** by Blackman and Vigna, seeded by splitmix64.
// Threads: thread-compatible.
class DemoRandom {
 public:
  explicit DemoRandom(uint64_t seed);
  uint64_t Next();
  // Uniform in [0, bound). Requires: bound > 0.
  uint64_t Below(uint64_t bound);
  // Uniform in [low, high].
  int64_t Between(int64_t low, int64_t high);
  // True with a probability of `ppm` in a million.
  bool Chance(uint64_t ppm) { return Below(1'000'000) < ppm; }

 private:
  uint64_t state_[4];
};

struct DemoOptions {
  // 1 to kDemoAccountsMax.
  uint32_t accounts = 2000;
  uint64_t seed = 1;
};

inline constexpr uint32_t kDemoAccountsMax = 100'000;

// Returns the requests of account number `index` (from 0), in the order of their time: it opens between 2023-01-01 and
// mid 2025, buys at its own rate until it drops out (after each purchase with its own probability, as BG/NBD has it),
// more in autumn, in heavy-tailed baskets; a few lines come back, points are redeemed now and then, some lapsed
// accounts are closed and a few of them won back. Of many of them more is known (demo_relation.h), and all are dealt
// with (demo_dealings.h). Nothing is later than 2025-12-31.
std::vector<::keyledger::ledger::v1::AppendRequest> DemoAccount(const DemoOptions& options, uint32_t index);

// Returns the requests of all accounts, by occurred_time, then account.
std::vector<::keyledger::ledger::v1::AppendRequest> DemoRequests(const DemoOptions& options);

}  // namespace keyledger::cli
