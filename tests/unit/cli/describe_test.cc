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

}  // namespace
}  // namespace keyledger::cli
