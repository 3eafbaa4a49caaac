#include "projections/pipeline/demand.h"

#include <cmath>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "server/base/error.h"
#include "server/domain/proto_time.h"

namespace keyledger::projections::pipeline {
namespace {

using events::v1::DemandForecastStated;

absl::Status SumOutOfRange() {
  return MakeError(Reason::kArithmeticRange, "a sum does not fit in 64 bits; narrow the scope");
}

bool Add(int64_t& sum, int64_t more) { return !__builtin_add_overflow(sum, more, &sum); }

// A period and a currency, or kUnits.
using Place = std::pair<int64_t, std::string>;

// In the place of a currency, and none: what is counted are units.
constexpr const char* kUnits = "units";

// What was said of one period on one basis.
struct Said {
  std::optional<int64_t> everything;
  std::optional<int64_t> categories;

  std::optional<int64_t> value() const { return everything.has_value() ? everything : categories; }
};

struct Expected {
  Said declared;
  Said estimated;
};

// An account with a forecast of a period, in micros or units.
struct Forecast {
  int64_t expected = 0;
  bool declared = false;
  int64_t ordered = 0;
};

class Demand {
 public:
  Demand(const RetentionScope& scope, const DemandQuery& query)
      : scope_(scope), query_(query), periods_(scope.periods()) {}

  absl::Status AddAccount(const ItemAccount& account) {
    std::map<Place, int64_t> ordered;
    for (const ItemLife& life : account.items) {
      const events::v1::OrderPlaced& order = life.opening().order_placed();
      const bool cancelled =
          !life.is_open() && life.latest().event.order_ended().ending() == events::v1::ORDER_ENDING_CANCELLED;
      if (cancelled || (!query_.category.empty() && order.category() != query_.category)) continue;
      const Place place(periods_.IndexAt(life.open_time()), order.amount().currency_code());
      if (!Add(ordered[place], order.amount().micros())) return SumOutOfRange();
      if (order.units() > 0 && !Add(ordered[{place.first, kUnits}], order.units())) return SumOutOfRange();
    }
    for (const auto& [place, sum] : ordered) {
      if (!Add(ordered_[place], sum)) return SumOutOfRange();
    }
    std::map<Place, Expected> expected;
    if (!TakeForecasts(account, expected)) return SumOutOfRange();
    for (const auto& [place, said] : expected) {
      Forecast& forecast = forecasts_[place][account.account_id()];
      forecast.declared = said.declared.value().has_value();
      forecast.expected = forecast.declared ? *said.declared.value() : said.estimated.value().value_or(0);
      const auto found = ordered.find(place);
      forecast.ordered = found == ordered.end() ? 0 : found->second;
    }
    return absl::OkStatus();
  }

  absl::Status AddBought(const AccountHistory& history, const std::string& currency) {
    for (const HistoryTrade& trade : history.trades) {
      const int64_t period = periods_.IndexAt(trade.occurred);
      const Place money(period, currency);
      const Place units(period, kUnits);
      if (Expects(money, history.account_id) && !Add(bought_[money], RevenueOf(trade, scope_.basis))) {
        return SumOutOfRange();
      }
      if (Expects(units, history.account_id) && !Add(bought_[units], trade.is_return ? -trade.units : trade.units)) {
        return SumOutOfRange();
      }
    }
    return absl::OkStatus();
  }

  // Of a scope without trades: the only currency of what was expected and ordered.
  absl::StatusOr<std::string> OnlyCurrency() const {
    std::set<std::string> found;
    for (const auto& [place, accounts] : forecasts_) found.insert(place.second);
    for (const auto& [place, sum] : ordered_) found.insert(place.second);
    found.erase(kUnits);
    if (found.size() <= 1) return found.empty() ? std::string() : *found.begin();
    return FieldError("scope.currency_code",
                      fmt::format("the data has several currencies ({}): name one", fmt::join(found, ", ")));
  }

  absl::StatusOr<std::vector<DemandRow>> Rows(const std::string& currency) const {
    std::set<int64_t> periods;
    for (const auto& [place, accounts] : forecasts_) Note(place, currency, periods);
    for (const auto& [place, sum] : ordered_) Note(place, currency, periods);
    std::vector<DemandRow> rows;
    for (const int64_t period : periods) {
      DemandRow& row = rows.emplace_back();
      row.period = period;
      DemandUnits money;
      if (!Fill({period, currency}, money) || !Fill({period, kUnits}, row.units)) return SumOutOfRange();
      row.declared_micros = money.declared;
      row.estimated_micros = money.estimated;
      row.ordered_micros = money.ordered;
      row.bought_micros = money.bought;
      row.accounts = money.accounts;
      row.mean_error = money.mean_error;
      row.ratio = money.ratio;
    }
    return rows;
  }

