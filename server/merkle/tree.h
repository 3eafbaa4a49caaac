// Tree: the RFC 6962 Merkle tree of a shard's log, grown record by record, with its full tiles.
//
// Leaf hash = SHA-256(0x00 || record bytes); node hash = SHA-256(0x01 || left || right) (RFC 6962 section 2.1). A tile
// holds 256 hashes of one level: tile (L, i) holds the hashes of the complete subtrees of 256^L leaves, numbers 256 i
// to 256 i + 255, so a full tile of level L gives one hash of level L + 1 (the layout of C2SP tlog-tiles).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

namespace keyledger::merkle {

inline constexpr size_t kHashBytes = 32;
inline constexpr size_t kTileWidth = 256;

using Hash = std::array<uint8_t, kHashBytes>;

// SHA-256(0x00 || record).
Hash LeafHash(std::string_view record);
// SHA-256(0x01 || left || right).
Hash NodeHash(const Hash& left, const Hash& right);
// The root of the empty tree: SHA-256 of nothing.
Hash EmptyRoot();
// Plain SHA-256.
Hash Sha256(std::string_view bytes);

// A tile that has just become full.
struct FullTile {
  uint32_t level = 0;
  uint64_t index = 0;
  // kTileWidth hashes in a row.
  std::string hashes;
};

// The growing edge of a tree: the hashes of its partial tiles, at most 255 per level.
// Threads: thread-compatible.
class Tree {
 public:
  // An empty tree.
  Tree() = default;

  // Rebuilds the edge of a tree of `size` leaves. `read_tile(level, index)` returns a full tile's hashes;
  // `read_leaf(index)` the hash of a leaf that is in no full tile of level 0. Reads at most 255 of each per level,
  // whatever the size.
  // Errors: those of the callbacks; DATA_LOSS (kStoreDamaged) for a tile of wrong length.
  static absl::StatusOr<Tree> Load(
      uint64_t size, const std::function<absl::StatusOr<std::string>(uint32_t level, uint64_t index)>& read_tile,
      const std::function<absl::StatusOr<Hash>(uint64_t index)>& read_leaf);

  // Number of leaves.
  uint64_t size() const { return size_; }
  // Adds a leaf; tiles that become full are appended to `full`.
  void Append(const Hash& leaf, std::vector<FullTile>& full);
  // The root hash over all leaves (RFC 6962 MTH).
  Hash Root() const;
  // The hashes of tile level `level` that are in no full tile: those of the tile that is being filled, from its first
  // on.
  std::span<const Hash> edge(uint32_t level) const {
    return level < edge_.size() ? std::span<const Hash>(edge_[level]) : std::span<const Hash>();
  }

 private:
  uint64_t size_ = 0;
  // edge_[L]: the hashes of level L that are in no full tile yet.
  std::vector<std::vector<Hash>> edge_;
};

}  // namespace keyledger::merkle
