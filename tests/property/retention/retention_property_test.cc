// What must hold of every answer about retention and value, whatever the log: it does not depend on the order in which
// events arrived nor on the number of shards, and the past is answered as if nothing had come since. Histories are
// compared whole, so that it holds for every query over them. Seeds are fixed, so a failure repeats.
#include <algorithm>
#include <memory>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "projections/retention/migration_queries.h"
#include "projections/retention/retention_projection.h"
#include "projections/retention/retention_queries.h"
#include "projections/retention/rfm_queries.h"
#include "projections/retention/survival_queries.h"
#include "server/base/error.h"
#include "tests/property/retention/random_relations.h"
#include "tests/support/record_log.h"

namespace keyledger::projections {
namespace {

using testing::AsLog;
using testing::AsShards;
using testing::FoldAll;
using testing::Records;
using testing::RelationsOptions;
using testing::Utc;

constexpr int kSeeds = 25;
constexpr int64_t kEver = std::numeric_limits<int64_t>::max();

RelationsOptions TwoYears() { return {.begin = Utc(2024, 11, 3), .end = Utc(2026, 8, 20)}; }

// The rows of some shards.
class Shards {
 public:
  explicit Shards(const std::vector<Records>& logs) {
    for (const Records& log : logs) readers_.push_back(FoldAll(RetentionProjection(), log)->NewReader());
    for (const auto& reader : readers_) pointers_.push_back(reader.get());
  }
  const std::vector<const store::TableReader*>& pointers() const { return pointers_; }

