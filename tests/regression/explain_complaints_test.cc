// What users of other products complain about where standings and explanations are concerned, one test each. The names
// say what must not happen here. Everything is written through Decide and read through the projections or the
// explanation, never built by hand.
#include <map>

#include <gtest/gtest.h>

#include "projections/points/points_causes.h"
#include "projections/points/points_projection.h"
#include "projections/points/points_queries.h"
#include "projections/tiers/tiers_projection.h"
#include "projections/tiers/tiers_queries.h"
#include "server/domain/explain_standing.h"
#include "tests/support/record_log.h"
#include "tests/unit/domain/account_ledger.h"

namespace keyledger::domain {
namespace {

using L = AccountLedger;

// Silver from 100 in a month, kept with 50; gold from 500.
std::string Ladder() {
  return Head() +
         "accrual_rules:\n- {rule_id: base, per_money: {points: 1, per_micros: 1000000}, expiry: {after_days: 20}}\n"
         "tier_ladder:\n  ladder_id: main\n  metric: net_spend\n  window: {calendar_period: month}\n"
         "  review_period: month\n  tiers:\n  - {tier_id: bronze, entrance: 0}\n"
         "  - {tier_id: silver, entrance: 100000000, maintenance: 50000000}\n"
         "  - {tier_id: gold, entrance: 500000000}\n";
}

testing::RecordLog RecordsOf(const std::map<std::string, L>& ledgers) {
  testing::RecordLog log;
  for (const auto& [account_id, ledger] : ledgers) {
    for (const DecidedEvent& decided : ledger.log()) {
      events::v1::EventRecord& record = log.Add(account_id, decided.occurred);
      *record.mutable_event() = decided.event;
      record.mutable_program()->set_program_id(decided.program_id);
      record.mutable_program()->set_version(decided.program_version);
    }
  }
  return log;
}

// Accounts that rise, fall, return goods, and whose invoices come late.
std::map<std::string, L> MovingAccounts() {
  std::map<std::string, L> ledgers;
  for (int i = 0; i < 6; ++i) {
    L ledger(Ladder());
    const Micros day = At("2024-01-03");
    EXPECT_TRUE(ledger.Submit({L::Open(day)}).ok());
    for (int month = 0; month < 5; ++month) {
      const Micros at = day + (month * 30 + i) * kMicrosPerDay;
      EXPECT_TRUE(ledger.Submit({L::Buy(at, {{(90 + 130 * ((i + month) % 4)) * kUnit}})}).ok());
      EXPECT_TRUE(ledger.Submit({L::Return(at + kMicrosPerDay, {{60 * kUnit}})}).ok());
      EXPECT_TRUE(ledger.Submit({L::Buy(at - 20 * kMicrosPerDay, {{45 * kUnit}})}).ok());
    }
    ledger.AdvanceTo(At("2024-09-01"));
    ledgers.emplace("account-" + std::to_string(i), std::move(ledger));
  }
  return ledgers;
}

TEST(Complaint14OneCustomerInTwoLevelsAtOnce, HoldsOneTierAtEveryMomentAndIsCountedOnce) {
  const testing::RecordLog log = RecordsOf(MovingAccounts());
  int changes = 0;
  // Whatever part of the log has been folded, and however it was cut into writes.
  for (size_t records = 1; records <= log.records().size(); records += 7) {
    const std::vector<events::v1::EventRecord> part(log.records().begin(),
                                                    log.records().begin() + static_cast<std::ptrdiff_t>(records));
    const auto rows = testing::FoldAll(projections::TiersProjection(), part, 1 + records % 5)->NewReader();
    for (Micros moment = At("2024-01-01"); moment < At("2024-09-02"); moment += 5 * kMicrosPerDay) {
      const auto distribution = projections::GetTierDistribution({rows.get()}, moment);
      ASSERT_TRUE(distribution.ok());
      int64_t counted = 0;
      for (const projections::TierCount& tier : distribution->tiers) counted += tier.accounts;
      EXPECT_EQ(counted, distribution->accounts) << "an account is in one tier, or in none";
    }
    const auto history = projections::ListTierHistory(*rows, "account-0", 1000, "");
    if (!history.ok()) continue;
    // The latest first: each ends where the next one begins.
    for (size_t i = 1; i < history->holdings.size(); ++i) {
      EXPECT_EQ(history->holdings[i].until, history->holdings[i - 1].since);
      ++changes;
    }
  }
  EXPECT_GT(changes, 20) << "the accounts move";
}

TEST(Complaint14OneCustomerInTwoLevelsAtOnce, ListAndStandingAreOfOneFold) {
  const std::map<std::string, L> ledgers = MovingAccounts();
  const auto rows = testing::FoldRows(projections::TiersProjection(), RecordsOf(ledgers));
  for (const auto& [account_id, ledger] : ledgers) {
    const auto standing = projections::GetTierStanding(*rows, account_id, At("2024-09-02"));
    ASSERT_TRUE(standing.ok() && standing->has_value());
    EXPECT_EQ((*standing)->tier_id, ledger.state().tier.tier_id);
  }
}

TEST(Complaint16RulesTooDauntingToUnderstand, TheLedgerSaysWhatIsMissingForWhatByWhen) {
  L ledger(Ladder());
  const Micros day = At("2024-01-10");
  ASSERT_TRUE(ledger.Submit({L::Open(day), L::Buy(day, {{130 * kUnit}}), L::Return(day, {{100 * kUnit}})}).ok());
  AccountState state;
  const auto log = RecordsOf({{"acme", ledger}});
  for (const events::v1::EventRecord& record : log.records()) {
    ASSERT_TRUE(FoldForStanding(state, record, At("2024-01-15")).ok());
  }
  const auto explained = ExplainStanding(std::move(state), At("2024-01-15"), ledger.programs());
  ASSERT_TRUE(explained.ok()) << explained.status();
  EXPECT_EQ(explained->keep->tier_id, "silver");
  EXPECT_EQ(explained->keep->alternatives[0].conditions[0].shortfall.amount, 20 * kUnit);
  EXPECT_EQ(explained->keep->decided, At("2024-02-01"));
  EXPECT_EQ(explained->higher[0].tier_id, "gold");
  EXPECT_EQ(explained->higher[0].alternatives[0].conditions[0].shortfall.amount, 470 * kUnit);
  EXPECT_EQ(explained->warning->to_tier_id, "bronze") << "and warns in time";
}

TEST(Complaint17WhyDidMyBalanceGoDown, IsAnsweredByCausesThatSumToIt) {
  L ledger(Ladder());
  const Micros day = At("2024-01-10");
  ASSERT_TRUE(
      ledger
          .Submit({L::Open(day), L::Buy(day, {{100 * kUnit, 2}}, "i1"), L::Adjust(day, 30),
                   L::Redeem(day + kMicrosPerDay, 20), L::Return(day + 2 * kMicrosPerDay, {{50 * kUnit}}, "i1")})
          .ok());
  const auto rows = testing::FoldRows(projections::PointsProjection(), RecordsOf({{"acme", ledger}}));
  // The purchase's points run out on 30 January; nobody has recorded it.
  for (const Micros moment : {At("2024-01-11"), At("2024-01-20"), At("2024-02-20")}) {
    const auto causes = projections::GetBalanceCauses(*rows, "acme", moment);
    ASSERT_TRUE(causes.ok());
    int64_t sum = 0;
    for (const projections::BalanceCause& cause : *causes) sum += cause.points;
    const auto balance = projections::GetPointsBalance(*rows, "acme", moment);
    EXPECT_EQ(sum, balance->available + balance->pending);
  }
  std::map<events::v1::EventKind, int64_t> by_kind;
  const auto causes = projections::GetBalanceCauses(*rows, "acme", At("2024-02-20"));
  for (const projections::BalanceCause& cause : *causes) by_kind[cause.kind] += cause.points;
  EXPECT_EQ(by_kind, (std::map<events::v1::EventKind, int64_t>{{events::v1::EVENT_KIND_PURCHASE_RECORDED, 100},
                                                               {events::v1::EVENT_KIND_POINTS_ADJUSTED, 30},
                                                               {events::v1::EVENT_KIND_POINTS_REDEEMED, -20},
                                                               {events::v1::EVENT_KIND_PURCHASE_RETURNED, -50},
                                                               {events::v1::EVENT_KIND_POINTS_EXPIRED, -30}}));
}

}  // namespace
}  // namespace keyledger::domain
