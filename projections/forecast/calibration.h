// Scores forecasts against what happened: by group and over all.
//
// Threads: any; no state.
#pragma once

#include <cstdint>
#include <vector>

#include <absl/status/statusor.h>

namespace keyledger::forecast {

// A forecast made earlier and what came of it, in one unit (purchases, or money).
struct Outcome {
  double expected = 0;
  double actual = 0;
};

// How good a group of forecasts was. Errors are expected - actual: a bias above 0 promised too much.
struct Score {
  int64_t n = 0;
  double expected_mean = 0;
  double actual_mean = 0;
  double bias = 0;
  // Mean absolute error, and root of the mean squared error.
  double mae = 0;
  double rmse = 0;
};

// Returns the score of `outcomes`; all zero when there are none.
// Errors: INVALID_ARGUMENT (a number that is not finite or beyond 1e15).
absl::StatusOr<Score> ScoreOf(const std::vector<Outcome>& outcomes);

// The same of each group by a whole number the forecast was made with, as repeat purchases: groups 0, 1, ..., and
// `last_group` for all from there on (0 to 1000). Returns last_group + 1 scores; a group without outcomes has n = 0.
struct GroupedOutcome {
  int64_t group = 0;
  Outcome outcome;
};
absl::StatusOr<std::vector<Score>> ScoresByGroup(const std::vector<GroupedOutcome>& outcomes, int64_t last_group);

// The calibration curve: outcomes sorted by what was expected, cut into `groups` (1 to 1000) parts of the same size
// within one; equal expectations are ordered by what happened. Parts without outcomes are left out.
absl::StatusOr<std::vector<Score>> ScoresByExpectation(std::vector<Outcome> outcomes, int64_t groups);

}  // namespace keyledger::forecast
