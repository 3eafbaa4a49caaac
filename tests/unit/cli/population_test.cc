// Command lines of retention and portfolio: every option becomes the field it is for.
#include <functional>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "client/cli/app.h"
#include "client/cli/command.h"
#include "keyledger/ledger/v1/portfolio_service.pb.h"
#include "tests/unit/cli/fake_population.h"
#include "tests/unit/client/fake_ledger.h"

namespace keyledger::cli {
namespace {

using ::testing::HasSubstr;

struct Outcome {
  int code = 0;
  std::string out;
  std::string err;
};

Outcome RunAt(const FakePopulation& server, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"--server", server.address(), "--timeout", "10"});
  std::istringstream in;
  std::ostringstream out;
  std::ostringstream err;
  Outcome outcome;
  outcome.code = Run(arguments, Environment{in, out, err});
  outcome.out = out.str();
  outcome.err = err.str();
  return outcome;
}

// Sends the line and returns what the method was asked.
template <class Method>
std::string Asked(const FakePopulation& server, const Method& method, const std::vector<std::string>& line) {
  const Outcome outcome = RunAt(server, line);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  return method.last();
}

const std::string kMonth = "period: PERIOD_MONTH revenue_basis: REVENUE_BASIS_GROSS";

TEST(RetentionCommand, FillsTheWholeScope) {
  FakePopulation server;
  server.retention.GetRetentionAnswers.Answer(R"({"accounts": 1})");
  EXPECT_EQ(Asked(server, server.retention.GetRetentionAnswers,
                  {"retention",   "show",       "--period",     "week",       "--period-length", "2",
                   "--time-zone", "Asia/Tokyo", "--currency",   "JPY",        "--basis",         "net",
                   "--as-of",     "2026-01-01", "--known-at",   "2026-02-01", "--region",        "CN/31",
                   "--segment",   "retail",     "--owner",      "km-01",      "--tier",          "gold",
                   "--club",      "wine",       "--min-cursor", "k"}),
            "scope { period: PERIOD_WEEK time_zone: \"Asia/Tokyo\" currency_code: \"JPY\" revenue_basis: "
            "REVENUE_BASIS_NET as_of { seconds: 1767225600 } known_at { seconds: 1769904000 } accounts { region: "
            "\"CN/31\" segment: \"retail\" owner: \"km-01\" tier_id: \"gold\" club_id: \"wine\" } period_length: 2 } "
            "min_cursor: \"k\"");
  for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{
           {"day", "PERIOD_DAY"}, {"month", "PERIOD_MONTH"}, {"quarter", "PERIOD_QUARTER"}, {"year", "PERIOD_YEAR"}}) {
    EXPECT_EQ(Asked(server, server.retention.GetCohortsAnswers, {"retention", "cohorts", "--period", name}),
              "scope { period: " + value + " revenue_basis: REVENUE_BASIS_GROSS }");
  }
}

TEST(RetentionCommand, AsksHowLongItTakes) {
  FakePopulation server;
  EXPECT_EQ(Asked(server, server.retention.GetSurvivalAnswers, {"retention", "survival"}),
            "scope { " + kMonth + " } event: SURVIVAL_EVENT_SECOND_PURCHASE");
  EXPECT_EQ(Asked(server, server.retention.GetSurvivalAnswers,
                  {"retention", "survival", "--event", "loss", "--inactive-days", "90"}),
            "scope { " + kMonth + " } event: SURVIVAL_EVENT_LOSS inactive_days: 90");
  EXPECT_EQ(Asked(server, server.retention.GetTenureAnswers,
                  {"retention", "tenure", "--inactive-days", "90", "--bands", "30,365"}),
            "scope { " + kMonth + " } inactive_days: 90 band_days: 30 band_days: 365");
}

