// PipelineService over the wire, on one shard and on four: what it answers, and what it refuses.
#include "keyledger/ledger/v1/pipeline_service.grpc.pb.h"
#include "tests/integration/live_server.h"

namespace keyledger::testing {
namespace {

using namespace ledger::v1;
using Stub = PipelineService::Stub;
using Fields = std::vector<std::string>;

// 2025-01-01T00:00:00Z.
constexpr Micros k2025 = 1'735'689'600 * kMicrosPerSecond;

// So many days, from 0, after the beginning of 2025.
Micros Day(int day) { return k2025 + day * kMicrosPerDay; }

void SetUsd(int64_t usd, events::v1::Money* money) {
  money->set_currency_code("USD");
  money->set_micros(usd * kUnit);
}

shard::SubmittedEvent OpenedBy(const std::string& region, const std::string& owner) {
  shard::SubmittedEvent fact = Opened(Day(-366));
  fact.event.mutable_account_opened()->set_region(region);
  fact.event.mutable_account_opened()->set_owner(owner);
  return fact;
}

shard::SubmittedEvent Pursued(int day, const std::string& id, int64_t usd, int chance) {
  shard::SubmittedEvent fact = Fact(Day(day));
  events::v1::OpportunityOpened& opened = *fact.event.mutable_opportunity_opened();
  opened.set_opportunity_id(id);
  opened.set_description("forty vans");
  SetUsd(usd, opened.mutable_amount());
  opened.set_chance_milli(chance);
  return fact;
}

shard::SubmittedEvent Moved(int day, const std::string& id, events::v1::OpportunityStage stage) {
  shard::SubmittedEvent fact = Fact(Day(day));
  fact.event.mutable_opportunity_moved()->set_opportunity_id(id);
  fact.event.mutable_opportunity_moved()->set_stage(stage);
  if (stage == events::v1::OPPORTUNITY_STAGE_LOST) fact.event.mutable_opportunity_moved()->set_reason("price");
  return fact;
}

shard::SubmittedEvent Proposed(int day, const std::string& id, int64_t usd) {
  shard::SubmittedEvent fact = Fact(Day(day));
  events::v1::QuoteProposed& proposed = *fact.event.mutable_quote_proposed();
  proposed.set_quote_id(id);
  proposed.set_proposer("anna");
  proposed.set_proposer_role("field_sales");
  SetUsd(usd, proposed.mutable_amount());
  return fact;
}

shard::SubmittedEvent Stepped(int day, const std::string& id, events::v1::QuoteStep step) {
  shard::SubmittedEvent fact = Fact(Day(day));
  fact.event.mutable_quote_moved()->set_quote_id(id);
  fact.event.mutable_quote_moved()->set_step(step);
  fact.event.mutable_quote_moved()->set_person("ina");
  return fact;
}

shard::SubmittedEvent Signed(int day, const std::string& id, int end_day, int64_t usd) {
  shard::SubmittedEvent fact = Fact(Day(day));
  events::v1::ContractSigned& contract = *fact.event.mutable_contract_signed();
  contract.set_contract_id(id);
  domain::SetTimestamp(contract.mutable_start_time(), Day(day));
  domain::SetTimestamp(contract.mutable_end_time(), Day(end_day));
  SetUsd(usd, contract.mutable_value());
  return fact;
}

shard::SubmittedEvent Raised(int day, const std::string& id, int due_day) {
  shard::SubmittedEvent fact = Fact(Day(day));
  events::v1::IssueOpened& issue = *fact.event.mutable_issue_opened();
  issue.set_issue_id(id);
  issue.set_kind(events::v1::ISSUE_KIND_COMPLAINT);
  issue.set_description("late delivery");
  issue.set_activity_id("meeting-" + id);
  domain::SetTimestamp(issue.mutable_due_time(), Day(due_day));
  return fact;
}

shard::SubmittedEvent Handled(int day, const std::string& id, events::v1::IssueState state) {
  shard::SubmittedEvent fact = Fact(Day(day));
  fact.event.mutable_issue_moved()->set_issue_id(id);
  fact.event.mutable_issue_moved()->set_state(state);
  fact.event.mutable_issue_moved()->set_note("done");
  return fact;
}

shard::SubmittedEvent Promised(int day, const std::string& id, int due_day) {
  shard::SubmittedEvent fact = Fact(Day(day));
  fact.event.mutable_promise_published()->set_promise_id(id);
  fact.event.mutable_promise_published()->set_description("free delivery");
  domain::SetTimestamp(fact.event.mutable_promise_published()->mutable_due_time(), Day(due_day));
  return fact;
}

shard::SubmittedEvent Planned(int day, const std::string& id, int end_day) {
  shard::SubmittedEvent fact = Fact(Day(day));
  events::v1::PlanDrafted& plan = *fact.event.mutable_plan_drafted();
  plan.set_plan_id(id);
  plan.set_description("grow together");
  domain::SetTimestamp(plan.mutable_start_time(), Day(day));
  domain::SetTimestamp(plan.mutable_end_time(), Day(end_day));
  return fact;
}

shard::SubmittedEvent Ordered(int day, const std::string& id, int64_t usd, const std::string& terms) {
  shard::SubmittedEvent fact = Fact(Day(day));
  fact.event.mutable_order_placed()->set_order_id(id);
  SetUsd(usd, fact.event.mutable_order_placed()->mutable_amount());
  fact.event.mutable_order_placed()->set_payment_terms(terms);
  return fact;
}

shard::SubmittedEvent Expected(int day, int64_t usd) {
  shard::SubmittedEvent fact = Fact(Day(day));
  events::v1::DemandForecastStated& stated = *fact.event.mutable_demand_forecast_stated();
  domain::SetTimestamp(stated.mutable_start_time(), Day(59));
  domain::SetTimestamp(stated.mutable_end_time(), Day(90));
  SetUsd(usd, stated.mutable_amount());
  stated.set_units(20);
  stated.set_declared(true);
  return fact;
}

shard::SubmittedEvent Excepted(int day) {
  shard::SubmittedEvent fact = Fact(Day(day));
  events::v1::PaymentExceptionGranted& granted = *fact.event.mutable_payment_exception_granted();
  granted.set_terms("on_delivery");
  granted.set_approver("carla");
  granted.set_reason("a first order");
  return fact;
}

shard::SubmittedEvent Asked(int day) {
  shard::SubmittedEvent fact = Fact(Day(day));
  fact.event.mutable_referral_asked()->set_contact_id("buyer-1");
  return fact;
}

// acme, of li in CN: O-1 in its second stage, O-2 lost; a quote approved and entered; a contract; an issue overdue.
// beta, of wang in US: O-3 a lead, a promise that is overdue, a plan nobody agreed to, an order on standard terms.
void AppendPipeline(LiveServer& server) {
  server.Publish(
      "program_id: sales\ntime_zone: UTC\ncurrency_code: USD\neffective_from: 2020-01-01\n"
      "payment_terms: {standard: [transfer]}\ndeadlines: {contract_notice_days: 30}\n");
  server.MustAppend(Request(
      "acme", "r1",
      {OpenedBy("CN", "li"), Pursued(-30, "O-1", 100, 500), Moved(10, "O-1", events::v1::OPPORTUNITY_STAGE_QUALIFIED),
       Pursued(5, "O-2", 70, 100), Moved(20, "O-2", events::v1::OPPORTUNITY_STAGE_LOST), Proposed(30, "Q-1", 90),
       Stepped(31, "Q-1", events::v1::QUOTE_STEP_ENTERED), Signed(0, "C-1", 365, 120), Raised(40, "I-1", 45),
       Raised(41, "I-2", 60), Handled(43, "I-2", events::v1::ISSUE_STATE_RESOLVED), Expected(1, 100),
       Ordered(70, "A-1", 80, "on_delivery"), Excepted(70), Asked(71), Bought(60, "", Day(75))}));
  server.MustAppend(Request("beta", "r2",
                            {OpenedBy("US", "wang"), Pursued(50, "O-3", 10, 900), Promised(1, "P-1", 30),
                             Planned(1, "N-1", 365), Ordered(60, "A-1", 5, "transfer")}));
}

class PipelineCalls : public ::testing::TestWithParam<uint32_t> {
 protected:
  void SetUp() override {
    AppendPipeline(server_);
    cursor_ = server_.HeadCursor();
    stub_ = PipelineService::NewStub(server_.channel());
  }

