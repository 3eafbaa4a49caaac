// RFM, survival and migration of two real shops against figures computed independently: every count and sum exactly,
// every ratio to 1e-12, in order in one shard and shuffled over four.
#include <algorithm>
#include <map>
#include <random>

#include <gtest/gtest.h>

#include "projections/retention/migration_queries.h"
#include "projections/retention/rfm_queries.h"
#include "projections/retention/survival_queries.h"
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

using Readers = std::vector<const store::TableReader*>;

// What the two files differ in.
struct Shop {
  const char* truth;
  // What one minor unit of the truth is in micros.
  int64_t minor;
  RfmFrequency frequency;
  // Digits of a customer's number.
  size_t digits;
  const char* classes;
  // "N->N" of each step: the truth leaves it out.
  std::vector<int64_t> stayed_away;
};

Shop Cdnow() {
  return {"cdnow_sample.json", 10'000, RfmFrequency::kDays, 4, "abc_quarterly", {0, 1629, 1738, 1765, 1842}};
}

Shop Wholesaler() {
  return {"invoices_2010_2011.json", 1000, RfmFrequency::kPurchases, 5, "abc_calendar_quarterly", {0, 236, 675, 972}};
}

std::string AccountOf(const json& id, size_t digits) {
  const std::string number = std::to_string(id.get<int64_t>());
  return std::string(digits - number.size(), '0') + number;
}

RfmTable RfmOf(const Readers& readers, const RfmQuestion& question, const RetentionScope& scope = {}) {
  const auto table = GetRfmTable(readers, scope, question);
  EXPECT_TRUE(table.ok()) << table.status();
  return table.value_or(RfmTable());
}

void ExpectScores(const RfmTable& table, const json& truth) {
  const auto scores = [&truth](const char* part) { return truth[part].get<std::array<int64_t, 5>>(); };
  EXPECT_EQ(table.recency, scores("R"));
  EXPECT_EQ(table.frequency, scores("F"));
  EXPECT_EQ(table.monetary, scores("M"));
  std::map<std::string, int64_t> cells;
  for (const RfmCell& cell : table.cells) cells[cell.cell] = cell.accounts;
  EXPECT_EQ(cells, (truth["cells"].get<std::map<std::string, int64_t>>()));
  EXPECT_EQ(table.cells.size(), truth["cells_used"].get<size_t>());
  EXPECT_EQ(cells["555"], truth["best_555"].get<int64_t>());
  EXPECT_EQ(cells["111"], truth["worst_111"].get<int64_t>());
  EXPECT_TRUE(std::is_sorted(table.cells.begin(), table.cells.end(),
                             [](const RfmCell& a, const RfmCell& b) { return a.cell < b.cell; }));
}

void ExpectRfm(const Readers& readers, const Shop& shop, const json& truth, int64_t total_micros) {
  for (const auto& [name, ties] :
       {std::pair("ntile_tie_by_id", RfmTies::kById), std::pair("strictly_worse_share", RfmTies::kShared)}) {
    SCOPED_TRACE(name);
    const RfmTable table = RfmOf(readers, {.ties = ties, .frequency = shop.frequency});
    EXPECT_EQ(table.accounts, truth["customers"].get<int64_t>());
    ASSERT_TRUE(table.as_of_day.has_value());
    EXPECT_EQ(FormatPeriod(*table.as_of_day, CalendarUnit::kDay), truth["as_of"].get<std::string>());
    ExpectScores(table, truth[name]);
    int64_t total = 0;
    for (const RfmCell& cell : table.cells) total += cell.revenue_micros;
    EXPECT_EQ(total, total_micros);
  }
  for (const json& sample : truth["samples"]) {
    SCOPED_TRACE(sample.dump());
    const std::string id = AccountOf(sample["id"], shop.digits);
    const RfmTable table = RfmOf(readers, {.frequency = shop.frequency, .account_id = id});
    ASSERT_EQ(table.listed.size(), 1u);
    EXPECT_EQ(table.listed[0].account_id, id);
    EXPECT_EQ(table.listed[0].recency_days, sample["R"].get<int64_t>());
    EXPECT_EQ(table.listed[0].frequency, sample["F"].get<int64_t>());
    EXPECT_EQ(table.listed[0].revenue_micros, sample["M_minor"].get<int64_t>() * shop.minor);
  }
}

void ExpectSurvival(const Readers& readers, const json& truth) {
  const auto curve = GetSurvivalCurve(readers, {}, SurvivalEvent::kSecondPurchase, 0);
  ASSERT_TRUE(curve.ok()) << curve.status();
  EXPECT_EQ(curve->subjects(), truth["n"].get<int64_t>());
  EXPECT_EQ(curve->events(), truth["events"].get<int64_t>());
  EXPECT_EQ(curve->censored(), truth["censored"].get<int64_t>());
  ASSERT_EQ(curve->Median().has_value(), !truth["median_days"].is_null());
  if (curve->Median().has_value()) {
    EXPECT_EQ(*curve->Median(), truth["median_days"].get<int64_t>());
  }
  for (const json& at : truth["at"]) {
    SCOPED_TRACE(at.dump());
    EXPECT_NEAR(curve->SurvivalAt(at["day"]), at["S"].get<double>(), 1e-12);
    EXPECT_NEAR(curve->VarianceAt(at["day"]), at["greenwood_var"].get<double>(), 1e-12);
  }
  ASSERT_GE(curve->points().size(), truth["first_rows"].size());
  for (size_t i = 0; i < truth["first_rows"].size(); ++i) {
    const json& row = truth["first_rows"][i];
    SCOPED_TRACE(row.dump());
    const forecast::SurvivalPoint& point = curve->points()[i];
    EXPECT_EQ(point.day, row["t"].get<int64_t>());
    EXPECT_EQ(point.at_risk, row["at_risk"].get<int64_t>());
    EXPECT_EQ(point.events, row["events"].get<int64_t>());
    EXPECT_NEAR(point.survival, row["S"].get<double>(), 1e-12);
  }
}

void ExpectRecency(const Readers& readers, const json& truth) {
  const auto table = GetMigrationTable(readers, {}, {});
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->states, truth["states"].get<std::vector<std::string>>());
  EXPECT_EQ(table->counts, truth["counts"].get<MigrationSquare<int64_t>>());
  const auto rates = truth["p"].get<MigrationSquare<double>>();
  ASSERT_EQ(table->rates.size(), rates.size());
  for (size_t i = 0; i < rates.size(); ++i) {
    ASSERT_EQ(table->rates[i].size(), rates[i].size());
    for (size_t j = 0; j < rates.size(); ++j) EXPECT_NEAR(table->rates[i][j], rates[i][j], 1e-12) << i << " " << j;
  }
  ASSERT_EQ(table->steady_state.size(), 5u);
  // What flows into a state in the long run is what is in it.
  for (size_t j = 0; j < rates.size(); ++j) {
    double inflow = 0;
    for (size_t i = 0; i < rates.size(); ++i) inflow += table->steady_state[i] * rates[i][j];
    EXPECT_NEAR(inflow, table->steady_state[j], 1e-12) << j;
  }
}

