// Charts as SVG, for one page that carries everything it shows.
//
// Written here because no library of the distribution draws SVG charts from C++ within the process: they call a
// program, or make pages that load scripts from elsewhere. Kept small: lines, a heat map and an interval, which take
// their colours from the style of the page (classes, with --accent and the like as CSS variables), so that a chart is
// readable in light, in dark and on paper.
//
// Every text that goes in is escaped here; every number that is none is left out. The result is well-formed XML.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "client/cli/chart.h"

namespace keyledger::cli {

// The text as XML and HTML take it, within elements and within attributes in double quotes. Control characters and
// bytes that are no UTF-8 become "?".
std::string EscapeXml(std::string_view text);

struct SvgTick {
  double at = 0;
  std::string label;
};

struct SvgCurve {
  // In the legend.
  std::string name;
  // Picks the colour, 0 to 3.
  int colour = 0;
  std::vector<ChartPoint> points;
  bool steps = false;
  bool dashed = false;
  // Marks each point, with its name as a tooltip.
  bool dots = false;
  // If not empty: bounds around the curve, one for each point, as y of each; drawn as a band.
  std::vector<double> lower;
  std::vector<double> upper;
};

struct SvgLineChart {
  // Says what is to be seen, for those who cannot see it.
  std::string title;
  std::string x_title;
  // More than zero; what lies beyond is drawn at the edge.
  double x_max = 1;
  double y_max = 1;
  std::vector<SvgTick> x_ticks;
  std::vector<SvgTick> y_ticks;
  std::vector<SvgCurve> curves;
};

// Points of a curve that are drawn at most: evenly chosen, the first and the last among them.
inline constexpr size_t kSvgPointsMax = 500;

std::string Svg(const SvgLineChart& chart);

// Rows and columns that are drawn at most: the last rows, the first columns.
inline constexpr size_t kSvgCellsMax = 60;

// `title` as above; each cell has its text, and as a tooltip its row and column as well. In an element of class
// "scroll".
std::string Svg(const HeatMap& map, const std::string& title);

// A value with its bounds on a line from zero.
struct SvgInterval {
  std::string title;
  double value = 0;
  double lower = 0;
  double upper = 0;
  std::string value_label;
  std::string lower_label;
  std::string upper_label;
};

std::string Svg(const SvgInterval& interval);

}  // namespace keyledger::cli
