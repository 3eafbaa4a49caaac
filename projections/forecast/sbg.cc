#include "projections/forecast/sbg.h"

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

constexpr double kParameterMin = 1e-4;
constexpr double kParameterMax = 1e5;
constexpr int64_t kContractsMax = 1'000'000'000'000;
constexpr double kDiscountMin = 1e-5;
constexpr double kDiscountMax = 100;
// What is left of a discounted sum when it ends, relative to it.
constexpr double kTail = 1e-15;

// By age from 0: contracts lost, and contracts censored.
struct Counts {
  std::vector<double> lost;
  std::vector<double> censored;
};

// ln S(t) = sum over j = 1..t of ln((beta+j-1)/(alpha+beta+j-1)); ln P(t) = ln S(t-1) + ln(alpha/(alpha+beta+t-1)).
double LogLikelihood(const Counts& counts, std::span<const double> parameters, std::span<double> gradient) {
  const double alpha = parameters[0], beta = parameters[1];
  double sum = 0, by_alpha = 0, by_beta = 0;
  double survival = 0, survival_by_alpha = 0, survival_by_beta = 0;
  for (size_t t = 1; t < counts.lost.size(); ++t) {
    const double stays = beta + static_cast<double>(t - 1), all = alpha + stays;
    const double lost = counts.lost[t];
    sum += lost * (survival + std::log(alpha / all));
    by_alpha += lost * (survival_by_alpha + 1 / alpha - 1 / all);
    by_beta += lost * (survival_by_beta - 1 / all);
    survival += std::log(stays / all);
    survival_by_alpha -= 1 / all;
    survival_by_beta += 1 / stays - 1 / all;
    const double censored = counts.censored[t];
    sum += censored * survival;
    by_alpha += censored * survival_by_alpha;
    by_beta += censored * survival_by_beta;
  }
  gradient[0] = by_alpha;
  gradient[1] = by_beta;
  return sum;
}

