// Statement of points: what is recorded and what is only due, with the balance after each line.
#include <algorithm>
#include <limits>

#include <gtest/gtest.h>

#include "projections/points/points_projection.h"
#include "projections/points/points_queries.h"
#include "server/base/error.h"
#include "server/domain/proto_time.h"
#include "tests/support/random_log.h"
#include "tests/support/record_log.h"
#include "tests/unit/projections/points_logs.h"

namespace keyledger::projections {
namespace {

using events::v1::EVENT_KIND_POINTS_ACCRUED;
using events::v1::EVENT_KIND_POINTS_ACTIVATED;
using events::v1::EVENT_KIND_POINTS_ADJUSTED;
using events::v1::EVENT_KIND_POINTS_EXPIRED;
using events::v1::EVENT_KIND_POINTS_REDEEMED;
using testing::RecordLog;
using testing::Utc;

constexpr Micros kAlways = std::numeric_limits<Micros>::max();

// What a line says, without where it is recorded.
struct Line {
  bool due = false;
  Micros occurred = 0;
  events::v1::EventKind kind = events::v1::EVENT_KIND_UNSPECIFIED;
  uint64_t lot = 0;
  int64_t available_change = 0;
  int64_t pending_change = 0;
  int64_t available_after = 0;
  int64_t pending_after = 0;

