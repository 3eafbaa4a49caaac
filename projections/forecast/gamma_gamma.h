// Gamma-Gamma: what a customer spends on a purchase.
//
// Fader, Hardie, "The Gamma-Gamma Model of Monetary Value" (2013),
// http://www.brucehardie.com/notes/025/gamma_gamma.pdf. A customer's purchases are Gamma(p, rate v), and v over
// customers is Gamma(q, rate gamma). How much a purchase is worth and how often customers buy are taken to be
// independent. Amounts are in any one unit of money, and so is gamma.
//
// Threads: any; no state. The same arguments give the same bits on the same machine.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "projections/forecast/bg_nbd.h"

namespace keyledger::forecast {

// What customers spent.
struct Spend {
  // Repeat purchases the mean is of, as in Summary: 1 to kPurchasesMax for a fit, 0 for somebody without any.
  int64_t x = 0;
  // Mean amount of those purchases; a finite number. No meaning when x is 0.
  double mean = 0;
};

// All more than zero.
struct GammaGammaParameters {
  double p = 0;
  double q = 0;
  // In the unit of the amounts.
  double gamma = 0;
};

struct GammaGammaOptions {
  // Fewer customers with a repeat purchase are refused.
  int64_t customers_min = 20;
  // Evaluations of the likelihood in all. 100 to 100,000.
  int evaluations_max = 2000;
  Canceled canceled = {};
};

// A fit by maximum likelihood; `converged`, `why`, `gradient_norm` and `starts_agreeing` as in BgNbdFit.
struct GammaGammaFit {
  GammaGammaParameters parameters;
  double log_likelihood = 0;
  // Customers fitted on, and those left out because their mean is not above zero: the model knows no such purchase.
  int64_t customers = 0;
  int64_t left_out = 0;
  int evaluations = 0;
  double gradient_norm = 0;
  int starts_agreeing = 0;
  bool converged = false;
  std::string why;
  // Covariance of ln p, ln q, ln gamma, row by row. Empty unless converged.
  std::vector<double> log_covariance;
};

// Fits the model to customers with a repeat purchase; the first purchase does not count. The order makes no difference,
// and the unit of money none but to gamma and (by the density's unit) the log-likelihood.
// Errors: INVALID_ARGUMENT (x below 1, a mean that is no finite number, an option out of bounds), FAILED_PRECONDITION
// (too few customers), CANCELLED.
absl::StatusOr<GammaGammaFit> FitGammaGamma(const std::vector<Spend>& spends, const GammaGammaOptions& options = {});

// The log-likelihood at any parameters; every mean must be above zero.
// Errors: INVALID_ARGUMENT.
absl::StatusOr<double> GammaGammaLogLikelihood(const GammaGammaParameters& parameters,
                                               const std::vector<Spend>& spends);

// Errors: INVALID_ARGUMENT when a parameter is not a finite number from 1e-12 to 1e18.
absl::Status CheckParameters(const GammaGammaParameters& parameters);

// E[M | x, mean] = p (gamma + mean x) / (p x + q - 1): between the customer's own mean and the population's. The
// population's when x is 0.
// Errors: INVALID_ARGUMENT (parameters or spend out of bounds; a mean not above zero with x > 0), FAILED_PRECONDITION
// (p x + q is not above 1: the expectation does not exist).
absl::StatusOr<double> ExpectedSpend(const GammaGammaParameters& parameters, const Spend& spend);

// p gamma / (q - 1). Errors: as above.
absl::StatusOr<double> PopulationMeanSpend(const GammaGammaParameters& parameters);

}  // namespace keyledger::forecast
