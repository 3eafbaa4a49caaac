// Markov chains: real recency states, the example of Pfeifer and Carraway, and chains that do not settle.
#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "projections/forecast/markov.h"
#include "tests/unit/forecast/real_data.h"

namespace keyledger::forecast {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::HaveData;
using testing::Truth;

using Rows = std::vector<std::vector<double>>;
using Counts = std::vector<std::vector<int64_t>>;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

TransitionMatrix Matrix(const Rows& rows) {
  auto matrix = TransitionMatrix::FromProbabilities(rows);
  EXPECT_TRUE(matrix.ok()) << matrix.status();
  return matrix.value_or(TransitionMatrix());
}

void ExpectTruth(const std::string& file) {
  const json truth = Truth(file)["markov_monthly_recency"];
  const auto matrix = TransitionMatrix::FromCounts(truth["counts"].get<Counts>());
  ASSERT_TRUE(matrix.ok()) << matrix.status();
  const auto steady = FindSteadyState(*matrix);
  ASSERT_TRUE(steady.ok()) << steady.status();
  ASSERT_EQ(steady->shares.size(), 5u);
  EXPECT_EQ(steady->period, 1u);
  double sum = 0;
  for (size_t i = 0; i < 5; ++i) {
    double arrives = 0;
    for (size_t j = 0; j < 5; ++j) {
      EXPECT_NEAR(matrix->at(i, j), truth["p"][i][j].get<double>(), 1e-12) << i << " to " << j;
      arrives += steady->shares[j] * matrix->at(j, i);
    }
    EXPECT_NEAR(arrives, steady->shares[i], 1e-14);
    sum += steady->shares[i];
  }
  EXPECT_NEAR(sum, 1, 1e-14);
}

TEST(MarkovOfCdnow, EqualsTheProbabilitiesComputedIndependently) {
  KL_NEED_DATA();
  ExpectTruth("cdnow_sample.json");
}

TEST(MarkovOfAWholesaler, EqualsTheProbabilitiesComputedIndependently) {
  KL_NEED_DATA();
  ExpectTruth("invoices_2010_2011.json");
}

TEST(LifetimeValues, EqualTheExampleOfPfeiferAndCarraway) {
  KL_NEED_DATA();
  const json truth = Truth("small_vectors.json")["pfeifer_carraway"];
  const std::vector<double> buys = truth["p"];
  const double contribution = truth["NC"], mailing = truth["M"];
  // States: recency 1 to 4, and gone. Who buys is at recency 1 again; everybody but the gone gets a mailing.
  Rows rows(5, std::vector<double>(5));
  for (size_t i = 0; i < 4; ++i) {
    rows[i][0] = buys[i];
    rows[i][i + 1] = 1 - buys[i];
  }
  rows[4][4] = 1;
  const auto values =
      LifetimeValues(Matrix(rows), {contribution - mailing, -mailing, -mailing, -mailing, 0}, truth["d"]);
  ASSERT_TRUE(values.ok()) << values.status();
  for (size_t i = 0; i < 5; ++i) EXPECT_NEAR((*values)[i], truth["V"][i].get<double>(), 1e-9) << i;
}

TEST(LifetimeValues, AreAnnuitiesWhenNothingChanges) {
  // 10 a period for ever at 25 %: 10 * 1.25 / 0.25.
  EXPECT_NEAR(LifetimeValues(Matrix({{1}}), {10}, 0.25)->front(), 50, 1e-12);
}

TEST(LifetimeValues, RefuseArgumentsOutOfBounds) {
  const TransitionMatrix matrix = Matrix({{0.5, 0.5}, {0, 1}});
  const auto invalid = absl::StatusCode::kInvalidArgument;
  EXPECT_EQ(LifetimeValues(matrix, {1}, 0.1).status().code(), invalid);
  EXPECT_EQ(LifetimeValues(matrix, {1, kNaN}, 0.1).status().code(), invalid);
  EXPECT_EQ(LifetimeValues(matrix, {1, 1}, 0).status().code(), invalid);
  EXPECT_EQ(LifetimeValues(matrix, {1, 1}, -0.5).status().code(), invalid);
  EXPECT_EQ(LifetimeValues(matrix, {1, 1}, kNaN).status().code(), invalid);
  EXPECT_EQ(LifetimeValues(matrix, {1, 1}, 101).status().code(), invalid);
  EXPECT_TRUE(LifetimeValues(matrix, {1, 1}, 1e-6).ok());
}

TEST(FindSteadyState, SolvesTwoStatesByHand) {
  // From 0 leaves 0.2, from 1 leaves 0.3: shares 0.6 and 0.4.
  const auto steady = FindSteadyState(Matrix({{0.8, 0.2}, {0.3, 0.7}}));
  ASSERT_TRUE(steady.ok()) << steady.status();
  EXPECT_NEAR(steady->shares[0], 0.6, 1e-15);
  EXPECT_NEAR(steady->shares[1], 0.4, 1e-15);
}

TEST(FindSteadyState, KeepsTheDigitsOfSmallShares) {
  const auto steady = FindSteadyState(Matrix({{1 - 1e-12, 1e-12}, {1, 0}}));
  ASSERT_TRUE(steady.ok()) << steady.status();
  EXPECT_NEAR(steady->shares[1] / 1e-12, 1, 1e-11);
}

TEST(FindSteadyState, EndsInAFinalState) {
  const auto steady = FindSteadyState(Matrix({{0.5, 0.4, 0.1}, {0, 0.9, 0.1}, {0, 0, 1}}));
  ASSERT_TRUE(steady.ok()) << steady.status();
  EXPECT_THAT(steady->shares, ElementsAre(0, 0, 1));
  EXPECT_THAT(steady->closed, ElementsAre(ElementsAre(2)));
  EXPECT_EQ(steady->period, 1u);
}

TEST(FindSteadyState, SaysWhenItDependsOnTheBeginning) {
  const auto steady = FindSteadyState(Matrix({{1, 0, 0}, {0.5, 0, 0.5}, {0, 0, 1}}));
  ASSERT_TRUE(steady.ok()) << steady.status();
  EXPECT_TRUE(steady->shares.empty());
  EXPECT_THAT(steady->closed, ElementsAre(ElementsAre(0), ElementsAre(2)));
  EXPECT_EQ(steady->period, 0u);
}

TEST(FindSteadyState, TellsACircle) {
  const auto steady = FindSteadyState(Matrix({{0, 1, 0}, {0, 0, 1}, {1, 0, 0}}));
  ASSERT_TRUE(steady.ok()) << steady.status();
  EXPECT_EQ(steady->period, 3u);
  for (const double share : steady->shares) EXPECT_NEAR(share, 1.0 / 3, 1e-15);
}

TEST(FindSteadyState, RefusesAStateThatWasNeverLeft) {
  const auto matrix = TransitionMatrix::FromCounts({{3, 1}, {0, 0}});
  ASSERT_TRUE(matrix.ok()) << matrix.status();
  EXPECT_THAT(matrix->unseen(), ElementsAre(1));
  EXPECT_EQ(matrix->at(1, 1), 0);
  const auto steady = FindSteadyState(*matrix);
  EXPECT_EQ(steady.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(steady.status().message()), HasSubstr("state 1 was never left"));
  EXPECT_EQ(LifetimeValues(*matrix, {1, 1}, 0.1).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(FindSteadyState(matrix->WithUnseenFinal())->shares, ElementsAre(0, 1));
}

TEST(TransitionMatrix, RefusesWhatIsNone) {
  const auto refused = [](const auto& made, const std::string& words) {
    ASSERT_FALSE(made.ok()) << words;
    EXPECT_EQ(made.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(made.status().message()), HasSubstr(words));
  };
  refused(TransitionMatrix::FromCounts({}), "states: 0; must be 1 to 256");
  refused(TransitionMatrix::FromCounts(Counts(257, std::vector<int64_t>(257))), "257; must be 1 to 256");
  EXPECT_TRUE(TransitionMatrix::FromCounts(Counts(256, std::vector<int64_t>(256, 1))).ok());
  refused(TransitionMatrix::FromCounts({{1, 2}, {1}}), "rows[1]");
  refused(TransitionMatrix::FromCounts({{-1}}), "counts[0][0]");
  refused(TransitionMatrix::FromCounts({{std::numeric_limits<int64_t>::max()}}), "counts[0][0]");
  refused(TransitionMatrix::FromProbabilities({{0.5, 0.4}, {0, 1}}), "must sum to 1");
  refused(TransitionMatrix::FromProbabilities({{1.5, -0.5}, {0, 1}}), "probabilities[0][0]");
  refused(TransitionMatrix::FromProbabilities({{kNaN}}), "probabilities[0][0]");
}

}  // namespace
}  // namespace keyledger::forecast
