// Limits over the wire: what a refusal tells a client, and how flags are found among the records.
#include "tests/integration/live_server.h"

namespace keyledger::testing {
namespace {

using namespace ledger::v1;

constexpr char kStrictProgram[] = R"(program_id: strict
time_zone: Asia/Shanghai
currency_code: USD
effective_from: 2000-01-01
limits:
  - limit_id: rebate
    discounts:
      authorities:
        - {role: seller, max_percent_milli: 5000}
        - {role: director, max_percent_milli: 30000}
  - limit_id: gifts
    gifts: {scope: contact, period: month, max_micros: 100_000_000}
  - limit_id: market
    on_breach: flag
    market_price: {window_days: 30}
)";

shard::SubmittedEvent GaveTo(const std::string& contact, int64_t usd) {
  shard::SubmittedEvent fact = Fact();
  auto& gift = *fact.event.mutable_gift_given();
  gift.set_contact_id(contact);
  gift.set_item("tea");
  gift.set_quantity(1);
  gift.mutable_value()->set_currency_code("USD");
  gift.mutable_value()->set_micros(usd * kUnit);
  return fact;
}

class LimitsOverTheWire : public ::testing::Test {
 protected:
  LimitsOverTheWire() {
    server_.Publish(kStrictProgram);
    server_.MustAppend(Request("acme", "open", {Opened()}));
  }

  LiveServer server_;
};

TEST_F(LimitsOverTheWire, ARefusalNamesTheLimitItsNumbersAndWhenTheNextPeriodBegins) {
  server_.MustAppend(Request("acme", "r1", {GaveTo("li", 80)}));
  const std::string head = server_.HeadCursor();
  const RpcError error = server_.Refused(Request("acme", "r2", {GaveTo("li", 21)}));
  EXPECT_EQ(error.code, grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(error.reason, "LIMIT_EXCEEDED");
  EXPECT_EQ(error.domain, "keyledger");
  EXPECT_EQ(error.message,
            "events[0]: contact 'li' may be given 100.00 USD in a month, has been given 80.00 USD, and 21.00 USD more "
            "goes beyond; the next month begins 2026-01-31T16:00:00Z (limits.gifts of program strict version 1)");
  EXPECT_EQ(error.metadata, (std::map<std::string, std::string>{{"rule", "limits.gifts"},
                                                                {"program", "strict version 1"},
                                                                {"limit", "100000000"},
                                                                {"requested", "21000000"},
                                                                {"used", "80000000"},
                                                                {"opens_time", "2026-01-31T16:00:00Z"}}));
  EXPECT_EQ(server_.HeadCursor(), head) << "nothing was recorded";
}

TEST_F(LimitsOverTheWire, ARefusedDiscountNamesWhoCouldApproveIt) {
  shard::SubmittedEvent discount = Fact();
  auto& granted = *discount.event.mutable_discount_granted();
  granted.set_percent_milli(12'500);
  granted.set_proposer_role("seller");
  granted.set_proposer("s1");
  const RpcError error = server_.Refused(Request("acme", "r1", {discount}));
  EXPECT_EQ(error.reason, "LIMIT_EXCEEDED");
  EXPECT_EQ(error.metadata, (std::map<std::string, std::string>{{"rule", "limits.rebate"},
                                                                {"program", "strict version 1"},
                                                                {"limit", "5000"},
                                                                {"requested", "12500"},
                                                                {"approver_roles", "director"}}));
  auto& approval = *granted.add_approvals();
  approval.set_role("director");
  approval.set_approver("s1");
  EXPECT_EQ(server_.Refused(Request("acme", "r2", {discount})).field_names(),
            std::vector<std::string>{"events[0].event.discount_granted.approvals[0].approver"});
  approval.set_approver("d1");
  EXPECT_EQ(server_.MustAppend(Request("acme", "r3", {discount})).events_size(), 1);
}

TEST_F(LimitsOverTheWire, AFlagIsADecisionThatReadersFindByItsKind) {
  shard::SubmittedEvent price = Fact();
  price.event.mutable_market_price_observed()->set_sku("tea");
  price.event.mutable_market_price_observed()->mutable_unit_price()->set_currency_code("USD");
  price.event.mutable_market_price_observed()->mutable_unit_price()->set_micros(9 * kUnit);
  shard::SubmittedEvent sale = Bought(10);
  sale.event.mutable_purchase_recorded()->mutable_lines(0)->set_sku("tea");
  const AppendResponse response = server_.MustAppend(Request("acme", "r1", {price, sale}));
  ASSERT_EQ(response.decisions_size(), 1);
  const events::v1::EventRecord& decision = response.decisions(0);
  EXPECT_EQ(decision.program().program_id(), "strict");
  const events::v1::ComplianceFlagged& flag = decision.event().compliance_flagged();
  EXPECT_EQ(flag.limit_id(), "market");
  EXPECT_EQ(flag.measure(), events::v1::LIMIT_MEASURE_UNIT_PRICE_MICROS);
  EXPECT_EQ(flag.value(), 10 * kUnit);
  EXPECT_EQ(flag.threshold(), 9 * kUnit);
  EXPECT_EQ(flag.line_number(), 1u);
  EXPECT_EQ(flag.observations(), 1u);
  EXPECT_EQ(flag.fact_revision(), response.events(1).revision());
  ReadLogRequest request;
  request.mutable_start()->mutable_beginning();
  request.mutable_filter()->add_kinds(events::v1::EVENT_KIND_COMPLIANCE_FLAGGED);
  const std::vector<ShardRecords> found = server_.ReadLog(request);
  ASSERT_EQ(found.size(), 1u);
  ASSERT_EQ(found[0].size(), 1u);
  EXPECT_EQ(found[0][0].SerializeAsString(), decision.SerializeAsString());
}

TEST_F(LimitsOverTheWire, CountsOutliveARestart) {
  server_.MustAppend(Request("acme", "r1", {GaveTo("li", 100)}));
  server_.Restart();
  EXPECT_EQ(server_.Refused(Request("acme", "r2", {GaveTo("li", 1)})).metadata["used"], "100000000");
  EXPECT_EQ(server_.MustAppend(Request("acme", "r3", {GaveTo("wang", 100)})).events_size(), 1);
}

}  // namespace
}  // namespace keyledger::testing
