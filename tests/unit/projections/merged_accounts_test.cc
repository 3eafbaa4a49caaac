// Accounts that were merged, as the directory, the points and the tiers show them.
#include <gtest/gtest.h>

#include "projections/accounts/accounts_projection.h"
#include "projections/accounts/accounts_queries.h"
#include "projections/points/points_causes.h"
#include "projections/points/points_liability.h"
#include "projections/points/points_projection.h"
#include "projections/points/points_queries.h"
#include "projections/tiers/stages_queries.h"
#include "projections/tiers/tiers_projection.h"
#include "projections/tiers/tiers_queries.h"
#include "server/base/error.h"
#include "tests/support/record_log.h"

namespace keyledger::projections {
namespace {

using testing::RecordLog;
using testing::Utc;

const Micros kEarned = Utc(2026, 1, 10);
const Micros kActivates = Utc(2026, 2, 20);
const Micros kMerged = Utc(2026, 2, 5);

// "a" of 2026-01-02 with a tier, two purchases, 60 points and 40 that are pending until the 20th of February, goes into
// "b" of 2026-01-04 on the 5th of February.
RecordLog Merging() {
  RecordLog log;
  log.Open("a", Utc(2026, 1, 2));
  log.AssignTier("a", Utc(2026, 1, 2), "gold", "", events::v1::TIER_ASSIGNMENT_REASON_INITIAL);
  log.ChangeStage("a", Utc(2026, 1, 3), "expand", "");
  log.Open("b", Utc(2026, 1, 4));
  log.AssignTier("b", Utc(2026, 1, 4), "bronze", "", events::v1::TIER_ASSIGNMENT_REASON_INITIAL);
  log.Purchase("a", kEarned, 60'000'000);
  const uint64_t available = log.Accrue("a", kEarned, 60, 0, Utc(2027, 1, 1));
  log.Purchase("a", Utc(2026, 1, 11), 40'000'000);
  const uint64_t pending = log.Accrue("a", Utc(2026, 1, 11), 40, kActivates, Utc(2027, 1, 1));
  log.Purchase("b", Utc(2026, 1, 8), 5'000'000);
  events::v1::AccountMerged& merged = *log.Add("a", kMerged).mutable_event()->mutable_account_merged();
  merged.set_into_account_id("b");
  merged.set_reason("entered twice");
  merged.mutable_sent()->set_transfer_id("$merge");
  merged.mutable_sent()->set_to_account_id("b");
  merged.mutable_sent()->set_points(100);
  const auto allocate = [](uint64_t lot, int64_t points, bool is_pending, auto* allocation) {
    allocation->set_lot_revision(lot);
    allocation->set_points(points);
    allocation->set_pending(is_pending);
  };
  allocate(available, 60, false, merged.mutable_sent()->add_allocations());
  allocate(pending, 40, true, merged.mutable_sent()->add_allocations());
  return log;
}

void Receive(RecordLog& log) {
  auto& merged = *log.Add("b", kMerged).mutable_event()->mutable_account_merge_received();
  merged.set_from_account_id("a");
  merged.mutable_merged()->set_purchase_count(2);
  testing::SetTime(Utc(2026, 1, 11), merged.mutable_merged()->mutable_last_purchase_time());
  testing::SetTime(Utc(2026, 1, 2), merged.mutable_merged()->mutable_open_time());
  for (const bool is_pending : {false, true}) {
    auto& received = *log.Add("b", kMerged).mutable_event()->mutable_points_transfer_received();
    received.set_transfer_id("$merge");
    received.set_from_account_id("a");
    received.set_points(is_pending ? 40 : 60);
    testing::SetTime(is_pending ? Utc(2026, 1, 11) : kEarned, received.mutable_lot()->mutable_occurred_time());
    testing::SetTime(Utc(2027, 1, 1), received.mutable_lot()->mutable_expire_time());
    if (is_pending) testing::SetTime(kActivates, received.mutable_lot()->mutable_activate_time());
  }
}

void Complete(RecordLog& log) {
  auto& completed = *log.Add("a", kMerged).mutable_event()->mutable_account_merge_completed();
  completed.set_into_account_id("b");
  completed.mutable_completed()->set_transfer_id("$merge");
  completed.mutable_completed()->set_points(100);
}

void Return(RecordLog& log) {
  const events::v1::PointsTransferSent sent = log.records().back().event().account_merged().sent();
  auto& returned = *log.Add("a", kMerged).mutable_event()->mutable_account_merge_returned();
  returned.set_into_account_id("b");
  returned.set_refusal("ACCOUNT_CLOSED");
  returned.mutable_returned()->set_transfer_id("$merge");
  returned.mutable_returned()->set_points(100);
  returned.mutable_returned()->set_refusal("ACCOUNT_CLOSED");
  *returned.mutable_returned()->mutable_allocations() = sent.allocations();
}

RecordLog Completed() {
  RecordLog log = Merging();
  Receive(log);
  Complete(log);
  return log;
}

PointsBalance BalanceOf(const RecordLog& log, const std::string& account, Micros as_of) {
  const auto balance = GetPointsBalance(*testing::FoldRows(PointsProjection(), log), account, as_of);
  EXPECT_TRUE(balance.ok()) << balance.status();
  return balance.value_or(PointsBalance());
}

std::vector<std::string> Listed(const store::TableReader& rows, AccountStateFilter state) {
  const auto page = ListDirectory({&rows}, {.state = state}, 100, "");
  EXPECT_TRUE(page.ok()) << page.status();
  std::vector<std::string> ids;
  for (const DirectoryAccount& account : page->accounts) ids.push_back(account.account_id);
  return ids;
}

TEST(MergedAccounts, AreNeitherOpenNorClosedInTheDirectory) {
  using Ids = std::vector<std::string>;
  RecordLog log = Merging();
  const auto on_the_way = testing::FoldRows(AccountsProjection(), log);
  EXPECT_EQ(Listed(*on_the_way, AccountStateFilter::kOpen), Ids{"b"});
  EXPECT_EQ(Listed(*on_the_way, AccountStateFilter::kMerged), Ids{"a"});
  EXPECT_EQ(Listed(*on_the_way, AccountStateFilter::kAny), (Ids{"a", "b"}));
  RecordLog returned = log;
  Return(returned);
  const auto back = testing::FoldRows(AccountsProjection(), returned);
  EXPECT_EQ(Listed(*back, AccountStateFilter::kOpen), (Ids{"a", "b"}));
  EXPECT_EQ(GetDirectoryAccount(*back, "a")->tier_id, "gold");
  const auto merged = testing::FoldRows(AccountsProjection(), Completed());
  EXPECT_EQ(Listed(*merged, AccountStateFilter::kClosed), Ids());
  EXPECT_EQ(Listed(*merged, AccountStateFilter::kMerged), Ids{"a"});
  EXPECT_EQ(GetDirectoryAccount(*merged, "a")->tier_id, "");
  const auto joined = GetDirectoryAccount(*merged, "b");
  ASSERT_TRUE(joined.ok()) << joined.status();
  EXPECT_EQ(joined->purchase_count, 3);
  EXPECT_EQ(joined->last_purchase, Utc(2026, 1, 11));
  EXPECT_EQ(joined->open_time, Utc(2026, 1, 2));
}

TEST(MergedAccounts, TakeTheirPointsAlong) {
  RecordLog log = Merging();
  EXPECT_EQ(BalanceOf(log, "a", kMerged), (PointsBalance{.available = 60, .pending = 40, .accrued = 100}));
  EXPECT_EQ(BalanceOf(log, "a", kMerged + 1), (PointsBalance{.accrued = 100, .in_transit = 100}));
  Receive(log);
  Complete(log);
  EXPECT_EQ(BalanceOf(log, "a", kMerged + 1), (PointsBalance{.accrued = 100, .transferred_out = 100}));
  EXPECT_EQ(BalanceOf(log, "b", kMerged), PointsBalance());
  EXPECT_EQ(BalanceOf(log, "b", kMerged + 1), (PointsBalance{.available = 60, .pending = 40, .transferred_in = 100}));
  EXPECT_EQ(BalanceOf(log, "b", kActivates + 1), (PointsBalance{.available = 100, .transferred_in = 100}));
  EXPECT_EQ(BalanceOf(log, "b", Utc(2027, 1, 1) + 1), (PointsBalance{.expired = 100, .transferred_in = 100}));
}

TEST(MergedAccounts, HaveTheirPointsAgainWhereTheMergeCameBack) {
  RecordLog log = Merging();
  Return(log);
  EXPECT_EQ(BalanceOf(log, "a", kMerged + 1), (PointsBalance{.available = 60, .pending = 40, .accrued = 100}));
  EXPECT_EQ(BalanceOf(log, "a", kActivates + 1), (PointsBalance{.available = 100, .accrued = 100}));
}

TEST(MergedAccounts, ShowTheMergeAsATransferOfPoints) {
  const auto rows = testing::FoldRows(PointsProjection(), Completed());
  const auto causes = GetBalanceCauses(*rows, "b", kActivates + 1);
  ASSERT_TRUE(causes.ok()) << causes.status();
  int64_t points = 0;
  for (const BalanceCause& cause : *causes) {
    EXPECT_EQ(cause.kind, events::v1::EVENT_KIND_POINTS_TRANSFER_RECEIVED);
    points += cause.points;
  }
  EXPECT_EQ(points, 100);
  EXPECT_EQ(ReasonOf(GetPointsTransfer(*rows, "a", "$merge").status()), Reason::kTransferNotFound);
}

TEST(MergedAccounts, OweWhatTheyOwedBeforeOverBoth) {
  const auto liability = [](const RecordLog& log, Micros as_of) {
    const auto rows = testing::FoldRows(PointsProjection(), log);
    LiabilityScope scope;
    scope.as_of = as_of;
    const auto found = GetPointsLiability({rows.get()}, scope);
    EXPECT_TRUE(found.ok()) << found.status();
    return found->totals;
  };
  for (const Micros as_of : {kMerged, kMerged + 1, kActivates + 1}) {
    const LotTotals merged = liability(Completed(), as_of);
    EXPECT_EQ(merged.available + merged.pending, 100);
    EXPECT_EQ(merged.pending, as_of > kActivates ? 0 : 40);
    EXPECT_EQ(merged.issued, 100);
    EXPECT_EQ(merged.lots, 2);
  }
}

TEST(MergedAccounts, StandInNoTierFromThenOn) {
  const auto rows = testing::FoldRows(TiersProjection(), Completed());
  const auto tier = [&](Micros as_of) {
    const auto standing = GetTierStanding(*rows, "a", as_of);
    EXPECT_TRUE(standing.ok()) << standing.status();
    return standing->has_value() ? (*standing)->tier_id : "none";
  };
  EXPECT_EQ(tier(kMerged), "gold");
  EXPECT_EQ(tier(kMerged + 1), "none");
  EXPECT_EQ(GetStages(*rows, "a", kMerged)->size(), 1u);
  EXPECT_EQ(GetStages(*rows, "a", kMerged + 1)->size(), 0u);
  const auto history = ListTierHistory(*rows, "a", 10, "");
  ASSERT_TRUE(history.ok() && history->holdings.size() == 1);
  EXPECT_EQ(history->holdings[0].until, kMerged);
  const auto stays = ListStageHistory(*rows, "a", "", 10, "");
  ASSERT_TRUE(stays.ok() && stays->stays.size() == 1);
  EXPECT_EQ(stays->stays[0].until, kMerged);
  EXPECT_EQ(GetTierDistribution({rows.get()}, kMerged)->accounts, 2);
  const auto after = GetTierDistribution({rows.get()}, kMerged + 1);
  ASSERT_TRUE(after.ok());
  EXPECT_EQ(after->accounts, 1);
  ASSERT_EQ(after->tiers.size(), 1u);
  EXPECT_EQ(after->tiers[0].tier_id, "bronze");
  EXPECT_TRUE(after->stages.empty());
}

}  // namespace
}  // namespace keyledger::projections
