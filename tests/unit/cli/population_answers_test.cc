// The pages that retention and portfolio print for small answers, word for word.
#include <sstream>

#include <gtest/gtest.h>

#include "client/cli/app.h"
#include "keyledger/ledger/v1/retention_service.pb.h"
#include "tests/unit/cli/fake_population.h"

namespace keyledger::cli {
namespace {

// What the command prints.
std::string Printed(const FakePopulation& server, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"--server", server.address(), "--timeout", "10"});
  std::istringstream in;
  std::ostringstream out;
  std::ostringstream err;
  EXPECT_EQ(Run(arguments, Environment{in, out, err}), 0) << err.str();
  return "\n" + out.str();
}

TEST(RetentionShow, PrintsPeriodsAndTheirLines) {
  FakePopulation server;
  server.retention.GetRetentionAnswers.Answer(R"({"currency_code": "USD", "purchases": 7, "accounts": 4, "periods": [
      {"period": "2025-01", "active": 3, "new": 3, "revenue_micros": "30000000"},
      {"period": "2025-02", "active": 2, "new": 1, "retained": 1, "churned": 2, "start": 3, "logo_retention": 0.3333,
       "crr_end_minus_new_over_start": 0.3333, "nrr": 0.5, "grr": 0.4, "revenue_micros": "1234567890"},
      {"period": "2025-03", "active": 2, "retained": 2, "reactivated": 1, "start": 2, "logo_retention": 1,
       "crr_end_minus_new_over_start": 1, "nrr": 1.5, "grr": 1, "revenue_micros": "2000000"}]})");
  EXPECT_EQ(Printed(server, {"retention", "show", "--chart", "always"}), R"(
period   active  new  retained  back  churned     logo  (E-N)/S      NRR      GRR  revenue USD
2025-01       3    3         0     0        0        -        -        -        -        30.00
2025-02       2    1         1     0        2   33.3 %   33.3 %   50.0 %   40.0 %  1,234.56789
2025-03       2    0         2     1        0  100.0 %  100.0 %  150.0 %  100.0 %         2.00
7 purchases by 4 accounts
logo retention 33.3 % to 100.0 %
 _#
NRR 50.0 % to 150.0 %
 _#
)");
}

TEST(RetentionShow, MarksThePeriodThatIsNotOverAndLeavesItOutOfTheLines) {
  FakePopulation server;
  server.retention.GetRetentionAnswers.Answer(R"({"currency_code": "USD", "purchases": 7, "accounts": 4,
      "last_day": "2025-03-09", "periods": [{"period": "2025-01", "active": 3, "new": 3},
      {"period": "2025-02", "active": 2, "retained": 2, "churned": 1, "start": 3, "logo_retention": 0.6667},
      {"period": "2025-03", "running": true, "churned": 2, "start": 2, "logo_retention": 0}]})");
  EXPECT_EQ(Printed(server, {"retention", "show", "--chart", "always"}), R"(
period                   active  new  retained  back  churned    logo  (E-N)/S  NRR  GRR  revenue USD
2025-01                       3    3         0     0        0       -        -    -    -         0.00
2025-02                       2    0         2     0        1  66.7 %        -    -    -         0.00
2025-03 (to 2025-03-09)       0    0         0     0        2   0.0 %        -    -    -         0.00
7 purchases by 4 accounts
)"
                                                                         "logo retention 66.7 % to 66.7 %\n = \n");
}

TEST(RetentionCohorts, PrintsFiguresOrAHeatMap) {
  FakePopulation server;
  server.retention.GetCohortsAnswers.Answer(R"({"currency_code": "USD", "cohorts": [
      {"start": "2025-01", "size": 10, "active": [10, 4, 0], "revenue_micros": [100000000, 50000000, 0]},
      {"start": "2025-02", "size": 2, "active": [2, 2], "revenue_micros": [0, 5000000]}]})");
  EXPECT_EQ(Printed(server, {"retention", "cohorts"}), R"(
cohort   size  +0  +1  +2
2025-01    10  10   4   0
2025-02     2   2   2
active accounts by periods since the first purchase
)");
  EXPECT_EQ(Printed(server, {"retention", "cohorts", "--revenue"}), R"(
cohort   size      +0     +1    +2
2025-01    10  100.00  50.00  0.00
2025-02     2    0.00   5.00
revenue in USD by periods since the first purchase
)");
  EXPECT_EQ(Printed(server, {"retention", "cohorts", "--chart", "always"}), R"(
cohort     +0    +1    +2
2025-01 @ 100 #  40     0
2025-02 @ 100 @ 100
active accounts in percent of the cohort, by periods since the first purchase; --chart never prints the figures
)");
  EXPECT_EQ(Printed(server, {"retention", "cohorts", "--chart", "always", "--revenue"}), R"(
cohort     +0    +1    +2
2025-01 @ 100 #  50     0
2025-02
revenue in percent of that of the cohort's first period, by periods since the first purchase; --chart never prints the figures
)");
}

