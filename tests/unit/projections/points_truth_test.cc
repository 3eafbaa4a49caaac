// One truth in all queries of points: what an account has, why, and what all owe, whatever is held, paid for, given
// back or late. That the statement agrees: points_statement_test.cc.
#include <algorithm>

#include <gtest/gtest.h>

#include "projections/points/points_causes.h"
#include "projections/points/points_liability.h"
#include "projections/points/points_projection.h"
#include "projections/points/points_queries.h"
#include "tests/support/record_log.h"
#include "tests/unit/projections/points_logs.h"

namespace keyledger::projections {
namespace {

using testing::RecordLog;
using testing::Utc;

PointsBalance BalanceAt(const store::TableReader& rows, Micros as_of) {
  const auto balance = GetPointsBalance(rows, "a", as_of);
  EXPECT_TRUE(balance.ok()) << balance.status();
  return balance.value_or(PointsBalance());
}

Liability LiabilityAt(const store::TableReader& rows, Micros as_of) {
  auto liability = GetPointsLiability({&rows}, {.as_of = as_of});
  EXPECT_TRUE(liability.ok()) << liability.status();
  return liability.ok() ? *std::move(liability) : Liability();
}

void ExpectShares(const PointsOutlook& outlook) {
  for (const double share : {outlook.redeemed, outlook.expired, outlook.unresolved}) {
    EXPECT_GE(share, 0);
    EXPECT_LE(share, 1 + 1e-12);
  }
  EXPECT_NEAR(outlook.redeemed + outlook.expired + outlook.unresolved, 1, 1e-12);
}

void ExpectLotsToSum(const LotTotals& totals) {
  EXPECT_EQ(totals.issued,
            totals.redeemed + totals.adjusted + totals.expired + totals.reversed + totals.available + totals.pending);
  EXPECT_GE(std::min({totals.redeemed, totals.adjusted, totals.expired, totals.reversed, totals.available}), 0);
}

void ExpectSoundLiability(const Liability& liability) {
  ExpectLotsToSum(liability.totals);
  for (const LiabilityCohort& cohort : liability.cohorts) {
    ExpectLotsToSum(cohort.totals);
    ExpectShares(cohort.outlook);
    EXPECT_GE(cohort.redeemed_by_age.front(), 0);
    EXPECT_TRUE(std::is_sorted(cohort.redeemed_by_age.begin(), cohort.redeemed_by_age.end()));
    EXPECT_EQ(cohort.redeemed_by_age.back(), cohort.totals.redeemed);
  }
  for (const PointsOutlook& outlook : liability.outlook_by_age) ExpectShares(outlook);
}

// Of a log with account "a" alone.
void ExpectAgreement(const store::TableReader& rows, Micros as_of) {
  SCOPED_TRACE("as of " + absl::FormatTime(absl::FromUnixMicros(as_of), absl::UTCTimeZone()));
  const auto balance = GetPointsBalance(rows, "a", as_of);
  ASSERT_TRUE(balance.ok()) << balance.status();
  const auto causes = GetBalanceCauses(rows, "a", as_of);
  ASSERT_TRUE(causes.ok()) << causes.status();
  int64_t sum = 0;
  int64_t held = 0;
  for (const BalanceCause& cause : *causes) {
    sum += cause.points;
    held -= cause.kind == events::v1::EVENT_KIND_POINTS_RESERVED ? cause.points : 0;
    EXPECT_NE(cause.points, 0);
  }
  EXPECT_EQ(sum, balance->available + balance->pending);
  EXPECT_EQ(held, balance->reserved);
  const auto liability = GetPointsLiability({&rows}, {.as_of = as_of});
  ASSERT_TRUE(liability.ok()) << liability.status();
  ExpectSoundLiability(*liability);
  EXPECT_EQ(liability->totals.available, balance->available + balance->reserved);
  EXPECT_EQ(liability->totals.pending, balance->pending);
  EXPECT_EQ(liability->totals.redeemed + liability->totals.adjusted, balance->spent);
  EXPECT_EQ(liability->totals.expired, balance->expired);
  EXPECT_EQ(liability->totals.reversed, balance->reversed - balance->debt);
}

TEST(PointsQueries, AgreeWhateverIsHeldPaidForGivenBackOrLate) {
  for (uint32_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    DecidedLog decided(seed, true);
    for (int i = 0; i < 120; ++i) decided.Step();
    const auto before = testing::FoldRows(PointsProjection(), decided.log());
    const auto records = static_cast<int64_t>(decided.log().records().size());
    const Micros end = decided.clock() + 200 * kMicrosPerDay;
    decided.Sweep(end);
    const auto after = testing::FoldRows(PointsProjection(), decided.log());
    int64_t known = 0;
    for (Micros as_of = Utc(2024, 6, 1); as_of <= end; as_of += 5 * kMicrosPerDay) {
      ExpectAgreement(*before, as_of);
      ExpectAgreement(*after, as_of);
      // As known when some of the records were there: one a second.
      known = (known + 7) % records;
      const LiabilityScope then{.as_of = as_of, .known_at = Utc(2026, 1, 1) + known * kMicrosPerSecond};
      const auto liability = GetPointsLiability({before.get()}, then);
      ASSERT_TRUE(liability.ok()) << liability.status() << " known " << known;
      ExpectSoundLiability(*liability);
    }
  }
}

// January issues 1,000; 900 pay for a purchase and come back in February; in March all run out.
TEST(PointsQueries, CountWhatAReturnGaveBackAsNeverSpent) {
  RecordLog log;
  log.Open("a", Utc(2026, 1, 1));
  const uint64_t lot = log.AdjustUp("a", Utc(2026, 1, 2), 1'000, Utc(2026, 3, 10));
  const uint64_t purchase = log.Pay("a", Utc(2026, 1, 20), {{lot, 900}});
  const uint64_t restored = log.Restore("a", Utc(2026, 2, 20), purchase, {{lot, 900}});
  for (const bool recorded : {false, true}) {
    if (recorded) log.Expire("a", Utc(2026, 3, 10), lot, 1'000);
    const auto rows = testing::FoldRows(PointsProjection(), log);
    const Liability liability = LiabilityAt(*rows, Utc(2026, 4, 1));
    EXPECT_EQ(liability.totals, (LotTotals{.lots = 1, .issued = 1'000, .expired = 1'000}));
    EXPECT_EQ(liability.cohorts[0].redeemed_by_age, (std::vector<int64_t>{0, 0, 0, 0}));
    ASSERT_EQ(liability.outlook_by_age.size(), 3u);
    for (const PointsOutlook& outlook : liability.outlook_by_age) {
      EXPECT_EQ(outlook.redeemed, 0);
      EXPECT_EQ(outlook.expired, 1);
      EXPECT_EQ(outlook.unresolved, 0);
    }
    // The causes keep both, each at its time.
    const auto causes = GetBalanceCauses(*rows, "a", Utc(2026, 3, 1));
    ASSERT_EQ(causes->size(), 3u);
    EXPECT_EQ((*causes)[0].kind, events::v1::EVENT_KIND_POINTS_REDEEMED);
    EXPECT_EQ((*causes)[0].points, 900);
    EXPECT_EQ((*causes)[0].revision, restored);
    EXPECT_EQ((*causes)[1].points, -900);
    EXPECT_EQ((*causes)[1].revision, purchase);
  }
}

// As of a moment before the return all 900 are spent; as of one after it 300 of them never were.
TEST(PointsQueries, CountWhatPaidForAPurchaseAsSpentUntilItIsReturned) {
  RecordLog log;
  log.Open("a", Utc(2026, 1, 1));
  const uint64_t lot = log.AdjustUp("a", Utc(2026, 1, 2), 1'000, 0);
  const uint64_t purchase = log.Pay("a", Utc(2026, 1, 20), {{lot, 900}});
  log.Restore("a", Utc(2026, 3, 20), purchase, {{lot, 300}});
  const auto rows = testing::FoldRows(PointsProjection(), log);
  const Liability march = LiabilityAt(*rows, Utc(2026, 3, 1));
  EXPECT_EQ(march.cohorts[0].redeemed_by_age, (std::vector<int64_t>{900, 900, 900}));
  EXPECT_NEAR(march.outlook_by_age[0].redeemed, 0.9, 1e-12);
  const Liability april = LiabilityAt(*rows, Utc(2026, 4, 1));
  EXPECT_EQ(april.cohorts[0].redeemed_by_age, (std::vector<int64_t>{600, 600, 600, 600}));
  EXPECT_NEAR(april.outlook_by_age[0].redeemed, 0.6, 1e-12);
}

// One lot of 100: 50 pay for a purchase and 50 are held; all come back later; then a return dated in between takes 100.
TEST(PointsQueries, LetALateReturnWaitForWhatIsPartlySpentAndPartlyHeld) {
  RecordLog log;
  log.Open("a", Utc(2026, 1, 1));
  const uint64_t lot = log.AdjustUp("a", Utc(2026, 1, 2), 100, 0);
  const uint64_t purchase = log.Pay("a", Utc(2026, 2, 1), {{lot, 50}});
  log.Reserve("a", Utc(2026, 2, 1), "r1", Utc(2026, 2, 8), {{lot, 50}});
  log.Restore("a", Utc(2026, 2, 4), purchase, {{lot, 50}});
  log.Release("a", Utc(2026, 2, 4), "r1", {{lot, 50}});
  log.Reverse("a", Utc(2026, 2, 2), {{lot, 100}});
  const auto rows = testing::FoldRows(PointsProjection(), log);
  EXPECT_EQ(BalanceAt(*rows, Utc(2026, 2, 3)), (PointsBalance{.reserved = 50, .spent = 50, .accrued = 100}));
  EXPECT_EQ(BalanceAt(*rows, Utc(2026, 2, 5)), (PointsBalance{.reversed = 100, .accrued = 100}));
  EXPECT_TRUE(ListPointsLots(*rows, "a", Utc(2026, 2, 3), std::nullopt, 10, "").ok());
  EXPECT_TRUE(GetPointsExpirySchedule(*rows, "a", Utc(2026, 2, 3)).ok());
  const Liability liability = LiabilityAt(*rows, Utc(2026, 2, 3));
  EXPECT_EQ(liability.totals, (LotTotals{.lots = 1, .issued = 100, .redeemed = 50, .available = 50}));
  ExpectAgreement(*rows, Utc(2026, 2, 3));
  // Once only the hold has ended, half of the return has what it takes.
  log = RecordLog();
  log.Open("a", Utc(2026, 1, 1));
  log.AdjustUp("a", Utc(2026, 1, 2), 100, 0);
  log.Pay("a", Utc(2026, 2, 1), {{lot, 50}});
  log.Reserve("a", Utc(2026, 2, 1), "r1", Utc(2026, 2, 8), {{lot, 50}});
  log.Restore("a", Utc(2026, 2, 7), purchase, {{lot, 50}});
  log.Release("a", Utc(2026, 2, 4), "r1", {{lot, 50}});
  log.Reverse("a", Utc(2026, 2, 2), {{lot, 100}});
  EXPECT_EQ(BalanceAt(*testing::FoldRows(PointsProjection(), log), Utc(2026, 2, 5)),
            (PointsBalance{.spent = 50, .reversed = 50, .accrued = 100}));
}

// One lot of 100: 60 are held and released; then a redemption of 100 dated in between arrives.
TEST(PointsQueries, CountOfALateRedemptionOnlyWhatTheLotHadThen) {
  RecordLog log;
  log.Open("a", Utc(2026, 1, 1));
  const uint64_t lot = log.AdjustUp("a", Utc(2026, 1, 2), 100, 0);
  log.Reserve("a", Utc(2026, 2, 1), "r1", Utc(2026, 2, 8), {{lot, 60}});
  log.Release("a", Utc(2026, 2, 4), "r1", {{lot, 60}});
  log.Redeem("a", Utc(2026, 2, 2), {{lot, 100}});
  const auto rows = testing::FoldRows(PointsProjection(), log);
  EXPECT_EQ(BalanceAt(*rows, Utc(2026, 2, 3)), (PointsBalance{.reserved = 60, .spent = 40, .accrued = 100}));
  const auto causes = GetBalanceCauses(*rows, "a", Utc(2026, 2, 3));
  ASSERT_EQ(causes->size(), 3u);
  EXPECT_EQ((*causes)[0].kind, events::v1::EVENT_KIND_POINTS_REDEEMED);
  EXPECT_EQ((*causes)[0].points, -40);
  EXPECT_EQ((*causes)[0].parts[0].points, -40);
  EXPECT_EQ((*causes)[1].kind, events::v1::EVENT_KIND_POINTS_RESERVED);
  EXPECT_EQ((*causes)[1].points, -60);
  EXPECT_EQ((*causes)[2].points, 100);
  const Liability liability = LiabilityAt(*rows, Utc(2026, 2, 3));
  EXPECT_EQ(liability.totals, (LotTotals{.lots = 1, .issued = 100, .redeemed = 40, .available = 60}));
  EXPECT_EQ(liability.cohorts[0].redeemed_by_age, (std::vector<int64_t>{0, 40}));
  ExpectAgreement(*rows, Utc(2026, 2, 3));
  ExpectAgreement(*rows, Utc(2026, 2, 5));
}

}  // namespace
}  // namespace keyledger::projections
