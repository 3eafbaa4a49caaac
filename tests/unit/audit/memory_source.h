// MemorySource: the records of a ledger in memory, to be replayed as they are or after something was done to them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "keyledger/events/v1/record.pb.h"
#include "server/audit/record_source.h"
#include "server/base/error.h"
#include "server/domain/event_kinds.h"
#include "server/merkle/checkpoint.h"
#include "server/merkle/tree.h"

namespace keyledger::testing {

// Streams are what the records say of themselves, as in a bundle.
class MemorySource final : public audit::RecordSource {
 public:
  // By shard.
  using Logs = std::vector<std::vector<std::string>>;

  explicit MemorySource(Logs logs) : logs_(std::move(logs)), checkpoints_(logs_.size()) {}

  audit::SourceScope scope() const override { return audit::SourceScope::kLedger; }
  uint32_t shard_count() const override { return static_cast<uint32_t>(logs_.size()); }
  std::string origin(uint32_t shard) const override { return merkle::OriginOf("test", shard); }
  uint64_t record_count(uint32_t shard) const override { return logs_[shard].size(); }

  absl::Status ReadLog(uint32_t shard, const VisitRecord& visit) override {
    for (size_t i = 0; i < logs_[shard].size(); ++i) {
      KL_RETURN_IF_ERROR(visit({i, logs_[shard][i], absl::OkStatus()}));
    }
    return absl::OkStatus();
  }
  absl::Status ListStreams(uint32_t shard, const VisitText& visit) override {
    const auto streams = Streams(shard);
    for (const auto& [id, records] : streams) KL_RETURN_IF_ERROR(visit(id));
    return absl::OkStatus();
  }
  absl::Status ReadStream(uint32_t shard, const std::string& stream, const VisitRecord& visit) override {
    const auto streams = Streams(shard);
    const auto found = streams.find(stream);
    if (found == streams.end()) return absl::OkStatus();
    for (const auto& [revision, place] : found->second) {
      KL_RETURN_IF_ERROR(visit({place, logs_[shard][place], absl::OkStatus()}));
    }
    return absl::OkStatus();
  }
  absl::Status ReadCheckpoints(uint32_t shard, const VisitText& visit) override {
    for (const std::string& note : checkpoints_[shard]) KL_RETURN_IF_ERROR(visit(note));
    return absl::OkStatus();
  }
  bool has_tiles() const override { return !tiles_.empty(); }
  absl::StatusOr<std::optional<std::string>> ReadTile(uint32_t shard, uint32_t level, uint64_t index) override {
    const auto found = tiles_.find({shard, level, index});
    return found == tiles_.end() ? std::nullopt : std::optional(found->second);
  }

  Logs& logs() { return logs_; }
  events::v1::EventRecord Get(uint32_t shard, uint64_t position) const {
    events::v1::EventRecord record;
    EXPECT_TRUE(record.ParseFromString(logs_[shard][position]));
    return record;
  }
  void Set(uint32_t shard, uint64_t position, const events::v1::EventRecord& record) {
    logs_[shard][position] = record.SerializeAsString();
    streams_.clear();
  }
  // Changes one record.
  void Change(uint32_t shard, uint64_t position, const std::function<void(events::v1::EventRecord&)>& change) {
    events::v1::EventRecord record = Get(shard, position);
    change(record);
    Set(shard, position, record);
  }
  void Drop(uint32_t shard, uint64_t position) {
    logs_[shard].erase(logs_[shard].begin() + static_cast<ptrdiff_t>(position));
    streams_.clear();
  }
  void Swap(uint32_t shard, uint64_t a, uint64_t b) {
    std::swap(logs_[shard][a], logs_[shard][b]);
    streams_.clear();
  }
  // Puts a record in, and gives it and all behind it, in the log and in its stream, the places that follow: a log that
  // was written anew.
  void Insert(uint32_t shard, uint64_t position, events::v1::EventRecord record) {
    logs_[shard].insert(logs_[shard].begin() + static_cast<ptrdiff_t>(position), record.SerializeAsString());
    Renumber(shard);
  }
  // Takes one out of a log that is written anew.
  void Omit(uint32_t shard, uint64_t position) {
    Drop(shard, position);
    Renumber(shard);
  }
  // Takes up the hashes as they are now.
  void KeepTiles() {
    tiles_.clear();
    for (uint32_t shard = 0; shard < logs_.size(); ++shard) {
      merkle::Tree tree;
      std::vector<merkle::FullTile> full;
      for (const std::string& bytes : logs_[shard]) tree.Append(merkle::LeafHash(bytes), full);
      for (const merkle::FullTile& tile : full) tiles_[{shard, tile.level, tile.index}] = tile.hashes;
    }
  }
  // Signs the first `size` records of the shard.
  void Sign(uint32_t shard, uint64_t size, const merkle::SigningKey& key) {
    merkle::Tree tree;
    std::vector<merkle::FullTile> full;
    for (uint64_t i = 0; i < size; ++i) tree.Append(merkle::LeafHash(logs_[shard][i]), full);
    const merkle::NoteSigner signers[] = {{origin(shard), &key}};
    auto note = merkle::SignNote(merkle::FormatCheckpoint({origin(shard), size, tree.Root()}), signers);
    EXPECT_TRUE(note.ok()) << note.status();
    checkpoints_[shard].push_back(*note);
  }
  std::vector<std::vector<std::string>>& checkpoints() { return checkpoints_; }

 private:
  // Revision and place of each record, by stream.
  std::map<std::string, std::vector<std::pair<uint64_t, uint64_t>>> Streams(uint32_t shard) {
    auto& streams = streams_[shard];
    if (!streams.empty()) return streams;
    for (uint64_t i = 0; i < logs_[shard].size(); ++i) {
      events::v1::EventRecord record;
      if (!record.ParseFromString(logs_[shard][i])) continue;
      streams[record.account_id()].emplace_back(record.revision(), i);
    }
    for (auto& [id, records] : streams) std::stable_sort(records.begin(), records.end());
    return streams;
  }

  void Renumber(uint32_t shard) {
    std::map<std::string, uint64_t> next;
    std::map<std::string, std::string> renamed;
    for (uint64_t i = 0; i < logs_[shard].size(); ++i) {
      Change(shard, i, [&](events::v1::EventRecord& record) {
        record.set_position(i);
        record.set_revision(next[record.account_id()]++);
        // Decisions are named by their places; facts keep the names that others know them by.
        if (domain::IsFact(record.event())) return;
        const std::string name = std::to_string(shard) + "-" + std::to_string(i);
        renamed[record.event_id()] = name;
        record.set_event_id(name);
      });
    }
    for (uint64_t i = 0; i < logs_[shard].size(); ++i) {
      Change(shard, i, [&](events::v1::EventRecord& record) {
        if (!record.event().has_points_transfer_completed()) return;
        auto& completed = *record.mutable_event()->mutable_points_transfer_completed();
        const auto found = renamed.find(completed.received_event_id());
        if (found != renamed.end()) completed.set_received_event_id(found->second);
      });
    }
    streams_.clear();
  }

  Logs logs_;
  std::vector<std::vector<std::string>> checkpoints_;
  std::map<std::tuple<uint32_t, uint32_t, uint64_t>, std::string> tiles_;
  std::map<uint32_t, std::map<std::string, std::vector<std::pair<uint64_t, uint64_t>>>> streams_;
};

}  // namespace keyledger::testing
