// Accounts that were merged count once: two before the merge, one after it.
#include <limits>

#include <gtest/gtest.h>

#include "projections/retention/history.h"
#include "projections/retention/merged_accounts.h"
#include "projections/retention/retention_projection.h"
#include "projections/retention/retention_queries.h"
#include "projections/retention/rfm_queries.h"
#include "tests/support/record_log.h"

namespace keyledger::projections {
namespace {

using testing::RecordLog;
using testing::Utc;

constexpr int64_t kUnit = 1'000'000;
constexpr int64_t kJanuary = 56 * 12;
const Micros kMerged = Utc(2026, 3, 10);

void Merge(RecordLog& log, const std::string& from, const std::string& into, Micros occurred = kMerged) {
  log.Add(from, occurred).mutable_event()->mutable_account_merge_completed()->set_into_account_id(into);
}

// a buys for 100 in January and 40 in February, c for 20 in January; b, opened in February, for 70 in February, 30 in
// March and 10 in April. On the 10th of March a goes into b.
RecordLog Log() {
  RecordLog log;
  log.Open("a", Utc(2026, 1, 1));
  log.Open("c", Utc(2026, 1, 1));
  log.Open("b", Utc(2026, 2, 2));
  log.Purchase("a", Utc(2026, 1, 5), 100 * kUnit);
  log.Purchase("c", Utc(2026, 1, 6), 20 * kUnit);
  log.Purchase("a", Utc(2026, 2, 7), 40 * kUnit);
  log.Purchase("b", Utc(2026, 2, 8), 70 * kUnit);
  Merge(log, "a", "b");
  log.Purchase("b", Utc(2026, 3, 20), 30 * kUnit);
  log.Purchase("b", Utc(2026, 4, 9), 10 * kUnit);
  return log;
}

std::vector<AccountHistory> Visit(const std::vector<const store::TableReader*>& shards, const RetentionScope& scope) {
  std::vector<AccountHistory> visited;
  HistoryScan scan(scope);
  const absl::Status run = scan.Run(shards, [&](const AccountHistory& history) {
    visited.push_back(history);
    return absl::OkStatus();
  });
  EXPECT_TRUE(run.ok()) << run;
  return visited;
}

std::vector<AccountHistory> Visit(const RecordLog& log, const RetentionScope& scope = {}) {
  const auto rows = testing::FoldRows(RetentionProjection(), log);
  return Visit({rows.get()}, scope);
}

// "b: 100 40 70": who is visited, with the money of the trades in order.
std::string Traded(const std::vector<AccountHistory>& visited) {
  std::string text;
  for (const AccountHistory& history : visited) {
    text += (text.empty() ? "" : "; ") + history.account_id + ":";
    for (const HistoryTrade& trade : history.trades) text += " " + std::to_string(trade.micros / kUnit);
  }
  return text;
}

struct Row {
  int64_t active, fresh, retained, churned, start, revenue;
  bool operator==(const Row&) const = default;
};

std::vector<Row> RowsOf(const RecordLog& log, const RetentionScope& scope = {}) {
  const auto rows = testing::FoldRows(RetentionProjection(), log);
  const auto table = GetRetentionTable({rows.get()}, scope);
  EXPECT_TRUE(table.ok()) << table.status();
  std::vector<Row> found;
  for (const RetentionPeriodRow& row : table->periods) {
    found.push_back({row.active, row.fresh, row.retained, row.churned, row.start, row.revenue_micros / kUnit});
  }
  EXPECT_TRUE(table->periods.empty() || table->periods[0].period == kJanuary);
  return found;
}

TEST(MergedInRetention, AreTwoAccountsBeforeAndOneAfter) {
  EXPECT_EQ(Traded(Visit(Log(), {.as_of = kMerged})), "a: 100 40; b: 70; c: 20");
  EXPECT_EQ(Traded(Visit(Log(), {.as_of = kMerged + 1})), "b: 100 40 70; c: 20");
  EXPECT_EQ(Traded(Visit(Log())), "b: 100 40 70 30 10; c: 20");
}

TEST(MergedInRetention, CountOnceInEveryPeriodAndCohort) {
  EXPECT_EQ(RowsOf(Log(), {.as_of = Utc(2026, 3, 1)}), (std::vector<Row>{{2, 2, 0, 0, 0, 120}, {2, 1, 1, 1, 2, 110}}));
  EXPECT_EQ(RowsOf(Log()),
            (std::vector<Row>{{2, 2, 0, 0, 0, 120}, {1, 0, 1, 1, 2, 110}, {1, 0, 1, 0, 1, 30}, {1, 0, 1, 0, 1, 10}}));
  const auto rows = testing::FoldRows(RetentionProjection(), Log());
  const auto cohorts = [&](const RetentionScope& scope) {
    const auto table = GetCohortTable({rows.get()}, scope);
    EXPECT_TRUE(table.ok()) << table.status();
    std::vector<int64_t> sizes;
    for (const CohortRow& row : table->cohorts) sizes.push_back(row.size);
    return sizes;
  };
  EXPECT_EQ(cohorts({.as_of = Utc(2026, 3, 1)}), (std::vector<int64_t>{2, 1}));
  EXPECT_EQ(cohorts({}), std::vector<int64_t>{2});
}

// All that a bought for 100 comes back on b in April.
TEST(MergedInRetention, CountWhatComesBackOfAMergedPurchaseOnce) {
  RecordLog log = Log();
  auto& returned = *log.Add("b", Utc(2026, 4, 20)).mutable_event()->mutable_purchase_returned();
  returned.mutable_merged_purchase()->set_account_id("a");
  returned.mutable_merged_purchase()->set_revision(1);
  returned.set_completes_purchase(true);
  returned.add_lines()->set_quantity(1);
  returned.mutable_lines(0)->mutable_amount()->set_micros(100 * kUnit);
  returned.mutable_lines(0)->mutable_amount()->set_currency_code("USD");
  EXPECT_EQ(Traded(Visit(log)), "b: 100 40 70 30 10 100; c: 20");
  EXPECT_EQ(Traded(Visit(log, {.as_of = kMerged})), "a: 100 40; b: 70; c: 20");
  std::vector<Row> rows = RowsOf(Log());
  EXPECT_EQ(RowsOf(log), rows);
  rows.back().revenue -= 100;
  EXPECT_EQ(RowsOf(log, {.basis = RevenueBasis::kNet}), rows);
}

TEST(MergedInRetention, CountAsIfTheyHadAlwaysBeenOne) {
  RecordLog one;
  one.Open("c", Utc(2026, 1, 1));
  one.Open("b", Utc(2026, 1, 1));
  one.Purchase("b", Utc(2026, 1, 5), 100 * kUnit);
  one.Purchase("c", Utc(2026, 1, 6), 20 * kUnit);
  one.Purchase("b", Utc(2026, 2, 7), 40 * kUnit);
  one.Purchase("b", Utc(2026, 2, 8), 70 * kUnit);
  one.Purchase("b", Utc(2026, 3, 20), 30 * kUnit);
  one.Purchase("b", Utc(2026, 4, 9), 10 * kUnit);
  for (const RevenueBasis basis : {RevenueBasis::kGross, RevenueBasis::kNet}) {
    EXPECT_EQ(RowsOf(Log(), {.basis = basis}), RowsOf(one, {.basis = basis}));
  }
}

TEST(MergedInRetention, HaveTheSameFiguresByCellsAndByWalkBefore) {
  const RetentionScope cells{.as_of = Utc(2026, 3, 1)};
  RetentionScope walk = cells;
  walk.known_at = std::numeric_limits<int64_t>::max() - 1;
  EXPECT_EQ(RowsOf(Log(), cells), RowsOf(Log(), walk));
}

TEST(MergedInRetention, AreTwoAsLongAsNobodyKnewOfTheMerge) {
  RecordLog log = Log();
  const auto& records = log.records();
  Micros recorded = 0;
  uint64_t position = 0;
  for (const auto& record : records) {
    if (!record.event().has_account_merge_completed()) continue;
    recorded = testing::MicrosOfTime(record.record_time());
    position = record.position();
  }
  EXPECT_EQ(Visit(log, {.known_at = recorded}).size(), 3u);
  EXPECT_EQ(Visit(log, {.known_at = recorded + 1}).size(), 2u);
  EXPECT_EQ(Visit(log, {.known_places = {position}}).size(), 3u);
  EXPECT_EQ(Visit(log, {.known_places = {position + 1}}).size(), 2u);
  // The same accounts as at another moment, with what has become of them since.
  const RetentionScope before{.as_of = Utc(2026, 3, 1)};
  EXPECT_EQ(Traded(Visit(log, {.merges_of = &before})), "a: 100 40; b: 70 30 10; c: 20");
}

TEST(MergedInRetention, AreJoinedOverShardsAndChains) {
  RecordLog first;
  RecordLog second;
  first.Open("a", Utc(2026, 1, 1));
  first.Purchase("a", Utc(2026, 1, 5), 1 * kUnit);
  Merge(first, "a", "b");
  second.Open("b", Utc(2026, 1, 1));
  second.Purchase("b", Utc(2026, 1, 4), 2 * kUnit);
  second.Purchase("b", Utc(2026, 1, 6), 3 * kUnit);
  Merge(second, "b", "d", Utc(2026, 5, 1));
  first.Open("d", Utc(2026, 1, 1));
  first.Purchase("d", Utc(2026, 1, 3), 4 * kUnit);
  const auto one = testing::FoldRows(RetentionProjection(), first);
  const auto two = testing::FoldRows(RetentionProjection(), second);
  EXPECT_EQ(Traded(Visit({one.get(), two.get()}, {.as_of = Utc(2026, 2, 1)})), "a: 1; b: 2 3; d: 4");
  EXPECT_EQ(Traded(Visit({one.get(), two.get()}, {.as_of = Utc(2026, 4, 1)})), "b: 2 1 3; d: 4");
  EXPECT_EQ(Traded(Visit({one.get(), two.get()}, {.as_of = Utc(2026, 6, 1)})), "d: 4 2 1 3");
  const auto merged = MergedAccounts::Read({one.get(), two.get()}, {});
  ASSERT_TRUE(merged.ok()) << merged.status();
  EXPECT_EQ(merged->StandsFor("a"), "d");
  EXPECT_EQ(merged->StandsFor("d"), "d");
  EXPECT_TRUE(merged->HasEnded("b"));
  ASSERT_EQ(merged->EndedIn("d").size(), 2u);
  EXPECT_EQ(merged->EndedIn("d")[1].account_id, "b");
  EXPECT_EQ(merged->EndedIn("d")[1].shard, 1u);
}

TEST(MergedInRetention, KeepWhatTheOtherIsAndAddWhatItDid) {
  RecordLog log;
  const auto open = [&](const char* id, Micros at, const char* region, const char* owner) {
    auto& opened = *log.Add(id, at).mutable_event()->mutable_account_opened();
    opened.set_region(region);
    opened.set_owner(owner);
  };
  open("a", Utc(2026, 1, 1), "CN/1", "wang");
  open("b", Utc(2026, 2, 1), "CN/2", "li");
  open("x", Utc(2026, 2, 1), "CN/3", "li");
  log.AssignTier("a", Utc(2026, 2, 5), "gold", "", events::v1::TIER_ASSIGNMENT_REASON_INITIAL);
  log.AssignTier("b", Utc(2026, 2, 4), "bronze", "", events::v1::TIER_ASSIGNMENT_REASON_INITIAL);
  log.Add("a", Utc(2026, 2, 10)).mutable_event()->mutable_account_facts_updated()->set_region("CN/9");
  for (const char* id : {"a", "b"}) {
    auto& contract = *log.Add(id, Utc(2026, 2, 6)).mutable_event()->mutable_contract_signed();
    contract.set_contract_id("C-1");
    testing::SetTime(Utc(2026, 2, 6), contract.mutable_start_time());
    testing::SetTime(Utc(2027, 2, 6), contract.mutable_end_time());
  }
  log.Add("x", Utc(2026, 2, 7)).mutable_event()->mutable_referral_recorded()->set_referrer_account_id("a");
  log.Add("b", Utc(2026, 2, 7)).mutable_event()->mutable_referral_recorded()->set_referrer_account_id("a");
  log.Add("a", Utc(2026, 3, 1)).mutable_event()->mutable_account_closed();
  Merge(log, "a", "b");
  const std::vector<AccountHistory> visited = Visit(log);
  ASSERT_EQ(visited.size(), 2u);
  const AccountHistory& joined = visited[0];
  EXPECT_EQ(joined.account_id, "b");
  EXPECT_EQ(joined.region(), "CN/2");
  ASSERT_EQ(joined.regions.size(), 2u);
  EXPECT_EQ(joined.regions[0].value, "CN/1");
  EXPECT_EQ(joined.owner(), "li");
  ASSERT_EQ(joined.owners.size(), 2u);
  EXPECT_EQ(joined.owners[0].value, "wang");
  EXPECT_EQ(joined.tier("main"), "bronze");
  EXPECT_FALSE(joined.is_closed());
  ASSERT_EQ(joined.life.size(), 1u);
  EXPECT_EQ(joined.life[0].occurred, Utc(2026, 1, 1));
  ASSERT_EQ(joined.contracts.size(), 2u);
  EXPECT_EQ(joined.contracts[0].contract_id, "C-1");
  EXPECT_EQ(joined.contracts[1].contract_id, "a:C-1");
  EXPECT_TRUE(joined.referrals.empty()) << "nobody refers itself";
  ASSERT_EQ(visited[1].referrals.size(), 1u);
  EXPECT_EQ(visited[1].referrals[0].referrer_account_id, "b");
  EXPECT_EQ(Visit(log, {.filter = {.owner = "wang"}}).size(), 0u);
}

TEST(MergedInRetention, AreOneBuyerInRfm) {
  const auto rows = testing::FoldRows(RetentionProjection(), Log());
  const auto buyers = [&](const RetentionScope& scope) {
    const auto table = GetRfmTable({rows.get()}, scope, {});
    EXPECT_TRUE(table.ok()) << table.status();
    return table->accounts;
  };
  EXPECT_EQ(buyers({.as_of = kMerged}), 3);
  EXPECT_EQ(buyers({.as_of = kMerged + 1}), 2);
}

}  // namespace
}  // namespace keyledger::projections
