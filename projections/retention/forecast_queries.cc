#include "projections/retention/forecast_queries.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "projections/forecast/discount.h"
#include "server/base/error.h"

namespace keyledger::projections {
namespace {

constexpr double kDaysPerWeek = 7;
constexpr double kMicrosPerUnit = 1e6;

// A mean of nothing or less is none that Gamma-Gamma knows: the least there is stands for it.
double MeanSpend(const Buyer& buyer) {
  const double mean = static_cast<double>(buyer.repeat_micros) / kMicrosPerUnit / buyer.repeat_days;
  return std::max(mean, 1 / kMicrosPerUnit);
}

forecast::Spend SpendOf(const Buyer& buyer) {
  if (buyer.repeat_days == 0) return {};
  return {buyer.repeat_days, MeanSpend(buyer)};
}

absl::Status NotConverged(const std::string& why) {
  return MakeError(Reason::kForecastNotPossible, fmt::format("the fit of BG/NBD is not to be relied on: {}", why));
}

// Fits the model of values, or says why there is none. Errors: CANCELLED.
absl::Status FitValues(const Buyers& buyers, const forecast::Canceled& canceled, ForecastModels& models) {
  std::vector<forecast::Spend> spends;
  for (const Buyer& buyer : buyers.accounts) {
    if (buyer.repeat_days > 0 && buyer.repeat_micros > 0) spends.push_back(SpendOf(buyer));
  }
  forecast::GammaGammaOptions options;
  options.canceled = canceled;
  absl::StatusOr<forecast::GammaGammaFit> fit = forecast::FitGammaGamma(spends, options);
  if (absl::IsCancelled(fit.status())) return fit.status();
  if (!fit.ok()) {
    models.value_note = MessageOf(fit.status());
  } else if (!fit->converged) {
    models.value_note = fmt::format("the fit of Gamma-Gamma is not to be relied on: {}", fit->why);
  } else if (const auto mean = forecast::PopulationMeanSpend(fit->parameters); !mean.ok()) {
    models.value_note = MessageOf(mean.status());
  } else {
    models.values = *std::move(fit);
  }
  return absl::OkStatus();
}

// What is expected of every account, by place.
class Outlook {
 public:
  static absl::StatusOr<Outlook> Make(const Buyers& buyers, const ForecastModels& models, const ForecastTerms& terms,
                                      const forecast::Canceled& canceled) {
    Outlook outlook(buyers, models, terms);
    const double weeks = static_cast<double>(terms.horizon_days) / kDaysPerWeek;
    KL_ASSIGN_OR_RETURN(outlook.expectations_,
                        Expect(models.purchases.parameters, buyers.histories, weeks, terms.discount, canceled));
    KL_ASSIGN_OR_RETURN(outlook.population_, outlook.Sum(weeks, canceled));
    return outlook;
  }

  const PopulationOutlook& population() const { return population_; }

  // What accounts are listed by.
  absl::StatusOr<double> KeyOf(size_t place) const {
    const Buyer& buyer = buyers_.accounts[place];
    const double purchases = ExpectationOf(buyer, expectations_).purchases;
    if (!models_.values.has_value()) return purchases;
    KL_ASSIGN_OR_RETURN(const double spend, ExpectedSpendMicros(models_.values->parameters, buyer));
    return spend * purchases;
  }

  absl::Status Fill(size_t place, AccountOutlook& out) const {
    const Buyer& buyer = buyers_.accounts[place];
    const Expectation expectation = ExpectationOf(buyer, expectations_);
    out.repeat_days = buyer.repeat_days;
    out.recency_days = buyer.last_day - buyer.first_day;
    out.age_days = buyers_.end_day - buyer.first_day;
    out.p_alive = expectation.p_alive;
    out.expected_purchases = expectation.purchases;
    if (!models_.values.has_value()) return absl::OkStatus();
    KL_ASSIGN_OR_RETURN(const double spend, ExpectedSpendMicros(models_.values->parameters, buyer));
    out.expected_spend_micros = spend;
    out.expected_revenue_micros = spend * expectation.purchases;
    out.expected_value_micros = spend * terms_.margin * expectation.discounted;
    return absl::OkStatus();
  }

 private:
  Outlook(const Buyers& buyers, const ForecastModels& models, const ForecastTerms& terms)
      : buyers_(buyers), models_(models), terms_(terms) {}

