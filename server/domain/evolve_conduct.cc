// The fold of what limits are held against: counts of what was given, and market prices. See evolve.h for the contract,
// fold.h for how faults are told apart.
#include <algorithm>
#include <iterator>
#include <utility>

#include "server/domain/fold.h"
#include "server/domain/proto_time.h"

namespace keyledger::domain {
namespace {

using events::v1::Event;

// Drops what is too old for any window, then the oldest of what is too much.
void PruneMarketPrices(AccountState& state, Micros clock) {
  auto& articles = state.market_prices;
  size_t kept = 0;
  for (auto& [sku, prices] : articles) {
    const auto first = std::find_if(prices.begin(), prices.end(), [&](const MarketPrice& price) {
      return price.occurred >= clock - kMarketPriceHorizonMicros;
    });
    prices.erase(prices.begin(), first);
    kept += prices.size();
  }
  std::erase_if(articles, [](const auto& article) { return article.second.empty(); });
  for (; kept > kMarketPricesMax; --kept) {
    const auto oldest = std::min_element(articles.begin(), articles.end(), [](const auto& a, const auto& b) {
      const MarketPrice& left = a.second.front();
      const MarketPrice& right = b.second.front();
      return std::pair(left.occurred, left.revision) < std::pair(right.occurred, right.revision);
    });
    oldest->second.erase(oldest->second.begin());
    if (oldest->second.empty()) articles.erase(oldest);
  }
}

void FoldMarketPrice(AccountState& state, const events::v1::MarketPriceObserved& observed, Micros occurred) {
  std::vector<MarketPrice>& prices = state.market_prices[observed.sku()];
  const auto after = std::upper_bound(prices.begin(), prices.end(), occurred,
                                      [](Micros wanted, const MarketPrice& entry) { return wanted < entry.occurred; });
  prices.insert(after,
                {state.next_revision, occurred, observed.unit_price().micros(), observed.unit_price().currency_code(),
                 observed.region().empty() ? state.region : observed.region()});
  PruneMarketPrices(state, std::max(state.clock, occurred));
}

}  // namespace

FoldResult FoldLimitCounts(AccountState& state,
                           const google::protobuf::RepeatedPtrField<events::v1::LimitCount>& counts) {
  for (const auto& counted : counts) {
    if (counted.micros() < 0) return Contradiction("less than nothing given");
    if (IsForgotten(state, MicrosOf(counted.period_start()))) continue;
    PeriodCount& count = state.counts[{counted.counter(), MicrosOf(counted.period_start())}];
    if (!AddTo(count.amount, counted.micros()) || !AddTo(count.times, 1)) {
      return OutOfRange("money counted in a period leaves 64 bits");
    }
  }
  return kFolded;
}

FoldResult FoldConduct(AccountState& state, const Event& event, Micros occurred) {
  switch (event.payload_case()) {
    case Event::kGiftGiven:
      return FoldLimitCounts(state, event.gift_given().counts());
    case Event::kCommissionPaid: {
      const FoldResult result = FoldLimitCounts(state, event.commission_paid().counts());
      // It may end one that was accrued.
      return result.ok() ? FoldItem(state, event, occurred) : result;
    }
    case Event::kServiceProvided:
      return FoldLimitCounts(state, event.service_provided().counts());
    case Event::kMarketPriceObserved:
      FoldMarketPrice(state, event.market_price_observed(), occurred);
      return kFolded;
    case Event::kComplianceFlagged:
      if (event.compliance_flagged().fact_revision() >= state.next_revision) {
        return Contradiction("a flag of a fact yet to come");
      }
      return kFolded;
    default:
      return kFolded;
  }
}

}  // namespace keyledger::domain