TEST(RetentionCohorts, AreAHeatMapOnATerminalInColourUnlessNoColorIsSet) {
  FakePopulation server;
  server.retention.GetCohortsAnswers.Answer(R"({"cohorts": [{"start": "2025-01", "size": 10, "active": [10, 4]}]})");
  const auto printed = [&](bool terminal, bool no_color, const std::string& output) {
    std::istringstream in;
    std::ostringstream out;
    std::ostringstream err;
    Environment environment{in, out, err, terminal, terminal, terminal, /*utf8=*/true, no_color, /*columns=*/80};
    EXPECT_EQ(cli::Run({"--server", server.address(), "--output", output, "retention", "cohorts"}, environment), 0);
    return out.str();
  };
  EXPECT_NE(printed(true, false, "table").find("\x1b[48;5;17;38;5;231m 100\x1b[0m"), std::string::npos);
  EXPECT_NE(printed(true, true, "table").find("2025-01 █ 100 ▓  40\n"), std::string::npos);
  EXPECT_EQ(printed(false, false, "table").substr(0, 24), "cohort   size  +0  +1\n20");
  EXPECT_EQ(printed(true, false, "json").substr(0, 1), "{");
}

TEST(RetentionSurvival, PrintsTheStepsAndTheCurve) {
  FakePopulation server;
  server.retention.GetSurvivalAnswers.Answer(R"({"accounts": 4, "events": 2, "censored": 2, "median_day": 20,
      "restricted_mean_days": 22.5, "last_day": 40, "points": [
      {"day": 10, "at_risk": 4, "events": 1, "survival": 0.75, "variance": 0.046875},
      {"day": 20, "at_risk": 3, "events": 1, "survival": 0.5, "variance": 0.0625}]})");
  EXPECT_EQ(Printed(server, {"retention", "survival", "--chart", "always"}), R"(
day  at risk  events  survival   variance
 10        4       1    75.0 %  4.688e-02
 20        3       1    50.0 %  6.250e-02
4 accounts: 2 with the event, 2 without it to the end of the time observed
half of them by day 20; on average 22.50 days without it, within 40 days observed
100 % |*******************
      |                  *
      |                  *
      |                  *******************
      |                                    *
      |                                    *
 50 % |                                    ************************************
      |
      |
      |
      |
      |
  0 % |
      +------------------------------------------------------------------------
       day 0                                                             day 40
)");
}

TEST(RetentionSurvival, ThinsTheTableOutButForAllPoints) {
  FakePopulation server;
  ledger::v1::GetSurvivalResponse response;
  for (int i = 1; i <= 100; ++i) {
    response.add_points()->set_day(i);
  }
  server.retention.GetSurvivalAnswers.answers.push_back(response);
  const std::string thin = Printed(server, {"retention", "survival"});
  EXPECT_NE(thin.find("\n  1  "), std::string::npos);
  EXPECT_NE(thin.find("\n100  "), std::string::npos);
  EXPECT_NE(thin.find("\n25 of 100 days; --all-points prints all\n"), std::string::npos);
  EXPECT_EQ(std::count(thin.begin(), thin.end(), '\n'), 1 + 1 + 25 + 1 + 2);
  const std::string all = Printed(server, {"retention", "survival", "--all-points"});
  EXPECT_EQ(std::count(all.begin(), all.end(), '\n'), 1 + 1 + 100 + 2);
}

TEST(RetentionTenure, PrintsBands) {
  FakePopulation server;
  server.retention.GetTenureAnswers.Answer(R"({"accounts": 4, "bands": [{"from_days": 0, "to_days": 90, "accounts": 1},
      {"from_days": 90, "accounts": 3}], "mean_days": 300.25, "median_days": 1200, "survival_mean_days": 400.5,
      "geometric_mean_months": 5.25})");
  EXPECT_EQ(Printed(server, {"retention", "tenure"}), R"(
days with us  accounts   share
0 to 89              1  25.0 %
90 and more          3  75.0 %
4 accounts with us; mean 300.25 days, median 1,200 days
lifetime: 400.50 days by the survival curve, within the time observed; 5.25 months by the retention of all months
)");
}

TEST(RetentionMigration, PrintsMovesRatesAndValues) {
  FakePopulation server;
  server.retention.GetMigrationAnswers.Answer(R"({"states": ["0", "1+"], "counts": [{"to": [3, 1]}, {"to": [1, 9]}],
      "rates": [{"to": [0.75, 0.25]}, {"to": [0.1, 0.9]}], "steady_state": [0.2857, 0.7143],
      "value_micros": [89123456.7, 31000000], "reward_micros": [40000000, 0], "currency_code": "USD",
      "steps": [{"from_period": "2025-01", "to_period": "2025-02", "counts": [{"to": [3, 1]}, {"to": [1, 9]}]}]})");
  EXPECT_EQ(Printed(server, {"retention", "migration", "--steps"}), R"(
2025-01 to 2025-02
from \ to  0  1+
0          3   1
1+         1   9

all periods
from \ to  0  1+
0          3   1
1+         1   9

state    to 0   to 1+  in the long run  per period USD  worth USD
0      75.0 %  25.0 %           28.6 %           40.00      89.12
1+     10.0 %  90.0 %           71.4 %            0.00      31.00
)");
}