absl::Status CheckAge(const SbgAge& age) {
  if (age.age < 0 || age.age > kAgeMax) {
    return FieldError("age", fmt::format("{}; must be 0 to {}", age.age, kAgeMax));
  }
  if (age.lost < 0 || age.lost > kContractsMax || age.censored < 0 || age.censored > kContractsMax) {
    return FieldError("lost, censored", fmt::format("must be 0 to {}", kContractsMax));
  }
  if (age.age == 0 && age.lost > 0) return FieldError("lost", "must be 0 at age 0: no renewal has been due");
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckParameters(const SbgParameters& parameters) {
  const std::pair<std::string_view, double> named[] = {{"alpha", parameters.alpha}, {"beta", parameters.beta}};
  for (const auto& [name, value] : named) {
    if (!(value >= 1e-9 && value <= 1e9)) return FieldError(name, fmt::format("{}; must be 1e-9 to 1e9", value));
  }
  return absl::OkStatus();
}

absl::StatusOr<SbgFit> FitSbg(const std::vector<SbgAge>& ages, const SbgOptions& options) {
  if (options.evaluations_max < 100 || options.evaluations_max > 100'000) {
    return FieldError("evaluations_max", "must be from 100 to 100,000");
  }
  SbgFit fit;
  int64_t oldest = 0, lost_later = 0;
  for (size_t i = 0; i < ages.size(); ++i) {
    const absl::Status status = CheckAge(ages[i]);
    if (!status.ok()) return FieldError(fmt::format("ages[{}]", i), MessageOf(status));
    oldest = std::max(oldest, ages[i].age);
    fit.lost += ages[i].lost;
    if (ages[i].age > 0) fit.contracts += ages[i].lost + ages[i].censored;
    if (ages[i].age > 1) lost_later += ages[i].lost + ages[i].censored;
    if (fit.contracts > kContractsMax) return FieldError("ages", "hold more than 1e12 contracts in all");
  }
  if (fit.contracts < std::max<int64_t>(options.contracts_min, 1)) {
    return absl::FailedPreconditionError(
        fmt::format("{} contracts with a renewal due are too few to fit sBG: it takes {} at least", fit.contracts,
                    std::max<int64_t>(options.contracts_min, 1)));
  }
  if (fit.lost < std::max<int64_t>(options.lost_min, 1)) {
    return absl::FailedPreconditionError(fmt::format("{} lost contracts are too few to fit sBG: it takes {} at least",
                                                     fit.lost, std::max<int64_t>(options.lost_min, 1)));
  }
  if (lost_later == 0) {
    return absl::FailedPreconditionError(
        "nothing is known beyond the first renewal: sBG cannot tell how customers differ");
  }
  Counts counts;
  counts.lost.resize(static_cast<size_t>(oldest) + 1);
  counts.censored.resize(static_cast<size_t>(oldest) + 1);
  for (const SbgAge& age : ages) {
    counts.lost[static_cast<size_t>(age.age)] += static_cast<double>(age.lost);
    counts.censored[static_cast<size_t>(age.age)] += static_cast<double>(age.censored);
  }
  LikelihoodProblem problem;
  problem.parameters = {{"alpha", kParameterMin, kParameterMax}, {"beta", kParameterMin, kParameterMax}};
  problem.starts = {{1, 1}, {0.5, 5}, {5, 20}};
  problem.observations = static_cast<double>(fit.contracts);
  problem.evaluations_max = options.evaluations_max;
  problem.log_likelihood = [&counts](std::span<const double> parameters, std::span<double> gradient) {
    return LogLikelihood(counts, parameters, gradient);
  };
  LikelihoodMaximum maximum = Maximise(problem);
  fit.parameters = {maximum.parameters[0], maximum.parameters[1]};
  fit.log_likelihood = maximum.log_likelihood;
  fit.evaluations = maximum.evaluations;
  fit.gradient_norm = maximum.gradient_norm;
  fit.starts_agreeing = maximum.starts_agreeing;
  fit.converged = maximum.converged;
  fit.why = std::move(maximum.why);
  fit.log_covariance = std::move(maximum.log_covariance);
  return fit;
}

absl::StatusOr<double> SbgSurvival(const SbgParameters& parameters, int64_t age) {
  KL_RETURN_IF_ERROR(CheckParameters(parameters));
  if (age < 0 || age > kAgeMax) return FieldError("age", fmt::format("{}; must be 0 to {}", age, kAgeMax));
  double survival = 1;
  for (int64_t t = 1; t <= age; ++t) {
    const double stays = parameters.beta + static_cast<double>(t - 1);
    survival *= stays / (parameters.alpha + stays);
  }
  return survival;
}

absl::StatusOr<double> SbgRetention(const SbgParameters& parameters, int64_t age) {
  KL_RETURN_IF_ERROR(CheckParameters(parameters));
  if (age < 1 || age > kAgeMax) return FieldError("age", fmt::format("{}; must be 1 to {}", age, kAgeMax));
  const double stays = parameters.beta + static_cast<double>(age - 1);
  return stays / (parameters.alpha + stays);
}

absl::StatusOr<double> SbgResidualRenewals(const SbgParameters& parameters, int64_t renewals, double discount) {
  KL_RETURN_IF_ERROR(CheckParameters(parameters));
  if (renewals < 0 || renewals > kAgeMax) {
    return FieldError("renewals", fmt::format("{}; must be 0 to {}", renewals, kAgeMax));
  }
  if (discount != 0 && !(discount >= kDiscountMin && discount <= kDiscountMax)) {
    return FieldError("discount", fmt::format("{}; must be 0, or {:g} to {:g}", discount, kDiscountMin, kDiscountMax));
  }
  double stays = parameters.beta + static_cast<double>(renewals);
  if (discount == 0) {
    if (!(parameters.alpha > 1)) {
      return absl::FailedPreconditionError(fmt::format(
          "alpha is {}, not above 1: without discount the expected number of renewals is infinite", parameters.alpha));
    }
    return stays / (parameters.alpha - 1);
  }
  // The terms are S(t)/S(renewals) (1+d)^-(t-renewals-1): positive, and falling at least as fast as the discount.
  const double factor = 1 / (1 + discount);
  double sum = 0, term = stays / (parameters.alpha + stays);
  while (term > kTail * sum * discount) {
    sum += term;
    stays += 1;
    term *= factor * stays / (parameters.alpha + stays);
  }
  return sum;
}

}  // namespace keyledger::forecast
