// Concentration: how much the first few accounts hold, how few hold most, and how unequal the whole is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "projections/portfolio/portfolio_measure.h"

namespace keyledger::projections::portfolio {

struct ConcentrationQuery {
  Micros start = kFromTheBeginning;
  PortfolioMeasure measure = PortfolioMeasure::kRevenue;
  // Sizes of the groups in percent of the accounts, one after the other from the top: each 1 to 100, together at most
  // 100. Percents of the total to cover: each 1 to 100.
  std::vector<int32_t> cut_percent = {5, 20};
  std::vector<int32_t> cover_percent = {50, 80};
  // Zero or more.
  int32_t curve_points = 0;
};

struct ConcentrationGroupRow {
  int32_t percent = 0;
  int64_t accounts = 0;
  int64_t total_micros = 0;
  // Of all. Zero where the total is 0 or less, and where share_note says why; so is cumulative_share.
  double share = 0;
  // What the last of them holds; zero for a group of nobody.
  int64_t cutoff_micros = 0;
  // With all groups before.
  int64_t cumulative_accounts = 0;
  double cumulative_share = 0;
};

struct ConcentrationCoverRow {
  int32_t percent = 0;
  // Zero where the total is 0 or less.
  int64_t accounts = 0;
  double account_share = 0;
};

struct LorenzPointRow {
  double accounts = 0;
  double share = 0;
};

struct Concentration {
  // Accounts with a purchase in the stretch.
  int64_t accounts = 0;
  int64_t total_micros = 0;
  std::vector<ConcentrationGroupRow> groups;
  std::vector<ConcentrationCoverRow> covering;
  // Why there are no shares, no gini and no curve; empty where there are.
  std::string share_note;
  // Nothing where the total is 0 or less, and where share_note says why.
  std::optional<double> gini;
  // From the lowest account, at equal steps, the last (1, 1); fewer where there are fewer accounts; empty without gini.
  std::vector<LorenzPointRow> curve;
  // Of profit: purchases in the stretch whose cost is not recorded.
  int64_t purchases_without_cost = 0;
  std::string currency_code;
};

// The stretch ends at scope.as_of. Memory: 16 bytes an account.
// Errors: as HistoryScan::Run; FAILED_PRECONDITION (kArithmeticRange) if a sum leaves 64 bits, or Gini's 128.
absl::StatusOr<Concentration> GetConcentration(const Shards& shards, const RetentionScope& scope,
                                               const ConcentrationQuery& query);

}  // namespace keyledger::projections::portfolio
