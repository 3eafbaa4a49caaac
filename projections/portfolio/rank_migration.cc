#include "projections/portfolio/rank_migration.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "server/base/error.h"

namespace keyledger::projections::portfolio {
namespace {

constexpr size_t kEarlier = 0;
constexpr size_t kLater = 1;

// An account that bought in at least one of the two periods.
struct Mover {
  uint32_t place = 0;
  bool bought[2] = {false, false};
  int64_t micros[2] = {0, 0};
  // From 1; 0: bought nothing.
  uint32_t rank[2] = {0, 0};
  uint8_t class_index[2] = {0, 0};
};

// Ranks the movers in one period, and gives out the classes.
void RankIn(size_t period, const std::vector<int32_t>& cut_milli, std::vector<Mover>& movers) {
  std::vector<uint32_t> order;
  for (uint32_t i = 0; i < movers.size(); ++i) {
    if (movers[i].bought[period]) order.push_back(i);
  }
  // Movers are in order of their places.
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    const int64_t x = movers[a].micros[period];
    const int64_t y = movers[b].micros[period];
    return x != y ? x > y : a < b;
  });
  std::vector<size_t> ends;
  for (const int32_t milli : cut_milli) ends.push_back(EndOfShare(order.size(), milli));
  const auto nothing = static_cast<uint8_t>(cut_milli.size() + 1);
  for (Mover& mover : movers) mover.class_index[period] = nothing;
  for (size_t i = 0; i < order.size(); ++i) {
    movers[order[i]].rank[period] = static_cast<uint32_t>(i + 1);
    movers[order[i]].class_index[period] = static_cast<uint8_t>(ClassOf(i, ends));
  }
}

// Twice the ranks in one period of those movers, equal ones sharing the mean.
std::vector<int64_t> SharedRanks(const std::vector<const Mover*>& movers, size_t period) {
  std::vector<uint32_t> order(movers.size());
  std::iota(order.begin(), order.end(), 0u);
  const auto micros = [&](uint32_t i) { return movers[i]->micros[period]; };
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return micros(a) > micros(b); });
  std::vector<int64_t> ranks(movers.size());
  for (size_t begin = 0; begin < order.size();) {
    size_t end = begin + 1;
    while (end < order.size() && micros(order[end]) == micros(order[begin])) ++end;
    // Ranks begin + 1 to end, twice their mean.
    for (size_t i = begin; i < end; ++i) ranks[order[i]] = static_cast<int64_t>(begin + 1 + end);
    begin = end;
  }
  return ranks;
}

std::optional<double> RankCorrelation(const std::vector<Mover>& movers) {
  std::vector<const Mover*> both;
  for (const Mover& mover : movers) {
    if (mover.bought[kEarlier] && mover.bought[kLater]) both.push_back(&mover);
  }
  if (both.size() < 2) return std::nullopt;
  const std::vector<int64_t> earlier = SharedRanks(both, kEarlier);
  const std::vector<int64_t> later = SharedRanks(both, kLater);
  // The mean of twice the ranks 1 to n.
  const auto mean = static_cast<int64_t>(both.size() + 1);
  Int128 xx = 0;
  Int128 yy = 0;
  Int128 xy = 0;
  for (size_t i = 0; i < both.size(); ++i) {
    const Int128 x = earlier[i] - mean;
    const Int128 y = later[i] - mean;
    xx += x * x;
    yy += y * y;
    xy += x * y;
  }
  if (xx == 0 || yy == 0) return std::nullopt;
  return static_cast<double>(static_cast<long double>(xy) /
                             (std::sqrt(static_cast<long double>(xx)) * std::sqrt(static_cast<long double>(yy))));
}

Int128 Gain(const Mover& mover) { return static_cast<Int128>(mover.micros[kLater]) - mover.micros[kEarlier]; }

// The accounts that rose, the greatest gain first.
std::vector<const Mover*> Risers(const std::vector<Mover>& movers, size_t risers_max) {
  std::vector<const Mover*> risers;
  for (const Mover& mover : movers) {
    if (mover.class_index[kLater] < mover.class_index[kEarlier]) risers.push_back(&mover);
  }
  const auto end = risers.begin() + static_cast<std::ptrdiff_t>(std::min(risers_max, risers.size()));
  std::partial_sort(risers.begin(), end, risers.end(), [](const Mover* a, const Mover* b) {
    return Gain(*a) != Gain(*b) ? Gain(*a) > Gain(*b) : a->place < b->place;
  });
  risers.erase(end, risers.end());
  return risers;
}

void NameStates(size_t classes, RankMigration& out) {
  for (size_t i = 0; i < classes; ++i) out.states.emplace_back(1, static_cast<char>('A' + i));
  out.states.emplace_back("N");
  out.counts.assign(classes + 1, std::vector<int64_t>(classes + 1));
}

}  // namespace

absl::StatusOr<RankMigration> GetRankMigration(const Shards& shards, const RetentionScope& scope,
                                               const RankMigrationQuery& query) {
  RankMigration out;
  NameStates(query.cut_milli.size() + 1, out);
  KL_ASSIGN_OR_RETURN(const Micros end_of_data, EndOfData(shards, scope));
  if (end_of_data == kFromTheBeginning) {
    out.currency_code = scope.currency_code;
    return out;
  }
  const Periods periods = scope.periods();
  const int64_t later = periods.IndexAt(end_of_data) - 1;
  out.earlier_period = periods.Format(later - 1);
  out.later_period = periods.Format(later);
  const Micros bounds[3] = {periods.StartOf(later - 1), periods.StartOf(later), periods.StartOf(later + 1)};

  std::vector<Mover> movers;
  int64_t silent = 0;
  KL_ASSIGN_OR_RETURN(
      const WalkEnd walked,
      Walk(shards, scope, PartsFor(query.measure), [&](uint32_t place, const AccountHistory& history) -> absl::Status {
        Mover mover;
        mover.place = place;
        for (const size_t period : {kEarlier, kLater}) {
          StretchFigures figures;
          if (!MeasureStretch(history, bounds[period], bounds[period + 1], figures)) return SumOutOfRange();
          mover.bought[period] = figures.purchases > 0;
          mover.micros[period] = MeasureOf(figures, query.measure, scope.basis);
        }
        if (mover.bought[kEarlier] || mover.bought[kLater]) {
          movers.push_back(mover);
        } else if (const auto first = history.first_purchase(); first.has_value() && *first < bounds[kEarlier]) {
          silent += 1;
        }
        return absl::OkStatus();
      }));
  out.currency_code = walked.currency_code;
  RankIn(kEarlier, query.cut_milli, movers);
  RankIn(kLater, query.cut_milli, movers);
  for (const Mover& mover : movers) out.counts[mover.class_index[kEarlier]][mover.class_index[kLater]] += 1;
  out.counts.back().back() = silent;
  out.rank_correlation = RankCorrelation(movers);

  const std::vector<const Mover*> risers = Risers(movers, query.risers_max);
  std::vector<uint32_t> places;
  for (const Mover* mover : risers) {
    places.push_back(mover->place);
    out.risers.push_back({"", mover->rank[kEarlier], mover->rank[kLater], mover->micros[kEarlier],
                          mover->micros[kLater], mover->class_index[kEarlier], mover->class_index[kLater]});
  }
  KL_RETURN_IF_ERROR(
      VisitPlaces(shards, scope, PartsFor(query.measure), places, [&](size_t i, const AccountHistory& history) {
        out.risers[i].account_id = history.account_id;
        return absl::OkStatus();
      }));
  return out;
}

}  // namespace keyledger::projections::portfolio
