// The retention report: well-formed, safe and bounded whatever the ledger answers, and written whole or not at all.
#include "client/cli/report_page.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/cli/app.h"
#include "client/cli/command.h"
#include "client/cli/svg_chart.h"
#include "keyledger/ledger/v1/portfolio_service.pb.h"
#include "keyledger/ledger/v1/retention_service.pb.h"
#include "tests/unit/cli/fake_population.h"
#include "tests/unit/client/fake_ledger.h"

namespace keyledger::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// What is wrong with the text as XML; "" if nothing is: elements closed in order, attributes quoted, only the five
// entities and numbers, no bare "<" or "&".
std::string XmlMistake(const std::string& text) {
  std::vector<std::string> open;
  const std::string doctype = "<!DOCTYPE html>\n";
  for (size_t at = text.compare(0, doctype.size(), doctype) == 0 ? doctype.size() : 0; at < text.size();) {
    if (text[at] == '&') {
      const size_t end = text.find(';', at);
      const std::string entity = end == std::string::npos ? "" : text.substr(at + 1, end - at - 1);
      if (entity != "amp" && entity != "lt" && entity != "gt" && entity != "quot" && entity != "#39") {
        return "entity at " + text.substr(at, 20);
      }
      at = end + 1;
      continue;
    }
    if (text[at] != '<') {
      ++at;
      continue;
    }
    // To the end of the tag; values of attributes hold no ">", which is escaped.
    const size_t end = text.find('>', at);
    const std::string tag = end == std::string::npos ? "" : text.substr(at + 1, end - at - 1);
    if (tag.empty() || tag.find('<') != std::string::npos) {
      return "tag at " + text.substr(at, 20);
    }
    if (std::count(tag.begin(), tag.end(), '"') % 2 != 0) {
      return "quotes in <" + tag + ">";
    }
    const std::string name = tag.substr(tag[0] == '/', tag.find_first_of(" /", 1) - (tag[0] == '/'));
    if (tag[0] == '/') {
      if (open.empty() || open.back() != tag.substr(1)) {
        return "<" + tag + "> closes <" + (open.empty() ? "" : open.back()) + ">";
      }
      open.pop_back();
    } else if (tag.back() != '/') {
      open.push_back(name);
    }
    at = end + 1;
  }
  return open.empty() ? "" : "<" + open.back() + "> is not closed";
}

TEST(XmlMistake, FindsWhatItIsFor) {
  EXPECT_EQ(XmlMistake("<a><b c=\"d\"/>&amp;<e>f</e></a>"), "");
  for (const char* wrong :
       {"<a>", "<a></b>", "<a><b></a></b>", "a & b", "<a b=\"c></a>", "&nbsp;", "</a>", "< a <b>"}) {
    EXPECT_NE(XmlMistake(wrong), "") << wrong;
  }
}

TEST(EscapeXml, LeavesNothingThatEndsAnElementOrAnAttribute) {
  EXPECT_EQ(EscapeXml("<b a=\"1\" c='2'>&amp;</b>"), "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;amp;&lt;/b&gt;");
  EXPECT_EQ(EscapeXml("Zo\xc3\xab \xe4\xb8\xad"), "Zo\xc3\xab \xe4\xb8\xad");
  EXPECT_EQ(EscapeXml(std::string("a\0b\x1b\n\x7f", 6)), "a?b???");
  EXPECT_EQ(EscapeXml("\xff\xc3"), "??") << "no UTF-8";
  EXPECT_EQ(EscapeXml("\xef\xbf\xbe\xef\xbf\xbf"), "??") << "no characters of XML";
}

constexpr const char* kHostile = "</td><script>alert('1')</script>\\u0001\\u202e\\\"&amp;\\uffff";

