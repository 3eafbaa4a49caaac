// Points that come back on the account that a purchase was merged into, as the projection "points" shows them.
#include <limits>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "projections/points/points_causes.h"
#include "projections/points/points_liability.h"
#include "projections/points/points_projection.h"
#include "projections/points/points_queries.h"
#include "server/base/error.h"
#include "tests/support/record_log.h"

namespace keyledger::projections {
namespace {

using testing::RecordLog;
using testing::Utc;

const Micros kEarned = Utc(2026, 1, 10);
const Micros kExpires = Utc(2026, 6, 10);
const Micros kPaid = Utc(2026, 2, 20);
const Micros kMerged = Utc(2026, 3, 5);
const Micros kReturned = Utc(2026, 4, 20);

// "a" has 100 points of the 10th of January, until the 10th of June, and pays with 30 of them.
uint64_t Pay(RecordLog& log) {
  log.Open("a", Utc(2026, 1, 2));
  const uint64_t lot = log.Accrue("a", kEarned, 100, 0, kExpires);
  return log.Pay("a", kPaid, {{lot, 30}});
}

// Lots earned on the 10th of January go over with an account.
void Merge(RecordLog& log, const std::string& from, const std::string& into, Micros occurred,
           const std::vector<testing::TakenFromLot>& lots) {
  events::v1::AccountMerged& merged = *log.Add(from, occurred).mutable_event()->mutable_account_merged();
  merged.set_into_account_id(into);
  events::v1::PointsTransferSent& sent = *merged.mutable_sent();
  sent.set_transfer_id("$merge");
  sent.set_to_account_id(into);
  for (const testing::TakenFromLot& lot : lots) {
    sent.set_points(sent.points() + lot.points);
    sent.add_allocations()->set_lot_revision(lot.lot_revision);
    sent.mutable_allocations(sent.allocations_size() - 1)->set_points(lot.points);
  }
  const int64_t points = sent.points();
  log.Add(into, occurred).mutable_event()->mutable_account_merge_received()->set_from_account_id(from);
  for (const testing::TakenFromLot& lot : lots) {
    auto& received = *log.Add(into, occurred).mutable_event()->mutable_points_transfer_received();
    received.set_transfer_id("$merge");
    received.set_from_account_id(from);
    received.set_points(lot.points);
    testing::SetTime(kEarned, received.mutable_lot()->mutable_occurred_time());
    testing::SetTime(kExpires, received.mutable_lot()->mutable_expire_time());
  }
  auto& completed = *log.Add(from, occurred).mutable_event()->mutable_account_merge_completed();
  completed.set_into_account_id(into);
  completed.mutable_completed()->set_transfer_id("$merge");
  completed.mutable_completed()->set_points(points);
}

// "a" pays and goes into "b", where two thirds of the purchase come back, and 20 points with them.
RecordLog GivenBack() {
  RecordLog log;
  const uint64_t purchase = Pay(log);
  log.Open("b", Utc(2026, 1, 4));
  Merge(log, "a", "b", kMerged, {{1, 70}});
  log.Return("b", kReturned, 20'000'000);
  EXPECT_EQ(log.RestoreMerged("b", kReturned, "a", purchase, {1, 20}, kEarned, kExpires), 4u);
  return log;
}

std::unique_ptr<store::TableReader> Rows(const RecordLog& log) { return testing::FoldRows(PointsProjection(), log); }

PointsBalance BalanceOf(const store::TableReader& rows, const std::string& account, Micros as_of) {
  const auto balance = GetPointsBalance(rows, account, as_of);
  EXPECT_TRUE(balance.ok()) << balance.status();
  return balance.value_or(PointsBalance());
}

LotTotals TotalsOf(const std::vector<const store::TableReader*>& shards, const LiabilityScope& scope) {
  const auto liability = GetPointsLiability(shards, scope);
  EXPECT_TRUE(liability.ok()) << liability.status();
  return liability.ok() ? liability->totals : LotTotals();
}

TEST(PointsGivenBackAfterAMerge, AreALotOnTheTermsOfTheOneThatTheyWereTakenFrom) {
  const auto rows = Rows(GivenBack());
  EXPECT_EQ(ListPointsLots(*rows, "b", kReturned, std::nullopt, 10, "")->lots.size(), 1u);
  const auto page = ListPointsLots(*rows, "b", kReturned + 1, std::nullopt, 10, "");
  ASSERT_TRUE(page.ok() && page->lots.size() == 2u) << page.status();
  const PointsLot& lot = page->lots[1];
  EXPECT_EQ(lot.lot_revision, 4u);
  EXPECT_EQ(lot.state, LotState::kAvailable);
  EXPECT_EQ(lot.accrued, 20);
  EXPECT_EQ(lot.remaining, 20);
  EXPECT_EQ(lot.occurred, kEarned);
  EXPECT_EQ(lot.expire, kExpires);
  EXPECT_EQ(lot.received, kReturned);
  EXPECT_FALSE(lot.activate.has_value());
  EXPECT_EQ(lot.from_account_id, "a");
  EXPECT_EQ(lot.transfer_id, "");
  EXPECT_EQ(lot.rule_id, "");
  EXPECT_FALSE(lot.purchase_revision.has_value());
  EXPECT_TRUE(lot.given_back());
  EXPECT_FALSE(page->lots[0].given_back());
  EXPECT_EQ(GetPointsExpirySchedule(*rows, "b", kReturned + 1)->entries,
            (std::vector<ExpiryEntry>{{.expire = kExpires, .points = 90}}));
}

TEST(PointsGivenBackAfterAMerge, CountAsNotSpentWhereTheyCome) {
  RecordLog log = GivenBack();
  log.Redeem("b", Utc(2026, 5, 1), {{4, 5}, {2, 10}});
  const auto rows = Rows(log);
  EXPECT_EQ(BalanceOf(*rows, "b", kReturned), (PointsBalance{.available = 70, .transferred_in = 70}));
  EXPECT_EQ(BalanceOf(*rows, "b", kReturned + 1), (PointsBalance{.available = 90, .spent = -20, .transferred_in = 70}));
  EXPECT_EQ(BalanceOf(*rows, "b", Utc(2026, 5, 2)),
            (PointsBalance{.available = 75, .spent = -5, .transferred_in = 70}));
  EXPECT_EQ(BalanceOf(*rows, "b", kExpires + 1), (PointsBalance{.spent = -5, .expired = 75, .transferred_in = 70}));
  EXPECT_EQ(BalanceOf(*rows, "a", kExpires + 1), (PointsBalance{.spent = 30, .accrued = 100, .transferred_out = 70}));
}

TEST(PointsGivenBackAfterAMerge, HaveALineOfTheStatementThatSaysWhoSpentThem) {
  const auto rows = Rows(GivenBack());
  const auto whole = ListPointsStatement(*rows, "b", 0, kExpires + 1, kExpires + 1, 10, "");
  ASSERT_TRUE(whole.ok() && whole->entries.size() == 4u) << whole.status();
  const PointsStatementEntry& line = whole->entries[1];
  EXPECT_EQ(line.kind, events::v1::EVENT_KIND_POINTS_RESTORED);
  EXPECT_EQ(line.revision, 4u);
  EXPECT_EQ(line.available_change, 20);
  EXPECT_EQ(line.available_after, 90);
  EXPECT_EQ(line.pending_change, 0);
  EXPECT_EQ(line.other_account_id, "a");
  EXPECT_EQ(line.transfer_id, "");
  EXPECT_TRUE(whole->entries[2].due && whole->entries[3].due);
  EXPECT_EQ(whole->entries[2].available_change, -70);
  EXPECT_EQ(whole->entries[3].lot_revision, 4u);
  EXPECT_EQ(whole->entries[3].available_change, -20);
  EXPECT_EQ(whole->entries[3].available_after, 0);
  // From a moment between: what stood before it, with every change since, is the balance.
  int64_t points = BalanceOf(*rows, "b", kReturned).available;
  const auto rest = ListPointsStatement(*rows, "b", kReturned, kExpires, kExpires, 10, "");
  ASSERT_TRUE(rest.ok()) << rest.status();
  for (const PointsStatementEntry& entry : rest->entries) points += entry.available_change;
  EXPECT_EQ(points, BalanceOf(*rows, "b", kExpires).available);
}

TEST(PointsGivenBackAfterAMerge, AreACauseOfTheBalanceThatSumsWithTheOthers) {
  RecordLog log = GivenBack();
  log.Redeem("b", Utc(2026, 5, 1), {{4, 5}});
  const auto rows = Rows(log);
  for (const Micros as_of : {kMerged + 1, kReturned, kReturned + 1, Utc(2026, 5, 2), kExpires + 1}) {
    const auto causes = GetBalanceCauses(*rows, "b", as_of);
    ASSERT_TRUE(causes.ok()) << causes.status();
    int64_t points = 0;
    for (const BalanceCause& cause : *causes) points += cause.points;
    EXPECT_EQ(points, BalanceOf(*rows, "b", as_of).available);
  }
  const BalanceCause cause = GetBalanceCauses(*rows, "b", kReturned + 1)->front();
  EXPECT_EQ(cause.kind, events::v1::EVENT_KIND_POINTS_REDEEMED);
  EXPECT_EQ(cause.points, 20);
  EXPECT_EQ(cause.revision, 4u);
  EXPECT_EQ(cause.occurred, kReturned);
  ASSERT_EQ(cause.parts.size(), 1u);
  EXPECT_EQ(cause.parts[0].lot_revision, 4u);
}

// The lot ran out on the 10th of June; what comes back in July does so at once.
TEST(PointsGivenBackAfterAMerge, RunOutAtOnceWhereTheirLotHas) {
  const Micros july = Utc(2026, 7, 1);
  RecordLog log;
  const uint64_t purchase = Pay(log);
  log.Open("b", Utc(2026, 1, 4));
  Merge(log, "a", "b", kMerged, {{1, 70}});
  log.Expire("b", kExpires, 2, 70);
  const uint64_t lot = log.RestoreMerged("b", july, "a", purchase, {1, 30}, kEarned, kExpires);
  for (const bool recorded : {false, true}) {
    SCOPED_TRACE(recorded);
    if (recorded) log.Expire("b", july, lot, 30);
    const auto rows = Rows(log);
    EXPECT_EQ(BalanceOf(*rows, "b", july), (PointsBalance{.expired = 70, .transferred_in = 70}));
    EXPECT_EQ(BalanceOf(*rows, "b", july + 1), (PointsBalance{.spent = -30, .expired = 100, .transferred_in = 70}));
    const auto page = ListPointsStatement(*rows, "b", july, july + 1, july + 1, 10, "");
    ASSERT_TRUE(page.ok() && page->entries.size() == 2u) << page.status();
    EXPECT_EQ(page->entries[0].available_change, 30);
    EXPECT_EQ(page->entries[1].available_change, -30);
    EXPECT_EQ(page->entries[1].due, !recorded);
    EXPECT_EQ(GetBalanceCauses(*rows, "b", july + 1)->front().occurred, july);
    EXPECT_EQ(TotalsOf({rows.get()}, {.as_of = july + 1}), (LotTotals{.lots = 1, .issued = 100, .expired = 100}));
  }
}

TEST(PointsGivenBackAfterAMerge, RunOutWhenTheRecordSays) {
  RecordLog log = GivenBack();
  auto* lot = log.Add("b", kReturned).mutable_event()->mutable_points_restored();
  lot->set_points(7);
  lot->mutable_merged_purchase()->set_account_id("a");
  lot->mutable_merged_purchase()->set_revision(2);
  lot->add_allocations()->set_points(7);
  testing::SetTime(kEarned, lot->mutable_allocations(0)->mutable_lot()->mutable_occurred_time());
  testing::SetTime(kEarned + 120 * kMicrosPerDay, lot->mutable_allocations(0)->mutable_lot()->mutable_expire_time());
  const auto page = ListPointsLots(*Rows(log), "b", kReturned + 1, std::nullopt, 10, "");
  ASSERT_TRUE(page.ok() && page->lots.size() == 3u) << page.status();
  EXPECT_EQ(page->lots[2].expire, kEarned + 120 * kMicrosPerDay);
}

// Over both accounts it is as if the return had been on the one that bought: 10 of 100 points were redeemed, in the
// month after the one that they were earned in.
TEST(PointsGivenBackAfterAMerge, WereNeverRedeemedOverAllAccounts) {
  const RecordLog log = GivenBack();
  RecordLog one;
  const uint64_t purchase = Pay(one);
  one.Restore("a", kReturned, purchase, {{1, 20}});
  const auto merged = Rows(log);
  const auto alone = Rows(one);
  for (const Micros as_of : {kPaid + 1, kMerged + 1, kReturned, kReturned + 1, Utc(2026, 6, 1), Utc(2026, 7, 1)}) {
    const auto found = GetPointsLiability({merged.get()}, {.as_of = as_of});
    const auto expected = GetPointsLiability({alone.get()}, {.as_of = as_of});
    ASSERT_TRUE(found.ok() && expected.ok()) << found.status();
    EXPECT_EQ(found->totals, expected->totals);
    ASSERT_EQ(found->cohorts.size(), 1u);
    EXPECT_EQ(found->cohorts[0].totals, found->totals);
    EXPECT_EQ(found->cohorts[0].redeemed_by_age, expected->cohorts[0].redeemed_by_age);
    ASSERT_EQ(found->outlook_by_age.size(), expected->outlook_by_age.size());
    for (size_t age = 0; age < found->outlook_by_age.size(); ++age) {
      EXPECT_NEAR(found->outlook_by_age[age].redeemed, expected->outlook_by_age[age].redeemed, 1e-12);
      EXPECT_NEAR(found->outlook_by_age[age].expired, expected->outlook_by_age[age].expired, 1e-12);
    }
    for (size_t age = 0; age < found->ages.size(); ++age) {
      EXPECT_EQ(found->ages[age].available, expected->ages[age].available);
    }
  }
  const auto june = GetPointsLiability({merged.get()}, {.as_of = Utc(2026, 6, 1)});
  EXPECT_EQ(june->totals, (LotTotals{.lots = 1, .issued = 100, .redeemed = 10, .available = 90}));
  EXPECT_EQ(june->cohorts[0].redeemed_by_age, (std::vector<int64_t>{0, 10, 10, 10, 10, 10}));
  EXPECT_EQ(TotalsOf({merged.get()}, {.as_of = Utc(2026, 6, 1), .program_id = "loyalty"}),
            (LotTotals{.lots = 1, .issued = 100, .redeemed = 30, .transferred = 70}));
}

// "a" and "b" live on two shards; the reader of a's may be behind the one of b's.
TEST(PointsGivenBackAfterAMerge, AreOwedOnceOverShardsOfWhichOneIsBehind) {
  const RecordLog log = GivenBack();
  const auto shard = [&](const std::string& account, size_t records) {
    std::vector<events::v1::EventRecord> found;
    for (const events::v1::EventRecord& record : log.records()) {
      if (record.account_id() != account || found.size() == records) continue;
      found.push_back(record);
      found.back().set_position(found.size() - 1);
    }
    return testing::FoldAll(PointsProjection(), found)->NewReader();
  };
  const auto a = shard("a", 10);
  const auto b = shard("b", 10);
  const auto old = shard("a", 2);
  const LiabilityScope scope{.as_of = Utc(2026, 5, 1)};
  const LotTotals expected{.lots = 1, .issued = 100, .redeemed = 10, .available = 90};
  EXPECT_EQ(TotalsOf({a.get(), b.get()}, scope), expected);
  EXPECT_EQ(TotalsOf({b.get(), a.get()}, scope), expected);
  EXPECT_EQ(TotalsOf({old.get(), b.get()}, scope), (LotTotals{.lots = 1, .issued = 100, .available = 100}));
}

// "b" goes on into "c", with what came back; then the rest of a's purchase comes back there.
TEST(PointsGivenBackAfterAMerge, GoOnWithTheirAccountAndComeBackAtTheEndOfTheChain) {
  RecordLog log = GivenBack();
  log.Open("c", Utc(2026, 1, 4));
  Merge(log, "b", "c", Utc(2026, 4, 25), {{2, 70}, {4, 20}});
  log.RestoreMerged("c", Utc(2026, 5, 2), "a", 2, {1, 10}, kEarned, kExpires);
  const auto rows = Rows(log);
  const Micros may = Utc(2026, 5, 3);
  EXPECT_EQ(BalanceOf(*rows, "b", may), (PointsBalance{.spent = -20, .transferred_in = 70, .transferred_out = 90}));
  EXPECT_EQ(BalanceOf(*rows, "c", may), (PointsBalance{.available = 100, .spent = -10, .transferred_in = 90}));
  EXPECT_EQ(TotalsOf({rows.get()}, {.as_of = may}), (LotTotals{.lots = 1, .issued = 100, .available = 100}));
}

TEST(PointsGivenBackAfterAMerge, AreDamageWithoutTheOneLotThatTheyMake) {
  const auto fold = [](const auto& change) {
    events::v1::EventRecord record = GivenBack().records().back();
    change(*record.mutable_event()->mutable_points_restored());
    record.set_position(0);
    testing::MemoryTable table;
    const PointsProjection projection;
    Lane lane(projection, table);
    lane.Apply(0, RecordView{record, 0, 0});
    return lane.failure();
  };
  EXPECT_TRUE(fold([](auto&) {}).ok());
  for (const absl::Status& refused :
       {fold([](auto& restored) { restored.clear_allocations(); }),
        fold([](auto& restored) { *restored.add_allocations() = restored.allocations(0); }),
        fold([](auto& restored) { restored.mutable_allocations(0)->clear_lot(); }),
        fold([](auto& restored) { restored.set_points(21); })}) {
    EXPECT_EQ(ReasonOf(refused), Reason::kStoreDamaged);
  }
}

}  // namespace
}  // namespace keyledger::projections
