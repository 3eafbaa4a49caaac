// Measuring: the numbers that conditions are about, for one account at one moment. Internal to the room.
//
// Windows are half-open spans of whole local days, or quarters of an hour where a moment within a day ends them. What
// is counted is what occurred in them, whenever it was recorded.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "keyledger/events/v1/metric.pb.h"
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

// What a population review found of one account in one relative cut.
struct CutPlace {
  bool is_member = false;
  // Of the last member: the cut value.
  int64_t last_value = 0;
  // The account's own, from 1; 0: not ranked, or not known.
  uint64_t rank = 0;
};

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

  bool Holds(const CompiledCondition& condition);
  // Index of the first alternative that holds, or nothing.
  std::optional<size_t> FindHolding(const CompiledRule& rule);
  events::v1::ConditionEvidence Evidence(const CompiledCondition& condition);

 private:
  Measurer(const AccountState& state, const CompiledProgram& program, Micros anchor, Micros end)
      : state_(state), program_(program), anchor_(anchor), end_(end), known_(program.rules().measures.size()) {}

  Measurement Take(const MeasureSpec& spec) const;
  Measurement TakeWindowed(const MeasureSpec& spec) const;
  // The window, or the one `back` windows before it.
  Span WindowOf(const programs::v1::MetricWindow& window, int back) const;
  std::optional<int64_t> Value(const MeasureSpec& spec, const Span& window) const;
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

}  // namespace keyledger::domain
