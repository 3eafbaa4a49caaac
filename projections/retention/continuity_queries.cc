#include "projections/retention/continuity_queries.h"

#include <algorithm>
#include <array>

#include "projections/retention/data_end.h"
#include "server/base/checked.h"
#include "server/base/error.h"

namespace keyledger::projections {
namespace {

struct Stretch {
  Micros start = 0;
  // Of the second half.
  Micros middle = 0;
  Micros end = 0;
};

// The same local time so many periods earlier.
Micros PeriodsBefore(const RetentionScope& scope, Micros time, int periods) {
  const int units = periods * scope.period_length;
  switch (scope.unit) {
    case CalendarUnit::kDay:
      return scope.zone.AddDays(time, -units);
    case CalendarUnit::kWeek:
      return scope.zone.AddDays(time, -7 * units);
    case CalendarUnit::kMonth:
      return scope.zone.AddMonths(time, -units);
    case CalendarUnit::kQuarter:
      return scope.zone.AddMonths(time, -3 * units);
    case CalendarUnit::kYear:
      return scope.zone.AddMonths(time, -12 * units);
  }
  return time;
}

absl::StatusOr<Stretch> StretchOf(const std::vector<const store::TableReader*>& shards, const RetentionScope& scope,
                                  std::optional<Micros> start) {
  KL_ASSIGN_OR_RETURN(const std::optional<Micros> end, FindDataEnd(shards, scope));
  Stretch stretch;
  stretch.end = end.value_or(scope.now);
  if (!start.has_value()) {
    stretch.start = PeriodsBefore(scope, stretch.end, 2);
    stretch.middle = PeriodsBefore(scope, stretch.end, 1);
    return stretch;
  }
  if (*start >= stretch.end) {
    return FieldError("start_time", "must be before scope.as_of, and before the data end");
  }
  stretch.start = *start;
  stretch.middle = static_cast<Micros>(*start + (static_cast<Int128>(stretch.end) - *start) / 2);
  return stretch;
}

// What happened to the ownership of one account within a stretch.
struct OwnerChanges {
  int64_t all = 0;
  int64_t departed = 0;
  // Sum of the times that ended.
  Int128 kept_micros = 0;
};

OwnerChanges ChangesOf(const AccountHistory& history, const Stretch& stretch) {
  OwnerChanges changes;
  const HistoryOwner* held = nullptr;
  for (size_t i = 0; i < history.owners.size(); ++i) {
    const HistoryOwner& owner = history.owners[i];
    // Of several at the same moment only the last came to hold.
    if (i + 1 < history.owners.size() && history.owners[i + 1].occurred == owner.occurred) continue;
    if (held != nullptr && held->value == owner.value) continue;
    if (held != nullptr && !held->value.empty() && owner.occurred >= stretch.start && owner.occurred < stretch.end) {
      changes.all += 1;
      changes.departed += owner.reason == events::v1::OWNER_CHANGE_REASON_DEPARTED ? 1 : 0;
      changes.kept_micros += static_cast<Int128>(owner.occurred) - held->occurred;
    }
    held = &owner;
  }
  return changes;
}

// Sums of the accounts with so many changes.
struct Sums {
  int64_t accounts = 0;
  int64_t retained = 0;
  Int128 first_micros = 0;
  Int128 second_micros = 0;
};

class Counter {
 public:
  Counter(const RetentionScope& scope, const Stretch& stretch) : scope_(scope), stretch_(stretch) {}

  void Count(const AccountHistory& history) {
    const OwnerChanges changes = ChangesOf(history, stretch_);
    changes_ += changes.all;
    kept_micros_ += changes.kept_micros;
    bool first = false;
    bool second = false;
    Sums account;
    for (const HistoryTrade& trade : history.trades) {
      if (trade.occurred < stretch_.start || trade.occurred >= stretch_.end) continue;
      const bool early = trade.occurred < stretch_.middle;
      if (!trade.is_return) (early ? first : second) = true;
      (early ? account.first_micros : account.second_micros) += RevenueOf(trade, scope_.basis);
    }
    if (!first) return;
    for (const bool departed : {false, true}) {
      Sums& sums =
          sums_[departed ? 1 : 0]
               [static_cast<size_t>(std::min<int64_t>(kChangesMax, departed ? changes.departed : changes.all))];
      sums.accounts += 1;
      sums.retained += second ? 1 : 0;
      sums.first_micros += account.first_micros;
      sums.second_micros += account.second_micros;
    }
  }

  ContinuityTable Table() const {
    ContinuityTable table;
    table.changes = changes_;
    if (changes_ > 0) {
      table.mean_owner_days =
          static_cast<double>(kept_micros_) / static_cast<double>(changes_) / static_cast<double>(kMicrosPerDay);
    }
    for (const bool departed : {false, true}) {
      for (int changes = 0; changes <= kChangesMax; ++changes) {
        const Sums& sums = sums_[departed ? 1 : 0][static_cast<size_t>(changes)];
        ContinuityGroup& group = table.groups.emplace_back();
        group.changes = changes;
        group.departed = departed;
        group.accounts = sums.accounts;
        group.retained = sums.retained;
        if (sums.accounts > 0) {
          group.retention = static_cast<double>(sums.retained) / static_cast<double>(sums.accounts);
        }
        if (sums.first_micros > 0) {
          group.revenue_ratio = static_cast<double>(sums.second_micros) / static_cast<double>(sums.first_micros);
        }
      }
    }
    return table;
  }

 private:
  const RetentionScope& scope_;
  const Stretch stretch_;
  int64_t changes_ = 0;
  Int128 kept_micros_ = 0;
  std::array<std::array<Sums, kChangesMax + 1>, 2> sums_;
};

}  // namespace

absl::StatusOr<ContinuityTable> GetContinuityTable(const std::vector<const store::TableReader*>& shards,
                                                   const RetentionScope& scope, std::optional<Micros> start) {
  KL_ASSIGN_OR_RETURN(const Stretch stretch, StretchOf(shards, scope, start));
  Counter counter(scope, stretch);
  HistoryScan scan(scope);
  KL_RETURN_IF_ERROR(scan.Run(shards, [&](const AccountHistory& history) {
    counter.Count(history);
    return absl::OkStatus();
  }));
  ContinuityTable table = counter.Table();
  table.currency_code = scan.currency();
  return table;
}

}  // namespace keyledger::projections