TEST(RetentionCommand, AsksForMovesBetweenStates) {
  FakePopulation server;
  const auto& method = server.retention.GetMigrationAnswers;
  EXPECT_EQ(Asked(server, method, {"retention", "migration", "--recency-cap", "6"}),
            "scope { " + kMonth + " } of: MIGRATION_OF_RECENCY recency_cap: 6");
  EXPECT_EQ(
      Asked(server, method, {"retention", "migration", "--of", "class", "--cuts", "5,12.5", "--discount", "0"}),
      "scope { " + kMonth + " } of: MIGRATION_OF_CLASS class_cuts_milli: 50 class_cuts_milli: 125 discount_milli: 0");
  EXPECT_EQ(Asked(server, method,
                  {"retention", "migration", "--of", "tier", "--ladder", "main", "--discount", "1.5", "--rewards",
                   "40,-0.5"}),
            "scope { " + kMonth +
                " } of: MIGRATION_OF_TIER ladder_id: \"main\" discount_milli: 15 reward_micros: 40000000 "
                "reward_micros: -500000");
  EXPECT_EQ(Asked(server, method, {"retention", "migration", "--of", "stage", "--lifecycle", "life"}),
            "scope { " + kMonth + " } of: MIGRATION_OF_STAGE lifecycle_id: \"life\"");
}

TEST(RetentionCommand, AsksForRfmByBothTieRules) {
  FakePopulation server;
  const auto& method = server.retention.GetRfmAnswers;
  EXPECT_EQ(Asked(server, method, {"retention", "rfm"}),
            "scope { " + kMonth + " } ties: RFM_TIES_BY_ID frequency: RFM_FREQUENCY_PURCHASES");
  EXPECT_EQ(Asked(server, method,
                  {"retention", "rfm", "--ties", "shared", "--frequency", "days", "--cell", "555", "--account", "a",
                   "--page-size", "7", "--page-token", "t"}),
            "scope { " + kMonth +
                " } ties: RFM_TIES_SHARED frequency: RFM_FREQUENCY_DAYS cell: \"555\" account_id: \"a\" page_size: 7 "
                "page_token: \"t\"");
}

TEST(RetentionCommand, AsksForForecastsWithPercentages) {
  FakePopulation server;
  EXPECT_EQ(Asked(server, server.retention.GetForecastAnswers,
                  {"retention", "forecast", "--horizon-days", "90", "--margin", "-12.5", "--discount", "10",
                   "--interval", "99.9", "--account", "a", "--page-size", "3"}),
            "forecast { scope { " + kMonth +
                " } horizon_days: 90 margin_milli: -125 discount_milli: 100 interval_milli: 999 } account_id: \"a\" "
                "page_size: 3");
  EXPECT_EQ(
      Asked(server, server.retention.RecordForecastAnswers,
            {"retention", "record-forecast", "--request-id", "r", "--note", "n", "--actor", "ann", "--region", "CN"}),
      "request_id: \"r\" forecast { scope { " + kMonth + " accounts { region: \"CN\" } } } note: \"n\" actor: \"ann\"");
  EXPECT_EQ(Asked(server, server.retention.ListForecastsAnswers, {"retention", "forecasts", "--page-size", "3"}),
            "page_size: 3");
  EXPECT_EQ(Asked(server, server.retention.ScoreForecastAnswers,
                  {"retention", "score", "f-1", "--as-of", "2026-01-01", "--min-cursor", "k"}),
            "forecast_id: \"f-1\" as_of { seconds: 1767225600 } min_cursor: \"k\"");
}

TEST(RetentionCommand, AsksForContractsRisksAndWhatFewerLossesAreWorth) {
  FakePopulation server;
  EXPECT_EQ(Asked(server, server.retention.GetContractRetentionAnswers,
                  {"retention", "contracts", "--kind", "service", "--renewal-months", "6", "--horizon", "20",
                   "--discount", "5"}),
            "scope { " + kMonth + " } kind: \"service\" renewal_months: 6 horizon: 20 discount_milli: 50");
  EXPECT_EQ(Asked(server, server.retention.ListAtRiskAnswers,
                  {"retention", "at-risk", "--alive-below", "30", "--horizon-days", "90", "--page-size", "5"}),
            "forecast { scope { " + kMonth + " } horizon_days: 90 } alive_below_milli: 300 page_size: 5");
  EXPECT_EQ(Asked(server, server.retention.GetLossEffectAnswers,
                  {"retention", "loss-effect", "--fewer", "10", "--margin", "0", "--discount", "1", "--periods", "24"}),
            "scope { " + kMonth + " } fewer_milli: 100 margin_milli: 0 discount_milli: 10 periods: 24");
}

