// Sources for audit replays over the stores of a ledger, live or at rest: everything up to the heads as they were when
// the source was made, or one account with what its decisions rest on.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "server/audit/record_source.h"
#include "server/store/shard_store.h"

namespace keyledger::shard {

// The stores of a ledger. They must outlive the sources; what is written to them meanwhile is not seen.
struct ReplayStores {
  std::string ledger_id;
  // By shard.
  std::vector<const store::ShardStore*> stores;
  // Gives the signed checkpoints of a shard over at most so many records. May be empty: there are none.
  std::function<absl::Status(uint32_t shard, uint64_t size_max, const audit::RecordSource::VisitText& visit)>
      checkpoints;
};

// Everything. Threads: as RecordSource.
std::unique_ptr<audit::RecordSource> MakeLedgerSource(ReplayStores stores);

// One account: see audit::SourceScope::kAccount. Reads the account's stream to find the other sides of its transfers.
// Memory: 8 bytes for each record of the account and those it rests on.
// Errors: NOT_FOUND (kAccountNotFound); DATA_LOSS (kStoreDamaged) if an index cannot be read.
absl::StatusOr<std::unique_ptr<audit::RecordSource>> MakeAccountSource(ReplayStores stores,
                                                                       const std::string& account_id);

}  // namespace keyledger::shard
