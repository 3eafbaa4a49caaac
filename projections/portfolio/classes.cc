#include "projections/portfolio/classes.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "projections/portfolio/outlook.h"
#include "projections/portfolio/page_key.h"
#include "server/base/calendar.h"
#include "server/base/error.h"

namespace keyledger::projections::portfolio {
namespace {

constexpr std::array<std::string_view, 4> kByRank{"core", "next", "promising", "other"};
constexpr std::array<std::string_view, 3> kByCover{"A", "B", "C"};
// Index in kByRank.
constexpr size_t kPromising = 2;

// An account that promises: its index in the ranking, and what it is ordered by among those that do.
struct Promising {
  size_t index = 0;
  // Rises with what is expected: the bits of a double that is zero or more, or micros.
  int64_t order = 0;
};

// The bits of a double rise with it as long as it is not negative.
int64_t OrderOf(double expected) { return std::bit_cast<int64_t>(expected); }

class Sorter {
 public:
  Sorter(const Shards& shards, const RetentionScope& scope, const ClassesQuery& query)
      : shards_(shards), scope_(scope), query_(query), fitter_(scope) {}

  absl::StatusOr<ClassesAnswer> Run() {
    if (!query_.after.empty()) {
      KL_ASSIGN_OR_RETURN(after_, ParsePageKey(query_.after));
    }
    KL_ASSIGN_OR_RETURN(const WalkEnd walked,
                        Walk(shards_, scope_, parts(),
                             [this](uint32_t place, const AccountHistory& history) { return Add(place, history); }));
    answer_.currency_code = walked.currency_code;
    Rank(ranked_);
    if (!ranked_.empty()) answer_.share_note = ShareNote(query_.measure, ranked_.back().micros);
    if (!SumRanked(ranked_, 0, ranked_.size(), total_)) return SumOutOfRange();
    SetEnds();
    class_of_.resize(ranked_.size());
    for (size_t i = 0; i < ranked_.size(); ++i) class_of_[i] = static_cast<uint8_t>(ClassOf(i, ends_));
    if (query_.scheme == ClassScheme::kCoreNextPromising) KL_RETURN_IF_ERROR(FindPromising());
    KL_RETURN_IF_ERROR(SumClasses());
    if (!query_.class_id.empty()) KL_RETURN_IF_ERROR(ListMembers());
    return std::move(answer_);
  }

 private:
  bool by_rank() const { return query_.scheme == ClassScheme::kCoreNextPromising; }
  // For ABC costs count even where the measure is revenue: an account that has nothing else is a C.
  // By rank closings do: a closed account promises nothing.
  HistoryParts parts() const {
    const bool trades_do = by_rank() && PartsFor(query_.measure) == HistoryParts::kTrades;
    return trades_do ? HistoryParts::kTradesAndLife : HistoryParts::kAll;
  }

  absl::Status Add(uint32_t place, const AccountHistory& history) {
    if (after_.has_value() && history.account_id <= after_->account_id) after_place_ = int64_t{place};
    StretchFigures figures;
    if (!MeasureStretch(history, query_.start, scope_.as_of, figures)) return SumOutOfRange();
    const bool counts = by_rank() ? figures.purchases > 0 : figures.entries > 0;
    if (counts) ranked_.push_back({MeasureOf(figures, query_.measure, scope_.basis), place});
    if (query_.measure == PortfolioMeasure::kProfit) answer_.purchases_without_cost += figures.without_cost;
    const std::optional<Micros> first = history.first_purchase();
    if (!by_rank() || !first.has_value()) return absl::OkStatus();
    first_purchase_ = std::min(first_purchase_, *first);
    // The models see every account that ever bought; of the others nothing is to be said.
    KL_RETURN_IF_ERROR(fitter_.Add(history));
    fitted_places_.push_back(place);
    return absl::OkStatus();
  }

  void SetEnds() {
    if (by_rank()) {
      ends_ = {EndOfShare(ranked_.size(), query_.first_milli), EndOfShare(ranked_.size(), query_.second_milli)};
    } else {
      ends_ = {FewestCovering(ranked_, total_, query_.first_milli),
               FewestCovering(ranked_, total_, query_.second_milli)};
    }
  }

  // Classes 2 and 3 are told apart: of the accounts after the second end, those that would be before it by what is
  // expected, or by what they bought last.
  absl::Status FindPromising() {
    std::fill(class_of_.begin() + static_cast<std::ptrdiff_t>(ends_[1]), class_of_.end(), uint8_t{kPromising + 1});
    KL_ASSIGN_OR_RETURN(data_end_, EndOfData(shards_, scope_));
    KL_ASSIGN_OR_RETURN(const Outlook outlook, fitter_.Finish(data_end_));
    answer_.basis = outlook.basis;
    std::vector<int64_t> order(ranked_.size());
    if (outlook.possible) {
      expected_.resize(ranked_.size());
      for (size_t i = 0; i < ranked_.size(); ++i) {
        const auto found = std::lower_bound(fitted_places_.begin(), fitted_places_.end(), ranked_[i].place);
        expected_[i] = outlook.expected_micros[static_cast<size_t>(found - fitted_places_.begin())];
        order[i] = OrderOf(expected_[i]);
      }
    } else {
      KL_RETURN_IF_ERROR(MeasureLastHalf(order));
    }
    std::vector<size_t> best(ranked_.size());
    for (size_t i = 0; i < best.size(); ++i) best[i] = i;
    std::sort(best.begin(), best.end(), [&](size_t a, size_t b) {
      return order[a] != order[b] ? order[a] > order[b] : ranked_[a].place < ranked_[b].place;
    });
    best.resize(ends_[1]);
    for (const size_t index : best) {
      if (index < ends_[1] || order[index] <= 0) continue;
      class_of_[index] = kPromising;
      promising_.push_back({index, order[index]});
    }
    return absl::OkStatus();
  }

