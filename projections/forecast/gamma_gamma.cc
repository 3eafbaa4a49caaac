#include "projections/forecast/gamma_gamma.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <string_view>

#include <fmt/format.h>

#include "projections/forecast/maximum.h"
#include "projections/forecast/special.h"
#include "server/base/error.h"

namespace keyledger::forecast {
namespace {

// Of p, q and of gamma in units of the mean amount: a fit that ends here is degenerate.
constexpr double kParameterMin = 1e-4;
constexpr double kParameterMax = 1e5;

// Amounts are from this to its inverse, in any unit: their squares and quotients stay numbers.
constexpr double kAmountMin = 1e-100;
constexpr double kAmountMax = 1e100;

// Customers with a mean above zero, sorted; what depends on x alone is computed once per distinct x.
class Customers {
 public:
  explicit Customers(std::vector<Spend> spends) : spends_(std::move(spends)) {
    std::sort(spends_.begin(), spends_.end(), [](const Spend& left, const Spend& right) {
      return left.x != right.x ? left.x < right.x : left.mean < right.mean;
    });
    for (const Spend& spend : spends_) total_ += spend.mean / static_cast<double>(spends_.size());
  }

  double mean() const { return total_; }

  // ln L = lnG(px+q) - lnG(px) - lnG(q) + q ln(g) + (px-1) ln(m) + px ln(x) - (px+q) ln(g + m x), and its derivatives
  // by p, q, g.
  double LogLikelihood(std::span<const double> parameters, std::span<double> gradient) const {
    const double p = parameters[0], q = parameters[1], g = parameters[2];
    const double log_gamma_q = LogGamma(q), digamma_q = Digamma(q);
    double sum = 0, by_p = 0, by_q = 0, by_g = 0;
    double log_beta = 0, digamma_all = 0, digamma_own = 0;
    int64_t tabulated = 0;
    for (const Spend& spend : spends_) {
      const auto x = static_cast<double>(spend.x);
      if (spend.x != tabulated) {
        tabulated = spend.x;
        log_beta = LogGamma(p * x + q) - LogGamma(p * x) - log_gamma_q;
        digamma_all = Digamma(p * x + q);
        digamma_own = Digamma(p * x);
      }
      const double spent = x * spend.mean;
      const double over_g = std::log1p(spent / g), over_spent = std::log1p(g / spent);
      sum += log_beta - q * over_g - p * x * over_spent - std::log(spend.mean);
      by_p += x * (digamma_all - digamma_own - over_spent);
      by_q += digamma_all - digamma_q - over_g;
      by_g += (q * spent / g - p * x) / (g + spent);
    }
    if (!gradient.empty()) {
      gradient[0] = by_p;
      gradient[1] = by_q;
      gradient[2] = by_g;
    }
    return sum;
  }

