// MemoryTable: a store::Table in memory, for tests of what is folded into tables.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/store/table.h"

namespace keyledger::testing {

using MemoryRows = std::map<std::string, std::string, std::less<>>;

class MemoryRowIterator final : public store::RowIterator {
 public:
  explicit MemoryRowIterator(const MemoryRows& rows) : rows_(rows), at_(rows.end()) {}
  void Seek(std::string_view key) override { at_ = rows_.lower_bound(key); }
  bool Valid() const override { return at_ != rows_.end(); }
  void Next() override { ++at_; }
  std::string_view key() const override { return at_->first; }
  std::string_view value() const override { return at_->second; }
  absl::Status status() const override { return absl::OkStatus(); }

 private:
  const MemoryRows& rows_;
  MemoryRows::const_iterator at_;
};

class MemoryTableReader final : public store::TableReader {
 public:
  MemoryTableReader(MemoryRows rows, uint64_t applied) : rows_(std::move(rows)), applied_(applied) {}
  uint64_t applied() const override { return applied_; }
  absl::StatusOr<std::optional<std::string>> Get(std::string_view key) const override {
    const auto row = rows_.find(key);
    return row == rows_.end() ? std::optional<std::string>() : std::optional<std::string>(row->second);
  }
  std::unique_ptr<store::RowIterator> NewIterator() const override {
    return std::make_unique<MemoryRowIterator>(rows_);
  }
  std::unique_ptr<store::RowIterator> NewScan() const override { return NewIterator(); }

 private:
  const MemoryRows rows_;
  const uint64_t applied_;
};

// Threads: confined to one thread.
class MemoryTable final : public store::Table {
 public:
  uint64_t applied() const override { return applied_; }
  absl::StatusOr<std::optional<std::string>> Get(std::string_view key) const override {
    gets_ += 1;
    const auto row = rows_.find(key);
    return row == rows_.end() ? std::optional<std::string>() : std::optional<std::string>(row->second);
  }
  absl::Status Write(const std::vector<store::RowChange>& changes, uint64_t applied) override {
    writes_ += 1;
    if (!write_status.ok()) return write_status;
    for (const store::RowChange& change : changes) {
      if (change.value.has_value()) {
        rows_[change.key] = *change.value;
      } else {
        rows_.erase(change.key);
      }
    }
    applied_ = applied;
    return absl::OkStatus();
  }
  absl::Status Flush() override { return absl::OkStatus(); }
  absl::Status Compact(std::atomic<bool>&) override { return absl::OkStatus(); }
  std::unique_ptr<store::TableReader> NewReader() const override {
    return std::make_unique<MemoryTableReader>(rows_, applied_);
  }

  const MemoryRows& rows() const { return rows_; }
  MemoryRows& mutable_rows() { return rows_; }
  int gets() const { return gets_; }
  int writes() const { return writes_; }

  // What Write answers instead of writing, unless OK.
  absl::Status write_status;

 private:
  MemoryRows rows_;
  uint64_t applied_ = 0;
  mutable int gets_ = 0;
  int writes_ = 0;
};

}  // namespace keyledger::testing
