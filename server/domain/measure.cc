// See measure.h.
#include "server/domain/measure.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "server/base/checked.h"
#include "server/domain/accrual.h"
#include "server/domain/fold.h"
#include "server/domain/owners.h"
#include "server/domain/proto_time.h"

namespace keyledger::domain {
namespace {

using events::v1::Metric;
using programs::v1::MetricWindow;

int64_t Clamp(Int128 value) {
  constexpr Int128 kMin = std::numeric_limits<int64_t>::min();
  constexpr Int128 kMax = std::numeric_limits<int64_t>::max();
  return static_cast<int64_t>(std::clamp(value, kMin, kMax));
}

// Rounded down, also below zero. Requires: divisor > 0.
int64_t FloorDiv(Int128 value, Int128 divisor) { return Clamp(value / divisor - (value % divisor < 0 ? 1 : 0)); }

// Rounded up, also below zero. Requires: divisor > 0.
Int128 CeilDiv(Int128 value, Int128 divisor) { return value / divisor + (value % divisor > 0 ? 1 : 0); }

// Sums too large to overflow: 64 bits times as many slots as fit in memory.
struct WideSums {
  Int128 micros = 0;
  Int128 cost_micros = 0;
  Int128 units = 0;
  Int128 count = 0;

  void Add(const MetricSums& sums) {
    micros += sums.micros;
    cost_micros += sums.cost_micros;
    units += sums.units;
    count += sums.count;
  }
};

// The slots that begin in the window. Local days begin with a slot, so this is exact for everything up to the end of
// the slot in which the window ends; and nothing is recorded between that moment and the slot's end (see Requires).
WideSums SumOf(const std::vector<MetricSlot>& slots, const Span& window) {
  const int64_t first = SlotOf(window.start + kMetricSlotMicros - 1);
  const int64_t last = SlotOf(window.end - 1);
  auto slot = std::lower_bound(slots.begin(), slots.end(), first,
                               [](const MetricSlot& entry, int64_t wanted) { return entry.slot < wanted; });
  WideSums sum;
  for (; slot != slots.end() && slot->slot <= last; ++slot) sum.Add(slot->sums);
  return sum;
}

// What the metric makes of what was bought and returned.
Int128 ValueOf(Metric metric, const WideSums& bought, const WideSums& returned) {
  switch (metric) {
    case events::v1::METRIC_NET_SPEND:
    case events::v1::METRIC_WALLET_SHARE_MILLI:
      return bought.micros - returned.micros;
    case events::v1::METRIC_GROSS_SPEND:
      return bought.micros;
    case events::v1::METRIC_NET_UNITS:
      return bought.units - returned.units;
    case events::v1::METRIC_GROSS_UNITS:
      return bought.units;
    case events::v1::METRIC_NET_PROFIT:
      return bought.micros - bought.cost_micros - returned.micros + returned.cost_micros;
    case events::v1::METRIC_GROSS_PROFIT:
      return bought.micros - bought.cost_micros;
    case events::v1::METRIC_PURCHASE_COUNT:
      return bought.count;
    case events::v1::METRIC_NET_PURCHASE_COUNT:
      return bought.count - returned.count;
    default:
      return 0;
  }
}

template <typename Lines>
WideSums SumOfLines(const Lines& lines, std::string_view currency, int64_t count) {
  WideSums sum;
  if (lines.empty() || lines[0].amount().currency_code() != currency) return sum;
  for (const auto& line : lines) sum.Add({line.amount().micros(), line.cost().micros(), line.quantity(), 0});
  sum.count = count;
  return sum;
}

WideSums SumOfTrade(const events::v1::TradeSlot& trade) {
  WideSums sum;
  sum.Add({trade.micros(), trade.cost_micros(), trade.units(), trade.count()});
  return sum;
}

}  // namespace

int64_t ContributionOf(Metric metric, const events::v1::Event& event, std::string_view currency) {
  // Of a merge, all that came with it.
  if (event.has_account_merge_received()) {
    for (const auto& trade : event.account_merge_received().merged().trades()) {
      if (trade.currency_code() != currency) continue;
      return Clamp(ValueOf(metric, SumOfTrade(trade.bought_ever()), SumOfTrade(trade.returned_ever())));
    }
    return 0;
  }
  if (event.has_purchase_recorded()) {
    return Clamp(ValueOf(metric, SumOfLines(event.purchase_recorded().lines(), currency, 1), {}));
  }
  if (!event.has_purchase_returned()) return 0;
  const events::v1::PurchaseReturned& returned = event.purchase_returned();
  return Clamp(ValueOf(metric, {}, SumOfLines(returned.lines(), currency, returned.completes_purchase() ? 1 : 0)));
}

Micros MembershipYearStart(const Zone& zone, Micros open_time, Micros time, int offset) {
  const Micros open_day = zone.DayStart(open_time);
  const auto year = [&](int64_t number) { return zone.AddMonths(open_day, static_cast<int>(12 * number)); };
  int64_t number = zone.PeriodIndex(time, CalendarUnit::kYear) - zone.PeriodIndex(open_day, CalendarUnit::kYear);
  if (year(number) > time) --number;
  return year(number + offset);
}

const MetricSeries* SeriesOf(const AccountState& state, const CompiledProgram& program) {
  const auto series = state.metrics.find(program.program().currency_code());
  return series == state.metrics.end() ? nullptr : &series->second;
}

bool HasNoDealingsSince(const AccountState& state, const CompiledProgram& program, Micros start) {
  const MetricSeries* series = SeriesOf(state, program);
  const auto is_behind = [&](const std::vector<MetricSlot>& slots) {
    return slots.empty() || slots.back().slot * kMetricSlotMicros < start;
  };
  return series == nullptr || (is_behind(series->bought) && is_behind(series->returned));
}

const Measurement& Measurer::Get(size_t measure) {
  std::optional<Measurement>& known = known_[measure];
  if (!known.has_value()) known = Take(program_.rules().measures[measure]);
  return *known;
}

Micros Measurer::ReachOf(size_t measure, Micros boundary) {
  const MeasureSpec& spec = program_.rules().measures[measure];
  if (spec.growth || spec.periods > 1) return boundary - kMetricHorizonMicros;
  const std::optional<Span>& window = Get(measure).window;
  return window.has_value() && !spec.window.lifetime() ? window->start : boundary;
}

bool Measurer::Holds(const CompiledCondition& condition) {
  if (condition.cut.has_value()) return places_ != nullptr && (*places_)[*condition.cut].is_member;
  const std::optional<int64_t>& value = Get(condition.measure).value;
  if (!value.has_value()) return false;
  return condition.comparison == events::v1::COMPARISON_AT_MOST ? *value <= condition.threshold
                                                                : *value >= condition.threshold;
}

std::optional<size_t> Measurer::FindHolding(const CompiledRule& rule) {
  for (size_t i = 0; i < rule.any_of.size(); ++i) {
    if (std::all_of(rule.any_of[i].begin(), rule.any_of[i].end(), [&](const auto& one) { return Holds(one); })) {
      return i;
    }
  }
  return std::nullopt;
}

events::v1::ConditionEvidence Measurer::Evidence(const CompiledCondition& condition) {
  const MeasureSpec& spec = program_.rules().measures[condition.measure];
  const Measurement& measured = Get(condition.measure);
  events::v1::ConditionEvidence evidence;
  evidence.set_metric(spec.metric);
  evidence.set_fact_key(spec.fact_key);
  if (measured.window.has_value()) {
    if (!spec.window.lifetime()) {
      SetTimestamp(evidence.mutable_window_start(), std::max(measured.window->start, kTimeMin));
    }
    SetTimestamp(evidence.mutable_window_end(), std::min(measured.window->end, kTimeMax));
  }
  evidence.set_growth(spec.growth);
  evidence.set_in_each_of_last(spec.periods);
  if (measured.value.has_value()) evidence.set_value(*measured.value);
  evidence.set_comparison(condition.comparison);
  evidence.set_threshold(condition.threshold);
  if (condition.cut.has_value() && places_ != nullptr) {
    evidence.set_threshold((*places_)[*condition.cut].last_value);
    evidence.set_rank((*places_)[*condition.cut].rank);
  }
  evidence.set_holds(Holds(condition));
  return evidence;
}

Measurement Measurer::Take(const MeasureSpec& spec) const {
  if (HasWindow(spec.metric)) return TakeWindowed(spec);
  const Zone& zone = program_.zone();
  switch (spec.metric) {
    case events::v1::METRIC_TENURE_DAYS:
      return {zone.DayIndex(end_ - 1) - zone.DayIndex(state_.open_time), std::nullopt};
    case events::v1::METRIC_DAYS_SINCE_LAST_PURCHASE:
      if (state_.purchase_count == 0) return {};
      return {zone.DayIndex(end_ - 1) - zone.DayIndex(state_.last_purchase), std::nullopt};
    case events::v1::METRIC_OWNER_COUNT:
      return {static_cast<int64_t>(HoldersOf(state_, "").size()), std::nullopt};
    default:
      return {FactOf(spec.fact_key), std::nullopt};
  }
}

Measurement Measurer::TakeWindowed(const MeasureSpec& spec) const {
  const Span window = WindowOf(spec.window, 0);
  Measurement measured{Value(spec, window), window};
  if (spec.growth) {
    const std::optional<int64_t> before = Value(spec, WindowOf(spec.window, 1));
    if (!measured.value.has_value() || !before.has_value() || *before <= 0) return {std::nullopt, window};
    measured.value = FloorDiv((static_cast<Int128>(*measured.value) - *before) * 1000, *before);
  }
  for (uint32_t back = 1; back < spec.periods && measured.value.has_value(); ++back) {
    const std::optional<int64_t> before = Value(spec, WindowOf(spec.window, static_cast<int>(back)));
    if (!before.has_value()) return {std::nullopt, window};
    measured.value = spec.least_is_worst ? std::min(*measured.value, *before) : std::max(*measured.value, *before);
  }
  return measured;
}

Span Measurer::WindowOf(const MetricWindow& window, int back) const {
  const Zone& zone = program_.zone();
  const auto between = [&](const auto& start) { return Span{start(-back), back == 0 ? end_ : start(1 - back)}; };
  switch (window.kind_case()) {
    case MetricWindow::kRollingDays: {
      const int days = static_cast<int>(window.rolling_days());
      return between([&](int offset) { return zone.DayStart(anchor_, 1 - days + offset * days); });
    }
    case MetricWindow::kCalendarPeriod:
      return between(
          [&](int offset) { return zone.PeriodStart(anchor_, CalendarUnitOf(window.calendar_period()), offset); });
    case MetricWindow::kMembershipYear:
      return between([&](int offset) { return MembershipYearStart(zone, state_.open_time, anchor_, offset); });
    case MetricWindow::kLifetime:
    case MetricWindow::KIND_NOT_SET:
      break;
  }
  return {kTimeMin, end_};
}

Int128 Measurer::SumIn(const MeasureSpec& spec, const Span& window) const {
  WideSums bought;
  WideSums returned;
  const auto series = state_.metrics.find(program_.program().currency_code());
  if (series != state_.metrics.end()) {
    if (spec.window.lifetime()) {
      bought.Add(series->second.bought_ever);
      returned.Add(series->second.returned_ever);
    } else {
      bought = SumOf(series->second.bought, window);
      returned = SumOf(series->second.returned, window);
    }
  }
  return ValueOf(spec.metric, bought, returned);
}

std::optional<int64_t> Measurer::Value(const MeasureSpec& spec, const Span& window) const {
  const Int128 value = SumIn(spec, window);
  if (spec.metric != events::v1::METRIC_WALLET_SHARE_MILLI) return Clamp(value);
  const std::optional<int64_t> budget = FactOf(spec.fact_key);
  if (!budget.has_value() || *budget <= 0) return std::nullopt;
  return FloorDiv(value * 1000, *budget);
}

std::optional<Int128> Measurer::GapIn(const CompiledCondition& condition, int back) const {
  const MeasureSpec& spec = program_.rules().measures[condition.measure];
  const bool at_most = condition.comparison == events::v1::COMPARISON_AT_MOST;
  // The value that just meets the condition, then the sum that just makes that value. A quotient rounded down is at
  // least t from ceil(t) on, and at most t up to just below where t + 1 begins.
  Int128 wanted = condition.threshold;
  if (spec.growth) {
    const std::optional<int64_t> before = Value(spec, WindowOf(spec.window, back + 1));
    if (!before.has_value() || *before <= 0) return std::nullopt;
    wanted = at_most ? *before + CeilDiv((wanted + 1) * *before, 1000) - 1 : *before + CeilDiv(wanted * *before, 1000);
  }
  if (spec.metric == events::v1::METRIC_WALLET_SHARE_MILLI) {
    const std::optional<int64_t> budget = FactOf(spec.fact_key);
    if (!budget.has_value() || *budget <= 0) return std::nullopt;
    wanted = at_most ? CeilDiv((wanted + 1) * *budget, 1000) - 1 : CeilDiv(wanted * *budget, 1000);
  }
  const Int128 sum = SumIn(spec, WindowOf(spec.window, back));
  return at_most ? sum - wanted : wanted - sum;
}

Shortfall Measurer::ShortfallOf(const CompiledCondition& condition, Micros now) {
  using Kind = Shortfall::Kind;
  if (Holds(condition)) return {};
  if (condition.cut.has_value()) return {Kind::kComparison, 0};
  const MeasureSpec& spec = program_.rules().measures[condition.measure];
  if (!HasWindow(spec.metric)) {
    const std::optional<int64_t>& value = Get(condition.measure).value;
    if (!value.has_value()) return {Kind::kNotMeasured, 0};
    const Int128 gap = static_cast<Int128>(condition.threshold) - *value;
    return {Kind::kAmount, Clamp(gap < 0 ? -gap : gap)};
  }
  Shortfall shortfall;
  const int periods = std::max(1, static_cast<int>(spec.periods));
  for (int back = periods - 1; back >= 0; --back) {
    const std::optional<Int128> gap = GapIn(condition, back);
    if (!gap.has_value()) return {Kind::kNotMeasured, 0};
    if (*gap <= 0) continue;
    if (back > 0 && WindowOf(spec.window, back).end <= now) return {Kind::kPastPeriod, 0};
    if (shortfall.amount > 0) return {Kind::kSeveralPeriods, 0};
    shortfall.amount = Clamp(*gap);
  }
  return shortfall;
}

std::optional<Span> Measurer::SourceOf(size_t measure) const {
  const MeasureSpec& spec = program_.rules().measures[measure];
  if (!HasWindow(spec.metric)) return std::nullopt;
  const int earlier = spec.growth ? 1 : std::max(0, static_cast<int>(spec.periods) - 1);
  return Span{WindowOf(spec.window, earlier).start, end_};
}

std::optional<int64_t> Measurer::FactOf(const std::string& key) const {
  const auto fact = state_.facts.find(key);
  if (fact == state_.facts.end()) return std::nullopt;
  const std::string& text = fact->second;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace keyledger::domain
