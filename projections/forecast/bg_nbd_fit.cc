// The likelihood of the BG/NBD model and its maximum.
#include <algorithm>
#include <cmath>
#include <span>
#include <tuple>

#include <fmt/format.h>

#include "projections/forecast/bg_nbd.h"
#include "projections/forecast/maximum.h"
#include "projections/forecast/special.h"
#include "server/base/error.h"

namespace keyledger::forecast {
namespace {

// Far beyond any population of people: a fit that ends here is degenerate (everybody alike, nobody ever leaves, ...).
constexpr double kParameterMin = 1e-4;
constexpr double kParameterMax = 1e4;

// ln(1 + e^w) and its derivative, for any w.
struct Softplus {
  explicit Softplus(double w) {
    const double e = std::exp(-std::abs(w));
    value = std::max(w, 0.0) + std::log1p(e);
    derivative = w > 0 ? 1 / (1 + e) : e / (1 + e);
  }
  double value;
  double derivative;
};

// The distinct histories of a population, arranged so that what depends on x alone, or on one time alone, is computed
// once per distinct value: a day grid has few of them.
class Population {
 public:
  explicit Population(std::vector<Summary> summaries) : groups_(GroupSummaries(std::move(summaries))) {
    for (const Summary& group : groups_) {
      times_.push_back(group.t_x);
      times_.push_back(group.T);
      if (counts_.empty() || counts_.back() != group.x) counts_.push_back(group.x);
    }
    std::sort(times_.begin(), times_.end());
    times_.erase(std::unique(times_.begin(), times_.end()), times_.end());
    uint32_t x = 0;
    for (const Summary& group : groups_) {
      while (counts_[x] != group.x) ++x;
      indices_.push_back({x, IndexOf(group.t_x), IndexOf(group.T)});
    }
    rising_.resize(counts_.size());
    log1p_.resize(times_.size());
    inverse_.resize(times_.size());
  }

  const std::vector<Summary>& groups() const { return groups_; }

  // ln L = lnG(r+x) - lnG(r) + lnB(a,b+x) - lnB(a,b) + r ln(alpha) - (r+x) ln(alpha+T)
  //        + ln(1 + [x>0] a/(b+x-1) ((alpha+T)/(alpha+t_x))^(r+x)), and its derivatives by r, alpha, a, b.
  double LogLikelihood(std::span<const double> parameters, std::span<double> gradient) {
    const double r = parameters[0], alpha = parameters[1], a = parameters[2], b = parameters[3];
    Tabulate(r, alpha, a, b);
    const double log_alpha = std::log(alpha), log_a = std::log(a);
    double sum = 0, by_r = 0, by_alpha = 0, by_a = 0, by_b = 0;
    for (size_t i = 0; i < groups_.size(); ++i) {
      const Summary& group = groups_[i];
      const Index& index = indices_[i];
      const Rising& rising = rising_[index.x];
      const auto x = static_cast<double>(group.x), weight = static_cast<double>(group.count);
      const double log_end = log1p_[index.T], inverse_end = inverse_[index.T];
      double value = rising.r.log + rising.b.log - rising.ab.log - r * log_end - x * (log_alpha + log_end);
      double r_part = rising.r.derivative - log_end;
      double alpha_part = (r * group.T / alpha - x) * inverse_end;
      double a_part = -rising.ab.derivative;
      double b_part = rising.b.derivative - rising.ab.derivative;
      if (group.x > 0) {
        const double longer = log_end - log1p_[index.t_x];
        const double before = b + (x - 1);
        const Softplus left(log_a - std::log(before) + (r + x) * longer);
        value += left.value;
        r_part += left.derivative * longer;
        alpha_part += left.derivative * (r + x) * (inverse_end - inverse_[index.t_x]);
        a_part += left.derivative / a;
        b_part -= left.derivative / before;
      }
      sum += weight * value;
      by_r += weight * r_part;
      by_alpha += weight * alpha_part;
      by_a += weight * a_part;
      by_b += weight * b_part;
    }
    if (!gradient.empty()) {
      gradient[0] = by_r;
      gradient[1] = by_alpha;
      gradient[2] = by_a;
      gradient[3] = by_b;
    }
    return sum;
  }

 private:
  struct Index {
    uint32_t x, t_x, T;
  };
  struct Rising {
    LogRising r, b, ab;
  };

  // Of some dozens of bytes each there are fewer than 32 bits can count.
  uint32_t IndexOf(double time) const {
    return static_cast<uint32_t>(std::lower_bound(times_.begin(), times_.end(), time) - times_.begin());
  }

  void Tabulate(double r, double alpha, double a, double b) {
    Rising at;
    int64_t from = 0;
    for (size_t i = 0; i < counts_.size(); ++i) {
      at.r = Rise(r, from, at.r, counts_[i]);
      at.b = Rise(b, from, at.b, counts_[i]);
      at.ab = Rise(a + b, from, at.ab, counts_[i]);
      from = counts_[i];
      rising_[i] = at;
    }
    for (size_t i = 0; i < times_.size(); ++i) {
      log1p_[i] = std::log1p(times_[i] / alpha);
      inverse_[i] = 1 / (alpha + times_[i]);
    }
  }

