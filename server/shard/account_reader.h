// Reading one stream: its records one by one, and the account that they fold into. Nothing here touches a sequencer.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "keyledger/events/v1/record.pb.h"
#include "server/base/error.h"
#include "server/domain/account_state.h"
#include "server/store/shard_store.h"

namespace keyledger::shard {

// As the end of what is read: everything recorded.
inline constexpr uint64_t kHead = std::numeric_limits<uint64_t>::max();

// DATA_LOSS (kStoreDamaged) that names the record.
absl::Status UnreadableRecord(std::string_view stream, uint64_t position);

// Calls visit(record) for the stream's records from revision `from` on that lie below position `end`, until it returns
// false or an error; it returns an absl::StatusOr<bool>. Errors: the visitor's; DATA_LOSS (kStoreDamaged).
template <class Visit>
absl::Status ForEachRecord(const store::ShardStore& store, std::string_view stream, uint64_t from, uint64_t end,
                           const Visit& visit) {
  const auto records = store.ReadStream(stream, from, kHead, /*backwards=*/false);
  events::v1::EventRecord record;
  while (records->Next()) {
    if (records->position() >= end) return absl::OkStatus();
    const std::string_view bytes = records->bytes();
    if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      return UnreadableRecord(stream, records->position());
    }
    KL_ASSIGN_OR_RETURN(const bool more, visit(record));
    if (!more) return absl::OkStatus();
  }
  return records->status();
}

// One record of a stream that must have it. Errors: DATA_LOSS (kStoreDamaged), also if it has not.
absl::StatusOr<events::v1::EventRecord> ReadRecord(const store::ShardStore& store, std::string_view stream,
                                                   uint64_t revision);

// Position of the AccountMerged with this event_id in the account's stream; nothing: it has none. Reads the stream from
// its end. Errors: DATA_LOSS (kStoreDamaged).
absl::StatusOr<std::optional<uint64_t>> FindMerge(const store::ShardStore& store, std::string_view account_id,
                                                  std::string_view event_id);

// Folds an account's records at positions below `end`: newest snapshot, then the records after it. Nothing for an
// account without records. `snapshot_revision` (may be null) gets next_revision of the snapshot used, 0 if none. Of a
// stream of the ledger's own it gives the length only. Errors: DATA_LOSS (kStoreDamaged).
absl::StatusOr<std::optional<domain::AccountState>> FoldAccount(const store::ShardStore& store,
                                                                std::string_view account_id, uint64_t end = kHead,
                                                                uint64_t* snapshot_revision = nullptr);

// The account as those of its records below `end` tell of it that occurred before `as_of`: profile and what is
// measured, neither points nor tiers. next_revision follows the last of them, of any kind. Nothing: there was no such
// account. Errors: DATA_LOSS (kStoreDamaged).
absl::StatusOr<std::optional<domain::AccountState>> FoldEarlier(const store::ShardStore& store,
                                                                std::string_view account_id, uint64_t end,
                                                                Micros as_of);

}  // namespace keyledger::shard