TEST(RetentionRfm, PrintsCellsAGridAndAccounts) {
  FakePopulation server;
  server.retention.GetRfmAnswers.Answer(
      R"({"accounts": 40, "as_of_day": "2026-01-01", "currency_code": "USD", "cells": [
      {"cell": "111", "accounts": 30, "revenue_micros": "5000000"}, {"cell": "554", "accounts": 4,
       "revenue_micros": "900000000"}, {"cell": "555", "accounts": 6, "revenue_micros": "1000000"}],
      "scores": [{"account_id": "a", "cell": "555", "recency_days": 3, "frequency": 12, "revenue_micros": "1000000"}]})");
  EXPECT_EQ(Printed(server, {"retention", "rfm", "--chart", "always"}), R"(
cell  accounts   share  revenue USD
111         30  75.0 %         5.00
554          4  10.0 %       900.00
555          6  15.0 %         1.00
40 accounts, recency counted to 2026-01-01
recency \ frequency   F1   F2   F3   F4   F5
R5                     0    0    0    0 . 10
R4                     0    0    0    0    0
R3                     0    0    0    0    0
R2                     0    0    0    0    0
R1                  @ 30    0    0    0    0
)");
  EXPECT_EQ(Printed(server, {"retention", "rfm", "--cell", "555"}), R"(
account  cell  recency days  frequency  revenue USD
a        555              3         12         1.00
)");
}

TEST(RetentionMigration, SaysHowToFindWhatAStateIsWorth) {
  FakePopulation server;
  server.retention.GetMigrationAnswers.Answer(R"({"states": ["0"], "counts": [{"to": [3]}], "rates": [{"to": [1]}],
      "steady_state": [1], "reward_micros": [40000000], "currency_code": "USD", "steps": [{"from_period": "2025-01"}]})");
  EXPECT_EQ(Printed(server, {"retention", "migration"}), R"(
from \ to  0
0          3

state     to 0  in the long run  per period USD
0      100.0 %          100.0 %           40.00
what a state is worth is found with --discount
)");
}

constexpr const char* kModel = R"("model": {"r": 0.242594, "alpha": 4.41359, "a": 0.79302, "b": 2.42595,
      "log_likelihood": -9582.4292, "p": 6.25, "q": 3.74, "gamma": 15.4, "value_log_likelihood": -4055.6, "accounts": 2357,
      "repeat_accounts": 946, "convergence": "gradient 1e-9, 5 starts agree"})";
constexpr const char* kPopulation = R"("population": {"accounts": 2357, "alive_accounts": 1000.5,
      "expected_purchases": 500.25, "lower_purchases": 450, "upper_purchases": 550, "expected_revenue_micros": 12345678901,
      "expected_value_micros": 2345678901})";

TEST(RetentionForecast, PrintsModelsPopulationAndAccounts) {
  FakePopulation server;
  server.retention.GetForecastAnswers.Answer(
      std::string("{") + kModel + "," + kPopulation +
      R"(, "currency_code": "USD", "as_of": "1998-07-01T00:00:00Z", "horizon_end": "1999-07-01T00:00:00Z", "accounts": [
      {"account_id": "a", "p_alive": 0.97, "expected_purchases": 4.25, "expected_spend_micros": 30000000,
       "expected_revenue_micros": 127500000, "expected_value_micros": 25000000, "next_rank": 1, "rank": 1234,
       "tier_id": "silver", "projected_tier_id": "gold"},
      {"account_id": "b", "p_alive": 0.5, "expected_purchases": 0.1, "rank": 2}]})");
  EXPECT_EQ(Printed(server, {"retention", "forecast"}), R"(
forecast              1998-07-01T00:00:00Z to 1999-07-01T00:00:00Z
BG/NBD                r 0.242594, alpha 4.41359 weeks, a 0.79302, b 2.42595; log-likelihood -9582.4292
Gamma-Gamma           p 6.25, q 3.74, gamma 15.4; log-likelihood -4055.6
fitted to             2,357 accounts, 946 of them with a second day of purchase
convergence           gradient 1e-9, 5 starts agree
accounts              2,357, 1,000.50 of them alive
days with a purchase  500.25, between 450.00 and 550.00
revenue               12,345.68 USD
value                 2,345.68 USD
alive: has not stopped for good, by the model, which takes all that bought on one day only for alive; days and revenue are those within the horizon
the interval counts chance, not the model's own error: what comes may lie outside more often

account   alive  days expected  a day  revenue USD  value   rank  next  tier    projected
a        97.0 %           4.25  30.00       127.50  25.00  1,234     1  silver  gold
b        50.0 %           0.10      -            -      -      2     -
)");
}

