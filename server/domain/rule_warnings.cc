// See rule_warnings.h; what is told of lifecycles: program_warnings_stages.cc.
#include "server/domain/rule_warnings.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "server/domain/program_rule_check.h"

namespace keyledger::domain {
namespace {

using programs::v1::Condition;
using programs::v1::Rule;

// Everything of the condition but its cut.
std::string SubjectOf(const Condition& condition) {
  Condition subject = condition;
  subject.clear_cut();
  return subject.SerializeAsString();
}

bool IsNeverNegative(events::v1::Metric metric) {
  switch (metric) {
    case events::v1::METRIC_GROSS_SPEND:
    case events::v1::METRIC_GROSS_UNITS:
    case events::v1::METRIC_PURCHASE_COUNT:
    case events::v1::METRIC_TENURE_DAYS:
    case events::v1::METRIC_DAYS_SINCE_LAST_PURCHASE:
    case events::v1::METRIC_OWNER_COUNT:
      return true;
    default:
      return false;
  }
}

using Conditions = std::vector<ComparableRule::Condition>;

bool Implies(const Conditions& strong, const Conditions& weak) {
  return std::all_of(weak.begin(), weak.end(), [&](const ComparableRule::Condition& asked) {
    return std::any_of(strong.begin(), strong.end(), [&](const ComparableRule::Condition& given) {
      return given.subject == asked.subject && given.at_most == asked.at_most &&
             (asked.at_most ? given.cut <= asked.cut : given.cut >= asked.cut);
    });
  });
}

}  // namespace

void WarnOfRule(const std::string& path, const Rule& rule, events::v1::Metric default_metric,
                std::vector<ProgramMistake>& warnings) {
  for (int i = 0; i < rule.any_of_size(); ++i) {
    // By what is measured: the most that is asked at least.
    std::map<std::string, int64_t> least;
    const auto& conditions = rule.any_of(i).all_of();
    for (const Condition& condition : conditions) {
      if (condition.cut_case() != Condition::kAtLeast) continue;
      const auto [known, is_new] = least.try_emplace(SubjectOf(condition), condition.at_least());
      known->second = std::max(known->second, condition.at_least());
    }
    for (int j = 0; j < conditions.size(); ++j) {
      const Condition& condition = conditions[j];
      if (condition.cut_case() != Condition::kAtMost) continue;
      const std::string at = fmt::format("{}.any_of[{}].all_of[{}].at_most", path, i, j);
      const auto metric = condition.metric() == events::v1::METRIC_UNSPECIFIED ? default_metric : condition.metric();
      if (const auto known = least.find(SubjectOf(condition));
          known != least.end() && known->second > condition.at_most()) {
        warnings.emplace_back(at, fmt::format("never holds together with at_least {} of the same", known->second));
      } else if (condition.at_most() < 0 && IsNeverNegative(metric) && !condition.growth()) {
        warnings.emplace_back(at, fmt::format("never holds: {} is never negative", MetricName(metric)));
      }
    }
  }
}

ComparableRule MakeComparable(const Rule& rule, SubjectNumbers& subjects) {
  ComparableRule comparable;
  for (const auto& alternative : rule.any_of()) {
    Conditions& conditions = comparable.any_of.emplace_back();
    for (const Condition& condition : alternative.all_of()) {
      const auto subject = subjects.try_emplace(SubjectOf(condition), static_cast<int>(subjects.size())).first;
      const bool at_most = condition.cut_case() == Condition::kAtMost;
      conditions.push_back({subject->second, at_most, at_most ? condition.at_most() : condition.at_least()});
    }
  }
  return comparable;
}

bool Implies(const ComparableRule& strong, const ComparableRule& weak) {
  return std::all_of(strong.any_of.begin(), strong.any_of.end(), [&](const Conditions& given) {
    return std::any_of(weak.any_of.begin(), weak.any_of.end(),
                       [&](const Conditions& asked) { return Implies(given, asked); });
  });
}

}  // namespace keyledger::domain
