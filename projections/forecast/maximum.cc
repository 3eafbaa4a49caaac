#include "projections/forecast/maximum.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include <fmt/format.h>
#include <nlopt.h>
#include <Eigen/Dense>

namespace keyledger::forecast {
namespace {

using Vector = Eigen::VectorXd;
using Matrix = Eigen::MatrixXd;

// All per observation, in logarithms of the parameters.
constexpr double kGradientMax = 1e-6;
constexpr double kStepTolerance = 1e-10;
constexpr double kValueTolerance = 1e-14;
constexpr double kDifference = 1e-4;
constexpr double kCurvatureMin = 1e-12;
constexpr int kNewtonSteps = 8;
constexpr double kNewtonStepMax = 0.5;
// Nearer to a bound than this, a parameter is at it.
constexpr double kBoundDistance = 1e-4;

// The problem as a minimisation over logarithms, scaled to one observation, counting its evaluations.
class Objective {
 public:
  explicit Objective(const LikelihoodProblem& problem)
      : problem_(problem), natural_(problem.parameters.size()), gradient_(problem.parameters.size()) {
    for (const auto& parameter : problem.parameters) {
      lower_.push_back(std::log(parameter.lower));
      upper_.push_back(std::log(parameter.upper));
    }
  }

  size_t size() const { return lower_.size(); }
  const std::vector<double>& lower() const { return lower_; }
  const std::vector<double>& upper() const { return upper_; }
  int evaluations() const { return evaluations_; }
  bool canceled() const { return canceled_; }
  int left() const { return std::max(problem_.evaluations_max - evaluations_, 0); }

  // Returns minus the log-likelihood per observation at the logarithms `at`; a large number where it is not finite.
  double At(const double* at, double* gradient) {
    ++evaluations_;
    canceled_ = canceled_ || (problem_.canceled && problem_.canceled());
    if (canceled_) {
      if (gradient != nullptr) std::fill_n(gradient, size(), 0.0);
      return kNotFinite;
    }
    for (size_t i = 0; i < size(); ++i) natural_[i] = std::exp(at[i]);
    const double value = -problem_.log_likelihood(natural_, gradient_) / problem_.observations;
    bool finite = std::isfinite(value);
    for (size_t i = 0; i < size(); ++i) finite = finite && std::isfinite(gradient_[i]);
    if (gradient != nullptr) {
      for (size_t i = 0; i < size(); ++i) {
        gradient[i] = finite ? -gradient_[i] * natural_[i] / problem_.observations : 0;
      }
    }
    return finite ? value : kNotFinite;
  }

  double At(const Vector& at, Vector& gradient) {
    gradient.resize(at.size());
    return At(at.data(), gradient.data());
  }

  bool AtBound(const Vector& at, Eigen::Index i) const {
    const auto index = static_cast<size_t>(i);
    return at[i] - lower_[index] < kBoundDistance || upper_[index] - at[i] < kBoundDistance;
  }

  static constexpr double kNotFinite = 1e100;

