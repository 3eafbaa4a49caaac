// Accounts in danger: every reason by itself, with its edges, and the list by value at stake.
#include "projections/retention/risk_queries.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "projections/retention/retention_projection.h"
#include "server/base/error.h"
#include "tests/support/record_log.h"
#include "tests/support/simulated_buyers.h"

namespace keyledger::projections {
namespace {

using ::testing::HasSubstr;
using testing::RecordLog;
using testing::Utc;

constexpr int64_t kUnit = 1'000'000;
const Micros kNow = Utc(2026, 7, 1);

Micros DaysAgo(int64_t days) { return kNow - days * kMicrosPerDay; }

// An account that gives no reason: two purchases of 100 a year apart, the last one 10 days ago.
AccountHistory Calm() {
  AccountHistory history;
  history.account_id = "a";
  history.trades = {{.occurred = DaysAgo(375), .micros = 100 * kUnit},
                    {.occurred = DaysAgo(10), .micros = 100 * kUnit}};
  return history;
}

std::vector<RiskFinding> Find(const AccountHistory& history, double p_alive = 0.9,
                              RevenueBasis basis = RevenueBasis::kGross) {
  RetentionScope scope;
  scope.as_of = kNow;
  scope.basis = basis;
  scope.currency_code = "USD";
  const Zone utc;
  Buyer buyer;
  buyer.first_day = static_cast<int32_t>(utc.DayIndex(*history.first_purchase()));
  buyer.last_day = static_cast<int32_t>(utc.DayIndex(*history.last_purchase()));
  buyer.repeat_days = -1;
  for (const HistoryTrade& trade : history.trades) buyer.repeat_days += trade.is_return ? 0 : 1;
  return FindRisks(history, buyer, p_alive, scope, {});
}

// Expects one finding with these words.
void ExpectOne(const AccountHistory& history, Risk risk, const std::string& words) {
  const auto findings = Find(history);
  ASSERT_EQ(findings.size(), 1u) << words;
  EXPECT_EQ(findings[0].risk, risk);
  EXPECT_THAT(findings[0].detail, HasSubstr(words));
}

TEST(Risk, IsNoneWhereAllIsWell) { EXPECT_TRUE(Find(Calm()).empty()); }

TEST(Risk, IsSilenceByTheModel) {
  EXPECT_TRUE(Find(Calm(), 0.5).empty());
  const auto findings = Find(Calm(), 0.499);
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].risk, Risk::kFallingRecency);
  EXPECT_EQ(findings[0].detail,
            "silent for 9 days; it bought every 365.0 days, and is alive with a probability of 0.499");
  EXPECT_DOUBLE_EQ(findings[0].strength, 0.501);
  EXPECT_FALSE(findings[0].since.has_value());
}

TEST(Risk, IsSilenceOfMoreThanThreeTimesItsOwnRhythm) {
  AccountHistory history = Calm();
  // Every 10 days, and the last one so many days before the last day.
  const auto bought = [&history](int64_t silent) {
    history.trades.clear();
    for (int64_t i = 2; i >= 0; --i)
      history.trades.push_back({.occurred = DaysAgo(silent + 1 + 10 * i), .micros = kUnit});
  };
  bought(30);
  EXPECT_TRUE(Find(history).empty());
  bought(31);
  ExpectOne(history, Risk::kFallingRecency, "silent for 31 days; it bought every 10.0 days");
  // Two purchases make no rhythm.
  history.trades.erase(history.trades.begin());
  EXPECT_TRUE(Find(history).empty());
}

TEST(Risk, IsRevenueBelowThreeQuartersOfWhatItWas) {
  AccountHistory history = Calm();
  history.trades[1].micros = 75 * kUnit;
  EXPECT_TRUE(Find(history).empty());
  history.trades[1].micros = 75 * kUnit - 1;
  ExpectOne(history, Risk::kFallingRevenue,
            "bought for 75.00 USD in the last 365 days, and for 100.00 USD in the 365 days before");
  // The last 365 days begin with the day 365 days ago; two horizons ago is too long ago.
  history = Calm();
  history.trades[0].occurred = DaysAgo(730) - 1;
  history.trades[1].micros = 0;
  EXPECT_TRUE(Find(history).empty());
  history.trades[0].occurred = DaysAgo(730);
  EXPECT_EQ(Find(history).size(), 1u);
  history.trades[0].occurred = DaysAgo(365);
  EXPECT_TRUE(Find(history).empty());
}

