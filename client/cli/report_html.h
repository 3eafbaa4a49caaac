// Pieces of a report page: sections, tables, tiles. Text goes in as it is and comes out escaped.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "client/cpp/error.h"

namespace keyledger::cli {

struct HtmlColumn {
  std::string header;
  bool right = false;
};

// Threads: thread-compatible.
class HtmlTable {
 public:
  explicit HtmlTable(std::vector<HtmlColumn> columns) : columns_(std::move(columns)) {}
  // Requires: not more cells than columns.
  void Add(const std::vector<std::string>& cells);
  std::string Render() const;

 private:
  std::vector<HtmlColumn> columns_;
  std::string rows_;
};

// <p>, of a class or none.
std::string HtmlParagraph(const std::string& text, const char* kind = nullptr);

// A section with its heading. `body` is HTML.
std::string HtmlSection(const std::string& heading, const std::string& body);

// What the ledger could not answer, and why.
std::string HtmlRefusal(const client::ClientError& error);

// Figures side by side: name, value, what it means.
struct HtmlTile {
  std::string name;
  std::string value;
  std::string note;
};
std::string HtmlTiles(const std::vector<HtmlTile>& tiles);

// The whole page around `body`, with its style.
std::string HtmlPage(const std::string& title, const std::string& body);

}  // namespace keyledger::cli
