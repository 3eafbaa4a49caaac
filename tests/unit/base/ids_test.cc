// What ids, codes and region paths may look like.
#include "server/base/ids.h"

#include <gtest/gtest.h>

namespace keyledger {
namespace {

TEST(AccountIds, AreShortAndPlain) {
  EXPECT_TRUE(IsAccountId("a"));
  EXPECT_TRUE(IsAccountId("Acme-1.2_3~4:5@6/7"));
  EXPECT_TRUE(IsAccountId(std::string(128, 'a')));
  EXPECT_FALSE(IsAccountId(std::string(129, 'a')));
  for (const char* bad : {"", "-a", "$programs", "a b", "a\n", "\xc3\xa9", "a#"}) EXPECT_FALSE(IsAccountId(bad)) << bad;
}

TEST(PrintableIds, HoldNoBlanksNorControls) {
  EXPECT_TRUE(IsPrintableId("!~", 2));
  EXPECT_FALSE(IsPrintableId("abc", 2));
  EXPECT_FALSE(IsPrintableId("", 2));
  EXPECT_FALSE(IsPrintableId(" ", 2));
  EXPECT_FALSE(IsPrintableId("\x7f", 2));
}

TEST(SubjectIds, AreShortAndPlain) {
  for (const char* id : {"p", "7", "person-1", "a.b_c:d@e", "-"}) EXPECT_TRUE(IsSubjectId(id)) << id;
  EXPECT_TRUE(IsSubjectId(std::string(128, 'a')));
  EXPECT_FALSE(IsSubjectId(std::string(129, 'a')));
  for (const char* id : {"", "a b", "a/b", "a~b", "a\n", "\xc3\xa9"}) EXPECT_FALSE(IsSubjectId(id)) << id;
}

TEST(SnakeIds, BeginWithALetter) {
  EXPECT_TRUE(IsSnakeId("a"));
  EXPECT_TRUE(IsSnakeId("a_1"));
  EXPECT_TRUE(IsSnakeId(std::string(64, 'a')));
  for (const std::string& bad : {std::string(), std::string("1a"), std::string("_a"), std::string("A"),
                                 std::string("a-b"), std::string(65, 'a')}) {
    EXPECT_FALSE(IsSnakeId(bad)) << bad;
  }
}

TEST(CurrencyCodes, AreThreeCapitals) {
  EXPECT_TRUE(IsCurrencyCode("USD"));
  for (const char* bad : {"", "US", "USDX", "usd", "U1D"}) EXPECT_FALSE(IsCurrencyCode(bad)) << bad;
}

TEST(RegionPaths, HaveUpToEightSegments) {
  EXPECT_TRUE(IsRegionPath(""));
  EXPECT_TRUE(IsRegionPath("CN/31/\xe4\xb8\x8a\xe6\xb5\xb7"));
  EXPECT_TRUE(IsRegionPath("1/2/3/4/5/6/7/8"));
  EXPECT_FALSE(IsRegionPath("1/2/3/4/5/6/7/8/9"));
  EXPECT_TRUE(IsRegionPath(std::string(128, 'a')));
  EXPECT_FALSE(IsRegionPath(std::string(129, 'a')));
  for (const char* bad : {"/", "/a", "a/", "a//b", "a\tb", "\xff"}) EXPECT_FALSE(IsRegionPath(bad)) << bad;
}

TEST(RegionPaths, ContainWhatLiesBelow) {
  EXPECT_TRUE(RegionContains("", "CN"));
  EXPECT_TRUE(RegionContains("CN", "CN"));
  EXPECT_TRUE(RegionContains("CN", "CN/31"));
  EXPECT_FALSE(RegionContains("CN", "CNX"));
  EXPECT_FALSE(RegionContains("CN/31", "CN"));
}

TEST(Utf8, IsWellFormed) {
  for (const char* good : {"", "a", "\xc2\x80", "\xef\xbf\xbf", "\xf4\x8f\xbf\xbf"}) EXPECT_TRUE(IsUtf8(good));
  for (const char* bad : {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80",
                          "\xf4\x90\x80\x80", "\xf5", "\xc2", "\xe4\xb8"}) {
    EXPECT_FALSE(IsUtf8(bad));
  }
}

TEST(Shards, AreChosenByAHashThatNeverChanges) {
  // XXH64 with seed 0 of "" is 0xef46db3751d8e999, of "a" 0xd24ec4f1a98c6e5b.
  EXPECT_EQ(ShardOf("", 64), 0xef46db3751d8e999u % 64);
  EXPECT_EQ(ShardOf("a", 4), 3u);
  EXPECT_EQ(ShardOf("a", 64), 27u);
  EXPECT_EQ(ShardOf("anything", 1), 0u);
}

}  // namespace
}  // namespace keyledger
