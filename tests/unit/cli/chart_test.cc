// Charts as text, character by character.
#include "client/cli/chart.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace keyledger::cli {
namespace {

constexpr ChartStyle kPlain{false, false, 60};
constexpr ChartStyle kBlocks{true, false, 60};

TEST(Sparkline, DrawsLowestToHighestAndLeavesGaps) {
  const std::vector<std::optional<double>> values = {0.0, 0.5, std::nullopt, 1.0, 0.1};
  EXPECT_EQ(Sparkline(values, kBlocks), "▁▅ █▁");
  EXPECT_EQ(Sparkline(values, kPlain), "_= #_");
  EXPECT_EQ(Sparkline({0.3, 0.3}, kBlocks), "▅▅") << "no range";
  EXPECT_EQ(Sparkline({std::nan(""), 1.0, 2.0}, kBlocks), " ▁█") << "no number";
  EXPECT_EQ(Sparkline({}, kBlocks), "");
}

TEST(Sparkline, ShowsTheLastValuesWhereThereAreMoreThanColumns) {
  std::vector<std::optional<double>> values(100, 0.0);
  values.back() = 1.0;
  const std::string line = Sparkline(values, kPlain);
  EXPECT_EQ(line, std::string(59, '_') + "#");
}

HeatMap Cohorts() {
  HeatMap map;
  map.corner = "cohort";
  map.columns = {"+0", "+1", "+2"};
  map.rows = {{"2025-01", {{"100", 1.0}, {"40", 0.4}, {"0", 0.0}}}, {"2025-02", {{"100", 1.0}, {"", std::nullopt}}}};
  return map;
}

TEST(HeatMap, ShadesItsCells) {
  EXPECT_EQ(Render(Cohorts(), kPlain),
            "cohort     +0    +1    +2\n"
            "2025-01 @ 100 :  40     0\n"
            "2025-02 @ 100\n");
  EXPECT_EQ(Render(Cohorts(), kBlocks),
            "cohort     +0    +1    +2\n"
            "2025-01 █ 100 ▒  40     0\n"
            "2025-02 █ 100\n");
}

TEST(HeatMap, ColoursItsCellsSoThatTheirTextCanBeRead) {
  HeatMap map;
  map.columns = {"a", "b"};
  map.rows = {{"r", {{"1", 1.0}, {"0", 0.0}}}};
  EXPECT_EQ(Render(map, {true, true, 60}),
            "   a  b\n"
            "r \x1b[48;5;17;38;5;231m 1\x1b[0m \x1b[48;5;255;38;5;16m 0\x1b[0m\n");
}

TEST(HeatMap, KeepsWithinTheTerminalAndSaysWhatItLeavesOut) {
  HeatMap map;
  map.corner = "c";
  for (int i = 0; i < 30; ++i) {
    map.columns.push_back("+" + std::to_string(i));
  }
  for (int i = 0; i < 100; ++i) {
    map.rows.push_back({"r" + std::to_string(i), std::vector<HeatMap::Cell>(30, {"99", 0.99})});
  }
  const std::string text = Render(map, {false, false, 40});
  size_t lines = 0;
  for (size_t from = 0; from < text.size();) {
    const size_t to = text.find('\n', from);
    EXPECT_LE(to - from, 40u) << text.substr(from, to - from);
    from = to + 1;
    ++lines;
  }
  EXPECT_EQ(lines, 1u + kHeatMapRowsMax + 2u);
  EXPECT_NE(text.find("\nr40 "), std::string::npos);
  EXPECT_EQ(text.find("\nr39 "), std::string::npos);
  EXPECT_NE(text.find("7 of 30 columns fit the terminal\n"), std::string::npos) << text;
  EXPECT_NE(text.find("the last 60 of 100 rows\n"), std::string::npos);
}

TEST(HeatMap, LetsNoTextSteerTheTerminal) {
  HeatMap map;
  map.corner = "\x1b[2J";
  map.columns = {"\x1b]0;x\x07"};
  map.rows = {{"\x1b[31m", {{"\x1b[0m", 0.0}}}};
  EXPECT_EQ(Render(map, kPlain).find('\x1b'), std::string::npos);
}

TEST(LineChart, DrawsStepsInAscii) {
  LineChart chart;
  chart.x_max = 10;
  chart.x_left = "day 0";
  chart.x_right = "day 10";
  chart.curves = {{{{0, 1}, {5, 0.5}, {10, 0}}, true, false}};
  EXPECT_EQ(Render(chart, {false, false, 40}), R"(100 % |*****************
      |                *
      |                *
      |                *
      |                *
      |                *
 50 % |                ****************
      |                               *
      |                               *
      |                               *
      |                               *
      |                               *
  0 % |                               *
      +--------------------------------
       day 0                     day 10
)");
}

TEST(LineChart, DrawsLinesInBraille) {
  LineChart chart;
  chart.x_left = "0";
  chart.x_right = "1";
  chart.curves = {{{{0, 0}, {1, 1}}, false, false}};
  EXPECT_EQ(Render(chart, {true, false, 40}), R"(100 % │                             ⢀⠤⠊
      │                           ⡠⠔⠁
      │                        ⢀⡠⠊
      │                      ⣀⠔⠁
      │                   ⢀⡠⠊
      │                 ⣀⠔⠁
 50 % │               ⡠⠊
      │            ⢀⠔⠉
      │          ⡠⠊⠁
      │       ⢀⠔⠉
      │     ⡠⠊⠁
      │  ⢀⠔⠊
  0 % │⡠⠒⠁
      └────────────────────────────────
       0                              1
)");
}

TEST(LineChart, TellsADottedCurveApartInAscii) {
  LineChart chart;
  chart.curves = {{{{0, 0}, {0.5, 0}, {1, 1}}, false, false}, {{{0, 0}, {1, 1}}, false, true}};
  const std::string text = Render(chart, kPlain);
  EXPECT_NE(text.find('.'), std::string::npos);
  EXPECT_NE(text.find('*'), std::string::npos);
}

TEST(LineChart, LeavesOutWhatIsNoNumberAndCutsWhatLiesOutside) {
  LineChart chart;
  chart.x_max = 0;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double inf = std::numeric_limits<double>::infinity();
  chart.curves = {{{{nan, 1}, {0, inf}, {-5, 7}, {1e300, -1e300}}, false, false}, {{}, true, true}};
  const std::string text = Render(chart, kPlain);
  EXPECT_EQ(text.substr(0, 8), "100 % |*");
}

}  // namespace
}  // namespace keyledger::cli
