// The portfolio of two real shops against figures computed independently: every count and sum exactly, every share to
// 1e-12.
//
// The data lies beside the source tree and is not part of it; without it these tests are skipped.
#include <algorithm>
#include <random>

#include "projections/portfolio/classes.h"
#include "projections/portfolio/concentration.h"
#include "projections/portfolio/profitability.h"
#include "projections/portfolio/wallet.h"
#include "tests/unit/projections/portfolio_logs.h"
#include "tests/unit/projections/shops.h"

namespace keyledger::projections::portfolio {
namespace {

using nlohmann::json;
using testing::Must;
using testing::ShopRow;
using testing::Utc;
using Readers = std::vector<std::unique_ptr<store::TableReader>>;

constexpr int64_t kCent = 10'000;
constexpr int64_t kMilli = 1'000;

void ExpectConcentration(const Readers& readers, const json& truth, int64_t minor) {
  ConcentrationQuery query;
  query.cover_percent = {50, 75, 80, 95};
  const Concentration answer = Must(GetConcentration(testing::Pointers(readers), {}, query));
  EXPECT_EQ(answer.accounts, truth["n"].get<int64_t>());
  EXPECT_EQ(answer.total_micros, truth["total_minor"].get<int64_t>() * minor);
  ASSERT_EQ(answer.groups.size(), 2u);
  const ConcentrationGroupRow& top = answer.groups[0];
  EXPECT_EQ(top.accounts, truth["top5_n"].get<int64_t>());
  EXPECT_EQ(top.total_micros, truth["top5_minor"].get<int64_t>() * minor);
  EXPECT_NEAR(top.share, truth["top5_share"].get<double>(), 1e-12);
  EXPECT_EQ(top.cutoff_micros, truth["top5_cutoff_minor"].get<int64_t>() * minor);
  const ConcentrationGroupRow& next = answer.groups[1];
  EXPECT_EQ(next.accounts, truth["next20_n"].get<int64_t>());
  EXPECT_EQ(next.total_micros, truth["next20_minor"].get<int64_t>() * minor);
  EXPECT_NEAR(next.share, truth["next20_share"].get<double>(), 1e-12);
  EXPECT_EQ(next.cutoff_micros, truth["top25_cutoff_minor"].get<int64_t>() * minor);
  EXPECT_EQ(answer.accounts - next.cumulative_accounts, truth["rest_n"].get<int64_t>());
  EXPECT_NEAR(1 - next.cumulative_share, truth["rest_share"].get<double>(), 1e-12);
  for (const ConcentrationCoverRow& cover : answer.covering) {
    const std::string percent = std::to_string(cover.percent);
    EXPECT_EQ(cover.accounts, truth["fewest_accounts_covering_pct"][percent].get<int64_t>()) << percent;
  }
  ASSERT_TRUE(answer.gini.has_value());
  EXPECT_NEAR(*answer.gini, truth["gini"].get<double>(), 1e-12);
  query.cut_percent = {20};
  const Concentration fifth = Must(GetConcentration(testing::Pointers(readers), {}, query));
  EXPECT_EQ(fifth.groups[0].accounts, truth["top20_n"].get<int64_t>());
  EXPECT_NEAR(fifth.groups[0].share, truth["top20_share"].get<double>(), 1e-12);
}

// The first five of the class that holds the first half of the measure.
void ExpectTopFive(const Readers& readers, const json& truth, int64_t minor, Micros start,
                   const RetentionScope& scope) {
  ClassesQuery query;
  query.start = start;
  query.scheme = ClassScheme::kAbc;
  query.first_milli = 500;
  query.second_milli = 800;
  query.class_id = "A";
  query.page_size = 5;
  const ClassesAnswer answer = Must(GetClasses(testing::Pointers(readers), scope, query));
  ASSERT_EQ(answer.members.size(), 5u);
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(std::stoll(answer.members[i].account_id), truth[i]["id"].get<int64_t>()) << i;
    EXPECT_EQ(answer.members[i].micros, truth[i]["minor"].get<int64_t>() * minor) << i;
    EXPECT_EQ(answer.members[i].rank, static_cast<int64_t>(i + 1));
  }
}

RetentionScope Until(Micros as_of, RevenueBasis basis) {
  RetentionScope scope;
  scope.as_of = as_of;
  scope.basis = basis;
  return scope;
}

void ExpectTopFiveByYear(const Readers& readers) {
  const json truth = testing::Truth("invoices_2010_2011.json");
  for (const int year : {2010, 2011}) {
    SCOPED_TRACE(year);
    const std::string name = std::to_string(year);
    ExpectTopFive(readers, truth["top5_by_calendar_year"][name], kMilli, Utc(year, 1, 1),
                  Until(Utc(year + 1, 1, 1), RevenueBasis::kGross));
    ExpectTopFive(readers, truth["top5_by_calendar_year_net"][name], kMilli, Utc(year, 1, 1),
                  Until(Utc(year + 1, 1, 1), RevenueBasis::kNet));
  }
}

Readers Shuffled(std::vector<ShopRow> rows) {
  std::mt19937 random(20261122);
  std::shuffle(rows.begin(), rows.end(), random);
  return testing::Fold(rows, "USD", 4);
}

ProfitabilityRow RowOf(const std::vector<ShopRow>& rows, const std::string& customer) {
  std::vector<ShopRow> own;
  std::copy_if(rows.begin(), rows.end(), std::back_inserter(own),
               [&](const ShopRow& row) { return row.customer == customer; });
  const Readers readers = testing::Fold(own, "GBP", 1);
  const ProfitabilityAnswer answer = Must(ListProfitability(testing::Pointers(readers), {}, {}));
  EXPECT_EQ(answer.accounts.size(), 1u);
  return answer.accounts.empty() ? ProfitabilityRow() : answer.accounts[0];
}

TEST(PortfolioOfCdnow, IsConcentratedAsComputedIndependently) {
  KL_NEED_DATA();
  const json truth = testing::Truth("cdnow_sample.json")["concentration"];
  const Readers readers = testing::Fold(testing::CdnowSample(), "USD", 1);
  ExpectConcentration(readers, truth, kCent);
  ExpectTopFive(readers, truth["top5_accounts"], kCent, kFromTheBeginning, {});
  const Readers shuffled = Shuffled(testing::CdnowSample());
  ExpectConcentration(shuffled, truth, kCent);
  ExpectTopFive(shuffled, truth["top5_accounts"], kCent, kFromTheBeginning, {});
}

// Computed from the parameters in truth/bgnbd_cdnow.json by the authors' formulas, in another language. As of the end
// of the calibration: what was bought later would decide otherwise.
TEST(PortfolioOfCdnow, PromisesWhatTheForecastExpects) {
  KL_NEED_DATA();
  const RetentionScope calibration = Until(Utc(1997, 10, 1), RevenueBasis::kGross);
  ClassesQuery query;
  query.class_id = "promising";
  query.page_size = 1'000;
  for (const bool in_order : {true, false}) {
    const Readers readers =
        in_order ? testing::Fold(testing::CdnowSample(), "USD", 1) : Shuffled(testing::CdnowSample());
    const ClassesAnswer answer = Must(GetClasses(testing::Pointers(readers), calibration, query));
    EXPECT_EQ(answer.basis,
              "expected revenue of the 365 days from the day after 1997-09-30, by BG/NBD fitted to 2357 accounts and "
              "Gamma-Gamma to 946 of them");
    ASSERT_EQ(answer.classes.size(), 4u);
    const int64_t expected[][2] = {{118, 5'813'177}, {472, 6'148'782}, {163, 869'612}, {1'604, 0}};
    for (size_t i = 0; i < 4; ++i) {
      EXPECT_EQ(answer.classes[i].accounts, expected[i][0]);
      if (i < 3) {
        EXPECT_EQ(answer.classes[i].total_micros, expected[i][1] * kCent);
      }
    }
    ASSERT_EQ(answer.members.size(), 163u);
    struct Member {
      const char* id;
      int64_t rank;
      double expected_units;
    };
    const Member members[] = {{"2210", 641, 64.91099664676622},
                              {"1629", 595, 56.86728281931715},
                              {"2106", 628, 56.8237314858773},
                              {"1189", 653, 56.601688257768934},
                              {"1567", 699, 55.65188016603645}};
    for (size_t i = 0; i < 5; ++i) {
      EXPECT_EQ(answer.members[i].account_id, members[i].id);
      EXPECT_EQ(answer.members[i].rank, members[i].rank);
      EXPECT_NEAR(*answer.members[i].expected_micros / 1e6 / members[i].expected_units, 1, 1e-4);
    }
  }
}

TEST(PortfolioOfAWholesaler, IsConcentratedAsComputedIndependently) {
  KL_NEED_DATA();
  const json truth = testing::Truth("invoices_2010_2011.json")["concentration"];
  const Readers readers = testing::Fold(testing::Invoices(), "GBP", 1);
  ExpectConcentration(readers, truth, kMilli);
  ExpectTopFive(readers, truth["top5_accounts"], kMilli, kFromTheBeginning, {});
  const Readers shuffled = Shuffled(testing::Invoices());
  ExpectConcentration(shuffled, truth, kMilli);
  ExpectTopFive(shuffled, truth["top5_accounts"], kMilli, kFromTheBeginning, {});
}

TEST(PortfolioOfAWholesaler, HasTheTopFiveOfEachYearGrossAndNet) {
  KL_NEED_DATA();
  ExpectTopFiveByYear(testing::Fold(testing::Invoices(), "GBP", 1));
  ExpectTopFiveByYear(Shuffled(testing::Invoices()));
}

// An invoice of 77,183.60 that was cancelled after 16 minutes, and nothing else.
TEST(PortfolioOfAWholesaler, Knows12346OnTopByGrossAndWorthNothingNet) {
  KL_NEED_DATA();
  const std::vector<ShopRow> rows = testing::Invoices();
  EXPECT_EQ(RowOf(rows, "12346").revenue_micros, 0);
  const Readers readers = testing::Fold(rows, "GBP", 1);
  ClassesQuery query;
  query.scheme = ClassScheme::kAbc;
  query.first_milli = 800;
  query.second_milli = 950;
  const auto class_of = [&](RevenueBasis basis, const std::string& class_id) {
    query.class_id = class_id;
    query.page_size = 5'000;
    const ClassesAnswer answer = Must(GetClasses(testing::Pointers(readers), Until(kNoAsOf, basis), query));
    return std::any_of(answer.members.begin(), answer.members.end(),
                       [](const ClassMemberRow& member) { return member.account_id == "12346"; });
  };
  EXPECT_TRUE(class_of(RevenueBasis::kGross, "A"));
  EXPECT_TRUE(class_of(RevenueBasis::kNet, "C"));
}

// 168,469.60 cancelled after 12 minutes, besides purchases of 2.90.
TEST(PortfolioOfAWholesaler, Knows16446InTheGrossTopFiveOnly) {
  KL_NEED_DATA();
  EXPECT_EQ(RowOf(testing::Invoices(), "16446").revenue_micros, 2'900'000);
}

TEST(PortfolioOfAWholesaler, HasFortyOneAccountsThatReturnedMoreThanTheyBought) {
  KL_NEED_DATA();
  const Readers readers = testing::Fold(testing::Invoices(), "GBP", 1);
  ProfitabilityQuery query;
  query.loss_making_only = true;
  query.page_size = 1'000;
  const ProfitabilityAnswer answer = Must(ListProfitability(testing::Pointers(readers), {}, query));
  EXPECT_EQ(answer.loss_making, 41);
  ASSERT_EQ(answer.accounts.size(), 41u);
  EXPECT_LT(answer.accounts.front().profit_micros, answer.accounts.back().profit_micros);
  // Sales of 8,911,407.904 less cancellations of 611,342.090.
  EXPECT_EQ(answer.total.profit_micros, 8'300'065'814'000);
}

TEST(WalletShareByRank, EqualsTheWalletAllocationRule) {
  KL_NEED_DATA();
  const json truth = testing::Truth("small_vectors.json")["wallet_allocation_rule"];
  int compared = 0;
  for (int32_t suppliers = 1; suppliers <= 4; ++suppliers) {
    for (int32_t rank = 1; rank <= suppliers; ++rank) {
      const std::string name = "rank" + std::to_string(rank) + "_of_" + std::to_string(suppliers);
      EXPECT_NEAR(WalletShareByRank(2 * rank, suppliers), truth[name].get<double>(), 1e-12) << name;
      compared += 1;
    }
  }
  EXPECT_EQ(compared, static_cast<int>(truth.size()));
}

}  // namespace
}  // namespace keyledger::projections::portfolio
