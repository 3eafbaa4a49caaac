// The tier that an account would have earned at the end of a forecast's horizon, by the program's own measuring: what
// happened so far, and after it the purchases that are expected.
#pragma once

#include <cstdint>
#include <string>

#include <absl/status/statusor.h>

#include "server/base/clock.h"
#include "server/domain/program_set.h"
#include "server/service/service_context.h"

namespace keyledger::service {

// What is expected of an account from as_of to horizon_end.
struct ExpectedTrade {
  Micros as_of = 0;
  Micros horizon_end = 0;
  std::string currency_code;
  double purchases = 0;
  double revenue_micros = 0;
};

// The programs that the ledger knew: published before `known_at`, and in the first shard before `known_place`.
// Errors: those of ShardStore::PositionOf.
absl::StatusOr<domain::ProgramSet> KnownPrograms(const ServiceContext& context, uint64_t known_place, Micros known_at);

// Returns the highest tier whose entrance rule holds at the end of the horizon, of the ladder of the one of `programs`
// that governs the account then. Expected purchases, rounded to a whole number, are spread evenly over the horizon; of
// less than half a purchase one is made where nothing counts purchases. Empty where the rules rest on more than money
// or purchases within a window, where the program reckons in another currency, where sums do not fit in 64 bits, and
// where there is no ladder or no open account. Records of the account's shard from `known_place` on, or recorded at
// `known_at` or later, are not looked at. Errors: DATA_LOSS (kStoreDamaged).
absl::StatusOr<std::string> ProjectTier(const ServiceContext& context, const domain::ProgramSet& programs,
                                        const std::string& account_id, uint64_t known_place, Micros known_at,
                                        const ExpectedTrade& expected);

}  // namespace keyledger::service
