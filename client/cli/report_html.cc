// Pieces of a report page. See report_html.h.
#include "client/cli/report_html.h"

#include <fmt/format.h>

#include "client/cli/svg_chart.h"

namespace keyledger::cli {
namespace {

// Colours are variables, so that charts and tables follow the reader's scheme; on paper everything is dark on white.
constexpr const char* kStyle = R"(
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1b1f24; --soft: #57606a; --line: #d8dee4; --card: #f6f8fa;
  --c0: #0b66c2; --c1: #b3440c; --c2: #1a7f4b; --c3: #7a4bb5; --on: #ffffff; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #10151b; --ink: #e4e9ee; --soft: #98a3ae; --line: #303a44; --card: #18202a;
    --c0: #5aa7f5; --c1: #f0925c; --c2: #55c58a; --c3: #b695ec; --on: #0b1118; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 62rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", "Noto Sans", sans-serif; font-variant-numeric: tabular-nums; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .3rem; }
h2 { font-size: 1.25rem; margin: 0 0 .6rem; }
section { margin: 2.6rem 0 0; padding: 1.4rem 0 0; border-top: 1px solid var(--line); }
p { margin: .5rem 0; max-width: 52rem; }
.soft, .means { color: var(--soft); font-size: .9rem; }
.refused { border-left: 4px solid var(--c1); background: var(--card); padding: .6rem .9rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); gap: .8rem; margin: 1.4rem 0 0; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .7rem .9rem; }
.tile b { display: block; font-size: 1.45rem; line-height: 1.3; overflow-wrap: anywhere; }
.tile span { display: block; font-size: .85rem; }
.tile i { display: block; font-style: normal; font-size: .78rem; color: var(--soft); }
.scroll { overflow-x: auto; margin: .8rem 0; }
table { border-collapse: collapse; font-size: .86rem; min-width: 60%; }
th, td { padding: .28rem .8rem .28rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line);
  unicode-bidi: isolate; overflow-wrap: anywhere; }
th { font-weight: 600; white-space: nowrap; }
th.right, td.right { text-align: right; white-space: nowrap; }
svg { display: block; height: auto; margin: .4rem 0; }
svg.chart { width: 100%; max-width: 60rem; }
svg text { font-family: inherit; fill: var(--ink); }
text.tick { font-size: 11px; fill: var(--soft); }
text.name { font-size: 12px; }
text.value { font-size: 11px; }
text.on { fill: var(--on); }
line.grid { stroke: var(--line); }
line.axis { stroke: var(--soft); }
line.mark { stroke: var(--ink); stroke-width: 3; }
rect.cell { fill: var(--c0); }
path.curve { fill: none; stroke-width: 2; }
path.dashed { stroke-dasharray: 5 4; }
path.band, rect.band { stroke: none; opacity: .18; }
path.curve.c0 { stroke: var(--c0); } path.curve.c1 { stroke: var(--c1); }
path.curve.c2 { stroke: var(--c2); } path.curve.c3 { stroke: var(--c3); }
.band.c0, .dot.c0 { fill: var(--c0); } .band.c1, .dot.c1 { fill: var(--c1); }
.band.c2, .dot.c2 { fill: var(--c2); } .band.c3, .dot.c3 { fill: var(--c3); }
@media print {
  :root { --paper: #ffffff; --ink: #000000; --soft: #444444; --line: #bbbbbb; --card: #ffffff;
    --c0: #0b66c2; --c1: #b3440c; --c2: #1a7f4b; --c3: #7a4bb5; --on: #ffffff; }
  body { max-width: none; padding: 0; font-size: 10pt; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  .scroll { overflow: visible; }
  svg { max-width: 100%; }
  h2, svg, tr, .tile { break-inside: avoid; }
  h2 { break-after: avoid; } }
)";

}  // namespace

void HtmlTable::Add(const std::vector<std::string>& cells) {
  rows_ += "<tr>";
  for (size_t i = 0; i < columns_.size(); ++i) {
    rows_ += fmt::format("<td{}>{}</td>", columns_[i].right ? " class=\"right\"" : "",
                         i < cells.size() ? EscapeXml(cells[i]) : "");
  }
  rows_ += "</tr>\n";
}

std::string HtmlTable::Render() const {
  std::string header;
  for (const HtmlColumn& column : columns_) {
    header += fmt::format("<th{}>{}</th>", column.right ? " class=\"right\"" : "", EscapeXml(column.header));
  }
  return fmt::format("<div class=\"scroll\"><table>\n<thead><tr>{}</tr></thead>\n<tbody>\n{}</tbody>\n</table></div>\n",
                     header, rows_);
}

std::string HtmlParagraph(const std::string& text, const char* kind) {
  return fmt::format("<p{}>{}</p>\n", kind == nullptr ? "" : fmt::format(" class=\"{}\"", kind), EscapeXml(text));
}

std::string HtmlSection(const std::string& heading, const std::string& body) {
  return fmt::format("<section>\n<h2>{}</h2>\n{}</section>\n", EscapeXml(heading), body);
}

std::string HtmlRefusal(const client::ClientError& error) {
  const std::string why = error.code == grpc::StatusCode::UNIMPLEMENTED ? "this server does not know the question"
                          : error.message.empty()                       ? "the ledger gave no reason"
                                                                        : error.message;
  return HtmlParagraph("Not answered: " + why, "refused");
}

std::string HtmlTiles(const std::vector<HtmlTile>& tiles) {
  std::string html = "<div class=\"tiles\">\n";
  for (const HtmlTile& tile : tiles) {
    html += fmt::format("<div class=\"tile\"><span>{}</span><b>{}</b><i>{}</i></div>\n", EscapeXml(tile.name),
                        EscapeXml(tile.value), EscapeXml(tile.note));
  }
  return html + "</div>\n";
}

std::string HtmlPage(const std::string& title, const std::string& body) {
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
      // Nothing is fetched and nothing runs, whatever text the ledger holds.
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"/>\n"
      "<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n{}</body>\n</html>\n",
      EscapeXml(title), kStyle, body);
}

}  // namespace keyledger::cli
