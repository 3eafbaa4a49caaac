#include "projections/retention/migration_paths.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string_view>

#include <fmt/format.h>

#include "projections/retention/query_sums.h"
#include "server/base/error.h"

namespace keyledger::projections {
namespace {

static_assert(kMigrationStatesMax <= std::numeric_limits<uint8_t>::max());
static_assert(kRecencyCapMax < kMigrationStatesMax);

// From the earliest to the latest period that was added.
struct Span {
  int64_t first = std::numeric_limits<int64_t>::max();
  int64_t last = std::numeric_limits<int64_t>::min();

  bool empty() const { return first > last; }
  void Add(int64_t period) {
    first = std::min(first, period);
    last = std::max(last, period);
  }
};

std::optional<int64_t> FirstBought(const std::vector<TradedPeriod>& traded) {
  const auto first = std::find_if(traded.begin(), traded.end(), [](const TradedPeriod& p) { return p.bought; });
  return first == traded.end() ? std::nullopt : std::optional(first->period);
}

void AddBought(const std::vector<TradedPeriod>& traded, Span& span) {
  for (const TradedPeriod& period : traded) {
    if (period.bought) span.Add(period.period);
  }
}

class RecencyPaths final : public MigrationPaths {
 public:
  RecencyPaths(int32_t cap, int64_t last) : cap_(static_cast<uint8_t>(cap)), last_(last) {}

  absl::Status Survey(const AccountHistory&, const std::vector<TradedPeriod>& traded) override {
    AddBought(traded, span_);
    return absl::OkStatus();
  }

  bool Settle(int64_t& first, int64_t& last) override {
    if (span_.empty()) return false;
    span_.Add(last_);
    first = span_.first;
    last = span_.last;
    return true;
  }

  std::vector<std::string> states() const override {
    std::vector<std::string> names;
    for (int periods = 0; periods <= cap_; ++periods) names.push_back(fmt::format("{}", periods));
    names.back() += "+";
    return names;
  }

  bool Trace(const AccountHistory&, const std::vector<TradedPeriod>& traded, MigrationPath& path) override {
    const std::optional<int64_t> first = FirstBought(traded);
    if (!first.has_value()) return false;
    path.start = *first;
    path.states.clear();
    auto next = traded.begin();
    uint8_t silent = 0;
    for (int64_t period = path.start; period <= span_.last; ++period) {
      while (next != traded.end() && next->period < period) ++next;
      const bool bought = next != traded.end() && next->period == period && next->bought;
      silent = bought ? uint8_t{0} : std::min(cap_, static_cast<uint8_t>(silent + 1));
      path.states.push_back(silent);
    }
    return true;
  }

 private:
  const uint8_t cap_;
  const int64_t last_;
  Span span_;
};

// The first account of a period by revenue is the one with the most; ties go by place in the walk.
struct Ranked {
  int64_t revenue_micros = 0;
  int32_t period = 0;
  uint32_t place = 0;

  // Whether this one comes before `other` of the same period, or is it.
  bool AtLeast(const Ranked& other) const {
    return revenue_micros != other.revenue_micros ? revenue_micros > other.revenue_micros : place <= other.place;
  }
};

class ClassPaths final : public MigrationPaths {
 public:
  ClassPaths(const MigrationQuestion& question, int64_t last)
      : cuts_(question.class_cuts_milli), ranked_at_once_(question.ranked_at_once), last_(last) {}

  absl::Status Survey(const AccountHistory&, const std::vector<TradedPeriod>& traded) override {
    if (!FirstBought(traded).has_value()) return absl::OkStatus();
    AddBought(traded, span_);
    for (const TradedPeriod& period : traded) {
      if (period.bought) ++buyers_[period.period];
    }
    if (fits_) Collect(traded, span_.first, span_.last, surveyed_++);
    if (fits_ && ranked_.size() > ranked_at_once_) {
      fits_ = false;
      ranked_ = {};
    }
    return absl::OkStatus();
  }

  bool Settle(int64_t& first, int64_t& last) override {
    if (span_.empty()) return false;
    span_.Add(last_);
    first = span_.first;
    last = span_.last;
    return true;
  }

