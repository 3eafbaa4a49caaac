#include "projections/portfolio/portfolio_measure.h"

#include <algorithm>
#include <numeric>
#include <optional>

#include <fmt/format.h>

#include "projections/retention/data_end.h"
#include "server/base/error.h"

namespace keyledger::projections::portfolio {
namespace {

bool AddTrade(const HistoryTrade& trade, StretchFigures& figures) {
  if (!trade.is_return) {
    figures.purchases += 1;
    figures.without_cost += trade.cost_micros == 0 && trade.micros != 0 ? 1 : 0;
    return AddMoney(figures.gross_micros, trade.micros) && AddMoney(figures.net_micros, trade.micros) &&
           AddMoney(figures.goods_cost_micros, trade.cost_micros);
  }
  return AddMoney(figures.net_micros, -trade.micros) && AddMoney(figures.goods_cost_micros, -trade.cost_micros);
}

// The way a walk is left before its end; seen by nobody outside.
absl::Status Enough() { return absl::CancelledError("enough"); }

}  // namespace

absl::Status SumOutOfRange() {
  return MakeError(Reason::kArithmeticRange, "a sum of money does not fit in 64 bits; narrow the scope");
}

bool MeasureStretch(const AccountHistory& history, Micros start, Micros end, StretchFigures& figures) {
  for (const HistoryTrade& trade : history.trades) {
    if (trade.occurred < start || trade.occurred >= end) continue;
    figures.entries += 1;
    if (!AddTrade(trade, figures)) return false;
  }
  for (const HistoryCost& cost : history.costs) {
    if (cost.occurred < start || cost.occurred >= end) continue;
    figures.entries += 1;
    if (!AddMoney(figures.serve_cost_micros, cost.micros)) return false;
    if (cost.kind == CostKind::kAcquisition && !AddMoney(figures.acquisition_cost_micros, cost.micros)) return false;
  }
  return !__builtin_sub_overflow(figures.net_micros, figures.goods_cost_micros, &figures.margin_micros) &&
         !__builtin_sub_overflow(figures.margin_micros, figures.serve_cost_micros, &figures.profit_micros);
}

int64_t MeasureOf(const StretchFigures& figures, PortfolioMeasure measure, RevenueBasis basis) {
  if (measure == PortfolioMeasure::kProfit) return figures.profit_micros;
  return basis == RevenueBasis::kNet ? figures.net_micros : figures.gross_micros;
}

std::string ShareNote(PortfolioMeasure measure, int64_t lowest) {
  if (lowest >= 0) return "";
  return fmt::format("the {} of some accounts is below zero: no shares of a sum that they lessen",
                     measure == PortfolioMeasure::kProfit ? "profit" : "revenue net of returns");
}

absl::StatusOr<WalkEnd> Walk(const Shards& shards, const RetentionScope& scope, HistoryParts parts,
                             const PlacedVisitor& visit) {
  uint64_t next = 0;
  HistoryScan scan(scope, parts);
  KL_RETURN_IF_ERROR(scan.Run(shards, [&](const AccountHistory& history) -> absl::Status {
    if (next == std::numeric_limits<uint32_t>::max()) {
      return MakeError(Reason::kArithmeticRange, "more than 4,294,967,295 accounts; narrow the scope");
    }
    return visit(static_cast<uint32_t>(next++), history);
  }));
  return WalkEnd{scan.currency(), scan.left_out()};
}

absl::Status VisitPlaces(const Shards& shards, const RetentionScope& scope, HistoryParts parts,
                         const std::vector<uint32_t>& places,
                         const std::function<absl::Status(size_t index, const AccountHistory& history)>& visit) {
  if (places.empty()) return absl::OkStatus();
  std::vector<size_t> order(places.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return places[a] < places[b]; });
  auto next = order.begin();
  bool done = false;
  const auto walked = Walk(shards, scope, parts, [&](uint32_t place, const AccountHistory& history) -> absl::Status {
    if (place != places[*next]) return absl::OkStatus();
    KL_RETURN_IF_ERROR(visit(*next, history));
    done = ++next == order.end();
    return done ? Enough() : absl::OkStatus();
  });
  if (done) return absl::OkStatus();
  if (!walked.ok()) return walked.status();
  return MakeError(Reason::kStoreDamaged, "an account of the projection retention is gone between two walks");
}

absl::StatusOr<Micros> EndOfData(const Shards& shards, const RetentionScope& scope) {
  KL_ASSIGN_OR_RETURN(const std::optional<Micros> end, FindDataEnd(shards, scope));
  return end.value_or(kFromTheBeginning);
}

void Rank(std::vector<RankedAccount>& accounts) {
  std::sort(accounts.begin(), accounts.end(), [](const RankedAccount& a, const RankedAccount& b) {
    return a.micros != b.micros ? a.micros > b.micros : a.place < b.place;
  });
}

bool SumRanked(const std::vector<RankedAccount>& accounts, size_t begin, size_t end, int64_t& sum) {
  Int128 wide = 0;
  for (size_t i = begin; i < end; ++i) wide += accounts[i].micros;
  sum = static_cast<int64_t>(wide);
  return wide == sum;
}

size_t EndOfShare(size_t count, int64_t milli) {
  return static_cast<size_t>((static_cast<Int128>(count) * milli + 999) / 1000);
}

size_t FewestCovering(const std::vector<RankedAccount>& accounts, int64_t total, int64_t milli) {
  if (total <= 0) return 0;
  const Int128 wanted = static_cast<Int128>(total) * milli;
  Int128 held = 0;
  for (size_t i = 0; i < accounts.size(); ++i) {
    held += accounts[i].micros;
    if (held * 1000 >= wanted) return i + 1;
  }
  return accounts.size();
}

size_t ClassOf(size_t place, const std::vector<size_t>& ends) {
  return static_cast<size_t>(std::upper_bound(ends.begin(), ends.end(), place) - ends.begin());
}

}  // namespace keyledger::projections::portfolio
