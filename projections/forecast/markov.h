// Markov chains of customers between states: who moves where, where it ends, and what it is worth.
//
// Pfeifer, Carraway, "Modeling Customer Relationships as Markov Chains", Journal of Interactive Marketing 14 (2000)
// 43-55. p(i,j) = n(i,j) / n(i), from exact counts of transitions per period; the value of a customer in each state,
// with a reward per period and a discount, is V = (I - P/(1+d))^-1 R.
//
// Threads: any; no state.
#pragma once

#include <cstdint>
#include <vector>

#include <absl/status/statusor.h>

namespace keyledger::forecast {

inline constexpr size_t kStatesMax = 256;

// A matrix of transition probabilities between `states()` states.
class TransitionMatrix {
 public:
  // From counts[i][j] = transitions from i to j. A state that was never left has no probabilities: its row is zero and
  // it is in unseen().
  // Errors: INVALID_ARGUMENT (no state or more than kStatesMax, not square, a count below 0 or above 1e15).
  static absl::StatusOr<TransitionMatrix> FromCounts(const std::vector<std::vector<int64_t>>& counts);

  // From probabilities: each row sums to 1 within 1e-9. For examples that are published as probabilities, against which
  // what follows from a matrix is held.
  // Errors: INVALID_ARGUMENT (size as above, a probability not from 0 to 1, a row that does not sum to 1).
  static absl::StatusOr<TransitionMatrix> FromProbabilities(const std::vector<std::vector<double>>& probabilities);

  size_t states() const { return rows_.size(); }
  double at(size_t from, size_t to) const { return rows_[from][to]; }
  const std::vector<double>& row(size_t from) const { return rows_[from]; }
  // States that were never left, ascending.
  const std::vector<size_t>& unseen() const { return unseen_; }

  // The same with states that were never left taken to be final.
  TransitionMatrix WithUnseenFinal() const;

 private:
  std::vector<std::vector<double>> rows_;
  std::vector<size_t> unseen_;
};

// Where it ends.
struct SteadyState {
  // The shares of time spent in each state in the long run; empty when they depend on where one begins.
  std::vector<double> shares;
  // The groups of states that are never left once entered, each ascending, by their first state. `shares` is unique
  // exactly when there is one group. A group of one state is a final (absorbing) state.
  std::vector<std::vector<size_t>> closed;
  // 1: the shares are also where the distribution over states tends to. More: within the one group it goes round in a
  // circle of this many periods for ever. 0 when not unique.
  size_t period = 0;
};

// Computed without subtraction (Grassmann, Taksar, Heyman 1985), so that small shares keep their digits.
// Errors: FAILED_PRECONDITION (a state was never left, so it is not known where it leads: WithUnseenFinal).
absl::StatusOr<SteadyState> FindSteadyState(const TransitionMatrix& matrix);

// V = (I - P/(1+d))^-1 R: what a customer in each state is worth from now on, this period's reward (`rewards`, finite,
// any unit, may be negative) in full and the next discounted by 1/(1+discount). `discount` per period, 1e-6 to 100.
// Errors: INVALID_ARGUMENT (rewards not one per state, a number out of bounds), FAILED_PRECONDITION (as above).
absl::StatusOr<std::vector<double>> LifetimeValues(const TransitionMatrix& matrix, const std::vector<double>& rewards,
                                                   double discount);

}  // namespace keyledger::forecast