TEST(PortfolioCommand, AsksForConcentrationAndClasses) {
  FakePopulation server;
  EXPECT_EQ(Asked(server, server.portfolio.GetConcentrationAnswers,
                  {"portfolio", "concentration", "--start", "2026-01-01", "--measure", "profit", "--cut", "5,20",
                   "--cover", "50,80", "--curve-points", "10", "--alert", "60"}),
            "scope { " + kMonth +
                " } start_time { seconds: 1767225600 } measure: PORTFOLIO_MEASURE_PROFIT cut_percent: 5 cut_percent: "
                "20 cover_percent: 50 cover_percent: 80 curve_points: 10 alert_milli: 600");
  EXPECT_EQ(Asked(server, server.portfolio.GetConcentrationAnswers, {"portfolio", "concentration"}),
            "scope { " + kMonth + " }");
  EXPECT_EQ(
      Asked(server, server.portfolio.GetConcentrationAnswers, {"portfolio", "concentration", "--chart", "always"}),
      "scope { " + kMonth + " } curve_points: 100");
  EXPECT_EQ(Asked(server, server.portfolio.GetClassesAnswers,
                  {"portfolio", "classes", "--scheme", "abc", "--start", "2026-01-01", "--measure", "revenue", "--cuts",
                   "80,95", "--class", "A", "--page-size", "2"}),
            "scope { " + kMonth +
                " } start_time { seconds: 1767225600 } scheme: CLASS_SCHEME_ABC measure: PORTFOLIO_MEASURE_REVENUE "
                "cut_milli: 800 cut_milli: 950 class_id: \"A\" page_size: 2");
  EXPECT_EQ(Asked(server, server.portfolio.GetClassesAnswers, {"portfolio", "classes"}),
            "scope { " + kMonth + " } scheme: CLASS_SCHEME_CORE_NEXT_PROMISING");
}

TEST(PortfolioCommand, AsksWhatAccountsBringSpendAndSay) {
  FakePopulation server;
  server.portfolio.ListWalletSharesAnswers.Answer(R"({"account_count": 1, "budgets": 1})");
  EXPECT_EQ(Asked(server, server.portfolio.ListProfitabilityAnswers,
                  {"portfolio", "profitability", "--loss-making", "--start", "2026-01-01", "--page-size", "2"}),
            "scope { " + kMonth + " } start_time { seconds: 1767225600 } loss_making_only: true page_size: 2");
  EXPECT_EQ(Asked(server, server.portfolio.ListWalletSharesAnswers,
                  {"portfolio", "wallet", "--category", "tyres", "--page-size", "2"}),
            "scope { " + kMonth + " } category: \"tyres\" page_size: 2");
  EXPECT_EQ(Asked(server, server.portfolio.GetSatisfactionAnswers, {"portfolio", "satisfaction", "--left-days", "90"}),
            "scope { " + kMonth + " } left_days: 90");
  EXPECT_EQ(Asked(server, server.portfolio.GetAcquisitionAnswers, {"portfolio", "acquisition", "--period", "quarter"}),
            "scope { period: PERIOD_QUARTER revenue_basis: REVENUE_BASIS_GROSS }");
}

TEST(PortfolioCommand, AsksForMembersReferralsRisersAndGroups) {
  FakePopulation server;
  server.portfolio.GetMembershipAnswers.Answer(R"({"ever_members": 1, "member": {"accounts": 1}})");
  EXPECT_EQ(
      Asked(server, server.portfolio.GetMembershipAnswers,
            {"portfolio", "membership", "--member-of", "wine", "--start", "2026-01-01", "--club", "golf"}),
      "scope { " + kMonth + " accounts { club_id: \"golf\" } } start_time { seconds: 1767225600 } club_id: \"wine\"");
  EXPECT_EQ(Asked(server, server.portfolio.GetReferralTreeAnswers,
                  {"portfolio", "referrals", "--account", "a", "--max-depth", "3", "--max-nodes", "50"}),
            "scope { " + kMonth + " } account_id: \"a\" max_depth: 3 max_nodes: 50");
  EXPECT_EQ(Asked(server, server.portfolio.GetRankMigrationAnswers,
                  {"portfolio", "rank-migration", "--period", "year", "--measure", "profit", "--cuts", "10,30",
                   "--risers", "5"}),
            "scope { period: PERIOD_YEAR revenue_basis: REVENUE_BASIS_GROSS } measure: PORTFOLIO_MEASURE_PROFIT "
            "cut_milli: 100 cut_milli: 300 page_size: 5");
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, std::string>>{{"region", "GROUP_DIMENSION_REGION"},
                                                        {"segment", "GROUP_DIMENSION_SEGMENT"},
                                                        {"owner", "GROUP_DIMENSION_OWNER"},
                                                        {"tier", "GROUP_DIMENSION_TIER"},
                                                        {"club", "GROUP_DIMENSION_CLUB"}}) {
    EXPECT_EQ(Asked(server, server.portfolio.ListGroupsAnswers, {"portfolio", "groups", name}),
              "scope { " + kMonth + " } dimension: " + value);
  }
}

