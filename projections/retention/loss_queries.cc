#include "projections/retention/loss_queries.h"

#include <cmath>
#include <optional>

#include "projections/retention/data_end.h"
#include "projections/retention/retention_queries.h"
#include "server/base/checked.h"
#include "server/base/error.h"

namespace keyledger::projections {
namespace {

// The margin of the purchases that carry cost; 1 without any.
absl::StatusOr<double> MeasureMargin(const std::vector<const store::TableReader*>& shards,
                                     const RetentionScope& scope) {
  Int128 revenue = 0;
  Int128 cost = 0;
  HistoryScan scan(scope, HistoryParts::kTrades);
  KL_RETURN_IF_ERROR(scan.Run(shards, [&](const AccountHistory& history) {
    for (const HistoryTrade& trade : history.trades) {
      if (trade.is_return || trade.cost_micros == 0) continue;
      revenue += trade.micros;
      cost += trade.cost_micros;
    }
    return absl::OkStatus();
  }));
  return revenue > 0 ? static_cast<double>(revenue - cost) / static_cast<double>(revenue) : 1.0;
}

// Sum of ((1 - loss) / (1 + discount))^t over so many periods; 0: without end.
absl::StatusOr<double> LifetimeOf(double loss, const LossTerms& terms) {
  const double kept = (1 - loss) / (1 + terms.discount);
  if (terms.periods == 0) {
    if (kept < 1) return 1 / (1 - kept);
    return FieldError("periods",
                      "must be 1 or more where there is neither a discount nor a loss: the value has no end");
  }
  return kept < 1 ? (1 - std::pow(kept, terms.periods)) / (1 - kept) : static_cast<double>(terms.periods);
}

// Takes off the period that is not over where the data of the scope end: who is active in it is not known yet.
absl::Status KeepWhatIsOver(const std::vector<const store::TableReader*>& shards, const RetentionScope& scope,
                            std::vector<RetentionPeriodRow>& periods) {
  KL_ASSIGN_OR_RETURN(const std::optional<Micros> end, FindDataEnd(shards, scope));
  if (!end.has_value()) return absl::OkStatus();
  const int64_t running = scope.periods().IndexAt(*end);
  while (!periods.empty() && periods.back().period >= running) periods.pop_back();
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<LossEffect> GetLossEffect(const std::vector<const store::TableReader*>& shards,
                                         const RetentionScope& scope, const LossTerms& terms) {
  KL_ASSIGN_OR_RETURN(RetentionTable table, GetRetentionTable(shards, scope));
  KL_RETURN_IF_ERROR(KeepWhatIsOver(shards, scope, table.periods));
  LossEffect effect;
  effect.currency_code = table.currency_code;
  int64_t start = 0;
  int64_t retained = 0;
  int64_t active = 0;
  double revenue = 0;
  for (const RetentionPeriodRow& row : table.periods) {
    start += row.start;
    retained += row.retained;
    active += row.active;
    revenue += static_cast<double>(row.revenue_micros);
  }
  if (start == 0) {
    return MakeError(Reason::kForecastNotPossible,
                     "no period that is over follows one with an active account: losses are unknown; choose a shorter "
                     "period");
  }
  effect.loss_rate = static_cast<double>(start - retained) / static_cast<double>(start);
  effect.reduced_loss_rate = effect.loss_rate * (1 - terms.fewer);
  double margin = 1;
  if (terms.margin.has_value()) {
    margin = *terms.margin;
  } else {
    KL_ASSIGN_OR_RETURN(margin, MeasureMargin(shards, scope));
  }
  effect.margin_micros = margin * revenue / static_cast<double>(active);
  KL_ASSIGN_OR_RETURN(const double lifetime, LifetimeOf(effect.loss_rate, terms));
  KL_ASSIGN_OR_RETURN(const double reduced_lifetime, LifetimeOf(effect.reduced_loss_rate, terms));
  effect.value_micros = effect.margin_micros * lifetime;
  effect.reduced_value_micros = effect.margin_micros * reduced_lifetime;
  effect.accounts = table.periods.back().active;
  effect.last_period = scope.periods().Format(table.periods.back().period);
  effect.gain_micros = static_cast<double>(effect.accounts) * (effect.reduced_value_micros - effect.value_micros);
  if (effect.value_micros != 0) {
    effect.gain_share = (effect.reduced_value_micros - effect.value_micros) / effect.value_micros;
  }
  return effect;
}

}  // namespace keyledger::projections
