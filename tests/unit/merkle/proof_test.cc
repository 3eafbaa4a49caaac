// Proofs against RFC 9162 written down literally, against published probes, and against proofs that were changed.
#include "server/merkle/proof.h"

#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "server/base/error.h"
#include "server/merkle/base64.h"
#include "tests/support/merkle_log.h"

namespace keyledger::merkle {
namespace {

using testing::Hex;
using testing::MerkleLog;

constexpr uint64_t kLargest = std::numeric_limits<uint64_t>::max();

std::filesystem::path Probes() { return std::filesystem::path(KL_DATA_DIR) / "merkle_rfc6962"; }

// Nothing for bytes that are no hash; the probes have such.
std::optional<Hash> HashOf(const nlohmann::json& base64) {
  const std::optional<std::string> bytes = DecodeBase64(base64.get<std::string>());
  if (!bytes.has_value() || bytes->size() != kHashBytes) return std::nullopt;
  Hash hash;
  std::copy(bytes->begin(), bytes->end(), hash.begin());
  return hash;
}

// Between equal sizes the probes compare roots of any length; one that is no hash is stood in for by the hash of its
// bytes, which no tree leads to.
Hash RootOrStandIn(const nlohmann::json& base64) {
  return HashOf(base64).value_or(Sha256(DecodeBase64(base64.get<std::string>()).value_or("")));
}

std::optional<Proof> ProofOf(const nlohmann::json& array) {
  Proof proof;
  if (array.is_null()) return proof;
  for (const nlohmann::json& element : array) {
    const std::optional<Hash> hash = HashOf(element);
    if (!hash.has_value()) return std::nullopt;
    proof.push_back(*hash);
  }
  return proof;
}

// Calls `accepted` for each probe of a file and compares with what the probe wants. Returns how many there were.
int RunProbes(const std::string& name, const std::function<bool(const nlohmann::json&)>& accepted) {
  std::ifstream in(Probes() / name);
  std::string line;
  int probes = 0;
  while (std::getline(in, line)) {
    const nlohmann::json probe = nlohmann::json::parse(line);
    EXPECT_EQ(accepted(probe), !probe.at("wantErr").get<bool>()) << probe.at("file");
    ++probes;
  }
  return probes;
}

TEST(VerifyInclusion, AnswersEveryPublishedProbeAsItWants) {
  if (!std::filesystem::exists(Probes())) GTEST_SKIP() << "no " << Probes();
  const int probes = RunProbes("inclusion.jsonl", [](const nlohmann::json& probe) {
    const auto leaf = HashOf(probe.at("leafHash"));
    const auto root = HashOf(probe.at("root"));
    const auto proof = ProofOf(probe.at("proof"));
    return leaf.has_value() && root.has_value() && proof.has_value() &&
           VerifyInclusion(*leaf, probe.at("leafIdx").get<uint64_t>(), probe.at("treeSize").get<uint64_t>(), *proof,
                           *root);
  });
  EXPECT_GE(probes, 49);
}

TEST(VerifyConsistency, AnswersEveryPublishedProbeAsItWants) {
  if (!std::filesystem::exists(Probes())) GTEST_SKIP() << "no " << Probes();
  const int probes = RunProbes("consistency.jsonl", [](const nlohmann::json& probe) {
    const auto proof = ProofOf(probe.at("proof"));
    return proof.has_value() &&
           VerifyConsistency(probe.at("size1").get<uint64_t>(), probe.at("size2").get<uint64_t>(),
                             RootOrStandIn(probe.at("root1")), RootOrStandIn(probe.at("root2")), *proof);
  });
  EXPECT_GE(probes, 49);
}

TEST(RootOf, EqualsThePublishedRootsBySize) {
  if (!std::filesystem::exists(Probes())) GTEST_SKIP() << "no " << Probes();
  std::ifstream in(Probes() / "roots.json");
  const nlohmann::json roots = nlohmann::json::parse(in);
  Tree tree;
  std::vector<FullTile> full;
  for (const nlohmann::json& input : roots.at("leaf_inputs_hex")) {
    std::string bytes;
    const std::string hex = input.get<std::string>();
    for (size_t i = 0; i < hex.size(); i += 2)
      bytes.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
    tree.Append(LeafHash(bytes), full);
  }
  ASSERT_EQ(tree.size(), 8u);
  TileNodes nodes(tree,
                  [](uint32_t, uint64_t) -> absl::StatusOr<std::string> { return absl::NotFoundError("no tile"); });
  for (uint64_t size = 0; size <= 8; ++size) {
    const auto root = RootOf(size, nodes.reader());
    ASSERT_TRUE(root.ok()) << root.status();
    EXPECT_EQ(Hex(*root), roots.at("root_hashes_hex_by_size").at(size).get<std::string>()) << size;
  }
}

TEST(InclusionProof, IsTheRfcsPathForEveryLeafOfEverySizeUpTo130) {
  MerkleLog log;
  log.Grow(600);
  for (uint64_t size = 1; size <= 130; ++size) {
    const Hash root = log.Root(0, size);
    for (uint64_t index = 0; index < size; ++index) {
      TileNodes nodes = log.nodes();
      const auto proof = InclusionProof(index, size, nodes.reader());
      ASSERT_TRUE(proof.ok()) << proof.status();
      ASSERT_EQ(*proof, log.Path(index, 0, size)) << index << " of " << size;
      ASSERT_TRUE(VerifyInclusion(log.leaf(index), index, size, *proof, root)) << index << " of " << size;
    }
  }
}

TEST(ConsistencyProof, IsTheRfcsPathForEveryPairOfSizesUpTo130) {
  MerkleLog log;
  log.Grow(600);
  for (uint64_t second = 1; second <= 130; ++second) {
    for (uint64_t first = 1; first <= second; ++first) {
      TileNodes nodes = log.nodes();
      const auto proof = ConsistencyProof(first, second, nodes.reader());
      ASSERT_TRUE(proof.ok()) << proof.status();
      ASSERT_EQ(*proof, log.SubProof(first, 0, second, true)) << first << " to " << second;
      ASSERT_TRUE(VerifyConsistency(first, second, log.Root(0, first), log.Root(0, second), *proof))
          << first << " to " << second;
    }
  }
}

// Changes a proof, index, size or root in one of many ways; false if the choice changes nothing.
bool Mutate(std::mt19937_64& random, Proof& proof, uint64_t& a, uint64_t& b, Hash& x, Hash& y) {
  const auto flip = [&](Hash& hash) { hash[random() % kHashBytes] ^= static_cast<uint8_t>(1u << random() % 8); };
  switch (random() % 9) {
    case 0:
      if (proof.empty()) return false;
      flip(proof[random() % proof.size()]);
      return true;
    case 1:
      if (proof.empty()) return false;
      proof.erase(proof.begin() + static_cast<std::ptrdiff_t>(random() % proof.size()));
      return true;
    case 2: {
      Hash added{};
      flip(added);
      proof.insert(proof.begin() + static_cast<std::ptrdiff_t>(random() % (proof.size() + 1)), added);
      return true;
    }
    case 3: {
      if (proof.empty()) return false;
      const size_t at = random() % proof.size();
      proof.insert(proof.begin() + static_cast<std::ptrdiff_t>(at), proof[at]);
      return true;
    }
    case 4: {
      if (proof.size() < 2) return false;
      const size_t i = random() % proof.size();
      const size_t j = random() % proof.size();
      if (proof[i] == proof[j]) return false;
      std::swap(proof[i], proof[j]);
      return true;
    }
    case 5:
      a ^= uint64_t{1} << random() % 64;
      return true;
    case 6:
      flip(x);
      return true;
    case 7:
      flip(y);
      return true;
    default:
      // A size one off is often proved by the same hashes only if it has the same path: the caller checks the roots.
      b ^= uint64_t{1} << random() % 64;
      return true;
  }
}

TEST(InclusionProof, VerifiesAtRandomSizesAndNoMutatedOneDoes) {
  constexpr uint64_t kSeed = 20261122;
  std::cout << "seed " << kSeed << "\n";
  std::mt19937_64 random(kSeed);
  MerkleLog log;
  log.Grow(70'000);
  int mutations = 0;
  for (int round = 0; round < 2'000; ++round) {
    const uint64_t size = 1 + random() % (random() % 2 == 0 ? 70'000 : 700);
    const uint64_t index = random() % size;
    TileNodes nodes = log.nodes();
    const auto proof = InclusionProof(index, size, nodes.reader());
    ASSERT_TRUE(proof.ok()) << proof.status();
    ASSERT_LE(proof->size(), 17u);
    const auto root = RootOf(size, nodes.reader());
    ASSERT_TRUE(root.ok()) << root.status();
    ASSERT_TRUE(VerifyInclusion(log.leaf(index), index, size, *proof, *root)) << index << " of " << size;
    for (int i = 0; i < 20; ++i) {
      Proof changed = *proof;
      uint64_t changed_index = index;
      uint64_t changed_size = size;
      Hash leaf = log.leaf(index);
      Hash changed_root = *root;
      if (!Mutate(random, changed, changed_index, changed_size, leaf, changed_root)) continue;
      // The same path may prove the leaf in a tree of another size with the same shape above it: that is no forgery, as
      // the root is signed with its size.
      if (changed_size != size) continue;
      ASSERT_FALSE(VerifyInclusion(leaf, changed_index, changed_size, changed, changed_root))
          << "index " << index << " of " << size << ", round " << round << ", change " << i;
      ++mutations;
    }
  }
  EXPECT_GT(mutations, 25'000);
}

TEST(ConsistencyProof, VerifiesForRandomPairsOfSizesAndNoMutatedOneDoes) {
  constexpr uint64_t kSeed = 20261123;
  std::cout << "seed " << kSeed << "\n";
  std::mt19937_64 random(kSeed);
  MerkleLog log;
  log.Grow(70'000);
  int mutations = 0;
  for (int round = 0; round < 2'000; ++round) {
    const uint64_t second = 1 + random() % (random() % 2 == 0 ? 70'000 : 700);
    const uint64_t first = 1 + random() % second;
    TileNodes nodes = log.nodes();
    const auto proof = ConsistencyProof(first, second, nodes.reader());
    ASSERT_TRUE(proof.ok()) << proof.status();
    const Hash first_root = *RootOf(first, nodes.reader());
    const Hash second_root = *RootOf(second, nodes.reader());
    ASSERT_TRUE(VerifyConsistency(first, second, first_root, second_root, *proof)) << first << " to " << second;
    for (int i = 0; i < 20; ++i) {
      Proof changed = *proof;
      uint64_t changed_first = first;
      uint64_t changed_second = second;
      Hash changed_first_root = first_root;
      Hash changed_second_root = second_root;
      if (!Mutate(random, changed, changed_first, changed_second, changed_first_root, changed_second_root)) continue;
      if (changed_first != first || changed_second != second) continue;
      ASSERT_FALSE(VerifyConsistency(changed_first, changed_second, changed_first_root, changed_second_root, changed))
          << first << " to " << second << ", round " << round << ", change " << i;
      ++mutations;
    }
  }
  EXPECT_GT(mutations, 20'000);
}

TEST(InclusionProof, IsRefusedForAWrongIndexUnderEveryIndexOfTheTree) {
  MerkleLog log;
  log.Grow(100);
  for (const uint64_t size : {2u, 3u, 7u, 64u, 65u, 100u}) {
    for (uint64_t index = 0; index < size; ++index) {
      TileNodes nodes = log.nodes();
      const Proof proof = *InclusionProof(index, size, nodes.reader());
      for (uint64_t other = 0; other <= size; ++other) {
        ASSERT_EQ(VerifyInclusion(log.leaf(index), other, size, proof, log.Root(0, size)), other == index)
            << index << " as " << other << " of " << size;
      }
    }
  }
}

TEST(ConsistencyProof, IsRefusedForAnyOtherPairOfRoots) {
  MerkleLog log;
  log.Grow(40);
  TileNodes nodes = log.nodes();
  const Proof proof = *ConsistencyProof(13, 29, nodes.reader());
  for (uint64_t first = 0; first <= 40; ++first) {
    for (uint64_t second = 0; second <= 40; ++second) {
      ASSERT_EQ(VerifyConsistency(13, 29, log.Root(0, first), log.Root(0, second), proof), first == 13 && second == 29)
          << first << " to " << second;
    }
  }
}

TEST(VerifyConsistency, RefusesTheEmptyTreeAndTreesThatShrink) {
  EXPECT_FALSE(VerifyConsistency(0, 0, EmptyRoot(), EmptyRoot(), {}));
  EXPECT_FALSE(VerifyConsistency(0, 8, EmptyRoot(), EmptyRoot(), {}));
  EXPECT_FALSE(VerifyConsistency(2, 1, EmptyRoot(), EmptyRoot(), {}));
  EXPECT_TRUE(VerifyConsistency(1, 1, EmptyRoot(), EmptyRoot(), {}));
  EXPECT_FALSE(VerifyConsistency(1, 1, EmptyRoot(), EmptyRoot(), {Hash{}}));
  EXPECT_FALSE(VerifyConsistency(1, 1, EmptyRoot(), Hash{}, {}));
}

TEST(Verify, TakesSizesUpTo64BitsAndProofsOfAnyLength) {
  const Hash hash = LeafHash("x");
  for (const size_t length : {0u, 1u, 63u, 64u, 65u, 128u, 1000u}) {
    const Proof proof(length, hash);
    for (const uint64_t size : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 63, kLargest - 1, kLargest}) {
      for (const uint64_t index : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 63, kLargest - 1, kLargest}) {
        EXPECT_FALSE(VerifyInclusion(hash, index, size, proof, Hash{}));
        EXPECT_FALSE(VerifyConsistency(index, size, Hash{}, hash, proof));
      }
    }
  }
  // A leaf of the largest tree there can be has a proof of 64 hashes, and only that length leads to a root.
  EXPECT_TRUE(RootFromInclusion(hash, 0, kLargest, Proof(64, hash)).has_value());
  EXPECT_FALSE(RootFromInclusion(hash, 0, kLargest, Proof(63, hash)).has_value());
  EXPECT_FALSE(RootFromInclusion(hash, 0, kLargest, Proof(65, hash)).has_value());
}

TEST(InclusionProof, RefusesALeafThatTheTreeDoesNotHave) {
  MerkleLog log;
  log.Grow(10);
  TileNodes nodes = log.nodes();
  EXPECT_TRUE(InclusionProof(9, 10, nodes.reader()).ok());
  for (const auto& [index, size] : std::vector<std::pair<uint64_t, uint64_t>>{{10, 10}, {0, 0}, {kLargest, kLargest}}) {
    const auto proof = InclusionProof(index, size, nodes.reader());
    EXPECT_EQ(ReasonOf(proof.status()), Reason::kInvalidField);
    EXPECT_EQ(MessageOf(proof.status()), fmt::format("there is no leaf {} in a tree of {}", index, size));
  }
}

TEST(ConsistencyProof, RefusesTheEmptyTreeAndAFirstSizeAboveTheSecond) {
  MerkleLog log;
  log.Grow(10);
  TileNodes nodes = log.nodes();
  EXPECT_TRUE(ConsistencyProof(1, 10, nodes.reader()).ok());
  EXPECT_EQ(ConsistencyProof(10, 10, nodes.reader())->size(), 0u);
  EXPECT_EQ(ReasonOf(ConsistencyProof(0, 10, nodes.reader()).status()), Reason::kInvalidField);
  EXPECT_EQ(ReasonOf(ConsistencyProof(10, 9, nodes.reader()).status()), Reason::kInvalidField);
}

TEST(Proofs, ArePastTheTreeRefusedByItsNodes) {
  MerkleLog log;
  log.Grow(10);
  TileNodes nodes = log.nodes();
  EXPECT_EQ(ReasonOf(InclusionProof(0, 11, nodes.reader()).status()), Reason::kInvalidField);
  EXPECT_EQ(ReasonOf(ConsistencyProof(3, 17, nodes.reader()).status()), Reason::kInvalidField);
  EXPECT_EQ(ReasonOf(RootOf(kLargest, nodes.reader()).status()), Reason::kInvalidField);
  EXPECT_EQ(ReasonOf(nodes.Node(64, 0).status()), Reason::kInvalidField);
  EXPECT_EQ(ReasonOf(nodes.Node(0, 10).status()), Reason::kInvalidField);
  EXPECT_TRUE(nodes.Node(0, 9).ok());
}

TEST(TileNodes, ReadAtMostTwoTilesALevelAndEachOnce) {
  MerkleLog log;
  log.Grow(200'000);
  std::mt19937_64 random(7);
  for (int round = 0; round < 500; ++round) {
    const uint64_t size = 1 + random() % 200'000;
    const uint64_t index = random() % size;
    std::map<std::pair<uint32_t, uint64_t>, int> reads;
    TileNodes stored = log.nodes();
    TileNodes nodes(log.tree(), [&](uint32_t level, uint64_t tile) -> absl::StatusOr<std::string> {
      reads[{level, tile}] += 1;
      std::string hashes;
      for (uint64_t i = tile * 256; i < (tile + 1) * 256; ++i) {
        const auto hash = stored.Node(8 * level, i);
        if (!hash.ok()) return hash.status();
        hashes.append(hash->begin(), hash->end());
      }
      return hashes;
    });
    ASSERT_TRUE(InclusionProof(index, size, nodes.reader()).ok());
    // Three tile levels hold 200,000 leaves.
    EXPECT_LE(reads.size(), 6u) << index << " of " << size;
    for (const auto& [tile, count] : reads) EXPECT_EQ(count, 1) << tile.first << "/" << tile.second;
    ASSERT_TRUE(ConsistencyProof(index + 1, size, nodes.reader()).ok());
    for (const auto& [tile, count] : reads) EXPECT_EQ(count, 1) << tile.first << "/" << tile.second;
    EXPECT_LE(reads.size(), 9u);
  }
}

TEST(TileNodes, RefuseATileOfWrongLengthAndPassOnErrors) {
  MerkleLog log;
  log.Grow(300);
  for (const size_t bytes : {0u, 8191u, 8193u}) {
    TileNodes nodes(log.tree(),
                    [&](uint32_t, uint64_t) -> absl::StatusOr<std::string> { return std::string(bytes, 'x'); });
    const auto proof = InclusionProof(0, 300, nodes.reader());
    EXPECT_EQ(ReasonOf(proof.status()), Reason::kStoreDamaged);
    EXPECT_EQ(MessageOf(proof.status()), fmt::format("tile 0/0 has {} bytes, not 8192", bytes));
  }
  TileNodes nodes(log.tree(),
                  [](uint32_t, uint64_t) -> absl::StatusOr<std::string> { return absl::UnavailableError("away"); });
  EXPECT_EQ(ConsistencyProof(1, 300, nodes.reader()).status(), absl::UnavailableError("away"));
}

}  // namespace
}  // namespace keyledger::merkle
