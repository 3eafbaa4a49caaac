#include "projections/pipeline/referral_yields.h"

#include <map>
#include <set>
#include <utility>

#include "server/base/error.h"

namespace keyledger::projections::pipeline {
namespace {

using engagement::EngagementHistory;
using engagement::HistoryRow;

// An account and a name within it, or two accounts.
using Pair = std::pair<std::string, std::string>;

absl::Status SumOutOfRange() {
  return MakeError(Reason::kArithmeticRange, "a sum of money does not fit in 64 bits; narrow the scope");
}

class Referrals {
 public:
  Referrals(const RetentionScope& scope, Micros start) : scope_(scope), start_(start) {}

  // What an account asked to refer others did. `scan` knows which accounts ended in others: the account that a referral
  // names may have.
  void AddReferrer(const EngagementHistory& history, const engagement::EngagementScan& scan) {
    std::set<Pair> converted;
    for (const HistoryRow& row : history.interactions) {
      if (!row.event.has_referral_converted()) continue;
      converted.emplace(history.AccountOf(row.account), row.event.referral_converted().referral_id());
    }
    for (const HistoryRow& row : history.interactions) {
      if (row.times.occurred < start_) continue;
      asked_ += row.event.has_referral_asked() ? 1 : 0;
      if (!row.event.has_referral_given()) continue;
      const events::v1::ReferralGiven& given = row.event.referral_given();
      ReferralSourceRow& source = Of(given.lead_source());
      source.given += 1;
      if (converted.contains({history.AccountOf(row.account), given.referral_id()})) {
        source.converted += 1;
      } else if (!given.account_id().empty()) {
        const std::string_view into = scan.MergedInto(given.account_id());
        const std::string referred = into.empty() ? given.account_id() : std::string(into);
        open_[{referred, history.account_id}].push_back(given.lead_source());
      }
    }
  }

  // How an account came to us, and what it brought.
  absl::Status AddReferred(const AccountHistory& history) {
    if (history.referrals.empty()) return absl::OkStatus();
    // Of accounts that were merged, each may have its own word on it.
    for (const HistoryReferral& recorded : history.referrals) {
      const auto given = open_.find({history.account_id, recorded.referrer_account_id});
      if (given == open_.end()) continue;
      for (const std::string& source : given->second) Of(source).converted += 1;
      open_.erase(given);
    }
    const HistoryReferral& referral = history.referrals.back();
    if (referral.occurred < start_) return absl::OkStatus();
    ReferralSourceRow& source = Of(referral.lead_source);
    source.accounts += 1;
    for (const HistoryCost& cost : history.costs) {
      if (cost.kind != CostKind::kAcquisition) continue;
      if (__builtin_add_overflow(source.cost_micros, cost.micros, &source.cost_micros)) return SumOutOfRange();
    }
    return AddYield(history, source);
  }

  ReferralYields Finish(const std::string& currency_code) && {
    ReferralYields out;
    out.asked = asked_;
    out.currency_code = currency_code;
    for (auto& [name, source] : sources_) {
      if (out.sources.size() == kSourcesMax) break;
      out.sources.push_back(std::move(source));
    }
    return out;
  }

 private:
  ReferralSourceRow& Of(const std::string& lead_source) {
    ReferralSourceRow& row = sources_[lead_source];
    row.lead_source = lead_source;
    return row;
  }

  absl::Status AddYield(const AccountHistory& history, ReferralSourceRow& source) const {
    const std::optional<Micros> first = history.first_purchase();
    if (!first.has_value()) return absl::OkStatus();
    source.buyers += 1;
    constexpr int kMonthsOfAYear = 12;
    size_t year = 0;
    Micros end = scope_.zone.AddMonths(*first, kMonthsOfAYear);
    for (const HistoryTrade& trade : history.trades) {
      while (trade.occurred >= end && year < kYieldYearsMax) {
        year += 1;
        end = scope_.zone.AddMonths(*first, static_cast<int>(year + 1) * kMonthsOfAYear);
      }
      const int64_t revenue = RevenueOf(trade, scope_.basis);
      if (year == kYieldYearsMax || revenue == 0) continue;
      if (source.yield_micros.size() <= year) source.yield_micros.resize(year + 1);
      int64_t& sum = source.yield_micros[year];
      if (__builtin_add_overflow(sum, revenue, &sum)) return SumOutOfRange();
    }
    return absl::OkStatus();
  }

  const RetentionScope& scope_;
  const Micros start_;
  int64_t asked_ = 0;
  std::map<std::string, ReferralSourceRow> sources_;
  // Sources of referrals of an account by another that the referrer's own record does not call converted. Of merged
  // accounts, those that stand for both.
  std::map<Pair, std::vector<std::string>> open_;
};

}  // namespace

absl::StatusOr<ReferralYields> GetReferralYields(const Shards& engagement_shards, const Shards& retention_shards,
                                                 const RetentionScope& scope, Micros start) {
  engagement::EngagementScope referrers;
  referrers.as_of = scope.as_of;
  referrers.known_at = scope.known_at;
  referrers.filter = scope.filter;
  referrers.canceled = scope.canceled;
  engagement::EngagementParts parts;
  parts.interactions = true;
  Referrals referrals(scope, start);
  KL_ASSIGN_OR_RETURN(engagement::EngagementScan given,
                      engagement::EngagementScan::Open(engagement_shards, referrers, parts));
  KL_RETURN_IF_ERROR(given.Walk([&](const EngagementHistory& history) {
    referrals.AddReferrer(history, given);
    return absl::OkStatus();
  }));
  HistoryScan brought(scope);
  KL_RETURN_IF_ERROR(
      brought.Run(retention_shards, [&](const AccountHistory& history) { return referrals.AddReferred(history); }));
  return std::move(referrals).Finish(brought.currency());
}

}  // namespace keyledger::projections::pipeline
