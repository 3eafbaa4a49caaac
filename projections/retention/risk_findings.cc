// FindRisks. See risk_queries.h.
#include <algorithm>
#include <cmath>
#include <map>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "projections/retention/risk_queries.h"
#include "server/base/checked.h"

namespace keyledger::projections {
namespace {

// Revenue below this share of what it was is falling.
constexpr double kRevenueShare = 0.75;
constexpr int kDetractorMax = 6;
constexpr int kSatisfiedMin = 4;

class Finder {
 public:
  Finder(const AccountHistory& history, const Buyer& buyer, const RetentionScope& scope)
      : history_(history), buyer_(buyer), scope_(scope) {}

  std::vector<RiskFinding> Find(double p_alive, const RiskTerms& terms) && {
    FindSilence(p_alive, terms.alive_below);
    FindFallingRevenue(terms.forecast.horizon_days);
    FindAnswers();
    FindMoves();
    FindOwner();
    FindContracts();
    FindReturns();
    std::stable_sort(findings_.begin(), findings_.end(),
                     [](const RiskFinding& a, const RiskFinding& b) { return a.strength > b.strength; });
    return std::move(findings_);
  }

 private:
  Micros DaysAgo(int64_t days) const { return scope_.zone.AddDays(scope_.as_of, static_cast<int>(-days)); }
  int64_t DaysSince(Micros time) const { return scope_.zone.DayIndex(scope_.as_of - 1) - scope_.zone.DayIndex(time); }

  // "-1,234.50 USD".
  std::string Amount(Int128 micros) const {
    std::string text = fmt::format("{:.2f}", static_cast<double>(micros) / 1e6);
    const size_t digits = text[0] == '-' ? 1 : 0;
    for (size_t at = text.find('.'); at > digits + 3; text.insert(at, ",")) at -= 3;
    return scope_.currency_code.empty() ? text : text + " " + scope_.currency_code;
  }

  void Add(Risk risk, double strength, std::string detail, std::optional<Micros> since = {}) {
    findings_.push_back({risk, std::clamp(strength, 0.0, 1.0), std::move(detail), since});
  }

  void FindSilence(double p_alive, double alive_below) {
    const int64_t silent = DaysSince(*history_.last_purchase());
    const double rhythm =
        buyer_.repeat_days == 0 ? 0 : static_cast<double>(buyer_.last_day - buyer_.first_day) / buyer_.repeat_days;
    const bool breaks_rhythm = buyer_.repeat_days >= kRhythmDays && static_cast<double>(silent) > kLongSilence * rhythm;
    if (!(p_alive < alive_below) && !breaks_rhythm) return;
    Add(Risk::kFallingRecency, 1 - p_alive,
        fmt::format("silent for {} days; it bought every {:.1f} days, and is alive with a probability of {:.3f}",
                    silent, rhythm, p_alive));
  }

  void FindFallingRevenue(int64_t days) {
    const Micros from = DaysAgo(days);
    const Micros before = DaysAgo(2 * days);
    Int128 now = 0;
    Int128 then = 0;
    for (const HistoryTrade& trade : history_.trades) {
      if (trade.occurred >= from) {
        now += RevenueOf(trade, scope_.basis);
      } else if (trade.occurred >= before) {
        then += RevenueOf(trade, scope_.basis);
      }
    }
    const double share = then > 0 ? static_cast<double>(now) / static_cast<double>(then) : 1;
    if (share >= kRevenueShare) return;
    Add(Risk::kFallingRevenue, 1 - share,
        fmt::format("bought for {} in the last {} days, and for {} in the {} days before", Amount(now), days,
                    Amount(then), days));
  }

  void FindAnswers() {
    const Micros since = DaysAgo(kSurveyDays);
    std::optional<RiskFinding> worst;
    for (const auto kind : {events::v1::SURVEY_KIND_RECOMMENDATION, events::v1::SURVEY_KIND_SATISFACTION}) {
      const HistorySurvey* latest = nullptr;
      const HistorySurvey* previous = nullptr;
      for (const HistorySurvey& survey : history_.surveys) {
        if (survey.kind != kind) continue;
        previous = std::exchange(latest, &survey);
      }
      if (latest == nullptr || latest->occurred < since) continue;
      std::optional<RiskFinding> finding = FindingOf(*latest, previous);
      if (finding.has_value() && (!worst.has_value() || finding->strength > worst->strength)) worst = finding;
    }
    if (worst.has_value()) findings_.push_back(*std::move(worst));
  }

  static std::optional<RiskFinding> FindingOf(const HistorySurvey& latest, const HistorySurvey* previous) {
    const bool recommends = latest.kind == events::v1::SURVEY_KIND_RECOMMENDATION;
    const int best = recommends ? 10 : 5;
    const int worst = recommends ? 0 : 1;
    const bool low = recommends ? latest.score <= kDetractorMax : latest.score < kSatisfiedMin;
    const bool fell = previous != nullptr && latest.score < previous->score;
    if (!low && !fell) return std::nullopt;
    std::string detail = fmt::format("answered {} of {} when asked {}", latest.score, best,
                                     recommends ? "whether it would recommend us" : "how satisfied it is");
    if (fell) detail += fmt::format(", after {}", previous->score);
    return RiskFinding{Risk::kSatisfaction, static_cast<double>(best - latest.score) / (best - worst),
                       std::move(detail), latest.occurred};
  }