  absl::Status Prepare(const std::vector<const store::TableReader*>& shards, const RetentionScope& scope) override {
    if (fits_) {
      Cut();
      return absl::OkStatus();
    }
    // As many periods a walk as are ranked at once, one at least.
    for (auto first = buyers_.begin(); first != buyers_.end();) {
      size_t sum = 0;
      auto end = first;
      while (end != buyers_.end() && (end == first || sum + end->second <= ranked_at_once_)) sum += (end++)->second;
      KL_RETURN_IF_ERROR(CollectAll(shards, scope, first->first, std::prev(end)->first));
      Cut();
      first = end;
    }
    return absl::OkStatus();
  }

  std::vector<std::string> states() const override {
    std::vector<std::string> names;
    for (size_t i = 0; i <= cuts_.size(); ++i) names.emplace_back(1, static_cast<char>('A' + i));
    names.emplace_back("N");
    return names;
  }

  bool Trace(const AccountHistory&, const std::vector<TradedPeriod>& traded, MigrationPath& path) override {
    const std::optional<int64_t> first = FirstBought(traded);
    if (!first.has_value()) return false;
    const uint32_t place = traced_++;
    path.start = std::max(span_.first, *first - 1);
    path.states.clear();
    auto next = traded.begin();
    for (int64_t period = path.start; period <= span_.last; ++period) {
      while (next != traded.end() && next->period < period) ++next;
      const bool bought = next != traded.end() && next->period == period && next->bought;
      path.states.push_back(bought ? ClassOf(*next, place) : static_cast<uint8_t>(cuts_.size() + 1));
    }
    return true;
  }

 private:
  void Collect(const std::vector<TradedPeriod>& traded, int64_t first, int64_t last, uint32_t place) {
    for (const TradedPeriod& period : traded) {
      if (!period.bought || period.period < first || period.period > last) continue;
      ranked_.push_back(Ranked{period.revenue_micros, static_cast<int32_t>(period.period), place});
    }
  }

  absl::Status CollectAll(const std::vector<const store::TableReader*>& shards, const RetentionScope& scope,
                          int64_t first, int64_t last) {
    PeriodFinder periods(scope.periods());
    std::vector<TradedPeriod> traded;
    uint32_t place = 0;
    HistoryScan scan(scope, parts());
    return scan.Run(shards, [&](const AccountHistory& account) -> absl::Status {
      if (!SumByPeriod(account, scope.basis, periods, traded)) return MoneyOutOfRange();
      if (FirstBought(traded).has_value()) Collect(traded, first, last, place++);
      return absl::OkStatus();
    });
  }

  // Ranks what was collected, keeps the last of each class of each period and forgets the others.
  void Cut() {
    std::sort(ranked_.begin(), ranked_.end(), [](const Ranked& left, const Ranked& right) {
      return left.period != right.period ? left.period < right.period : left.AtLeast(right) && !right.AtLeast(left);
    });
    for (auto begin = ranked_.begin(); begin != ranked_.end();) {
      const auto end = std::find_if(begin, ranked_.end(), [&](const Ranked& r) { return r.period != begin->period; });
      const int64_t n = end - begin;
      std::vector<Ranked>& last = last_of_class_[begin->period];
      for (const int32_t milli : cuts_) last.push_back(begin[(n * milli + 999) / 1000 - 1]);
      begin = end;
    }
    ranked_.clear();
  }

  uint8_t ClassOf(const TradedPeriod& period, uint32_t place) const {
    const Ranked account{period.revenue_micros, static_cast<int32_t>(period.period), place};
    const std::vector<Ranked>& last = last_of_class_.at(period.period);
    const auto found = std::find_if(last.begin(), last.end(), [&](const Ranked& r) { return account.AtLeast(r); });
    return static_cast<uint8_t>(found - last.begin());
  }

  const std::vector<int32_t>& cuts_;
  const size_t ranked_at_once_;
  const int64_t last_;
  Span span_;
  std::map<int64_t, size_t> buyers_;
  std::vector<Ranked> ranked_;
  // False: `ranked_` was given up, since there was more than is ranked at once.
  bool fits_ = true;
  uint32_t surveyed_ = 0;
  uint32_t traced_ = 0;
  // By period, for each cut.
  std::map<int64_t, std::vector<Ranked>> last_of_class_;
};

// Tiers of a ladder or stages of a lifecycle.
class StandingPaths final : public MigrationPaths {
 public:
  StandingPaths(const RetentionScope& scope, const MigrationQuestion& question, int64_t last)
      : of_(question.of), ladder_id_(question.ladder_id), periods_(scope.periods()), last_(last) {}

  HistoryParts parts() const override { return HistoryParts::kAll; }