// Every text is hostile, every number odd.
ReportAnswers Hostile() {
  const auto text = [](std::string json) {
    for (size_t at = json.find("%"); at != std::string::npos; at = json.find("%", at + 1)) {
      json.replace(at, 1, kHostile);
    }
    return json;
  };
  ReportAnswers answers;
  answers.title = "</title><script>alert(1)</script>";
  answers.made = "2026-01-01T00:00:00Z";
  answers.scope = "region <b>";
  answers.retention = MessageOf<v1::GetRetentionResponse>(text(
      R"({"periods": [{"period": "%", "logo_retention": "NaN", "nrr": "Infinity"}, {"period": "%", "nrr": -1e300}], "currency_code": "%"})"));
  answers.cohorts = MessageOf<v1::GetCohortsResponse>(
      text(R"({"cohorts": [{"start": "%", "size": 0, "active": [1]}, {"start": "%", "size": 1, "active": [1, -5]}]})"));
  answers.second_purchase = MessageOf<v1::GetSurvivalResponse>(
      R"({"points": [{"day": -3, "survival": "NaN", "variance": -1}, {"day": "9223372036854775807", "survival": 7}], "last_day": -1})");
  answers.rfm = MessageOf<v1::GetRfmResponse>(text(
      R"({"cells": [{"cell": "%", "accounts": 1}, {"cell": "999", "accounts": 1}, {"cell": "55"}], "as_of_day": "%"})"));
  answers.concentration = MessageOf<v1::GetConcentrationResponse>(
      text(R"({"curve": [{"accounts": "NaN", "share": 2}], "groups": [{"percent": 5}], "currency_code": "%"})"));
  answers.migration = MessageOf<v1::GetMigrationResponse>(text(
      R"({"states": ["%", ""], "rates": [{"to": ["NaN", 0.5, 3, 4]}, {"to": []}, {"to": [1]}], "counts": [{"to": [1]}], "reward_micros": [1], "value_micros": ["Infinity"], "currency_code": "%"})"));
  answers.forecast = MessageOf<v1::GetForecastResponse>(text(
      R"({"model": {"convergence": "%", "value_note": "%", "r": "NaN"}, "population": {"expected_purchases": "NaN", "upper_purchases": "Infinity"}, "accounts": [{"account_id": "%", "tier_id": "%", "projected_tier_id": "%", "p_alive": "NaN"}]})"));
  answers.at_risk = MessageOf<v1::ListAtRiskResponse>(text(
      R"({"accounts": [{"account_id": "%", "owner": "%", "reasons": [{"reason": 99, "detail": "%"}, {"reason": 1}]}], "currency_code": "%"})"));
  answers.loss_effect = MessageOf<v1::GetLossEffectResponse>(text(R"({"gain_micros": "NaN", "currency_code": "%"})"));
  answers.most_profitable = MessageOf<v1::ListProfitabilityResponse>(
      text(R"({"accounts": [{"account_id": "%", "profit_micros": "-9223372036854775808"}], "currency_code": "%"})"));
  client::ClientError refused;
  refused.message = "<script>refused</script>";
  answers.loss_making = refused;
  return answers;
}

TEST(RetentionReport, IsWellFormedAndRunsNothingWhateverTheLedgerHolds) {
  const std::string page = RetentionReport(Hostile());
  EXPECT_EQ(XmlMistake(page), "");
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, HasSubstr("&lt;/td&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;"));
  EXPECT_THAT(page, Not(HasSubstr("nan")));
  EXPECT_THAT(page, Not(HasSubstr("inf\"")));
}

TEST(RetentionReport, LoadsNothingFromElsewhere) {
  std::string page = RetentionReport(Hostile());
  const std::string xmlns = "xmlns=\"http://www.w3.org/2000/svg\"";
  for (size_t at = page.find(xmlns); at != std::string::npos; at = page.find(xmlns)) {
    page.erase(at, xmlns.size());
  }
  for (const char* way : {"http:", "https:", "//", "url(", "@import", "src=", "href=", "<link", "<img", "<iframe"}) {
    EXPECT_THAT(page, Not(HasSubstr(way)));
  }
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
  EXPECT_THAT(page, HasSubstr("prefers-color-scheme: dark"));
  EXPECT_THAT(page, HasSubstr("@media print"));
}

TEST(RetentionReport, TakesTheLastPeriodThatIsOver) {
  ReportAnswers answers;
  answers.period = "month";
  answers.retention = MessageOf<v1::GetRetentionResponse>(R"({"last_day": "2011-12-09", "periods": [
      {"period": "2011-11", "active": 10, "churned": 3, "start": 9, "logo_retention": 0.625},
      {"period": "2011-12", "active": 2, "churned": 8, "start": 10, "logo_retention": 0.125, "running": true}]})");
  answers.loss_effect = MessageOf<v1::GetLossEffectResponse>(R"({"loss_rate": 0.25, "reduced_loss_rate": 0.2375,
      "accounts": 10, "gain_micros": 5000000, "gain_share": 0.04, "currency_code": "USD", "last_period": "2011-11",
      "periods": 12})");
  const std::string page = RetentionReport(answers);
  EXPECT_EQ(XmlMistake(page), "");
  EXPECT_THAT(page, HasSubstr("Active in 2011-11"));
  EXPECT_THAT(page, HasSubstr("62.5 %"));
  EXPECT_THAT(page, Not(HasSubstr("Active in 2011-12")));
  EXPECT_THAT(page, HasSubstr("2011-12 (to 2011-12-09) is not over: it is in the table, and in no chart or tile."));
  EXPECT_THAT(page, HasSubstr("25.0 % of the accounts active in one period of a month are not in the next"));
  EXPECT_THAT(page, HasSubstr("the 10 accounts active in 2011-11 would be worth 5.00 USD more over 12 such periods: "
                              "4.0 %."));
}

