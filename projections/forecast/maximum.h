// Private to this room: maximum likelihood. One place decides what "converged" means, so that every model says it in
// the same words.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

namespace keyledger::forecast {

// A log-likelihood of a few positive parameters.
struct LikelihoodProblem {
  struct Parameter {
    std::string name;
    // 0 < lower < upper. They are wide: a fit that ends at one is degenerate.
    double lower = 0;
    double upper = 0;
  };
  std::vector<Parameter> parameters;
  // Where the search begins; each inside the bounds. Two at least, so that they can disagree.
  std::vector<std::vector<double>> starts;
  // How many observations the log-likelihood is over: more than zero. Tolerances are per observation.
  double observations = 0;
  // How often `log_likelihood` may be called in all.
  int evaluations_max = 0;
  // Returns the log-likelihood, and in `gradient` its derivatives by the parameters.
  std::function<double(std::span<const double> parameters, std::span<double> gradient)> log_likelihood;
  // Asked before each evaluation: once it says true, there is no further one. None: never.
  std::function<bool()> canceled;
};

// The largest log-likelihood found, and whether to believe it.
struct LikelihoodMaximum {
  std::vector<double> parameters;
  double log_likelihood = 0;
  int evaluations = 0;
  // Largest derivative of the log-likelihood per observation by the logarithm of a parameter that is not at a bound.
  double gradient_norm = 0;
  // Starts that ended at this log-likelihood.
  int starts_agreeing = 0;
  // True when the gradient vanishes, no parameter is at a bound, the log-likelihood curves down in every direction and
  // two starts at least ended here. Otherwise `why` says in words what is the matter; empty when true.
  bool converged = false;
  std::string why;
  // The search was called off: the rest says nothing.
  bool canceled = false;
  // Covariance of the logarithms of the parameters, row by row: the inverse of the observed information. Empty unless
  // converged.
  std::vector<double> log_covariance;
};

// Searches from each start (SLSQP of NLopt, in the logarithms of the parameters), refines the best by Newton's method
// and checks it. Deterministic; ends after `evaluations_max` evaluations at the latest.
LikelihoodMaximum Maximise(const LikelihoodProblem& problem);

}  // namespace keyledger::forecast
