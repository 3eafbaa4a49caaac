#include "server/merkle/tree.h"

#include <optional>
#include <utility>

#include <fmt/format.h>
#include <openssl/evp.h>

#include "server/base/check.h"
#include "server/base/error.h"

namespace keyledger::merkle {
namespace {

// A tile is a complete subtree of this many levels.
constexpr int kTileHeight = 8;
static_assert(kTileWidth == size_t{1} << kTileHeight);

// SHA-256 by OpenSSL. Fetching an algorithm takes longer than hashing a node with it: it is fetched once, and each
// thread keeps one context.
class Hasher {
 public:
  Hasher() : context_(EVP_MD_CTX_new()) { KL_CHECK(context_ != nullptr); }
  ~Hasher() { EVP_MD_CTX_free(context_); }
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;

  static Hasher& OfThread() {
    thread_local Hasher hasher;
    return hasher;
  }

  void Start() { KL_CHECK(EVP_DigestInit_ex2(context_, Algorithm(), nullptr) == 1); }
  void Add(const void* bytes, size_t size) { KL_CHECK(EVP_DigestUpdate(context_, bytes, size) == 1); }
  Hash Finish() {
    Hash hash;
    unsigned int size = 0;
    KL_CHECK(EVP_DigestFinal_ex(context_, hash.data(), &size) == 1 && size == kHashBytes);
    return hash;
  }

 private:
  // Never freed: threads may hash until the process ends.
  static const EVP_MD* Algorithm() {
    static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    KL_CHECK(algorithm != nullptr);
    return algorithm;
  }

  EVP_MD_CTX* const context_;
};

// Hash of a complete subtree, over a power of two of hashes.
Hash CompleteRoot(std::vector<Hash> level) {
  while (level.size() > 1) {
    for (size_t i = 0; i < level.size() / 2; ++i) level[i] = NodeHash(level[2 * i], level[2 * i + 1]);
    level.resize(level.size() / 2);
  }
  return level[0];
}

Hash HashAt(std::string_view hashes, size_t index) {
  Hash hash;
  std::copy_n(hashes.begin() + static_cast<std::ptrdiff_t>(index * kHashBytes), kHashBytes, hash.begin());
  return hash;
}

}  // namespace

Hash LeafHash(std::string_view record) {
  constexpr char kPrefix = 0;
  Hasher& hasher = Hasher::OfThread();
  hasher.Start();
  hasher.Add(&kPrefix, 1);
  hasher.Add(record.data(), record.size());
  return hasher.Finish();
}

Hash NodeHash(const Hash& left, const Hash& right) {
  constexpr char kPrefix = 1;
  Hasher& hasher = Hasher::OfThread();
  hasher.Start();
  hasher.Add(&kPrefix, 1);
  hasher.Add(left.data(), left.size());
  hasher.Add(right.data(), right.size());
  return hasher.Finish();
}

Hash EmptyRoot() { return Sha256({}); }

Hash Sha256(std::string_view bytes) {
  Hasher& hasher = Hasher::OfThread();
  hasher.Start();
  hasher.Add(bytes.data(), bytes.size());
  return hasher.Finish();
}

absl::StatusOr<Tree> Tree::Load(
    uint64_t size, const std::function<absl::StatusOr<std::string>(uint32_t level, uint64_t index)>& read_tile,
    const std::function<absl::StatusOr<Hash>(uint64_t index)>& read_leaf) {
  Tree tree;
  tree.size_ = size;
  for (uint64_t leaf = size - size % kTileWidth; leaf < size; ++leaf) {
    if (tree.edge_.empty()) tree.edge_.emplace_back();
    KL_ASSIGN_OR_RETURN(const Hash hash, read_leaf(leaf));
    tree.edge_[0].push_back(hash);
  }
  // Level L has one hash for each full tile of level L - 1.
  uint64_t below = size;
  for (uint32_t level = 1; below >= kTileWidth; ++level) {
    const uint64_t hashes = below / kTileWidth;
    tree.edge_.resize(level + 1);
    for (uint64_t index = hashes - hashes % kTileWidth; index < hashes; ++index) {
      KL_ASSIGN_OR_RETURN(const std::string tile, read_tile(level - 1, index));
      if (tile.size() != kTileWidth * kHashBytes) {
        return MakeError(Reason::kStoreDamaged, fmt::format("tile {}/{} has {} bytes, not {}", level - 1, index,
                                                            tile.size(), kTileWidth * kHashBytes));
      }
      std::vector<Hash> children;
      children.reserve(kTileWidth);
      for (size_t i = 0; i < kTileWidth; ++i) children.push_back(HashAt(tile, i));
      tree.edge_[level].push_back(CompleteRoot(std::move(children)));
    }
    below = hashes;
  }
  return tree;
}

void Tree::Append(const Hash& leaf, std::vector<FullTile>& full) {
  Hash hash = leaf;
  // The tile that becomes full at level L, if one does, is the one that holds this leaf.
  uint64_t index = size_ / kTileWidth;
  ++size_;
  for (uint32_t level = 0;; ++level, index /= kTileWidth) {
    if (edge_.size() <= level) edge_.emplace_back();
    edge_[level].push_back(hash);
    if (edge_[level].size() < kTileWidth) return;
    FullTile tile;
    tile.level = level;
    tile.index = index;
    tile.hashes.reserve(kTileWidth * kHashBytes);
    for (const Hash& h : edge_[level]) tile.hashes.append(h.begin(), h.end());
    full.push_back(std::move(tile));
    hash = CompleteRoot(std::move(edge_[level]));
    edge_[level].clear();
  }
}

// RFC 6962 splits a tree into complete subtrees of falling size, one for each bit of its size, and hashes them together
// from the right. The lowest 8 bits are in edge_[0], the next 8 in edge_[1], and so on; in a level the small subtrees
// stand at the end.
Hash Tree::Root() const {
  std::optional<Hash> root;
  for (const std::vector<Hash>& level : edge_) {
    size_t end = level.size();
    for (int bit = 0; bit < kTileHeight; ++bit) {
      const size_t width = size_t{1} << bit;
      if ((level.size() & width) == 0) continue;
      const auto last = level.begin() + static_cast<std::ptrdiff_t>(end);
      const Hash subtree = CompleteRoot(std::vector<Hash>(last - static_cast<std::ptrdiff_t>(width), last));
      root = root.has_value() ? NodeHash(subtree, *root) : subtree;
      end -= width;
    }
  }
  return root.value_or(EmptyRoot());
}

}  // namespace keyledger::merkle
