// What the BG/NBD model says of one customer.
#include "projections/forecast/bg_nbd.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string_view>
#include <tuple>

#include <fmt/format.h>

#include "projections/forecast/special.h"
#include "server/base/error.h"

namespace keyledger::forecast {
namespace {

constexpr double kDaysPerWeek = 7;

// Terms of a sum; beyond, the moments are integrated.
constexpr double kTermsMax = 50'000;
// What is left of a sum when it ends, relative to it.
constexpr double kTail = 1e-16;
// How often a walk over customers asks whether it shall go on.
constexpr size_t kCustomersBetweenChecks = 256;
// Below this, a term is as good as nothing: exp(-690) is about 1e-300.
constexpr double kLogTermMin = -690;

// The purchases of a customer who is alive: N is negative binomial with `shape` and odds `odds` = t / rate, and the
// customer leaves with probability p of Beta(a, b) after each.
struct Alive {
  double shape;
  double odds;
  double a;
  double b;
};

struct Moments {
  double mean = 0;
  // E[Y (Y+1) / 2].
  double half_second = 0;
};

// P(N = n) for n = 0, 1, 2, ..., by its ratios; in logarithms while it is too small for a double.
class NegativeBinomial {
 public:
  NegativeBinomial(double shape, double odds)
      : shape_(shape), success_(odds / (1 + odds)), log_(-shape * std::log1p(odds)) {
    linear_ = log_ > kLogTermMin;
    term_ = linear_ ? std::exp(log_) : 0;
  }
  double term() const { return term_; }
  double ratio() const { return success_ * (shape_ + n_) / (n_ + 1); }
  // True when no later term is larger than this one.
  bool falling() const { return linear_ ? ratio() < 1 : false; }
  // What the ratios tend to, from above or from below.
  double success() const { return success_; }
  void Next() {
    if (linear_) {
      term_ *= ratio();
    } else {
      log_ += std::log(ratio());
      linear_ = log_ > kLogTermMin;
      term_ = linear_ ? std::exp(log_) : 0;
    }
    n_ += 1;
  }