  // Revenue in the last half of the stretch, by index in the ranking.
  absl::Status MeasureLastHalf(std::vector<int64_t>& revenue) {
    if (ranked_.empty()) return absl::OkStatus();
    const Micros start = query_.start == kFromTheBeginning ? first_purchase_ : query_.start;
    const Micros middle = start + (data_end_ - start) / 2;
    answer_.basis = fmt::format("revenue of the last half of the stretch, from {}: no forecast is possible ({})",
                                FormatMicros(middle), answer_.basis);
    std::vector<uint32_t> index_of(ranked_.size());
    for (uint32_t i = 0; i < index_of.size(); ++i) index_of[i] = i;
    std::sort(index_of.begin(), index_of.end(),
              [&](uint32_t a, uint32_t b) { return ranked_[a].place < ranked_[b].place; });
    auto next = index_of.begin();
    const auto walked =
        Walk(shards_, scope_, parts(), [&](uint32_t place, const AccountHistory& history) -> absl::Status {
          if (next == index_of.end() || ranked_[*next].place != place) return absl::OkStatus();
          StretchFigures figures;
          if (!MeasureStretch(history, middle, data_end_, figures)) return SumOutOfRange();
          const int64_t measured = MeasureOf(figures, PortfolioMeasure::kRevenue, scope_.basis);
          revenue[*next++] = history.is_closed() ? 0 : measured;
          return absl::OkStatus();
        });
    return walked.ok() ? absl::OkStatus() : walked.status();
  }

  absl::Status SumClasses() {
    const std::span<const std::string_view> ids = ClassIds(query_.scheme);
    std::vector<Int128> totals(ids.size());
    for (const std::string_view id : ids) answer_.classes.push_back({std::string(id), 0, 0, 0});
    for (size_t i = 0; i < ranked_.size(); ++i) {
      answer_.classes[class_of_[i]].accounts += 1;
      totals[class_of_[i]] += ranked_[i].micros;
    }
    for (size_t c = 0; c < ids.size(); ++c) {
      ClassRow& row = answer_.classes[c];
      row.total_micros = static_cast<int64_t>(totals[c]);
      if (row.total_micros != totals[c]) return SumOutOfRange();
      if (answer_.share_note.empty()) row.share = ShareOf(row.total_micros, total_);
    }
    return absl::OkStatus();
  }

  // Whether an account that is ordered by `value` belongs to a page before.
  bool Seen(int64_t value, uint32_t place) const {
    if (!after_.has_value()) return false;
    return value != after_->value ? value > after_->value : int64_t{place} <= after_place_;
  }

  absl::Status ListMembers() {
    const std::span<const std::string_view> ids = ClassIds(query_.scheme);
    const auto wanted = static_cast<size_t>(std::find(ids.begin(), ids.end(), query_.class_id) - ids.begin());
    // In the order of the listing.
    std::vector<Promising> page;
    bool more = false;
    const auto take = [&](size_t index, int64_t order) {
      if (Seen(order, ranked_[index].place)) return true;
      more = page.size() == query_.page_size;
      if (!more) page.push_back({index, order});
      return !more;
    };
    if (by_rank() && wanted == kPromising) {
      for (const Promising& account : promising_) {
        if (!take(account.index, account.order)) break;
      }
    } else {
      for (size_t i = 0; i < ranked_.size(); ++i) {
        if (class_of_[i] == wanted && !take(i, ranked_[i].micros)) break;
      }
    }
    std::vector<uint32_t> places;
    for (const Promising& account : page) {
      places.push_back(ranked_[account.index].place);
      ClassMemberRow& member = answer_.members.emplace_back();
      member.micros = ranked_[account.index].micros;
      member.rank = static_cast<int64_t>(account.index) + 1;
      if (by_rank() && wanted == kPromising && !expected_.empty()) member.expected_micros = expected_[account.index];
    }
    KL_RETURN_IF_ERROR(VisitPlaces(shards_, scope_, parts(), places, [&](size_t i, const AccountHistory& history) {
      answer_.members[i].account_id = history.account_id;
      return absl::OkStatus();
    }));
    if (more) answer_.next = FormatPageKey(page.back().order, answer_.members.back().account_id);
    return absl::OkStatus();
  }

  const Shards& shards_;
  const RetentionScope& scope_;
  const ClassesQuery& query_;
  OutlookFitter fitter_;
  std::optional<PageKey> after_;
  // Place of the last account up to the page key's; -1: none.
  int64_t after_place_ = -1;
  std::vector<RankedAccount> ranked_;
  // Places of the accounts the fitter has, ascending.
  std::vector<uint32_t> fitted_places_;
  Micros first_purchase_ = std::numeric_limits<int64_t>::max();
  Micros data_end_ = kFromTheBeginning;
  int64_t total_ = 0;
  // Ends of the first two classes, as indices of the ranking.
  std::vector<size_t> ends_;
  // By index in the ranking.
  std::vector<uint8_t> class_of_;
  std::vector<double> expected_;
  // In the order of the listing.
  std::vector<Promising> promising_;
  ClassesAnswer answer_;
};

}  // namespace

std::span<const std::string_view> ClassIds(ClassScheme scheme) {
  if (scheme == ClassScheme::kAbc) return kByCover;
  return kByRank;
}

absl::StatusOr<ClassesAnswer> GetClasses(const Shards& shards, const RetentionScope& scope, const ClassesQuery& query) {
  return Sorter(shards, scope, query).Run();
}

}  // namespace keyledger::projections::portfolio
