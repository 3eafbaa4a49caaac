// Random records of everything that questions about retention and value are answered from: late, out of order, in
// several currencies, with returns.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "keyledger/events/v1/record.pb.h"
#include "server/base/clock.h"

namespace keyledger::testing {

using Records = std::vector<events::v1::EventRecord>;

struct RelationsOptions {
  int accounts = 12;
  int records = 400;
  std::vector<std::string> currencies = {"USD", "EUR"};
  // Tiers, stages and contracts, too: what the ledger decides goes by the order of the log.
  bool decisions = false;
  // Business time of the first and the last event.
  Micros begin = 0;
  Micros end = 0;
};

// No two events of the records occurred in the same microsecond, so that they have one order, whichever they came in.
Records RandomRelations(uint64_t seed, const RelationsOptions& options);

// The records as a log holds them: positions counted from 0.
Records AsLog(Records records);

// The records of each shard, as logs.
std::vector<Records> AsShards(const Records& records, uint32_t shards);

}  // namespace keyledger::testing
