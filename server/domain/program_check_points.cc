// The points of a program: rules, what they match, expiry and returns. See program_check.h.
#include <set>

#include <fmt/format.h>

#include "server/base/ids.h"
#include "server/domain/program_part_check.h"

namespace keyledger::domain {
namespace {

using programs::v1::AccrualRule;
using programs::v1::Program;

class PointsCheck : private ProgramPartCheck {
 public:
  explicit PointsCheck(std::vector<ProgramMistake>& mistakes) : ProgramPartCheck(mistakes) {}

  void Run(const Program& program) {
    CheckRange("accrual_rules", program.accrual_rules_size(), 0, kAccrualRulesMax, "rules");
    std::set<std::string> ids;
    for (int i = 0; i < program.accrual_rules_size(); ++i) {
      const std::string path = fmt::format("accrual_rules[{}]", i);
      CheckRule(path, program.accrual_rules(i));
      CheckDistinct(path + ".rule_id", program.accrual_rules(i).rule_id(), ids);
    }
    if (!programs::v1::ReturnPolicy_IsValid(program.return_policy())) Add("return_policy", "is no return policy");
    if (program.has_redemption_policy()) CheckRedemption(program.redemption_policy());
    const programs::v1::ReservationPolicy& holds = program.reservation_policy();
    if (holds.has_max_hold_hours()) {
      CheckRange("reservation_policy.max_hold_hours", holds.max_hold_hours(), 1, 8760, "hours");
    }
    if (holds.has_max_open()) CheckRange("reservation_policy.max_open", holds.max_open(), 1, 1000, "reservations");
    if (program.has_transfer_policy()) CheckTransfers(program.transfer_policy());
    if (!program.has_max_debt_points()) return;
    CheckRange("max_debt_points", program.max_debt_points(), 1, kPointsMax, "points");
    if (program.return_policy() != programs::v1::RETURN_POLICY_NEGATIVE_ALLOWED) {
      Add("max_debt_points", "is for return_policy negative_allowed only");
    }
  }

 private:
  void CheckEntries(const std::string& path, const google::protobuf::RepeatedPtrField<std::string>& entries,
                    bool regions) {
    CheckRange(path, entries.size(), 0, kMatchEntriesMax, "entries");
    for (int i = 0; i < entries.size(); ++i) {
      const std::string& entry = entries.Get(i);
      const std::string at = fmt::format("{}[{}]", path, i);
      if (entry.empty()) {
        Add(at, "must not be empty; leave the whole list out to match everything");
      } else if (regions && !IsRegionPath(entry)) {
        Add(at, "must be up to 8 non-empty segments separated by \"/\", 128 bytes at most");
      } else if (!regions) {
        CheckText(at, entry, 64);
      }
    }
  }

  void CheckRule(const std::string& path, const AccrualRule& rule) {
    CheckId(path + ".rule_id", rule.rule_id());
    CheckEntries(path + ".match.categories", rule.match().categories(), false);
    CheckEntries(path + ".match.skus", rule.match().skus(), false);
    CheckEntries(path + ".match.merchants", rule.match().merchants(), false);
    CheckEntries(path + ".match.regions", rule.match().regions(), true);
    CheckSaleModes(path + ".match.sale_modes", rule.match().sale_modes());
    CheckWindows(path + ".match.time_windows", rule.match().time_windows());
    switch (rule.rate_case()) {
      case AccrualRule::kPerMoney:
        CheckRange(path + ".per_money.points", rule.per_money().points(), 1, 1'000'000, "points");
        CheckRange(path + ".per_money.per_micros", rule.per_money().per_micros(), 1, 1'000'000'000'000, "micros");
        break;
      case AccrualRule::kPerUnit:
        CheckRange(path + ".per_unit.points", rule.per_unit().points(), 1, 1'000'000, "points");
        CheckRange(path + ".per_unit.per_units", rule.per_unit().per_units(), 1, 1'000'000, "units");
        break;
      case AccrualRule::RATE_NOT_SET:
        Add(path, "needs a rate: per_money or per_unit");
        break;
    }
    if (!programs::v1::Rounding_IsValid(rule.rounding())) Add(path + ".rounding", "is no way of rounding");
    CheckRange(path + ".pending_days", rule.pending_days(), 0, 3650, "days");
    if (rule.has_expiry()) CheckExpiry(path + ".expiry", rule.expiry());
    if (rule.has_max_points_per_event()) {
      CheckRange(path + ".max_points_per_event", rule.max_points_per_event(), 1, kPointsMax, "points");
    }
    if (rule.has_max_per_period()) CheckPointsPerPeriod(path + ".max_per_period", rule.max_per_period());
    CheckSpan(path, "effective_from", rule.has_effective_from() ? &rule.effective_from() : nullptr, "effective_to",
              rule.has_effective_to() ? &rule.effective_to() : nullptr);
  }