TEST(PopulationCommand, RefusesValuesThatAreNone) {
  FakePopulation server;
  const std::vector<std::vector<std::string>> wrong = {{"retention", "show", "--period", "decade"},
                                                       {"retention", "show", "--period-length", "0"},
                                                       {"retention", "show", "--period-length", "367"},
                                                       {"retention", "show", "--by", "colour"},
                                                       {"retention", "show", "--chart", "perhaps"},
                                                       {"retention", "show", "--groups-max", "0"},
                                                       {"retention", "forecast", "--interval", "0"},
                                                       {"retention", "forecast", "--page-size", "0"},
                                                       {"retention", "migration", "--recency-cap", "0"},
                                                       {"retention", "contracts", "--renewal-months", "0"},
                                                       {"retention", "contracts", "--horizon", "0"},
                                                       {"retention", "at-risk", "--alive-below", "0"},
                                                       {"retention", "loss-effect", "--fewer", "0"},
                                                       {"retention", "loss-effect", "--periods", "1201"},
                                                       {"portfolio", "concentration", "--alert", "0"},
                                                       {"portfolio", "satisfaction", "--left-days", "0"},
                                                       {"portfolio", "referrals", "--max-depth", "0"},
                                                       {"portfolio", "rank-migration", "--risers", "0"},
                                                       {"retention", "survival", "--event", "birth"},
                                                       {"retention", "survival", "--period", "month"},
                                                       {"retention", "migration", "--discount", "half"},
                                                       {"retention", "migration", "--discount", "1.55"},
                                                       {"retention", "migration", "--rewards", "1,x"},
                                                       {"retention", "forecast", "--horizon-days", "3661"},
                                                       {"retention", "record-forecast", "--by", "region"},
                                                       {"retention", "score"},
                                                       {"portfolio", "concentration", "--cut", "five"},
                                                       {"portfolio", "groups", "colour"},
                                                       {"portfolio", "groups"}};
  for (const auto& line : wrong) {
    EXPECT_EQ(RunAt(server, line).code, 2) << line[1] << " " << line.back();
  }
}

TEST(PopulationCommand, ReadsAllPagesOfAList) {
  FakePopulation server;
  server.portfolio.ListWalletSharesAnswers.Answer(
      R"({"accounts": [{"account_id": "a", "basis": "WALLET_BASIS_DECLARED", "share": 0.5}], "next_page_token": "p2"})");
  server.portfolio.ListWalletSharesAnswers.Answer(
      R"({"accounts": [{"account_id": "b", "basis": "WALLET_BASIS_DECLARED", "share": 0.25}]})");
  const Outcome all = RunAt(server, {"portfolio", "wallet", "--all"});
  EXPECT_EQ(all.code, 0) << all.err;
  EXPECT_THAT(all.out, HasSubstr("\na        50.0 %"));
  EXPECT_THAT(all.out, HasSubstr("\nb        25.0 %"));
  EXPECT_EQ(all.err, "");
  ASSERT_EQ(server.portfolio.ListWalletSharesAnswers.asked().size(), 2u);
  EXPECT_EQ(server.portfolio.ListWalletSharesAnswers.asked()[1].page_token(), "p2");
}

