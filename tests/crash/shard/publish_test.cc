// A publication that a power loss interrupts between two shards is completed when the ledger is opened again.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "server/shard/ledger_file.h"
#include "tests/crash/shard/ledger_machine.h"

namespace keyledger::testing {
namespace {

constexpr uint32_t kShards = 4;

// Records of each shard as the power loss left them.
std::vector<uint64_t> RecordsAtRest(LedgerMachine& ledger, const std::string& ledger_id) {
  std::vector<uint64_t> counts;
  for (uint32_t number = 0; number < kShards; ++number) {
    store::StoreOptions options;
    options.path = shard::ShardDirectory(ledger.data_dir(), number);
    options.ledger_id = ledger_id;
    options.shard = number;
    options.shard_count = kShards;
    options.read_only = true;
    options.env = ledger.machine().env();
    const auto store = store::ShardStore::Open(options);
    EXPECT_TRUE(store.ok()) << store.status();
    counts.push_back(store.ok() ? (*store)->record_count() : 0);
  }
  return counts;
}

TEST(PowerLossInAPublication, BetweenTwoShardsIsMadeUpForAtTheNextOpening) {
  int left_between = 0;
  bool cut = true;
  for (uint64_t operation = 1; cut; ++operation) {
    SCOPED_TRACE(fmt::format("power cut at operation {}", operation));
    std::mt19937_64 random(operation);
    LedgerMachine ledger(kShards, operation);
    ASSERT_TRUE(ledger.Open().ok());
    const std::string ledger_id = ledger.ledger().ledger_id();
    ledger.machine().CutPowerAfter(operation);
    const bool acknowledged = ledger.PublishExample().ok();
    cut = ledger.machine().power_is_off();
    ASSERT_TRUE(acknowledged || cut);
    ledger.Close();
    ledger.machine().CutPower();
    ledger.machine().Restore(random);
    const std::vector<uint64_t> at_rest = RecordsAtRest(ledger, ledger_id);
    if (acknowledged) {
      ASSERT_EQ(at_rest, (std::vector<uint64_t>{1, 1, 1, 1}));
    }
    left_between += at_rest[0] == 1 && at_rest[kShards - 1] == 0 ? 1 : 0;

    const absl::Status opened = ledger.Open();
    ASSERT_TRUE(opened.ok()) << opened;
    for (uint32_t number = 0; number < kShards; ++number) {
      const auto published = ledger.ledger().shard(number).published();
      ASSERT_EQ(published.size(), at_rest[0]) << "shard " << number;
      if (!published.empty()) {
        ASSERT_EQ(published[0].source_yaml, ExampleProgram());
      }
    }
    // Publishing again neither fails nor makes a second version.
    ASSERT_TRUE(ledger.PublishExample().ok());
    ASSERT_EQ(ledger.ledger().published().size(), 1u);
    ledger.Send(ledger.Make(40));
    ASSERT_TRUE(ledger.Unanswered().empty());
    ASSERT_EQ(ledger.Check(), "");
    for (uint32_t number = 0; number < kShards; ++number) {
      ASSERT_EQ(ledger.ledger().shard(number).published().size(), 1u) << "shard " << number;
    }
  }
  EXPECT_GE(left_between, 3);
}

}  // namespace
}  // namespace keyledger::testing
