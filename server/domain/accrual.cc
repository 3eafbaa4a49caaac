// Rules applied to lines; see accrual.h.
#include "server/domain/accrual.h"

#include <algorithm>
#include <numeric>

#include "server/base/check.h"
#include "server/base/checked.h"
#include "server/base/ids.h"
#include "server/domain/account_state.h"
#include "server/domain/proto_time.h"

namespace keyledger::domain {
namespace {

using programs::v1::AccrualRule;

bool Contains(const std::vector<std::string>& sorted, std::string_view value) {
  return sorted.empty() || std::binary_search(sorted.begin(), sorted.end(), value);
}

bool MatchesSale(const CompiledMatch& match, const EarningSale& sale) {
  if (!Contains(match.merchants, sale.merchant)) return false;
  if (!match.sale_modes.empty() &&
      std::find(match.sale_modes.begin(), match.sale_modes.end(), sale.mode) == match.sale_modes.end()) {
    return false;
  }
  return match.regions.empty() ||
         std::any_of(match.regions.begin(), match.regions.end(),
                     [&](const std::string& region) { return RegionContains(region, sale.region); });
}

bool IsInForce(const AccrualRule& rule, Micros occurred) {
  if (rule.has_effective_from() && occurred < MicrosOf(rule.effective_from())) return false;
  return !rule.has_effective_to() || occurred < MicrosOf(rule.effective_to());
}

RoundingMode ModeOf(programs::v1::Rounding rounding) {
  switch (rounding) {
    case programs::v1::ROUNDING_UP:
      return RoundingMode::kUp;
    case programs::v1::ROUNDING_HALF_EVEN:
      return RoundingMode::kHalfEven;
    default:
      return RoundingMode::kDown;
  }
}

// Line and what of it counts.
using Base = std::pair<uint32_t, int64_t>;

void Share(int64_t points, const std::vector<Base>& bases, int64_t sum,
           std::vector<std::pair<uint32_t, int64_t>>& out) {
  std::vector<std::pair<Int128, size_t>> remainders;
  std::vector<int64_t> shares;
  int64_t left = points;
  for (size_t i = 0; i < bases.size(); ++i) {
    const Int128 product = static_cast<Int128>(points) * bases[i].second;
    shares.push_back(static_cast<int64_t>(product / sum));
    remainders.emplace_back(product % sum, i);
    left -= shares.back();
  }
  std::stable_sort(remainders.begin(), remainders.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  for (int64_t i = 0; i < left; ++i) shares[remainders[i].second] += 1;
  for (size_t i = 0; i < bases.size(); ++i) {
    if (shares[i] > 0) out.emplace_back(bases[i].first, shares[i]);
  }
}

// False: a number leaves 64 bits.
bool EarnByRule(const AccrualRule& rule, const CompiledMatch& match, const EarningSale& sale, int64_t multiplier_milli,
                const Allowance& allowance, RoundingMode rounding, Earned& earned) {
  const bool per_money = rule.rate_case() == AccrualRule::kPerMoney;
  std::vector<Base> bases;
  int64_t sum = 0;
  for (const EarningLine& line : sale.lines) {
    if (!Contains(match.categories, line.category) || !Contains(match.skus, line.sku)) continue;
    const int64_t base = per_money ? line.micros : line.quantity;
    const auto next = CheckedAdd(sum, base);
    if (!next.has_value()) return false;
    sum = *next;
    bases.emplace_back(line.line_number, base);
  }
  earned.rule = &rule;
  earned.matched_base = sum;
  earned.multiplier_milli = !rule.has_tier_multiplier() || rule.tier_multiplier() ? multiplier_milli : 1000;
  if (sum == 0) return true;
  const int64_t rate = per_money ? rule.per_money().points() : rule.per_unit().points();
  const int64_t per = per_money ? rule.per_money().per_micros() : rule.per_unit().per_units();
  const auto points = MulDiv(sum, rate, earned.multiplier_milli, static_cast<Int128>(per) * 1000, rounding);
  if (!points.has_value()) return false;
  earned.uncapped = *points;
  earned.points = *points;
  if (rule.has_max_points_per_event()) earned.points = std::min(earned.points, rule.max_points_per_event());
  if (allowance) earned.points = std::min(earned.points, allowance(rule));
  if (earned.points > 0) Share(earned.points, bases, sum, earned.lines);
  return true;
}

}  // namespace

std::optional<std::vector<Earned>> Earn(const CompiledProgram& program, const EarningSale& sale,
                                        int64_t multiplier_milli, const Allowance& allowance,
                                        std::optional<RoundingMode> rounding) {
  std::vector<Earned> all;
  for (int i = 0; i < program.program().accrual_rules_size(); ++i) {
    const AccrualRule& rule = program.program().accrual_rules(i);
    if (!IsInForce(rule, sale.occurred) || !MatchesSale(program.matches()[i], sale)) continue;
    if (!IsOpen(program.matches()[i].windows, program.zone(), sale.occurred)) continue;
    Earned earned;
    const RoundingMode mode = rounding.value_or(ModeOf(rule.rounding()));
    if (!EarnByRule(rule, program.matches()[i], sale, multiplier_milli, allowance, mode, earned)) return std::nullopt;
    if (earned.points > 0) all.push_back(std::move(earned));
  }
  return all;
}

Micros ActivateTime(const CompiledProgram& program, const AccrualRule& rule, Micros occurred) {
  return program.zone().AddDays(occurred, static_cast<int>(rule.pending_days()));
}

Micros ExpireTime(const CompiledProgram& program, const AccrualRule& rule, Micros occurred) {
  if (!rule.has_expiry()) return kNever;
  const programs::v1::Expiry& expiry = rule.expiry();
  if (expiry.model_case() == programs::v1::Expiry::kInactivityDays) return kNever;
  if (expiry.model_case() == programs::v1::Expiry::kEndOfPeriod) {
    return program.zone().PeriodStart(occurred, CalendarUnitOf(expiry.end_of_period()), 1);
  }
  const Micros end = expiry.model_case() == programs::v1::Expiry::kAfterMonths
                         ? program.zone().AddMonths(occurred, static_cast<int>(expiry.after_months()))
                         : program.zone().AddDays(occurred, static_cast<int>(expiry.after_days()));
  if (expiry.round_up_to() == programs::v1::PERIOD_UNIT_UNSPECIFIED) return end;
  return program.zone().PeriodStart(end, CalendarUnitOf(expiry.round_up_to()), 1);
}

CalendarUnit CalendarUnitOf(programs::v1::PeriodUnit unit) {
  switch (unit) {
    case programs::v1::PERIOD_UNIT_MONTH:
      return CalendarUnit::kMonth;
    case programs::v1::PERIOD_UNIT_QUARTER:
      return CalendarUnit::kQuarter;
    default:
      break;
  }
  KL_CHECK(unit == programs::v1::PERIOD_UNIT_YEAR);
  return CalendarUnit::kYear;
}

}  // namespace keyledger::domain
