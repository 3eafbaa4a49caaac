// The Merkle tree against published vectors, against RFC 6962 written down literally, and against itself loaded from
// its tiles.
#include "server/merkle/tree.h"

#include <map>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "server/base/error.h"

namespace keyledger::merkle {
namespace {

std::string Hex(const Hash& hash) {
  std::string text;
  for (const uint8_t byte : hash) text += fmt::format("{:02x}", byte);
  return text;
}

std::string FromHex(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2)
    bytes.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return bytes;
}

Hash LeafNumber(uint64_t i) { return LeafHash(fmt::format("record {}", i)); }

// MTH of RFC 6962 section 2.1, as it stands there.
Hash NaiveRoot(const std::vector<Hash>& leaves, size_t from, size_t to) {
  if (to - from == 1) return leaves[from];
  size_t k = 1;
  while (k * 2 < to - from) k *= 2;
  return NodeHash(NaiveRoot(leaves, from, from + k), NaiveRoot(leaves, from + k, to));
}

// What a store keeps of a tree.
struct Stored {
  std::map<std::pair<uint32_t, uint64_t>, std::string> tiles;
  std::vector<Hash> leaves;
};

Tree Grow(uint64_t size, Stored& stored) {
  Tree tree;
  std::vector<FullTile> full;
  for (uint64_t i = 0; i < size; ++i) {
    stored.leaves.push_back(LeafNumber(i));
    tree.Append(stored.leaves.back(), full);
  }
  for (auto& tile : full) stored.tiles[{tile.level, tile.index}] = std::move(tile.hashes);
  return tree;
}

TEST(Hashes, EqualThePublishedVectors) {
  EXPECT_EQ(Hex(EmptyRoot()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Hex(LeafHash("")), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
  EXPECT_EQ(Hex(LeafHash("L123456")), "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56");
  // SHA-256 of "abc", FIPS 180-2 appendix B.1.
  EXPECT_EQ(Hex(Sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Root, EqualsThePublishedVectors) {
  const std::vector<std::string> inputs = {
      "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"};
  const std::vector<std::string> roots = {"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                                          "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                                          "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
                                          "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
                                          "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                                          "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
                                          "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
                                          "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
                                          "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
  Tree tree;
  std::vector<FullTile> full;
  EXPECT_EQ(Hex(tree.Root()), roots[0]);
  for (size_t i = 0; i < inputs.size(); ++i) {
    tree.Append(LeafHash(FromHex(inputs[i])), full);
    EXPECT_EQ(Hex(tree.Root()), roots[i + 1]) << "size " << i + 1;
    EXPECT_EQ(tree.size(), i + 1);
  }
  EXPECT_TRUE(full.empty());
}

TEST(Root, EqualsTheDefinitionAtEverySizeUpTo600AndAtRandomOnesUpTo2000) {
  std::mt19937_64 random(20260101);
  Tree tree;
  std::vector<FullTile> full;
  std::vector<Hash> leaves;
  for (uint64_t size = 1; size <= 2000; ++size) {
    leaves.push_back(LeafNumber(size));
    tree.Append(leaves.back(), full);
    if (size <= 600 || random() % 50 == 0 || size == 2000) {
      ASSERT_EQ(Hex(tree.Root()), Hex(NaiveRoot(leaves, 0, size))) << size;
    }
  }
}

TEST(Tiles, BecomeFullAt256HashesOfALevel) {
  Stored stored;
  Grow(65536, stored);
  EXPECT_EQ(stored.tiles.size(), 257u);
  for (uint64_t i = 0; i < 256; ++i) ASSERT_EQ((stored.tiles[{0, i}].size()), 8192u);
  const std::string& top = stored.tiles[{1, 0}];
  ASSERT_EQ(top.size(), 8192u);
  // The first hash of level 1 is the root over the first 256 leaves, and the tile of level 0 is those leaves.
  const Hash first = NaiveRoot(stored.leaves, 0, 256);
  EXPECT_EQ(top.substr(0, 32), std::string(first.begin(), first.end()));
  EXPECT_EQ((stored.tiles[{0, 1}].substr(0, 32)), std::string(stored.leaves[256].begin(), stored.leaves[256].end()));
}

TEST(Load, EqualsTheTreeThatGrewAndGrowsOnLikeIt) {
  for (const uint64_t size : {0u, 1u, 2u, 255u, 256u, 257u, 511u, 512u, 1000u, 65535u, 65536u, 65537u, 65836u}) {
    SCOPED_TRACE(size);
    Stored stored;
    Tree grown = Grow(size, stored);
    uint64_t tiles_read = 0;
    uint64_t leaves_read = 0;
    auto loaded = Tree::Load(
        size,
        [&](uint32_t level, uint64_t index) -> absl::StatusOr<std::string> {
          ++tiles_read;
          const auto tile = stored.tiles.find({level, index});
          if (tile == stored.tiles.end()) return absl::NotFoundError(fmt::format("tile {}/{}", level, index));
          return tile->second;
        },
        [&](uint64_t index) -> absl::StatusOr<Hash> {
          ++leaves_read;
          EXPECT_GE(index, size - size % 256);
          return stored.leaves.at(index);
        });
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    EXPECT_LE(leaves_read, 255u);
    EXPECT_LE(tiles_read, 2 * 255u);
    EXPECT_EQ(loaded->size(), size);
    EXPECT_EQ(Hex(loaded->Root()), Hex(grown.Root()));
    for (uint64_t i = 0; i < 300; ++i) {
      std::vector<FullTile> of_grown;
      std::vector<FullTile> of_loaded;
      grown.Append(LeafNumber(size + i), of_grown);
      loaded->Append(LeafNumber(size + i), of_loaded);
      ASSERT_EQ(of_grown.size(), of_loaded.size());
      for (size_t t = 0; t < of_grown.size(); ++t) {
        ASSERT_EQ(of_grown[t].level, of_loaded[t].level);
        ASSERT_EQ(of_grown[t].index, of_loaded[t].index);
        ASSERT_EQ(of_grown[t].hashes, of_loaded[t].hashes);
      }
    }
    EXPECT_EQ(Hex(loaded->Root()), Hex(grown.Root()));
  }
}

TEST(Load, RefusesATileOfWrongLength) {
  for (const size_t bytes : {0u, 8191u, 8193u}) {
    const auto tree = Tree::Load(
        256, [&](uint32_t, uint64_t) -> absl::StatusOr<std::string> { return std::string(bytes, 'x'); },
        [](uint64_t) -> absl::StatusOr<Hash> { return Hash{}; });
    EXPECT_EQ(ReasonOf(tree.status()), Reason::kStoreDamaged);
    EXPECT_NE(MessageOf(tree.status()).find("tile 0/0"), std::string::npos);
  }
}

TEST(Load, PassesOnTheErrorsOfItsReaders) {
  const auto no_tile = [](uint32_t, uint64_t) -> absl::StatusOr<std::string> { return absl::UnavailableError("tile"); };
  const auto no_leaf = [](uint64_t) -> absl::StatusOr<Hash> { return absl::UnavailableError("leaf"); };
  EXPECT_EQ(Tree::Load(1, no_tile, no_leaf).status(), absl::UnavailableError("leaf"));
  EXPECT_EQ(Tree::Load(256, no_tile, no_leaf).status(), absl::UnavailableError("tile"));
}

TEST(Hashes, AreTheSameOnEveryThread) {
  const std::string expected = Hex(LeafHash("record"));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) EXPECT_EQ(Hex(LeafHash("record")), expected);
    });
  }
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace keyledger::merkle
