// The end of a table file, which RocksDB trusts or reads first: damage there is an error that names the file, never the
// end of the process.
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <rocksdb/env.h>

#include "server/base/codec.h"
#include "server/store/table_file_check.h"
#include "tests/unit/store/store_fixture.h"

namespace keyledger::store {
namespace {

namespace fs = std::filesystem;

constexpr size_t kFooterBytes = 53;
constexpr size_t kMagicBytes = 8;

class TableFileTest : public StoreTest {
 protected:
  void SetUp() override {
    Open();
    AppendModel(10);
    ASSERT_TRUE(store_->FlushAndCompact().ok());
    store_.reset();
    for (const auto& entry : fs::directory_iterator(options_.path)) {
      if (entry.path().extension() == ".sst") files_.push_back(entry.path());
    }
    std::sort(files_.begin(), files_.end());
    ASSERT_GE(files_.size(), 3u);
  }
  static std::string Read(const fs::path& path) {
    std::stringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
  }
  static void Write(const fs::path& path, std::string_view bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  }
  static void Patch(const fs::path& path, size_t at, char byte) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(at));
    file.put(byte);
  }
  static std::string Flipped(std::string bytes, size_t at, int bit) {
    bytes[at] = static_cast<char>(bytes[at] ^ 1 << bit);
    return bytes;
  }
  // Where the places of metaindex and index stand in the footer: four varints behind the kind of checksum.
  static std::pair<size_t, size_t> Places(const std::string& bytes) {
    const size_t begin = bytes.size() - kFooterBytes + 1;
    std::string_view places = std::string_view(bytes).substr(begin);
    uint64_t skipped = 0;
    for (int i = 0; i < 4; ++i) EXPECT_TRUE(GetVarint64(places, skipped));
    return {begin, static_cast<size_t>(places.data() - bytes.data())};
  }
  // The first property's name, behind the three sizes of an entry.
  static size_t PropertiesBegin(const std::string& bytes) {
    const size_t name = bytes.rfind("rocksdb.block.based.table.index.type");
    EXPECT_NE(name, std::string::npos);
    return name - 3;
  }
  rocksdb::Status OpenFile(const fs::path& path) {
    std::unique_ptr<rocksdb::RandomAccessFile> file;
    return env_->NewRandomAccessFile(path, &file, rocksdb::EnvOptions());
  }
  void ExpectRefused(const fs::path& path) {
    const auto status = ShardStore::Open(options_).status();
    EXPECT_EQ(ReasonOf(status), Reason::kStoreDamaged) << status;
    EXPECT_NE(MessageOf(status).find(path.filename().string()), std::string::npos) << status;
  }
  // The store does not open, or whoever reads it is told.
  void ExpectMet(const std::string& what) {
    const auto store = ShardStore::Open(options_);
    if (store.ok()) {
      EXPECT_NE(model_.Compare(**store), "") << what;
    } else {
      EXPECT_EQ(ReasonOf(store.status()), Reason::kStoreDamaged) << what << " " << store.status();
    }
  }

  std::unique_ptr<rocksdb::Env> env_ = NewTableCheckingEnv(rocksdb::Env::Default());
  std::vector<fs::path> files_;
};

TEST_F(TableFileTest, ThatIsIntactIsOpened) {
  for (const auto& path : files_) EXPECT_TRUE(OpenFile(path).ok()) << path;
  Open();
  EXPECT_EQ(model_.Compare(*store_), "");
}

TEST_F(TableFileTest, WithAnyBitOfItsPropertiesMetaindexOrFooterFlippedIsRefusedByName) {
  for (const fs::path& path : {files_.front(), files_.back()}) {
    const std::string intact = Read(path);
    const auto [places_begin, places_end] = Places(intact);
    for (size_t at = PropertiesBegin(intact); at < intact.size(); ++at) {
      if (at >= places_begin && at < places_end) continue;
      for (int bit = 0; bit < 8; ++bit) {
        Patch(path, at, static_cast<char>(intact[at] ^ 1 << bit));
        const auto status = OpenFile(path);
        ASSERT_TRUE(status.IsCorruption()) << "byte " << at << " bit " << bit << " " << status.ToString();
        ASSERT_NE(status.ToString().find(path.string()), std::string::npos) << status.ToString();
      }
      Patch(path, at, intact[at]);
    }
  }
}

// The places are not verified, but what is found there is: here, or by RocksDB when it needs the index.
TEST_F(TableFileTest, WithAnyBitOfThePlacesInItsFooterFlippedIsNeverServed) {
  for (const auto& path : {files_.front(), files_.back()}) {
    const std::string intact = Read(path);
    const auto [places_begin, places_end] = Places(intact);
    for (size_t at = places_begin; at < places_end; ++at) {
      for (int bit = 0; bit < 8; ++bit) {
        // Makes the last number end in one of the zeros behind it, and changes nothing of its value.
        if (at + 1 == places_end && bit == 7) continue;
        Write(path, Flipped(intact, at, bit));
        ExpectMet(fmt::format("{} byte {} bit {}", path.string(), at, bit));
      }
    }
    Write(path, intact);
  }
}

