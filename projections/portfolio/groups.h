// Groups: the values of a dimension with the number of accounts, which a population can be narrowed down to.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "projections/portfolio/portfolio_measure.h"

namespace keyledger::projections::portfolio {

enum class GroupDimension { kRegion, kSegment, kOwner, kTier, kClub };

inline constexpr size_t kGroupsMax = 10'000;

struct GroupRow {
  std::string value;
  int64_t accounts = 0;
};

struct GroupsAnswer {
  // By value; the first kGroupsMax. A region's account counts for every level of its path.
  std::vector<GroupRow> groups;
  // Accounts in scope without a value.
  int64_t without = 0;
  // Whether there are more groups.
  bool truncated = false;
};

// What accounts are just before scope.as_of. Memory: the groups.
// Errors: as HistoryScan::Run.
absl::StatusOr<GroupsAnswer> ListGroups(const Shards& shards, const RetentionScope& scope, GroupDimension dimension);

// A map of names that keeps the first so many of them, with what was counted for each: a name that is given up for one
// before it can never be among the first again, so that what is kept is complete. Threads: confined to one thread.
template <class Value>
class FirstNames {
 public:
  explicit FirstNames(size_t names_max) : names_max_(names_max) {}

  // The value of a name, new or known; null if it is not among the first.
  Value* Find(std::string_view name) {
    const auto known = values_.find(name);
    if (known != values_.end()) return &known->second;
    if (values_.size() == names_max_) {
      dropped_ = true;
      const auto last = std::prev(values_.end());
      if (name > last->first) return nullptr;
      values_.erase(last);
    }
    return &values_.emplace(std::string(name), Value{}).first->second;
  }
  const std::map<std::string, Value, std::less<>>& values() const { return values_; }
  // Whether there were more names.
  bool dropped() const { return dropped_; }

 private:
  const size_t names_max_;
  bool dropped_ = false;
  std::map<std::string, Value, std::less<>> values_;
};

}  // namespace keyledger::projections::portfolio
