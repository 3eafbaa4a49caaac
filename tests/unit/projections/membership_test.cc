// What is bought by members of a club and by others.
#include "projections/portfolio/membership.h"

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

MembershipAnswer Of(const testing::RecordLog& log, const MembershipQuery& query = {}, const RetentionScope& scope = {},
                    size_t shards = 1) {
  return Must(GetMembership(ShardedRows(log, shards).shards(), scope, query));
}

void ExpectSide(const MembershipSideRow& side, int64_t accounts, int64_t purchases, int64_t revenue, double share) {
  EXPECT_EQ(side.accounts, accounts);
  EXPECT_EQ(side.purchases, purchases);
  EXPECT_EQ(side.revenue_micros, revenue * kUnit);
  EXPECT_DOUBLE_EQ(side.revenue_share, share);
  EXPECT_EQ(side.average_micros.has_value(), purchases > 0);
  if (purchases > 0) {
    EXPECT_DOUBLE_EQ(*side.average_micros, static_cast<double>(revenue * kUnit) / static_cast<double>(purchases));
  }
}

// a buys for 10 before joining on 1 March, 30 at that moment, 50 as a member, 7 when it has left on 1 June and 100
// after joining again on 1 August. b is never a member and buys for 3.
PortfolioLog JoinsLeavesAndJoins() {
  PortfolioLog log;
  log.Purchase("a", Utc(2026, 2, 1), 10 * kUnit);
  log.Join("a", Utc(2026, 3, 1));
  log.Purchase("a", Utc(2026, 3, 1), 30 * kUnit);
  log.Purchase("a", Utc(2026, 4, 1), 50 * kUnit);
  log.Leave("a", Utc(2026, 6, 1));
  log.Purchase("a", Utc(2026, 6, 1), 7 * kUnit);
  log.Join("a", Utc(2026, 8, 1));
  log.Purchase("a", Utc(2026, 9, 1), 100 * kUnit);
  log.Purchase("b", Utc(2026, 4, 1), 3 * kUnit);
  return log;
}

TEST(GetMembership, CountsEachPurchaseOnTheSideItWasMadeOn) {
  for (const size_t shards : {1, 4}) {
    const MembershipAnswer answer = Of(JoinsLeavesAndJoins(), {}, {}, shards);
    EXPECT_EQ(answer.members, 1);
    ExpectSide(answer.member, 1, 3, 180, 0.9);
    ExpectSide(answer.other, 2, 3, 20, 0.1);
    EXPECT_EQ(answer.currency_code, "USD");
  }
}

TEST(GetMembership, AnswersAsOfAMomentAndAsKnownAtOne) {
  const MembershipAnswer left = Of(JoinsLeavesAndJoins(), {}, {.as_of = Utc(2026, 8, 1)});
  EXPECT_EQ(left.members, 0);
  ExpectSide(left.member, 1, 2, 80, 0.8);
  EXPECT_EQ(Of(JoinsLeavesAndJoins(), {}, {.as_of = Utc(2026, 8, 1) + 1}).members, 1);
  MembershipQuery query;
  query.start = Utc(2026, 4, 1);
  const MembershipAnswer later = Of(JoinsLeavesAndJoins(), query);
  ExpectSide(later.member, 1, 2, 150, 150.0 / 160);
  ExpectSide(later.other, 2, 2, 10, 10.0 / 160);
  PortfolioLog log = JoinsLeavesAndJoins();
  log.Purchase("b", Utc(2026, 5, 1), 1000 * kUnit, "USD", Utc(2026, 12, 1));
  EXPECT_EQ(Of(log, {}, {.known_at = Utc(2026, 12, 1)}).other.purchases, 3);
}

TEST(GetMembership, TakesReturnsOffTheSideTheyWereMadeOnWhenNet) {
  PortfolioLog log = JoinsLeavesAndJoins();
  log.Return("a", Utc(2026, 6, 2), 40 * kUnit);
  const MembershipAnswer answer = Of(log, {}, {.basis = RevenueBasis::kNet});
  ExpectSide(answer.member, 1, 3, 180, 180.0 / 160);
  ExpectSide(answer.other, 2, 3, -20, -20.0 / 160);
  EXPECT_EQ(Of(log).other.revenue_micros, 20 * kUnit);
}

