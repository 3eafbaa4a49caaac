// Lifecycles against a model that looks at the end of every period and adds up all dealings each time.
#include <algorithm>
#include <random>

#include <absl/time/civil_time.h>
#include <fmt/format.h>

#include "tests/unit/domain/account_ledger.h"

namespace keyledger::domain {
namespace {

using L = AccountLedger;
using Lines = std::vector<std::string>;

constexpr Micros kDay = kMicrosPerDay;

absl::CivilMonth MonthOf(Micros at) { return absl::ToCivilMonth(absl::FromUnixMicros(at), absl::UTCTimeZone()); }
Micros StartOf(absl::CivilMonth month) { return absl::ToUnixMicros(absl::FromCivil(month, absl::UTCTimeZone())); }
int64_t DayOf(Micros at) { return at / kDay; }

// Money is in whole units here.
struct Dealing {
  Micros at = 0;
  int64_t units = 0;
};

enum Kind { kMonth, kRolling, kLifetime, kGrowth, kEachOfTwo, kDaysSince, kKinds };

struct ModelWay {
  int to = 0;
  Kind kind = kMonth;
  bool at_most = false;
  int64_t cut = 0;

  std::string Yaml() const {
    const char* what[] = {"metric: net_spend, window: {calendar_period: month}",
                          "metric: net_spend, window: {rolling_days: 45}",
                          "metric: net_spend, window: {lifetime: true}",
                          "metric: net_spend, window: {calendar_period: month}, growth: true",
                          "metric: net_spend, window: {calendar_period: month}, in_each_of_last: 2",
                          "metric: days_since_last_purchase"};
    const int64_t scale = kind == kGrowth || kind == kDaysSince ? 1 : kUnit;
    return fmt::format("{{to_stage_id: s{}, rule: {{any_of: [{{all_of: [{{{}, {}: {}}}]}}]}}}}", to, what[kind],
                       at_most ? "at_most" : "at_least", cut * scale);
  }
};

struct ModelLadder {
  bool by_quarter = false;
  // By stage.
  std::vector<std::vector<ModelWay>> ways;
  int stage = 0;
};

class Model {
 public:
  explicit Model(std::mt19937& random) {
    const auto pick = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); };
    for (int i = 0; i < 2; ++i) {
      ModelLadder& ladder = ladders_.emplace_back();
      ladder.by_quarter = i == 1;
      ladder.ways.resize(3);
      for (int stage = 0; stage < 3; ++stage) {
        for (int ways = pick(0, 2); ways > 0; --ways) {
          ModelWay way;
          way.to = (stage + pick(1, 2)) % 3;
          way.kind = static_cast<Kind>(pick(0, kKinds - 1));
          way.at_most = pick(0, 1) == 1;
          way.cut = way.kind == kGrowth      ? pick(-2, 2) * 250
                    : way.kind == kDaysSince ? pick(1, 4) * 20
                                             : pick(-1, 4) * 50;
          ladder.ways[static_cast<size_t>(stage)].push_back(way);
        }
      }
    }
  }

  std::string Yaml() const {
    std::string yaml = Head() + "stage_ladders:\n";
    for (size_t i = 0; i < ladders_.size(); ++i) {
      yaml += fmt::format("- ladder_id: l{}\n  review_period: {}\n  stages:\n", i,
                          ladders_[i].by_quarter ? "quarter" : "month");
      for (size_t stage = 0; stage < 3; ++stage) {
        std::string ways;
        for (const ModelWay& way : ladders_[i].ways[stage]) ways += (ways.empty() ? "" : ", ") + way.Yaml();
        yaml += fmt::format("  - {{stage_id: s{}, transitions: [{}]}}\n", stage, ways);
      }
    }
    return yaml;
  }

  void Open(Micros at) {
    clock_ = at;
    for (size_t i = 0; i < ladders_.size(); ++i) Say(at, i, "", 0);
  }

  void AdvanceTo(Micros until) {
    for (Micros end = StartOf(MonthOf(clock_) + 1); end <= until; end = StartOf(MonthOf(end) + 1)) {
      for (size_t i = 0; i < ladders_.size(); ++i) {
        if (!ladders_[i].by_quarter || MonthOf(end).month() % 3 == 1) Review(i, end);
      }
    }
    clock_ = std::max(clock_, until);
  }

  void Deal(Micros at, int64_t units) {
    AdvanceTo(at);
    dealings_.push_back({at, units});
  }

  const Lines& changes() const { return changes_; }

