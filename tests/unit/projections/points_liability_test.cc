// Liability: lots by cohort and age, the realised redemption curve, breakage, and the figures of IFRS 15.
#include <gtest/gtest.h>

#include "projections/points/ifrs15.h"
#include "projections/points/points_liability.h"
#include "projections/points/points_projection.h"
#include "server/base/error.h"
#include "tests/support/record_log.h"

namespace keyledger::projections {
namespace {

using testing::RecordLog;
using testing::Utc;

absl::StatusOr<Liability> TryLiability(const RecordLog& log, LiabilityScope scope) {
  const auto rows = testing::FoldRows(PointsProjection(), log);
  return GetPointsLiability({rows.get()}, scope);
}

Liability LiabilityOf(const RecordLog& log, LiabilityScope scope) {
  auto liability = TryLiability(log, scope);
  EXPECT_TRUE(liability.ok()) << liability.status();
  return *std::move(liability);
}

void ExpectOutlook(const PointsOutlook& outlook, double redeemed, double expired, double unresolved) {
  EXPECT_NEAR(outlook.redeemed, redeemed, 1e-12);
  EXPECT_NEAR(outlook.expired, expired, 1e-12);
  EXPECT_NEAR(outlook.unresolved, unresolved, 1e-12);
}

// January: 100 points to a, of which 40 go in February; they run out on 10 April. February: 200 points to b, of which
// 100 go in March; they never run out.
RecordLog TwoCohorts() {
  RecordLog log;
  log.Open("a", Utc(2026, 1, 1));
  log.Open("b", Utc(2026, 1, 1));
  const uint64_t first = log.Accrue("a", Utc(2026, 1, 10), 100, 0, Utc(2026, 4, 10));
  const uint64_t second = log.Accrue("b", Utc(2026, 2, 5), 200, Utc(2026, 2, 19), 0);
  log.Redeem("a", Utc(2026, 2, 20), {{first, 40}});
  log.Redeem("b", Utc(2026, 3, 31), {{second, 100}});
  return log;
}

TEST(GetPointsLiability, CountsLotsByCohortAndAge) {
  const Liability liability = LiabilityOf(TwoCohorts(), {.as_of = Utc(2026, 2, 10)});
  EXPECT_EQ(liability.totals, (LotTotals{.lots = 2, .issued = 300, .available = 100, .pending = 200}));
  ASSERT_EQ(liability.cohorts.size(), 2u);
  EXPECT_EQ(FormatPeriod(liability.cohorts[0].period, CalendarUnit::kMonth), "2026-01");
  EXPECT_EQ(liability.cohorts[0].totals, (LotTotals{.lots = 1, .issued = 100, .available = 100}));
  EXPECT_EQ(FormatPeriod(liability.cohorts[1].period, CalendarUnit::kMonth), "2026-02");
  EXPECT_EQ(liability.cohorts[1].totals, (LotTotals{.lots = 1, .issued = 200, .pending = 200}));
  ASSERT_EQ(liability.ages.size(), 6u);
  // b's lot is 4 days old, a's 30.
  EXPECT_EQ(liability.ages[0].lots, 1);
  EXPECT_EQ(liability.ages[0].pending, 200);
  EXPECT_EQ(liability.ages[1].from_days, 30);
  EXPECT_EQ(liability.ages[1].to_days, 90);
  EXPECT_EQ(liability.ages[1].lots, 1);
  EXPECT_EQ(liability.ages[1].available, 100);
  EXPECT_EQ(liability.ages[5].from_days, 730);
  EXPECT_EQ(liability.ages[5].to_days, std::nullopt);
}

TEST(GetPointsLiability, MovesALotToTheNextAgeAfterThirtyWholeDays) {
  const RecordLog log = TwoCohorts();
  // Just before that moment it is still less than 30 days old.
  EXPECT_EQ(LiabilityOf(log, {.as_of = Utc(2026, 2, 9)}).ages[0].available, 100);
  EXPECT_EQ(LiabilityOf(log, {.as_of = Utc(2026, 2, 9) + 1}).ages[0].available, 0);
  EXPECT_EQ(LiabilityOf(log, {.as_of = Utc(2026, 2, 9) + 1}).ages[1].available, 100);
}

TEST(GetPointsLiability, DerivesTheOutlookFromPeriodsSeenWhole) {
  const Liability liability = LiabilityOf(TwoCohorts(), {.as_of = Utc(2026, 4, 1)});
  EXPECT_EQ(liability.totals, (LotTotals{.lots = 2, .issued = 300, .redeemed = 140, .available = 160}));
  EXPECT_EQ(liability.cohorts[0].redeemed_by_age, (std::vector<int64_t>{0, 40, 40, 40}));
  EXPECT_EQ(liability.cohorts[1].redeemed_by_age, (std::vector<int64_t>{0, 100, 100}));
  ASSERT_EQ(liability.outlook_by_age.size(), 3u);
  // Of 300 points 140 went at age 1. Nobody has seen what becomes of those older than two whole months.
  ExpectOutlook(liability.outlook_by_age[0], 140.0 / 300, 0, 160.0 / 300);
  ExpectOutlook(liability.outlook_by_age[1], 140.0 / 300, 0, 160.0 / 300);
  ExpectOutlook(liability.outlook_by_age[2], 0, 0, 1);
  ExpectOutlook(liability.cohorts[0].outlook, 0, 0, 1);
  // No breakage without evidence.
  EXPECT_NEAR(liability.expected_redeemed, 300, 1e-9);
}

TEST(GetPointsLiability, CountsExpiryByTimeAndTakesItAsBreakage) {
  RecordLog log = TwoCohorts();
  for (const bool recorded : {false, true}) {
    if (recorded) log.Expire("a", Utc(2026, 4, 10), 1, 60);
    const Liability liability = LiabilityOf(log, {.as_of = Utc(2026, 5, 1)});
    EXPECT_EQ(liability.cohorts[0].totals, (LotTotals{.lots = 1, .issued = 100, .redeemed = 40, .expired = 60}));
    ASSERT_EQ(liability.outlook_by_age.size(), 4u);
    ExpectOutlook(liability.outlook_by_age[3], 0, 1, 0);
    ExpectOutlook(liability.outlook_by_age[2], 0, 1, 0);
    ExpectOutlook(liability.outlook_by_age[0], 140.0 / 300, 160.0 / 300, 0);
    // The 100 points left of February are at age 3, of which the only evidence is that all run out.
    EXPECT_NEAR(liability.expected_redeemed, 140, 1e-9);
  }
}

TEST(GetPointsLiability, CountsWhatWasTakenBackAsNeverGiven) {
  RecordLog log;
  log.Open("a", Utc(2026, 1, 1));
  const uint64_t lot = log.Accrue("a", Utc(2026, 1, 10), 100, 0, 0);
  log.Reverse("a", Utc(2026, 1, 11), {{lot, 40}});
  log.AdjustDown("a", Utc(2026, 1, 12), {{lot, 10}});
  log.Redeem("a", Utc(2026, 1, 13), {{lot, 25}});
  const Liability liability = LiabilityOf(log, {.as_of = Utc(2026, 2, 1)});
  EXPECT_EQ(liability.totals,
            (LotTotals{.lots = 1, .issued = 100, .redeemed = 25, .adjusted = 10, .reversed = 40, .available = 25}));
  ASSERT_EQ(liability.outlook_by_age.size(), 1u);
  ExpectOutlook(liability.outlook_by_age[0], 0.5, 0, 0.5);
}

TEST(GetPointsLiability, HasNoOutlookBeforeAPeriodIsWhole) {
  const Liability liability = LiabilityOf(TwoCohorts(), {.as_of = Utc(2026, 1, 31)});
  EXPECT_TRUE(liability.outlook_by_age.empty());
  ExpectOutlook(liability.cohorts[0].outlook, 0, 0, 1);
}

TEST(GetPointsLiability, CountsPeriodsInTheZoneAsked) {
  RecordLog log;
  log.Open("a", Utc(2026, 1, 1));
  log.Accrue("a", Utc(2026, 1, 31, 23, 30), 100, 0, 0);
  LiabilityScope scope{.as_of = Utc(2026, 4, 1)};
  EXPECT_EQ(FormatPeriod(LiabilityOf(log, scope).cohorts[0].period, scope.unit), "2026-01");
  scope.zone = *Zone::Load("Europe/Berlin");
  EXPECT_EQ(FormatPeriod(LiabilityOf(log, scope).cohorts[0].period, scope.unit), "2026-02");
  scope.unit = CalendarUnit::kQuarter;
  EXPECT_EQ(FormatPeriod(LiabilityOf(log, scope).cohorts[0].period, scope.unit), "2026-Q1");
}

TEST(GetPointsLiability, TellsWhatWasKnownAtAMoment) {
  RecordLog log;
  log.Open("a", Utc(2026, 1, 1));
  const uint64_t lot = log.Accrue("a", Utc(2026, 1, 10), 100, 0, 0);
  // Occurred in January, recorded in March.
  auto* redeemed = log.Add("a", Utc(2026, 1, 20), Utc(2026, 3, 1)).mutable_event()->mutable_points_redeemed();
  redeemed->set_points(30);
  redeemed->add_allocations()->set_lot_revision(lot);
  redeemed->mutable_allocations(0)->set_points(30);
  LiabilityScope scope{.as_of = Utc(2026, 4, 1)};
  EXPECT_EQ(LiabilityOf(log, scope).totals.available, 70);
  scope.known_at = Utc(2026, 3, 1);
  EXPECT_EQ(LiabilityOf(log, scope).totals.available, 100);
}

TEST(GetPointsLiability, NarrowsToTheLotsOfAProgram) {
  RecordLog log = TwoCohorts();
  log.AdjustUp("a", Utc(2026, 2, 1), 7, 0);
  LiabilityScope scope{.as_of = Utc(2026, 3, 1)};
  EXPECT_EQ(LiabilityOf(log, scope).totals.issued, 307);
  scope.program_id = "loyalty";
  EXPECT_EQ(LiabilityOf(log, scope).totals.issued, 300);
  scope.program_id = "another";
  EXPECT_EQ(LiabilityOf(log, scope).totals, LotTotals());
}

TEST(GetPointsLiability, RefusesMoreThanSixHundredPeriods) {
  RecordLog log;
  log.Open("a", Utc(1976, 1, 1));
  log.Accrue("a", Utc(1976, 2, 1), 1, 0, 0);
  EXPECT_TRUE(TryLiability(log, {.as_of = Utc(2026, 1, 31)}).ok());
  const auto refused = TryLiability(log, {.as_of = Utc(2026, 2, 1)});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(FieldsOf(refused.status())[0].first, "cohort_period");
  EXPECT_TRUE(TryLiability(log, {.as_of = Utc(2026, 2, 1), .unit = CalendarUnit::kQuarter}).ok());
}

TEST(GetPointsLiability, RefusesASumBeyondSixtyFourBits) {
  RecordLog log;
  log.Open("a", Utc(2026, 1, 1));
  log.Accrue("a", Utc(2026, 1, 2), 9'000'000'000'000'000'000, 0, 0);
  EXPECT_TRUE(TryLiability(log, {.as_of = Utc(2026, 2, 1)}).ok());
  log.Open("b", Utc(2026, 1, 1));
  log.Accrue("b", Utc(2026, 1, 2), 1'000'000'000'000'000'000, 0, 0);
  EXPECT_EQ(ReasonOf(TryLiability(log, {.as_of = Utc(2026, 2, 1)}).status()), Reason::kArithmeticRange);
}

// Illustrative example 52 (IE267-IE270): 10,000 points with goods of CU 100,000, of which 9,500 are expected to be
// redeemed at CU 1 each; 4,500 are in year 1, and 8,500 by the end of year 2, of then 9,700.
TEST(Ifrs15, ReproducesExample52) {
  const double allocated = AllocatedToPoints({100'000, 100'000, 10'000, 1, 0.95});
  EXPECT_NEAR(allocated, 8675.79908675799, 1e-9);
  EXPECT_NEAR(100'000 - allocated, 91324.200913242, 1e-9);
  const double year1 = RecognisedRevenue(allocated, 4'500, 9'500, 5'500);
  EXPECT_NEAR(year1, 4109.58904109589, 1e-9);
  EXPECT_NEAR(allocated - year1, 4566.2100456621, 1e-9);
  const double year2 = RecognisedRevenue(allocated, 8'500, 9'700, 1'500);
  EXPECT_NEAR(year2 - year1, 3492.915313279668, 1e-9);
  EXPECT_NEAR(allocated - year2, 1073.294732382432, 1e-9);
}

// The variant of KPMG's handbook (example 10A): 9,000 allocated; 4,500 of an expected 9,700 redeemed, then 8,500 of
// 9,900 or of 9,200.
TEST(Ifrs15, ReproducesExample10AOfTheHandbook) {
  const double year2 = RecognisedRevenue(9'000, 4'500, 9'700, 5'500);
  EXPECT_NEAR(year2, 4175.257731958763, 1e-9);
  EXPECT_NEAR(RecognisedRevenue(9'000, 8'500, 9'900, 1'500) - year2, 3552.0149953139644, 1e-9);
  EXPECT_NEAR(RecognisedRevenue(9'000, 8'500, 9'200, 1'500) - year2, 4139.959659345585, 1e-9);
}

TEST(Ifrs15, RecognisesEverythingWhenNothingIsOutstanding) {
  EXPECT_EQ(RecognisedRevenue(9'000, 4'500, 4'500, 0), 9'000);
  EXPECT_EQ(RecognisedRevenue(9'000, 0, 0, 0), 9'000);
  EXPECT_EQ(RecognisedRevenue(9'000, 0, 0, 5), 0);
}

}  // namespace
}  // namespace keyledger::projections
