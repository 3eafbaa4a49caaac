// Classes of accounts: core, next and promising ones, and A, B and C.
#include "projections/portfolio/classes.h"

#include <algorithm>

#include "server/base/error.h"
#include "tests/support/simulated_buyers.h"
#include "tests/unit/projections/portfolio_logs.h"

namespace keyledger::projections::portfolio {
namespace {

using testing::kUnit;
using testing::Must;
using testing::PortfolioLog;
using testing::ShardedRows;
using testing::Utc;

const RetentionScope kIn2026{.as_of = Utc(2027, 1, 1)};

ClassesAnswer Of(const testing::RecordLog& log, const ClassesQuery& query, const RetentionScope& scope = kIn2026,
                 size_t shards = 1) {
  return Must(GetClasses(ShardedRows(log, shards).shards(), scope, query));
}

std::vector<std::string> MembersOf(const testing::RecordLog& log, ClassesQuery query, const std::string& class_id,
                                   const RetentionScope& scope = kIn2026) {
  query.class_id = class_id;
  std::vector<std::string> ids;
  for (const ClassMemberRow& member : Of(log, query, scope).members) ids.push_back(member.account_id);
  return ids;
}

using Ids = std::vector<std::string>;

// a01 bought for 2000 in January, a02 to a05 for 500, a06 to a20 for 10; a10 and a12 for 100 and 200 more in November.
PortfolioLog TwentyAccounts() {
  PortfolioLog log;
  for (int i = 1; i <= 20; ++i) {
    const std::string id = (i < 10 ? "a0" : "a") + std::to_string(i);
    log.Open(id, Utc(2026, 1, 1));
    log.Purchase(id, Utc(2026, 1, i), (i == 1 ? 2000 : i <= 5 ? 500 : 10) * kUnit);
  }
  log.Purchase("a10", Utc(2026, 11, 1), 100 * kUnit);
  log.Purchase("a12", Utc(2026, 11, 2), 200 * kUnit);
  return log;
}

ClassesQuery ByRank() {
  ClassesQuery query;
  query.start = Utc(2026, 1, 1);
  return query;
}

// Profits of 60, 20, 10, 5, 5 and -10 by a to f; g cost 20 and bought nothing; h bought for nothing: 70 together.
PortfolioLog Profits() {
  PortfolioLog log;
  const int64_t profits[] = {60, 20, 10, 5, 5};
  for (int i = 0; i < 5; ++i) {
    log.Sell(std::string(1, static_cast<char>('a' + i)), Utc(2026, 2, 1), (profits[i] + 100) * kUnit, 100 * kUnit);
  }
  log.Sell("f", Utc(2026, 2, 1), 90 * kUnit, 100 * kUnit);
  log.Serve("g", Utc(2026, 2, 1), 20 * kUnit);
  log.Sell("h", Utc(2026, 2, 1), 0, 0);
  log.Open("nothing", Utc(2026, 1, 1));
  return log;
}

ClassesQuery ByCover() {
  ClassesQuery query;
  query.scheme = ClassScheme::kAbc;
  query.measure = PortfolioMeasure::kProfit;
  query.first_milli = 800;
  query.second_milli = 950;
  return query;
}

void ExpectClass(const ClassRow& row, const std::string& id, int64_t accounts, int64_t total, double share) {
  EXPECT_EQ(row.class_id, id);
  EXPECT_EQ(row.accounts, accounts) << id;
  EXPECT_EQ(row.total_micros, total * kUnit) << id;
  EXPECT_DOUBLE_EQ(row.share, share) << id;
}

TEST(GetClasses, SortsByRankAndByWhatIsPromised) {
  const ClassesAnswer answer = Of(TwentyAccounts(), ByRank());
  ASSERT_EQ(answer.classes.size(), 4u);
  ExpectClass(answer.classes[0], "core", 1, 2000, 2000.0 / 4450);
  ExpectClass(answer.classes[1], "next", 4, 2000, 2000.0 / 4450);
  ExpectClass(answer.classes[2], "promising", 2, 320, 320.0 / 4450);
  ExpectClass(answer.classes[3], "other", 13, 130, 130.0 / 4450);
  EXPECT_TRUE(answer.members.empty());
  EXPECT_EQ(answer.next, "");
  EXPECT_EQ(answer.currency_code, "USD");
}

TEST(GetClasses, SaysWhyThereIsNoForecastAndWhatStandsInForIt) {
  const ClassesAnswer answer = Of(TwentyAccounts(), ByRank());
  EXPECT_TRUE(
      answer.basis.starts_with("revenue of the last half of the stretch, from 2026-07-02T12:00:00Z: no forecast "
                               "is possible (20 customers are too few to fit BG/NBD: "))
      << answer.basis;
}

TEST(GetClasses, PromisesOnlyAPlaceAmongTheFirstOfAll) {
  PortfolioLog log = TwentyAccounts();
  log.Purchase("a01", Utc(2026, 11, 1), 300 * kUnit);
  ClassesQuery query = ByRank();
  query.second_milli = 100;
  // Two places: a01 has the first of them already, a12 comes to the second, a10 to none.
  EXPECT_EQ(MembersOf(log, query, "next"), Ids{"a02"});
  EXPECT_EQ(MembersOf(log, query, "promising"), Ids{"a12"});
}

TEST(GetClasses, ListsMembersByRankAndThePromisingByWhatTheyPromise) {
  ClassesQuery query = ByRank();
  query.class_id = "next";
  const ClassesAnswer next = Of(TwentyAccounts(), query);
  ASSERT_EQ(next.members.size(), 4u);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(next.members[i].account_id, "a0" + std::to_string(i + 2));
    EXPECT_EQ(next.members[i].rank, static_cast<int64_t>(i + 2));
    EXPECT_EQ(next.members[i].micros, 500 * kUnit);
    EXPECT_FALSE(next.members[i].expected_micros.has_value());
  }
  query.class_id = "promising";
  const ClassesAnswer promising = Of(TwentyAccounts(), query);
  ASSERT_EQ(promising.members.size(), 2u);
  EXPECT_EQ(promising.members[0].account_id, "a12");
  EXPECT_EQ(promising.members[0].rank, 6);
  EXPECT_EQ(promising.members[0].micros, 210 * kUnit);
  EXPECT_FALSE(promising.members[0].expected_micros.has_value());
  EXPECT_EQ(promising.members[1].account_id, "a10");
  EXPECT_EQ(MembersOf(TwentyAccounts(), ByRank(), "core"), Ids{"a01"});
}

TEST(GetClasses, PromisesNothingOfAClosedAccount) {
  PortfolioLog log = TwentyAccounts();
  log.Close("a12", Utc(2026, 11, 3));
  EXPECT_EQ(MembersOf(log, ByRank(), "promising"), Ids{"a10"});
  // The same by forecast.
  PortfolioLog shop;
  for (const auto& buyer : testing::SimulateBuyers(300, Utc(2026, 1, 1), 360)) {
    for (const auto& [at, micros] : buyer.purchases) shop.Purchase(buyer.account_id, at, micros);
  }
  const Ids promising = MembersOf(shop, ByRank(), "promising");
  ASSERT_FALSE(promising.empty());
  shop.Close(promising[0], Utc(2026, 12, 30));
  ClassesQuery query = ByRank();
  query.page_size = 1'000;
  EXPECT_TRUE(Of(shop, query).basis.starts_with("expected revenue")) << Of(shop, query).basis;
  const Ids others = MembersOf(shop, query, "other");
  EXPECT_EQ(std::count(others.begin(), others.end(), promising[0]), 1);
}

TEST(GetClasses, PagesThroughAClassWhateverIsAppendedMeanwhile) {
  PortfolioLog log = TwentyAccounts();
  ClassesQuery query = ByRank();
  query.class_id = "other";
  query.page_size = 4;
  const ClassesAnswer first = Of(log, query);
  ASSERT_EQ(first.members.size(), 4u);
  EXPECT_EQ(first.members[0].account_id, "a06");
  EXPECT_EQ(first.members[3].account_id, "a09");
  // a06 moves to the top, b comes before everybody that is left, and neither shifts the next page.
  log.Purchase("a06", Utc(2026, 3, 1), 5000 * kUnit);
  log.Purchase("b", Utc(2026, 3, 1), 11 * kUnit);
  query.after = first.next;
  const ClassesAnswer second = Of(log, query, kIn2026, 4);
  ASSERT_EQ(second.members.size(), 4u);
  EXPECT_EQ(second.members[0].account_id, "a11");
  EXPECT_EQ(second.members[3].account_id, "a15");
  query.after = second.next;
  const ClassesAnswer third = Of(log, query);
  ASSERT_EQ(third.members.size(), 4u);
  query.after = third.next;
  const ClassesAnswer last = Of(log, query);
  ASSERT_EQ(last.members.size(), 1u);
  EXPECT_EQ(last.members[0].account_id, "a20");
  EXPECT_EQ(last.next, "");
}

// 200 buyers of 2025, of whom something can be expected.
PortfolioLog Buyers() {
  PortfolioLog log;
  for (const auto& buyer : testing::SimulateBuyers(200, Utc(2025, 1, 1), 360)) {
    for (const auto& [at, micros] : buyer.purchases) log.Purchase(buyer.account_id, at, micros);
  }
  return log;
}

TEST(GetClasses, PagesThroughThePromisingOfOneViewWhateverIsAppendedMeanwhile) {
  PortfolioLog log = Buyers();
  ClassesQuery query;
  query.class_id = "promising";
  const ShardedRows before(log);
  const ClassesAnswer all = Must(GetClasses(before.shards(), {}, query));
  EXPECT_TRUE(all.basis.starts_with("expected revenue of the 365 days")) << all.basis;
  ASSERT_GT(all.members.size(), 4u);
  RetentionScope view;
  view.known_places = {before.shards()[0]->applied()};
  log.Purchase(all.members[3].account_id, Utc(2025, 12, 28), 9000 * kUnit);
  log.Purchase("new", Utc(2025, 12, 28), 9000 * kUnit);
  const ShardedRows after(log);
  query.page_size = 2;
  std::vector<ClassMemberRow> listed;
  do {
    const ClassesAnswer page = Must(GetClasses(after.shards(), view, query));
    EXPECT_EQ(page.basis, all.basis);
    listed.insert(listed.end(), page.members.begin(), page.members.end());
    query.after = page.next;
  } while (!query.after.empty());
  ASSERT_EQ(listed.size(), all.members.size());
  for (size_t i = 0; i < listed.size(); ++i) {
    EXPECT_EQ(listed[i].account_id, all.members[i].account_id) << i;
    EXPECT_EQ(*listed[i].expected_micros, *all.members[i].expected_micros) << i;
  }
  // The records that came meanwhile move everybody's expectation.
  const ClassesAnswer now = Must(GetClasses(after.shards(), {}, query));
  ASSERT_FALSE(now.members.empty());
  EXPECT_NE(*now.members[0].expected_micros, *all.members[0].expected_micros);
}

TEST(GetClasses, EndsWhereverItIsWhenNobodyWaits) {
  const ShardedRows rows(Buyers());
  int asked = 0;
  RetentionScope scope;
  scope.canceled = [&asked] { return ++asked < 0; };
  Must(GetClasses(rows.shards(), scope, {}));
  // Two walks over fewer than 256 accounts ask once each; the fits ask before each evaluation.
  EXPECT_GT(asked, 100);
  for (int last = 0; last < asked; last += 1 + asked / 12) {
    int left = last;
    scope.canceled = [&left] { return left-- == 0; };
    EXPECT_TRUE(absl::IsCancelled(GetClasses(rows.shards(), scope, {}).status())) << last << " of " << asked;
  }
}

TEST(GetClasses, RefusesATokenThatIsNone) {
  ClassesQuery query = ByRank();
  query.after = "short";
  EXPECT_EQ(ReasonOf(GetClasses(ShardedRows(TwentyAccounts()).shards(), kIn2026, query).status()),
            Reason::kInvalidToken);
}

TEST(GetClasses, SortsAbcByTheFewestThatCover) {
  const ClassesAnswer answer = Of(Profits(), ByCover());
  ASSERT_EQ(answer.classes.size(), 3u);
  // 56 of 70 are held by one, 66.5 by two.
  ExpectClass(answer.classes[0], "A", 1, 60, 0);
  ExpectClass(answer.classes[1], "B", 1, 20, 0);
  ExpectClass(answer.classes[2], "C", 6, -10, 0);
  EXPECT_EQ(answer.basis, "");
  EXPECT_EQ(answer.share_note, "the profit of some accounts is below zero: no shares of a sum that they lessen");
  EXPECT_EQ(MembersOf(Profits(), ByCover(), "C"), (Ids{"c", "d", "e", "h", "f", "g"}));
}

TEST(GetClasses, HasSharesWhereNobodyLoses) {
  PortfolioLog log;
  log.Sell("a", Utc(2026, 2, 1), 90 * kUnit, 10 * kUnit);
  log.Purchase("b", Utc(2026, 2, 1), 15 * kUnit);
  log.Sell("c", Utc(2026, 2, 1), 25 * kUnit, 20 * kUnit);
  const ClassesAnswer answer = Of(log, ByCover());
  EXPECT_EQ(answer.share_note, "");
  ExpectClass(answer.classes[0], "A", 1, 80, 0.8);
  ExpectClass(answer.classes[1], "B", 1, 15, 0.15);
  ExpectClass(answer.classes[2], "C", 1, 5, 0.05);
  EXPECT_EQ(answer.purchases_without_cost, 1) << "b's, whose whole revenue is profit";
}

TEST(GetClasses, HasOnlyCWhereNothingIsEarned) {
  PortfolioLog log;
  log.Sell("a", Utc(2026, 2, 1), 10 * kUnit, 20 * kUnit);
  log.Sell("b", Utc(2026, 2, 1), 15 * kUnit, 10 * kUnit);
  const ClassesAnswer answer = Of(log, ByCover());
  EXPECT_EQ(answer.classes[0].accounts, 0);
  EXPECT_EQ(answer.classes[1].accounts, 0);
  EXPECT_EQ(answer.classes[2].accounts, 2);
  EXPECT_EQ(answer.classes[2].share, 0);
}

TEST(GetClasses, CountsAnAccountThatOnlyCostsAmongTheCEvenByRevenue) {
  ClassesQuery query = ByCover();
  query.measure = PortfolioMeasure::kRevenue;
  const ClassesAnswer answer = Of(Profits(), query);
  EXPECT_EQ(answer.classes[0].accounts + answer.classes[1].accounts + answer.classes[2].accounts, 8);
  // By rank only those that bought count.
  const ClassesAnswer by_rank = Of(Profits(), ByRank());
  int64_t accounts = 0;
  for (const ClassRow& row : by_rank.classes) accounts += row.accounts;
  EXPECT_EQ(accounts, 7);
}

TEST(GetClasses, MeasuresAStretchAsOfAMomentAndAsKnownAtOne) {
  PortfolioLog log;
  log.Purchase("a", Utc(2026, 1, 31), 10 * kUnit);
  log.Purchase("b", Utc(2026, 2, 1), 20 * kUnit);
  log.Purchase("c", Utc(2026, 2, 5), 40 * kUnit, "USD", Utc(2026, 6, 1));
  ClassesQuery query;
  EXPECT_EQ(MembersOf(log, query, "core"), Ids{"c"});
  EXPECT_EQ(MembersOf(log, query, "core", {.known_at = Utc(2026, 6, 1)}), Ids{"b"});
  EXPECT_EQ(MembersOf(log, query, "core", {.as_of = Utc(2026, 2, 1)}), Ids{"a"});
  query.start = Utc(2026, 2, 1);
  EXPECT_EQ(MembersOf(log, query, "core", {.as_of = Utc(2026, 2, 5)}), Ids{"b"});
  EXPECT_EQ(Of(log, query, {}).classes[0].total_micros, 40 * kUnit);
}

TEST(GetClasses, IsEmptyWithoutPurchases) {
  PortfolioLog log;
  log.Open("a", 0);
  ClassesQuery query;
  query.class_id = "promising";
  const ClassesAnswer answer = Of(log, query, {});
  ASSERT_EQ(answer.classes.size(), 4u);
  for (const ClassRow& row : answer.classes) EXPECT_EQ(row.accounts, 0);
  EXPECT_TRUE(answer.members.empty());
  query = ByCover();
  query.class_id = "A";
  EXPECT_TRUE(Of(log, query, {}).members.empty());
}

TEST(GetClasses, RefusesASumThatDoesNotFit) {
  PortfolioLog log;
  for (const char* id : {"a", "b"}) log.Purchase(id, Utc(2026, 1, 1), std::numeric_limits<int64_t>::max() / 2 + 1);
  EXPECT_EQ(ReasonOf(GetClasses(ShardedRows(log).shards(), {}, {}).status()), Reason::kArithmeticRange);
}

}  // namespace
}  // namespace keyledger::projections::portfolio
