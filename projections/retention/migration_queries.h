// Migration: how accounts move between states from period to period, where that leads and what each state is worth
// (Pfeifer and Carraway 2000).
//
// What an account's states are, and over which periods:
// - by recency: periods since the last one with a purchase, up to a cap; from the period of its first purchase on.
// - by class: "A", "B", ... by revenue among the accounts that bought in the period, the highest first, ties by
//   account_id; "N": bought nothing in it. From the period before its first purchase on, in which it is "N".
// - by tier or stage: what it held at the end of the period; "" before any. From the period on in which it was opened
//   or, if that was earlier, first traded or held anything.
// Each ends with the last period of the data (data_end.h) or, by tier or stage, of the last assignment, if that is
// later. By tier or stage the data begin with the period before the first assignment. An account
// that was closed stays in its state. One transition is counted for each account and two periods that follow each
// other.
//
// Counts and sums are exact; rates, shares and values are floating point. See history.h for what is in scope.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "projections/retention/history.h"
#include "server/store/table.h"

namespace keyledger::projections {

enum class MigrationOf { kRecency, kClass, kTier, kStage };

inline constexpr int32_t kRecencyCapMax = 60;
inline constexpr size_t kClassCutsMax = 8;
// States of an answer, and counts of all its steps together; data with more are refused.
inline constexpr size_t kMigrationStatesMax = 128;
inline constexpr int64_t kMigrationCountsMax = 1'000'000;
// Purchasing accounts of all periods that are ranked in one walk: 16 bytes each.
inline constexpr size_t kRankedAtOnce = 4'000'000;

struct MigrationQuestion {
  MigrationOf of = MigrationOf::kRecency;
  // Of kTier the ladder, of kStage the lifecycle.
  std::string ladder_id;
  // Of kRecency: the state that holds all longer silences, 1 to kRecencyCapMax.
  int32_t recency_cap = 4;
  // Of kClass: upper ends of the classes in thousandths of the accounts, rising, 1 to 999, kClassCutsMax at most.
  std::vector<int32_t> class_cuts_milli = {50, 250};
  // Per period, in thousandths, 0 or more. Nothing: no values.
  std::optional<int32_t> discount_milli;
  // For each state, per period. Empty: the mean revenue of the accounts in the state, over all their periods.
  std::vector<int64_t> reward_micros;
  // As kRankedAtOnce; one period's are ranked together in any case.
  size_t ranked_at_once = kRankedAtOnce;
};

// A square of counts or rates: row by row, from each state to each.
template <class Number>
using MigrationSquare = std::vector<std::vector<Number>>;

struct MigrationStep {
  // Number of the earlier period; the later one is the next.
  int64_t period = 0;
  // Accounts in each state in the earlier period.
  std::vector<int64_t> sizes;
  MigrationSquare<int64_t> counts;
};

struct MigrationTable {
  // By recency "0", "1", ... and the cap with a plus; by class "A", "B", ... and "N"; by tier or stage in order of
  // their names. Empty if nothing is in scope: so is the rest.
  std::vector<std::string> states;
  // Of all steps.
  MigrationSquare<int64_t> counts;
  // Shares of each row; zero where nobody was in the state.
  MigrationSquare<double> rates;
  // In time order, without gaps.
  std::vector<MigrationStep> steps;
  // Shares of accounts in the long run at these rates. Empty where they depend on where accounts start, or nobody was
  // seen in a state before the last period.
  std::vector<double> steady_state;
  // V = (I - P/(1+d))^-1 R. Empty without a discount or with one of 0, and where nobody was seen in a state before the
  // last period.
  std::vector<double> value_micros;
  // R.
  std::vector<double> reward_micros;
  std::string currency_code;
};

// Cost: two walks over the population, more where classes of more than `ranked_at_once` are ranked. Requires: no null
// reader. Errors: those of HistoryScan::Run; INVALID_ARGUMENT (kInvalidField "scope.period") for more than
// kRetentionPeriodsMax periods or kMigrationCountsMax counts, ("ladder_id" or "lifecycle_id") for more than
// kMigrationStatesMax states, ("reward_micros") if there is not one for each state; FAILED_PRECONDITION
// (kArithmeticRange) if a sum leaves 64 bits.
absl::StatusOr<MigrationTable> GetMigrationTable(const std::vector<const store::TableReader*>& shards,
                                                 const RetentionScope& scope, const MigrationQuestion& question);

}  // namespace keyledger::projections