TEST(Risk, IsALowAnswerOrOneThatFell) {
  AccountHistory history = Calm();
  const auto answered = [&history](events::v1::SurveyKind kind, std::vector<std::pair<int64_t, int32_t>> answers) {
    history.surveys.clear();
    for (const auto& [days, score] : answers) history.surveys.push_back({DaysAgo(days), kind, score});
  };
  answered(events::v1::SURVEY_KIND_RECOMMENDATION, {{30, 7}});
  EXPECT_TRUE(Find(history).empty());
  answered(events::v1::SURVEY_KIND_RECOMMENDATION, {{30, 6}});
  ExpectOne(history, Risk::kSatisfaction, "answered 6 of 10 when asked whether it would recommend us");
  EXPECT_EQ(Find(history)[0].since, DaysAgo(30));
  EXPECT_DOUBLE_EQ(Find(history)[0].strength, 0.4);
  answered(events::v1::SURVEY_KIND_SATISFACTION, {{30, 4}});
  EXPECT_TRUE(Find(history).empty());
  answered(events::v1::SURVEY_KIND_SATISFACTION, {{30, 3}});
  ExpectOne(history, Risk::kSatisfaction, "answered 3 of 5 when asked how satisfied it is");
  // Only the latest counts, and only within a year; the one before may be older.
  answered(events::v1::SURVEY_KIND_SATISFACTION, {{60, 1}, {30, 5}});
  EXPECT_TRUE(Find(history).empty());
  answered(events::v1::SURVEY_KIND_SATISFACTION, {{366, 1}});
  EXPECT_TRUE(Find(history).empty());
  answered(events::v1::SURVEY_KIND_SATISFACTION, {{365, 1}});
  EXPECT_EQ(Find(history).size(), 1u);
  answered(events::v1::SURVEY_KIND_RECOMMENDATION, {{500, 10}, {30, 9}});
  ExpectOne(history, Risk::kSatisfaction, "answered 9 of 10 when asked whether it would recommend us, after 10");
}

TEST(Risk, IsACompetitorThatMovedWithinHalfAYear) {
  AccountHistory history = Calm();
  history.moves = {{DaysAgo(182), events::v1::COMPETITOR_MOVE_KIND_APPROACH, "Acme"}};
  ExpectOne(history, Risk::kCompetitorMove, "Acme approached it 181 days ago");
  history.moves[0].occurred = DaysAgo(182) - 1;
  EXPECT_TRUE(Find(history).empty());
  history.moves = {{DaysAgo(9), events::v1::COMPETITOR_MOVE_KIND_LOST, "Acme"}};
  EXPECT_TRUE(Find(history).empty());
  history.moves = {{DaysAgo(50), events::v1::COMPETITOR_MOVE_KIND_WON, "Acme"},
                   {DaysAgo(9), events::v1::COMPETITOR_MOVE_KIND_OFFER, "Bolt"}};
  ExpectOne(history, Risk::kCompetitorMove, "Acme won a part of its business");
}

TEST(Risk, IsAnOwnerWhoLeft) {
  AccountHistory history = Calm();
  history.owners = {{DaysAgo(5), "ann"}};
  EXPECT_TRUE(Find(history).empty());
  history.owners = {{DaysAgo(500), "ann"}, {DaysAgo(400), ""}};
  ExpectOne(history, Risk::kOwnerLeft, "has no owner since ann left it");
  EXPECT_EQ(Find(history)[0].since, DaysAgo(400));
  history.owners = {{DaysAgo(500), "ann"}, {DaysAgo(90), "bob"}};
  ExpectOne(history, Risk::kOwnerLeft, "went from ann to bob 89 days ago");
  history.owners[1].occurred = DaysAgo(90) - 1;
  EXPECT_TRUE(Find(history).empty());
  // Back to the one before is nobody new, and neither is the same one said twice.
  history.owners = {{DaysAgo(500), "ann"}, {DaysAgo(50), ""}, {DaysAgo(40), "ann"}};
  EXPECT_TRUE(Find(history).empty());
  history.owners = {{DaysAgo(500), "ann"}, {DaysAgo(4), "ann"}};
  EXPECT_TRUE(Find(history).empty());
}