  bool operator==(const Line&) const = default;
  friend void PrintTo(const Line& line, std::ostream* out) {
    *out << (line.due ? "due " : "") << absl::FromUnixMicros(line.occurred) << " "
         << events::v1::EventKind_Name(line.kind) << " lot " << line.lot << " " << line.available_change << " "
         << line.pending_change << " -> " << line.available_after << " " << line.pending_after;
  }
};

Line LineOf(const PointsStatementEntry& entry) {
  return {entry.due,
          entry.occurred,
          entry.kind,
          entry.lot_revision,
          entry.available_change,
          entry.pending_change,
          entry.available_after,
          entry.pending_after};
}

std::vector<Line> LinesOf(const store::TableReader& rows, const std::string& account, Micros as_of,
                          size_t page_size = 1'000'000, Micros from = 0, Micros to = kAlways) {
  std::vector<Line> lines;
  std::string continuation;
  do {
    const auto page = ListPointsStatement(rows, account, from, to, as_of, page_size, continuation);
    EXPECT_TRUE(page.ok()) << page.status();
    if (!page.ok()) return lines;
    for (const PointsStatementEntry& entry : page->entries) lines.push_back(LineOf(entry));
    continuation = page->continuation;
  } while (!continuation.empty());
  return lines;
}

using Lines = std::vector<Line>;

TEST(ListPointsStatement, ListsMovementsWithTheBalanceAfterEach) {
  const auto rows = testing::FoldRows(PointsProjection(), OneAccount());
  const auto page = ListPointsStatement(*rows, "a", Utc(2026, 1, 1), Utc(2027, 1, 1), Utc(2026, 2, 20), 10, "");
  ASSERT_TRUE(page.ok());
  ASSERT_EQ(page->entries.size(), 5u);
  struct Said {
    events::v1::EventKind kind;
    int64_t available_change, pending_change, available_after, pending_after;
    const char* description;
  };
  const Said expected[] = {
      {events::v1::EVENT_KIND_POINTS_ACCRUED, 0, 100, 0, 100, "base"},
      {events::v1::EVENT_KIND_POINTS_ACTIVATED, 100, -100, 100, 0, ""},
      {events::v1::EVENT_KIND_POINTS_ADJUSTED, 50, 0, 150, 0, "goodwill"},
      {events::v1::EVENT_KIND_POINTS_REDEEMED, -30, 0, 120, 0, "voucher"},
      {events::v1::EVENT_KIND_POINTS_REVERSED, -20, 0, 100, 0, ""},
  };
  for (size_t i = 0; i < 5; ++i) {
    SCOPED_TRACE(i);
    const PointsStatementEntry& entry = page->entries[i];
    EXPECT_EQ(entry.kind, expected[i].kind);
    EXPECT_EQ(entry.available_change, expected[i].available_change);
    EXPECT_EQ(entry.pending_change, expected[i].pending_change);
    EXPECT_EQ(entry.available_after, expected[i].available_after);
    EXPECT_EQ(entry.pending_after, expected[i].pending_after);
    EXPECT_EQ(entry.description, expected[i].description);
  }
  EXPECT_EQ(page->entries[0].revision, 2u);
  EXPECT_EQ(page->entries[0].position, 2u);
  EXPECT_EQ(page->entries[0].occurred, Utc(2026, 1, 10));
  EXPECT_EQ(page->entries[0].recorded, Utc(2026, 1, 1, 0, 0, 3));
}

TEST(ListPointsStatement, CarriesTheBalanceIntoLaterPagesAndWindows) {
  const auto rows = testing::FoldRows(PointsProjection(), OneAccount());
  const Micros from = Utc(2026, 2, 1);
  const Micros to = Utc(2026, 2, 15);
  const auto first = ListPointsStatement(*rows, "a", from, to, Utc(2027, 6, 1), 1, "");
  ASSERT_TRUE(first.ok());
  ASSERT_EQ(first->entries.size(), 1u);
  EXPECT_EQ(first->entries[0].revision, 4u);
  EXPECT_EQ(first->entries[0].available_after, 150);
  const auto second = ListPointsStatement(*rows, "a", from, to, Utc(2027, 6, 1), 1, first->continuation);
  ASSERT_TRUE(second.ok());
  ASSERT_EQ(second->entries.size(), 1u);
  EXPECT_EQ(second->entries[0].revision, 5u);
  EXPECT_EQ(second->entries[0].available_after, 120);
  EXPECT_EQ(second->continuation, "");
  EXPECT_EQ(ReasonOf(ListPointsStatement(*rows, "a", from, to, Utc(2027, 6, 1), 1, "x").status()),
            Reason::kInvalidToken);
}

TEST(ListPointsStatement, OrdersMovementsOfOneMomentByPosition) {
  RecordLog log;
  log.Open("a", 0);
  log.Accrue("a", Utc(2026, 1, 1), 10, 0, 0);
  log.Accrue("a", Utc(2026, 1, 1), 20, 0, 0);
  log.Accrue("a", Utc(2025, 1, 1), 5, 0, 0);
  const auto rows = testing::FoldRows(PointsProjection(), log);
  const auto page = ListPointsStatement(*rows, "a", 0, Utc(2030, 1, 1), Utc(2030, 1, 1), 10, "");
  ASSERT_EQ(page->entries.size(), 3u);
  EXPECT_EQ(page->entries[0].available_after, 5);
  EXPECT_EQ(page->entries[1].available_after, 15);
  EXPECT_EQ(page->entries[2].available_after, 35);
}

TEST(ListPointsStatement, ListsWhatFellDueButIsNotRecorded) {
  RecordLog log;
  log.Open("a", Utc(2026, 1, 5));
  log.Accrue("a", Utc(2026, 1, 10), 100, Utc(2026, 1, 24), Utc(2026, 3, 1));
  log.AdjustUp("a", Utc(2026, 2, 1), 50, 0);
  const auto rows = testing::FoldRows(PointsProjection(), log);
  const Lines expected{
      {false, Utc(2026, 1, 10), EVENT_KIND_POINTS_ACCRUED, 0, 0, 100, 0, 100},
      {true, Utc(2026, 1, 24), EVENT_KIND_POINTS_ACTIVATED, 1, 100, -100, 100, 0},
      {false, Utc(2026, 2, 1), EVENT_KIND_POINTS_ADJUSTED, 0, 50, 0, 150, 0},
      {true, Utc(2026, 3, 1), EVENT_KIND_POINTS_EXPIRED, 1, -100, 0, 50, 0},
  };
  EXPECT_EQ(LinesOf(*rows, "a", Utc(2026, 4, 1)), expected);
  EXPECT_EQ(LinesOf(*rows, "a", Utc(2026, 3, 1)), Lines(expected.begin(), expected.begin() + 3));
  EXPECT_EQ(LinesOf(*rows, "a", Utc(2026, 1, 24)), Lines(expected.begin(), expected.begin() + 1));
  const auto page = ListPointsStatement(*rows, "a", 0, kAlways, Utc(2026, 4, 1), 10, "");
  EXPECT_EQ(page->entries[1].revision, 0u);
  EXPECT_EQ(page->entries[1].position, 0u);
  EXPECT_EQ(page->entries[1].recorded, 0);
  EXPECT_EQ(page->entries[1].description, "");
}

TEST(ListPointsStatement, SaysTheSameBeforeAndAfterTheLedgerRecordsWhatWasDue) {
  RecordLog log = OneAccount();
  const Lines before = LinesOf(*testing::FoldRows(PointsProjection(), log), "a", Utc(2026, 4, 1));
  ASSERT_EQ(before.size(), 6u);
  EXPECT_EQ(before[5], (Line{true, Utc(2026, 3, 1), EVENT_KIND_POINTS_EXPIRED, 4, -20, 0, 80, 0}));
  log.Expire("a", Utc(2026, 3, 1), 4, 20);
  const Lines after = LinesOf(*testing::FoldRows(PointsProjection(), log), "a", Utc(2026, 4, 1));
  ASSERT_EQ(after.size(), 6u);
  EXPECT_EQ(after[5], (Line{false, Utc(2026, 3, 1), EVENT_KIND_POINTS_EXPIRED, 4, -20, 0, 80, 0}));
}

TEST(ListPointsStatement, CountsNothingOfTheMomentItself) {
  RecordLog log = OneAccount();
  log.Redeem("a", Utc(2026, 3, 1), {{2, 1}});
  for (const bool recorded : {false, true}) {
    SCOPED_TRACE(recorded);
    if (recorded) log.Expire("a", Utc(2026, 3, 1), 4, 20);
    const auto rows = testing::FoldRows(PointsProjection(), log);
    // As the balance just before: neither has the lot expired nor the redemption happened.
    const Lines lines = LinesOf(*rows, "a", Utc(2026, 3, 1));
    ASSERT_EQ(lines.size(), 5u);
    EXPECT_EQ(lines[4].available_after, 100);
    EXPECT_EQ(GetPointsBalance(*rows, "a", Utc(2026, 3, 1))->available, 100);
    EXPECT_EQ(LinesOf(*rows, "a", Utc(2026, 3, 1) + 1).size(), 7u);
    EXPECT_EQ(GetPointsBalance(*rows, "a", Utc(2026, 3, 1) + 1)->available, 79);
    // Windows do not share a line.
    EXPECT_EQ(LinesOf(*rows, "a", Utc(2026, 4, 1), 10, 0, Utc(2026, 3, 1)).size(), 5u);
    EXPECT_EQ(LinesOf(*rows, "a", Utc(2026, 4, 1), 10, Utc(2026, 3, 1), Utc(2026, 4, 1)).size(), 2u);
  }
}

TEST(ListPointsStatement, PutsWhatIsDueAfterWhatIsRecordedActivationsFirstThenByLot) {
  const Micros moment = Utc(2026, 2, 1);
  RecordLog log;
  log.Open("a", Utc(2026, 1, 1));
  log.Accrue("a", Utc(2026, 1, 2), 1, 0, moment);
  log.Accrue("a", Utc(2026, 1, 3), 2, 0, moment);
  log.Accrue("a", Utc(2026, 1, 4), 4, moment, 0);
  log.Accrue("a", Utc(2026, 1, 5), 8, moment, moment);
  log.AdjustUp("a", moment, 16, 0);
  const auto rows = testing::FoldRows(PointsProjection(), log);
  const Lines expected{
      {false, moment, EVENT_KIND_POINTS_ADJUSTED, 0, 16, 0, 19, 12},
      {true, moment, EVENT_KIND_POINTS_ACTIVATED, 3, 4, -4, 23, 8},
      {true, moment, EVENT_KIND_POINTS_ACTIVATED, 4, 8, -8, 31, 0},
      {true, moment, EVENT_KIND_POINTS_EXPIRED, 1, -1, 0, 30, 0},
      {true, moment, EVENT_KIND_POINTS_EXPIRED, 2, -2, 0, 28, 0},
      {true, moment, EVENT_KIND_POINTS_EXPIRED, 4, -8, 0, 20, 0},
  };
  EXPECT_EQ(LinesOf(*rows, "a", moment + 1, 10, moment), expected);
  for (const size_t page_size : {1u, 2u, 3u, 5u}) {
    EXPECT_EQ(LinesOf(*rows, "a", moment + 1, page_size, moment), expected) << page_size;
  }
}

TEST(ListPointsStatement, ListsOnceWhatIsRecordedBetweenTwoPages) {
  const Micros moment = Utc(2026, 2, 1);
  RecordLog log;
  log.Open("a", Utc(2026, 1, 1));
  for (int i = 0; i < 4; ++i) log.Accrue("a", Utc(2026, 1, 2), 10, 0, moment);
  RecordLog later = log;
  for (uint64_t lot = 1; lot <= 4; ++lot) later.Expire("a", moment, lot, 10);
  later.AdjustUp("a", Utc(2026, 2, 2), 5, 0);
  const auto before = testing::FoldRows(PointsProjection(), log);
  const auto after = testing::FoldRows(PointsProjection(), later);
  for (size_t first = 1; first <= 7; ++first) {
    SCOPED_TRACE(first);
    const auto page = ListPointsStatement(*before, "a", 0, kAlways, Utc(2026, 2, 3), first, "");
    ASSERT_TRUE(page.ok());
    std::vector<std::pair<events::v1::EventKind, uint64_t>> listed;
    for (const auto& entry : page->entries) listed.emplace_back(entry.kind, entry.lot_revision);
    if (!page->continuation.empty()) {
      const auto rest = ListPointsStatement(*after, "a", 0, kAlways, Utc(2026, 2, 4), 100, page->continuation);
      ASSERT_TRUE(rest.ok());
      for (const auto& entry : rest->entries) listed.emplace_back(entry.kind, entry.lot_revision);
      EXPECT_EQ(rest->entries.back().available_after, 5);
      EXPECT_EQ(listed.size(), 9u);
    }
    for (uint64_t lot = 1; lot <= 4; ++lot) {
      EXPECT_EQ(std::count(listed.begin(), listed.end(), std::pair(EVENT_KIND_POINTS_EXPIRED, lot)), 1) << lot;
    }
  }
}

TEST(ListPointsStatement, TakesALateDebitFromWhatTheLotWasThen) {
  RecordLog log;
  log.Open("a", Utc(2026, 1, 5));
  log.Accrue("a", Utc(2026, 1, 10), 100, Utc(2026, 1, 24), 0);
  log.Activate("a", Utc(2026, 1, 24), 1, 100);
  // Decided once the lot was available, of a day when it was not; and of a day before there was a lot.
  log.Redeem("a", Utc(2026, 1, 20), {{1, 30}});
  log.AdjustDown("a", Utc(2026, 1, 8), {{1, 5}});
  const auto rows = testing::FoldRows(PointsProjection(), log);
  EXPECT_EQ(LinesOf(*rows, "a", Utc(2026, 2, 1)),
            (Lines{
                {false, Utc(2026, 1, 8), EVENT_KIND_POINTS_ADJUSTED, 0, 0, 0, 0, 0},
                {false, Utc(2026, 1, 10), EVENT_KIND_POINTS_ACCRUED, 0, 0, 95, 0, 95},
                {false, Utc(2026, 1, 20), EVENT_KIND_POINTS_REDEEMED, 0, 0, -30, 0, 65},
                {false, Utc(2026, 1, 24), EVENT_KIND_POINTS_ACTIVATED, 1, 65, -65, 65, 0},
            }));
}

TEST(ListPointsStatement, EndsALotThatWasEarnedPastItsEndWhenItWasEarned) {
  RecordLog log;
  log.Open("a", Utc(2026, 1, 5));
  log.Accrue("a", Utc(2026, 1, 10), 100, Utc(2026, 1, 2), Utc(2026, 1, 3));
  const auto rows = testing::FoldRows(PointsProjection(), log);
  EXPECT_EQ(LinesOf(*rows, "a", Utc(2026, 2, 1)),
            (Lines{
                {false, Utc(2026, 1, 10), EVENT_KIND_POINTS_ACCRUED, 0, 0, 100, 0, 100},
                {true, Utc(2026, 1, 10), EVENT_KIND_POINTS_ACTIVATED, 1, 100, -100, 100, 0},
                {true, Utc(2026, 1, 10), EVENT_KIND_POINTS_EXPIRED, 1, -100, 0, 0, 0},
            }));
}

TEST(ListPointsStatement, ReportsRowsThatContradictEachOther) {
  RecordLog log = OneAccount();
  log.Redeem("a", Utc(2026, 2, 16), {{4, 30}});
  const auto rows = testing::FoldRows(PointsProjection(), log);
  EXPECT_EQ(ReasonOf(ListPointsStatement(*rows, "a", 0, kAlways, Utc(2026, 3, 1), 100, "").status()),
            Reason::kStoreDamaged);
}

// The last line's balance is GetPointsBalance's, each line's is the one before and its change, and no page size shows.
void ExpectOneTruth(const store::TableReader& rows, const std::string& account, Micros as_of) {
  SCOPED_TRACE(account + " as of " + absl::FormatTime(absl::FromUnixMicros(as_of)));
  const Lines lines = LinesOf(rows, account, as_of);
  const auto balance = GetPointsBalance(rows, account, as_of);
  ASSERT_TRUE(balance.ok()) << balance.status();
  EXPECT_EQ(lines.empty() ? 0 : lines.back().available_after, balance->available);
  EXPECT_EQ(lines.empty() ? 0 : lines.back().pending_after, balance->pending);
  int64_t available = 0;
  int64_t pending = 0;
  for (const Line& line : lines) {
    available += line.available_change;
    pending += line.pending_change;
    EXPECT_EQ(line.available_after, available);
    EXPECT_EQ(line.pending_after, pending);
    EXPECT_GE(available, 0);
    EXPECT_GE(pending, 0);
  }
  EXPECT_EQ(LinesOf(rows, account, as_of, 7), lines);
}

TEST(ListPointsStatement, EndsWithTheBalanceForAnyLogAtAnyMoment) {
  for (const uint32_t seed : {1u, 2u, 3u, 4u}) {
    SCOPED_TRACE(seed);
    testing::RandomLog random(seed, 5);
    const auto& records = random.Grow(1'500).records();
    const auto rows = testing::FoldRows(PointsProjection(), random.log());
    for (const std::string& account : random.ids()) {
      // Moments of records are those where the order within a moment counts; the last ones are past every expiry.
      for (size_t i = 0; i < records.size(); i += 97) {
        const Micros occurred = domain::MicrosOf(records[i].occurred_time());
        ExpectOneTruth(*rows, account, occurred);
        ExpectOneTruth(*rows, account, occurred + 14 * kMicrosPerDay);
        ExpectOneTruth(*rows, account, occurred + 700 * kMicrosPerDay);
        ExpectOneTruth(*rows, account, occurred + 700 * kMicrosPerDay + 1);
      }
    }
  }
}

TEST(ListPointsStatement, EndsWithTheBalanceWhateverIsHeldOrOwed) {
  int captured = 0;
  int ended = 0;
  int owed = 0;
  int restored = 0;
  for (uint32_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    DecidedLog decided(seed, true);
    for (int i = 0; i < 120; ++i) decided.Step();
    const Micros end = decided.clock() + 200 * kMicrosPerDay;
    decided.Sweep(decided.clock());
    const auto before = testing::FoldRows(PointsProjection(), decided.log());
    const auto now = GetPointsBalance(*before, "a", decided.clock() + 1);
    ASSERT_TRUE(now.ok()) << now.status();
    EXPECT_EQ(now->available, decided.state().available_points());
    EXPECT_EQ(now->reserved, decided.state().reserved_points());
    EXPECT_EQ(now->debt, decided.state().debt);
    decided.Sweep(end);
    const auto after = testing::FoldRows(PointsProjection(), decided.log());
    for (Micros as_of = Utc(2024, 6, 1); as_of <= end; as_of += 10 * kMicrosPerDay) {
      ExpectOneTruth(*before, "a", as_of);
      ExpectOneTruth(*after, "a", as_of);
      const auto balance = GetPointsBalance(*after, "a", as_of);
      ASSERT_TRUE(balance.ok()) << balance.status();
      EXPECT_EQ(balance->accrued, balance->available + balance->pending + balance->reserved + balance->spent +
                                      balance->expired + balance->reversed - balance->debt);
    }
    captured += decided.captured();
    ended += decided.ended();
    owed += decided.owed();
    restored += decided.restored();
  }
  EXPECT_GE(captured, 20);
  EXPECT_GE(ended, 20);
  EXPECT_GE(owed, 20);
  EXPECT_GE(restored, 20);
}

TEST(ListPointsStatement, EndsWithTheBalanceForImportedPastDataBeforeAndAfterTheSweep) {
  int logs_with_due = 0;
  for (uint32_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    DecidedLog decided(seed);
    for (int i = 0; i < 60; ++i) decided.Step();
    const Micros end = decided.clock() + 500 * kMicrosPerDay;
    const auto before = testing::FoldRows(PointsProjection(), decided.log());
    decided.Sweep(end);
    const auto after = testing::FoldRows(PointsProjection(), decided.log());
    for (Micros as_of = Utc(2024, 6, 1); as_of <= end; as_of += 10 * kMicrosPerDay) {
      ExpectOneTruth(*before, "a", as_of);
      ExpectOneTruth(*after, "a", as_of);
    }
    // The sweep turns what was due into what is recorded, and nothing else.
    Lines due = LinesOf(*before, "a", end);
    if (std::any_of(due.begin(), due.end(), [](const Line& line) { return line.due; })) ++logs_with_due;
    for (Line& line : due) line.due = false;
    EXPECT_EQ(LinesOf(*after, "a", end), due);
  }
  // Otherwise the sweep had nothing to do and this proves nothing.
  EXPECT_GE(logs_with_due, 10);
}

}  // namespace
}  // namespace keyledger::projections
