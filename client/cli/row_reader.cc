// Rows of separated fields. See row_reader.h.
#include "client/cli/row_reader.h"

#include <string_view>

#include "server/base/ids.h"

namespace keyledger::cli {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

// Follows whether text ends inside a quoted field. A doubled quote closes and opens again, which changes nothing.
class QuoteScan {
 public:
  explicit QuoteScan(char separator) : separator_(separator) {}
  // Returns true if what was fed so far ends inside quotes.
  bool Feed(std::string_view text) {
    for (const char c : text) {
      if (c == '"' && (quoted_ || start_)) {
        quoted_ = !quoted_;
        start_ = !quoted_;
      } else {
        start_ = !quoted_ && c == separator_;
      }
    }
    return quoted_;
  }

 private:
  const char separator_;
  bool quoted_ = false;
  bool start_ = true;
};

}  // namespace

bool RowReader::Line(std::string& line) {
  line.clear();
  if (!pushed_back_.empty()) {
    line = std::move(pushed_back_.front());
    pushed_back_.pop_front();
    ++line_;
    return true;
  }
  std::streambuf& buffer = *input_.rdbuf();
  using Traits = std::char_traits<char>;
  int c = buffer.sbumpc();
  if (c == Traits::eof()) {
    return false;
  }
  ++line_;
  for (; c != Traits::eof() && c != '\n'; c = buffer.sbumpc()) {
    if (line.size() <= kRowBytesMax) {
      line.push_back(static_cast<char>(c));
    }
  }
  if (!line.empty() && line.back() == '\r') {
    line.pop_back();
  }
  if (line_ == 1 && line.compare(0, kByteOrderMark.size(), kByteOrderMark) == 0) {
    line.erase(0, kByteOrderMark.size());
  }
  return true;
}

bool RowReader::Next(Row& row) {
  row = Row();
  do {
    if (!Line(row.text)) {
      return false;
    }
  } while (row.text.find_first_not_of(" \t") == std::string::npos);
  row.line = line_;
  if (separator_ == Separator::kComma || separator_ == Separator::kSemicolon) {
    JoinQuoted(row, separator_ == Separator::kComma ? ',' : ';');
    if (!row.error.empty()) {
      return true;
    }
  }
  if (row.text.size() > kRowBytesMax) {
    row.text.resize(80);
    row.error = "the row is longer than 1 MiB";
    return true;
  }
  if (!IsUtf8(row.text)) {
    row.error = "the row is not UTF-8; convert the file, for example with iconv";
    return true;
  }
  Split(row);
  return true;
}

void RowReader::JoinQuoted(Row& row, char separator) {
  QuoteScan scan(separator);
  bool open = scan.Feed(row.text);
  std::string joined = row.text;
  std::deque<std::string> lines;
  std::string more;
  while (open && joined.size() <= kRowBytesMax && lines.size() < kRowLinesMax && Line(more)) {
    joined += "\n" + more;
    open = scan.Feed("\n") && scan.Feed(more);
    lines.push_back(more);
  }
  if (open) {
    // A stray quote must not swallow the rows behind it: only the row it stands in is bad.
    row.error = "a quoted field is not closed";
    line_ -= lines.size();
    pushed_back_.insert(pushed_back_.begin(), lines.begin(), lines.end());
    return;
  }
  row.text = std::move(joined);
}

void RowReader::Split(Row& row) {
  switch (separator_) {
    case Separator::kSpace:
      for (size_t at = row.text.find_first_not_of(" \t"); at != std::string::npos;) {
        const size_t end = row.text.find_first_of(" \t", at);
        row.fields.push_back(row.text.substr(at, end == std::string::npos ? end : end - at));
        at = end == std::string::npos ? end : row.text.find_first_not_of(" \t", end);
      }
      return;
    case Separator::kTab:
      for (size_t at = 0;;) {
        const size_t end = row.text.find('\t', at);
        row.fields.push_back(row.text.substr(at, end == std::string::npos ? end : end - at));
        if (end == std::string::npos) {
          return;
        }
        at = end + 1;
      }
    case Separator::kComma:
      SplitQuoted(row, ',');
      return;
    case Separator::kSemicolon:
      SplitQuoted(row, ';');
      return;
  }
}

void RowReader::SplitQuoted(Row& row, char separator) {
  const std::string& text = row.text;
  for (size_t at = 0;;) {
    std::string field;
    if (at < text.size() && text[at] == '"') {
      ++at;
      while (at < text.size() && (text[at] != '"' || (at + 1 < text.size() && text[at + 1] == '"'))) {
        at += text[at] == '"' ? 1 : 0;
        field.push_back(text[at++]);
      }
      ++at;  // the closing quote
      if (at < text.size() && text[at] != separator) {
        row.error = "text follows a quoted field";
        return;
      }
    } else {
      const size_t end = text.find(separator, at);
      field = text.substr(at, end == std::string::npos ? end : end - at);
      at = end == std::string::npos ? text.size() : end;
    }
    row.fields.push_back(std::move(field));
    if (at >= text.size()) {
      return;
    }
    ++at;  // the separator
  }
}

}  // namespace keyledger::cli
