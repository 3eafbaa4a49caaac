#include "projections/portfolio/acquisition.h"

#include <map>

#include "projections/engine/period_finder.h"
#include "projections/portfolio/period_span.h"
#include "server/base/error.h"

namespace keyledger::projections::portfolio {
namespace {

// `keeping_micros` is the cost of retention that can have kept somebody.
void FillRatios(AcquisitionRow& row, int64_t keeping_micros) {
  // Where no cost is on record nobody knows what it cost.
  const auto per = [](int64_t cost, int64_t accounts) -> std::optional<double> {
    if (cost == 0 || accounts == 0) return std::nullopt;
    return static_cast<double>(cost) / static_cast<double>(accounts);
  };
  row.cost_per_won_micros = per(row.acquisition_cost_micros, row.won);
  row.cost_per_kept_micros = per(keeping_micros, row.kept);
  if (row.cost_per_won_micros.has_value() && row.cost_per_kept_micros.has_value()) {
    row.ratio = *row.cost_per_won_micros / *row.cost_per_kept_micros;
  }
}

class Counter {
 public:
  explicit Counter(const RetentionScope& scope) : finder_(scope.periods()) {}

  // Returns false if a sum does not fit.
  bool Add(const AccountHistory& history) {
    for (const HistoryCost& cost : history.costs) {
      if (cost.kind != CostKind::kAcquisition && cost.kind != CostKind::kRetention) continue;
      AcquisitionRow* row = RowAt(finder_.Find(cost.occurred));
      if (row == nullptr) return true;
      int64_t& sum = cost.kind == CostKind::kAcquisition ? row->acquisition_cost_micros : row->retention_cost_micros;
      if (!AddMoney(sum, cost.micros)) return false;
    }
    std::optional<int64_t> before;
    for (const HistoryTrade& trade : history.trades) {
      if (trade.is_return) continue;
      const int64_t period = finder_.Find(trade.occurred);
      if (before == period) continue;
      AcquisitionRow* row = RowAt(period);
      if (row == nullptr) return true;
      row->won += before.has_value() ? 0 : 1;
      row->kept += before.has_value() && *before + 1 == period ? 1 : 0;
      before = period;
    }
    return true;
  }

  const PeriodSpan& span() const { return span_; }

  // Returns false if a sum does not fit.
  bool Finish(AcquisitionAnswer& out) {
    // Up to the end of the first period with a purchase.
    int64_t in_vain_micros = 0;
    for (int64_t period = span_.first; !span_.empty() && period <= span_.last; ++period) {
      AcquisitionRow& row = out.periods.emplace_back(rows_[period]);
      row.period = period;
      FillRatios(row, row.retention_cost_micros);
      // Sums of the same costs as the total, which are refused below if they do not fit.
      if (out.total.won == 0 && !AddMoney(in_vain_micros, row.retention_cost_micros)) return false;
      out.total.won += row.won;
      out.total.kept += row.kept;
      if (!AddMoney(out.total.acquisition_cost_micros, row.acquisition_cost_micros) ||
          !AddMoney(out.total.retention_cost_micros, row.retention_cost_micros)) {
        return false;
      }
    }
    FillRatios(out.total, out.total.retention_cost_micros - in_vain_micros);
    return true;
  }

 private:
  // Null once there are more than an answer may have, which is refused at the end.
  AcquisitionRow* RowAt(int64_t period) {
    span_.Add(period);
    return span_.last - span_.first >= kRetentionPeriodsMax ? nullptr : &rows_[period];
  }

  PeriodFinder finder_;
  PeriodSpan span_;
  std::map<int64_t, AcquisitionRow> rows_;
};

}  // namespace

absl::StatusOr<AcquisitionAnswer> GetAcquisition(const Shards& shards, const RetentionScope& scope) {
  Counter counter(scope);
  KL_ASSIGN_OR_RETURN(const WalkEnd walked,
                      Walk(shards, scope, HistoryParts::kAll, [&](uint32_t, const AccountHistory& history) {
                        return counter.Add(history) ? absl::OkStatus() : SumOutOfRange();
                      }));
  KL_RETURN_IF_ERROR(counter.span().Check(scope.periods(), "purchases and costs"));
  AcquisitionAnswer out;
  out.currency_code = walked.currency_code;
  out.costs_left_out = walked.costs_left_out;
  if (!counter.Finish(out)) return SumOutOfRange();
  return out;
}

}  // namespace keyledger::projections::portfolio
