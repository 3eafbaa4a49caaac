// The rules a program must obey; see program_check.h.
#include "server/domain/program_check.h"

#include <algorithm>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "server/base/calendar.h"
#include "server/base/ids.h"
#include "server/domain/proto_time.h"
#include "server/domain/unknown_fields.h"

namespace keyledger::domain {
namespace {

using programs::v1::AccrualRule;
using programs::v1::Program;
using programs::v1::Tier;
using programs::v1::TierLadder;

// Unknown fields told of; there can be thousands.
constexpr int kUnknownFieldsMax = 8;

class Checker {
 public:
  explicit Checker(const Program& program) : program_(program) {}

  std::vector<ProgramMistake> Run() {
    int unknown = 0;
    FindUnknownFields(program_, FieldPath(""), [&](const FieldPath& path, int number) {
      Add(path.Text(), fmt::format("holds field number {}, which this version does not know", number));
      return ++unknown < kUnknownFieldsMax;
    });
    CheckHead();
    CheckRange("accrual_rules", program_.accrual_rules_size(), 0, kAccrualRulesMax, "rules");
    std::set<std::string> ids;
    for (int i = 0; i < program_.accrual_rules_size(); ++i) {
      const std::string path = fmt::format("accrual_rules[{}]", i);
      CheckRule(path, program_.accrual_rules(i));
      CheckDistinct(path + ".rule_id", program_.accrual_rules(i).rule_id(), ids);
    }
    if (!programs::v1::ReturnPolicy_IsValid(program_.return_policy())) Add("return_policy", "is no return policy");
    if (program_.has_tier_ladder()) CheckLadder(program_.tier_ladder());
    return std::move(mistakes_);
  }

 private:
  void Add(std::string path, std::string message) { mistakes_.emplace_back(std::move(path), std::move(message)); }

  void CheckRange(const std::string& path, int64_t value, int64_t min, int64_t max, const char* unit) {
    if (value < min || value > max) Add(path, fmt::format("must be {} to {} {}, is {}", min, max, unit, value));
  }

  void CheckId(const std::string& path, const std::string& id) {
    if (id.empty()) {
      Add(path, "is required");
    } else if (!IsSnakeId(id)) {
      Add(path, "must be lower snake case, 1 to 64 bytes: [a-z][a-z0-9_]*");
    }
  }

  void CheckDistinct(const std::string& path, const std::string& id, std::set<std::string>& seen) {
    if (!id.empty() && !seen.insert(id).second) Add(path, fmt::format("'{}' is used twice", id));
  }

  void CheckText(const std::string& path, const std::string& text, size_t bytes_max) {
    if (text.size() > bytes_max || !IsUtf8(text))
      Add(path, fmt::format("must be UTF-8 of at most {} bytes", bytes_max));
  }

  void CheckHead() {
    CheckId("program_id", program_.program_id());
    CheckText("display_name", program_.display_name(), 256);
    if (program_.time_zone().empty()) {
      Add("time_zone", "is required");
    } else if (!Zone::Load(program_.time_zone()).has_value()) {
      Add("time_zone",
          fmt::format("'{}' is no time zone this machine knows; use an IANA name such as \"Europe/Berlin\"",
                      program_.time_zone()));
    }
    if (program_.currency_code().empty()) {
      Add("currency_code", "is required");
    } else if (!IsCurrencyCode(program_.currency_code())) {
      Add("currency_code", "must be three capital letters (ISO 4217)");
    }
    if (!program_.has_effective_from()) {
      Add("effective_from", "is required");
    } else if (!IsExactTimestamp(program_.effective_from())) {
      Add("effective_from", "must be from 0001 to 9999, in whole microseconds");
    }
    if (program_.has_effective_to()) CheckEffectiveTo();
    if (!IsRegionPath(program_.region())) {
      Add("region", "must be up to 8 non-empty segments separated by \"/\", 128 bytes at most");
    }
  }

  void CheckEffectiveTo() {
    if (!IsExactTimestamp(program_.effective_to())) {
      Add("effective_to", "must be from 0001 to 9999, in whole microseconds");
    } else if (program_.has_effective_from() && IsExactTimestamp(program_.effective_from()) &&
               MicrosOf(program_.effective_to()) <= MicrosOf(program_.effective_from())) {
      Add("effective_to", "must be after effective_from");
    }
  }

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

  bool CheckPeriod(const std::string& path, programs::v1::PeriodUnit unit) {
    if (unit != programs::v1::PERIOD_UNIT_UNSPECIFIED && programs::v1::PeriodUnit_IsValid(unit)) return true;
    Add(path, "must be month, quarter or year");
    return false;
  }

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

  const Program& program_;
  std::vector<ProgramMistake> mistakes_;
};

}  // namespace

std::vector<ProgramMistake> CheckProgram(const Program& program) { return Checker(program).Run(); }

}  // namespace keyledger::domain
