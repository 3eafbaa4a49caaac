// A ladder that ranks accounts by what they bought in a calendar year, and the moment at which its tests review it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "server/base/clock.h"

namespace keyledger::testing {

// 2026-01-01T00:00:00Z.
inline constexpr Micros kNewYear = 1'767'225'600 * kMicrosPerSecond;

// Program "ranks", ladder "ranks": the tier "member", and above it those given, lowest first, each by its one cut,
// such as {"gold", "top_count: 2"}.
inline std::string RanksProgram(const std::vector<std::pair<std::string, std::string>>& tiers) {
  std::string text = R"(program_id: ranks
time_zone: UTC
currency_code: USD
effective_from: 2000-01-01
tier_ladder:
  ladder_id: ranks
  metric: net_spend
  window: {calendar_period: year}
  review_period: year
  tiers:
    - {tier_id: member}
)";
  for (const auto& [tier, cut] : tiers) {
    text += "    - {tier_id: " + tier + ", entrance_rule: {any_of: [{all_of: [{" + cut + "}]}]}}\n";
  }
  return text;
}

}  // namespace keyledger::testing
