// Kaplan-Meier: the share for which something has not happened yet, when for some it is not known because the data end.
//
// Kaplan, Meier (1958): S(t) = product over days i <= t of (1 - d_i/n_i), with d_i events among the n_i at risk;
// variance by Greenwood: S(t)^2 sum of d_i / (n_i (n_i - d_i)). From exact counts by day; somebody censored on a day
// was at risk on that day.
//
// Threads: any; no state.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <absl/status/statusor.h>

namespace keyledger::forecast {

// Subjects whose observation ended a number of days after it began.
struct SurvivalDay {
  // 0 to kSurvivalDayMax.
  int64_t day = 0;
  // With the event on that day, and without it until the end of that day. 0 or more.
  int64_t events = 0;
  int64_t censored = 0;
};

inline constexpr int64_t kSurvivalDayMax = 10'000'000;

// A day on which something happened.
struct SurvivalPoint {
  int64_t day = 0;
  int64_t at_risk = 0;
  int64_t events = 0;
  // Just after the day.
  double survival = 1;
  // Greenwood's. 0 where the survival is 0: nobody is left to vary.
  double variance = 0;
};

class SurvivalCurve {
 public:
  // Days may come in any order and more than once.
  // Errors: INVALID_ARGUMENT (a day or count out of bounds, with its index; more than 1e12 subjects in all).
  static absl::StatusOr<SurvivalCurve> Estimate(std::vector<SurvivalDay> days);

  // One point for each day with an event, ascending.
  const std::vector<SurvivalPoint>& points() const { return points_; }
  int64_t subjects() const { return subjects_; }
  int64_t events() const { return events_; }
  int64_t censored() const { return subjects_ - events_; }
  // The last day anybody was observed on: the curve says nothing beyond. 0 without subjects.
  int64_t last_day() const { return last_day_; }

  // The curve just after `day`, 1 before the first event. Beyond last_day() what it was there.
  double SurvivalAt(int64_t day) const;
  double VarianceAt(int64_t day) const;

  // The first day after which at most half are left; nothing when more than half are left at the end.
  std::optional<int64_t> Median() const;

  // The area under the curve from day 0 to `horizon` days (cut to 0 to last_day()): the mean time, of `horizon` days,
  // before the event; and its variance, sum over events of (area from the event to the horizon)^2 d_i / (n_i (n_i -
  // d_i)), as in Klein, Moeschberger, "Survival Analysis", section 4.5.
  struct RestrictedMean {
    int64_t horizon = 0;
    double days = 0;
    double variance = 0;
  };
  RestrictedMean MeanUpTo(int64_t horizon) const;

 private:
  // The last point on or before `day`, or null.
  const SurvivalPoint* PointAt(int64_t day) const;

  std::vector<SurvivalPoint> points_;
  int64_t subjects_ = 0;
  int64_t events_ = 0;
  int64_t last_day_ = 0;
};

}  // namespace keyledger::forecast
