// BG/NBD: how often customers who are free to leave will buy, and whether they still are customers.
//
// Fader, Hardie, Lee, "Counting Your Customers the Easy Way", Marketing Science 24 (2005) 275-284
// (http://brucehardie.com/papers/bgnbd_2004-04-20.pdf). While alive, a customer buys as a Poisson process of rate l;
// after each purchase the customer leaves for good with probability p. Over customers l is Gamma(r, rate alpha) and p
// is Beta(a, b). Time is in weeks; alpha is in weeks too.
//
// What is fitted is in bg_nbd_fit.cc, what follows for one customer in bg_nbd.cc, for many in bg_nbd_population.cc.
// Estimates in floating point, at the edge of a query: never an input to a decision. Everything here is a function of
// its arguments alone; the same arguments give the same bits on the same machine.
//
// Threads: any; no state.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

namespace keyledger::forecast {

// Asked now and then by what takes long: once it says true, that ends with CANCELLED. None: it goes to the end.
using Canceled = std::function<bool()>;

// What the model knows of a customer: the history up to a moment, seen from the first purchase.
struct Summary {
  // Purchases after the first; those of one day count as one. 0 to kPurchasesMax.
  int64_t x = 0;
  // Weeks from the first purchase to the last: 0 exactly when x is 0.
  double t_x = 0;
  // Weeks from the first purchase to the moment: t_x at least, kWeeksMax at most.
  double T = 0;
  // Customers with this history: 1 to kCustomersMax.
  int64_t count = 1;
};

inline constexpr int64_t kPurchasesMax = 1'000'000;
inline constexpr double kWeeksMax = 100'000;
inline constexpr int64_t kCustomersMax = 1'000'000'000'000;

// Returns the history of a customer with `purchase_days` distinct days of purchase, the first and the last of them, up
// to the end of `end_day`; days are counted from anywhere. Requires nothing: CheckSummary says whether it makes sense.
Summary SummaryOfDays(int64_t purchase_days, int64_t first_day, int64_t last_day, int64_t end_day);

// Errors: INVALID_ARGUMENT with the field that is out of its bounds or not a number.
absl::Status CheckSummary(const Summary& summary);

// The same of many, whose counts add up to kCustomersMax at most. An error names the index.
absl::Status CheckSummaries(const std::vector<Summary>& summaries);

// All more than zero.
struct BgNbdParameters {
  double r = 0;
  // Weeks.
  double alpha = 0;
  double a = 0;
  double b = 0;
};

// Errors: INVALID_ARGUMENT when a parameter is not a finite number from 1e-9 to 1e9.
absl::Status CheckParameters(const BgNbdParameters& parameters);

struct BgNbdOptions {
  // Fewer customers, or fewer of them with a repeat purchase, are refused: four parameters want more than that.
  int64_t customers_min = 50;
  int64_t repeat_customers_min = 10;
  // Evaluations of the likelihood in all. 100 to 100,000.
  int evaluations_max = 2000;
  Canceled canceled = {};
};

// A fit by maximum likelihood.
struct BgNbdFit {
  BgNbdParameters parameters;
  double log_likelihood = 0;
  int64_t customers = 0;
  int64_t repeat_customers = 0;
  int evaluations = 0;
  // Largest derivative of the log-likelihood per customer by the logarithm of a parameter.
  double gradient_norm = 0;
  // Of the three places the search begins at, those that ended here.
  int starts_agreeing = 0;
  // False: the parameters are the best that was found and not to be relied on, for the reason `why` gives in words (a
  // parameter at a bound, a gradient that does not vanish, starts that disagree, a flat maximum). Empty when true.
  bool converged = false;
  std::string why;
  // Covariance of ln r, ln alpha, ln a, ln b, row by row: inverse of the observed information. Empty unless converged.
  std::vector<double> log_covariance;
};

// Fits the model. The order of `summaries`, and whether equal histories come one by one or counted, make no difference.
// Time: some hundred passes over the distinct histories, a tenth of a microsecond each.
// Memory: some 45 bytes for each distinct history.
// Errors: INVALID_ARGUMENT (a summary or option out of bounds, with its index), FAILED_PRECONDITION (too few customers,
// no or too few repeat purchases), CANCELLED.
absl::StatusOr<BgNbdFit> FitBgNbd(const std::vector<Summary>& summaries, const BgNbdOptions& options = {});

// The log-likelihood of `summaries` at any parameters, for comparing fits.
// Errors: INVALID_ARGUMENT.
absl::StatusOr<double> BgNbdLogLikelihood(const BgNbdParameters& parameters, const std::vector<Summary>& summaries);

// P(alive) = 1 / (1 + [x > 0] a / (b+x-1) ((alpha+T) / (alpha+t_x))^(r+x)): note of December 2008 by the authors. 1
// when x is 0: in this model nobody leaves before a repeat purchase.
// Errors: INVALID_ARGUMENT.
absl::StatusOr<double> PAlive(const BgNbdParameters& parameters, const Summary& summary);

// Purchases in some weeks to come of one customer (`count` does not matter).
struct PurchaseForecast {
  double p_alive = 0;
  // The mean, E[Y(t) | x, t_x, T].
  double expected = 0;
  // Of the number of purchases, given the parameters.
  double variance = 0;
};

// Forecasts the purchases of the next `weeks` (0 to kWeeksMax).
//
// Given that a customer is alive, l is Gamma(r+x, rate alpha+T) and p is Beta(a, b+x), independent of each other, and
// the purchases are Y = min(N, G), N Poisson of mean l t and G the purchase after which the customer leaves. So
// P(Y >= k) = P(N >= k) E[(1-p)^(k-1)], from which the mean and the second moment follow as sums of positive terms over
// the negative binomial N. The mean equals (a+b+x-1)/(a-1) (1 - ((alpha+T)/(alpha+T+t))^(r+x) 2F1(r+x, b+x; a+b+x-1;
// t/(alpha+T+t))), the authors' formula (10), without its cancellation and its hole at a = 1. Where the sums are long
// (more than some ten thousand purchases), the same moments are integrated over p.
// Errors: INVALID_ARGUMENT.
absl::StatusOr<PurchaseForecast> ForecastPurchases(const BgNbdParameters& parameters, const Summary& summary,
                                                   double weeks);

// The same of many customers, in their order: quicker, since customers with the same x and T share most of the work.
// Errors: INVALID_ARGUMENT, naming the index; CANCELLED.
absl::StatusOr<std::vector<PurchaseForecast>> ForecastEach(const BgNbdParameters& parameters,
                                                           const std::vector<Summary>& summaries, double weeks,
                                                           const Canceled& canceled = {});

// E[Y(weeks) | x, t_x, T]: the mean of the above.
absl::StatusOr<double> ExpectedPurchases(const BgNbdParameters& parameters, const Summary& summary, double weeks);

// E[X(weeks)]: expected repeat purchases of a customer of whom nothing is known but the first purchase, in the weeks
// after it. The authors' formula (9).
absl::StatusOr<double> ExpectedPurchasesNew(const BgNbdParameters& parameters, double weeks);

// Purchases of a whole population in the next weeks.
struct PopulationForecast {
  double expected = 0;
  // Because customers buy at random: the sum of the variances of customers, who are independent given the parameters.
  double sampling_variance = 0;
  // Because the parameters are estimated: the delta method, with the covariance of the fit.
  double parameter_variance = 0;
  // expected +- z sqrt(sampling + parameter variance), by the central limit theorem; `low` is 0 at least. What is wrong
  // with the model itself is in neither: score the forecast afterwards (calibration.h).
  double low = 0;
  double high = 0;
};

// Forecasts the sum over `summaries` (each with its `count`) over the next `weeks` (0 to kWeeksMax).
// Errors: INVALID_ARGUMENT (a summary, the weeks, or `confidence` not between 0 and 1), FAILED_PRECONDITION (the fit
// did not converge: there is no covariance, and no interval to be believed), CANCELLED.
absl::StatusOr<PopulationForecast> ForecastPopulation(const BgNbdFit& fit, const std::vector<Summary>& summaries,
                                                      double weeks, double confidence, const Canceled& canceled = {});

// Sorts histories and merges equal ones, adding up their counts. Requires: CheckSummaries(summaries) is OK.
std::vector<Summary> GroupSummaries(std::vector<Summary> summaries);

}  // namespace keyledger::forecast
