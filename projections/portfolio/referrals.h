// Referrals: who was referred by whom, with the revenue downstream, and what each lead source brought.
//
// Every account has one referrer at most, that of its latest referral by occurred_time: the accounts form trees and,
// where they refer each other in a circle, circles with trees below them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "projections/portfolio/portfolio_measure.h"

namespace keyledger::projections::portfolio {

inline constexpr size_t kCircularMax = 100;
inline constexpr size_t kLeadSourcesMax = 1'000;

struct ReferralQuery {
  // The root. Empty: all accounts that referred others and were referred by none in scope.
  std::string account_id;
  // Levels below a root that are listed, and nodes; at least 1. All are counted.
  int32_t depth_max = 10;
  size_t nodes_max = 1'000;
};

struct ReferralNodeRow {
  std::string account_id;
  // Empty at a root.
  std::string referrer_account_id;
  int32_t depth = 0;
  std::string lead_source;
  int64_t revenue_micros = 0;
  // Below it, at any depth: accounts, those of them that purchased, and their revenue.
  int64_t downstream_accounts = 0;
  int64_t downstream_converted = 0;
  int64_t downstream_revenue_micros = 0;
};

struct LeadSourceRow {
  // Empty: nothing recorded.
  std::string lead_source;
  int64_t accounts = 0;
  int64_t converted = 0;
  int64_t revenue_micros = 0;
};

struct ReferralTree {
  // Each root followed by what is below it; roots and siblings by revenue downstream with their own, highest first,
  // ties by account_id.
  std::vector<ReferralNodeRow> nodes;
  // Whether nodes were left out.
  bool truncated = false;
  // The first kCircularMax accounts that refer each other in a circle, in account_id order. They, and what is below
  // them, are in no tree, unless one of them is asked for as the root.
  std::vector<std::string> circular_account_ids;
  // All accounts in scope, by source; the first kLeadSourcesMax by name.
  std::vector<LeadSourceRow> sources;
  std::string currency_code;
};

// Revenue is that in scope, by scope.basis. A referrer that is not in scope is as good as none. Referrers are found by
// a fingerprint of 128 bits of their ids, so that memory is 80 bytes an account whatever their lengths; nothing is
// recursive, so that a chain may be as long as the ledger.
// Errors: as HistoryScan::Run; FAILED_PRECONDITION (kArithmeticRange); NOT_FOUND (kAccountNotFound) if the root asked
// for is not in scope.
absl::StatusOr<ReferralTree> GetReferralTree(const Shards& shards, const RetentionScope& scope,
                                             const ReferralQuery& query);

}  // namespace keyledger::projections::portfolio