  // A request that sees everything before the hundredth day of 2025.
  template <class Req>
  Req All(int as_of_day = 100) const {
    Req request;
    request.set_min_cursor(cursor_);
    domain::SetTimestamp(request.mutable_scope()->mutable_as_of(), Day(as_of_day));
    return request;
  }

  template <class Req, class Response>
  Response Get(grpc::Status (Stub::*method)(grpc::ClientContext*, const Req&, Response*), const Req& request) {
    Response response;
    const grpc::Status status = Call(*stub_, method, request, &response);
    EXPECT_TRUE(status.ok()) << ReadRpcError(status);
    return response;
  }

  // That the request is refused for one field.
  template <class Req, class Response>
  void ExpectField(grpc::Status (Stub::*method)(grpc::ClientContext*, const Req&, Response*), const Req& request,
                   const std::string& field) {
    Response response;
    const RpcError error = ReadRpcError(Call(*stub_, method, request, &response));
    EXPECT_EQ(error.code, grpc::StatusCode::INVALID_ARGUMENT) << error;
    EXPECT_EQ(error.reason, "INVALID_FIELD") << error;
    EXPECT_EQ(error.field_names(), Fields{field}) << error;
  }

  LiveServer server_{GetParam()};
  std::string cursor_;
  std::unique_ptr<Stub> stub_;
};

INSTANTIATE_TEST_SUITE_P(Shards, PipelineCalls, ::testing::Values(1u, 4u));

TEST_P(PipelineCalls, GetPipeline) {
  const auto response = Get(&Stub::GetPipeline, All<GetPipelineRequest>());
  ASSERT_EQ(response.stages_size(), 7);
  EXPECT_EQ(response.stages(0).stage(), events::v1::OPPORTUNITY_STAGE_LEAD);
  EXPECT_EQ(response.stages(0).opportunities(), 1);
  EXPECT_EQ(response.stages(0).median_days(), 50);
  EXPECT_EQ(response.stages(1).opportunities(), 1);
  EXPECT_EQ(response.stages(1).median_days(), 90);
  EXPECT_EQ(response.stages(1).median_age_days(), 130);
  EXPECT_EQ(response.stages(1).across_years(), 1);
  EXPECT_EQ(response.stages(1).sums(0).expected_micros(), 50 * kUnit);
  EXPECT_EQ(response.stages(5).stage(), events::v1::OPPORTUNITY_STAGE_LOST);
  EXPECT_EQ(response.stages(5).opportunities(), 1);
  EXPECT_EQ(response.win_rate(), 0);
  EXPECT_EQ(response.open_quotes(), 1);
  EXPECT_EQ(response.waiting_approvals(), 0);
  EXPECT_EQ(response.running_contracts(), 1);
  EXPECT_EQ(response.open_issues(), 2);
  auto of_beta = All<GetPipelineRequest>();
  of_beta.mutable_scope()->mutable_accounts()->set_region("US");
  EXPECT_EQ(Get(&Stub::GetPipeline, of_beta).open_quotes(), 0);
}

TEST_P(PipelineCalls, ListOpportunitiesPageByPage) {
  auto request = All<ListOpportunitiesRequest>();
  request.set_page_size(1);
  const auto first = Get(&Stub::ListOpportunities, request);
  ASSERT_EQ(first.opportunities_size(), 1);
  EXPECT_EQ(first.opportunities(0).account_id(), "acme");
  EXPECT_EQ(first.opportunities(0).opportunity_id(), "O-1");
  EXPECT_EQ(first.opportunities(0).person(), "li");
  EXPECT_EQ(first.opportunities(0).age_days(), 130);
  EXPECT_EQ(first.opportunities(0).chance_milli(), 500);
  EXPECT_EQ(first.opportunity_count(), 2);
  EXPECT_EQ(first.sums(0).micros(), 110 * kUnit);
  EXPECT_EQ(first.sums(0).expected_micros(), 59 * kUnit);
  request.set_page_token(first.next_page_token());
  const auto second = Get(&Stub::ListOpportunities, request);
  ASSERT_EQ(second.opportunities_size(), 1);
  EXPECT_EQ(second.opportunities(0).opportunity_id(), "O-3");
  EXPECT_EQ(second.next_page_token(), "");
  request.set_page_token("");
  request.add_stages(events::v1::OPPORTUNITY_STAGE_LOST);
  EXPECT_EQ(Get(&Stub::ListOpportunities, request).opportunities(0).reason(), "price");
}

TEST_P(PipelineCalls, PagesAreOfTheMomentThatTheFirstWasAskedAt) {
  server_.clock().Advance(kMicrosPerSecond);
  ListOpportunitiesRequest request;
  request.set_min_cursor(cursor_);
  request.set_page_size(1);
  const auto first = Get(&Stub::ListOpportunities, request);
  ASSERT_EQ(first.opportunities_size(), 1);
  EXPECT_EQ(first.opportunities(0).opportunity_id(), "O-1");
  // O-3 overtakes what the first page showed.
  server_.clock().Advance(kMicrosPerSecond);
  std::vector<shard::SubmittedEvent> steps;
  for (const auto stage : {events::v1::OPPORTUNITY_STAGE_QUALIFIED, events::v1::OPPORTUNITY_STAGE_SOLUTION,
                           events::v1::OPPORTUNITY_STAGE_NEGOTIATION}) {
    steps.push_back(Moved(0, "O-3", stage));
    steps.back().occurred = server_.clock().Now();
  }
  server_.MustAppend(Request("beta", "r3", steps));
  server_.clock().Advance(kMicrosPerSecond);
  request.set_min_cursor(server_.HeadCursor());
  request.set_page_token(first.next_page_token());
  const auto second = Get(&Stub::ListOpportunities, request);
  ASSERT_EQ(second.opportunities_size(), 1);
  EXPECT_EQ(second.opportunities(0).opportunity_id(), "O-3");
  EXPECT_EQ(second.opportunities(0).stage(), events::v1::OPPORTUNITY_STAGE_LEAD);
  EXPECT_EQ(second.opportunity_count(), 2);
}

TEST_P(PipelineCalls, ListQuotesAndApprovals) {
  const auto response = Get(&Stub::ListQuotes, All<ListQuotesRequest>());
  ASSERT_EQ(response.quotes_size(), 1);
  const Quote& quote = response.quotes(0);
  EXPECT_EQ(quote.state(), QUOTE_STATE_ENTERED);
  EXPECT_EQ(quote.age_days(), 70);
  ASSERT_EQ(quote.steps_size(), 2);
  EXPECT_EQ(quote.steps(0).step(), "proposed");
  EXPECT_EQ(quote.steps(0).state(), QUOTE_STATE_APPROVED);
  EXPECT_EQ(quote.steps(1).person(), "ina");
  EXPECT_FALSE(quote.possible_steps().empty());
  EXPECT_EQ(Get(&Stub::ListApprovals, All<ListApprovalsRequest>()).approval_count(), 0);
}

TEST_P(PipelineCalls, ListContracts) {
  const auto response = Get(&Stub::ListContracts, All<ListContractsRequest>());
  ASSERT_EQ(response.contracts_size(), 1);
  EXPECT_EQ(domain::MicrosOf(response.contracts(0).notice_time()), Day(335));
  EXPECT_TRUE(response.contracts(0).running());
  EXPECT_EQ(response.sums(0).micros(), 120 * kUnit);
  auto ending = All<ListContractsRequest>();
  domain::SetTimestamp(ending.mutable_end_until_time(), Day(365));
  EXPECT_EQ(Get(&Stub::ListContracts, ending).contract_count(), 0);
}

TEST_P(PipelineCalls, ListIssues) {
  const auto response = Get(&Stub::ListIssues, All<ListIssuesRequest>());
  ASSERT_EQ(response.issues_size(), 2);
  EXPECT_EQ(response.issues(0).issue_id(), "I-1");
  EXPECT_TRUE(response.issues(0).overdue());
  EXPECT_EQ(response.issues(0).age_hours(), 60 * 24);
  EXPECT_EQ(response.issues(1).state(), events::v1::ISSUE_STATE_RESOLVED);
  ASSERT_EQ(response.times_size(), 1);
  EXPECT_EQ(response.times(0).raised(), 2);
  EXPECT_EQ(response.times(0).in_time(), 1);
  EXPECT_EQ(response.times(0).late(), 1);
  EXPECT_EQ(response.times(0).median_hours(), 48);
  auto request = All<ListIssuesRequest>();
  request.set_activity_id("meeting-I-2");
  const auto raised = Get(&Stub::ListIssues, request);
  ASSERT_EQ(raised.issues_size(), 1);
  EXPECT_EQ(raised.issues(0).issue_id(), "I-2");
  EXPECT_EQ(raised.issues(0).activity_id(), "meeting-I-2");
  request.set_activity_id(std::string(129, 'x'));
  ExpectField(&Stub::ListIssues, request, "activity_id");
}

TEST_P(PipelineCalls, ListPromisesPlansAndItems) {
  const auto promises = Get(&Stub::ListPromises, All<ListPromisesRequest>());
  ASSERT_EQ(promises.promises_size(), 1);
  EXPECT_TRUE(promises.promises(0).overdue());
  EXPECT_EQ(promises.promises(0).published().description(), "free delivery");
  const auto plans = Get(&Stub::ListPlans, All<ListPlansRequest>());
  ASSERT_EQ(plans.plans_size(), 1);
  EXPECT_EQ(plans.plans(0).state(), PLAN_STATE_DRAFT);
  ASSERT_EQ(plans.plans(0).flags_size(), 2);
  EXPECT_EQ(plans.plans(0).flags(0), PLAN_FLAG_NO_FORECAST);
  EXPECT_EQ(plans.plans(0).flags(1), PLAN_FLAG_NOT_AGREED);
  EXPECT_EQ(plans.plans(0).plan().person(), "wang");
  auto orders = All<ListItemsRequest>();
  orders.set_kind(ITEM_KIND_ORDER);
  const auto items = Get(&Stub::ListItems, orders);
  EXPECT_EQ(items.item_count(), 2);
  EXPECT_EQ(items.sums(0).micros(), 85 * kUnit);
}

TEST_P(PipelineCalls, GetPaymentTerms) {
  const auto response = Get(&Stub::GetPaymentTerms, All<GetPaymentTermsRequest>());
  EXPECT_EQ(response.accounts(), 2);
  EXPECT_EQ(response.standard(), 1);
  EXPECT_EQ(response.standard_share(), 0.5);
  ASSERT_EQ(response.exceptions_size(), 1);
  EXPECT_EQ(response.exceptions(0).granted().approver(), "carla");
}

TEST_P(PipelineCalls, GetDemandReferralsAndSaleModes) {
  const auto demand = Get(&Stub::GetDemand, All<GetDemandRequest>());
  ASSERT_EQ(demand.periods_size(), 1);
  EXPECT_EQ(demand.periods(0).period(), "2025-03");
  EXPECT_EQ(demand.periods(0).declared_micros(), 100 * kUnit);
  EXPECT_EQ(demand.periods(0).ordered_micros(), 85 * kUnit);
  EXPECT_EQ(demand.periods(0).bought_micros(), 60 * kUnit);
  EXPECT_DOUBLE_EQ(demand.periods(0).ratio(), 0.8);
  EXPECT_EQ(demand.periods(0).units().declared(), 20);
  EXPECT_EQ(demand.periods(0).units().accounts(), 1);
  EXPECT_EQ(demand.currency_code(), "USD");
  EXPECT_EQ(Get(&Stub::GetReferrals, All<GetReferralsRequest>()).asked(), 1);
  const auto modes = Get(&Stub::GetSaleModes, All<GetSaleModesRequest>());
  ASSERT_EQ(modes.rows_size(), 1);
  EXPECT_EQ(modes.rows(0).period(), "2025-03");
  EXPECT_EQ(modes.rows(0).share(), 1);
}

TEST_P(PipelineCalls, SeeNothingOfWhatIsNotYet) {
  EXPECT_EQ(Get(&Stub::ListOpportunities, All<ListOpportunitiesRequest>(-31)).opportunity_count(), 0);
  EXPECT_EQ(Get(&Stub::ListOpportunities, All<ListOpportunitiesRequest>(0)).opportunity_count(), 1);
  auto unknown = All<ListOpportunitiesRequest>();
  domain::SetTimestamp(unknown.mutable_scope()->mutable_known_at(), Day(0));
  EXPECT_EQ(Get(&Stub::ListOpportunities, unknown).opportunity_count(), 0) << "recorded in 2026 only";
}

TEST_P(PipelineCalls, RefuseWhatMeansNothing) {
  auto future = All<GetPipelineRequest>();
  domain::SetTimestamp(future.mutable_scope()->mutable_as_of(), kToday + 2);
  ExpectField(&Stub::GetPipeline, future, "scope.as_of");
  auto zone = All<GetPipelineRequest>();
  zone.set_time_zone("Mars/Olympus");
  ExpectField(&Stub::GetPipeline, zone, "time_zone");
  auto state = All<ListQuotesRequest>();
  state.set_state(static_cast<ItemState>(9));
  ExpectField(&Stub::ListQuotes, state, "state");
  auto quote_state = All<ListQuotesRequest>();
  quote_state.set_quote_state(static_cast<QuoteState>(99));
  ExpectField(&Stub::ListQuotes, quote_state, "quote_state");
  auto stage = All<ListOpportunitiesRequest>();
  stage.add_stages(static_cast<events::v1::OpportunityStage>(0));
  ExpectField(&Stub::ListOpportunities, stage, "stages");
  auto person = All<ListIssuesRequest>();
  person.set_person(std::string(129, 'x'));
  ExpectField(&Stub::ListIssues, person, "person");
  auto role = All<ListApprovalsRequest>();
  role.set_role("Sales Manager");
  ExpectField(&Stub::ListApprovals, role, "role");
  ExpectField(&Stub::ListItems, All<ListItemsRequest>(), "kind");
  auto page = All<ListPlansRequest>();
  page.set_page_size(1'001);
  ExpectField(&Stub::ListPlans, page, "page_size");
  auto quotes = All<ListQuotesRequest>();
  quotes.set_account_id("acmee");
  ListQuotesResponse no_quotes;
  EXPECT_EQ(ReadRpcError(Call(*stub_, &Stub::ListQuotes, quotes, &no_quotes)).reason, "ACCOUNT_NOT_FOUND");
  auto plans = All<ListPlansRequest>();
  plans.set_account_id("acmee");
  ListPlansResponse no_plans;
  EXPECT_EQ(ReadRpcError(Call(*stub_, &Stub::ListPlans, plans, &no_plans)).reason, "ACCOUNT_NOT_FOUND");
  auto token = All<ListContractsRequest>();
  token.set_page_token("none of ours");
  ListContractsResponse none;
  EXPECT_EQ(ReadRpcError(Call(*stub_, &Stub::ListContracts, token, &none)).reason, "INVALID_TOKEN");
}

}  // namespace
}  // namespace keyledger::testing
