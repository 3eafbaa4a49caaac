// What a ledger records by itself replays without a finding. Seeds are fixed, so a failure repeats; KL_REPLAY_SEED runs
// one seed and KL_REPLAY_RUNS another number of them.
#include <cstdlib>
#include <set>

#include "server/shard/replay_source.h"
#include "tests/unit/audit/random_ledger.h"
#include "tests/unit/audit/replay_support.h"

namespace keyledger::testing {
namespace {

shard::ReplayStores StoresOf(shard::Ledger& ledger) {
  shard::ReplayStores stores{ledger.ledger_id(), {}, {}};
  for (uint32_t shard = 0; shard < ledger.shard_count(); ++shard) stores.stores.push_back(&ledger.shard(shard).store());
  return stores;
}

class Replay : public ::testing::TestWithParam<uint32_t> {};

TEST_P(Replay, FindsNothingInWhatALedgerRecorded) {
  const char* one = std::getenv("KL_REPLAY_SEED");
  const char* runs = std::getenv("KL_REPLAY_RUNS");
  const uint64_t first = one != nullptr ? std::strtoull(one, nullptr, 10) : 1;
  const uint64_t last = one != nullptr ? first : first - 1 + (runs != nullptr ? std::strtoull(runs, nullptr, 10) : 6);
  uint64_t decisions = 0;
  std::set<int> kinds;
  for (uint64_t seed = first; seed <= last; ++seed) {
    RandomLedger ledger(seed, GetParam());
    ledger.Run(400);
    const auto source = shard::MakeLedgerSource(StoresOf(ledger.whole().ledger()));
    const Replayed replayed = ReplayAll(*source);
    ASSERT_EQ(replayed.report.findings(), 0u) << "seed " << seed << "\n" << Listed(replayed);
    ASSERT_EQ(replayed.report.points().accrued() > 0, true) << "seed " << seed;
    decisions += replayed.report.decisions();
    const MemorySource::Logs logs = ledger.Logs();
    for (const auto& log : logs) {
      for (const std::string& bytes : log) {
        events::v1::EventRecord record;
        ASSERT_TRUE(record.ParseFromString(bytes));
        kinds.insert(static_cast<int>(record.event().payload_case()));
      }
    }
    MemorySource memory(logs);
    const Replayed again = ReplayAll(memory);
    ASSERT_EQ(again.report.findings(), 0u) << "seed " << seed << "\n" << Listed(again);
    ASSERT_EQ(again.report.records(), replayed.report.records());
  }
  EXPECT_GT(decisions, 100u * (last - first + 1));
  if (one != nullptr) return;
  for (int kind = events::v1::EVENT_KIND_ACCOUNT_OPENED; kind <= events::v1::EVENT_KIND_REVIEW_COMPLETED; ++kind) {
    // Contacts are sealed before they come to a ledger; they decide nothing. Merges: replay_merge_test.cc.
    if (!events::v1::EventKind_IsValid(kind) || kind == events::v1::EVENT_KIND_CONTACT_RECORDED ||
        kind == events::v1::EVENT_KIND_CONTACT_REMOVED || kind == events::v1::EVENT_KIND_ACCOUNT_MERGE_RECEIVED ||
        kind == events::v1::EVENT_KIND_ACCOUNT_MERGE_COMPLETED ||
        kind == events::v1::EVENT_KIND_ACCOUNT_MERGE_RETURNED) {
      continue;
    }
    EXPECT_TRUE(kinds.contains(kind)) << events::v1::EventKind_Name(kind) << " never came up";
  }
  for (int kind = events::v1::EVENT_KIND_OPPORTUNITY_OPENED; kind <= events::v1::EVENT_KIND_ADVANCE_RECORDED; ++kind) {
    EXPECT_TRUE(kinds.contains(kind)) << events::v1::EventKind_Name(kind) << " never came up";
  }
}

INSTANTIATE_TEST_SUITE_P(OnShards, Replay, ::testing::Values(1u, 4u));

}  // namespace
}  // namespace keyledger::testing
