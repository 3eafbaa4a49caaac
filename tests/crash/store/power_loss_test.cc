// Power losses at random operations of the file system: what was acknowledged is there afterwards, and nothing torn is
// served.
#include <cstdlib>
#include <random>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

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

constexpr int kRounds = 60;
constexpr int kLivesPerRound = 4;
constexpr char kTable[] = "points.1.a";

// KEYLEDGER_SEED repeats the rounds of an earlier run.
uint64_t Seed() {
  const char* text = std::getenv("KEYLEDGER_SEED");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : std::random_device()();
}

// The table's rows are a function of its checkpoint: row i % 50 holds the greatest such i below it, and row "sum" the
// sum.
void WriteTable(Table& table, uint64_t applied) {
  std::map<std::string, std::string> rows;
  for (uint64_t i = table.applied(); i < applied; ++i) rows[fmt::format("row-{}", i % 50)] = std::to_string(i);
  if (applied > 0) rows["sum"] = std::to_string(applied * (applied - 1) / 2);
  std::vector<RowChange> changes;
  for (auto& [key, value] : rows) changes.push_back({key, value});
  // A failure leaves the table at an earlier place, which the next life sees.
  static_cast<void>(table.Write(changes, applied));
}

void CheckTable(const Table& table, uint64_t record_count) {
  const auto reader = table.NewReader();
  const uint64_t applied = reader->applied();
  ASSERT_LE(applied, record_count);
  for (uint64_t row = 0; row < 50; ++row) {
    const auto value = reader->Get(fmt::format("row-{}", row));
    ASSERT_TRUE(value.ok()) << value.status();
    if (applied <= row) {
      ASSERT_FALSE(value->has_value());
    } else {
      ASSERT_EQ(*value, std::to_string((applied - 1 - row) / 50 * 50 + row))
          << "row " << row << " at checkpoint " << applied;
    }
  }
  const auto sum = reader->Get("sum");
  ASSERT_TRUE(sum.ok());
  if (applied > 0) {
    ASSERT_EQ(*sum, std::to_string(applied * (applied - 1) / 2));
  }
}

// One life of a store: opens it, checks what is there, and writes until the power goes.
class Lives {
 public:
  explicit Lives(uint64_t seed) : random_(seed), model_(seed) {
    options_.path = directory_ / "data/shard-0";
    options_.ledger_id = "ledger";
    options_.env = machine_.env();
  }

  void Run() {
    for (int life = 0; life < kLivesPerRound; ++life) {
      machine_.CutPowerAfter(1 + random_() % (random_() % 2 == 0 ? 80 : 400));
      Live();
      if (::testing::Test::HasFatalFailure()) return;
      machine_.CutPower();
      machine_.Restore(random_);
    }
    auto store = ShardStore::Open(options_);
    ASSERT_TRUE(store.ok()) << store.status();
    CheckContents(**store);
  }

  uint64_t records() const { return model_.records().size(); }

 private:
  void Live() {
    auto opened = ShardStore::Open(options_);
    if (!opened.ok()) {
      // Only because the power went: nothing a power loss leaves behind is damage.
      ASSERT_TRUE(machine_.power_is_off()) << opened.status();
      return;
    }
    ShardStore& store = **opened;
    CheckContents(store);
    if (::testing::Test::HasFatalFailure()) return;
    const auto table = store.OpenTable(kTable);
    while (!machine_.power_is_off()) {
      const CommitGroup group = model_.NextGroup(1 + random_() % 20);
      const auto status = store.Append(group);
      if (!status.ok()) {
        ASSERT_EQ(ReasonOf(status), Reason::kCommitOutcomeUnknown) << status;
        ASSERT_EQ(store.record_count(), group.first_position);
        ASSERT_EQ(ReasonOf(store.Append(group)), Reason::kShardReadOnly);
        uncertain_ = group;
        break;
      }
      model_.Accept(group);
      if (table.ok()) WriteTable(**table, store.record_count());
      if (random_() % 16 == 0) static_cast<void>(store.FlushAndCompact());
    }
  }

  // Everything acknowledged is there, and of the group whose outcome was unknown all or nothing.
  void CheckContents(ShardStore& store) {
    if (uncertain_.has_value() && store.record_count() != model_.records().size()) model_.Accept(*uncertain_);
    uncertain_.reset();
    ASSERT_EQ(model_.Compare(store), "");
    const auto table = store.OpenTable(kTable);
    if (table.ok()) CheckTable(**table, store.record_count());
  }

  std::mt19937_64 random_;
  LogModel model_;
  TempDir directory_{TempDir::Place::kMemory};
  FaultEnv machine_;
  StoreOptions options_;
  std::optional<CommitGroup> uncertain_;
};

TEST(PowerLoss, KeepsEveryAcknowledgedGroupAndServesNothingTorn) {
  const uint64_t seed = Seed();
  uint64_t records = 0;
  for (int round = 0; round < kRounds; ++round) {
    SCOPED_TRACE(fmt::format("KEYLEDGER_SEED={} round {}", seed, round));
    Lives lives(seed + static_cast<uint64_t>(round));
    lives.Run();
    if (HasFatalFailure()) return;
    records += lives.records();
  }
  fmt::print("seed {}: {} rounds of {} power losses, {} records acknowledged\n", seed, kRounds, kLivesPerRound,
             records);
  ASSERT_GT(records, 1000u);
}

// The canary of the test above: the machine does take away what was not synced, bytes and names, and nothing else.
TEST(PowerLoss, TakesAwayOnlyWhatWasWrittenWithoutSync) {
  int lost_bytes = 0;
  int garbled_bytes = 0;
  int lost_names = 0;
  for (uint64_t seed = 1; seed <= 64; ++seed) {
    TempDir directory(TempDir::Place::kMemory);
    FaultEnv machine;
    const std::string path = directory / "file";
    const std::string lost(1000, 'x');
    std::unique_ptr<rocksdb::WritableFile> file;
    ASSERT_TRUE(machine.env()->NewWritableFile(path, &file, rocksdb::EnvOptions()).ok());
    ASSERT_TRUE(file->Append("synced").ok());
    ASSERT_TRUE(file->Sync().ok());
    std::unique_ptr<rocksdb::Directory> handle;
    ASSERT_TRUE(machine.env()->NewDirectory(directory.path(), &handle).ok());
    ASSERT_TRUE(handle->Fsync().ok());
    ASSERT_TRUE(file->Append(lost).ok());
    std::unique_ptr<rocksdb::WritableFile> nameless;
    ASSERT_TRUE(machine.env()->NewWritableFile(directory / "nameless", &nameless, rocksdb::EnvOptions()).ok());
    machine.CutPower();
    EXPECT_FALSE(file->Append("more").ok());
    file.reset();
    nameless.reset();
    std::mt19937_64 random(seed);
    machine.Restore(random);
    std::string text;
    ASSERT_TRUE(rocksdb::ReadFileToString(machine.env(), path, &text).ok());
    ASSERT_EQ(text.substr(0, 6), "synced");
    lost_bytes += text.size() < 6 + lost.size() ? 1 : 0;
    garbled_bytes += text.find_first_not_of('x', 6) != std::string::npos ? 1 : 0;
    lost_names += machine.env()->FileExists(directory / "nameless").IsNotFound() ? 1 : 0;
  }
  EXPECT_GT(lost_bytes, 0);
  EXPECT_GT(garbled_bytes, 0);
  EXPECT_GT(lost_names, 0);
}

}  // namespace
}  // namespace keyledger::store
