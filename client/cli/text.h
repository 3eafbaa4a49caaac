// Text: decimals, money, times and widths, exact and without locale.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <google/protobuf/timestamp.pb.h>

#include "keyledger/events/v1/money.pb.h"

namespace keyledger::cli {

// Largest magnitude of money, in micros (Money in money.proto).
inline constexpr int64_t kMoneyMicrosMax = 9'000'000'000'000'000;

// Parses a decimal number ("12", "-12.50", "+.5") in units of `unit_micros` micros and returns exact micros. No
// floating point is involved. Returns nothing for other text, for a fraction finer than a micro, and beyond
// kMoneyMicrosMax. Requires: unit_micros is a power of ten from 1 to 1,000,000.
std::optional<int64_t> ParseMicros(std::string_view text, int64_t unit_micros = 1'000'000);

// Parses an optionally signed decimal integer; nothing for other text or out of range. "12.0" and "12.000" are integers
// too.
std::optional<int64_t> ParseInteger(std::string_view text);

// "1,234,567"; works for every value.
std::string FormatCount(__int128 value);

// "1,234.50": two decimals, up to six where they are not zero.
std::string FormatMicros(__int128 micros);

// An estimate, "1,234.50": two decimals of so many micros. "-" for what is no number; powers of ten beyond 64 bits.
std::string FormatEstimate(double micros);

// "1,234.50 USD".
std::string FormatMoney(const ::keyledger::events::v1::Money& money);

// Parses RFC 3339 ("2026-01-31T08:15:00Z", any offset, up to nanoseconds, cut to microseconds), a date ("2026-01-31":
// its start in UTC) or "now", into microseconds since 1970 UTC.
std::optional<int64_t> ParseTimeMicros(std::string_view text);

// "2026-01-31T08:15:00Z", with a fraction only where there is one; "" for a time that is not set.
std::string FormatTime(const google::protobuf::Timestamp& time);

// The time by the clocks of an IANA zone: "2026-01-31" where its day begins, else "2026-01-31 08:15:00". As FormatTime
// if this machine does not know the zone.
std::string FormatLocalTime(const google::protobuf::Timestamp& time, const std::string& time_zone);

google::protobuf::Timestamp TimestampFromMicros(int64_t micros);

// Parses a percentage of at most one decimal ("12.5") into thousandths; nothing for other text.
std::optional<int32_t> ParsePercentMilli(std::string_view text);

// "63.4 %" of a ratio of 0.634; "-" for nothing and for what is no number.
std::string FormatPercent(std::optional<double> ratio);

// Columns the text takes on a terminal: wide East Asian characters count two, combining ones none.
size_t DisplayWidth(std::string_view utf8);

// The text with control characters replaced by "?", so that stored text cannot steer a terminal.
std::string Printable(std::string_view utf8);

// Lower-case hex.
std::string Hex(std::string_view bytes);

// 32 hex digits of FNV-1a (128 bits) over the text: for ids that must come out the same on every machine, not for
// secrets.
std::string StableHash(std::string_view text);

// The text without blanks at both ends.
std::string_view Trim(std::string_view text);

}  // namespace keyledger::cli
