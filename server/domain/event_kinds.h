// What an event is by its number in events/v1/event.proto: a fact, a decision or a record of the ledger about itself.
//
// Rooms ask here; the ranges are nowhere else.
#pragma once

#include "keyledger/events/v1/event.pb.h"

namespace keyledger::domain {

// What clients submit: 1-49 and 100-199.
constexpr bool IsFactKind(int kind) { return (kind >= 1 && kind < 50) || (kind >= 100 && kind < 200); }
// What the ledger derives of an account: 50-79.
constexpr bool IsDecisionKind(int kind) { return kind >= 50 && kind < 80; }
// What the ledger records about itself: 80-99.
constexpr bool IsOwnKind(int kind) { return kind >= 80 && kind < 100; }

inline bool IsFact(const events::v1::Event& event) { return IsFactKind(static_cast<int>(event.payload_case())); }
inline bool IsDecision(const events::v1::Event& event) {
  return IsDecisionKind(static_cast<int>(event.payload_case()));
}
inline bool IsOwn(const events::v1::Event& event) { return IsOwnKind(static_cast<int>(event.payload_case())); }

}  // namespace keyledger::domain
