#include "projections/retention/buyers.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <tuple>
#include <utility>

#include "projections/retention/data_end.h"
#include "projections/retention/query_sums.h"
#include "server/base/checked.h"
#include "server/base/error.h"

namespace keyledger::projections {
namespace {

using forecast::Summary;

absl::Status NoPurchase() {
  return MakeError(Reason::kForecastNotPossible,
                   "there is no purchase in scope: nothing can be forecast; widen the scope");
}

Summary SummaryOf(const Buyer& buyer, int32_t end_day) {
  return forecast::SummaryOfDays(int64_t{buyer.repeat_days} + 1, buyer.first_day, buyer.last_day, end_day);
}

// Gives each buyer the place of its history among the different ones.
void NumberHistories(Buyers& buyers) {
  const auto key = [](const Buyer& buyer) {
    return std::tuple(buyer.repeat_days, buyer.last_day - buyer.first_day, -buyer.first_day);
  };
  std::vector<uint32_t> order(buyers.accounts.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<uint32_t>(i);
  std::sort(order.begin(), order.end(),
            [&](uint32_t a, uint32_t b) { return key(buyers.accounts[a]) < key(buyers.accounts[b]); });
  const Buyer* previous = nullptr;
  for (const uint32_t place : order) {
    Buyer& buyer = buyers.accounts[place];
    if (previous != nullptr && key(*previous) == key(buyer)) {
      buyers.histories.back().count += 1;
    } else {
      buyers.histories.push_back(SummaryOf(buyer, buyers.end_day));
    }
    buyer.history = static_cast<uint32_t>(buyers.histories.size() - 1);
    previous = &buyer;
  }
}

}  // namespace

absl::Status NotPossible(const absl::Status& why) {
  return absl::IsCancelled(why) ? why : MakeError(Reason::kForecastNotPossible, MessageOf(why));
}

absl::StatusOr<Micros> DayAfterLastPurchase(const std::vector<const store::TableReader*>& shards,
                                            const RetentionScope& scope) {
  KL_ASSIGN_OR_RETURN(const std::optional<Micros> end, FindDataEnd(shards, scope));
  if (!end.has_value()) return NoPurchase();
  return *end;
}

int64_t Buyers::closed_accounts() const {
  return std::count_if(accounts.begin(), accounts.end(), [](const Buyer& buyer) { return buyer.closed; });
}

std::vector<forecast::Summary> Buyers::OpenHistories() const {
  std::vector<forecast::Summary> open = histories;
  for (const Buyer& buyer : accounts) open[buyer.history].count -= buyer.closed ? 1 : 0;
  std::erase_if(open, [](const forecast::Summary& history) { return history.count == 0; });
  return open;
}

BuyerCollector::BuyerCollector(const RetentionScope& scope, int64_t window_days)
    : scope_(scope),
      days_(scope.zone, CalendarUnit::kDay),
      recent_(window_days > 0 ? scope.zone.AddDays(scope.as_of, static_cast<int>(-window_days))
                              : std::numeric_limits<int64_t>::max()) {}

absl::Status BuyerCollector::Add(const AccountHistory& history) {
  const auto first = history.first_purchase();
  if (!first.has_value()) return absl::OkStatus();
  Buyer buyer;
  buyer.closed = history.is_closed();
  buyer.first_day = buyer.last_day = static_cast<int32_t>(days_.Find(*first));
  Int128 repeat = 0;
  Int128 near = 0;
  for (const HistoryTrade& trade : history.trades) {
    const int64_t revenue = RevenueOf(trade, scope_.basis);
    const auto day = static_cast<int32_t>(days_.Find(trade.occurred));
    if (trade.occurred >= recent_) near += revenue;
    if (day > buyer.first_day) repeat += revenue;
    if (trade.is_return || day <= buyer.last_day) continue;
    buyer.last_day = day;
    buyer.repeat_days += 1;
  }
  if (!Narrow(repeat, buyer.repeat_micros) || !Narrow(near, buyer.recent_micros)) return MoneyOutOfRange();
  if (buyers_.accounts.size() >= std::numeric_limits<uint32_t>::max()) {
    return MakeError(Reason::kForecastNotPossible, "there are more accounts in scope than can be ranked; narrow it");
  }
  buyers_.accounts.push_back(buyer);
  return absl::OkStatus();
}

Buyers BuyerCollector::Finish(Micros data_end) {
  if (!buyers_.accounts.empty()) buyers_.end_day = static_cast<int32_t>(days_.Find(data_end - 1));
  NumberHistories(buyers_);
  return std::move(buyers_);
}

absl::StatusOr<Buyers> FindBuyers(const std::vector<const store::TableReader*>& shards, const RetentionScope& scope,
                                  int64_t window_days) {
  BuyerCollector collector(scope, window_days);
  HistoryScan scan(scope, HistoryParts::kTradesAndLife);
  KL_RETURN_IF_ERROR(scan.Run(shards, [&](const AccountHistory& history) { return collector.Add(history); }));
  Buyers buyers = collector.Finish(scope.as_of);
  if (buyers.accounts.empty()) return NoPurchase();
  buyers.currency_code = scan.currency();
  return buyers;
}

}  // namespace keyledger::projections
