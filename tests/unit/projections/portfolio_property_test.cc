// Every answer about the portfolio as of a moment, and as known at one, is the answer of a ledger that never held
// anything else, on however many shards.
#include <random>

#include "projections/portfolio/acquisition.h"
#include "projections/portfolio/classes.h"
#include "projections/portfolio/concentration.h"
#include "projections/portfolio/groups.h"
#include "projections/portfolio/membership.h"
#include "projections/portfolio/profitability.h"
#include "projections/portfolio/rank_migration.h"
#include "projections/portfolio/referrals.h"
#include "projections/portfolio/satisfaction.h"
#include "projections/portfolio/wallet.h"
#include "tests/unit/projections/portfolio_logs.h"

namespace keyledger::projections::portfolio {
namespace {

using testing::kUnit;
using testing::Must;
using testing::PortfolioLog;
using testing::ShardedRows;
using testing::Utc;

using Records = std::vector<events::v1::EventRecord>;
// Answers, written out.
using Words = std::vector<std::string>;

// Facts of 2025 about 30 accounts, in any order of business time.
PortfolioLog RandomLog(uint32_t seed) {
  std::mt19937 random(seed);
  const auto draw = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); };
  const auto id = [&] { return "a" + std::to_string(draw(10, 39)); };
  PortfolioLog log;
  for (int i = 0; i < 400; ++i) {
    const std::string account = id();
    const Micros at = Utc(2025, 1, 1) + draw(0, 364) * kMicrosPerDay + draw(0, 23) * 3'600 * kMicrosPerSecond;
    const int64_t amount = draw(0, 100) * kUnit;
    switch (draw(0, 15)) {
      case 0:
        log.TakeBack(account, at, amount, amount / 2);
        break;
      case 1:
        log.Serve(account, at, amount);
        break;
      case 2:
        log.Cost(account, at,
                 draw(0, 1) == 0 ? events::v1::COST_PURPOSE_ACQUISITION : events::v1::COST_PURPOSE_RETENTION, amount);
        break;
      case 3:
        log.Answer(account, at, events::v1::SURVEY_KIND_SATISFACTION, draw(1, 5));
        break;
      case 4:
        log.Answer(account, at, events::v1::SURVEY_KIND_RECOMMENDATION, draw(0, 10));
        break;
      case 5:
        log.StateBudget(account, at, Utc(2025, draw(1, 6), 1), Utc(2026, 1, 1), 1'000 * kUnit,
                        draw(0, 1) == 0 ? events::v1::BUDGET_BASIS_DECLARED : events::v1::BUDGET_BASIS_ESTIMATED);
        break;
      case 6:
        log.StateRank(account, at, draw(2, 8), 4);
        break;
      case 7:
        log.Refer(account, at, id(), draw(0, 1) == 0 ? "referral" : "broker");
        break;
      case 8:
        log.Join(account, at);
        break;
      case 9:
        log.Leave(account, at);
        break;
      case 10:
        log.SetFacts(account, at, draw(0, 1) == 0 ? "CN/31" : "US", {}, draw(0, 1) == 0 ? "li" : "wang");
        break;
      default:
        log.Sell(account, at, amount, amount / 3);
    }
  }
  return log;
}

template <class... Parts>
void Add(Words& words, const Parts&... parts) {
  std::string line;
  const auto add = [&](const auto& part) {
    if constexpr (std::is_convertible_v<decltype(part), std::string>) {
      line += std::string(part) + " ";
    } else {
      line += std::to_string(part) + " ";
    }
  };
  (add(parts), ...);
  words.push_back(line);
}

