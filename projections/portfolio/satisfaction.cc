#include "projections/portfolio/satisfaction.h"

#include <cmath>
#include <map>

#include "projections/engine/period_finder.h"
#include "projections/portfolio/period_span.h"
#include "server/base/error.h"

namespace keyledger::projections::portfolio {
namespace {

constexpr int32_t kPromoterFrom = 9;
constexpr int32_t kDetractorTo = 6;
constexpr int32_t kSatisfiedFrom = 4;

// Answers observed, by satisfied (0 or 1) and stayed (0 or 1).
struct Stays {
  int64_t counts[2][2] = {};

  std::optional<double> Correlation() const {
    const auto sum = [](int64_t a, int64_t b) { return static_cast<long double>(a + b); };
    const long double said[2] = {sum(counts[0][0], counts[0][1]), sum(counts[1][0], counts[1][1])};
    const long double did[2] = {sum(counts[0][0], counts[1][0]), sum(counts[0][1], counts[1][1])};
    if (said[0] == 0 || said[1] == 0 || did[0] == 0 || did[1] == 0) return std::nullopt;
    const Int128 covariance =
        static_cast<Int128>(counts[1][1]) * counts[0][0] - static_cast<Int128>(counts[1][0]) * counts[0][1];
    return static_cast<double>(static_cast<long double>(covariance) / std::sqrt(said[0] * said[1] * did[0] * did[1]));
  }
};

// Whether the account bought after `from` and before `to`, and is not closed at `to`.
bool Stayed(const AccountHistory& history, Micros from, Micros to) {
  bool closed = false;
  for (const HistoryLife& life : history.life) {
    if (life.occurred < to) closed = life.step == HistoryLife::Step::kClosed;
  }
  if (closed) return false;
  for (const HistoryTrade& trade : history.trades) {
    if (!trade.is_return && trade.occurred > from && trade.occurred < to) return true;
  }
  return false;
}

class Survey {
 public:
  Survey(const RetentionScope& scope, int64_t left_days, Micros end)
      : finder_(scope.periods()), left_(left_days * kMicrosPerDay), end_(end) {}

  void Add(const AccountHistory& history) {
    for (size_t i = 0; i < history.surveys.size(); ++i) {
      const HistorySurvey& survey = history.surveys[i];
      const int64_t period = finder_.Find(survey.occurred);
      span_.Add(period);
      // Refused at the end; until then no more rows than an answer may have.
      if (span_.last - span_.first >= kRetentionPeriodsMax) return;
      if (IsLatest(history, i, period)) Count(history, survey, rows_[period]);
    }
  }

  const PeriodSpan& span() const { return span_; }

  SatisfactionAnswer Finish() {
    SatisfactionAnswer out;
    out.satisfaction_loyalty_correlation = stays_.Correlation();
    for (int64_t period = span_.first; !span_.empty() && period <= span_.last; ++period) {
      SatisfactionRow& row = out.periods.emplace_back(rows_[period]);
      row.period = period;
      out.total.recommendation_answers += row.recommendation_answers;
      out.total.promoters += row.promoters;
      out.total.detractors += row.detractors;
      out.total.satisfaction_answers += row.satisfaction_answers;
      out.total.satisfied += row.satisfied;
      out.total.satisfied_observed += row.satisfied_observed;
      out.total.satisfied_left += row.satisfied_left;
      FillRatios(row);
    }
    FillRatios(out.total);
    return out;
  }

 private:
  // Whether no later answer of the account to the same question lies in the period.
  bool IsLatest(const AccountHistory& history, size_t index, int64_t period) {
    for (size_t i = index + 1; i < history.surveys.size(); ++i) {
      const HistorySurvey& later = history.surveys[i];
      if (finder_.Find(later.occurred) != period) return true;
      if (later.kind == history.surveys[index].kind) return false;
    }
    return true;
  }

  void Count(const AccountHistory& history, const HistorySurvey& survey, SatisfactionRow& row) {
    if (survey.kind == events::v1::SURVEY_KIND_RECOMMENDATION) {
      row.recommendation_answers += 1;
      row.promoters += survey.score >= kPromoterFrom ? 1 : 0;
      row.detractors += survey.score <= kDetractorTo ? 1 : 0;
      return;
    }
    if (survey.kind != events::v1::SURVEY_KIND_SATISFACTION) return;
    const bool satisfied = survey.score >= kSatisfiedFrom;
    row.satisfaction_answers += 1;
    row.satisfied += satisfied ? 1 : 0;
    Micros over = 0;
    if (__builtin_add_overflow(survey.occurred, left_, &over) || over > end_) return;
    const bool stayed = Stayed(history, survey.occurred, over);
    stays_.counts[satisfied ? 1 : 0][stayed ? 1 : 0] += 1;
    row.satisfied_observed += satisfied ? 1 : 0;
    row.satisfied_left += satisfied && !stayed ? 1 : 0;
  }

  static void FillRatios(SatisfactionRow& row) {
    const auto ratio = [](int64_t num, int64_t den) -> std::optional<double> {
      if (den == 0) return std::nullopt;
      return static_cast<double>(num) / static_cast<double>(den);
    };
    row.nps = ratio(100 * (row.promoters - row.detractors), row.recommendation_answers);
    row.csat = ratio(row.satisfied, row.satisfaction_answers);
    row.satisfied_left_share = ratio(row.satisfied_left, row.satisfied_observed);
  }

  PeriodFinder finder_;
  const Micros left_;
  const Micros end_;
  PeriodSpan span_;
  std::map<int64_t, SatisfactionRow> rows_;
  Stays stays_;
};

}  // namespace

absl::StatusOr<SatisfactionAnswer> GetSatisfaction(const Shards& shards, const RetentionScope& scope,
                                                   int64_t left_days) {
  KL_ASSIGN_OR_RETURN(const Micros end, EndOfData(shards, scope));
  Survey survey(scope, left_days, end);
  KL_ASSIGN_OR_RETURN(const WalkEnd walked,
                      Walk(shards, scope, HistoryParts::kAll, [&](uint32_t, const AccountHistory& history) {
                        survey.Add(history);
                        return absl::OkStatus();
                      }));
  static_cast<void>(walked);
  KL_RETURN_IF_ERROR(survey.span().Check(scope.periods(), "answers"));
  return survey.Finish();
}

}  // namespace keyledger::projections::portfolio
