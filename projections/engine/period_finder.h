// PeriodFinder: the number of the period that holds a moment, for many moments. Asking the time zone each time costs
// more than reading the row.
#pragma once

#include <cstdint>
#include <iterator>
#include <map>

#include "server/base/calendar.h"

namespace keyledger::projections {

// Threads: confined to one thread.
class PeriodFinder {
 public:
  explicit PeriodFinder(const Periods& periods) : periods_(periods) {}
  PeriodFinder(const Zone& zone, CalendarUnit unit) : periods_{zone, unit, 1} {}

  int64_t Find(Micros time) {
    if (time >= last_.start && time < last_.end) return last_.index;
    auto after = known_.upper_bound(time);
    if (after != known_.begin()) {
      const Span& span = std::prev(after)->second;
      if (time < span.end) {
        last_ = span;
        return last_.index;
      }
    }
    last_.index = periods_.IndexAt(time);
    last_.start = periods_.StartOf(last_.index);
    last_.end = periods_.StartOf(last_.index + 1);
    // Where a clock change at the boundary makes the start come out later than the moment, the moment is looked up each
    // time.
    if (time >= last_.start && time < last_.end) known_.emplace(last_.start, last_);
    return last_.index;
  }

 private:
  struct Span {
    Micros start = 0;
    Micros end = 0;
    int64_t index = 0;
  };

  Periods periods_;
  Span last_;
  std::map<Micros, Span> known_;
};

}  // namespace keyledger::projections
