// Kaplan-Meier: by hand, and second purchases of two real shops.
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "projections/forecast/survival.h"
#include "tests/unit/forecast/real_data.h"

namespace keyledger::forecast {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using testing::HaveData;

SurvivalCurve Curve(const std::vector<SurvivalDay>& days) {
  auto curve = SurvivalCurve::Estimate(days);
  EXPECT_TRUE(curve.ok()) << curve.status();
  return curve.value_or(SurvivalCurve());
}

// Days from the first to the second day of purchase; without one, to the last day of the file.
std::vector<SurvivalDay> SecondPurchases(const testing::Histories& histories) {
  int64_t last_day = 0;
  for (const auto& [name, days] : histories) last_day = std::max(last_day, days.rbegin()->first);
  std::vector<SurvivalDay> observed;
  for (const auto& [name, days] : histories) {
    const int64_t first = days.begin()->first;
    if (days.size() > 1) {
      observed.push_back({.day = std::next(days.begin())->first - first, .events = 1});
    } else {
      observed.push_back({.day = last_day - first, .censored = 1});
    }
  }
  return observed;
}

void ExpectTruth(const SurvivalCurve& curve, const json& truth) {
  EXPECT_EQ(curve.subjects(), truth["n"]);
  EXPECT_EQ(curve.events(), truth["events"]);
  EXPECT_EQ(curve.censored(), truth["censored"]);
  for (const json& at : truth["at"]) {
    EXPECT_NEAR(curve.SurvivalAt(at["day"]), at["S"].get<double>(), 1e-12) << at["day"];
    EXPECT_NEAR(curve.VarianceAt(at["day"]) / at["greenwood_var"].get<double>(), 1, 1e-11) << at["day"];
  }
  ASSERT_GE(curve.points().size(), truth["first_rows"].size());
  for (size_t i = 0; i < truth["first_rows"].size(); ++i) {
    const json& row = truth["first_rows"][i];
    EXPECT_EQ(curve.points()[i].day, row["t"]);
    EXPECT_EQ(curve.points()[i].at_risk, row["at_risk"]);
    EXPECT_EQ(curve.points()[i].events, row["events"]);
    EXPECT_NEAR(curve.points()[i].survival, row["S"].get<double>(), 1e-12);
  }
  if (truth["median_days"].is_null()) {
    EXPECT_FALSE(curve.Median().has_value());
  } else {
    EXPECT_EQ(curve.Median(), truth["median_days"].get<int64_t>());
  }
}

TEST(SurvivalOfCdnow, EqualsTheFiguresComputedIndependently) {
  KL_NEED_DATA();
  ExpectTruth(Curve(SecondPurchases(testing::CdnowSample())),
              testing::Truth("cdnow_sample.json")["km_second_purchase"]);
}

TEST(SurvivalOfAWholesaler, EqualsTheFiguresComputedIndependently) {
  KL_NEED_DATA();
  ExpectTruth(Curve(SecondPurchases(testing::Wholesaler())),
              testing::Truth("invoices_2010_2011.json")["km_second_purchase"]);
}

// Ten: two events on day 2, one censored on day 2, one event on day 5, the rest until day 8.
SurvivalCurve OfTen() { return Curve({{8, 0, 6}, {2, 2, 0}, {5, 1, 0}, {2, 0, 1}}); }

TEST(SurvivalCurve, HasPointsOnlyWhereSomethingHappened) {
  const SurvivalCurve curve = OfTen();
  ASSERT_EQ(curve.points().size(), 2u);
  EXPECT_EQ(curve.points()[0].day, 2);
  EXPECT_EQ(curve.points()[0].at_risk, 10);
  EXPECT_EQ(curve.points()[0].events, 2);
  EXPECT_DOUBLE_EQ(curve.points()[0].survival, 0.8);
  // 0.64 * 2 / (10 * 8)
  EXPECT_DOUBLE_EQ(curve.points()[0].variance, 0.016);
  EXPECT_EQ(curve.points()[1].day, 5);
  EXPECT_EQ(curve.points()[1].at_risk, 7);
  EXPECT_DOUBLE_EQ(curve.points()[1].survival, 0.8 * 6 / 7);
  EXPECT_EQ(curve.last_day(), 8);
}

TEST(SurvivalCurve, StepsDownJustAfterTheDay) {
  const SurvivalCurve curve = OfTen();
  EXPECT_EQ(curve.SurvivalAt(-5), 1);
  EXPECT_EQ(curve.SurvivalAt(1), 1);
  EXPECT_EQ(curve.VarianceAt(1), 0);
  EXPECT_DOUBLE_EQ(curve.SurvivalAt(2), 0.8);
  EXPECT_DOUBLE_EQ(curve.SurvivalAt(4), 0.8);
  EXPECT_DOUBLE_EQ(curve.SurvivalAt(1000), 0.8 * 6 / 7);
}

TEST(SurvivalCurve, MeasuresTheAreaUnderIt) {
  const auto all = OfTen().MeanUpTo(1'000'000);
  EXPECT_EQ(all.horizon, 8);
  // 2 + 3 * 0.8 + 3 * 0.8 * 6/7
  EXPECT_NEAR(all.days, 6.457142857142857, 1e-14);
  // (2.4 + 72/35)^2 * 2/80 + (72/35)^2 / (7 * 6)
  EXPECT_NEAR(all.variance, 0.59741107871720116, 1e-14);
  EXPECT_NEAR(OfTen().MeanUpTo(4).days, 3.6, 1e-14);
  EXPECT_NEAR(OfTen().MeanUpTo(2).days, 2, 1e-14);
  EXPECT_EQ(OfTen().MeanUpTo(0).days, 0);
  EXPECT_EQ(OfTen().MeanUpTo(-3).days, 0);
}

TEST(SurvivalCurve, EndsAtZeroWithoutVariance) {
  const SurvivalCurve curve = Curve({{3, 4, 0}, {7, 4, 0}});
  EXPECT_EQ(curve.SurvivalAt(7), 0);
  EXPECT_EQ(curve.VarianceAt(7), 0);
  EXPECT_EQ(curve.Median(), 3);
  EXPECT_EQ(curve.MeanUpTo(100).days, 5);
}

TEST(SurvivalCurve, NeverRises) {
  std::vector<SurvivalDay> days;
  for (int64_t day = 0; day < 200; ++day) days.push_back({day, day * 7 % 5, day * 3 % 4});
  const SurvivalCurve curve = Curve(days);
  double before = 1;
  for (const SurvivalPoint& point : curve.points()) {
    EXPECT_LT(point.survival, before);
    EXPECT_GE(point.survival, 0);
    EXPECT_GE(point.variance, 0);
    before = point.survival;
  }
}

TEST(SurvivalCurve, IsEmptyOfNobody) {
  const SurvivalCurve curve = Curve({});
  EXPECT_TRUE(curve.points().empty());
  EXPECT_EQ(curve.SurvivalAt(10), 1);
  EXPECT_FALSE(curve.Median().has_value());
  EXPECT_EQ(curve.MeanUpTo(10).horizon, 0);
}

TEST(SurvivalCurve, RefusesWhatIsNoCount) {
  const auto refused = [](const std::vector<SurvivalDay>& days, const std::string& words) {
    const auto curve = SurvivalCurve::Estimate(days);
    ASSERT_FALSE(curve.ok());
    EXPECT_EQ(curve.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(curve.status().message()), HasSubstr(words));
  };
  refused({{0, 1, 0}, {-1, 1, 0}}, "days[1].day");
  refused({{kSurvivalDayMax + 1, 1, 0}}, "days[0].day");
  refused({{1, -1, 0}}, "days[0]");
  refused({{1, 0, -1}}, "days[0]");
  refused({{1, std::numeric_limits<int64_t>::max(), 0}}, "days[0]");
  refused({{1, 1'000'000'000'000, 1}}, "more than 1e12 subjects");
  EXPECT_TRUE(SurvivalCurve::Estimate({{kSurvivalDayMax, 1'000'000'000'000, 0}}).ok());
}

}  // namespace
}  // namespace keyledger::forecast