TEST(GetMembership, KnowsOneClubFromAnother) {
  PortfolioLog log;
  log.Join("a", Utc(2026, 1, 1), "golf");
  log.Join("a", Utc(2026, 2, 1), "wine");
  log.Leave("a", Utc(2026, 3, 1), "golf");
  log.Leave("a", Utc(2026, 3, 1), "chess");
  log.Purchase("a", Utc(2026, 1, 15), 1 * kUnit);
  log.Purchase("a", Utc(2026, 4, 1), 10 * kUnit);
  log.Leave("a", Utc(2026, 5, 1), "wine");
  log.Purchase("a", Utc(2026, 6, 1), 100 * kUnit);
  // Of any club until 1 May.
  EXPECT_EQ(Of(log).member.revenue_micros, 11 * kUnit);
  EXPECT_EQ(Of(log).members, 0);
  MembershipQuery query;
  query.club_id = "golf";
  EXPECT_EQ(Of(log, query).member.revenue_micros, 1 * kUnit);
  query.club_id = "wine";
  EXPECT_EQ(Of(log, query).member.revenue_micros, 10 * kUnit);
  EXPECT_EQ(Of(log, query, {.as_of = Utc(2026, 5, 1)}).members, 1);
  EXPECT_EQ(Of(log, query).ever_members, 1);
  EXPECT_EQ(Of(log, query, {.as_of = Utc(2026, 2, 1)}).ever_members, 0);
  query.club_id = "chess";
  EXPECT_EQ(Of(log, query).member.purchases, 0);
  EXPECT_EQ(Of(log, query).ever_members, 0) << "left without ever having joined";
}

TEST(GetMembership, ComparesPurchasesBeforeAndAfterJoining) {
  PortfolioLog log;
  const Micros joined = Utc(2026, 3, 1);
  const Micros year = 365 * kMicrosPerDay;
  log.Join("a", joined);
  // One microsecond outside, and just inside, on each side.
  log.Purchase("a", joined - year - 1, 1000 * kUnit);
  log.Purchase("a", joined - year, 10 * kUnit);
  log.Purchase("a", joined - 1, 20 * kUnit);
  log.Purchase("a", joined, 40 * kUnit);
  log.Purchase("a", joined + year - 1, 60 * kUnit);
  log.Purchase("a", joined + year, 1000 * kUnit);
  const MembershipAnswer one = Of(log);
  EXPECT_EQ(one.compared, 1);
  EXPECT_DOUBLE_EQ(*one.average_before_micros, 15e6);
  EXPECT_DOUBLE_EQ(*one.average_after_micros, 50e6);
  // b bought once on each side; c only after, d only before.
  for (const char* id : {"b", "c", "d"}) log.Join(id, joined);
  log.Purchase("b", joined - 1, 30 * kUnit);
  log.Purchase("b", joined, 20 * kUnit);
  log.Purchase("c", joined, 500 * kUnit);
  log.Purchase("d", joined - 1, 500 * kUnit);
  const MembershipAnswer two = Of(log);
  EXPECT_EQ(two.compared, 2);
  EXPECT_DOUBLE_EQ(*two.average_before_micros, 20e6);
  EXPECT_DOUBLE_EQ(*two.average_after_micros, 40e6);
}

TEST(GetMembership, ComparesOnlyWhoJoinedForTheFirstTimeInTheStretch) {
  // Before and after the first time, whatever came later.
  EXPECT_EQ(Of(JoinsLeavesAndJoins()).compared, 1);
  EXPECT_DOUBLE_EQ(*Of(JoinsLeavesAndJoins()).average_before_micros, 10e6);
  EXPECT_DOUBLE_EQ(*Of(JoinsLeavesAndJoins()).average_after_micros, 187e6 / 4);
  MembershipQuery query;
  query.start = Utc(2026, 3, 1);
  EXPECT_EQ(Of(JoinsLeavesAndJoins(), query).compared, 1);
  query.start += 1;
  const MembershipAnswer later = Of(JoinsLeavesAndJoins(), query);
  EXPECT_EQ(later.compared, 0);
  EXPECT_FALSE(later.average_before_micros.has_value());
  EXPECT_FALSE(later.average_after_micros.has_value());
  EXPECT_EQ(Of(JoinsLeavesAndJoins(), {}, {.as_of = Utc(2026, 3, 1)}).compared, 0);
}

TEST(GetMembership, IsEmptyWithoutPurchases) {
  PortfolioLog log;
  log.Join("a", Utc(2026, 1, 1));
  const MembershipAnswer answer = Of(log);
  EXPECT_EQ(answer.members, 1);
  ExpectSide(answer.member, 0, 0, 0, 0);
  ExpectSide(answer.other, 0, 0, 0, 0);
}

TEST(GetMembership, RefusesASumThatDoesNotFit) {
  PortfolioLog log;
  log.Purchase("a", Utc(2026, 1, 1), std::numeric_limits<int64_t>::max());
  log.Join("b", Utc(2026, 1, 1));
  log.Purchase("b", Utc(2026, 1, 1), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(ReasonOf(GetMembership(ShardedRows(log).shards(), {}, {}).status()), Reason::kArithmeticRange);
}

}  // namespace
}  // namespace keyledger::projections::portfolio