TEST(PopulationCommand, SaysHowToGoOnBehindAPage) {
  FakePopulation server;
  server.portfolio.ListWalletSharesAnswers.Answer(R"({"next_page_token": "p2"})");
  EXPECT_EQ(RunAt(server, {"portfolio", "wallet"}).err, "more: add --all, or --page-token p2\n");
}

TEST(By, AsksForEachGroupWithinTheScopeAndPrintsOneTableEach) {
  FakePopulation server;
  server.portfolio.ListGroupsAnswers.Answer(
      R"({"groups": [{"value": "CN", "accounts": 12}, {"value": "DE", "accounts": "1234"}], "without": 3})");
  server.retention.GetTenureAnswers.Answer(R"({"accounts": 12})");
  server.retention.GetTenureAnswers.Answer(R"({"accounts": 1000})");
  const Outcome outcome =
      RunAt(server, {"retention", "tenure", "--by", "region", "--segment", "retail", "--as-of", "2026-01-01"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(server.portfolio.ListGroupsAnswers.last(),
            "scope { period: PERIOD_MONTH revenue_basis: REVENUE_BASIS_GROSS as_of { seconds: 1767225600 } accounts { "
            "segment: \"retail\" } } dimension: GROUP_DIMENSION_REGION");
  const auto asked = server.retention.GetTenureAnswers.asked();
  ASSERT_EQ(asked.size(), 2u);
  EXPECT_EQ(asked[0].scope().accounts().ShortDebugString(), "region: \"CN\" segment: \"retail\"");
  EXPECT_EQ(asked[1].scope().accounts().ShortDebugString(), "region: \"DE\" segment: \"retail\"");
  EXPECT_EQ(
      outcome.out,
      "== region CN: 12 accounts\n"
      "days with us  accounts  share\n"
      "12 accounts with us; mean - days, median - days\n"
      "lifetime: - days by the survival curve, within the time observed; - months by the retention of all months\n"
      "\n"
      "== region DE: 1,234 accounts\n"
      "days with us  accounts  share\n"
      "1,000 accounts with us; mean - days, median - days\n"
      "lifetime: - days by the survival curve, within the time observed; - months by the retention of all months\n"
      "\n"
      "3 accounts without a region are in no group\n");
}

TEST(By, SetsTheFilterOfEachDimension) {
  const std::vector<std::pair<std::string, std::string>> dimensions = {{"region", "region: \"x\""},
                                                                       {"segment", "segment: \"x\""},
                                                                       {"owner", "owner: \"x\""},
                                                                       {"tier", "tier_id: \"x\""},
                                                                       {"club", "club_id: \"x\""}};
  for (const auto& [name, wanted] : dimensions) {
    FakePopulation server;
    server.portfolio.ListGroupsAnswers.Answer(R"({"groups": [{"value": "x", "accounts": 1}]})");
    EXPECT_EQ(RunAt(server, {"retention", "at-risk", "--by", name}).code, 0);
    const auto asked = server.retention.ListAtRiskAnswers.asked();
    ASSERT_EQ(asked.size(), 1u);
    EXPECT_EQ(asked[0].forecast().scope().accounts().ShortDebugString(), wanted);
  }
}

TEST(By, GoesOnWhereAGroupIsTooSmallAndSaysSo) {
  FakePopulation server;
  server.portfolio.ListGroupsAnswers.Answer(
      R"({"groups": [{"value": "a\"b", "accounts": 2}, {"value": "c", "accounts": 300}]})");
  server.retention.GetForecastAnswers.failure =
      client::RichStatus(grpc::StatusCode::FAILED_PRECONDITION, "FORECAST_NOT_POSSIBLE", 0);
  server.retention.GetForecastAnswers.failing_from = 1;
  const Outcome json = RunAt(server, {"--output", "json", "retention", "forecast", "--by", "owner"});
  EXPECT_EQ(json.code, 9);
  const auto array = nlohmann::json::parse(json.out);
  ASSERT_EQ(array.size(), 2u);
  EXPECT_EQ(array[0]["group"], "a\"b");
  EXPECT_EQ(array[0]["accounts"], "2");
  EXPECT_TRUE(array[0].contains("response"));
  EXPECT_EQ(array[1]["group"], "c");
  EXPECT_EQ(array[1]["error"]["reason"], "FORECAST_NOT_POSSIBLE");
  EXPECT_FALSE(array[1].contains("response"));
  const Outcome table = RunAt(server, {"retention", "forecast", "--by", "owner"});
  EXPECT_EQ(table.code, 9);
  EXPECT_THAT(table.out, HasSubstr("== owner c: 300 accounts\nrefused"));
}