  absl::StatusOr<PopulationOutlook> Sum(double weeks, const forecast::Canceled& canceled) const {
    PopulationOutlook sum;
    const std::vector<forecast::Summary> open = buyers_.OpenHistories();
    const auto interval = forecast::ForecastPopulation(models_.purchases, open, weeks, terms_.confidence, canceled);
    if (!interval.ok()) return NotPossible(interval.status());
    sum.accounts = static_cast<int64_t>(buyers_.accounts.size());
    sum.closed_accounts = buyers_.closed_accounts();
    sum.expected_purchases = interval->expected;
    sum.lower_purchases = interval->low;
    sum.upper_purchases = interval->high;
    for (const Buyer& buyer : buyers_.accounts) sum.alive_accounts += ExpectationOf(buyer, expectations_).p_alive;
    if (!models_.values.has_value()) return sum;
    double revenue = 0;
    double value = 0;
    for (const Buyer& buyer : buyers_.accounts) {
      KL_ASSIGN_OR_RETURN(const double spend, ExpectedSpendMicros(models_.values->parameters, buyer));
      const Expectation expectation = ExpectationOf(buyer, expectations_);
      revenue += spend * expectation.purchases;
      value += spend * expectation.discounted;
    }
    sum.expected_revenue_micros = revenue;
    sum.expected_value_micros = value * terms_.margin;
    return sum;
  }

