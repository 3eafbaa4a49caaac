// Exact numbers, times and display widths. See text.h.
#include "client/cli/text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include <absl/time/clock.h>
#include <absl/time/time.h>
#include <fmt/format.h>

namespace keyledger::cli {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

std::string Grouped(unsigned __int128 value) {
  std::string reversed;
  int digits = 0;
  do {
    if (digits > 0 && digits % 3 == 0) {
      reversed.push_back(',');
    }
    reversed.push_back(static_cast<char>('0' + static_cast<int>(value % 10)));
    value /= 10;
    ++digits;
  } while (value > 0);
  std::reverse(reversed.begin(), reversed.end());
  return reversed;
}

unsigned __int128 Magnitude(__int128 value) {
  return value < 0 ? ~static_cast<unsigned __int128>(value) + 1 : static_cast<unsigned __int128>(value);
}

// Decodes one character; malformed bytes come out one by one as U+FFFD.
char32_t NextCharacter(std::string_view text, size_t& at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  size_t length = 1;
  char32_t value = 0xfffd;
  if (first < 0x80) {
    value = first;
  } else if (first >= 0xc2 && first < 0xe0) {
    length = 2;
    value = first & 0x1fU;
  } else if (first >= 0xe0 && first < 0xf0) {
    length = 3;
    value = first & 0x0fU;
  } else if (first >= 0xf0 && first < 0xf5) {
    length = 4;
    value = first & 0x07U;
  }
  if (at + length > text.size()) {
    ++at;
    return 0xfffd;
  }
  for (size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xc0U) != 0x80) {
      ++at;
      return 0xfffd;
    }
    value = (value << 6) | (byte(at + i) & 0x3fU);
  }
  at += length;
  return value;
}

struct Range {
  char32_t first;
  char32_t last;
};

constexpr std::array<Range, 5> kZeroWidth = {
    {{0x300, 0x36f}, {0x200b, 0x200f}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}}};
constexpr std::array<Range, 10> kDoubleWidth = {{{0x1100, 0x115f},
                                                 {0x2e80, 0x303e},
                                                 {0x3041, 0xa4cf},
                                                 {0xac00, 0xd7a3},
                                                 {0xf900, 0xfaff},
                                                 {0xfe30, 0xfe6f},
                                                 {0xff00, 0xff60},
                                                 {0xffe0, 0xffe6},
                                                 {0x1f300, 0x1f9ff},
                                                 {0x20000, 0x3fffd}}};

template <size_t N>
bool In(const std::array<Range, N>& ranges, char32_t c) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [c](const Range& range) { return c >= range.first && c <= range.last; });
}

bool IsControl(char32_t c) { return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029; }

}  // namespace

std::optional<int64_t> ParseMicros(std::string_view text, int64_t unit_micros) {
  bool negative = false;
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    negative = text[0] == '-';
    text.remove_prefix(1);
  }
  __int128 value = 0;
  int64_t scale = unit_micros;  // micros that the next digit after the point is worth, times ten
  bool digits = false;
  bool point = false;
  for (const char c : text) {
    if (c == '.' && !point) {
      point = true;
      continue;
    }
    if (!IsDigit(c)) {
      return std::nullopt;
    }
    digits = true;
    if (!point) {
      value = value * 10 + static_cast<__int128>(c - '0') * unit_micros;
    } else if (scale >= 10) {
      scale /= 10;
      value += static_cast<__int128>(c - '0') * scale;
    } else if (c != '0') {
      return std::nullopt;
    }
    if (value > kMoneyMicrosMax) {
      return std::nullopt;
    }
  }
  if (!digits) {
    return std::nullopt;
  }
  return static_cast<int64_t>(negative ? -value : value);
}

std::optional<int64_t> ParseInteger(std::string_view text) {
  const std::optional<int64_t> value = ParseMicros(text, 1);
  return value;
}

std::string FormatCount(__int128 value) { return (value < 0 ? "-" : "") + Grouped(Magnitude(value)); }

std::string FormatMicros(__int128 micros) {
  const unsigned __int128 magnitude = Magnitude(micros);
  std::string fraction = fmt::format("{:06}", static_cast<uint32_t>(magnitude % 1'000'000));
  while (fraction.size() > 2 && fraction.back() == '0') {
    fraction.pop_back();
  }
  return fmt::format("{}{}.{}", micros < 0 ? "-" : "", Grouped(magnitude / 1'000'000), fraction);
}