TEST(By, RefusesMoreGroupsThanAreAllowed) {
  FakePopulation server;
  ledger::v1::ListGroupsResponse groups;
  for (int i = 0; i < 201; ++i) groups.add_groups()->set_value("o" + std::to_string(i));
  server.portfolio.ListGroupsAnswers.answers = {groups};
  const Outcome refused = RunAt(server, {"retention", "tenure", "--by", "owner"});
  EXPECT_EQ(refused.code, 2);
  EXPECT_EQ(refused.out, "");
  EXPECT_EQ(
      refused.err,
      "error: --by owner finds 201 groups, each of which is a query: narrow the scope with a filter, or allow them "
      "with --groups-max 201\n");
  EXPECT_EQ(server.retention.GetTenureAnswers.asked().size(), 0u);
  EXPECT_EQ(RunAt(server, {"retention", "tenure", "--by", "owner", "--groups-max", "201"}).code, 0);
  EXPECT_EQ(server.retention.GetTenureAnswers.asked().size(), 201u);
  groups.mutable_groups()->RemoveLast();
  server.portfolio.ListGroupsAnswers.answers = {groups};
  EXPECT_EQ(RunAt(server, {"retention", "tenure", "--by", "owner"}).code, 0) << "200 are allowed unasked";
}

TEST(By, SaysThatThereAreMoreGroupsThanAreListed) {
  FakePopulation server;
  server.portfolio.ListGroupsAnswers.Answer(R"({"groups": [{"value": "a", "accounts": 2}], "truncated": true})");
  const Outcome outcome = RunAt(server, {"retention", "tenure", "--by", "owner"});
  EXPECT_EQ(outcome.code, 9);
  EXPECT_EQ(outcome.err, "there are more groups: only the first 1 by name are here\n");
}

TEST(EmptyAnswer, NamesTheFilterThatNoAccountMatches) {
  FakePopulation one;
  const Outcome segment = RunAt(one, {"retention", "tenure", "--segment", "nope"});
  EXPECT_EQ(segment.code, 4);
  EXPECT_EQ(segment.out, "");
  EXPECT_EQ(segment.err, "error: no account matches --segment nope\n");
  const Outcome json = RunAt(one, {"--output", "json", "retention", "show", "--owner", "nope"});
  EXPECT_EQ(json.code, 4);
  EXPECT_EQ(json.out.substr(0, 1), "{");
  EXPECT_EQ(json.err, "error: no account matches --owner nope\n");
  const Outcome by = RunAt(one, {"retention", "tenure", "--region", "ZZ", "--by", "segment"});
  EXPECT_EQ(by.code, 4);
  EXPECT_EQ(by.err, "error: no account matches --region ZZ\n");

  // Nobody matches both; somebody the first, nobody the second.
  FakePopulation second;
  second.portfolio.ListGroupsAnswers.Answer("{}");
  second.portfolio.ListGroupsAnswers.Answer(R"({"without": 1})");
  second.portfolio.ListGroupsAnswers.Answer("{}");
  EXPECT_EQ(RunAt(second, {"portfolio", "classes", "--region", "FR", "--tier", "gold"}).err,
            "error: no account matches --tier gold\n");
  FakePopulation both;
  both.portfolio.ListGroupsAnswers.Answer("{}");
  both.portfolio.ListGroupsAnswers.Answer(R"({"groups": [{"value": "retail", "accounts": 1}]})");
  EXPECT_EQ(RunAt(both, {"portfolio", "profitability", "--region", "FR", "--club", "wine"}).err,
            "error: no account matches --region FR --club wine together\n");
  // Accounts that only did nothing are an answer.
  FakePopulation idle;
  idle.portfolio.ListGroupsAnswers.Answer(R"({"without": 1})");
  EXPECT_EQ(RunAt(idle, {"retention", "tenure", "--segment", "quiet"}).code, 0);
}