 private:
  const LikelihoodProblem& problem_;
  std::vector<double> natural_;
  std::vector<double> gradient_;
  std::vector<double> lower_;
  std::vector<double> upper_;
  int evaluations_ = 0;
  bool canceled_ = false;
};

double ObjectiveOf(unsigned, const double* at, double* gradient, void* objective) {
  return static_cast<Objective*>(objective)->At(at, gradient);
}

struct Ending {
  Vector at;
  double value = Objective::kNotFinite;
};

// Whatever NLopt calls the end of its search, the place it ended at is judged by the checks below.
Ending SearchFrom(const std::vector<double>& start, int evaluations_max, Objective& objective) {
  Ending ending;
  ending.at.resize(static_cast<Eigen::Index>(start.size()));
  for (size_t i = 0; i < start.size(); ++i) {
    ending.at[static_cast<Eigen::Index>(i)] =
        std::clamp(std::log(start[i]), objective.lower()[i], objective.upper()[i]);
  }
  if (evaluations_max <= 0) return ending;
  const std::unique_ptr<nlopt_opt_s, void (*)(nlopt_opt)> search(
      nlopt_create(NLOPT_LD_SLSQP, static_cast<unsigned>(start.size())), nlopt_destroy);
  nlopt_set_min_objective(search.get(), ObjectiveOf, &objective);
  nlopt_set_lower_bounds(search.get(), objective.lower().data());
  nlopt_set_upper_bounds(search.get(), objective.upper().data());
  nlopt_set_xtol_rel(search.get(), kStepTolerance);
  nlopt_set_ftol_rel(search.get(), kValueTolerance);
  nlopt_set_maxeval(search.get(), evaluations_max);
  Vector at = ending.at;
  double value = Objective::kNotFinite;
  nlopt_optimize(search.get(), at.data(), &value);
  if (std::isfinite(value) && at.allFinite()) {
    ending.at = at;
    ending.value = value;
  }
  return ending;
}

// The second derivatives, by central differences of the gradient: symmetric.
Matrix Curvature(Objective& objective, const Vector& at) {
  const Eigen::Index n = at.size();
  Matrix curvature(n, n);
  Vector above, below;
  for (Eigen::Index i = 0; i < n; ++i) {
    Vector moved = at;
    moved[i] = at[i] + kDifference;
    objective.At(moved, above);
    moved[i] = at[i] - kDifference;
    objective.At(moved, below);
    curvature.col(i) = (above - below) / (2 * kDifference);
  }
  return (curvature + curvature.transpose()) / 2;
}

// Moves `best` by Newton's method while that makes the gradient smaller: where a line search stops for want of digits
// in the value, the gradient still has some. Leaves it where a parameter is at a bound.
void Refine(Objective& objective, Ending& best, Vector& gradient) {
  for (int step = 0; step < kNewtonSteps && objective.left() > 4 * best.at.size() + 1; ++step) {
    if (gradient.cwiseAbs().maxCoeff() < kGradientMax * 1e-5) return;
    const Matrix curvature = Curvature(objective, best.at);
    const Eigen::LLT<Matrix> factors(curvature);
    if (factors.info() != Eigen::Success) return;
    Vector move = -factors.solve(gradient);
    if (!move.allFinite()) return;
    const double longest = move.cwiseAbs().maxCoeff();
    if (longest > kNewtonStepMax) move *= kNewtonStepMax / longest;
    const Vector moved = best.at + move;
    for (Eigen::Index i = 0; i < moved.size(); ++i) {
      if (objective.AtBound(moved, i)) return;
    }
    Vector moved_gradient;
    const double value = objective.At(moved, moved_gradient);
    // The value may tremble in its last digits only.
    if (value > best.value + 1e-12 * (1 + std::abs(best.value))) return;
    if (moved_gradient.cwiseAbs().maxCoeff() >= gradient.cwiseAbs().maxCoeff()) return;
    best = {moved, value};
    gradient = moved_gradient;
  }
}

std::string BoundWords(const LikelihoodProblem& problem, const Objective& objective, const Vector& at) {
  std::string words;
  for (Eigen::Index i = 0; i < at.size(); ++i) {
    if (!objective.AtBound(at, i)) continue;
    const auto index = static_cast<size_t>(i);
    const bool low = at[i] - objective.lower()[index] < kBoundDistance;
    const auto& parameter = problem.parameters[index];
    words += fmt::format("{}{} is at its {} bound {:g}", words.empty() ? "" : ", ", parameter.name,
                         low ? "lower" : "upper", low ? parameter.lower : parameter.upper);
  }
  return words;
}

// Fills in `why`, or the covariance.
void Judge(const LikelihoodProblem& problem, Objective& objective, const Vector& at, LikelihoodMaximum& maximum) {
  const std::string bounds = BoundWords(problem, objective, at);
  if (!bounds.empty()) {
    maximum.why = fmt::format("{}: within bounds the model has no best fit to these data", bounds);
    return;
  }
  if (!(maximum.gradient_norm <= kGradientMax)) {
    maximum.why =
        fmt::format("the search ended after {} evaluations with a gradient of {:.3g} where at most {:g} is accepted",
                    maximum.evaluations, maximum.gradient_norm, kGradientMax);
    return;
  }
  if (maximum.starts_agreeing < 2) {
    maximum.why = fmt::format("only one of {} starts ended at the best log-likelihood {:.6f}", problem.starts.size(),
                              maximum.log_likelihood);
    return;
  }
  const Matrix curvature = Curvature(objective, at);
  const Eigen::SelfAdjointEigenSolver<Matrix> spectrum(curvature);
  if (spectrum.info() != Eigen::Success || !(spectrum.eigenvalues().minCoeff() > kCurvatureMin)) {
    maximum.why = "the log-likelihood is flat around its maximum: other parameters fit as well";
    return;
  }
  const Matrix covariance = curvature.inverse() / problem.observations;
  for (Eigen::Index i = 0; i < covariance.rows(); ++i) {
    for (Eigen::Index j = 0; j < covariance.cols(); ++j) maximum.log_covariance.push_back(covariance(i, j));
  }
  maximum.converged = true;
}

}  // namespace

LikelihoodMaximum Maximise(const LikelihoodProblem& problem) {
  Objective objective(problem);
  const int starts = static_cast<int>(problem.starts.size());
  // A share is kept for refining and checking.
  const int per_start = problem.evaluations_max * 4 / 5 / starts;
  std::vector<Ending> endings;
  for (const auto& start : problem.starts) endings.push_back(SearchFrom(start, per_start, objective));
  Ending best = *std::min_element(endings.begin(), endings.end(),
                                  [](const Ending& left, const Ending& right) { return left.value < right.value; });
  Vector gradient;
  best.value = objective.At(best.at, gradient);

  LikelihoodMaximum maximum;
  // Two searches are at one place when their log-likelihoods differ by no more than a thousandth in all.
  const double same = 1e-3 / problem.observations + 1e-9 * std::abs(best.value);
  for (const Ending& ending : endings) maximum.starts_agreeing += ending.value - best.value <= same ? 1 : 0;
  Refine(objective, best, gradient);

  for (Eigen::Index i = 0; i < best.at.size(); ++i) {
    maximum.parameters.push_back(std::exp(best.at[i]));
    if (!objective.AtBound(best.at, i)) maximum.gradient_norm = std::max(maximum.gradient_norm, std::abs(gradient[i]));
  }
  maximum.log_likelihood = -best.value * problem.observations;
  maximum.evaluations = objective.evaluations();
  if (best.value >= Objective::kNotFinite) {
    maximum.gradient_norm = std::numeric_limits<double>::infinity();
    maximum.why = "the log-likelihood is not finite anywhere the search has been";
    maximum.canceled = objective.canceled();
    return maximum;
  }
  Judge(problem, objective, Vector(best.at), maximum);
  maximum.evaluations = objective.evaluations();
  maximum.canceled = objective.canceled();
  return maximum;
}

}  // namespace keyledger::forecast
