// What is held against a step of an item before it is recorded: its machine (items.h), and what is in no table.
// Internal to the room; decide_items.cc takes the step.
#pragma once

#include <string>
#include <string_view>

#include <absl/status/status.h>

#include "keyledger/events/v1/event.pb.h"
#include "server/domain/account_state.h"
#include "server/domain/items.h"

namespace keyledger::domain {

// Whether an account in its lifecycle takes the fact, as far as that alone decides it. A closed one takes no new
// opportunities, quotes, orders, entitlements, loans, plans and commissions; what else it does not take is said where
// that is decided. A merged one takes what ends or moves an item that is open, and the payment of a quote that is open
// on it, and no more.
bool TakenWhen(const AccountState& state, const events::v1::Event& event);

// The item that the step is for, if it is open for an event that occurs then.
const OpenItem* FindOpenItem(const AccountState& state, const ItemStep& step, Micros occurred);

// The refusal of a step that the state does not allow. `needs`: what has to be on record for a step that the state does
// allow; empty: it does not.
absl::Status StepNotAllowed(const ItemStep& step, uint8_t state, std::string_view needs);

// Whether the account takes the step. `path`: of the event in the request, for what is wrong with a field of it.
// Requires: the event is a step of an item that is no contract.
// Errors: ALREADY_EXISTS (kItemExists), FAILED_PRECONDITION (kItemNotOpen, kStepNotAllowed, kEntitlementSpent,
// kAccountLimit), INVALID_ARGUMENT (kInvalidField: another contact or amount than was accrued, more than is lent, an
// approver who is the proposer, another kind than was planned).
absl::Status CheckItemStep(const AccountState& state, const events::v1::Event& event, Micros occurred,
                           const std::string& path);

// Holds the times that an event names against when it occurred, which its form alone does not show.
// Errors: INVALID_ARGUMENT (kInvalidField).
absl::Status CheckItemTimes(const events::v1::Event& event, Micros occurred, const std::string& path);

}  // namespace keyledger::domain
