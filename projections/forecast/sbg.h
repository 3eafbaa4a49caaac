// Shifted-beta-geometric: how long customers with a contract stay.
//
// Fader, Hardie, "How to Project Customer Retention", Journal of Interactive Marketing 21 (2007) 76-90. At each renewal
// a customer leaves with probability p, which over customers is Beta(alpha, beta). Retention rises with age only
// because those likely to leave have left. An age is a number of renewals due: at age t a customer has stayed through t
// of them.
//
// Threads: any; no state. The same arguments give the same bits on the same machine.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

namespace keyledger::forecast {

inline constexpr int64_t kAgeMax = 10'000;

// What happened to contracts at one age.
struct SbgAge {
  // 1 to kAgeMax for `lost`: the renewal that did not happen; 0 to kAgeMax for `censored`.
  int64_t age = 0;
  // Contracts not renewed at their age-th renewal.
  int64_t lost = 0;
  // Contracts renewed `age` times and not observed any further: still running, or cut off by the end of the data.
  int64_t censored = 0;
};

// Both more than zero.
struct SbgParameters {
  double alpha = 0;
  double beta = 0;
};

struct SbgOptions {
  // Fewer contracts with one renewal due at least, or fewer lost, are refused.
  int64_t contracts_min = 30;
  int64_t lost_min = 5;
  // Evaluations of the likelihood in all. 100 to 100,000.
  int evaluations_max = 2000;
};

// A fit by maximum likelihood; `converged`, `why`, `gradient_norm` and `starts_agreeing` as in BgNbdFit (bg_nbd.h).
struct SbgFit {
  SbgParameters parameters;
  // Of sum lost ln P(T = age) + sum censored ln S(age).
  double log_likelihood = 0;
  int64_t contracts = 0;
  int64_t lost = 0;
  int evaluations = 0;
  double gradient_norm = 0;
  int starts_agreeing = 0;
  bool converged = false;
  std::string why;
  // Covariance of ln alpha, ln beta, row by row. Empty unless converged.
  std::vector<double> log_covariance;
};

// Fits the model. Ages may come in any order and more than once.
// Errors: INVALID_ARGUMENT (an age or count out of bounds), FAILED_PRECONDITION (too few contracts or losses; losses at
// the first renewal alone say nothing of how customers differ).
absl::StatusOr<SbgFit> FitSbg(const std::vector<SbgAge>& ages, const SbgOptions& options = {});

// Errors: INVALID_ARGUMENT when a parameter is not a finite number from 1e-9 to 1e9.
absl::Status CheckParameters(const SbgParameters& parameters);

// S(t) = B(alpha, beta+t) / B(alpha, beta), the share that is renewed `age` times at least; 0 <= age <= kAgeMax.
// Errors: INVALID_ARGUMENT.
absl::StatusOr<double> SbgSurvival(const SbgParameters& parameters, int64_t age);

// r_t = (beta+t-1) / (alpha+beta+t-1), the share renewed at the age-th renewal of those to whom it comes; age >= 1.
// Errors: INVALID_ARGUMENT.
absl::StatusOr<double> SbgRetention(const SbgParameters& parameters, int64_t age);

// Discounted expected residual lifetime of a customer who has renewed `renewals` times (0 to kAgeMax) and now faces the
// next: the expected number of renewals to come, that next one counting in full if it happens and each later one
// discounted by 1 / (1 + `discount`) once more than the one before. Fader, Hardie, "Customer-Base Valuation in a
// Contractual Setting", Marketing Science 29 (2010) 85-93:
//   DERL = (beta+n-1)/(alpha+beta+n-1) 2F1(1, beta+n; alpha+beta+n; 1/(1+d)), n = renewals + 1.
// `discount` is per renewal period: 0.00001 to 100, or 0 for none, which has an answer for alpha > 1 only.
// Errors: INVALID_ARGUMENT, FAILED_PRECONDITION (no discount and alpha not above 1: the expectation is infinite).
absl::StatusOr<double> SbgResidualRenewals(const SbgParameters& parameters, int64_t renewals, double discount);

}  // namespace keyledger::forecast
