// Satisfaction beside loyalty: what accounts say in surveys, and whether those who say they are satisfied stay.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <absl/status/statusor.h>

#include "projections/portfolio/portfolio_measure.h"

namespace keyledger::projections::portfolio {

// Answers of accounts; of an account's answers to one kind of question in a period the latest counts.
struct SatisfactionRow {
  // See Periods; no meaning in a total.
  int64_t period = 0;
  // Of 0 to 10: all, 9 or 10, 0 to 6. (promoters - detractors) / all * 100; nothing without answers.
  int64_t recommendation_answers = 0;
  int64_t promoters = 0;
  int64_t detractors = 0;
  std::optional<double> nps;
  // Of 1 to 5: all, 4 or 5. satisfied / all; nothing without answers.
  int64_t satisfaction_answers = 0;
  int64_t satisfied = 0;
  std::optional<double> csat;
  // Of the satisfied: those whose left_days were over before the end of the data; of these the gone.
  int64_t satisfied_observed = 0;
  int64_t satisfied_left = 0;
  std::optional<double> satisfied_left_share;
};

struct SatisfactionAnswer {
  // From the first period with an answer to the last, without gaps.
  std::vector<SatisfactionRow> periods;
  SatisfactionRow total;
  // Pearson's, over the answers observed: satisfied with stayed, 1 or 0 each. Nothing where one does not vary.
  std::optional<double> satisfaction_loyalty_correlation;
};

// An account is gone if it makes no purchase after its answer and within `left_days` of 24 hours, or is closed when
// they are over. Where the data end: EndOfData.
// Requires: left_days >= 1. Memory: the periods.
// Errors: as HistoryScan::Run; INVALID_ARGUMENT (kInvalidField "scope.period") if the answers span more than
// kRetentionPeriodsMax periods.
absl::StatusOr<SatisfactionAnswer> GetSatisfaction(const Shards& shards, const RetentionScope& scope,
                                                   int64_t left_days);

}  // namespace keyledger::projections::portfolio
