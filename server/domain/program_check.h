// What is wrong with a program: every rule of programs/v1/program.proto, checked at once. Internal to the room; used by
// CompiledProgram::Compile and by the YAML reader, which adds lines to the paths.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "keyledger/programs/v1/program.pb.h"

namespace keyledger::domain {

inline constexpr int kAccrualRulesMax = 100;
inline constexpr int kMatchEntriesMax = 1000;
inline constexpr int kTimeWindowsMax = 100;
inline constexpr int kDateRangesMax = 100;
inline constexpr int64_t kPointsMax = 1'000'000'000'000;
inline constexpr int kTiersMax = 50;
inline constexpr size_t kMeasuresMax = 64;
inline constexpr int kBenefitsMax = 50;
inline constexpr int kStageLaddersMax = 10;
inline constexpr int kStagesMax = 50;
inline constexpr int kTransitionsMax = 20;
inline constexpr int kLimitsMax = 100;
inline constexpr int kAuthoritiesMax = 100;
inline constexpr int kLimitNamesMax = 100;
inline constexpr int64_t kMoneyMicrosMax = 9'000'000'000'000'000;

// Path of a field ("accrual_rules[2].expiry.after_months") and what is wrong there.
using ProgramMistake = std::pair<std::string, std::string>;

// Returns every mistake, in the order of the fields.
std::vector<ProgramMistake> CheckProgram(const programs::v1::Program& program);

}  // namespace keyledger::domain
