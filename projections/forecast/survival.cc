#include "projections/forecast/survival.h"

#include <algorithm>

#include <fmt/format.h>

#include "server/base/error.h"

namespace keyledger::forecast {
namespace {

constexpr int64_t kSubjectsMax = 1'000'000'000'000;

// d / (n (n - d)); 0 when all at risk had the event, where it is not defined and nothing is left to vary.
double GreenwoodTerm(const SurvivalPoint& point) {
  const auto n = static_cast<double>(point.at_risk), d = static_cast<double>(point.events);
  return point.at_risk == point.events ? 0 : d / (n * (n - d));
}

}  // namespace

absl::StatusOr<SurvivalCurve> SurvivalCurve::Estimate(std::vector<SurvivalDay> days) {
  SurvivalCurve curve;
  for (size_t i = 0; i < days.size(); ++i) {
    const SurvivalDay& day = days[i];
    if (day.day < 0 || day.day > kSurvivalDayMax) {
      return FieldError(fmt::format("days[{}].day", i), fmt::format("{}; must be 0 to {}", day.day, kSurvivalDayMax));
    }
    if (day.events < 0 || day.censored < 0 || day.events > kSubjectsMax || day.censored > kSubjectsMax) {
      return FieldError(fmt::format("days[{}]", i), fmt::format("counts must be 0 to {}", kSubjectsMax));
    }
    curve.events_ += day.events;
    curve.subjects_ += day.events + day.censored;
    if (day.events + day.censored > 0) curve.last_day_ = std::max(curve.last_day_, day.day);
    if (curve.subjects_ > kSubjectsMax) return FieldError("days", "hold more than 1e12 subjects in all");
  }
  std::sort(days.begin(), days.end(),
            [](const SurvivalDay& left, const SurvivalDay& right) { return left.day < right.day; });
  int64_t at_risk = curve.subjects_;
  double survival = 1, greenwood = 0;
  for (size_t i = 0; i < days.size();) {
    SurvivalPoint point;
    point.day = days[i].day;
    point.at_risk = at_risk;
    for (; i < days.size() && days[i].day == point.day; ++i) {
      point.events += days[i].events;
      at_risk -= days[i].events + days[i].censored;
    }
    if (point.events == 0) continue;
    survival *= 1 - static_cast<double>(point.events) / static_cast<double>(point.at_risk);
    greenwood += GreenwoodTerm(point);
    point.survival = survival;
    point.variance = survival * survival * greenwood;
    curve.points_.push_back(point);
  }
  return curve;
}

const SurvivalPoint* SurvivalCurve::PointAt(int64_t day) const {
  const auto after = std::upper_bound(points_.begin(), points_.end(), day,
                                      [](int64_t wanted, const SurvivalPoint& point) { return wanted < point.day; });
  return after == points_.begin() ? nullptr : &*(after - 1);
}

double SurvivalCurve::SurvivalAt(int64_t day) const {
  const SurvivalPoint* point = PointAt(day);
  return point == nullptr ? 1 : point->survival;
}

double SurvivalCurve::VarianceAt(int64_t day) const {
  const SurvivalPoint* point = PointAt(day);
  return point == nullptr ? 0 : point->variance;
}

std::optional<int64_t> SurvivalCurve::Median() const {
  for (const SurvivalPoint& point : points_) {
    if (point.survival <= 0.5) return point.day;
  }
  return std::nullopt;
}

SurvivalCurve::RestrictedMean SurvivalCurve::MeanUpTo(int64_t horizon) const {
  RestrictedMean mean;
  mean.horizon = std::clamp<int64_t>(horizon, 0, last_day_);
  // From the end: what is gathered so far is the area from a point to the horizon.
  int64_t until = mean.horizon;
  for (auto point = points_.rbegin(); point != points_.rend(); ++point) {
    if (point->day >= mean.horizon) continue;
    mean.days += point->survival * static_cast<double>(until - point->day);
    mean.variance += mean.days * mean.days * GreenwoodTerm(*point);
    until = point->day;
  }
  mean.days += static_cast<double>(until);
  return mean;
}

}  // namespace keyledger::forecast
