#include "projections/retention/rfm_queries.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "projections/engine/period_finder.h"
#include "projections/retention/data_end.h"
#include "projections/retention/query_sums.h"
#include "server/base/calendar.h"

namespace keyledger::projections {
namespace {

constexpr int64_t kScores = 5;

// What is kept of an account during the walk; its place is its place among those that have purchased.
struct Figures {
  int64_t revenue_micros = 0;
  // Local days since 1970: no moment that a timestamp can name is further away than 32 bits.
  int32_t last_day = 0;
  uint32_t frequency = 0;
};

// Recency, frequency, money: 1 to 5 each.
using Scores = std::array<uint8_t, 3>;

std::string CellName(const Scores& scores) {
  std::string name;
  for (const uint8_t score : scores) name.push_back(static_cast<char>('0' + score));
  return name;
}

// Reads the figures of one account after the other.
class FigureReader {
 public:
  FigureReader(const RetentionScope& scope, RfmFrequency frequency)
      : basis_(scope.basis), frequency_(frequency), days_(scope.zone, CalendarUnit::kDay) {}

  // False if the sum of money does not fit. `bought` tells whether there is a purchase: without one there are no
  // figures.
  bool Read(const AccountHistory& history, Figures& figures, bool& bought) {
    figures = Figures();
    bought = false;
    for (const HistoryTrade& trade : history.trades) {
      if (!AddTo(figures.revenue_micros, RevenueOf(trade, basis_))) return false;
      if (trade.is_return) continue;
      const auto day = static_cast<int32_t>(days_.Find(trade.occurred));
      if (frequency_ == RfmFrequency::kPurchases || !bought || day != figures.last_day) figures.frequency += 1;
      figures.last_day = day;
      bought = true;
    }
    return true;
  }

 private:
  const RevenueBasis basis_;
  const RfmFrequency frequency_;
  PeriodFinder days_;
};

// Scores all accounts by one figure, more being better.
template <class FigureOf>
void Score(const std::vector<Figures>& accounts, RfmTies ties, const FigureOf& figure_of, size_t part,
           std::vector<Scores>& scores) {
  std::vector<uint32_t> order(accounts.size());
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    const int64_t figure_a = figure_of(accounts[a]);
    const int64_t figure_b = figure_of(accounts[b]);
    return figure_a != figure_b ? figure_a < figure_b : a < b;
  });
  const auto n = static_cast<int64_t>(accounts.size());
  int64_t worse = 0;
  for (int64_t i = 0; i < n; ++i) {
    const uint32_t account = order[static_cast<size_t>(i)];
    if (i > 0 && figure_of(accounts[order[static_cast<size_t>(i - 1)]]) != figure_of(accounts[account])) worse = i;
    scores[account][part] = static_cast<uint8_t>(1 + kScores * (ties == RfmTies::kById ? i : worse) / n);
  }
}

std::vector<Scores> ScoreAll(const std::vector<Figures>& accounts, RfmTies ties) {
  std::vector<Scores> scores(accounts.size());
  Score(
      accounts, ties, [](const Figures& figures) -> int64_t { return figures.last_day; }, 0, scores);
  Score(
      accounts, ties, [](const Figures& figures) -> int64_t { return figures.frequency; }, 1, scores);
  Score(
      accounts, ties, [](const Figures& figures) -> int64_t { return figures.revenue_micros; }, 2, scores);
  return scores;
}

// Counts the accounts by score and cell; returns false if a sum of money does not fit.
bool FillCells(const std::vector<Figures>& accounts, const std::vector<Scores>& scores, RfmTable& table) {
  std::array<RfmCell, kScores * kScores * kScores> cells;
  for (size_t i = 0; i < accounts.size(); ++i) {
    const auto [recency, frequency, money] = scores[i];
    table.recency[recency - 1u] += 1;
    table.frequency[frequency - 1u] += 1;
    table.monetary[money - 1u] += 1;
    RfmCell& cell = cells[((recency - 1u) * kScores + frequency - 1u) * kScores + money - 1u];
    if (cell.accounts == 0) cell.cell = CellName(scores[i]);
    cell.accounts += 1;
    if (!AddTo(cell.revenue_micros, accounts[i].revenue_micros)) return false;
  }
  for (RfmCell& cell : cells) {
    if (cell.accounts > 0) table.cells.push_back(std::move(cell));
  }
  return true;
}

RfmAccount Describe(std::string account_id, const Figures& figures, const Scores& scores, int64_t as_of_day) {
  return RfmAccount{std::move(account_id), CellName(scores), as_of_day - figures.last_day, figures.frequency,
                    figures.revenue_micros};
}

// Lists the accounts of the cell by walking again: nobody's id was kept.
absl::Status ListCell(const std::vector<const store::TableReader*>& shards, const RetentionScope& scope,
                      const RfmQuestion& question, const std::vector<Figures>& accounts,
                      const std::vector<Scores>& scores, RfmTable& table) {
  size_t place = 0;
  bool more = false;
  HistoryScan scan(scope, HistoryParts::kTrades);
  absl::Status walked = scan.Run(shards, [&](const AccountHistory& history) -> absl::Status {
    if (!history.first_purchase().has_value()) return absl::OkStatus();
    const size_t i = place++;
    if (CellName(scores[i]) != question.cell || history.account_id <= question.after) return absl::OkStatus();
    if (table.listed.size() == static_cast<size_t>(question.limit)) {
      more = true;
      return absl::CancelledError("the page is full");
    }
    table.listed.push_back(Describe(history.account_id, accounts[i], scores[i], *table.as_of_day));
    return absl::OkStatus();
  });
  if (!more) return walked;
  table.continuation = table.listed.back().account_id;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<RfmTable> GetRfmTable(const std::vector<const store::TableReader*>& shards, const RetentionScope& scope,
                                     const RfmQuestion& question) {
  std::vector<Figures> accounts;
  std::optional<size_t> asked;
  FigureReader reader(scope, question.frequency);
  HistoryScan scan(scope, HistoryParts::kTrades);
  KL_RETURN_IF_ERROR(scan.Run(shards, [&](const AccountHistory& history) -> absl::Status {
    Figures figures;
    bool bought = false;
    if (!reader.Read(history, figures, bought)) return MoneyOutOfRange();
    if (!bought) return absl::OkStatus();
    if (history.account_id == question.account_id) asked = accounts.size();
    accounts.push_back(figures);
    return absl::OkStatus();
  }));
  RfmTable table;
  table.currency_code = scan.currency();
  table.accounts = static_cast<int64_t>(accounts.size());
  KL_ASSIGN_OR_RETURN(const std::optional<Micros> end, FindDataEnd(shards, scope));
  if (end.has_value()) table.as_of_day = scope.zone.DayIndex(*end);
  if (accounts.empty()) return table;
  const std::vector<Scores> scores = ScoreAll(accounts, question.ties);
  if (!FillCells(accounts, scores, table)) return MoneyOutOfRange();
  if (asked.has_value()) {
    table.listed.push_back(Describe(question.account_id, accounts[*asked], scores[*asked], *table.as_of_day));
  }
  if (question.cell.empty()) return table;
  RetentionScope same = scope;
  same.currency_code = table.currency_code;
  KL_RETURN_IF_ERROR(ListCell(shards, same, question, accounts, scores, table));
  return table;
}

}  // namespace keyledger::projections
