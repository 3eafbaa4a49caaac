// PortfolioService over the wire, on one shard and on four: what it answers, and what it refuses.
#include <limits>

#include "tests/integration/live_server.h"

namespace keyledger::testing {
namespace {

using namespace ledger::v1;
using Fields = std::vector<std::string>;
using Ids = std::vector<std::string>;

// 2025-01-01T00:00:00Z.
constexpr Micros k2025 = 1'735'689'600 * kMicrosPerSecond;

// So many days, from 0, after the beginning of 2025.
Micros Day(int day) { return k2025 + day * kMicrosPerDay; }

constexpr int kFebruary = 31;
constexpr int kMarch = 59;
constexpr int kOctober = 273;
constexpr int kNovember = 304;
constexpr int kDecember = 334;
constexpr int kNextYear = 365;

shard::SubmittedEvent OpenedIn(const std::string& region, const std::string& segment, const std::string& owner) {
  shard::SubmittedEvent fact = Opened(Day(-366));
  fact.event.mutable_account_opened()->set_region(region);
  fact.event.mutable_account_opened()->set_segment(segment);
  fact.event.mutable_account_opened()->set_owner(owner);
  return fact;
}

void SetUsd(int64_t usd, events::v1::Money* money) {
  money->set_currency_code("USD");
  money->set_micros(usd * kUnit);
}

shard::SubmittedEvent Sold(Micros at, int64_t usd, int64_t cost_usd) {
  shard::SubmittedEvent fact = Bought(usd, "", at);
  SetUsd(cost_usd, fact.event.mutable_purchase_recorded()->mutable_lines(0)->mutable_cost());
  return fact;
}

shard::SubmittedEvent Referred(Micros at, const std::string& referrer) {
  shard::SubmittedEvent fact = Fact(at);
  fact.event.mutable_referral_recorded()->set_referrer_account_id(referrer);
  fact.event.mutable_referral_recorded()->set_lead_source("referral");
  return fact;
}

shard::SubmittedEvent Answered(Micros at, events::v1::SurveyKind kind, int score) {
  shard::SubmittedEvent fact = Fact(at);
  fact.event.mutable_survey_answered()->set_kind(kind);
  fact.event.mutable_survey_answered()->set_score(score);
  return fact;
}

// acme, in CN/31, bought for 100, 60 and 90 in March, October and November of 2025, the first at a cost of 40, and cost
// 12 to win; a member since October; it declared a budget of 1,000. beta, in US, referred by acme, bought for 50 in
// November at a cost of 30 and took 35 to serve; the first of two suppliers. gamma, referred by beta, bought nothing;
// tau and upsilon refer each other.
void AppendPortfolio(LiveServer& server) {
  shard::SubmittedEvent joined = Fact(Day(kOctober));
  joined.event.mutable_club_joined()->set_club_id("friends");
  shard::SubmittedEvent won = Fact(Day(kFebruary));
  won.event.mutable_cost_recorded()->set_purpose(events::v1::COST_PURPOSE_ACQUISITION);
  SetUsd(12, won.event.mutable_cost_recorded()->mutable_cost());
  shard::SubmittedEvent stated = Fact(Day(0));
  events::v1::BudgetStated& budget = *stated.event.mutable_budget_stated();
  domain::SetTimestamp(budget.mutable_start_time(), Day(0));
  domain::SetTimestamp(budget.mutable_end_time(), Day(kNextYear));
  budget.set_basis(events::v1::BUDGET_BASIS_DECLARED);
  SetUsd(1'000, budget.mutable_amount());
  server.MustAppend(Request("acme", "r1",
                            {OpenedIn("CN/31", "hotel", "li"), Sold(Day(kMarch), 100, 40),
                             Bought(60, "", Day(kOctober + 4)), Bought(90, "", Day(kNovember + 4)), joined, won, stated,
                             Answered(Day(-31), events::v1::SURVEY_KIND_SATISFACTION, 5),
                             Answered(Day(kMarch + 1), events::v1::SURVEY_KIND_RECOMMENDATION, 10)}));
  shard::SubmittedEvent served = Fact(Day(kNovember + 6));
  served.event.mutable_service_provided()->set_kind("training");
  SetUsd(35, served.event.mutable_service_provided()->mutable_cost());
  shard::SubmittedEvent ranked = Fact(Day(kNovember));
  ranked.event.mutable_supplier_rank_stated()->set_place_halves(2);
  ranked.event.mutable_supplier_rank_stated()->set_suppliers(2);
  server.MustAppend(Request(
      "beta", "r1",
      {OpenedIn("US", "mine", "li"), Referred(Day(1), "acme"), Sold(Day(kNovember + 5), 50, 30), served, ranked}));
  server.MustAppend(Request("gamma", "r1", {OpenedIn("", "", ""), Referred(Day(1), "beta")}));
  server.MustAppend(Request("tau", "r1", {OpenedIn("", "", ""), Referred(Day(1), "upsilon")}));
  server.MustAppend(Request("upsilon", "r1", {OpenedIn("", "", ""), Referred(Day(1), "tau")}));
}

class PortfolioCalls : public ::testing::TestWithParam<uint32_t> {
 protected:
  PortfolioCalls() {
    AppendPortfolio(server_);
    cursor_ = server_.HeadCursor();
  }

  // A request that sees everything, as of the beginning of 2026.
  template <class Req>
  Req All(int as_of_day = kNextYear) const {
    Req request;
    request.set_min_cursor(cursor_);
    domain::SetTimestamp(request.mutable_scope()->mutable_as_of(), Day(as_of_day));
    return request;
  }

  template <class Req, class Response>
  Response Get(grpc::Status (PortfolioService::Stub::*method)(grpc::ClientContext*, const Req&, Response*),
               const Req& request) {
    Response response;
    const grpc::Status status = Call(server_.portfolio(), method, request, &response);
    EXPECT_TRUE(status.ok()) << ReadRpcError(status);
    return response;
  }

  template <class Req, class Response>
  RpcError Refused(grpc::Status (PortfolioService::Stub::*method)(grpc::ClientContext*, const Req&, Response*),
                   const Req& request) {
    Response response;
    const grpc::Status status = Call(server_.portfolio(), method, request, &response);
    EXPECT_FALSE(status.ok());
    return ReadRpcError(status);
  }

  // That the request is refused for one field.
  template <class Req, class Response>
  void ExpectField(grpc::Status (PortfolioService::Stub::*method)(grpc::ClientContext*, const Req&, Response*),
                   const Req& request, const std::string& field) {
    const RpcError error = Refused(method, request);
    EXPECT_EQ(error.code, grpc::StatusCode::INVALID_ARGUMENT) << error;
    EXPECT_EQ(error.reason, "INVALID_FIELD") << error;
    EXPECT_EQ(error.field_names(), Fields{field}) << error;
  }

  LiveServer server_{GetParam()};
  std::string cursor_;
};

INSTANTIATE_TEST_SUITE_P(Shards, PortfolioCalls, ::testing::Values(1u, 4u));

TEST_P(PortfolioCalls, GetConcentration) {
  auto request = All<GetConcentrationRequest>();
  request.set_curve_points(2);
  request.set_alert_milli(833);
  const auto response = Get(&PortfolioService::Stub::GetConcentration, request);
  EXPECT_EQ(response.accounts(), 2);
  EXPECT_EQ(response.total_micros(), 300 * kUnit);
  ASSERT_EQ(response.groups_size(), 2);
  EXPECT_EQ(response.groups(0).percent(), 5);
  EXPECT_EQ(response.groups(0).accounts(), 1);
  EXPECT_DOUBLE_EQ(response.groups(0).share(), 250.0 / 300);
  EXPECT_EQ(response.groups(0).total_micros(), 250 * kUnit);
  EXPECT_EQ(response.groups(1).percent(), 20);
  EXPECT_EQ(response.groups(1).accounts(), 0);
  EXPECT_EQ(response.groups(1).cumulative_accounts(), 1);
  EXPECT_DOUBLE_EQ(response.groups(1).cumulative_share(), 250.0 / 300);
  ASSERT_EQ(response.covering_size(), 2);
  EXPECT_EQ(response.covering(1).percent(), 80);
  EXPECT_EQ(response.covering(1).accounts(), 1);
  EXPECT_DOUBLE_EQ(response.covering(1).account_share(), 0.5);
  EXPECT_DOUBLE_EQ(response.gini(), 1.0 / 3);
  ASSERT_EQ(response.curve_size(), 2);
  EXPECT_DOUBLE_EQ(response.curve(0).accounts(), 0.5);
  EXPECT_DOUBLE_EQ(response.curve(0).share(), 50.0 / 300);
  EXPECT_EQ(response.currency_code(), "USD");
  EXPECT_TRUE(response.alert());
  // 833.3 thousandths are not 834.
  request.set_alert_milli(834);
  EXPECT_FALSE(Get(&PortfolioService::Stub::GetConcentration, request).alert());
  request.mutable_scope()->mutable_accounts()->set_region("US");
  EXPECT_EQ(Get(&PortfolioService::Stub::GetConcentration, request).total_micros(), 50 * kUnit);
}

TEST_P(PortfolioCalls, GetClassesByRank) {
  auto request = All<GetClassesRequest>();
  request.set_class_id("other");
  const auto response = Get(&PortfolioService::Stub::GetClasses, request);
  ASSERT_EQ(response.classes_size(), 4);
  EXPECT_EQ(response.classes(0).class_id(), "core");
  EXPECT_EQ(response.classes(0).accounts(), 1);
  EXPECT_DOUBLE_EQ(response.classes(0).share(), 250.0 / 300);
  EXPECT_EQ(response.classes(2).class_id(), "promising");
  EXPECT_EQ(response.classes(2).accounts(), 0);
  EXPECT_EQ(response.classes(3).total_micros(), 50 * kUnit);
  ASSERT_EQ(response.members_size(), 1);
  EXPECT_EQ(response.members(0).account_id(), "beta");
  EXPECT_EQ(response.members(0).rank(), 2);
  EXPECT_FALSE(response.members(0).has_expected_revenue_micros());
  EXPECT_NE(response.basis().find("no forecast is possible"), std::string::npos);
  EXPECT_EQ(response.currency_code(), "USD");
}

TEST_P(PortfolioCalls, GetClassesByProfit) {
  auto request = All<GetClassesRequest>();
  request.set_scheme(CLASS_SCHEME_ABC);
  request.set_class_id("C");
  const auto response = Get(&PortfolioService::Stub::GetClasses, request);
  ASSERT_EQ(response.classes_size(), 3);
  EXPECT_EQ(response.classes(0).class_id(), "A");
  EXPECT_EQ(response.classes(0).total_micros(), 198 * kUnit);
  EXPECT_EQ(response.classes(1).accounts(), 0);
  ASSERT_EQ(response.members_size(), 1);
  EXPECT_EQ(response.members(0).account_id(), "beta");
  EXPECT_EQ(response.members(0).micros(), -15 * kUnit);
  // Of revenue it takes both to hold 95 %.
  request.set_measure(PORTFOLIO_MEASURE_REVENUE);
  request.set_class_id("B");
  const auto by_revenue = Get(&PortfolioService::Stub::GetClasses, request);
  ASSERT_EQ(by_revenue.members_size(), 1);
  EXPECT_EQ(by_revenue.members(0).micros(), 50 * kUnit);
}

TEST_P(PortfolioCalls, ListProfitabilityPageByPage) {
  auto request = All<ListProfitabilityRequest>();
  request.set_page_size(1);
  const auto first = Get(&PortfolioService::Stub::ListProfitability, request);
  ASSERT_EQ(first.accounts_size(), 1);
  EXPECT_EQ(first.accounts(0).account_id(), "acme");
  EXPECT_EQ(first.accounts(0).revenue_micros(), 250 * kUnit);
  EXPECT_EQ(first.accounts(0).goods_cost_micros(), 40 * kUnit);
  EXPECT_EQ(first.accounts(0).margin_micros(), 210 * kUnit);
  EXPECT_EQ(first.accounts(0).serve_cost_micros(), 12 * kUnit);
  EXPECT_EQ(first.accounts(0).profit_micros(), 198 * kUnit);
  EXPECT_EQ(first.accounts(0).acquisition_cost_micros(), 12 * kUnit);
  EXPECT_EQ(first.total().profit_micros(), 183 * kUnit);
  EXPECT_EQ(first.account_count(), 2);
  EXPECT_EQ(first.loss_making(), 1);
  EXPECT_EQ(first.loss_micros(), -15 * kUnit);
  EXPECT_DOUBLE_EQ(first.revenue_cost_correlation(), -1);
  request.set_page_token(first.next_page_token());
  const auto second = Get(&PortfolioService::Stub::ListProfitability, request);
  ASSERT_EQ(second.accounts_size(), 1);
  EXPECT_EQ(second.accounts(0).account_id(), "beta");
  EXPECT_EQ(second.next_page_token(), "");
  // A token is bound to its request.
  request.set_loss_making_only(true);
  EXPECT_EQ(Refused(&PortfolioService::Stub::ListProfitability, request).reason, "INVALID_TOKEN");
  request.clear_page_token();
  EXPECT_EQ(Get(&PortfolioService::Stub::ListProfitability, request).accounts(0).account_id(), "beta");
}

TEST_P(PortfolioCalls, ListWalletSharesPageByPage) {
  auto request = All<ListWalletSharesRequest>();
  request.set_page_size(1);
  const auto first = Get(&PortfolioService::Stub::ListWalletShares, request);
  ASSERT_EQ(first.accounts_size(), 1);
  EXPECT_EQ(first.accounts(0).account_id(), "acme");
  EXPECT_EQ(first.accounts(0).basis(), WALLET_BASIS_DECLARED);
  EXPECT_DOUBLE_EQ(first.accounts(0).share(), 0.25);
  EXPECT_EQ(first.accounts(0).budget_micros(), 1'000 * kUnit);
  EXPECT_EQ(first.accounts(0).revenue_micros(), 250 * kUnit);
  EXPECT_EQ(first.account_count(), 5);
  EXPECT_EQ(first.budgeted(), 1);
  EXPECT_DOUBLE_EQ(first.budgeted_share(), 0.25);
  EXPECT_EQ(first.unknown(), 3);
  request.set_page_token(first.next_page_token());
  const auto second = Get(&PortfolioService::Stub::ListWalletShares, request);
  ASSERT_EQ(second.accounts_size(), 1);
  EXPECT_EQ(second.accounts(0).account_id(), "beta");
  EXPECT_EQ(second.accounts(0).basis(), WALLET_BASIS_RANK);
  EXPECT_DOUBLE_EQ(second.accounts(0).share(), 2.0 / 3);
  EXPECT_EQ(second.accounts(0).place_halves(), 2);
  EXPECT_EQ(second.accounts(0).suppliers(), 2);
  EXPECT_EQ(second.next_page_token(), "");
  // Ten days into 2026 no budget is in force any more.
  const auto over = Get(&PortfolioService::Stub::ListWalletShares, All<ListWalletSharesRequest>(kNextYear + 9));
  EXPECT_EQ(over.budgeted(), 0);
  EXPECT_EQ(over.budgets(), 1);
  EXPECT_FALSE(over.has_budgeted_share());
}

TEST_P(PortfolioCalls, ListWalletSharesWhereTheDataEnd) {
  ListWalletSharesRequest request;
  request.set_min_cursor(cursor_);
  const auto response = Get(&PortfolioService::Stub::ListWalletShares, request);
  // The last purchase is beta's, on day 309 of 365.
  EXPECT_EQ(domain::MicrosOf(response.as_of()), Day(kNovember + 6));
  EXPECT_EQ(response.budgeted(), 1);
  EXPECT_EQ(response.over_budget(), 0);
  EXPECT_EQ(response.accounts(0).budget_micros(), 849'315'068) << "310 / 365 of 1,000";
}

TEST_P(PortfolioCalls, GetSatisfaction) {
  auto request = All<GetSatisfactionRequest>();
  request.mutable_scope()->set_period(PERIOD_YEAR);
  const auto response = Get(&PortfolioService::Stub::GetSatisfaction, request);
  ASSERT_EQ(response.periods_size(), 2);
  EXPECT_EQ(response.periods(0).period(), "2024");
  EXPECT_EQ(response.periods(0).satisfaction_answers(), 1);
  EXPECT_EQ(response.periods(0).satisfied(), 1);
  EXPECT_DOUBLE_EQ(response.periods(0).csat(), 1);
  EXPECT_FALSE(response.periods(0).has_nps());
  EXPECT_EQ(response.periods(0).satisfied_observed(), 1);
  EXPECT_EQ(response.periods(0).satisfied_left(), 0);
  EXPECT_DOUBLE_EQ(response.periods(0).satisfied_left_share(), 0);
  EXPECT_EQ(response.periods(1).recommendation_answers(), 1);
  EXPECT_EQ(response.periods(1).promoters(), 1);
  EXPECT_EQ(response.periods(1).detractors(), 0);
  EXPECT_DOUBLE_EQ(response.periods(1).nps(), 100);
  EXPECT_DOUBLE_EQ(response.total().nps(), 100);
  EXPECT_FALSE(response.has_satisfaction_loyalty_correlation());
  // It bought after 90 days, which is too late for 89.
  request.set_left_days(89);
  EXPECT_EQ(Get(&PortfolioService::Stub::GetSatisfaction, request).total().satisfied_left(), 1);
}

TEST_P(PortfolioCalls, GetAcquisition) {
  auto request = All<GetAcquisitionRequest>();
  request.mutable_scope()->set_period(PERIOD_QUARTER);
  const auto response = Get(&PortfolioService::Stub::GetAcquisition, request);
  ASSERT_EQ(response.periods_size(), 4);
  EXPECT_EQ(response.periods(0).period(), "2025-Q1");
  EXPECT_EQ(response.periods(0).acquisition_cost_micros(), 12 * kUnit);
  EXPECT_EQ(response.periods(0).won(), 1);
  EXPECT_DOUBLE_EQ(response.periods(0).cost_per_won_micros(), 12e6);
  EXPECT_EQ(response.periods(3).won(), 1);
  EXPECT_EQ(response.total().won(), 2);
  EXPECT_DOUBLE_EQ(response.total().cost_per_won_micros(), 6e6);
  EXPECT_EQ(response.total().kept(), 0);
  EXPECT_EQ(response.total().retention_cost_micros(), 0);
  EXPECT_FALSE(response.total().has_cost_per_kept_micros());
  EXPECT_FALSE(response.total().has_ratio());
  EXPECT_EQ(response.costs_left_out(), 0);
  EXPECT_EQ(response.currency_code(), "USD");
  // In euros nothing was bought, and both costs are left out.
  request.mutable_scope()->set_currency_code("EUR");
  EXPECT_EQ(Get(&PortfolioService::Stub::GetAcquisition, request).costs_left_out(), 2);
}

TEST_P(PortfolioCalls, GetMembership) {
  const auto response = Get(&PortfolioService::Stub::GetMembership, All<GetMembershipRequest>());
  EXPECT_EQ(response.members(), 1);
  EXPECT_EQ(response.member().accounts(), 1);
  EXPECT_EQ(response.member().purchases(), 2);
  EXPECT_EQ(response.member().revenue_micros(), 150 * kUnit);
  EXPECT_DOUBLE_EQ(response.member().revenue_share(), 0.5);
  EXPECT_DOUBLE_EQ(response.member().average_purchase_micros(), 75e6);
  EXPECT_EQ(response.other().accounts(), 2);
  EXPECT_EQ(response.other().purchases(), 2);
  EXPECT_EQ(response.other().revenue_micros(), 150 * kUnit);
  EXPECT_EQ(response.compared(), 1);
  EXPECT_DOUBLE_EQ(response.average_before_micros(), 100e6);
  EXPECT_DOUBLE_EQ(response.average_after_micros(), 75e6);
  EXPECT_EQ(response.currency_code(), "USD");
  auto golf = All<GetMembershipRequest>();
  golf.set_club_id("golf");
  EXPECT_EQ(Get(&PortfolioService::Stub::GetMembership, golf).members(), 0);
  EXPECT_FALSE(Get(&PortfolioService::Stub::GetMembership, golf).member().has_average_purchase_micros());
}

TEST_P(PortfolioCalls, GetReferralTree) {
  const auto response = Get(&PortfolioService::Stub::GetReferralTree, All<GetReferralTreeRequest>());
  ASSERT_EQ(response.nodes_size(), 3);
  const ReferralNode& acme = response.nodes(0);
  EXPECT_EQ(acme.account_id(), "acme");
  EXPECT_EQ(acme.referrer_account_id(), "");
  EXPECT_EQ(acme.revenue_micros(), 250 * kUnit);
  EXPECT_EQ(acme.downstream_accounts(), 2);
  EXPECT_EQ(acme.downstream_converted(), 1);
  EXPECT_EQ(acme.downstream_revenue_micros(), 50 * kUnit);
  EXPECT_EQ(response.nodes(2).account_id(), "gamma");
  EXPECT_EQ(response.nodes(2).referrer_account_id(), "beta");
  EXPECT_EQ(response.nodes(2).depth(), 2);
  EXPECT_EQ(response.nodes(2).lead_source(), "referral");
  EXPECT_FALSE(response.truncated());
  EXPECT_EQ(Ids(response.circular_account_ids().begin(), response.circular_account_ids().end()),
            (Ids{"tau", "upsilon"}));
  ASSERT_EQ(response.sources_size(), 2);
  EXPECT_EQ(response.sources(0).lead_source(), "");
  EXPECT_EQ(response.sources(0).accounts(), 1);
  EXPECT_EQ(response.sources(1).accounts(), 4);
  EXPECT_EQ(response.sources(1).converted(), 1);
  EXPECT_EQ(response.sources(1).revenue_micros(), 50 * kUnit);
  EXPECT_EQ(response.currency_code(), "USD");
  auto request = All<GetReferralTreeRequest>();
  request.set_account_id("beta");
  request.set_max_nodes(1);
  EXPECT_TRUE(Get(&PortfolioService::Stub::GetReferralTree, request).truncated());
  request.set_account_id("nobody");
  const RpcError error = Refused(&PortfolioService::Stub::GetReferralTree, request);
  EXPECT_EQ(error.code, grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(error.reason, "ACCOUNT_NOT_FOUND");
}

TEST_P(PortfolioCalls, GetRankMigration) {
  const auto response = Get(&PortfolioService::Stub::GetRankMigration, All<GetRankMigrationRequest>(kDecember));
  EXPECT_EQ(response.earlier_period(), "2025-10");
  EXPECT_EQ(response.later_period(), "2025-11");
  EXPECT_EQ(Ids(response.states().begin(), response.states().end()), (Ids{"A", "B", "C", "N"}));
  ASSERT_EQ(response.counts_size(), 4);
  const auto row = [&](int i) {
    return std::vector<int64_t>(response.counts(i).to().begin(), response.counts(i).to().end());
  };
  EXPECT_EQ(row(0), (std::vector<int64_t>{1, 0, 0, 0}));
  EXPECT_EQ(row(3), (std::vector<int64_t>{0, 0, 1, 0}));
  ASSERT_EQ(response.risers_size(), 1);
  EXPECT_EQ(response.risers(0).account_id(), "beta");
  EXPECT_EQ(response.risers(0).earlier_rank(), 0);
  EXPECT_EQ(response.risers(0).later_rank(), 2);
  EXPECT_EQ(response.risers(0).earlier_micros(), 0);
  EXPECT_EQ(response.risers(0).later_micros(), 50 * kUnit);
  EXPECT_EQ(response.risers(0).earlier_class(), "N");
  EXPECT_EQ(response.risers(0).later_class(), "C");
  EXPECT_FALSE(response.has_rank_correlation());
  EXPECT_EQ(response.currency_code(), "USD");
}

TEST_P(PortfolioCalls, ListGroups) {
  auto request = All<ListGroupsRequest>();
  const auto groups_of = [&](GroupDimension dimension, int64_t without) {
    request.set_dimension(dimension);
    const auto response = Get(&PortfolioService::Stub::ListGroups, request);
    EXPECT_EQ(response.without(), without);
    std::string text;
    for (const Group& group : response.groups()) text += group.value() + " " + std::to_string(group.accounts()) + ", ";
    return text;
  };
  EXPECT_EQ(groups_of(GROUP_DIMENSION_REGION, 3), "CN 1, CN/31 1, US 1, ");
  EXPECT_EQ(groups_of(GROUP_DIMENSION_SEGMENT, 3), "hotel 1, mine 1, ");
  EXPECT_EQ(groups_of(GROUP_DIMENSION_OWNER, 3), "li 2, ");
  EXPECT_EQ(groups_of(GROUP_DIMENSION_TIER, 5), "");
  EXPECT_EQ(groups_of(GROUP_DIMENSION_CLUB, 4), "friends 1, ");
}

// What every method refuses the same way.
template <class Test, class Req, class Response>
void ExpectCommonRefusals(Test&& refused,
                          grpc::Status (PortfolioService::Stub::*method)(grpc::ClientContext*, const Req&, Response*),
                          Req request) {
  Req broken = request;
  broken.mutable_scope()->set_period_length(367);
  EXPECT_EQ(refused(method, broken).field_names(), Fields{"scope.period_length"});
  broken = request;
  broken.mutable_scope()->mutable_accounts()->set_region("/");
  EXPECT_EQ(refused(method, broken).field_names(), Fields{"scope.accounts.region"});
  broken = request;
  broken.set_min_cursor("nonsense");
  EXPECT_EQ(refused(method, broken).reason, "INVALID_TOKEN");
}

TEST_P(PortfolioCalls, RefusesScopesAndCursorsThatAreNone) {
  const auto refused = [this](auto method, const auto& request) { return Refused(method, request); };
  ExpectCommonRefusals(refused, &PortfolioService::Stub::GetConcentration, All<GetConcentrationRequest>());
  ExpectCommonRefusals(refused, &PortfolioService::Stub::GetClasses, All<GetClassesRequest>());
  ExpectCommonRefusals(refused, &PortfolioService::Stub::ListProfitability, All<ListProfitabilityRequest>());
  ExpectCommonRefusals(refused, &PortfolioService::Stub::ListWalletShares, All<ListWalletSharesRequest>());
  ExpectCommonRefusals(refused, &PortfolioService::Stub::GetSatisfaction, All<GetSatisfactionRequest>());
  ExpectCommonRefusals(refused, &PortfolioService::Stub::GetAcquisition, All<GetAcquisitionRequest>());
  ExpectCommonRefusals(refused, &PortfolioService::Stub::GetMembership, All<GetMembershipRequest>());
  ExpectCommonRefusals(refused, &PortfolioService::Stub::GetReferralTree, All<GetReferralTreeRequest>());
  ExpectCommonRefusals(refused, &PortfolioService::Stub::GetRankMigration, All<GetRankMigrationRequest>());
  auto groups = All<ListGroupsRequest>();
  groups.set_dimension(GROUP_DIMENSION_OWNER);
  ExpectCommonRefusals(refused, &PortfolioService::Stub::ListGroups, groups);
}

TEST_P(PortfolioCalls, RefusesAConcentrationOutOfItsBounds) {
  const auto method = &PortfolioService::Stub::GetConcentration;
  auto request = All<GetConcentrationRequest>();
  for (int i = 0; i < 20; ++i) request.add_cut_percent(5);
  for (int i = 0; i < 20; ++i) request.add_cover_percent(100);
  request.set_curve_points(200);
  request.set_alert_milli(1'000);
  EXPECT_EQ(Get(method, request).groups_size(), 20);
  const auto expect = [&](const std::string& field, const auto& change) {
    GetConcentrationRequest broken = request;
    change(broken);
    ExpectField(method, broken, field);
  };
  expect("cut_percent", [](auto& broken) { broken.add_cut_percent(1); });
  expect("cut_percent", [](auto& broken) { broken.set_cut_percent(19, 6); });
  expect("cut_percent[3]", [](auto& broken) { broken.set_cut_percent(3, 0); });
  expect("cut_percent[0]", [](auto& broken) { broken.set_cut_percent(0, 101); });
  expect("cover_percent", [](auto& broken) { broken.add_cover_percent(1); });
  expect("cover_percent[2]", [](auto& broken) { broken.set_cover_percent(2, 0); });
  expect("cover_percent[2]", [](auto& broken) { broken.set_cover_percent(2, 101); });
  expect("curve_points", [](auto& broken) { broken.set_curve_points(201); });
  expect("curve_points", [](auto& broken) { broken.set_curve_points(-1); });
  expect("alert_milli", [](auto& broken) { broken.set_alert_milli(1'001); });
  expect("alert_milli", [](auto& broken) { broken.set_alert_milli(-1); });
  expect("measure", [](auto& broken) { broken.set_measure(static_cast<PortfolioMeasure>(99)); });
  expect("start_time", [](auto& broken) { *broken.mutable_start_time() = broken.scope().as_of(); });
  expect("start_time",
         [](auto& broken) { broken.mutable_start_time()->set_seconds(std::numeric_limits<int64_t>::max()); });
}

TEST_P(PortfolioCalls, RefusesClassesOutOfTheirBounds) {
  const auto method = &PortfolioService::Stub::GetClasses;
  auto request = All<GetClassesRequest>();
  request.add_cut_milli(1);
  request.add_cut_milli(1'000);
  request.set_page_size(1'000);
  EXPECT_EQ(Get(method, request).classes_size(), 4);
  const auto expect = [&](const std::string& field, const auto& change) {
    GetClassesRequest broken = request;
    change(broken);
    ExpectField(method, broken, field);
  };
  expect("cut_milli", [](auto& broken) { broken.set_cut_milli(0, 0); });
  expect("cut_milli", [](auto& broken) { broken.set_cut_milli(0, 1'000); });
  expect("cut_milli", [](auto& broken) { broken.set_cut_milli(1, 1'001); });
  expect("cut_milli", [](auto& broken) { broken.add_cut_milli(1'000); });
  expect("cut_milli", [](auto& broken) { broken.mutable_cut_milli()->RemoveLast(); });
  expect("class_id", [](auto& broken) { broken.set_class_id("A"); });
  expect("scheme", [](auto& broken) { broken.set_scheme(static_cast<ClassScheme>(99)); });
  expect("measure", [](auto& broken) { broken.set_measure(static_cast<PortfolioMeasure>(99)); });
  expect("page_size", [](auto& broken) { broken.set_page_size(1'001); });
  expect("page_size", [](auto& broken) { broken.set_page_size(-1); });
  expect("start_time", [](auto& broken) { *broken.mutable_start_time() = broken.scope().as_of(); });
  request.set_page_token("nonsense");
  EXPECT_EQ(Refused(method, request).reason, "INVALID_TOKEN");
}

TEST_P(PortfolioCalls, RefusesListsOutOfTheirBounds) {
  auto profit = All<ListProfitabilityRequest>();
  profit.set_page_size(1'001);
  ExpectField(&PortfolioService::Stub::ListProfitability, profit, "page_size");
  profit.set_page_size(0);
  *profit.mutable_start_time() = profit.scope().as_of();
  ExpectField(&PortfolioService::Stub::ListProfitability, profit, "start_time");
  auto wallet = All<ListWalletSharesRequest>();
  wallet.set_category(std::string(64, 'c'));
  EXPECT_EQ(Get(&PortfolioService::Stub::ListWalletShares, wallet).budgeted(), 0);
  wallet.set_category(std::string(65, 'c'));
  ExpectField(&PortfolioService::Stub::ListWalletShares, wallet, "category");
  wallet.clear_category();
  wallet.set_page_size(-1);
  ExpectField(&PortfolioService::Stub::ListWalletShares, wallet, "page_size");
  wallet.set_page_size(1);
  wallet.set_page_token("nonsense");
  EXPECT_EQ(Refused(&PortfolioService::Stub::ListWalletShares, wallet).reason, "INVALID_TOKEN");
}

TEST_P(PortfolioCalls, RefusesRelationsOutOfTheirBounds) {
  auto satisfaction = All<GetSatisfactionRequest>();
  satisfaction.set_left_days(3'660);
  EXPECT_EQ(Get(&PortfolioService::Stub::GetSatisfaction, satisfaction).total().satisfied_observed(), 0);
  for (const int days : {-1, 3'661}) {
    satisfaction.set_left_days(days);
    ExpectField(&PortfolioService::Stub::GetSatisfaction, satisfaction, "left_days");
  }
  auto membership = All<GetMembershipRequest>();
  membership.set_club_id("Two Words");
  ExpectField(&PortfolioService::Stub::GetMembership, membership, "club_id");
  membership.clear_club_id();
  *membership.mutable_start_time() = membership.scope().as_of();
  ExpectField(&PortfolioService::Stub::GetMembership, membership, "start_time");
  auto referrals = All<GetReferralTreeRequest>();
  referrals.set_max_depth(100);
  referrals.set_max_nodes(10'000);
  EXPECT_EQ(Get(&PortfolioService::Stub::GetReferralTree, referrals).nodes_size(), 3);
  const auto expect = [&](const std::string& field, const auto& change) {
    GetReferralTreeRequest broken = referrals;
    change(broken);
    ExpectField(&PortfolioService::Stub::GetReferralTree, broken, field);
  };
  expect("account_id", [](auto& broken) { broken.set_account_id("two words"); });
  expect("max_depth", [](auto& broken) { broken.set_max_depth(101); });
  expect("max_depth", [](auto& broken) { broken.set_max_depth(-1); });
  expect("max_nodes", [](auto& broken) { broken.set_max_nodes(10'001); });
  expect("max_nodes", [](auto& broken) { broken.set_max_nodes(-1); });
}

TEST_P(PortfolioCalls, RefusesRanksAndGroupsOutOfTheirBounds) {
  auto ranks = All<GetRankMigrationRequest>();
  for (const int cut : {1, 2, 3, 4, 5, 6, 7, 999}) ranks.add_cut_milli(cut);
  ranks.set_page_size(1'000);
  EXPECT_EQ(Get(&PortfolioService::Stub::GetRankMigration, ranks).states_size(), 10);
  const auto expect = [&](const std::string& field, const auto& change) {
    GetRankMigrationRequest broken = ranks;
    change(broken);
    ExpectField(&PortfolioService::Stub::GetRankMigration, broken, field);
  };
  expect("cut_milli", [](auto& broken) { broken.add_cut_milli(999); });
  expect("cut_milli[0]", [](auto& broken) { broken.set_cut_milli(0, 0); });
  expect("cut_milli[4]", [](auto& broken) { broken.set_cut_milli(4, 4); });
  expect("cut_milli[7]", [](auto& broken) { broken.set_cut_milli(7, 1'000); });
  expect("page_size", [](auto& broken) { broken.set_page_size(1'001); });
  expect("page_size", [](auto& broken) { broken.set_page_size(-1); });
  expect("measure", [](auto& broken) { broken.set_measure(static_cast<PortfolioMeasure>(99)); });
  auto groups = All<ListGroupsRequest>();
  for (const int dimension : {0, 99}) {
    groups.set_dimension(static_cast<GroupDimension>(dimension));
    ExpectField(&PortfolioService::Stub::ListGroups, groups, "dimension");
  }
}

TEST(PortfolioOfAnEmptyLedger, IsEmpty) {
  LiveServer server(4);
  PortfolioService::Stub& stub = server.portfolio();
  GetConcentrationResponse concentration;
  EXPECT_TRUE(Call(stub, &PortfolioService::Stub::GetConcentration, {}, &concentration).ok());
  EXPECT_FALSE(concentration.has_gini());
  EXPECT_FALSE(concentration.alert());
  GetClassesResponse classes;
  EXPECT_TRUE(Call(stub, &PortfolioService::Stub::GetClasses, {}, &classes).ok());
  EXPECT_EQ(classes.classes_size(), 4);
  GetRankMigrationResponse ranks;
  EXPECT_TRUE(Call(stub, &PortfolioService::Stub::GetRankMigration, {}, &ranks).ok());
  EXPECT_EQ(ranks.later_period(), "");
  GetSatisfactionResponse satisfaction;
  EXPECT_TRUE(Call(stub, &PortfolioService::Stub::GetSatisfaction, {}, &satisfaction).ok());
  EXPECT_EQ(satisfaction.periods_size(), 0);
}

}  // namespace
}  // namespace keyledger::testing
