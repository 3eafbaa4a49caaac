// Proof: inclusion and consistency in a Merkle tree, made from stored hashes and checked from nothing but the hashes
// given (RFC 9162 sections 2.1.3 and 2.1.4).
//
// Whoever makes a proof reads hashes of complete subtrees through a NodeReader; TileNodes is one over a log's full
// tiles and the edge of its tree.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>

#include "server/merkle/tree.h"

namespace keyledger::merkle {

// Hashes from the leaf up. At most 64 for inclusion, 128 for consistency.
using Proof = std::vector<Hash>;

// Returns the hash of the complete subtree number `index` of binary level `level`: over the leaves [index * 2^level,
// (index + 1) * 2^level).
using NodeReader = std::function<absl::StatusOr<Hash>(uint32_t level, uint64_t index)>;

// The makers read O(log size) nodes. Errors of all: those of `nodes`, and INVALID_ARGUMENT (kInvalidField) for sizes
// that do not fit.

// Root of the tree over the first `size` leaves.
absl::StatusOr<Hash> RootOf(uint64_t size, const NodeReader& nodes);
// That leaf `index` is in the tree of the first `size` leaves. Refuses index >= size.
absl::StatusOr<Proof> InclusionProof(uint64_t index, uint64_t size, const NodeReader& nodes);
// That the tree of the first `second` leaves begins with that of the first `first`. Refuses first = 0 and first >
// second. Empty if they are equal.
absl::StatusOr<Proof> ConsistencyProof(uint64_t first, uint64_t second, const NodeReader& nodes);

// The checks take any input; sizes may be whatever 64 bits hold.

// The root that the proof leads to; nothing if its length does not fit index and size.
std::optional<Hash> RootFromInclusion(const Hash& leaf, uint64_t index, uint64_t size, const Proof& proof);
// True if the leaf is proved to be number `index` of the tree of `size` leaves with this root.
bool VerifyInclusion(const Hash& leaf, uint64_t index, uint64_t size, const Proof& proof, const Hash& root);
// True if the second tree is proved to begin with the first. False for first = 0: the empty tree says nothing of the
// other.
bool VerifyConsistency(uint64_t first, uint64_t second, const Hash& first_root, const Hash& second_root,
                       const Proof& proof);

// Nodes of one log, out of its full tiles and what its tree knows beyond them. Reads each tile once and keeps it: make
// one for each proof, which needs at most two tiles a level. Threads: confined to one thread. Lifetime: `read_tile`
// must stay callable.
class TileNodes {
 public:
  // Returns the 256 hashes of a full tile.
  using ReadTile = std::function<absl::StatusOr<std::string>(uint32_t level, uint64_t index)>;

  TileNodes(Tree tree, ReadTile read_tile) : tree_(std::move(tree)), read_tile_(std::move(read_tile)) {}

  const Tree& tree() const { return tree_; }
  // As NodeReader. Errors: those of read_tile; INVALID_ARGUMENT (kInvalidField) if the subtree reaches past the tree;
  // DATA_LOSS (kStoreDamaged) for a tile of wrong length.
  absl::StatusOr<Hash> Node(uint32_t level, uint64_t index);
  // This, as a function; it must not outlive this.
  NodeReader reader() {
    return [this](uint32_t level, uint64_t index) { return Node(level, index); };
  }
  // Tiles read so far.
  size_t tiles_read() const { return tiles_.size(); }

 private:
  Tree tree_;
  ReadTile read_tile_;
  std::map<std::pair<uint32_t, uint64_t>, std::string> tiles_;
};

}  // namespace keyledger::merkle