 private:
  std::vector<Spend> spends_;
  double total_ = 0;
};

absl::Status CheckSpend(const Spend& spend, int64_t x_min) {
  if (spend.x < x_min || spend.x > kPurchasesMax) {
    return FieldError("x", fmt::format("{} repeat purchases; must be {} to {}", spend.x, x_min, kPurchasesMax));
  }
  if (spend.x > 0 && !(std::abs(spend.mean) <= kAmountMax)) {
    return FieldError("mean", fmt::format("{}; must be a finite amount", spend.mean));
  }
  return absl::OkStatus();
}

absl::Status CheckAboveZero(const Spend& spend) {
  KL_RETURN_IF_ERROR(CheckSpend(spend, 0));
  if (spend.x > 0 && !(spend.mean >= kAmountMin)) {
    return FieldError("mean", fmt::format("{}; must be above zero", spend.mean));
  }
  return absl::OkStatus();
}

// The posterior of v: Gamma(shape, rate rate).
struct Posterior {
  double shape = 0;
  double rate = 0;
};

Posterior PosteriorOf(const GammaGammaParameters& parameters, const Spend& spend) {
  const auto x = static_cast<double>(spend.x);
  return {parameters.p * x + parameters.q, parameters.gamma + (spend.x > 0 ? spend.mean * x : 0)};
}

}  // namespace

absl::Status CheckParameters(const GammaGammaParameters& parameters) {
  const std::pair<std::string_view, double> named[] = {
      {"p", parameters.p}, {"q", parameters.q}, {"gamma", parameters.gamma}};
  for (const auto& [name, value] : named) {
    if (!(value >= 1e-12 && value <= 1e18)) return FieldError(name, fmt::format("{}; must be 1e-12 to 1e18", value));
  }
  return absl::OkStatus();
}

absl::StatusOr<double> GammaGammaLogLikelihood(const GammaGammaParameters& parameters,
                                               const std::vector<Spend>& spends) {
  KL_RETURN_IF_ERROR(CheckParameters(parameters));
  for (size_t i = 0; i < spends.size(); ++i) {
    absl::Status status = CheckSpend(spends[i], 1);
    if (status.ok()) status = CheckAboveZero(spends[i]);
    if (!status.ok()) return FieldError(fmt::format("spends[{}]", i), MessageOf(status));
  }
  return Customers(spends).LogLikelihood(std::vector{parameters.p, parameters.q, parameters.gamma}, {});
}

absl::StatusOr<GammaGammaFit> FitGammaGamma(const std::vector<Spend>& spends, const GammaGammaOptions& options) {
  if (options.evaluations_max < 100 || options.evaluations_max > 100'000) {
    return FieldError("evaluations_max", "must be from 100 to 100,000");
  }
  GammaGammaFit fit;
  std::vector<Spend> fitted;
  for (size_t i = 0; i < spends.size(); ++i) {
    const absl::Status status = CheckSpend(spends[i], 1);
    if (!status.ok()) return FieldError(fmt::format("spends[{}]", i), MessageOf(status));
    if (spends[i].mean >= kAmountMin) fitted.push_back(spends[i]);
  }
  fit.customers = static_cast<int64_t>(fitted.size());
  fit.left_out = static_cast<int64_t>(spends.size() - fitted.size());
  const int64_t customers_min = std::max<int64_t>(options.customers_min, 1);
  if (fit.customers < customers_min) {
    return absl::FailedPreconditionError(fmt::format(
        "{} customers with a repeat purchase above zero are too few to fit Gamma-Gamma: it takes {} at least",
        fit.customers, customers_min));
  }
  const Customers customers(std::move(fitted));
  const double unit = customers.mean();
  LikelihoodProblem problem;
  problem.parameters = {{"p", kParameterMin, kParameterMax},
                        {"q", kParameterMin, kParameterMax},
                        {"gamma", kParameterMin * unit, kParameterMax * unit}};
  problem.starts = {{6, 4, unit / 2}, {1, 2, unit}, {2, 10, 5 * unit}};
  problem.observations = static_cast<double>(fit.customers);
  problem.evaluations_max = options.evaluations_max;
  problem.log_likelihood = [&customers](std::span<const double> parameters, std::span<double> gradient) {
    return customers.LogLikelihood(parameters, gradient);
  };
  problem.canceled = options.canceled;
  LikelihoodMaximum maximum = Maximise(problem);
  if (maximum.canceled) return absl::CancelledError("the fit was called off");
  fit.parameters = {maximum.parameters[0], maximum.parameters[1], maximum.parameters[2]};
  fit.log_likelihood = maximum.log_likelihood;
  fit.evaluations = maximum.evaluations;
  fit.gradient_norm = maximum.gradient_norm;
  fit.starts_agreeing = maximum.starts_agreeing;
  fit.converged = maximum.converged;
  fit.why = std::move(maximum.why);
  fit.log_covariance = std::move(maximum.log_covariance);
  return fit;
}

absl::StatusOr<double> ExpectedSpend(const GammaGammaParameters& parameters, const Spend& spend) {
  KL_RETURN_IF_ERROR(CheckParameters(parameters));
  KL_RETURN_IF_ERROR(CheckAboveZero(spend));
  const Posterior posterior = PosteriorOf(parameters, spend);
  if (!(posterior.shape > 1)) {
    return absl::FailedPreconditionError(
        fmt::format("p x + q is {}, not above 1: there is no expected amount of a purchase", posterior.shape));
  }
  return parameters.p * posterior.rate / (posterior.shape - 1);
}

absl::StatusOr<double> PopulationMeanSpend(const GammaGammaParameters& parameters) {
  return ExpectedSpend(parameters, Spend());
}

}  // namespace keyledger::forecast
