// Terms of payment.
#include "projections/pipeline/payment_terms.h"

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

// In CN transfer is standard; elsewhere nobody says what is.
PipelineScope Standard(Micros as_of) {
  programs::v1::Program program = testing::PlainProgram("sales");
  program.set_region("CN");
  program.mutable_payment_terms()->add_standard("transfer");
  PipelineScope scope = AsOf(as_of);
  scope.programs = testing::Published({program});
  return scope;
}

PaymentTermsAnswer TermsOf(const testing::RecordLog& log, const PipelineScope& scope, const PageAsk& page = {}) {
  return Must(GetPaymentTerms(EngagementRows(log).shards(), scope, page));
}

TEST(PaymentTerms, AreTheStandardOfSoManyAccounts) {
  PipelineLog log;
  for (const std::string account : {"a", "b", "c", "d", "e"}) log.OpenIn(account, Utc(2020, 1, 1), "CN");
  log.OpenIn("f", Utc(2020, 1, 1), "US");
  // a went over to the standard; b orders otherwise now; c says so in a contract; d says nothing; e excepted.
  log.Order("a", Utc(2025, 1, 1), "A-1", 10, "on_delivery");
  log.Order("a", Utc(2025, 2, 1), "A-2", 10, "transfer");
  log.Order("a", Utc(2025, 3, 1), "A-3", 10);
  log.Order("b", Utc(2025, 1, 1), "A-1", 10, "transfer");
  log.Order("b", Utc(2025, 2, 1), "A-2", 10, "on_delivery");
  log.Sign("c", Utc(2025, 1, 1), "C-1", Utc(2025, 1, 1), Utc(2026, 1, 1)).set_payment_terms("transfer");
  log.Order("d", Utc(2025, 1, 1), "A-1", 10);
  log.Order("e", Utc(2025, 1, 1), "A-1", 10, "transfer");
  log.Except("e", Utc(2025, 1, 2)).set_order_id("A-1");
  log.Order("f", Utc(2025, 1, 1), "A-1", 10, "transfer");
  const PaymentTermsAnswer answer = TermsOf(log, Standard(Utc(2025, 6, 1)));
  EXPECT_EQ(answer.accounts, 5);
  EXPECT_EQ(answer.standard, 2);
  EXPECT_DOUBLE_EQ(*answer.standard_share, 0.4);
  EXPECT_EQ(answer.undefined, 1);
  EXPECT_EQ(TermsOf(log, Standard(Utc(2025, 1, 15))).standard, 2) << "b and c, as of then";
  EXPECT_FALSE(TermsOf(log, Standard(Utc(2024, 1, 1))).standard_share.has_value());
}

TEST(PaymentTerms, ListExceptionsWithApproverAndReason) {
  PipelineLog log;
  log.OpenIn("a", Utc(2020, 1, 1), "CN");
  log.OpenIn("b", Utc(2020, 1, 1), "CN");
  log.Order("a", Utc(2025, 1, 1), "A-1", 10, "on_delivery");
  SetTime(Utc(2025, 6, 1), log.Except("a", Utc(2025, 1, 1)).mutable_end_time());
  log.Except("a", Utc(2025, 1, 2)).set_order_id("A-1");
  log.Propose("b", Utc(2025, 1, 1), "Q-1", 10);
  log.Except("b", Utc(2025, 1, 3)).set_quote_id("Q-1");
  log.Except("b", Utc(2025, 1, 4));
  const PaymentTermsAnswer answer = TermsOf(log, Standard(Utc(2025, 2, 1)));
  ASSERT_EQ(answer.exceptions.size(), 4u);
  EXPECT_EQ(answer.exceptions[0].account_id, "b");
  EXPECT_EQ(answer.exceptions[0].since, Utc(2025, 1, 4)) << "the newest first";
  EXPECT_EQ(answer.exceptions[0].granted.approver(), "carla");
  EXPECT_EQ(answer.exceptions[0].granted.reason(), "a first order");
  const PaymentTermsAnswer first = TermsOf(log, Standard(Utc(2025, 2, 1)), {.size = 3});
  EXPECT_EQ(first.exceptions.size(), 3u);
  const PaymentTermsAnswer rest = TermsOf(log, Standard(Utc(2025, 2, 1)), {.size = 3, .after = first.next});
  ASSERT_EQ(rest.exceptions.size(), 1u);
  EXPECT_EQ(rest.exceptions[0].since, Utc(2025, 1, 1));
}

TEST(PaymentTerms, EndTheirExceptionsWithTheTimeTheOrderTheQuoteOrTheStandard) {
  PipelineLog log;
  log.OpenIn("a", Utc(2020, 1, 1), "CN");
  log.Order("a", Utc(2025, 1, 1), "A-1", 10, "on_delivery");
  SetTime(Utc(2025, 6, 1), log.Except("a", Utc(2025, 1, 1)).mutable_end_time());
  log.Except("a", Utc(2025, 1, 2)).set_order_id("A-1");
  log.Propose("a", Utc(2025, 1, 1), "Q-1", 10);
  log.Except("a", Utc(2025, 1, 3)).set_quote_id("Q-1");
  log.Except("a", Utc(2025, 1, 4));
  const auto held = [&](Micros as_of) { return TermsOf(log, Standard(as_of)).exceptions.size(); };
  EXPECT_EQ(held(Utc(2025, 5, 31)), 4u);
  EXPECT_EQ(held(Utc(2025, 6, 1)), 4u) << "the last moment looked at is before its end";
  EXPECT_EQ(held(Utc(2025, 6, 1) + 1), 3u);
  auto* ended = log.On("a", Utc(2025, 7, 1)).mutable_order_ended();
  ended->set_order_id("A-1");
  ended->set_ending(ORDER_ENDING_DELIVERED);
  EXPECT_EQ(held(Utc(2025, 7, 2)), 2u);
  log.Step("a", Utc(2025, 8, 1), "Q-1", QUOTE_STEP_WITHDRAWN);
  EXPECT_EQ(held(Utc(2025, 8, 2)), 1u);
  log.Order("a", Utc(2025, 9, 1), "A-2", 10, "on_delivery");
  EXPECT_EQ(held(Utc(2025, 9, 2)), 1u);
  log.Order("a", Utc(2025, 10, 1), "A-3", 10, "transfer");
  EXPECT_EQ(held(Utc(2025, 10, 2)), 0u);
}

}  // namespace
}  // namespace keyledger::projections::pipeline