TEST(EmptyAnswer, ComesBeforeTheForecastThatIsNotPossible) {
  FakePopulation server;
  server.retention.GetForecastAnswers.failure =
      client::RichStatus(grpc::StatusCode::FAILED_PRECONDITION, "FORECAST_NOT_POSSIBLE", 0);
  const Outcome outcome = RunAt(server, {"retention", "forecast", "--segment", "nope"});
  EXPECT_EQ(outcome.code, 4);
  EXPECT_EQ(outcome.err, "error: no account matches --segment nope\n");
}

TEST(EmptyAnswer, NamesTheMomentAndTheCurrencyInWhichNobodyBought) {
  FakePopulation early;
  early.retention.GetRetentionAnswers.Answer("{}");
  early.retention.GetRetentionAnswers.Answer(R"({"accounts": 3, "currency_code": "USD"})");
  const Outcome before = RunAt(early, {"retention", "cohorts", "--as-of", "1999-01-01"});
  EXPECT_EQ(before.code, 4);
  EXPECT_EQ(before.err, "error: there is no purchase yet at --as-of 1999-01-01\n");
  FakePopulation euro;
  euro.retention.GetRetentionAnswers.Answer("{}");
  euro.retention.GetRetentionAnswers.Answer(R"({"accounts": 3, "currency_code": "USD"})");
  const Outcome currency = RunAt(euro, {"portfolio", "concentration", "--currency", "EUR"});
  EXPECT_EQ(currency.code, 4);
  EXPECT_EQ(currency.err, "error: there is no purchase in --currency EUR: they are in USD\n");
  // A ledger without any purchase is empty for no option's sake.
  FakePopulation none;
  EXPECT_EQ(RunAt(none, {"retention", "cohorts", "--as-of", "1999-01-01", "--currency", "EUR"}).code, 0);
}

TEST(EmptyAnswer, NamesTheClubAndTheCategoryOfNobody) {
  FakePopulation server;
  server.portfolio.GetMembershipAnswers.Answer(R"({"other": {"accounts": 5}})");
  const Outcome club = RunAt(server, {"portfolio", "membership", "--member-of", "nope"});
  EXPECT_EQ(club.code, 4);
  EXPECT_EQ(club.err, "error: no account in scope ever joined the club nope\n");
  EXPECT_EQ(RunAt(server, {"portfolio", "membership"}).code, 0);
  server.portfolio.ListWalletSharesAnswers.Answer(R"({"account_count": 5})");
  const Outcome category = RunAt(server, {"portfolio", "wallet", "--category", "nope"});
  EXPECT_EQ(category.code, 4);
  EXPECT_EQ(category.err, "error: no account in scope has a budget of the category nope\n");
}

TEST(EmptyAnswer, IsOneOfAllGroupsTogetherHoweverItIsPrinted) {
  FakePopulation server;
  server.portfolio.ListGroupsAnswers.Answer(
      R"({"groups": [{"value": "CN", "accounts": 5}, {"value": "DE", "accounts": 5}]})");
  server.portfolio.GetMembershipAnswers.Answer(R"({"ever_members": 2, "other": {"accounts": 5}})");
  server.portfolio.GetMembershipAnswers.Answer(R"({"other": {"accounts": 5}})");
  EXPECT_EQ(RunAt(server, {"portfolio", "membership", "--member-of", "wine", "--by", "region"}).code, 0);
  FakePopulation json;
  json.portfolio.GetMembershipAnswers.Answer(R"({"other": {"accounts": 5}})");
  EXPECT_EQ(RunAt(json, {"--output", "json", "portfolio", "membership", "--member-of", "nope"}).code, 4);
  json.portfolio.ListWalletSharesAnswers.Answer(R"({"account_count": 5})");
  EXPECT_EQ(RunAt(json, {"--output", "json", "portfolio", "wallet", "--category", "nope"}).code, 4);
}

