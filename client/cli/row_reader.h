// RowReader: splits a text file into rows of fields, one row at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <istream>
#include <string>
#include <vector>

namespace keyledger::cli {

enum class Separator {
  kSpace,  // runs of blanks and tabs; blanks at the ends do not count
  kComma,  // RFC 4180: fields may stand in double quotes, "" inside them is one quote, and may hold separators and line
           // ends
  kTab,    // no quoting
  kSemicolon,  // as kComma
};

// One row.
struct Row {
  // Number of the line the row starts on, from 1.
  uint64_t line = 0;
  // The row as it stands in the file, without its line end.
  std::string text;
  std::vector<std::string> fields;
  // Why it cannot be split; empty if it can.
  std::string error;
};

// Reads LF and CRLF files, with or without a line end at the end; skips empty lines and a UTF-8 byte order mark. Memory
// is bounded: a row beyond kRowBytesMax is an error row, and what is left of it is skipped.
//
// Threads: thread-compatible.
class RowReader {
 public:
  static constexpr size_t kRowBytesMax = 1024 * 1024;
  // Lines that one row with quoted line ends may have.
  static constexpr size_t kRowLinesMax = 1000;

  // Lifetime: `input` outlives the reader.
  RowReader(std::istream& input, Separator separator) : input_(input), separator_(separator) {}

  // Reads the next row; false at the end.
  bool Next(Row& row);

 private:
  // Reads a line without its end; false at the end of the file.
  bool Line(std::string& line);
  // Takes in the lines that a quoted field of the row runs over.
  void JoinQuoted(Row& row, char separator);
  void Split(Row& row);
  void SplitQuoted(Row& row, char separator);

  std::istream& input_;
  const Separator separator_;
  uint64_t line_ = 0;
  std::deque<std::string> pushed_back_;
};

}  // namespace keyledger::cli