 private:
  std::vector<std::unique_ptr<store::TableReader>> readers_;
  std::vector<const store::TableReader*> pointers_;
};

Shards One(const Records& records) { return Shards({AsLog(records)}); }

template <class Entries, class Text>
void Write(std::string& out, const char* name, const Entries& entries, const Text& text) {
  for (const auto& entry : entries) out += fmt::format(" {}@{}({})", name, entry.occurred, text(entry));
}

std::string Written(const AccountHistory& h) {
  std::string out = h.account_id + ":";
  const auto value = [](const HistoryValue& v) { return v.value; };
  const auto standing = [](const HistoryStanding& s) { return s.ladder_id + "=" + s.value; };
  Write(out, "trade", h.trades, [](const HistoryTrade& t) {
    return fmt::format("{} {} {} {}", t.is_return, t.micros, t.cost_micros, t.units);
  });
  Write(out, "cost", h.costs,
        [](const HistoryCost& c) { return fmt::format("{} {}", static_cast<int>(c.kind), c.micros); });
  Write(out, "survey", h.surveys,
        [](const HistorySurvey& s) { return fmt::format("{} {}", static_cast<int>(s.kind), s.score); });
  Write(out, "budget", h.budgets, [](const HistoryBudget& b) {
    return fmt::format("{} {} {} {} {}", b.start, b.end, static_cast<int>(b.basis), b.micros, b.category);
  });
  Write(out, "rank", h.supplier_ranks,
        [](const HistorySupplierRank& r) { return fmt::format("{} {}", r.place_halves, r.suppliers); });
  Write(out, "region", h.regions, value);
  Write(out, "segment", h.segments, value);
  Write(out, "owner", h.owners,
        [](const HistoryOwner& o) { return fmt::format("{} {}", o.value, static_cast<int>(o.reason)); });
  Write(out, "tier", h.tiers, standing);
  Write(out, "stage", h.stages, standing);
  Write(out, "club", h.clubs, [](const HistoryClub& c) { return fmt::format("{} {}", c.club_id, c.joined); });
  Write(out, "move", h.moves,
        [](const HistoryMove& m) { return fmt::format("{} {}", static_cast<int>(m.kind), m.competitor); });
  Write(out, "contract", h.contracts, [](const HistoryContract& c) {
    return fmt::format("{} {} {} {} {} {}", static_cast<int>(c.step), c.contract_id, c.start, c.end, c.kind,
                       static_cast<int>(c.ending));
  });
  Write(out, "life", h.life, [](const HistoryLife& l) { return static_cast<int>(l.step); });
  Write(out, "referral", h.referrals,
        [](const HistoryReferral& r) { return r.referrer_account_id + " " + r.lead_source; });
  return out;
}

std::vector<std::string> Histories(const Shards& shards, const RetentionScope& scope) {
  HistoryScan scan(scope);
  std::vector<std::string> written;
  const absl::Status run = scan.Run(shards.pointers(), [&](const AccountHistory& history) {
    written.push_back(Written(history));
    return absl::OkStatus();
  });
  if (!run.ok()) return {MessageOf(run)};
  written.push_back(fmt::format("{} left out, currency {}", scan.left_out(), scan.currency()));
  return written;
}

std::string Written(const absl::StatusOr<RetentionTable>& table) {
  if (!table.ok()) return fmt::format("{} {}", MessageOf(table.status()), FieldsOf(table.status())[0].second);
  std::string out = fmt::format("{} {} {}\n", table->currency_code, table->purchases, table->accounts);
  for (const RetentionPeriodRow& row : table->periods) {
    out += fmt::format("{} {} {} {} {} {} {} {} {} {} {} {} {}\n", row.period, row.active, row.fresh, row.retained,
                       row.reactivated, row.churned, row.start, row.revenue_micros, row.nrr_micros, row.grr_micros,
                       row.base_micros, row.nrr.value_or(-7), row.logo_retention.value_or(-7));
  }
  return out;
}

std::string Written(const absl::StatusOr<CohortTable>& table) {
  if (!table.ok()) return fmt::format("{} {}", MessageOf(table.status()), FieldsOf(table.status())[0].second);
  std::string out = table->currency_code + "\n";
  for (const CohortRow& row : table->cohorts) {
    out += fmt::format("{} {}: {} / {}\n", row.period, row.size, fmt::join(row.active, " "),
                       fmt::join(row.revenue_micros, " "));
  }
  return out;
}

// Everything that can be asked of the shards in the scope, and some of it by other periods.
std::vector<std::string> Answers(const Shards& shards, RetentionScope scope) {
  std::vector<std::string> answers = Histories(shards, scope);
  for (const RevenueBasis basis : {RevenueBasis::kGross, RevenueBasis::kNet}) {
    scope.basis = basis;
    for (const auto& [unit, length] : {std::pair(CalendarUnit::kMonth, 1), std::pair(CalendarUnit::kMonth, 5),
                                       std::pair(CalendarUnit::kQuarter, 1), std::pair(CalendarUnit::kWeek, 2)}) {
      scope.unit = unit;
      scope.period_length = length;
      answers.push_back(Written(GetRetentionTable(shards.pointers(), scope)));
      answers.push_back(Written(GetCohortTable(shards.pointers(), scope)));
    }
  }
  return answers;
}

// Asks with each currency, and without one.
std::vector<std::string> AllAnswers(const Shards& shards, const RetentionScope& scope) {
  std::vector<std::string> all;
  for (const char* currency : {"", "USD", "EUR"}) {
    RetentionScope asked = scope;
    asked.currency_code = currency;
    for (std::string& answer : Answers(shards, asked)) all.push_back(std::move(answer));
  }
  return all;
}

template <class Answer>
bool Refused(const absl::StatusOr<Answer>& answer, std::string& out) {
  if (!answer.ok()) out = MessageOf(answer.status());
  return !answer.ok();
}

std::string Written(const absl::StatusOr<RfmTable>& table) {
  std::string out;
  if (Refused(table, out)) return out;
  out = fmt::format("rfm of {} by {}:", table->accounts, table->as_of_day.value_or(-1));
  for (const RfmCell& cell : table->cells)
    out += fmt::format(" {} {} {}", cell.cell, cell.accounts, cell.revenue_micros);
  return out;
}

std::string Written(const absl::StatusOr<forecast::SurvivalCurve>& curve) {
  std::string out;
  if (Refused(curve, out)) return out;
  out = "survival:";
  for (const auto& point : curve->points()) {
    out += fmt::format(" {} {} {} {} {}", point.day, point.at_risk, point.events, point.survival, point.variance);
  }
  return out;
}

std::string Written(const absl::StatusOr<TenureTable>& table) {
  std::string out;
  if (Refused(table, out)) return out;
  out = fmt::format("tenure of {}: {} {}", table->accounts, table->mean_days.value_or(-1),
                    table->survival_mean_days.value_or(-1));
  for (const TenureBand& band : table->bands) out += fmt::format(" {}", band.accounts);
  return out;
}

std::string Written(const absl::StatusOr<MigrationTable>& table) {
  std::string out;
  if (Refused(table, out)) return out;
  out = fmt::format("migration {}:", fmt::join(table->states, ","));
  for (const MigrationStep& step : table->steps) {
    out += fmt::format(" {}: {}", step.period, fmt::join(step.sizes, " "));
    for (const auto& row : step.counts) out += fmt::format(" [{}]", fmt::join(row, " "));
  }
  return out;
}

// What is made of histories. Some of it is counted to as_of, or else to the end of the data: it is compared between
// ledgers that are asked the same.
std::vector<std::string> Derived(const Shards& shards, RetentionScope scope) {
  scope.currency_code = "USD";
  const auto& at = shards.pointers();
  std::vector<std::string> answers = {Written(GetRfmTable(at, scope, {.ties = RfmTies::kById})),
                                      Written(GetRfmTable(at, scope, {.ties = RfmTies::kShared})),
                                      Written(GetSurvivalCurve(at, scope, SurvivalEvent::kSecondPurchase, 0)),
                                      Written(GetSurvivalCurve(at, scope, SurvivalEvent::kLoss, 60)),
                                      Written(GetTenureTable(at, scope, 60, {90, 365}))};
  for (const MigrationOf of : {MigrationOf::kRecency, MigrationOf::kClass, MigrationOf::kTier, MigrationOf::kStage}) {
    answers.push_back(
        Written(GetMigrationTable(at, scope, {.of = of, .ladder_id = "ladder-1", .class_cuts_milli = {50, 250}})));
  }
  return answers;
}

Micros OccurredOf(const events::v1::EventRecord& record) { return testing::MicrosOfTime(record.occurred_time()); }
Micros RecordedOf(const events::v1::EventRecord& record) { return testing::MicrosOfTime(record.record_time()); }

template <class Keep>
Records Only(const Records& records, const Keep& keep) {
  Records kept;
  std::copy_if(records.begin(), records.end(), std::back_inserter(kept), keep);
  return kept;
}

class RetentionProperty : public ::testing::TestWithParam<int> {
 protected:
  Records Relations(bool decisions = true) {
    RelationsOptions options = TwoYears();
    options.decisions = decisions;
    // One in three ledgers trades in one currency only.
    if (GetParam() % 3 == 0) options.currencies = {"USD"};
    return testing::RandomRelations(static_cast<uint64_t>(GetParam()), options);
  }
  std::mt19937_64 random_{static_cast<uint64_t>(GetParam()) + 1000};
};

TEST_P(RetentionProperty, DoesNotDependOnTheOrderOfArrivalOrTheShards) {
  Records records = Relations(false);
  const std::vector<std::string> in_order = AllAnswers(One(records), {});
  EXPECT_GT(in_order.size(), 40u);
  const std::vector<std::string> derived = Derived(One(records), {});
  EXPECT_EQ(AllAnswers(Shards(AsShards(records, 4)), {}), in_order);
  EXPECT_EQ(Derived(Shards(AsShards(records, 4)), {}), derived);
  std::shuffle(records.begin(), records.end(), random_);
  EXPECT_EQ(AllAnswers(One(records), {}), in_order);
  EXPECT_EQ(AllAnswers(Shards(AsShards(records, 4)), {}), in_order);
  EXPECT_EQ(Derived(Shards(AsShards(records, 4)), {}), derived);
}

TEST_P(RetentionProperty, KeepsTheSameMonthCellsInWhateverOrderPurchasesCame) {
  Records records = Relations();
  const auto cells = [](const Records& log) {
    const auto table = FoldAll(RetentionProjection(), AsLog(log), 7);
    return testing::MemoryRows(table->rows().begin(), table->rows().lower_bound("\x01"));
  };
  const testing::MemoryRows in_order = cells(records);
  EXPECT_GT(in_order.size(), 40u);
  std::shuffle(records.begin(), records.end(), random_);
  EXPECT_TRUE(cells(records) == in_order);
}

TEST_P(RetentionProperty, AnswersThePastAsIfNothingHadHappenedSince) {
  const Records records = Relations();
  const Shards now = One(records);
  std::vector<Micros> moments = {Utc(2025, 3, 1), Utc(2026, 1, 1), Utc(2025, 7, 14, 9, 30), Utc(2024, 11, 3)};
  moments.push_back(OccurredOf(records[records.size() / 2]));
  for (const Micros as_of : moments) {
    SCOPED_TRACE(FormatMicros(as_of));
    const Records before = Only(records, [&](const auto& record) { return OccurredOf(record) < as_of; });
    EXPECT_EQ(AllAnswers(now, {.as_of = as_of}), AllAnswers(One(before), {.as_of = as_of}));
    EXPECT_EQ(Derived(now, {.as_of = as_of}), Derived(One(before), {.as_of = as_of}));
  }
}

TEST_P(RetentionProperty, AnswersWhatWasKnownAsIfNothingHadBecomeKnownSince) {
  const Records records = Relations();
  const Shards now = One(records);
  for (const size_t at : {size_t{0}, records.size() / 3, records.size() - 1}) {
    const Micros known_at = RecordedOf(records[at]);
    SCOPED_TRACE(FormatMicros(known_at));
    const Records before = Only(records, [&](const auto& record) { return RecordedOf(record) < known_at; });
    EXPECT_EQ(AllAnswers(now, {.known_at = known_at}), AllAnswers(One(before), {}));
    EXPECT_EQ(Derived(now, {.known_at = known_at}), Derived(One(before), {}));
    const Micros as_of = Utc(2025, 12, 1);
    const Records both = Only(before, [&](const auto& record) { return OccurredOf(record) < as_of; });
    EXPECT_EQ(AllAnswers(now, {.as_of = as_of, .known_at = known_at}), AllAnswers(One(both), {.as_of = as_of}));
  }
}

TEST_P(RetentionProperty, AnswersUpToPlacesInTheLogsAsIfTheyEndedThere) {
  const std::vector<Records> logs = AsShards(Relations(), 3);
  const Shards now(logs);
  std::vector<Records> before;
  RetentionScope scope;
  for (const Records& log : logs) {
    const size_t place = random_() % (log.size() + 1);
    before.emplace_back(log.begin(), log.begin() + static_cast<std::ptrdiff_t>(place));
    scope.known_places.push_back(place);
  }
  EXPECT_EQ(AllAnswers(now, scope), AllAnswers(Shards(before), {}));
}

// The cells and the accounts themselves say the same.
TEST_P(RetentionProperty, ReadsTheSameFromMonthCellsAsFromTheAccounts) {
  const Shards shards(AsShards(Relations(), GetParam() % 2 == 0 ? 1 : 3));
  for (const Micros as_of : {kEver, Utc(2025, 1, 1), Utc(2025, 11, 1), Utc(2026, 8, 1), Utc(2020, 1, 1)}) {
    for (const char* currency : {"", "USD", "EUR", "CHF"}) {
      for (const RevenueBasis basis : {RevenueBasis::kGross, RevenueBasis::kNet}) {
        SCOPED_TRACE(fmt::format("{} {} {}", FormatMicros(as_of), currency, static_cast<int>(basis)));
        const RetentionScope cells{.currency_code = currency, .basis = basis, .as_of = as_of};
        RetentionScope accounts = cells;
        // Known before the last moment there is: everything, but the cells do not know when they knew.
        accounts.known_at = kEver - 1;
        EXPECT_EQ(Written(GetRetentionTable(shards.pointers(), cells)),
                  Written(GetRetentionTable(shards.pointers(), accounts)));
        EXPECT_EQ(Written(GetCohortTable(shards.pointers(), cells)),
                  Written(GetCohortTable(shards.pointers(), accounts)));
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RetentionProperty, ::testing::Range(1, kSeeds + 1));

}  // namespace
}  // namespace keyledger::projections
