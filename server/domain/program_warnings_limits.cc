// Limits that another limit makes needless. See program_warnings.h.
#include <algorithm>

#include <fmt/format.h>

#include "server/domain/program_warnings.h"

namespace keyledger::domain {
namespace {

using programs::v1::Allowance;
using programs::v1::Limit;
using programs::v1::Program;
using Names = google::protobuf::RepeatedPtrField<std::string>;

bool Contains(const Names& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Everything that `narrow` names is named by `wide`; no names at all mean everything.
bool Covers(const Names& wide, const Names& narrow) {
  if (wide.empty()) return true;
  return !narrow.empty() &&
         std::all_of(narrow.begin(), narrow.end(), [&](const std::string& name) { return Contains(wide, name); });
}

bool Refuses(const Limit& limit) { return limit.on_breach() != programs::v1::ON_BREACH_FLAG; }

// What goes beyond `loose` goes beyond `strict`: that counts at least as much, and allows no more of it.
bool Implies(const Allowance& strict, const Allowance& loose) {
  if (!Covers(strict.names(), loose.names())) return false;
  if (strict.prohibited()) return true;
  const bool counts_all = strict.scope() != programs::v1::ALLOWANCE_SCOPE_CONTACT || strict.scope() == loose.scope();
  if (loose.prohibited() || strict.period() != loose.period() || !counts_all) return false;
  if (loose.has_max_times() && (!strict.has_max_times() || strict.max_times() > loose.max_times())) return false;
  return !loose.has_max_micros() || (strict.has_max_micros() && strict.max_micros() <= loose.max_micros());
}

int64_t AuthorityOf(const programs::v1::DiscountAuthorities& authorities, const std::string& role) {
  for (const auto& authority : authorities.authorities()) {
    if (authority.role() == role) return authority.max_percent_milli();
  }
  return 0;
}

bool Implies(const programs::v1::DiscountAuthorities& strict, const programs::v1::DiscountAuthorities& loose) {
  return std::all_of(strict.authorities().begin(), strict.authorities().end(), [&](const auto& authority) {
    return authority.max_percent_milli() <= AuthorityOf(loose, authority.role());
  });
}

bool Implies(const programs::v1::MarketPriceLimit& strict, const programs::v1::MarketPriceLimit& loose) {
  const auto fewest = [](const auto& limit) { return limit.has_min_observations() ? limit.min_observations() : 1; };
  const auto percent = [](const auto& limit) {
    return limit.has_max_percent_milli() ? limit.max_percent_milli() : 100'000;
  };
  return strict.window_days() == loose.window_days() && fewest(strict) <= fewest(loose) &&
         percent(strict) <= percent(loose);
}

// True if `strict` always acts when `loose` does, and no less severely.
bool MakesNeedless(const Limit& strict, const Limit& loose) {
  if (strict.kind_case() != loose.kind_case() || (!Refuses(strict) && Refuses(loose))) return false;
  if (!Covers(strict.tier_ids(), loose.tier_ids())) return false;
  switch (strict.kind_case()) {
    case Limit::kDiscounts:
      return Implies(strict.discounts(), loose.discounts());
    case Limit::kGifts:
      return Implies(strict.gifts(), loose.gifts());
    case Limit::kCommissions:
      return Implies(strict.commissions(), loose.commissions());
    case Limit::kServices:
      return Implies(strict.services(), loose.services());
    case Limit::kInteractions:
      return Implies(strict.interactions(), loose.interactions());
    case Limit::kMarketPrice:
      return Implies(strict.market_price(), loose.market_price());
    case Limit::KIND_NOT_SET:
      return false;
  }
  return false;
}

}  // namespace

void FindLimitWarnings(const Program& program, std::vector<ProgramMistake>& warnings) {
  for (int i = 0; i < program.limits_size(); ++i) {
    for (int j = 0; j < program.limits_size(); ++j) {
      // Of two that say the same, the later one is needless.
      if (i == j || !MakesNeedless(program.limits(j), program.limits(i))) continue;
      if (i < j && MakesNeedless(program.limits(i), program.limits(j))) continue;
      warnings.emplace_back(
          fmt::format("limits[{}]", i),
          fmt::format("adds nothing: what goes beyond it goes beyond '{}', too", program.limits(j).limit_id()));
      break;
    }
  }
}

}  // namespace keyledger::domain
