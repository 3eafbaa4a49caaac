// See redemption.h.
#include "server/domain/redemption.h"

#include <algorithm>
#include <limits>
#include <string>

#include <fmt/format.h>

#include "server/domain/accrual.h"
#include "server/domain/proto_time.h"

namespace keyledger::domain {
namespace {

using programs::v1::PeriodUnit;
using programs::v1::RedemptionPolicy;

constexpr std::string_view kPolicy = "redemption_policy";

std::string NameOf(const CompiledProgram& program) {
  return fmt::format("{} version {}", program.program().program_id(), program.program().version());
}

// A refusal that names its rule.
absl::Status Refusal(Reason reason, const CompiledProgram& program, const std::string& rule, const std::string& what) {
  const std::string name = NameOf(program);
  absl::Status status = MakeError(reason, fmt::format("{} ({} of program {})", what, rule, name));
  AddMetadata(status, "rule", rule);
  AddMetadata(status, "program", name);
  return status;
}

// Of the redemption policy.
absl::Status OverRedemption(const CompiledProgram& program, const char* rule, int64_t limit, int64_t requested,
                            const std::string& what) {
  return OverLimit(Reason::kRedemptionLimit, program, fmt::format("{}.{}", kPolicy, rule), limit, requested, what);
}

void AddOpening(absl::Status& status, std::optional<Micros> opens) {
  if (opens.has_value()) AddMetadata(status, "opens_time", FormatMicros(*opens));
}

absl::Status OverPeriod(const CompiledProgram& program, const char* rule, PeriodUnit period, int64_t limit,
                        int64_t requested, int64_t used, const char* unit, Micros occurred) {
  const Micros next = program.zone().PeriodStart(occurred, CalendarUnitOf(period), 1);
  absl::Status status =
      OverRedemption(program, rule, limit, requested,
                     fmt::format("at most {} {} may be redeemed in a {}, {} have been; the next {} begins {}", limit,
                                 unit, PeriodName(period), used, PeriodName(period), FormatMicros(next)));
  AddMetadata(status, "used", std::to_string(used));
  // The next period begins at a moment at which the windows may be closed: what counts is when both allow it.
  AddOpening(status, NextOpening(program.redemption_windows(), program.zone(), next));
  return status;
}

absl::Status CheckWindows(const CompiledProgram& program, Micros occurred) {
  if (IsOpen(program.redemption_windows(), program.zone(), occurred)) return absl::OkStatus();
  const auto opens = NextOpening(program.redemption_windows(), program.zone(), occurred);
  absl::Status status =
      Refusal(Reason::kRedemptionWindowClosed, program, fmt::format("{}.windows", kPolicy),
              opens.has_value()
                  ? fmt::format("points can be redeemed from {} on", FormatMicros(*opens))
                  : std::string("points can only be redeemed at set times, and none is left in the next ten years"));
  AddOpening(status, opens);
  return status;
}

}  // namespace

const char* PeriodName(PeriodUnit period) {
  switch (period) {
    case programs::v1::PERIOD_UNIT_MONTH:
      return "month";
    case programs::v1::PERIOD_UNIT_QUARTER:
      return "quarter";
    default:
      return "year";
  }
}

events::v1::PeriodCount CountOf(const AccountState& state, const CompiledProgram& program, std::string_view rule,
                                PeriodUnit period, Micros occurred) {
  const Micros start = program.zone().PeriodStart(occurred, CalendarUnitOf(period));
  events::v1::PeriodCount counted;
  counted.set_counter(fmt::format("{}/{}/{}", program.program().program_id(), rule, PeriodName(period)));
  SetTimestamp(counted.mutable_period_start(), std::max(start, kTimeMin));
  const auto known = state.counts.find({counted.counter(), MicrosOf(counted.period_start())});
  if (known == state.counts.end()) return counted;
  counted.set_points_before(known->second.amount);
  counted.set_times_before(known->second.times);
  return counted;
}

absl::Status OverLimit(Reason reason, const CompiledProgram& program, const std::string& rule, int64_t limit,
                       int64_t requested, const std::string& what) {
  absl::Status status = Refusal(reason, program, rule, what);
  AddMetadata(status, "limit", std::to_string(limit));
  AddMetadata(status, "requested", std::to_string(requested));
  return status;
}

std::string CounterOf(const programs::v1::AccrualRule& rule) { return "accrual_rules." + rule.rule_id(); }

int64_t AllowanceOf(const AccountState& state, const CompiledProgram& program, const programs::v1::AccrualRule& rule,
                    Micros occurred) {
  if (!rule.has_max_per_period()) return std::numeric_limits<int64_t>::max();
  const auto counted = CountOf(state, program, CounterOf(rule), rule.max_per_period().period(), occurred);
  return std::max<int64_t>(rule.max_per_period().points() - counted.points_before(), 0);
}

absl::Status CheckRedemption(const AccountState& state, const CompiledProgram& program, int64_t points,
                             Micros occurred) {
  if (!program.program().has_redemption_policy()) return absl::OkStatus();
  const RedemptionPolicy& policy = program.program().redemption_policy();
  KL_RETURN_IF_ERROR(CheckWindows(program, occurred));
  if (policy.has_min_points() && points < policy.min_points()) {
    return OverRedemption(
        program, "min_points", policy.min_points(), points,
        fmt::format("at least {} points must be redeemed at once, not {}", policy.min_points(), points));
  }
  if (policy.has_max_points() && points > policy.max_points()) {
    return OverRedemption(
        program, "max_points", policy.max_points(), points,
        fmt::format("at most {} points may be redeemed at once, not {}", policy.max_points(), points));
  }
  if (policy.has_max_times()) {
    const PeriodUnit period = policy.max_times().period();
    const int64_t used = CountOf(state, program, kPolicy, period, occurred).times_before();
    if (used >= policy.max_times().times()) {
      return OverPeriod(program, "max_times", period, policy.max_times().times(), 1, used, "times", occurred);
    }
  }
  if (policy.has_max_points_per_period()) {
    const PeriodUnit period = policy.max_points_per_period().period();
    const int64_t limit = policy.max_points_per_period().points();
    const int64_t used = CountOf(state, program, kPolicy, period, occurred).points_before();
    if (points > limit - used) {
      return OverPeriod(program, "max_points_per_period", period, limit, points, used, "points", occurred);
    }
  }
  return absl::OkStatus();
}

absl::Status CheckHold(const AccountState& state, const CompiledProgram* program, Micros duration) {
  constexpr uint32_t kHoldHours = 168;
  constexpr uint32_t kOpen = 100;
  const programs::v1::ReservationPolicy policy =
      program == nullptr ? programs::v1::ReservationPolicy() : program->program().reservation_policy();
  const auto refuse = [&](const char* rule, int64_t limit, int64_t requested, const std::string& what) {
    absl::Status status = MakeError(Reason::kReservationLimit, what);
    AddMetadata(status, "rule", fmt::format("reservation_policy.{}", rule));
    AddMetadata(status, "program", program == nullptr ? "" : NameOf(*program));
    AddMetadata(status, "limit", std::to_string(limit));
    AddMetadata(status, "requested", std::to_string(requested));
    return status;
  };
  const Micros hour = 3600 * kMicrosPerSecond;
  const int64_t hours = policy.has_max_hold_hours() ? policy.max_hold_hours() : kHoldHours;
  if (duration > hours * hour) {
    return refuse("max_hold_hours", hours, (duration + hour - 1) / hour,
                  fmt::format("points may be held for {} hours; let hold_until be earlier", hours));
  }
  const int64_t open = policy.has_max_open() ? policy.max_open() : kOpen;
  if (static_cast<int64_t>(state.reservations.size()) >= open) {
    return refuse("max_open", open, open + 1, fmt::format("{} reservations are open; capture or release one", open));
  }
  return absl::OkStatus();
}

void AddRedemptionCounts(const AccountState& state, const CompiledProgram& program, Micros occurred,
                         google::protobuf::RepeatedPtrField<events::v1::PeriodCount>* out) {
  const RedemptionPolicy& policy = program.program().redemption_policy();
  if (policy.has_max_times()) {
    *out->Add() = CountOf(state, program, kPolicy, policy.max_times().period(), occurred);
  }
  if (policy.has_max_points_per_period() &&
      (!policy.has_max_times() || policy.max_times().period() != policy.max_points_per_period().period())) {
    *out->Add() = CountOf(state, program, kPolicy, policy.max_points_per_period().period(), occurred);
  }
}

}  // namespace keyledger::domain
