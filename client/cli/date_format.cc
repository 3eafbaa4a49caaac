// Pattern-driven date reader. See date_format.h.
#include "client/cli/date_format.h"

#include <array>

#include <fmt/format.h>

namespace keyledger::cli {
namespace {

struct Fields {
  int64_t year = 0;
  int month = 1;
  int day = 1;
  int hour = 0;
  int minute = 0;
  int second = 0;
  int64_t micros = 0;
  bool twelve_hours = false;
  bool afternoon = false;
};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

std::optional<int> Number(std::string_view& text, size_t digits_min, size_t digits_max) {
  size_t n = 0;
  int value = 0;
  while (n < digits_max && n < text.size() && IsDigit(text[n])) {
    value = value * 10 + (text[n] - '0');
    ++n;
  }
  if (n < digits_min) {
    return std::nullopt;
  }
  text.remove_prefix(n);
  return value;
}

bool Fraction(std::string_view& text, int64_t& micros) {
  int64_t scale = 100'000;
  size_t n = 0;
  micros = 0;
  for (; n < text.size() && IsDigit(text[n]); ++n) {
    micros += scale * (text[n] - '0');
    scale /= 10;
  }
  text.remove_prefix(n);
  return n > 0;
}

bool Month(std::string_view& text, int& month) {
  static constexpr std::array<std::string_view, 12> kNames = {"january",   "february", "march",    "april",
                                                              "may",       "june",     "july",     "august",
                                                              "september", "october",  "november", "december"};
  for (size_t i = 0; i < kNames.size(); ++i) {
    for (const size_t length : {kNames[i].size(), size_t{3}}) {
      bool same = text.size() >= length;
      for (size_t c = 0; same && c < length; ++c) {
        same = Lower(text[c]) == kNames[i][c];
      }
      if (same) {
        text.remove_prefix(length);
        month = static_cast<int>(i) + 1;
        return true;
      }
    }
  }
  return false;
}

bool Half(std::string_view& text, Fields& fields) {
  if (text.size() < 2 || (Lower(text[0]) != 'a' && Lower(text[0]) != 'p') || Lower(text[1]) != 'm') {
    return false;
  }
  fields.twelve_hours = true;
  fields.afternoon = Lower(text[0]) == 'p';
  text.remove_prefix(2);
  return true;
}

bool Set(std::optional<int> value, int& field) {
  field = value.value_or(0);
  return value.has_value();
}

// Reads one directive. `digits_min` is 2 where another digit may follow at once.
bool Directive(char letter, size_t digits_min, std::string_view& text, Fields& fields) {
  switch (letter) {
    case 'Y': {
      const std::optional<int> year = Number(text, 4, 4);
      fields.year = year.value_or(0);
      return year.has_value();
    }
    case 'y': {
      const std::optional<int> year = Number(text, 2, 2);
      fields.year = year.value_or(0) + (year.value_or(0) >= 69 ? 1900 : 2000);
      return year.has_value();
    }
    case 'm':
      return Set(Number(text, digits_min, 2), fields.month);
    case 'e':
    case 'd':
      while (letter == 'e' && !text.empty() && text[0] == ' ') {
        text.remove_prefix(1);
      }
      return Set(Number(text, letter == 'e' ? 1 : digits_min, 2), fields.day);
    case 'I':
    case 'H':
      return Set(Number(text, digits_min, 2), fields.hour);
    case 'M':
      return Set(Number(text, digits_min, 2), fields.minute);
    case 'S':
      return Set(Number(text, digits_min, 2), fields.second);
    case 'f':
      return Fraction(text, fields.micros);
    case 'p':
      return Half(text, fields);
    case 'b':
      return Month(text, fields.month);
    default:
      return false;
  }
}

bool Adjust(Fields& fields) {
  if (!fields.twelve_hours) {
    return true;
  }
  if (fields.hour < 1 || fields.hour > 12) {
    return false;
  }
  fields.hour = fields.hour % 12 + (fields.afternoon ? 12 : 0);
  return true;
}

}  // namespace

std::optional<DateFormat> DateFormat::Make(std::string_view pattern, const std::string& time_zone, std::string& error) {
  std::string plain;
  bool year = false;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '%') {
      plain.push_back(pattern[i]);
      continue;
    }
    const char letter = i + 1 < pattern.size() ? pattern[i + 1] : '\0';
    ++i;
    if (letter == 'F') {
      plain += "%Y-%m-%d";
    } else if (letter == 'D') {
      plain += "%m/%d/%y";
    } else if (letter == 'T') {
      plain += "%H:%M:%S";
    } else if (letter != '\0' && std::string_view("YymdeHIMSfpb%").find(letter) != std::string_view::npos) {
      plain += {'%', letter};
    } else {
      error =
          fmt::format("the date format '{}' has an unknown directive '%{}'", pattern, letter == '\0' ? ' ' : letter);
      return std::nullopt;
    }
    year = year || letter == 'Y' || letter == 'y' || letter == 'F' || letter == 'D';
  }
  if (!year) {
    error = fmt::format("the date format '{}' has no year (%Y or %y)", pattern);
    return std::nullopt;
  }
  absl::TimeZone zone;
  if (!absl::LoadTimeZone(time_zone, &zone)) {
    error = fmt::format("the time zone '{}' is unknown; give an IANA name, for example Europe/Berlin", time_zone);
    return std::nullopt;
  }
  return DateFormat(std::move(plain), zone);
}

std::optional<int64_t> DateFormat::Parse(std::string_view text) const {
  Fields fields;
  for (size_t i = 0; i < pattern_.size(); ++i) {
    const char c = pattern_[i];
    if (c == ' ') {
      while (!text.empty() && text[0] == ' ') {
        text.remove_prefix(1);
      }
    } else if (c != '%' || pattern_[i + 1] == '%') {
      if (text.empty() || text[0] != c) {
        return std::nullopt;
      }
      text.remove_prefix(1);
      i += c == '%' ? 1 : 0;
    } else {
      const char letter = pattern_[++i];
      // Two directives side by side leave no other way to tell where one ends.
      const bool joined = i + 1 < pattern_.size() && pattern_[i + 1] == '%';
      const bool joined_before = i >= 3 && pattern_[i - 3] == '%';
      if (!Directive(letter, joined || joined_before ? 2 : 1, text, fields)) {
        return std::nullopt;
      }
    }
  }
  if (!text.empty() || !Adjust(fields) || fields.hour > 23 || fields.minute > 59 || fields.second > 59) {
    return std::nullopt;
  }
  const absl::CivilSecond civil(fields.year, fields.month, fields.day, fields.hour, fields.minute, fields.second);
  // CivilSecond normalizes 30 February to 1 or 2 March.
  if (civil.month() != fields.month || civil.day() != fields.day) {
    return std::nullopt;
  }
  return absl::ToUnixMicros(zone_.At(civil).pre) + fields.micros;
}

}  // namespace keyledger::cli
