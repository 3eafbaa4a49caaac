// The requests that the bench sends: purchases of accounts that were opened before, all made from a number.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "keyledger/ledger/v1/ledger_service.pb.h"

namespace keyledger::bench {

using Frames = std::vector<ledger::v1::AppendStreamRequest>;

inline constexpr int kRequestsPerFrame = 100;

// Opens accounts 0 to count - 1.
Frames OpenAccounts(uint64_t count);
// Purchase number `number`: two lines, an invoice number, of one of `accounts` accounts. Stored it is a record of 250
// to 300 bytes.
ledger::v1::AppendRequest Purchase(uint64_t number, uint64_t accounts);
// Purchases `first` to `first + count - 1` in frames, of the view that answers least.
Frames Purchases(uint64_t first, uint64_t count, uint64_t accounts);

// A point per unit of money, expiring after two years, and three tiers: each purchase brings about one decision.
extern const char kProgramYaml[];

}  // namespace keyledger::bench
