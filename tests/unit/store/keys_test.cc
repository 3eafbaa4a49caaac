// Keys of the store sort as they must and are not read from damaged bytes.
#include "server/store/keys.h"

#include <string>

#include <gtest/gtest.h>

#include "server/store/head_file.h"
#include "server/store/log_fragments.h"

namespace keyledger::store {
namespace {

TEST(Keys, SortLikeWhatTheyStandFor) {
  EXPECT_LT(PositionKey(255), PositionKey(256));
  EXPECT_LT(StreamKey("a", UINT64_MAX), StreamKey("a-1", 0));
  EXPECT_LT(StreamKey("a", 9), StreamKey("a", 10));
  EXPECT_LT(TimerKey(-1, "b"), TimerKey(0, "a"));
  EXPECT_LT(TimerKey(0, "a"), TimerKey(0, "b"));
  EXPECT_LT(TileKey(0, UINT64_MAX), TileKey(1, 0));
}

TEST(Keys, CutShortOrTooLongDoNotParse) {
  EXPECT_FALSE(ParsePositionKey(PositionKey(1).substr(1)).has_value());
  EXPECT_FALSE(ParsePositionKey(PositionKey(1) + "x").has_value());
  EXPECT_FALSE(ParsePositionValue("").has_value());
  EXPECT_FALSE(ParsePositionValue("\x80").has_value());
  EXPECT_FALSE(ParsePositionValue(PositionValue(1) + "x").has_value());
  EXPECT_FALSE(ParseStreamKey(StreamKey("", 1)).has_value());
  EXPECT_FALSE(ParseStreamKey("account").has_value());
  EXPECT_FALSE(ParseTimerKey(TimerKey(1, "")).has_value());
  EXPECT_FALSE(ParseTileKey(TileKey(1, 1) + "x").has_value());
  EXPECT_FALSE(ParseTileKey(std::string(1, '\x08') + PositionKey(0)).has_value());
  EXPECT_FALSE(DecodeHeadRow("").has_value());
  EXPECT_FALSE(DecodeGroupNote("KLG2" + PositionKey(0)).has_value());
}

TEST(HeadFile, AnyChangedByteIsSeen) {
  const std::string text = EncodeHeadFile({12345, 0x0123456789abcdef});
  EXPECT_EQ(DecodeHeadFile(text), (HeadFile{12345, 0x0123456789abcdef}));
  for (size_t i = 0; i < text.size(); ++i) {
    std::string damaged = text;
    damaged[i] ^= 1;
    EXPECT_FALSE(DecodeHeadFile(damaged).has_value()) << i;
    EXPECT_FALSE(DecodeHeadFile(text.substr(0, i)).has_value()) << i;
  }
  EXPECT_FALSE(DecodeHeadFile(text + "x").has_value());
}

TEST(Crc32c, EqualsThePublishedVectors) {
  // RFC 3720 section B.4.
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  EXPECT_EQ(Crc32c("123456789"), 0xe3069283u);
}

}  // namespace
}  // namespace keyledger::store