TEST(RetentionReport, HasNeitherCurveNorSharesWhereSomeAccountsLose) {
  ReportAnswers answers;
  answers.concentration = MessageOf<v1::GetConcentrationResponse>(
      R"({"accounts": 2, "share_note": "profits below zero", "groups": [{"percent": 5, "accounts": 1}]})");
  answers.most_profitable =
      MessageOf<v1::ListProfitabilityResponse>(R"({"purchases": 9, "purchases_without_cost": 7})");
  const std::string page = RetentionReport(answers);
  EXPECT_THAT(page, HasSubstr("No curve and no shares: profits below zero."));
  EXPECT_THAT(page, Not(HasSubstr("Lorenz curve of revenue")));
  EXPECT_THAT(page, HasSubstr("Of 9 purchases 7 purchases carry no cost: their whole revenue counts as profit."));
}

TEST(RetentionReport, SaysWhatWasRefusedInPlaceOfItsChart) {
  ReportAnswers answers;
  client::ClientError error;
  error.message = "too few accounts: 3";
  answers.forecast = error;
  const std::string page = RetentionReport(answers);
  EXPECT_EQ(XmlMistake(page), "");
  EXPECT_THAT(page,
              HasSubstr("<h2>What is to be expected</h2>\n<p class=\"refused\">Not answered: too few accounts: 3</p>"));
  EXPECT_THAT(page, HasSubstr("<h2>Accounts at risk</h2>"));
}

TEST(RetentionReport, StaysOfASizeHoweverManyAccountsAndPeriodsThereAre) {
  ReportAnswers answers;
  v1::GetRetentionResponse retention;
  v1::GetCohortsResponse cohorts;
  v1::GetSurvivalResponse survival;
  v1::ListAtRiskResponse at_risk;
  for (int i = 0; i < 5000; ++i) {
    v1::RetentionPeriod& period = *retention.add_periods();
    period.set_period("p" + std::to_string(i));
    period.set_logo_retention(0.5);
    v1::Cohort& cohort = *cohorts.add_cohorts();
    cohort.set_start("c" + std::to_string(i));
    cohort.set_size(10);
    for (int k = 0; k < 300; ++k) cohort.add_active(5);
    v1::SurvivalPoint& point = *survival.add_points();
    point.set_day(i);
    point.set_survival(1 - i / 6000.0);
    at_risk.add_accounts()->set_account_id("a" + std::to_string(i));
  }
  survival.set_last_day(5000);
  answers.retention = retention;
  answers.cohorts = cohorts;
  answers.second_purchase = survival;
  answers.loss = survival;
  answers.at_risk = at_risk;
  const std::string page = RetentionReport(answers);
  EXPECT_LT(page.size(), 2'000'000u);
  EXPECT_THAT(page, HasSubstr("The last 40 of 5000 periods:"));
  EXPECT_THAT(page, HasSubstr("The last 60 of 5000 cohorts and the first 60 of 300 periods are shown."));
  EXPECT_THAT(page, HasSubstr("p4999"));
  EXPECT_THAT(page, Not(HasSubstr(">p4000<")));
}

