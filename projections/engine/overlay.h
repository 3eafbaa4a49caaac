// Overlay: the rows of one build as the fold sees them: what it changed and has not written yet, over what the table
// holds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <absl/container/flat_hash_set.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "projections/engine/projection.h"
#include "server/store/table.h"

namespace keyledger::projections {

// Changed rows wait here until Flush; rows that were read stay in a bounded cache across flushes, since the same
// accounts come again. Threads: confined to the folding thread. Lifetime: the table must outlive it.
class Overlay final : public Rows {
 public:
  explicit Overlay(store::Table& table);
  Overlay(const Overlay&) = delete;
  Overlay& operator=(const Overlay&) = delete;

  absl::StatusOr<std::optional<std::string_view>> Get(std::string_view key) override;
  void Put(std::string_view key, std::string_view value) override;
  void Add(std::string_view key, std::string_view value) override;
  void Delete(std::string_view key) override;

  // Approximate bytes of the changes that wait.
  size_t pending_bytes() const { return pending_bytes_; }

  // Writes the changes and the checkpoint, and forgets the changes. On failure they are forgotten too: the table is as
  // after the last success.
  absl::Status Flush(uint64_t applied);

 private:
  // The index holds places in changes_ and finds them by their key.
  struct KeyHash {
    using is_transparent = void;
    const std::vector<store::RowChange>* changes;
    size_t operator()(uint32_t at) const { return (*this)(std::string_view((*changes)[at].key)); }
    size_t operator()(std::string_view key) const { return std::hash<std::string_view>()(key); }
  };
  struct KeyEqual {
    using is_transparent = void;
    const std::vector<store::RowChange>* changes;
    bool operator()(uint32_t a, uint32_t b) const { return a == b; }
    bool operator()(uint32_t a, std::string_view b) const { return (*changes)[a].key == b; }
    bool operator()(std::string_view a, uint32_t b) const { return (*changes)[b].key == a; }
  };
  struct TextHash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };

  // The change of the row, made if there is none yet.
  store::RowChange& ChangeOf(std::string_view key);

  store::Table& table_;
  std::vector<store::RowChange> changes_;
  // Rows that are never read: in no index.
  std::vector<store::RowChange> added_;
  // Place of the change that was read last; any other is only slower.
  size_t last_read_ = 0;
  absl::flat_hash_set<uint32_t, KeyHash, KeyEqual> index_;
  size_t pending_bytes_ = 0;
  // Rows as the table has them; nothing: known to be absent. Holds only keys that were read.
  std::unordered_map<std::string, std::optional<std::string>, TextHash, std::equal_to<>> cache_;
  size_t cache_bytes_ = 0;
};

}  // namespace keyledger::projections