  const Buyers& buyers_;
  const ForecastModels& models_;
  const ForecastTerms& terms_;
  std::vector<Expectation> expectations_;
  PopulationOutlook population_;
};

// Places of accounts that are not closed, in order of what is expected; ties by place.
absl::StatusOr<std::vector<uint32_t>> OrderByOutlook(const Buyers& buyers, const Outlook& outlook) {
  std::vector<double> keys(buyers.accounts.size());
  std::vector<uint32_t> order;
  for (size_t place = 0; place < keys.size(); ++place) {
    if (buyers.accounts[place].closed) continue;
    KL_ASSIGN_OR_RETURN(keys[place], outlook.KeyOf(place));
    order.push_back(static_cast<uint32_t>(place));
  }
  std::sort(order.begin(), order.end(),
            [&keys](uint32_t a, uint32_t b) { return keys[a] != keys[b] ? keys[a] > keys[b] : a < b; });
  return order;
}

// Rows of the page, by place.
using RowsByPlace = std::map<uint32_t, AccountOutlook>;

void FillRanks(const Buyers& buyers, const std::vector<uint32_t>& order, bool has_values, RowsByPlace& rows) {
  for (size_t i = 0; has_values && i < order.size(); ++i) {
    if (const auto row = rows.find(order[i]); row != rows.end()) row->second.next_rank = static_cast<int64_t>(i + 1);
  }
  std::vector<uint32_t> recent = order;
  std::sort(recent.begin(), recent.end(), [&](uint32_t a, uint32_t b) {
    const int64_t left = buyers.accounts[a].recent_micros;
    const int64_t right = buyers.accounts[b].recent_micros;
    return left != right ? left > right : a < b;
  });
  for (size_t i = 0; i < recent.size(); ++i) {
    if (const auto row = rows.find(recent[i]); row != rows.end()) row->second.rank = static_cast<int64_t>(i + 1);
  }
}

// Walks the buyers by place until `visit` returns false.
absl::Status WalkBuyers(const std::vector<const store::TableReader*>& shards, const RetentionScope& scope,
                        HistoryParts parts, const std::function<bool(uint32_t place, const AccountHistory&)>& visit) {
  const absl::Status enough = absl::CancelledError();
  uint32_t place = 0;
  HistoryScan scan(scope, parts);
  const absl::Status walked = scan.Run(shards, [&](const AccountHistory& history) {
    if (!IsBuyer(history)) return absl::OkStatus();
    return visit(place++, history) ? absl::OkStatus() : enough;
  });
  return walked == enough ? absl::OkStatus() : walked;
}

// The place of the account. Errors: FAILED_PRECONDITION (kForecastNotPossible) if there is nothing to list of it.
absl::StatusOr<uint32_t> FindPlace(const std::vector<const store::TableReader*>& shards, const RetentionScope& scope,
                                   const Buyers& buyers, const std::string& account_id) {
  std::optional<uint32_t> found;
  KL_RETURN_IF_ERROR(
      WalkBuyers(shards, scope, HistoryParts::kTrades, [&](uint32_t place, const AccountHistory& history) {
        if (history.account_id == account_id) found = place;
        return history.account_id < account_id;
      }));
  if (!found.has_value()) {
    return MakeError(
        Reason::kForecastNotPossible,
        fmt::format("account {} has made no purchase in scope: nothing can be forecast of it", account_id));
  }
  if (buyers.accounts[*found].closed) {
    return MakeError(Reason::kForecastNotPossible,
                     fmt::format("account {} is closed: nothing is to be expected of it", account_id));
  }
  return *found;
}

std::vector<std::pair<std::string, std::string>> LatestTiers(const AccountHistory& history) {
  std::map<std::string, std::string> latest;
  for (const HistoryStanding& held : history.tiers) latest[held.ladder_id] = held.value;
  return {latest.begin(), latest.end()};
}

absl::Status FillAccounts(const std::vector<const store::TableReader*>& shards, const RetentionScope& scope,
                          RowsByPlace& rows) {
  auto next = rows.begin();
  if (next == rows.end()) return absl::OkStatus();
  return WalkBuyers(shards, scope, HistoryParts::kAll, [&](uint32_t place, const AccountHistory& history) {
    if (place != next->first) return true;
    next->second.account_id = history.account_id;
    next->second.region = std::string(history.region());
    next->second.tiers = LatestTiers(history);
    return ++next != rows.end();
  });
}

// Puts the page of `order` into the table.
absl::Status FillPage(const std::vector<const store::TableReader*>& shards, const RetentionScope& scope,
                      const Buyers& buyers, const Outlook& outlook, const ForecastPage& page, ForecastTable& table) {
  KL_ASSIGN_OR_RETURN(const std::vector<uint32_t> order, OrderByOutlook(buyers, outlook));
  std::vector<uint32_t> listed;
  if (!page.account_id.empty()) {
    KL_ASSIGN_OR_RETURN(const uint32_t place, FindPlace(shards, scope, buyers, page.account_id));
    listed.push_back(place);
  } else if (page.first < order.size()) {
    const auto first = order.begin() + static_cast<ptrdiff_t>(page.first);
    const size_t size = std::min<size_t>(page.size, order.size() - page.first);
    listed.assign(first, first + static_cast<ptrdiff_t>(size));
    table.more = page.first + size < order.size();
  }
  RowsByPlace rows;
  for (const uint32_t place : listed) KL_RETURN_IF_ERROR(outlook.Fill(place, rows[place]));
  FillRanks(buyers, order, table.models.values.has_value(), rows);
  KL_RETURN_IF_ERROR(FillAccounts(shards, scope, rows));
  for (const uint32_t place : listed) table.accounts.push_back(std::move(rows[place]));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ForecastModels> FitModels(const Buyers& buyers, const forecast::Canceled& canceled) {
  ForecastModels models;
  forecast::BgNbdOptions options;
  options.canceled = canceled;
  absl::StatusOr<forecast::BgNbdFit> fit = forecast::FitBgNbd(buyers.histories, options);
  if (!fit.ok()) return NotPossible(fit.status());
  models.purchases = *std::move(fit);
  if (!models.purchases.converged) return NotConverged(models.purchases.why);
  KL_RETURN_IF_ERROR(FitValues(buyers, canceled, models));
  return models;
}

absl::StatusOr<std::vector<Expectation>> Expect(const forecast::BgNbdParameters& parameters,
                                                const std::vector<forecast::Summary>& histories, double weeks,
                                                double yearly_discount, const forecast::Canceled& canceled) {
  std::vector<Expectation> expectations;
  expectations.reserve(histories.size());
  const auto within = [&](double ahead, const std::function<void(size_t, const forecast::PurchaseForecast&)>& take) {
    const auto forecasts = forecast::ForecastEach(parameters, histories, ahead, canceled);
    if (!forecasts.ok()) return NotPossible(forecasts.status());
    for (size_t i = 0; i < forecasts->size(); ++i) take(i, (*forecasts)[i]);
    return absl::OkStatus();
  };
  KL_RETURN_IF_ERROR(within(weeks, [&](size_t, const forecast::PurchaseForecast& forecast) {
    expectations.push_back({forecast.p_alive, forecast.expected, yearly_discount == 0 ? forecast.expected : 0});
  }));
  if (yearly_discount == 0) return expectations;
  for (const auto& [ahead, weight] : forecast::DiscountedHorizons(parameters.alpha, weeks, yearly_discount)) {
    KL_RETURN_IF_ERROR(within(ahead, [&, weight = weight](size_t i, const forecast::PurchaseForecast& forecast) {
      expectations[i].discounted += weight * forecast.expected;
    }));
  }
  return expectations;
}

absl::StatusOr<double> ExpectedSpendMicros(const forecast::GammaGammaParameters& parameters, const Buyer& buyer) {
  const absl::StatusOr<double> spend = forecast::ExpectedSpend(parameters, SpendOf(buyer));
  if (!spend.ok()) return NotPossible(spend.status());
  return *spend * kMicrosPerUnit;
}

absl::StatusOr<ForecastTable> GetForecastTable(const std::vector<const store::TableReader*>& shards,
                                               const RetentionScope& asked, const ForecastTerms& terms,
                                               const ForecastPage& page) {
  RetentionScope scope = asked;
  if (scope.as_of == std::numeric_limits<int64_t>::max()) {
    KL_ASSIGN_OR_RETURN(scope.as_of, DayAfterLastPurchase(shards, scope));
  }
  ForecastTable table;
  table.as_of = scope.as_of;
  table.horizon_end = scope.zone.AddDays(scope.as_of, static_cast<int>(terms.horizon_days));
  KL_ASSIGN_OR_RETURN(const Buyers buyers, FindBuyers(shards, scope, terms.horizon_days));
  scope.currency_code = table.currency_code = buyers.currency_code;
  KL_ASSIGN_OR_RETURN(table.models, FitModels(buyers, scope.canceled));
  KL_ASSIGN_OR_RETURN(const Outlook outlook, Outlook::Make(buyers, table.models, terms, scope.canceled));
  table.population = outlook.population();
  if (page.size > 0) KL_RETURN_IF_ERROR(FillPage(shards, scope, buyers, outlook, page, table));
  return table;
}

}  // namespace keyledger::projections