 private:
  double shape_;
  double success_;
  double log_;
  double n_ = 0;
  bool linear_ = false;
  double term_ = 0;
};

// How many terms until nothing is left, roughly: the mean, some standard deviations, and the geometric tail.
double TermsOf(const Alive& alive) {
  const double mean = alive.shape * alive.odds;
  return mean + 10 * std::sqrt(mean * (1 + alive.odds)) + 45 * (1 + alive.odds);
}

// E[Y] = sum over n of P(N=n) h_n with h_n = E[sum of (1-p)^(k-1) for k = 1..n]; likewise the second moment, with k
// times as much. All terms are positive.
Moments SumMoments(const Alive& alive) {
  NegativeBinomial number(alive.shape, alive.odds);
  Moments moments;
  double stays = 1, h = 0, second = 0;
  for (double n = 1; n <= 4 * kTermsMax; n += 1) {
    h += stays;
    second += n * stays;
    stays *= (alive.b + n - 1) / (alive.a + alive.b + n - 1);
    number.Next();
    moments.mean += number.term() * h;
    moments.half_second += number.term() * second;
    // The ratio of terms tends to success() from either side; the weights grow by (n+1)/n squared at most.
    const double grows = (n + 1) / n;
    const double ratio = std::max(number.ratio(), number.success()) * grows * grows;
    if (number.falling() && ratio < 1 && number.term() * second / (1 - ratio) < kTail * moments.half_second) break;
  }
  return moments;
}

// The same, with N and G summed for a given p and p integrated: with u = p t / rate,
// E[Y|p] = P(N >= 1) / p = (1 - (1+u)^-s) / p, and E[Y(Y+1)/2 | p] = P(N >= 2) / p^2 + P(N = 1) / p with
// P(N = 1) = s u (1+u)^(-s-1); N here counts purchases that would make the customer leave.
Moments IntegrateMoments(const Alive& alive) {
  const double s = alive.shape;
  Moments moments;
  moments.mean = BetaExpectation(alive.a, alive.b, [&](double p) {
    const double u = p * alive.odds;
    return u < 1e-12 ? s * alive.odds : -std::expm1(-s * std::log1p(u)) / p;
  });
  moments.half_second = BetaExpectation(alive.a, alive.b, [&](double p) {
    const double u = p * alive.odds;
    const double one = s * alive.odds * std::exp(-(s + 1) * std::log1p(u));
    // P(N >= 2) / p^2 in a series where the difference would lose its digits.
    if ((s + 4) * u < 3e-3) {
      const double series = 0.5 - (s + 2) * u * (1.0 / 3 - (s + 3) * u * (1.0 / 8 - (s + 4) * u / 30));
      return s * (s + 1) * alive.odds * alive.odds * series + one;
    }
    return (-std::expm1(-s * std::log1p(u)) - p * one) / (p * p) + one;
  });
  return moments;
}

Moments MomentsOf(const Alive& alive) {
  if (alive.odds == 0) return {};
  return TermsOf(alive) <= kTermsMax ? SumMoments(alive) : IntegrateMoments(alive);
}

// Given that the customer is alive, t_x makes no difference any more.
Alive AliveAfter(const BgNbdParameters& parameters, const Summary& summary, double weeks) {
  const auto x = static_cast<double>(summary.x);
  return {parameters.r + x, weeks / (parameters.alpha + summary.T), parameters.a, parameters.b + x};
}

double PAliveOf(const BgNbdParameters& parameters, const Summary& summary) {
  if (summary.x == 0) return 1;
  const auto x = static_cast<double>(summary.x);
  const double longer = std::log1p((summary.T - summary.t_x) / (parameters.alpha + summary.t_x));
  const double w = std::log(parameters.a) - std::log(parameters.b + (x - 1)) + (parameters.r + x) * longer;
  return 1 / (1 + std::exp(w));
}

PurchaseForecast ForecastOf(const BgNbdParameters& parameters, const Summary& summary, const Moments& moments) {
  PurchaseForecast forecast;
  forecast.p_alive = PAliveOf(parameters, summary);
  forecast.expected = forecast.p_alive * moments.mean;
  const double second = forecast.p_alive * (2 * moments.half_second - moments.mean);
  forecast.variance = std::max(second - forecast.expected * forecast.expected, 0.0);
  return forecast;
}

absl::Status Check(const BgNbdParameters& parameters, const Summary& summary, double weeks) {
  KL_RETURN_IF_ERROR(CheckParameters(parameters));
  KL_RETURN_IF_ERROR(CheckSummary(summary));
  if (!(weeks >= 0 && weeks <= kWeeksMax)) return FieldError("weeks", fmt::format("must be 0 to {:g}", kWeeksMax));
  return absl::OkStatus();
}

}  // namespace

Summary SummaryOfDays(int64_t purchase_days, int64_t first_day, int64_t last_day, int64_t end_day) {
  Summary summary;
  summary.x = purchase_days - 1;
  summary.t_x = (static_cast<double>(last_day) - static_cast<double>(first_day)) / kDaysPerWeek;
  summary.T = (static_cast<double>(end_day) - static_cast<double>(first_day)) / kDaysPerWeek;
  return summary;
}

absl::Status CheckSummary(const Summary& summary) {
  if (summary.x < 0 || summary.x > kPurchasesMax) {
    return FieldError("x", fmt::format("{} repeat purchases; must be 0 to {}", summary.x, kPurchasesMax));
  }
  if (summary.count < 1 || summary.count > kCustomersMax) {
    return FieldError("count", fmt::format("{} customers; must be 1 to {}", summary.count, kCustomersMax));
  }
  if (!(summary.T >= 0 && summary.T <= kWeeksMax)) {
    return FieldError("T", fmt::format("{} weeks; must be 0 to {:g}", summary.T, kWeeksMax));
  }
  if (!(summary.t_x >= 0 && summary.t_x <= summary.T)) {
    return FieldError("t_x", fmt::format("{} weeks; must be 0 to T, which is {}", summary.t_x, summary.T));
  }
  if ((summary.x == 0) != (summary.t_x == 0)) {
    return FieldError("t_x", fmt::format("{} weeks with {} repeat purchases; must be 0 exactly when there are none",
                                         summary.t_x, summary.x));
  }
  return absl::OkStatus();
}

absl::Status CheckSummaries(const std::vector<Summary>& summaries) {
  int64_t customers = 0;
  for (size_t i = 0; i < summaries.size(); ++i) {
    const absl::Status status = CheckSummary(summaries[i]);
    if (!status.ok()) return FieldError(fmt::format("summaries[{}]", i), MessageOf(status));
    customers += summaries[i].count;
    if (customers > kCustomersMax) return FieldError("summaries", "hold more than 1e12 customers in all");
  }
  return absl::OkStatus();
}

absl::Status CheckParameters(const BgNbdParameters& parameters) {
  const std::pair<std::string_view, double> named[] = {
      {"r", parameters.r}, {"alpha", parameters.alpha}, {"a", parameters.a}, {"b", parameters.b}};
  for (const auto& [name, value] : named) {
    if (!(value >= 1e-9 && value <= 1e9)) return FieldError(name, fmt::format("{}; must be 1e-9 to 1e9", value));
  }
  return absl::OkStatus();
}

absl::StatusOr<double> PAlive(const BgNbdParameters& parameters, const Summary& summary) {
  KL_RETURN_IF_ERROR(Check(parameters, summary, 0));
  return PAliveOf(parameters, summary);
}

absl::StatusOr<PurchaseForecast> ForecastPurchases(const BgNbdParameters& parameters, const Summary& summary,
                                                   double weeks) {
  KL_RETURN_IF_ERROR(Check(parameters, summary, weeks));
  return ForecastOf(parameters, summary, MomentsOf(AliveAfter(parameters, summary, weeks)));
}

absl::StatusOr<std::vector<PurchaseForecast>> ForecastEach(const BgNbdParameters& parameters,
                                                           const std::vector<Summary>& summaries, double weeks,
                                                           const Canceled& canceled) {
  KL_RETURN_IF_ERROR(Check(parameters, Summary(), weeks));
  KL_RETURN_IF_ERROR(CheckSummaries(summaries));
  std::vector<uint32_t> order(summaries.size());
  std::iota(order.begin(), order.end(), uint32_t{0});
  const auto key = [&](uint32_t i) { return std::tie(summaries[i].x, summaries[i].T); };
  std::sort(order.begin(), order.end(), [&](uint32_t left, uint32_t right) { return key(left) < key(right); });
  std::vector<PurchaseForecast> forecasts(summaries.size());
  Moments moments;
  for (size_t i = 0; i < order.size(); ++i) {
    if (i % kCustomersBetweenChecks == 0 && canceled && canceled()) {
      return absl::CancelledError("the forecast was called off");
    }
    const Summary& summary = summaries[order[i]];
    if (i == 0 || key(order[i]) != key(order[i - 1])) moments = MomentsOf(AliveAfter(parameters, summary, weeks));
    forecasts[order[i]] = ForecastOf(parameters, summary, moments);
  }
  return forecasts;
}

absl::StatusOr<double> ExpectedPurchases(const BgNbdParameters& parameters, const Summary& summary, double weeks) {
  KL_ASSIGN_OR_RETURN(const PurchaseForecast forecast, ForecastPurchases(parameters, summary, weeks));
  return forecast.expected;
}

absl::StatusOr<double> ExpectedPurchasesNew(const BgNbdParameters& parameters, double weeks) {
  return ExpectedPurchases(parameters, Summary(), weeks);
}

}  // namespace keyledger::forecast
