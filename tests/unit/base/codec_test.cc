// Integers as bytes: golden forms, order, and input that is cut short.
#include "server/base/codec.h"

#include <limits>
#include <vector>

#include <gtest/gtest.h>

namespace keyledger {
namespace {

using namespace std::string_literals;

TEST(BigEndian, HasTheBytesOfTheFormat) {
  std::string out;
  PutBigEndian64(out, 0x0102030405060708);
  PutBigEndian32(out, 0xa1b2c3d4);
  EXPECT_EQ(out, "\x01\x02\x03\x04\x05\x06\x07\x08\xa1\xb2\xc3\xd4"s);
  std::string_view in(out);
  uint64_t wide = 0;
  uint32_t narrow = 0;
  ASSERT_TRUE(GetBigEndian64(in, wide));
  ASSERT_TRUE(GetBigEndian32(in, narrow));
  EXPECT_EQ(wide, 0x0102030405060708u);
  EXPECT_EQ(narrow, 0xa1b2c3d4u);
  EXPECT_TRUE(in.empty());
}

TEST(Ordered, SortsLikeTheNumbers) {
  const std::vector<int64_t> values = {std::numeric_limits<int64_t>::min(), -256, -1, 0, 1, 255,
                                       std::numeric_limits<int64_t>::max()};
  std::string before;
  for (const int64_t value : values) {
    std::string bytes;
    PutOrdered64(bytes, value);
    EXPECT_TRUE(before.empty() || before < bytes) << value;
    std::string_view in(bytes);
    int64_t read = 1;
    ASSERT_TRUE(GetOrdered64(in, read));
    EXPECT_EQ(read, value);
    before = bytes;
  }
}

TEST(Varint, HasTheBytesOfTheFormat) {
  std::string out;
  PutVarint64(out, 127);
  PutVarint64(out, 300);
  PutSignedVarint64(out, -1);
  PutSignedVarint64(out, 1);
  EXPECT_EQ(out, "\x7f\xac\x02\x01\x02"s);
}

TEST(Varint, ReadsBackEveryLength) {
  for (int shift = 0; shift < 64; ++shift) {
    for (const uint64_t value : {uint64_t{1} << shift, (uint64_t{1} << shift) - 1, ~uint64_t{0} >> shift}) {
      std::string out;
      PutVarint64(out, value);
      PutSignedVarint64(out, static_cast<int64_t>(value));
      std::string_view in(out);
      uint64_t read = 0;
      int64_t read_signed = 0;
      ASSERT_TRUE(GetVarint64(in, read));
      ASSERT_TRUE(GetSignedVarint64(in, read_signed));
      EXPECT_EQ(read, value);
      EXPECT_EQ(read_signed, static_cast<int64_t>(value));
      EXPECT_TRUE(in.empty());
    }
  }
}

TEST(Readers, RefuseWhatIsCutShortOrTooLong) {
  std::string_view in("\x01\x02\x03", 3);
  uint32_t narrow = 0;
  uint64_t wide = 0;
  int64_t number = 0;
  EXPECT_FALSE(GetBigEndian32(in, narrow));
  EXPECT_FALSE(GetBigEndian64(in, wide));
  EXPECT_FALSE(GetOrdered64(in, number));
  std::string_view open("\x80\x80");
  EXPECT_FALSE(GetVarint64(open, wide));
  std::string_view long_one("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02");
  EXPECT_FALSE(GetVarint64(long_one, wide)) << "65 bits";
  std::string_view nothing;
  EXPECT_FALSE(GetSignedVarint64(nothing, number));
}

}  // namespace
}  // namespace keyledger
