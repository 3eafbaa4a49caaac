#include "projections/forecast/calibration.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <tuple>

#include <fmt/format.h>

#include "server/base/error.h"

namespace keyledger::forecast {
namespace {

constexpr double kValueMax = 1e15;
constexpr int64_t kGroupsMax = 1000;

bool IsValue(double value) { return std::abs(value) <= kValueMax; }

absl::Status Check(const Outcome& outcome) {
  if (!IsValue(outcome.expected)) return FieldError("expected", fmt::format("must be a number up to {:g}", kValueMax));
  if (!IsValue(outcome.actual)) return FieldError("actual", fmt::format("must be a number up to {:g}", kValueMax));
  return absl::OkStatus();
}

Score Sum(std::span<const Outcome> outcomes) {
  Score score;
  for (const Outcome& outcome : outcomes) {
    const double error = outcome.expected - outcome.actual;
    score.n += 1;
    score.expected_mean += outcome.expected;
    score.actual_mean += outcome.actual;
    score.mae += std::abs(error);
    score.rmse += error * error;
  }
  if (score.n == 0) return score;
  const auto n = static_cast<double>(score.n);
  score.expected_mean /= n;
  score.actual_mean /= n;
  score.bias = score.expected_mean - score.actual_mean;
  score.mae /= n;
  score.rmse = std::sqrt(score.rmse / n);
  return score;
}

absl::Status CheckAll(const std::vector<Outcome>& outcomes) {
  for (size_t i = 0; i < outcomes.size(); ++i) {
    const absl::Status status = Check(outcomes[i]);
    if (!status.ok()) return FieldError(fmt::format("outcomes[{}]", i), MessageOf(status));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Score> ScoreOf(const std::vector<Outcome>& outcomes) {
  KL_RETURN_IF_ERROR(CheckAll(outcomes));
  return Sum(outcomes);
}

absl::StatusOr<std::vector<Score>> ScoresByGroup(const std::vector<GroupedOutcome>& outcomes, int64_t last_group) {
  if (last_group < 0 || last_group > kGroupsMax) {
    return FieldError("last_group", fmt::format("{}; must be 0 to {}", last_group, kGroupsMax));
  }
  std::vector<std::vector<Outcome>> groups(static_cast<size_t>(last_group) + 1);
  for (size_t i = 0; i < outcomes.size(); ++i) {
    absl::Status status = Check(outcomes[i].outcome);
    if (status.ok() && outcomes[i].group < 0) status = FieldError("group", "must be 0 or more");
    if (!status.ok()) return FieldError(fmt::format("outcomes[{}]", i), MessageOf(status));
    groups[static_cast<size_t>(std::min(outcomes[i].group, last_group))].push_back(outcomes[i].outcome);
  }
  std::vector<Score> scores;
  for (const std::vector<Outcome>& group : groups) scores.push_back(Sum(group));
  return scores;
}

absl::StatusOr<std::vector<Score>> ScoresByExpectation(std::vector<Outcome> outcomes, int64_t groups) {
  if (groups < 1 || groups > kGroupsMax) {
    return FieldError("groups", fmt::format("{}; must be 1 to {}", groups, kGroupsMax));
  }
  KL_RETURN_IF_ERROR(CheckAll(outcomes));
  std::sort(outcomes.begin(), outcomes.end(), [](const Outcome& left, const Outcome& right) {
    return std::tie(left.expected, left.actual) < std::tie(right.expected, right.actual);
  });
  std::vector<Score> scores;
  const auto parts = static_cast<size_t>(groups);
  for (size_t i = 0; i < parts; ++i) {
    const size_t begin = outcomes.size() * i / parts, end = outcomes.size() * (i + 1) / parts;
    if (begin < end) scores.push_back(Sum(std::span(outcomes).subspan(begin, end - begin)));
  }
  return scores;
}

}  // namespace keyledger::forecast