  std::vector<Summary> groups_;
  std::vector<Index> indices_;
  std::vector<int64_t> counts_;
  std::vector<double> times_;
  // Of the parameters of the last evaluation: by distinct x, and by distinct time ln(1 + time/alpha) and
  // 1/(alpha+time).
  std::vector<Rising> rising_;
  std::vector<double> log1p_;
  std::vector<double> inverse_;
};

// Purchases per week are r/alpha on average, and a/(a+b) of customers leave after a purchase.
std::vector<std::vector<double>> Starts(const std::vector<Summary>& groups) {
  double purchases = 0, weeks = 0;
  for (const Summary& summary : groups) {
    purchases += static_cast<double>(summary.x) * static_cast<double>(summary.count);
    weeks += summary.T * static_cast<double>(summary.count);
  }
  const double per_week = std::max(purchases, 1.0) / std::max(weeks, 1.0);
  std::vector<std::vector<double>> starts;
  for (const auto& [r, a, b] : {std::tuple(0.5, 0.5, 2.0), std::tuple(1.0, 1.0, 1.0), std::tuple(3.0, 1.5, 10.0)}) {
    starts.push_back({r, std::clamp(r / per_week, 2 * kParameterMin, kParameterMax), a, b});
  }
  return starts;
}

}  // namespace

std::vector<Summary> GroupSummaries(std::vector<Summary> summaries) {
  const auto key = [](const Summary& summary) { return std::tie(summary.x, summary.t_x, summary.T); };
  std::sort(summaries.begin(), summaries.end(),
            [&](const Summary& left, const Summary& right) { return key(left) < key(right); });
  std::vector<Summary> groups;
  for (const Summary& summary : summaries) {
    if (!groups.empty() && key(groups.back()) == key(summary)) {
      groups.back().count += summary.count;
    } else {
      groups.push_back(summary);
    }
  }
  return groups;
}

absl::StatusOr<double> BgNbdLogLikelihood(const BgNbdParameters& parameters, const std::vector<Summary>& summaries) {
  KL_RETURN_IF_ERROR(CheckParameters(parameters));
  KL_RETURN_IF_ERROR(CheckSummaries(summaries));
  Population population(summaries);
  return population.LogLikelihood(std::vector{parameters.r, parameters.alpha, parameters.a, parameters.b}, {});
}

absl::StatusOr<BgNbdFit> FitBgNbd(const std::vector<Summary>& summaries, const BgNbdOptions& options) {
  KL_RETURN_IF_ERROR(CheckSummaries(summaries));
  if (options.evaluations_max < 100 || options.evaluations_max > 100'000) {
    return FieldError("evaluations_max", "must be from 100 to 100,000");
  }
  BgNbdFit fit;
  for (const Summary& summary : summaries) {
    fit.customers += summary.count;
    if (summary.x > 0) fit.repeat_customers += summary.count;
  }
  if (fit.customers < std::max<int64_t>(options.customers_min, 1)) {
    return absl::FailedPreconditionError(fmt::format("{} customers are too few to fit BG/NBD: it takes {} at least",
                                                     fit.customers, std::max<int64_t>(options.customers_min, 1)));
  }
  if (fit.repeat_customers == 0) {
    return absl::FailedPreconditionError("no customer has bought again: there is nothing BG/NBD could learn from");
  }
  if (fit.repeat_customers < options.repeat_customers_min) {
    return absl::FailedPreconditionError(
        fmt::format("{} customers with a repeat purchase are too few to fit BG/NBD: it takes {} at least",
                    fit.repeat_customers, options.repeat_customers_min));
  }
  Population population(summaries);
  LikelihoodProblem problem;
  problem.parameters = {{"r", kParameterMin, kParameterMax},
                        {"alpha", kParameterMin, kParameterMax},
                        {"a", kParameterMin, kParameterMax},
                        {"b", kParameterMin, kParameterMax}};
  problem.starts = Starts(population.groups());
  problem.observations = static_cast<double>(fit.customers);
  problem.evaluations_max = options.evaluations_max;
  problem.log_likelihood = [&population](std::span<const double> parameters, std::span<double> gradient) {
    return population.LogLikelihood(parameters, gradient);
  };
  problem.canceled = options.canceled;
  LikelihoodMaximum maximum = Maximise(problem);
  if (maximum.canceled) return absl::CancelledError("the fit was called off");
  fit.parameters = {maximum.parameters[0], maximum.parameters[1], maximum.parameters[2], maximum.parameters[3]};
  fit.log_likelihood = maximum.log_likelihood;
  fit.evaluations = maximum.evaluations;
  fit.gradient_norm = maximum.gradient_norm;
  fit.starts_agreeing = maximum.starts_agreeing;
  fit.converged = maximum.converged;
  fit.why = std::move(maximum.why);
  fit.log_covariance = std::move(maximum.log_covariance);
  return fit;
}

}  // namespace keyledger::forecast
