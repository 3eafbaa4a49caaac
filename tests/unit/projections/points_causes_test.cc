// Causes of a balance: they sum to it exactly, at any moment.
#include <gtest/gtest.h>

#include "projections/points/points_causes.h"
#include "projections/points/points_projection.h"
#include "projections/points/points_queries.h"
#include "server/base/error.h"
#include "tests/support/record_log.h"

namespace keyledger::projections {
namespace {

using testing::RecordLog;
using testing::Utc;

// Lots 2 and 3 of one purchase (1) under two rules, lot 4 by hand; then a redemption, a return, a correction, and what
// runs out: 20 of lot 3 on 1 March.
RecordLog TwoRules() {
  RecordLog log;
  log.Open("a", Utc(2026, 1, 1));
  log.Purchase("a", Utc(2026, 1, 10), 100'000'000);
  log.Accrue("a", Utc(2026, 1, 10), 100, Utc(2026, 1, 24), Utc(2027, 1, 10));
  log.Accrue("a", Utc(2026, 1, 10), 50, 0, Utc(2026, 3, 1));
  log.AdjustUp("a", Utc(2026, 1, 20), 7, 0);
  log.Redeem("a", Utc(2026, 2, 1), {{3, 30}, {4, 2}});
  log.Reverse("a", Utc(2026, 2, 10), {{2, 40}});
  log.AdjustDown("a", Utc(2026, 2, 20), {{4, 5}});
  return log;
}

std::vector<BalanceCause> CausesAt(const RecordLog& log, Micros as_of) {
  auto causes = GetBalanceCauses(*testing::FoldRows(PointsProjection(), log), "a", as_of);
  EXPECT_TRUE(causes.ok()) << causes.status();
  return *std::move(causes);
}

TEST(GetBalanceCauses, GroupsLotsByWhatGaveThemAndDebitsByWhatTookThem) {
  const auto causes = CausesAt(TwoRules(), Utc(2026, 2, 21));
  ASSERT_EQ(causes.size(), 5u);
  EXPECT_EQ(causes[0].kind, events::v1::EVENT_KIND_POINTS_ADJUSTED);
  EXPECT_EQ(causes[0].points, -5);
  EXPECT_EQ(causes[0].revision, 7u);
  EXPECT_EQ(causes[1].kind, events::v1::EVENT_KIND_PURCHASE_RETURNED);
  EXPECT_EQ(causes[1].points, -40);
  EXPECT_EQ(causes[2].kind, events::v1::EVENT_KIND_POINTS_REDEEMED);
  EXPECT_EQ(causes[2].points, -32);
  ASSERT_EQ(causes[2].parts.size(), 2u);
  EXPECT_EQ(causes[2].parts[0].lot_revision, 3u);
  EXPECT_EQ(causes[2].parts[0].points, -30);
  EXPECT_EQ(causes[3].kind, events::v1::EVENT_KIND_POINTS_ADJUSTED);
  EXPECT_EQ(causes[3].points, 7);
  EXPECT_EQ(causes[4].kind, events::v1::EVENT_KIND_PURCHASE_RECORDED);
  EXPECT_EQ(causes[4].points, 150);
  EXPECT_EQ(causes[4].revision, 1u);
  ASSERT_EQ(causes[4].parts.size(), 2u);
  EXPECT_EQ(causes[4].parts[0].rule_id, "base");
  EXPECT_EQ(causes[4].parts[0].program_version, 3u);
}

TEST(GetBalanceCauses, SumToTheBalanceAtEveryMoment) {
  RecordLog log = TwoRules();
  for (const bool recorded : {false, true}) {
    if (recorded) log.Expire("a", Utc(2026, 3, 1), 3, 20);
    const auto rows = testing::FoldRows(PointsProjection(), log);
    for (Micros moment = Utc(2025, 12, 30); moment < Utc(2027, 2, 1); moment += kMicrosPerDay / 2) {
      int64_t sum = 0;
      const auto causes = GetBalanceCauses(*rows, "a", moment);
      for (const BalanceCause& cause : *causes) {
        int64_t parts = 0;
        for (const CausePart& part : cause.parts) parts += part.points;
        EXPECT_EQ(parts, cause.points);
        sum += cause.points;
      }
      const auto balance = GetPointsBalance(*rows, "a", moment);
      EXPECT_EQ(sum, balance->available + balance->pending) << moment;
    }
  }
}

TEST(GetBalanceCauses, NamesWhatRanOutWhetherRecordedOrNot) {
  RecordLog log = TwoRules();
  const BalanceCause due = CausesAt(log, Utc(2026, 3, 2)).front();
  EXPECT_EQ(due.kind, events::v1::EVENT_KIND_POINTS_EXPIRED);
  EXPECT_EQ(due.points, -20);
  EXPECT_TRUE(due.due);
  EXPECT_EQ(due.revision, 0u);
  log.Expire("a", Utc(2026, 3, 1), 3, 20);
  const BalanceCause recorded = CausesAt(log, Utc(2026, 3, 2)).front();
  EXPECT_EQ(recorded.points, -20);
  EXPECT_FALSE(recorded.due);
  EXPECT_EQ(recorded.revision, 8u);
  EXPECT_EQ(recorded.occurred, due.occurred);
}

TEST(GetBalanceCauses, TellsAnEmptyAccountFromAnUnknownOne) {
  const auto rows = testing::FoldRows(PointsProjection(), TwoRules());
  EXPECT_TRUE(GetBalanceCauses(*rows, "a", Utc(2026, 1, 2))->empty());
  EXPECT_EQ(ReasonOf(GetBalanceCauses(*rows, "b", Utc(2026, 1, 2)).status()), Reason::kAccountNotFound);
}

TEST(GetBalanceCauses, TellsEachHoldAndItsEndApart) {
  RecordLog log;
  log.Open("a", Utc(2026, 3, 1));
  const uint64_t lot = log.AdjustUp("a", Utc(2026, 3, 2), 100, 0);
  const uint64_t first = log.Reserve("a", Utc(2026, 3, 5), "r1", Utc(2026, 3, 10), {{lot, 10}});
  const uint64_t second = log.Reserve("a", Utc(2026, 3, 6), "r2", Utc(2026, 3, 12), {{lot, 20}});
  // Both are over, and no record says so.
  const auto causes = CausesAt(log, Utc(2026, 3, 13));
  ASSERT_EQ(causes.size(), 5u);
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(causes[i].kind, events::v1::EVENT_KIND_POINTS_RESERVED);
  EXPECT_TRUE(causes[0].due);
  EXPECT_EQ(causes[0].revision, second);
  EXPECT_EQ(causes[0].occurred, Utc(2026, 3, 12));
  EXPECT_EQ(causes[0].points, 20);
  EXPECT_TRUE(causes[1].due);
  EXPECT_EQ(causes[1].revision, first);
  EXPECT_EQ(causes[1].occurred, Utc(2026, 3, 10));
  EXPECT_EQ(causes[1].points, 10);
  ASSERT_EQ(causes[1].parts.size(), 1u);
  EXPECT_EQ(causes[1].parts[0].lot_revision, lot);
  EXPECT_FALSE(causes[2].due);
  EXPECT_EQ(causes[2].revision, second);
  EXPECT_EQ(causes[2].points, -20);
  EXPECT_EQ(causes[3].revision, first);
  EXPECT_EQ(causes[3].points, -10);
}

TEST(GetBalanceCauses, TellsWhatACaptureSpentAndWhatItGaveBack) {
  RecordLog log;
  log.Open("a", Utc(2026, 3, 1));
  const uint64_t lot = log.AdjustUp("a", Utc(2026, 3, 2), 100, 0);
  log.Reserve("a", Utc(2026, 3, 5), "r1", Utc(2026, 3, 10), {{lot, 60}});
  log.Capture("a", Utc(2026, 3, 6), "r1", {{lot, 40}}, {{lot, 20}});
  const auto causes = CausesAt(log, Utc(2026, 3, 13));
  ASSERT_EQ(causes.size(), 4u);
  EXPECT_EQ(causes[0].kind, events::v1::EVENT_KIND_POINTS_REDEEMED);
  EXPECT_EQ(causes[0].points, -40);
  EXPECT_EQ(causes[1].kind, events::v1::EVENT_KIND_POINTS_RESERVED);
  EXPECT_EQ(causes[1].points, 60);
  EXPECT_FALSE(causes[1].due);
  EXPECT_EQ(causes[1].revision, causes[0].revision);
  EXPECT_EQ(causes[2].points, -60);
}

// Points of one lot as allocations.
template <typename Allocations>
void Allocate(Allocations* allocations, uint64_t lot, int64_t points) {
  allocations->Add()->set_lot_revision(lot);
  allocations->rbegin()->set_points(points);
}

TEST(GetBalanceCauses, NamesWhatPaidForAPurchaseAndWhatAReturnGaveBackOfIt) {
  RecordLog log;
  log.Open("a", Utc(2026, 1, 1));
  const uint64_t lot = log.AdjustUp("a", Utc(2026, 1, 1), 100, 0);
  auto& line = *log.Add("a", Utc(2026, 1, 2)).mutable_event()->mutable_purchase_recorded()->add_lines();
  line.set_points_paid(40);
  Allocate(line.mutable_points_allocations(), lot, 40);
  auto& restored = *log.Add("a", Utc(2026, 1, 3)).mutable_event()->mutable_points_restored();
  restored.set_points(10);
  Allocate(restored.mutable_allocations(), lot, 10);
  const auto causes = CausesAt(log, Utc(2026, 1, 4));
  ASSERT_EQ(causes.size(), 3u);
  EXPECT_EQ(causes[0].kind, events::v1::EVENT_KIND_POINTS_REDEEMED);
  EXPECT_EQ(causes[0].revision, 3u);
  EXPECT_EQ(causes[0].points, 10);
  EXPECT_EQ(causes[1].kind, events::v1::EVENT_KIND_POINTS_REDEEMED);
  EXPECT_EQ(causes[1].revision, 2u);
  EXPECT_EQ(causes[1].points, -40);
}

TEST(GetBalanceCauses, NamesWhatPaidADebtAsTakenBack) {
  RecordLog log;
  log.Open("a", Utc(2026, 1, 1));
  const uint64_t lot = log.AdjustUp("a", Utc(2026, 1, 3), 100, 0);
  auto& paid = *log.Add("a", Utc(2026, 1, 3)).mutable_event()->mutable_points_debt_paid();
  paid.set_points(15);
  Allocate(paid.mutable_allocations(), lot, 15);
  const auto causes = CausesAt(log, Utc(2026, 1, 4));
  ASSERT_EQ(causes.size(), 2u);
  EXPECT_EQ(causes[0].kind, events::v1::EVENT_KIND_PURCHASE_RETURNED);
  EXPECT_EQ(causes[0].revision, 2u);
  EXPECT_EQ(causes[0].points, -15);
}

}  // namespace
}  // namespace keyledger::projections