TEST(Risk, IsAContractThatEnds) {
  using Step = HistoryContract::Step;
  AccountHistory history = Calm();
  const auto agreed = [&history](Micros end) {
    history.contracts = {{Step::kSigned, DaysAgo(400), "c-1", DaysAgo(400), end, "supply", {}}};
  };
  agreed(DaysAgo(-90));
  ExpectOne(history, Risk::kContractEnding, "contract c-1 ends in 90 days");
  agreed(DaysAgo(-90) + 1);
  EXPECT_TRUE(Find(history).empty());
  agreed(DaysAgo(-30));
  ExpectOne(history, Risk::kContractEnding, "ends in 30 days");
  EXPECT_EQ(Find(history)[0].since, DaysAgo(-30));
  history.contracts.push_back({Step::kRenewed, DaysAgo(3), "c-1", 0, DaysAgo(-395), "", {}});
  EXPECT_TRUE(Find(history).empty());
  agreed(DaysAgo(90));
  ExpectOne(history, Risk::kContractEnding, "contract c-1 ended 89 days ago and was not renewed");
  agreed(DaysAgo(90) - 1);
  EXPECT_TRUE(Find(history).empty());
  agreed(DaysAgo(-300));
  history.contracts.push_back({Step::kEnded, DaysAgo(9), "c-1", 0, 0, "", events::v1::CONTRACT_ENDING_CANCELLED});
  ExpectOne(history, Risk::kContractEnding, "contract c-1 ended 8 days ago and is lost");
  history.contracts[1].ending = events::v1::CONTRACT_ENDING_SUPERSEDED;
  EXPECT_TRUE(Find(history).empty());
}

TEST(Risk, IsNoContractThatWasEndedBeforeItWasSignedAgain) {
  using Step = HistoryContract::Step;
  AccountHistory history = Calm();
  // The order of the log: it ended nine days ago, and was signed again as of a month ago.
  history.contracts = {
      {Step::kSigned, DaysAgo(400), "c-1", DaysAgo(400), DaysAgo(-30), "supply", {}},
      {Step::kEnded, DaysAgo(9), "c-1", 0, 0, "", events::v1::CONTRACT_ENDING_CANCELLED},
      {Step::kSigned, DaysAgo(30), "c-1", DaysAgo(30), DaysAgo(-335), "supply", {}},
  };
  EXPECT_TRUE(Find(history).empty());
  // Of a contract that was not signed by then nothing is known.
  history.contracts = {{Step::kRenewed, DaysAgo(3), "c-2", 0, DaysAgo(-30), "", {}},
                       {Step::kEnded, DaysAgo(9), "c-3", 0, 0, "", events::v1::CONTRACT_ENDING_CANCELLED}};
  EXPECT_TRUE(Find(history).empty());
}