 private:
  void Say(Micros at, size_t ladder, const std::string& before, int stage) {
    changes_.push_back(fmt::format("{} l{} {}>s{}", FormatMicros(at), ladder, before, stage));
  }

  void Review(size_t i, Micros end) {
    ModelLadder& ladder = ladders_[i];
    for (const ModelWay& way : ladder.ways[static_cast<size_t>(ladder.stage)]) {
      const std::optional<int64_t> value = ValueOf(way, end);
      if (!value.has_value() || (way.at_most ? *value > way.cut : *value < way.cut)) continue;
      const std::string before = fmt::format("s{}", ladder.stage);
      ladder.stage = way.to;
      return Say(end, i, before, way.to);
    }
  }

  int64_t Sum(Micros from, Micros to) const {
    int64_t sum = 0;
    for (const Dealing& dealing : dealings_) sum += dealing.at >= from && dealing.at < to ? dealing.units : 0;
    return sum;
  }

  std::optional<int64_t> ValueOf(const ModelWay& way, Micros end) const {
    const absl::CivilMonth month = MonthOf(end - 1);
    const int64_t now = Sum(StartOf(month), end);
    const int64_t before = Sum(StartOf(month - 1), StartOf(month));
    switch (way.kind) {
      case kMonth:
        return now;
      case kRolling:
        return Sum(end - 45 * kDay, end);
      case kLifetime:
        return Sum(std::numeric_limits<Micros>::min(), end);
      case kGrowth: {
        if (before <= 0) return std::nullopt;
        const int64_t grown = (now - before) * 1000;
        return grown / before - (grown % before < 0 ? 1 : 0);
      }
      case kEachOfTwo:
        return way.at_most ? std::max(now, before) : std::min(now, before);
      default: {
        std::optional<Micros> last;
        for (const Dealing& dealing : dealings_) {
          if (dealing.units > 0) last = std::max(last.value_or(dealing.at), dealing.at);
        }
        if (!last.has_value()) return std::nullopt;
        return DayOf(end - 1) - DayOf(*last);
      }
    }
  }

  std::vector<ModelLadder> ladders_;
  std::vector<Dealing> dealings_;
  Micros clock_ = 0;
  Lines changes_;
};

Lines Changes(const std::vector<DecidedEvent>& events) {
  Lines changes;
  for (const DecidedEvent& event : events) {
    if (!event.event.has_stage_changed()) continue;
    const auto& changed = event.event.stage_changed();
    changes.push_back(fmt::format("{} {} {}>{}", FormatMicros(event.occurred), changed.ladder_id(),
                                  changed.previous_stage_id(), changed.stage_id()));
  }
  return changes;
}

TEST(Stages, AgreeWithAModelThatLooksAtTheEndOfEveryPeriod) {
  std::mt19937 random(20240110);
  const auto pick = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); };
  size_t changes = 0;
  for (int history = 0; history < 1'000 && !::testing::Test::HasFailure(); ++history) {
    Model model(random);
    SCOPED_TRACE(fmt::format("history {}\n{}", history, model.Yaml()));
    L ledger(model.Yaml());
    Micros now = At("2024-01-10") + pick(0, 100) * kDay;
    ASSERT_TRUE(ledger.Submit({L::Open(now)}).ok());
    model.Open(now);
    for (int step = 0; step < 12; ++step) {
      now += pick(0, 40) * kDay + pick(0, 86'399) * kMicrosPerSecond;
      const Micros at = pick(0, 9) < 3 ? now - pick(0, 60) * kDay : now;
      const int64_t units = pick(1, 10) * 10;
      const bool is_return = pick(0, 4) == 0;
      // What comes first by the clock: a late dealing is told to the model after time has moved on to the clock.
      ASSERT_TRUE(ledger.Submit({is_return ? L::Return(at, {{units * kUnit}}) : L::Buy(at, {{units * kUnit}})}).ok());
      model.Deal(at, is_return ? -units : units);
      if (pick(0, 3) == 0) {
        // Looking ahead agrees with going there.
        const Micros due = NextDue(ledger.state(), ledger.programs());
        if (due != kNever) {
          ASSERT_TRUE(Advance(ledger.state(), due - 1, ledger.programs())->events.empty());
        }
      }
    }
    const Micros end = now + pick(0, 1'500) * kDay;
    ledger.AdvanceTo(end);
    model.AdvanceTo(end);
    ASSERT_EQ(Changes(ledger.log()), model.changes());
    changes += model.changes().size();
  }
  EXPECT_GT(changes, 5'000u) << "histories in which something happens";
}

}  // namespace
}  // namespace keyledger::domain
