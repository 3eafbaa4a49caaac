// Table: aligned columns for people.
#pragma once

#include <string>
#include <vector>

namespace keyledger::cli {

enum class Align { kLeft, kRight };

struct Column {
  std::string header;
  Align align = Align::kLeft;
};

// Columns as wide as their widest cell by what a terminal shows, two blanks apart, no blanks at the end of a line.
// Control characters in cells are replaced. Threads: thread-compatible.
class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  // A table of two columns without a header: names and values.
  static Table Fields() { return Table({{"", Align::kLeft}, {"", Align::kLeft}}); }

  // Missing cells are empty. Requires: not more cells than columns.
  void Add(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }
  size_t size() const { return rows_.size(); }
  // The lines; the header in bold if `colour`. A table without rows is its header alone.
  std::string Render(bool colour) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace keyledger::cli