TEST(Risk, IsAQuarterReturned) {
  AccountHistory history = Calm();
  history.trades.push_back({.is_return = true, .occurred = DaysAgo(5), .micros = 25 * kUnit - 1});
  EXPECT_TRUE(Find(history).empty());
  history.trades.back().micros = 25 * kUnit;
  ExpectOne(history, Risk::kReturns, "returned 25.00 USD of 100.00 USD bought in the last 182 days");
  EXPECT_DOUBLE_EQ(Find(history)[0].strength, 0.25);
  // Of what was bought before the half year, too.
  history.trades = {{.occurred = DaysAgo(300), .micros = 100 * kUnit},
                    {.is_return = true, .occurred = DaysAgo(182), .micros = kUnit}};
  ExpectOne(history, Risk::kReturns, "returned 1.00 USD of 0.00 USD");
  history.trades = {{.occurred = DaysAgo(170), .micros = 1'234'567 * kUnit},
                    {.is_return = true, .occurred = DaysAgo(169), .micros = 999 * kUnit},
                    {.is_return = true, .occurred = DaysAgo(168), .micros = 998'001 * kUnit}};
  ExpectOne(history, Risk::kReturns, "returned 999,000.00 USD of 1,234,567.00 USD");
  history.trades[2].micros = 999'001 * kUnit;
  ExpectOne(history, Risk::kReturns, "returned 1,000,000.00 USD of 1,234,567.00 USD");
  history.trades = {{.occurred = DaysAgo(300), .micros = 100 * kUnit},
                    {.is_return = true, .occurred = DaysAgo(182), .micros = kUnit}};
  history.trades[1].occurred -= 1;
  EXPECT_TRUE(Find(history).empty());
}

TEST(Risk, NamesTheStrongestReasonFirst) {
  AccountHistory history = Calm();
  history.owners = {{DaysAgo(500), "ann"}, {DaysAgo(9), ""}};
  history.surveys = {{DaysAgo(9), events::v1::SURVEY_KIND_SATISFACTION, 1}};
  history.moves = {{DaysAgo(9), events::v1::COMPETITOR_MOVE_KIND_OFFER, "Acme"}};
  const auto findings = Find(history, 0.3);
  ASSERT_EQ(findings.size(), 4u);
  EXPECT_EQ(findings[0].risk, Risk::kSatisfaction);
  EXPECT_EQ(findings[1].risk, Risk::kFallingRecency);
  EXPECT_EQ(findings[2].risk, Risk::kCompetitorMove);
  EXPECT_EQ(findings[3].risk, Risk::kOwnerLeft);
}

const Micros kStart = Utc(2025, 1, 1);
constexpr int kDays = 360;

RecordLog Shop() {
  RecordLog log;
  for (const auto& buyer : testing::SimulateBuyers(300, kStart, kDays)) {
    log.Open(buyer.account_id, kStart);
    for (const auto& [at, micros] : buyer.purchases) log.Purchase(buyer.account_id, at, micros);
  }
  return log;
}

std::vector<std::string> IdsOf(const AtRiskTable& table) {
  std::vector<std::string> ids;
  for (const AccountAtRisk& account : table.accounts) ids.push_back(account.account_id);
  return ids;
}

TEST(ListAtRisk, RanksByWhatIsAtStakeAndAgreesWithTheForecast) {
  const RecordLog log = Shop();
  const auto rows = testing::FoldRows(RetentionProjection(), log);
  RiskTerms terms;
  terms.forecast.margin = 0.5;
  const auto table = ListAtRisk({rows.get()}, {}, terms, 0, 1'000);
  ASSERT_TRUE(table.ok()) << table.status();
  ASSERT_GT(table->total, 20);
  ASSERT_EQ(table->accounts.size(), static_cast<size_t>(table->total));
  EXPECT_FALSE(table->more);
  double at_stake = 0;
  for (size_t i = 0; i < table->accounts.size(); ++i) {
    const AccountAtRisk& account = table->accounts[i];
    EXPECT_FALSE(account.findings.empty());
    EXPECT_NEAR(account.value_at_stake_micros, account.value_if_kept_micros * (1 - account.p_alive), 1e-3);
    if (i > 0) {
      EXPECT_LE(account.value_at_stake_micros, table->accounts[i - 1].value_at_stake_micros);
    }
    at_stake += account.value_at_stake_micros;
  }
  EXPECT_DOUBLE_EQ(table->value_at_stake_micros, at_stake);
  const AccountAtRisk& first = table->accounts[0];
  const auto forecast = GetForecastTable({rows.get()}, {}, terms.forecast, {.account_id = first.account_id, .size = 1});
  ASSERT_TRUE(forecast.ok());
  EXPECT_EQ(forecast->accounts[0].p_alive, first.p_alive);
  EXPECT_NEAR(*forecast->accounts[0].expected_value_micros / (first.value_if_kept_micros * first.p_alive), 1, 1e-12);
  // Pages.
  std::vector<std::string> paged;
  for (uint64_t from = 0; from < static_cast<uint64_t>(table->total); from += 7) {
    const auto page = ListAtRisk({rows.get()}, {}, terms, from, 7);
    ASSERT_TRUE(page.ok());
    EXPECT_EQ(page->total, table->total);
    EXPECT_EQ(page->more, from + 7 < static_cast<uint64_t>(table->total));
    for (const std::string& id : IdsOf(*page)) paged.push_back(id);
  }
  EXPECT_EQ(paged, IdsOf(*table));
}

TEST(ListAtRisk, CountsWhoIsProbablyLostInsteadOfListingThem) {
  const auto rows = testing::FoldRows(RetentionProjection(), Shop());
  RetentionScope scope;
  scope.as_of = kStart + kDays * kMicrosPerDay;
  const auto forecast = GetForecastTable({rows.get()}, scope, {}, {.size = 1'000});
  ASSERT_TRUE(forecast.ok()) << forecast.status();
  int64_t lost = 0;
  for (const AccountOutlook& account : forecast->accounts) lost += account.p_alive < 0.1 ? 1 : 0;
  ASSERT_GT(lost, 0);
  const auto table = ListAtRisk({rows.get()}, scope, {}, 0, 1'000);
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->probably_lost, lost);
  for (const AccountAtRisk& account : table->accounts) EXPECT_GE(account.p_alive, 0.1) << account.account_id;
}

TEST(ListAtRisk, GoesByWhatHadHappenedAndWasKnown) {
  RecordLog log = Shop();
  const Micros as_of = kStart + kDays * kMicrosPerDay;
  const Micros late = Utc(2026, 9, 1);
  // Somebody new to whom nothing else happened.
  log.Open("calm", kStart);
  log.Purchase("calm", as_of - kMicrosPerDay, kUnit);
  auto& moved = log.Add("calm", as_of - kMicrosPerDay, late);
  moved.mutable_event()->mutable_competitor_move_observed()->set_competitor("Acme");
  moved.mutable_event()->mutable_competitor_move_observed()->set_kind(events::v1::COMPETITOR_MOVE_KIND_WON);
  auto& closed = log.Add("calm", as_of + kMicrosPerDay, late);
  closed.mutable_event()->mutable_account_closed();
  const auto rows = testing::FoldRows(RetentionProjection(), log);
  const auto listed = [&rows](RetentionScope scope) {
    const auto table = ListAtRisk({rows.get()}, scope, {}, 0, 1'000);
    EXPECT_TRUE(table.ok()) << table.status();
    for (const AccountAtRisk& account : table->accounts) {
      if (account.account_id == "calm") return true;
    }
    return false;
  };
  RetentionScope scope;
  scope.as_of = as_of;
  EXPECT_TRUE(listed(scope));
  scope.known_at = late;
  EXPECT_FALSE(listed(scope));
  scope = {};
  scope.as_of = as_of - kMicrosPerDay;
  EXPECT_FALSE(listed(scope));
  // Who is closed is lost already.
  scope.as_of = as_of + 2 * kMicrosPerDay;
  EXPECT_FALSE(listed(scope));
}

TEST(ListAtRisk, IsNotPossibleWithoutAModelOfValues) {
  RecordLog log;
  for (const auto& buyer : testing::SimulateBuyers(300, kStart, kDays)) {
    for (const auto& [at, micros] : buyer.purchases) log.Purchase(buyer.account_id, at, 0);
  }
  const auto rows = testing::FoldRows(RetentionProjection(), log);
  const auto table = ListAtRisk({rows.get()}, {}, {}, 0, 10);
  EXPECT_EQ(ReasonOf(table.status()), Reason::kForecastNotPossible);
  EXPECT_THAT(MessageOf(table.status()), HasSubstr("no model of values"));
}

}  // namespace
}  // namespace keyledger::projections
