#include "projections/engagement/management_queries.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "projections/engagement/cadence.h"
#include "projections/engagement/item_duties.h"
#include "projections/engine/group_values.h"
#include "projections/engine/record_time.h"
#include "server/base/error.h"

namespace keyledger::projections::engagement {
namespace {

// Whether plans are in force, and whether none of them waits for its review.
struct Plans {
  bool in_force = false;
  bool reviewed = true;
};

Plans PlansOf(const EngagementHistory& history, const DutyBasis& basis) {
  Plans plans;
  for (const HistoryItem& item : history.items) {
    if (item.kind != RowsOf(domain::ItemKind::kPlan)) continue;
    const std::vector<ItemRun> runs = RunsOf(item);
    if (runs.empty() || runs.back().state() != domain::plan_state::kAgreed) continue;
    const events::v1::PlanDrafted& plan = runs.back().opening().event.plan_drafted();
    if (MicrosOf(plan.start_time()) >= basis.as_of || MicrosOf(plan.end_time()) < basis.as_of) continue;
    plans.in_force = true;
    const std::optional<Micros> review = PlanReviewTime(history, basis, ZoneOf(history, basis), runs.back());
    if (review.has_value() && *review <= basis.as_of) plans.reviewed = false;
  }
  return plans;
}

void AddValues(const EngagementHistory& history, Micros at, ManagementGroup by, std::vector<std::string_view>& out) {
  const auto add = [&out](std::string_view value) {
    if (!value.empty()) out.push_back(value);
  };
  switch (by) {
    case ManagementGroup::kNone:
      return;
    case ManagementGroup::kRegion:
      return AddRegionLevels(history.RegionAt(at), out);
    case ManagementGroup::kSegment:
      return add(history.SegmentAt(at));
    case ManagementGroup::kOwner:
      return add(history.OwnerAt(at));
    case ManagementGroup::kTier:
      return add(history.TierAt(at));
    case ManagementGroup::kClub:
      for (const std::string& club : history.clubs) add(club);
      return;
  }
}

}  // namespace

void ManagementCount::Add(const ManagementCount& other) {
  accounts += other.accounts;
  owned += other.owned;
  planned += other.planned;
  reviewed += other.reviewed;
  asked += other.asked;
  kept += other.kept;
  met += other.met;
  managed += other.managed;
}

ManagementCount ManagementOf(const EngagementHistory& history, const DutyBasis& basis, Micros start) {
  ManagementCount count;
  const bool owned = !history.OwnerAt(basis.as_of - 1).empty();
  const Plans plans = PlansOf(history, basis);
  const bool reviewed = plans.in_force && plans.reviewed;
  const CadenceCount cadence = DeriveCadence(history, basis, start).total;
  const bool met = std::any_of(
      history.interactions.begin(), history.interactions.end(),
      [start](const HistoryRow& row) { return row.event.has_interaction_made() && row.times.occurred >= start; });
  count.accounts = 1;
  count.owned = owned ? 1 : 0;
  count.planned = plans.in_force ? 1 : 0;
  count.reviewed = reviewed ? 1 : 0;
  count.asked = cadence.required > 0 ? 1 : 0;
  count.kept = cadence.required > 0 && cadence.missed == 0 ? 1 : 0;
  count.met = met ? 1 : 0;
  count.managed = owned && reviewed && cadence.missed == 0 ? 1 : 0;
  return count;
}

absl::StatusOr<ManagementAnswer> GetManagement(const std::vector<const store::TableReader*>& shards,
                                               const EngagementScope& scope, const domain::ProgramSet& programs,
                                               const ManagementQuery& query) {
  const DutyBasis basis{programs, scope.as_of};
  const Micros at = scope.as_of - 1;
  EngagementParts parts = CadenceParts(basis, query.start);
  parts.items = true;
  ManagementAnswer answer;
  FirstNames<ManagementCount> groups(kGroupsMax);
  std::vector<std::string_view> values;
  KL_ASSIGN_OR_RETURN(EngagementScan scan, EngagementScan::Open(shards, scope, parts));
  KL_RETURN_IF_ERROR(scan.Walk([&](const EngagementHistory& history) {
    if (!history.OpenAt(at)) return absl::OkStatus();
    const ManagementCount count = ManagementOf(history, basis, query.start);
    answer.total.Add(count);
    values.clear();
    AddValues(history, at, query.by, values);
    if (values.empty() && query.by != ManagementGroup::kNone) answer.without += 1;
    for (const std::string_view value : values) {
      if (ManagementCount* const group = groups.Find(value); group != nullptr) group->Add(count);
    }
    return absl::OkStatus();
  }));
  for (const auto& [value, count] : groups.values()) {
    answer.groups.push_back(count);
    answer.groups.back().value = value;
  }
  answer.truncated = groups.dropped();
  return answer;
}

}  // namespace keyledger::projections::engagement