TEST_F(TableFileTest, WhosePlacesReachPastItsBlocksIsRefused) {
  const fs::path path = files_.front();
  const std::string intact = Read(path);
  const std::string before = intact.substr(0, intact.size() - kFooterBytes);
  const std::string after = intact.substr(intact.size() - 12);
  const auto with_places = [&](uint64_t metaindex, uint64_t metaindex_size, uint64_t index, uint64_t index_size) {
    std::string footer = "\x04";
    for (const uint64_t number : {metaindex, metaindex_size, index, index_size}) PutVarint64(footer, number);
    footer.resize(41);
    Write(path, before + footer + after);
    return OpenFile(path);
  };
  const uint64_t end = before.size();
  std::string_view places = std::string_view(intact).substr(intact.size() - kFooterBytes + 1);
  uint64_t metaindex = 0;
  uint64_t size = 0;
  ASSERT_TRUE(GetVarint64(places, metaindex) && GetVarint64(places, size));
  EXPECT_TRUE(with_places(metaindex, size, 0, end - 5).ok());
  EXPECT_TRUE(with_places(metaindex, size, end - 5, 0).ok());
  EXPECT_TRUE(with_places(metaindex, size, 0, end - 4).IsCorruption());
  EXPECT_TRUE(with_places(metaindex, size, end - 4, 0).IsCorruption());
  EXPECT_TRUE(with_places(metaindex, size, end + 1, 0).IsCorruption());
  EXPECT_TRUE(with_places(metaindex, size, 0, UINT64_MAX).IsCorruption());
  EXPECT_TRUE(with_places(metaindex, size, UINT64_MAX, UINT64_MAX).IsCorruption());
  EXPECT_TRUE(with_places(metaindex, end - metaindex - 4, 0, 0).IsCorruption());
  EXPECT_TRUE(with_places(metaindex, UINT64_MAX, 0, 0).IsCorruption());
  EXPECT_TRUE(with_places(UINT64_MAX, size, 0, 0).IsCorruption());
}

TEST_F(TableFileTest, CutShortIsRefusedByName) {
  const fs::path path = files_.back();
  const std::string intact = Read(path);
  for (const size_t size : {size_t{0}, size_t{1}, kFooterBytes - 1, kFooterBytes, intact.size() - 1}) {
    Write(path, std::string_view(intact).substr(0, size));
    EXPECT_TRUE(OpenFile(path).IsCorruption()) << size;
    ExpectRefused(path);
  }
  // Only the footer is left.
  Write(path, std::string_view(intact).substr(intact.size() - kFooterBytes));
  EXPECT_TRUE(OpenFile(path).IsCorruption());
}

// With another magic number RocksDB takes the blocks for ones without checksums and parses what is in them.
TEST_F(TableFileTest, WithoutItsMagicNumberAndWithAGarbledMetaindexDoesNotEndTheProcess) {
  for (const auto& path : {files_.front(), files_.back()}) {
    const std::string intact = Read(path);
    std::string damaged = intact;
    damaged[intact.size() - kMagicBytes] ^= 0x10;
    // The metaindex is the last block before the footer; its first entry begins with three sizes.
    const size_t footer = intact.size() - kFooterBytes;
    std::string_view places = std::string_view(intact).substr(footer + 1);
    uint64_t metaindex = 0;
    ASSERT_TRUE(GetVarint64(places, metaindex));
    for (size_t at = metaindex; at + 5 < footer; ++at) {
      damaged[at] ^= 0x10;
      Write(path, damaged);
      ExpectMet(fmt::format("{} byte {}", path.string(), at));
      damaged[at] ^= 0x10;
    }
    Write(path, intact);
  }
}

// The count of restart points is the last number of a block, and its highest bit says that a hash index is before it.
TEST_F(TableFileTest, WhosePropertiesClaimAHashIndexThatIsNotThereDoesNotEndTheProcess) {
  for (const auto& path : files_) {
    const std::string intact = Read(path);
    const size_t end = intact.find(std::string("\0\0\0\0\1\0\0\0", 8), PropertiesBegin(intact));
    ASSERT_NE(end, std::string::npos);
    Write(path, Flipped(intact, end + 7, 7));
    ExpectRefused(path);
    Write(path, intact);
  }
}

TEST_F(TableFileTest, WhoseFooterSaysThatThereAreNoChecksumsIsRefused) {
  const fs::path path = files_.front();
  std::string bytes = Read(path);
  ASSERT_EQ(bytes[bytes.size() - kFooterBytes], 4);
  bytes[bytes.size() - kFooterBytes] = 0;
  Write(path, bytes);
  ExpectRefused(path);
}

}  // namespace
}  // namespace keyledger::store