TEST(RetentionForecast, IsPutOnRecordListedAndScored) {
  FakePopulation server;
  const std::string recorded = std::string(R"({"forecast_id": "f-1", "record_time": "2026-01-02T00:00:00Z",
      "as_of": "2026-01-01T00:00:00Z", "horizon_end": "2027-01-01T00:00:00Z", "currency_code": "USD", "note": "plan",
      "accounts": {"region": "CN", "owner": "km-01"}, )") +
                               kModel + "," + kPopulation + "}";
  server.retention.RecordForecastAnswers.Answer(R"({"forecast": )" + recorded + R"(, "cursor": "c"})");
  EXPECT_EQ(Printed(server, {"retention", "record-forecast"}), R"(
forecast              f-1
recorded              2026-01-02T00:00:00Z
horizon               2026-01-01T00:00:00Z to 2027-01-01T00:00:00Z
of                    region CN, owner km-01
BG/NBD                r 0.242594, alpha 4.41359 weeks, a 0.79302, b 2.42595; log-likelihood -9582.4292
Gamma-Gamma           p 6.25, q 3.74, gamma 15.4; log-likelihood -4055.6
fitted to             2,357 accounts, 946 of them with a second day of purchase
convergence           gradient 1e-9, 5 starts agree
accounts              2,357, 1,000.50 of them alive
days with a purchase  500.25, between 450.00 and 550.00
revenue               12,345.68 USD
value                 2,345.68 USD
note                  plan
alive: has not stopped for good, by the model, which takes all that bought on one day only for alive; days and revenue are those within the horizon
the interval counts chance, not the model's own error: what comes may lie outside more often
cursor c
)");
  server.retention.ListForecastsAnswers.Answer(R"({"forecasts": [)" + recorded + "]}");
  EXPECT_EQ(Printed(server, {"retention", "forecasts"}), R"(
forecast  recorded              horizon                                       of                      accounts  days expected  revenue expected  note
f-1       2026-01-02T00:00:00Z  2026-01-01T00:00:00Z to 2027-01-01T00:00:00Z  region CN, owner km-01     2,357         500.25     12,345.68 USD  plan
)");
  server.retention.ScoreForecastAnswers.Answer(R"({"forecast": )" + recorded + R"(, "expected_purchases": 500.25,
      "actual_purchases": 1480, "within_interval": false, "bias": -0.0125, "mean_absolute_error": 0.25,
      "root_mean_squared_error": 1.5, "groups": [{"repeat_days": "0", "accounts": 1411, "expected_mean": 0.2,
      "actual_mean": 0.25, "bias": -0.05, "mean_absolute_error": 0.4, "root_mean_squared_error": 0.75},
      {"repeat_days": "7+", "accounts": 9, "expected_mean": 8.5, "actual_mean": 7, "bias": 1.5,
      "mean_absolute_error": 2.5, "root_mean_squared_error": 3.125}],
      "calibration": [{"accounts": 710, "expected_mean": 0.1, "actual_mean": 0.2, "bias": -0.1,
      "mean_absolute_error": 0.3, "root_mean_squared_error": 0.5}, {"accounts": 710, "expected_mean": 2.25,
      "actual_mean": 2, "bias": 0.25, "mean_absolute_error": 1.5, "root_mean_squared_error": 2}],
      "expected_revenue_micros": 12345678901, "actual_revenue_micros": "9000000",
      "scored_until": "2027-01-01T00:00:00Z"})");
  EXPECT_EQ(Printed(server, {"retention", "score", "f-1"}), R"(
forecast              f-1
held against          2026-01-01T00:00:00Z to 2027-01-01T00:00:00Z
days with a purchase  500.25 expected, 1,480 came
within the interval   no
revenue               12,345.68 expected, 9.00 came (USD)
error per account     mean -0.0125, mean absolute 0.2500, root mean square 1.5000

repeat days  accounts  expected    came  mean error  absolute  root mean square
          0     1,411    0.2000  0.2500     -0.0500    0.4000            0.7500
         7+         9    8.5000  7.0000      1.5000    2.5000            3.1250

by what was expected  accounts  expected    came  mean error  absolute  root mean square
                   1       710    0.1000  0.2000     -0.1000    0.3000            0.5000
                   2       710    2.2500  2.0000      0.2500    1.5000            2.0000
)");
}

