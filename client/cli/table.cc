// Aligned columns. See table.h.
#include "client/cli/table.h"

#include <algorithm>

#include "client/cli/text.h"

namespace keyledger::cli {
namespace {

std::string Line(const std::vector<Column>& columns, const std::vector<size_t>& widths,
                 const std::vector<std::string>& cells) {
  std::string line;
  for (size_t i = 0; i < columns.size(); ++i) {
    const std::string pad(widths[i] - DisplayWidth(cells[i]), ' ');
    line += i == 0 ? "" : "  ";
    line += columns[i].align == Align::kRight ? pad + cells[i] : cells[i] + pad;
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

}  // namespace

void Table::Add(std::vector<std::string> cells) {
  cells.resize(columns_.size());
  for (std::string& cell : cells) {
    cell = Printable(cell);
  }
  rows_.push_back(std::move(cells));
}

std::string Table::Render(bool colour) const {
  std::vector<size_t> widths;
  std::vector<std::string> headers;
  bool header = false;
  for (const Column& column : columns_) {
    widths.push_back(DisplayWidth(column.header));
    headers.push_back(column.header);
    header = header || !column.header.empty();
  }
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], DisplayWidth(row[i]));
    }
  }
  std::string text;
  if (header) {
    const std::string line = Line(columns_, widths, headers);
    text += colour ? "\x1b[1m" + line + "\x1b[0m\n" : line + "\n";
  }
  for (const auto& row : rows_) {
    text += Line(columns_, widths, row) + "\n";
  }
  return text;
}

}  // namespace keyledger::cli
