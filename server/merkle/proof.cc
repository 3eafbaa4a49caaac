// See proof.h.
#include "server/merkle/proof.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <span>

#include <fmt/format.h>

#include "server/base/error.h"

namespace keyledger::merkle {
namespace {

constexpr uint32_t kTileHeight = 8;
static_assert(kTileWidth == size_t{1} << kTileHeight);

// Where RFC 9162 splits `leaves` (at least 2): the largest power of two below it.
uint64_t SplitOf(uint64_t leaves) { return std::bit_floor(leaves - 1); }

// MTH over the leaves [from, to). The ranges that proofs ask for begin at a multiple of the smallest power of two that
// holds them, so they fall into complete subtrees of falling size, one for each bit of their length.
absl::StatusOr<Hash> RootOfRange(uint64_t from, uint64_t to, const NodeReader& nodes) {
  std::vector<Hash> subtrees;
  while (from < to) {
    const uint64_t width = std::bit_floor(to - from);
    const auto level = static_cast<uint32_t>(std::countr_zero(width));
    KL_ASSIGN_OR_RETURN(const Hash hash, nodes(level, from >> level));
    subtrees.push_back(hash);
    from += width;
  }
  if (subtrees.empty()) return EmptyRoot();
  Hash root = subtrees.back();
  for (size_t i = subtrees.size() - 1; i > 0; --i) root = NodeHash(subtrees[i - 1], root);
  return root;
}

// Hash of a complete subtree, over a power of two of hashes.
Hash CompleteRoot(std::vector<Hash> level) {
  while (level.size() > 1) {
    for (size_t i = 0; i < level.size() / 2; ++i) level[i] = NodeHash(level[2 * i], level[2 * i + 1]);
    level.resize(level.size() / 2);
  }
  return level[0];
}

}  // namespace

absl::StatusOr<Hash> RootOf(uint64_t size, const NodeReader& nodes) { return RootOfRange(0, size, nodes); }

absl::StatusOr<Proof> InclusionProof(uint64_t index, uint64_t size, const NodeReader& nodes) {
  if (index >= size) {
    return MakeError(Reason::kInvalidField, fmt::format("there is no leaf {} in a tree of {}", index, size));
  }
  Proof proof;
  uint64_t from = 0;
  uint64_t to = size;
  while (to - from > 1) {
    const uint64_t middle = from + SplitOf(to - from);
    if (index < middle) {
      KL_ASSIGN_OR_RETURN(const Hash right, RootOfRange(middle, to, nodes));
      proof.push_back(right);
      to = middle;
    } else {
      KL_ASSIGN_OR_RETURN(const Hash left, RootOfRange(from, middle, nodes));
      proof.push_back(left);
      from = middle;
    }
  }
  std::reverse(proof.begin(), proof.end());
  return proof;
}

absl::StatusOr<Proof> ConsistencyProof(uint64_t first, uint64_t second, const NodeReader& nodes) {
  if (first == 0 || first > second) {
    return MakeError(
        Reason::kInvalidField,
        fmt::format("no consistency proof from size {} to {}: the first must be at least 1 and at most the second",
                    first, second));
  }
  Proof proof;
  uint64_t from = 0;
  uint64_t to = second;
  // The verifier knows the first root: the subtree that ends at `first` is left out while it is the whole first tree.
  while (first < to) {
    const uint64_t middle = from + SplitOf(to - from);
    if (first <= middle) {
      KL_ASSIGN_OR_RETURN(const Hash right, RootOfRange(middle, to, nodes));
      proof.push_back(right);
      to = middle;
    } else {
      KL_ASSIGN_OR_RETURN(const Hash left, RootOfRange(from, middle, nodes));
      proof.push_back(left);
      from = middle;
    }
  }
  if (from > 0) {
    KL_ASSIGN_OR_RETURN(const Hash last, RootOfRange(from, to, nodes));
    proof.push_back(last);
  }
  std::reverse(proof.begin(), proof.end());
  return proof;
}

std::optional<Hash> RootFromInclusion(const Hash& leaf, uint64_t index, uint64_t size, const Proof& proof) {
  if (index >= size) return std::nullopt;
  uint64_t fn = index;
  uint64_t sn = size - 1;
  Hash root = leaf;
  for (const Hash& hash : proof) {
    if (sn == 0) return std::nullopt;
    if ((fn & 1) != 0 || fn == sn) {
      root = NodeHash(hash, root);
      while ((fn & 1) == 0 && fn != 0) {
        fn >>= 1;
        sn >>= 1;
      }
    } else {
      root = NodeHash(root, hash);
    }
    fn >>= 1;
    sn >>= 1;
  }
  if (sn != 0) return std::nullopt;
  return root;
}

bool VerifyInclusion(const Hash& leaf, uint64_t index, uint64_t size, const Proof& proof, const Hash& root) {
  return RootFromInclusion(leaf, index, size, proof) == root;
}

bool VerifyConsistency(uint64_t first, uint64_t second, const Hash& first_root, const Hash& second_root,
                       const Proof& proof) {
  if (first == 0 || first > second) return false;
  if (first == second) return proof.empty() && first_root == second_root;
  if (proof.empty()) return false;
  // A first tree that is one complete subtree is not in the proof.
  const bool complete = std::has_single_bit(first);
  uint64_t fn = first - 1;
  uint64_t sn = second - 1;
  while ((fn & 1) != 0) {
    fn >>= 1;
    sn >>= 1;
  }
  Hash fr = complete ? first_root : proof[0];
  Hash sr = fr;
  for (size_t i = complete ? 0 : 1; i < proof.size(); ++i) {
    if (sn == 0) return false;
    if ((fn & 1) != 0 || fn == sn) {
      fr = NodeHash(proof[i], fr);
      sr = NodeHash(proof[i], sr);
      while ((fn & 1) == 0 && fn != 0) {
        fn >>= 1;
        sn >>= 1;
      }
    } else {
      sr = NodeHash(sr, proof[i]);
    }
    fn >>= 1;
    sn >>= 1;
  }
  return sn == 0 && fr == first_root && sr == second_root;
}

absl::StatusOr<Hash> TileNodes::Node(uint32_t level, uint64_t index) {
  if (level >= 64 || index >= tree_.size() >> level) {
    return MakeError(Reason::kInvalidField, fmt::format("there is no complete subtree {} of level {} in a tree of {}",
                                                        index, level, tree_.size()));
  }
  // The subtree is the root over `width` hashes of one tile.
  const uint32_t tile_level = level / kTileHeight;
  const uint64_t width = uint64_t{1} << (level % kTileHeight);
  const uint64_t begin = index * width;
  const uint64_t tile_index = begin / kTileWidth;
  const size_t offset = begin % kTileWidth;
  const uint64_t hashes_of_level = tree_.size() >> (tile_level * kTileHeight);
  if (tile_index == hashes_of_level / kTileWidth) {
    const std::span<const Hash> edge = tree_.edge(tile_level);
    const auto at = edge.begin() + static_cast<std::ptrdiff_t>(offset);
    return CompleteRoot(std::vector<Hash>(at, at + static_cast<std::ptrdiff_t>(width)));
  }
  auto tile = tiles_.find({tile_level, tile_index});
  if (tile == tiles_.end()) {
    KL_ASSIGN_OR_RETURN(std::string hashes, read_tile_(tile_level, tile_index));
    if (hashes.size() != kTileWidth * kHashBytes) {
      return MakeError(Reason::kStoreDamaged, fmt::format("tile {}/{} has {} bytes, not {}", tile_level, tile_index,
                                                          hashes.size(), kTileWidth * kHashBytes));
    }
    tile = tiles_.emplace(std::pair(tile_level, tile_index), std::move(hashes)).first;
  }
  std::vector<Hash> hashes(width);
  for (size_t i = 0; i < width; ++i) {
    std::copy_n(tile->second.begin() + static_cast<std::ptrdiff_t>((offset + i) * kHashBytes), kHashBytes,
                hashes[i].begin());
  }
  return CompleteRoot(std::move(hashes));
}

}  // namespace keyledger::merkle
