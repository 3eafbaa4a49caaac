// See limits.h.
#include "server/domain/limits.h"

#include <algorithm>
#include <limits>
#include <map>

#include <fmt/format.h>

#include "server/base/checked.h"
#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/domain/accrual.h"
#include "server/domain/fold.h"
#include "server/domain/program_fields.h"
#include "server/domain/proto_time.h"
#include "server/domain/redemption.h"
#include "server/domain/standing.h"

namespace keyledger::domain {
namespace {

using events::v1::ComplianceFlagged;
using programs::v1::DiscountAuthorities;
using programs::v1::Limit;
using programs::v1::MarketPriceLimit;

constexpr int64_t kWholePercent = 100'000;

// "12.5 %".
std::string PercentText(int64_t milli) {
  std::string text = fmt::format("{}.{:03}", milli / 1000, milli % 1000);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text + " %";
}

// "12.50 USD".
std::string MoneyText(int64_t micros, std::string_view currency) {
  std::string text = fmt::format("{}.{:06}", micros / kMicrosPerSecond, micros % kMicrosPerSecond);
  while (text.back() == '0' && text[text.size() - 3] != '.') text.pop_back();
  return fmt::format("{} {}", text, currency);
}

std::string RuleOf(const Limit& limit) { return "limits." + limit.limit_id(); }

// The account holds, before the fact, one of the tiers that the limit is for.
bool IsFor(const LimitContext& context, const Limit& limit) {
  if (limit.tier_ids().empty()) return true;
  const auto& ladder = context.program.program().tier_ladder();
  const auto held = FindHeldTier(ladder, context.state.tier);
  if (!held.has_value()) return false;
  const std::string& tier_id = ladder.tiers(held->index).tier_id();
  return std::find(limit.tier_ids().begin(), limit.tier_ids().end(), tier_id) != limit.tier_ids().end();
}

// How far a fact went beyond one maximum of a limit.
struct Breach {
  events::v1::LimitMeasure measure = events::v1::LIMIT_MEASURE_UNSPECIFIED;
  int64_t threshold = 0;
  // What was held against the threshold.
  int64_t value = 0;
  // What the fact by itself asked for.
  int64_t requested = 0;
  // What is wrong, for a person.
  std::string what;
};

absl::Status Refusal(const LimitContext& context, const Limit& limit, const Breach& breach) {
  const auto& program = context.program.program();
  const std::string name = fmt::format("{} version {}", program.program_id(), program.version());
  absl::Status status =
      MakeError(Reason::kLimitExceeded, fmt::format("{} ({} of program {})", breach.what, RuleOf(limit), name));
  AddMetadata(status, "rule", RuleOf(limit));
  AddMetadata(status, "program", name);
  AddMetadata(status, "limit", std::to_string(breach.threshold));
  AddMetadata(status, "requested", std::to_string(breach.requested));
  return status;
}

bool Refuses(const Limit& limit) { return limit.on_breach() != programs::v1::ON_BREACH_FLAG; }

ComplianceFlagged& AddFlag(const Limit& limit, const Breach& breach, ComplianceFlags* flags) {
  ComplianceFlagged& flag = flags->emplace_back();
  flag.set_limit_id(limit.limit_id());
  flag.set_measure(breach.measure);
  flag.set_value(breach.value);
  flag.set_threshold(breach.threshold);
  return flag;
}

int64_t AuthorityOf(const DiscountAuthorities& authorities, std::string_view role) {
  for (const auto& authority : authorities.authorities()) {
    if (authority.role() == role) return authority.max_percent_milli();
  }
  return 0;
}

std::string RolesThatMay(const DiscountAuthorities& authorities, int64_t percent_milli) {
  std::string roles;
  for (const auto& authority : authorities.authorities()) {
    if (authority.max_percent_milli() < percent_milli) continue;
    roles += (roles.empty() ? "" : ", ") + authority.role();
  }
  return roles;
}

// What an allowance says of so often or so much, for a person.
struct AllowanceWords {
  // "be given", "been given".
  const char* may;
  const char* has;
};

AllowanceWords WordsOf(const Limit& limit) {
  if (limit.has_interactions()) return {"be approached", "been approached"};
  return {"be given", "been given"};
}

bool IsPerContact(const programs::v1::Allowance& allowance) {
  return allowance.scope() == programs::v1::ALLOWANCE_SCOPE_CONTACT;
}

// An allowance held against what was given. `contact_id`: of a limit per contact. `counted`: before it.
std::vector<Breach> BreachesOf(const LimitContext& context, const Limit& limit,
                               const programs::v1::Allowance& allowance, const Given& given,
                               std::string_view contact_id, const events::v1::LimitCount& counted) {
  std::vector<Breach> breaches;
  const std::string& currency = context.program.program().currency_code();
  const char* const period = PeriodName(allowance.period());
  const AllowanceWords words = WordsOf(limit);
  const std::string whose =
      IsPerContact(allowance) ? fmt::format("contact '{}'", contact_id) : std::string("the account");
  if (allowance.has_max_times() && counted.times_before() >= allowance.max_times()) {
    breaches.push_back({events::v1::LIMIT_MEASURE_TIMES, allowance.max_times(), counted.times_before() + 1, 1,
                        fmt::format("{} may {} {} times in a {}, and has been {}", whose, words.may,
                                    allowance.max_times(), period, counted.times_before())});
  }
  if (!allowance.has_max_micros()) return breaches;
  if (given.money.currency_code() != currency) {
    breaches.push_back({events::v1::LIMIT_MEASURE_CURRENCY, allowance.max_micros(), 0, given.money.micros(),
                        fmt::format("{} cannot be held against a limit in {}; give the value in that",
                                    given.money.currency_code(), currency)});
    return breaches;
  }
  const int64_t sum = CheckedAdd(counted.micros_before(), given.money.micros()).value_or(kNever);
  if (sum > allowance.max_micros()) {
    breaches.push_back(
        {events::v1::LIMIT_MEASURE_MICROS, allowance.max_micros(), sum, given.money.micros(),
         fmt::format("{} may {} {} in a {}, has {} {}, and {} more goes beyond", whose, words.may,
                     MoneyText(allowance.max_micros(), currency), period, words.has,
                     MoneyText(counted.micros_before(), currency), MoneyText(given.money.micros(), currency))});
  }
  return breaches;
}

absl::Status RefuseAllowance(const LimitContext& context, const Limit& limit, const programs::v1::Allowance& allowance,
                             const events::v1::LimitCount& counted, const Breach& breach) {
  const Micros next = context.program.zone().PeriodStart(context.occurred, CalendarUnitOf(allowance.period()), 1);
  Breach dated = breach;
  dated.what += fmt::format("; the next {} begins {}", PeriodName(allowance.period()), FormatMicros(next));
  if (breach.measure == events::v1::LIMIT_MEASURE_CURRENCY) dated = breach;
  absl::Status status = Refusal(context, limit, dated);
  const bool is_times = breach.measure == events::v1::LIMIT_MEASURE_TIMES;
  AddMetadata(status, "used", std::to_string(is_times ? counted.times_before() : counted.micros_before()));
  AddMetadata(status, "opens_time", FormatMicros(next));
  return status;
}

bool Names(const programs::v1::Allowance& allowance, std::string_view name) {
  return allowance.names().empty() ||
         std::find(allowance.names().begin(), allowance.names().end(), name) != allowance.names().end();
}

const programs::v1::Allowance& AllowanceIn(const Limit& limit) {
  switch (limit.kind_case()) {
    case Limit::kGifts:
      return limit.gifts();
    case Limit::kCommissions:
      return limit.commissions();
    case Limit::kInteractions:
      return limit.interactions();
    default:
      return limit.services();
  }
}

// `contact_id`: of a limit per contact.
events::v1::LimitCount LimitCountOf(const LimitContext& context, const Limit& limit,
                                    const programs::v1::Allowance& allowance, const Given& given,
                                    std::string_view contact_id) {
  const std::string rule = IsPerContact(allowance) ? fmt::format("{}/{}", RuleOf(limit), contact_id) : RuleOf(limit);
  events::v1::PeriodCount known = CountOf(context.state, context.program, rule, allowance.period(), context.occurred);
  events::v1::LimitCount counted;
  counted.set_counter(std::move(*known.mutable_counter()));
  *counted.mutable_period_start() = known.period_start();
  counted.set_micros_before(known.points_before());
  counted.set_times_before(known.times_before());
  if (given.money.currency_code() == context.program.program().currency_code()) {
    counted.set_micros(given.money.micros());
  }
  return counted;
}

// Holds what was given against one maximum per period, and adds the count. `contact_id`: of a limit per contact.
absl::Status CheckAllowance(const LimitContext& context, const Limit& limit, const Given& given,
                            std::string_view contact_id, LimitCounts* counts, ComplianceFlags* flags) {
  const programs::v1::Allowance& allowance = AllowanceIn(limit);
  events::v1::LimitCount counted = LimitCountOf(context, limit, allowance, given, contact_id);
  if (IsForgotten(context.state, MicrosOf(counted.period_start()))) {
    return MakeError(Reason::kAccountLimit,
                     fmt::format("it occurred three years or more before the account's latest event: what else was "
                                 "given in its period is not kept, so that {} of program {} cannot be judged",
                                 RuleOf(limit), context.program.program().program_id()));
  }
  for (const Breach& breach : BreachesOf(context, limit, allowance, given, contact_id, counted)) {
    if (!Refuses(limit)) {
      *AddFlag(limit, breach, flags).mutable_period_start() = counted.period_start();
      continue;
    }
    absl::Status status = RefuseAllowance(context, limit, allowance, counted, breach);
    if (breach.measure == events::v1::LIMIT_MEASURE_CURRENCY) {
      AddMetadata(status, "currency_code", context.program.program().currency_code());
    }
    return status;
  }
  *counts->Add() = std::move(counted);
  return absl::OkStatus();
}

// Counts that are not too old to be kept: those that are go when the fact is folded.
size_t LiveCounts(const LimitContext& context) {
  const Micros oldest = std::max(context.state.clock, context.occurred) - kMetricHorizonMicros;
  return static_cast<size_t>(std::count_if(context.state.counts.begin(), context.state.counts.end(),
                                           [&](const auto& entry) { return entry.first.second >= oldest; }));
}

// What was observed of an article.
struct MarketAverage {
  Int128 sum = 0;
  int64_t observations = 0;
};

MarketAverage AverageOf(const LimitContext& context, const MarketPriceLimit& limit, const std::string& sku,
                        std::string_view currency, std::string_view region) {
  MarketAverage average;
  const auto known = context.state.market_prices.find(sku);
  if (known == context.state.market_prices.end()) return average;
  const Micros now = std::max(context.state.clock, context.occurred);
  const Micros from = std::max(context.occurred - limit.window_days() * kMicrosPerDay, now - kMarketPriceHorizonMicros);
  auto price = std::lower_bound(known->second.begin(), known->second.end(), from,
                                [](const MarketPrice& entry, Micros wanted) { return entry.occurred < wanted; });
  for (; price != known->second.end() && price->occurred <= context.occurred; ++price) {
    if (price->currency != currency || !RegionContains(price->region, region)) continue;
    average.sum += price->micros;
    average.observations += 1;
  }
  return average;
}

}  // namespace

absl::Status CheckDiscount(const LimitContext& context, const events::v1::DiscountGranted& granted,
                           ComplianceFlags* flags) {
  for (const int index : context.program.limits().discounts) {
    const Limit& limit = context.program.program().limits(index);
    if (!IsFor(context, limit)) continue;
    int64_t authority = AuthorityOf(limit.discounts(), granted.proposer_role());
    for (const auto& approval : granted.approvals()) {
      authority = std::max(authority, AuthorityOf(limit.discounts(), approval.role()));
    }
    if (granted.percent_milli() <= authority) continue;
    Breach breach{events::v1::LIMIT_MEASURE_DISCOUNT_PERCENT_MILLI, authority, granted.percent_milli(),
                  granted.percent_milli(), ""};
    if (!Refuses(limit)) {
      AddFlag(limit, breach, flags);
      continue;
    }
    const std::string roles = RolesThatMay(limit.discounts(), granted.percent_milli());
    breach.what = fmt::format(
        "a discount of {} goes beyond the authority of those who propose and consent, which is {}; {}",
        PercentText(granted.percent_milli()), PercentText(authority),
        roles.empty() ? std::string("no role may grant it") : "it needs the consent of one in the role of " + roles);
    absl::Status status = Refusal(context, limit, breach);
    AddMetadata(status, "approver_roles", roles);
    return status;
  }
  return absl::OkStatus();
}

absl::Status CheckAllowances(const LimitContext& context, const std::vector<int>& limits, const Given& given,
                             LimitCounts* counts, ComplianceFlags* flags) {
  for (const int index : limits) {
    const Limit& limit = context.program.program().limits(index);
    const programs::v1::Allowance& allowance = AllowanceIn(limit);
    if (!Names(allowance, given.name) || !IsFor(context, limit)) continue;
    if (allowance.prohibited()) {
      const Breach breach{events::v1::LIMIT_MEASURE_PROHIBITED, 0, 0, 1, "the program prohibits it"};
      if (Refuses(limit)) return Refusal(context, limit, breach);
      AddFlag(limit, breach, flags);
      continue;
    }
    if (!IsPerContact(allowance)) {
      KL_RETURN_IF_ERROR(CheckAllowance(context, limit, given, "", counts, flags));
      continue;
    }
    if (given.contact_ids.empty()) {
      return FieldError(given.contact_field, fmt::format("is required: {} of program {} is a limit per contact",
                                                         RuleOf(limit), context.program.program().program_id()));
    }
    for (const std::string_view contact_id : given.contact_ids) {
      KL_RETURN_IF_ERROR(CheckAllowance(context, limit, given, contact_id, counts, flags));
    }
  }
  const auto new_counts = static_cast<size_t>(
      std::count_if(counts->begin(), counts->end(), [](const auto& counted) { return counted.times_before() == 0; }));
  if (new_counts > 0 && context.state.counts.size() + new_counts > kCountsMax &&
      LiveCounts(context) + new_counts > kCountsMax) {
    return MakeError(Reason::kAccountLimit,
                     fmt::format("the account would hold more than {} counts of limits per contact and period; they "
                                 "are dropped three years after their period began",
                                 kCountsMax));
  }
  return absl::OkStatus();
}

absl::Status CheckInteractionLimits(const LimitContext& context, const std::string& path,
                                    events::v1::InteractionMade& interaction, ComplianceFlags* flags) {
  // Without a cost it is free, in whatever currency the program counts.
  events::v1::Money cost = interaction.cost();
  if (!interaction.has_cost()) cost.set_currency_code(context.program.program().currency_code());
  const std::string kind = EnumWord(*events::v1::InteractionKind_descriptor()->FindValueByNumber(interaction.kind()));
  const Given given{kind,
                    {interaction.contact_ids().begin(), interaction.contact_ids().end()},
                    cost,
                    path + ".interaction_made.contact_ids"};
  return CheckAllowances(context, context.program.limits().interactions, given, interaction.mutable_counts(), flags);
}

absl::Status CheckMarketPrices(const LimitContext& context, const events::v1::PurchaseRecorded& purchase,
                               std::string_view region, ComplianceFlags* flags) {
  for (const int index : context.program.limits().market_prices) {
    const Limit& limit = context.program.program().limits(index);
    if (!IsFor(context, limit)) continue;
    const MarketPriceLimit& market = limit.market_price();
    const int64_t percent = market.has_max_percent_milli() ? market.max_percent_milli() : kWholePercent;
    const int64_t fewest = market.has_min_observations() ? market.min_observations() : 1;
    // Lines of a purchase are in one currency, so that an article has one average.
    std::map<std::string_view, MarketAverage> averages;
    for (int i = 0; i < purchase.lines_size(); ++i) {
      const auto& line = purchase.lines(i);
      if (line.sku().empty()) continue;
      const std::string& currency = line.amount().currency_code();
      const auto [entry, is_new] = averages.try_emplace(line.sku());
      if (is_new) entry->second = AverageOf(context, market, line.sku(), currency, region);
      const auto& [sum, observations] = entry->second;
      if (observations < fewest) continue;
      // amount / quantity <= sum / observations * percent / whole. The right side is at most 9e15 * 1e3 * 1e6 * 1e9.
      const Int128 paid = static_cast<Int128>(line.amount().micros()) * observations * kWholePercent;
      if (paid <= sum * percent * line.quantity()) continue;
      const auto price = MulDiv(line.amount().micros(), 1, 1, line.quantity(), RoundingMode::kUp);
      Breach breach{events::v1::LIMIT_MEASURE_UNIT_PRICE_MICROS,
                    static_cast<int64_t>(sum * percent / (static_cast<Int128>(observations) * kWholePercent)), *price,
                    *price, ""};
      if (!Refuses(limit)) {
        ComplianceFlagged& flag = AddFlag(limit, breach, flags);
        flag.set_line_number(static_cast<uint32_t>(i + 1));
        flag.set_observations(static_cast<uint32_t>(observations));
        continue;
      }
      breach.what =
          fmt::format("line {} charges {} for a unit of '{}'; by {} prices observed it may be {}", i + 1,
                      MoneyText(*price, currency), line.sku(), observations, MoneyText(breach.threshold, currency));
      absl::Status status = Refusal(context, limit, breach);
      AddMetadata(status, "line_number", std::to_string(i + 1));
      AddMetadata(status, "observations", std::to_string(observations));
      return status;
    }
  }
  return absl::OkStatus();
}

}  // namespace keyledger::domain