TEST(SvgLines, DrawStepsBandsAndTheirLegend) {
  SvgLineChart chart;
  chart.title = "t";
  chart.x_title = "days";
  chart.x_max = 10;
  chart.x_ticks = {{0, "0"}, {10, "10"}};
  chart.y_ticks = {{0, "0 %"}, {1, "100 %"}};
  chart.curves = {{"s", 0, {{0, 1}, {5, 0.5}}, true, false, false, {1, 0.25}, {1, 0.75}}};
  EXPECT_EQ("\n" + Svg(chart), R"(
<svg class="chart" viewBox="0 0 720 300" width="720" role="img" aria-label="t" xmlns="http://www.w3.org/2000/svg">
<line class="grid" x1="56.0" y1="256.0" x2="704.0" y2="256.0"/>
<text class="tick" x="50.0" y="260.0" text-anchor="end">0 %</text>
<line class="grid" x1="56.0" y1="14.0" x2="704.0" y2="14.0"/>
<text class="tick" x="50.0" y="18.0" text-anchor="end">100 %</text>
<line class="axis" x1="56.0" y1="256.0" x2="56.0" y2="260.0"/>
<text class="tick" x="56.0" y="272.0" text-anchor="middle">0</text>
<line class="axis" x1="704.0" y1="256.0" x2="704.0" y2="260.0"/>
<text class="tick" x="704.0" y="272.0" text-anchor="end">10</text>
<line class="axis" x1="56.0" y1="256.0" x2="704.0" y2="256.0"/>
<path class="band c0" d="M56.0 14.0H380.0V74.5L380.0 195.5V14.0H56.0Z"/>
<path class="curve c0" d="M56.0 14.0H380.0V135.0"/>
<path class="curve c0" d="M56.0 288.0h18"/>
<text class="name" x="79.0" y="292.0" text-anchor="start">s</text>
<text class="name" x="704.0" y="292.0" text-anchor="end">days</text>
</svg>
)");
}

TEST(SvgHeatMap, NamesRowAndColumnOfEachCell) {
  HeatMap map;
  map.corner = "c";
  map.columns = {"+0", "+1"};
  map.rows = {{"r", {{"100", 1.0}, {"", std::nullopt}}}};
  EXPECT_EQ("\n" + Svg(map, "t"), R"(
<div class="scroll">
<svg class="grid" viewBox="0 0 80 50" width="80" role="img" aria-label="t" xmlns="http://www.w3.org/2000/svg">
<text class="name" x="0.0" y="15.0" text-anchor="start">c</text>
<text class="tick" x="31.5" y="15.0" text-anchor="middle">+0</text>
<text class="tick" x="61.3" y="15.0" text-anchor="middle">+1</text>
<text class="name" x="0.0" y="37.0" text-anchor="start">r</text>
<rect class="cell" x="16.6" y="22.0" width="27.8" height="20.0" fill-opacity="1.000"><title>r +0: 100</title></rect>
<text class="value on" x="30.5" y="37.0" text-anchor="middle">100</text>
</svg>
</div>
)");
}

TEST(SvgInterval, MarksTheValueBetweenItsBounds) {
  EXPECT_EQ("\n" + Svg(SvgInterval{"t", 50, 25, 100, "50", "25", "100"}), R"(
<svg class="chart" viewBox="0 0 720 62" width="720" role="img" aria-label="t" xmlns="http://www.w3.org/2000/svg">
<line class="axis" x1="56.0" y1="34.0" x2="704.0" y2="34.0"/>
<text class="tick" x="50.0" y="38.0" text-anchor="end">0</text>
<rect class="band c0" x="203.3" y="26.0" width="441.8" height="16"/>
<line class="mark" x1="350.5" y1="23.0" x2="350.5" y2="45.0"/>
<text class="name" x="350.5" y="18.0" text-anchor="middle">50</text>
<text class="tick" x="203.3" y="58.0" text-anchor="end">25</text>
<text class="tick" x="645.1" y="58.0" text-anchor="end">100</text>
</svg>
)");
}

class ReportCommand : public ::testing::Test {
 protected:
  ReportCommand() {
    std::string pattern = (std::filesystem::temp_directory_path() / "kl_report_test.XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    file_ = folder_ / "report.html";
  }
  ~ReportCommand() override { std::filesystem::remove_all(folder_); }

  int Report(std::vector<std::string> more = {}) {
    std::vector<std::string> line = {"--server", server_.address(), "--timeout", "10",
                                     "report",   "retention",       "--html",    file_.string()};
    line.insert(line.end(), more.begin(), more.end());
    std::istringstream in;
    std::ostringstream out;
    std::ostringstream err;
    const int code = cli::Run(line, Environment{in, out, err});
    out_ = out.str();
    err_ = err.str();
    return code;
  }
  std::string Page() const {
    std::ifstream file(file_, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }
  // Names of the files in the folder.
  std::vector<std::string> Files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      names.push_back(entry.path().filename());
    }
    return names;
  }

  FakePopulation server_;
  std::filesystem::path folder_;
  std::filesystem::path file_;
  std::string out_;
  std::string err_;
};

TEST_F(ReportCommand, WritesNoPageOfAFilterThatNobodyMatches) {
  EXPECT_EQ(Report({"--segment", "nope"}), 4);
  EXPECT_EQ(err_, "error: no account matches --segment nope\n");
  EXPECT_EQ(Files(), (std::vector<std::string>{}));
}

