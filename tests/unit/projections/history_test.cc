// Histories: what the rows of "retention" hold of an account, and in which order accounts are visited.
#include "projections/retention/history.h"

#include <tuple>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "projections/retention/retention_projection.h"
#include "server/base/error.h"
#include "tests/support/record_log.h"

namespace keyledger::projections {
namespace {

using testing::RecordLog;
using testing::Utc;

constexpr int64_t kUnit = 1'000'000;

events::v1::Event& EventOf(RecordLog& log, const std::string& account, Micros occurred, Micros recorded = 0) {
  return *log.Add(account, occurred, recorded).mutable_event();
}

void SetMoney(int64_t micros, const std::string& currency, events::v1::Money* money) {
  money->set_micros(micros);
  money->set_currency_code(currency);
}

void Assign(RecordLog& log, const std::string& account, Micros occurred, const std::string& ladder,
            const std::string& tier) {
  auto* assigned = EventOf(log, account, occurred).mutable_tier_assigned();
  assigned->set_ladder_id(ladder);
  assigned->set_tier_id(tier);
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

std::vector<std::string> IdsOf(const std::vector<AccountHistory>& visited) {
  std::vector<std::string> ids;
  for (const AccountHistory& history : visited) ids.push_back(history.account_id);
  return ids;
}

using Ids = std::vector<std::string>;

TEST(HistoryScan, GivesTradesWithTheirCostInOrderOfBusinessTime) {
  RecordLog log;
  log.Open("a", Utc(2026, 1, 1));
  log.Purchase("a", Utc(2026, 3, 1), 30 * kUnit);
  log.Return("a", Utc(2026, 2, 1), 5 * kUnit);
  auto* purchase = EventOf(log, "a", Utc(2026, 1, 15)).mutable_purchase_recorded();
  for (const int64_t cost : {4, 3}) {
    auto* line = purchase->add_lines();
    line->set_quantity(2);
    SetMoney(10 * kUnit, "USD", line->mutable_amount());
    SetMoney(cost * kUnit, "USD", line->mutable_cost());
  }
  const auto visited = Visit(log);
  ASSERT_EQ(visited.size(), 1u);
  const std::vector<HistoryTrade>& trades = visited[0].trades;
  ASSERT_EQ(trades.size(), 3u);
  EXPECT_EQ(trades[0].occurred, Utc(2026, 1, 15));
  EXPECT_EQ(trades[0].micros, 20 * kUnit);
  EXPECT_EQ(trades[0].cost_micros, 7 * kUnit);
  EXPECT_EQ(trades[0].units, 4);
  EXPECT_FALSE(trades[0].is_return);
  EXPECT_TRUE(trades[1].is_return);
  EXPECT_EQ(trades[1].micros, 5 * kUnit);
  EXPECT_EQ(trades[2].micros, 30 * kUnit);
  EXPECT_EQ(visited[0].first_purchase(), Utc(2026, 1, 15));
  EXPECT_EQ(visited[0].last_purchase(), Utc(2026, 3, 1));
  EXPECT_EQ(RevenueOf(trades[1], RevenueBasis::kGross), 0);
  EXPECT_EQ(RevenueOf(trades[1], RevenueBasis::kNet), -5 * kUnit);
  EXPECT_EQ(RevenueOf(trades[2], RevenueBasis::kNet), 30 * kUnit);
}

TEST(HistoryScan, GivesWhatAnAccountCosts) {
  RecordLog log;
  log.Open("a", 0);
  log.Purchase("a", 1, kUnit);
  SetMoney(1, "USD", EventOf(log, "a", 1).mutable_service_provided()->mutable_cost());
  SetMoney(2, "USD", EventOf(log, "a", 2).mutable_gift_given()->mutable_value());
  SetMoney(3, "USD", EventOf(log, "a", 3).mutable_commission_paid()->mutable_amount());
  for (const auto purpose :
       {events::v1::COST_PURPOSE_ACQUISITION, events::v1::COST_PURPOSE_RETENTION, events::v1::COST_PURPOSE_SERVICE}) {
    auto* recorded = EventOf(log, "a", 4).mutable_cost_recorded();
    recorded->set_purpose(purpose);
    SetMoney(4, "USD", recorded->mutable_cost());
  }
  SetMoney(5, "EUR", EventOf(log, "a", 5).mutable_gift_given()->mutable_value());
  const auto rows = testing::FoldRows(RetentionProjection(), log);
  const RetentionScope scope;
  HistoryScan scan(scope);
  std::vector<HistoryCost> costs;
  ASSERT_TRUE(scan.Run({rows.get()},
                       [&](const AccountHistory& history) {
                         costs = history.costs;
                         return absl::OkStatus();
                       })
                  .ok());
  ASSERT_EQ(costs.size(), 6u);
  const CostKind kinds[] = {CostKind::kServiceProvided, CostKind::kGift,      CostKind::kCommission,
                            CostKind::kAcquisition,     CostKind::kRetention, CostKind::kService};
  const int64_t micros[] = {1, 2, 3, 4, 4, 4};
  for (size_t i = 0; i < costs.size(); ++i) {
    EXPECT_EQ(costs[i].kind, kinds[i]);
    EXPECT_EQ(costs[i].micros, micros[i]);
    EXPECT_EQ(costs[i].occurred, micros[i]);
  }
  EXPECT_EQ(scan.left_out(), 1);
  EXPECT_EQ(scan.currency(), "USD");
}

TEST(HistoryScan, GivesWhatAnAccountSaysAndIsBoundBy) {
  RecordLog log;
  log.Open("a", 0);
  log.Purchase("a", 1, kUnit);
  auto* answered = EventOf(log, "a", 2).mutable_survey_answered();
  answered->set_kind(events::v1::SURVEY_KIND_SATISFACTION);
  answered->set_score(4);
  auto* stated = EventOf(log, "a", 3).mutable_budget_stated();
  testing::SetTime(Utc(2026, 1, 1), stated->mutable_start_time());
  testing::SetTime(Utc(2027, 1, 1), stated->mutable_end_time());
  SetMoney(9 * kUnit, "USD", stated->mutable_amount());
  stated->set_basis(events::v1::BUDGET_BASIS_ESTIMATED);
  stated->set_category("tools");
  auto* rank = EventOf(log, "a", 4).mutable_supplier_rank_stated();
  rank->set_place_halves(3);
  rank->set_suppliers(7);
  auto* referral = EventOf(log, "a", 5).mutable_referral_recorded();
  referral->set_referrer_account_id("z");
  referral->set_lead_source("broker");
  auto* move = EventOf(log, "a", 6).mutable_competitor_move_observed();
  move->set_competitor("Acme");
  move->set_kind(events::v1::COMPETITOR_MOVE_KIND_WON);
  auto* agreed = EventOf(log, "a", 7).mutable_contract_signed();
  agreed->set_contract_id("c-1");
  testing::SetTime(Utc(2026, 1, 1), agreed->mutable_start_time());
  testing::SetTime(Utc(2026, 7, 1), agreed->mutable_end_time());
  agreed->set_kind("supply");
  auto* renewed = EventOf(log, "a", 8).mutable_contract_renewed();
  renewed->set_contract_id("c-1");
  testing::SetTime(Utc(2027, 7, 1), renewed->mutable_end_time());
  auto* ended = EventOf(log, "a", 9).mutable_contract_ended();
  ended->set_contract_id("c-1");
  ended->set_ending(events::v1::CONTRACT_ENDING_CANCELLED);
  const auto visited = Visit(log);
  ASSERT_EQ(visited.size(), 1u);
  const AccountHistory& a = visited[0];
  ASSERT_EQ(a.surveys.size(), 1u);
  EXPECT_EQ(a.surveys[0].kind, events::v1::SURVEY_KIND_SATISFACTION);
  EXPECT_EQ(a.surveys[0].score, 4);
  EXPECT_EQ(a.surveys[0].occurred, 2);
  ASSERT_EQ(a.budgets.size(), 1u);
  EXPECT_EQ(a.budgets[0].start, Utc(2026, 1, 1));
  EXPECT_EQ(a.budgets[0].end, Utc(2027, 1, 1));
  EXPECT_EQ(a.budgets[0].micros, 9 * kUnit);
  EXPECT_EQ(a.budgets[0].basis, events::v1::BUDGET_BASIS_ESTIMATED);
  EXPECT_EQ(a.budgets[0].category, "tools");
  ASSERT_EQ(a.supplier_ranks.size(), 1u);
  EXPECT_EQ(a.supplier_ranks[0].place_halves, 3);
  EXPECT_EQ(a.supplier_ranks[0].suppliers, 7);
  ASSERT_EQ(a.referrals.size(), 1u);
  EXPECT_EQ(a.referrals[0].referrer_account_id, "z");
  EXPECT_EQ(a.referrals[0].lead_source, "broker");
  ASSERT_EQ(a.moves.size(), 1u);
  EXPECT_EQ(a.moves[0].competitor, "Acme");
  EXPECT_EQ(a.moves[0].kind, events::v1::COMPETITOR_MOVE_KIND_WON);
  ASSERT_EQ(a.contracts.size(), 3u);
  EXPECT_EQ(a.contracts[0].step, HistoryContract::Step::kSigned);
  EXPECT_EQ(a.contracts[0].contract_id, "c-1");
  EXPECT_EQ(a.contracts[0].start, Utc(2026, 1, 1));
  EXPECT_EQ(a.contracts[0].end, Utc(2026, 7, 1));
  EXPECT_EQ(a.contracts[0].kind, "supply");
  EXPECT_EQ(a.contracts[1].step, HistoryContract::Step::kRenewed);
  EXPECT_EQ(a.contracts[1].end, Utc(2027, 7, 1));
  EXPECT_EQ(a.contracts[2].step, HistoryContract::Step::kEnded);
  EXPECT_EQ(a.contracts[2].ending, events::v1::CONTRACT_ENDING_CANCELLED);
}

TEST(HistoryScan, GivesTheStepsOfContractsInTheOrderOfTheLog) {
  RecordLog log;
  log.Open("a", Utc(2026, 1, 1));
  EventOf(log, "a", Utc(2026, 3, 1)).mutable_contract_signed()->set_contract_id("c-1");
  EventOf(log, "a", Utc(2026, 2, 20)).mutable_contract_ended()->set_contract_id("c-1");
  EventOf(log, "a", Utc(2026, 1, 5)).mutable_contract_signed()->set_contract_id("c-1");
  using Step = HistoryContract::Step;
  using Steps = std::vector<std::pair<Step, Micros>>;
  const auto steps = [&log](Micros as_of) {
    Steps found;
    const auto visited = Visit(log, {.as_of = as_of});
    for (const HistoryContract& contract : visited[0].contracts) {
      found.emplace_back(contract.step, contract.occurred);
    }
    return found;
  };
  EXPECT_EQ(
      steps(Utc(2026, 4, 1)),
      (Steps{{Step::kSigned, Utc(2026, 3, 1)}, {Step::kEnded, Utc(2026, 2, 20)}, {Step::kSigned, Utc(2026, 1, 5)}}));
  EXPECT_EQ(steps(Utc(2026, 3, 1)), (Steps{{Step::kEnded, Utc(2026, 2, 20)}, {Step::kSigned, Utc(2026, 1, 5)}}))
      << "only what had occurred by then";
}

TEST(HistoryScan, GivesTheEndOfAContractThatWasAgreedAnew) {
  RecordLog log;
  log.Open("a", 0);
  EventOf(log, "a", 1).mutable_contract_signed()->set_contract_id("c-1");
  auto* amended = EventOf(log, "a", 2).mutable_contract_amended();
  amended->set_contract_id("c-1");
  testing::SetTime(Utc(2026, 9, 1), amended->mutable_end_time());
  auto* described = EventOf(log, "a", 3).mutable_contract_amended();
  described->set_contract_id("c-1");
  described->set_description("delivered on Mondays");
  const auto visited = Visit(log);
  ASSERT_EQ(visited[0].contracts.size(), 2u) << "an amendment of something else is none of the end";
  EXPECT_EQ(visited[0].contracts[1].step, HistoryContract::Step::kAmended);
  EXPECT_EQ(visited[0].contracts[1].contract_id, "c-1");
  EXPECT_EQ(visited[0].contracts[1].end, Utc(2026, 9, 1));
}

using Owners = std::vector<std::tuple<Micros, std::string, events::v1::OwnerChangeReason>>;

Owners OwnersOf(const AccountHistory& history) {
  Owners owners;
  for (const HistoryOwner& owner : history.owners) owners.emplace_back(owner.occurred, owner.value, owner.reason);
  return owners;
}

constexpr auto kNoReason = events::v1::OWNER_CHANGE_REASON_UNSPECIFIED;
constexpr auto kDeparted = events::v1::OWNER_CHANGE_REASON_DEPARTED;
constexpr auto kRequested = events::v1::OWNER_CHANGE_REASON_REQUESTED;

void AssignOwner(RecordLog& log, Micros occurred, const std::string& role, const std::string& person) {
  auto* assigned = EventOf(log, "a", occurred).mutable_owner_assigned();
  assigned->set_role(role);
  assigned->set_person(person);
}

void ReleaseOwner(RecordLog& log, Micros occurred, const std::string& role, const std::string& person) {
  auto* released = EventOf(log, "a", occurred).mutable_owner_released();
  released->set_role(role);
  released->set_person(person);
  released->set_reason(kRequested);
}

void TransferOwner(RecordLog& log, Micros occurred, const std::string& from, const std::string& to,
                   const std::vector<std::string>& roles) {
  auto* transferred = EventOf(log, "a", occurred).mutable_owner_transferred();
  transferred->set_from_person(from);
  transferred->set_to_person(to);
  transferred->set_reason(kDeparted);
  for (const std::string& role : roles) transferred->add_roles(role);
}

TEST(HistoryScan, FollowsTheOwnerThroughEveryEventThatNamesOne) {
  RecordLog log;
  EventOf(log, "a", 1).mutable_account_opened()->set_owner("ann");
  AssignOwner(log, 2, "owner", "bob");
  AssignOwner(log, 3, "engineer", "eve");
  ReleaseOwner(log, 4, "engineer", "eve");
  TransferOwner(log, 5, "bob", "carl", {"engineer", "owner"});
  TransferOwner(log, 6, "carl", "dan", {"engineer"});
  ReleaseOwner(log, 7, "owner", "carl");
  EventOf(log, "a", 8).mutable_account_facts_updated()->set_owner("eve");
  TransferOwner(log, 9, "eve", "", {"owner"});
  EXPECT_EQ(OwnersOf(Visit(log)[0]), (Owners{{1, "ann", kNoReason},
                                             {2, "bob", kNoReason},
                                             {5, "carl", kDeparted},
                                             {7, "", kRequested},
                                             {8, "eve", kNoReason},
                                             {9, "", kDeparted}}));
  EXPECT_EQ(IdsOf(Visit(log, {.as_of = 6, .filter = {.owner = "carl"}})), Ids{"a"});
  EXPECT_EQ(IdsOf(Visit(log, {.as_of = 6, .filter = {.owner = "bob"}})), Ids{});
}

TEST(HistoryScan, LetsNobodyGiveUpAnAccountThatAnotherHadThen) {
  RecordLog log;
  log.Open("a", 1);
  AssignOwner(log, 20, "owner", "ann");
  AssignOwner(log, 10, "owner", "bob");
  // Recorded when bob was the owner, and of a time when ann was.
  ReleaseOwner(log, 30, "owner", "bob");
  EXPECT_EQ(OwnersOf(Visit(log)[0]), (Owners{{10, "bob", kNoReason}, {20, "ann", kNoReason}}));
}

void Retract(RecordLog& log, Micros occurred, uint64_t position, Micros recorded = 0) {
  EventOf(log, "a", occurred, recorded).mutable_fact_retracted()->set_position(position);
}

TEST(HistoryScan, LeavesOutWhatIsRetractedFromTheMomentItIsKnown) {
  RecordLog log;
  log.Open("a", 1);
  log.Purchase("a", 2, kUnit);
  auto* cost = EventOf(log, "a", 3).mutable_cost_recorded();
  cost->set_purpose(events::v1::COST_PURPOSE_SERVICE);
  SetMoney(7, "USD", cost->mutable_cost());
  EventOf(log, "a", 4).mutable_survey_answered()->set_kind(events::v1::SURVEY_KIND_SATISFACTION);
  auto* stated = EventOf(log, "a", 5).mutable_budget_stated();
  SetMoney(9, "USD", stated->mutable_amount());
  stated->set_basis(events::v1::BUDGET_BASIS_ESTIMATED);
  EventOf(log, "a", 6).mutable_supplier_rank_stated()->set_suppliers(3);
  EventOf(log, "a", 7).mutable_referral_recorded()->set_referrer_account_id("z");
  EventOf(log, "a", 8).mutable_competitor_move_observed()->set_kind(events::v1::COMPETITOR_MOVE_KIND_WON);
  SetMoney(11, "USD", EventOf(log, "a", 9).mutable_interaction_made()->mutable_cost());
  // Occurred after what it takes back; known from June on.
  const Micros known = Utc(2026, 6, 1);
  for (uint64_t position = 2; position <= 8; ++position) Retract(log, 50, position, known);
  const auto count = [&log](const RetentionScope& scope) {
    const AccountHistory a = Visit(log, scope).at(0);
    return std::vector<size_t>{a.costs.size(),     a.surveys.size(), a.budgets.size(), a.supplier_ranks.size(),
                               a.referrals.size(), a.moves.size(),   a.trades.size()};
  };
  using Counts = std::vector<size_t>;
  EXPECT_EQ(count({}), (Counts{0, 0, 0, 0, 0, 0, 1}));
  EXPECT_EQ(count({.known_at = known}), (Counts{2, 1, 1, 1, 1, 1, 1})) << "not known yet";
  EXPECT_EQ(count({.as_of = 20}), (Counts{0, 0, 0, 0, 0, 0, 1})) << "what was not so was so at no moment";
  EXPECT_EQ(count({.known_places = {9}}), (Counts{2, 1, 1, 1, 1, 1, 1}));
  EXPECT_EQ(count({.known_places = {10}}), (Counts{1, 1, 1, 1, 1, 1, 1})) << "the first retraction lies below";
}

TEST(HistoryScan, CountsWhatInteractionsCost) {
  RecordLog log;
  log.Open("a", 1);
  log.Purchase("a", 2, kUnit);
  SetMoney(11, "USD", EventOf(log, "a", 9).mutable_interaction_made()->mutable_cost());
  EventOf(log, "a", 10).mutable_interaction_made();
  const auto visited = Visit(log);
  ASSERT_EQ(visited[0].costs.size(), 1u);
  EXPECT_EQ(visited[0].costs[0].kind, CostKind::kInteraction);
  EXPECT_EQ(visited[0].costs[0].micros, 11);
  EXPECT_EQ(visited[0].costs[0].occurred, 9);
}

// a: region DE/BE then DE/HH, segment hotel, owner ann then none; closed; b: opened with nothing.
RecordLog TwoAccounts() {
  RecordLog log;
  auto* opened = EventOf(log, "a", Utc(2026, 1, 1)).mutable_account_opened();
  opened->set_region("DE/BE");
  opened->set_segment("hotel");
  opened->set_owner("ann");
  EventOf(log, "a", Utc(2026, 2, 1)).mutable_account_facts_updated()->set_region("DE/HH");
  EventOf(log, "a", Utc(2026, 3, 1)).mutable_account_facts_updated()->set_owner("");
  EventOf(log, "a", Utc(2026, 3, 2)).mutable_account_facts_updated()->set_display_name("A");
  EventOf(log, "a", Utc(2026, 4, 1)).mutable_club_joined()->set_club_id("friends");
  Assign(log, "a", Utc(2026, 4, 2), "main", "gold");
  EventOf(log, "a", Utc(2026, 5, 1)).mutable_account_closed();
  log.Open("b", Utc(2026, 1, 1));
  return log;
}

TEST(HistoryScan, GivesWhatAnAccountIs) {
  const auto visited = Visit(TwoAccounts());
  ASSERT_EQ(IdsOf(visited), (Ids{"a", "b"}));
  const AccountHistory& a = visited[0];
  EXPECT_EQ(a.region(), "DE/HH");
  ASSERT_EQ(a.regions.size(), 2u);
  EXPECT_EQ(a.regions[0].value, "DE/BE");
  EXPECT_EQ(a.regions[1].occurred, Utc(2026, 2, 1));
  EXPECT_EQ(a.segment(), "hotel");
  EXPECT_EQ(a.owner(), "");
  EXPECT_EQ(a.owners.size(), 2u);
  EXPECT_TRUE(a.is_member("friends"));
  EXPECT_FALSE(a.is_member("others"));
  EXPECT_EQ(a.tier("main"), "gold");
  EXPECT_EQ(a.tier("other"), "");
  EXPECT_TRUE(a.is_closed());
  ASSERT_EQ(a.life.size(), 2u);
  EXPECT_EQ(a.life[0].step, HistoryLife::Step::kOpened);
  const AccountHistory& b = visited[1];
  EXPECT_EQ(b.region(), "");
  EXPECT_TRUE(b.regions.empty());
  EXPECT_FALSE(b.is_closed());
  EXPECT_EQ(b.first_purchase(), std::nullopt);
}

TEST(HistoryScan, VisitsOnlyWhomTheFilterNamesAsTheyWereThen) {
  const RecordLog log = TwoAccounts();
  const auto ids = [&log](const PopulationFilter& filter, Micros as_of = std::numeric_limits<int64_t>::max()) {
    return IdsOf(Visit(log, {.as_of = as_of, .filter = filter}));
  };
  EXPECT_EQ(ids({}), (Ids{"a", "b"}));
  EXPECT_EQ(ids({.region = "DE"}), Ids{"a"});
  EXPECT_EQ(ids({.region = "DE/HH"}), Ids{"a"});
  EXPECT_EQ(ids({.region = "DE/BE"}), Ids{});
  EXPECT_EQ(ids({.region = "D"}), Ids{});
  EXPECT_EQ(ids({.region = "DE/BE"}, Utc(2026, 2, 1)), Ids{"a"});
  EXPECT_EQ(ids({.segment = "hotel"}), Ids{"a"});
  EXPECT_EQ(ids({.segment = "inn"}), Ids{});
  EXPECT_EQ(ids({.owner = "ann"}), Ids{});
  EXPECT_EQ(ids({.owner = "ann"}, Utc(2026, 3, 1)), Ids{"a"});
  EXPECT_EQ(ids({.tier_id = "gold"}), Ids{"a"});
  EXPECT_EQ(ids({.tier_id = "gold"}, Utc(2026, 4, 2)), Ids{});
  EXPECT_EQ(ids({.club_id = "friends"}), Ids{"a"});
  EXPECT_EQ(ids({.club_id = "friends"}, Utc(2026, 4, 1)), Ids{});
  EXPECT_EQ(ids({.region = "DE", .segment = "inn"}), Ids{});
}

TEST(HistoryScan, LetsALateDecisionHoldFromNoEarlierThanTheOneBefore) {
  RecordLog log;
  log.Open("a", 0);
  Assign(log, "a", Utc(2026, 3, 1), "main", "gold");
  Assign(log, "a", Utc(2026, 2, 1), "main", "silver");
  Assign(log, "a", Utc(2026, 2, 15), "other", "x");
  const auto visited = Visit(log);
  ASSERT_EQ(visited[0].tiers.size(), 3u);
  EXPECT_EQ(visited[0].tiers[0].value, "x");
  EXPECT_EQ(visited[0].tiers[2].value, "silver");
  EXPECT_EQ(visited[0].tiers[2].occurred, Utc(2026, 3, 1));
  EXPECT_EQ(visited[0].tier("main"), "silver");
  EXPECT_EQ(Visit(log, {.as_of = Utc(2026, 3, 1)})[0].tier("main"), "silver");
  EXPECT_EQ(IdsOf(Visit(log, {.filter = {.tier_id = "gold"}})), Ids{});
}

TEST(HistoryScan, KeepsStagesApartFromTiers) {
  RecordLog log;
  log.Open("a", 0);
  auto* changed = EventOf(log, "a", 5).mutable_stage_changed();
  changed->set_ladder_id("main");
  changed->set_stage_id("active");
  const auto visited = Visit(log);
  EXPECT_TRUE(visited[0].tiers.empty());
  ASSERT_EQ(visited[0].stages.size(), 1u);
  EXPECT_EQ(visited[0].stages[0].ladder_id, "main");
  EXPECT_EQ(visited[0].stages[0].value, "active");
}

TEST(HistoryScan, SeesOnlyWhatOccurredWasRecordedAndLayInScope) {
  RecordLog log;
  log.Open("a", Utc(2026, 1, 1));
  log.Purchase("a", Utc(2026, 1, 5), 1);
  log.Purchase("a", Utc(2026, 1, 4), 2, "USD", Utc(2026, 6, 1));
  const auto amounts = [&log](const RetentionScope& scope) {
    std::vector<int64_t> all;
    for (const AccountHistory& history : Visit(log, scope)) {
      for (const HistoryTrade& trade : history.trades) all.push_back(trade.micros);
    }
    return all;
  };
  using Amounts = std::vector<int64_t>;
  EXPECT_EQ(amounts({}), (Amounts{2, 1}));
  EXPECT_EQ(amounts({.as_of = Utc(2026, 1, 5)}), Amounts{2});
  EXPECT_EQ(amounts({.as_of = Utc(2026, 1, 5) + 1}), (Amounts{2, 1}));
  EXPECT_EQ(amounts({.known_at = Utc(2026, 6, 1)}), Amounts{1});
  EXPECT_EQ(amounts({.known_at = Utc(2026, 6, 1) + 1}), (Amounts{2, 1}));
  EXPECT_EQ(amounts({.known_places = {2}}), Amounts{1});
  EXPECT_EQ(amounts({.known_places = {3}}), (Amounts{2, 1}));
  // Nothing of the account is in scope: it is not visited.
  EXPECT_TRUE(Visit(log, {.as_of = Utc(2026, 1, 1)}).empty());
  EXPECT_TRUE(Visit(log, {.known_places = {0}}).empty());
}

TEST(HistoryScan, VisitsTheAccountsOfAllShardsInOrderOfTheirIds) {
  RecordLog logs[3];
  for (const char* id : {"b", "a.1", "f"}) logs[0].Open(id, 0);
  for (const char* id : {"c", "a"}) logs[2].Open(id, 0);
  logs[2].Purchase("a", 5, kUnit);
  std::vector<std::unique_ptr<store::TableReader>> readers;
  std::vector<const store::TableReader*> shards;
  for (const RecordLog& log : logs) {
    shards.push_back(readers.emplace_back(testing::FoldRows(RetentionProjection(), log)).get());
  }
  EXPECT_EQ(IdsOf(Visit(shards, {})), (Ids{"a", "a.1", "b", "c", "f"}));
  // Of the third shard only its first record is known.
  EXPECT_EQ(IdsOf(Visit(shards, {.known_places = {9, 9, 1}})), (Ids{"a.1", "b", "c", "f"}));
}

TEST(HistoryScan, TakesTheOnlyCurrencyOfTheTradesInScope) {
  RecordLog log;
  auto* opened = EventOf(log, "a", 0).mutable_account_opened();
  opened->set_region("DE");
  log.Purchase("a", 10, 1, "EUR");
  log.Open("b", 0);
  log.Purchase("b", 20, 2, "USD");
  SetMoney(7, "EUR", EventOf(log, "a", 5).mutable_gift_given()->mutable_value());
  const auto rows = testing::FoldRows(RetentionProjection(), log);
  const auto currency = [&rows](const RetentionScope& scope) -> std::string {
    HistoryScan scan(scope);
    int visited = 0;
    const absl::Status run = scan.Run({rows.get()}, [&](const AccountHistory&) {
      ++visited;
      return absl::OkStatus();
    });
    if (run.ok()) return scan.currency();
    EXPECT_EQ(visited, 0);
    EXPECT_EQ(ReasonOf(run), Reason::kInvalidField);
    return FieldsOf(run)[0].first + ": " + FieldsOf(run)[0].second;
  };
  EXPECT_EQ(currency({}), "scope.currency_code: the data has several currencies (EUR, USD): name one");
  EXPECT_EQ(currency({.currency_code = "USD"}), "USD");
  EXPECT_EQ(currency({.as_of = 20}), "EUR");
  EXPECT_EQ(currency({.filter = {.region = "DE"}}), "EUR");
  EXPECT_EQ(currency({.as_of = 10}), "");
  // Without a trade no currency is the data's: the gift is of another.
  const RetentionScope early{.as_of = 10};
  HistoryScan scan(early);
  ASSERT_TRUE(scan.Run({rows.get()},
                       [](const AccountHistory& history) {
                         EXPECT_TRUE(history.costs.empty());
                         return absl::OkStatus();
                       })
                  .ok());
  EXPECT_EQ(scan.left_out(), 1);
}

TEST(HistoryScan, EndsWithWhatTheVisitorAnswers) {
  RecordLog log;
  log.Open("a", 0);
  log.Open("b", 0);
  const auto rows = testing::FoldRows(RetentionProjection(), log);
  const RetentionScope scope;
  HistoryScan scan(scope);
  int visited = 0;
  EXPECT_EQ(scan.Run({rows.get()},
                     [&](const AccountHistory&) {
                       ++visited;
                       return absl::CancelledError("enough");
                     }),
            absl::CancelledError("enough"));
  EXPECT_EQ(visited, 1);
}

TEST(HistoryScan, EndsOnceNobodyWaitsForTheAnswer) {
  RecordLog log;
  for (int account = 1'000; account < 2'000; ++account) log.Open(fmt::format("a-{}", account), 0);
  const auto rows = testing::FoldRows(RetentionProjection(), log);
  int asked = 0;
  RetentionScope scope;
  scope.canceled = [&asked] { return ++asked > 2; };
  HistoryScan scan(scope);
  int visited = 0;
  const absl::Status status = scan.Run({rows.get()}, [&](const AccountHistory&) {
    ++visited;
    return absl::OkStatus();
  });
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(visited, 512) << "it asks before the first account, and again after every 256";
}

TEST(HistoryScan, ReportsADamagedRow) {
  const RecordLog log = TwoAccounts();
  const auto intact = testing::FoldAll(RetentionProjection(), log.records());
  for (const auto& [key, value] : intact->rows()) {
    for (size_t length = 0; length < value.size(); ++length) {
      const auto table = testing::FoldAll(RetentionProjection(), log.records());
      table->mutable_rows()[key] = value.substr(0, length);
      const RetentionScope scope;
      HistoryScan scan(scope);
      EXPECT_EQ(ReasonOf(scan.Run({table->NewReader().get()}, [](const auto&) { return absl::OkStatus(); })),
                Reason::kStoreDamaged);
    }
  }
}

TEST(HistoryScan, ReportsAKeyThatIsNone) {
  const auto table = testing::FoldAll(RetentionProjection(), TwoAccounts().records());
  table->mutable_rows()["nothing but a name"] = "";
  const RetentionScope scope;
  HistoryScan scan(scope);
  EXPECT_EQ(ReasonOf(scan.Run({table->NewReader().get()}, [](const auto&) { return absl::OkStatus(); })),
            Reason::kStoreDamaged);
}

}  // namespace
}  // namespace keyledger::projections
