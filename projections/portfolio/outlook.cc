#include "projections/portfolio/outlook.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include "projections/forecast/bg_nbd.h"
#include "projections/forecast/gamma_gamma.h"
#include "server/base/error.h"

namespace keyledger::projections::portfolio {
namespace {

constexpr double kMicrosPerUnit = 1e6;
constexpr double kDaysPerWeek = 7;

Outlook NotPossible(std::string_view why) { return {false, std::string(why), {}}; }

// A fit, or the words that say why there is none.
template <class Fit>
std::string WhyNot(const absl::StatusOr<Fit>& fit, std::string_view model) {
  if (!fit.ok()) return fmt::format("{}: {}", model, MessageOf(fit.status()));
  if (!fit->converged) return fmt::format("{} did not converge: {}", model, fit->why);
  return "";
}

}  // namespace

bool OutlookFitter::Add(const AccountHistory& history) {
  Buyer buyer;
  int64_t first_day = 0;
  for (const HistoryTrade& trade : history.trades) {
    const int64_t day = scope_.zone.DayIndex(trade.occurred);
    if (!trade.is_return) {
      if (buyer.days == 0) first_day = day;
      if (buyer.days == 0 || day != buyer.last_day) buyer.days += 1;
      buyer.last_day = static_cast<int32_t>(day);
    }
    if (buyer.days == 0 || day == first_day) continue;
    if (!AddMoney(buyer.repeat_micros, RevenueOf(trade, scope_.basis))) return false;
  }
  buyer.first_day = static_cast<int32_t>(first_day);
  buyers_.push_back(buyer);
  return true;
}

Outlook OutlookFitter::Finish() {
  int64_t end_day = scope_.as_of == kNoAsOf ? 0 : scope_.zone.DayIndex(scope_.as_of - 1);
  if (scope_.as_of == kNoAsOf && !buyers_.empty()) {
    end_day = std::max_element(buyers_.begin(), buyers_.end(), [](const Buyer& a, const Buyer& b) {
                return a.last_day < b.last_day;
              })->last_day;
  }
  const auto spend_of = [](const Buyer& buyer) {
    const int64_t repeats = buyer.days - 1;
    const double mean =
        repeats == 0 ? 0 : static_cast<double>(buyer.repeat_micros) / kMicrosPerUnit / static_cast<double>(repeats);
    return forecast::Spend{repeats, mean};
  };

  std::vector<forecast::Summary> summaries;
  std::vector<forecast::Spend> spends;
  for (const Buyer& buyer : buyers_) {
    summaries.push_back(forecast::SummaryOfDays(buyer.days, buyer.first_day, buyer.last_day, end_day));
    if (buyer.days > 1) spends.push_back(spend_of(buyer));
  }
  const auto purchases = forecast::FitBgNbd(summaries);
  if (std::string why = WhyNot(purchases, "BG/NBD"); !why.empty()) return NotPossible(why);
  const auto values = forecast::FitGammaGamma(spends);
  if (std::string why = WhyNot(values, "Gamma-Gamma"); !why.empty()) return NotPossible(why);

  const auto forecasts = forecast::ForecastEach(purchases->parameters, summaries, kOutlookDays / kDaysPerWeek);
  if (!forecasts.ok()) return NotPossible(fmt::format("BG/NBD: {}", MessageOf(forecasts.status())));
  Outlook out;
  out.expected_micros.resize(buyers_.size());
  for (size_t i = 0; i < buyers_.size(); ++i) {
    // The model knows no purchase of nothing: an account whose repeat purchases came to that brings nothing.
    if (buyers_[i].days > 1 && buyers_[i].repeat_micros <= 0) continue;
    const auto spend = forecast::ExpectedSpend(values->parameters, spend_of(buyers_[i]));
    if (!spend.ok()) return NotPossible(fmt::format("Gamma-Gamma: {}", MessageOf(spend.status())));
    out.expected_micros[i] = std::max(0.0, (*forecasts)[i].expected * *spend * kMicrosPerUnit);
  }
  out.possible = true;
  out.basis = fmt::format(
      "expected revenue of the {} days from the day after {}, by BG/NBD fitted to {} accounts and Gamma-Gamma to {} of "
      "them",
      kOutlookDays, FormatPeriod(end_day, CalendarUnit::kDay), purchases->customers, values->customers);
  return out;
}

}  // namespace keyledger::projections::portfolio
