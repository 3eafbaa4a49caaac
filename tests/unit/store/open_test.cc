// What opening refuses, and how it says so.
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/unit/store/store_fixture.h"

namespace keyledger::store {
namespace {

using OpenTest = StoreTest;

TEST_F(OpenTest, CreatesTheDirectoryAndItsParents) {
  options_.path = directory_ / "a/b/shard-0";
  Open();
  Append("a", 0, 1);
  Reopen();
  EXPECT_EQ(store_->record_count(), 1u);
}

TEST_F(OpenTest, RefusesASecondOpening) {
  Open();
  const auto status = ShardStore::Open(options_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(MessageOf(status).find("another process holds the store at " + options_.path), 0u) << status;
  Append("a", 0, 1);
}

TEST_F(OpenTest, RefusesAStoreThatAnotherProcessHolds) {
  int ready[2];
  int done[2];
  ASSERT_EQ(pipe(ready), 0);
  ASSERT_EQ(pipe(done), 0);
  const pid_t child = fork();
  if (child == 0) {
    const auto store = ShardStore::Open(options_);
    char byte = store.ok() ? 'y' : 'n';
    if (write(ready[1], &byte, 1) != 1 || read(done[0], &byte, 1) != 1) _exit(2);
    _exit(0);
  }
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  ASSERT_EQ(byte, 'y');
  const auto status = ShardStore::Open(options_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(MessageOf(status).find("another process holds the store"), std::string::npos) << status;
  ASSERT_EQ(write(done[1], &byte, 1), 1);
  int result = 0;
  ASSERT_EQ(waitpid(child, &result, 0), child);
  for (const int fd : {ready[0], ready[1], done[0], done[1]}) close(fd);
  Open();
}

TEST_F(OpenTest, RefusesAPathThatIsNoDirectory) {
  std::ofstream(directory_ / "file") << "text";
  options_.path = directory_ / "file/shard";
  EXPECT_EQ(ShardStore::Open(options_).status().code(), absl::StatusCode::kUnavailable);
  options_.path = directory_ / "file";
  EXPECT_EQ(ShardStore::Open(options_).status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(OpenTest, RefusesADirectoryItCannotWrite) {
  std::filesystem::create_directory(options_.path);
  std::filesystem::permissions(options_.path, std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
  if (geteuid() == 0) {
    // Permissions do not bind root: a directory of the kernel's that nobody can write into stands in.
    options_.path = "/proc/self";
  }
  const auto status = ShardStore::Open(options_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_NE(MessageOf(status).find(options_.path), std::string::npos);
}

TEST_F(OpenTest, RefusesAnotherLedgerShardOrShardCount) {
  options_.shard = 1;
  options_.shard_count = 4;
  Open();
  const StoreOptions right = options_;
  options_.ledger_id = "ffff";
  auto status = OpenFailure();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(MessageOf(status).find("has ledger id 0123abcd, not ffff"), std::string::npos) << status;
  options_ = right;
  options_.shard = 2;
  status = OpenFailure();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(MessageOf(status).find("has shard 1, not 2"), std::string::npos) << status;
  options_ = right;
  options_.shard_count = 8;
  status = OpenFailure();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(MessageOf(status).find("has shard count 4, not 8"), std::string::npos) << status;
  options_ = right;
  Open();
}

TEST_F(OpenTest, ForReadingServesReadersAndRefusesWriters) {
  Open();
  AppendModel(5);
  store_.reset();
  options_.read_only = true;
  Open();
  EXPECT_EQ(model_.Compare(*store_), "");
  const CommitGroup group = model_.NextGroup(1);
  EXPECT_EQ(ReasonOf(store_->Append(group)), Reason::kShardReadOnly);
  EXPECT_EQ(ReasonOf(store_->PutMeta("key", "value")), Reason::kShardReadOnly);
  EXPECT_EQ(ReasonOf(store_->OpenTable("t").status()), Reason::kShardReadOnly);
  EXPECT_EQ(ReasonOf(store_->DropTable("t")), Reason::kShardReadOnly);
  EXPECT_EQ(ReasonOf(store_->write_status()), Reason::kShardReadOnly);
}

TEST_F(OpenTest, ForReadingRefusesADirectoryWithoutAStore) {
  options_.read_only = true;
  EXPECT_EQ(ReasonOf(ShardStore::Open(options_).status()), Reason::kStoreDamaged);
  std::filesystem::create_directory(options_.path);
  EXPECT_EQ(ReasonOf(ShardStore::Open(options_).status()), Reason::kStoreDamaged);
}

}  // namespace
}  // namespace keyledger::store
