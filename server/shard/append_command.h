// AppendCommand: a request to append to one account, as the service hands it to a shard, and its answer.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "keyledger/events/v1/record.pb.h"
#include "server/base/clock.h"

namespace keyledger::shard {

// What the account's last revision must be.
struct ExpectedRevision {
  enum class Kind { kAny, kNewAccount, kExact };
  Kind kind = Kind::kAny;
  uint64_t exact = 0;
};

// An event as submitted, with what goes into its envelope.
struct SubmittedEvent {
  events::v1::Event event;
  Micros occurred = 0;
  // Empty: the ledger assigns one.
  std::string event_id;
  std::string correlation_id;
  std::string causation_id;
};

// A validated request. See AppendRequest in ledger_service.proto for the bounds.
struct AppendCommand {
  std::string account_id;
  std::string request_id;
  ExpectedRevision expected;
  std::vector<SubmittedEvent> events;
  std::string actor;
  // SHA-256 of the request's body.
  std::string digest;
  // Whether the answer carries decisions.
  bool want_decisions = true;
  // Approximate size, for the queue's bound.
  size_t bytes = 0;
};

// Where a submitted event was stored.
struct AppendedEvent {
  uint64_t position = 0;
  uint64_t revision = 0;
  std::string event_id;
};

// The account after the request.
struct Standing {
  uint64_t revision = 0;
  int64_t available_points = 0;
  int64_t pending_points = 0;
  std::string ladder_id;
  std::string tier_id;
};

// What an append did.
struct AppendAnswer {
  uint32_t shard = 0;
  std::vector<AppendedEvent> events;
  // In position order. Empty unless wanted.
  std::vector<events::v1::EventRecord> decisions;
  Standing standing;
  bool replayed = false;
  // Position after the request's last record.
  uint64_t next_position = 0;
};

// How a record of the ledger's own is found again without reading its stream; written with it. Empty: not.
struct OwnIndex {
  // Unique key that leads to the record. Requires: not used before.
  std::string unique_key;
  // Name of the legal hold that is in force from this record on, or no longer.
  std::string hold_placed;
  std::string hold_released;
};

// Called exactly once, on a thread of the shard, when the outcome is known: after the records are durable, or refused.
// Must not block.
using AppendDone = std::function<void(absl::StatusOr<AppendAnswer>)>;

}  // namespace keyledger::shard