void ExpectClasses(const Readers& readers, const Shop& shop, const json& truth, size_t ranked_at_once) {
  const auto table =
      GetMigrationTable(readers, {.unit = CalendarUnit::kQuarter},
                        {.of = MigrationOf::kClass, .discount_milli = 100, .ranked_at_once = ranked_at_once});
  ASSERT_TRUE(table.ok()) << table.status();
  const std::vector<std::string> states = {"A", "B", "C", "N"};
  ASSERT_EQ(table->states, states);
  ASSERT_EQ(table->steps.size(), truth.size());
  for (size_t step = 0; step < truth.size(); ++step) {
    const json& wanted = truth[step];
    SCOPED_TRACE(wanted.dump());
    const MigrationStep& got = table->steps[step];
    int64_t counted = 0;
    for (size_t i = 0; i < 4; ++i) {
      if (i < 3) {
        EXPECT_EQ(got.sizes[i], wanted["sizes"][states[i]].get<int64_t>());
      }
      for (size_t j = 0; j < 4; ++j) {
        if (i == 3 && j == 3) continue;
        const std::string move = states[i] + "->" + states[j];
        EXPECT_EQ(got.counts[i][j], wanted["counts"].value(move, int64_t{0})) << move;
        counted += got.counts[i][j];
      }
    }
    int64_t total = 0;
    for (const auto& [move, count] : wanted["counts"].items()) total += count.get<int64_t>();
    EXPECT_EQ(counted, total);
    if (step < shop.stayed_away.size()) {
      EXPECT_EQ(got.counts[3][3], shop.stayed_away[step]);
    }
  }
  EXPECT_EQ(table->value_micros.size(), 4u);
  // The best class is worth most, and those that stay away least.
  for (size_t i = 1; i < table->value_micros.size(); ++i) {
    EXPECT_LT(table->value_micros[i], table->value_micros[i - 1]) << i;
  }
}

