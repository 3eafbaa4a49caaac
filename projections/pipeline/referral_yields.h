// Referrals: how often we asked for them, what was given and converted, by lead source, and what came of it.
//
// What was asked for and given is on the accounts that refer; how an account came to us, and what it brought, on its
// own.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "projections/pipeline/pipeline_scan.h"
#include "projections/retention/history.h"

namespace keyledger::projections::pipeline {

// Years after the first purchase that are told apart.
inline constexpr size_t kYieldYearsMax = 20;
inline constexpr size_t kSourcesMax = 1'000;

struct ReferralSourceRow {
  std::string lead_source;
  int64_t given = 0;
  // On the record of who gave them, or of the account that it is.
  int64_t converted = 0;
  // Accounts whose latest word on how they came to us is this source; of them, those that purchased.
  int64_t accounts = 0;
  int64_t buyers = 0;
  // By year since the first purchase, in the scope's zone; up to the last with revenue.
  std::vector<int64_t> yield_micros;
  // To win them.
  int64_t cost_micros = 0;
};

struct ReferralYields {
  int64_t asked = 0;
  // By source, the first kSourcesMax.
  std::vector<ReferralSourceRow> sources;
  std::string currency_code;
};

// What was asked, given or recorded at `start` or later. Memory: the referrals given that name an account, and the
// sources. Errors: those of EngagementScan and HistoryScan; FAILED_PRECONDITION (kArithmeticRange).
absl::StatusOr<ReferralYields> GetReferralYields(const Shards& engagement_shards, const Shards& retention_shards,
                                                 const RetentionScope& scope, Micros start);

}  // namespace keyledger::projections::pipeline
