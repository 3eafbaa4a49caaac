#include "projections/forecast/markov.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>
#include <Eigen/Dense>

#include "server/base/error.h"

namespace keyledger::forecast {
namespace {

constexpr int64_t kCountMax = 1'000'000'000'000'000;
constexpr double kRowSumError = 1e-9;
constexpr double kDiscountMin = 1e-6;
constexpr double kDiscountMax = 100;
constexpr double kRewardMax = 1e18;

template <typename Row>
absl::Status CheckSquare(const std::vector<Row>& rows) {
  if (rows.empty() || rows.size() > kStatesMax) {
    return FieldError("states", fmt::format("{}; must be 1 to {}", rows.size(), kStatesMax));
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].size() != rows.size()) {
      return FieldError(fmt::format("rows[{}]", i),
                        fmt::format("has {} entries where there are {} states", rows[i].size(), rows.size()));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckSeen(const TransitionMatrix& matrix) {
  if (matrix.unseen().empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      fmt::format("state {} was never left, so it is not known where it leads; take it to be final, or observe longer",
                  matrix.unseen().front()));
}

// reach[i][j]: j can be reached from i, in any number of steps from 0.
std::vector<std::vector<bool>> Reachable(const TransitionMatrix& matrix) {
  std::vector<std::vector<bool>> reach(matrix.states(), std::vector<bool>(matrix.states()));
  std::vector<size_t> pending;
  for (size_t start = 0; start < matrix.states(); ++start) {
    reach[start][start] = true;
    pending.push_back(start);
    while (!pending.empty()) {
      const size_t from = pending.back();
      pending.pop_back();
      for (size_t to = 0; to < matrix.states(); ++to) {
        if (matrix.at(from, to) <= 0 || reach[start][to]) continue;
        reach[start][to] = true;
        pending.push_back(to);
      }
    }
  }
  return reach;
}

// Groups of states that reach each other and nothing else.
std::vector<std::vector<size_t>> ClosedGroups(const std::vector<std::vector<bool>>& reach) {
  std::vector<std::vector<size_t>> groups;
  for (size_t i = 0; i < reach.size(); ++i) {
    std::vector<size_t> group;
    bool closed = true;
    for (size_t j = 0; j < reach.size(); ++j) {
      if (!reach[i][j]) continue;
      closed = closed && reach[j][i];
      group.push_back(j);
    }
    if (closed && group.front() == i) groups.push_back(std::move(group));
  }
  return groups;
}

// The greatest common divisor of the lengths of all ways round: by levels of a search from the first state.
size_t PeriodOf(const TransitionMatrix& matrix, const std::vector<size_t>& group) {
  std::vector<int64_t> level(matrix.states(), -1);
  std::vector<size_t> pending = {group.front()};
  level[group.front()] = 0;
  int64_t period = 0;
  for (size_t next = 0; next < pending.size(); ++next) {
    const size_t from = pending[next];
    for (const size_t to : group) {
      if (matrix.at(from, to) <= 0) continue;
      if (level[to] < 0) {
        level[to] = level[from] + 1;
        pending.push_back(to);
      }
      period = std::gcd(period, level[from] + 1 - level[to]);
    }
  }
  return static_cast<size_t>(period);
}

// Shares within a closed group, by eliminating its states from the last: only sums, products and quotients of numbers
// that are not negative.
std::vector<double> SharesWithin(const TransitionMatrix& matrix, const std::vector<size_t>& group) {
  const size_t n = group.size();
  std::vector<std::vector<double>> p(n, std::vector<double>(n));
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < n; ++j) p[i][j] = matrix.at(group[i], group[j]);
  }
  for (size_t k = n - 1; k > 0; --k) {
    const double out = std::accumulate(p[k].begin(), p[k].begin() + static_cast<std::ptrdiff_t>(k), 0.0);
    for (size_t i = 0; i < k; ++i) {
      p[i][k] /= out;
      for (size_t j = 0; j < k; ++j) p[i][j] += p[i][k] * p[k][j];
    }
  }
  std::vector<double> shares(n, 1.0);
  for (size_t k = 1; k < n; ++k) {
    shares[k] = 0;
    for (size_t i = 0; i < k; ++i) shares[k] += shares[i] * p[i][k];
  }
  const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
  for (double& share : shares) share /= sum;
  return shares;
}

Eigen::MatrixXd IdentityMinus(const TransitionMatrix& matrix, const std::vector<size_t>& states, double factor) {
  const auto n = static_cast<Eigen::Index>(states.size());
  Eigen::MatrixXd result = Eigen::MatrixXd::Identity(n, n);
  for (Eigen::Index i = 0; i < n; ++i) {
    for (Eigen::Index j = 0; j < n; ++j) {
      result(i, j) -= factor * matrix.at(states[static_cast<size_t>(i)], states[static_cast<size_t>(j)]);
    }
  }
  return result;
}

}  // namespace

