#include "projections/portfolio/concentration.h"

#include <algorithm>

#include "server/base/error.h"

namespace keyledger::projections::portfolio {
namespace {

bool AddGroups(const std::vector<RankedAccount>& ranked, const std::vector<int32_t>& percents, Concentration& out) {
  const size_t n = ranked.size();
  size_t begin = 0;
  int64_t together = 0;
  for (const int32_t percent : percents) {
    together += percent;
    const size_t end = EndOfShare(n, together * 10);
    ConcentrationGroupRow& group = out.groups.emplace_back();
    int64_t cumulative = 0;
    if (!SumRanked(ranked, begin, end, group.total_micros) || !SumRanked(ranked, 0, end, cumulative)) return false;
    group.percent = percent;
    group.accounts = static_cast<int64_t>(end - begin);
    group.cutoff_micros = end > begin ? ranked[end - 1].micros : 0;
    group.cumulative_accounts = static_cast<int64_t>(end);
    if (out.share_note.empty()) {
      group.share = ShareOf(group.total_micros, out.total_micros);
      group.cumulative_share = ShareOf(cumulative, out.total_micros);
    }
    begin = end;
  }
  return true;
}

// sum((2 i - n - 1) x_i) / (n sum x), i from 1 from the lowest.
bool AddGini(const std::vector<RankedAccount>& ranked, Concentration& out) {
  const auto n = static_cast<int64_t>(ranked.size());
  Int128 weighed = 0;
  for (int64_t i = 1; i <= n; ++i) {
    const Int128 term = static_cast<Int128>(2 * i - n - 1) * ranked[static_cast<size_t>(n - i)].micros;
    if (__builtin_add_overflow(weighed, term, &weighed)) return false;
  }
  out.gini = static_cast<double>(weighed) / static_cast<double>(static_cast<Int128>(out.total_micros) * n);
  return true;
}

void AddCurve(const std::vector<RankedAccount>& ranked, int32_t points, Concentration& out) {
  const size_t n = ranked.size();
  size_t taken = 0;
  Int128 held = 0;
  for (int32_t point = 1; point <= points; ++point) {
    const auto steps = static_cast<size_t>(points);
    const size_t end = (n * static_cast<size_t>(point) + steps - 1) / steps;
    if (end == taken) continue;
    for (; taken < end; ++taken) held += ranked[n - 1 - taken].micros;
    out.curve.push_back({static_cast<double>(end) / static_cast<double>(n),
                         static_cast<double>(held) / static_cast<double>(out.total_micros)});
  }
}

}  // namespace

absl::StatusOr<Concentration> GetConcentration(const Shards& shards, const RetentionScope& scope,
                                               const ConcentrationQuery& query) {
  std::vector<RankedAccount> ranked;
  Concentration out;
  KL_ASSIGN_OR_RETURN(
      const WalkEnd walked,
      Walk(shards, scope, PartsFor(query.measure), [&](uint32_t place, const AccountHistory& history) -> absl::Status {
        StretchFigures figures;
        if (!MeasureStretch(history, query.start, scope.as_of, figures)) return SumOutOfRange();
        if (figures.purchases > 0) ranked.push_back({MeasureOf(figures, query.measure, scope.basis), place});
        if (query.measure == PortfolioMeasure::kProfit) out.purchases_without_cost += figures.without_cost;
        return absl::OkStatus();
      }));
  Rank(ranked);
  out.currency_code = walked.currency_code;
  if (!ranked.empty()) out.share_note = ShareNote(query.measure, ranked.back().micros);
  out.accounts = static_cast<int64_t>(ranked.size());
  if (!SumRanked(ranked, 0, ranked.size(), out.total_micros) || !AddGroups(ranked, query.cut_percent, out)) {
    return SumOutOfRange();
  }
  for (const int32_t percent : query.cover_percent) {
    const auto accounts = static_cast<int64_t>(FewestCovering(ranked, out.total_micros, int64_t{percent} * 10));
    out.covering.push_back({percent, accounts, ShareOf(accounts, out.accounts)});
  }
  if (out.total_micros <= 0 || !out.share_note.empty()) return out;
  if (!AddGini(ranked, out)) return SumOutOfRange();
  AddCurve(ranked, query.curve_points, out);
  return out;
}

}  // namespace keyledger::projections::portfolio
