// The tiers of a program. See program_check.h.
#include <set>

#include <fmt/format.h>

#include "server/domain/compiled_rules.h"
#include "server/domain/program_rule_check.h"

namespace keyledger::domain {
namespace {

using programs::v1::Program;
using programs::v1::Tier;
using programs::v1::TierLadder;

class TiersCheck : private ProgramRuleCheck {
 public:
  explicit TiersCheck(std::vector<ProgramMistake>& mistakes) : ProgramRuleCheck(mistakes) {}

  void Run(const Program& program) {
    if (program.has_tier_ladder()) CheckLadder(program.tier_ladder());
  }

 private:
  static bool RanksAccounts(const programs::v1::Rule& rule) {
    for (const auto& alternative : rule.any_of()) {
      for (const auto& condition : alternative.all_of()) {
        switch (condition.cut_case()) {
          case programs::v1::Condition::kTopCount:
          case programs::v1::Condition::kTopPercentMilli:
          case programs::v1::Condition::kCoveringPercentMilli:
            return true;
          default:
            break;
        }
      }
    }
    return false;
  }

  static bool RanksAccounts(const TierLadder& ladder) {
    for (const Tier& tier : ladder.tiers()) {
      if (RanksAccounts(tier.entrance_rule()) || RanksAccounts(tier.maintenance_rule())) return true;
    }
    return false;
  }

  void CheckLadder(const TierLadder& ladder) {
    CheckId("tier_ladder.ladder_id", ladder.ladder_id());
    RuleContext context;
    context.metric = ladder.metric();
    context.window = ladder.has_window() ? &ladder.window() : nullptr;
    context.review_period = ladder.review_period();
    context.review_membership_year = ladder.review_membership_year();
    context.only_at_reviews = ladder.upgrade() == programs::v1::UPGRADE_AT_REVIEW;
    context.may_rank =
        ladder.review_case() == TierLadder::kReviewPeriod || ladder.review_case() == TierLadder::kReviewDate;
    CheckMetric(ladder, context);
    CheckReview(ladder);
    if (!programs::v1::Upgrade_IsValid(ladder.upgrade())) Add("tier_ladder.upgrade", "is no way to rise");
    if (!programs::v1::Downgrade_IsValid(ladder.downgrade())) Add("tier_ladder.downgrade", "is no way to fall");
    CheckRange("tier_ladder.grace_days", ladder.grace_days(), 0, 366, "days");
    if (ladder.grace_days() > 0 && RanksAccounts(ladder)) {
      Add("tier_ladder.grace_days", "must be 0 where accounts are ranked: their places are known at reviews only");
    }
    CheckRange("tier_ladder.tiers", ladder.tiers_size(), 1, kTiersMax, "tiers");
    std::set<std::string> ids;
    for (int i = 0; i < ladder.tiers_size(); ++i) {
      const std::string path = fmt::format("tier_ladder.tiers[{}]", i);
      CheckTier(path, ladder.tiers(i));
      CheckDistinct(path + ".tier_id", ladder.tiers(i).tier_id(), ids);
      if (i == 0) {
        CheckFirst(path, ladder.tiers(0));
      } else {
        CheckRules(path, ladder.tiers(i), context);
      }
    }
  }

  // The metric of the ladder itself, which entrance and maintenance speak of.
  void CheckMetric(const TierLadder& ladder, const RuleContext& context) {
    bool is_needed = false;
    for (int i = 1; i < ladder.tiers_size(); ++i) {
      const Tier& tier = ladder.tiers(i);
      is_needed = is_needed || tier.entered_case() == Tier::kEntrance || tier.kept_case() == Tier::kMaintenance;
    }
    if (ladder.metric() == events::v1::METRIC_UNSPECIFIED) {
      if (is_needed) Add("tier_ladder.metric", "is required: entrance and maintenance speak of it");
    } else if (!events::v1::Metric_IsValid(ladder.metric())) {
      Add("tier_ladder.metric", "is no metric");
    } else if (NamesFact(ladder.metric())) {
      Add("tier_ladder.metric",
          fmt::format("cannot be {}; name it in entrance_rule, with its fact_key", MetricName(ladder.metric())));
    } else if (HasWindow(ladder.metric()) && !ladder.has_window()) {
      Add("tier_ladder.window", fmt::format("is required for {}", MetricName(ladder.metric())));
    }
    if (ladder.has_window()) CheckWindow("tier_ladder.window", ladder.window(), context);
  }

