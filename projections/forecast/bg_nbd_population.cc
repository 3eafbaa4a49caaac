// What the BG/NBD model says of a population, with an interval.
#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "projections/forecast/bg_nbd.h"
#include "projections/forecast/special.h"
#include "server/base/error.h"

namespace keyledger::forecast {
namespace {

// Step of the central differences, in logarithms of the parameters.
constexpr double kDifference = 1e-4;

struct Total {
  double expected = 0;
  double variance = 0;
};

absl::StatusOr<Total> TotalOf(const BgNbdParameters& parameters, const std::vector<Summary>& groups, double weeks,
                              const Canceled& canceled) {
  KL_ASSIGN_OR_RETURN(const std::vector<PurchaseForecast> forecasts, ForecastEach(parameters, groups, weeks, canceled));
  Total total;
  for (size_t i = 0; i < groups.size(); ++i) {
    total.expected += static_cast<double>(groups[i].count) * forecasts[i].expected;
    total.variance += static_cast<double>(groups[i].count) * forecasts[i].variance;
  }
  return total;
}

}  // namespace

absl::StatusOr<PopulationForecast> ForecastPopulation(const BgNbdFit& fit, const std::vector<Summary>& summaries,
                                                      double weeks, double confidence, const Canceled& canceled) {
  if (!(confidence > 0 && confidence < 1)) return FieldError("confidence", "must be between 0 and 1");
  if (!fit.converged || fit.log_covariance.size() != 16) {
    return absl::FailedPreconditionError(fmt::format("the fit did not converge, so there is no interval: {}", fit.why));
  }
  KL_RETURN_IF_ERROR(CheckSummaries(summaries));
  const std::vector<Summary> groups = GroupSummaries(summaries);
  KL_ASSIGN_OR_RETURN(const Total total, TotalOf(fit.parameters, groups, weeks, canceled));
  PopulationForecast forecast;
  forecast.expected = total.expected;
  forecast.sampling_variance = total.variance;
  std::array<double, 4> gradient = {};
  constexpr double BgNbdParameters::*kMembers[] = {&BgNbdParameters::r, &BgNbdParameters::alpha, &BgNbdParameters::a,
                                                   &BgNbdParameters::b};
  for (size_t i = 0; i < gradient.size(); ++i) {
    BgNbdParameters moved = fit.parameters;
    moved.*kMembers[i] = fit.parameters.*kMembers[i] * std::exp(kDifference);
    KL_ASSIGN_OR_RETURN(const Total above, TotalOf(moved, groups, weeks, canceled));
    moved.*kMembers[i] = fit.parameters.*kMembers[i] * std::exp(-kDifference);
    KL_ASSIGN_OR_RETURN(const Total below, TotalOf(moved, groups, weeks, canceled));
    gradient[i] = (above.expected - below.expected) / (2 * kDifference);
  }
  for (size_t i = 0; i < gradient.size(); ++i) {
    for (size_t j = 0; j < gradient.size(); ++j) {
      forecast.parameter_variance += gradient[i] * fit.log_covariance[i * gradient.size() + j] * gradient[j];
    }
  }
  const double reach = NormalQuantile((1 + confidence) / 2) *
                       std::sqrt(forecast.sampling_variance + std::max(forecast.parameter_variance, 0.0));
  forecast.low = std::max(forecast.expected - reach, 0.0);
  forecast.high = forecast.expected + reach;
  return forecast;
}

}  // namespace keyledger::forecast