TEST(RetentionForecast, SaysOfAForecastOnRecordNoMoreThanIsThere) {
  FakePopulation server;
  server.retention.RecordForecastAnswers.Answer(R"({"cursor": "c", "forecast": {"forecast_id": "f-1",
      "model": {"r": 0.25, "alpha": 4.5, "a": 0.75, "b": 2.5, "log_likelihood": -100.5, "accounts": 40},
      "population": {"accounts": 40, "expected_purchases": 5.25, "lower_purchases": 4, "upper_purchases": 6}}})");
  EXPECT_EQ(Printed(server, {"retention", "record-forecast"}), R"(
forecast              f-1
recorded
horizon                to
of                    all
BG/NBD                r 0.25, alpha 4.5 weeks, a 0.75, b 2.5; log-likelihood -100.5
Gamma-Gamma           none
fitted to             40 accounts
accounts              40
days with a purchase  5.25, between 4.00 and 6.00
alive: has not stopped for good, by the model, which takes all that bought on one day only for alive; days and revenue are those within the horizon
the interval counts chance, not the model's own error: what comes may lie outside more often
cursor c
)");
}

TEST(RetentionContracts, PrintsRenewalsBesideTheModel) {
  FakePopulation server;
  server.retention.GetContractRetentionAnswers.Answer(
      R"({"contracts": 1000, "young": 100, "alpha": 0.668, "beta": 3.806,
      "log_likelihood": -1611.2, "convergence": "gradient 1e-9", "expected_renewals": 3.625, "renewals": [
      {"renewal": 1, "at_risk": 1000, "lost": 131, "survival": 0.851, "retention": 0.851},
      {"renewal": 2, "survival": 0.743, "retention": 0.873}]})");
  EXPECT_EQ(Printed(server, {"retention", "contracts"}), R"(
renewal  at risk  lost  renewed  renewed by the model  surviving by the model
      1    1,000   131   86.9 %                85.1 %                  85.1 %
      2        0     0        -                87.3 %                  74.3 %
1,000 contracts, 100 of them before their first renewal
shifted-beta-geometric: alpha 0.668, beta 3.806; log-likelihood -1611.2; gradient 1e-9
expected renewals of a new contract, discounted: 3.63
)");
}

TEST(RetentionContracts, PrintsWhatWasCountedWhereNoModelFits) {
  FakePopulation server;
  server.retention.GetContractRetentionAnswers.Answer(R"({"contracts": 29, "young": 4, "model_note": "too few",
      "as_of": "2026-01-01T00:00:00Z", "renewals": [{"renewal": 1, "at_risk": 25, "lost": 5}]})");
  EXPECT_EQ(Printed(server, {"retention", "contracts", "--chart", "always"}), R"(
renewal  at risk  lost  renewed  renewed by the model  surviving by the model
      1       25     5   80.0 %                     -                       -
29 contracts, 4 of them before their first renewal, as of 2026-01-01T00:00:00Z
no model: too few
)");
}

TEST(RetentionAtRisk, PrintsWhoAndWhy) {
  FakePopulation server;
  server.retention.ListAtRiskAnswers.Answer(R"({"total": 2, "value_at_stake_micros": 500000000, "currency_code": "USD",
      "accounts": [{"account_id": "a", "owner": "km-01", "p_alive": 0.25, "value_if_kept_micros": 600000000,
      "value_at_stake_micros": 450000000, "last_purchase_time": "2025-10-01T00:00:00Z", "reasons": [
      {"reason": "RISK_REASON_FALLING_RECENCY", "detail": "91 days silent, usually 20"},
      {"reason": "RISK_REASON_OWNER_LEFT"}]}]})");
  EXPECT_EQ(Printed(server, {"retention", "at-risk"}), R"(
account  owner   alive  if kept USD  at stake  last purchase         why
a        km-01  25.0 %       600.00    450.00  2025-10-01T00:00:00Z  falling_recency: 91 days silent, usually 20; owner_left
2 accounts at risk, 500.00 USD at stake
)");
}

TEST(RetentionLossEffect, PrintsWhatItIsWorth) {
  FakePopulation server;
  server.retention.GetLossEffectAnswers.Answer(
      R"({"loss_rate": 0.4, "reduced_loss_rate": 0.38, "margin_micros": 10000000,
      "value_micros": 25000000, "reduced_value_micros": 26315789.47, "accounts": 1000, "gain_micros": 1315789470,
      "gain_share": 0.0526, "currency_code": "USD", "last_period": "2025-11", "periods": 12})");
  EXPECT_EQ(Printed(server, {"retention", "loss-effect"}), R"(
                           now  with fewer losses
lost per month          40.0 %             38.0 %
margin per month     10.00 USD
value of an account  25.00 USD          26.32 USD
worth 1,315.79 USD more for the 1,000 accounts active in 2025-11, over 12 periods of a month: 5.3 %
lost: active in one period of a month and not in the next, though it may buy later
)");
}

