// The records of a bundle stream by stream: each stream once, whole and in order, in however many passes.
#include "client/verify/bundle_source.h"

#include <map>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"

namespace keyledger::verify {
namespace {

TEST(BundleSource, GivesEachStreamOnceAndWholeInHoweverManyPasses) {
  const testing::TempDir directory;
  for (const uint64_t entries_per_pass : {uint64_t{1}, uint64_t{7}, uint64_t{50}, uint64_t{10'000}}) {
    auto spill = Spill::Create(directory.path(), 1, 2, 1u << 20);
    ASSERT_TRUE(spill.ok());
    std::map<std::string, std::string> expected;
    for (uint64_t position = 0; position < 300; ++position) {
      const std::string stream = fmt::format("account-{}", position * position % 37);
      ASSERT_TRUE((*spill)->Add(0, position, stream, fmt::format("record {}", position)).ok());
      expected[stream] += fmt::format("{}:record {};", position, position);
    }
    ASSERT_TRUE((*spill)->Seal().ok());
    audit::v1::BundleHeader header;
    header.set_shard_count(1);
    BundleSource source("no file", header, {300}, *std::move(spill), entries_per_pass);
    const auto read = [&](const std::string& stream) {
      std::string text;
      EXPECT_TRUE(source
                      .ReadStream(0, stream,
                                  [&](const audit::StoredRecord& record) {
                                    text += fmt::format("{}:{};", record.position, record.bytes);
                                    return absl::OkStatus();
                                  })
                      .ok());
      return text;
    };
    std::map<std::string, std::string> found;
    ASSERT_TRUE(source
                    .ListStreams(0,
                                 [&](const std::string& stream) {
                                   EXPECT_FALSE(found.contains(stream)) << stream;
                                   found[stream] = read(stream);
                                   // Another one meanwhile, and this one again.
                                   EXPECT_EQ(read("account-0"), expected["account-0"]);
                                   EXPECT_EQ(read(stream), expected[stream]);
                                   return absl::OkStatus();
                                 })
                    .ok());
    EXPECT_EQ(found, expected) << entries_per_pass;
    EXPECT_EQ(read("account-1"), expected["account-1"]);
    EXPECT_EQ(read("nobody"), "");
  }
}

}  // namespace
}  // namespace keyledger::verify
