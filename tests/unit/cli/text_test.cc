// Decimals, dates, widths, tables and rows.
#include "client/cli/text.h"

#include <limits>
#include <sstream>

#include <gtest/gtest.h>

#include "client/cli/date_format.h"
#include "client/cli/row_reader.h"
#include "client/cli/table.h"

namespace keyledger::cli {
namespace {

TEST(ParseMicros, ReadsDecimalsExactly) {
  EXPECT_EQ(ParseMicros("12.50"), 12'500'000);
  EXPECT_EQ(ParseMicros("0.1"), 100'000);
  EXPECT_EQ(ParseMicros("-77183.6"), -77'183'600'000);
  EXPECT_EQ(ParseMicros("+3"), 3'000'000);
  EXPECT_EQ(ParseMicros(".5"), 500'000);
  EXPECT_EQ(ParseMicros("5."), 5'000'000);
  EXPECT_EQ(ParseMicros("0.000001"), 1);
  EXPECT_EQ(ParseMicros("0.0000010"), 1);
}

TEST(ParseMicros, RefusesWhatIsFinerThanAMicroOrNoNumber) {
  for (const char* text : {"", "-", ".", "0.0000001", "1,000", "1e3", "12.5.0", "abc", "1 2", "0x1", "NaN", "--1"}) {
    EXPECT_FALSE(ParseMicros(text).has_value()) << text;
  }
}

TEST(ParseMicros, KeepsToTheRangeOfMoney) {
  EXPECT_EQ(ParseMicros("9000000000"), 9'000'000'000'000'000);
  EXPECT_EQ(ParseMicros("-9000000000.000000"), -9'000'000'000'000'000);
  EXPECT_FALSE(ParseMicros("9000000000.000001").has_value());
  EXPECT_FALSE(ParseMicros(std::string(60, '9')).has_value());
}

TEST(ParseMicros, CountsInOtherUnits) {
  EXPECT_EQ(ParseMicros("139120", 1'000), 139'120'000);
  EXPECT_EQ(ParseMicros("1250", 10'000), 12'500'000);
  EXPECT_EQ(ParseMicros("7", 1), 7);
  EXPECT_EQ(ParseMicros("7.0", 1), 7);
  EXPECT_FALSE(ParseMicros("7.1", 1).has_value());
  EXPECT_EQ(ParseMicros("0.001", 1'000), 1);
  EXPECT_FALSE(ParseMicros("0.0001", 1'000).has_value());
}

TEST(Format, GroupsThousandsAndKeepsEveryDecimal) {
  EXPECT_EQ(FormatCount(0), "0");
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(1'234'567), "1,234,567");
  EXPECT_EQ(FormatCount(-1'000), "-1,000");
  EXPECT_EQ(FormatMicros(1'234'500'000), "1,234.50");
  EXPECT_EQ(FormatMicros(-10'000), "-0.01");
  EXPECT_EQ(FormatMicros(1'234'567), "1.234567");
  EXPECT_EQ(FormatMicros(0), "0.00");
  ::keyledger::events::v1::Money money;
  money.set_currency_code("USD");
  money.set_micros(1'234'500'000);
  EXPECT_EQ(FormatMoney(money), "1,234.50 USD");
}

TEST(ParseTime, ReadsRfc3339AndDates) {
  EXPECT_EQ(ParseTimeMicros("2026-01-31"), 1'769'817'600'000'000);
  EXPECT_EQ(ParseTimeMicros("2026-01-31T00:00:00Z"), 1'769'817'600'000'000);
  EXPECT_EQ(ParseTimeMicros("2026-01-31T01:00:00.25+01:00"), 1'769'817'600'250'000);
  for (const char* text :
       {"", "2026-02-30", "2026-1-31", "infinite-future", "yesterday", "2026-01-31T08:15:00", "20260131"}) {
    EXPECT_FALSE(ParseTimeMicros(text).has_value()) << text;
  }
  EXPECT_EQ(FormatTime(TimestampFromMicros(1'769'817'600'250'000)), "2026-01-31T00:00:00.25Z");
  EXPECT_EQ(FormatTime(TimestampFromMicros(1'769'817'600'000'000)), "2026-01-31T00:00:00Z");
}

std::optional<int64_t> ParseDate(const std::string& pattern, const std::string& text, const std::string& zone = "UTC") {
  std::string error;
  const auto format = DateFormat::Make(pattern, zone, error);
  EXPECT_TRUE(format.has_value()) << error;
  return format ? format->Parse(text) : std::nullopt;
}

TEST(DateFormat, ReadsWhatFilesWrite) {
  constexpr int64_t kJan1 = 852'076'800'000'000;  // 1997-01-01T00:00:00Z
  EXPECT_EQ(ParseDate("%Y%m%d", "19970101"), kJan1);
  EXPECT_EQ(ParseDate("%Y-%m-%d %H:%M:%S", "1997-01-01 00:00:05"), kJan1 + 5'000'000);
  EXPECT_EQ(ParseDate("%F %T", "1997-01-01  00:01:00"), kJan1 + 60'000'000);
  EXPECT_EQ(ParseDate("%m/%d/%Y %H:%M", "1/1/1997 8:26"), kJan1 + (8 * 60 + 26) * 60'000'000LL);
  EXPECT_EQ(ParseDate("%d.%m.%y", "01.01.97"), kJan1);
  EXPECT_EQ(ParseDate("%d %b %Y %I:%M %p", "1 January 1997 12:30 AM"), kJan1 + 30 * 60'000'000LL);
  EXPECT_EQ(ParseDate("%F %T.%f", "1997-01-01 00:00:00.125"), kJan1 + 125'000);
  EXPECT_EQ(ParseDate("%Y%m%d", "19970101", "Asia/Shanghai"), kJan1 - 8 * 3'600'000'000LL);
}

TEST(DateFormat, RefusesWhatIsNoDate) {
  EXPECT_FALSE(ParseDate("%Y%m%d", "19970230").has_value());
  EXPECT_FALSE(ParseDate("%Y%m%d", "19971301").has_value());
  EXPECT_FALSE(ParseDate("%Y%m%d", "1997010").has_value());
  EXPECT_FALSE(ParseDate("%Y%m%d", "199701011").has_value());
  EXPECT_FALSE(ParseDate("%Y%m%d", "date").has_value());
  EXPECT_FALSE(ParseDate("%F %H:%M", "1997-01-01 24:00").has_value());
}

TEST(DateFormat, RefusesUnknownPatternsAndZones) {
  std::string error;
  EXPECT_FALSE(DateFormat::Make("%Q", "UTC", error).has_value());
  EXPECT_NE(error.find("%Q"), std::string::npos);
  EXPECT_FALSE(DateFormat::Make("%m/%d", "UTC", error).has_value());
  EXPECT_FALSE(DateFormat::Make("%F", "Nowhere/Land", error).has_value());
  EXPECT_NE(error.find("Nowhere/Land"), std::string::npos);
}

TEST(Table, AlignsByDisplayWidth) {
  Table table({{"name"}, {"points", Align::kRight}});
  table.Add({"Müller", "1,000"});
  table.Add({"上海", "7"});
  table.Add({"e\xcc\x81", "12"});  // e and a combining accent
  EXPECT_EQ(table.Render(false),
            "name    points\n"
            "Müller   1,000\n"
            "上海         7\n"
            "e\xcc\x81           12\n");
  EXPECT_EQ(table.Render(true).substr(0, 4), "\x1b[1m");
}

TEST(Table, LeavesNoBlanksAtLineEndsAndNoControlCharacters) {
  Table table({{"a"}, {"b"}});
  table.Add({"x\x1b[31m", ""});
  table.Add({"tab\there\n", "y"});
  EXPECT_EQ(table.Render(false),
            "a          b\n"
            "x?[31m\n"
            "tab?here?  y\n");
}

std::vector<Row> Rows(const std::string& text, Separator separator) {
  std::istringstream input(text);
  RowReader reader(input, separator);
  std::vector<Row> rows;
  for (Row row; reader.Next(row);) {
    rows.push_back(row);
  }
  return rows;
}

using Fields = std::vector<std::string>;

TEST(RowReader, SplitsRunsOfBlanks) {
  const auto rows = Rows(" 00001 19970101  1   11.77\r\n\r\n\t00002\t19970112 1 12.00", Separator::kSpace);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].fields, (Fields{"00001", "19970101", "1", "11.77"}));
  EXPECT_EQ(rows[1].fields, (Fields{"00002", "19970112", "1", "12.00"}));
  EXPECT_EQ(rows[1].line, 3u);
  EXPECT_EQ(rows[0].text, " 00001 19970101  1   11.77");
}

TEST(RowReader, HandlesQuotesAsRfc4180) {
  const auto rows = Rows(
      "\xef\xbb\xbf"
      "a,\"b,c\",\"say \"\"hi\"\"\",\r\n\"two\nlines\",x,,\n\"\",y\n",
      Separator::kComma);
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].fields, (Fields{"a", "b,c", "say \"hi\"", ""}));
  EXPECT_EQ(rows[1].fields, (Fields{"two\nlines", "x", "", ""}));
  EXPECT_EQ(rows[1].line, 2u);
  EXPECT_EQ(rows[2].fields, (Fields{"", "y"}));
  EXPECT_EQ(rows[2].line, 4u);
}

TEST(RowReader, ReportsARowThatIsNotUtf8AndGoesOn) {
  const auto rows = Rows("a,b\n\xba\xe5,x\nc,d\n", Separator::kComma);
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[1].line, 2u);
  EXPECT_EQ(rows[1].error, "the row is not UTF-8; convert the file, for example with iconv");
  EXPECT_EQ(rows[2].fields, (Fields{"c", "d"}));
}

TEST(RowReader, ReportsAStrayQuoteWithoutSwallowingTheRowsBehind) {
  const auto rows = Rows("a,\"open\nb,c\nd,e\n", Separator::kComma);
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].error, "a quoted field is not closed");
  EXPECT_EQ(rows[0].text, "a,\"open");
  EXPECT_EQ(rows[1].fields, (Fields{"b", "c"}));
  EXPECT_EQ(rows[1].line, 2u);
  EXPECT_EQ(rows[2].line, 3u);
  const auto after = Rows("\"a\"b,c\n", Separator::kComma);
  ASSERT_EQ(after.size(), 1u);
  EXPECT_EQ(after[0].error, "text follows a quoted field");
}

TEST(RowReader, TakesQuotesInTheMiddleAndInTabFilesAsTheyAre) {
  EXPECT_EQ(Rows("5\" pipe,1\n", Separator::kComma)[0].fields, (Fields{"5\" pipe", "1"}));
  EXPECT_EQ(Rows("\"x\t\t1\n", Separator::kTab)[0].fields, (Fields{"\"x", "", "1"}));
  EXPECT_EQ(Rows("a;b,c\n", Separator::kSemicolon)[0].fields, (Fields{"a", "b,c"}));
}

TEST(StableHash, IsFnv1aOf128Bits) {
  EXPECT_EQ(StableHash(""), "6c62272e07bb014262b821756295c58d");
  EXPECT_EQ(StableHash("a"), "d228cb696f1a8caf78912b704e4a8964");
}

TEST(FormatEstimate, WritesTwoDecimalsAndNoMore) {
  EXPECT_EQ(FormatEstimate(1'234'567'890.0), "1,234.57");
  EXPECT_EQ(FormatEstimate(-5'004'999.0), "-5.00");
  EXPECT_EQ(FormatEstimate(0), "0.00");
  EXPECT_EQ(FormatEstimate(1e19), "1.000e+13");
  EXPECT_EQ(FormatEstimate(-1e300), "-1.000e+294");
  EXPECT_EQ(FormatEstimate(std::numeric_limits<double>::quiet_NaN()), "-");
  EXPECT_EQ(FormatEstimate(std::numeric_limits<double>::infinity()), "-");
}

TEST(FormatPercent, IsADashForWhatIsNoNumber) {
  EXPECT_EQ(FormatPercent(0.634), "63.4 %");
  EXPECT_EQ(FormatPercent(std::nullopt), "-");
  EXPECT_EQ(FormatPercent(std::numeric_limits<double>::quiet_NaN()), "-");
}

TEST(ParsePercentMilli, TakesOneDecimal) {
  EXPECT_EQ(ParsePercentMilli("12.5"), 125);
  EXPECT_EQ(ParsePercentMilli("-12.5"), -125);
  EXPECT_EQ(ParsePercentMilli("0"), 0);
  EXPECT_EQ(ParsePercentMilli("5.00"), 50);
  for (const char* wrong : {"", "12.55", "half", "5 %", "214748364.8"}) {
    EXPECT_EQ(ParsePercentMilli(wrong), std::nullopt) << wrong;
  }
}

}  // namespace
}  // namespace keyledger::cli