TEST_F(ReportCommand, WritesOnePageOfTheScopeAsked) {
  server_.retention.GetRetentionAnswers.Answer(R"({"accounts": 1})");
  EXPECT_EQ(Report({"--region", "CN/31", "--period", "quarter", "--title", "Shanghai", "--inactive-days", "90",
                    "--horizon-days", "180", "--discount", "2"}),
            0)
      << err_;
  EXPECT_EQ(XmlMistake(Page()), "");
  EXPECT_THAT(Page(), HasSubstr("<h1>Shanghai</h1>\n<p class=\"soft\">Periods of one quarter in UTC, gross revenue, "
                                "region CN/31. Made 20"));
  EXPECT_THAT(out_, HasSubstr("report.html: "));
  EXPECT_EQ(Files(), (std::vector<std::string>{"report.html"}));
  const std::string scope =
      "scope { period: PERIOD_QUARTER revenue_basis: REVENUE_BASIS_GROSS accounts { region: \"CN/31\" } }";
  EXPECT_EQ(server_.retention.GetRetentionAnswers.last(), scope + " find_end: true");
  EXPECT_EQ(server_.retention.GetCohortsAnswers.last(), scope);
  const auto survival = server_.retention.GetSurvivalAnswers.asked();
  ASSERT_EQ(survival.size(), 2u);
  EXPECT_EQ(survival[0].ShortDebugString(), scope + " event: SURVIVAL_EVENT_SECOND_PURCHASE");
  EXPECT_EQ(survival[1].ShortDebugString(), scope + " event: SURVIVAL_EVENT_LOSS inactive_days: 90");
  EXPECT_EQ(server_.retention.GetRfmAnswers.last(), scope);
  EXPECT_EQ(server_.portfolio.GetConcentrationAnswers.last(), scope + " curve_points: 200");
  EXPECT_EQ(server_.retention.GetMigrationAnswers.last(), scope + " discount_milli: 20");
  EXPECT_EQ(server_.retention.GetForecastAnswers.last(), "forecast { " + scope + " horizon_days: 180 } page_size: 40");
  EXPECT_EQ(server_.retention.ListAtRiskAnswers.last(), "forecast { " + scope + " horizon_days: 180 } page_size: 40");
  EXPECT_EQ(server_.retention.GetLossEffectAnswers.last(), scope + " discount_milli: 20");
  EXPECT_EQ(server_.portfolio.ListProfitabilityAnswers.last(), scope + " loss_making_only: true page_size: 40");
}

TEST_F(ReportCommand, RefusesToWriteOverAFileWithoutForce) {
  std::ofstream(file_) << "mine";
  EXPECT_EQ(Report(), 2);
  EXPECT_EQ(Page(), "mine");
  EXPECT_THAT(err_, HasSubstr("exists; --force writes over it"));
  EXPECT_EQ(server_.retention.GetRetentionAnswers.asked().size(), 0u);
  EXPECT_EQ(Report({"--force"}), 0);
  EXPECT_THAT(Page(), HasSubstr("<h1>Retention report</h1>"));
}

TEST_F(ReportCommand, TurnsWhatARuleRefusesIntoASentence) {
  server_.retention.GetForecastAnswers.failure =
      client::RichStatus(grpc::StatusCode::FAILED_PRECONDITION, "FORECAST_NOT_POSSIBLE", 0);
  EXPECT_EQ(Report(), 0) << err_;
  EXPECT_THAT(Page(), HasSubstr("<p class=\"refused\">Not answered: refused</p>"));
}

TEST_F(ReportCommand, SaysWhatAnOlderServerDoesNotKnow) {
  server_.retention.GetForecastAnswers.failure = grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "");
  EXPECT_EQ(Report(), 0) << err_;
  EXPECT_THAT(Page(), HasSubstr("<p class=\"refused\">Not answered: this server does not know the question</p>"));
}

TEST_F(ReportCommand, LeavesNothingBehindWhenTheServerFails) {
  server_.portfolio.ListProfitabilityAnswers.failure =
      client::RichStatus(grpc::StatusCode::INVALID_ARGUMENT, "INVALID_FIELD", 0);
  EXPECT_EQ(Report(), 3);
  EXPECT_EQ(Files(), std::vector<std::string>{});
}

TEST_F(ReportCommand, SaysWhereItCannotWrite) {
  file_ = folder_ / "missing" / "report.html";
  EXPECT_EQ(Report(), 8);
  EXPECT_THAT(err_, HasSubstr("cannot make"));
}

}  // namespace
}  // namespace keyledger::cli