TEST(RetentionLossEffect, SaysWhatIsLessAndWhatNoDataDecide) {
  FakePopulation server;
  server.retention.GetLossEffectAnswers.Answer(
      R"({"loss_rate": 0.4, "reduced_loss_rate": 0.38, "margin_micros": -10000000, "value_micros": -25000000,
      "reduced_value_micros": -26315789.47, "accounts": 1000, "gain_micros": -1315789470, "gain_share": 0.0526,
      "currency_code": "USD", "last_period": "2025-W40..2025-W42"})");
  EXPECT_EQ(Printed(server, {"retention", "loss-effect", "--period", "week", "--period-length", "3", "--margin=-100",
                             "--periods", "0"}),
            R"(
                            now  with fewer losses
lost per 3 weeks         40.0 %             38.0 %
margin per 3 weeks   -10.00 USD
value of an account  -25.00 USD         -26.32 USD
worth 1,315.79 USD less for the 1,000 accounts active in 2025-W40..2025-W42, without end: 5.3 %
lost: active in one period of 3 weeks and not in the next, though it may buy later
without --periods and --discount the share is a matter of --fewer alone, whatever the data say
)");
}

TEST(PortfolioConcentration, PrintsGroupsCoversAndTheLorenzCurve) {
  FakePopulation server;
  server.portfolio.GetConcentrationAnswers.Answer(R"({"accounts": 100, "total_micros": "1000000000", "gini": 0.61234,
      "currency_code": "USD", "alert": true, "groups": [
      {"percent": 5, "accounts": 5, "share": 0.6, "total_micros": "600000000", "cutoff_micros": "50000000",
       "cumulative_accounts": 5, "cumulative_share": 0.6},
      {"percent": 20, "accounts": 20, "share": 0.3, "total_micros": "300000000", "cutoff_micros": "5000000",
       "cumulative_accounts": 25, "cumulative_share": 0.9}],
      "covering": [{"percent": 50, "accounts": 4, "account_share": 0.04}],
      "curve": [{"accounts": 0.5, "share": 0.05}, {"accounts": 1, "share": 1}]})");
  EXPECT_EQ(Printed(server, {"portfolio", "concentration", "--alert", "60", "--chart", "always"}), R"(
accounts   count  holds USD   share  together  last one USD
first 5 %      5     600.00  60.0 %    60.0 %         50.00
next 20 %     20     300.00  30.0 %    90.0 %          5.00

to hold  accounts  of all
50 %            4   4.0 %

100 accounts hold 1,000.00 USD; Gini 0.6123
alert: the first group holds at least 60 % of the total
100 % |                                                                      **
      |                                                                .  ***
      |                                                            .   ***
      |                                                    .   .   ****
      |                                                .        ***
      |                                        .   .         ***
 50 % |                                    .              ***
      |                            .   .               ***
      |                        .                   ****
      |                .   .                    ***
      |            .                         ***
      |    .   .          *******************
  0 % |*******************
      +------------------------------------------------------------------------
       accounts from the lowest                                           100 %
)");
}

TEST(PortfolioConcentration, SaysWhyThereAreNoShares) {
  FakePopulation server;
  server.portfolio.GetConcentrationAnswers.Answer(R"({"accounts": 2, "total_micros": "10000000", "currency_code": "USD",
      "share_note": "profits below zero", "purchases_without_cost": 7, "groups": [
      {"percent": 50, "accounts": 1, "total_micros": "20000000", "cutoff_micros": "20000000", "cumulative_accounts": 1}]})");
  EXPECT_EQ(Printed(server, {"portfolio", "concentration", "--measure", "profit", "--chart", "always"}), R"(
accounts    count  holds USD  share  together  last one USD
first 50 %      1      20.00      -         -         20.00

to hold  accounts  of all

2 accounts hold 10.00 USD; Gini -
no shares: profits below zero
7 purchases carry no cost: their whole revenue counts as profit
)");
}

TEST(PortfolioClasses, PrintsClassesAndTheirMembers) {
  FakePopulation server;
  server.portfolio.GetClassesAnswers.Answer(R"({"currency_code": "USD", "basis": "forecast of 365 days", "classes": [
      {"class_id": "core", "accounts": 5, "total_micros": "600000000", "share": 0.6},
      {"class_id": "promising", "accounts": 2, "total_micros": "1000000", "share": 0.001}],
      "members": [{"account_id": "a", "micros": "700000", "rank": 26, "expected_revenue_micros": 5000000},
      {"account_id": "b", "micros": "300000", "rank": 31}]})");
  EXPECT_EQ(Printed(server, {"portfolio", "classes"}), R"(
class      accounts  holds USD   share
core              5     600.00  60.0 %
promising         2       1.00   0.1 %
promising: forecast of 365 days
)");
  EXPECT_EQ(Printed(server, {"portfolio", "classes", "--class", "promising"}), R"(
class      accounts  holds USD   share
core              5     600.00  60.0 %
promising         2       1.00   0.1 %
promising: forecast of 365 days

rank  account  holds USD  expected in a year USD
  26  a             0.70                    5.00
  31  b             0.30                       -
)");
}

