// LedgerStore: a shard's store in a directory of its own, filled with records as they are, and the watch on its head.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "keyledger/events/v1/record.pb.h"
#include "server/base/check.h"
#include "server/base/head_watch.h"
#include "server/store/shard_store.h"
#include "tests/support/temp_dir.h"

namespace keyledger::testing {

// Threads: Append by one thread.
class LedgerStore {
 public:
  // `env`: null: the machine's. `disk_reserve_bytes`: as in StoreOptions.
  explicit LedgerStore(rocksdb::Env* env = nullptr, uint64_t disk_reserve_bytes = 0) {
    options_.path = directory_ / "shard";
    options_.ledger_id = "test";
    options_.disk_reserve_bytes = disk_reserve_bytes;
    options_.env = env;
    Open();
  }
  LedgerStore(const LedgerStore&) = delete;
  LedgerStore& operator=(const LedgerStore&) = delete;

  // As after a clean stop. Nothing may use the store.
  void Reopen() {
    store_.reset();
    Open();
  }

  // Appends the records from position head on, as one group, and publishes the head.
  void Append(const std::vector<events::v1::EventRecord>& records, size_t to) {
    std::vector<std::string> bytes;
    for (size_t i = store_->record_count(); i < to; ++i) bytes.push_back(records[i].SerializeAsString());
    AppendBytes(bytes, records);
  }

  // Appends a record of any bytes at all.
  void AppendRaw(const std::string& bytes) { AppendBytes({bytes}, {}); }

  // The store as a process that is killed now would leave it, for reading.
  std::unique_ptr<store::ShardStore> AfterKill() const {
    store::StoreOptions options = options_;
    options.read_only = true;
    auto opened = store::ShardStore::Open(options);
    EXPECT_TRUE(opened.ok()) << opened.status();
    KL_CHECK(opened.ok());
    return *std::move(opened);
  }

  const std::string& directory() const { return options_.path; }
  store::ShardStore& store() { return *store_; }
  HeadWatch& head() { return *head_; }

 private:
  void Open() {
    auto opened = store::ShardStore::Open(options_);
    EXPECT_TRUE(opened.ok()) << opened.status();
    KL_CHECK(opened.ok());
    store_ = *std::move(opened);
    head_ = std::make_unique<HeadWatch>(store_->record_count());
  }

  void AppendBytes(const std::vector<std::string>& bytes, const std::vector<events::v1::EventRecord>& records) {
    store::CommitGroup group;
    group.first_position = store_->record_count();
    for (size_t i = 0; i < bytes.size(); ++i) {
      store::RecordEntry& entry = group.records.emplace_back();
      const size_t position = group.first_position + i;
      entry.account_id = position < records.size() ? records[position].account_id() : "raw";
      entry.revision = position < records.size() ? records[position].revision() : position;
      entry.bytes = bytes[i];
    }
    const absl::Status appended = store_->Append(group);
    EXPECT_TRUE(appended.ok()) << appended;
    head_->Publish(store_->record_count());
  }

  const TempDir directory_;
  store::StoreOptions options_;
  std::unique_ptr<store::ShardStore> store_;
  std::unique_ptr<HeadWatch> head_;
};

}  // namespace keyledger::testing