void DescribeFigures(const Shards& shards, const RetentionScope& scope, Words& words) {
  ConcentrationQuery spread;
  spread.curve_points = 5;
  const Concentration concentration = Must(GetConcentration(shards, scope, spread));
  Add(words, "spread", concentration.accounts, concentration.total_micros, concentration.gini.value_or(-1),
      concentration.groups[1].total_micros, concentration.covering[1].accounts, concentration.curve.size());
  ClassesQuery sorted;
  sorted.class_id = "promising";
  const ClassesAnswer classes = Must(GetClasses(shards, scope, sorted));
  for (const ClassRow& row : classes.classes) Add(words, row.class_id, row.accounts, row.total_micros);
  for (const ClassMemberRow& row : classes.members) Add(words, row.account_id, row.rank);
  const ProfitabilityAnswer profit = Must(ListProfitability(shards, scope, {}));
  for (const ProfitabilityRow& row : profit.accounts) Add(words, row.account_id, row.profit_micros, row.margin_micros);
  Add(words, "profit", profit.loss_micros, profit.revenue_cost_correlation.value_or(-2));
  const WalletAnswer wallet = Must(ListWalletShares(shards, scope, {}));
  for (const WalletRow& row : wallet.accounts) Add(words, row.account_id, row.share, row.budget_micros);
  const AcquisitionAnswer acquisition = Must(GetAcquisition(shards, scope));
  for (const AcquisitionRow& row : acquisition.periods) {
    Add(words, row.period, row.won, row.kept, row.acquisition_cost_micros, row.retention_cost_micros);
  }
}

void DescribeRelations(const Shards& shards, const RetentionScope& scope, Words& words) {
  const SatisfactionAnswer satisfaction = Must(GetSatisfaction(shards, scope, 60));
  for (const SatisfactionRow& row : satisfaction.periods) {
    Add(words, row.period, row.promoters, row.detractors, row.satisfied, row.satisfied_observed, row.satisfied_left);
  }
  const MembershipAnswer membership = Must(GetMembership(shards, scope, {}));
  Add(words, "members", membership.members, membership.member.revenue_micros, membership.other.revenue_micros,
      membership.compared, membership.average_after_micros.value_or(-1));
  const ReferralTree tree = Must(GetReferralTree(shards, scope, {}));
  for (const ReferralNodeRow& row : tree.nodes) {
    Add(words, row.account_id, row.referrer_account_id, row.depth, row.downstream_accounts,
        row.downstream_revenue_micros);
  }
  for (const std::string& account_id : tree.circular_account_ids) Add(words, account_id);
  for (const LeadSourceRow& row : tree.sources) Add(words, row.lead_source, row.accounts, row.revenue_micros);
  const RankMigration ranks = Must(GetRankMigration(shards, scope, {}));
  for (const auto& row : ranks.counts) {
    for (const int64_t count : row) Add(words, count);
  }
  for (const RiserRow& row : ranks.risers) Add(words, row.account_id, row.earlier_rank, row.later_rank);
  const GroupsAnswer groups = Must(ListGroups(shards, scope, GroupDimension::kRegion));
  for (const GroupRow& row : groups.groups) Add(words, row.value, row.accounts);
}

Words Describe(const Records& records, size_t shards, RetentionScope scope) {
  const ShardedRows rows(records, shards);
  Words words;
  for (const RevenueBasis basis : {RevenueBasis::kGross, RevenueBasis::kNet}) {
    scope.basis = basis;
    for (const char* region : {"", "CN"}) {
      scope.filter.region = region;
      DescribeFigures(rows.shards(), scope, words);
      DescribeRelations(rows.shards(), scope, words);
    }
  }
  return words;
}

class Portfolio : public ::testing::TestWithParam<uint32_t> {};

INSTANTIATE_TEST_SUITE_P(Seeds, Portfolio, ::testing::Range(1u, 13u));

TEST_P(Portfolio, AsOfAMomentIsThatOfALedgerThatHeldNothingElse) {
  const Records all = RandomLog(GetParam()).records();
  RetentionScope scope{.currency_code = "USD"};
  scope.as_of = Utc(2025, 1, 1) + GetParam() * 29 * kMicrosPerDay;
  Records before;
  for (const auto& record : all) {
    if (testing::MicrosOfTime(record.occurred_time()) < scope.as_of) before.push_back(record);
  }
  ASSERT_LT(before.size(), all.size());
  EXPECT_EQ(Describe(all, 1, scope), Describe(before, 4, scope));
}

TEST_P(Portfolio, AsKnownAtAMomentIsThatOfALedgerThatKnewNothingElse) {
  const Records all = RandomLog(GetParam()).records();
  RetentionScope scope{.currency_code = "USD"};
  scope.as_of = Utc(2026, 1, 1);
  scope.known_at = testing::MicrosOfTime(all[GetParam() * 30].record_time());
  const Records before(all.begin(), all.begin() + GetParam() * 30);
  EXPECT_EQ(Describe(all, 4, scope), Describe(before, 1, scope));
}

}  // namespace
}  // namespace keyledger::projections::portfolio