  void CheckReview(const TierLadder& ladder) {
    switch (ladder.review_case()) {
      case TierLadder::kReviewPeriod:
        CheckPeriod("tier_ladder.review_period", ladder.review_period());
        return;
      case TierLadder::kReviewTierMonths:
        return CheckRange("tier_ladder.review_tier_months", ladder.review_tier_months(), 1, 36, "months");
      case TierLadder::kReviewMembershipYear:
        if (!ladder.review_membership_year()) Add("tier_ladder.review_membership_year", "must be true");
        return;
      case TierLadder::kReviewDate:
        CheckRange("tier_ladder.review_date.month", ladder.review_date().month(), 1, 12, "");
        return CheckRange("tier_ladder.review_date.day", ladder.review_date().day(), 1, 31, "");
      case TierLadder::REVIEW_NOT_SET:
        return Add("tier_ladder",
                   "needs a review: review_period, review_tier_months, review_membership_year or review_date");
    }
  }

  void CheckTier(const std::string& path, const Tier& tier) {
    CheckId(path + ".tier_id", tier.tier_id());
    CheckText(path + ".display_name", tier.display_name(), 256);
    if (tier.has_multiplier_milli()) {
      CheckRange(path + ".multiplier_milli", tier.multiplier_milli(), 0, 100'000, "thousandths");
    }
    CheckRange(path + ".benefits", tier.benefits_size(), 0, kBenefitsMax, "entries");
    for (int i = 0; i < tier.benefits_size(); ++i)
      CheckText(fmt::format("{}.benefits[{}]", path, i), tier.benefits(i), 256);
  }

  // Everyone's.
  void CheckFirst(const std::string& path, const Tier& tier) {
    if (tier.entrance() != 0)
      Add(path + ".entrance", "must be 0 or absent for the first tier, which everyone may hold");
    if (tier.has_entrance_rule()) Add(path + ".entrance_rule", "is not for the first tier, which everyone may hold");
    if (tier.kept_case() == Tier::kMaintenance) Add(path + ".maintenance", "is not for the first tier");
    if (tier.kept_case() == Tier::kMaintenanceRule) Add(path + ".maintenance_rule", "is not for the first tier");
  }

  void CheckRules(const std::string& path, const Tier& tier, const RuleContext& context) {
    switch (tier.entered_case()) {
      case Tier::kEntrance:
        CheckRange(path + ".entrance", tier.entrance(), 0, kMoneyMicrosMax, "");
        break;
      case Tier::kEntranceRule:
        CheckRule(path + ".entrance_rule", tier.entrance_rule(), context);
        break;
      case Tier::ENTERED_NOT_SET:
        Add(path, "needs entrance or entrance_rule");
        break;
    }
    switch (tier.kept_case()) {
      case Tier::kMaintenance:
        CheckRange(path + ".maintenance", tier.maintenance(), 0, kMoneyMicrosMax, "");
        if (tier.entered_case() == Tier::kEntrance && tier.maintenance() > tier.entrance()) {
          Add(path + ".maintenance", "must not be more than entrance");
        }
        break;
      case Tier::kMaintenanceRule: {
        // Judged at reviews only, however accounts rise.
        RuleContext at_review = context;
        at_review.only_at_reviews = true;
        CheckRule(path + ".maintenance_rule", tier.maintenance_rule(), at_review);
        break;
      }
      case Tier::KEPT_NOT_SET:
        break;
    }
  }
};

}  // namespace

void CheckTiers(const Program& program, std::vector<ProgramMistake>& mistakes) { TiersCheck(mistakes).Run(program); }

}  // namespace keyledger::domain