TEST(By, StopsWhereTheServerFails) {
  FakePopulation server;
  server.portfolio.ListGroupsAnswers.Answer(R"({"groups": [{"value": "a", "accounts": 2}]})");
  server.retention.GetRfmAnswers.failure = client::RichStatus(grpc::StatusCode::DATA_LOSS, "STORE_DAMAGED", 0);
  const Outcome outcome = RunAt(server, {"--output", "json", "retention", "rfm", "--by", "owner"});
  EXPECT_EQ(outcome.code, 8);
  EXPECT_EQ(outcome.out, "");
}

TEST(PopulationCommand, PrintsEveryAnswerAsProtoJson) {
  FakePopulation server;
  const std::vector<std::vector<std::string>> lines = {
      {"retention", "show"},           {"retention", "cohorts"},         {"retention", "survival"},
      {"retention", "tenure"},         {"retention", "migration"},       {"retention", "rfm"},
      {"retention", "forecast"},       {"retention", "record-forecast"}, {"retention", "forecasts"},
      {"retention", "score", "f"},     {"retention", "contracts"},       {"retention", "at-risk"},
      {"retention", "loss-effect"},    {"portfolio", "concentration"},   {"portfolio", "classes"},
      {"portfolio", "profitability"},  {"portfolio", "wallet"},          {"portfolio", "satisfaction"},
      {"portfolio", "acquisition"},    {"portfolio", "membership"},      {"portfolio", "referrals"},
      {"portfolio", "rank-migration"}, {"portfolio", "groups", "region"}};
  for (std::vector<std::string> line : lines) {
    const Outcome table = RunAt(server, line);
    EXPECT_EQ(table.code, 0) << line[1] << ": " << table.err;
    line.insert(line.begin(), {"--output", "json"});
    const Outcome outcome = RunAt(server, line);
    EXPECT_EQ(outcome.code, 0) << line[3] << ": " << outcome.err;
    EXPECT_TRUE(nlohmann::json::accept(outcome.out)) << outcome.out;
    EXPECT_EQ(outcome.out.substr(0, 1), "{");
  }
}

TEST(Advice, SaysThatAFilterMayLeaveAnAccountOut) {
  FakePopulation server;
  server.portfolio.GetReferralTreeAnswers.failure =
      client::RichStatus(grpc::StatusCode::NOT_FOUND, "ACCOUNT_NOT_FOUND", 0);
  EXPECT_THAT(RunAt(server, {"portfolio", "referrals", "--account", "a", "--region", "FR"}).err,
              HasSubstr("do:     look for it without the filters, or open it with: keyledger account open ID"));
  EXPECT_THAT(RunAt(server, {"portfolio", "referrals", "--account", "a"}).err,
              HasSubstr("do:     open it with: keyledger account open ID"));
}

TEST(Advice, SaysWhereATokenIsFrom) {
  FakePopulation server;
  server.portfolio.ListWalletSharesAnswers.failure =
      client::RichStatus(grpc::StatusCode::INVALID_ARGUMENT, "INVALID_TOKEN", 0);
  const Outcome outcome = RunAt(server, {"portfolio", "wallet", "--page-token", "t"});
  EXPECT_EQ(outcome.code, 3);
  EXPECT_THAT(outcome.err, HasSubstr("do:     give a token as it was printed, with the command it was printed for"));
}

TEST(Advice, SaysHowAForecastBecomesPossible) {
  FakePopulation server;
  server.retention.GetForecastAnswers.failure =
      client::RichStatus(grpc::StatusCode::FAILED_PRECONDITION, "FORECAST_NOT_POSSIBLE", 0);
  const Outcome outcome = RunAt(server, {"retention", "forecast"});
  EXPECT_EQ(outcome.code, 6);
  EXPECT_THAT(outcome.err, HasSubstr("do:     it takes more accounts or a longer history"));
  server.retention.ScoreForecastAnswers.failure =
      client::RichStatus(grpc::StatusCode::NOT_FOUND, "FORECAST_NOT_FOUND", 0);
  const Outcome score = RunAt(server, {"retention", "score", "f-9"});
  EXPECT_EQ(score.code, 4);
  EXPECT_THAT(score.err, HasSubstr("keyledger retention forecasts"));
  server.retention.ListAtRiskAnswers.failure = grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "");
  EXPECT_THAT(RunAt(server, {"retention", "at-risk"}).err, HasSubstr("it is older than this command"));
}

}  // namespace
}  // namespace keyledger::cli
