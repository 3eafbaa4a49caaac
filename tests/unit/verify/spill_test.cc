// Records in temporary files: what was added is read back, whatever its size, and nothing stays in the directory.
#include "client/verify/spill.h"

#include <filesystem>
#include <map>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "server/base/error.h"
#include "tests/support/temp_dir.h"

namespace keyledger::verify {
namespace {

constexpr uint64_t kPlenty = 1u << 30;

TEST(Spill, GivesTheRecordsOfAPartitionInTheOrderInWhichTheyCame) {
  const testing::TempDir directory;
  auto spill = Spill::Create(directory.path(), 2, 3, kPlenty);
  ASSERT_TRUE(spill.ok());
  std::map<std::pair<uint32_t, std::string>, std::vector<std::pair<uint64_t, std::string>>> expected;
  for (uint64_t position = 0; position < 2'000; ++position) {
    const uint32_t shard = position % 2;
    const std::string stream =
        position % 7 == 0 ? std::string(position, 'n') : fmt::format("account-{}", position % 11);
    // Some are larger than any buffer.
    const std::string bytes((position % 100) * (position % 500 == 499 ? 30'000 : 10), static_cast<char>(position));
    ASSERT_TRUE((*spill)->Add(shard, position, stream, bytes).ok());
    expected[{shard, stream}].emplace_back(position, bytes);
  }
  ASSERT_TRUE((*spill)->Seal().ok());
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
  std::map<std::pair<uint32_t, std::string>, std::vector<std::pair<uint64_t, std::string>>> found;
  for (uint32_t shard = 0; shard < 2; ++shard) {
    for (size_t partition = 0; partition < 3; ++partition) {
      ASSERT_TRUE((*spill)
                      ->Scan(shard, partition,
                             [&](const Spill::Entry& entry) {
                               EXPECT_EQ((*spill)->PartitionOf(entry.stream), partition);
                               std::string bytes;
                               ASSERT_TRUE((*spill)->Read(shard, partition, entry.offset, entry.bytes, bytes).ok());
                               found[{shard, std::string(entry.stream)}].emplace_back(entry.position, bytes);
                             })
                      .ok());
    }
  }
  EXPECT_TRUE(found == expected);
}

TEST(Spill, NamesTheDirectoryThatCannotBeUsed) {
  const auto spill = Spill::Create("/nowhere/at/all", 1, 1, kPlenty);
  ASSERT_FALSE(spill.ok());
  EXPECT_TRUE(absl::IsUnavailable(spill.status()));
  EXPECT_NE(MessageOf(spill.status()).find("/nowhere/at/all"), std::string::npos);
  EXPECT_NE(MessageOf(spill.status()).find("--temp-dir"), std::string::npos);
}

TEST(Spill, TakesNoMoreBytesThanItMayAndSaysWhatAllowsMore) {
  const testing::TempDir directory;
  // 16 bytes before the name of each.
  auto spill = Spill::Create(directory.path(), 1, 1, 2 * (16 + 4 + 10));
  ASSERT_TRUE(spill.ok());
  EXPECT_TRUE((*spill)->Add(0, 0, "acme", "0123456789").ok());
  EXPECT_TRUE((*spill)->Add(0, 1, "acme", "0123456789").ok());
  const absl::Status refused = (*spill)->Add(0, 2, "", "");
  EXPECT_TRUE(absl::IsUnavailable(refused));
  EXPECT_EQ(MessageOf(refused), "the records take more than 60 bytes of temporary files in " + directory.path() +
                                    "; --temp-bytes-max allows more");
}

}  // namespace
}  // namespace keyledger::verify
