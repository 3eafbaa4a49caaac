// Charts as text. See chart.h.
#include "client/cli/chart.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include <fmt/format.h>

#include "client/cli/text.h"

namespace keyledger::cli {
namespace {

constexpr int kColumnsMin = 40;
constexpr int kColumnsMax = 200;
constexpr int kPlotHeight = 13;
constexpr int kPlotWidthMax = 100;

int ColumnsOf(const ChartStyle& style) { return std::clamp(style.columns, kColumnsMin, kColumnsMax); }

// Which of `count` steps a value from 0 to 1 is on.
size_t StepOf(double value, size_t count) {
  const double place = std::clamp(value, 0.0, 1.0) * static_cast<double>(count);
  return std::min(static_cast<size_t>(place), count - 1);
}

std::string Padded(const std::string& text, size_t width, bool right) {
  const size_t taken = DisplayWidth(text);
  const std::string pad(width > taken ? width - taken : 0, ' ');
  return right ? pad + text : text + pad;
}

// A background of the 256 colours and a foreground that can be read on it.
std::string Coloured(const std::string& text, double shade) {
  constexpr std::array<int, 8> kBackgrounds = {255, 195, 152, 116, 74, 31, 24, 17};
  const size_t step = StepOf(shade, kBackgrounds.size());
  return fmt::format("\x1b[48;5;{};38;5;{}m{}\x1b[0m", kBackgrounds[step], step >= 5 ? 231 : 16, text);
}

std::string ShadeOf(double shade, const ChartStyle& style) {
  constexpr std::array<const char*, 5> kBlocks = {" ", "░", "▒", "▓", "█"};
  constexpr std::array<const char*, 5> kAscii = {" ", ".", ":", "#", "@"};
  const size_t step = StepOf(shade, kBlocks.size());
  return style.utf8 ? kBlocks[step] : kAscii[step];
}

// Dots in a rectangle of characters. Threads: thread-compatible.
class Canvas {
 public:
  Canvas(int columns, int rows, bool utf8)
      : columns_(columns), rows_(rows), utf8_(utf8), cells_(static_cast<size_t>(columns * rows), 0) {}

  // Dots across and down. A braille character holds two by four of them.
  int width() const { return utf8_ ? columns_ * 2 : columns_; }
  int height() const { return utf8_ ? rows_ * 4 : rows_; }

  // From the upper left corner; what lies outside is cut off. In ASCII dots of a dotted line are points.
  void Set(int x, int y, bool dotted = false) {
    if (x < 0 || y < 0 || x >= width() || y >= height()) {
      return;
    }
    constexpr std::array<std::array<uint8_t, 2>, 4> kBits = {{{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}}};
    const int column = utf8_ ? x / 2 : x;
    const int row = utf8_ ? y / 4 : y;
    cells_[static_cast<size_t>(row * columns_ + column)] |=
        utf8_    ? kBits[static_cast<size_t>(y % 4)][static_cast<size_t>(x % 2)]
        : dotted ? kPoint
                 : kStar;
  }

  // Bresenham's line.
  void Line(int x, int y, int to_x, int to_y, bool dotted) {
    const int run = std::abs(to_x - x);
    const int rise = std::abs(to_y - y);
    int error = run - rise;
    for (int n = 0; n <= run + rise + 1; ++n) {
      if (!dotted || n % 4 == 0) {
        Set(x, y, dotted);
      }
      if (x == to_x && y == to_y) {
        return;
      }
      const int twice = 2 * error;
      if (twice > -rise) {
        error -= rise;
        x += x < to_x ? 1 : -1;
      }
      if (twice < run) {
        error += run;
        y += y < to_y ? 1 : -1;
      }
    }
  }

  std::string Row(int row) const {
    std::string text;
    for (int column = 0; column < columns_; ++column) {
      const uint8_t bits = cells_[static_cast<size_t>(row * columns_ + column)];
      if (bits == 0) {
        text += ' ';
      } else if (!utf8_) {
        text += (bits & kStar) != 0 ? '*' : '.';
      } else {
        // U+2800 and the bits, in UTF-8.
        text += '\xe2';
        text += static_cast<char>(0xa0 | (bits >> 6));
        text += static_cast<char>(0x80 | (bits & 0x3f));
      }
    }
    text.erase(text.find_last_not_of(' ') + 1);
    return text;
  }

 private:
  static constexpr uint8_t kStar = 1;
  static constexpr uint8_t kPoint = 2;

