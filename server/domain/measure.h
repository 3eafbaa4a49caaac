// Measuring: the numbers that conditions are about, for one account at one moment. Internal to the room.
//
// Windows are half-open spans of whole local days, or quarters of an hour where a moment within a day ends them. What
// is counted is what occurred in them, whenever it was recorded.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "keyledger/events/v1/event.pb.h"
#include "keyledger/events/v1/metric.pb.h"
#include "server/base/checked.h"
#include "server/base/clock.h"
#include "server/domain/account_state.h"
#include "server/domain/compiled_rules.h"
#include "server/domain/program_set.h"

namespace keyledger::domain {

// [start, end).
struct Span {
  Micros start = 0;
  Micros end = 0;

  bool operator==(const Span&) const = default;
};

struct Measurement {
  // Nothing: not known.
  std::optional<int64_t> value;
  // Nothing: the metric has no window. A lifetime starts at kTimeMin.
  std::optional<Span> window;
};

// Start of the membership year that contains `time`, and of the one `offset` years later.
Micros MembershipYearStart(const Zone& zone, Micros open_time, Micros time, int offset = 0);

// Boundaries looked at in one go where rules never settle. A year of months: enough to be rare, and quick.
inline constexpr int kBoundariesMax = 12;

// What was bought and returned in the program's currency; null: nothing ever.
const MetricSeries* SeriesOf(const AccountState& state, const CompiledProgram& program);

// What a population review found of one account in one relative cut.
struct CutPlace {
  bool is_member = false;
  // Of the last member: the cut value.
  int64_t last_value = 0;
  // The account's own, from 1; 0: not ranked, or not known.
  uint64_t rank = 0;
};

// What a condition still takes.
struct Shortfall {
  enum class Kind {
    // `amount` says it.
    kAmount,
    // The value is not known.
    kNotMeasured,
    // Only comparing all accounts decides.
    kComparison,
    // Of several periods one that is over falls short.
    kPastPeriod,
    // Several periods that are not over fall short, each by itself.
    kSeveralPeriods,
  };

  Kind kind = Kind::kAmount;
  // By how much what is summed up must rise, or under at_most fall, so that the condition just holds; 0: it holds. In
  // the unit of the metric; of a share of wallet micros of spend. Stops at the largest number.
  int64_t amount = 0;

  bool operator==(const Shortfall&) const = default;
};

// What the event adds to the metric under a program of that currency, or takes from it; 0: it has no part in it. Only
// of metrics with a window; of a share of wallet micros of spend.
int64_t ContributionOf(events::v1::Metric metric, const events::v1::Event& event, std::string_view currency);

// What is measured of one account; each thing once.
// Threads: thread-compatible. Lifetime: the state and the program must outlive it.
class Measurer {
 public:
  // At an event: windows contain `moment`, and end with it (inclusive).
  // Requires: no record of the account occurred after `moment`.
  static Measurer At(const AccountState& state, const CompiledProgram& program, Micros moment) {
    return Measurer(state, program, moment, moment + 1);
  }
  // At a review: windows contain the moment before `boundary`, and end with `end` (exclusive), which is the boundary
  // itself, or the end of the grace period it started. Requires: boundary <= end; no record of the account occurred
  // at or after `end`, or it is on the slot of none of the windows.
  static Measurer AtReview(const AccountState& state, const CompiledProgram& program, Micros boundary, Micros end) {
    return Measurer(state, program, boundary - 1, end);
  }

  // At a population review, which has decided the relative cuts: `places` has one entry per cut of the program and must
  // outlive this.
  static Measurer AtPopulationReview(const AccountState& state, const CompiledProgram& program, Micros boundary,
                                     const std::vector<CutPlace>& places) {
    Measurer measurer(state, program, boundary - 1, boundary);
    measurer.places_ = &places;
    return measurer;
  }

  const CompiledProgram& program() const { return program_; }
  // `measure`: index into the program's measures.
  const Measurement& Get(size_t measure);

  // The earliest moment whose dealings the measure looks at, at the review at `boundary`; the boundary itself where no
  // window ever leaves them behind.
  Micros ReachOf(size_t measure, Micros boundary);

  bool Holds(const CompiledCondition& condition);
  // Index of the first alternative that holds, or nothing.
  std::optional<size_t> FindHolding(const CompiledRule& rule);
  events::v1::ConditionEvidence Evidence(const CompiledCondition& condition);
  // What the condition still takes. `now`: periods that ended by then are over.
  Shortfall ShortfallOf(const CompiledCondition& condition, Micros now);
  // Where the value comes from: the window, with those before it that are measured too. Nothing: it has no window.
  std::optional<Span> SourceOf(size_t measure) const;

 private:
  Measurer(const AccountState& state, const CompiledProgram& program, Micros anchor, Micros end)
      : state_(state), program_(program), anchor_(anchor), end_(end), known_(program.rules().measures.size()) {}

  Measurement Take(const MeasureSpec& spec) const;
  Measurement TakeWindowed(const MeasureSpec& spec) const;
  // The window, or the one `back` windows before it.
  Span WindowOf(const programs::v1::MetricWindow& window, int back) const;
  std::optional<int64_t> Value(const MeasureSpec& spec, const Span& window) const;
  // What is summed up for it; of a share of wallet the spend.
  Int128 SumIn(const MeasureSpec& spec, const Span& window) const;
  // By how much the sum in the window `back` windows before misses the condition; zero or less: by nothing. Nothing:
  // not known.
  std::optional<Int128> GapIn(const CompiledCondition& condition, int back) const;
  // A whole number that the account declares.
  std::optional<int64_t> FactOf(const std::string& key) const;

  const AccountState& state_;
  const CompiledProgram& program_;
  const Micros anchor_;
  const Micros end_;
  std::vector<std::optional<Measurement>> known_;
  // Null: no population review decides.
  const std::vector<CutPlace>* places_ = nullptr;
};

// True if nothing that was bought or returned lies at or after `start`.
bool HasNoDealingsSince(const AccountState& state, const CompiledProgram& program, Micros start);

}  // namespace keyledger::domain
