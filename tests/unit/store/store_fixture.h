// StoreTest: a store in a directory of the test's own.
#pragma once

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "server/base/error.h"
#include "server/store/shard_store.h"
#include "tests/support/log_model.h"
#include "tests/support/temp_dir.h"

namespace keyledger::store {

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() {
    options_.path = directory_ / "shard-0";
    options_.ledger_id = "0123abcd";
  }

  void Open() {
    auto store = ShardStore::Open(options_);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }
  void Reopen() {
    store_.reset();
    Open();
  }
  // Closes the store and returns how opening it again fails.
  absl::Status OpenFailure() {
    store_.reset();
    return ShardStore::Open(options_).status();
  }
  // Appends one group of records of `account`, bytes "<account>-<revision>".
  void Append(const std::string& account, uint64_t first_revision, uint64_t records) {
    CommitGroup group;
    group.first_position = store_->record_count();
    for (uint64_t r = first_revision; r < first_revision + records; ++r) {
      group.records.push_back({account, r, account + "-" + std::to_string(r)});
    }
    ASSERT_TRUE(store_->Append(group).ok());
  }
  // Appends groups of the model.
  void AppendModel(int groups) {
    for (int i = 0; i < groups; ++i) {
      const CommitGroup group = model_.NextGroup(4);
      ASSERT_TRUE(store_->Append(group).ok());
      model_.Accept(group);
    }
  }

  keyledger::testing::TempDir directory_;
  StoreOptions options_;
  keyledger::testing::LogModel model_{7};
  std::unique_ptr<ShardStore> store_;
};

}  // namespace keyledger::store
