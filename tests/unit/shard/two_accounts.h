// What tests of transfers and merges share: accounts on chosen shards, and what became of them.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "server/base/ids.h"
#include "tests/unit/shard/shard_fixture.h"

namespace keyledger::testing {

inline shard::SubmittedEvent Sent(const std::string& id, const std::string& to, int64_t points, Micros at = kToday) {
  shard::SubmittedEvent fact = Fact(at);
  auto& sent = *fact.event.mutable_points_transfer_sent();
  sent.set_transfer_id(id);
  sent.set_to_account_id(to);
  sent.set_points(points);
  return fact;
}

inline shard::SubmittedEvent Merged(const std::string& into, bool keep_higher_tier = false, Micros at = kToday) {
  shard::SubmittedEvent fact = Fact(at);
  auto& merged = *fact.event.mutable_account_merged();
  merged.set_into_account_id(into);
  merged.set_reason("entered twice");
  merged.set_keep_higher_tier(keep_higher_tier);
  return fact;
}

inline shard::SubmittedEvent Closed() {
  shard::SubmittedEvent fact = Fact();
  fact.event.mutable_account_closed()->set_reason("moved away");
  return fact;
}

// The first id of the form "<name>1", "<name>2" ... that lives on the shard.
inline std::string AccountOn(uint32_t shard, uint32_t shards, const std::string& name) {
  for (int i = 1;; ++i) {
    std::string id = fmt::format("{}{}", name, i);
    if (ShardOf(id, shards) == shard) return id;
  }
}

inline domain::AccountState StateOf(WholeLedger& ledger, const std::string& account_id) {
  auto state = ledger.ledger().ShardOfAccount(account_id).ReadState(account_id);
  EXPECT_TRUE(state.ok()) << state.status();
  return state.ok() && state->has_value() ? **state : domain::AccountState();
}

// Records of one account, oldest first.
inline std::vector<events::v1::EventRecord> StreamOf(WholeLedger& ledger, const std::string& account_id) {
  std::vector<events::v1::EventRecord> stream;
  auto records = ledger.ledger()
                     .ShardOfAccount(account_id)
                     .store()
                     .ReadStream(account_id, 0, std::numeric_limits<uint64_t>::max(), false);
  while (records->Next()) EXPECT_TRUE(stream.emplace_back().ParseFromString(std::string(records->bytes())));
  return stream;
}

inline size_t Marks(WholeLedger& ledger) {
  size_t marks = 0;
  for (uint32_t shard = 0; shard < ledger.ledger().shard_count(); ++shard) {
    marks += ledger.ledger().shard(shard).store().ListUnderWay("", 100)->size();
  }
  return marks;
}

}  // namespace keyledger::testing
