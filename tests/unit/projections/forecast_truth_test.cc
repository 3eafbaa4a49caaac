// Forecasts of the CDNOW sample through the projection, against figures computed independently: the fit as of
// 1997-10-01, and a forecast of that day held against the 39 weeks that followed. Contracts against the two published
// cohorts.
#include <algorithm>
#include <cmath>
#include <random>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "projections/retention/contract_queries.h"
#include "projections/retention/forecast_queries.h"
#include "tests/unit/projections/shops.h"

namespace keyledger::projections {
namespace {

using nlohmann::json;
using testing::CdnowSample;
using testing::Fold;
using testing::Pointers;
using testing::RecordLog;
using testing::Truth;
using testing::Utc;

constexpr ForecastTerms kTerms = {.horizon_days = 273};

// The shop in order on one shard, and shuffled on four.
std::vector<std::unique_ptr<store::TableReader>> FoldSample(size_t shards) {
  auto rows = CdnowSample();
  std::mt19937 random(20261122);
  if (shards > 1) std::shuffle(rows.begin(), rows.end(), random);
  return Fold(rows, "USD", shards);
}

RetentionScope Calibration() {
  RetentionScope scope;
  scope.as_of = Utc(1997, 10, 1);
  return scope;
}

void ExpectRelative(double value, double wanted) { EXPECT_NEAR(value / wanted, 1, 1e-3) << wanted; }

void ExpectTheFit(size_t shards) {
  const json truth = Truth("bgnbd_cdnow.json");
  const auto readers = FoldSample(shards);
  const auto table = GetForecastTable(Pointers(readers), Calibration(), kTerms, {.size = 1});
  ASSERT_TRUE(table.ok()) << table.status();
  const forecast::BgNbdFit& fit = table->models.purchases;
  ExpectRelative(fit.parameters.r, truth["bgnbd"]["r"]);
  ExpectRelative(fit.parameters.alpha, truth["bgnbd"]["alpha"]);
  ExpectRelative(fit.parameters.a, truth["bgnbd"]["a"]);
  ExpectRelative(fit.parameters.b, truth["bgnbd"]["b"]);
  EXPECT_NEAR(fit.log_likelihood, truth["bgnbd"]["LL"].get<double>(), 1e-3);
  EXPECT_EQ(fit.customers, 2357);
  EXPECT_EQ(fit.repeat_customers, 946);
  ASSERT_TRUE(table->models.values.has_value()) << table->models.value_note;
  const forecast::GammaGammaFit& values = *table->models.values;
  ExpectRelative(values.parameters.p, truth["gamma_gamma_from_raw"]["p"]);
  ExpectRelative(values.parameters.q, truth["gamma_gamma_from_raw"]["q"]);
  ExpectRelative(values.parameters.gamma, truth["gamma_gamma_from_raw"]["gamma"]);
  EXPECT_NEAR(values.log_likelihood, truth["gamma_gamma_from_raw"]["LL"].get<double>(), 1e-3);
  EXPECT_EQ(values.customers, 946);
  EXPECT_EQ(table->population.accounts, 2357);
  ExpectRelative(table->population.expected_purchases, truth["expected_holdout_sum_conditional"]);
  ExpectRelative(table->population.alive_accounts / 2357, truth["mean_p_alive"]);
  EXPECT_EQ(table->horizon_end, Utc(1998, 7, 1));
  EXPECT_EQ(table->currency_code, "USD");
}

TEST(ForecastOfCdnow, FitsTheParametersEstimatedIndependently) {
  KL_NEED_DATA();
  ExpectTheFit(1);
}

TEST(ForecastOfCdnow, FitsThemFromFourShardsWhateverTheOrderOfArrival) {
  KL_NEED_DATA();
  ExpectTheFit(4);
}

void ExpectTheScore(size_t shards) {
  const json truth = Truth("bgnbd_cdnow.json");
  const auto readers = FoldSample(shards);
  const json& fit = truth["bgnbd"];
  PastForecast past;
  past.scope = Calibration();
  past.scope.currency_code = "USD";
  for (const auto& reader : readers) past.scope.known_places.push_back(reader->applied());
  past.purchases = {fit["r"], fit["alpha"], fit["a"], fit["b"]};
  const json& values = truth["gamma_gamma_from_raw"];
  past.values = forecast::GammaGammaParameters{values["p"], values["q"], values["gamma"]};
  past.accounts = 2357;
  past.lower_purchases = 1500;
  past.upper_purchases = 1800;
  past.horizon_end = Utc(1998, 7, 1);
  const auto score = ScoreForecast(Pointers(readers), past, std::nullopt);
  ASSERT_TRUE(score.ok()) << score.status();
  EXPECT_EQ(score->scored_until, Utc(1998, 7, 1));
  EXPECT_NEAR(score->expected_purchases, truth["expected_holdout_sum_conditional"].get<double>(), 1e-6);
  EXPECT_EQ(score->actual_purchases, truth["total_repeat_holdout"]);
  // 1,882 came.
  EXPECT_EQ(score->within_interval, false);
  EXPECT_NEAR(score->all.bias, (1653.408684144275 - 1882) / 2357, 1e-9);
  EXPECT_GT(score->all.mae, std::abs(score->all.bias));
  EXPECT_GT(score->all.rmse, score->all.mae);
  ASSERT_EQ(score->groups.size(), 8u);
  for (size_t x = 0; x < 8; ++x) {
    const json& wanted = truth["holdout_by_x"][x == 7 ? "7+" : std::to_string(x)];
    EXPECT_EQ(score->groups[x].n, wanted["n"]) << x;
    EXPECT_NEAR(score->groups[x].expected_mean, wanted["expected_mean"].get<double>(), 1e-9) << x;
    EXPECT_NEAR(score->groups[x].actual_mean, wanted["actual_holdout_mean"].get<double>(), 1e-12) << x;
  }
  // 2,357 in tenths that differ by one at most.
  const int64_t sizes[] = {235, 236, 236, 235, 236, 236, 235, 236, 236, 236};
  ASSERT_EQ(score->calibration.size(), 10u);
  double came = 0;
  for (size_t i = 0; i < 10; ++i) {
    EXPECT_EQ(score->calibration[i].n, sizes[i]) << i;
    came += score->calibration[i].actual_mean * static_cast<double>(sizes[i]);
  }
  EXPECT_NEAR(came, 1882, 1e-6);
  ASSERT_TRUE(score->expected_revenue_micros.has_value());
  EXPECT_GT(*score->expected_revenue_micros, 30e6 * 1653);
}

TEST(ForecastOfCdnow, ScoredAgainstTheWeeksThatFollowedHasTheKnownErrors) {
  KL_NEED_DATA();
  ExpectTheScore(1);
}

TEST(ForecastOfCdnow, ScoredFromFourShardsHasTheSame) {
  KL_NEED_DATA();
  ExpectTheScore(4);
}

// A cohort of 1,000 contracts signed on one day; of those that come to the n-th anniversary the published share is
// renewed.
std::unique_ptr<store::TableReader> SignCohort(const json& survivors) {
  RecordLog log;
  log.Open("a", 0);
  const auto event = [&log](Micros at) { return log.Add("a", at).mutable_event(); };
  for (int i = 0; i < 1'000; ++i) {
    auto* contract = event(Utc(2000, 1, 1))->mutable_contract_signed();
    contract->set_contract_id("c" + std::to_string(i));
    testing::SetTime(Utc(2000, 1, 1), contract->mutable_start_time());
    testing::SetTime(Utc(2001, 1, 1), contract->mutable_end_time());
  }
  for (int year = 1; year <= 7; ++year) {
    const auto before = std::llround(survivors[static_cast<size_t>(year) - 1].get<double>() * 10);
    const auto left = std::llround(survivors[static_cast<size_t>(year)].get<double>() * 10);
    for (int64_t i = 0; i < before; ++i) {
      const std::string id = "c" + std::to_string(i);
      if (i < left) {
        auto* renewed = event(Utc(2000 + year, 1, 1))->mutable_contract_renewed();
        renewed->set_contract_id(id);
        testing::SetTime(Utc(2001 + year, 1, 1), renewed->mutable_end_time());
      } else {
        auto* ended = event(Utc(2000 + year, 1, 1))->mutable_contract_ended();
        ended->set_contract_id(id);
        ended->set_ending(events::v1::CONTRACT_ENDING_NOT_RENEWED);
      }
    }
  }
  return testing::FoldRows(RetentionProjection(), log);
}

void ExpectCohort(const char* name) {
  const json truth = Truth("small_vectors.json")[name];
  const auto rows = SignCohort(truth["survivors_pct"]);
  RetentionScope scope;
  scope.as_of = Utc(2007, 1, 2);
  const auto table = GetContractTable({rows.get()}, scope, {});
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->contracts, 1'000);
  EXPECT_EQ(table->young, 0);
  ExpectRelative(table->fit.parameters.alpha, truth["alpha"]);
  ExpectRelative(table->fit.parameters.beta, truth["beta"]);
  EXPECT_NEAR(table->fit.log_likelihood, truth["LL"].get<double>(), 1e-3);
  ASSERT_EQ(table->renewals.size(), 12u);
  EXPECT_EQ(table->renewals[0].at_risk, 1'000);
  EXPECT_EQ(table->renewals[0].lost, 1'000 - std::llround(truth["survivors_pct"][1].get<double>() * 10));
  EXPECT_EQ(table->renewals[7].at_risk, 0);
  EXPECT_NEAR(table->renewals[11].survival * 100, truth["S12_pct"].get<double>(), 1e-2);
}

TEST(ContractsOfPublishedCohorts, AreFittedAsTheirCustomersStayed) {
  KL_NEED_DATA();
  ExpectCohort("sbg_high_end");
  ExpectCohort("sbg_regular");
}

}  // namespace
}  // namespace keyledger::projections
