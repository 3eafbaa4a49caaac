// ItemLife: one item of an account from the fact that opened it to the one that ended it, folded by the domain's own
// tables (server/domain/items.h) from the rows of "engagement".
//
// Facts are folded in the order in which they were recorded, as they were decided; each holds from when it occurred,
// but from no earlier than the one before of its item. What is in scope of an item is therefore always a beginning of
// its facts, and a legal one. An id that is used again names another item.
// Read next: pipeline_scan.h, which finds the facts; then any query of this folder, each named by what it answers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "keyledger/events/v1/event.pb.h"
#include "server/base/clock.h"
#include "server/domain/items.h"

namespace keyledger::projections::pipeline {

// A fact about items, as it stands in the log.
struct ItemFact {
  uint64_t position = 0;
  uint64_t revision = 0;
  Micros occurred = 0;
  events::v1::Event event;
};

// A fact that opened, moved or ended an item.
struct ItemMove {
  // From when it holds.
  Micros since = 0;
  uint64_t revision = 0;
  uint8_t step = 0;
  // After it; 0: it ended the item.
  uint8_t state = 0;
  events::v1::Event event;
};

struct ItemLife {
  domain::ItemKind kind = domain::ItemKind::kOpportunity;
  std::string item_id;
  // The first opened it; in the order in which they hold. Never empty.
  std::vector<ItemMove> moves;
  // What the ledger holds of it after the last move.
  domain::OpenItem held;
  // When it ended; nothing: it is open.
  std::optional<Micros> end;

  Micros open_time() const { return moves.front().since; }
  const events::v1::Event& opening() const { return moves.front().event; }
  // Revision of the fact that opened it: tells items of one id apart.
  uint64_t revision() const { return moves.front().revision; }
  const ItemMove& latest() const { return moves.back(); }
  bool is_open() const { return !end.has_value(); }
};

// Folds the facts known of one account into items, in the order in which they were opened, and keeps of them what holds
// before `as_of`. What had an end of its own (an entitlement, an obligation, a sanction, a promise) and was not ended
// by a fact ends domain::kItemAfterEndMicros after it, as in the account's state. Facts that are no step of an item are
// left out. Requires: of an item with a fact among them, all that are known.
// Errors: DATA_LOSS (kStoreDamaged) if a fact is not possible after those before it.
absl::StatusOr<std::vector<ItemLife>> FoldItems(std::string_view account_id, std::vector<ItemFact> facts, Micros as_of);

// Whole days from one moment to a later one.
inline int64_t DaysBetween(Micros from, Micros to) { return (to - from) / kMicrosPerDay; }
// Whole hours from one moment to a later one.
inline int64_t HoursBetween(Micros from, Micros to) { return (to - from) / (3600 * kMicrosPerSecond); }

}  // namespace keyledger::projections::pipeline