  const int columns_;
  const int rows_;
  const bool utf8_;
  std::vector<uint8_t> cells_;
};

void Draw(Canvas& canvas, const Curve& curve, double x_max) {
  const auto place = [](double share, int dots) {
    return static_cast<int>(std::lround(std::clamp(share, 0.0, 1.0) * (dots - 1)));
  };
  std::optional<std::pair<int, int>> last;
  for (const ChartPoint& point : curve.points) {
    if (!std::isfinite(point.x) || !std::isfinite(point.y)) {
      continue;
    }
    const int x = place(point.x / x_max, canvas.width());
    const int y = canvas.height() - 1 - place(point.y, canvas.height());
    if (!last) {
      canvas.Set(x, y);
    } else if (curve.steps) {
      canvas.Line(last->first, last->second, x, last->second, curve.dotted);
      canvas.Line(x, last->second, x, y, curve.dotted);
    } else {
      canvas.Line(last->first, last->second, x, y, curve.dotted);
    }
    last = {x, y};
  }
}

}  // namespace

std::string Sparkline(const std::vector<std::optional<double>>& values, const ChartStyle& style) {
  constexpr std::array<const char*, 8> kBlocks = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  constexpr std::array<const char*, 8> kAscii = {"_", ".", "-", "~", "=", "+", "*", "#"};
  const size_t shown = std::min(values.size(), static_cast<size_t>(ColumnsOf(style)));
  const auto first = values.end() - static_cast<std::ptrdiff_t>(shown);
  std::optional<double> low;
  std::optional<double> high;
  for (auto at = first; at != values.end(); ++at) {
    if (*at && std::isfinite(**at)) {
      low = low ? std::min(*low, **at) : **at;
      high = high ? std::max(*high, **at) : **at;
    }
  }
  std::string text;
  for (auto at = first; at != values.end(); ++at) {
    if (!*at || !std::isfinite(**at)) {
      text += ' ';
      continue;
    }
    const size_t step = *high > *low ? StepOf((**at - *low) / (*high - *low), kBlocks.size()) : kBlocks.size() / 2;
    text += style.utf8 ? kBlocks[step] : kAscii[step];
  }
  return text;
}

std::string Render(const HeatMap& map, const ChartStyle& style) {
  const size_t rows_shown = std::min(map.rows.size(), kHeatMapRowsMax);
  const size_t first_row = map.rows.size() - rows_shown;
  size_t label_width = DisplayWidth(Printable(map.corner));
  size_t cell_width = 0;
  for (const std::string& column : map.columns) {
    cell_width = std::max(cell_width, DisplayWidth(Printable(column)));
  }
  for (size_t i = first_row; i < map.rows.size(); ++i) {
    label_width = std::max(label_width, DisplayWidth(Printable(map.rows[i].label)));
    for (const HeatMap::Cell& cell : map.rows[i].cells) {
      // With the shade character before it, apart, so that it is not taken for a part of a number.
      cell_width = std::max(cell_width, DisplayWidth(Printable(cell.text)) + (style.colour ? 1 : 2));
    }
  }
  label_width = std::min(label_width, static_cast<size_t>(ColumnsOf(style)) / 2);
  cell_width = std::max<size_t>(cell_width, 1);
  const size_t room = static_cast<size_t>(ColumnsOf(style)) - label_width;
  const size_t columns_shown = std::min(map.columns.size(), std::max<size_t>(1, room / (cell_width + 1)));

  std::string text = Padded(Printable(map.corner), label_width, false);
  for (size_t i = 0; i < columns_shown; ++i) {
    text += " " + Padded(Printable(map.columns[i]), cell_width, true);
  }
  text += "\n";
  for (size_t i = first_row; i < map.rows.size(); ++i) {
    const HeatMap::Row& row = map.rows[i];
    std::string line = Padded(Printable(row.label), label_width, false);
    for (size_t k = 0; k < std::min(columns_shown, row.cells.size()); ++k) {
      const HeatMap::Cell& cell = row.cells[k];
      const std::string content = Padded(Printable(cell.text), cell_width - (style.colour ? 0 : 1), true);
      line += " ";
      if (!cell.shade || !std::isfinite(*cell.shade)) {
        line += std::string(cell_width, ' ');
      } else {
        line += style.colour ? Coloured(content, *cell.shade) : ShadeOf(*cell.shade, style) + content;
      }
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  if (columns_shown < map.columns.size()) {
    text += fmt::format("{} of {} columns fit the terminal\n", columns_shown, map.columns.size());
  }
  if (rows_shown < map.rows.size()) {
    text += fmt::format("the last {} of {} rows\n", rows_shown, map.rows.size());
  }
  return text;
}

std::string Render(const LineChart& chart, const ChartStyle& style) {
  constexpr int kAxisWidth = 7;
  const int columns = std::min(ColumnsOf(style) - kAxisWidth - 1, kPlotWidthMax);
  Canvas canvas(columns, kPlotHeight, style.utf8);
  for (const Curve& curve : chart.curves) {
    Draw(canvas, curve, chart.x_max > 0 ? chart.x_max : 1);
  }
  std::string text;
  for (int row = 0; row < kPlotHeight; ++row) {
    const std::string label = row == 0                 ? "100 %"
                              : row == kPlotHeight / 2 ? "50 %"
                              : row == kPlotHeight - 1 ? "0 %"
                                                       : "";
    std::string line = Padded(label, kAxisWidth - 2, true) + (style.utf8 ? " │" : " |") + canvas.Row(row);
    text += line + "\n";
  }
  const std::string left = Printable(chart.x_left);
  const std::string right = Printable(chart.x_right);
  text += std::string(kAxisWidth - 1, ' ') + (style.utf8 ? "└" : "+");
  for (int i = 0; i < columns; ++i) {
    text += style.utf8 ? "─" : "-";
  }
  const size_t taken = DisplayWidth(left);
  text += "\n" + std::string(kAxisWidth, ' ') + left +
          Padded(right, static_cast<size_t>(columns) > taken ? static_cast<size_t>(columns) - taken : 0, true) + "\n";
  return text;
}

}  // namespace keyledger::cli
