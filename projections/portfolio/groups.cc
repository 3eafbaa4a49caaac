#include "projections/portfolio/groups.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include "server/base/error.h"

namespace keyledger::projections::portfolio {
namespace {

void AddValue(std::string_view value, std::vector<std::string_view>& out) {
  if (!value.empty()) out.push_back(value);
}

// The tier held on each ladder.
void AddTiers(const AccountHistory& history, std::vector<std::string_view>& out) {
  std::map<std::string_view, std::string_view> held;
  for (const HistoryStanding& tier : history.tiers) held[tier.ladder_id] = tier.value;
  for (const auto& [ladder, tier] : held) AddValue(tier, out);
}

void AddClubs(const AccountHistory& history, std::vector<std::string_view>& out) {
  std::map<std::string_view, bool> member;
  for (const HistoryClub& club : history.clubs) member[club.club_id] = club.joined;
  for (const auto& [club, joined] : member) {
    if (joined) AddValue(club, out);
  }
}

void AddValues(const AccountHistory& history, GroupDimension dimension, std::vector<std::string_view>& out) {
  switch (dimension) {
    case GroupDimension::kRegion:
      return AddRegionLevels(history.region(), out);
    case GroupDimension::kSegment:
      return AddValue(history.segment(), out);
    case GroupDimension::kOwner:
      return AddValue(history.owner(), out);
    case GroupDimension::kTier:
      return AddTiers(history, out);
    case GroupDimension::kClub:
      return AddClubs(history, out);
  }
}

}  // namespace

absl::StatusOr<GroupsAnswer> ListGroups(const Shards& shards, const RetentionScope& scope, GroupDimension dimension) {
  // What was bought, and in which currencies, makes no difference: nothing is sold in the code that is for testing.
  RetentionScope without_trades = scope;
  without_trades.currency_code = "XTS";
  GroupsAnswer out;
  FirstNames<int64_t> groups(kGroupsMax);
  std::vector<std::string_view> values;
  KL_ASSIGN_OR_RETURN(const WalkEnd walked,
                      Walk(shards, without_trades, HistoryParts::kAll, [&](uint32_t, const AccountHistory& history) {
                        values.clear();
                        AddValues(history, dimension, values);
                        out.without += values.empty() ? 1 : 0;
                        // One tier may be held on two ladders.
                        std::sort(values.begin(), values.end());
                        values.erase(std::unique(values.begin(), values.end()), values.end());
                        for (const std::string_view value : values) {
                          if (int64_t* accounts = groups.Find(value); accounts != nullptr) *accounts += 1;
                        }
                        return absl::OkStatus();
                      }));
  static_cast<void>(walked);
  for (const auto& [value, accounts] : groups.values()) out.groups.push_back({value, accounts});
  out.truncated = groups.dropped();
  return out;
}

}  // namespace keyledger::projections::portfolio