absl::StatusOr<TransitionMatrix> TransitionMatrix::FromCounts(const std::vector<std::vector<int64_t>>& counts) {
  KL_RETURN_IF_ERROR(CheckSquare(counts));
  TransitionMatrix matrix;
  for (size_t i = 0; i < counts.size(); ++i) {
    int64_t total = 0;
    for (size_t j = 0; j < counts.size(); ++j) {
      if (counts[i][j] < 0 || counts[i][j] > kCountMax) {
        return FieldError(fmt::format("counts[{}][{}]", i, j), fmt::format("must be 0 to {}", kCountMax));
      }
      total += counts[i][j];
    }
    std::vector<double> row;
    for (const int64_t count : counts[i]) {
      row.push_back(total == 0 ? 0 : static_cast<double>(count) / static_cast<double>(total));
    }
    matrix.rows_.push_back(std::move(row));
    if (total == 0) matrix.unseen_.push_back(i);
  }
  return matrix;
}

absl::StatusOr<TransitionMatrix> TransitionMatrix::FromProbabilities(
    const std::vector<std::vector<double>>& probabilities) {
  KL_RETURN_IF_ERROR(CheckSquare(probabilities));
  for (size_t i = 0; i < probabilities.size(); ++i) {
    double sum = 0;
    for (size_t j = 0; j < probabilities.size(); ++j) {
      const double probability = probabilities[i][j];
      if (!(probability >= 0 && probability <= 1)) {
        return FieldError(fmt::format("probabilities[{}][{}]", i, j), fmt::format("{}; must be 0 to 1", probability));
      }
      sum += probability;
    }
    if (std::abs(sum - 1) > kRowSumError) {
      return FieldError(fmt::format("probabilities[{}]", i), fmt::format("sums to {}; must sum to 1", sum));
    }
  }
  TransitionMatrix matrix;
  matrix.rows_ = probabilities;
  return matrix;
}

TransitionMatrix TransitionMatrix::WithUnseenFinal() const {
  TransitionMatrix matrix = *this;
  for (const size_t state : unseen_) matrix.rows_[state][state] = 1;
  matrix.unseen_.clear();
  return matrix;
}

absl::StatusOr<SteadyState> FindSteadyState(const TransitionMatrix& matrix) {
  KL_RETURN_IF_ERROR(CheckSeen(matrix));
  SteadyState steady;
  steady.closed = ClosedGroups(Reachable(matrix));
  if (steady.closed.size() != 1) return steady;
  const std::vector<size_t>& group = steady.closed.front();
  const std::vector<double> within = SharesWithin(matrix, group);
  steady.shares.assign(matrix.states(), 0.0);
  for (size_t i = 0; i < group.size(); ++i) steady.shares[group[i]] = within[i];
  steady.period = PeriodOf(matrix, group);
  return steady;
}

absl::StatusOr<std::vector<double>> LifetimeValues(const TransitionMatrix& matrix, const std::vector<double>& rewards,
                                                   double discount) {
  KL_RETURN_IF_ERROR(CheckSeen(matrix));
  if (rewards.size() != matrix.states()) {
    return FieldError("rewards", fmt::format("{} for {} states", rewards.size(), matrix.states()));
  }
  Eigen::VectorXd reward(static_cast<Eigen::Index>(rewards.size()));
  for (size_t i = 0; i < rewards.size(); ++i) {
    if (!(std::abs(rewards[i]) <= kRewardMax)) {
      return FieldError(fmt::format("rewards[{}]", i), fmt::format("must be a number up to {:g}", kRewardMax));
    }
    reward[static_cast<Eigen::Index>(i)] = rewards[i];
  }
  if (!(discount >= kDiscountMin && discount <= kDiscountMax)) {
    return FieldError("discount", fmt::format("{}; must be {:g} to {:g}", discount, kDiscountMin, kDiscountMax));
  }
  std::vector<size_t> all(matrix.states());
  std::iota(all.begin(), all.end(), size_t{0});
  // Strictly dominated by its diagonal, so never singular.
  const Eigen::VectorXd values = IdentityMinus(matrix, all, 1 / (1 + discount)).partialPivLu().solve(reward);
  return std::vector<double>(values.begin(), values.end());
}

}  // namespace keyledger::forecast
