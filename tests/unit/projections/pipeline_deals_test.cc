// Opportunities, the pipeline as a whole, quotes and approvals.
#include <limits>

#include "projections/pipeline/opportunities.h"
#include "projections/pipeline/quotes.h"
#include "server/base/error.h"
#include "tests/unit/projections/pipeline_logs.h"

namespace keyledger::projections::pipeline {
namespace {

using namespace events::v1;
using testing::AsOf;
using testing::EngagementRows;
using testing::kUnit;
using testing::Must;
using testing::PipelineLog;
using testing::SetTime;
using testing::Utc;
using Ids = std::vector<std::string>;

// acme, of li: O-1 since November 2024, in negotiation since January 2025, worth 1,000 at 40 %; O-2 a lead since May
// 2025 without a worth; O-3 won in March, O-4 lost in April 2025. beta, of wang: O-5 lost in June 2023.
PipelineLog Deals() {
  PipelineLog log;
  log.OpenIn("acme", Utc(2020, 1, 1), "CN", "", "li");
  log.OpenIn("beta", Utc(2020, 1, 1), "US", "", "wang");
  log.Pursue("acme", Utc(2024, 11, 1), "O-1", 900, 100).set_lead_source("referral");
  log.Move("acme", Utc(2024, 12, 1), "O-1", OPPORTUNITY_STAGE_QUALIFIED);
  log.Move("acme", Utc(2024, 12, 15), "O-1", OPPORTUNITY_STAGE_SOLUTION);
  log.Move("acme", Utc(2025, 1, 10), "O-1", OPPORTUNITY_STAGE_NEGOTIATION);
  auto& seen = log.Move("acme", Utc(2025, 2, 1), "O-1", OPPORTUNITY_STAGE_NEGOTIATION);
  testing::SetMoney(1'000, "USD", seen.mutable_amount());
  seen.set_chance_milli(400);
  SetTime(Utc(2025, 8, 1), seen.mutable_close_time());
  log.Pursue("acme", Utc(2025, 5, 1), "O-2").set_person("zhao");
  for (const std::string id : {"O-3", "O-4"}) {
    log.Pursue("acme", Utc(2025, 2, 1), id, 50);
    log.Move("acme", Utc(2025, 2, 2), id, OPPORTUNITY_STAGE_QUALIFIED);
    log.Move("acme", Utc(2025, 2, 3), id, OPPORTUNITY_STAGE_SOLUTION);
    log.Move("acme", Utc(2025, 2, 4), id, OPPORTUNITY_STAGE_NEGOTIATION);
  }
  log.Move("acme", Utc(2025, 3, 1), "O-3", OPPORTUNITY_STAGE_WON);
  auto& lost = log.Move("acme", Utc(2025, 4, 1), "O-4", OPPORTUNITY_STAGE_LOST);
  lost.set_reason("price");
  lost.set_competitor("rival");
  log.Pursue("beta", Utc(2023, 5, 1), "O-5");
  log.Move("beta", Utc(2023, 6, 1), "O-5", OPPORTUNITY_STAGE_LOST).set_reason("no need");
  return log;
}

const Micros kMidYear = Utc(2025, 6, 1);

OpportunityList List(const testing::RecordLog& log, const OpportunityQuery& query = {}, Micros as_of = kMidYear) {
  return Must(ListOpportunities(EngagementRows(log).shards(), AsOf(as_of), query));
}

Ids IdsOf(const OpportunityList& list) {
  Ids ids;
  for (const OpportunityRow& row : list.rows) ids.push_back(row.opportunity_id);
  return ids;
}

TEST(Opportunities, StayOpenAcrossYearsAndSayTheirAge) {
  const OpportunityRow row = List(Deals()).rows.at(0);
  EXPECT_EQ(row.opportunity_id, "O-1");
  EXPECT_EQ(row.open, Utc(2024, 11, 1));
  EXPECT_EQ(row.age_days(kMidYear), 212);
  EXPECT_EQ(row.stage, OPPORTUNITY_STAGE_NEGOTIATION);
  EXPECT_EQ(row.stage_since, Utc(2025, 1, 10)) << "other figures do not begin the stage anew";
  EXPECT_EQ(row.amount->micros(), 1'000 * kUnit);
  EXPECT_EQ(row.chance_milli, 400);
  EXPECT_EQ(row.close, Utc(2025, 8, 1));
  EXPECT_EQ(row.lead_source, "referral");
  EXPECT_EQ(row.expected_micros(), 400 * kUnit);
}

TEST(Opportunities, AreListedByStageTheLatestFirstAndThenTheOldest) {
  EXPECT_EQ(IdsOf(List(Deals())), (Ids{"O-1", "O-2"}));
  EXPECT_EQ(IdsOf(List(Deals(), {.state = ItemState::kEnded})), (Ids{"O-5", "O-4", "O-3"}));
  EXPECT_EQ(IdsOf(List(Deals(), {.state = ItemState::kAll})), (Ids{"O-5", "O-4", "O-3", "O-1", "O-2"}));
  EXPECT_EQ(IdsOf(List(Deals(), {.stages = {OPPORTUNITY_STAGE_WON, OPPORTUNITY_STAGE_LEAD}})), (Ids{"O-3", "O-2"}));
}

TEST(Opportunities, AreOfWhoPursuesThemOrOfTheOwner) {
  EXPECT_EQ(IdsOf(List(Deals(), {.person = "zhao"})), Ids{"O-2"});
  EXPECT_EQ(IdsOf(List(Deals(), {.person = "li"})), Ids{"O-1"});
  EXPECT_EQ(List(Deals(), {.person = "li", .state = ItemState::kAll}).count, 3);
}

TEST(Opportunities, SumWhatIsExpectedByTheirChanceRoundedDown) {
  PipelineLog log;
  log.OpenIn("acme", Utc(2020, 1, 1), "CN");
  log.Pursue("acme", Utc(2025, 1, 1), "O-1", 10, 333);
  log.Pursue("acme", Utc(2025, 1, 1), "O-2", 20);
  auto& odd = log.Pursue("acme", Utc(2025, 1, 1), "O-3");
  odd.mutable_amount()->set_currency_code("EUR");
  odd.mutable_amount()->set_micros(7);
  odd.set_chance_milli(500);
  log.Pursue("acme", Utc(2025, 1, 1), "O-4");
  const OpportunityList list = List(log);
  EXPECT_EQ(list.count, 4);
  ASSERT_EQ(list.sums.size(), 2u);
  EXPECT_EQ(list.sums.at("USD").items, 2);
  EXPECT_EQ(list.sums.at("USD").micros, 30 * kUnit);
  EXPECT_EQ(list.sums.at("USD").expected_micros, 3'330'000);
  EXPECT_EQ(list.sums.at("EUR").expected_micros, 3);
}

TEST(Opportunities, RefuseASumThatDoesNotFit) {
  PipelineLog log;
  log.OpenIn("acme", Utc(2020, 1, 1), "CN");
  for (const std::string id : {"O-1", "O-2"}) {
    auto& opened = log.Pursue("acme", Utc(2025, 1, 1), id, 1);
    opened.mutable_amount()->set_micros(std::numeric_limits<int64_t>::max() / 2 + 1);
  }
  const EngagementRows rows(log);
  EXPECT_EQ(ReasonOf(ListOpportunities(rows.shards(), AsOf(kMidYear), {}).status()), Reason::kArithmeticRange);
}

PipelineTotals TotalsOf(const testing::RecordLog& log, Micros start = Utc(2024, 6, 1), const std::string& person = "",
                        Micros as_of = kMidYear) {
  return Must(GetPipeline(EngagementRows(log).shards(), AsOf(as_of), {.start = start, .person = person}));
}

const StageRow& Stage(const PipelineTotals& totals, OpportunityStage stage) {
  return totals.stages.at(static_cast<size_t>(stage) - 1);
}

TEST(Pipeline, CountsStagesWithTheirAges) {
  const PipelineTotals totals = TotalsOf(Deals());
  ASSERT_EQ(totals.stages.size(), 7u);
  const StageRow& negotiation = Stage(totals, OPPORTUNITY_STAGE_NEGOTIATION);
  EXPECT_EQ(negotiation.stage, OPPORTUNITY_STAGE_NEGOTIATION);
  EXPECT_EQ(negotiation.opportunities, 1);
  EXPECT_EQ(negotiation.median_days, 142);
  EXPECT_EQ(negotiation.median_age_days, 212);
  EXPECT_EQ(negotiation.across_years, 1);
  EXPECT_EQ(negotiation.sums.at("USD").expected_micros, 400 * kUnit);
  const StageRow& lead = Stage(totals, OPPORTUNITY_STAGE_LEAD);
  EXPECT_EQ(lead.opportunities, 1);
  EXPECT_EQ(lead.across_years, 0);
  EXPECT_TRUE(lead.sums.empty());
  EXPECT_EQ(Stage(totals, OPPORTUNITY_STAGE_QUALIFIED).opportunities, 0);
  EXPECT_FALSE(Stage(totals, OPPORTUNITY_STAGE_QUALIFIED).median_days.has_value());
  EXPECT_FALSE(Stage(totals, OPPORTUNITY_STAGE_WON).median_days.has_value());
  EXPECT_EQ(Stage(totals, OPPORTUNITY_STAGE_WON).median_age_days, 28);
}

TEST(Pipeline, CountsWhatEndedInTheStretchOnly) {
  EXPECT_EQ(TotalsOf(Deals()).win_rate, 0.5);
  const PipelineTotals later = TotalsOf(Deals(), Utc(2025, 3, 1) + 1);
  EXPECT_EQ(Stage(later, OPPORTUNITY_STAGE_WON).opportunities, 0);
  EXPECT_EQ(later.win_rate, 0.0);
  EXPECT_EQ(Stage(TotalsOf(Deals(), Utc(2025, 3, 1)), OPPORTUNITY_STAGE_WON).opportunities, 1) << "inclusive";
  EXPECT_FALSE(TotalsOf(Deals(), Utc(2025, 5, 1)).win_rate.has_value());
}

TEST(Pipeline, GoesByTheEndOfTheYearInTheZone) {
  PipelineLog log;
  log.OpenIn("acme", Utc(2020, 1, 1), "CN");
  // In Shanghai it is 2025 already.
  log.Pursue("acme", Utc(2024, 12, 31, 16), "O-1");
  const EngagementRows rows(log);
  const auto across = [&](const char* zone, Micros as_of) {
    const PipelineTotals totals =
        Must(GetPipeline(rows.shards(), AsOf(as_of), {.start = 0, .zone = *Zone::Load(zone)}));
    return Stage(totals, OPPORTUNITY_STAGE_LEAD).across_years;
  };
  EXPECT_EQ(across("UTC", Utc(2025, 6, 1)), 1);
  EXPECT_EQ(across("Asia/Shanghai", Utc(2025, 6, 1)), 0);
  EXPECT_EQ(across("UTC", Utc(2025, 1, 1)), 0) << "as_of is the end of the year, and not beyond it";
  EXPECT_EQ(across("UTC", Utc(2025, 1, 1) + 1), 1);
}

TEST(Pipeline, CountsOpenQuotesApprovalsContractsAndIssuesOfAllOrOfOne) {
  PipelineLog log = Deals();
  log.Propose("acme", Utc(2025, 1, 1), "Q-1", 100, true);
  log.Propose("acme", Utc(2025, 1, 1), "Q-2", 100);
  log.Propose("beta", Utc(2025, 1, 1), "Q-3", 100).set_proposer("wang");
  log.Step("acme", Utc(2025, 1, 2), "Q-2", QUOTE_STEP_WITHDRAWN);
  log.Sign("acme", Utc(2025, 1, 1), "C-1", Utc(2025, 1, 1), Utc(2025, 2, 1));
  log.Raise("acme", Utc(2025, 1, 1), "I-1", ISSUE_KIND_REQUEST).set_person("wang");
  log.Raise("beta", Utc(2025, 1, 1), "I-2", ISSUE_KIND_REQUEST);
  log.Handle("beta", Utc(2025, 1, 2), "I-2", ISSUE_STATE_WITHDRAWN);
  const PipelineTotals all = TotalsOf(log);
  EXPECT_EQ(all.open_quotes, 2);
  EXPECT_EQ(all.waiting_approvals, 1);
  EXPECT_EQ(all.running_contracts, 1) << "though its term is over";
  EXPECT_EQ(all.open_issues, 1);
  const PipelineTotals of_wang = TotalsOf(log, Utc(2024, 6, 1), "wang");
  EXPECT_EQ(of_wang.open_quotes, 1);
  EXPECT_EQ(of_wang.waiting_approvals, 0);
  EXPECT_EQ(of_wang.running_contracts, 0);
  EXPECT_EQ(of_wang.open_issues, 1);
  EXPECT_EQ(TotalsOf(log, Utc(2024, 6, 1), "li").running_contracts, 1) << "a contract is of the account's owner";
}

// Proposed above the authority, approved, entered, cleared, issued, confirmed, paid and in production.
PipelineLog OneQuote() {
  PipelineLog log;
  log.OpenIn("acme", Utc(2020, 1, 1), "CN");
  auto& proposed = log.Propose("acme", Utc(2025, 3, 1), "Q-7", 90, true);
  proposed.set_percent_milli(12'500);
  proposed.set_opportunity_id("O-1");
  testing::SetMoney(100, "USD", proposed.mutable_parts_amount());
  proposed.add_approver_roles("sales_manager");
  SetTime(Utc(2025, 6, 1), proposed.mutable_end_time());
  log.Ask("acme", Utc(2025, 3, 2), "Q-7", "sales_manager", "carla");
  auto* given = log.On("acme", Utc(2025, 3, 3)).mutable_quote_approval_given();
  given->set_quote_id("Q-7");
  given->set_role("sales_manager");
  given->set_approver("carla");
  log.Step("acme", Utc(2025, 3, 4), "Q-7", QUOTE_STEP_ENTERED, "ina");
  log.Step("acme", Utc(2025, 3, 5), "Q-7", QUOTE_STEP_LEGAL_CLEARED, "leo");
  log.Step("acme", Utc(2025, 3, 5), "Q-7", QUOTE_STEP_PRODUCT_CLEARED, "pia");
  return log;
}

QuoteList Quotes(const testing::RecordLog& log, Micros as_of, const QuoteQuery& query = {}) {
  return Must(ListQuotes(EngagementRows(log).shards(), AsOf(as_of), query));
}

TEST(Quotes, SayWhoTookWhichStepAndWhatIsPossibleNow) {
  PipelineLog log = OneQuote();
  const QuoteRow row = Quotes(log, Utc(2025, 3, 11)).rows.at(0);
  EXPECT_EQ(row.state, QuoteState::kEntered) << "finance is to agree yet";
  EXPECT_EQ(row.amount.micros(), 90 * kUnit);
  EXPECT_EQ(row.saving->micros(), 10 * kUnit);
  EXPECT_EQ(row.percent_milli, 12'500);
  EXPECT_EQ(row.opportunity_id, "O-1");
  EXPECT_EQ(row.binding_until, Utc(2025, 6, 1));
  ASSERT_EQ(row.steps.size(), 6u);
  EXPECT_EQ(row.steps[0].step, "proposed");
  EXPECT_EQ(row.steps[0].state, QuoteState::kInApproval);
  EXPECT_EQ(row.steps[0].person, "anna");
  EXPECT_EQ(row.steps[0].role, "field_sales");
  EXPECT_EQ(row.steps[1].step, "approval_requested");
  EXPECT_EQ(row.steps[1].person, "carla");
  EXPECT_EQ(row.steps[2].state, QuoteState::kApproved);
  EXPECT_EQ(row.steps[4].step, "legal_cleared");
  EXPECT_EQ(row.steps[4].person, "leo");
  EXPECT_EQ(row.steps[4].since, Utc(2025, 3, 5));
  EXPECT_EQ(row.steps[4].revision, 5u);
  EXPECT_NE(std::find(row.possible_steps.begin(), row.possible_steps.end(), "finance_cleared"),
            row.possible_steps.end());
  log.Step("acme", Utc(2025, 3, 6), "Q-7", QUOTE_STEP_FINANCE_CLEARED, "fay");
  EXPECT_EQ(Quotes(log, Utc(2025, 3, 11)).rows.at(0).state, QuoteState::kCleared);
  EXPECT_EQ(Quotes(log, Utc(2025, 3, 6)).rows.at(0).state, QuoteState::kEntered);
}

TEST(Quotes, EndInProductionWithdrawnDeclinedOrExpired) {
  PipelineLog log = OneQuote();
  log.Step("acme", Utc(2025, 3, 6), "Q-7", QUOTE_STEP_FINANCE_CLEARED);
  log.Step("acme", Utc(2025, 3, 7), "Q-7", QUOTE_STEP_ISSUED);
  PipelineLog declined = log;
  declined.Step("acme", Utc(2025, 3, 8), "Q-7", QUOTE_STEP_DECLINED);
  PipelineLog expired = log;
  expired.Step("acme", Utc(2025, 3, 8), "Q-7", QUOTE_STEP_EXPIRED);
  PipelineLog withdrawn = log;
  withdrawn.Step("acme", Utc(2025, 3, 8), "Q-7", QUOTE_STEP_WITHDRAWN);
  log.Step("acme", Utc(2025, 3, 8), "Q-7", QUOTE_STEP_CONFIRMED);
  auto* paid = log.On("acme", Utc(2025, 3, 9)).mutable_payment_received();
  paid->set_quote_id("Q-7");
  paid->set_method("transfer");
  log.Step("acme", Utc(2025, 3, 9), "Q-7", QUOTE_STEP_PAYMENT_MET);
  log.Step("acme", Utc(2025, 3, 9), "Q-7", QUOTE_STEP_CONDITIONS_MET);
  log.Step("acme", Utc(2025, 3, 10), "Q-7", QUOTE_STEP_PRODUCTION_STARTED);
  const auto ended = [](const PipelineLog& one) {
    return Quotes(one, Utc(2026, 1, 1), {.state = ItemState::kEnded}).rows.at(0);
  };
  EXPECT_EQ(ended(log).state, QuoteState::kInProduction);
  EXPECT_EQ(ended(log).end, Utc(2025, 3, 10));
  EXPECT_TRUE(ended(log).possible_steps.empty());
  EXPECT_EQ(ended(declined).state, QuoteState::kDeclined);
  EXPECT_EQ(ended(expired).state, QuoteState::kExpired);
  EXPECT_EQ(ended(withdrawn).state, QuoteState::kWithdrawn);
  EXPECT_EQ(Quotes(log, Utc(2026, 1, 1)).count, 0);
  EXPECT_EQ(Quotes(log, Utc(2026, 1, 1), {.quote_state = QuoteState::kInProduction}).count, 1);
  EXPECT_EQ(Quotes(log, Utc(2025, 3, 9)).rows.at(0).state, QuoteState::kConfirmed);
}

TEST(Quotes, AreWhatWasOfferedLast) {
  PipelineLog log = OneQuote();
  auto* revised = log.On("acme", Utc(2025, 4, 1)).mutable_quote_revised();
  revised->set_quote_id("Q-7");
  revised->set_proposer("dan");
  revised->set_proposer_role("field_sales");
  testing::SetMoney(95, "USD", revised->mutable_amount());
  const QuoteRow row = Quotes(log, Utc(2025, 5, 1)).rows.at(0);
  EXPECT_EQ(row.state, QuoteState::kApproved);
  EXPECT_EQ(row.amount.micros(), 95 * kUnit);
  EXPECT_FALSE(row.saving.has_value());
  EXPECT_EQ(row.percent_milli, 0);
  EXPECT_FALSE(row.binding_until.has_value());
  EXPECT_EQ(row.opportunity_id, "O-1");
  EXPECT_EQ(Quotes(log, Utc(2025, 5, 1), {.person = "dan"}).count, 1);
  EXPECT_EQ(Quotes(log, Utc(2025, 5, 1), {.person = "anna"}).count, 0);
  EXPECT_EQ(Quotes(log, Utc(2025, 3, 15), {.person = "anna"}).count, 1);
}

// Q-1 waits for nobody in particular since March 1, Q-2 was asked of two roles on March 2 and 3, Q-3 is approved.
PipelineLog Waiting() {
  PipelineLog log;
  log.OpenIn("acme", Utc(2020, 1, 1), "CN");
  auto& first = log.Propose("acme", Utc(2025, 3, 1), "Q-1", 10, true);
  first.set_percent_milli(9'000);
  first.add_approver_roles("sales_manager");
  first.add_approver_roles("director");
  log.Propose("acme", Utc(2025, 2, 1), "Q-2", 20, true).add_approver_roles("director");
  log.Ask("acme", Utc(2025, 3, 2), "Q-2", "director");
  log.Ask("acme", Utc(2025, 3, 3), "Q-2", "sales_manager", "carla");
  log.Ask("acme", Utc(2025, 3, 5), "Q-2", "director");
  log.Propose("acme", Utc(2025, 1, 1), "Q-3", 30);
  return log;
}

ApprovalList Approvals(const testing::RecordLog& log, const PipelineScope& scope, const ApprovalQuery& query = {}) {
  return Must(ListApprovals(EngagementRows(log).shards(), scope, query));
}

TEST(ListApprovals, SaysWhoIsWaitedForAndHowLong) {
  const ApprovalList list = Approvals(Waiting(), AsOf(Utc(2025, 3, 10)));
  ASSERT_EQ(list.rows.size(), 3u);
  EXPECT_EQ(list.count, 3);
  EXPECT_EQ(list.rows[0].quote_id, "Q-1");
  EXPECT_EQ(list.rows[0].role, "");
  EXPECT_EQ(list.rows[0].since, Utc(2025, 3, 1));
  EXPECT_EQ(list.rows[0].approver_roles, (std::vector<std::string>{"sales_manager", "director"}));
  EXPECT_EQ(list.rows[0].percent_milli, 9'000);
  EXPECT_EQ(list.rows[0].proposer, "anna");
  EXPECT_EQ(list.rows[1].role, "director");
  EXPECT_EQ(list.rows[1].since, Utc(2025, 3, 2)) << "asked again on the 5th, it waits since the 2nd";
  EXPECT_EQ(list.rows[2].role, "sales_manager");
  EXPECT_EQ(list.rows[2].person, "carla");
}

TEST(ListApprovals, KeepsToARoleThatWasAskedOrMayWhereNobodyWas) {
  const PipelineScope scope = AsOf(Utc(2025, 3, 10));
  const ApprovalList director = Approvals(Waiting(), scope, {.role = "director"});
  ASSERT_EQ(director.rows.size(), 2u);
  EXPECT_EQ(director.rows[0].quote_id, "Q-1");
  EXPECT_EQ(director.rows[1].quote_id, "Q-2");
  EXPECT_EQ(Approvals(Waiting(), scope, {.person = "carla"}).rows.at(0).quote_id, "Q-2");
  EXPECT_EQ(Approvals(Waiting(), scope, {.role = "nobody"}).count, 0);
}

TEST(ListApprovals, AsksAnewForAQuoteThatWasRevised) {
  PipelineLog log = Waiting();
  auto* revised = log.On("acme", Utc(2025, 3, 6)).mutable_quote_revised();
  revised->set_quote_id("Q-2");
  revised->set_proposer("dan");
  revised->set_proposer_role("field_sales");
  testing::SetMoney(21, "USD", revised->mutable_amount());
  revised->set_needs_approval(true);
  const ApprovalList list = Approvals(log, AsOf(Utc(2025, 3, 10)));
  ASSERT_EQ(list.rows.size(), 2u);
  EXPECT_EQ(list.rows[1].role, "");
  EXPECT_EQ(list.rows[1].proposer, "dan");
  EXPECT_EQ(list.rows[1].since, Utc(2025, 3, 6));
}

TEST(ListApprovals, AreDueByTheProgramOfWhenTheyWereAskedFor) {
  programs::v1::Program program = testing::PlainProgram("sales");
  program.mutable_deadlines()->set_approval_hours(48);
  SetTime(Utc(2025, 3, 3), program.mutable_effective_from());
  PipelineScope scope = AsOf(Utc(2025, 3, 10));
  scope.programs = testing::Published({program});
  const ApprovalList list = Approvals(Waiting(), scope);
  ASSERT_EQ(list.rows.size(), 3u);
  EXPECT_FALSE(list.rows[0].due.has_value()) << "nobody was asked";
  EXPECT_FALSE(list.rows[1].due.has_value()) << "asked before there was a program";
  EXPECT_EQ(list.rows[2].due, Utc(2025, 3, 5));
}

}  // namespace
}  // namespace keyledger::projections::pipeline