  void CheckSaleModes(const std::string& path, const google::protobuf::RepeatedField<int>& modes) {
    CheckRange(path, modes.size(), 0, kMatchEntriesMax, "entries");
    for (int i = 0; i < modes.size(); ++i) {
      if (modes[i] == events::v1::SALE_MODE_UNSPECIFIED || !events::v1::SaleMode_IsValid(modes[i])) {
        Add(fmt::format("{}[{}]", path, i), "is no sale mode");
      }
    }
  }

  void CheckPointsPerPeriod(const std::string& path, const programs::v1::PointsPerPeriod& maximum) {
    CheckRange(path + ".points", maximum.points(), 1, kPointsMax, "points");
    CheckPeriod(path + ".period", maximum.period());
  }

  void CheckRedemption(const programs::v1::RedemptionPolicy& policy) {
    const std::string path = "redemption_policy";
    CheckWindows(path + ".windows", policy.windows());
    if (policy.has_min_points()) CheckRange(path + ".min_points", policy.min_points(), 1, kPointsMax, "points");
    if (policy.has_max_points()) CheckRange(path + ".max_points", policy.max_points(), 1, kPointsMax, "points");
    if (policy.has_min_points() && policy.has_max_points() && policy.max_points() < policy.min_points()) {
      Add(path + ".max_points", "must not be less than min_points");
    }
    if (policy.has_max_times()) {
      CheckRange(path + ".max_times.times", policy.max_times().times(), 1, 1'000'000, "times");
      CheckPeriod(path + ".max_times.period", policy.max_times().period());
    }
    if (!policy.has_max_points_per_period()) return;
    CheckPointsPerPeriod(path + ".max_points_per_period", policy.max_points_per_period());
    if (policy.has_min_points() && policy.max_points_per_period().points() < policy.min_points()) {
      Add(path + ".max_points_per_period.points", "must not be less than min_points");
    }
  }

  void CheckTransfers(const programs::v1::TransferPolicy& policy) {
    const std::string path = "transfer_policy";
    if (policy.has_min_points()) CheckRange(path + ".min_points", policy.min_points(), 1, kPointsMax, "points");
    if (policy.has_max_points()) CheckRange(path + ".max_points", policy.max_points(), 1, kPointsMax, "points");
    if (policy.has_min_points() && policy.has_max_points() && policy.max_points() < policy.min_points()) {
      Add(path + ".max_points", "must not be less than min_points");
    }
    if (policy.has_max_points_per_period()) {
      CheckPointsPerPeriod(path + ".max_points_per_period", policy.max_points_per_period());
      if (policy.has_min_points() && policy.max_points_per_period().points() < policy.min_points()) {
        Add(path + ".max_points_per_period.points", "must not be less than min_points");
      }
    }
    if (policy.has_max_open()) CheckRange(path + ".max_open", policy.max_open(), 1, 1000, "transfers");
  }

  void CheckExpiry(const std::string& path, const programs::v1::Expiry& expiry) {
    switch (expiry.model_case()) {
      case programs::v1::Expiry::kAfterMonths:
        CheckRange(path + ".after_months", expiry.after_months(), 1, 600, "months");
        break;
      case programs::v1::Expiry::kAfterDays:
        CheckRange(path + ".after_days", expiry.after_days(), 1, 36500, "days");
        break;
      case programs::v1::Expiry::kInactivityDays:
        CheckRange(path + ".inactivity_days", expiry.inactivity_days(), 1, 36500, "days");
        break;
      case programs::v1::Expiry::kEndOfPeriod:
        CheckPeriod(path + ".end_of_period", expiry.end_of_period());
        break;
      case programs::v1::Expiry::MODEL_NOT_SET:
        Add(path,
            "needs after_months, after_days, inactivity_days or end_of_period; leave expiry out for points that never "
            "expire");
        break;
    }
    const bool may_round = expiry.model_case() == programs::v1::Expiry::kAfterMonths ||
                           expiry.model_case() == programs::v1::Expiry::kAfterDays;
    if (!may_round && expiry.round_up_to() != programs::v1::PERIOD_UNIT_UNSPECIFIED) {
      Add(path + ".round_up_to", "is for after_months and after_days only");
    }
    if (!programs::v1::PeriodUnit_IsValid(expiry.round_up_to())) Add(path + ".round_up_to", "is no period");
  }
};

}  // namespace

void CheckPoints(const Program& program, std::vector<ProgramMistake>& mistakes) { PointsCheck(mistakes).Run(program); }

}  // namespace keyledger::domain
