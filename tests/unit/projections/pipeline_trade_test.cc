// What is asked of items and of the trade together: demand, referrals and sale modes.
#include "projections/pipeline/demand.h"
#include "projections/pipeline/referral_yields.h"
#include "projections/pipeline/sale_modes.h"
#include "projections/retention/retention_projection.h"
#include "server/base/error.h"
#include "tests/unit/projections/pipeline_logs.h"

namespace keyledger::projections::pipeline {
namespace {

using namespace events::v1;
using testing::EngagementRows;
using testing::kUnit;
using testing::Must;
using testing::PipelineLog;
using testing::SetTime;
using testing::Utc;

// The rows of "retention" beside those of "engagement", on one shard.
struct BothRows {
  explicit BothRows(const testing::RecordLog& log)
      : engagement(log), reader(testing::FoldRows(RetentionProjection(), log)), retention{reader.get()} {}

  EngagementRows engagement;
  std::unique_ptr<store::TableReader> reader;
  Shards retention;
};

RetentionScope Monthly(Micros as_of) {
  RetentionScope scope;
  scope.as_of = as_of;
  return scope;
}

DemandForecastStated& Expect(PipelineLog& log, const std::string& account, Micros occurred, Micros start, Micros end,
                             int64_t units, bool declared, const std::string& category = "") {
  auto* stated = log.On(account, occurred).mutable_demand_forecast_stated();
  SetTime(start, stated->mutable_start_time());
  SetTime(end, stated->mutable_end_time());
  testing::SetMoney(units, "USD", stated->mutable_amount());
  stated->set_declared(declared);
  stated->set_category(category);
  return *stated;
}

// Of March 2025: acme declared 100 and ordered 80, of which it bought 70; of beta we expected 50, and it ordered 60 and
// cancelled 40 of other orders; gamma ordered 5 that nobody expected.
PipelineLog Expected() {
  PipelineLog log;
  for (const std::string account : {"acme", "beta", "gamma"}) log.OpenIn(account, Utc(2020, 1, 1), "CN");
  Expect(log, "acme", Utc(2025, 1, 1), Utc(2025, 3, 1), Utc(2025, 4, 1), 90, true);
  Expect(log, "acme", Utc(2025, 1, 2), Utc(2025, 3, 1), Utc(2025, 4, 1), 100, true);
  Expect(log, "acme", Utc(2025, 1, 2), Utc(2025, 3, 1), Utc(2025, 4, 1), 300, false);
  Expect(log, "beta", Utc(2025, 1, 1), Utc(2025, 1, 1), Utc(2025, 4, 1), 50, false);
  log.Order("acme", Utc(2025, 3, 10), "A-1", 80);
  log.Order("beta", Utc(2025, 3, 31), "A-1", 60).set_category("vans");
  log.Order("beta", Utc(2025, 3, 5), "A-2", 40);
  auto* ended = log.On("beta", Utc(2025, 3, 6)).mutable_order_ended();
  ended->set_order_id("A-2");
  ended->set_ending(ORDER_ENDING_CANCELLED);
  log.Order("gamma", Utc(2025, 3, 1), "A-1", 5);
  log.Order("gamma", Utc(2025, 4, 1), "A-2", 7);
  log.Purchase("acme", Utc(2025, 3, 20), 70 * kUnit);
  log.Purchase("gamma", Utc(2025, 3, 20), 9 * kUnit);
  return log;
}

DemandAnswer DemandOf(const testing::RecordLog& log, const DemandQuery& query = {}, Micros as_of = Utc(2025, 6, 1)) {
  const BothRows rows(log);
  return Must(GetDemand(rows.engagement.shards(), rows.retention, Monthly(as_of), query));
}

TEST(Demand, SaysHowFarForecastsWereOff) {
  const DemandAnswer answer = DemandOf(Expected());
  EXPECT_EQ(answer.currency_code, "USD");
  ASSERT_EQ(answer.periods.size(), 2u);
  const DemandRow& march = answer.periods[0];
  EXPECT_EQ(FormatPeriod(march.period, CalendarUnit::kMonth), "2025-03");
  EXPECT_EQ(march.declared_micros, 100 * kUnit) << "as declared last, and not as we thought";
  EXPECT_EQ(march.estimated_micros, 50 * kUnit);
  EXPECT_EQ(march.ordered_micros, 145 * kUnit);
  EXPECT_EQ(march.bought_micros, 70 * kUnit);
  EXPECT_EQ(march.accounts, 2);
  // A fifth too little and a fifth too much.
  EXPECT_DOUBLE_EQ(*march.mean_error, 0.2);
  EXPECT_DOUBLE_EQ(*march.ratio, 140.0 / 150.0);
  EXPECT_EQ(answer.periods[1].accounts, 0);
  EXPECT_FALSE(answer.periods[1].ratio.has_value());
}

// Of March 2025: acme declared 400 units, ordered 300 and bought 10; of beta we expected 50
// units of vans, and it ordered 60. gamma's order and purchase nobody expected.
PipelineLog ExpectedUnits() {
  PipelineLog log;
  for (const std::string account : {"acme", "beta", "gamma"}) log.OpenIn(account, Utc(2020, 1, 1), "CN");
  const auto expect = [&log](const std::string& account, int64_t units, bool declared, const std::string& category) {
    auto& stated = Expect(log, account, Utc(2025, 1, 1), Utc(2025, 3, 1), Utc(2025, 4, 1), 0, declared, category);
    stated.clear_amount();
    stated.set_units(units);
  };
  expect("acme", 400, true, "");
  expect("acme", 900, false, "");
  expect("beta", 50, false, "vans");
  log.Order("acme", Utc(2025, 3, 10), "A-1", 80).set_units(300);
  auto& vans = log.Order("beta", Utc(2025, 3, 31), "A-1", 60);
  vans.set_category("vans");
  vans.set_units(60);
  log.Order("gamma", Utc(2025, 3, 1), "A-1", 5).set_units(1);
  const auto trade = [](PurchaseLine& line, int64_t units) {
    line.set_quantity(units);
    testing::SetMoney(units, "USD", line.mutable_amount());
  };
  trade(*log.On("acme", Utc(2025, 3, 20)).mutable_purchase_recorded()->add_lines(), 10);
  trade(*log.On("gamma", Utc(2025, 3, 20)).mutable_purchase_recorded()->add_lines(), 9);
  return log;
}

TEST(Demand, IsOfUnitsBesideMoney) {
  const DemandAnswer answer = DemandOf(ExpectedUnits());
  ASSERT_EQ(answer.periods.size(), 1u);
  const DemandRow& march = answer.periods[0];
  EXPECT_EQ(march.units.declared, 400);
  EXPECT_EQ(march.units.estimated, 50) << "of acme what it declared counts";
  EXPECT_EQ(march.units.ordered, 361);
  EXPECT_EQ(march.units.bought, 10);
  EXPECT_EQ(march.units.accounts, 2);
  // A quarter too little and a fifth too much.
  EXPECT_DOUBLE_EQ(*march.units.mean_error, 0.225);
  EXPECT_DOUBLE_EQ(*march.units.ratio, 360.0 / 450.0);
  EXPECT_EQ(march.ordered_micros, 145 * kUnit);
  EXPECT_EQ(march.accounts, 0) << "nobody spoke of money";
  EXPECT_EQ(answer.currency_code, "USD");
  const DemandAnswer vans = DemandOf(ExpectedUnits(), {.category = "vans"});
  EXPECT_EQ(vans.periods[0].units.ordered, 60);
  EXPECT_FALSE(vans.periods[0].units.bought.has_value());
}

TEST(Demand, OfUnitsAloneHasAPeriodAndNoCurrency) {
  PipelineLog log;
  log.OpenIn("acme", Utc(2020, 1, 1), "CN");
  auto& stated = Expect(log, "acme", Utc(2025, 1, 1), Utc(2025, 3, 1), Utc(2025, 4, 1), 0, true);
  stated.clear_amount();
  stated.set_units(7);
  const DemandAnswer answer = DemandOf(log);
  ASSERT_EQ(answer.periods.size(), 1u);
  EXPECT_EQ(answer.periods[0].units.declared, 7);
  EXPECT_EQ(answer.periods[0].units.bought, 0);
  EXPECT_EQ(answer.currency_code, "");
}

TEST(Demand, LeavesOutAForecastThatWasTakenBack) {
  PipelineLog log = Expected();
  EventRecord& taken = log.Add("beta", Utc(2025, 5, 1));
  // The forecast of beta is the seventh record of the log, and the second of the account.
  taken.mutable_event()->mutable_fact_retracted()->set_position(6);
  taken.mutable_event()->mutable_fact_retracted()->set_revision(1);
  const DemandAnswer answer = DemandOf(log);
  EXPECT_EQ(answer.periods[0].estimated_micros, 0);
  EXPECT_EQ(answer.periods[0].accounts, 1);
}

// acme was expected to buy 50 and beta declared 1,000, of which it bought 900, all before beta ended in acme.
TEST(Demand, CountsAMergedAccountWithTheOneThatItEndedIn) {
  PipelineLog log;
  log.OpenIn("acme", Utc(2020, 1, 1), "US");
  log.OpenIn("beta", Utc(2020, 1, 1), "CN");
  Expect(log, "acme", Utc(2025, 1, 1), Utc(2025, 3, 1), Utc(2025, 4, 1), 50, false);
  Expect(log, "beta", Utc(2025, 1, 1), Utc(2025, 3, 1), Utc(2025, 4, 1), 1'000, true);
  log.Order("acme", Utc(2025, 3, 1), "A-1", 40);
  log.Order("beta", Utc(2025, 3, 1), "A-1", 800);
  log.Purchase("beta", Utc(2025, 3, 20), 900 * kUnit);
  log.Merge("beta", "acme", Utc(2025, 5, 1));
  const DemandAnswer before = DemandOf(log, {}, Utc(2025, 5, 1));
  ASSERT_EQ(before.periods.size(), 1u);
  EXPECT_EQ(before.periods[0].bought_micros, 900 * kUnit);
  EXPECT_EQ(before.periods[0].accounts, 2);
  const DemandAnswer after = DemandOf(log);
  ASSERT_EQ(after.periods.size(), 1u);
  const DemandRow& march = after.periods[0];
  EXPECT_EQ(march.declared_micros, 1'000 * kUnit);
  EXPECT_EQ(march.estimated_micros, 50 * kUnit);
  EXPECT_EQ(march.ordered_micros, 840 * kUnit);
  EXPECT_EQ(march.bought_micros, 900 * kUnit);
  EXPECT_EQ(march.accounts, 1);
  EXPECT_DOUBLE_EQ(*march.mean_error, 0.2) << "840 of 1,050";
  EXPECT_DOUBLE_EQ(*march.ratio, 0.8);
}

TEST(Demand, KeepsToACategory) {
  PipelineLog log = Expected();
  Expect(log, "beta", Utc(2025, 1, 3), Utc(2025, 3, 1), Utc(2025, 4, 1), 40, true, "vans");
  const DemandAnswer vans = DemandOf(log, {.category = "vans"});
  ASSERT_EQ(vans.periods.size(), 1u);
  EXPECT_EQ(vans.periods[0].declared_micros, 40 * kUnit);
  EXPECT_EQ(vans.periods[0].ordered_micros, 60 * kUnit);
  EXPECT_FALSE(vans.periods[0].bought_micros.has_value());
  EXPECT_DOUBLE_EQ(*vans.periods[0].ratio, 1.5);
  // What was declared of one category goes before what we estimated of everything.
  EXPECT_EQ(DemandOf(log).periods[0].declared_micros, 140 * kUnit);
}

TEST(Demand, BeginsWithThePeriodAskedForAndEndsWithTheMoment) {
  const DemandAnswer april = DemandOf(Expected(), {.start = Utc(2025, 4, 1)});
  ASSERT_EQ(april.periods.size(), 1u);
  EXPECT_EQ(april.periods[0].ordered_micros, 7 * kUnit);
  // gamma's order, and beta's until it was cancelled; acme's is placed on the tenth.
  EXPECT_EQ(DemandOf(Expected(), {}, Utc(2025, 3, 6)).periods[0].ordered_micros, 45 * kUnit);
  EXPECT_EQ(DemandOf(Expected(), {}, Utc(2025, 3, 10)).periods[0].ordered_micros, 5 * kUnit);
}

// acme was asked twice and gave three referrals: one it reported as converted, one whose account says so itself, one of
// which nothing came. delta came directly.
PipelineLog Referred() {
  PipelineLog log;
  for (const std::string account : {"acme", "beta", "gamma", "delta"}) log.OpenIn(account, Utc(2020, 1, 1), "CN");
  for (const int month : {1, 2})
    log.On("acme", Utc(2024, month, 1)).mutable_referral_asked()->set_contact_id("buyer-1");
  const auto give = [&](const std::string& id, const std::string& account) {
    auto* given = log.On("acme", Utc(2024, 2, 2)).mutable_referral_given();
    given->set_referral_id(id);
    given->set_lead_source("referral");
    given->set_account_id(account);
  };
  give("R-1", "");
  give("R-2", "gamma");
  give("R-3", "nobody");
  log.On("acme", Utc(2024, 3, 1)).mutable_referral_converted()->set_referral_id("R-1");
  const auto came = [&](const std::string& account, const std::string& referrer, const std::string& source) {
    auto* referral = log.On(account, Utc(2024, 3, 1)).mutable_referral_recorded();
    referral->set_referrer_account_id(referrer);
    referral->set_lead_source(source);
  };
  came("beta", "acme", "referral");
  came("gamma", "acme", "referral");
  came("delta", "", "direct");
  log.Purchase("beta", Utc(2024, 4, 1), 10 * kUnit);
  log.Purchase("beta", Utc(2025, 3, 31), 20 * kUnit);
  log.Purchase("beta", Utc(2025, 4, 1), 40 * kUnit);
  auto* cost = log.On("gamma", Utc(2024, 3, 1)).mutable_cost_recorded();
  cost->set_purpose(COST_PURPOSE_ACQUISITION);
  testing::SetMoney(3, "USD", cost->mutable_cost());
  return log;
}

ReferralYields YieldsOf(const testing::RecordLog& log, Micros start = Utc(2020, 1, 1)) {
  const BothRows rows(log);
  return Must(GetReferralYields(rows.engagement.shards(), rows.retention, Monthly(Utc(2026, 1, 1)), start));
}

TEST(Referrals, AreCountedFromAskedToConvertedWithTheYieldOfYears) {
  const ReferralYields yields = YieldsOf(Referred());
  EXPECT_EQ(yields.asked, 2);
  EXPECT_EQ(yields.currency_code, "USD");
  ASSERT_EQ(yields.sources.size(), 2u);
  EXPECT_EQ(yields.sources[0].lead_source, "direct");
  EXPECT_EQ(yields.sources[0].given, 0);
  EXPECT_EQ(yields.sources[0].accounts, 1);
  EXPECT_EQ(yields.sources[0].buyers, 0);
  const ReferralSourceRow& referral = yields.sources[1];
  EXPECT_EQ(referral.given, 3);
  EXPECT_EQ(referral.converted, 2);
  EXPECT_EQ(referral.accounts, 2);
  EXPECT_EQ(referral.buyers, 1);
  EXPECT_EQ(referral.yield_micros, (std::vector<int64_t>{30 * kUnit, 40 * kUnit}));
  EXPECT_EQ(referral.cost_micros, 3 * kUnit);
}

TEST(Referrals, StayConvertedWhenTheAccountOrItsReferrerIsMerged) {
  PipelineLog log = Referred();
  log.OpenIn("epsilon", Utc(2020, 1, 1), "CN");
  log.Merge("gamma", "epsilon", Utc(2025, 6, 1));
  log.OpenIn("holding", Utc(2025, 6, 1), "CN");
  log.Merge("acme", "holding", Utc(2025, 6, 2));
  const ReferralYields yields = YieldsOf(log);
  ASSERT_EQ(yields.sources.size(), 2u);
  EXPECT_EQ(yields.sources[1].lead_source, "referral");
  EXPECT_EQ(yields.sources[1].converted, 2);
}

TEST(Referrals, CountFromAMomentOn) {
  const ReferralYields yields = YieldsOf(Referred(), Utc(2024, 2, 1));
  EXPECT_EQ(yields.asked, 1);
  EXPECT_TRUE(YieldsOf(Referred(), Utc(2024, 3, 2)).sources.empty());
}

PurchaseRecorded& Sell(PipelineLog& log, const std::string& account, Micros occurred, SaleMode mode,
                       Micros recorded = 0) {
  auto* purchase = log.On(account, occurred, recorded).mutable_purchase_recorded();
  purchase->set_sale_mode(mode);
  auto* line = purchase->add_lines();
  line->set_quantity(1);
  testing::SetMoney(1, "USD", line->mutable_amount());
  return *purchase;
}

// Recorded at the beginning of 2026 or later.
PipelineLog Sold() {
  PipelineLog log;
  log.OpenIn("acme", Utc(2020, 1, 1), "CN");
  log.OpenIn("beta", Utc(2020, 1, 1), "US");
  Sell(log, "acme", Utc(2025, 12, 1), SALE_MODE_DIRECT);
  Sell(log, "acme", Utc(2025, 12, 2), SALE_MODE_SHOP_REGISTERED);
  Sell(log, "beta", Utc(2025, 12, 22), SALE_MODE_SHOP_REGISTERED);
  Sell(log, "beta", Utc(2025, 12, 31), SALE_MODE_SHOP_REGISTERED);
  Sell(log, "beta", Utc(2026, 1, 1), SALE_MODE_ONLINE);
  return log;
}

std::vector<SaleModeRow> ModesOf(const testing::RecordLog& log, const SaleModeQuery& query = {},
                                 const std::string& region = "") {
  engagement::EngagementScope scope;
  scope.as_of = Utc(2026, 6, 1);
  scope.filter.region = region;
  return Must(GetSaleModes(EngagementRows(log, 2).shards(), scope, query));
}

TEST(SaleModes, AreCountedByPeriod) {
  const std::vector<SaleModeRow> rows = ModesOf(Sold());
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(FormatPeriod(rows[0].period, CalendarUnit::kMonth), "2025-12");
  EXPECT_EQ(rows[0].sale_mode, SALE_MODE_DIRECT);
  EXPECT_EQ(rows[0].purchases, 1);
  EXPECT_DOUBLE_EQ(rows[0].share, 0.25);
  EXPECT_EQ(rows[1].sale_mode, SALE_MODE_SHOP_REGISTERED);
  EXPECT_DOUBLE_EQ(rows[1].share, 0.75);
  EXPECT_EQ(FormatPeriod(rows[2].period, CalendarUnit::kMonth), "2026-01");
  EXPECT_DOUBLE_EQ(rows[2].share, 1);
  EXPECT_EQ(ModesOf(Sold(), {.start = Utc(2026, 1, 1)}).size(), 1u);
  EXPECT_EQ(ModesOf(Sold(), {}, "CN").size(), 2u);
}

TEST(SaleModes, SayHowLateInvoicesAreRegistered) {
  const std::vector<SaleModeRow> rows = ModesOf(Sold());
  // On January 1: 30 days, 10 days and 1 day.
  EXPECT_EQ(rows[1].median_delay_days, 10);
  EXPECT_EQ(rows[2].median_delay_days, 0);
}

TEST(SaleModes, CountOfAnEvenNumberTheLowerDelayOfTheTwoInTheMiddle) {
  PipelineLog log;
  log.OpenIn("acme", Utc(2020, 1, 1), "CN");
  for (const int day : {20, 20, 31, 31}) Sell(log, "acme", Utc(2025, 12, day), SALE_MODE_DIRECT);
  // On January 1: 12 days of two, 1 day of two.
  EXPECT_EQ(ModesOf(log).at(0).median_delay_days, 1);
  Sell(log, "acme", Utc(2025, 12, 20), SALE_MODE_DIRECT);
  EXPECT_EQ(ModesOf(log).at(0).median_delay_days, 12);
}

TEST(SaleModes, GoByThePeriodsOfAZone) {
  SaleModeQuery query;
  query.periods.zone = *Zone::Load("America/New_York");
  const std::vector<SaleModeRow> rows = ModesOf(Sold(), query);
  // The first of December and of January begin in the month before there.
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(FormatPeriod(rows[0].period, CalendarUnit::kMonth), "2025-11");
  EXPECT_EQ(FormatPeriod(rows[2].period, CalendarUnit::kMonth), "2025-12");
}

}  // namespace
}  // namespace keyledger::projections::pipeline
