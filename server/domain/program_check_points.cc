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
  }

  void CheckExpiry(const std::string& path, const programs::v1::Expiry& expiry) {
    switch (expiry.model_case()) {
      case programs::v1::Expiry::kAfterMonths:
        CheckRange(path + ".after_months", expiry.after_months(), 1, 600, "months");
        break;
      case programs::v1::Expiry::kAfterDays:
        CheckRange(path + ".after_days", expiry.after_days(), 1, 36500, "days");
        break;
      case programs::v1::Expiry::MODEL_NOT_SET:
        Add(path, "needs after_months or after_days; leave expiry out for points that never expire");
        break;
    }
    if (!programs::v1::PeriodUnit_IsValid(expiry.round_up_to())) Add(path + ".round_up_to", "is no period");
  }
};

}  // namespace

void CheckPoints(const Program& program, std::vector<ProgramMistake>& mistakes) { PointsCheck(mistakes).Run(program); }

}  // namespace keyledger::domain
