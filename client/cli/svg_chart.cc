// Charts as SVG. See svg_chart.h.
#include "client/cli/svg_chart.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "client/cli/text.h"

namespace keyledger::cli {
namespace {

// Units of the drawing; the page scales it.
constexpr double kWidth = 720;
constexpr double kHeight = 300;
constexpr double kLeft = 56;
constexpr double kRight = 16;
constexpr double kTop = 14;
constexpr double kBottom = 44;
constexpr int kColours = 4;
constexpr double kLetter = 6.6;  // width of a letter, about
constexpr double kDark = 0.75;   // shade from which the colour of the paper is easier to read than that of the ink

// `kind`: "chart", as wide as the page; "grid", as wide as it is.
std::string Open(const char* kind, double width, double height, const std::string& title) {
  return fmt::format(
      "<svg class=\"{0}\" viewBox=\"0 0 {1:.0f} {2:.0f}\" width=\"{1:.0f}\" role=\"img\" aria-label=\"{3}\" "
      "xmlns=\"http://www.w3.org/2000/svg\">\n",
      kind, width, height, EscapeXml(title));
}

std::string Text(double x, double y, const char* anchor, const std::string& text, const char* kind = "tick") {
  return fmt::format("<text class=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">{}</text>\n", kind, x, y, anchor,
                     EscapeXml(text));
}

std::string Rule(double x, double y, double to_x, double to_y, const char* kind) {
  return fmt::format("<line class=\"{}\" x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\"/>\n", kind, x, y, to_x,
                     to_y);
}

// Where a point of the data is drawn.
struct Plane {
  double x_max;
  double y_max;

