// Values in words, as every table and sentence of the command writes them.
#include "client/cli/describe.h"

#include <gtest/gtest.h>

namespace keyledger::cli {
namespace {

namespace ev = ::keyledger::events::v1;

TEST(MetricValueText, WritesMoneyInUnitsOfItsCurrency) {
  EXPECT_EQ(MetricValueText(ev::METRIC_NET_SPEND, false, 1'200'000'000, "USD"), "1,200.00 USD");
  EXPECT_EQ(MetricValueText(ev::METRIC_GROSS_SPEND, false, 500'000, ""), "0.50");
  EXPECT_EQ(MetricValueText(ev::METRIC_NET_PROFIT, false, -7'000'000, "EUR"), "-7.00 EUR");
  EXPECT_EQ(MetricValueText(ev::METRIC_GROSS_PROFIT, false, 7'000'000, "EUR"), "7.00 EUR");
}

TEST(MetricValueText, WritesSharesAndGrowthInThousandths) {
  EXPECT_EQ(MetricValueText(ev::METRIC_WALLET_SHARE_MILLI, false, 325, "USD"), "325 thousandths");
  EXPECT_EQ(MetricValueText(ev::METRIC_NET_SPEND, true, 1'100, "USD"), "1,100 thousandths");
}

TEST(MetricValueText, WritesEverythingElseAsItIsCounted) {
  EXPECT_EQ(MetricValueText(ev::METRIC_NET_UNITS, false, 12'000, "USD"), "12,000");
  EXPECT_EQ(MetricValueText(ev::METRIC_TENURE_DAYS, false, 365, ""), "365");
  EXPECT_EQ(MetricValueText(ev::METRIC_FACT, false, -3, ""), "-3");
}

ev::Event Flagged(ev::LimitMeasure measure, int64_t value, int64_t threshold) {
  ev::Event event;
  auto& flag = *event.mutable_compliance_flagged();
  flag.set_limit_id("l");
  flag.set_fact_revision(7);
  flag.set_measure(measure);
  flag.set_value(value);
  flag.set_threshold(threshold);
  return event;
}

TEST(DescribeEvent, SaysOfAReturnWhichMergedAccountHadBought) {
  ev::Event event;
  ev::PurchaseReturned& returned = *event.mutable_purchase_returned();
  returned.set_purchase_invoice_number("1001");
  returned.add_lines()->mutable_amount()->set_micros(90'000'000);
  returned.mutable_lines(0)->mutable_amount()->set_currency_code("EUR");
  EXPECT_EQ(DescribeEvent(event), "purchase_returned 90.00 EUR, 1 line, of invoice 1001");
  returned.mutable_merged_purchase()->set_account_id("old");
  returned.mutable_merged_purchase()->set_revision(7);
  EXPECT_EQ(DescribeEvent(event), "purchase_returned 90.00 EUR, 1 line, of invoice 1001, bought by old");
  ev::PointsRestored& restored = *event.mutable_points_restored();
  restored.set_points(30);
  EXPECT_EQ(DescribeEvent(event), "points_restored 30 points");
  restored.mutable_merged_purchase()->set_account_id("old");
  EXPECT_EQ(DescribeEvent(event), "points_restored 30 points, bought by old");
}

TEST(DescribeEvent, SaysWhatAFlagIsAbout) {
  EXPECT_EQ(DescribeEvent(Flagged(ev::LIMIT_MEASURE_DISCOUNT_PERCENT_MILLI, 12'500, 5'000)),
            "compliance_flagged limit l by revision 7: discount 12.5 %, authority 5 %");
  EXPECT_EQ(DescribeEvent(Flagged(ev::LIMIT_MEASURE_TIMES, 3, 2)),
            "compliance_flagged limit l by revision 7: 3 times, at most 2");
  ev::Event event = Flagged(ev::LIMIT_MEASURE_MICROS, 120'000'000, 100'000'000);
  event.mutable_compliance_flagged()->mutable_period_start()->set_seconds(1'704'067'200);
  EXPECT_EQ(DescribeEvent(event),
            "compliance_flagged limit l by revision 7: 120.00, at most 100.00, in the period from "
            "2024-01-01T00:00:00Z");
  event = Flagged(ev::LIMIT_MEASURE_UNIT_PRICE_MICROS, 10'000'000, 9'000'000);
  event.mutable_compliance_flagged()->set_line_number(2);
  event.mutable_compliance_flagged()->set_observations(3);
  EXPECT_EQ(DescribeEvent(event),
            "compliance_flagged limit l by revision 7: line 2 at 10.00 a unit, at most 9.00 by 3 prices observed");
  EXPECT_EQ(DescribeEvent(Flagged(ev::LIMIT_MEASURE_PROHIBITED, 0, 0)),
            "compliance_flagged limit l by revision 7: prohibited");
  EXPECT_EQ(DescribeEvent(Flagged(ev::LIMIT_MEASURE_CURRENCY, 0, 5)),
            "compliance_flagged limit l by revision 7: in another currency than the limit's");
}

TEST(DescribeEvent, SaysWhatWasGrantedGivenAndObserved) {
  ev::Event event;
  auto& granted = *event.mutable_discount_granted();
  granted.set_percent_milli(12'500);
  granted.set_proposer_role("seller");
  granted.set_subject("Q1");
  granted.add_approvals();
  EXPECT_EQ(DescribeEvent(event), "discount_granted 12.5 % by seller, 1 approvals, for Q1");
  auto& gift = *event.mutable_gift_given();
  gift.set_contact_id("li");
  gift.set_item("tea");
  gift.set_quantity(2);
  gift.mutable_value()->set_currency_code("USD");
  gift.mutable_value()->set_micros(5'000'000);
  EXPECT_EQ(DescribeEvent(event), "gift_given 2 tea worth 5.00 USD to li");
  auto& commission = *event.mutable_commission_paid();
  commission.set_contact_id("li");
  commission.mutable_amount()->set_currency_code("USD");
  commission.mutable_amount()->set_micros(5'000'000);
  EXPECT_EQ(DescribeEvent(event), "commission_paid 5.00 USD to li");
  auto& service = *event.mutable_service_provided();
  service.set_kind("visit");
  service.mutable_cost()->set_currency_code("USD");
  EXPECT_EQ(DescribeEvent(event), "service_provided visit for 0.00 USD");
  auto& price = *event.mutable_market_price_observed();
  price.set_sku("tea");
  price.set_region("CN/31");
  price.mutable_unit_price()->set_currency_code("USD");
  price.mutable_unit_price()->set_micros(9'500'000);
  EXPECT_EQ(DescribeEvent(event), "market_price_observed tea at 9.50 USD in CN/31");
}

TEST(DescribeEvent, NamesPeopleByTheirIdsOnly) {
  ev::Event event;
  auto& recorded = *event.mutable_contact_recorded();
  recorded.set_contact_id("c-1");
  recorded.mutable_person()->set_subject_id("s-1");
  recorded.mutable_person()->mutable_details()->set_name("Grace Hopper");
  EXPECT_EQ(DescribeEvent(event), "contact_recorded c-1 is s-1");
  auto& related = *recorded.add_related();
  related.set_relation("daughter");
  related.mutable_person()->set_subject_id("s-2");
  related.mutable_person()->set_data("likes ponies");
  EXPECT_EQ(DescribeEvent(event), "contact_recorded c-1 is s-1, daughter s-2");
  event.mutable_contact_removed()->set_contact_id("c-1");
  event.mutable_contact_removed()->set_reason("left the company");
  EXPECT_EQ(DescribeEvent(event), "contact_removed c-1: left the company");
  auto& custom = *event.mutable_custom_event();
  custom.set_type("com.example.visit");
  EXPECT_EQ(DescribeEvent(event), "custom_event com.example.visit");
  for (const char* subject : {"s-1", "s-2"}) {
    custom.add_personal()->set_subject_id(subject);
    custom.mutable_personal()->rbegin()->set_data("came with flowers");
  }
  EXPECT_EQ(DescribeEvent(event), "custom_event com.example.visit, about s-1, s-2");
}

TEST(DescribeEvent, SaysWhatComplianceAsksFor) {
  ev::Event event;
  event.mutable_subject_erased()->set_subject_id("s-1");
  event.mutable_subject_erased()->set_reason("asked for it");
  EXPECT_EQ(DescribeEvent(event), "subject_erased s-1: asked for it");
  auto& placed = *event.mutable_legal_hold_placed();
  placed.set_hold_id("h-1");
  placed.set_subject_id("s-1");
  placed.set_reason("case 7");
  EXPECT_EQ(DescribeEvent(event), "legal_hold_placed h-1 on s-1: case 7");
  auto& released = *event.mutable_legal_hold_released();
  released.set_hold_id("h-1");
  released.set_subject_id("s-1");
  released.set_reason("case closed");
  EXPECT_EQ(DescribeEvent(event), "legal_hold_released h-1 on s-1: case closed");
  auto& refused = *event.mutable_erasure_refused();
  refused.set_subject_id("s-1");
  refused.add_hold_ids("h-1");
  refused.add_hold_ids("h-2");
  EXPECT_EQ(DescribeEvent(event), "erasure_refused s-1, held by h-1, h-2");
  auto& read = *event.mutable_personal_data_read();
  read.add_subject_ids("s-1");
  read.set_reader("ann");
  read.set_purpose("birthday cards");
  EXPECT_EQ(DescribeEvent(event), "personal_data_read 1 subjects by ann for birthday cards");
  auto& key = *event.mutable_signing_key_published();
  key.set_verifier_key("new");
  EXPECT_EQ(DescribeEvent(event), "signing_key_published new");
  key.set_replaced_verifier_key("old");
  EXPECT_EQ(DescribeEvent(event), "signing_key_published new replaces old");
}

}  // namespace
}  // namespace keyledger::cli
