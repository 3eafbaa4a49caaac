// Tokens: read back by those who made them, and by no one else.
#include "server/base/cursor.h"

#include <limits>

#include <gtest/gtest.h>

#include "server/base/error.h"

namespace keyledger {
namespace {

TEST(CursorToken, ReadsBack) {
  const Cursor cursor{{0, 7, std::numeric_limits<uint64_t>::max()}};
  const auto read = ParseCursor(FormatCursor(cursor), 3);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, cursor);
}

TEST(CursorToken, IsUrlSafe) {
  const std::string token = FormatCursor({{std::numeric_limits<uint64_t>::max(), 62, 63}});
  EXPECT_EQ(token.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
            std::string::npos)
      << token;
}

TEST(CursorToken, OfAnotherNumberOfShardsIsRefused) {
  const auto refused = ParseCursor(FormatCursor({{1, 2}}), 1);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(refused.status()), Reason::kInvalidToken);
}

TEST(CursorToken, ThatWasChangedIsRefused) {
  const std::string token = FormatCursor({{1, 2}});
  for (size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(ParseCursor(changed, 2).ok()) << i;
    EXPECT_FALSE(ParseCursor(token.substr(0, i), 2).ok()) << i;
  }
  EXPECT_FALSE(ParseCursor(std::string(5000, 'A'), 2).ok());
  EXPECT_FALSE(ParseCursor("not a token!", 2).ok());
  EXPECT_FALSE(ParseCursor(FormatPageToken("x", ""), 2).ok()) << "a page token is no cursor";
}

TEST(PageToken, ReadsBackForTheSameRequestOnly) {
  const std::string bytes("a\0\xff", 3);
  const std::string token = FormatPageToken(bytes, "request");
  const auto read = ParsePageToken(token, "request");
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(*read, bytes);
  EXPECT_EQ(ReasonOf(ParsePageToken(token, "other request").status()), Reason::kInvalidToken);
  EXPECT_EQ(ReasonOf(ParsePageToken("", "request").status()), Reason::kInvalidToken);
  EXPECT_EQ(*ParsePageToken(FormatPageToken("", "r"), "r"), "");
}

}  // namespace
}  // namespace keyledger