  double X(double value) const { return kLeft + std::clamp(value / x_max, 0.0, 1.0) * (kWidth - kLeft - kRight); }
  double Y(double value) const {
    return kHeight - kBottom - std::clamp(value / y_max, 0.0, 1.0) * (kHeight - kTop - kBottom);
  }
};

// Places of the points that are drawn.
std::vector<size_t> Chosen(const SvgCurve& curve) {
  std::vector<size_t> good;
  for (size_t i = 0; i < curve.points.size(); ++i) {
    if (std::isfinite(curve.points[i].x) && std::isfinite(curve.points[i].y)) {
      good.push_back(i);
    }
  }
  if (good.size() <= kSvgPointsMax) {
    return good;
  }
  std::vector<size_t> chosen;
  for (size_t k = 0; k < kSvgPointsMax; ++k) {
    chosen.push_back(good[k * (good.size() - 1) / (kSvgPointsMax - 1)]);
  }
  return chosen;
}

// The line through (x of the points, `y`), forwards.
std::string Path(const Plane& plane, const SvgCurve& curve, const std::vector<size_t>& chosen,
                 const std::vector<double>& y) {
  std::string path;
  for (size_t k = 0; k < chosen.size(); ++k) {
    const double x = plane.X(curve.points[chosen[k]].x);
    if (k == 0) {
      path += fmt::format("M{:.1f} {:.1f}", x, plane.Y(y[k]));
    } else if (curve.steps) {
      path += fmt::format("H{:.1f}V{:.1f}", x, plane.Y(y[k]));
    } else {
      path += fmt::format("L{:.1f} {:.1f}", x, plane.Y(y[k]));
    }
  }
  return path;
}

std::string Band(const Plane& plane, const SvgCurve& curve, const std::vector<size_t>& chosen, int colour) {
  std::vector<double> low;
  std::vector<double> high;
  for (const size_t i : chosen) {
    low.push_back(std::isfinite(curve.lower[i]) ? curve.lower[i] : curve.points[i].y);
    high.push_back(std::isfinite(curve.upper[i]) ? curve.upper[i] : curve.points[i].y);
  }
  std::string path = Path(plane, curve, chosen, high);
  for (size_t k = chosen.size(); k-- > 0;) {
    const double x = plane.X(curve.points[chosen[k]].x);
    if (curve.steps && k + 1 < chosen.size()) {
      path += fmt::format("V{:.1f}H{:.1f}", plane.Y(low[k]), x);
    } else {
      path += fmt::format("L{:.1f} {:.1f}", x, plane.Y(low[k]));
    }
  }
  return fmt::format("<path class=\"band c{}\" d=\"{}Z\"/>\n", colour, path);
}

std::string Draw(const Plane& plane, const SvgCurve& curve) {
  const std::vector<size_t> chosen = Chosen(curve);
  if (chosen.empty()) {
    return "";
  }
  const int colour = std::clamp(curve.colour, 0, kColours - 1);
  std::string svg;
  if (curve.lower.size() == curve.points.size() && curve.upper.size() == curve.points.size()) {
    svg += Band(plane, curve, chosen, colour);
  }
  std::vector<double> y;
  for (const size_t i : chosen) {
    y.push_back(curve.points[i].y);
  }
  svg += fmt::format("<path class=\"curve c{}{}\" d=\"{}\"/>\n", colour, curve.dashed ? " dashed" : "",
                     Path(plane, curve, chosen, y));
  if (curve.dots) {
    for (const size_t i : chosen) {
      svg += fmt::format("<circle class=\"dot c{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"2.4\"><title>{}</title></circle>\n",
                         colour, plane.X(curve.points[i].x), plane.Y(curve.points[i].y),
                         EscapeXml(fmt::format("{} {}", curve.name, FormatPercent(curve.points[i].y))));
    }
  }
  return svg;
}

}  // namespace

std::string EscapeXml(std::string_view text) {
  const std::string printable = Printable(text);
  std::string escaped;
  for (size_t at = 0; at < printable.size(); ++at) {
    const std::string_view next = std::string_view(printable).substr(at, 3);
    // U+FFFE and U+FFFF are no characters of XML.
    if (next == "\xef\xbf\xbe" || next == "\xef\xbf\xbf") {
      escaped += '?';
      at += 2;
      continue;
    }
    switch (const char c = printable[at]; c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

std::string Svg(const SvgLineChart& chart) {
  const Plane plane{chart.x_max > 0 ? chart.x_max : 1, chart.y_max > 0 ? chart.y_max : 1};
  std::string svg = Open("chart", kWidth, kHeight, chart.title);
  for (const SvgTick& tick : chart.y_ticks) {
    const double y = plane.Y(tick.at);
    svg += Rule(kLeft, y, kWidth - kRight, y, "grid") + Text(kLeft - 6, y + 4, "end", tick.label);
  }
  for (const SvgTick& tick : chart.x_ticks) {
    const double x = plane.X(tick.at);
    svg += Rule(x, kHeight - kBottom, x, kHeight - kBottom + 4, "axis") +
           Text(x, kHeight - kBottom + 16, x > kWidth - kRight - 30 ? "end" : "middle", tick.label);
  }
  svg += Rule(kLeft, kHeight - kBottom, kWidth - kRight, kHeight - kBottom, "axis");
  for (const SvgCurve& curve : chart.curves) {
    svg += Draw(plane, curve);
  }
  // The legend stands below, on one line with the title of the axis.
  double x = kLeft;
  const double y = kHeight - 8;
  for (const SvgCurve& curve : chart.curves) {
    if (!curve.name.empty()) {
      svg += fmt::format("<path class=\"curve c{}{}\" d=\"M{:.1f} {:.1f}h18\"/>\n",
                         std::clamp(curve.colour, 0, kColours - 1), curve.dashed ? " dashed" : "", x, y - 4);
      svg += Text(x + 23, y, "start", curve.name, "name");
      x += 40 + kLetter * static_cast<double>(DisplayWidth(curve.name));
    }
  }
  svg += Text(kWidth - kRight, y, "end", chart.x_title, "name");
  return svg + "</svg>\n";
}

std::string Svg(const HeatMap& map, const std::string& title) {
  constexpr double kCellHeight = 22;
  const size_t columns = std::min(map.columns.size(), kSvgCellsMax);
  const size_t rows = std::min(map.rows.size(), kSvgCellsMax);
  const size_t first = map.rows.size() - rows;
  size_t label = DisplayWidth(map.corner);
  size_t widest = 1;
  for (size_t k = 0; k < columns; ++k) {
    widest = std::max(widest, DisplayWidth(map.columns[k]));
  }
  for (size_t i = first; i < map.rows.size(); ++i) {
    label = std::max(label, DisplayWidth(map.rows[i].label));
    for (size_t k = 0; k < std::min(columns, map.rows[i].cells.size()); ++k) {
      widest = std::max(widest, DisplayWidth(map.rows[i].cells[k].text));
    }
  }
  const double left = 10 + kLetter * static_cast<double>(std::min<size_t>(label, 40));
  const double cell = 10 + kLetter * static_cast<double>(std::min<size_t>(widest, 24));
  const double height = kCellHeight * static_cast<double>(rows + 1) + 6;
  std::string svg = "<div class=\"scroll\">\n" +
                    Open("grid", left + cell * static_cast<double>(std::max<size_t>(columns, 1)) + 4, height, title);
  svg += Text(0, 15, "start", map.corner, "name");
  for (size_t k = 0; k < columns; ++k) {
    svg += Text(left + cell * (static_cast<double>(k) + 0.5), 15, "middle", map.columns[k]);
  }
  for (size_t i = first; i < map.rows.size(); ++i) {
    const HeatMap::Row& row = map.rows[i];
    const double y = kCellHeight * static_cast<double>(i - first + 1);
    svg += Text(0, y + 15, "start", row.label, "name");
    for (size_t k = 0; k < std::min(columns, row.cells.size()); ++k) {
      const HeatMap::Cell& value = row.cells[k];
      if (!value.shade || !std::isfinite(*value.shade)) {
        continue;
      }
      const double shade = std::clamp(*value.shade, 0.0, 1.0);
      const double x = left + cell * static_cast<double>(k);
      svg += fmt::format(
          "<rect class=\"cell\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill-opacity=\"{:.3f}\">"
          "<title>{}</title></rect>\n",
          x, y, cell - 2, kCellHeight - 2, 0.06 + 0.94 * shade,
          EscapeXml(fmt::format("{} {}: {}", row.label, map.columns[k], value.text)));
      svg += Text(x + (cell - 2) / 2, y + 15, "middle", value.text, shade > kDark ? "value on" : "value");
    }
  }
  return svg + "</svg>\n</div>\n";
}

std::string Svg(const SvgInterval& interval) {
  constexpr double kY = 34;
  const bool good = std::isfinite(interval.value) && std::isfinite(interval.lower) && std::isfinite(interval.upper);
  std::string svg = Open("chart", kWidth, 62, interval.title);
  const double most = std::max({interval.upper * 1.1, interval.value, 1e-9});
  const auto place = [&](double value) {
    return kLeft + std::clamp(value / most, 0.0, 1.0) * (kWidth - kLeft - kRight);
  };
  svg += Rule(kLeft, kY, kWidth - kRight, kY, "axis") + Text(kLeft - 6, kY + 4, "end", "0");
  if (good) {
    svg += fmt::format("<rect class=\"band c0\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"16\"/>\n",
                       place(interval.lower), kY - 8, std::max(1.0, place(interval.upper) - place(interval.lower)));
    svg += Rule(place(interval.value), kY - 11, place(interval.value), kY + 11, "mark");
    svg += Text(place(interval.value), kY - 16, "middle", interval.value_label, "name");
    svg += Text(place(interval.lower), kY + 24, "end", interval.lower_label);
    svg += Text(place(interval.upper), kY + 24, place(interval.upper) > kWidth - 90 ? "end" : "start",
                interval.upper_label);
  }
  return svg + "</svg>\n";
}

}  // namespace keyledger::cli
