#include "projections/engagement/delay_queries.h"

#include <algorithm>
#include <map>
#include <utility>

#include "server/base/error.h"

namespace keyledger::projections::engagement {
namespace {

constexpr Micros kMicrosPerMinute = 60 * kMicrosPerSecond;

// The smallest value that so many percent of the sorted ones do not exceed. Requires: not empty.
Micros NearestRank(const std::vector<Micros>& sorted, size_t percent) {
  return sorted[(sorted.size() * percent + 99) / 100 - 1];
}

}  // namespace

EntryDelay SummarizeDelays(std::string person, std::vector<Micros> delays, int64_t prompt_minutes) {
  EntryDelay delay;
  delay.person = std::move(person);
  delay.interactions = static_cast<int64_t>(delays.size());
  if (delays.empty()) return delay;
  std::sort(delays.begin(), delays.end());
  delay.prompt = std::upper_bound(delays.begin(), delays.end(), prompt_minutes * kMicrosPerMinute) - delays.begin();
  delay.median_minutes = NearestRank(delays, 50) / kMicrosPerMinute;
  delay.p90_minutes = NearestRank(delays, 90) / kMicrosPerMinute;
  delay.longest_minutes = delays.back() / kMicrosPerMinute;
  return delay;
}

absl::StatusOr<DelayAnswer> GetEntryDelay(const std::vector<const store::TableReader*>& shards,
                                          const EngagementScope& scope, Micros start, int64_t prompt_minutes) {
  EngagementParts parts;
  parts.interactions = true;
  parts.interactions_from = start;
  std::vector<Micros> all;
  std::map<std::string, std::vector<Micros>> by_person;
  KL_ASSIGN_OR_RETURN(EngagementScan scan, EngagementScan::Open(shards, scope, parts));
  KL_RETURN_IF_ERROR(scan.Walk([&](const EngagementHistory& history) {
    for (const HistoryRow& row : history.interactions) {
      if (!row.event.has_interaction_made()) continue;
      // One dated a moment ahead, by a client's clock, is not late.
      const Micros delay = std::max<Micros>(0, row.times.recorded - row.times.occurred);
      all.push_back(delay);
      by_person[row.event.interaction_made().people(0)].push_back(delay);
    }
    return absl::OkStatus();
  }));
  DelayAnswer answer;
  answer.total = SummarizeDelays("", std::move(all), prompt_minutes);
  for (auto& [person, delays] : by_person) {
    answer.people.push_back(SummarizeDelays(person, std::move(delays), prompt_minutes));
  }
  std::stable_sort(answer.people.begin(), answer.people.end(),
                   [](const EntryDelay& a, const EntryDelay& b) { return a.median_minutes > b.median_minutes; });
  if (answer.people.size() > kDelayPeopleMax) answer.people.resize(kDelayPeopleMax);
  return answer;
}

}  // namespace keyledger::projections::engagement