// As folded in this order into so many shards.
void ExpectTruth(const std::vector<ShopRow>& rows, const Shop& shop, size_t shards) {
  SCOPED_TRACE(shards);
  const json truth = Truth(shop.truth);
  const auto readers = Fold(rows, "USD", shards);
  const Readers pointers = Pointers(readers);
  int64_t sales = 0;
  for (const ShopRow& row : rows) sales += std::max<int64_t>(row.micros, 0);
  ExpectRfm(pointers, shop, truth["rfm"], sales);
  ExpectSurvival(pointers, truth["km_second_purchase"]);
  ExpectRecency(pointers, truth["markov_monthly_recency"]);
  ExpectClasses(pointers, shop, truth[shop.classes], kRankedAtOnce);
  ExpectClasses(pointers, shop, truth[shop.classes], 500);
}

std::vector<ShopRow> Shuffled(std::vector<ShopRow> rows) {
  std::mt19937 random(20261122);
  std::shuffle(rows.begin(), rows.end(), random);
  return rows;
}

TEST(RfmOfCdnow, SurvivalAndMigrationEqualTheFiguresComputedIndependently) {
  KL_NEED_DATA();
  ExpectTruth(CdnowSample(), Cdnow(), 1);
}

TEST(RfmOfCdnow, DoesNotDependOnTheOrderOfArrivalOrTheShards) {
  KL_NEED_DATA();
  ExpectTruth(Shuffled(CdnowSample()), Cdnow(), 4);
}

TEST(RfmOfAWholesaler, SurvivalAndMigrationEqualTheFiguresComputedIndependently) {
  KL_NEED_DATA();
  ExpectTruth(Invoices(), Wholesaler(), 1);
}

TEST(RfmOfAWholesaler, DoesNotDependOnTheOrderOfArrivalOrTheShards) {
  KL_NEED_DATA();
  ExpectTruth(Shuffled(Invoices()), Wholesaler(), 4);
}

TEST(RfmOfCdnow, CountsAPurchaseOfZeroDollars) {
  KL_NEED_DATA();
  const auto readers = Fold(CdnowSample(), "USD", 2);
  for (const char* const id : {"0087", "0155", "0227", "0286", "1080", "1195", "1293", "2086"}) {
    SCOPED_TRACE(id);
    const RfmTable table = RfmOf(Pointers(readers), {.ties = RfmTies::kShared, .account_id = id});
    ASSERT_EQ(table.listed.size(), 1u);
    EXPECT_EQ(table.listed[0].frequency, 1);
    EXPECT_EQ(table.listed[0].revenue_micros, 0);
    EXPECT_EQ(table.listed[0].cell.substr(1), "11") << "the worst by frequency and money";
  }
}

