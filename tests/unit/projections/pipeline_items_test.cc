// Items as of any moment and as known at any: which facts make them, and when they are over.
#include "projections/pipeline/item_history.h"

#include <algorithm>
#include <random>

#include "projections/pipeline/issues.h"
#include "projections/pipeline/opportunities.h"
#include "projections/pipeline/other_items.h"
#include "projections/pipeline/promises.h"
#include "server/base/error.h"
#include "tests/unit/projections/pipeline_logs.h"

namespace keyledger::projections::pipeline {
namespace {

using namespace events::v1;
using testing::AsOf;
using testing::EngagementRows;
using testing::Must;
using testing::PipelineLog;
using testing::SetTime;
using testing::Utc;
using Ids = std::vector<std::string>;

OpportunityList OpportunitiesOf(const testing::RecordLog& log, const PipelineScope& scope,
                                const OpportunityQuery& query = {.state = ItemState::kAll}) {
  return Must(ListOpportunities(EngagementRows(log).shards(), scope, query));
}

OtherItemList ItemsOf(const testing::RecordLog& log, Micros as_of, domain::ItemKind kind,
                      ItemState state = ItemState::kAll) {
  return Must(ListItems(EngagementRows(log).shards(), AsOf(as_of), {.kind = kind, .state = state}));
}

// Opened in June 2025, qualified in July, lost in September.
PipelineLog OneLost() {
  PipelineLog log;
  log.OpenIn("acme", Utc(2020, 1, 1), "CN");
  log.Pursue("acme", Utc(2025, 6, 1), "O-1", 100, 500);
  log.Move("acme", Utc(2025, 7, 1), "O-1", OPPORTUNITY_STAGE_QUALIFIED);
  log.Move("acme", Utc(2025, 9, 1), "O-1", OPPORTUNITY_STAGE_LOST).set_reason("price");
  return log;
}

TEST(ItemsAsOf, AreWhatTheirFactsBeforeTheMomentMadeOfThem) {
  const PipelineLog log = OneLost();
  EXPECT_TRUE(OpportunitiesOf(log, AsOf(Utc(2025, 6, 1))).rows.empty()) << "as_of is exclusive";
  EXPECT_EQ(OpportunitiesOf(log, AsOf(Utc(2025, 6, 1) + 1)).rows.at(0).stage, OPPORTUNITY_STAGE_LEAD);
  EXPECT_EQ(OpportunitiesOf(log, AsOf(Utc(2025, 7, 2))).rows.at(0).stage, OPPORTUNITY_STAGE_QUALIFIED);
  EXPECT_FALSE(OpportunitiesOf(log, AsOf(Utc(2025, 9, 1))).rows.at(0).end.has_value());
  const OpportunityRow lost = OpportunitiesOf(log, AsOf(Utc(2026, 1, 1))).rows.at(0);
  EXPECT_EQ(lost.stage, OPPORTUNITY_STAGE_LOST);
  EXPECT_EQ(lost.end, Utc(2025, 9, 1));
  EXPECT_EQ(lost.reason, "price");
  EXPECT_EQ(lost.age_days(Utc(2026, 1, 1)), 92) << "from June to August, however long ago";
}

TEST(ItemsAsOf, LeaveOutWhatIsNotKnownYet) {
  PipelineLog log = OneLost();
  log.Pursue("acme", Utc(2025, 6, 2), "O-2");
  log.Move("acme", Utc(2025, 6, 3), "O-2", OPPORTUNITY_STAGE_QUALIFIED, Utc(2026, 3, 1));
  PipelineScope scope = AsOf(Utc(2026, 2, 1));
  scope.known_at = Utc(2026, 3, 1);
  EXPECT_EQ(OpportunitiesOf(log, scope, {}).rows.at(0).stage, OPPORTUNITY_STAGE_LEAD) << "known_at is exclusive";
  scope.known_at = Utc(2026, 3, 1) + 1;
  EXPECT_EQ(OpportunitiesOf(log, scope, {}).rows.at(0).stage, OPPORTUNITY_STAGE_QUALIFIED);
}

TEST(ItemsAsOf, HoldAFactThatIsEnteredLateFromNoEarlierThanTheOneBefore) {
  PipelineLog log;
  log.OpenIn("acme", Utc(2020, 1, 1), "CN");
  log.Pursue("acme", Utc(2025, 6, 10), "O-1");
  // Entered after the opening, and said to have occurred before it.
  log.Move("acme", Utc(2025, 6, 5), "O-1", OPPORTUNITY_STAGE_QUALIFIED);
  EXPECT_TRUE(OpportunitiesOf(log, AsOf(Utc(2025, 6, 7))).rows.empty()) << "it was not there yet";
  const OpportunityRow row = OpportunitiesOf(log, AsOf(Utc(2025, 7, 1))).rows.at(0);
  EXPECT_EQ(row.stage, OPPORTUNITY_STAGE_QUALIFIED);
  EXPECT_EQ(row.stage_since, Utc(2025, 6, 10));
}

TEST(ItemsAsOf, AreTwoWhereAnIdIsUsedAgain) {
  PipelineLog log = OneLost();
  log.Pursue("acme", Utc(2025, 10, 1), "O-1", 70);
  const OpportunityList both = OpportunitiesOf(log, AsOf(Utc(2026, 1, 1)));
  ASSERT_EQ(both.rows.size(), 2u);
  EXPECT_EQ(both.rows[0].stage, OPPORTUNITY_STAGE_LOST);
  EXPECT_EQ(both.rows[1].stage, OPPORTUNITY_STAGE_LEAD);
  EXPECT_EQ(both.rows[1].open, Utc(2025, 10, 1));
  EXPECT_EQ(both.rows[1].amount->micros(), 70 * testing::kUnit);
  // Pages tell them apart, too.
  OpportunityQuery query{.state = ItemState::kAll, .page = {.size = 1}};
  const OpportunityList first = OpportunitiesOf(log, AsOf(Utc(2026, 1, 1)), query);
  query.page.after = first.next;
  EXPECT_EQ(OpportunitiesOf(log, AsOf(Utc(2026, 1, 1)), query).rows.at(0).open, Utc(2025, 10, 1));
}

TEST(ItemsAsOf, EndFourHundredDaysAfterTheirEndWithoutAFactAndFreeTheirId) {
  PipelineLog log;
  log.OpenIn("acme", Utc(2020, 1, 1), "CN");
  auto* granted = log.On("acme", Utc(2024, 1, 1)).mutable_entitlement_granted();
  granted->set_entitlement_id("E-1");
  granted->set_kind("allotment");
  granted->set_quantity(10);
  SetTime(Utc(2024, 2, 1), granted->mutable_end_time());
  auto* used = log.On("acme", Utc(2024, 1, 10)).mutable_entitlement_used();
  used->set_entitlement_id("E-1");
  used->set_quantity(4);
  // 400 days after 2024-02-01 are over on 2025-03-07.
  EXPECT_TRUE(ItemsOf(log, Utc(2025, 3, 6), domain::ItemKind::kEntitlement).rows.at(0).open);
  EXPECT_TRUE(ItemsOf(log, Utc(2025, 3, 6), domain::ItemKind::kEntitlement).rows.at(0).overdue);
  EXPECT_FALSE(ItemsOf(log, Utc(2025, 3, 7), domain::ItemKind::kEntitlement).rows.at(0).open);
  auto* again = log.On("acme", Utc(2025, 6, 1)).mutable_entitlement_granted();
  again->set_entitlement_id("E-1");
  again->set_kind("allotment");
  const OtherItemList both = ItemsOf(log, Utc(2026, 1, 1), domain::ItemKind::kEntitlement);
  ASSERT_EQ(both.rows.size(), 2u);
  EXPECT_EQ(both.rows[0].remaining, 6);
  EXPECT_FALSE(both.rows[0].open);
  EXPECT_TRUE(both.rows[1].open);
  EXPECT_EQ(both.rows[1].remaining, kWithoutLimit);
}

TEST(ItemsAsOf, StayUnderTheirAccountWhateverElseIsOnIt) {
  PipelineLog log;
  log.OpenIn("acme", Utc(2020, 1, 1), "CN");
  log.OpenIn("acme-2", Utc(2020, 1, 1), "CN");
  log.Pursue("acme-2", Utc(2025, 1, 1), "O-2");
  log.Pursue("acme", Utc(2025, 1, 1), "O-1");
  log.Raise("acme", Utc(2025, 1, 1), "O-1", ISSUE_KIND_REQUEST);
  const OpportunityList one = OpportunitiesOf(log, AsOf(Utc(2026, 1, 1)), {.account_id = "acme"});
  ASSERT_EQ(one.rows.size(), 1u);
  EXPECT_EQ(one.rows[0].opportunity_id, "O-1");
  EXPECT_EQ(OpportunitiesOf(log, AsOf(Utc(2026, 1, 1)), {}).count, 2);
}

TEST(ItemsAsOf, KeepToTheAccountsOfTheFilterByWhatTheyAreAtTheMoment) {
  PipelineLog log;
  log.OpenIn("acme", Utc(2020, 1, 1), "CN/31", "hotel", "li");
  log.OpenIn("beta", Utc(2020, 1, 1), "US", "shop", "wang");
  log.Pursue("acme", Utc(2025, 1, 1), "O-1");
  log.Pursue("beta", Utc(2025, 1, 1), "O-2");
  log.On("acme", Utc(2025, 6, 1)).mutable_account_facts_updated()->set_owner("wang");
  PipelineScope scope = AsOf(Utc(2025, 5, 1));
  scope.filter.owner = "wang";
  EXPECT_EQ(OpportunitiesOf(log, scope, {}).count, 1);
  scope.as_of = Utc(2025, 7, 1);
  EXPECT_EQ(OpportunitiesOf(log, scope, {}).count, 2);
  scope.filter.region = "CN";
  EXPECT_EQ(OpportunitiesOf(log, scope, {}).rows.at(0).opportunity_id, "O-1");
  scope.filter.segment = "shop";
  EXPECT_EQ(OpportunitiesOf(log, scope, {}).count, 0);
}

TEST(ItemsAsOf, AreGivenUpWhenNobodyWaits) {
  PipelineLog log;
  for (int i = 0; i < 300; ++i) {
    const std::string account = "a" + std::to_string(i);
    log.OpenIn(account, Utc(2020, 1, 1), "CN");
    log.Pursue(account, Utc(2025, 1, 1), "O");
  }
  PipelineScope scope = AsOf(Utc(2026, 1, 1));
  scope.canceled = [] { return true; };
  const EngagementRows rows(log);
  EXPECT_EQ(ListOpportunities(rows.shards(), scope, {}).status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(ListIssues(rows.shards(), scope, {}).status().code(), absl::StatusCode::kCancelled)
      << "also while no account has what is asked for";
}

// Two hundred accounts with opportunities and issues, drawn at random.
std::vector<EventRecord> RandomItems(uint32_t seed) {
  std::mt19937 random(seed);
  const auto draw = [&](int below) { return static_cast<int>(random() % static_cast<uint32_t>(below)); };
  PipelineLog log;
  for (int i = 0; i < 200; ++i) {
    const std::string account = "a" + std::to_string(i);
    log.OpenIn(account, Utc(2020, 1, 1), draw(2) == 0 ? "CN" : "US", "", "km-" + std::to_string(draw(5)));
    for (int k = 0; k < draw(4); ++k) {
      const std::string id = "O-" + std::to_string(k);
      const Micros at = Utc(2024, 1 + draw(12), 1 + draw(28));
      log.Pursue(account, at, id, draw(3) == 0 ? 0 : 1 + draw(1'000), draw(1'001));
      if (draw(2) == 0) log.Move(account, at + draw(90) * kMicrosPerDay, id, OPPORTUNITY_STAGE_QUALIFIED);
      if (draw(3) == 0) log.Move(account, at + draw(200) * kMicrosPerDay, id, OPPORTUNITY_STAGE_DROPPED);
      log.Raise(account, at, id, draw(2) == 0 ? ISSUE_KIND_COMPLAINT : ISSUE_KIND_REQUEST);
      if (draw(2) == 0) log.Handle(account, at + draw(50) * kMicrosPerDay, id, ISSUE_STATE_RESOLVED);
    }
  }
  return log.records();
}

std::string Written(const OpportunityRow& row) {
  return row.account_id + "/" + row.opportunity_id + "/" + std::to_string(row.stage) + "/" +
         std::to_string(row.age_days(Utc(2025, 1, 1))) + "/" + row.person + "/" + std::to_string(row.expected_micros());
}

TEST(PipelineOrder, IsTheSameOnFourShardsAsOnOne) {
  const std::vector<EventRecord> records = RandomItems(7);
  const EngagementRows one(records, 1);
  const EngagementRows four(records, 4);
  const PipelineScope scope = AsOf(Utc(2025, 1, 1));
  const OpportunityQuery all{.state = ItemState::kAll, .page = {.size = 1'000}};
  const OpportunityList by_one = Must(ListOpportunities(one.shards(), scope, all));
  const OpportunityList by_four = Must(ListOpportunities(four.shards(), scope, all));
  ASSERT_EQ(by_one.rows.size(), by_four.rows.size());
  ASSERT_GT(by_one.rows.size(), 200u);
  for (size_t i = 0; i < by_one.rows.size(); ++i) EXPECT_EQ(Written(by_one.rows[i]), Written(by_four.rows[i]));
  EXPECT_EQ(by_one.sums.at("USD").micros, by_four.sums.at("USD").micros);
  const IssueList issues_one = Must(ListIssues(one.shards(), scope, {.state = ItemState::kAll}));
  const IssueList issues_four = Must(ListIssues(four.shards(), scope, {.state = ItemState::kAll}));
  EXPECT_EQ(issues_one.times.at(0).median_hours, issues_four.times.at(0).median_hours);
  EXPECT_EQ(issues_one.times.at(0).p90_hours, issues_four.times.at(0).p90_hours);
}

TEST(PipelineOrder, OfPagesIsThatOfTheWholeList) {
  const std::vector<EventRecord> records = RandomItems(11);
  const EngagementRows rows(records, 3);
  const PipelineScope scope = AsOf(Utc(2025, 1, 1));
  const OpportunityList whole =
      Must(ListOpportunities(rows.shards(), scope, {.state = ItemState::kAll, .page = {.size = 1'000}}));
  for (const size_t size : {1u, 7u, 100u}) {
    std::vector<std::string> paged;
    OpportunityQuery query{.state = ItemState::kAll, .page = {.size = size}};
    do {
      const OpportunityList page = Must(ListOpportunities(rows.shards(), scope, query));
      EXPECT_LE(page.rows.size(), size);
      EXPECT_EQ(page.count, whole.count);
      for (const OpportunityRow& row : page.rows) paged.push_back(Written(row));
      query.page.after = page.next;
    } while (!query.page.after.empty());
    ASSERT_EQ(paged.size(), whole.rows.size()) << size;
    for (size_t i = 0; i < paged.size(); ++i) EXPECT_EQ(paged[i], Written(whole.rows[i]));
  }
}

TEST(PipelineOrder, DoesNotDependOnWhichAccountWroteFirst) {
  std::vector<EventRecord> records = RandomItems(3);
  const EngagementRows rows(records, 2);
  // Accounts one after the other, the last first: each account's own facts stay in their order.
  std::stable_sort(records.begin(), records.end(),
                   [](const EventRecord& a, const EventRecord& b) { return a.account_id() > b.account_id(); });
  const EngagementRows turned(records, 2);
  const PipelineScope scope = AsOf(Utc(2025, 1, 1));
  const OpportunityQuery all{.state = ItemState::kAll, .page = {.size = 1'000}};
  const OpportunityList before = Must(ListOpportunities(rows.shards(), scope, all));
  const OpportunityList after = Must(ListOpportunities(turned.shards(), scope, all));
  ASSERT_EQ(before.rows.size(), after.rows.size());
  for (size_t i = 0; i < before.rows.size(); ++i) EXPECT_EQ(Written(before.rows[i]), Written(after.rows[i]));
}

TEST(PipelineOrder, RefusesATokenThatIsNone) {
  const EngagementRows rows(OneLost());
  for (const std::string token : {"x", "0123456789012345678901234567890"}) {
    const auto refused = ListOpportunities(rows.shards(), AsOf(Utc(2026, 1, 1)), {.page = {.after = token}});
    EXPECT_EQ(ReasonOf(refused.status()), Reason::kInvalidToken);
  }
}

TEST(PipelineRanks, AreTheNearest) {
  std::vector<int64_t> one = {7};
  EXPECT_EQ(MedianOf(one), 7);
  std::vector<int64_t> four = {4, 1, 3, 2};
  EXPECT_EQ(MedianOf(four), 2) << "the lower of the two in the middle";
  std::vector<int64_t> ten = {10, 9, 8, 7, 6, 5, 4, 3, 2, 1};
  EXPECT_EQ(RankOf(ten, 900), 9);
  std::vector<int64_t> eleven = {11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1};
  EXPECT_EQ(RankOf(eleven, 900), 10) << "9.9 of eleven";
}

}  // namespace
}  // namespace keyledger::projections::pipeline
