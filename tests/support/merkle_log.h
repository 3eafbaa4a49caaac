// MerkleLog: a tree of numbered leaves with its tiles in memory, and RFC 9162's recursive definitions written down
// literally, for tests of proofs.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>
#include <fmt/format.h>

#include "server/merkle/proof.h"
#include "server/merkle/tree.h"

namespace keyledger::testing {

inline std::string Hex(const merkle::Hash& hash) {
  std::string text;
  for (const uint8_t byte : hash) text += fmt::format("{:02x}", byte);
  return text;
}

// Threads: thread-compatible.
class MerkleLog {
 public:
  void Grow(uint64_t size) {
    std::vector<merkle::FullTile> full;
    while (tree_.size() < size) {
      leaves_.push_back(merkle::LeafHash(fmt::format("record {}", tree_.size())));
      tree_.Append(leaves_.back(), full);
    }
    for (merkle::FullTile& tile : full) tiles_[{tile.level, tile.index}] = std::move(tile.hashes);
  }
  const merkle::Hash& leaf(uint64_t index) const { return leaves_[index]; }
  const merkle::Tree& tree() const { return tree_; }
  merkle::TileNodes nodes() const {
    return merkle::TileNodes(tree_, [this](uint32_t level, uint64_t index) -> absl::StatusOr<std::string> {
      const auto tile = tiles_.find({level, index});
      if (tile == tiles_.end()) return absl::NotFoundError(fmt::format("tile {}/{}", level, index));
      return tile->second;
    });
  }

  // MTH(D[from:to]), section 2.1.1.
  merkle::Hash Root(size_t from, size_t to) const {
    if (from == to) return merkle::EmptyRoot();
    if (to - from == 1) return leaves_[from];
    const size_t k = Split(to - from);
    return merkle::NodeHash(Root(from, from + k), Root(from + k, to));
  }
  // PATH(m, D[from:to]), section 2.1.3.1.
  merkle::Proof Path(size_t m, size_t from, size_t to) const {
    if (to - from == 1) return {};
    const size_t k = Split(to - from);
    merkle::Proof path = m < k ? Path(m, from, from + k) : Path(m - k, from + k, to);
    path.push_back(m < k ? Root(from + k, to) : Root(from, from + k));
    return path;
  }
  // SUBPROOF(m, D[from:to], complete), section 2.1.4.1.
  merkle::Proof SubProof(size_t m, size_t from, size_t to, bool complete) const {
    if (m == to - from) return complete ? merkle::Proof{} : merkle::Proof{Root(from, to)};
    const size_t k = Split(to - from);
    merkle::Proof path = m <= k ? SubProof(m, from, from + k, complete) : SubProof(m - k, from + k, to, false);
    path.push_back(m <= k ? Root(from + k, to) : Root(from, from + k));
    return path;
  }

 private:
  static size_t Split(size_t leaves) {
    size_t k = 1;
    while (k * 2 < leaves) k *= 2;
    return k;
  }

  merkle::Tree tree_;
  std::vector<merkle::Hash> leaves_;
  std::map<std::pair<uint32_t, uint64_t>, std::string> tiles_;
};

}  // namespace keyledger::testing
