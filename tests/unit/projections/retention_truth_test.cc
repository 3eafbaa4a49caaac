// Retention of two real shops against figures computed independently: every count and sum exactly, every ratio to
// 1e-12.
//
// The data lies beside the source tree and is not part of it; without it these tests are skipped.
#include <algorithm>
#include <random>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "projections/retention/retention_queries.h"
#include "tests/unit/projections/shops.h"

namespace keyledger::projections {
namespace {

using nlohmann::json;
using testing::CdnowSample;
using testing::Fold;
using testing::Invoices;
using testing::Pointers;
using testing::ShopRow;
using testing::Truth;

void ExpectRatio(const std::optional<double>& ratio, const json& period, const char* name) {
  ASSERT_EQ(ratio.has_value(), period.contains(name)) << name;
  if (!ratio.has_value()) return;
  EXPECT_NEAR(*ratio, period[name].get<double>(), 1e-12) << name;
}

// `minor` is what one minor unit of the truth is in micros.
void ExpectPeriods(const RetentionTable& table, const json& truth, CalendarUnit unit, int64_t minor) {
  ASSERT_EQ(table.periods.size(), truth.size());
  for (size_t i = 0; i < truth.size(); ++i) {
    const RetentionPeriodRow& row = table.periods[i];
    const json& wanted = truth[i];
    SCOPED_TRACE(FormatPeriod(row.period, unit));
    if (wanted["period"].is_string()) {
      EXPECT_EQ(FormatPeriod(row.period, unit), wanted["period"].get<std::string>());
    }
    EXPECT_EQ(row.active, wanted["active"].get<int64_t>());
    EXPECT_EQ(row.fresh, wanted["new"].get<int64_t>());
    EXPECT_EQ(row.revenue_micros, wanted["revenue_minor"].get<int64_t>() * minor);
    ExpectRatio(row.logo_retention, wanted, "logo_retention");
    ExpectRatio(row.crr_end_minus_new_over_start, wanted, "crr_end_minus_new_over_start");
    ExpectRatio(row.nrr, wanted, "nrr");
    ExpectRatio(row.grr, wanted, "grr");
    if (!wanted.contains("start")) continue;
    EXPECT_EQ(row.start, wanted["start"].get<int64_t>());
    EXPECT_EQ(row.retained, wanted["retained"].get<int64_t>());
    EXPECT_EQ(row.reactivated, wanted["reactivated"].get<int64_t>());
    EXPECT_EQ(row.churned, row.start - row.retained);
    EXPECT_EQ(row.nrr_micros, wanted["nrr_num_minor"].get<int64_t>() * minor);
    EXPECT_EQ(row.grr_micros, wanted["grr_num_minor"].get<int64_t>() * minor);
    EXPECT_EQ(row.base_micros, wanted["base_minor"].get<int64_t>() * minor);
  }
}

void ExpectCohorts(const CohortTable& table, const json& truth, int64_t minor) {
  ASSERT_EQ(table.cohorts.size(), truth.size());
  for (const CohortRow& row : table.cohorts) {
    const std::string start = FormatPeriod(row.period, CalendarUnit::kMonth);
    SCOPED_TRACE(start);
    ASSERT_TRUE(truth.contains(start));
    const json& wanted = truth[start];
    EXPECT_EQ(row.size, wanted["size"].get<int64_t>());
    EXPECT_EQ(row.active, wanted["active"].get<std::vector<int64_t>>());
    std::vector<int64_t> revenue = wanted["revenue_minor"].get<std::vector<int64_t>>();
    for (int64_t& amount : revenue) amount *= minor;
    EXPECT_EQ(row.revenue_micros, revenue);
  }
}

void ExpectTruth(const std::vector<ShopRow>& rows, const json& truth, const char* quarters, int64_t minor,
                 size_t shards) {
  const auto readers = Fold(rows, "USD", shards);
  const auto pointers = Pointers(readers);
  const auto months = GetRetentionTable(pointers, {});
  ASSERT_TRUE(months.ok()) << months.status();
  ExpectPeriods(*months, truth["months"], CalendarUnit::kMonth, minor);
  const auto by_quarter = GetRetentionTable(pointers, {.unit = CalendarUnit::kQuarter});
  ASSERT_TRUE(by_quarter.ok()) << by_quarter.status();
  ExpectPeriods(*by_quarter, truth[quarters], CalendarUnit::kQuarter, minor);
  const auto cohorts = GetCohortTable(pointers, {});
  ASSERT_TRUE(cohorts.ok()) << cohorts.status();
  ExpectCohorts(*cohorts, truth["cohorts"], minor);
}

TEST(RetentionOfCdnow, EqualsTheFiguresComputedIndependently) {
  KL_NEED_DATA();
  const std::vector<ShopRow> rows = CdnowSample();
  ASSERT_EQ(rows.size(), 6919u);
  ExpectTruth(rows, Truth("cdnow_sample.json"), "quarters", 10'000, 1);
}

TEST(RetentionOfCdnow, CountsPurchasesOfZeroDollars) {
  KL_NEED_DATA();
  const auto readers = Fold(CdnowSample(), "USD", 1);
  const auto table = GetRetentionTable(Pointers(readers), {});
  EXPECT_EQ(table->purchases, 6919);
  EXPECT_EQ(table->accounts, 2357);
}

TEST(RetentionOfAWholesaler, EqualsTheFiguresComputedIndependently) {
  KL_NEED_DATA();
  const std::vector<ShopRow> rows = Invoices();
  ASSERT_EQ(rows.size(), 18532u + 3654u);
  ExpectTruth(rows, Truth("invoices_2010_2011.json"), "calendar_quarters", 1000, 1);
}

TEST(RetentionOfAWholesaler, DoesNotDependOnTheOrderOfArrivalOrTheShards) {
  KL_NEED_DATA();
  std::vector<ShopRow> rows = Invoices();
  std::mt19937 random(20261122);
  std::shuffle(rows.begin(), rows.end(), random);
  ExpectTruth(rows, Truth("invoices_2010_2011.json"), "calendar_quarters", 1000, 1);
  ExpectTruth(rows, Truth("invoices_2010_2011.json"), "calendar_quarters", 1000, 4);
}

TEST(RetentionOfAWholesaler, SubtractsCancellationsWhenNet) {
  KL_NEED_DATA();
  const auto readers = Fold(Invoices(), "GBP", 1);
  const auto net = GetRetentionTable(Pointers(readers), {.unit = CalendarUnit::kYear, .basis = RevenueBasis::kNet});
  ASSERT_TRUE(net.ok());
  EXPECT_EQ(net->accounts, 4338);
  EXPECT_EQ(net->purchases, 18532);
  // Sales of 8,911,407.904 less cancellations of 611,342.090.
  int64_t total = 0;
  for (const RetentionPeriodRow& row : net->periods) total += row.revenue_micros;
  EXPECT_EQ(total, 8'300'065'814'000);
}

TEST(RetentionOfAWholesaler, KnowsThatAnInvoiceCancelledAtOnceIsWorthNothingNet) {
  KL_NEED_DATA();
  std::vector<ShopRow> rows = Invoices();
  std::erase_if(rows, [](const ShopRow& row) { return row.customer != "12346"; });
  const auto readers = Fold(rows, "GBP", 1);
  const auto gross = GetRetentionTable(Pointers(readers), {});
  const auto net = GetRetentionTable(Pointers(readers), {.basis = RevenueBasis::kNet});
  ASSERT_EQ(gross->periods.size(), 1u);
  EXPECT_EQ(gross->periods[0].revenue_micros, 77'183'600'000);
  EXPECT_EQ(net->periods[0].revenue_micros, 0);
  EXPECT_EQ(net->periods[0].active, 1);
}

}  // namespace
}  // namespace keyledger::projections
