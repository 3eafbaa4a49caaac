// See program_rule_check.h.
#include "server/domain/program_rule_check.h"

#include <limits>

#include <fmt/format.h>

#include "server/domain/compiled_rules.h"
#include "server/domain/ranking.h"

namespace keyledger::domain {
namespace {

using programs::v1::Condition;
using programs::v1::MetricWindow;

constexpr int kAlternativesMax = 10;
constexpr int kConditionsMax = 10;
// A window and the one before it lie within what the ledger keeps of an account's dealings.
constexpr int kGrowthDaysMax = 548;
constexpr int kMonthsMax = 36;

int MonthsOf(programs::v1::PeriodUnit unit) {
  switch (unit) {
    case programs::v1::PERIOD_UNIT_QUARTER:
      return 3;
    case programs::v1::PERIOD_UNIT_YEAR:
      return 12;
    default:
      return 1;
  }
}

}  // namespace

std::string MetricName(events::v1::Metric metric) {
  constexpr std::string_view kPrefix = "METRIC_";
  std::string name = events::v1::Metric_Name(metric).substr(kPrefix.size());
  for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return name;
}

void ProgramRuleCheck::CheckRule(const std::string& path, const programs::v1::Rule& rule, const RuleContext& context) {
  CheckRange(path + ".any_of", rule.any_of_size(), 1, kAlternativesMax, "alternatives");
  for (int i = 0; i < rule.any_of_size(); ++i) {
    const std::string at = fmt::format("{}.any_of[{}].all_of", path, i);
    const auto& conditions = rule.any_of(i).all_of();
    CheckRange(at, conditions.size(), 1, kConditionsMax, "conditions");
    for (int j = 0; j < conditions.size(); ++j) CheckCondition(fmt::format("{}[{}]", at, j), conditions[j], context);
  }
}

void ProgramRuleCheck::CheckWindow(const std::string& path, const MetricWindow& window, const RuleContext& context) {
  switch (window.kind_case()) {
    case MetricWindow::kRollingDays:
      CheckRange(path + ".rolling_days", window.rolling_days(), 1, 1096, "days");
      return;
    case MetricWindow::kCalendarPeriod:
      if (!CheckPeriod(path + ".calendar_period", window.calendar_period())) return;
      // Months, quarters and years nest, so one that is not longer divides the other.
      if (window.calendar_period() > context.review_period) {
        Add(path + ".calendar_period",
            "must not be longer than review_period, which it needs: a review in the middle of a period would measure a "
            "part of it");
      }
      return;
    case MetricWindow::kMembershipYear:
      if (!window.membership_year()) Add(path + ".membership_year", "must be true");
      if (!context.review_membership_year) {
        Add(path + ".membership_year",
            context.of_lifecycle
                ? "is not for lifecycles: at the end of a review_period it would measure a part of a year"
                : "needs review_membership_year: another review would measure a part of a year");
      }
      return;
    case MetricWindow::kLifetime:
      if (!window.lifetime()) Add(path + ".lifetime", "must be true");
      return;
    case MetricWindow::KIND_NOT_SET:
      Add(path, "needs rolling_days, calendar_period, membership_year or lifetime");
      return;
  }
}

void ProgramRuleCheck::CheckCondition(const std::string& path, const Condition& condition, const RuleContext& context) {
  const events::v1::Metric metric =
      condition.metric() == events::v1::METRIC_UNSPECIFIED ? context.metric : condition.metric();
  if (metric == events::v1::METRIC_UNSPECIFIED || !events::v1::Metric_IsValid(metric)) {
    Add(path + ".metric", "is required");
    return CheckCut(path, condition, context);
  }
  if (NamesFact(metric)) {
    CheckId(path + ".fact_key", condition.fact_key());
  } else if (!condition.fact_key().empty()) {
    Add(path + ".fact_key", fmt::format("is for wallet_share_milli and fact, not for {}", MetricName(metric)));
  }
  if (HasWindow(metric)) {
    const MetricWindow* window = condition.has_window() ? &condition.window() : context.window;
    if (window == nullptr) {
      Add(path + ".window", fmt::format("is required for {}", MetricName(metric)));
    } else if (condition.has_window()) {
      CheckWindow(path + ".window", *window, context);
    }
    CheckSpan(path, condition, window, context);
  } else {
    if (condition.has_window()) Add(path + ".window", fmt::format("is not for {}", MetricName(metric)));
    if (condition.growth()) Add(path + ".growth", fmt::format("is not for {}", MetricName(metric)));
    if (condition.in_each_of_last() != 0) {
      Add(path + ".in_each_of_last", fmt::format("is not for {}", MetricName(metric)));
    }
  }
  CheckCut(path, condition, context);
}

void ProgramRuleCheck::CheckSpan(const std::string& path, const Condition& condition, const MetricWindow* window,
                                 const RuleContext& context) {
  constexpr const char* kOnlyAtReviews = "can only be judged when a period is over; set upgrade: at_review";
  if (condition.growth()) {
    if (!context.only_at_reviews) Add(path + ".growth", kOnlyAtReviews);
    if (window != nullptr && window->lifetime()) Add(path + ".growth", "is not for a lifetime: nothing was before it");
    if (window != nullptr && window->rolling_days() > kGrowthDaysMax) {
      Add(path + ".growth", fmt::format("is for at most {} rolling days", kGrowthDaysMax));
    }
  }
  const int64_t periods = condition.in_each_of_last();
  if (periods == 0) return;
  const std::string at = path + ".in_each_of_last";
  CheckRange(at, periods, 2, kMonthsMax, "periods");
  if (!context.only_at_reviews) Add(at, kOnlyAtReviews);
  if (condition.growth()) Add(at, "cannot be given together with growth");
  if (window == nullptr) return;
  if (window->kind_case() != MetricWindow::kCalendarPeriod) {
    Add(at, "needs a window of calendar_period");
  } else if (periods * MonthsOf(window->calendar_period()) > kMonthsMax) {
    Add(at, fmt::format("reaches back {} months, at most {} are kept", periods * MonthsOf(window->calendar_period()),
                        kMonthsMax));
  }
}

void ProgramRuleCheck::CheckCut(const std::string& path, const Condition& condition, const RuleContext& context) {
  const auto check_rank = [&](const std::string& at, uint32_t size, int64_t max) {
    CheckRange(at, size, 1, max, "");
    if (!context.may_rank) {
      Add(at,
          "ranks accounts among each other, which only a tier ladder can whose reviews are at the same moments for "
          "all: "
          "set its review_period or review_date");
    }
  };
  switch (condition.cut_case()) {
    case Condition::kAtLeast:
      return CheckRange(path + ".at_least", condition.at_least(), -kMoneyMicrosMax, kMoneyMicrosMax, "");
    case Condition::kAtMost:
      return CheckRange(path + ".at_most", condition.at_most(), -kMoneyMicrosMax, kMoneyMicrosMax, "");
    case Condition::kTopCount:
      return check_rank(path + ".top_count", condition.top_count(), std::numeric_limits<uint32_t>::max());
    case Condition::kTopPercentMilli:
      return check_rank(path + ".top_percent_milli", condition.top_percent_milli(), kWholeMilli);
    case Condition::kCoveringPercentMilli:
      return check_rank(path + ".covering_percent_milli", condition.covering_percent_milli(), kWholeMilli);
    case Condition::CUT_NOT_SET:
      return Add(path, "needs a cut: at_least, at_most, top_count, top_percent_milli or covering_percent_milli");
  }
}

}  // namespace keyledger::domain
