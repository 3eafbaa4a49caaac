// What a program allows to be redeemed and given within a period. Internal to the room.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <absl/status/status.h>

#include "keyledger/events/v1/event.pb.h"
#include "server/base/error.h"
#include "server/domain/account_state.h"
#include "server/domain/program_set.h"

namespace keyledger::domain {

// "month", "quarter" or "year".
const char* PeriodName(programs::v1::PeriodUnit period);

// The count of `rule` in the period that contains `occurred`, as it stands.
events::v1::PeriodCount CountOf(const AccountState& state, const CompiledProgram& program, std::string_view rule,
                                programs::v1::PeriodUnit period, Micros occurred);

// A refusal that goes beyond a limit of a policy: names rule (as "redemption_policy.min_points") and program in its
// message, and with the numbers in its metadata.
absl::Status OverLimit(Reason reason, const CompiledProgram& program, const std::string& rule, int64_t limit,
                       int64_t requested, const std::string& what);

// What a rule's maximum per period is counted under.
std::string CounterOf(const programs::v1::AccrualRule& rule);

// Points that the rule may still give in the period that contains `occurred`, zero or more. Without a maximum per
// period: the most there can be.
int64_t AllowanceOf(const AccountState& state, const CompiledProgram& program, const programs::v1::AccrualRule& rule,
                    Micros occurred);

// Whether the program's redemption policy allows so many points at `occurred`.
// Errors: FAILED_PRECONDITION (kRedemptionWindowClosed, kRedemptionLimit) with the rule's name and numbers as metadata,
// and the time at which the next window or period opens.
absl::Status CheckRedemption(const AccountState& state, const CompiledProgram& program, int64_t points,
                             Micros occurred);

// Whether the program's reservation policy (none: its defaults) allows one more reservation held for so long.
// Errors: FAILED_PRECONDITION (kReservationLimit) with the rule's name and numbers as metadata.
absl::Status CheckHold(const AccountState& state, const CompiledProgram* program, Micros duration);

// Adds the counts that a redemption at `occurred` adds to. Two if maximums of times and of points have periods of their
// own.
void AddRedemptionCounts(const AccountState& state, const CompiledProgram& program, Micros occurred,
                         google::protobuf::RepeatedPtrField<events::v1::PeriodCount>* out);

}  // namespace keyledger::domain
