// The check of rules over metrics, which tiers and whatever else judges accounts share. Internal to the room; see
// program_check.h.
#pragma once

#include <string>
#include <vector>

#include "server/domain/program_part_check.h"

namespace keyledger::domain {

// Name of a metric as it is written in YAML: "net_spend".
std::string MetricName(events::v1::Metric metric);

// Threads: thread-compatible.
class ProgramRuleCheck : protected ProgramPartCheck {
 protected:
  // Where a rule stands, and what it may ask for there.
  struct RuleContext {
    // Defaults of a condition; unspecified and null: none.
    events::v1::Metric metric = events::v1::METRIC_UNSPECIFIED;
    const programs::v1::MetricWindow* window = nullptr;
    // When the rule is judged: the period at whose ends it is (unspecified: not so), or the ends of membership years.
    programs::v1::PeriodUnit review_period = programs::v1::PERIOD_UNIT_UNSPECIFIED;
    bool review_membership_year = false;
    // True: only at reviews, when periods are whole.
    bool only_at_reviews = false;
    // True: it is a lifecycle's, which has no other reviews than those at period ends.
    bool of_lifecycle = false;
    // True: accounts may be ranked among each other.
    bool may_rank = false;
  };

  explicit ProgramRuleCheck(std::vector<ProgramMistake>& mistakes) : ProgramPartCheck(mistakes) {}

  void CheckRule(const std::string& path, const programs::v1::Rule& rule, const RuleContext& context);
  void CheckWindow(const std::string& path, const programs::v1::MetricWindow& window, const RuleContext& context);

 private:
  void CheckCondition(const std::string& path, const programs::v1::Condition& condition, const RuleContext& context);
  void CheckSpan(const std::string& path, const programs::v1::Condition& condition,
                 const programs::v1::MetricWindow* window, const RuleContext& context);
  void CheckCut(const std::string& path, const programs::v1::Condition& condition, const RuleContext& context);
};

}  // namespace keyledger::domain
