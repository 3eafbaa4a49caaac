#include "projections/retention/survival_queries.h"

#include <algorithm>

#include <fmt/format.h>

#include "projections/retention/lifetimes.h"
#include "server/base/calendar.h"
#include "server/base/error.h"

namespace keyledger::projections {
namespace {

// Last day observed when waiting for a loss. Requires: there is an account.
int32_t EndForLosses(const Lifetimes& lifetimes) { return lifetimes.scope_end.value_or(lifetimes.last_day); }

// From `first` to `happened`, or without it to `end`.
forecast::SurvivalDay Observe(int32_t first, std::optional<int32_t> happened, int32_t end) {
  forecast::SurvivalDay day;
  day.day = int64_t{happened.value_or(end)} - first;
  (happened.has_value() ? day.events : day.censored) = 1;
  return day;
}

// Makes one entry of those of the same day. Many accounts, few days.
std::vector<forecast::SurvivalDay> ByDay(std::vector<forecast::SurvivalDay> days) {
  std::sort(days.begin(), days.end(), [](const auto& left, const auto& right) { return left.day < right.day; });
  std::vector<forecast::SurvivalDay> merged;
  for (const forecast::SurvivalDay& day : days) {
    if (merged.empty() || merged.back().day != day.day) merged.emplace_back().day = day.day;
    merged.back().events += day.events;
    merged.back().censored += day.censored;
  }
  return merged;
}

// A silence is a loss on its first day and known to be one on its last. So all accounts are observed to the last day
// whose losses are known: whoever bought after it was not lost by then, and who was lost after it was still with us.
absl::StatusOr<forecast::SurvivalCurve> CurveOfLosses(const Lifetimes& lifetimes, int32_t inactive_days) {
  std::vector<forecast::SurvivalDay> days;
  days.reserve(lifetimes.accounts.size());
  for (const Lifetime& account : lifetimes.accounts) {
    const int32_t end = EndForLosses(lifetimes);
    const int32_t observed = end - inactive_days;
    if (account.first > observed) continue;
    std::optional<int32_t> lost = DayOfLoss(account, inactive_days, end);
    if (lost.has_value() && *lost > observed) lost.reset();
    days.push_back(Observe(account.first, lost, observed));
  }
  return forecast::SurvivalCurve::Estimate(ByDay(std::move(days)));
}

absl::StatusOr<forecast::SurvivalCurve> CurveOfSecondPurchases(const Lifetimes& lifetimes) {
  std::vector<forecast::SurvivalDay> days;
  days.reserve(lifetimes.accounts.size());
  const int32_t end = lifetimes.scope_end.value_or(lifetimes.last_purchase_day);
  for (const Lifetime& account : lifetimes.accounts) {
    const bool happened = account.second != Lifetime::kNever;
    days.push_back(Observe(account.first, happened ? std::optional(account.second) : std::nullopt, end));
  }
  return forecast::SurvivalCurve::Estimate(ByDay(std::move(days)));
}

std::vector<TenureBand> EmptyBands(const std::vector<int32_t>& band_days) {
  std::vector<TenureBand> bands(1);
  for (const int32_t days : band_days) {
    bands.back().to_days = days;
    bands.emplace_back().from_days = days;
  }
  return bands;
}

}  // namespace

absl::StatusOr<forecast::SurvivalCurve> GetSurvivalCurve(const std::vector<const store::TableReader*>& shards,
                                                         const RetentionScope& scope, SurvivalEvent event,
                                                         int32_t inactive_days) {
  const bool of_losses = event == SurvivalEvent::kLoss;
  KL_ASSIGN_OR_RETURN(const Lifetimes lifetimes,
                      ReadLifetimes(shards, scope, of_losses ? HistoryParts::kAll : HistoryParts::kTrades));
  KL_ASSIGN_OR_RETURN(forecast::SurvivalCurve curve,
                      of_losses ? CurveOfLosses(lifetimes, inactive_days) : CurveOfSecondPurchases(lifetimes));
  if (curve.points().size() <= kSurvivalPointsMax) return curve;
  return FieldError("scope", fmt::format("the answer has more than {} different days: narrow the scope, for example by "
                                         "scope.accounts or scope.as_of",
                                         kSurvivalPointsMax));
}

absl::StatusOr<TenureTable> GetTenureTable(const std::vector<const store::TableReader*>& shards,
                                           const RetentionScope& scope, int32_t inactive_days,
                                           const std::vector<int32_t>& band_days) {
  KL_ASSIGN_OR_RETURN(const Lifetimes lifetimes, ReadLifetimes(shards, scope, HistoryParts::kAll));
  TenureTable table;
  table.bands = EmptyBands(band_days);
  if (lifetimes.accounts.empty()) return table;
  const int32_t end = EndForLosses(lifetimes);
  const int64_t moment = lifetimes.scope_end.has_value() ? scope.zone.DayIndex(scope.as_of) : int64_t{end} + 1;
  std::vector<int32_t> tenures;
  int64_t sum = 0;
  for (const Lifetime& account : lifetimes.accounts) {
    if (DayOfLoss(account, inactive_days, end).has_value()) continue;
    tenures.push_back(static_cast<int32_t>(moment - account.first));
    sum += tenures.back();
    const auto above = std::upper_bound(band_days.begin(), band_days.end(), tenures.back());
    table.bands[static_cast<size_t>(above - band_days.begin())].accounts += 1;
  }
  table.accounts = static_cast<int64_t>(tenures.size());
  if (!tenures.empty()) {
    const auto middle = tenures.begin() + static_cast<std::ptrdiff_t>((tenures.size() - 1) / 2);
    std::nth_element(tenures.begin(), middle, tenures.end());
    table.median_days = *middle;
    table.mean_days = static_cast<double>(sum) / static_cast<double>(table.accounts);
  }
  KL_ASSIGN_OR_RETURN(const forecast::SurvivalCurve losses, CurveOfLosses(lifetimes, inactive_days));
  if (losses.events() > 0) table.survival_mean_days = losses.MeanUpTo(losses.last_day()).days;
  if (lifetimes.months_retained < lifetimes.months_started) {
    const double started = static_cast<double>(lifetimes.months_started);
    table.geometric_mean_months = started / (started - static_cast<double>(lifetimes.months_retained));
  }
  return table;
}

}  // namespace keyledger::projections
