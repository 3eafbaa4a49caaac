// Rank migration: how the ranking of the last complete period differs from that of the period before, and who rose.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "projections/portfolio/portfolio_measure.h"

namespace keyledger::projections::portfolio {

struct RankMigrationQuery {
  PortfolioMeasure measure = PortfolioMeasure::kRevenue;
  // Upper ends of the classes in thousandths of the accounts that bought: rising, 1 to 1,000, at most 8.
  std::vector<int32_t> cut_milli = {50, 250};
  // At least 1.
  size_t risers_max = 20;
};

struct RiserRow {
  std::string account_id;
  // From 1; 0: bought nothing.
  int64_t earlier_rank = 0;
  int64_t later_rank = 0;
  int64_t earlier_micros = 0;
  int64_t later_micros = 0;
  // Indices of RankMigration::states.
  size_t earlier_class = 0;
  size_t later_class = 0;
};

struct RankMigration {
  // Empty if there is no purchase in scope and no as_of.
  std::string earlier_period;
  std::string later_period;
  // "A", "B", ... and "N": bought nothing.
  std::vector<std::string> states;
  // By class in the earlier period and the later one. From N to N: accounts that had bought before.
  std::vector<std::vector<int64_t>> counts;
  // Accounts that moved up at least one class, by what they gained, highest first; ties by account_id.
  std::vector<RiserRow> risers;
  // Spearman's, of the accounts that bought in both; equal accounts share the mean of their ranks. Nothing for fewer
  // than two of them, or where all are equal in one of the periods.
  std::optional<double> rank_correlation;
  std::string currency_code;
};

// The later period is the last that was over at EndOfData. Memory: 56 bytes an account that bought in one of the two.
// Errors: as HistoryScan::Run; FAILED_PRECONDITION (kArithmeticRange).
absl::StatusOr<RankMigration> GetRankMigration(const Shards& shards, const RetentionScope& scope,
                                               const RankMigrationQuery& query);

}  // namespace keyledger::projections::portfolio
