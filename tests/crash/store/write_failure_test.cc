// Writes and syncs that fail at each place in turn: the shard stops, says so, and reopens clean.
#include <memory>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "server/base/check.h"
#include "server/base/error.h"
#include "server/store/shard_store.h"
#include "tests/support/fault_env.h"
#include "tests/support/log_model.h"
#include "tests/support/temp_dir.h"

namespace keyledger::store {
namespace {

using testing::FaultEnv;
using testing::LogModel;
using testing::TempDir;

constexpr int kGroups = 12;

struct Case {
  FaultEnv::Operation operation;
  FaultEnv::Failure failure;
  bool stays;
};

void FailAtEachPlace(const Case& c) {
  for (uint64_t place = 1;; ++place) {
    SCOPED_TRACE(fmt::format("failure {}", place));
    TempDir directory(TempDir::Place::kMemory);
    FaultEnv machine;
    LogModel model(place);
    StoreOptions options;
    options.path = directory / "shard";
    options.ledger_id = "ledger";
    options.env = machine.env();
    std::optional<CommitGroup> failed;
    {
      auto store = ShardStore::Open(options);
      ASSERT_TRUE(store.ok()) << store.status();
      machine.FailAfter(c.operation, place, c.failure, ".log", c.stays);
      for (int i = 0; i < kGroups && !failed.has_value(); ++i) {
        const CommitGroup group = model.NextGroup(3);
        const auto status = (*store)->Append(group);
        if (status.ok()) {
          model.Accept(group);
          continue;
        }
        failed = group;
        EXPECT_EQ(ReasonOf(status), Reason::kCommitOutcomeUnknown) << status;
        EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
        EXPECT_EQ(ReasonOf((*store)->write_status()), Reason::kShardReadOnly);
        EXPECT_NE(MessageOf((*store)->write_status()).find("injected"), std::string::npos);
      }
      ASSERT_EQ(failed.has_value(), machine.has_failed());
      if (!failed.has_value()) return;
      // The cause may pass; the shard stays as it is, and goes on answering reads of what is durable.
      machine.StopFailing();
      EXPECT_EQ(ReasonOf((*store)->Append(*failed)), Reason::kShardReadOnly);
      EXPECT_EQ(ReasonOf((*store)->PutMeta("key", "value")), Reason::kShardReadOnly);
      EXPECT_EQ((*store)->record_count(), model.records().size());
      EXPECT_EQ((*store)->GetRecord(model.records().size()).status().code(), absl::StatusCode::kNotFound);
      EXPECT_EQ(model.Compare(**store), "");
    }
    auto store = ShardStore::Open(options);
    ASSERT_TRUE(store.ok()) << store.status();
    if ((*store)->record_count() != model.records().size()) model.Accept(*failed);
    ASSERT_EQ(model.Compare(**store), "");
    const CommitGroup next = model.NextGroup(2);
    ASSERT_TRUE((*store)->Append(next).ok());
    model.Accept(next);
    ASSERT_EQ(model.Compare(**store), "");
  }
}

TEST(WriteFailure, StopsTheShardWhenAWriteFails) {
  FailAtEachPlace({FaultEnv::Operation::kWrite, FaultEnv::Failure::kInputOutput, false});
}

TEST(WriteFailure, StopsTheShardWhenADiskIsFull) {
  FailAtEachPlace({FaultEnv::Operation::kWrite, FaultEnv::Failure::kNoSpace, true});
}

TEST(WriteFailure, StopsTheShardWhenASyncFails) {
  FailAtEachPlace({FaultEnv::Operation::kSync, FaultEnv::Failure::kInputOutput, false});
}

TEST(WriteFailure, StopsTheShardWhenASyncFindsTheDiskFull) {
  FailAtEachPlace({FaultEnv::Operation::kSync, FaultEnv::Failure::kNoSpace, true});
}

TEST(WriteFailure, OfASettingStopsTheShardToo) {
  TempDir directory(TempDir::Place::kMemory);
  FaultEnv machine;
  StoreOptions options;
  options.path = directory / "shard";
  options.ledger_id = "ledger";
  options.env = machine.env();
  auto store = ShardStore::Open(options);
  ASSERT_TRUE(store.ok()) << store.status();
  machine.FailAfter(FaultEnv::Operation::kSync, 1, FaultEnv::Failure::kInputOutput, ".log", false);
  EXPECT_EQ(ReasonOf((*store)->PutMeta("key", "value")), Reason::kCommitOutcomeUnknown);
  EXPECT_EQ(ReasonOf((*store)->Append({})), Reason::kShardReadOnly);
}

// One store on a machine that says how much of its disk is free.
class DiskReserve : public ::testing::Test {
 protected:
  std::unique_ptr<ShardStore> Open(uint64_t disk_reserve_bytes) {
    StoreOptions options;
    options.path = directory_ / "shard";
    options.ledger_id = "ledger";
    options.env = machine_.env();
    options.disk_reserve_bytes = disk_reserve_bytes;
    auto store = ShardStore::Open(options);
    EXPECT_TRUE(store.ok()) << store.status();
    KL_CHECK(store.ok());
    return *std::move(store);
  }

  const TempDir directory_{TempDir::Place::kMemory};
  FaultEnv machine_;
  LogModel model_{1};
};

TEST_F(DiskReserve, RefusesWithARetryDelayAndWritesNothing) {
  const auto store = Open(1000);
  const CommitGroup group = model_.NextGroup(1);

  machine_.SetFreeBytes(999);
  const uint64_t operations = machine_.operations();
  const auto refusal = store->Append(group);
  EXPECT_EQ(ReasonOf(refusal), Reason::kDiskNearlyFull);
  EXPECT_EQ(refusal.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(RetryDelayMsOf(refusal), 5000);
  EXPECT_NE(MessageOf(refusal).find("999 bytes free"), std::string::npos);
  EXPECT_EQ(ReasonOf(store->PutMeta("key", "value")), Reason::kDiskNearlyFull);
  EXPECT_EQ(machine_.operations(), operations);
  EXPECT_TRUE(store->write_status().ok());

  machine_.SetFreeBytes(1000);
  EXPECT_TRUE(store->Append(group).ok());
  model_.Accept(group);
  EXPECT_EQ(model_.Compare(*store), "");
}

TEST_F(DiskReserve, HoldsForTablesToo) {
  const auto store = Open(1000);
  ASSERT_TRUE(store->Append(model_.NextGroup(1)).ok());
  Table* const table = *store->OpenTable("t");
  ASSERT_TRUE(table->Write({{"k", "old"}}, 0).ok());

  machine_.SetFreeBytes(999);
  const uint64_t operations = machine_.operations();
  EXPECT_EQ(ReasonOf(table->Write({{"k", "new"}}, 1)), Reason::kDiskNearlyFull);
  EXPECT_EQ(ReasonOf(table->Flush()), Reason::kDiskNearlyFull);
  EXPECT_EQ(machine_.operations(), operations);
  EXPECT_EQ(table->applied(), 0u);
  EXPECT_EQ(*table->Get("k"), "old");

  machine_.SetFreeBytes(1000);
  EXPECT_TRUE(table->Write({{"k", "new"}}, 1).ok());
  EXPECT_TRUE(table->Flush().ok());
  EXPECT_EQ(*table->Get("k"), "new");
}

TEST_F(DiskReserve, OfZeroNeverRefuses) {
  machine_.SetFreeBytes(0);
  const auto store = Open(0);
  EXPECT_TRUE(store->Append(model_.NextGroup(1)).ok());
}

}  // namespace
}  // namespace keyledger::store