 private:
  bool TakeForecasts(const ItemAccount& account, std::map<Place, Expected>& expected) const {
    // A later statement of the same stretch, category and basis replaces an earlier one.
    std::map<std::tuple<Micros, Micros, std::string, bool>, const DemandForecastStated*> latest;
    for (const ItemFact& fact : account.forecasts) {
      const DemandForecastStated& stated = fact.event.demand_forecast_stated();
      if (!query_.category.empty() && stated.category() != query_.category) continue;
      latest[{domain::MicrosOf(stated.start_time()), domain::MicrosOf(stated.end_time()), stated.category(),
              stated.declared()}] = &stated;
    }
    for (const auto& [key, stated] : latest) {
      const int64_t period = periods_.IndexAt(std::get<1>(key) - 1);
      const Place money(period, stated->amount().currency_code());
      if (stated->has_amount() && !TakeForecast(*stated, stated->amount().micros(), expected[money])) return false;
      if (stated->units() > 0 && !TakeForecast(*stated, stated->units(), expected[{period, kUnits}])) return false;
    }
    return true;
  }

  static bool TakeForecast(const DemandForecastStated& stated, int64_t value, Expected& expected) {
    Said& said = stated.declared() ? expected.declared : expected.estimated;
    std::optional<int64_t>& sum = stated.category().empty() ? said.everything : said.categories;
    int64_t total = sum.value_or(0);
    if (!Add(total, value)) return false;
    sum = total;
    return true;
  }

  bool Expects(const Place& place, const std::string& account_id) const {
    const auto accounts = forecasts_.find(place);
    return accounts != forecasts_.end() && accounts->second.contains(account_id);
  }

  void Note(const Place& place, const std::string& currency, std::set<int64_t>& periods) const {
    const bool shown = place.second == currency || place.second == kUnits;
    if (shown && periods_.StartOf(place.first) >= query_.start) periods.insert(place.first);
  }

  bool Fill(const Place& place, DemandUnits& out) const {
    if (const auto ordered = ordered_.find(place); ordered != ordered_.end()) out.ordered = ordered->second;
    const auto accounts = forecasts_.find(place);
    int64_t forecast_sum = 0;
    int64_t ordered_sum = 0;
    double errors = 0;
    if (accounts != forecasts_.end()) {
      for (const auto& [account_id, forecast] : accounts->second) {
        if (!Add(forecast.declared ? out.declared : out.estimated, forecast.expected)) return false;
        if (forecast.expected == 0) continue;
        out.accounts += 1;
        if (!Add(forecast_sum, forecast.expected) || !Add(ordered_sum, forecast.ordered)) return false;
        const double off = static_cast<double>(forecast.ordered) - static_cast<double>(forecast.expected);
        errors += std::abs(off) / static_cast<double>(forecast.expected);
      }
    }
    if (query_.category.empty()) {
      const auto bought = bought_.find(place);
      out.bought = bought == bought_.end() ? 0 : bought->second;
    }
    if (out.accounts == 0) return true;
    out.mean_error = errors / static_cast<double>(out.accounts);
    out.ratio = static_cast<double>(ordered_sum) / static_cast<double>(forecast_sum);
    return true;
  }

  const RetentionScope& scope_;
  const DemandQuery& query_;
  const Periods periods_;
  std::map<Place, int64_t> ordered_;
  std::map<Place, int64_t> bought_;
  // By account.
  std::map<Place, std::map<std::string, Forecast>> forecasts_;
};

}  // namespace

absl::StatusOr<DemandAnswer> GetDemand(const Shards& engagement_shards, const Shards& retention_shards,
                                       const RetentionScope& scope, const DemandQuery& query) {
  PipelineScope items;
  items.as_of = scope.as_of;
  items.known_at = scope.known_at;
  items.filter = scope.filter;
  items.canceled = scope.canceled;
  Demand demand(scope, query);
  const ItemAsk ask{.kinds = {domain::ItemKind::kOrder}, .forecasts = true, .account_id = {}};
  KL_RETURN_IF_ERROR(
      WalkItems(engagement_shards, items, ask, [&](const ItemAccount& account) { return demand.AddAccount(account); }));
  HistoryScan trades(scope, HistoryParts::kTrades);
  KL_RETURN_IF_ERROR(trades.Run(
      retention_shards, [&](const AccountHistory& history) { return demand.AddBought(history, trades.currency()); }));
  DemandAnswer answer;
  answer.currency_code = trades.currency();
  if (answer.currency_code.empty()) {
    KL_ASSIGN_OR_RETURN(answer.currency_code, demand.OnlyCurrency());
  }
  KL_ASSIGN_OR_RETURN(answer.periods, demand.Rows(answer.currency_code));
  return answer;
}

}  // namespace keyledger::projections::pipeline
