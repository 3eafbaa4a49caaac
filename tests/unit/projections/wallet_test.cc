// Share of wallet: by budget, and by our place among the suppliers.
#include "projections/portfolio/wallet.h"

#include <limits>

#include "server/base/error.h"
#include "tests/unit/projections/portfolio_logs.h"

namespace keyledger::projections::portfolio {
namespace {

using events::v1::BUDGET_BASIS_DECLARED;
using events::v1::BUDGET_BASIS_ESTIMATED;
using testing::kUnit;
using testing::Must;
using testing::PortfolioLog;
using testing::ShardedRows;
using testing::Utc;

const Micros kStart = Utc(2026, 1, 1);
const Micros kEnd = Utc(2027, 1, 1);
// 146 of the 365 days of 2026: two fifths.
const Micros kTwoFifths = Utc(2026, 5, 27);

WalletAnswer Of(const testing::RecordLog& log, const RetentionScope& scope = {.as_of = kTwoFifths},
                const WalletQuery& query = {}, size_t shards = 1) {
  return Must(ListWalletShares(ShardedRows(log, shards).shards(), scope, query));
}

PortfolioLog OneBudget(int64_t micros = 1000 * kUnit) {
  PortfolioLog log;
  log.Open("a", Utc(2025, 1, 1));
  log.Purchase("a", Utc(2025, 12, 31), 999 * kUnit);
  log.Purchase("a", Utc(2026, 1, 1), 100 * kUnit);
  log.Purchase("a", Utc(2026, 3, 1), 60 * kUnit);
  log.Purchase("a", Utc(2026, 6, 1), 500 * kUnit);
  log.StateBudget("a", Utc(2025, 12, 1), kStart, kEnd, micros, BUDGET_BASIS_DECLARED);
  return log;
}

TEST(ListWalletShares, HoldsRevenueAgainstThePartOfTheBudgetThatIsOver) {
  const WalletAnswer answer = Of(OneBudget());
  ASSERT_EQ(answer.accounts.size(), 1u);
  const WalletRow& row = answer.accounts[0];
  EXPECT_EQ(row.account_id, "a");
  EXPECT_EQ(row.basis, WalletBasis::kDeclared);
  EXPECT_EQ(row.budget_micros, 400 * kUnit);
  EXPECT_EQ(row.revenue_micros, 160 * kUnit);
  EXPECT_DOUBLE_EQ(row.share, 0.4);
  EXPECT_EQ(row.place_halves, 0);
  EXPECT_EQ(answer.account_count, 1);
  EXPECT_EQ(answer.budgeted, 1);
  EXPECT_DOUBLE_EQ(*answer.budgeted_share, 0.4);
  EXPECT_EQ(answer.unknown, 0);
  EXPECT_EQ(answer.currency_code, "USD");
}

TEST(ListWalletShares, TakesTheBudgetInForceJustBefore) {
  const PortfolioLog log = OneBudget();
  // Its whole stretch, at its very end; nothing a moment later, and nothing at its very start.
  EXPECT_EQ(Of(log, {.as_of = kEnd}).accounts[0].budget_micros, 1000 * kUnit);
  EXPECT_DOUBLE_EQ(Of(log, {.as_of = kEnd}).accounts[0].share, 0.66);
  EXPECT_EQ(Of(log, {.as_of = kEnd + 1}).unknown, 1);
  EXPECT_EQ(Of(log, {.as_of = kStart}).unknown, 1);
  const WalletAnswer first = Of(log, {.as_of = kStart + 1});
  ASSERT_EQ(first.budgeted, 1);
  // 1,000 units over 31,536,000 seconds: 31.7 micros a second, rounded down.
  EXPECT_EQ(first.accounts[0].budget_micros, 0);
  EXPECT_EQ(Of(log, {.as_of = kStart + 1'000'000}).accounts[0].budget_micros, 31);
}

TEST(ListWalletShares, MayExceedOneAndIsNegativeWhereMoreCameBack) {
  PortfolioLog log = OneBudget(100 * kUnit);
  EXPECT_DOUBLE_EQ(Of(log).accounts[0].share, 4);
  EXPECT_EQ(Of(log).over_budget, 1);
  // 160 of 160, the two fifths of 400.
  EXPECT_EQ(Of(OneBudget(400 * kUnit)).over_budget, 0);
  log.Return("a", Utc(2026, 3, 2), 200 * kUnit);
  EXPECT_DOUBLE_EQ(Of(log).accounts[0].share, 4);
  EXPECT_DOUBLE_EQ(Of(log, {.basis = RevenueBasis::kNet, .as_of = kTwoFifths}).accounts[0].share, -1);
}

TEST(ListWalletShares, TakesTheLatestStatementAndADeclaredBeforeAnEstimatedBudget) {
  PortfolioLog log = OneBudget();
  log.StateBudget("a", Utc(2026, 2, 1), kStart, kEnd, 2000 * kUnit, BUDGET_BASIS_DECLARED);
  EXPECT_EQ(Of(log).accounts[0].budget_micros, 800 * kUnit);
  EXPECT_EQ(Of(log, {.as_of = Utc(2026, 2, 1)}).accounts[0].budget_micros, 84'931'506);
  // Estimated later, in vain.
  log.StateBudget("a", Utc(2026, 3, 1), kStart, kEnd, 9000 * kUnit, BUDGET_BASIS_ESTIMATED);
  EXPECT_EQ(Of(log).accounts[0].basis, WalletBasis::kDeclared);
  EXPECT_EQ(Of(log).accounts[0].budget_micros, 800 * kUnit);
  // Of two stretches, the one stated last.
  log.StateBudget("a", Utc(2026, 3, 2), Utc(2026, 5, 1), Utc(2026, 6, 1), 31 * kUnit, BUDGET_BASIS_DECLARED);
  EXPECT_EQ(Of(log).accounts[0].budget_micros, 26 * kUnit);
  EXPECT_EQ(Of(log).accounts[0].revenue_micros, 0);
}

TEST(ListWalletShares, TakesAnEstimateWhereNothingWasDeclared) {
  PortfolioLog log;
  log.Purchase("a", Utc(2026, 3, 1), 60 * kUnit);
  log.StateBudget("a", Utc(2026, 2, 1), kStart, kEnd, 500 * kUnit, BUDGET_BASIS_ESTIMATED);
  log.StateBudget("a", Utc(2026, 2, 2), kStart, kEnd, 300 * kUnit, BUDGET_BASIS_ESTIMATED);
  const WalletRow row = Of(log).accounts[0];
  EXPECT_EQ(row.basis, WalletBasis::kEstimated);
  EXPECT_EQ(row.budget_micros, 120 * kUnit);
  EXPECT_DOUBLE_EQ(row.share, 0.5);
}

TEST(ListWalletShares, KeepsCategoriesApart) {
  PortfolioLog log = OneBudget();
  log.StateBudget("a", Utc(2026, 2, 1), kStart, kEnd, 50 * kUnit, BUDGET_BASIS_DECLARED, "tools");
  EXPECT_EQ(Of(log).accounts[0].budget_micros, 400 * kUnit);
  WalletQuery query;
  query.category = "tools";
  EXPECT_EQ(Of(log, {.as_of = kTwoFifths}, query).accounts[0].budget_micros, 20 * kUnit);
  EXPECT_EQ(Of(log, {.as_of = kTwoFifths}, query).budgets, 1);
  EXPECT_EQ(Of(log, {.as_of = kEnd + 1}, query).budgets, 1) << "in force or not";
  query.category = "paper";
  EXPECT_EQ(Of(log, {.as_of = kTwoFifths}, query).unknown, 1);
  EXPECT_EQ(Of(log, {.as_of = kTwoFifths}, query).budgets, 0);
}

TEST(ListWalletShares, AllocatesByRankWithoutABudget) {
  PortfolioLog log;
  log.Purchase("a", Utc(2026, 1, 1), kUnit);
  log.StateRank("a", Utc(2026, 1, 1), 2, 3);
  log.StateRank("a", Utc(2026, 2, 1), 4, 3);
  const WalletAnswer answer = Of(log);
  ASSERT_EQ(answer.accounts.size(), 1u);
  EXPECT_EQ(answer.accounts[0].basis, WalletBasis::kRank);
  EXPECT_EQ(answer.accounts[0].place_halves, 4);
  EXPECT_EQ(answer.accounts[0].suppliers, 3);
  EXPECT_EQ(answer.accounts[0].budget_micros, 0);
  EXPECT_NEAR(answer.accounts[0].share, 1.0 / 3, 1e-12);
  EXPECT_NEAR(Of(log, {.as_of = Utc(2026, 2, 1)}).accounts[0].share, 0.5, 1e-12);
  EXPECT_EQ(answer.budgeted, 0);
  EXPECT_FALSE(answer.budgeted_share.has_value());
  EXPECT_EQ(answer.unknown, 0);
}

TEST(WalletShareByRank, SharesTheMeanAmongTiedSuppliers) {
  // Tied for the first two of three places: 1.5.
  EXPECT_NEAR(WalletShareByRank(3, 3), 5.0 / 12, 1e-12);
  EXPECT_NEAR(WalletShareByRank(2, 1), 1, 1e-12);
  EXPECT_NEAR(WalletShareByRank(8, 4), 0.1, 1e-12);
}

TEST(ListWalletShares, PagesInAccountOrderAndCountsAllOfThem) {
  PortfolioLog log;
  for (const char* id : {"c", "a", "d", "b"}) {
    log.Purchase(id, Utc(2026, 3, 1), 20 * kUnit);
    log.StateBudget(id, Utc(2026, 1, 2), kStart, kEnd, 100 * kUnit, BUDGET_BASIS_DECLARED);
  }
  log.Open("bb", Utc(2026, 1, 1));
  WalletQuery query;
  query.page_size = 2;
  std::vector<std::string> ids;
  for (const size_t shards : {1, 4}) {
    const WalletAnswer answer = Of(log, {.as_of = kTwoFifths}, query, shards);
    for (const WalletRow& row : answer.accounts) ids.push_back(row.account_id);
    EXPECT_EQ(answer.account_count, 5);
    EXPECT_EQ(answer.budgeted, 4);
    EXPECT_EQ(answer.unknown, 1);
    EXPECT_DOUBLE_EQ(*answer.budgeted_share, 0.5);
    query.after_account_id = answer.next_account_id;
  }
  EXPECT_EQ(ids, (std::vector<std::string>{"a", "b", "c", "d"}));
  EXPECT_EQ(query.after_account_id, "");
}

TEST(ListWalletShares, LeavesBudgetsInAnotherCurrencyOut) {
  PortfolioLog log;
  log.Purchase("a", Utc(2026, 3, 1), 20 * kUnit);
  log.StateBudget("a", Utc(2026, 1, 2), kStart, kEnd, 100 * kUnit, BUDGET_BASIS_DECLARED, "", "EUR");
  EXPECT_EQ(Of(log).unknown, 1);
}

TEST(ListWalletShares, IsEmptyWithoutAccounts) {
  const WalletAnswer answer = Of(PortfolioLog());
  EXPECT_TRUE(answer.accounts.empty());
  EXPECT_EQ(answer.account_count, 0);
  EXPECT_FALSE(answer.budgeted_share.has_value());
}

TEST(ListWalletShares, RefusesASumThatDoesNotFit) {
  PortfolioLog log;
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  for (const char* id : {"a", "b"}) {
    log.Purchase(id, Utc(2026, 3, 1), 1);
    log.StateBudget(id, Utc(2026, 1, 2), kStart, kTwoFifths, kMost, BUDGET_BASIS_DECLARED);
  }
  EXPECT_EQ(ReasonOf(ListWalletShares(ShardedRows(log).shards(), {.as_of = kTwoFifths}, {}).status()),
            Reason::kArithmeticRange);
  // Half of each together does.
  EXPECT_EQ(Of(log, {.as_of = kStart + (kTwoFifths - kStart) / 2}).budgeted, 2);
}

}  // namespace
}  // namespace keyledger::projections::portfolio
