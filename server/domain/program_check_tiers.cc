// The tiers of a program. See program_check.h.
#include <set>

#include <fmt/format.h>

#include "server/domain/program_part_check.h"

namespace keyledger::domain {
namespace {

using programs::v1::Program;
using programs::v1::Tier;
using programs::v1::TierLadder;

class TiersCheck : private ProgramPartCheck {
 public:
  explicit TiersCheck(std::vector<ProgramMistake>& mistakes) : ProgramPartCheck(mistakes) {}

  void Run(const Program& program) {
    if (program.has_tier_ladder()) CheckLadder(program.tier_ladder());
  }

 private:
  void CheckLadder(const TierLadder& ladder) {
    CheckId("tier_ladder.ladder_id", ladder.ladder_id());
    if (ladder.metric() != programs::v1::QUALIFYING_METRIC_NET_SPEND) Add("tier_ladder.metric", "must be net_spend");
    const bool has_review = CheckPeriod("tier_ladder.review_period", ladder.review_period());
    switch (ladder.window().kind_case()) {
      case programs::v1::MetricWindow::kRollingDays:
        CheckRange("tier_ladder.window.rolling_days", ladder.window().rolling_days(), 1, 1096, "days");
        break;
      case programs::v1::MetricWindow::kCalendarPeriod: {
        // Months, quarters and years nest, so one that is not longer divides the other.
        const bool has_window = CheckPeriod("tier_ladder.window.calendar_period", ladder.window().calendar_period());
        if (has_window && has_review && ladder.window().calendar_period() > ladder.review_period()) {
          Add("tier_ladder.window.calendar_period", "must not be longer than review_period");
        }
        break;
      }
      case programs::v1::MetricWindow::KIND_NOT_SET:
        Add("tier_ladder.window", "needs rolling_days or calendar_period");
        break;
    }
    CheckRange("tier_ladder.tiers", ladder.tiers_size(), 1, kTiersMax, "tiers");
    std::set<std::string> ids;
    for (int i = 0; i < ladder.tiers_size(); ++i) {
      const std::string path = fmt::format("tier_ladder.tiers[{}]", i);
      CheckTier(path, ladder.tiers(i), i == 0 ? nullptr : &ladder.tiers(i - 1));
      CheckDistinct(path + ".tier_id", ladder.tiers(i).tier_id(), ids);
    }
  }

  void CheckTier(const std::string& path, const Tier& tier, const Tier* below) {
    CheckId(path + ".tier_id", tier.tier_id());
    CheckText(path + ".display_name", tier.display_name(), 256);
    CheckRange(path + ".entrance_micros", tier.entrance_micros(), 0, kMoneyMicrosMax, "micros");
    if (below == nullptr && tier.entrance_micros() != 0) {
      Add(path + ".entrance_micros", "must be 0 for the first tier, which everyone holds");
    }
    if (below != nullptr && tier.entrance_micros() <= below->entrance_micros()) {
      Add(path + ".entrance_micros", "must be more than that of the tier below");
    }
    if (tier.has_maintenance_micros()) {
      CheckRange(path + ".maintenance_micros", tier.maintenance_micros(), 0, kMoneyMicrosMax, "micros");
      if (tier.maintenance_micros() > tier.entrance_micros()) {
        Add(path + ".maintenance_micros", "must not be more than entrance_micros");
      }
    }
    if (tier.has_multiplier_milli()) {
      CheckRange(path + ".multiplier_milli", tier.multiplier_milli(), 0, 100'000, "thousandths");
    }
    CheckRange(path + ".benefits", tier.benefits_size(), 0, kBenefitsMax, "entries");
    for (int i = 0; i < tier.benefits_size(); ++i)
      CheckText(fmt::format("{}.benefits[{}]", path, i), tier.benefits(i), 256);
  }
};

}  // namespace

void CheckTiers(const Program& program, std::vector<ProgramMistake>& mistakes) { TiersCheck(mistakes).Run(program); }

}  // namespace keyledger::domain