  absl::Status Survey(const AccountHistory& account, const std::vector<TradedPeriod>&) override {
    if (const std::optional<int64_t> start = StartOf(account); start.has_value()) first_present_.Add(*start);
    for (const HistoryStanding& standing : StandingsOf(account)) {
      if (standing.ladder_id != ladder_id_) continue;
      assigned_.Add(periods_.Find(standing.occurred));
      if (names_.insert(standing.value).second && names_.size() > kMigrationStatesMax) {
        return FieldError(of_ == MigrationOf::kTier ? "ladder_id" : "lifecycle_id",
                          fmt::format("has had more than {} states: limit the scope, for example by scope.as_of",
                                      kMigrationStatesMax - 1));
      }
    }
    return absl::OkStatus();
  }

  bool Settle(int64_t& first, int64_t& last) override {
    if (assigned_.empty()) return false;
    first = first_ = std::max(first_present_.first, assigned_.first - 1);
    last = last_ = std::max(assigned_.last, last_);
    return true;
  }

  std::vector<std::string> states() const override { return {names_.begin(), names_.end()}; }
  bool leaves_out_empty_states() const override { return true; }

  bool Trace(const AccountHistory& account, const std::vector<TradedPeriod>&, MigrationPath& path) override {
    const std::optional<int64_t> start = StartOf(account);
    if (!start.has_value() || *start > last_) return false;
    path.start = std::max(*start, first_);
    path.states.clear();
    const std::vector<HistoryStanding>& standings = StandingsOf(account);
    auto next = standings.begin();
    uint8_t state = IndexOf("");
    for (int64_t period = path.start; period <= last_; ++period) {
      for (; next != standings.end(); ++next) {
        if (next->ladder_id != ladder_id_) continue;
        if (periods_.Find(next->occurred) > period) break;
        state = IndexOf(next->value);
      }
      path.states.push_back(state);
    }
    return true;
  }

 private:
  const std::vector<HistoryStanding>& StandingsOf(const AccountHistory& account) const {
    return of_ == MigrationOf::kTier ? account.tiers : account.stages;
  }

  // The period in which the account came to be known; nothing if it is not known by what matters here.
  std::optional<int64_t> StartOf(const AccountHistory& account) {
    std::optional<Micros> start;
    const auto at = [&start](Micros occurred) { start = std::min(start.value_or(occurred), occurred); };
    if (!account.life.empty()) at(account.life.front().occurred);
    if (!account.trades.empty()) at(account.trades.front().occurred);
    for (const HistoryStanding& standing : StandingsOf(account)) {
      if (standing.ladder_id == ladder_id_) at(standing.occurred);
    }
    if (!start.has_value()) return std::nullopt;
    return periods_.Find(*start);
  }

  uint8_t IndexOf(const std::string& name) const {
    return static_cast<uint8_t>(std::distance(names_.begin(), names_.find(name)));
  }

  const MigrationOf of_;
  const std::string& ladder_id_;
  PeriodFinder periods_;
  // Those held, and "" for none.
  std::set<std::string> names_ = {""};
  Span first_present_;
  Span assigned_;
  int64_t first_ = 0;
  int64_t last_;
};

}  // namespace

absl::Status MigrationPaths::Prepare(const std::vector<const store::TableReader*>&, const RetentionScope&) {
  return absl::OkStatus();
}

bool SumByPeriod(const AccountHistory& account, RevenueBasis basis, PeriodFinder& periods,
                 std::vector<TradedPeriod>& traded) {
  traded.clear();
  for (const HistoryTrade& trade : account.trades) {
    const int64_t period = periods.Find(trade.occurred);
    if (traded.empty() || traded.back().period != period) traded.emplace_back().period = period;
    traded.back().bought = traded.back().bought || !trade.is_return;
    if (!AddTo(traded.back().revenue_micros, RevenueOf(trade, basis))) return false;
  }
  return true;
}

std::unique_ptr<MigrationPaths> MakeMigrationPaths(const RetentionScope& scope, const MigrationQuestion& question,
                                                   int64_t last) {
  switch (question.of) {
    case MigrationOf::kRecency:
      return std::make_unique<RecencyPaths>(question.recency_cap, last);
    case MigrationOf::kClass:
      return std::make_unique<ClassPaths>(question, last);
    case MigrationOf::kTier:
    case MigrationOf::kStage:
      break;
  }
  return std::make_unique<StandingPaths>(scope, question, last);
}

}  // namespace keyledger::projections