// 2,357 accounts from 1997-01-01 on, until 1998-06-30.
TEST(TenureOfCdnow, CountsDaysToTheDayAfterTheData) {
  KL_NEED_DATA();
  const auto readers = Fold(CdnowSample(), "USD", 2);
  const auto open = GetTenureTable(Pointers(readers), {}, 0, {503, 547});
  ASSERT_TRUE(open.ok()) << open.status();
  EXPECT_EQ(open->accounts, 2357);
  EXPECT_DOUBLE_EQ(*open->mean_days, 1'185'597.0 / 2357);
  EXPECT_EQ(open->median_days, 503);
  EXPECT_EQ(open->bands[2].accounts, 0);
  EXPECT_FALSE(open->survival_mean_days.has_value()) << "nobody was closed";
  EXPECT_DOUBLE_EQ(*open->geometric_mean_months, 5322.0 / (5322 - 1257));
  const auto silent = GetTenureTable(Pointers(readers), {}, 180, {});
  ASSERT_TRUE(silent.ok()) << silent.status();
  EXPECT_EQ(silent->accounts, 514);
  EXPECT_DOUBLE_EQ(*silent->mean_days, 257'795.0 / 514);
  EXPECT_EQ(silent->median_days, 500);
  EXPECT_TRUE(silent->survival_mean_days.has_value());
}

// What one customer of the wholesaler's scores.
RfmAccount WholesalerAccount(const std::string& id, RfmFrequency frequency, RevenueBasis basis) {
  const auto readers = Fold(Invoices(), "GBP", 4);
  const RfmTable table = RfmOf(Pointers(readers), {.frequency = frequency, .account_id = id}, {.basis = basis});
  EXPECT_EQ(table.listed.size(), 1u) << id;
  return table.listed.empty() ? RfmAccount() : table.listed[0];
}

TEST(RfmOfAWholesaler, KnowsThatAnInvoiceCancelledAtOnceIsWorthNothingNet) {
  KL_NEED_DATA();
  const RfmAccount gross = WholesalerAccount("12346", RfmFrequency::kPurchases, RevenueBasis::kGross);
  EXPECT_EQ(gross.revenue_micros, 77'183'600'000);
  EXPECT_EQ(gross.cell, "115");
  const RfmAccount net = WholesalerAccount("12346", RfmFrequency::kPurchases, RevenueBasis::kNet);
  EXPECT_EQ(net.revenue_micros, 0);
  EXPECT_EQ(net.cell, "111");
  EXPECT_EQ(net.frequency, 1) << "it was a purchase all the same";
  EXPECT_EQ(net.recency_days, 326);
}

TEST(RfmOfAWholesaler, KnowsThatTheLargestInvoiceOfTheLastDayWasCancelled) {
  KL_NEED_DATA();
  const RfmAccount gross = WholesalerAccount("16446", RfmFrequency::kPurchases, RevenueBasis::kGross);
  EXPECT_EQ(gross.revenue_micros, 168'472'500'000);
  EXPECT_EQ(gross.cell.back(), '5');
  const RfmAccount net = WholesalerAccount("16446", RfmFrequency::kPurchases, RevenueBasis::kNet);
  EXPECT_EQ(net.revenue_micros, 2'900'000);
  EXPECT_EQ(net.cell.back(), '1');
  EXPECT_EQ(net.recency_days, 1);
}

TEST(RfmOfAWholesaler, CountsTwoInvoicesOfTheSameMinuteTwice) {
  KL_NEED_DATA();
  EXPECT_EQ(WholesalerAccount("12415", RfmFrequency::kPurchases, RevenueBasis::kGross).frequency, 21);
  EXPECT_EQ(WholesalerAccount("12415", RfmFrequency::kDays, RevenueBasis::kGross).frequency, 16);
}

TEST(RfmOfAWholesaler, BeginsWithTheFirstPurchaseWhereACancellationCameBefore) {
  KL_NEED_DATA();
  // Cancelled 2010-12-14, bought 2011-03-24 and 2011-09-16.
  const RfmAccount account = WholesalerAccount("12434", RfmFrequency::kPurchases, RevenueBasis::kNet);
  EXPECT_EQ(account.frequency, 2);
  EXPECT_EQ(account.revenue_micros, 765'190'000);
  std::vector<ShopRow> rows = Invoices();
  std::erase_if(rows, [](const ShopRow& row) { return row.customer != "12434"; });
  const auto readers = Fold(rows, "GBP", 1);
  const auto curve = GetSurvivalCurve(Pointers(readers), {}, SurvivalEvent::kSecondPurchase, 0);
  ASSERT_TRUE(curve.ok()) << curve.status();
  ASSERT_EQ(curve->points().size(), 1u);
  EXPECT_EQ(curve->points()[0].day, 176);
}

TEST(RfmOfAWholesaler, KeepsACustomerOfTwoCountriesTogether) {
  KL_NEED_DATA();
  const RfmAccount account = WholesalerAccount("12431", RfmFrequency::kPurchases, RevenueBasis::kNet);
  EXPECT_EQ(account.frequency, 15);
  EXPECT_EQ(account.revenue_micros, 6'416'390'000);
}

TEST(RfmOfAWholesaler, ScoresNoCustomerThatOnlyCancelled) {
  KL_NEED_DATA();
  const auto readers = Fold(Invoices(), "GBP", 4);
  // 4,371 customers, 33 of them with cancellations only. All others are in one cell each; 8 brought less than nothing,
  // 13 nothing.
  int64_t accounts = 0;
  int64_t negative = 0;
  int64_t zero = 0;
  const RetentionScope net{.basis = RevenueBasis::kNet};
  for (const RfmCell& cell : RfmOf(Pointers(readers), {}, net).cells) {
    if (cell.cell.back() != '1') {
      accounts += cell.accounts;
      continue;
    }
    const RfmTable listed = RfmOf(Pointers(readers), {.cell = cell.cell, .limit = 5'000}, net);
    EXPECT_EQ(static_cast<int64_t>(listed.listed.size()), cell.accounts);
    EXPECT_EQ(listed.continuation, "");
    for (const RfmAccount& account : listed.listed) {
      accounts += 1;
      negative += account.revenue_micros < 0 ? 1 : 0;
      zero += account.revenue_micros == 0 ? 1 : 0;
    }
  }
  EXPECT_EQ(accounts, 4338);
  EXPECT_EQ(negative, 8);
  EXPECT_EQ(zero, 13);
}

}  // namespace
}  // namespace keyledger::projections
