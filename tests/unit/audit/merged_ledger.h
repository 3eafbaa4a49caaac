// What tests of the replay of merges share: finding one's way in what was recorded.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "server/shard/replay_source.h"
#include "tests/unit/audit/memory_source.h"
#include "tests/unit/audit/replay_support.h"
#include "tests/unit/shard/two_accounts.h"

namespace keyledger::testing {

inline MemorySource::Logs LogsOf(WholeLedger& whole) {
  MemorySource::Logs logs(whole.ledger().shard_count());
  for (uint32_t shard = 0; shard < logs.size(); ++shard) {
    const auto& store = whole.ledger().shard(shard).store();
    const auto records = store.ReadRecords(0, store.record_count());
    while (records->Next()) logs[shard].emplace_back(records->bytes());
  }
  return logs;
}

inline shard::ReplayStores StoresOf(shard::Ledger& ledger) {
  shard::ReplayStores stores{ledger.ledger_id(), {}, {}};
  for (uint32_t shard = 0; shard < ledger.shard_count(); ++shard) stores.stores.push_back(&ledger.shard(shard).store());
  return stores;
}

// The first record that is meant.
inline std::pair<uint32_t, uint64_t> Find(const MemorySource& source,
                                          const std::function<bool(const events::v1::EventRecord&)>& is_meant) {
  for (uint32_t shard = 0; shard < source.shard_count(); ++shard) {
    for (uint64_t i = 0; i < source.record_count(shard); ++i) {
      if (is_meant(source.Get(shard, i))) return {shard, i};
    }
  }
  ADD_FAILURE() << "no such record";
  return {0, 0};
}

// What is found once `change` was made to the first record that is meant.
inline Replayed ReplayChanged(MemorySource source, const std::function<bool(const events::v1::EventRecord&)>& is_meant,
                              const std::function<void(events::v1::EventRecord&)>& change) {
  const auto [shard, position] = Find(source, is_meant);
  source.Change(shard, position, change);
  return ReplayAll(source);
}

inline bool Has(const Replayed& replayed, audit::v1::FindingKind kind, const std::string& account_id) {
  return std::any_of(replayed.findings.begin(), replayed.findings.end(), [&](const audit::v1::Finding& finding) {
    return finding.kind() == kind && finding.account_id() == account_id;
  });
}

// Whether the report says that it was not checked, in a sentence that begins and ends so.
inline bool Says(const Replayed& replayed, const std::string& beginning, const std::string& end) {
  const auto& said = replayed.report.not_checked();
  return std::any_of(said.begin(), said.end(), [&](const std::string& sentence) {
    return sentence.starts_with(beginning) && sentence.ends_with(end);
  });
}

}  // namespace keyledger::testing
