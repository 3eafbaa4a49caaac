// Facts of the relationship in one line each, as `log` and the answers to appends show them.
#include "client/cli/describe_fields.h"

#include <gtest/gtest.h>

#include "client/cli/describe.h"

namespace keyledger::cli {
namespace {

namespace ev = ::keyledger::events::v1;

TEST(DescribePayload, TellsAnIssueByIdKindAndWords) {
  ev::Event event;
  ev::IssueOpened& issue = *event.mutable_issue_opened();
  issue.set_issue_id("I-3");
  issue.set_kind(ev::ISSUE_KIND_COMPLAINT);
  issue.set_description("late delivery");
  issue.mutable_due_time()->set_seconds(1'767'225'600);
  issue.set_severity(3);
  EXPECT_EQ(DescribeEvent(event), "issue_opened I-3, complaint, late delivery, due 2026-01-01, severity 3");
}

TEST(DescribePayload, TellsAQuoteWithMoneyPercentAndWhoMayApprove) {
  ev::Event event;
  ev::QuoteProposed& quote = *event.mutable_quote_proposed();
  quote.set_quote_id("Q-7");
  quote.set_proposer("anna");
  quote.set_proposer_role("field_sales");
  quote.mutable_amount()->set_currency_code("USD");
  quote.mutable_amount()->set_micros(90'000'000'000);
  quote.set_percent_milli(12'500);
  quote.set_needs_approval(true);
  quote.add_approver_roles("sales_manager");
  quote.add_approver_roles("head");
  EXPECT_EQ(DescribeEvent(event),
            "quote_proposed Q-7, proposer anna, proposer role field_sales, amount 90,000.00 USD, percent 12.5 %, "
            "needs approval, approver roles sales_manager and head");
}

TEST(DescribePayload, TellsAnInteractionWithItsNextStep) {
  ev::Event event;
  ev::InteractionMade& made = *event.mutable_interaction_made();
  made.set_kind(ev::INTERACTION_KIND_FIRST_VISIT);
  made.add_people("km-07");
  made.add_contact_ids("buyer-1");
  made.mutable_next_step()->set_what("offer");
  made.mutable_next_step()->mutable_due_time()->set_seconds(1'767'225'600);
  made.add_counts();
  EXPECT_EQ(DescribeEvent(event),
            "interaction_made first_visit, people km-07, contact buyer-1, next step offer by 2026-01-01, counts 1 of "
            "them");
}

TEST(DescribePayload, TellsAChanceAndACorrection) {
  ev::Event event;
  ev::OpportunityMoved& moved = *event.mutable_opportunity_moved();
  moved.set_opportunity_id("O-1");
  moved.set_stage(ev::OPPORTUNITY_STAGE_QUALIFIED);
  moved.set_chance_milli(405);
  EXPECT_EQ(DescribeEvent(event), "opportunity_moved O-1, qualified, chance 40.5 %");
  ev::FactRetracted& retracted = *event.mutable_fact_retracted();
  retracted.set_revision(41);
  retracted.set_position(1234);
  retracted.set_kind(ev::EVENT_KIND_NEED_STATED);
  retracted.set_reason("wrong account");
  EXPECT_EQ(DescribeEvent(event), "fact_retracted 41, position 1,234, need_stated, reason wrong account");
}

TEST(DescribePayload, CutsLongTextsBetweenCharacters) {
  ev::Event event;
  event.mutable_promise_kept()->set_promise_id("P");
  event.mutable_promise_kept()->set_note(std::string(59, 'a') + "\xC3\xA9" + "b");
  EXPECT_EQ(DescribeEvent(event), "promise_kept P, note " + std::string(59, 'a') + "...");
}

}  // namespace
}  // namespace keyledger::cli
