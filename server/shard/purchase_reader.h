// Reading a purchase that a return names: the record itself and the points that it brought.
#pragma once

#include <cstdint>
#include <functional>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "keyledger/events/v1/record.pb.h"
#include "server/domain/decide.h"
#include "server/store/shard_store.h"

namespace keyledger::shard {

// Fills in the record at a position.
using RecordReader = std::function<absl::Status(uint64_t position, events::v1::EventRecord& record)>;

// The purchase at `position` of a shard's log with its accruals, which follow it. `end`: of what there is to read.
// Errors: those of `read`; DATA_LOSS (kStoreDamaged) if another record stands there.
absl::StatusOr<domain::RecordedPurchase> ReadPurchase(uint32_t shard, uint64_t position, uint64_t end,
                                                      const RecordReader& read);

// Fills in a durable record. Errors: DATA_LOSS (kStoreDamaged).
absl::Status ReadRecord(const store::ShardStore& store, uint32_t shard, uint64_t position,
                        events::v1::EventRecord& record);

// The purchase at `position`, of what is durable. Errors: DATA_LOSS (kStoreDamaged).
absl::StatusOr<domain::RecordedPurchase> ReadPurchase(const store::ShardStore& store, uint32_t shard,
                                                      uint64_t position);

}  // namespace keyledger::shard