std::string FormatEstimate(double micros) {
  if (!std::isfinite(micros)) {
    return "-";
  }
  constexpr double kBeyond = 9e18;
  if (std::abs(micros) >= kBeyond) {
    return fmt::format("{:.3e}", micros / 1e6);
  }
  return FormatMicros(static_cast<__int128>(std::llround(micros / 1e4)) * 10'000);
}

std::string FormatMoney(const ::keyledger::events::v1::Money& money) {
  return FormatMicros(money.micros()) + " " + money.currency_code();
}

std::optional<int64_t> ParseTimeMicros(std::string_view text) {
  if (text == "now") {
    return absl::ToUnixMicros(absl::Now());
  }
  std::string full(text);
  if (full.size() == 10) {
    full += "T00:00:00Z";
  }
  // RFC 3339 with fixed places; what absl would accept besides ("infinite-future", short years) is refused here.
  constexpr std::string_view kShape = "dddd-dd-ddTdd:dd:dd";
  if (full.size() < kShape.size() + 1) {
    return std::nullopt;
  }
  for (size_t i = 0; i < kShape.size(); ++i) {
    if (kShape[i] == 'd' ? !IsDigit(full[i])
                         : (full[i] != kShape[i] && !(kShape[i] == 'T' && (full[i] == 't' || full[i] == ' ')))) {
      return std::nullopt;
    }
  }
  full[10] = 'T';
  absl::Time time;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, full, &time, &error)) {
    return std::nullopt;
  }
  return absl::ToUnixMicros(time);
}

std::string FormatTime(const google::protobuf::Timestamp& time) {
  if (time.seconds() == 0 && time.nanos() == 0) {
    return "";
  }
  const absl::Time value = absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
  return absl::FormatTime("%Y-%m-%d%ET%H:%M:%E*SZ", value, absl::UTCTimeZone());
}

std::string FormatLocalTime(const google::protobuf::Timestamp& time, const std::string& time_zone) {
  absl::TimeZone zone;
  if (time_zone.empty() || !absl::LoadTimeZone(time_zone, &zone)) {
    return FormatTime(time);
  }
  const absl::Time value = absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
  const bool begins = absl::FromCivil(absl::CivilDay(zone.At(value).cs), zone) == value;
  return absl::FormatTime(begins ? "%Y-%m-%d" : "%Y-%m-%d %H:%M:%E*S", value, zone);
}

google::protobuf::Timestamp TimestampFromMicros(int64_t micros) {
  google::protobuf::Timestamp time;
  int64_t seconds = micros / 1'000'000;
  int64_t rest = micros % 1'000'000;
  if (rest < 0) {
    rest += 1'000'000;
    --seconds;
  }
  time.set_seconds(seconds);
  time.set_nanos(static_cast<int32_t>(rest * 1000));
  return time;
}

std::optional<int32_t> ParsePercentMilli(std::string_view text) {
  const std::optional<int64_t> milli = ParseMicros(text, 10);
  if (!milli || *milli < std::numeric_limits<int32_t>::min() || *milli > std::numeric_limits<int32_t>::max()) {
    return std::nullopt;
  }
  return static_cast<int32_t>(*milli);
}

std::string FormatPercent(std::optional<double> ratio) {
  return ratio && std::isfinite(*ratio) ? fmt::format("{:.1f} %", *ratio * 100) : "-";
}

size_t DisplayWidth(std::string_view utf8) {
  size_t width = 0;
  for (size_t at = 0; at < utf8.size();) {
    const char32_t c = NextCharacter(utf8, at);
    width += In(kZeroWidth, c) ? 0 : In(kDoubleWidth, c) ? 2 : 1;
  }
  return width;
}

std::string Printable(std::string_view utf8) {
  std::string text;
  for (size_t at = 0; at < utf8.size();) {
    const size_t begin = at;
    const char32_t c = NextCharacter(utf8, at);
    if (IsControl(c) || c == 0xfffd) {
      text.push_back('?');
    } else {
      text.append(utf8.substr(begin, at - begin));
    }
  }
  return text;
}

std::string Hex(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    text += fmt::format("{:02x}", static_cast<unsigned char>(c));
  }
  return text;
}

std::string StableHash(std::string_view text) {
  constexpr unsigned __int128 kPrime =
      (static_cast<unsigned __int128>(0x0000000001000000ULL) << 64) | 0x000000000000013bULL;
  unsigned __int128 hash = (static_cast<unsigned __int128>(0x6c62272e07bb0142ULL) << 64) | 0x62b821756295c58dULL;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= kPrime;
  }
  return fmt::format("{:016x}{:016x}", static_cast<uint64_t>(hash >> 64), static_cast<uint64_t>(hash));
}

std::string_view Trim(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  while (!text.empty() && blank(text.front())) {
    text.remove_prefix(1);
  }
  while (!text.empty() && blank(text.back())) {
    text.remove_suffix(1);
  }
  return text;
}

}  // namespace keyledger::cli