TEST(PortfolioProfitability, PrintsAccountsAndTheirTotal) {
  FakePopulation server;
  server.portfolio.ListProfitabilityAnswers.Answer(R"({"currency_code": "USD", "account_count": 12, "loss_making": 1,
      "loss_micros": "-5000000", "revenue_cost_correlation": 0.25, "costs_left_out": 2, "purchases": 1300, "purchases_without_cost": 1200,
      "accounts": [{"account_id": "a", "revenue_micros": "10000000", "goods_cost_micros": "6000000",
      "margin_micros": "4000000", "serve_cost_micros": "9000000", "profit_micros": "-5000000",
      "acquisition_cost_micros": "8000000"}], "total": {"revenue_micros": "20000000", "goods_cost_micros": "6000000",
      "margin_micros": "14000000", "serve_cost_micros": "9000000", "profit_micros": "5000000"}})");
  EXPECT_EQ(Printed(server, {"portfolio", "profitability"}), R"(
account       revenue  goods  margin  to serve  of it to win  profit USD
a               10.00   6.00    4.00      9.00          8.00       -5.00
all accounts    20.00   6.00   14.00      9.00          0.00        5.00
12 accounts, 1 of them lose -5.00 together
correlation of revenue and cost to serve: 0.2500
2 costs in another currency are in no figure
of 1,300 purchases 1,200 purchases carry no cost: their whole revenue counts as profit
)");
}

TEST(PortfolioWallet, PrintsSharesByBudgetAndByRank) {
  FakePopulation server;
  server.portfolio.ListWalletSharesAnswers.Answer(R"({"currency_code": "USD", "account_count": 3, "budgeted": 1,
      "budgeted_share": 0.5, "unknown": 1, "as_of": "2026-01-01T00:00:00Z", "over_budget": 1, "budgets": 1, "accounts": [
      {"account_id": "a", "basis": "WALLET_BASIS_DECLARED", "share": 1.5, "budget_micros": "20000000",
       "revenue_micros": "30000000"},
      {"account_id": "b", "basis": "WALLET_BASIS_RANK", "share": 0.25, "place_halves": 3, "suppliers": 3}]})");
  EXPECT_EQ(Printed(server, {"portfolio", "wallet"}), R"(
account    share  known by            budget USD  revenue  place
a        150.0 %  declared, exceeded       20.00    30.00
b         25.0 %  rank                                     1.5 of 3
3 accounts: 1 with a budget, of which we have 50.0 % together; 1 of which nothing is known
budgets in force just before 2026-01-01T00:00:00Z
1 bought for more than their budget: it is too low, and so is what we seem to miss
)");
}

TEST(PortfolioSatisfaction, PrintsWhatAccountsSayBesideWhatTheyDo) {
  FakePopulation server;
  server.portfolio.GetSatisfactionAnswers.Answer(R"({"satisfaction_loyalty_correlation": 0.125, "periods": [
      {"period": "2025-01", "recommendation_answers": 10, "promoters": 5, "detractors": 2, "nps": 30,
       "satisfaction_answers": 4, "satisfied": 3, "csat": 0.75, "satisfied_observed": 3, "satisfied_left": 1,
       "satisfied_left_share": 0.3333}, {"period": "2025-02"}],
      "total": {"recommendation_answers": 10, "promoters": 5, "detractors": 2, "nps": 30}})");
  EXPECT_EQ(Printed(server, {"portfolio", "satisfaction"}), R"(
period   recommend  promoters  detractors   NPS  satisfaction    CSAT  satisfied, observed  left   share
2025-01         10          5           2  30.0             4  75.0 %                    3     1  33.3 %
2025-02          0          0           0     -             0       -                    0     0       -
all             10          5           2  30.0             0       -                    0     0       -
correlation of being satisfied with staying: 0.1250
)");
}

TEST(PortfolioAcquisition, PrintsWhatItCostsToWinAndToKeep) {
  FakePopulation server;
  server.portfolio.GetAcquisitionAnswers.Answer(R"({"currency_code": "USD", "costs_left_out": 1, "periods": [
      {"period": "2025-01", "acquisition_cost_micros": "60000000", "won": 2, "cost_per_won_micros": 30000000,
       "retention_cost_micros": "10000000", "kept": 2, "cost_per_kept_micros": 5000000, "ratio": 6}],
      "total": {"acquisition_cost_micros": "60000000", "won": 2}})");
  EXPECT_EQ(Printed(server, {"portfolio", "acquisition"}), R"(
period   to win USD  won   each  to keep  kept  each  ratio
2025-01       60.00    2  30.00    10.00     2  5.00   6.00
all           60.00    2      -        -     0     -      -
1 costs in another currency are in no figure
)");
}

