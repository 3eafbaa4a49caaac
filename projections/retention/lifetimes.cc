#include "projections/retention/lifetimes.h"

#include <algorithm>

#include "projections/engine/period_finder.h"
#include "projections/retention/data_end.h"
#include "server/base/calendar.h"
#include "server/base/error.h"

namespace keyledger::projections {
namespace {

// Counts over all accounts in how many months they were active, and were again in the next, as far as the next is over.
class MonthCount {
 public:
  // `end`: of the data, exclusive.
  MonthCount(const Zone& zone, Micros end)
      : months_(zone, CalendarUnit::kMonth), last_(zone.PeriodIndex(end, CalendarUnit::kMonth) - 1) {}

  void Start() { previous_.reset(); }
  // A purchase of the account that Start was called for, in order of time.
  void Add(Micros occurred) {
    const int64_t month = months_.Find(occurred);
    if (previous_ == month) return;
    if (month < last_) started_ += 1;
    if (month <= last_ && previous_.has_value() && *previous_ + 1 == month) retained_ += 1;
    previous_ = month;
  }

  int64_t started() const { return started_; }
  int64_t retained() const { return retained_; }

 private:
  PeriodFinder months_;
  // The last month that is over.
  const int64_t last_;
  std::optional<int64_t> previous_;
  int64_t started_ = 0;
  int64_t retained_ = 0;
};

}  // namespace

absl::StatusOr<Lifetimes> ReadLifetimes(const std::vector<const store::TableReader*>& shards,
                                        const RetentionScope& scope, HistoryParts parts) {
  Lifetimes lifetimes;
  KL_ASSIGN_OR_RETURN(const std::optional<Micros> end, FindDataEnd(shards, scope));
  if (!end.has_value()) return lifetimes;
  lifetimes.last_day = lifetimes.last_purchase_day = static_cast<int32_t>(scope.zone.DayIndex(*end - 1));
  PeriodFinder days(scope.zone, CalendarUnit::kDay);
  MonthCount months(scope.zone, *end);
  HistoryScan scan(scope, parts);
  KL_RETURN_IF_ERROR(scan.Run(shards, [&](const AccountHistory& history) -> absl::Status {
    Lifetime account;
    bool bought = false;
    months.Start();
    for (const HistoryTrade& trade : history.trades) {
      if (trade.is_return) continue;
      const auto day = static_cast<int32_t>(days.Find(trade.occurred));
      if (!bought) account.first = day;
      if (bought && day != account.first && account.second == Lifetime::kNever) account.second = day;
      account.last = day;
      bought = true;
      months.Add(trade.occurred);
    }
    if (!bought) return absl::OkStatus();
    if (parts == HistoryParts::kAll && history.is_closed()) {
      account.closed = static_cast<int32_t>(days.Find(history.life.back().occurred));
      lifetimes.last_day = std::max(lifetimes.last_day, account.closed);
    }
    lifetimes.accounts.push_back(account);
    return absl::OkStatus();
  }));
  if (scope.as_of != std::numeric_limits<int64_t>::max()) {
    lifetimes.scope_end = static_cast<int32_t>(scope.zone.DayIndex(scope.as_of - 1));
  }
  lifetimes.months_started = months.started();
  lifetimes.months_retained = months.retained();
  return lifetimes;
}

std::optional<int32_t> DayOfLoss(const Lifetime& account, int32_t inactive_days, int32_t end_day) {
  const bool closed = account.closed != Lifetime::kNever;
  const int32_t silent_until = closed ? account.closed : end_day;
  if (inactive_days > 0 && silent_until - account.last >= inactive_days) return account.last;
  if (closed) return std::max(account.closed, account.first);
  return std::nullopt;
}

}  // namespace keyledger::projections