  void FindMoves() {
    const Micros since = DaysAgo(kHalfYearDays);
    const HistoryMove* worst = nullptr;
    for (const HistoryMove& move : history_.moves) {
      if (move.occurred < since || StrengthOf(move) == 0) continue;
      if (worst == nullptr || StrengthOf(move) >= StrengthOf(*worst)) worst = &move;
    }
    if (worst == nullptr) return;
    const std::string_view what = worst->kind == events::v1::COMPETITOR_MOVE_KIND_WON     ? "won a part of its business"
                                  : worst->kind == events::v1::COMPETITOR_MOVE_KIND_OFFER ? "made it an offer"
                                                                                          : "approached it";
    Add(Risk::kCompetitorMove, StrengthOf(*worst),
        fmt::format("{} {} {} days ago", worst->competitor, what, DaysSince(worst->occurred)), worst->occurred);
  }

  static double StrengthOf(const HistoryMove& move) {
    switch (move.kind) {
      case events::v1::COMPETITOR_MOVE_KIND_WON:
        return 0.9;
      case events::v1::COMPETITOR_MOVE_KIND_OFFER:
        return 0.6;
      case events::v1::COMPETITOR_MOVE_KIND_APPROACH:
        return 0.3;
      default:
        return 0;
    }
  }

  // An account that never had an owner lacks none.
  void FindOwner() {
    const HistoryOwner* latest = nullptr;
    std::string_view previous;
    for (const HistoryOwner& owner : history_.owners) {
      if (latest != nullptr && latest->value == owner.value) continue;
      if (latest != nullptr && !latest->value.empty()) previous = latest->value;
      latest = &owner;
    }
    if (latest == nullptr || previous.empty()) return;
    if (latest->value.empty()) {
      Add(Risk::kOwnerLeft, 0.5, fmt::format("has no owner since {} left it", previous), latest->occurred);
    } else if (latest->value != previous && latest->occurred >= DaysAgo(kOwnerDays)) {
      Add(Risk::kOwnerLeft, 0.25,
          fmt::format("went from {} to {} {} days ago", previous, latest->value, DaysSince(latest->occurred)),
          latest->occurred);
    }
  }

  struct Term {
    Micros end = 0;
    bool ended = false;
    // Ended as a loss.
    bool lost = false;
  };

  std::map<std::string_view, Term> Terms() const {
    std::map<std::string_view, Term> terms;
    for (const HistoryContract& contract : history_.contracts) {
      const auto known = terms.find(contract.contract_id);
      switch (contract.step) {
        case HistoryContract::Step::kSigned:
          terms[contract.contract_id] = {contract.end, false, false};
          break;
        case HistoryContract::Step::kRenewed:
        case HistoryContract::Step::kAmended:
          if (known != terms.end()) known->second.end = contract.end;
          break;
        case HistoryContract::Step::kEnded:
          if (known == terms.end()) break;
          known->second.end = std::min(known->second.end, contract.occurred);
          known->second.ended = true;
          known->second.lost = contract.ending != events::v1::CONTRACT_ENDING_SUPERSEDED;
      }
    }
    return terms;
  }

  void FindContracts() {
    const Micros from = DaysAgo(kContractDays);
    const Micros to = DaysAgo(-kContractDays);
    std::optional<RiskFinding> worst;
    for (const auto& [id, term] : Terms()) {
      if (term.end < from || term.end > to || (term.ended && !term.lost)) continue;
      RiskFinding finding{Risk::kContractEnding, 0.9, "", term.end};
      if (term.end < scope_.as_of) {
        finding.detail = fmt::format("contract {} ended {} days ago {}", id, DaysSince(term.end),
                                     term.ended ? "and is lost" : "and was not renewed");
      } else {
        const int64_t left = DaysUntil(term.end);
        finding.strength = 0.8 * static_cast<double>(kContractDays - left) / kContractDays;
        finding.detail = fmt::format("contract {} ends in {} days", id, left);
      }
      if (!worst.has_value() || finding.strength > worst->strength) worst = std::move(finding);
    }
    if (worst.has_value()) findings_.push_back(*std::move(worst));
  }

  int64_t DaysUntil(Micros time) const { return scope_.zone.DayIndex(time) - scope_.zone.DayIndex(scope_.as_of); }

  void FindReturns() {
    const Micros from = DaysAgo(kHalfYearDays);
    Int128 bought = 0;
    Int128 returned = 0;
    for (const HistoryTrade& trade : history_.trades) {
      if (trade.occurred >= from) (trade.is_return ? returned : bought) += trade.micros;
    }
    // A quarter, exactly.
    if (returned <= 0 || returned * 4 < bought) return;
    const double share = bought > 0 ? static_cast<double>(returned) / static_cast<double>(bought) : 1;
    Add(Risk::kReturns, share,
        fmt::format("returned {} of {} bought in the last {} days", Amount(returned), Amount(bought), kHalfYearDays));
  }

  const AccountHistory& history_;
  const Buyer& buyer_;
  const RetentionScope& scope_;
  std::vector<RiskFinding> findings_;
};

}  // namespace

std::vector<RiskFinding> FindRisks(const AccountHistory& history, const Buyer& buyer, double p_alive,
                                   const RetentionScope& scope, const RiskTerms& terms) {
  return Finder(history, buyer, scope).Find(p_alive, terms);
}

}  // namespace keyledger::projections
