// Points: balance, lots and expiry schedule as of any moment, with time deciding. The statement:
// points_statement_test.cc.
#include <gtest/gtest.h>

#include "projections/points/points_projection.h"
#include "projections/points/points_queries.h"
#include "server/base/error.h"
#include "tests/support/record_log.h"
#include "tests/unit/projections/points_logs.h"

namespace keyledger::projections {
namespace {

using testing::RecordLog;
using testing::Utc;

PointsBalance BalanceAt(const RecordLog& log, Micros as_of) {
  const auto balance = GetPointsBalance(*testing::FoldRows(PointsProjection(), log), "a", as_of);
  EXPECT_TRUE(balance.ok()) << balance.status();
  EXPECT_EQ(balance->accrued,
            balance->available + balance->pending + balance->spent + balance->expired + balance->reversed);
  return balance.value_or(PointsBalance());
}

TEST(GetPointsBalance, TellsTheBalanceJustBeforeAMoment) {
  const RecordLog log = OneAccount();
  EXPECT_EQ(BalanceAt(log, Utc(2026, 1, 10)), (PointsBalance{}));
  EXPECT_EQ(BalanceAt(log, Utc(2026, 1, 10) + 1), (PointsBalance{.pending = 100, .accrued = 100}));
  EXPECT_EQ(BalanceAt(log, Utc(2026, 2, 10)), (PointsBalance{.available = 150, .accrued = 150}));
  EXPECT_EQ(BalanceAt(log, Utc(2026, 2, 10) + 1), (PointsBalance{.available = 120, .spent = 30, .accrued = 150}));
  EXPECT_EQ(BalanceAt(log, Utc(2026, 2, 20)),
            (PointsBalance{.available = 100, .spent = 30, .reversed = 20, .accrued = 150}));
}

TEST(GetPointsBalance, ExpiresLotsByTimeAndNotByRecord) {
  RecordLog log = OneAccount();
  const PointsBalance expected{.available = 80, .spent = 30, .expired = 20, .reversed = 20, .accrued = 150};
  // Just before the moment it expires it has not yet.
  EXPECT_EQ(BalanceAt(log, Utc(2026, 3, 1)).available, 100);
  EXPECT_EQ(BalanceAt(log, Utc(2026, 3, 1) + 1), expected);
  log.Expire("a", Utc(2026, 3, 1), 4, 20);
  EXPECT_EQ(BalanceAt(log, Utc(2026, 3, 1)).available, 100);
  EXPECT_EQ(BalanceAt(log, Utc(2026, 3, 1) + 1), expected);
  EXPECT_EQ(BalanceAt(log, Utc(2026, 4, 1)), expected);
  EXPECT_EQ(BalanceAt(log, Utc(2027, 1, 10) + 1),
            (PointsBalance{.spent = 30, .expired = 100, .reversed = 20, .accrued = 150}));
}

TEST(GetPointsBalance, ActivatesLotsByTimeAndNotByRecord) {
  RecordLog log;
  log.Open("a", Utc(2026, 1, 5));
  log.Accrue("a", Utc(2026, 1, 10), 100, Utc(2026, 1, 24), 0);
  EXPECT_EQ(BalanceAt(log, Utc(2026, 1, 24)), (PointsBalance{.pending = 100, .accrued = 100}));
  EXPECT_EQ(BalanceAt(log, Utc(2026, 1, 24) + 1), (PointsBalance{.available = 100, .accrued = 100}));
}

TEST(GetPointsBalance, PutsALateMovementInItsPlace) {
  RecordLog log = OneAccount();
  log.Accrue("a", Utc(2026, 1, 15), 7, 0, 0);
  EXPECT_EQ(BalanceAt(log, Utc(2026, 1, 15)).accrued, 100);
  EXPECT_EQ(BalanceAt(log, Utc(2026, 1, 16)), (PointsBalance{.available = 7, .pending = 100, .accrued = 107}));
}

TEST(GetPointsBalance, LetsADebitOlderThanItsLotWaitForTheLot) {
  RecordLog log = OneAccount();
  // Arrived late: it occurred before the lot it is taken from.
  log.AdjustDown("a", Utc(2026, 1, 8), {{4, 5}});
  EXPECT_EQ(BalanceAt(log, Utc(2026, 1, 9)), (PointsBalance{}));
  EXPECT_EQ(BalanceAt(log, Utc(2026, 2, 2)), (PointsBalance{.available = 145, .spent = 5, .accrued = 150}));
}

TEST(GetPointsBalance, TellsAnEmptyAccountFromAnUnknownOne) {
  RecordLog log;
  log.Open("a", Utc(2026, 1, 5));
  log.Open("ab", Utc(2026, 1, 5));
  log.Accrue("ab", Utc(2026, 1, 6), 9, 0, 0);
  const auto rows = testing::FoldRows(PointsProjection(), log);
  EXPECT_EQ(*GetPointsBalance(*rows, "a", Utc(2030, 1, 1)), PointsBalance{});
  EXPECT_EQ(*GetPointsBalance(*rows, "a", Utc(2020, 1, 1)), PointsBalance{});
  EXPECT_EQ(ReasonOf(GetPointsBalance(*rows, "b", Utc(2030, 1, 1)).status()), Reason::kAccountNotFound);
  EXPECT_EQ(ReasonOf(ListPointsLots(*rows, "b", 0, {}, 1, "").status()), Reason::kAccountNotFound);
  EXPECT_EQ(ReasonOf(ListPointsStatement(*rows, "b", 0, 0, 0, 1, "").status()), Reason::kAccountNotFound);
  EXPECT_EQ(ReasonOf(GetPointsExpirySchedule(*rows, "b", 0).status()), Reason::kAccountNotFound);
}

TEST(GetPointsBalance, ReportsRowsThatContradictEachOther) {
  RecordLog log = OneAccount();
  log.Redeem("a", Utc(2026, 2, 16), {{4, 30}});
  const auto rows = testing::FoldRows(PointsProjection(), log);
  EXPECT_EQ(ReasonOf(GetPointsBalance(*rows, "a", Utc(2026, 3, 1)).status()), Reason::kStoreDamaged);
}

TEST(ListPointsLots, TellsWhatHasBecomeOfEachLot) {
  const auto rows = testing::FoldRows(PointsProjection(), OneAccount());
  const auto page = ListPointsLots(*rows, "a", Utc(2026, 3, 2), std::nullopt, 10, "");
  ASSERT_TRUE(page.ok());
  ASSERT_EQ(page->lots.size(), 2u);
  const PointsLot& first = page->lots[0];
  EXPECT_EQ(first.lot_revision, 2u);
  EXPECT_EQ(first.state, LotState::kAvailable);
  EXPECT_EQ(first.accrued, 100);
  EXPECT_EQ(first.remaining, 80);
  EXPECT_EQ(first.reversed, 20);
  EXPECT_EQ(first.occurred, Utc(2026, 1, 10));
  EXPECT_EQ(first.activate, Utc(2026, 1, 24));
  EXPECT_EQ(first.expire, Utc(2027, 1, 10));
  EXPECT_EQ(first.rule_id, "base");
  EXPECT_EQ(first.program_id, "loyalty");
  EXPECT_EQ(first.program_version, 3u);
  EXPECT_EQ(first.purchase_revision, 1u);
  const PointsLot& second = page->lots[1];
  EXPECT_EQ(second.lot_revision, 4u);
  EXPECT_EQ(second.state, LotState::kExpired);
  EXPECT_EQ(second.remaining, 0);
  EXPECT_EQ(second.spent, 30);
  EXPECT_EQ(second.expired, 20);
  EXPECT_FALSE(second.activate.has_value());
  EXPECT_EQ(second.rule_id, "");
  EXPECT_FALSE(second.purchase_revision.has_value());
}

TEST(ListPointsLots, FiltersByStateAndPages) {
  RecordLog log;
  log.Open("a", Utc(2026, 1, 1));
  log.Accrue("a", Utc(2026, 1, 2), 10, 0, Utc(2026, 2, 1));
  log.Accrue("a", Utc(2026, 1, 3), 20, Utc(2026, 6, 1), 0);
  log.Accrue("a", Utc(2026, 1, 4), 30, 0, 0);
  log.Accrue("a", Utc(2026, 1, 5), 40, 0, 0);
  log.Redeem("a", Utc(2026, 1, 6), {{3, 30}});
  const auto rows = testing::FoldRows(PointsProjection(), log);
  const auto revisions = [&rows](std::optional<LotState> state) {
    std::vector<uint64_t> all;
    std::string continuation;
    do {
      const auto page = ListPointsLots(*rows, "a", Utc(2026, 3, 1), state, 1, continuation);
      EXPECT_TRUE(page.ok());
      for (const auto& lot : page->lots) all.push_back(lot.lot_revision);
      continuation = page->continuation;
    } while (!continuation.empty());
    return all;
  };
  using Revisions = std::vector<uint64_t>;
  EXPECT_EQ(revisions(std::nullopt), (Revisions{1, 2, 3, 4}));
  EXPECT_EQ(revisions(LotState::kExpired), (Revisions{1}));
  EXPECT_EQ(revisions(LotState::kPending), (Revisions{2}));
  EXPECT_EQ(revisions(LotState::kConsumed), (Revisions{3}));
  EXPECT_EQ(revisions(LotState::kAvailable), (Revisions{4}));
  EXPECT_EQ(ReasonOf(ListPointsLots(*rows, "a", 0, {}, 1, "x").status()), Reason::kInvalidToken);
}

TEST(GetPointsExpirySchedule, SumsWhatIsLeftByMoment) {
  RecordLog log = OneAccount();
  log.Accrue("a", Utc(2026, 2, 16), 11, Utc(2026, 5, 1), Utc(2027, 1, 10));
  log.AdjustUp("a", Utc(2026, 2, 17), 3, 0);
  const auto rows = testing::FoldRows(PointsProjection(), log);
  const auto february = GetPointsExpirySchedule(*rows, "a", Utc(2026, 2, 20));
  ASSERT_TRUE(february.ok());
  EXPECT_EQ(february->entries, (std::vector<ExpiryEntry>{{Utc(2026, 3, 1), 20}, {Utc(2027, 1, 10), 91}}));
  EXPECT_EQ(february->never, 3);
  EXPECT_EQ(GetPointsExpirySchedule(*rows, "a", Utc(2026, 3, 1))->entries, february->entries);
  const auto march = GetPointsExpirySchedule(*rows, "a", Utc(2026, 3, 1) + 1);
  EXPECT_EQ(march->entries, (std::vector<ExpiryEntry>{{Utc(2027, 1, 10), 91}}));
}

TEST(PointsProjection, RefusesAMovementWhoseLotsDoNotSumUp) {
  RecordLog log;
  log.Open("a", 0);
  log.Redeem("a", 0, {{1, 30}});
  auto records = log.records();
  records[1].mutable_event()->mutable_points_redeemed()->set_points(31);
  testing::MemoryTable table;
  const PointsProjection projection;
  Lane lane(projection, table);
  lane.Apply(0, RecordView{records[0], 0, 0});
  lane.Apply(1, RecordView{records[1], 0, 0});
  EXPECT_EQ(ReasonOf(lane.failure()), Reason::kStoreDamaged);
}

TEST(PointsProjection, AcceptsAReversalThatTookNothing) {
  RecordLog log;
  log.Open("a", Utc(2026, 1, 1));
  log.Reverse("a", Utc(2026, 1, 2), {});
  const auto rows = testing::FoldRows(PointsProjection(), log);
  const auto page = ListPointsStatement(*rows, "a", 0, Utc(2030, 1, 1), Utc(2030, 1, 1), 10, "");
  ASSERT_EQ(page->entries.size(), 1u);
  EXPECT_EQ(page->entries[0].available_change, 0);
}

}  // namespace
}  // namespace keyledger::projections