TEST(PortfolioMembership, PrintsMembersBesideTheOthers) {
  FakePopulation server;
  server.portfolio.GetMembershipAnswers.Answer(R"({"members": 7, "currency_code": "USD", "compared": 3,
      "average_before_micros": 10000000, "average_after_micros": 12500000,
      "member": {"accounts": 8, "purchases": 40, "revenue_micros": "600000000", "revenue_share": 0.6,
       "average_purchase_micros": 15000000},
      "other": {"accounts": 90, "purchases": 100, "revenue_micros": "400000000", "revenue_share": 0.4}})");
  EXPECT_EQ(Printed(server, {"portfolio", "membership"}), R"(
            accounts  purchases  revenue USD   share  a purchase
as members         8         40       600.00  60.0 %       15.00
others            90        100       400.00  40.0 %           -
7 members now; 3 accounts bought both in the year before joining, 10.00 a purchase, and in the year after, 12.50
)");
}

TEST(PortfolioReferrals, PrintsTheTreeAndTheSources) {
  FakePopulation server;
  server.portfolio.GetReferralTreeAnswers.Answer(R"({"currency_code": "USD", "truncated": true,
      "circular_account_ids": ["x", "y"], "nodes": [
      {"account_id": "a", "lead_source": "direct", "revenue_micros": "1000000", "downstream_accounts": 2,
       "downstream_converted": 1, "downstream_revenue_micros": "5000000"},
      {"account_id": "b", "referrer_account_id": "a", "depth": 1, "lead_source": "referral", "revenue_micros": "5000000"}],
      "sources": [{"accounts": 9, "converted": 3, "revenue_micros": "7000000"},
      {"lead_source": "referral", "accounts": 2, "converted": 1, "revenue_micros": "5000000"}]})");
  EXPECT_EQ(Printed(server, {"portfolio", "referrals"}), R"(
account  came by   revenue USD  below  bought  revenue below
a        direct           1.00      2       1           5.00
  b      referral         5.00      0       0           0.00
not all are listed; --max-nodes and --max-depth list more
refer each other in a circle: x, y

came by    accounts  bought  revenue USD
not known         9       3         7.00
referral          2       1         5.00
)");
}

TEST(PortfolioRankMigration, PrintsMovesAndRisers) {
  FakePopulation server;
  server.portfolio.GetRankMigrationAnswers.Answer(R"({"earlier_period": "2024", "later_period": "2025",
      "currency_code": "USD", "rank_correlation": 0.75, "states": ["A", "N"], "counts": [{"to": [3, 1]}, {"to": [1, 0]}],
      "risers": [{"account_id": "n", "earlier_rank": 0, "later_rank": 2, "later_micros": "5000000", "earlier_class": "N",
      "later_class": "A"}]})");
  EXPECT_EQ(Printed(server, {"portfolio", "rank-migration"}), R"(
2024 \ 2025  A  N
A            3  1
N            1  0

riser  class  rank before  now  before USD   now
n      N > A            -    2        0.00  5.00
correlation of the ranks: 0.7500
)");
}

TEST(PortfolioRankMigration, SaysThatThePeriodsLieBeforeTheData) {
  FakePopulation server;
  server.portfolio.GetRankMigrationAnswers.Answer(R"({"earlier_period": "1920..1969", "later_period": "1970..2019",
      "currency_code": "USD", "states": ["A", "N"], "counts": [{"to": [0, 0]}, {"to": [0, 0]}]})");
  EXPECT_EQ(Printed(server, {"portfolio", "rank-migration"}), R"(
1920..1969 \ 1970..2019  A  N
A                        0  0
N                        0  0
no purchase lies in 1970..2019 or before: the last period that is over has none; choose shorter periods

riser  class  rank before  now  before USD  now
)");
}

TEST(PortfolioGroups, SaysWhetherThereAreMore) {
  FakePopulation server;
  server.portfolio.ListGroupsAnswers.Answer(R"({"groups": [{"value": "CN", "accounts": 1}], "truncated": true})");
  EXPECT_EQ(Printed(server, {"portfolio", "groups", "region"}), R"(
region  accounts
CN             1
0 accounts without one
there are more: only the first 1 by name are listed; a filter leaves fewer
)");
}

TEST(PortfolioGroups, PrintsValuesWithTheirAccounts) {
  FakePopulation server;
  server.portfolio.ListGroupsAnswers.Answer(
      R"({"groups": [{"value": "CN", "accounts": 1234}, {"value": "CN/31", "accounts": 3}], "without": 2})");
  EXPECT_EQ(Printed(server, {"portfolio", "groups", "region"}), R"(
region  accounts
CN         1,234
CN/31          3
2 accounts without one
)");
}

}  // namespace
}  // namespace keyledger::cli
