// Charts for a terminal: text that shows at a glance what a table holds.
//
// Drawn with block, shade and braille characters where the terminal shows them and with ASCII otherwise; coloured only
// where the caller says so. Labels are made printable; the size of a chart is bounded by the style, not by the data.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace keyledger::cli {

struct ChartStyle {
  // Characters beyond ASCII may be used.
  bool utf8 = false;
  bool colour = false;
  // Width of the terminal; a chart keeps within it, down to 40 columns.
  int columns = 80;
};

// One character a value, the lowest to the highest; a blank where there is none. With more values than columns the last
// ones are shown.
std::string Sparkline(const std::vector<std::optional<double>>& values, const ChartStyle& style);

// A grid of shaded cells with a label to each row and column.
struct HeatMap {
  struct Cell {
    std::string text;
    // From 0 (light) to 1 (dark); absent: an empty cell.
    std::optional<double> shade;
  };
  struct Row {
    std::string label;
    std::vector<Cell> cells;
  };
  // Above the labels of the rows.
  std::string corner;
  std::vector<std::string> columns;
  std::vector<Row> rows;
};

// At most so many rows are drawn: the last ones. Columns that do not fit are left out from the right.
inline constexpr size_t kHeatMapRowsMax = 60;

// The lines, and a line that says what was left out. With colour a cell's background is its shade; without, a shade
// character stands before its text.
std::string Render(const HeatMap& map, const ChartStyle& style);

struct ChartPoint {
  double x = 0;
  double y = 0;
};

struct Curve {
  // In order of x. Points that are no numbers are left out.
  std::vector<ChartPoint> points;
  // Level to the next point, then up or down; otherwise straight from point to point.
  bool steps = false;
  bool dotted = false;
};

// Curves over a rectangle from (0, 0) to (x_max, 1), with y in percent.
struct LineChart {
  // More than zero.
  double x_max = 1;
  // What stands below the left and the right end.
  std::string x_left;
  std::string x_right;
  std::vector<Curve> curves;
};

// Thirteen lines with the axes, and the line below.
std::string Render(const LineChart& chart, const ChartStyle& style);

}  // namespace keyledger::cli
