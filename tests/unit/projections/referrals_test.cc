// Who was referred by whom, with the revenue downstream.
#include "projections/portfolio/referrals.h"

#include <limits>

#include "server/base/error.h"
#include "tests/unit/projections/portfolio_logs.h"

namespace keyledger::projections::portfolio {
namespace {

using testing::kUnit;
using testing::Must;
using testing::PortfolioLog;
using testing::ShardedRows;
using testing::Utc;

using Ids = std::vector<std::string>;

ReferralTree Of(const testing::RecordLog& log, const ReferralQuery& query = {}, const RetentionScope& scope = {},
                size_t shards = 1) {
  return Must(GetReferralTree(ShardedRows(log, shards).shards(), scope, query));
}

Ids IdsOf(const ReferralTree& tree) {
  Ids ids;
  for (const ReferralNodeRow& node : tree.nodes) ids.push_back(node.account_id);
  return ids;
}

// a referred b and c, c referred d and e, e referred f; z referred y. Revenue: a 1, b 50, c 2, d 3, e 4, f 0 (never
// bought), z 5, y 5. n was referred by an account nobody knows, o came by a broker, p by itself.
PortfolioLog Family() {
  PortfolioLog log;
  for (const char* id : {"a", "b", "c", "d", "e", "f", "n", "o", "p", "y", "z"}) log.Open(id, Utc(2026, 1, 1));
  const std::pair<const char*, const char*> referrals[] = {{"b", "a"}, {"c", "a"}, {"d", "c"},
                                                           {"e", "c"}, {"f", "e"}, {"y", "z"}};
  for (const auto& [account, referrer] : referrals) log.Refer(account, Utc(2026, 1, 2), referrer);
  const std::pair<const char*, int64_t> amounts[] = {{"a", 1}, {"b", 50}, {"c", 2}, {"d", 3},
                                                     {"e", 4}, {"z", 5},  {"y", 5}, {"n", 7}};
  for (const auto& [account, amount] : amounts) log.Purchase(account, Utc(2026, 2, 1), amount * kUnit);
  log.Refer("n", Utc(2026, 1, 2), "nobody-known");
  log.Refer("o", Utc(2026, 1, 2), "", "broker");
  return log;
}

TEST(GetReferralTree, ListsEachRootFollowedByWhatIsBelowIt) {
  for (const size_t shards : {1, 4}) {
    const ReferralTree tree = Of(Family(), {}, {}, shards);
    struct Expected {
      const char *id, *referrer;
      int32_t depth;
      int64_t revenue, accounts, converted, downstream;
    };
    const Expected expected[] = {{"a", "", 0, 1, 5, 4, 59}, {"b", "a", 1, 50, 0, 0, 0}, {"c", "a", 1, 2, 3, 2, 7},
                                 {"e", "c", 2, 4, 1, 0, 0}, {"f", "e", 3, 0, 0, 0, 0},  {"d", "c", 2, 3, 0, 0, 0},
                                 {"z", "", 0, 5, 1, 1, 5},  {"y", "z", 1, 5, 0, 0, 0}};
    ASSERT_EQ(tree.nodes.size(), 8u);
    for (size_t i = 0; i < 8; ++i) {
      const ReferralNodeRow& node = tree.nodes[i];
      SCOPED_TRACE(expected[i].id);
      EXPECT_EQ(node.account_id, expected[i].id);
      EXPECT_EQ(node.referrer_account_id, expected[i].referrer);
      EXPECT_EQ(node.depth, expected[i].depth);
      EXPECT_EQ(node.lead_source, expected[i].depth == 0 ? "" : "referral");
      EXPECT_EQ(node.revenue_micros, expected[i].revenue * kUnit);
      EXPECT_EQ(node.downstream_accounts, expected[i].accounts);
      EXPECT_EQ(node.downstream_converted, expected[i].converted);
      EXPECT_EQ(node.downstream_revenue_micros, expected[i].downstream * kUnit);
    }
    EXPECT_FALSE(tree.truncated);
    EXPECT_TRUE(tree.circular_account_ids.empty());
    EXPECT_EQ(tree.currency_code, "USD");
  }
}

TEST(GetReferralTree, CountsAllAccountsByTheirSource) {
  const ReferralTree tree = Of(Family());
  ASSERT_EQ(tree.sources.size(), 3u);
  struct Expected {
    const char* source;
    int64_t accounts, converted, revenue;
  };
  const Expected expected[] = {{"", 3, 2, 6}, {"broker", 1, 0, 0}, {"referral", 7, 6, 71}};
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(tree.sources[i].lead_source, expected[i].source);
    EXPECT_EQ(tree.sources[i].accounts, expected[i].accounts);
    EXPECT_EQ(tree.sources[i].converted, expected[i].converted);
    EXPECT_EQ(tree.sources[i].revenue_micros, expected[i].revenue * kUnit);
  }
}

TEST(GetReferralTree, KeepsTheFirstSourcesByName) {
  PortfolioLog log;
  for (int i = 0; i < 1'003; ++i) {
    const std::string number = std::to_string(2'002 - i);
    log.Refer("a" + number, Utc(2026, 1, 1), "", "s" + number);
  }
  const ReferralTree tree = Of(log);
  ASSERT_EQ(tree.sources.size(), 1'000u);
  EXPECT_EQ(tree.sources.front().lead_source, "s1000");
  EXPECT_EQ(tree.sources.back().lead_source, "s1999");
}

TEST(GetReferralTree, StartsAtTheAccountAskedFor) {
  ReferralQuery query;
  query.account_id = "c";
  const ReferralTree tree = Of(Family(), query);
  EXPECT_EQ(IdsOf(tree), (Ids{"c", "e", "f", "d"}));
  EXPECT_EQ(tree.nodes[0].referrer_account_id, "");
  EXPECT_EQ(tree.nodes[0].depth, 0);
  EXPECT_EQ(tree.nodes[0].lead_source, "referral");
  EXPECT_EQ(tree.nodes[0].downstream_revenue_micros, 7 * kUnit);
  // Alone: a root without a tree.
  query.account_id = "o";
  EXPECT_EQ(IdsOf(Of(Family(), query)), Ids{"o"});
}

TEST(GetReferralTree, RefusesARootThatIsNotInScope) {
  ReferralQuery query;
  query.account_id = "nobody";
  EXPECT_EQ(ReasonOf(GetReferralTree(ShardedRows(Family()).shards(), {}, query).status()), Reason::kAccountNotFound);
  query.account_id = "a";
  const RetentionScope elsewhere{.filter = {.region = "CN"}};
  EXPECT_EQ(ReasonOf(GetReferralTree(ShardedRows(Family()).shards(), elsewhere, query).status()),
            Reason::kAccountNotFound);
}

TEST(GetReferralTree, ListsNoMoreLevelsAndNodesThanAskedForButCountsThem) {
  ReferralQuery query;
  query.depth_max = 1;
  const ReferralTree shallow = Of(Family(), query);
  EXPECT_EQ(IdsOf(shallow), (Ids{"a", "b", "c", "z", "y"}));
  EXPECT_TRUE(shallow.truncated);
  EXPECT_EQ(shallow.nodes[0].downstream_accounts, 5);
  query.depth_max = 3;
  EXPECT_FALSE(Of(Family(), query).truncated);
  query.nodes_max = 3;
  const ReferralTree few = Of(Family(), query);
  EXPECT_EQ(IdsOf(few), (Ids{"a", "b", "c"}));
  EXPECT_TRUE(few.truncated);
  query.nodes_max = 8;
  EXPECT_FALSE(Of(Family(), query).truncated);
}

TEST(GetReferralTree, TakesTheLatestReferralOfAnAccount) {
  PortfolioLog log = Family();
  log.Refer("e", Utc(2026, 3, 1), "z");
  EXPECT_EQ(IdsOf(Of(log)), (Ids{"a", "b", "c", "d", "z", "y", "e", "f"}));
  EXPECT_EQ(IdsOf(Of(log, {}, {.as_of = Utc(2026, 3, 1)})), (Ids{"a", "b", "c", "e", "f", "d", "z", "y"}));
  // It never came from anybody, as it turns out.
  log.Refer("e", Utc(2026, 4, 1), "", "direct");
  EXPECT_EQ(IdsOf(Of(log)), (Ids{"a", "b", "c", "d", "z", "y", "e", "f"}));
  EXPECT_EQ(Of(log).nodes[6].depth, 0);
}

TEST(GetReferralTree, FollowsReferralsWithinTheScopeOnly) {
  PortfolioLog log = Family();
  for (const char* id : {"c", "d", "e"}) log.SetFacts(id, Utc(2026, 1, 1), "CN");
  // a is not in it: c is a root.
  const ReferralTree tree = Of(log, {}, {.filter = {.region = "CN"}});
  EXPECT_EQ(IdsOf(tree), (Ids{"c", "e", "d"}));
  EXPECT_EQ(tree.nodes[0].downstream_accounts, 2);
  // What was recorded later is not known.
  log.Purchase("f", Utc(2026, 2, 1), 100 * kUnit, "USD", Utc(2026, 6, 1));
  EXPECT_EQ(Of(log).nodes[0].downstream_revenue_micros, 159 * kUnit);
  EXPECT_EQ(Of(log, {}, {.known_at = Utc(2026, 6, 1)}).nodes[0].downstream_revenue_micros, 59 * kUnit);
}

TEST(GetReferralTree, NamesCirclesAndKeepsThemOutOfTheTrees) {
  PortfolioLog log = Family();
  // q, r and s refer each other; t hangs on r, u on t. v and w refer each other as well.
  for (const auto& [account, referrer] : std::vector<std::pair<const char*, const char*>>{
           {"q", "s"}, {"r", "q"}, {"s", "r"}, {"t", "r"}, {"u", "t"}, {"v", "w"}, {"w", "v"}}) {
    log.Refer(account, Utc(2026, 1, 2), referrer);
    log.Purchase(account, Utc(2026, 2, 1), 10 * kUnit);
  }
  for (const size_t shards : {1, 4}) {
    const ReferralTree tree = Of(log, {}, {}, shards);
    EXPECT_EQ(tree.nodes.size(), 8u);
    EXPECT_EQ(tree.circular_account_ids, (Ids{"q", "r", "s", "v", "w"}));
  }
  // One of a circle as the root: the others are below it, once each.
  ReferralQuery query;
  query.account_id = "q";
  const ReferralTree tree = Of(log, query);
  EXPECT_EQ(IdsOf(tree), (Ids{"q", "r", "t", "u", "s"}));
  EXPECT_EQ(tree.nodes[0].downstream_revenue_micros, 40 * kUnit);
  EXPECT_EQ(tree.circular_account_ids, (Ids{"v", "w"}));
}

TEST(GetReferralTree, NamesAtMostAHundredOfACircle) {
  PortfolioLog log;
  for (int i = 0; i < 150; ++i) {
    log.Refer("a" + std::to_string(1'000 + i), Utc(2026, 1, 1), "a" + std::to_string(1'000 + (i + 1) % 150));
  }
  const ReferralTree tree = Of(log);
  EXPECT_TRUE(tree.nodes.empty());
  ASSERT_EQ(tree.circular_account_ids.size(), 100u);
  EXPECT_EQ(tree.circular_account_ids.front(), "a1000");
  EXPECT_EQ(tree.circular_account_ids.back(), "a1099");
}

TEST(GetReferralTree, FollowsAChainOfAHundredThousand) {
  constexpr int kLinks = 100'000;
  const auto id = [](int i) { return "a" + std::to_string(1'000'000 + i); };
  PortfolioLog log;
  log.Purchase(id(0), Utc(2026, 1, 1), kUnit);
  for (int i = 1; i < kLinks; ++i) log.Refer(id(i), Utc(2026, 1, 1), id(i - 1));
  log.Purchase(id(kLinks - 1), Utc(2026, 1, 1), 7 * kUnit);
  ReferralQuery query;
  query.depth_max = 100;
  const ReferralTree tree = Of(log, query);
  ASSERT_EQ(tree.nodes.size(), 101u);
  EXPECT_TRUE(tree.truncated);
  EXPECT_EQ(tree.nodes[0].downstream_accounts, kLinks - 1);
  EXPECT_EQ(tree.nodes[0].downstream_converted, 1);
  EXPECT_EQ(tree.nodes[0].downstream_revenue_micros, 7 * kUnit);
  EXPECT_EQ(tree.nodes[100].account_id, id(100));
  // Closed to a circle of as many.
  log.Refer(id(0), Utc(2026, 1, 1), id(kLinks - 1));
  EXPECT_EQ(Of(log).circular_account_ids.size(), 100u);
  EXPECT_TRUE(Of(log).nodes.empty());
}

TEST(GetReferralTree, IsEmptyWithoutReferrals) {
  PortfolioLog log;
  log.Open("a", 0);
  const ReferralTree tree = Of(log);
  EXPECT_TRUE(tree.nodes.empty());
  ASSERT_EQ(tree.sources.size(), 1u);
  EXPECT_EQ(tree.sources[0].accounts, 1);
  EXPECT_TRUE(Of(PortfolioLog()).sources.empty());
}

TEST(GetReferralTree, RefusesASumThatDoesNotFit) {
  PortfolioLog log;
  for (const char* id : {"a", "b"}) log.Purchase(id, Utc(2026, 1, 1), std::numeric_limits<int64_t>::max());
  log.Refer("a", Utc(2026, 1, 1), "c", "one");
  log.Refer("b", Utc(2026, 1, 1), "c", "two");
  // c is not there yet: nothing is added up.
  EXPECT_TRUE(Of(log).nodes.empty());
  log.Open("c", Utc(2026, 1, 1));
  EXPECT_EQ(ReasonOf(GetReferralTree(ShardedRows(log).shards(), {}, {}).status()), Reason::kArithmeticRange);
}

}  // namespace
}  // namespace keyledger::projections::portfolio
